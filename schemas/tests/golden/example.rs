//! Examples of a schema, made from the schema itself: one with every field filled for each name of
//! its longest list of texts (a field's `names`, all it can be, or `examples` of it), and one with everything that may be left out left
//! out.

use apache_avro::Schema;
use apache_avro::schema::RecordField;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use std::collections::HashMap;

/// The examples in the Confluent wire format, in hexadecimal, under this schema id.
pub(crate) fn wires(schema: &Schema, id: u32) -> Vec<String> {
    let mut named = HashMap::new();
    collect(schema, &mut named);
    let fields = named.values().filter_map(|schema| match schema {
        Schema::Record(record) => Some(&record.fields),
        _ => None,
    });
    let lengths = fields.flatten().map(|field| names(field).len());
    let full = lengths.max().unwrap_or(0).max(1);
    let writer = GenericDatumWriter::builder(schema)
        .build()
        .expect("its names resolve");
    (0..=full)
        .map(|number| {
            let maker = Maker {
                named: &named,
                number,
                empty: number == full,
            };
            let datum = writer
                .write_value_to_vec(maker.value("", schema))
                .expect("the example follows its schema");
            let mut bytes = vec![0];
            bytes.extend(id.to_be_bytes());
            bytes.extend(datum);
            hex::encode(bytes)
        })
        .collect()
}

struct Maker<'a> {
    named: &'a HashMap<String, &'a Schema>,
    number: usize,
    empty: bool,
}

impl Maker<'_> {
    /// A value of this field: one of its names, where it has a closed list of them.
    fn field(&self, field: &RecordField) -> Value {
        let value = self.value(&field.name, &field.schema);
        let names = names(field);
        let Some(name) = names.get(self.number % names.len().max(1)) else {
            return value;
        };
        let name = Value::String(name.clone());
        match value {
            Value::Union(place, value) if *value != Value::Null => {
                Value::Union(place, Box::new(name))
            }
            Value::String(_) => name,
            absent => absent,
        }
    }

    /// A value of this schema, for a field of this name.
    fn value(&self, field: &str, schema: &Schema) -> Value {
        let count = self.number as i64 + 1;
        match schema {
            Schema::Null => Value::Null,
            Schema::Boolean => Value::Boolean(self.number.is_multiple_of(2)),
            Schema::Int => Value::Int(count as i32 + 19_000),
            Schema::Long => Value::Long((1 << 53) + count),
            Schema::TimestampMillis => Value::TimestampMillis(1_600_000_000_123 + count),
            Schema::Bytes => Value::Bytes(vec![0xff, 0, b'{', self.number as u8]),
            Schema::String => Value::String(format!("{field} é {count}")),
            Schema::Array(_) if self.empty => Value::Array(vec![]),
            Schema::Array(array) => Value::Array(vec![
                self.value(field, &array.items),
                self.value(&format!("second {field}"), &array.items),
            ]),
            Schema::Map(_) if self.empty => Value::Map(HashMap::new()),
            // One entry: a map has no order that two runs agree on.
            Schema::Map(map) => Value::Map(HashMap::from([(
                format!("a key of {field}"),
                self.value(field, &map.types),
            )])),
            Schema::Union(union) => {
                let wanted = union
                    .variants()
                    .iter()
                    .position(|variant| matches!(variant, Schema::Null) == self.empty)
                    .expect("our unions are of null and one other");
                let value = self.value(field, &union.variants()[wanted]);
                Value::Union(wanted as u32, Box::new(value))
            }
            Schema::Record(record) => Value::Record(
                record
                    .fields
                    .iter()
                    .map(|field| (field.name.clone(), self.field(field)))
                    .collect(),
            ),
            Schema::Ref { name } => self.value(field, self.named[&name.to_string()]),
            other => panic!("no schema of ours uses {other:?} yet: say how an example looks"),
        }
    }
}

/// The closed list of names that the values of this field are taken from.
fn names(field: &RecordField) -> Vec<String> {
    let attributes = &field.custom_attributes;
    let names = attributes.get("names").or(attributes.get("examples"));
    names
        .map(|names| serde_json::from_value(names.clone()).expect("names are a list of texts"))
        .unwrap_or_default()
}

/// The named schemas within `schema`, by name.
fn collect<'a>(schema: &'a Schema, named: &mut HashMap<String, &'a Schema>) {
    if let (Some(name), false) = (schema.name(), matches!(schema, Schema::Ref { .. })) {
        named.insert(name.to_string(), schema);
    }
    match schema {
        Schema::Record(record) => {
            for field in &record.fields {
                collect(&field.schema, named);
            }
        }
        Schema::Array(array) => collect(&array.items, named),
        Schema::Map(map) => collect(&map.types, named),
        Schema::Union(union) => {
            for variant in union.variants() {
                collect(variant, named);
            }
        }
        _ => {}
    }
}

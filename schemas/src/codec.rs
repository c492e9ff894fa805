//! Avro in the Confluent wire format: a zero byte, the schema's id (4 bytes, big-endian), then the
//! Avro datum. Any Kafka tool with a schema registry reads it.

use crate::{Event, Record, Release, Schema, event_datum};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A schema's id in the registry.
pub type SchemaId = u32;

impl Schema {
    fn parsed(self) -> &'static Parsed {
        static PARSED: LazyLock<Vec<Parsed>> = LazyLock::new(|| {
            Schema::ALL
                .iter()
                .map(|schema| Parsed::new(schema.text()))
                .collect()
        });
        &PARSED[self as usize]
    }
}

/// A schema with its names resolved once, and what reads and writes by it.
struct Parsed {
    schema: &'static apache_avro::Schema,
    writer: GenericDatumWriter<'static>,
    reader: GenericDatumReader<'static>,
}

impl Parsed {
    /// Parses one of our own files, once in the process's life: a file that cannot be parsed is a
    /// defect that every test finds, hence the panic.
    fn new(text: &str) -> Self {
        let schema = apache_avro::Schema::parse_str(text).expect("an .avsc file of ours is valid");
        let schema: &'static apache_avro::Schema = Box::leak(Box::new(schema));
        Self {
            schema,
            writer: GenericDatumWriter::builder(schema)
                .human_readable(false)
                .build()
                .expect("its names resolve"),
            reader: GenericDatumReader::builder(schema)
                .human_readable(false)
                .build()
                .expect("its names resolve"),
        }
    }
}

/// A value that does not fit its schema: a defect of ours. Reaction: stop.
#[derive(Debug, thiserror::Error)]
#[error("a value does not fit its Avro schema: {0}")]
pub struct EncodeError(#[from] Box<apache_avro::Error>);

/// Bytes that cannot be read. Reaction: dead-letter.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Too short, or not beginning with a zero byte.
    #[error("not in the Confluent wire format: {0}")]
    Framing(&'static str),
    /// Written under a schema that this process does not know, or that is another record's.
    #[error("unknown schema id {0}")]
    UnknownId(SchemaId),
    /// The datum does not follow its schema.
    #[error("the datum does not follow schema id {id}: {error}")]
    Datum {
        /// The id that the record names.
        id: SchemaId,
        /// What Avro says.
        error: Box<apache_avro::Error>,
    },
}

/// Encodes and decodes records, knowing which id the registry gave to each schema.
#[derive(Clone, Debug)]
pub struct Codec {
    ids: [SchemaId; Schema::ALL.len()],
    others: HashMap<SchemaId, Other>,
}

/// Another version of `schema`, written by another release: resolved field by field, by Avro's
/// rules.
#[derive(Clone, Copy)]
struct Other {
    schema: Schema,
    reader: &'static GenericDatumReader<'static>,
}

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "another version of {:?}", self.schema)
    }
}

const MAGIC: u8 = 0;
const HEADER_BYTES: usize = 5;
/// A payload's buffer above this size is not kept for the next event.
const SPARE_BYTES: usize = 1 << 20;

impl Codec {
    /// A codec for the embedded registry: it writes each schema's newest release under its id, and
    /// reads all others under theirs.
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Codec> = LazyLock::new(|| Codec::of(Release::ALL));
        EMBEDDED.clone()
    }

    fn of(releases: &[Release]) -> Self {
        let newest = |schema| {
            let versions = releases.iter().filter(|release| release.schema == schema);
            let newest = versions.max_by_key(|release| release.version);
            newest.expect("every schema is released, as the golden tests hold")
        };
        let mut codec = Self::with_ids(|schema| newest(schema).id);
        for release in releases {
            if release.id != codec.id(release.schema) {
                codec
                    .learn(release.schema, release.id, release.text)
                    .expect("a released text is valid, as the golden tests hold");
            }
        }
        codec
    }

    /// A codec for a registry that gave each schema the id that `id_of` tells.
    pub fn with_ids(mut id_of: impl FnMut(Schema) -> SchemaId) -> Self {
        Self {
            ids: Schema::ALL.map(&mut id_of),
            others: HashMap::new(),
        }
    }

    /// The registry's id of `schema`.
    pub fn id(&self, schema: Schema) -> SchemaId {
        self.ids[schema as usize]
    }

    /// Learns the text of another version of `schema`, so that its records can be read.
    ///
    /// # Errors
    /// Where the text is no Avro schema; the registry is damaged then, and the caller stops.
    pub fn learn(
        &mut self,
        schema: Schema,
        id: SchemaId,
        text: &str,
    ) -> Result<(), Box<apache_avro::Error>> {
        let written = apache_avro::Schema::parse_str(text)?;
        // Kept as long as the process runs, as the newest ones are: a schema has a few versions.
        let written: &'static apache_avro::Schema = Box::leak(Box::new(written));
        let reader = GenericDatumReader::builder(written)
            .reader_schema(schema.parsed().schema)
            .build()?;
        let reader = Box::leak(Box::new(reader));
        self.others.insert(id, Other { schema, reader });
        Ok(())
    }

    /// The value in the Confluent wire format.
    ///
    /// # Errors
    /// Where a value does not fit its schema, which no value of ours does.
    pub fn encode<R: Record>(&self, record: &R) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(MAGIC);
        bytes.extend(self.id(R::SCHEMA).to_be_bytes());
        R::SCHEMA
            .parsed()
            .writer
            .write_ser(&mut bytes, record)
            .map_err(Box::new)?;
        Ok(bytes)
    }

    /// The record that `bytes` hold.
    ///
    /// # Errors
    /// See [`DecodeError`] for the reactions.
    pub fn decode<R: Record>(&self, bytes: &[u8]) -> Result<R, DecodeError> {
        let (id, mut datum) = split(bytes)?;
        let read = if id == self.id(R::SCHEMA) {
            R::SCHEMA.parsed().reader.read_deser(&mut datum)
        } else {
            let other = self.others.get(&id);
            other
                .filter(|other| other.schema == R::SCHEMA)
                .ok_or(DecodeError::UnknownId(id))?
                .reader
                .read_value(&mut datum)
                .and_then(|value| apache_avro::from_value(&value))
        };
        read.map_err(|error| DecodeError::Datum {
            id,
            error: Box::new(error),
        })
    }

    /// The event that `bytes` hold, in the buffers of `spare`, an event that is no longer needed:
    /// what [`Codec::decode`] gives, at a fraction of its cost.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    pub fn decode_event(&self, bytes: &[u8], spare: Option<Event>) -> Result<Event, DecodeError> {
        let (id, datum) = split(bytes)?;
        if let Some(mut event) = spare.filter(|_| id == self.id(Schema::Event)) {
            if event.payload.capacity() > SPARE_BYTES {
                event.payload = Vec::new();
            }
            if event_datum::fill(&mut event, datum).is_some() {
                return Ok(event);
            }
        }
        self.decode(bytes)
    }
}

/// Splits a record's value into its schema id and datum.
fn split(bytes: &[u8]) -> Result<(SchemaId, &[u8]), DecodeError> {
    let Some((header, datum)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DecodeError::Framing("shorter than its header"));
    };
    let [MAGIC, id @ ..] = *header else {
        return Err(DecodeError::Framing("does not begin with a zero byte"));
    };
    Ok((SchemaId::from_be_bytes(id), datum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gap, Issue, Refetch};
    use crate::{PayloadForm, Source, Timestamp};
    use std::collections::BTreeMap;

    fn event() -> Event {
        Event {
            event_id: "0".repeat(32),
            source: Source::Webhook,
            kind: "issues".into(),
            action: Some("opened".into()),
            host: "github.com".into(),
            owner: Some("o".into()),
            owner_id: Some(1),
            repository: Some("o/r".into()),
            repository_id: Some(2),
            number: Some(3),
            hook_target_id: None,
            occurred_at: Some(Timestamp::from_seconds(1_600_000_000)),
            first_delivered_at: None,
            requested_at: None,
            received_at: Timestamp::from_millis(1_600_000_000_123),
            credential_kind: None,
            headers: [("x-github-event".to_owned(), "issues".to_owned())].into(),
            payload_form: PayloadForm::Raw,
            payload: vec![b'{', 0xff, b'}'],
        }
    }

    #[test]
    fn an_event_survives_the_wire_also_with_bytes_that_are_no_text() {
        let codec = Codec::embedded();
        let bytes = codec.encode(&event()).unwrap();
        assert_eq!(bytes[0], 0);
        assert_eq!(bytes[1..5], codec.id(Schema::Event).to_be_bytes());
        assert_eq!(codec.decode::<Event>(&bytes).unwrap(), event());
    }

    /// Events that differ in everything that may differ.
    fn events() -> Vec<Event> {
        let bare = Event {
            event_id: String::new(),
            source: Source::Gap,
            action: None,
            owner: None,
            owner_id: None,
            repository: None,
            repository_id: None,
            number: None,
            occurred_at: None,
            headers: BTreeMap::new(),
            payload: Vec::new(),
            ..event()
        };
        let full = Event {
            source: Source::Snapshot,
            hook_target_id: Some(i64::MIN),
            number: Some(i64::MAX),
            first_delivered_at: Some(Timestamp::from_millis(-1)),
            requested_at: Some(Timestamp::from_millis(0)),
            credential_kind: Some("app".into()),
            headers: [("a", "é\n"), ("b", ""), ("x-github-event", "other")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            payload_form: PayloadForm::Redacted,
            payload: vec![7; SPARE_BYTES + 1],
            ..event()
        };
        let other_names = Event {
            headers: [("x-github-delivery".to_owned(), "d".to_owned())].into(),
            ..event()
        };
        vec![event(), bare, full, other_names]
    }

    #[test]
    fn an_event_in_the_buffers_of_any_other_is_the_same() {
        let codec = Codec::embedded();
        for event in events() {
            let bytes = codec.encode(&event).unwrap();
            for spare in events().into_iter().map(Some).chain([None]) {
                assert_eq!(codec.decode_event(&bytes, spare).unwrap(), event);
            }
            let mut spare = events().remove(0);
            assert!(
                event_datum::fill(&mut spare, &bytes[HEADER_BYTES..]).is_some(),
                "the library is not needed"
            );
        }
    }

    #[test]
    fn a_damaged_event_is_to_a_spare_one_what_it_is_to_the_library() {
        let codec = Codec::embedded();
        for event in events() {
            let bytes = codec.encode(&event).unwrap();
            let read = |bytes: &[u8]| {
                let spare = Some(events().remove(2));
                let ours = codec
                    .decode_event(bytes, spare)
                    .map_err(|error| error.to_string());
                let library = codec.decode(bytes).map_err(|error| error.to_string());
                assert_eq!(ours, library);
            };
            let envelope_bytes = bytes.len() - event.payload.len();
            for end in 0..envelope_bytes {
                read(&bytes[..end]);
            }
            for place in 0..envelope_bytes {
                for damage in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes[place] = damage;
                    read(&bytes);
                }
            }
        }
    }

    #[test]
    fn every_schema_parses_and_the_ids_of_its_releases_stay() {
        for (place, release) in Release::ALL.iter().enumerate() {
            assert_eq!(release.id as usize, place + 1, "{release:?}");
            let before = Release::ALL[..place].iter();
            let before = before.filter(|before| before.schema == release.schema);
            assert_eq!(release.version as usize, before.count() + 1, "{release:?}");
        }
        for schema in Schema::ALL {
            assert!(schema.parsed().schema.is_named());
            assert_eq!(
                Schema::ALL[schema as usize],
                schema,
                "its place is its index"
            );
        }
    }

    #[test]
    fn what_an_earlier_release_wrote_is_read_after_the_next_version_was_released() {
        // The gap as it would have been before its last field was appended.
        let outcome = Schema::Gap.text().rfind(",\n").expect("a line for a field");
        let earlier: &str = format!("{}]}}", &Schema::Gap.text()[..outcome]).leak();
        let releases: Vec<Release> = Release::ALL
            .iter()
            .filter(|release| release.version == 1)
            .map(|release| match release.schema {
                Schema::Gap => Release {
                    text: earlier,
                    ..*release
                },
                _ => *release,
            })
            .chain([Release {
                id: 300,
                schema: Schema::Gap,
                version: 2,
                text: Schema::Gap.text(),
            }])
            .collect();
        let gap = Gap {
            host: "github.com".into(),
            repository_id: 1,
            repository: None,
            gap_id: "g".into(),
            version: 2,
            detector: crate::Detector::Clock,
            number: Some(3),
            evidence: "e".into(),
            since: Timestamp::from_seconds(4),
            opened_at: Timestamp::from_seconds(5),
            answers: 6,
            closed_at: None,
            outcome: None,
        };
        let codec = Codec::of(&releases);
        let newer = codec.encode(&gap).unwrap();
        assert_eq!(newer[..5], [0, 0, 0, 1, 44]);
        assert_eq!(codec.decode::<Gap>(&newer).unwrap(), gap);
        // What it wrote lacks the last field, whose absence is one byte.
        let mut written = newer[..newer.len() - 1].to_vec();
        written[..5].copy_from_slice(&[0, 0, 0, 0, 6]);
        assert_eq!(codec.decode::<Gap>(&written).unwrap(), gap);
        assert!(matches!(
            codec.decode::<Issue>(&written),
            Err(DecodeError::UnknownId(6))
        ));
    }

    #[test]
    fn a_record_of_another_version_is_resolved_field_by_field() {
        let newer = Schema::Refetch.text().replace(
            "\"fields\": [",
            "\"fields\": [ {\"name\": \"added_later\", \"type\": \"string\", \"default\": \"\"},",
        );
        let refetch = Refetch {
            command_id: "c".into(),
            gap_id: "g".into(),
            host: "github.com".into(),
            repository_id: 1,
            repository: None,
            resource: crate::Resource::Item { number: 2 },
            reason: "why".into(),
            issued_at: Timestamp::from_seconds(3),
            attempt: 1,
            urgency: crate::Urgency::Gap,
        };
        let mut codec = Codec::embedded();
        let mut bytes = codec.encode(&refetch).unwrap();
        bytes[4] = 99;
        bytes.insert(5, 0);
        assert!(matches!(
            codec.decode::<Refetch>(&bytes),
            Err(DecodeError::UnknownId(99))
        ));
        codec.learn(Schema::Refetch, 99, &newer).unwrap();
        assert_eq!(codec.decode::<Refetch>(&bytes).unwrap(), refetch);
    }

    #[test]
    fn foreign_bytes_are_refused_in_words() {
        let codec = Codec::embedded();
        for (bytes, words) in [
            (
                &b""[..],
                "not in the Confluent wire format: shorter than its header",
            ),
            (
                b"{\"a\":1}",
                "not in the Confluent wire format: does not begin with a zero byte",
            ),
        ] {
            assert_eq!(codec.decode::<Event>(bytes).unwrap_err().to_string(), words);
        }
        let truncated = &codec.encode(&event()).unwrap()[..20];
        assert!(matches!(
            codec.decode::<Event>(truncated),
            Err(DecodeError::Datum { .. })
        ));
    }
}

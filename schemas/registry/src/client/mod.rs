//! Our schemas at a real registry: registered once at start, unknown ids asked for when met.
//!
//! Every subject evolves by FULL_TRANSITIVE: what any release wrote is read by any other. A state
//! that must break with its past gets another generation, and with it other topics and subjects.

mod error;
mod transport;

pub use error::RegistryError;

use crate::server::COMPATIBILITY;
use crate::subjects;
use gapless_schemas::{Codec, SchemaId, Topics};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use transport::Transport;

/// A schema registry with Confluent's API.
#[derive(Debug)]
pub struct Registry {
    transport: Transport,
}

#[derive(Deserialize)]
struct Registered {
    id: SchemaId,
}

#[derive(Deserialize)]
struct Written {
    schema: String,
    #[serde(rename = "schemaType", default)]
    kind: Option<String>,
}

impl Registry {
    /// The registry at `url`, such as `http://localhost:8081`, or with what precedes its API, such
    /// as `http://localhost:8080/apis/ccompat/v6`. A user and password in it are sent as basic
    /// authentication and shown nowhere. Nothing is asked yet.
    ///
    /// # Errors
    /// [`RegistryError::Stop`] when the address is not usable.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        Ok(Self {
            transport: Transport::new(url)?,
        })
    }

    /// Its address, without the user and password that may stand in what it was made of.
    pub fn address(&self) -> &str {
        self.transport.address()
    }

    /// Asks for the names of its subjects, to see whether it answers and lets us in.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        let path = &["subjects"];
        self.transport
            .call("read the subjects", Method::GET, path, None)
            .await
    }

    /// Registers the schema of every topic, and returns a codec that writes the ids given.
    /// Doing it again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Retry`] when the registry does not answer, [`RegistryError::Stop`] when it
    /// refuses: a schema that breaks with what is there, a missing right.
    pub async fn register(&self, topics: &Topics) -> Result<Codec, RegistryError> {
        let mut ids = Vec::new();
        for subject in subjects(topics) {
            let doing = format!("register the schema of {}", subject.name);
            let registered: Registered = self
                .transport
                .call(
                    &doing,
                    Method::POST,
                    &["subjects", &subject.name, "versions"],
                    Some(&json!({"schema": subject.schema.text(), "schemaType": "AVRO"})),
                )
                .await?;
            // After the first version: some registries know no settings of a subject without one.
            let _: Value = self
                .transport
                .call(
                    &format!("make {} evolve by {COMPATIBILITY}", subject.name),
                    Method::PUT,
                    &["config", &subject.name],
                    Some(&json!({"compatibility": COMPATIBILITY})),
                )
                .await?;
            ids.push((subject.schema, registered.id));
        }
        Ok(Codec::with_ids(|schema| {
            let (_, id) = ids
                .iter()
                .find(|(registered, _)| *registered == schema)
                .expect("every schema has a topic, as a test of the subjects holds");
            *id
        }))
    }

    /// Asks for the schema that `id` names, which another release wrote, so that `codec` reads it.
    ///
    /// # Errors
    /// [`RegistryError::Retry`] when the registry does not answer, [`RegistryError::Stop`] when it
    /// does not know the id or what it knows is no Avro schema; a record that names such an id
    /// goes to the dead letters.
    pub async fn learn(&self, codec: &mut Codec, id: SchemaId) -> Result<(), RegistryError> {
        let doing = format!("read schema {id}");
        let written: Written = self
            .transport
            .call(
                &doing,
                Method::GET,
                &["schemas", "ids", &id.to_string()],
                None,
            )
            .await?;
        let refused = |reason: String| self.transport.stop(&doing, reason);
        if let Some(kind) = written.kind.filter(|kind| kind != "AVRO") {
            return Err(refused(format!("it is {kind}, not AVRO")));
        }
        codec
            .learn(id, &written.schema)
            .map_err(|error| refused(error.to_string()))
    }
}

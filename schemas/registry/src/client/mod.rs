//! Our schemas at a real registry: registered once at start, when what other releases registered
//! there is learnt.
//!
//! Every subject evolves by FULL_TRANSITIVE: what any release wrote is read by any other. A state
//! that must break with its past gets another generation, and with it other topics and subjects.

mod error;
mod transport;

pub use error::RegistryError;

use crate::server::COMPATIBILITY;
use crate::{Subject, subjects};
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

/// A version as the registry describes it.
#[derive(Deserialize)]
struct Described {
    id: SchemaId,
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

    /// Registers the schema of every topic, and returns a codec that writes the ids given, and
    /// reads the schemas' other versions that the registry has. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Retry`] when the registry does not answer, [`RegistryError::Stop`] when it
    /// refuses: a schema that breaks with what is there, a missing right; or when a version that
    /// it has is no Avro schema.
    pub async fn register(&self, topics: &Topics) -> Result<Codec, RegistryError> {
        let subjects = subjects(topics);
        let mut ids = Vec::new();
        for subject in &subjects {
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
        let mut codec = Codec::with_ids(|schema| {
            let (_, id) = ids
                .iter()
                .find(|(registered, _)| *registered == schema)
                .expect("every schema has a topic, as a test of the subjects holds");
            *id
        });
        for subject in &subjects {
            self.learn(&mut codec, subject).await?;
        }
        Ok(codec)
    }

    /// Asks for all versions of a subject: earlier releases wrote under them, and after a step back
    /// a later one.
    async fn learn(&self, codec: &mut Codec, subject: &Subject) -> Result<(), RegistryError> {
        let doing = format!("read the schema's versions of {}", subject.name);
        let path = ["subjects", &subject.name, "versions"];
        let versions: Vec<u32> = self
            .transport
            .call(&doing, Method::GET, &path, None)
            .await?;
        for version in versions {
            let doing = format!("read version {version} of the schema of {}", subject.name);
            let version = version.to_string();
            let path = ["subjects", &subject.name, "versions", &version];
            let described: Described = self
                .transport
                .call(&doing, Method::GET, &path, None)
                .await?;
            if described.id == codec.id(subject.schema) {
                continue;
            }
            let refused = |reason: String| self.transport.stop(&doing, reason);
            if let Some(kind) = described.kind.filter(|kind| kind != "AVRO") {
                return Err(refused(format!("it is {kind}, not AVRO")));
            }
            codec
                .learn(subject.schema, described.id, &described.schema)
                .map_err(|error| refused(error.to_string()))?;
        }
        Ok(())
    }
}

//! Our client against Apicurio, a registry of other people's making.

use crate::{example, fetched};
use gapless_registry::{Registry, RegistryError, subjects};
use gapless_schemas::{Codec, Gap, Schema, SchemaId, Topics};
use http_body_util::BodyExt;
use serde_json::Value;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::time::Duration;
use tokio::process::{Child, Command};

const VERSION: &str = "2.0.1.Final";
const READY_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_real_registry_takes_our_schemas_twice_alike_and_gives_them_back() {
    let Some(apicurio) = Apicurio::start().await else {
        return;
    };
    let topics = Topics::new("gapless", 4);
    let registry = Registry::new(&apicurio.url).expect("an address");
    let codec = ready(&registry, &topics).await;
    let again = registry.register(&topics).await.expect("a second start");
    for schema in Schema::ALL {
        assert_eq!(
            codec.id(schema),
            again.id(schema),
            "{schema:?} got another id"
        );
    }

    // What an earlier release registered is learnt: the gap before its last field was appended.
    let text = Schema::Gap.text();
    let earlier = format!("{}]}}", &text[..text.rfind(",\n").expect("a line a field")]);
    let upgraded = Topics::new("upgraded", 4);
    let of_gaps = subjects(&upgraded)
        .into_iter()
        .find(|subject| subject.schema == Schema::Gap)
        .expect("gaps have a topic");
    let path = format!("subjects/{}/versions", of_gaps.name);
    let (status, answer) = apicurio.post(&path, &earlier).await;
    assert_eq!(status, 200, "{answer}");
    let id = SchemaId::try_from(answer["id"].as_u64().expect("an id")).expect("four bytes");
    let codec = registry.register(&upgraded).await.expect("it gets on");
    assert_ne!(codec.id(Schema::Gap), id);
    let written = example::of(Schema::Gap, &codec);
    let mut gap: Gap = codec.decode(&written.bytes).expect("it is read");
    gap.outcome = None;
    // The field that was appended is one byte where it is left out.
    let mut bytes = codec.encode(&gap).expect("it is written");
    bytes.pop();
    bytes[1..5].copy_from_slice(&id.to_be_bytes());
    assert_eq!(codec.decode::<Gap>(&bytes).expect("it is read"), gap);

    // Under FULL_TRANSITIVE a schema that breaks with what is there is refused.
    let subject = &subjects(&topics)[0].name;
    let breaking = "{\"type\": \"record\", \"name\": \"Event\", \"namespace\": \"dev.gapless\", \
                    \"fields\": [{\"name\": \"event_id\", \"type\": \"long\"}]}";
    let (status, _) = apicurio
        .post(&format!("subjects/{subject}/versions"), breaking)
        .await;
    assert_eq!(status, 409, "a breaking schema was taken");
}

/// Registers as soon as it answers.
async fn ready(registry: &Registry, topics: &Topics) -> Codec {
    let waiting = async {
        loop {
            match registry.register(topics).await {
                Ok(codec) => return codec,
                Err(RegistryError::Retry(_)) => tokio::time::sleep(LOOK_EVERY).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(READY_WITHIN, waiting)
        .await
        .expect("it answers in time")
}

/// A running Apicurio, killed when dropped.
struct Apicurio {
    url: String,
    _process: Child,
}

impl Apicurio {
    async fn start() -> Option<Self> {
        let fetch = || fetched::folder(&format!("apicurio-{VERSION}"), fetch);
        let folder = tokio::task::spawn_blocking(fetch)
            .await
            .expect("fetched or not")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let process = Command::new("java")
            .arg("-Xmx256m")
            .arg("-Dquarkus.http.host=127.0.0.1")
            .arg(format!("-Dquarkus.http.port={port}"))
            .arg("-Dquarkus.log.level=ERROR")
            .arg("-jar")
            .arg(folder.join(format!("apicurio-registry-app-{VERSION}-runner.jar")))
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn();
        match process {
            Ok(process) => Some(Self {
                url: format!("http://127.0.0.1:{port}/apis/ccompat/v6"),
                _process: process,
            }),
            Err(error) => {
                let _ = writeln!(stderr(), "skipped: java does not start: {error}");
                None
            }
        }
    }

    /// Posts a schema, as any client might, and returns the status and the answer.
    async fn post(&self, path: &str, schema: &str) -> (u16, Value) {
        let body = serde_json::json!({"schema": schema}).to_string();
        let request = http::Request::post(format!("{}/{path}", self.url))
            .header("content-type", "application/json")
            .body(http_body_util::Full::<bytes::Bytes>::from(body))
            .expect("a request");
        let answer =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http()
                .request(request)
                .await
                .expect("it answers");
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.expect("a body");
        (
            status,
            serde_json::from_slice(&bytes.to_bytes()).expect("JSON"),
        )
    }
}

fn fetch(folder: &Path) -> Result<(), String> {
    let out = folder.display();
    fetched::run(
        Path::new("mvn"),
        &[
            "-q",
            "-B",
            "-C",
            &format!("-Dmaven.repo.local={out}/repository"),
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy",
            &format!("-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"),
            &format!("-DoutputDirectory={out}"),
        ],
    )?;
    let archive = folder.join(format!("apicurio-registry-app-{VERSION}-all.tar.gz"));
    let open = std::fs::File::open(&archive).map_err(|error| error.to_string())?;
    tar::Archive::new(flate2::read::GzDecoder::new(open))
        .unpack(folder)
        .map_err(|error| error.to_string())?;
    std::fs::remove_file(archive).map_err(|error| error.to_string())?;
    std::fs::remove_dir_all(folder.join("repository")).map_err(|error| error.to_string())
}

//! Our client against Apicurio, a registry of other people's making.

use crate::{example, fetched};
use gapless_registry::{Registry, RegistryError, subjects};
use gapless_schemas::{Codec, Event, Schema, Topics};
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

    // A process that knows nothing of these ids reads by what the registry holds.
    let written = example::of(Schema::Event, &codec);
    let mut other = Codec::with_ids(|schema| 1_000_000 + schema as u32);
    let id = codec.id(Schema::Event);
    registry.learn(&mut other, id).await.expect("it is there");
    let read: Event = other.decode(&written.bytes).expect("it is read");
    assert_eq!(
        serde_json::to_value(read).expect("plain data"),
        written.reads
    );

    let unknown = registry.learn(&mut other, 999_999).await;
    let unknown = unknown.expect_err("nobody registered it");
    assert!(matches!(unknown, RegistryError::Stop(_)), "{unknown}");
    assert!(
        unknown
            .to_string()
            .starts_with("cannot read schema 999999 at "),
        "{unknown}"
    );

    // Under FULL_TRANSITIVE a schema that breaks with what is there is refused.
    let subject = &subjects(&topics)[0].name;
    let breaking = "{\"type\": \"record\", \"name\": \"Event\", \"namespace\": \"dev.gapless\", \
                    \"fields\": [{\"name\": \"event_id\", \"type\": \"long\"}]}";
    let answer = apicurio
        .post(&format!("subjects/{subject}/versions"), breaking)
        .await;
    assert_eq!(answer, 409, "a breaking schema was taken");
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

    /// Posts a schema, as any client might, and returns the status.
    async fn post(&self, path: &str, schema: &str) -> u16 {
        let body = serde_json::json!({"schema": schema}).to_string();
        let request = http::Request::post(format!("{}/{path}", self.url))
            .header("content-type", "application/json")
            .body(http_body_util::Full::<bytes::Bytes>::from(body))
            .expect("a request");
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http()
            .request(request)
            .await
            .expect("it answers")
            .status()
            .as_u16()
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

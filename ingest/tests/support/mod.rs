//! What the tests of the webhook share: a log in memory and a running server.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a module of several test crates")]

pub mod world;

use gapless_ingest::webhook::{Limits, Webhook, serve, sign, webhook_router};
use gapless_ingest::{AppendError, Appended, EventLog, Secret, SourceConfig, SystemClock};
use gapless_schemas::Event;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const SECRET: &str = "a secret of tests";

/// What the log in memory does with the next events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Takes,
    IsSlow,
    Refuses,
    IsStopped,
    /// Never answers.
    Hangs,
}

/// Keeps events in order of arrival.
#[derive(Default)]
pub struct MemoryLog {
    pub events: Mutex<Vec<Event>>,
    pub mood: Mutex<Mood>,
}

impl MemoryLog {
    pub fn taken(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

impl EventLog for MemoryLog {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Takes => {
                let mut events = self.events.lock().unwrap();
                events.push(event);
                let offset = events.len() as i64 - 1;
                Ok(Appended {
                    partition: 0,
                    offset,
                })
            }
            Mood::IsSlow => Err(AppendError::Retry("slow".into())),
            Mood::Refuses => Err(AppendError::Refuse("odd".into())),
            Mood::IsStopped => Err(AppendError::Stop("no rights".into())),
            Mood::Hangs => std::future::pending().await,
        }
    }
}

pub fn source(host: &str, secrets: &[&str]) -> SourceConfig {
    SourceConfig {
        host: host.into(),
        owner: None,
        secrets: secrets.iter().map(|text| Secret::new(*text)).collect(),
        api_base_url: "http://127.0.0.1:1".into(),
        token: None,
    }
}

/// A webhook on a real socket.
pub struct TestServer {
    pub address: SocketAddr,
    pub log: Arc<MemoryLog>,
    pub webhook: Arc<Webhook<Arc<MemoryLog>, SystemClock>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl TestServer {
    pub async fn start(limits: Limits) -> Self {
        let sources = [
            source("github.com", &[SECRET, "the next secret"]),
            source("ghes.example.com", &["the secret of the GHES"]),
        ];
        Self::start_for(&sources, limits).await
    }

    pub async fn start_for(sources: &[SourceConfig], limits: Limits) -> Self {
        let log = Arc::new(MemoryLog::default());
        let webhook = Webhook::new(sources, limits.clone(), Arc::clone(&log), SystemClock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = webhook_router(Arc::clone(&webhook));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, router, limits, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            log,
            webhook,
            stop: Some(stop),
            task,
        }
    }

    /// What it counts, as Prometheus reads it.
    pub fn metrics(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.webhook.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    pub async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.task.await.unwrap().unwrap();
    }

    /// Posts a delivery that is right in every respect.
    pub async fn post(&self, event: &str, guid: &str, body: &[u8]) -> u16 {
        let request = client()
            .post(self.url())
            .header("X-GitHub-Event", event)
            .header("X-GitHub-Delivery", guid)
            .header("X-Hub-Signature-256", sign(&Secret::new(SECRET), body))
            .header("Content-Type", "application/json")
            .body(body.to_vec());
        request.send().await.unwrap().status().as_u16()
    }
}

/// A client that a test never waits for without end.
pub fn client() -> reqwest::Client {
    let minute = std::time::Duration::from_secs(60);
    let builder = reqwest::Client::builder();
    builder
        .connect_timeout(minute)
        .timeout(minute)
        .build()
        .unwrap()
}

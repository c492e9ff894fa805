//! Posts deliveries, each repository's in order, until each is acknowledged.

use crate::github::GitHub;
use crate::process::PATIENCE;
use gapless_simulator::Delivery;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// GitHub waits as long for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two attempts of one delivery.
const RETRY: Duration = Duration::from_millis(100);

pub(crate) struct Poster {
    post: Post,
    /// A permit for each delivery that may be posted.
    released: Arc<Semaphore>,
    /// How many were released.
    released_count: AtomicUsize,
    all: usize,
    /// The last delivery of each repository.
    last: BTreeMap<u64, Delivery>,
    _streams: JoinSet<()>,
}

#[derive(Clone)]
struct Post {
    client: reqwest::Client,
    url: Arc<str>,
    secret: Arc<str>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
}

impl Poster {
    pub(crate) fn start(github: &GitHub, url: String) -> Self {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .no_proxy()
            .build();
        let post = Post {
            client: client.unwrap(),
            url: url.into(),
            secret: github.options.secret.as_str().into(),
            acknowledged: Arc::default(),
        };
        let released = Arc::new(Semaphore::new(0));
        let mut streams = JoinSet::new();
        for stream in github.streams.values().cloned() {
            let (released, post) = (Arc::clone(&released), post.clone());
            streams.spawn(async move {
                for delivery in stream {
                    released.acquire().await.unwrap().forget();
                    post.until_acknowledged(&delivery).await;
                }
            });
        }
        let last = github
            .streams
            .iter()
            .filter_map(|(repository, stream)| Some(((*repository)?, stream.last()?.clone())));
        Self {
            post,
            released,
            released_count: AtomicUsize::new(0),
            all: github.streams.values().map(Vec::len).sum(),
            last: last.collect(),
            _streams: streams,
        }
    }

    /// Lets up to `count` more deliveries be posted.
    pub(crate) fn release(&self, count: usize) {
        let count = count.min(self.remaining());
        self.released_count.fetch_add(count, Ordering::SeqCst);
        self.released.add_permits(count);
    }

    pub(crate) fn release_rest(&self) {
        self.release(usize::MAX);
    }

    /// Deliveries that were not released yet.
    pub(crate) fn remaining(&self) -> usize {
        self.all - self.released_count.load(Ordering::SeqCst)
    }

    /// GUIDs of all that were acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.post.acknowledged.lock().unwrap().clone()
    }

    pub(crate) fn is_all_acknowledged(&self) -> bool {
        let acknowledged = self.post.acknowledged.lock().unwrap();
        let ticks = acknowledged.iter().filter(|guid| is_tick(guid)).count();
        acknowledged.len() - ticks >= self.released_count.load(Ordering::SeqCst)
    }

    pub(crate) async fn until_acknowledged(&self, folder: &Path) {
        let began = Instant::now();
        while !self.is_all_acknowledged() {
            assert!(
                began.elapsed() < PATIENCE,
                "not acknowledged in time: {}",
                std::fs::read_to_string(folder.join("gapless.log")).unwrap_or_default()
            );
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Moves every partition's clock: somebody stars each repository. Not repeated where nobody
    /// answers.
    pub(crate) async fn tick(&self) {
        for last in self.last.values() {
            let payload: Value = serde_json::from_slice(&last.body).unwrap();
            let body = json!({"action": "started", "repository": payload["repository"]});
            let star = Delivery {
                guid: format!("{TICK}{:032x}", rand::random::<u128>()),
                event: "watch",
                action: Some("started"),
                body: body.to_string().into(),
                ..last.clone()
            };
            self.post.once(&star).await;
        }
    }
}

const TICK: &str = "tick-";

pub(crate) fn is_tick(guid: &str) -> bool {
    guid.starts_with(TICK)
}

impl Post {
    async fn until_acknowledged(&self, delivery: &Delivery) {
        while !self.once(delivery).await {
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Whether it was acknowledged.
    async fn once(&self, delivery: &Delivery) -> bool {
        let mut request = self.client.post(&*self.url);
        for (name, value) in delivery.headers(&self.secret) {
            request = request.header(name, value);
        }
        let Ok(answer) = request.body(delivery.body.clone()).send().await else {
            return false;
        };
        match answer.status().as_u16() {
            200..=299 => {
                let mut acknowledged = self.acknowledged.lock().unwrap();
                acknowledged.insert(delivery.guid.clone());
                true
            }
            503 => false,
            other => panic!("{} was answered with {other}", delivery.guid),
        }
    }
}

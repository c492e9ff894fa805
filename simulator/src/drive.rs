//! Runs a feed: moves the simulated clock, posts what arrives, and counts what was refused.
//!
//! As GitHub does, a delivery is posted once: an answer other than 2xx, or none, makes it a lost
//! one (`refused`). For set-ups that must not lose more than the faults say, failed connections
//! and 503 can be tried again; order is then no longer that of arrival.
//!
//! At most `concurrency` posts are under way; at that bound, and while a post waits for its turn at
//! the wanted rate, the simulated time stands still. After the last arrival the clock goes on in steps, so that grace periods and polls on
//! simulated time go on, until the driver is told to stop.

use crate::clock::SimulatedClock;
use crate::delivery::Delivery;
use crate::faults::{FaultReport, LostDelivery};
use crate::http::{SharedFeed, lock};
use gapless_schemas::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How a feed is run.
#[derive(Clone, Debug)]
pub struct DriveOptions {
    /// Where deliveries are posted.
    pub webhook_url: String,
    /// Posts under way at a time; at least 1.
    pub concurrency: usize,
    /// Deliveries a second of real time; `None`: as fast as they are answered.
    pub deliveries_per_second: Option<f64>,
    /// How often a delivery is posted while the connection fails or 503 is answered; at least 1.
    pub attempts: u32,
    /// After the last arrival: by how many simulated seconds the clock moves each time.
    pub quiet_step_seconds: i64,
    /// After the last arrival: real time between two moves of the clock.
    pub quiet_pause: Duration,
    /// After the last arrival: where the clock stands still at last; `None`: it never does.
    pub quiet_until: Option<Timestamp>,
}

impl DriveOptions {
    /// Sixteen posts at a time as fast as they are answered, each tried once; then a simulated
    /// minute each 10 ms.
    pub fn new(webhook_url: String) -> Self {
        Self {
            webhook_url,
            concurrency: 16,
            deliveries_per_second: None,
            attempts: 1,
            quiet_step_seconds: 60,
            quiet_pause: Duration::from_millis(10),
            quiet_until: None,
        }
    }
}

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriveReport {
    /// Posts answered 2xx, second copies among them.
    pub accepted: u64,
    /// Deliveries that no attempt got a 2xx for.
    pub refused: u64,
    /// The refused ones.
    pub refusals: Vec<LostDelivery>,
    /// What the channel did.
    pub faults: FaultReport,
    /// Of the feed's arrivals, in their order: how many came before the first that has not been
    /// answered. A driver on the same feed may [skip](crate::Feed::skip_arrivals) them.
    pub settled: u64,
    /// All that ever arrives has been posted and answered; the world is at rest.
    pub all_delivered: bool,
}

/// A running driver.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    feed: SharedFeed,
    clock: SimulatedClock,
    options: DriveOptions,
    secret: String,
    client: reqwest::Client,
    accepted: AtomicU64,
    refused: std::sync::Mutex<Vec<LostDelivery>>,
    under_way: std::sync::Mutex<UnderWay>,
    all_delivered: AtomicBool,
}

/// Arrivals by their place among all of the feed.
#[derive(Debug)]
struct UnderWay {
    next: u64,
    posted: BTreeSet<u64>,
}

impl UnderWay {
    fn begin(&mut self) -> u64 {
        let place = self.next;
        self.next += 1;
        self.posted.insert(place);
        place
    }

    fn settled(&self) -> u64 {
        self.posted.first().copied().unwrap_or(self.next)
    }
}

/// Real time between two attempts of one delivery.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// GitHub waits ten seconds for an answer.
const ANSWER_SECONDS: u64 = 10;

impl Driver {
    /// Starts to run `feed` on `clock`.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn start(
        feed: SharedFeed,
        clock: SimulatedClock,
        options: DriveOptions,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(ANSWER_SECONDS))
            .no_proxy()
            .build()?;
        let (secret, next) = {
            let feed = lock(&feed);
            (feed.world.options().secret.clone(), feed.arrivals())
        };
        let shared = Arc::new(Shared {
            feed,
            clock,
            options,
            secret,
            client,
            accepted: AtomicU64::new(0),
            refused: std::sync::Mutex::default(),
            under_way: std::sync::Mutex::new(UnderWay {
                next,
                posted: BTreeSet::new(),
            }),
            all_delivered: AtomicBool::new(false),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(shared.clone(), stopped));
        Ok(Self { shared, stop, task })
    }

    /// What was done so far.
    pub fn report(&self) -> DriveReport {
        // Before the counts: where all is delivered, they are whole.
        let all_delivered = self.shared.all_delivered.load(Ordering::SeqCst);
        let refusals = self
            .shared
            .refused
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        DriveReport {
            accepted: self.shared.accepted.load(Ordering::SeqCst),
            refused: refusals.len() as u64,
            refusals,
            faults: lock(&self.shared.feed).channel.report().clone(),
            settled: self.settled(),
            all_delivered,
        }
    }

    /// What [`DriveReport::settled`] tells, alone.
    pub fn settled(&self) -> u64 {
        self.shared.under_way().settled()
    }

    /// Stops the clock and the posts, after those under way.
    pub async fn stop(self) -> DriveReport {
        // The task only ends when told to: it holds the other end until then.
        let _ = self.stop.send(true);
        let mut driver = self;
        if let Err(error) = (&mut driver.task).await {
            tracing::error!(%error, "the simulator's driver broke down");
        }
        driver.report()
    }
}

impl Shared {
    fn under_way(&self) -> std::sync::MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(shared.options.concurrency.max(1)));
    let mut posts = JoinSet::new();
    let pause = shared
        .options
        .deliveries_per_second
        .map(|rate| Duration::from_secs_f64(1.0 / rate));
    let mut due = Instant::now();
    while !*stopped.borrow() {
        let Some(at) = lock(&shared.feed).next_at() else {
            break;
        };
        // First the clock, then the change: no API answer may tell what is still to come.
        shared.clock.advance_to(at);
        let Some(arrival) = lock(&shared.feed).pop_due(at) else {
            continue;
        };
        let place = shared.under_way().begin();
        let Ok(permit) = permits.clone().acquire_owned().await else {
            break;
        };
        while posts.try_join_next().is_some() {}
        if let Some(pause) = pause {
            sleep_until(due).await;
            due = due.max(Instant::now() - pause) + pause;
        }
        let poster = shared.clone();
        posts.spawn(async move {
            if post(&poster, arrival.delivery).await {
                poster.under_way().posted.remove(&place);
            }
            drop(permit);
        });
    }
    while posts.join_next().await.is_some() {}
    let at_rest = lock(&shared.feed).next_at().is_none();
    shared.all_delivered.store(at_rest, Ordering::SeqCst);
    keep_quiet(&shared, &mut stopped).await;
}

async fn keep_quiet(shared: &Shared, stopped: &mut watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let now = shared.clock.now();
        let next = now.plus_seconds(shared.options.quiet_step_seconds);
        let last = shared.options.quiet_until.unwrap_or(next);
        shared.clock.advance_to(next.min(last));
        tokio::select! {
            () = sleep(shared.options.quiet_pause) => {}
            changed = stopped.changed() => if changed.is_err() { return },
        }
    }
}

/// Tells whether it was answered, be it with a refusal.
async fn post(shared: &Shared, delivery: Delivery) -> bool {
    let mut is_answered = true;
    for attempt in 1..=shared.options.attempts.max(1) {
        match post_once(shared, &delivery).await {
            Answer::Accepted => {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                return true;
            }
            Answer::Refused => break,
            Answer::TryAgain if attempt < shared.options.attempts => sleep(RETRY_PAUSE).await,
            Answer::TryAgain => is_answered = false,
        }
    }
    shared
        .refused
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(LostDelivery::of(&delivery));
    is_answered
}

enum Answer {
    Accepted,
    Refused,
    TryAgain,
}

async fn post_once(shared: &Shared, delivery: &Delivery) -> Answer {
    let mut request = shared.client.post(&shared.options.webhook_url);
    for (name, value) in delivery.headers(&shared.secret) {
        request = request.header(name, value);
    }
    match request.body(delivery.body.clone()).send().await {
        Ok(response) if response.status().is_success() => Answer::Accepted,
        Ok(response) if response.status().as_u16() == 503 => Answer::TryAgain,
        Ok(_) => Answer::Refused,
        Err(_) => Answer::TryAgain,
    }
}

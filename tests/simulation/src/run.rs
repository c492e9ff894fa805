//! One run: the world lives, its deliveries come, everything that can go wrong does, and then it is
//! quiet until all is healed.

use crate::block_on::block_on;
use crate::broker::{Broker, UNREADABLE_TIME};
use crate::chance::{Chance, Stream};
use crate::clock::VirtualClock;
use crate::counts::Counts;
use crate::fetcher::Fetcher;
use crate::github::{SharedFeed, SimulatedGitHub, lock};
use crate::intake::Intake;
use crate::oracle;
use crate::planted::Planted;
use crate::processors::{Processors, Troubles};
use crate::sink::Sink;
use gapless_core::detect::Patience;
use gapless_engine::CrashPoint;
use gapless_ingest::poll::{Poll, PollTimes, Poller, Turn};
use gapless_ingest::webhook::{Limits, Webhook};
use gapless_ingest::{Secret, SourceConfig};
use gapless_schemas::{Timestamp, Topics};
use gapless_simulator::{
    ApiFaults, Delivery, Faults, Feed, Oddity, Options, PayloadForm, SimulatedClock, World,
};
use http::{HeaderMap, HeaderValue, Method};
use std::sync::{Arc, Mutex};

/// What came of a run.
#[derive(Clone)]
pub struct Outcome {
    /// What happened.
    pub counts: Counts,
    /// Everything that differs from the truth, in words; nothing where all is right.
    pub wrong: Vec<String>,
    log: Broker,
}

impl Outcome {
    /// Every event about an item, in the log's order, a line each: to see how it came to a state.
    pub fn history(&self, repository_id: i64, number: i64) -> Vec<String> {
        self.log.history(repository_id, number)
    }
}

/// Webhook deliveries of a run, at least.
const DELIVERIES: usize = 300;
/// Days over which they are spread.
const SPAN_DAYS: u32 = 10;
/// What no ordinary life has by chance, and every life here has.
const ODDITIES: &[Oddity] = &Oddity::ALL;
/// Partitions of every topic; more than one of the three repositories may share one.
const PARTITIONS: i32 = 4;
/// By how much the clock moves when nothing else happens.
const QUIET_STEP_SECONDS: i64 = 3_600;
/// The generation that is made beside the live one.
const REBUILT: u32 = 2;
/// Quiet time after which a run that is not healed is given up.
const QUIET_DAYS: i64 = 60;

/// Share of deliveries in a form that GitHub does not document, which no lift can read.
const UNREADABLE_SHARE: f64 = 0.003;

const HOUR: i64 = 3_600;

/// Late is up to six hours here, and the whole life is ten days: waits in proportion.
const PATIENCE: Patience = Patience {
    grace_seconds: 3 * HOUR,
    audit_after_seconds: 36 * HOUR,
    retry_after_seconds: 12 * HOUR,
};

const POLL_TIMES: PollTimes = PollTimes {
    changed_seconds: 6 * HOUR,
    everything_seconds: 72 * HOUR,
    repositories_seconds: 24 * HOUR,
    overlap_seconds: HOUR,
    retry_seconds: HOUR / 4,
};

/// Runs the whole system from `seed`, with a planted bug or without, until all is healed, and
/// compares it with the truth.
pub fn simulate(seed: u64, planted: Option<Planted>) -> Outcome {
    Run::new(seed, planted).run()
}

/// Three of four lives have the rates that the demo has; every fourth is a bad one, with five times
/// the losses and half of the changes in one second with another. Every fifth is on a GHES.
fn options(seed: u64) -> Options {
    let is_bad = seed.is_multiple_of(4);
    let ordinary = Options::default();
    Options {
        seed,
        repositories: 3,
        changes: DELIVERIES,
        span_days: SPAN_DAYS,
        faults: Faults {
            lost: if is_bad { 0.25 } else { 0.05 },
            doubled: 0.10,
            delayed: if is_bad { 0.20 } else { 0.05 },
            reordered: 0.10,
        },
        same_second_share: if is_bad { 0.5 } else { 0.1 },
        host: if seed.is_multiple_of(5) {
            "ghes.example.com".to_owned()
        } else {
            ordinary.host.clone()
        },
        api_faults: ApiFaults {
            error_500_rate: 0.02,
            timeout_rate: 0.02,
            secondary_limit_rate: 0.01,
            truncated_body_rate: 0.02,
        },
        requests_per_hour: u32::MAX,
        payload: PayloadForm::Compact,
        oddities: ODDITIES,
        ..ordinary
    }
}

/// What is to happen after that many arrivals.
#[derive(Clone, Copy, Debug)]
enum Planned {
    Crash(CrashPoint),
    Rebalance { zombie_batches: i64 },
    RestartOfIngest,
    CrashOfFetcher,
}

struct Run {
    seed: u64,
    planted: Option<Planted>,
    options: Options,
    feed: SharedFeed,
    clock: VirtualClock,
    broker: Broker,
    intake: Arc<Intake>,
    github: Arc<SimulatedGitHub>,
    webhook: Arc<Webhook<Arc<Intake>, VirtualClock>>,
    poller: Poller<Arc<SimulatedGitHub>, VirtualClock, Arc<Intake>>,
    poll_at: Timestamp,
    /// Polls of repositories that succeeded since the last change or arrival.
    polls_since_rest: usize,
    fetcher: Fetcher,
    processors: Processors,
    /// Another generation, made from the log's beginning while the first one is live.
    rebuild: Processors,
    rebuild_mood: Chance,
    /// It begins after that many arrivals.
    rebuild_after: i64,
    sink: Sink,
    schedule: Chance,
    trouble: Chance,
    arrivals: i64,
    planned: Vec<(i64, Planned)>,
    counts: Counts,
}

impl Run {
    fn new(seed: u64, planted: Option<Planted>) -> Self {
        let options = options(seed);
        let mut schedule = Chance::new(seed, Stream::Schedule);
        let mut trouble = Chance::new(seed, Stream::Trouble);
        let mut moods = Chance::new(seed, Stream::Log);
        let mut part = || Chance::new(moods.between(0, i64::MAX) as u64, Stream::Log);
        let clock = VirtualClock(SimulatedClock::new(options.start));
        let feed: SharedFeed = Arc::new(Mutex::new(Feed::new(World::new(options.clone()))));
        let broker = Broker::new(Topics::new("gapless", PARTITIONS));
        let intake = Arc::new(Intake::new(broker.clone(), planted, 0.01, part()));
        let github = Arc::new(SimulatedGitHub::new(
            Arc::clone(&feed),
            clock.clone(),
            options.host.clone(),
            schedule.happens(0.25),
            Chance::new(seed, Stream::GitHub),
        ));
        let fetcher = Fetcher::new(
            broker.clone(),
            Arc::clone(&github),
            clock.clone(),
            Arc::clone(&intake),
            part(),
            schedule.pick(&[0.0, 0.3, 0.9]),
        );
        let troubles = Troubles {
            crash: 0.004,
            unacknowledged: 0.02,
            lost_commit: 0.03,
        };
        let processors = Processors::new(
            broker.clone(),
            PATIENCE,
            true,
            planted,
            troubles,
            part(),
            part(),
        );
        let mut rebuild_mood = Chance::new(seed, Stream::Rebuild);
        let mut part_of_rebuild =
            || Chance::new(rebuild_mood.between(0, i64::MAX) as u64, Stream::Rebuild);
        let rebuild = Processors::new(
            broker.of_generation(REBUILT),
            PATIENCE,
            planted == Some(Planted::RebuildActs),
            planted,
            troubles,
            part_of_rebuild(),
            part_of_rebuild(),
        );
        let sink = Sink::new(broker.clone(), planted, part(), 0.01);
        let planned = plan(&mut trouble);
        Self {
            webhook: webhook(&options, &intake, &clock),
            poller: poller(&options, &github, &clock, &intake),
            poll_at: options.start,
            polls_since_rest: 0,
            seed,
            planted,
            feed,
            clock,
            broker,
            intake,
            github,
            fetcher,
            processors,
            rebuild,
            rebuild_after: rebuild_mood.between(0, DELIVERIES as i64),
            rebuild_mood,
            sink,
            schedule,
            trouble,
            arrivals: 0,
            planned,
            counts: Counts::default(),
            options,
        }
    }

    fn run(mut self) -> Outcome {
        let mut quiet_until = None;
        let mut wrong = Vec::new();
        loop {
            let now = self.clock.0.now();
            let change = lock(&self.feed).next_at();
            if change.is_some() {
                self.polls_since_rest = 0;
            } else {
                if self.is_at_rest() {
                    break;
                }
                let until = *quiet_until.get_or_insert(now.plus_seconds(QUIET_DAYS * 24 * HOUR));
                if now > until {
                    wrong.push(format!(
                        "seed {}: not at rest after {QUIET_DAYS} days",
                        self.seed
                    ));
                    wrong.extend(self.processors.unrest());
                    wrong.extend(self.rebuild.unrest());
                    break;
                }
            }
            let tick = now.plus_seconds(QUIET_STEP_SECONDS);
            let due = [
                change,
                Some(self.poll_at),
                self.fetcher.next_at(),
                Some(tick),
            ];
            let next = due.into_iter().flatten().min().unwrap_or(tick);
            self.clock.0.advance_to(next);
            self.deliver();
            self.poll();
            self.fetcher.turn(&mut self.counts);
            self.work(change.is_none());
        }
        let feed = lock(&self.feed);
        let truth = feed.world.truth();
        let report = feed.channel.report();
        for (oddity, times) in &truth.oddities {
            self.counts
                .add_many(format!("oddity {oddity:?}"), *times as u64);
        }
        for (name, many) in [
            ("deliveries sent", report.sent),
            ("deliveries lost", report.lost),
            ("deliveries doubled", report.doubled),
            ("deliveries delayed", report.delayed),
            ("deliveries reordered", report.reordered),
        ] {
            self.counts.add_many(name, many);
        }
        let counts = &mut self.counts;
        let differences =
            oracle::differences(&self.broker, &self.sink, self.planted, &truth, counts);
        wrong.extend(differences);
        if self.rebuild.acts() > 0 {
            wrong.push(format!("the rebuild acted {} times", self.rebuild.acts()));
        }
        // With that bug it is the figures that must show it.
        if self.planted != Some(Planted::LastRecordWins) {
            let rebuilt = self.broker.of_generation(REBUILT);
            wrong.extend(oracle::rebuilt_otherwise(&self.broker, &rebuilt, counts));
        }
        drop(feed);
        Outcome {
            counts: self.counts,
            wrong,
            log: self.broker,
        }
    }

    fn is_at_rest(&self) -> bool {
        self.polls_since_rest >= 2 * self.options.repositories
            && self.processors.is_at_rest()
            && self.rebuild.is_at_rest()
            && self.fetcher.is_at_rest()
            && self.sink.is_at_rest()
    }

    /// Hands everything that has arrived to the webhook.
    fn deliver(&mut self) {
        loop {
            let now = self.clock.0.now();
            let Some(arrival) = lock(&self.feed).pop_due(now) else {
                return;
            };
            self.arrivals += 1;
            while let Some(place) = self.planned.iter().position(|(at, _)| *at <= self.arrivals) {
                let (_, planned) = self.planned.swap_remove(place);
                self.go_wrong(planned);
            }
            if self.trouble.happens(0.05) {
                // Its memory of recent deliveries dies with it.
                self.webhook = webhook(&self.options, &self.intake, &self.clock);
                self.counts.add("restart of the webhook");
            }
            let mut delivery = arrival.delivery;
            // Nobody reads a ping.
            let is_read = delivery.repository_id.is_some();
            if self.trouble.happens(UNREADABLE_SHARE) && is_read {
                self.counts.add("deliveries in an unknown form");
                delivery.body = unreadable(&delivery.body).into();
            }
            let headers = headers(&delivery, &self.options.secret);
            let body = delivery.body.to_vec();
            let outcome = block_on(self.webhook.deliver(&Method::POST, &headers, body));
            self.counts
                .add(format!("webhook answered {}", outcome.name()));
        }
    }

    fn go_wrong(&mut self, planned: Planned) {
        match planned {
            Planned::Crash(point) => self.processors.doomed = Some(point),
            Planned::Rebalance { zombie_batches } => {
                let busy: Vec<i32> = self.busy_partitions();
                if !busy.is_empty() {
                    let partition = self.trouble.pick(&busy);
                    let counts = &mut self.counts;
                    self.processors.rebalance(partition, zombie_batches, counts);
                    let uncounted = &mut Counts::default();
                    self.rebuild.rebalance(partition, zombie_batches, uncounted);
                }
            }
            Planned::RestartOfIngest => {
                self.counts.add("restart of ingest");
                self.webhook = webhook(&self.options, &self.intake, &self.clock);
                self.poller = poller(&self.options, &self.github, &self.clock, &self.intake);
                self.poll_at = self.clock.0.now();
            }
            Planned::CrashOfFetcher => self.fetcher.crash(&mut self.counts),
        }
    }

    fn busy_partitions(&self) -> Vec<i32> {
        let events = self.broker.topics.events();
        let all = self.broker.partitions();
        all.filter(|partition| self.broker.end(&events, *partition) > 20)
            .collect()
    }

    fn poll(&mut self) {
        while self.poll_at <= self.clock.0.now() {
            match block_on(self.poller.turn()) {
                Turn::Polled(Poll::Repositories) => {}
                Turn::Polled(_) => self.polls_since_rest += 1,
                Turn::Failed(_) => self.counts.add("polls that failed"),
                Turn::Idle(until) => self.poll_at = until,
            }
        }
    }

    /// Lets workers, zombies and the sink do some of what waits; all of it in quiet times.
    fn work(&mut self, is_quiet: bool) {
        let rate = if is_quiet { 0.9 } else { 0.35 };
        for partition in self.broker.partitions() {
            if self.schedule.happens(rate) {
                let most = self.schedule.between(1, 25) as usize;
                self.processors.work(partition, most, &mut self.counts);
            }
        }
        if self.processors.has_zombies() && self.schedule.happens(0.04) {
            let most = self.schedule.between(1, 40) as usize;
            self.processors.haunt(most, &mut self.counts);
        }
        if self.arrivals > self.rebuild_after || is_quiet {
            self.rebuild(rate);
        }
        if self.schedule.happens(if is_quiet { 0.5 } else { 0.1 }) {
            self.sink.turn(&mut self.counts);
        }
    }
}

impl Run {
    /// Lets the other generation do some of what waits.
    fn rebuild(&mut self, rate: f64) {
        let (mood, counts) = (&mut self.rebuild_mood, &mut Counts::default());
        for partition in self.broker.partitions() {
            if mood.happens(rate) {
                let most = mood.between(1, 60) as usize;
                self.rebuild.work(partition, most, counts);
            }
        }
        if self.rebuild.has_zombies() && mood.happens(0.04) {
            let most = mood.between(1, 40) as usize;
            self.rebuild.haunt(most, counts);
        }
    }
}

/// When things go wrong: each run has crashes at every point, rebalances and a zombie at least.
fn plan(trouble: &mut Chance) -> Vec<(i64, Planned)> {
    let last = DELIVERIES as i64 * 19 / 20;
    let mut planned = Vec::new();
    for point in CrashPoint::ALL {
        planned.push((trouble.between(1, last), Planned::Crash(point)));
    }
    for place in 0..trouble.between(2, 5) {
        let zombie_batches = if place == 0 || trouble.happens(0.3) {
            trouble.between(1, 3)
        } else {
            0
        };
        // Not among the first, when nothing has been processed yet that could be lost.
        planned.push((
            trouble.between(60, last),
            Planned::Rebalance { zombie_batches },
        ));
    }
    planned.push((trouble.between(1, last), Planned::RestartOfIngest));
    planned.push((trouble.between(1, last), Planned::CrashOfFetcher));
    planned
}

fn webhook(
    options: &Options,
    intake: &Arc<Intake>,
    clock: &VirtualClock,
) -> Arc<Webhook<Arc<Intake>, VirtualClock>> {
    let source = SourceConfig {
        host: options.host.clone(),
        owner: Some(options.organisation_login.clone()),
        secrets: vec![Secret::new(options.secret.clone())],
        api_base_url: String::new(),
        token: None,
    };
    // So few that second copies are let through where others come between.
    let limits = Limits {
        recent_max: 1,
        ..Limits::default()
    };
    Webhook::new(&[source], limits, Arc::clone(intake), clock.clone())
}

fn poller(
    options: &Options,
    github: &Arc<SimulatedGitHub>,
    clock: &VirtualClock,
    intake: &Arc<Intake>,
) -> Poller<Arc<SimulatedGitHub>, VirtualClock, Arc<Intake>> {
    let owner = options.organisation_login.clone();
    let (github, intake) = (Arc::clone(github), Arc::clone(intake));
    Poller::new(github, clock.clone(), intake, owner, POLL_TIMES, None)
}

/// The payload with all its times of changes as words.
fn unreadable(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let words = format!("\"updated_at\":\"{UNREADABLE_TIME} ");
    text.replace("\"updated_at\":\"", &words).into_bytes()
}

fn headers(delivery: &Delivery, secret: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in delivery.headers(secret) {
        let value = HeaderValue::from_str(&value).expect("a header's value is visible ASCII");
        headers.insert(
            http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            value,
        );
    }
    headers
}

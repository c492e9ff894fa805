//! The demo: the whole system on a simulated organisation that loses, doubles, delays and reorders
//! its deliveries, and whose own truth the figures are compared with.

mod clock;
mod compare;
mod course;
mod live;
mod summary;

use crate::settings::{Flags, at_least_one, rate, share};
use crate::stop::Stop;
use crate::system::{Start, System, Times, claim, progress};
use anyhow::{Context, Result};
use clap::Args;
use clock::DemoClock;
use course::{Course, Script};
use gapless_core::detect::Patience;
use gapless_engine::kafka::Access;
use gapless_ingest::fetch::QueueTimes;
use gapless_ingest::poll::PollTimes;
use gapless_ingest::{Clock, PUBLIC_HOST, Secret, SourceConfig, SystemClock};
use gapless_schemas::Timestamp;
use gapless_simulator::{
    ApiServer, DriveOptions, Driver, Faults, Feed, Oddity, Options, SharedFeed, SimulatedClock,
    World,
};
use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use summary::Summary;
use tempfile::TempDir;

pub(crate) use course::refuse_data_of_a_demo;

/// Runs Gapless on a simulated organisation.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    #[command(flatten)]
    flags: Flags,
    /// Shows no page: runs until all is healed, compares every figure with the truth, and exits
    /// with 1 if one is wrong. Without --data-dir in a folder of its own, which it removes.
    #[arg(long)]
    headless: bool,
    /// Decides all that is simulated: a year, or with a page the half year up to now.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Repositories of the simulated organisation.
    #[arg(long, default_value_t = 20, value_parser = at_least_one, allow_negative_numbers = true)]
    repositories: usize,
    /// Webhook deliveries of that time.
    #[arg(long, default_value_t = 50_000, value_parser = at_least_one, allow_negative_numbers = true)]
    events: usize,
    /// Deliveries a second; without it 200 with a page, and as fast as possible without.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Share of deliveries that never arrive.
    #[arg(long, default_value_t = 0.05, value_parser = share, allow_negative_numbers = true)]
    lost: f64,
    /// Share of deliveries that arrive twice.
    #[arg(long, default_value_t = 0.10, value_parser = share, allow_negative_numbers = true)]
    doubled: f64,
    /// Share of deliveries that come late.
    #[arg(long, default_value_t = 0.05, value_parser = share, allow_negative_numbers = true)]
    delayed: f64,
    /// Share of deliveries that are overtaken.
    #[arg(long, default_value_t = 0.10, value_parser = share, allow_negative_numbers = true)]
    reordered: f64,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

const DAY_SECONDS: i64 = 86_400;

/// Where a demo with a page keeps its data unless it is told otherwise.
const DATA_DIR: &str = "gapless-demo";

/// After the last delivery: time for two rounds of polls, for grace, audits and their answers.
const QUIET_SECONDS: i64 = 8 * DAY_SECONDS;

/// Days that the page's demo spans.
const SHOWN_DAYS: u32 = 180;

/// A simulated year passes in about a minute, so waits are days where they are minutes on a real
/// GitHub: polls once a simulated day, grace half of one.
fn times() -> Times {
    Times {
        patience: Patience {
            grace_seconds: DAY_SECONDS / 2,
            audit_after_seconds: 3 * DAY_SECONDS,
            retry_after_seconds: 10 * DAY_SECONDS,
        },
        polls: PollTimes {
            changed_seconds: DAY_SECONDS,
            everything_seconds: 30 * DAY_SECONDS,
            repositories_seconds: 7 * DAY_SECONDS,
            overlap_seconds: DAY_SECONDS / 4,
            retry_seconds: DAY_SECONDS / 8,
        },
        queue: QueueTimes::default(),
    }
}

/// The simulated GitHub and everything that runs on it.
struct Stage {
    feed: SharedFeed,
    api: ApiServer,
    driver: Driver,
    clock: SimulatedClock,
    system: System,
    course: Course,
    /// The data folder of a demo that was given none; removed when this is dropped.
    temporary: Option<TempDir>,
    began: Instant,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let stop = Stop::listen()?;
        let mut stage = tokio::select! {
            stage = self.set_up() => stage?,
            () = stop.asked() => anyhow::bail!("stopped before everything was started"),
        };
        if self.headless {
            return self.until_healed(stage, &stop).await;
        }
        println!(
            "Gapless shows a simulated organisation at http://{}",
            stage.system.operator_address()
        );
        println!("Press Ctrl-C to stop; the next start goes on where this one stopped.");
        let ended = tokio::select! {
            () = stop.asked() => Ok(()),
            never = stage.course.follow(&stage.driver, &stage.clock) => match never {},
            never = tell_the_end(&stage.driver) => match never {},
            error = stage.system.roles.failed() => Err(error),
        };
        stop.begin();
        println!("Stopping …");
        ended.and(stage.tear_down().await)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Where the simulated time begins, and how many days it spans. A page shows the last half year,
    /// so there the changes end shortly before now; without one they are the same in every run.
    fn span(&self) -> (Timestamp, u32) {
        if self.headless {
            let Options {
                start, span_days, ..
            } = Options::default();
            return (start, span_days);
        }
        let today = SystemClock.now().day();
        let first = i64::from(today) - i64::from(SHOWN_DAYS) - QUIET_SECONDS / DAY_SECONDS;
        (Timestamp::from_seconds(first * DAY_SECONDS), SHOWN_DAYS)
    }

    /// What the demo shows, as far as it is told so.
    fn script(&self) -> Script {
        Script {
            headless: self.headless,
            seed: self.seed,
            repositories: self.repositories,
            events: self.events,
            lost: self.lost,
            doubled: self.doubled,
            delayed: self.delayed,
            reordered: self.reordered,
        }
    }

    fn world(&self, (start, span_days): (Timestamp, u32)) -> World {
        World::new(Options {
            seed: self.seed,
            repositories: self.repositories,
            changes: self.events,
            start,
            span_days,
            oddities: &Oddity::ALL,
            faults: Faults {
                lost: self.lost,
                doubled: self.doubled,
                delayed: self.delayed,
                reordered: self.reordered,
            },
            // The simulated hour is over in real milliseconds; a budget by the hour means nothing.
            requests_per_hour: u32::MAX,
            ..Options::default()
        })
    }

    async fn set_up(&self) -> Result<Stage> {
        let began = Instant::now();
        let temporary = self.headless.then(temporary_folder).transpose()?;
        let data_dir = temporary
            .as_ref()
            .map_or(Path::new(DATA_DIR), TempDir::path);
        let settings = self.flags.for_demo(data_dir)?;
        let temporary = temporary.filter(|folder| folder.path() == settings.data_dir);
        claim(&settings.data_dir)?;
        let course = Course::of(&settings.data_dir, self.script(), self.span())?;
        let world = self.world(course.span());
        let options = world.options().clone();
        let simulated = SimulatedClock::new(options.start);
        simulated.advance_to(course.now());
        let mut feed = Feed::new(world);
        if course.settled() > 0 {
            progress::step("going on where the last demo stopped");
            feed.skip_arrivals(course.settled());
        }
        let feed: SharedFeed = Arc::new(Mutex::new(feed));
        let api = ApiServer::start(Arc::clone(&feed), simulated.clone()).await?;
        let source = SourceConfig {
            host: PUBLIC_HOST.to_owned(),
            owner: Some(options.organisation_login.clone()),
            secrets: vec![Secret::new(options.secret.clone())],
            api_base_url: api.base_url(),
            token: Some(Secret::new("simulated")),
        };
        let system = System::start(Start {
            settings,
            sources: vec![source],
            clock: DemoClock(simulated.clone()),
            times: times(),
            status: Some(live::strip(Arc::clone(&feed), simulated.clone())),
        })
        .await?;
        let rate = self.rate.or((!self.headless).then_some(200.0));
        let drive = DriveOptions {
            deliveries_per_second: rate,
            // What the demo loses is lost on purpose, by the faults above alone.
            attempts: 100,
            quiet_step_seconds: 3_600,
            quiet_pause: Duration::from_millis(20),
            quiet_until: (!self.headless).then(|| SystemClock.now()),
            ..DriveOptions::new(format!("http://{}/webhook", system.webhook_address()))
        };
        let driver = Driver::start(Arc::clone(&feed), simulated.clone(), drive)?;
        Ok(Stage {
            feed,
            api,
            driver,
            clock: simulated,
            system,
            course,
            temporary,
            began,
        })
    }

    async fn until_healed(&self, mut stage: Stage, stop: &Stop) -> Result<ExitCode> {
        let (places, health) = (
            stage.system.places.clone(),
            Arc::clone(&stage.system.roles.health),
        );
        let access = Access {
            bootstrap: places.kafka.bootstrap_servers.clone(),
            client_settings: places.kafka.settings.clone(),
            topics: places.topics.clone(),
            codec: places.codec.clone(),
        };
        let healed = tokio::select! {
            healed = summary::wait_until_healed(&health, &access, &stage.driver, &stage.clock, QUIET_SECONDS) => healed,
            error = stage.system.roles.failed() => Err(error),
            never = stage.course.follow(&stage.driver, &stage.clock) => match never {},
            () = stop.asked() => Err(anyhow::anyhow!("interrupted before all was healed")),
        };
        // What is left takes a while, and nothing after it is worth a wait to who wants it to end.
        stop.begin();
        let report = stage.driver.stop().await;
        stage.course.keep(report.settled, stage.clock.now());
        let stored = summary::wait_until_stored(&health).await;
        let seconds = stage.began.elapsed().as_secs_f64();
        let truth = stage
            .feed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .world
            .truth();
        let compared = compare::with_truth(&places, &access, truth).await;
        let gaps = compare::gaps(&places).await;
        let answers = compare::answers(&places).await;
        // It holds a client of the log, which is about to stop.
        drop(health);
        stage.system.stop().await?;
        stage.api.stop().await;
        let unhealed = healed.and(stored).err();
        let summary = Summary::new(
            self.seed, &report, seconds, compared?, gaps?, answers?, unhealed,
        );
        summary.print(self.json)?;
        if summary.is_right() {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(folder) = stage.temporary {
            eprintln!("What was stored stays in {}.", folder.keep().display());
        }
        Ok(ExitCode::FAILURE)
    }
}

impl Stage {
    async fn tear_down(self) -> Result<()> {
        let report = self.driver.stop().await;
        self.course.keep(report.settled, self.clock.now());
        let stopped = self.system.stop().await;
        self.api.stop().await;
        stopped
    }
}

/// Says once that nothing more is to come: who watches would wait for it.
async fn tell_the_end(driver: &Driver) -> Infallible {
    while !driver.report().all_delivered {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!(
        "All deliveries were sent. What was lost is fetched, and the page stays until Ctrl-C."
    );
    std::future::pending().await
}

fn temporary_folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("gapless-demo-")
        .tempdir()
        .context("no folder for the demo's data can be made; name one with --data-dir")
}

/// A day as text, for differences.
fn day_text(day: i32) -> String {
    let text = Timestamp::from_seconds(i64::from(day) * DAY_SECONDS).to_string();
    text.chars().take(10).collect()
}

//! The roles of Gapless as tasks of this process: each could be a process of its own, since they
//! meet in Kafka and ClickHouse only.

use super::{Places, Start, crash, member, operator, stores};
use anyhow::{Context, Result};
use gapless_core::detect::Patience;
use gapless_embedded::PartState;
use gapless_engine::kafka as processors;
use gapless_ingest::fetch::{Clients, FetchMetrics, QueueTimes, WorkerOptions, run_refetch_worker};
use gapless_ingest::github::{OctocrabGitHub, Paced};
use gapless_ingest::poll::{PollTimes, Poller};
use gapless_ingest::webhook::{self, Limits, Webhook};
use gapless_ingest::{Clock, KafkaConfig, KafkaLog, SourceConfig};
use gapless_projections::sink as projections;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How the roles keep time: the defaults are for a real GitHub.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) patience: Patience,
    pub(crate) polls: PollTimes,
    pub(crate) queue: QueueTimes,
}

/// What the parts say of themselves.
pub(crate) struct Health {
    pub(crate) processors: Arc<processors::Status>,
    pub(crate) projections: watch::Receiver<projections::Status>,
    pub(crate) fetches: Arc<FetchMetrics>,
    log: Arc<KafkaLog>,
    parts: Vec<(&'static str, watch::Receiver<PartState>)>,
}

impl Health {
    /// Why deliveries cannot be taken in, a sentence each: Kafka is all that they need.
    pub(crate) fn intake_troubles(&self) -> Vec<String> {
        let kafka = self.parts.iter().filter(|(name, _)| *name == "Kafka");
        let kafka = kafka.filter_map(|(name, state)| stores::trouble(name, &state.borrow()));
        kafka.chain(self.append_trouble()).collect()
    }

    fn append_trouble(&self) -> Option<String> {
        let error = self.log.trouble()?;
        Some(format!(
            "intake: Kafka takes no events at the moment: {error}"
        ))
    }

    /// Every reason why some part cannot do its work, a sentence each.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let processors = self
            .processors
            .trouble()
            .map(|error| format!("processors: {error}"));
        let projections = match &self.projections.borrow().phase {
            projections::Phase::Running => None,
            projections::Phase::Starting => Some("projections: waiting for ClickHouse".to_owned()),
            projections::Phase::Retrying { error } => Some(format!("projections: {error}")),
            projections::Phase::Stopped => Some("projections: stopped".to_owned()),
        };
        let parts = self
            .parts
            .iter()
            .filter_map(|(name, state)| stores::trouble(name, &state.borrow()));
        let rebuilds = self.projections.borrow().rebuilds.clone();
        parts
            .chain(self.append_trouble())
            .chain(processors)
            .chain(projections)
            .chain(rebuilds.iter().map(rebuild))
            .collect()
    }

    /// How it is doing, for `gapless status`.
    pub(crate) fn report(&self) -> Report {
        Report {
            troubles: self.troubles(),
            processors_lag: self.processors.lag(),
            projections_lag: self.projections.borrow().lag,
            denied_fetches: self.fetches.denied(),
        }
    }

    /// What rises and no part counts by itself: name, in words, and value.
    fn counters(&self) -> [(&'static str, &'static str, u64); 4] {
        let sink = self.projections.borrow();
        [
            (
                "gapless_processed_events",
                "Events that the processors joined",
                self.processors.events(),
            ),
            (
                "gapless_projected_records",
                "Records that the projections read",
                sink.records,
            ),
            (
                "gapless_projected_rows",
                "Rows that the projections stored",
                sink.rows,
            ),
            (
                "gapless_projections_refused",
                "Records that the projections could not read and passed over",
                sink.refused,
            ),
        ]
    }

    /// The same of what rises and falls; without a value where it is not known.
    fn gauges(&self) -> [(&'static str, &'static str, Option<u64>); 5] {
        let is_ready = self.troubles().is_empty();
        let sink = self.projections.borrow();
        let left = sink.rebuilds.iter().map(|it| it.records_left).sum();
        [
            (
                "gapless_ready",
                "1 while every part can do its work, as /readyz says",
                Some(u64::from(is_ready)),
            ),
            (
                "gapless_processor_lag_events",
                "Events that the processors have not joined; missing while that is not known",
                self.processors.lag(),
            ),
            (
                "gapless_projection_lag_records",
                "Records that are not stored with their figures; missing while that is not known",
                sink.lag,
            ),
            (
                "gapless_tables_rebuilding",
                "Tables that were damaged and are written again from the log",
                Some(sink.rebuilds.len() as u64),
            ),
            (
                "gapless_rebuild_left_records",
                "Records that are still to be read for the table that is written again now",
                Some(left),
            ),
        ]
    }
}

/// What the parts say of themselves, as Prometheus asks for it.
struct Watched(Arc<Health>);

/// The library asks for it, and shows it nowhere.
impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in self.0.counters() {
            let counter = ConstCounter::new(value);
            let encoder = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(encoder)?;
        }
        for (name, help, value) in self.0.gauges() {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let encoder = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(encoder)?;
        }
        Ok(())
    }
}

/// How a running Gapless is doing: what `GET /health` of the operator's port answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Every reason why some part cannot do its work.
    pub(crate) troubles: Vec<String>,
    /// Events that are not processed.
    pub(crate) processors_lag: Option<u64>,
    /// Records that are not shown.
    pub(crate) projections_lag: Option<u64>,
    /// Attempts to fetch that GitHub denied since the start.
    pub(crate) denied_fetches: u64,
}

/// That a table is damaged, and how far its rebuild is.
fn rebuild(table: &projections::TableRebuild) -> String {
    let projections::TableRebuild {
        table,
        reason,
        records_read,
        records_left,
    } = table;
    let all = records_read + records_left;
    let far = match all {
        0 => String::new(),
        all => format!(" ({records_read} of {all} records)"),
    };
    format!(
        "table {table}: damaged ({reason}), it is written again from the log{far}; until then what it \
         shows is incomplete"
    )
}

/// The thread of the processors.
type Processors = std::thread::JoinHandle<Result<(), processors::RunError>>;

/// All roles, running.
pub(crate) struct Roles {
    pub(crate) webhook_address: SocketAddr,
    pub(crate) operator_address: SocketAddr,
    pub(crate) health: Arc<Health>,
    stop_intake: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    stop_processors: Arc<AtomicBool>,
    intake: JoinSet<Result<()>>,
    tasks: JoinSet<Result<()>>,
    /// Taken once it was joined.
    processors: Option<Processors>,
    store_folder: PathBuf,
}

/// Ends once the sender says so, or is gone.
async fn told(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone: stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Roles {
    pub(super) async fn start<C: Clock + Clone + 'static>(
        places: &Places,
        start: Start<C>,
    ) -> Result<Self> {
        let Start {
            settings,
            sources,
            clock,
            times,
            status,
        } = start;
        let member = member::of(&places.kafka);
        let (stop_intake, stopping_intake) = watch::channel(false);
        let (stop, stopping) = watch::channel(false);
        let mut intake = JoinSet::new();
        let mut tasks = JoinSet::new();

        let log = Arc::new(
            KafkaLog::new(
                places.kafka.clone(),
                places.topics.clone(),
                places.codec.clone(),
            )
            .context("Kafka cannot be used")?
            .telling(|point| crash::reached(point.name())),
        );
        let limits = Limits::default();
        let webhook = Webhook::new(&sources, limits.clone(), Arc::clone(&log), clock.clone());
        let listener = listen(settings.webhook_listen, "webhook").await?;
        let webhook_address = listener.local_addr()?;
        let router = webhook::webhook_router(Arc::clone(&webhook));
        let intake_told = told(stopping_intake.clone());
        intake
            .spawn(async move { Ok(webhook::serve(listener, router, limits, intake_told).await?) });

        let fetches = Arc::new(FetchMetrics::default());
        spawn_github(
            places,
            &member,
            &sources,
            &clock,
            times,
            &log,
            &fetches,
            &stopping_intake,
            &mut intake,
        )?;

        let (sink_status, projections) = watch::channel(projections::Status::default());
        tasks.spawn(run_projections(
            places.clone(),
            member.clone(),
            sink_status,
            stopping.clone(),
        ));

        let processors_status = Arc::new(processors::Status::default());
        let stop_processors = Arc::new(AtomicBool::new(false));
        let processors = spawn_processors(
            places,
            member,
            times.patience,
            Arc::clone(&processors_status),
            Arc::clone(&stop_processors),
        )?;

        let health = Arc::new(Health {
            processors: processors_status,
            projections,
            fetches,
            log,
            parts: places.parts.clone(),
        });
        let mut registry = Registry::default();
        webhook.register(&mut registry);
        health.fetches.register(&mut registry);
        health.processors.dead_letters().register(&mut registry);
        registry.register_collector(Box::new(Watched(Arc::clone(&health))));
        let listener = listen(settings.operator_listen, "operator").await?;
        let operator_address = listener.local_addr()?;
        let router = operator::router(
            places,
            operator_address,
            Arc::clone(&health),
            registry,
            status,
            clock.clone(),
        )?;
        let served = webhook::serve(listener, router, operator::limits(), told(stopping));
        tasks.spawn(async move { Ok(served.await?) });
        Ok(Self {
            webhook_address,
            operator_address,
            health,
            stop_intake,
            stop,
            stop_processors,
            intake,
            tasks,
            processors: Some(processors),
            store_folder: store_folder(places),
        })
    }

    /// Returns when a role ends that nobody told to, with why, and what to do about it.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        loop {
            let ended = tokio::select! {
                Some(ended) = self.intake.join_next() => ended,
                Some(ended) = self.tasks.join_next() => ended,
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    let is_over = |thread: &mut Processors| thread.is_finished();
                    match self.processors.take_if(is_over) {
                        Some(thread) => Ok(join(thread).await),
                        None => continue,
                    }
                }
            };
            return match ended {
                Ok(Err(error)) => with_advice(error, &self.store_folder),
                Ok(Ok(())) => anyhow::anyhow!("a part ended that nobody told to"),
                Err(error) => error.into(),
            };
        }
    }

    /// Stops what takes in, then what reads.
    pub(super) async fn stop(mut self) -> Result<()> {
        let _ = self.stop_intake.send(true);
        drain(&mut self.intake).await?;
        self.stop_processors.store(true, Ordering::Relaxed);
        if let Some(thread) = self.processors {
            join(thread).await?;
        }
        let _ = self.stop.send(true);
        drain(&mut self.tasks).await
    }
}

async fn join(thread: Processors) -> Result<()> {
    let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
    Ok(ended.map_err(|_| Panicked)??)
}

/// The processors' thread ended by a panic.
#[derive(Debug)]
struct Panicked;

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the processors panicked, which is a defect")
    }
}

impl std::error::Error for Panicked {}

/// Says what to do about a role that ended; `store_folder` holds the processors' stores.
fn with_advice(error: anyhow::Error, store_folder: &Path) -> anyhow::Error {
    use gapless_engine::Halt;
    if format!("{error:#}").contains("No space left on device") {
        return error.context(
            "the disk is full: make room and start again; everything that was accepted is kept",
        );
    }
    let is_store = matches!(
        error.downcast_ref(),
        Some(processors::RunError::Halted(Halt::Store(_)))
    );
    if is_store || error.is::<Panicked>() {
        return error.context(format!(
            "the processors cannot go on; start again, and if that does not help remove {}, which is \
             rebuilt from the log",
            store_folder.display()
        ));
    }
    error
}

/// Waits for tasks that were told to end; one that does not in time is cut off, which loses
/// nothing: all of them may die at any point.
async fn drain(tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(15);
    let ended = tokio::time::timeout(PATIENCE, async {
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    });
    ended.await.unwrap_or(Ok(()))
}

/// Takes a port, or says that it is taken.
pub(super) async fn listen(address: SocketAddr, whose: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("the {whose} listener cannot have {address}; choose another with --{whose}-listen, or stop what holds it")
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call, and each argument is another part"
)]
fn spawn_github<C: Clock + Clone + 'static>(
    places: &Places,
    member: &KafkaConfig,
    sources: &[SourceConfig],
    clock: &C,
    times: Times,
    log: &Arc<KafkaLog>,
    fetches: &Arc<FetchMetrics>,
    stopping: &watch::Receiver<bool>,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let mut clients = Vec::new();
    for source in sources {
        let github = Arc::new(Paced::new(OctocrabGitHub::new(source)?, clock.clone()));
        clients.push((source.owner.clone(), Arc::clone(&github)));
        let Some(owner) = source.owner.clone() else {
            continue;
        };
        let positions = places
            .data_dir
            .join(format!("polls-{}-{owner}.json", source.host));
        let poller = Poller::new(
            github,
            clock.clone(),
            Arc::clone(log),
            owner,
            times.polls,
            Some(positions),
        );
        let told = told(stopping.clone());
        tasks.spawn(async move {
            poller.run(told).await;
            Ok(())
        });
    }
    let (kafka, topics, codec) = (member.clone(), places.topics.clone(), places.codec.clone());
    let (clock, log, metrics) = (clock.clone(), Arc::clone(log), Arc::clone(fetches));
    let options = WorkerOptions {
        times: times.queue,
        ..WorkerOptions::default()
    };
    let told = told(stopping.clone());
    tasks.spawn(async move {
        let clients = Arc::new(Clients::new(clients));
        Ok(run_refetch_worker(
            &kafka, &topics, codec, clients, clock, log, options, metrics, told,
        )
        .await?)
    });
    Ok(())
}

async fn run_projections(
    places: Places,
    member: KafkaConfig,
    status: watch::Sender<projections::Status>,
    stopping: watch::Receiver<bool>,
) -> Result<()> {
    let options = projections::Options {
        bootstrap: member.bootstrap_servers,
        client_settings: member.settings,
        topics: places.topics,
        clickhouse: places.clickhouse,
        reached: |point| crash::reached(point.name()),
    };
    Ok(projections::run(options, places.codec, status, told(stopping)).await?)
}

/// Where the processors keep their stores.
fn store_folder(places: &Places) -> PathBuf {
    let generation = places.topics.generation;
    places.data_dir.join(format!("states-{generation}"))
}

fn spawn_processors(
    places: &Places,
    member: KafkaConfig,
    patience: Patience,
    status: Arc<processors::Status>,
    stop: Arc<AtomicBool>,
) -> Result<Processors> {
    let options = processors::Options {
        bootstrap: member.bootstrap_servers,
        client_settings: member.settings,
        topics: places.topics.clone(),
        store_folder: store_folder(places),
        acts: true,
        patience,
        codec: places.codec.clone(),
        reached: |point| crash::reached(point.name()),
    };
    let run = move || processors::run(options, &status, &stop);
    Ok(std::thread::Builder::new()
        .name("processors".to_owned())
        .spawn(run)?)
}

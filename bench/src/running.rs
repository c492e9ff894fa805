//! Gapless's own parts, wired as `gapless` wires them.

use crate::bodies::secret;
use crate::part::{say, told};
use crate::places::Places;
use anyhow::Result;
use gapless_core::detect::Patience;
use gapless_engine::kafka as processors;
use gapless_ingest::webhook::{self, Limits, Webhook};
use gapless_ingest::{KafkaLog, PUBLIC_HOST, Secret, SourceConfig, SystemClock};
use gapless_projections::sink as projections;
use gapless_schemas::Codec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// The source that the simulator's deliveries belong to.
pub(crate) fn source() -> SourceConfig {
    SourceConfig {
        host: PUBLIC_HOST.to_owned(),
        owner: None,
        secrets: vec![Secret::new(secret())],
        api_base_url: String::new(),
        token: None,
    }
}

/// Runs the webhook (saying its address), or the readers, or both, until told to end.
pub(crate) async fn run(places: &Places, webhook: bool, readers: bool) -> Result<()> {
    let (stop, stopping) = watch::channel(false);
    let asked = |mut stopping: watch::Receiver<bool>| async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let mut tasks = tokio::task::JoinSet::<Result<()>>::new();
    let stop_processors = Arc::new(AtomicBool::new(false));
    if readers {
        let options = processors_options(places);
        let stop = Arc::clone(&stop_processors);
        tasks.spawn(async move {
            let run = move || processors::run(options, &processors::Status::default(), &stop);
            Ok(tokio::task::spawn_blocking(run).await??)
        });
        let options = projections::Options {
            bootstrap: places.bootstrap.clone(),
            client_settings: places.settings.clone(),
            topics: places.topics(),
            clickhouse: places.clickhouse(),
            reached: |_| {},
        };
        let (status, _) = watch::channel(projections::Status::default());
        let told = asked(stopping.clone());
        tasks.spawn(async move {
            Ok(projections::run(options, Codec::embedded(), status, told).await?)
        });
    }
    if webhook {
        let log = KafkaLog::new(places.kafka(), places.topics(), Codec::embedded())?;
        let limits = Limits::default();
        let webhook = Webhook::new(&[source()], limits.clone(), log, SystemClock);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        say(&listener.local_addr()?)?;
        let router = webhook::webhook_router(webhook);
        let told = asked(stopping);
        tasks.spawn(async move { Ok(webhook::serve(listener, router, limits, told).await?) });
    }
    let mut ended = tokio::select! {
        () = told() => Ok(()),
        Some(ended) = tasks.join_next() => ended?,
    };
    let _ = stop.send(true);
    stop_processors.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        ended = ended.and(task?);
    }
    ended
}

fn processors_options(places: &Places) -> processors::Options {
    processors::Options {
        bootstrap: places.bootstrap.clone(),
        client_settings: places.settings.clone(),
        topics: places.topics(),
        store_folder: places.store_folder(),
        acts: true,
        patience: Patience::default(),
        codec: Codec::embedded(),
        reached: |_| {},
    }
}

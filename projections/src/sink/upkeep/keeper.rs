//! Looks, notes, and mends: the shell around [`Inventory`].

use super::inventory::{Entry, Inventory, Mend};
use super::rows::{Progress, write_rows};
use crate::catalogue::tables;
use crate::sink::clickhouse::{
    self, ClickHouse, Look, Probe, SetupError, altered_views, note, prepare, probe, read_inventory,
    reload,
};
use crate::sink::service::consumer::{Consumer, has_first};
use crate::sink::service::{Options, Status, TableRebuild};
use gapless_schemas::Codec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How often it looks. A look takes some milliseconds of ClickHouse's.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The least time between two looks: a step that fails again and again asks for many.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How often it reads a row of every part: files that are gone show in no other way.
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// How often it notes all that it knows, changed or not, for the inventory may be damaged as well.
const NOTE_ALL_EVERY: Duration = Duration::from_secs(30);
/// How long the last look may take.
const LAST_LOOK_WITHIN: Duration = Duration::from_secs(5);
/// How long it waits where mending failed.
const MEND_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What looking and mending need.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) codec: Codec,
    /// Held while the sink computes figures.
    pub(crate) figures: Arc<Mutex<()>>,
    /// Told where a step of the sink failed.
    pub(crate) step_failed: Arc<Notify>,
    pub(crate) status: watch::Sender<Status>,
}

/// What is mended at the moment.
struct Mending {
    mend: Mend,
    /// One task, which ends when this is dropped.
    task: JoinSet<Result<(), String>>,
    progress: watch::Receiver<Progress>,
}

/// Keeps all tables whole.
pub(crate) struct Keeper {
    context: Context,
    inventory: Inventory,
    /// What was last noted.
    noted: Inventory,
    noted_all: Instant,
    /// Definitions of the views, as they were made.
    views: BTreeMap<String, String>,
    mending: Option<Mending>,
    mend_at: Instant,
    probe_at: Instant,
}

impl Keeper {
    /// Looks for the first time, at tables that [`prepare`] has made, before the sink reads; `has_read`
    /// where it did so in an earlier run.
    ///
    /// # Errors
    /// ClickHouse does not answer. Reaction: retry.
    pub(crate) async fn begin(context: Context, has_read: bool) -> Result<Self, SetupError> {
        let mut keeper = Self::new(context);
        keeper.take_up(has_read).await?;
        Ok(keeper)
    }

    fn new(context: Context) -> Self {
        let now = Instant::now();
        Self {
            context,
            inventory: Inventory::default(),
            noted: Inventory::default(),
            noted_all: now,
            views: BTreeMap::new(),
            mending: None,
            mend_at: now,
            probe_at: now + PROBE_EVERY,
        }
    }

    /// Begins with what was noted.
    async fn take_up(&mut self, has_read: bool) -> Result<(), SetupError> {
        let (options, generation) = self.store();
        self.inventory = read_inventory(options, generation).await?;
        self.noted = self.inventory.clone();
        self.views.clear();
        self.look(has_read).await
    }

    fn store(&self) -> (&clickhouse::ClickHouseOptions, u32) {
        let options = &self.context.options;
        (&options.clickhouse, options.topics.generation)
    }

    /// Looks and mends until `stopping`; returns itself where the tables are its own then, for the
    /// [last look](Self::finish).
    pub(crate) async fn run(
        mut self,
        consumer: Arc<Consumer>,
        mut stopping: watch::Receiver<bool>,
    ) -> Option<Self> {
        let mut look_at = Instant::now() + LOOK_EVERY;
        let step_failed = Arc::clone(&self.context.step_failed);
        let mut is_ours = true;
        loop {
            self.begin_mending();
            let earliest = Instant::now() + LOOK_AGAIN_AFTER;
            tokio::select! {
                () = sleep_until(look_at) => {}
                () = async { step_failed.notified().await; sleep_until(earliest).await } => {}
                ended = ended(&mut self.mending) => self.note_ended(ended),
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
            look_at = Instant::now() + LOOK_EVERY;
            let was_ours = is_ours;
            let events = self.context.options.topics.events();
            is_ours = has_first(&consumer, &events).unwrap_or(was_ours);
            let looked = match (was_ours, is_ours) {
                (_, false) => {
                    self.rest();
                    continue;
                }
                (false, true) => self.take_up(true).await,
                (true, true) => self.look(true).await,
            };
            if let Err(error) = looked {
                tracing::warn!(%error, "the tables cannot be looked at");
                // What was not taken up is not yet ours: nothing known is no damage.
                is_ours = was_ours;
                continue;
            }
            if Instant::now() >= self.probe_at {
                self.probe_at = Instant::now() + PROBE_EVERY;
                self.probe_all().await;
            }
        }
        self.mending = None;
        is_ours.then_some(self)
    }

    /// Notes what was written last, unless ClickHouse fails: a loss while nothing runs is noticed by that.
    pub(crate) async fn finish(mut self) {
        if let Ok(looked) = tokio::time::timeout(LAST_LOOK_WITHIN, self.look(true)).await
            && let Err(error) = looked
        {
            tracing::warn!(%error, "the tables cannot be looked at");
        }
    }

    /// Leaves the tables to the member that has the first partition now.
    fn rest(&mut self) {
        self.mending = None;
        self.inventory = Inventory::default();
        self.tell();
    }

    /// Looks at everything, notes what changed, and has what is missing made.
    async fn look(&mut self, has_read: bool) -> Result<(), SetupError> {
        let (options, generation) = self.store();
        let mut look = clickhouse::look(options, generation).await?;
        let altered = altered_views(&self.views, &look.views);
        if look.is_incomplete || !altered.is_empty() {
            tracing::warn!(
                ?altered,
                "tables or views are missing or altered: they are made again"
            );
            prepare(options, generation).await?;
            look = clickhouse::look(options, generation).await?;
            self.views.clear();
        }
        if self.views.is_empty() {
            self.views = std::mem::take(&mut look.views);
        }
        self.take_in(&look, has_read).await
    }

    async fn take_in(&mut self, look: &Look, has_read: bool) -> Result<(), SetupError> {
        let mut inventory = self.inventory.clone();
        if let Some(mending) = &self.mending {
            let positions = mending.progress.borrow().positions.clone();
            inventory.advance(mending.mend.table(), positions);
        }
        // Read after the look, so that what is found was always damaged before.
        let damaged = inventory.look(&look.tables, has_read, now_millis());
        for table in &damaged {
            let rebuild = inventory.entries.get(table);
            let reason = rebuild.and_then(|entry| entry.rebuild.as_ref());
            let reason = reason.map_or("", |rebuild| rebuild.reason.as_str());
            tracing::error!(table, reason, "a table is damaged and is written again");
        }
        let is_again = |mending: &mut Mending| damaged.iter().any(|it| it == mending.mend.table());
        drop(self.mending.take_if(is_again));
        self.inventory = inventory;
        // Those who are asked meanwhile hear of it, noted or not.
        self.tell();
        self.note(look.is_inventory_empty).await
    }

    /// Notes what changed since it was last noted; everything now and then.
    async fn note(&mut self, is_empty: bool) -> Result<(), SetupError> {
        let now = Instant::now();
        let is_all = is_empty || now >= self.noted_all + NOTE_ALL_EVERY;
        let is_changed = |(name, entry): &(&String, &Entry)| {
            is_all || self.noted.entries.get(*name) != Some(*entry)
        };
        let changed = self.inventory.entries.iter().filter(is_changed);
        let changed = changed.map(|(name, entry)| (name, entry, self.progress(name)));
        let (options, generation) = self.store();
        note(options, generation, changed, version()).await?;
        if is_all {
            self.noted_all = now;
        }
        self.noted = self.inventory.clone();
        Ok(())
    }

    /// Records of its topic read and left, where the rows of `table` are written again now.
    fn progress(&self, table: &str) -> (u64, u64) {
        let mending = self.mending.as_ref();
        let mending = mending.filter(|mending| mending.mend.table() == table);
        mending.map_or((0, 0), |mending| {
            let progress = mending.progress.borrow();
            (progress.read, progress.left)
        })
    }

    fn tell(&self) {
        let damaged = self.inventory.entries.iter();
        let damaged = damaged.filter_map(|(name, entry)| Some((name, entry.rebuild.as_ref()?)));
        let rebuilds: Vec<TableRebuild> = damaged
            .map(|(name, rebuild)| {
                let (records_read, records_left) = self.progress(name);
                TableRebuild {
                    table: name.clone(),
                    reason: rebuild.reason.clone(),
                    records_read,
                    records_left,
                }
            })
            .collect();
        self.context.status.send_if_modified(|status| {
            let is_news = status.rebuilds != rebuilds;
            status.rebuilds = rebuilds;
            is_news
        });
    }

    fn begin_mending(&mut self) {
        if self.mending.is_some() || Instant::now() < self.mend_at {
            return;
        }
        let Some(mend) = self.inventory.next() else {
            return;
        };
        let rebuild = self.inventory.entries.get(mend.table());
        let rebuild = rebuild.and_then(|entry| entry.rebuild.clone());
        let positions = rebuild.unwrap_or_default().positions;
        let (sender, progress) = watch::channel(Progress {
            positions: positions.clone(),
            ..Progress::default()
        });
        let mut task = JoinSet::new();
        let context = self.context.clone();
        task.spawn(async move { do_mend(&context, mend, positions, &sender).await });
        self.mending = Some(Mending {
            mend,
            task,
            progress,
        });
    }

    fn note_ended(&mut self, ended: Result<(), String>) {
        let Some(mending) = self.mending.take() else {
            return;
        };
        let table = mending.mend.table();
        match ended {
            Ok(()) => {
                tracing::warn!(table, "a table is whole again");
                self.inventory.end(table, now_millis());
            }
            Err(error) => {
                tracing::warn!(table, error, "a table could not be written again yet");
                let positions = mending.progress.borrow().positions.clone();
                self.inventory.advance(table, positions);
                self.mend_at = Instant::now() + MEND_AGAIN_AFTER;
            }
        }
    }

    /// Has ClickHouse forget parts whose files are gone; the next look finds them lost.
    async fn probe_all(&self) {
        let (options, generation) = self.store();
        for table in tables() {
            match probe(options, generation, table.name).await {
                Ok(Probe::Readable) => {}
                Ok(Probe::FilesMissing) => {
                    let table = table.name;
                    tracing::error!(table, "files of a table are gone: it is loaded anew");
                    if let Err(error) = reload(options, generation, table).await {
                        tracing::warn!(table, %error, "the table could not be loaded anew");
                    }
                }
                Err(error) => {
                    tracing::warn!(table = table.name, %error, "a table cannot be read");
                }
            }
        }
    }
}

/// How the mending ended; never where there is none.
async fn ended(mending: &mut Option<Mending>) -> Result<(), String> {
    let Some(mending) = mending else {
        return std::future::pending().await;
    };
    match mending.task.join_next().await {
        Some(Ok(ended)) => ended,
        Some(Err(panic)) => Err(panic.to_string()),
        None => Err("it was given up".to_owned()),
    }
}

async fn do_mend(
    context: &Context,
    mend: Mend,
    positions: Vec<i64>,
    progress: &watch::Sender<Progress>,
) -> Result<(), String> {
    let options = &context.options;
    let store = ClickHouse::new(&options.clickhouse, options.topics.generation);
    let done = match mend {
        Mend::Rows(table) => return write_rows(context, table, positions, progress).await,
        Mend::Index(rollup) => store.write_index(rollup).await,
        Mend::Figures(rollup) => {
            // What is being computed may have read rows that were lacking. What comes later has not.
            drop(context.figures.lock().await);
            store.compute_all(rollup, options.topics.epoch).await
        }
    };
    done.map_err(|error| error.to_string())
}

fn now_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(0))
}

/// The version of what is noted now.
fn version() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(0))
}

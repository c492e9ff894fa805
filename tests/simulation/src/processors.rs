//! Two workers that own the partitions between them, each with disks of its own, and the zombies
//! that they leave.

use crate::broker::{Broker, Record};
use crate::chance::Chance;
use crate::counts::Counts;
use crate::planted::Planted;
use gapless_core::Key;
use gapless_core::detect::Patience;
use gapless_engine::store::{Column, MemoryStore, Position, Store, StoreError, Write};
use gapless_engine::{CrashPoint, Halt, Input, Log, LogError, Output, Settings, Tail, Task, drive};
use gapless_schemas::StateTopic;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The processors' consumer group, by generation.
fn group(generation: u32) -> &'static str {
    if generation == 1 {
        "processors"
    } else {
        "processors of a rebuild"
    }
}

/// How many workers there are.
pub(crate) const WORKERS: usize = 2;

/// A disk of one worker for one partition: it outlives the task that writes to it.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<MemoryStore>>);

impl Disk {
    fn store(&self) -> MutexGuard<'_, MemoryStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Disk {
    fn position(&self) -> Result<Option<Position>, StoreError> {
        self.store().position()
    }

    fn get(&self, column: Column, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store().get(column, key)
    }

    fn scan(&self, column: Column) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store().scan(column)
    }

    fn commit(&mut self, writes: &[Write], position: Position) -> Result<(), StoreError> {
        self.store().commit(writes, position)
    }
}

/// A task and where it reads on.
struct Running {
    task: Task<Disk>,
    tail: Tail,
    next: i64,
}

impl Running {
    /// Joins what was read.
    fn join(&mut self, batch: Vec<Input>) {
        for input in batch {
            self.next = input.offset + 1;
            self.task.join(input).expect("a disk in memory is read");
        }
    }
}

#[derive(Default)]
struct Worker {
    disks: BTreeMap<i32, Disk>,
    tasks: BTreeMap<i32, Running>,
}

/// A task that goes on after its partition was given to another.
struct Zombie {
    worker: usize,
    partition: i32,
    running: Running,
    batches_left: i64,
}

/// Rates of what goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Troubles {
    /// A worker dies, at each crash point.
    pub(crate) crash: f64,
    /// The log does not acknowledge outputs, some of which are there.
    pub(crate) unacknowledged: f64,
    /// A commit does not reach the group.
    pub(crate) lost_commit: f64,
}

/// All workers.
pub(crate) struct Processors {
    broker: Broker,
    group: &'static str,
    settings: Settings,
    planted: Option<Planted>,
    troubles: Troubles,
    trouble: Chance,
    log_mood: Chance,
    workers: [Worker; WORKERS],
    owners: BTreeMap<i32, usize>,
    zombies: Vec<Zombie>,
    /// The next batch dies here, if there is one.
    pub(crate) doomed: Option<CrashPoint>,
    /// Gap events, commands and dead letters that were given to the log, repeats included.
    acts: u64,
}

impl Processors {
    pub(crate) fn new(
        broker: Broker,
        patience: Patience,
        acts: bool,
        planted: Option<Planted>,
        troubles: Troubles,
        trouble: Chance,
        log_mood: Chance,
    ) -> Self {
        let settings = Settings {
            events_topic: broker.topics.events(),
            epoch: broker.topics.epoch,
            acts,
            patience,
            codec: broker.codec.clone(),
        };
        let owners = broker.partitions().map(|partition| {
            let worker = partition as usize % WORKERS;
            (partition, worker)
        });
        Self {
            owners: owners.collect(),
            group: group(broker.topics.generation),
            broker,
            settings,
            planted,
            troubles,
            trouble,
            log_mood,
            workers: Default::default(),
            zombies: Vec::new(),
            doomed: None,
            acts: 0,
        }
    }

    /// How often it did something beside telling states.
    pub(crate) fn acts(&self) -> u64 {
        self.acts
    }

    /// Whether every event was processed and nothing is asked.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.zombies.is_empty()
            && self.owners.iter().all(|(partition, worker)| {
                let end = self.broker.end(&self.settings.events_topic, *partition);
                match self.workers[*worker].tasks.get(partition) {
                    Some(running) => {
                        let is_settled = self.undoes_nothing() || self.has_seen_all(running);
                        let is_done = running.next >= end && running.task.outputs().is_none();
                        is_done && running.task.asking() == 0 && is_settled
                    }
                    None => end == 0,
                }
            })
    }

    fn undoes_nothing(&self) -> bool {
        self.planted.is_some_and(Planted::undoes_nothing)
    }

    /// Whether nothing that anybody wrote to its output partitions waits to be judged or undone.
    fn has_seen_all(&self, running: &Running) -> bool {
        let partition = running.task.partition();
        let mut tail = running.tail.clone();
        for topic in StateTopic::ALL {
            tail.ends_at(
                topic,
                self.broker.end(&self.broker.topics.state(topic), partition),
            );
        }
        tail.is_settled()
    }

    /// What keeps it from rest, in words.
    pub(crate) fn unrest(&self) -> Vec<String> {
        let asking = self.owners.iter().filter_map(|(partition, worker)| {
            let running = self.workers[*worker].tasks.get(partition)?;
            let asking = running.task.asking();
            (asking > 0).then(|| format!("partition {partition}: {asking} entities still ask"))
        });
        asking.collect()
    }

    /// Brings one batch of a partition of at most `most` events through all steps, unless it is cut
    /// short.
    pub(crate) fn work(&mut self, partition: i32, most: usize, counts: &mut Counts) {
        let worker = self.owners[&partition];
        let Some(mut running) = self.take_task(worker, partition, counts) else {
            return;
        };
        // A replay takes long batches, as a consumer that is behind does.
        let behind = self.broker.end(&self.settings.events_topic, partition) - running.next;
        let most = if behind > 100 { 150 } else { most };
        let is_unacknowledged = running.task.outputs().is_some();
        let batch = if is_unacknowledged {
            // As it does until it is acknowledged, before it looks at anything else.
            counts.add("outputs appended again");
            Vec::new()
        } else {
            let batch = self.read(&running, partition, most);
            if !self.undoes_nothing() && self.trouble.happens(0.3) {
                self.look_at_outputs(&mut running, most, counts);
            }
            if batch.is_empty() {
                self.workers[worker].tasks.insert(partition, running);
                return;
            }
            counts.add("batches");
            batch
        };
        let before = running.next;
        running.join(batch);
        let doomed = self.doomed.take();
        let rate = self.troubles.crash;
        let trouble = &mut self.trouble;
        let mut died_at = None;
        let reach = |point| {
            let dies = doomed == Some(point) || trouble.happens(rate);
            if dies {
                died_at = Some(point);
            }
            !dies
        };
        let mut log = Appender {
            broker: &self.broker,
            group: self.group,
            acts: &mut self.acts,
            mood: &mut self.log_mood,
            troubles: self.troubles,
            tail: &mut running.tail,
            fenced: false,
        };
        let ended = match self.planted {
            Some(Planted::CommitBeforeOutputs) => {
                let next = (running.next > before).then_some(running.next);
                commit_first(&mut running.task, &mut log, next, reach)
            }
            Some(Planted::StoreBeforeOutputs) => store_first(&mut running.task, &mut log, reach),
            _ => drive(&mut running.task, &mut log, reach),
        };
        match ended {
            Ok(()) => {
                self.workers[worker].tasks.insert(partition, running);
            }
            Err(Halt::Log(LogError::Retry(_))) => {
                counts.add("outputs unacknowledged");
                if self.planted == Some(Planted::EmitOnlyOnChange) {
                    running.task.store().expect("a disk in memory is written");
                    running.next = before;
                }
                self.workers[worker].tasks.insert(partition, running);
            }
            Err(Halt::Crashed(point)) => {
                counts.add(format!("crash of a worker at {}", point.name()));
                self.workers[worker].tasks.clear();
                self.zombies.retain(|zombie| zombie.worker != worker);
                // Half of the time the process is back before the group notices.
                if self.trouble.happens(0.5) {
                    let owned = self.owners.iter().filter(|(_, owner)| **owner == worker);
                    let owned: Vec<i32> = owned.map(|(partition, _)| *partition).collect();
                    for partition in owned {
                        self.give(partition, (worker + 1) % WORKERS);
                        counts.add("rebalance after a crash");
                    }
                }
            }
            Err(Halt::Log(LogError::Stop(error))) => panic!("the log stops: {error}"),
            Err(Halt::Store(error)) => panic!("{error}"),
        }
    }

    fn take_task(&mut self, worker: usize, partition: i32, counts: &mut Counts) -> Option<Running> {
        if let Some(running) = self.workers[worker].tasks.remove(&partition) {
            return Some(running);
        }
        if self.broker.end(&self.settings.events_topic, partition) == 0 {
            return None;
        }
        let disk = self.workers[worker].disks.entry(partition).or_default();
        let topic = &self.settings.events_topic;
        let committed = self.broker.committed(self.group, topic, partition);
        let tail = Tail::resume(&self.broker.metadata(self.group, topic, partition));
        let task = Task::open(partition, self.settings.clone(), disk.clone(), committed)
            .expect("a disk in memory is read");
        if committed.unwrap_or(0) > task.next_offset() {
            counts.add("start behind the group: replay");
        } else if committed.unwrap_or(0) < task.next_offset() {
            counts.add("start ahead of the group: emitting again");
        }
        let next = task.start_offset();
        Some(Running { task, tail, next })
    }

    /// Judges up to `most` records of each output partition that are not its own, and writes again
    /// what is outdated.
    fn look_at_outputs(&mut self, running: &mut Running, most: usize, counts: &mut Counts) {
        let Running { task, tail, .. } = running;
        if !task.has_caught_up() {
            return;
        }
        let partition = task.partition();
        for topic in StateTopic::ALL {
            let end = self.broker.end(&self.broker.topics.state(topic), partition);
            tail.ends_at(topic, end);
        }
        let unread: Vec<_> = tail.unread().collect();
        for (topic, range) in unread {
            let name = self.broker.topics.state(topic);
            for record in self.broker.read(&name, partition, range.start, most) {
                if tail.arrive(topic, record.offset) {
                    let key = Key::of_record(topic, &record.key).expect("a key of ours");
                    let outdated = task.is_outdated(&key, record.value.as_deref());
                    tail.judged(Some(key), outdated.expect("a disk in memory is read"));
                    counts.add("states of others that were judged");
                }
            }
        }
        let keys = tail.due();
        let undone = |key| task.undo(key).expect("a disk in memory is read");
        let outputs: Vec<Output> = keys.iter().filter_map(undone).collect();
        let mut log = Appender {
            broker: &self.broker,
            group: self.group,
            acts: &mut self.acts,
            mood: &mut self.log_mood,
            troubles: self.troubles,
            tail,
            fenced: false,
        };
        if log.produce(partition, &outputs).is_ok() {
            counts.add_many("late writes undone", outputs.len() as u64);
            tail.undone(&keys);
        }
    }

    fn read(&self, running: &Running, partition: i32, most: usize) -> Vec<Input> {
        let records = self
            .broker
            .read(&self.settings.events_topic, partition, running.next, most);
        let (codec, mut spare) = (&self.settings.codec, None);
        let input =
            |Record { offset, value, .. }| Some(Input::read(codec, offset, &value?, &mut spare));
        records.into_iter().filter_map(input).collect()
    }

    /// Gives a partition to the other worker, which takes over with the disk that it has, if it
    /// has one and keeps it. The old owner's task may live on as a zombie.
    pub(crate) fn rebalance(&mut self, partition: i32, zombie_batches: i64, counts: &mut Counts) {
        let old = self.owners[&partition];
        let new = (old + 1) % WORKERS;
        self.give(partition, new);
        let has_disk = self.workers[new].disks.contains_key(&partition);
        let kind = if has_disk && self.trouble.happens(0.3) {
            self.workers[new].disks.remove(&partition);
            "a lost disk"
        } else if has_disk {
            "an old disk"
        } else {
            "no disk"
        };
        counts.add(format!("rebalance to {kind}"));
        if let Some(running) = self.workers[old].tasks.remove(&partition)
            && zombie_batches > 0
        {
            counts.add("zombies");
            self.zombies.push(Zombie {
                worker: old,
                partition,
                running,
                batches_left: zombie_batches,
            });
        }
    }

    /// A worker that is given its partition back has only one task for it.
    fn give(&mut self, partition: i32, worker: usize) {
        self.owners.insert(partition, worker);
        self.zombies
            .retain(|zombie| (zombie.worker, zombie.partition) != (worker, partition));
    }

    /// A zombie that lives brings a batch of its own to its end; its commits are refused.
    pub(crate) fn haunt(&mut self, most: usize, counts: &mut Counts) {
        let Some(mut zombie) = self.zombies.pop() else {
            return;
        };
        let batch = self.read(&zombie.running, zombie.partition, most);
        if batch.is_empty() {
            return;
        }
        zombie.running.join(batch);
        let Running { task, tail, .. } = &mut zombie.running;
        let mut log = Appender {
            broker: &self.broker,
            group: self.group,
            acts: &mut self.acts,
            mood: &mut self.log_mood,
            troubles: self.troubles,
            tail,
            fenced: true,
        };
        counts.add("batches of zombies");
        if drive(task, &mut log, |_| true).is_ok() {
            // It believes to be the owner, and does what owners do.
            if !self.undoes_nothing() && self.trouble.happens(0.5) {
                self.look_at_outputs(&mut zombie.running, most, counts);
            }
            zombie.batches_left -= 1;
            if zombie.batches_left > 0 {
                self.zombies.insert(0, zombie);
            }
        }
    }

    pub(crate) fn has_zombies(&self) -> bool {
        !self.zombies.is_empty()
    }
}

/// The log as a task sees it.
struct Appender<'a> {
    broker: &'a Broker,
    group: &'static str,
    acts: &'a mut u64,
    mood: &'a mut Chance,
    troubles: Troubles,
    tail: &'a mut Tail,
    /// The group knows another owner: what is produced is there, what is committed is not.
    fenced: bool,
}

impl Log for Appender<'_> {
    fn produce(&mut self, partition: i32, outputs: &[Output]) -> Result<(), LogError> {
        let acts = outputs.iter().filter(|it| !matches!(it, Output::State(..)));
        *self.acts += acts.count() as u64;
        let refused = self.mood.happens(self.troubles.unacknowledged);
        let arrives = if refused {
            self.mood.index(outputs.len() + 1)
        } else {
            outputs.len()
        };
        for output in &outputs[..arrives] {
            let appended = self.broker.append_output(partition, output);
            if let Some((topic, offset)) = appended.filter(|_| !refused) {
                self.tail.own(topic, offset);
            }
        }
        if refused {
            return Err(LogError::Retry("no acknowledgement came".to_owned()));
        }
        Ok(())
    }

    fn commit(&mut self, partition: i32, next_offset: i64) {
        if !self.fenced && !self.mood.happens(self.troubles.lost_commit) {
            let topic = self.broker.topics.events();
            let metadata = self.tail.metadata();
            self.broker
                .commit_with(self.group, &topic, partition, next_offset, metadata);
        }
    }
}

/// A planted bug: [`drive`] with the offset committed first.
fn commit_first(
    task: &mut Task<Disk>,
    log: &mut Appender<'_>,
    next: Option<i64>,
    mut reach: impl FnMut(CrashPoint) -> bool,
) -> Result<(), Halt> {
    task.prepare()?;
    if let Some(next) = next {
        log.commit(task.partition(), next);
    }
    for point in [CrashPoint::Prepared, CrashPoint::Produced] {
        if !reach(point) {
            return Err(Halt::Crashed(point));
        }
    }
    log.produce(task.partition(), task.outputs().unwrap_or_default())?;
    task.store()?;
    Ok(())
}

/// A planted bug: [`drive`] with the store written first.
fn store_first(
    task: &mut Task<Disk>,
    log: &mut Appender<'_>,
    mut reach: impl FnMut(CrashPoint) -> bool,
) -> Result<(), Halt> {
    task.prepare()?;
    let outputs = task.outputs().unwrap_or_default().to_vec();
    let next = task.store()?;
    for point in [CrashPoint::Prepared, CrashPoint::Produced] {
        if !reach(point) {
            return Err(Halt::Crashed(point));
        }
    }
    log.produce(task.partition(), &outputs)?;
    log.commit(task.partition(), next);
    Ok(())
}

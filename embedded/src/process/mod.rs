//! A child process that is watched: started, probed until it is ready, started again when it
//! dies alone, stopped in order.
//!
//! ```text
//! Starting ──probe answers──▶ Ready ──dies──▶ Restarting ──probe answers──▶ Ready
//!    │ dies too often                │ stop       │ dies too often
//!    ▼                               ▼            ▼
//!  Failed                         Stopped       Failed
//! ```
//!
//! Each child has a thread of its own, with a runtime of its own, that starts it and waits for
//! it. The thread is not for speed: the kernel kills a child "when its parent dies" in fact when
//! the *thread* dies that started it, and the worker threads of a shared runtime may come and
//! go. This one lives until its child has ended.

mod log;
mod restart;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::error::Error;
use log::LogFile;
use restart::{Deaths, Decision};

/// Between two probes of a child that is not ready yet.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// A child that takes longer than this to be ready is spoken of, again and again.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a child printed before its death is in the log within this time.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);
const LOG_READ_BYTES: usize = 16 << 10;
/// What is kept of a child's words, to say why it died.
const LAST_WORDS_BYTES: usize = 16 << 10;
/// What is told of them, in characters.
const LAST_WORDS_CHARACTERS: usize = 300;

/// Where a part is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartState {
    /// Started for the first time, not ready yet.
    Starting,
    /// Answers.
    Ready {
        /// Its process id.
        process_id: u32,
    },
    /// Died alone and comes back.
    Restarting {
        /// How often it was started again so far.
        restarts: u32,
    },
    /// Died too often, or cannot be started; it stays down.
    Failed {
        /// What was seen.
        reason: String,
    },
    /// Was told to stop, and has.
    Stopped,
}

/// Answers whether the child is ready.
pub(crate) type Probe = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// What is run, and how it is known to be ready.
pub(crate) struct Spec {
    /// The part's name, for messages and threads.
    pub(crate) name: &'static str,
    /// Makes the command, anew for each start.
    pub(crate) command: Box<dyn Fn() -> Command + Send>,
    /// Takes what the child prints; one generation before is kept beside it.
    pub(crate) log_path: PathBuf,
    pub(crate) probe: Probe,
    /// Not ready within this time, it is killed, which counts as a death.
    pub(crate) ready_within: Duration,
    /// After SIGTERM it has this long before SIGKILL.
    pub(crate) stop_within: Duration,
}

/// A watched child. Dropped, it is stopped too, but not waited for.
#[derive(Debug)]
pub(crate) struct Supervised {
    name: &'static str,
    log_path: PathBuf,
    state: watch::Receiver<PartState>,
    stop: Option<oneshot::Sender<()>>,
}

impl Supervised {
    /// Starts the child; returns at once.
    pub(crate) fn start(spec: Spec) -> Result<Self, Error> {
        let (state_sender, state) = watch::channel(PartState::Starting);
        let (stop, stop_asked) = oneshot::channel();
        let (name, log_path) = (spec.name, spec.log_path.clone());
        let log = LogFile::open(&log_path).map_err(|e| Error::io(&log_path, &e))?;
        let failed = |reason: std::io::Error| Error::ReadLog {
            part: name,
            reason: reason.to_string(),
            log: spec.log_path.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let log = Arc::new(Mutex::new(log));
        let supervisor = Supervisor {
            spec,
            log,
            state: state_sender,
        };
        std::thread::Builder::new()
            .name(format!("watch-{name}"))
            .spawn(move || {
                runtime.block_on(supervisor.run(stop_asked));
                // A probe may still block a thread of this runtime: it is not waited for.
                runtime.shutdown_background();
            })
            .map_err(|e| Error::ReadLog {
                part: name,
                reason: e.to_string(),
                log: log_path.clone(),
            })?;
        Ok(Self {
            name,
            log_path,
            state,
            stop: Some(stop),
        })
    }

    /// Waits until the child is ready.
    ///
    /// # Errors
    /// It failed for good.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let mut state = self.state.clone();
        let began = Instant::now();
        let reason = loop {
            let change = state
                .wait_for(|s| !matches!(s, PartState::Starting | PartState::Restarting { .. }));
            let Ok(reached) = tokio::time::timeout(PATIENCE, change).await else {
                tracing::warn!(
                    "still waiting for {} to answer, for {} s by now: {} tells what it does",
                    self.name,
                    began.elapsed().as_secs(),
                    self.log_path.display()
                );
                continue;
            };
            break match reached.as_deref() {
                Ok(PartState::Ready { .. }) => return Ok(()),
                Ok(PartState::Failed { reason }) => reason.clone(),
                Ok(_) => "it was stopped".into(),
                Err(_) => "its watcher died".into(),
            };
        };
        Err(Error::ReadLog {
            part: self.name,
            reason,
            log: self.log_path.clone(),
        })
    }

    /// Where the child is in its life, now and from now on.
    pub(crate) fn state(&self) -> watch::Receiver<PartState> {
        self.state.clone()
    }

    /// Stops the child and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // A supervisor that ended before needs no order.
            let _ = stop.send(());
        }
        let mut state = self.state.clone();
        // An error means that the supervisor is gone, and its child with it.
        let _ = state
            .wait_for(|s| matches!(s, PartState::Stopped | PartState::Failed { .. }))
            .await;
    }
}

struct Supervisor {
    spec: Spec,
    log: Arc<Mutex<LogFile>>,
    state: watch::Sender<PartState>,
}

/// How a child's run ended.
enum Run {
    Died { how: String },
    Stopped,
}

impl Supervisor {
    async fn run(self, mut stop: oneshot::Receiver<()>) {
        let began = Instant::now();
        let mut deaths = Deaths::default();
        let mut restarts = 0;
        loop {
            let mut was_ready = false;
            let how = match self.run_once(&mut stop, &mut was_ready).await {
                Run::Died { how } => how,
                Run::Stopped => break self.set(PartState::Stopped),
            };
            let Decision::RestartAfter(wait) = deaths.after_death(began.elapsed(), was_ready)
            else {
                tracing::error!("{} is given up: {how}", self.spec.name);
                break self.set(PartState::Failed { reason: how });
            };
            restarts += 1;
            tracing::warn!(
                ?wait,
                "{} died ({how}) and is started again",
                self.spec.name
            );
            self.set(PartState::Restarting { restarts });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = &mut stop => break self.set(PartState::Stopped),
            }
        }
    }

    fn set(&self, state: PartState) {
        self.state.send_replace(state);
    }

    /// Starts the child and stays with it until it ended and its last words are in the log.
    async fn run_once(&self, stop: &mut oneshot::Receiver<()>, was_ready: &mut bool) -> Run {
        let mut command = (self.spec.command)();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.kill_on_drop(true).spawn() {
            Ok(child) => child,
            Err(error) => {
                return Run::Died {
                    how: format!("it cannot be started: {error}"),
                };
            }
        };
        let mut printed = JoinSet::new();
        let last_words = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdout) = child.stdout.take() {
            printed.spawn(keep(stdout, self.log.clone(), last_words.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            printed.spawn(keep(stderr, self.log.clone(), last_words.clone()));
        }
        let run = self.stay_with(child, stop, was_ready).await;
        // A grandchild that lives on may hold the pipes: the log is not worth waiting for it.
        let _ = tokio::time::timeout(LAST_WORDS_WITHIN, printed.join_all()).await;
        match run {
            Run::Died { how } => {
                let words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
                let how = with_last_words(&how, &String::from_utf8_lossy(&words));
                Run::Died { how }
            }
            Run::Stopped => Run::Stopped,
        }
    }

    async fn stay_with(
        &self,
        mut child: Child,
        stop: &mut oneshot::Receiver<()>,
        was_ready: &mut bool,
    ) -> Run {
        let process_id = child.id().unwrap_or_default();
        tokio::select! {
            ended = child.wait() => return died(ended),
            _ = &mut *stop => return self.stop(child).await,
            ready = self.probe() => if !ready {
                // An error means that it ended meanwhile.
                let _ = child.kill().await;
                let how = format!("it was not ready within {:?}", self.spec.ready_within);
                return Run::Died { how };
            },
        }
        *was_ready = true;
        self.set(PartState::Ready { process_id });
        tracing::info!(process_id, "{} is ready", self.spec.name);
        tokio::select! {
            ended = child.wait() => died(ended),
            _ = stop => self.stop(child).await,
        }
    }

    /// True once the probe answers; false when the time is over.
    async fn probe(&self) -> bool {
        let probing = async {
            while !(self.spec.probe)().await {
                tokio::time::sleep(PROBE_EVERY).await;
            }
        };
        tokio::time::timeout(self.spec.ready_within, probing)
            .await
            .is_ok()
    }

    /// Asks the child to end; ends it when it does not.
    async fn stop(&self, mut child: Child) -> Run {
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Not waited for yet, so the id is still its own; gone already is as good.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(self.spec.stop_within, child.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "{} did not stop within {:?}",
                self.spec.name,
                self.spec.stop_within
            );
            // An error means that it ended meanwhile.
            let _ = child.kill().await;
        }
        Run::Stopped
    }
}

fn died(ended: std::io::Result<ExitStatus>) -> Run {
    let how = match ended {
        Ok(status) => format!("it ended with {status}"),
        Err(error) => format!("it cannot be waited for: {error}"),
    };
    Run::Died { how }
}

/// `how` with the line that says most of what a child printed before: the last that speaks of a
/// fault, traces left out, else the last at all.
pub(crate) fn with_last_words(how: &str, words: &str) -> String {
    let lines = || {
        let lines = words.lines().rev().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with("at "))
    };
    let is_fault = |line: &&str| {
        let line = line.to_lowercase();
        ["error", "exception", "no space left"]
            .iter()
            .any(|word| line.contains(word))
    };
    let Some(line) = lines().find(is_fault).or_else(|| lines().next()) else {
        return how.to_string();
    };
    let plain = line.chars().filter(|c| !c.is_control());
    let line: String = plain.take(LAST_WORDS_CHARACTERS).collect();
    format!("{how}, and said: {line}")
}

/// Copies what a child prints into its log until it closes the pipe, and keeps the end of it.
async fn keep(
    mut printed: impl AsyncRead + Unpin,
    log: Arc<Mutex<LogFile>>,
    last_words: Arc<Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; LOG_READ_BYTES];
    loop {
        match printed.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                // A log that cannot be written (full disk) must not stop the child.
                let _ = log.write(&buffer[..count]);
                drop(log);
                let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
                words.extend_from_slice(&buffer[..count]);
                let surplus = words.len().saturating_sub(LAST_WORDS_BYTES);
                words.drain(..surplus);
            }
        }
    }
}

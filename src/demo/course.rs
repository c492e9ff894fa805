//! What the demo of a data folder shows, and how far it has come: a second start goes on there.
//!
//! The simulated organisation follows from its options, so that nothing of it is kept but these, how
//! many of its deliveries were answered, and the simulated time. Both are noted each second and at the
//! end. After a crash a second's deliveries come again, as GitHub itself sends some again, and change
//! nothing.

use crate::whole_file;
use anyhow::{Context, Result, bail};
use gapless_schemas::Timestamp;
use gapless_simulator::{Driver, SimulatedClock};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "demo.json";
/// What every data folder in use has: the embedded log.
const LOG_FOLDER: &str = "kafka";
const NOTED_EACH: Duration = Duration::from_secs(1);

/// What decides a demo, as its command line says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Script {
    pub(super) headless: bool,
    pub(super) seed: u64,
    pub(super) repositories: usize,
    pub(super) events: usize,
    pub(super) lost: f64,
    pub(super) doubled: f64,
    pub(super) delayed: f64,
    pub(super) reordered: f64,
}

impl Script {
    /// Whether both tell of the same organisation: a page changes nothing about it, so that what
    /// ran without one can be looked at with one.
    fn is_of_the_same(&self, other: &Self) -> bool {
        let headless = self.headless;
        *self
            == Self {
                headless,
                ..other.clone()
            }
    }
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gapless demo")?;
        if self.headless {
            f.write_str(" --headless")?;
        }
        write!(
            f,
            " --seed {} --repositories {} --events {} --lost {} --doubled {} --delayed {} \
             --reordered {}",
            self.seed,
            self.repositories,
            self.events,
            self.lost,
            self.doubled,
            self.delayed,
            self.reordered
        )
    }
}

/// A demo, and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    script: Script,
    start_seconds: i64,
    span_days: u32,
    settled: u64,
    now_millis: i64,
}

/// The demo of a data folder.
pub(super) struct Course {
    path: PathBuf,
    note: Note,
}

impl Course {
    /// The demo that `data_dir` holds, or a new one of `span` (its first instant and its days).
    ///
    /// # Errors
    /// Where the folder holds something else, which simulated deliveries would be mixed with.
    pub(super) fn of(
        data_dir: &Path,
        script: Script,
        (start, span_days): (Timestamp, u32),
    ) -> Result<Self> {
        let path = data_dir.join(FILE);
        let folder = data_dir.display();
        let note = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice::<Note>(&text).with_context(|| {
                format!(
                    "{} is damaged or of another release: remove the folder {folder}, all in it is \
                     simulated, or name another with --data-dir",
                    path.display()
                )
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if data_dir.join(LOG_FOLDER).exists() {
                    bail!(
                        "{folder} holds data that is no demo's, with which simulated deliveries would \
                         be mixed: name another folder with --data-dir"
                    );
                }
                Note {
                    script: script.clone(),
                    start_seconds: start.as_seconds(),
                    span_days,
                    settled: 0,
                    now_millis: start.as_millis(),
                }
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{} cannot be read, run this as its owner", path.display())
                });
            }
        };
        if !note.script.is_of_the_same(&script) {
            bail!(
                "{folder} holds another demo, `{}`: go on with that one, remove the folder, or name \
                 another with --data-dir",
                note.script
            );
        }
        let course = Self { path, note };
        course.write(&course.note).with_context(|| {
            format!(
                "{} cannot be written: make room, or name another folder with --data-dir",
                course.path.display()
            )
        })?;
        Ok(course)
    }

    /// The first instant of the simulated time, and how many days it spans.
    pub(super) fn span(&self) -> (Timestamp, u32) {
        let start = Timestamp::from_seconds(self.note.start_seconds);
        (start, self.note.span_days)
    }

    /// How many deliveries were answered before.
    pub(super) fn settled(&self) -> u64 {
        self.note.settled
    }

    /// The simulated time at which it goes on.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.note.now_millis)
    }

    /// Notes how far the demo has come, each second.
    pub(super) async fn follow(&self, driver: &Driver, clock: &SimulatedClock) -> Infallible {
        loop {
            tokio::time::sleep(NOTED_EACH).await;
            self.keep(driver.settled(), clock.now());
        }
    }

    /// Notes how far the demo has come. Where that fails, more deliveries come again.
    pub(super) fn keep(&self, settled: u64, now: Timestamp) {
        let note = Note {
            settled,
            now_millis: now.as_millis(),
            ..self.note.clone()
        };
        if let Err(error) = self.write(&note) {
            tracing::warn!(%error, path = %self.path.display(), "the demo's place cannot be noted");
        }
    }

    fn write(&self, note: &Note) -> std::io::Result<()> {
        whole_file::write(&self.path, &serde_json::to_vec_pretty(note)?)
    }
}

/// Says so where `data_dir` holds a demo: what GitHub sends does not belong there.
///
/// # Errors
/// Where it does.
pub(crate) fn refuse_data_of_a_demo(data_dir: &Path) -> Result<()> {
    if data_dir.join(FILE).exists() {
        bail!(
            "{} holds the simulated data of `gapless demo`: name another folder with --data-dir",
            data_dir.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(seed: u64) -> Script {
        Script {
            headless: false,
            seed,
            repositories: 3,
            events: 100,
            lost: 0.05,
            doubled: 0.1,
            delayed: 0.0,
            reordered: 0.0,
        }
    }

    #[test]
    fn a_second_start_goes_on_where_the_first_was_although_its_own_span_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let first = (Timestamp::from_seconds(1_000), 7);
        let course = Course::of(folder.path(), script(1), first).unwrap();
        assert_eq!((course.settled(), course.now()), (0, first.0));
        course.keep(42, Timestamp::from_seconds(2_000));

        let later = (Timestamp::from_seconds(90_000), 9);
        let course = Course::of(folder.path(), script(1), later).unwrap();
        assert_eq!(course.span(), first);
        assert_eq!(course.settled(), 42);
        assert_eq!(course.now(), Timestamp::from_seconds(2_000));
    }

    #[test]
    fn a_folder_of_a_demo_without_a_page_can_be_looked_at_with_one() {
        let folder = tempfile::tempdir().unwrap();
        let span = (Timestamp::from_seconds(1_000), 7);
        let headless = Script {
            headless: true,
            ..script(1)
        };
        let course = Course::of(folder.path(), headless, span).unwrap();
        course.keep(42, Timestamp::from_seconds(2_000));
        let course = Course::of(folder.path(), script(1), (span.0, 9)).unwrap();
        assert_eq!((course.settled(), course.span()), (42, span));
    }

    #[test]
    fn data_of_another_kind_is_never_mixed_with_a_demo() {
        let span = (Timestamp::from_seconds(1_000), 7);
        let demo = tempfile::tempdir().unwrap();
        Course::of(demo.path(), script(1), span).unwrap();
        let real = tempfile::tempdir().unwrap();
        std::fs::create_dir(real.path().join(LOG_FOLDER)).unwrap();
        let damaged = tempfile::tempdir().unwrap();
        std::fs::write(damaged.path().join(FILE), "{").unwrap();
        for (folder, seed, said) in [
            (&demo, 2, "gapless demo --seed 1 --repositories 3"),
            (&real, 1, "no demo's"),
            (&damaged, 1, "is damaged"),
        ] {
            let refused = Course::of(folder.path(), script(seed), span).err().unwrap();
            let refused = refused.to_string();
            assert!(refused.contains(said), "{refused}");
            assert!(refused.contains("--data-dir"), "{refused}");
        }
        assert!(refuse_data_of_a_demo(demo.path()).is_err());
        assert!(refuse_data_of_a_demo(real.path()).is_ok());
    }
}

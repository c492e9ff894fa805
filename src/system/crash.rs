//! Dying on purpose, for tests of real processes: `GAPLESS_CRASH_AT=stored:3` kills this process the
//! third time that one of its loops reaches the point of that name. Each loop names its own points;
//! the variable is read here alone.

use anyhow::{Result, bail};
use rustix::process::{Signal, getpid, kill_process};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

const VARIABLE: &str = "GAPLESS_CRASH_AT";

static CRASH_AT: LazyLock<Option<CrashAt>> =
    LazyLock::new(|| CrashAt::parse(&std::env::var(VARIABLE).ok()?));

struct CrashAt {
    point: String,
    /// How often the point is still to be reached, this time included.
    left: AtomicU64,
}

impl CrashAt {
    fn parse(text: &str) -> Option<Self> {
        let (point, times) = text.split_once(':')?;
        let times = times.parse().ok().filter(|times| *times > 0)?;
        names().find(|name| *name == point).map(|name| Self {
            point: name.to_owned(),
            left: AtomicU64::new(times),
        })
    }
}

/// Every point's name, in the order in which an event comes by.
fn names() -> impl Iterator<Item = &'static str> {
    use gapless_engine::CrashPoint as Processors;
    use gapless_ingest::CrashPoint as Appends;
    use gapless_projections::sink::CrashPoint as Projections;
    let appends = Appends::ALL.map(Appends::name).into_iter();
    let processors = Processors::ALL.map(Processors::name);
    let projections = Projections::ALL.map(Projections::name);
    appends.chain(processors).chain(projections)
}

/// Refuses a wish to die that would never be granted.
///
/// # Errors
/// Where the variable names no point, or no number of times.
pub(super) fn check() -> Result<()> {
    if std::env::var_os(VARIABLE).is_some_and(|text| !text.is_empty()) && CRASH_AT.is_none() {
        let names: Vec<_> = names().collect();
        bail!(
            "{VARIABLE} is for tests, as POINT:TIMES, with one of the points {}: correct it or unset it",
            names.join(", ")
        );
    }
    Ok(())
}

/// Dies here, if this is where and when.
pub(super) fn reached(point: &str) {
    let Some(crash_at) = CRASH_AT.as_ref().filter(|crash| crash.point == point) else {
        return;
    };
    if crash_at.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // As abrupt as it can be: nothing is flushed, closed or said.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own_and_only_such_are_taken() {
        let known: std::collections::BTreeSet<_> = names().collect();
        assert_eq!(known.len(), names().count());
        for name in known {
            assert!(CrashAt::parse(&format!("{name}:3")).is_some(), "{name}");
        }
        for wrong in ["stored", "stored:0", "stored:x", "elsewhere:1", ""] {
            assert!(CrashAt::parse(wrong).is_none(), "{wrong}");
        }
    }
}

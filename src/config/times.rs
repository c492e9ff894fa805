//! How long detectors wait and how often GitHub is asked.

use super::layers::Layers;
use crate::system::Times;

/// `[patience]` and `[polls]`; what is not told keeps its default.
pub(super) fn read(layers: &mut Layers) -> Times {
    let mut times = Times::default();
    let mut problems = std::mem::take(&mut layers.problems);
    let section = layers.section("patience");
    let patience = &mut times.patience;
    for (key, seconds) in [
        ("grace_seconds", &mut patience.grace_seconds),
        ("audit_after_seconds", &mut patience.audit_after_seconds),
        ("retry_after_seconds", &mut patience.retry_after_seconds),
    ] {
        *seconds = section.seconds(key, &mut problems).unwrap_or(*seconds);
    }
    let section = layers.section("polls");
    let polls = &mut times.polls;
    for (key, seconds) in [
        ("changed_seconds", &mut polls.changed_seconds),
        ("everything_seconds", &mut polls.everything_seconds),
        ("repositories_seconds", &mut polls.repositories_seconds),
        ("overlap_seconds", &mut polls.overlap_seconds),
        ("retry_seconds", &mut polls.retry_seconds),
    ] {
        *seconds = section.seconds(key, &mut problems).unwrap_or(*seconds);
    }
    layers.problems = problems;
    times
}

//! Which offset may be committed: everything before it is done.

use std::collections::{BTreeMap, BTreeSet};

/// Offsets read and done, by partition.
#[derive(Debug, Default)]
pub(super) struct Offsets(BTreeMap<i32, Progress>);

#[derive(Debug, Default)]
struct Progress {
    open: BTreeSet<i64>,
    /// One past the greatest offset that was read.
    next: i64,
    committed: Option<i64>,
}

impl Offsets {
    /// A record was read, whose work is not done.
    pub(super) fn open(&mut self, partition: i32, offset: i64) {
        self.read(partition, offset).open.insert(offset);
    }

    /// A record was read that needs no work.
    pub(super) fn pass(&mut self, partition: i32, offset: i64) {
        self.read(partition, offset);
    }

    fn read(&mut self, partition: i32, offset: i64) -> &mut Progress {
        let progress = self.0.entry(partition).or_default();
        progress.next = progress.next.max(offset + 1);
        progress
    }

    /// Its work is done.
    pub(super) fn done(&mut self, partition: i32, offset: i64) {
        if let Some(progress) = self.0.get_mut(&partition) {
            progress.open.remove(&offset);
        }
    }

    /// Positions that moved since they were last taken: (partition, offset to commit).
    pub(super) fn take_commits(&mut self) -> Vec<(i32, i64)> {
        self.0
            .iter_mut()
            .filter_map(|(partition, progress)| {
                let position = progress.open.first().copied().unwrap_or(progress.next);
                (progress.committed != Some(position)).then(|| {
                    progress.committed = Some(position);
                    (*partition, position)
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_not_done_is_ever_passed() {
        let mut offsets = Offsets::default();
        offsets.open(0, 10);
        offsets.open(0, 11);
        offsets.pass(0, 12);
        assert_eq!(offsets.take_commits(), [(0, 10)]);
        offsets.done(0, 11);
        assert_eq!(offsets.take_commits(), []);
        offsets.done(0, 10);
        assert_eq!(offsets.take_commits(), [(0, 13)]);
        offsets.pass(1, 4);
        assert_eq!(offsets.take_commits(), [(1, 5)]);
    }
}

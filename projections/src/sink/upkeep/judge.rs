//! Whether a table still has all that was seen in it: pure.
//!
//! A part never changes, and leaves its table in one way only as long as nobody interferes: merged
//! with others into a part that spans them all. So a part that was seen must be there, or a later one
//! that spans it, and what was merged must have been there until then:
//!
//! - **Emptied.** What drops or detaches a part, or truncates, puts a part *without rows* in its place,
//!   which our tables keep (`remove_empty_parts = 0`) until a merge takes it in; after that ClickHouse
//!   still shows it, for [`SHOWN_FOR_SECONDS`]. So whatever a part without rows spans was lost, also
//!   where no look has seen that before.
//! - **Gone.** A part whose files were removed leaves nothing. No part spans it, or one that was merged
//!   across the hole: then its other sources are still shown, and this one is not.
//! - **A hole** in the numbers of blocks, after those that were seen: inserted and removed between two
//!   looks, and perhaps merged across since, which the parts that were merged show. ClickHouse numbers
//!   inserts without holes.
//! - **Changed**: another hash under the same name (numbers begin anew where a table is empty at
//!   ClickHouse's start), or a mutation, of which Gapless makes none.
//!
//! Merged-away rows (of a key that has a later one) are no loss, and no rule here counts rows.

use super::part::{Part, Span};
use std::collections::{BTreeSet, HashSet};

/// How long ClickHouse keeps a part after it was merged into another. A server's default is 480 s, the
/// library's is 0: then every merge would look like a loss.
pub(crate) const OLD_PARTS_LIFETIME_SECONDS: u64 = 120;

/// How long it is sure to show one: some less, as it counts from the merge's end.
pub(crate) const SHOWN_FOR_SECONDS: u64 = 90;

/// What was seen of a table when it was last seen whole, or when its rebuild began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Identity of the table: another one under the same name was made later.
    pub(crate) uuid: String,
    /// Its parts, by name.
    pub(crate) parts: Vec<Part>,
}

/// What is found of a table now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its identity and its parts.
    pub(crate) seen: Seen,
    /// Parts that were merged into others, or emptied, and are still shown.
    pub(crate) former: Vec<Part>,
    /// Parts, former ones too, that were made by this run of ClickHouse, and so lately that all that
    /// they were merged of is still shown.
    pub(crate) young: HashSet<String>,
}

/// Why a table must be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Nothing is known of it, though the log was read before.
    Unknown,
    /// It was dropped: what is there now was made later.
    Dropped,
    /// It lacks rows that were in these parts.
    Lost(BTreeSet<String>),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("nobody knows whether it is whole"),
            Self::Dropped => f.write_str("it was dropped"),
            Self::Lost(parts) => match parts.first() {
                Some(first) if parts.len() == 1 => write!(f, "it lost its part {first}"),
                Some(first) => write!(f, "it lost {} parts, {first} among them", parts.len()),
                None => f.write_str("it lost parts"),
            },
        }
    }
}

/// What became of a table that was `seen`; nothing where all of it is still there.
pub(crate) fn judge(seen: &Seen, found: &Found) -> Option<Damage> {
    if seen.uuid != found.seen.uuid {
        return Some(Damage::Dropped);
    }
    let mut lost = BTreeSet::new();
    let shown = Shown::of(found);
    for part in &seen.parts {
        if part.rows > 0 && !shown.still_holds(part) {
            lost.insert(part.name.clone());
        }
    }
    let known: HashSet<&str> = seen.parts.iter().map(|part| part.name.as_str()).collect();
    let last_seen = seen.parts.iter().filter_map(Part::span).map(|it| it.last);
    let last_seen = last_seen.max().unwrap_or(0);
    for part in found.seen.parts.iter().chain(&found.former) {
        let is_new = part.span().is_some_and(|span| span.last > last_seen);
        if part.rows == 0 && is_new && !known.contains(part.name.as_str()) {
            lost.insert(part.name.clone());
        }
    }
    lost.extend(shown.holes_after(last_seen));
    lost.extend(shown.merged_holes_after(last_seen));
    (!lost.is_empty()).then_some(Damage::Lost(lost))
}

/// Parts that are found, with what each is made of.
struct Shown<'a> {
    now: Vec<(&'a Part, Span)>,
    former: Vec<(&'a Part, Span)>,
    young: &'a HashSet<String>,
}

impl<'a> Shown<'a> {
    fn of(found: &'a Found) -> Self {
        let spans = |parts: &'a [Part]| -> Vec<_> {
            let spans = parts.iter().map(|part| (part, part.span()));
            spans
                .filter_map(|(part, span)| Some((part, span?)))
                .collect()
        };
        Self {
            now: spans(&found.seen.parts),
            former: spans(&found.former),
            young: &found.young,
        }
    }

    /// Whether the rows of `part`, or later ones of the same keys, are still there.
    fn still_holds(&self, part: &Part) -> bool {
        let Some(span) = part.span() else {
            return self.now.iter().any(|(it, _)| it.name == part.name);
        };
        let same = self.now.iter().find(|(it, _)| it.name == part.name);
        if let Some((same, _)) = same {
            return same.hash == part.hash;
        }
        let mut all = self.now.iter().chain(&self.former);
        let is_emptied =
            all.any(|(it, its)| it.rows == 0 && its.covers(&span) && its.level > span.level);
        let mut now = self.now.iter();
        let holder = now.find(|(it, its)| it.rows > 0 && its.covers(&span));
        match holder {
            None => false,
            Some(_) if is_emptied => false,
            Some((_, its))
                if its.level <= span.level
                    || its.mutated_until > span.mutated_until.max(span.last) =>
            {
                false
            }
            Some((holder, its)) => self.was_merged_into(part, &span, holder, its),
        }
    }

    /// Whether what was merged into `holder` had `part` in it. That is known as long as all that went
    /// into it is still shown, and so on back to `part`.
    fn was_merged_into(&self, part: &Part, span: &Span, holder: &Part, its: &Span) -> bool {
        let mut sources = self.former.iter().filter(|(it, source)| {
            it.name != holder.name && its.covers(source) && source.covers(span)
        });
        !self.young.contains(&holder.name)
            || sources.any(|(it, source)| {
                it.name == part.name
                    || source.level < its.level && self.was_merged_into(part, span, it, source)
            })
    }

    /// Blocks after `last_seen` that a part spans, though nothing that was merged into it was made of
    /// them.
    fn merged_holes_after(&self, last_seen: u64) -> Vec<String> {
        let merged = self.now.iter().chain(&self.former);
        let merged = merged.filter(|(it, its)| its.level > 0 && self.young.contains(&it.name));
        let mut holes = Vec::new();
        for (holder, its) in merged {
            let former = self.former.iter();
            let sources = former.filter(|(it, span)| its.covers(span) && it.name != holder.name);
            let mut sources: Vec<&Span> = sources.map(|(_, span)| span).collect();
            sources.sort_unstable_by_key(|span| span.first);
            let mut next = its.first.max(last_seen + 1);
            for source in sources {
                if source.first > next {
                    holes.push(format!("all_{next}_{}", source.first - 1));
                }
                next = next.max(source.last + 1);
            }
        }
        holes
    }

    /// Blocks after `last_seen` that no part is made of, though a later one is.
    fn holes_after(&self, last_seen: u64) -> Vec<String> {
        let mut spans: Vec<&Span> = self.now.iter().map(|(_, span)| span).collect();
        spans.sort_unstable_by_key(|span| span.first);
        let (mut next, mut holes) = (last_seen + 1, Vec::new());
        for span in spans {
            if span.first > next {
                holes.push(format!("all_{next}_{}", span.first - 1));
            }
            next = next.max(span.last + 1);
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts by name, each with rows unless it ends with `!`.
    fn parts(names: &str) -> Vec<Part> {
        let part = |name: &str| Part {
            name: name.trim_end_matches('!').to_owned(),
            hash: "h".to_owned(),
            rows: u64::from(!name.ends_with('!')),
        };
        names.split_whitespace().map(part).collect()
    }

    fn seen(names: &str) -> Seen {
        Seen {
            uuid: "u".to_owned(),
            parts: parts(names),
        }
    }

    /// What is found: parts of now, former ones, and the young among those of now.
    fn found(now: &str, former: &str, young: &str) -> Found {
        Found {
            seen: seen(now),
            former: parts(former),
            young: young.split_whitespace().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn inserts_and_merges_are_no_damage() {
        let table = [
            ("nothing yet", "", found("", "", "")),
            ("a first insert", "", found("all_1_1_0", "", "all_1_1_0")),
            (
                "an insert",
                "all_1_1_0",
                found("all_1_1_0 all_2_2_0", "", ""),
            ),
            (
                "a merge",
                "all_1_1_0 all_2_2_0",
                found("all_1_2_1", "all_1_1_0 all_2_2_0", "all_1_2_1"),
            ),
            (
                "a merge of what was inserted meanwhile",
                "all_1_1_0",
                found("all_1_3_1", "all_1_1_0 all_2_2_0 all_3_3_0", "all_1_3_1"),
            ),
            (
                "two merges, the first of which is no more shown",
                "all_1_1_0 all_2_2_0",
                found("all_1_3_2", "all_1_2_1 all_3_3_0", "all_1_3_2"),
            ),
            (
                "a merge of long ago, or of an earlier run",
                "all_1_1_0 all_2_2_0 all_3_3_0",
                found("all_1_3_1", "all_3_3_0", ""),
            ),
            (
                "a part that is merged alone",
                "all_1_1_0",
                found("all_1_1_1", "all_1_1_0", "all_1_1_1"),
            ),
            (
                "what was emptied and is mended",
                "all_1_1_0 all_2_2_1! all_3_3_0",
                found(
                    "all_1_4_2",
                    "all_1_1_0 all_2_2_1! all_3_3_0 all_4_4_0",
                    "all_1_4_2",
                ),
            ),
            (
                "a part after a mutation that was before it",
                "all_1_1_0_2 all_3_3_0",
                found("all_1_3_1_2", "all_1_1_0_2 all_3_3_0", "all_1_3_1_2"),
            ),
        ];
        for (what, before, found) in table {
            assert_eq!(judge(&seen(before), &found), None, "{what}");
        }
    }

    #[test]
    fn whatever_takes_rows_away_is_damage_also_after_merges() {
        let table = [
            (
                "dropped",
                "all_1_1_0",
                found("all_1_1_1!", "all_1_1_0", ""),
                "all_1_1_0",
            ),
            (
                "dropped, and merged across",
                "all_1_1_0 all_2_2_0 all_3_3_0",
                found("all_1_3_2", "all_1_1_0 all_2_2_1! all_3_3_0", "all_1_3_2"),
                "all_2_2_0",
            ),
            (
                "merged, dropped, and merged across, all between two looks",
                "all_1_1_0 all_2_2_0",
                found("all_1_3_3", "all_1_2_2! all_3_3_0", "all_1_3_3"),
                "all_1_1_0 all_2_2_0",
            ),
            (
                "truncated",
                "all_1_5_2",
                found("all_1_5_3!", "", ""),
                "all_1_5_2",
            ),
            (
                "truncated, and inserted into",
                "all_1_5_2",
                found("all_1_5_3! all_6_6_0", "", ""),
                "all_1_5_2",
            ),
            (
                "dropped before it was seen",
                "all_1_1_0",
                found("all_1_1_0 all_2_2_1!", "", ""),
                "all_2_2_1",
            ),
            (
                "dropped and merged before it was seen",
                "all_1_1_0",
                found("all_1_3_2", "all_1_1_0 all_2_2_1! all_3_3_0", "all_1_3_2"),
                "all_2_2_1",
            ),
            (
                "removed",
                "all_1_1_0 all_2_2_0",
                found("all_2_2_0", "", ""),
                "all_1_1_0",
            ),
            (
                "removed, and merged across",
                "all_1_1_0 all_2_2_0 all_3_3_0",
                found("all_1_3_1", "all_1_1_0 all_3_3_0", "all_1_3_1"),
                "all_2_2_0",
            ),
            (
                "removed before it was seen",
                "all_1_1_0",
                found("all_1_1_0 all_4_4_0", "", ""),
                "all_2_3",
            ),
            (
                "rows deleted by a mutation",
                "all_1_1_0 all_2_2_0",
                found(
                    "all_1_1_0_3 all_2_2_0_3",
                    "all_1_1_0 all_2_2_0",
                    "all_1_1_0_3 all_2_2_0_3",
                ),
                "all_1_1_0 all_2_2_0",
            ),
            (
                "rows deleted by a mutation, and merged",
                "all_1_1_0 all_2_2_0",
                found("all_1_2_1_3", "all_1_1_0_3 all_2_2_0_3", "all_1_2_1_3"),
                "all_1_1_0 all_2_2_0",
            ),
        ];
        for (what, before, found, expected) in table {
            let expected = expected.split_whitespace().map(str::to_owned).collect();
            let judged = judge(&seen(before), &found);
            assert_eq!(judged, Some(Damage::Lost(expected)), "{what}");
        }
    }

    #[test]
    fn another_table_of_the_same_name_was_dropped_and_another_part_of_the_same_name_is_lost() {
        let mut another = found("all_1_1_0", "", "");
        another.seen.uuid = "other".to_owned();
        assert_eq!(judge(&seen("all_1_1_0"), &another), Some(Damage::Dropped));
        let mut replaced = found("all_1_1_0", "", "");
        replaced.seen.parts[0].hash = "other".to_owned();
        let lost = Damage::Lost(["all_1_1_0".to_owned()].into());
        assert_eq!(judge(&seen("all_1_1_0"), &replaced), Some(lost));
    }

    /// Every history of inserts, merges, losses and looks: a loss is found by the next look, and
    /// nothing else is. But for one: what was merged, removed from the disk and merged across between
    /// two looks. Files that are gone show when a table is loaded anew, which takes a look.
    #[test]
    fn no_history_hides_a_loss() {
        use proptest::prelude::*;
        #[derive(Clone, Debug)]
        enum Step {
            Insert,
            Merge(usize),
            Drop(usize),
            Remove(usize),
            Truncate,
            Look,
        }
        let step = prop_oneof![
            4 => Just(Step::Insert),
            3 => (0_usize..8).prop_map(Step::Merge),
            1 => (0_usize..8).prop_map(Step::Drop),
            1 => (0_usize..8).prop_map(Step::Remove),
            1 => Just(Step::Truncate),
            3 => Just(Step::Look),
        ];
        proptest!(|(steps in proptest::collection::vec(step, 1..40))| {
            // (first, last, level, rows) of each part.
            let mut now: Vec<(u64, u64, u64, u64)> = Vec::new();
            let (mut former, mut blocks, mut lost, mut tail_removed) = (Vec::new(), 0, false, false);
            let mut before = seen("");
            let mut merged_since = Vec::new();
            let part = |&(first, last, level, rows): &(u64, u64, u64, u64)| Part {
                name: format!("all_{first}_{last}_{level}"),
                hash: "h".to_owned(),
                rows,
            };
            for step in steps.into_iter().chain([Step::Insert, Step::Look]) {
                match step {
                    Step::Insert => {
                        blocks += 1;
                        now.push((blocks, blocks, 0, 1));
                        tail_removed = false;
                    }
                    Step::Merge(at) if at + 1 < now.len() => {
                        let (one, other) = (now[at], now.remove(at + 1));
                        former.extend([one, other]);
                        now[at] = (one.0, other.1, one.2.max(other.2) + 1, one.3.max(other.3));
                        merged_since.push(now[at].0);
                    }
                    Step::Drop(at) if at < now.len() => {
                        lost |= now[at].3 > 0;
                        now[at].2 += 1;
                        now[at].3 = 0;
                    }
                    Step::Remove(at) if at < now.len() && !merged_since.contains(&now[at].0) => {
                        tail_removed |= at + 1 == now.len();
                        lost |= now.remove(at).3 > 0;
                    }
                    Step::Truncate => {
                        for part in &mut now {
                            lost |= part.3 > 0;
                            part.2 += 1;
                            part.3 = 0;
                        }
                    }
                    // What was removed behind all others shows with the next insert.
                    Step::Look if !tail_removed => {
                        let found = Found {
                            seen: Seen { uuid: "u".to_owned(), parts: now.iter().map(part).collect() },
                            former: former.iter().map(part).collect(),
                            young: now.iter().chain(&former).map(|it| part(it).name).collect(),
                        };
                        let judged = judge(&before, &found);
                        prop_assert_eq!(judged.is_some(), lost, "{:?} then {:?}", before, found);
                        before = found.seen;
                        lost = false;
                        merged_since.clear();
                    }
                    _ => {}
                }
            }
        });
    }
}

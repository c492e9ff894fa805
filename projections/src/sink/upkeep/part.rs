//! A part of a table, as ClickHouse tells of it.

/// A part: rows that were inserted by one statement, or merged of several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// Its name: `all_<first block>_<last block>_<level>`, and `_<mutation>` after one.
    pub(crate) name: String,
    /// Hash of its files; nothing where that does not matter.
    pub(crate) hash: String,
    /// How many rows it has. Tables here never make a part without rows by themselves.
    pub(crate) rows: u64,
}

/// Which inserts a part is made of, read from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Number of its first block.
    pub(super) first: u64,
    /// Number of its last block.
    pub(super) last: u64,
    /// How often its rows were merged.
    pub(super) level: u64,
    /// The last mutation that its rows went through, or else its first block: mutations are numbered
    /// among the blocks, and touch the blocks before them.
    pub(super) mutated_until: u64,
}

impl Part {
    /// Which inserts it is made of; none where the name is of another kind.
    pub(super) fn span(&self) -> Option<Span> {
        let mut numbers = self.name.strip_prefix("all_")?.split('_').map(str::parse);
        let mut number = || numbers.next()?.ok();
        let (first, last, level) = (number()?, number()?, number()?);
        Some(Span {
            first,
            last,
            level,
            mutated_until: number().unwrap_or(first),
        })
    }
}

impl Span {
    /// Whether all that `other` was made of is within it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_part_is_made_of() {
        let table = [
            ("all_7_7_1", Some((7, 7, 1, 7))),
            ("all_1_11_5_8", Some((1, 11, 5, 8))),
            ("20260101_1_1_0", None),
            ("all_1_x_0", None),
            ("all_1_2", None),
        ];
        for (name, expected) in table {
            let part = Part {
                name: name.to_owned(),
                hash: String::new(),
                rows: 1,
            };
            let span = part.span();
            let found = span.map(|it| (it.first, it.last, it.level, it.mutated_until));
            assert_eq!(found, expected, "{name}");
        }
    }
}

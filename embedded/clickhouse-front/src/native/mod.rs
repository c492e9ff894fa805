//! Native blocks, from the revision that the engine writes to the one that a client asked for.
//!
//! The engine's library writes blocks of revision 0. A client that sends
//! `client_protocol_version` (clickhouse-go, and with it Grafana's data source) expects a
//! BlockInfo before each block and, from revision 54454, a byte after each column's type that
//! says whether its serialisation is a custom one (it is not). The columns' bytes are the same;
//! to find where each ends, its type is walked.

mod column;

use crate::exception::Exception;
use column::Column;

/// From this revision, each column says whether its serialisation is a custom one.
const REVISION_WITH_CUSTOM_SERIALISATION: u64 = 54_454;
/// BlockInfo: field 1 `is_overflows` = 0, field 2 `bucket_num` = -1, end.
const BLOCK_INFO: [u8; 8] = [1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0];
/// In a LowCardinality column's flags: the block carries additional keys.
const HAS_ADDITIONAL_KEYS: u64 = 0x200;

/// Rewrites whole blocks for a client of `revision`.
///
/// # Errors
/// Columns whose type cannot be walked, and blocks that end too early.
pub(crate) fn upgrade(blocks: &[u8], revision: u64) -> Result<Vec<u8>, Exception> {
    let mut upgraded = Vec::with_capacity(blocks.len() + 64);
    let mut walk = Walk {
        bytes: blocks,
        at: 0,
    };
    while walk.at < blocks.len() {
        upgraded.extend(BLOCK_INFO);
        let start = walk.at;
        let (columns, rows) = (walk.varint()?, walk.varint()?);
        upgraded.extend(&blocks[start..walk.at]);
        for _ in 0..columns {
            let start = walk.at;
            walk.text()?;
            let column = Column::parse(&walk.text()?)?;
            upgraded.extend(&blocks[start..walk.at]);
            if revision >= REVISION_WITH_CUSTOM_SERIALISATION {
                upgraded.push(0);
            }
            let start = walk.at;
            if rows > 0 {
                walk.prefix(&column)?;
                walk.values(&column, rows)?;
            }
            upgraded.extend(&blocks[start..walk.at]);
        }
    }
    Ok(upgraded)
}

/// How long the header of a `RowBinaryWithNamesAndTypes` answer is: the number of columns, their
/// names, their types. The engine repeats it in every block of a stream; a client wants it once.
///
/// # Errors
/// When the bytes end within the header.
pub(crate) fn names_and_types_bytes(block: &[u8]) -> Result<usize, Exception> {
    let mut walk = Walk {
        bytes: block,
        at: 0,
    };
    let columns = walk.varint()?;
    for _ in 0..columns.saturating_mul(2) {
        let length = walk.varint()?;
        walk.skip(length)?;
    }
    Ok(walk.at)
}

/// A position in a block. It never passes the end: every step is checked.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn skip(&mut self, count: usize) -> Result<(), Exception> {
        match self
            .at
            .checked_add(count)
            .filter(|end| *end <= self.bytes.len())
        {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(Exception::engine("a block ended before its last value")),
        }
    }

    fn skip_each(&mut self, width: usize, rows: usize) -> Result<(), Exception> {
        self.skip(width.saturating_mul(rows))
    }

    fn varint(&mut self) -> Result<usize, Exception> {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let at = self.at;
            self.skip(1)?;
            let byte = self.bytes[at];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value)
                    .map_err(|_| Exception::engine("a length is beyond all memory"));
            }
        }
        Err(Exception::engine("a length in a block has too many bytes"))
    }

    fn fixed_u64(&mut self) -> Result<u64, Exception> {
        let start = self.at;
        self.skip(8)?;
        let mut value = [0; 8];
        value.copy_from_slice(&self.bytes[start..self.at]);
        Ok(u64::from_le_bytes(value))
    }

    fn length(&mut self) -> Result<usize, Exception> {
        usize::try_from(self.fixed_u64()?)
            .map_err(|_| Exception::engine("a length is beyond all memory"))
    }

    fn text(&mut self) -> Result<String, Exception> {
        let length = self.varint()?;
        let start = self.at;
        self.skip(length)?;
        Ok(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned())
    }

    /// What stands once before all values of a column: a version for each LowCardinality in it.
    fn prefix(&mut self, column: &Column) -> Result<(), Exception> {
        match column {
            Column::LowCardinality(_) => self.skip(8),
            Column::Nullable(inner) | Column::Array(inner) => self.prefix(inner),
            Column::Tuple(elements) => elements.iter().try_for_each(|e| self.prefix(e)),
            Column::Fixed(_) | Column::Text => Ok(()),
        }
    }

    fn values(&mut self, column: &Column, rows: usize) -> Result<(), Exception> {
        match column {
            Column::Fixed(width) => self.skip_each(*width, rows),
            Column::Text => (0..rows).try_for_each(|_| {
                let length = self.varint()?;
                self.skip(length)
            }),
            Column::Nullable(inner) => {
                self.skip(rows)?;
                self.values(inner, rows)
            }
            Column::Array(_) if rows == 0 => Ok(()),
            Column::Array(inner) => {
                self.skip_each(8, rows - 1)?;
                let elements = self.length()?;
                self.values(inner, elements)
            }
            Column::Tuple(elements) if elements.is_empty() => self.skip(rows),
            Column::Tuple(elements) => elements.iter().try_for_each(|e| self.values(e, rows)),
            Column::LowCardinality(_) if rows == 0 => Ok(()),
            Column::LowCardinality(inner) => self.low_cardinality(inner),
        }
    }

    /// Flags, the dictionary (without its null), the number of indexes, the indexes.
    fn low_cardinality(&mut self, inner: &Column) -> Result<(), Exception> {
        let flags = self.fixed_u64()?;
        if flags & HAS_ADDITIONAL_KEYS != 0 {
            let keys = self.length()?;
            let key_column = match inner {
                Column::Nullable(key) => key,
                key => key,
            };
            self.values(key_column, keys)?;
        }
        let indexes = self.length()?;
        let width_shift = (flags & 0xff).min(3);
        self.skip_each(1 << width_shift, indexes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One block with a column of strings and one of arrays of numbers.
    fn block() -> Vec<u8> {
        let mut bytes = vec![2, 2];
        bytes.extend(b"\x01a\x06String\x01x\x03abc");
        bytes.extend(b"\x01b\x0cArray(UInt8)");
        bytes.extend(1u64.to_le_bytes());
        bytes.extend(3u64.to_le_bytes());
        bytes.extend([7, 8, 9]);
        bytes
    }

    #[test]
    fn a_block_gains_its_info_and_a_byte_for_each_column() {
        let blocks = [block(), block()].concat();
        let old = upgrade(&blocks, 54_000).expect("walkable");
        assert_eq!(old.len(), blocks.len() + 2 * 8);
        let new = upgrade(&blocks, 54_460).expect("walkable");
        assert_eq!(new.len(), blocks.len() + 2 * (8 + 2));
        assert_eq!(&new[..8], &BLOCK_INFO);
    }

    #[test]
    fn a_block_that_breaks_off_is_an_error_and_never_a_panic() {
        let whole = block();
        for length in 1..whole.len() {
            let cut = upgrade(&whole[..length], 54_460);
            assert!(cut.is_err(), "cut at {length}");
        }
        assert!(upgrade(&[0xff; 40], 54_460).is_err());
    }

    #[test]
    fn the_header_of_names_and_types_is_measured() {
        assert_eq!(
            names_and_types_bytes(b"\x01\x01a\x06Stringrest").expect("whole"),
            10
        );
        assert!(names_and_types_bytes(b"\x02\x01a\x06String").is_err());
    }
}

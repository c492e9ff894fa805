//! ClickHouse's own block framing, which clients ask for with `compress=1` (answers) and
//! `decompress=1` (requests).
//!
//! A frame is: checksum (16 bytes, CityHash128 of all that follows), method (1 byte), length of
//! method + lengths + body (u32), length of the body decompressed (u32), body. LZ4 blocks and
//! plain ones are understood; the `clickhouse` crate sends LZ4.

use crate::exception::{Exception, Refusal};

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
/// ClickHouse's own bound for a frame, compressed or not.
const FRAME_MAX_BYTES: usize = 1 << 30;
/// Answers are cut into frames of at most this many bytes before compression.
const OUTPUT_FRAME_BYTES: usize = 1 << 20;
const METHOD_LZ4: u8 = 0x82;
const METHOD_NONE: u8 = 0x02;

/// CityHash 1.0.2 with its halves in the order in which ClickHouse writes them.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(bytes)
        .rotate_right(64)
        .to_le_bytes()
}

/// Takes framed bytes in pieces of any size and gives back what they held. Keeps at most one
/// incomplete frame.
#[derive(Default)]
pub(crate) struct Unframer {
    pending: Vec<u8>,
}

impl Unframer {
    /// Adds a piece; returns the contents of all frames that are now complete.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, Exception> {
        self.pending.extend_from_slice(piece);
        let mut contents = Vec::new();
        let mut at = 0;
        while let Some(frame_bytes) = self.unframe(at, &mut contents)? {
            at += frame_bytes;
        }
        self.pending.drain(..at);
        Ok(contents)
    }

    /// Unpacks the frame that starts at `at`; returns its length, or none while it is incomplete.
    fn unframe(&self, at: usize, contents: &mut Vec<u8>) -> Result<Option<usize>, Exception> {
        let frame = &self.pending[at..];
        if frame.len() < CHECKSUM_BYTES + HEADER_BYTES {
            return Ok(None);
        }
        let length = |from: usize| {
            u32::from_le_bytes([
                frame[from],
                frame[from + 1],
                frame[from + 2],
                frame[from + 3],
            ]) as usize
        };
        let (compressed, decompressed) = (length(17), length(21));
        if !(HEADER_BYTES..=FRAME_MAX_BYTES).contains(&compressed) || decompressed > FRAME_MAX_BYTES
        {
            return Err(Exception::refuse(
                Refusal::CannotDecompress,
                "bad compressed block sizes",
            ));
        }
        let frame_bytes = CHECKSUM_BYTES + compressed;
        let Some(checked) = frame.get(CHECKSUM_BYTES..frame_bytes) else {
            return Ok(None);
        };
        if checksum(checked) != frame[..CHECKSUM_BYTES] {
            return Err(Exception::refuse(
                Refusal::ChecksumDoesNotMatch,
                "Checksum doesn't match: corrupted data",
            ));
        }
        let body = &checked[HEADER_BYTES..];
        match checked[0] {
            METHOD_LZ4 => contents.extend(
                lz4_flex::block::decompress(body, decompressed)
                    .map_err(|e| Exception::refuse(Refusal::CannotDecompress, e))?,
            ),
            METHOD_NONE => contents.extend_from_slice(body),
            method => {
                return Err(Exception::refuse(
                    Refusal::NotImplemented,
                    format!("Unknown compression method: {method}; send LZ4 or none"),
                ));
            }
        }
        Ok(Some(frame_bytes))
    }

    /// Says whether the stream ended at a frame's end.
    pub(crate) fn finish(&self) -> Result<(), Exception> {
        if self.pending.is_empty() {
            return Ok(());
        }
        Err(Exception::refuse(
            Refusal::CannotDecompress,
            "truncated compressed stream",
        ))
    }
}

/// Packs bytes into LZ4 frames.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut frames = Vec::with_capacity(bytes.len() / 2 + CHECKSUM_BYTES + HEADER_BYTES);
    for piece in bytes.chunks(OUTPUT_FRAME_BYTES) {
        let body = lz4_flex::block::compress(piece);
        let mut checked = Vec::with_capacity(HEADER_BYTES + body.len());
        checked.push(METHOD_LZ4);
        // Both fit in 32 bits: a piece is at most OUTPUT_FRAME_BYTES long.
        checked.extend(((body.len() + HEADER_BYTES) as u32).to_le_bytes());
        checked.extend((piece.len() as u32).to_le_bytes());
        checked.extend(body);
        frames.extend(checksum(&checked));
        frames.extend(checked);
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        (0..3_000_000u32).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn frames_come_back_as_they_were_whatever_the_pieces() {
        let framed = frame(&sample());
        for piece_bytes in [1_000, 77_777, framed.len()] {
            let mut unframer = Unframer::default();
            let mut contents = Vec::new();
            for piece in framed.chunks(piece_bytes) {
                contents.extend(unframer.push(piece).expect("good frames"));
            }
            unframer.finish().expect("whole frames");
            assert!(contents == sample());
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut framed = frame(b"hello");
        let last = framed.len() - 1;
        framed[last] ^= 1;
        let error = Unframer::default().push(&framed).expect_err("corrupted");
        assert_eq!(error.code(), 40);
    }

    #[test]
    fn a_stream_that_breaks_off_is_found() {
        let framed = frame(b"hello");
        let mut unframer = Unframer::default();
        assert!(
            unframer
                .push(&framed[..framed.len() - 1])
                .expect("not wrong yet")
                .is_empty()
        );
        assert_eq!(unframer.finish().expect_err("truncated").code(), 271);
    }

    #[test]
    fn absurd_lengths_are_refused_before_memory_is_taken() {
        let mut framed = frame(b"hello");
        framed[21..25].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            Unframer::default()
                .push(&framed)
                .expect_err("absurd")
                .code(),
            271
        );
    }
}

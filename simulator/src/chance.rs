//! Randomness as a value: one seeded stream for each purpose, so that more draws for one purpose
//! do not change another.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Chance(ChaCha8Rng);

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// What happens in the world.
    Life = 1,
    /// What happens to deliveries on their way.
    Channel = 2,
    /// What happens to REST requests.
    Api = 3,
}

impl Chance {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        Self(rng)
    }

    /// True with probability `rate`.
    pub(crate) fn happens(&mut self, rate: f64) -> bool {
        // Drawn even for 0 and 1, so that a changed rate leaves the rest of the stream in place.
        self.0.random::<f64>() < rate
    }

    /// A whole number of `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// An index below `length`, which must not be 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// One of `choices` by weight; `None` where every weight is 0.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, f64)]) -> Option<T> {
        let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.0.random::<f64>() * total;
        for (choice, weight) in choices {
            if left < *weight {
                return Some(*choice);
            }
            left -= weight;
        }
        None
    }

    /// A Pareto draw of at least `least`, at most `most`: the smaller `shape`, the longer the tail.
    pub(crate) fn pareto(&mut self, least: f64, shape: f64, most: f64) -> f64 {
        let draw: f64 = 1.0 - self.0.random::<f64>();
        (least / draw.powf(1.0 / shape)).min(most)
    }

    /// An exponential draw with the given mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.0.random::<f64>()).ln() * mean
    }

    /// A draw of `low..=high` that is even in its logarithm.
    pub(crate) fn log_even(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + self.0.random::<f64>() * (high.ln() - low.ln())).exp()
    }

    /// A commit's or tree's name: 40 hexadecimal digits.
    pub(crate) fn sha(&mut self) -> String {
        let mut bytes = [0_u8; 20];
        self.0.fill_bytes(&mut bytes);
        hex::encode(bytes)
    }

    /// A delivery's GUID.
    pub(crate) fn guid(&mut self) -> String {
        let mut bytes = [0_u8; 16];
        self.0.fill_bytes(&mut bytes);
        let digits = hex::encode(bytes);
        let (a, b, c, d, e) = (
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        );
        format!("{a}-{b}-{c}-{d}-{e}")
    }
}

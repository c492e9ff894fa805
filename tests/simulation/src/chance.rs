//! The simulation's own randomness: one stream for each purpose, so that more draws for one do not
//! change another.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    /// Who works when, how much at a time.
    Schedule = 11,
    /// Crashes, rebalances, zombies.
    Trouble = 12,
    /// What the log refuses.
    Log = 13,
    /// How long GitHub takes to answer.
    GitHub = 14,
    /// All of the generation that is rebuilt beside the live one.
    Rebuild = 15,
}

/// A seeded stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        Self(rng)
    }

    /// True with probability `rate`.
    pub(crate) fn happens(&mut self, rate: f64) -> bool {
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

    /// A draw of `low..=high` that is even in its logarithm.
    pub(crate) fn log_even(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + self.0.random::<f64>() * (high.ln() - low.ln())).exp()
    }
}

use super::Join;
use serde::{Deserialize, Serialize};

/// The smallest value ever told; nothing told yet is above every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Earliest<T>(pub Option<T>);

/// The greatest value ever told; nothing told yet is below every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latest<T>(pub Option<T>);

impl<T> Default for Earliest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Ord> Join for Earliest<T> {
    fn join(&mut self, other: Self) {
        if let Some(value) = other.0
            && self.0.as_ref().is_none_or(|mine| value < *mine)
        {
            self.0 = Some(value);
        }
    }
}

impl<T: Ord> Join for Latest<T> {
    fn join(&mut self, other: Self) {
        self.0 = self.0.take().max(other.0);
    }
}

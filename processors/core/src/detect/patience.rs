use gapless_schemas::Urgency;

/// How long detectors wait, by the log's clock.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Late is not lost: how long a question stands before it becomes a gap, in seconds.
    pub grace_seconds: i64,
    /// How long an item is quiet before its history is audited, in seconds. One that is never quiet
    /// is audited after seven times this; an audit without an answer is asked for
    /// again after this.
    pub audit_after_seconds: i64,
    /// How long an answer to a gap is awaited before it is asked for again, in seconds: doubled
    /// each time, up to `audit_after_seconds`. Commands that still wait are not helped by more.
    pub retry_after_seconds: i64,
}

/// See [`Patience::audit_after_seconds`].
pub(super) const LONGEST_UNQUIET: i64 = 7;

impl Default for Patience {
    /// For a real GitHub: deliveries are late by under 60 s (p95) on a normal day; ten minutes
    /// leave room, and are as long as a poll's interval.
    fn default() -> Self {
        Self {
            grace_seconds: 600,
            audit_after_seconds: 86_400,
            retry_after_seconds: 1_800,
        }
    }
}

impl Patience {
    /// How long a question stands before anything is done about it.
    pub(super) fn grace(&self, urgency: Urgency) -> i64 {
        match urgency {
            Urgency::Gap => self.grace_seconds,
            Urgency::Audit => self.audit_after_seconds,
        }
    }

    /// How long the answer to this attempt, from 1, is awaited.
    pub(super) fn retry(&self, urgency: Urgency, attempt: u32) -> i64 {
        let longest = self.audit_after_seconds.max(self.retry_after_seconds);
        match urgency {
            Urgency::Gap => self
                .retry_after_seconds
                .saturating_mul(1 << (attempt - 1).min(30))
                .min(longest),
            Urgency::Audit => longest,
        }
    }
}

//! Answers that equal statements of one moment share.
//!
//! A dashboard asks a dozen questions at once, several pages may be open, and every panel needs
//! the variables' lists. Each statement is asked once; those who ask the same meanwhile wait for
//! that answer. A failure is shared only with those who were already waiting for it. At most
//! [`CAPACITY`] answers are kept; when all are young, the oldest makes room.

use super::{Answer, NoAnswer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

const CAPACITY: usize = 128;
/// Nobody shares anything older.
const MAX_AGE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
struct Entry {
    asked: Instant,
    answer: Arc<OnceCell<Arc<Answer>>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AnswerCache {
    entries: Mutex<HashMap<String, Entry>>,
}

impl AnswerCache {
    /// The answer to `sql`: one at most `shared_for` old, or what `ask` brings.
    pub(super) async fn get<F, A>(
        &self,
        sql: &str,
        shared_for: Duration,
        ask: F,
    ) -> Result<Arc<Answer>, NoAnswer>
    where
        F: FnOnce() -> A,
        A: Future<Output = Result<Answer, NoAnswer>>,
    {
        let cell = self.cell(sql, shared_for, Instant::now());
        cell.get_or_try_init(|| async { ask().await.map(Arc::new) })
            .await
            .cloned()
    }

    fn cell(&self, sql: &str, shared_for: Duration, now: Instant) -> Arc<OnceCell<Arc<Answer>>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |entry: &Entry| now.saturating_duration_since(entry.asked);
        if let Some(entry) = entries.get(sql)
            && age(entry) <= shared_for
        {
            return Arc::clone(&entry.answer);
        }
        entries.retain(|_, entry| age(entry) <= MAX_AGE);
        if entries.len() >= CAPACITY
            && let Some(oldest) = entries
                .iter()
                .min_by_key(|(_, entry)| entry.asked)
                .map(|(sql, _)| sql.clone())
        {
            entries.remove(&oldest);
        }
        let entry = Entry {
            asked: now,
            answer: Arc::default(),
        };
        entries.insert(sql.to_owned(), entry.clone());
        entry.answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_statements_of_one_moment_share_an_answer() {
        let cache = AnswerCache::default();
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let first = cache.cell("SELECT 1", second, start);
        assert!(Arc::ptr_eq(
            &first,
            &cache.cell("SELECT 1", second, start + second)
        ));
        assert!(!Arc::ptr_eq(&first, &cache.cell("SELECT 2", second, start)));
        assert!(!Arc::ptr_eq(
            &first,
            &cache.cell("SELECT 1", second, start + 2 * second)
        ));
    }

    #[test]
    fn the_number_of_answers_is_bounded() {
        let cache = AnswerCache::default();
        let start = Instant::now();
        for number in 0..2 * CAPACITY {
            cache.cell(
                &number.to_string(),
                MAX_AGE,
                start + Duration::from_millis(number as u64),
            );
        }
        assert_eq!(cache.entries.lock().unwrap().len(), CAPACITY);
    }

    #[tokio::test]
    async fn a_failure_is_asked_again() {
        let cache = AnswerCache::default();
        let failed = cache.get("q", MAX_AGE, async || Err(NoAnswer::Busy)).await;
        assert_eq!(failed.unwrap_err(), NoAnswer::Busy);
        let answer = cache
            .get("q", MAX_AGE, async || Ok(Answer::default()))
            .await;
        assert!(answer.is_ok());
    }
}

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::Timestamp;
use domain::ids::TokenId;

/// Who was heard of since it was last written down: a poll and an open stream are signs of life.
/// Kept in memory, since a write a poll would cost more than the poll.
#[derive(Debug, Default)]
pub struct Hearing {
    heard: Mutex<BTreeMap<TokenId, Timestamp>>,
}

impl Hearing {
    /// Notes that the bearer of a waiting token was heard of.
    pub fn note(&self, id: TokenId, at: Timestamp) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heard.entry(id).or_insert(at);
        *last = at.max(*last);
    }

    /// Takes up to `limit` of those that were heard of.
    #[must_use]
    pub fn take(&self, limit: usize) -> Vec<(TokenId, Timestamp)> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<_> = heard.keys().copied().take(limit).collect();
        ids.into_iter().filter_map(|id| heard.remove_entry(&id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn the_latest_sign_of_life_counts_and_is_taken_once() {
        let hearing = Hearing::default();
        hearing.note(claims().token_id, now());
        hearing.note(claims().token_id, now() - seconds(1));
        assert_eq!(hearing.take(10), [(claims().token_id, now())]);
        assert_eq!(hearing.take(10), []);
    }
}

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::TokenId;

/// Who was heard of since it was last written down: a poll and an open stream are signs of life.
/// Kept in memory, since a write a poll would cost more than the poll.
#[derive(Debug)]
pub struct Hearing {
    shards: Vec<Mutex<HashMap<TokenId, Heard>>>,
    begun_at: std::sync::OnceLock<Timestamp>,
}

/// So that a million signs of life are gone through without anybody waiting for it.
const SHARDS: usize = 64;

/// Tenths of a second since the first sign of life of all.
type Tenths = u32;

#[derive(Debug, Clone, Copy)]
struct Heard {
    first: Tenths,
    last: Tenths,
}

impl Default for Hearing {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, begun_at: std::sync::OnceLock::new() }
    }
}

impl Hearing {
    /// Notes that the bearer of a waiting token was heard of.
    pub fn note(&self, id: TokenId, at: Timestamp) {
        let at = self.tenths(at);
        let (_, low) = uuid::Uuid::from(id).as_u64_pair();
        let shard = usize::try_from(low % 64).ok().and_then(|shard| self.shards.get(shard));
        let Some(shard) = shard else { return };
        let mut shard = lock(shard);
        let heard = shard.entry(id).or_insert(Heard { first: at, last: at });
        heard.last = heard.last.max(at);
    }

    /// Takes up to `limit` of those that have not been written down since they were first heard of
    /// at `heard_before` or earlier, with when they were last heard of.
    #[must_use]
    pub fn take_pending(&self, heard_before: Timestamp, limit: usize) -> Vec<(TokenId, Timestamp)> {
        let heard_before = self.tenths(heard_before);
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let due = shard.extract_if(|_, heard| heard.first <= heard_before);
            taken.extend(due.take(limit - taken.len()).map(|(id, heard)| (id, heard.last)));
        }
        taken.into_iter().map(|(id, last)| (id, self.time(last))).collect()
    }

    fn tenths(&self, at: Timestamp) -> Tenths {
        let since = at - *self.begun_at.get_or_init(|| at - TimeDelta::days(1));
        Tenths::try_from(since.num_milliseconds() / 100).unwrap_or(0)
    }

    fn time(&self, tenths: Tenths) -> Timestamp {
        let since = TimeDelta::milliseconds(i64::from(tenths) * 100);
        self.begun_at.get().map_or(Timestamp::MIN_UTC, |begun_at| *begun_at + since)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn id(n: u128) -> TokenId {
        uuid::Uuid::from_u128(n).into()
    }

    #[test]
    fn the_latest_sign_of_life_counts_and_is_taken_once() {
        let hearing = Hearing::default();
        hearing.note(id(1), now());
        hearing.note(id(1), now() - seconds(1));
        assert_eq!(hearing.take_pending(now(), 10), [(id(1), now())]);
        assert_eq!(hearing.take_pending(now(), 10), []);
    }

    #[test]
    fn what_was_first_heard_a_moment_ago_is_kept_for_later() {
        let hearing = Hearing::default();
        hearing.note(id(1), now());
        hearing.note(id(2), now() + seconds(10));
        hearing.note(id(1), now() + seconds(20));
        assert_eq!(hearing.take_pending(now(), 10), [(id(1), now() + seconds(20))]);
        assert_eq!(hearing.take_pending(now() + seconds(10), 10).len(), 1);
    }

    #[test]
    fn no_more_is_taken_than_asked_for_and_nothing_is_lost() {
        let hearing = Hearing::default();
        (0..1_000).for_each(|n| hearing.note(id(n), now()));
        let mut taken = 0;
        loop {
            let some = hearing.take_pending(now(), 300).len();
            assert!(some <= 300);
            taken += some;
            if some == 0 {
                break;
            }
        }
        assert_eq!(taken, 1_000);
    }
}

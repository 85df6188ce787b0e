use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::TokenId;
use domain::uptime::{Uptime, Word};

/// Who was heard of since it was last written down: a poll and an open stream are signs of life.
/// Kept in memory, since a write a poll would cost more than the poll.
#[derive(Debug)]
pub struct Hearing {
    shards: Vec<Mutex<HashMap<TokenId, Heard>>>,
    begun_at: OnceLock<Timestamp>,
    next_shard: AtomicUsize,
    /// Up to when all that was due was written down, in microseconds since 1970; 0: nothing was since the
    /// other servers were told.
    written_until: AtomicI64,
    /// Up to when the other servers know this one to have written it down; 0: they do not know it yet.
    known_until: AtomicI64,
}

/// So that a million signs of life are gone through without anybody waiting for it.
const SHARDS: usize = 64;

/// Tenths of a second since the first sign of life of all.
type Tenths = u32;

#[derive(Debug, Clone, Copy)]
struct Heard {
    last: Tenths,
    /// When it is to be written down.
    due: Tenths,
}

/// For how long signs of life are gathered at the most, so that many of one token are one write.
const GATHERED_SECONDS_MAX: u32 = 30;

impl Default for Hearing {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            shards,
            begun_at: OnceLock::new(),
            next_shard: AtomicUsize::new(0),
            written_until: AtomicI64::new(0),
            known_until: AtomicI64::new(0),
        }
    }
}

impl Hearing {
    /// Notes that the bearer of a waiting token was heard of. It will be written down within a
    /// quarter of the room's patience, so that nobody is dropped for it.
    pub fn note(&self, id: TokenId, at: Timestamp, idle_ttl_seconds: u32) {
        let at = self.tenths(at);
        let due = at.saturating_add((idle_ttl_seconds / 4).min(GATHERED_SECONDS_MAX) * 10);
        let Some(mut shard) = self.shard(id) else { return };
        let heard = shard.entry(id).or_insert(Heard { last: at, due });
        heard.last = heard.last.max(at);
        // The room's patience may have become shorter.
        heard.due = heard.due.min(due);
    }

    /// Whether somebody was heard of and that is not written down yet.
    #[must_use]
    pub fn is_pending(&self, id: TokenId) -> bool {
        self.shard(id).is_some_and(|shard| shard.contains_key(&id))
    }

    fn shard(&self, id: TokenId) -> Option<MutexGuard<'_, HashMap<TokenId, Heard>>> {
        let (_, low) = uuid::Uuid::from(id).as_u64_pair();
        let at = usize::try_from(low).unwrap_or(0) % SHARDS;
        self.shards.get(at).map(lock)
    }

    /// Takes up to `limit` of those that are to be written down by `now`, with when they were last
    /// heard of.
    #[must_use]
    pub fn take_due(&self, now: Timestamp, limit: usize) -> Vec<(TokenId, Timestamp)> {
        let now = self.tenths(now);
        let mut taken = Vec::new();
        // Goes on where the one before ended, so that all are gone through once and not each time.
        let first = self.next_shard.load(Ordering::Relaxed);
        let shards = self.shards.iter().enumerate().cycle().skip(first).take(SHARDS);
        for (at, shard) in shards {
            self.next_shard.store(at, Ordering::Relaxed);
            let mut shard = lock(shard);
            let due = shard.extract_if(|_, heard| heard.due <= now);
            taken.extend(due.take(limit - taken.len()).map(|(id, heard)| (id, heard.last)));
            if taken.len() == limit {
                break;
            }
        }
        taken.into_iter().map(|(id, last)| (id, self.time(last))).collect()
    }

    /// All that was due at `at` is written down.
    pub fn wrote_all_until(&self, at: Timestamp) {
        self.written_until.store(at.timestamp_micros(), Ordering::Relaxed);
    }

    /// What this server has to say to the others with its next beat.
    #[must_use]
    pub fn word(&self) -> Word {
        match (self.written_until.load(Ordering::Relaxed), self.known_until.load(Ordering::Relaxed))
        {
            (0, 0) => Word::First,
            (0, _) => Word::Nothing,
            (until, _) => {
                Timestamp::from_timestamp_micros(until).map_or(Word::Nothing, Word::WroteUntil)
            }
        }
    }

    /// The beat that said `word` got through at `now`.
    pub fn said(&self, word: Word, now: Timestamp) {
        let until = match word {
            Word::Nothing => return,
            Word::First => now,
            Word::WroteUntil(at) => at.min(now),
        };
        self.known_until.store(until.timestamp_micros(), Ordering::Relaxed);
        if let Word::WroteUntil(at) = word {
            // Unless more was written meanwhile, there is nothing new to say.
            let (said, relaxed) = (at.timestamp_micros(), Ordering::Relaxed);
            _ = self.written_until.compare_exchange(said, 0, relaxed, relaxed);
        }
    }

    /// Whether somebody who is heard of here at `now` keeps the place. After too long a time without a
    /// word of this server the others wait no longer for what it heard.
    #[must_use]
    pub fn can_vouch(&self, now: Timestamp) -> bool {
        let known_until = self.known_until.load(Ordering::Relaxed);
        let since = TimeDelta::microseconds(now.timestamp_micros().saturating_sub(known_until));
        known_until == 0 || since <= Uptime::VOUCHES_FOR
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
        hearing.note(id(1), now(), 0);
        hearing.note(id(1), now() - seconds(1), 0);
        assert!(hearing.is_pending(id(1)) && !hearing.is_pending(id(2)));
        assert_eq!(hearing.take_due(now(), 10), [(id(1), now())]);
        assert!(!hearing.is_pending(id(1)));
        assert_eq!(hearing.take_due(now(), 10), []);
    }

    #[test]
    fn signs_of_life_are_gathered_for_a_quarter_of_the_patience() {
        let hearing = Hearing::default();
        hearing.note(id(1), now(), 40);
        hearing.note(id(1), now() + seconds(9), 40);
        hearing.note(id(2), now(), 100_000);
        hearing.note(id(3), now(), 100_000);
        hearing.note(id(3), now(), 4);
        assert_eq!(hearing.take_due(now() + seconds(1), 10), [(id(3), now())], "at once");
        assert_eq!(hearing.take_due(now() + seconds(9), 10), []);
        let heard = [(id(1), now() + seconds(9))];
        assert_eq!(hearing.take_due(now() + seconds(10), 10), heard);
        assert_eq!(hearing.take_due(now() + seconds(29), 10), []);
        assert_eq!(hearing.take_due(now() + seconds(30), 10), [(id(2), now())]);
    }

    #[test]
    fn a_server_of_which_nobody_has_heard_for_long_vouches_for_nobody() {
        let hearing = Hearing::default();
        assert!(hearing.can_vouch(now()));
        hearing.said(Word::First, now());
        assert!(hearing.can_vouch(now() + Uptime::VOUCHES_FOR));
        assert!(!hearing.can_vouch(now() + Uptime::VOUCHES_FOR + seconds(1)));
    }

    #[test]
    fn the_others_are_told_once_of_what_was_written_down() {
        let hearing = Hearing::default();
        assert_eq!(hearing.word(), Word::First);
        hearing.said(Word::First, now());
        assert_eq!(hearing.word(), Word::Nothing);
        hearing.wrote_all_until(now());
        let word = hearing.word();
        assert_eq!(word, Word::WroteUntil(now()));
        hearing.wrote_all_until(now() + seconds(1));
        hearing.said(word, now() + seconds(1));
        let word = hearing.word();
        assert_eq!(word, Word::WroteUntil(now() + seconds(1)), "it was written meanwhile");
        hearing.said(word, now() + seconds(40));
        // While nothing can be written down, no beat makes it vouch for longer.
        hearing.said(hearing.word(), now() + seconds(50));
        assert!(hearing.can_vouch(now() + seconds(61)));
        assert!(!hearing.can_vouch(now() + seconds(62)));
    }

    #[test]
    fn no_more_is_taken_than_asked_for_and_nothing_is_lost() {
        let hearing = Hearing::default();
        (0..1_000).for_each(|n| hearing.note(id(n), now(), 0));
        let mut taken = 0;
        loop {
            let some = hearing.take_due(now(), 300).len();
            assert!(some <= 300);
            taken += some;
            if some == 0 {
                break;
            }
        }
        assert_eq!(taken, 1_000);
    }
}

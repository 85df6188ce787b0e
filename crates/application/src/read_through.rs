//! What is read for one is kept for those who want it next.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ports::{Clock, Unavailable};
use lru::LruCache;

use crate::single_flight::SingleFlight;

/// A read-through cache. However many want what is not in it, it is read once. What is not there is not
/// kept.
pub(crate) struct ReadThrough<K, V> {
    entries: Arc<Mutex<Entries<K, V>>>,
    flights: SingleFlight<K, Option<V>>,
    lifetime: Lifetime,
}

/// For how long what was read is kept.
#[derive(Clone)]
pub(crate) enum Lifetime {
    /// It never changes.
    Ever,
    /// Others may change it, who tell nobody: see [`kept_until`].
    Moment(Arc<dyn Clock>),
    /// Others may change it, and it may be as old as this.
    Span(Arc<dyn Clock>, TimeDelta),
}

struct Entries<K, V> {
    kept: LruCache<K, Kept<V>>,
    /// Goes up when all is forgotten: what was being read then is not kept.
    generation: u64,
}

struct Kept<V> {
    value: V,
    /// None: for ever.
    until: Option<Timestamp>,
}

/// Cache a value for so many times as long as reading it took, so that reading it over and over uses about
/// 3 % of a connection.
const KEPT_FOR: i32 = 30;
/// How old a list or a count may be that others can change. Half of the second within which every server
/// shows a commit; the rest is for the reading.
const MOMENT_MAX: TimeDelta = TimeDelta::milliseconds(500);

/// Until when something is kept that was read from `began` to `ended`. It is as old as the beginning of
/// its reading, and gets no older than `age_max`.
pub(crate) fn kept_until(began: Timestamp, ended: Timestamp, age_max: TimeDelta) -> Timestamp {
    began + ((ended - began) * KEPT_FOR).min(age_max)
}

impl<K, V> ReadThrough<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps the `most` that were wanted last.
    pub(crate) fn new(most: NonZeroUsize, lifetime: Lifetime) -> Self {
        let entries = Entries { kept: LruCache::new(most), generation: 0 };
        let entries = Arc::new(Mutex::new(entries));
        Self { entries, flights: SingleFlight::default(), lifetime }
    }

    /// What `key` stands for, which `read` reads where it is not kept.
    ///
    /// # Errors
    /// Those of the reading, which all who wait for it get; or an overload when it takes too long.
    pub(crate) async fn get<F>(
        &self,
        key: K,
        read: impl FnOnce() -> F,
    ) -> Result<Option<V>, Unavailable>
    where
        F: Future<Output = Result<Option<V>, Unavailable>> + Send + 'static,
    {
        if let Some(kept) = lock(&self.entries).kept_of(&key, self.lifetime.now()) {
            return Ok(Some(kept));
        }
        let (entries, lifetime, about) = (self.entries.clone(), self.lifetime.clone(), key.clone());
        let ask = || {
            let reading = read();
            async move {
                let began = lifetime.now();
                let generation = {
                    let mut entries = lock(&entries);
                    // Somebody else's reading may just have ended.
                    if let Some(kept) = entries.kept_of(&about, began) {
                        return Ok(Some(kept));
                    }
                    entries.generation
                };
                let found = reading.await?;
                let mut entries = lock(&entries);
                if let Some(value) = found.clone().filter(|_| entries.generation == generation) {
                    let times = began.zip(lifetime.now());
                    let until = times.map(|(began, ended)| lifetime.end(began, ended));
                    entries.kept.put(about, Kept { value, until });
                }
                Ok(found)
            }
        };
        self.flights.run(key, ask).await
    }

    /// Keeps what is known without having been read, unless something is kept already. For what never
    /// changes.
    pub(crate) fn keep(&self, key: K, known: impl FnOnce() -> V) {
        let mut entries = lock(&self.entries);
        if !entries.kept.contains(&key) {
            entries.kept.put(key, Kept { value: known(), until: None });
        }
    }

    /// Whoever wants something from now on gets what is read from now on.
    pub(crate) fn forget_all(&self) {
        let mut entries = lock(&self.entries);
        entries.generation += 1;
        entries.kept.clear();
        self.flights.forget_all();
    }
}

impl Lifetime {
    /// The time, where it matters.
    fn now(&self) -> Option<Timestamp> {
        match self {
            Self::Ever => None,
            Self::Moment(clock) | Self::Span(clock, _) => Some(clock.now()),
        }
    }

    /// Until when something is kept that was read from `began` to `ended`.
    fn end(&self, began: Timestamp, ended: Timestamp) -> Timestamp {
        match self {
            Self::Span(_, age_max) => began + *age_max,
            Self::Ever | Self::Moment(_) => kept_until(began, ended, MOMENT_MAX),
        }
    }
}

impl<K: Eq + Hash, V: Clone> Entries<K, V> {
    /// What is kept and still holds.
    fn kept_of(&mut self, key: &K, now: Option<Timestamp>) -> Option<V> {
        let kept = self.kept.get(key)?;
        let holds = kept.until.zip(now).is_none_or(|(until, now)| now < until);
        holds.then(|| kept.value.clone())
    }
}

fn lock<K, V>(entries: &Mutex<Entries<K, V>>) -> MutexGuard<'_, Entries<K, V>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use domain::ports::MockClock;

    use super::*;
    use crate::testing::*;

    const MOST: NonZeroUsize = NonZeroUsize::new(8).unwrap();

    /// A clock, and what sets it to so many milliseconds after [`now`].
    fn settable_clock() -> (Arc<dyn Clock>, Arc<AtomicI64>) {
        let millis = Arc::new(AtomicI64::new(0));
        let (mut clock, time) = (MockClock::new(), Arc::clone(&millis));
        let at = move || now() + TimeDelta::milliseconds(time.load(Ordering::Relaxed));
        clock.expect_now().returning(at);
        (Arc::new(clock), millis)
    }

    /// Gets it, where a reading would take so many milliseconds and find `value`.
    async fn get(
        cache: &ReadThrough<&'static str, u32>,
        time: &Arc<AtomicI64>,
        takes: i64,
        value: u32,
    ) -> u32 {
        let time = Arc::clone(time);
        let read = || async move {
            time.fetch_add(takes, Ordering::Relaxed);
            Ok(Some(value))
        };
        cache.get("key", read).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_was_quick_to_read_is_kept_for_thirty_times_as_long() {
        let (clock, time) = settable_clock();
        let cache = ReadThrough::new(MOST, Lifetime::Moment(clock));
        assert_eq!(get(&cache, &time, 10, 1).await, 1);
        time.store(299, Ordering::Relaxed);
        assert_eq!(get(&cache, &time, 10, 2).await, 1);
        time.store(300, Ordering::Relaxed);
        assert_eq!(get(&cache, &time, 10, 3).await, 3);
    }

    #[tokio::test]
    async fn what_takes_long_to_read_gets_no_older_for_it() {
        let (clock, time) = settable_clock();
        let cache = ReadThrough::new(MOST, Lifetime::Moment(clock));
        assert_eq!(get(&cache, &time, 400, 1).await, 1);
        assert_eq!(get(&cache, &time, 400, 2).await, 1);
        time.store(500, Ordering::Relaxed);
        assert_eq!(get(&cache, &time, 700, 3).await, 3, "half a second after it began");
        assert_eq!(get(&cache, &time, 700, 4).await, 4, "and this was too old when it came");
    }

    #[tokio::test]
    async fn what_may_be_old_is_kept_for_its_span_however_quick_it_was_to_read() {
        let (clock, time) = settable_clock();
        let cache = ReadThrough::new(MOST, Lifetime::Span(clock, TimeDelta::seconds(2)));
        assert_eq!(get(&cache, &time, 1, 1).await, 1);
        time.store(1_999, Ordering::Relaxed);
        assert_eq!(get(&cache, &time, 1, 2).await, 1);
        time.store(2_000, Ordering::Relaxed);
        assert_eq!(get(&cache, &time, 1, 3).await, 3);
    }

    #[tokio::test]
    async fn what_never_changes_is_kept_and_what_is_not_there_is_looked_for_again() {
        let cache = ReadThrough::new(MOST, Lifetime::Ever);
        assert_eq!(cache.get("key", || async { Ok(None) }).await.unwrap(), None);
        assert_eq!(cache.get("key", || async { Ok(Some(1)) }).await.unwrap(), Some(1));
        assert_eq!(cache.get("key", || async { Ok(Some(2)) }).await.unwrap(), Some(1));
        cache.forget_all();
        assert_eq!(cache.get("key", || async { Ok(Some(3)) }).await.unwrap(), Some(3));
    }

    #[tokio::test]
    async fn what_was_being_read_when_all_was_forgotten_is_not_kept() {
        let cache = Arc::new(ReadThrough::new(MOST, Lifetime::Ever));
        let forgetting = Arc::clone(&cache);
        let old = cache.get("key", || async move {
            forgetting.forget_all();
            Ok(Some("old"))
        });
        assert_eq!(old.await.unwrap(), Some("old"));
        assert_eq!(cache.get("key", || async { Ok(Some("new")) }).await.unwrap(), Some("new"));
    }

    #[tokio::test]
    async fn a_thousand_who_want_the_same_read_it_once() {
        let cache = Arc::new(ReadThrough::new(MOST, Lifetime::Ever));
        let reads = Arc::new(AtomicI64::new(0));
        let mut wanting = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let (cache, reads) = (Arc::clone(&cache), Arc::clone(&reads));
            wanting.spawn(async move {
                let read = || async move { Ok(Some(reads.fetch_add(1, Ordering::Relaxed))) };
                cache.get("key", read).await.unwrap()
            });
        }
        assert!(wanting.join_all().await.into_iter().all(|found| found == Some(0)));
    }
}

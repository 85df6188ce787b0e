use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::DateTime;
use domain::Timestamp;
use domain::ports::Clock;

/// The database's time as this server can tell it: what the database said last, and as much more as
/// has passed here since. The machine's own clock, which may be anywhere, is never asked.
#[derive(Debug, Clone)]
pub struct DatabaseClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// The database's time at the origin, in microseconds since 1970.
    at_origin: AtomicI64,
    /// The latest time that was ever told before the database was last heard; the clock never goes
    /// back.
    last: AtomicI64,
}

impl DatabaseClock {
    /// A clock that heard just now that it is `time`.
    pub(crate) fn told(time: Timestamp) -> Self {
        let at_origin = AtomicI64::new(time.timestamp_micros());
        let (origin, last) = (Instant::now(), AtomicI64::new(i64::MIN));
        Self { shared: Arc::new(Shared { origin, at_origin, last }) }
    }

    /// Takes over what the database said just now. Its answer took a while to come, so it is
    /// somewhat later there already: this clock is never ahead of the database's.
    pub(crate) fn hear(&self, time: Timestamp) {
        self.shared.last.fetch_max(self.micros(), Ordering::SeqCst);
        let at_origin = time.timestamp_micros().saturating_sub(self.passed());
        self.shared.at_origin.store(at_origin, Ordering::SeqCst);
    }

    /// How long it is since the origin, in microseconds.
    fn passed(&self) -> i64 {
        i64::try_from(self.shared.origin.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    /// Only reads, since everybody asks for the time all the time.
    fn micros(&self) -> i64 {
        let now = self.shared.at_origin.load(Ordering::SeqCst).saturating_add(self.passed());
        now.max(self.shared.last.load(Ordering::SeqCst))
    }

    /// The time of a group that the database said to be `time`: later than any before.
    pub(crate) fn decide_at(&self, time: Timestamp) -> Timestamp {
        let said = time.timestamp_micros();
        let later = |last: i64| Some(said.max(last.saturating_add(1)));
        let last = self.shared.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        let last = last.unwrap_or(i64::MIN);
        at(said.max(last.saturating_add(1))).unwrap_or(time)
    }
}

fn at(micros: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(micros)
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        at(self.micros()).unwrap_or(Timestamp::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: i64) -> Timestamp {
        at(n * 1_000_000).unwrap()
    }

    #[test]
    fn time_is_the_databases_and_never_goes_back() {
        let clock = DatabaseClock::told(seconds(100));
        let first = clock.now();
        assert!(first >= seconds(100) && first < seconds(200));
        clock.hear(seconds(1_000));
        assert!(clock.now() >= seconds(1_000));
        clock.hear(seconds(10));
        assert!(clock.now() >= seconds(1_000));
    }

    #[test]
    fn every_group_decides_later_than_the_one_before() {
        let clock = DatabaseClock::told(seconds(100));
        let first = clock.decide_at(seconds(100));
        let second = clock.decide_at(seconds(99));
        assert!(first < second && second < seconds(101));
    }
}

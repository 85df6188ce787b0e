use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta};
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
    told: Mutex<Told>,
    /// In microseconds since 1970; the clock never goes back.
    last: AtomicI64,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    time: Timestamp,
    heard: Instant,
}

impl DatabaseClock {
    /// A clock that heard just now that it is `time`.
    pub(crate) fn told(time: Timestamp) -> Self {
        let told = Mutex::new(Told { time, heard: Instant::now() });
        Self { shared: Arc::new(Shared { told, last: AtomicI64::new(i64::MIN) }) }
    }

    /// Takes over what the database said just now. Its answer took a while to come, so it is
    /// somewhat later there already: this clock is never ahead of the database's.
    pub(crate) fn hear(&self, time: Timestamp) {
        let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = Told { time, heard: Instant::now() };
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
        let told = *self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = i64::try_from(told.heard.elapsed().as_micros()).unwrap_or(i64::MAX);
        let now = told.time + TimeDelta::microseconds(passed);
        let micros = now.timestamp_micros();
        let last = self.shared.last.fetch_max(micros, Ordering::SeqCst).max(micros);
        at(last).unwrap_or(now)
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

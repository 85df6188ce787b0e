use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::ports::Clock;
use domain::uptime::Uptime;

use crate::discipline::Look;

/// The store's time as this server can tell it: what the database said last, and as much more as
/// has passed here since. The machine's own clock, which may be anywhere, is never asked.
#[derive(Debug, Clone)]
pub struct DatabaseClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// The store's time at the origin, in microseconds since 1970.
    at_origin: AtomicI64,
    /// The latest time that was ever told before the database was last heard; the clock never goes
    /// back.
    last: AtomicI64,
    /// The last heartbeat that was heard of.
    heartbeat_at: AtomicI64,
    /// How far the store's time is ahead of the database's clock.
    ahead: AtomicI64,
}

impl DatabaseClock {
    /// A clock that was told nothing yet.
    pub(crate) fn new() -> Self {
        let [at_origin, last, heartbeat_at, ahead] = [0, i64::MIN, i64::MIN, 0].map(AtomicI64::new);
        let shared = Shared { origin: Instant::now(), at_origin, last, heartbeat_at, ahead };
        Self { shared: Arc::new(shared) }
    }

    /// Takes over what the database said just now. Its answer took a while to come, so it is
    /// somewhat later there already: this clock is never ahead of the database's.
    pub(crate) fn hear(&self, look: &Look) {
        self.shared.last.fetch_max(self.micros(), Ordering::SeqCst);
        let at_origin = look.now().timestamp_micros().saturating_sub(self.passed());
        self.shared.at_origin.store(at_origin, Ordering::SeqCst);
        self.shared.ahead.store(look.offset, Ordering::SeqCst);
        self.hear_beat(look.heartbeat_at);
    }

    /// Takes note of a heartbeat.
    pub(crate) fn hear_beat(&self, heartbeat_at: Timestamp) {
        let heartbeat_at = heartbeat_at.timestamp_micros();
        self.shared.heartbeat_at.fetch_max(heartbeat_at, Ordering::SeqCst);
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
}

fn at(micros: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(micros)
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        at(self.micros()).unwrap_or(Timestamp::MAX_UTC)
    }

    fn cutoff(&self) -> Timestamp {
        let heartbeat_at = at(self.shared.heartbeat_at.load(Ordering::SeqCst));
        Uptime::cutoff(heartbeat_at.unwrap_or(Timestamp::MAX_UTC), self.now())
    }

    fn ahead(&self) -> TimeDelta {
        TimeDelta::microseconds(self.shared.ahead.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: i64) -> Timestamp {
        at(n * 1_000_000).unwrap()
    }

    fn hears(clock: &DatabaseClock, now: i64, heartbeat_at: i64) {
        let (wall, heartbeat_at) = (seconds(now), seconds(heartbeat_at));
        let (changed_at, committed_at) = (wall, heartbeat_at);
        let asked = Instant::now();
        clock.hear(&Look { asked, wall, offset: 0, changed_at, heartbeat_at, committed_at });
    }

    #[test]
    fn time_is_the_databases_and_never_goes_back() {
        let clock = DatabaseClock::new();
        hears(&clock, 100, 100);
        let first = clock.now();
        assert!(first >= seconds(100) && first < seconds(200));
        hears(&clock, 1_000, 1_000);
        assert!(clock.now() >= seconds(1_000));
        hears(&clock, 10, 10);
        assert!(clock.now() >= seconds(1_000));
    }

    #[test]
    fn without_a_heartbeat_ends_do_not_count_and_never_count_less_again() {
        let clock = DatabaseClock::new();
        hears(&clock, 100, 100);
        assert!(clock.cutoff() < clock.now() + TimeDelta::seconds(1));
        hears(&clock, 200, 100);
        assert_eq!(clock.cutoff(), seconds(100) + Uptime::GRACE);
        hears(&clock, 201, 90);
        assert_eq!(clock.cutoff(), seconds(100) + Uptime::GRACE);
        hears(&clock, 202, 201);
        assert!(clock.cutoff() >= seconds(202));
    }
}

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DurationRound, TimeDelta};
use domain::Timestamp;
use domain::clock_discipline::{Correction, STEP_MIN, correction};
use domain::ports::Clock;
use domain::uptime::Uptime;

/// The embedded store's time: the machine's at start, or the last commit's where that is later, and
/// from then on at the pace of the monotonic clock. What the machine's clock comes to differ from it is
/// taken away as [`clock_discipline`](domain::clock_discipline) says.
#[derive(Debug, Clone)]
pub struct StoreClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pace: Mutex<Pace>,
    /// The last heartbeat, in microseconds since 1970.
    heartbeat_at: AtomicI64,
}

/// From which time it goes on, and how fast.
#[derive(Debug, Clone, Copy)]
struct Pace {
    from: Timestamp,
    since: Instant,
    correction: Correction,
    /// How far it was ahead of the machine's clock.
    ahead: TimeDelta,
    /// Since when that is so without a further step.
    ahead_since: Instant,
}

/// How often the machine's clock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl Pace {
    /// The time at `now` by the monotonic clock.
    fn at(&self, now: Instant) -> Timestamp {
        let passed = now.saturating_duration_since(self.since).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let passed = match self.correction {
            Correction::Slower => passed / 2,
            Correction::Faster => passed.saturating_add(passed / 2),
            Correction::None | Correction::Jump => passed,
        };
        let passed = TimeDelta::microseconds(passed);
        self.from.checked_add_signed(passed).unwrap_or(Timestamp::MAX_UTC)
    }

    /// How it goes on after a look at the machine's clock.
    fn after_look(&self, machine: Timestamp, now: Instant) -> Self {
        let time = self.at(now);
        let ahead = time - machine;
        let is_step = (ahead - self.ahead).abs() > STEP_MIN;
        let ahead_since = if is_step { now } else { self.ahead_since };
        let since = TimeDelta::from_std(now.saturating_duration_since(ahead_since));
        let correction = correction(ahead, since.unwrap_or(TimeDelta::MAX));
        if correction == Correction::Jump {
            let ahead = TimeDelta::zero();
            return Self { from: machine, since: now, correction, ahead, ahead_since: now };
        }
        Self { from: time, since: now, correction, ahead, ahead_since }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is asked")]
pub(crate) fn machine() -> Timestamp {
    let machine = chrono::Utc::now();
    machine.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(machine)
}

impl StoreClock {
    /// Goes on from the machine's time, or from the last commit's where that is later; the last
    /// heartbeat, if there was one, was at `heartbeat_at`.
    pub(crate) fn starting_after(
        last_commit_at: Timestamp,
        heartbeat_at: Option<Timestamp>,
    ) -> Self {
        let (machine, now) = (machine(), Instant::now());
        let next = last_commit_at.checked_add_signed(TimeDelta::microseconds(1));
        let from = machine.max(next.unwrap_or(last_commit_at));
        let ahead = from - machine;
        let correction = correction(ahead, TimeDelta::zero());
        let pace = Pace { from, since: now, correction, ahead, ahead_since: now };
        let heartbeat_at = AtomicI64::new(heartbeat_at.unwrap_or(from).timestamp_micros());
        Self { shared: Arc::new(Shared { pace: Mutex::new(pace), heartbeat_at }) }
    }

    /// Looks at the machine's clock, unless it was looked at just now.
    pub(crate) fn look(&self) {
        let (mut pace, now) = (self.pace(), Instant::now());
        if now.saturating_duration_since(pace.since) >= LOOK_EVERY {
            *pace = pace.after_look(machine(), now);
        }
    }

    /// Takes note of a heartbeat.
    pub(crate) fn hear_beat(&self, heartbeat_at: Timestamp) {
        let heartbeat_at = heartbeat_at.timestamp_micros();
        self.shared.heartbeat_at.fetch_max(heartbeat_at, Ordering::SeqCst);
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.shared.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        self.pace().at(Instant::now())
    }

    fn cutoff(&self) -> Timestamp {
        let heartbeat_at = self.shared.heartbeat_at.load(Ordering::SeqCst);
        let heartbeat_at = Timestamp::from_timestamp_micros(heartbeat_at);
        Uptime::cutoff(heartbeat_at.unwrap_or(Timestamp::MAX_UTC), self.now())
    }

    fn ahead(&self) -> TimeDelta {
        self.pace().ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_the_last_commit_though_the_machine_says_it_is_earlier() {
        let far_ahead = "2999-01-01T00:00:00Z".parse().unwrap();
        let clock = StoreClock::starting_after(far_ahead, None);
        let first = clock.now();
        assert!(first > far_ahead && clock.ahead() > TimeDelta::days(36_500));
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.now() > first);
    }

    /// A clock that agrees with the machine's, which then steps; seconds that pass on the machine's clock
    /// and on this one between `looks`, a second each, from the second look on.
    fn seconds_after_step(step: i64, looks: u32) -> i64 {
        let (start, machine) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let agreeing = Pace {
            from: machine,
            since: start,
            correction: Correction::None,
            ahead: TimeDelta::zero(),
            ahead_since: start,
        };
        let at = |second: u32| {
            let machine = machine + TimeDelta::seconds(step + i64::from(second));
            (machine, start + Duration::from_secs(second.into()))
        };
        let mut pace = agreeing;
        for second in 1..=looks {
            let (machine, now) = at(second);
            let before = pace.at(now);
            pace = pace.after_look(machine, now);
            assert!(pace.at(now) >= before, "time goes back");
        }
        let (_, now) = at(looks);
        (pace.at(now) - machine).num_seconds()
    }

    #[test]
    fn a_step_back_halves_the_pace_until_the_machine_has_caught_up() {
        assert_eq!(seconds_after_step(-4, 1), 1);
        assert_eq!(seconds_after_step(-4, 5), 3);
        assert_eq!(seconds_after_step(-4, 30), 26);
    }

    #[test]
    fn a_step_forward_that_stays_is_believed_after_a_while_and_a_short_one_is_hurried_after() {
        assert_eq!(seconds_after_step(3_600, 29), 29);
        assert_eq!(seconds_after_step(3_600, 32), 3_632);
        assert_eq!(seconds_after_step(4, 5), 7);
        assert_eq!(seconds_after_step(4, 20), 24);
    }

    #[test]
    fn a_machine_that_is_years_off_moves_nothing() {
        assert_eq!(seconds_after_step(-400_000_000, 100), 100);
    }
}

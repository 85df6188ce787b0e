use std::time::Instant;

use chrono::{DurationRound, TimeDelta};
use domain::Timestamp;
use domain::ports::Clock;

/// The embedded store's time: the machine's at start, or the last commit's where that is later,
/// and from then on as much later as time has passed. A machine's clock that jumps moves nothing.
#[derive(Debug, Clone)]
pub struct StoreClock {
    started_at: Timestamp,
    started: Instant,
}

impl StoreClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the store's time begins")]
    pub(crate) fn starting_after(last_commit_at: Timestamp) -> Self {
        let machine = chrono::Utc::now();
        let machine = machine.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(machine);
        let started_at = machine.max(last_commit_at + TimeDelta::microseconds(1));
        Self { started_at, started: Instant::now() }
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.started_at + TimeDelta::microseconds(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_the_last_commit_though_the_machine_says_it_is_earlier() {
        let far_ahead = "2999-01-01T00:00:00Z".parse().unwrap();
        let clock = StoreClock::starting_after(far_ahead);
        let first = clock.now();
        assert!(first > far_ahead);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(clock.now() > first);
    }
}

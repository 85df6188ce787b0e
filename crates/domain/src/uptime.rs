//! How long the service has been up without a break, so that an outage counts for nobody.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The service's pulse, kept in the store and shared by all servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// When some server last said that it is there.
    pub heartbeat_at: Timestamp,
    /// Since when at least one server has always been there.
    pub up_since: Timestamp,
}

impl Uptime {
    /// Servers beat once a second; a silence longer than this is an outage.
    pub const SILENCE_MAX: TimeDelta = TimeDelta::seconds(5);

    /// The very first beat.
    #[must_use]
    pub const fn first(now: Timestamp) -> Self {
        Self { heartbeat_at: now, up_since: now }
    }

    /// Notes that a server is there, and returns how long nobody was, if that was an outage.
    pub fn beat(&mut self, now: Timestamp) -> Option<TimeDelta> {
        let silence = now - self.heartbeat_at;
        self.heartbeat_at = self.heartbeat_at.max(now);
        if silence <= Self::SILENCE_MAX {
            return None;
        }
        self.up_since = now;
        Some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_silence_is_no_outage_and_a_long_one_is() {
        let start = Timestamp::UNIX_EPOCH;
        let mut uptime = Uptime::first(start);
        assert_eq!(uptime.beat(start + TimeDelta::seconds(5)), None);
        assert_eq!(uptime.up_since, start);
        let back = start + TimeDelta::seconds(65);
        assert_eq!(uptime.beat(back), Some(TimeDelta::seconds(60)));
        assert_eq!(uptime.up_since, back);
    }
}

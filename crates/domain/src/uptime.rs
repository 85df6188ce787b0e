//! How long the service has been up without a break, so that an outage counts for nobody.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The service's heartbeat, kept in the store and shared by all servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// When some server last said that it is there.
    pub heartbeat_at: Timestamp,
    /// Since when at least one server has always been there.
    pub up_since: Timestamp,
}

/// A time in which no server could do its work: none was up, or the store was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When a server was last heard of.
    pub began_at: Timestamp,
    /// How long nobody was there.
    pub lasted: TimeDelta,
}

impl Uptime {
    /// Servers beat once a second; a silence longer than this is an outage.
    pub const SILENCE_MAX: TimeDelta = TimeDelta::seconds(5);

    /// The very first beat.
    #[must_use]
    pub const fn first(now: Timestamp) -> Self {
        Self { heartbeat_at: now, up_since: now }
    }

    /// The outage that goes on at `now`, or has just ended and is not accounted for. Until it is,
    /// nobody is dropped, ended or let in.
    #[must_use]
    pub fn outage(&self, now: Timestamp) -> Option<Outage> {
        let silence = now - self.heartbeat_at;
        let outage = Outage { began_at: self.heartbeat_at, lasted: silence };
        (silence > Self::SILENCE_MAX).then_some(outage)
    }

    /// Notes that a server is there, and returns the outage that this ends, if it ends one.
    pub fn beat(&mut self, now: Timestamp) -> Option<Outage> {
        let outage = self.outage(now);
        self.heartbeat_at = self.heartbeat_at.max(now);
        if outage.is_some() {
            self.up_since = now;
        }
        outage
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
        let outage =
            Outage { began_at: start + TimeDelta::seconds(5), lasted: TimeDelta::seconds(60) };
        assert_eq!(uptime.outage(back), Some(outage));
        assert_eq!(uptime.beat(back), Some(outage));
        assert_eq!(uptime.outage(back), None);
        assert_eq!(uptime.up_since, back);
    }
}

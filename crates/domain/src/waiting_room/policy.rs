//! Who a waiting room lets in, and for how long.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::refusal::{FieldErrors, Refusal};

/// Who is let in, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPolicy {
    /// How many may be inside at once.
    pub capacity: u32,
    /// How many are let in a minute at the most; none: as many as fit.
    pub admissions_per_minute: Option<u32>,
    /// How long somebody may stay inside, in seconds.
    pub active_ttl_seconds: u32,
    /// After how many seconds without a sign of life somebody loses a place in line.
    pub idle_ttl_seconds: u32,
    /// Whether nobody is let in for now.
    pub paused: bool,
    /// When it opens; who comes before gets a number by lot. None: it is open from the start.
    pub opens_at: Option<Timestamp>,
}

/// Changes to a policy; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// See [`RoomPolicy::capacity`].
    pub capacity: Option<u32>,
    /// See [`RoomPolicy::admissions_per_minute`]; `Some(None)` lifts the limit.
    pub admissions_per_minute: Option<Option<u32>>,
    /// See [`RoomPolicy::active_ttl_seconds`].
    pub active_ttl_seconds: Option<u32>,
    /// See [`RoomPolicy::idle_ttl_seconds`].
    pub idle_ttl_seconds: Option<u32>,
    /// See [`RoomPolicy::paused`].
    pub paused: Option<bool>,
    /// See [`RoomPolicy::opens_at`]; `Some(None)` opens it now.
    pub opens_at: Option<Option<Timestamp>>,
}

impl RoomPolicy {
    /// The policy with `change` made to it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], naming each field out of range.
    pub fn changed(&self, change: &PolicyChange) -> Result<Self, Refusal> {
        let policy = Self {
            capacity: change.capacity.unwrap_or(self.capacity),
            admissions_per_minute: change
                .admissions_per_minute
                .unwrap_or(self.admissions_per_minute),
            active_ttl_seconds: change.active_ttl_seconds.unwrap_or(self.active_ttl_seconds),
            idle_ttl_seconds: change.idle_ttl_seconds.unwrap_or(self.idle_ttl_seconds),
            paused: change.paused.unwrap_or(self.paused),
            opens_at: change.opens_at.unwrap_or(self.opens_at),
        };
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), Refusal> {
        let mut errors = FieldErrors::default();
        errors.require(self.capacity <= 10_000_000, "capacity", "must be 0 to 10000000");
        let rate = self.admissions_per_minute.is_none_or(|rate| (1..=10_000_000).contains(&rate));
        errors.require(rate, "admissions_per_minute", "must be 1 to 10000000, or null");
        let seconds = "must be 1 to 86400";
        let day = 1..=86_400;
        errors.require(day.contains(&self.active_ttl_seconds), "active_ttl_seconds", seconds);
        errors.require(day.contains(&self.idle_ttl_seconds), "idle_ttl_seconds", seconds);
        errors.require_time(self.opens_at, "opens_at");
        errors.into_result()
    }

    /// The time that one admission takes of the rate, or nothing without a limit.
    ///
    /// A room that fell behind its rate may catch up one second of it; for that a minute's
    /// admissions are spread over 61 seconds, so that no 60 seconds ever see more than the limit.
    pub(super) fn admission_interval(&self) -> Option<TimeDelta> {
        let rate = i64::from(self.admissions_per_minute?.max(1));
        Some(TimeDelta::microseconds(61_000_000_i64.div_euclid(rate) + 1))
    }
}

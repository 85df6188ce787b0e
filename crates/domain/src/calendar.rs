//! Which times people may name.

use chrono::{Datelike, NaiveDate, SubsecRound, TimeDelta};

use crate::Timestamp;
use crate::refusal::FieldErrors;

/// What is wrong with one that nobody may name.
pub const YEARS: &str = "must be in the years 0001 to 9999";

/// Whether a date is in the years that RFC 3339 can write, from the year 1 on.
#[must_use]
pub fn is_date(date: NaiveDate) -> bool {
    (1..=9_999).contains(&date.year())
}

/// Whether a time is on such a date, wherever on Earth it is looked at.
#[must_use]
pub fn is_time(time: Timestamp) -> bool {
    let day = TimeDelta::days(1);
    let around = [time.checked_sub_signed(day), time.checked_add_signed(day)];
    around.into_iter().all(|time| time.is_some_and(|time| is_date(time.date_naive())))
}

/// A time as stores keep it: in whole microseconds, rounded down.
#[must_use]
pub fn as_kept(time: Timestamp) -> Timestamp {
    time.trunc_subsecs(6)
}

impl FieldErrors {
    /// Notes that `field` is wrong unless its time is one that may be named, or it names none.
    pub fn require_time(&mut self, time: Option<Timestamp>, field: &str) {
        self.require(time.is_none_or(is_time), field, YEARS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_year_of_four_digits_all_over_the_earth() {
        for (time, holds) in [
            ("2026-12-24T20:00:00Z", true),
            ("0001-01-02T00:00:00Z", true),
            ("9999-12-30T23:59:59Z", true),
            ("0001-01-01T00:00:00Z", false),
            ("0000-12-31T00:00:00Z", false),
            ("9999-12-31T00:00:00Z", false),
            ("+262142-12-31T23:59:59Z", false),
        ] {
            assert_eq!(is_time(time.parse().unwrap()), holds, "{time}");
        }
        assert!(!is_time(Timestamp::MIN_UTC) && !is_time(Timestamp::MAX_UTC));
    }
}

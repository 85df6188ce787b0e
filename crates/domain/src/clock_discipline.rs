//! How the store's time follows a wall clock that may be set, be it by a second or by years.
//!
//! The store's time goes on at the pace of a monotonic clock, so that no step of the wall clock ends a
//! hold early or makes it last. What the two differ by then is taken away: slowly where the store is
//! ahead or only a little behind; by a jump where the wall clock was set forward and stays so, which
//! counts as an [outage](crate::uptime), so that nobody loses anything by it. (The *discipline* of a
//! clock: RFC 5905, section 12.)

use chrono::TimeDelta;

/// What is to become of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// There is none that matters, or one that only an operator can mend.
    None,
    /// Time goes on at half the pace, until the wall clock has caught up.
    Slower,
    /// Time goes on at one and a half times the pace, until it has caught up.
    Faster,
    /// Time goes to where the wall clock is.
    Jump,
}

/// A difference between what the wall clock says and what it should say is taken for a step from here on.
pub const STEP_MIN: TimeDelta = TimeDelta::milliseconds(250);
/// Differences from here on are told to the operator.
pub const TOLD_FROM: TimeDelta = TimeDelta::seconds(2);
/// Up to this, time that is ahead waits for the wall clock. To wait for more at half the pace would take
/// longer than anybody would want, and only an operator can tell which of the two is right, and set it back
/// ([`crate::clock_set_back`]).
pub const WAITS_FOR_MAX: TimeDelta = TimeDelta::hours(1);
/// Up to this, time that is behind hurries.
const HURRIES_FOR_MAX: TimeDelta = TimeDelta::seconds(10);
/// For how long a wall clock that was set forward must stay so until it is believed.
const BELIEVED_AFTER: TimeDelta = TimeDelta::seconds(30);
/// Differences below this are left alone.
const MATTERS_FROM: TimeDelta = TimeDelta::milliseconds(10);

/// What an operator is to know of how far the store's time is ahead of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// None that matters.
    None,
    /// It goes away by itself.
    Passing,
    /// The store is ahead, and stays so until somebody sets its clock back.
    Lasting,
}

impl Difference {
    /// The one there is where the store's time is `ahead`, or behind if that is negative.
    #[must_use]
    pub fn of(ahead: TimeDelta) -> Self {
        if ahead > WAITS_FOR_MAX {
            Self::Lasting
        } else if ahead.abs() >= TOLD_FROM {
            Self::Passing
        } else {
            Self::None
        }
    }
}

/// What to do where the store's time is `ahead` of the wall clock, or behind it if that is negative, and
/// has been so for as long as `since` without a further step.
#[must_use]
pub fn correction(ahead: TimeDelta, since: TimeDelta) -> Correction {
    if ahead >= MATTERS_FROM {
        return if ahead <= WAITS_FOR_MAX { Correction::Slower } else { Correction::None };
    }
    let behind = -ahead;
    if behind < MATTERS_FROM {
        Correction::None
    } else if behind <= HURRIES_FOR_MAX {
        Correction::Faster
    } else if since >= BELIEVED_AFTER {
        Correction::Jump
    } else {
        Correction::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_ahead_waits_and_time_that_is_behind_hurries_or_jumps() {
        let seconds = TimeDelta::seconds;
        for (ahead, since, expected) in [
            (seconds(0), seconds(0), Correction::None),
            (seconds(1), seconds(0), Correction::Slower),
            (seconds(3_600), seconds(0), Correction::Slower),
            (seconds(3_601), seconds(100_000), Correction::None),
            (seconds(-1), seconds(0), Correction::Faster),
            (seconds(-3_600), seconds(29), Correction::None),
            (seconds(-3_600), seconds(30), Correction::Jump),
        ] {
            assert_eq!(correction(ahead, since), expected, "{ahead} for {since}");
        }
    }

    #[test]
    fn what_the_clock_does_not_take_away_by_itself_is_told_as_lasting() {
        for (ahead, expected) in [
            (TimeDelta::milliseconds(1_999), Difference::None),
            (-TOLD_FROM, Difference::Passing),
            (TimeDelta::days(-3_650), Difference::Passing),
            (WAITS_FOR_MAX, Difference::Passing),
            (WAITS_FOR_MAX + TimeDelta::seconds(1), Difference::Lasting),
        ] {
            assert_eq!(Difference::of(ahead), expected, "{ahead}");
        }
    }
}

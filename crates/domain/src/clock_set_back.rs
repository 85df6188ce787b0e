//! Setting a store's clock back, after an error of the wall clock has put it far ahead.
//!
//! The error came in by a jump of the wall clock. The jump is on record as an [outage](crate::uptime),
//! and its length was given back to stays and holds. Somewhere in that outage is a silence: a time in
//! which nothing was decided, at least as long as the error. The error is taken out of it. Whatever was
//! recorded after the silence moves back by as much, and what came before it stays. So the order of
//! everything stays, and so do the lengths of stays and holds.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::clock_discipline::WAITS_FOR_MAX;
use crate::uptime::Outage;

/// What a store that no server uses says of its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the wall clock says that the store follows.
    pub wall: Timestamp,
    /// The store's time: no server would go on from an earlier one.
    pub store: Timestamp,
    /// Whether an outage is being given back.
    pub is_recovering: bool,
    /// All outages on record.
    pub outages: Vec<Outage>,
}

/// How a store's clock is set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBack {
    /// The outage that the error is taken out of. It ends `by` earlier.
    pub outage: Outage,
    /// What was recorded from here on moves.
    pub from: Timestamp,
    /// By how much it moves.
    pub by: TimeDelta,
    /// How far the store's time is ahead afterwards, which goes away by itself.
    pub left: TimeDelta,
}

/// Why a store's clock cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSetBack {
    /// It need not be.
    #[error(
        "the store's time is not ahead by more than the hour that it waits for by itself, but by {}",
        in_words(*ahead)
    )]
    NotFarAhead {
        /// How far it is ahead; negative where it is behind.
        ahead: TimeDelta,
    },
    /// Of what an outage took, some is given back and some is not.
    #[error(
        "an outage is still being given back: start a server, stop it when /readyz says ok, and try \
         again"
    )]
    Recovering,
    /// It did not come from a jump that is on record.
    #[error("the store's time is ahead by {}, and no outage on record is as long", in_words(*ahead))]
    NoSuchOutage {
        /// How far it is ahead.
        ahead: TimeDelta,
    },
}

/// A time in which nothing was decided, within an outage.
#[derive(Debug, Clone, Copy)]
struct Silence {
    outage: Outage,
    began_at: Timestamp,
    ended_at: Timestamp,
}

impl Silence {
    fn lasted(&self) -> TimeDelta {
        self.ended_at - self.began_at
    }
}

impl Reading {
    /// How far the store's time is ahead of the wall clock; negative where it is behind.
    #[must_use]
    pub fn ahead(&self) -> TimeDelta {
        self.store - self.wall
    }

    /// The outages that the error may have come in by, newest first: those that are long enough, or else
    /// the longest, if it leaves no more than goes away by itself.
    ///
    /// # Errors
    /// [`CannotSetBack`].
    pub fn candidates(&self) -> Result<Vec<Outage>, CannotSetBack> {
        let ahead = self.ahead();
        if ahead <= WAITS_FOR_MAX {
            return Err(CannotSetBack::NotFarAhead { ahead });
        }
        if self.is_recovering {
            return Err(CannotSetBack::Recovering);
        }
        let mut outages = self.outages.clone();
        outages.sort_by_key(|outage| std::cmp::Reverse(outage.began_at));
        let longest = outages.iter().max_by_key(|outage| outage.lasted()).copied();
        let longest = longest.filter(|outage| ahead - outage.lasted() <= WAITS_FOR_MAX);
        outages.retain(|outage| outage.lasted() >= ahead);
        if outages.is_empty() {
            outages.extend(longest);
        }
        if outages.is_empty() { Err(CannotSetBack::NoSuchOutage { ahead }) } else { Ok(outages) }
    }

    /// How it is set back, where `decided` are the times within [`Self::candidates`] at which something
    /// was decided. The error is taken out of the newest silence that is as long, since that moves least.
    /// Where the wall clock's error grew meanwhile and none is, it is taken out of the longest.
    ///
    /// # Errors
    /// [`CannotSetBack`].
    pub fn set_back(&self, decided: &[Timestamp]) -> Result<SetBack, CannotSetBack> {
        let ahead = self.ahead();
        let candidates = self.candidates()?;
        let silences = || candidates.iter().flat_map(|outage| silences(*outage, decided));
        let newest = silences().find(|silence| silence.lasted() >= ahead);
        let silence = newest.or_else(|| silences().max_by_key(Silence::lasted));
        let set_back = silence.map(|Silence { outage, began_at, ended_at }| {
            let by = ahead.min(ended_at - began_at);
            SetBack { outage, from: ended_at, by, left: ahead - by }
        });
        let leaves_little = |set_back: &SetBack| set_back.left <= WAITS_FOR_MAX;
        set_back.filter(leaves_little).ok_or(CannotSetBack::NoSuchOutage { ahead })
    }
}

/// The silences of an outage, newest first. It began and ended with a beat, which is a decision, too.
fn silences(outage: Outage, decided: &[Timestamp]) -> Vec<Silence> {
    let is_within = |at: &&Timestamp| outage.began_at < **at && **at < outage.ended_at;
    let mut times: Vec<_> = decided.iter().filter(is_within).copied().collect();
    times.extend([outage.began_at, outage.ended_at]);
    times.sort_unstable();
    let between = times.iter().zip(times.iter().skip(1));
    let silence = |(began_at, ended_at): (&Timestamp, &Timestamp)| Silence {
        outage,
        began_at: *began_at,
        ended_at: *ended_at,
    };
    between.map(silence).rev().collect()
}

/// A length of time as people read it, such as `3650 days 2 h 0 min 7 s`.
#[must_use]
pub fn in_words(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let rest = format!("{hours} h {minutes} min {seconds} s");
    if days == 0 { format!("{sign}{rest}") } else { format!("{sign}{days} days {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    const HOUR: i64 = 3_600;
    const YEARS: i64 = 10 * 365 * 24 * HOUR;

    /// A store so many seconds ahead of the wall clock, with outages from and to these seconds.
    fn reading(ahead: i64, outages: &[(i64, i64)]) -> Reading {
        let outage =
            |(began, ended): &(i64, i64)| Outage { began_at: at(*began), ended_at: at(*ended) };
        let store = at(2 * YEARS);
        Reading {
            wall: store - TimeDelta::seconds(ahead),
            store,
            is_recovering: false,
            outages: outages.iter().map(outage).collect(),
        }
    }

    /// From which second on it is set back, by how many, and how many are left.
    fn set_back(reading: &Reading, decided: &[i64]) -> Result<(i64, i64, i64), CannotSetBack> {
        let decided: Vec<_> = decided.iter().map(|second| at(*second)).collect();
        let SetBack { from, by, left, .. } = reading.set_back(&decided)?;
        Ok((from.timestamp(), by.num_seconds(), left.num_seconds()))
    }

    #[test]
    fn the_error_is_taken_out_of_the_outage_by_which_it_came_in() {
        let store = reading(YEARS, &[(100, 130), (1_000, 1_060 + YEARS), (9 + YEARS, 99 + YEARS)]);
        assert_eq!(set_back(&store, &[]), Ok((1_060 + YEARS, YEARS, 0)));
        let outage = store.set_back(&[]).unwrap().outage;
        assert_eq!((outage.began_at, outage.ended_at), (at(1_000), at(1_060 + YEARS)));
    }

    #[test]
    fn what_was_decided_between_the_jump_and_the_first_beat_moves_and_what_came_before_stays() {
        let store = reading(YEARS, &[(1_000, 1_060 + YEARS)]);
        let after_last_beat = [1_001, 1_003];
        let before_first_beat = [1_050 + YEARS, 1_055 + YEARS];
        let decided = [before_first_beat, after_last_beat].concat();
        assert_eq!(set_back(&store, &decided), Ok((1_050 + YEARS, YEARS, 0)));
    }

    #[test]
    fn of_silences_that_are_long_enough_the_newest_is_taken() {
        let week = 7 * 24 * HOUR;
        let store = reading(2 * HOUR, &[(0, 3 * HOUR), (week, 2 * week)]);
        let command = week + 5 * HOUR;
        assert_eq!(set_back(&store, &[command]), Ok((2 * week, 2 * HOUR, 0)));
        let late_command = 2 * week - HOUR;
        assert_eq!(set_back(&store, &[late_command]), Ok((late_command, 2 * HOUR, 0)));
    }

    #[test]
    fn an_error_that_grew_is_taken_out_as_far_as_it_was_a_jump() {
        let store = reading(YEARS + 130, &[(0, 50), (1_000, 1_004 + YEARS)]);
        assert_eq!(set_back(&store, &[1_001, 1_003 + YEARS]), Ok((1_003 + YEARS, YEARS + 2, 128)));
    }

    #[test]
    fn no_time_is_before_one_that_it_came_after() {
        for decided in [vec![], vec![1_001], vec![1_001, 900 + YEARS], vec![1_030, 1_500]] {
            let store = reading(YEARS, &[(1_000, 1_060 + YEARS)]);
            let (from, by, _) = set_back(&store, &decided).unwrap();
            let mut times = [vec![999, 1_000], decided, vec![1_060 + YEARS, 2 * YEARS]].concat();
            times.sort_unstable();
            let moved = |time: i64| if time >= from { time - by } else { time };
            assert!(times.into_iter().map(moved).is_sorted());
        }
    }

    #[test]
    fn a_store_that_is_not_far_ahead_is_left_alone() {
        for ahead in [-YEARS, 0, HOUR] {
            let told = CannotSetBack::NotFarAhead { ahead: TimeDelta::seconds(ahead) };
            let store = reading(ahead, &[(0, YEARS)]);
            assert_eq!(set_back(&store, &[]), Err(told));
        }
        assert!(set_back(&reading(HOUR + 1, &[(0, YEARS)]), &[]).is_ok());
    }

    #[test]
    fn while_an_outage_is_given_back_and_without_one_that_is_long_enough_nothing_moves() {
        let recovering = Reading { is_recovering: true, ..reading(YEARS, &[(0, YEARS)]) };
        assert_eq!(set_back(&recovering, &[]), Err(CannotSetBack::Recovering));
        let none = Err(CannotSetBack::NoSuchOutage { ahead: TimeDelta::seconds(YEARS) });
        assert_eq!(set_back(&reading(YEARS, &[]), &[]), none);
        let too_short = reading(YEARS, &[(0, 9), (HOUR, YEARS - 1)]);
        assert_eq!(set_back(&too_short, &[]), none);
        let busy = reading(YEARS, &[(0, YEARS)]);
        assert_eq!(set_back(&busy, &[YEARS / 3, 2 * YEARS / 3]), none);
    }

    #[test]
    fn lengths_are_told_in_words() {
        assert_eq!(in_words(TimeDelta::seconds(YEARS + 7_207)), "3650 days 2 h 0 min 7 s");
        assert_eq!(in_words(TimeDelta::seconds(-61)), "-0 h 1 min 1 s");
    }
}

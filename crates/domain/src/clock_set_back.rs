//! Setting a store's clock back, after an error of the wall clock has put it far ahead.
//!
//! The error came in by jumps of the wall clock, mostly by one. Each is on record as an
//! [outage](crate::uptime), and its length was given back to stays and holds. Somewhere in that outage is a
//! silence: a time in which nothing was decided. The error is cut out of it. Whatever was recorded after
//! the silence moves back by as much, and what came before it stays. So the order of everything stays, and
//! so do the lengths of stays and holds.

use std::cmp::Reverse;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::clock_discipline::WAITS_FOR_MAX;
use crate::uptime::{Outage, Uptime};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBack {
    /// What is cut out, newest first: what one leaves behind is what the next one is cut out of.
    pub cuts: Vec<Cut>,
    /// How far the store's time is ahead afterwards, which goes away by itself.
    pub left: TimeDelta,
}

/// A length of time that is cut out of an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The outage, as it is on record before any cut. It ends `by` earlier.
    pub outage: Outage,
    /// What was recorded from here on moves.
    pub from: Timestamp,
    /// By how much it moves.
    pub by: TimeDelta,
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
    /// It did not come from jumps that are on record.
    #[error(
        "the store's time is ahead by {}, and the outages on record are not as long",
        in_words(*ahead)
    )]
    NoSuchOutage {
        /// How far it is ahead.
        ahead: TimeDelta,
    },
}

/// An error that came in by more jumps than these is not looked for, nor one before more nights as long.
const CANDIDATES_MAX: usize = 200;

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

    /// The outages that the error may have come in by: the newest that were as long, and the longest.
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
        let mut newest = self.outages.clone();
        newest.sort_by_key(|outage| Reverse(outage.ended_at));
        let mut longest = newest.clone();
        longest.sort_by_key(|outage| Reverse(outage.lasted()));
        longest.truncate(CANDIDATES_MAX);
        let longest_together: TimeDelta = longest.iter().map(Outage::lasted).sum();
        if ahead - longest_together > WAITS_FOR_MAX {
            return Err(CannotSetBack::NoSuchOutage { ahead });
        }
        newest.retain(|outage| outage.lasted() >= ahead);
        newest.truncate(CANDIDATES_MAX);
        longest.retain(|outage| !newest.contains(outage));
        Ok([newest, longest].concat())
    }

    /// How it is set back, where `decided` are the times within [`Self::candidates`] at which something
    /// was decided. The error is cut out of the newest silence that is as long, since that moves least.
    /// Where it came in several steps none may be; then it is cut out of the longest, and the rest in the
    /// same way, until what is left goes away by itself.
    ///
    /// # Errors
    /// [`CannotSetBack`].
    pub fn set_back(&self, decided: &[Timestamp]) -> Result<SetBack, CannotSetBack> {
        let ahead = self.ahead();
        let candidates = self.candidates()?;
        let mut silences: Vec<_> =
            candidates.iter().flat_map(|outage| silences(*outage, decided)).collect();
        silences.sort_by_key(|silence| silence.ended_at);
        let (mut cuts, mut left) = (Vec::new(), ahead);
        while left > WAITS_FOR_MAX || cuts.is_empty() {
            let none = CannotSetBack::NoSuchOutage { ahead };
            let silence = silences.remove(longest_enough(&silences, left).ok_or(none)?);
            let by = left.min(silence.lasted());
            cuts.push(Cut { outage: silence.outage, from: silence.ended_at, by });
            left -= by;
        }
        cuts.sort_by_key(|cut| Reverse(cut.from));
        Ok(SetBack { cuts, left })
    }
}

/// Which of the silences, which are in their order, is the newest that lasted for `length`, or else the
/// longest.
fn longest_enough(silences: &[Silence], length: TimeDelta) -> Option<usize> {
    let newest = silences.iter().rposition(|silence| silence.lasted() >= length);
    let longest = || silences.iter().enumerate().max_by_key(|(_, silence)| silence.lasted());
    newest.or_else(|| longest().map(|(at, _)| at))
}

/// The silences of an outage. It ended with a beat, which is a decision, too. It began with one, after which
/// ends count for a while: whatever ended by then is not to come to lie after the writing down of its end.
fn silences(outage: Outage, decided: &[Timestamp]) -> Vec<Silence> {
    let quiet_from = (outage.began_at + Uptime::GRACE).min(outage.ended_at);
    let is_within = |at: &&Timestamp| quiet_from < **at && **at < outage.ended_at;
    let mut times: Vec<_> = decided.iter().filter(is_within).copied().collect();
    times.extend([quiet_from, outage.ended_at]);
    times.sort_unstable();
    let between = times.iter().zip(times.iter().skip(1));
    let silence = |(began_at, ended_at): (&Timestamp, &Timestamp)| Silence {
        outage,
        began_at: *began_at,
        ended_at: *ended_at,
    };
    between.map(silence).collect()
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

    /// From which second on it is set back, by how many, for each cut, and how many are left.
    fn cuts(reading: &Reading, decided: &[i64]) -> Result<(Vec<(i64, i64)>, i64), CannotSetBack> {
        let decided: Vec<_> = decided.iter().map(|second| at(*second)).collect();
        let SetBack { cuts, left } = reading.set_back(&decided)?;
        let cuts = cuts.into_iter().map(|cut| (cut.from.timestamp(), cut.by.num_seconds()));
        Ok((cuts.collect(), left.num_seconds()))
    }

    /// The same, where it is cut once.
    fn set_back(reading: &Reading, decided: &[i64]) -> Result<(i64, i64, i64), CannotSetBack> {
        let (cuts, left) = cuts(reading, decided)?;
        let [(from, by)] = cuts[..] else { panic!("{cuts:?}") };
        Ok((from, by, left))
    }

    #[test]
    fn the_error_is_taken_out_of_the_outage_by_which_it_came_in() {
        let store = reading(YEARS, &[(100, 130), (1_000, 1_060 + YEARS), (9 + YEARS, 99 + YEARS)]);
        assert_eq!(set_back(&store, &[]), Ok((1_060 + YEARS, YEARS, 0)));
        let outage = store.set_back(&[]).unwrap().cuts[0].outage;
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
        assert_eq!(set_back(&store, &[1_001, 1_003 + YEARS]), Ok((1_003 + YEARS, YEARS + 1, 129)));
    }

    #[test]
    fn an_error_that_came_in_several_steps_is_taken_out_of_each() {
        let day = 24 * HOUR;
        // One day ahead, and then three more; a weekend without a server was before.
        let first = (3 * day, 4 * day + 30);
        let second = (5 * day, 8 * day + 30);
        let store = reading(4 * day, &[(0, 2 * day), first, second]);
        let expected = vec![(second.1, 3 * day + 28), (first.1, day - 28)];
        assert_eq!(cuts(&store, &[]), Ok((expected, 0)));

        let steps: Vec<_> = (0..3).map(|n| (n * day, n * day + 50 * 60)).collect();
        let store = reading(150 * 60, &steps);
        let expected = vec![(2 * day + 50 * 60, 50 * 60 - 2), (day + 50 * 60, 50 * 60 - 2)];
        assert_eq!(cuts(&store, &[]), Ok((expected, 50 * 60 + 4)), "the rest goes away by itself");
    }

    #[test]
    fn a_short_outage_that_came_after_hundreds_of_long_nights_is_found() {
        let day = 24 * HOUR;
        let nights: Vec<_> = (0..300).map(|n| (n * day, n * day + 12 * HOUR)).collect();
        let jump = (300 * day, 300 * day + 3 * HOUR + 60);
        let store = reading(3 * HOUR, &[&nights[..], &[jump]].concat());
        assert_eq!(set_back(&store, &[]), Ok((jump.1, 3 * HOUR, 0)));
    }

    /// Its end may be written down after the jump, and is not put off by it.
    #[test]
    fn what_ended_just_after_the_last_beat_stays_before_the_writing_down_of_its_end() {
        let store = reading(YEARS, &[(1_000, 1_000 + YEARS)]);
        let (from, by, left) = set_back(&store, &[]).unwrap();
        assert_eq!((from, from - by, left), (1_000 + YEARS, 1_002, 2));
    }

    #[test]
    fn no_time_is_before_one_that_it_came_after() {
        for decided in [vec![], vec![1_001], vec![1_001, 900 + YEARS], vec![1_030, 1_500]] {
            for ahead in [YEARS, YEARS + 5_000 + HOUR] {
                let store = reading(ahead, &[(900 - 2 * HOUR, 900), (1_000, 1_060 + YEARS)]);
                let (cuts, _) = cuts(&store, &decided).unwrap();
                let ends = vec![900 - 2 * HOUR, 900, 999, 1_000, 1_060 + YEARS, 2 * YEARS];
                let mut times = [ends, decided.clone()].concat();
                times.sort_unstable();
                let cut = |time: i64, (from, by): &(i64, i64)| {
                    if time >= *from { time - by } else { time }
                };
                let moved = |time: i64| cuts.iter().fold(time, cut);
                assert!(times.into_iter().map(moved).is_sorted());
            }
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
        let too_short = reading(YEARS, &[(0, 9), (HOUR, YEARS - 10)]);
        assert_eq!(set_back(&too_short, &[]), none);
    }

    #[test]
    fn lengths_are_told_in_words() {
        assert_eq!(in_words(TimeDelta::seconds(YEARS + 7_207)), "3650 days 2 h 0 min 7 s");
        assert_eq!(in_words(TimeDelta::seconds(-61)), "-0 h 1 min 1 s");
    }
}

//! Seats: one place at one show.

mod columns;
mod unpaid;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ReservationId, SeatId, ShowId, UserId};
use crate::money::Amount;

pub use columns::SeatColumns;
pub use unpaid::{LetGo, Unpaid};

/// One place at one show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Its id.
    pub id: SeatId,
    /// The show it is a place at.
    pub show_id: ShowId,
    /// Where it is and what it costs.
    pub place: Place,
    /// Counts visible status changes, and expiries that were announced but then cancelled. A seat map's
    /// version is the sum over its seats, so it only grows.
    pub version: u64,
    /// Whose it is.
    pub state: SeatState,
    /// Who had it one after the other up to now and did not pay for it.
    pub unpaid: Option<Unpaid>,
}

/// Where a seat is and what it costs; never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its number, unique in its show, such as `A-3-12`.
    pub number: String,
    /// Its section, such as `A`.
    pub section: String,
    /// Its row, such as `3`.
    pub row: String,
    /// Its grade, such as `VIP`.
    pub grade: String,
    /// Its price.
    pub price: Amount,
}

/// Whose a seat is, as it was last written down. A hold that ran out stays written until somebody
/// comes by; ask [`Seat::status`] for what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatState {
    /// Nobody's.
    Available,
    /// Set aside for a reservation, until a time.
    Held {
        /// For which one.
        by: ReservationId,
        /// Until when; at that time it is nobody's.
        until: Timestamp,
    },
    /// Set aside for a reservation for as long as its payment is pending.
    Pinned {
        /// For which one.
        by: ReservationId,
    },
    /// Paid for.
    Sold {
        /// By which reservation.
        to: ReservationId,
    },
    /// Shown as sold still, though what was paid for it was given back.
    Returning {
        /// By which reservation.
        from: ReservationId,
        /// When it is to be nobody's; it is once that is written down.
        returns_at: Timestamp,
    },
}

/// A seat's status as anyone may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    /// Can be held.
    Available,
    /// Is held by somebody.
    Held,
    /// Is owned by somebody.
    Sold,
}

impl Seat {
    /// A seat of `show_id` that nobody has had yet.
    #[must_use]
    pub const fn new(id: SeatId, show_id: ShowId, place: Place) -> Self {
        Self { id, show_id, place, version: 0, state: SeatState::Available, unpaid: None }
    }

    /// Its status at `now`: a hold that is over is nobody's, swept or not.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> SeatStatus {
        match self.state {
            SeatState::Available => SeatStatus::Available,
            SeatState::Held { until, .. } if until <= now => SeatStatus::Available,
            SeatState::Held { .. } | SeatState::Pinned { .. } => SeatStatus::Held,
            SeatState::Sold { .. } | SeatState::Returning { .. } => SeatStatus::Sold,
        }
    }

    /// Its version at `now`. A hold that ran out was one change already, though nobody has
    /// written it down.
    #[must_use]
    pub fn version_at(&self, now: Timestamp) -> u64 {
        self.version + u64::from(self.has_lapsed_hold(now))
    }

    /// Whether it is written down as held by a hold that is over.
    #[must_use]
    pub fn has_lapsed_hold(&self, now: Timestamp) -> bool {
        matches!(self.state, SeatState::Held { until, .. } if until <= now)
    }

    /// Sets it aside. The caller has seen that it is available. Where nobody wanted it for as long as
    /// `cooldown`, nobody is remembered who had it before.
    pub(crate) fn hold(
        &mut self,
        by: ReservationId,
        until: Timestamp,
        now: Timestamp,
        cooldown: TimeDelta,
    ) {
        debug_assert_eq!(self.status(now), SeatStatus::Available, "a held seat is held again");
        self.version = self.version_at(now) + 1;
        self.state = SeatState::Held { by, until };
        self.unpaid = self.unpaid.take().filter(|unpaid| unpaid.counts(cooldown, now));
    }

    /// Moves the end of its hold, if it is that reservation's. The version grows: whoever waited for the
    /// end to come by itself is to look again.
    pub(crate) fn hold_until(&mut self, by: ReservationId, until: Timestamp) {
        if matches!(self.state, SeatState::Held { by: holder, .. } if holder == by) {
            self.version += 1;
            self.state = SeatState::Held { by, until };
        }
    }

    /// Makes it nobody's, if it is that reservation's; else leaves it alone. Remembers who let it
    /// go, if somebody did.
    pub(crate) fn release(&mut self, from: ReservationId, let_go: Option<LetGo>) {
        if self.reservation_id() == Some(from) {
            self.version += 1;
            self.state = SeatState::Available;
            if let Some(let_go) = let_go {
                self.unpaid = Some(Unpaid::after(self.unpaid.take(), let_go));
            }
        }
    }

    /// Lets it come back at `returns_at`, if it is that reservation's; until then it is shown as sold. Where
    /// it was sold, nobody sees a change yet, and the version stays.
    pub(crate) fn come_back(&mut self, from: ReservationId, returns_at: Timestamp) {
        if self.reservation_id() == Some(from) {
            let was_sold = matches!(self.state, SeatState::Sold { .. });
            self.version += u64::from(!was_sold);
            self.state = SeatState::Returning { from, returns_at };
        }
    }

    /// Whether it comes back by `cutoff`.
    #[must_use]
    pub fn is_to_return(&self, cutoff: Timestamp) -> bool {
        matches!(self.state, SeatState::Returning { returns_at, .. } if returns_at <= cutoff)
    }

    /// When it is `user_id`'s turn again, if that is later than `now`: see [`Unpaid`].
    #[must_use]
    pub fn is_left_to_others_by(
        &self,
        user_id: UserId,
        cooldown: TimeDelta,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let unpaid = self.unpaid.as_ref().filter(|unpaid| unpaid.counts(cooldown, now))?;
        let waits = unpaid.to_others && unpaid.by.contains(&user_id);
        waits.then(|| unpaid.at + cooldown)
    }

    /// Pins the seat until its payment settles. The caller has seen that the reservation holds it. The
    /// visible status stays `held`, but the expiry at `until` no longer happens, so the version goes up.
    pub(crate) fn pin(&mut self, by: ReservationId) {
        debug_assert_eq!(self.reservation_id(), Some(by), "a seat is pinned for a stranger");
        self.version += 1;
        self.state = SeatState::Pinned { by };
    }

    /// Makes it the reservation's for good. The caller has seen that the reservation holds it.
    pub(crate) fn sell(&mut self, to: ReservationId) {
        debug_assert_eq!(self.reservation_id(), Some(to), "a seat is sold to a stranger");
        self.version += 1;
        self.state = SeatState::Sold { to };
        self.unpaid = None;
    }

    /// The reservation that it is written down for.
    #[must_use]
    pub const fn reservation_id(&self) -> Option<ReservationId> {
        match self.state {
            SeatState::Available => None,
            SeatState::Held { by, .. } | SeatState::Pinned { by } => Some(by),
            SeatState::Sold { to } => Some(to),
            SeatState::Returning { from, .. } => Some(from),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn seat() -> Seat {
        let place = Place {
            number: "A-1-1".into(),
            section: "A".into(),
            row: "1".into(),
            grade: "VIP".into(),
            price: Amount::new(1000).unwrap(),
        };
        Seat::new(uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into(), place)
    }

    fn reservation(n: u128) -> ReservationId {
        uuid::Uuid::from_u128(n).into()
    }

    #[test]
    fn a_hold_is_over_at_its_very_end() {
        let now = Timestamp::UNIX_EPOCH;
        let until = now + TimeDelta::seconds(300);
        let mut seat = seat();
        seat.hold(reservation(1), until, now, TimeDelta::zero());
        assert_eq!(seat.status(until - TimeDelta::microseconds(1)), SeatStatus::Held);
        assert_eq!(seat.status(until), SeatStatus::Available);
    }

    #[test]
    fn a_seats_version_grows_with_every_change_and_not_with_the_sweep_of_one() {
        let now = Timestamp::UNIX_EPOCH;
        let until = now + TimeDelta::seconds(300);
        let mut swept = seat();
        swept.hold(reservation(1), until, now, TimeDelta::zero());
        assert_eq!((swept.version_at(now), swept.version_at(until)), (1, 2));

        let mut held_anew = swept.clone();
        swept.release(reservation(1), None);
        assert_eq!(swept.version_at(until), 2);
        held_anew.hold(reservation(2), until + TimeDelta::seconds(300), until, TimeDelta::zero());
        assert_eq!(held_anew.version_at(until), 3);
    }

    #[test]
    fn a_seat_that_comes_back_is_shown_as_sold_and_as_unchanged_until_it_is_free() {
        let (now, hour) = (Timestamp::UNIX_EPOCH, TimeDelta::hours(1));
        let mut seat = seat();
        seat.hold(reservation(1), now + hour, now, TimeDelta::zero());
        let mut undone = seat.clone();
        seat.sell(reservation(1));
        let sold = seat.version_at(now);
        seat.come_back(reservation(2), now + hour);
        assert_eq!(seat.state, SeatState::Sold { to: reservation(1) });
        seat.come_back(reservation(1), now + hour);
        assert_eq!((seat.status(now), seat.version_at(now)), (SeatStatus::Sold, sold));
        assert!(!seat.is_to_return(now + hour - TimeDelta::microseconds(1)));
        assert!(seat.is_to_return(now + hour));
        assert_eq!(seat.status(now + hour), SeatStatus::Sold, "until it is written down");
        seat.release(reservation(1), None);
        assert_eq!((seat.status(now), seat.version), (SeatStatus::Available, sold + 1));
        undone.pin(reservation(1));
        let pinned = undone.version;
        undone.come_back(reservation(1), now + hour);
        assert_eq!((undone.status(now), undone.version), (SeatStatus::Sold, pinned + 1));
    }

    #[test]
    fn only_its_own_reservation_frees_a_seat() {
        let now = Timestamp::UNIX_EPOCH;
        let mut seat = seat();
        seat.hold(reservation(1), now + TimeDelta::seconds(1), now, TimeDelta::zero());
        seat.release(reservation(2), None);
        assert_eq!(seat.status(now), SeatStatus::Held);
        seat.release(reservation(1), None);
        assert_eq!(seat.status(now), SeatStatus::Available);
    }
}

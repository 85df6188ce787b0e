//! How seats are held, and how many.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::refusal::Refusal;

/// How seats are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingPolicy {
    /// For how long, in seconds.
    pub hold_seconds: u32,
    /// How many in one reservation at the most.
    pub seats_per_reservation: u32,
    /// For how long, in seconds, somebody who let a seat go unpaid cannot hold it again, so that
    /// nobody keeps seats from others by holding them over and over.
    pub rehold_cooldown_seconds: u32,
}

impl BookingPolicy {
    /// What can be said of the seats that somebody asks for before anything is looked up: whether
    /// they are as many as one reservation may have, and each is named once. `seats` are ids or
    /// numbers, in the request's field of that name.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for no seats and for one that is named twice,
    /// [`Refusal::SeatLimitExceeded`].
    pub fn ensure_can_be_asked_for<Seat: Ord>(
        self,
        seats: &[Seat],
        field: &str,
    ) -> Result<(), Refusal> {
        if seats.iter().collect::<BTreeSet<_>>().len() != seats.len() {
            return Err(Refusal::invalid(field, "names a seat twice"));
        }
        if seats.is_empty() {
            return Err(Refusal::invalid(field, "must name at least one seat"));
        }
        ensure_within(seats.len(), self.seats_per_reservation)
    }

    /// For how long seats are held.
    #[must_use]
    pub fn hold(self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.hold_seconds))
    }

    /// For how long somebody may have had seats and still only have chosen wrongly.
    pub(super) fn second_thoughts(self) -> TimeDelta {
        self.rehold_cooldown().min(self.hold() / 2)
    }

    /// How many seats of a show a user may have given back within a hold, where a user may have
    /// `seats_per_user` of them, to be given others: as often as anyone chooses anew.
    pub(super) fn given_back_max(self, seats_per_user: u32) -> usize {
        usize::try_from(self.seats_per_reservation.max(seats_per_user)).unwrap_or(usize::MAX)
    }

    pub(super) fn rehold_cooldown(self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.rehold_cooldown_seconds))
    }
}

/// # Errors
/// [`Refusal::SeatLimitExceeded`] for more than `limit`.
pub(super) fn ensure_within(count: usize, limit: u32) -> Result<(), Refusal> {
    let fits = u32::try_from(count).is_ok_and(|count| count <= limit);
    if fits { Ok(()) } else { Err(Refusal::SeatLimitExceeded { limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_and_each_is_named_once_before_anybody_looks_for_them() {
        let policy =
            BookingPolicy { hold_seconds: 1, seats_per_reservation: 4, rehold_cooldown_seconds: 0 };
        let ask = |seats: &[u32]| policy.ensure_can_be_asked_for(seats, "seats");
        assert_eq!(ask(&[1, 2, 3, 4]), Ok(()));
        assert_eq!(ask(&[1, 2, 3, 4, 5]), Err(Refusal::SeatLimitExceeded { limit: 4 }));
        assert_eq!(ask(&[1, 1, 2, 3, 4]), Err(Refusal::invalid("seats", "names a seat twice")));
        assert!(matches!(ask(&[]), Err(Refusal::Invalid(_))));
    }
}

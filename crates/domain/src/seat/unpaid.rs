//! Who had a seat and did not pay for it.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::UserId;

/// Holds of a seat that followed each other and were not paid for. A payment ends the row of them, and so
/// does a cooldown in which nobody wanted the seat.
///
/// Who had it in such a row leaves it to others for a cooldown. Only who had it alone, and gave it back
/// early, may choose it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpaid {
    /// Who had it, the last first and each once; the last [`Self::USERS_MAX`] of them.
    pub by: Vec<UserId>,
    /// When the last of the holds ended.
    pub at: Timestamp,
    /// Whether they leave it to others.
    pub to_others: bool,
}

/// That somebody's hold of a seat ended without a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetGo {
    /// Whose hold it was.
    pub by: UserId,
    /// When it ended.
    pub at: Timestamp,
    /// Whether the user gave it back soon, as who chose wrongly does.
    pub early: bool,
}

impl Unpaid {
    /// How many users are remembered.
    pub const USERS_MAX: usize = 16;

    /// What there is after one more hold that was not paid for.
    pub(super) fn after(before: Option<Self>, let_go: LetGo) -> Self {
        let to_others = before.is_some() || !let_go.early;
        let earlier = before.into_iter().flat_map(|before| before.by);
        let others = earlier.filter(|user| *user != let_go.by);
        let by = std::iter::once(let_go.by).chain(others).take(Self::USERS_MAX).collect();
        Self { by, at: let_go.at, to_others }
    }

    /// Whether a hold that begins at `now` follows the last one.
    #[must_use]
    pub fn counts(&self, cooldown: TimeDelta, now: Timestamp) -> bool {
        now < self.at + cooldown
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::ids::ReservationId;
    use crate::seat::tests::seat;

    use super::*;

    const COOLDOWN: TimeDelta = TimeDelta::seconds(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn user(n: u128) -> UserId {
        Uuid::from_u128(n).into()
    }

    /// Until when who holds the seat again has to wait, each in turn having had it from one second to
    /// another, and given it back early or not.
    fn waits(holds: &[(u128, i64, i64, bool)], who: u128, now: i64) -> Option<Timestamp> {
        let mut seat = seat();
        for (by, from, to, early) in holds {
            let reservation = ReservationId::from(Uuid::from_u128(9));
            seat.hold(reservation, at(*to), at(*from), COOLDOWN);
            let let_go = LetGo { by: user(*by), at: at(*to), early: *early };
            seat.release(reservation, Some(let_go));
        }
        seat.is_left_to_others_by(user(who), COOLDOWN, at(now))
    }

    #[test]
    fn who_kept_a_seat_leaves_it_to_others_and_who_chose_wrongly_once_does_not() {
        assert_eq!(waits(&[(1, 0, 300, false)], 1, 300), Some(at(360)));
        assert_eq!(waits(&[(1, 0, 300, false)], 2, 300), None);
        assert_eq!(waits(&[(1, 0, 300, false)], 1, 360), None);
        assert_eq!(waits(&[(1, 0, 10, true)], 1, 10), None);
        assert_eq!(waits(&[(1, 0, 10, true), (1, 10, 20, true)], 1, 20), Some(at(80)));
    }

    #[test]
    fn whoever_had_it_in_a_row_of_unpaid_holds_leaves_it_to_who_did_not() {
        let in_turn = [(1, 0, 300, false), (2, 300, 600, false)];
        assert_eq!([1, 2].map(|who| waits(&in_turn, who, 601)), [Some(at(660)); 2]);
        assert_eq!(waits(&in_turn, 3, 601), None);
        let early = [(1, 0, 10, true), (2, 10, 20, true)];
        assert_eq!([1, 2, 3].map(|who| waits(&early, who, 20).is_some()), [true, true, false]);
        let apart = [(1, 0, 300, false), (2, 360, 370, true)];
        assert_eq!([1, 2].map(|who| waits(&apart, who, 370)), [None; 2], "nobody wanted it");
    }

    #[test]
    fn a_payment_ends_the_row() {
        let mut seat = seat();
        let reservation = ReservationId::from(Uuid::from_u128(9));
        let let_go = LetGo { by: user(1), at: at(10), early: false };
        seat.hold(reservation, at(300), at(0), COOLDOWN);
        seat.release(reservation, Some(let_go));
        seat.hold(reservation, at(310), at(10), COOLDOWN);
        seat.sell(reservation);
        assert_eq!(seat.unpaid, None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let holds: Vec<_> = (1..=20).map(|n| (n, 0, 0, false)).collect();
        let first = u128::try_from(20 - Unpaid::USERS_MAX).unwrap();
        let told = [first, first + 1].map(|who| waits(&holds, who, 0).is_some());
        assert_eq!(told, [false, true]);
    }
}

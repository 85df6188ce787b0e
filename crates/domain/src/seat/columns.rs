//! How a seat's state lies in the columns of its row, on every store.

use uuid::Uuid;

use super::{Seat, SeatState, Unpaid};
use crate::Timestamp;
use crate::ids::{ReservationId, UserId};

/// What changes of a seat, but for its version, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct SeatColumns<'a> {
    pub state: &'a str,
    pub reservation_id: Option<ReservationId>,
    pub held_until: Option<Timestamp>,
    /// A seat that comes back is written down as sold, and when it is free.
    pub returns_at: Option<Timestamp>,
    pub let_go_by: Option<UserId>,
    /// Who had it before, the last first, 16 bytes each.
    pub let_go_before: Option<Vec<u8>>,
    pub let_go_at: Option<Timestamp>,
    pub let_go_to_others: bool,
}

impl From<&Seat> for SeatColumns<'static> {
    fn from(seat: &Seat) -> Self {
        let (state, held_until, returns_at) = match seat.state {
            SeatState::Available => ("available", None, None),
            SeatState::Held { until, .. } => ("held", Some(until), None),
            SeatState::Pinned { .. } => ("pinned", None, None),
            SeatState::Sold { .. } => ("sold", None, None),
            SeatState::Returning { returns_at, .. } => ("sold", None, Some(returns_at)),
        };
        let unpaid = seat.unpaid.as_ref();
        let by = unpaid.map_or(&[][..], |unpaid| &unpaid.by);
        let before = by.iter().skip(1).flat_map(|user| Uuid::from(*user).into_bytes()).collect();
        Self {
            state,
            reservation_id: seat.reservation_id(),
            held_until,
            returns_at,
            let_go_by: by.first().copied(),
            let_go_before: Some(before).filter(|before: &Vec<u8>| !before.is_empty()),
            let_go_at: unpaid.map(|unpaid| unpaid.at),
            let_go_to_others: unpaid.is_some_and(|unpaid| unpaid.to_others),
        }
    }
}

impl SeatColumns<'_> {
    /// What the columns stand for.
    ///
    /// # Errors
    /// What cannot be read: a name that no state has, or a column that this state needs and that is empty.
    pub fn read(self) -> Result<(SeatState, Option<Unpaid>), &'static str> {
        let reservation = || self.reservation_id.ok_or("reservation of a seat");
        let state = match (self.state, self.returns_at) {
            ("available", None) => SeatState::Available,
            ("held", None) => {
                let until = self.held_until.ok_or("end of a hold")?;
                SeatState::Held { by: reservation()?, until }
            }
            ("pinned", None) => SeatState::Pinned { by: reservation()? },
            ("sold", None) => SeatState::Sold { to: reservation()? },
            ("sold", Some(returns_at)) => SeatState::Returning { from: reservation()?, returns_at },
            _ => return Err("seat state"),
        };
        let Some((last, at)) = self.let_go_by.zip(self.let_go_at) else {
            return Ok((state, None));
        };
        let before = self.let_go_before.unwrap_or_default();
        let (before, []) = before.as_chunks::<16>() else {
            return Err("users who had a seat");
        };
        let before = before.iter().map(|bytes| UserId::from(Uuid::from_bytes(*bytes)));
        let by = std::iter::once(last).chain(before).collect();
        Ok((state, Some(Unpaid { by, at, to_others: self.let_go_to_others })))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::seat::tests::seat;

    #[test]
    fn every_state_is_read_back_from_its_columns_and_none_without_what_it_needs() {
        let id = ReservationId::from(Uuid::from_u128(1));
        let [until, at] = [1, 2].map(|second| Timestamp::UNIX_EPOCH + TimeDelta::seconds(second));
        let users = |count| (1..=count).map(|n| UserId::from(Uuid::from_u128(n))).collect();
        for (state, unpaid) in [
            (SeatState::Available, None),
            (SeatState::Held { by: id, until }, Some((users(1), true))),
            (SeatState::Pinned { by: id }, Some((users(2), false))),
            (SeatState::Sold { to: id }, None),
            (SeatState::Returning { from: id, returns_at: until }, Some((users(16), true))),
        ] {
            let unpaid = unpaid.map(|(by, to_others)| Unpaid { by, at, to_others });
            let seat = Seat { state, unpaid: unpaid.clone(), ..seat() };
            let columns = SeatColumns::from(&seat);
            assert_eq!(columns.clone().read(), Ok((state, unpaid)));
            let nobodys = SeatColumns { reservation_id: None, ..columns };
            assert_eq!(nobodys.read().is_err(), state != SeatState::Available, "{state:?}");
        }
        let odd = SeatColumns { state: "lost", ..SeatColumns::from(&seat()) };
        assert_eq!(odd.read(), Err("seat state"));
        let free = SeatColumns { returns_at: Some(at), ..SeatColumns::from(&seat()) };
        assert_eq!(free.read(), Err("seat state"));
    }
}

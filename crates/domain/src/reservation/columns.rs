//! How a reservation's state lies in the columns of its row, on every store.

use super::{Reservation, ReservationState};
use crate::Timestamp;
use crate::ids::{PaymentId, ReservationId, SeatId};
use crate::money::Amount;

/// A state as its row has it: its name, and of what states have, each in its own column, what this one
/// has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named for its column")]
pub struct StateColumns<'a> {
    pub state: &'a str,
    pub payment_id: Option<PaymentId>,
    pub confirmed_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl From<ReservationState> for StateColumns<'static> {
    fn from(state: ReservationState) -> Self {
        let (name, confirmed_at, ended_at) = match state {
            ReservationState::Held => ("held", None, None),
            ReservationState::Paying { .. } => ("paying", None, None),
            ReservationState::Confirmed { confirmed_at, .. } => {
                ("confirmed", Some(confirmed_at), None)
            }
            ReservationState::Expired { ended_at } => ("expired", None, Some(ended_at)),
            ReservationState::Cancelled { ended_at } => ("cancelled", None, Some(ended_at)),
            ReservationState::PaymentFailed { ended_at, .. } => ("failed", None, Some(ended_at)),
            ReservationState::Refunded { confirmed_at, refunded_at, .. } => {
                ("refunded", Some(confirmed_at), Some(refunded_at))
            }
        };
        Self { state: name, payment_id: state.payment_id(), confirmed_at, ended_at }
    }
}

/// Fails with what cannot be read: a name that no state has, or a column that this state needs and that
/// is empty.
impl TryFrom<StateColumns<'_>> for ReservationState {
    type Error = &'static str;

    fn try_from(columns: StateColumns<'_>) -> Result<Self, &'static str> {
        let payment_id = || columns.payment_id.ok_or("payment of a reservation");
        let confirmed_at = || columns.confirmed_at.ok_or("time of a payment");
        let ended_at = || columns.ended_at.ok_or("end of a reservation");
        Ok(match columns.state {
            "held" => Self::Held,
            "paying" => Self::Paying { payment_id: payment_id()? },
            "confirmed" => {
                Self::Confirmed { payment_id: payment_id()?, confirmed_at: confirmed_at()? }
            }
            "expired" => Self::Expired { ended_at: ended_at()? },
            "cancelled" => Self::Cancelled { ended_at: ended_at()? },
            "failed" => Self::PaymentFailed { payment_id: payment_id()?, ended_at: ended_at()? },
            "refunded" => Self::Refunded {
                payment_id: payment_id()?,
                confirmed_at: confirmed_at()?,
                refunded_at: ended_at()?,
            },
            _ => return Err("reservation state"),
        })
    }
}

/// A row that says which seat a reservation has, or had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationSeat {
    /// The reservation.
    pub reservation_id: ReservationId,
    /// Its how-many-th seat it is, from 0.
    pub position: u32,
    /// The seat.
    pub seat_id: SeatId,
    /// What it cost when it was held.
    pub price: Amount,
    /// Whether the reservation still has it, by which stores keep a seat from being held twice.
    pub live: bool,
}

impl Reservation {
    /// The rows that say which seats it has, or had.
    pub fn seat_rows(&self) -> impl Iterator<Item = ReservationSeat> {
        (0..).zip(&self.seats).map(|(position, seat)| ReservationSeat {
            reservation_id: self.id,
            position,
            seat_id: seat.id,
            price: seat.place.price,
            live: self.state.has_its_seats(),
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_state_is_read_back_from_its_columns_and_none_without_what_it_needs() {
        let payment_id = Uuid::from_u128(1).into();
        let [confirmed_at, ended_at] =
            [1, 2].map(|second| Timestamp::UNIX_EPOCH + TimeDelta::seconds(second));
        for state in [
            ReservationState::Held,
            ReservationState::Paying { payment_id },
            ReservationState::Confirmed { payment_id, confirmed_at },
            ReservationState::Expired { ended_at },
            ReservationState::Cancelled { ended_at },
            ReservationState::PaymentFailed { payment_id, ended_at },
            ReservationState::Refunded { payment_id, confirmed_at, refunded_at: ended_at },
        ] {
            let columns = StateColumns::from(state);
            assert_eq!(ReservationState::try_from(columns), Ok(state));
            let empty = StateColumns {
                state: columns.state,
                payment_id: None,
                confirmed_at: None,
                ended_at: None,
            };
            let needs_something = empty != columns;
            assert_eq!(ReservationState::try_from(empty).is_err(), needs_something, "{state:?}");
        }
        let unknown = StateColumns { state: "lost", ..ReservationState::Held.into() };
        assert_eq!(ReservationState::try_from(unknown), Err("reservation state"));
    }
}

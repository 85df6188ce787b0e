use diesel::prelude::*;
use domain::audit::ReservationSeat;
use domain::reservation::{Reservation, ReservationState, ReservedSeat};

use super::selling::{SeatRow, date};
use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, number, present, read, time};
use crate::schema::{reservation_seats, reservations};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = reservations, treat_none_as_default_value = false)]
pub(crate) struct ReservationRow {
    pub(crate) id: Key,
    user_id: Key,
    concert_id: Key,
    show_id: Key,
    date: String,
    total_amount: i64,
    created_at: i64,
    held_until: i64,
    state: String,
    payment_id: Option<Key>,
    confirmed_at: Option<i64>,
    ended_at: Option<i64>,
    hold_seconds: Option<i64>,
}

update_by_key! { reservations by id in ReservationRow:
    held_until: BigInt, state: Text, payment_id: Nullable<Binary>,
    confirmed_at: Nullable<BigInt>, ended_at: Nullable<BigInt>
}

impl From<&Reservation> for ReservationRow {
    fn from(reservation: &Reservation) -> Self {
        let (state, payment_id, confirmed_at, ended_at) = match reservation.state {
            ReservationState::Held => ("held", None, None, None),
            ReservationState::Paying { payment_id } => ("paying", Some(payment_id), None, None),
            ReservationState::Confirmed { payment_id, confirmed_at } => {
                ("confirmed", Some(payment_id), Some(confirmed_at), None)
            }
            ReservationState::Expired { ended_at } => ("expired", None, None, Some(ended_at)),
            ReservationState::Cancelled { ended_at } => ("cancelled", None, None, Some(ended_at)),
            ReservationState::PaymentFailed { payment_id, ended_at } => {
                ("failed", Some(payment_id), None, Some(ended_at))
            }
            ReservationState::Refunded { payment_id, confirmed_at, refunded_at } => {
                ("refunded", Some(payment_id), Some(confirmed_at), Some(refunded_at))
            }
        };
        Self {
            id: key(reservation.id),
            user_id: key(reservation.user_id),
            concert_id: key(reservation.concert_id),
            show_id: key(reservation.show_id),
            date: reservation.date.to_string(),
            total_amount: reservation.total_amount.into(),
            created_at: micros(reservation.created_at),
            held_until: micros(reservation.held_until),
            state: state.to_owned(),
            payment_id: payment_id.map(key),
            confirmed_at: confirmed_at.map(micros),
            ended_at: ended_at.map(micros),
            hold_seconds: reservation.hold_seconds.map(i64::from),
        }
    }
}

impl ReservationRow {
    /// The reservation of this row and its seats.
    pub(crate) fn with_seats(self, seats: Vec<ReservedSeat>) -> Result<Reservation, Unreadable> {
        let payment_id = || present(self.payment_id, "payment of a reservation").map(Key::id);
        let confirmed_at = || time(present(self.confirmed_at, "time of a payment")?);
        let ended_at = || time(present(self.ended_at, "end of a reservation")?);
        let state = match self.state.as_str() {
            "held" => ReservationState::Held,
            "paying" => ReservationState::Paying { payment_id: payment_id()? },
            "confirmed" => ReservationState::Confirmed {
                payment_id: payment_id()?,
                confirmed_at: confirmed_at()?,
            },
            "expired" => ReservationState::Expired { ended_at: ended_at()? },
            "cancelled" => ReservationState::Cancelled { ended_at: ended_at()? },
            "failed" => {
                ReservationState::PaymentFailed { payment_id: payment_id()?, ended_at: ended_at()? }
            }
            "refunded" => ReservationState::Refunded {
                payment_id: payment_id()?,
                confirmed_at: confirmed_at()?,
                refunded_at: ended_at()?,
            },
            _ => return Err(Unreadable("reservation state")),
        };
        Ok(Reservation {
            id: self.id.id(),
            user_id: self.user_id.id(),
            concert_id: self.concert_id.id(),
            show_id: self.show_id.id(),
            date: date(&self.date)?,
            seats,
            total_amount: read(self.total_amount, "amount")?,
            created_at: time(self.created_at)?,
            hold_seconds: self.hold_seconds.map(|n| read(n, "length of a hold")).transpose()?,
            held_until: time(self.held_until)?,
            state,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = reservation_seats, treat_none_as_default_value = false)]
pub(crate) struct ReservationSeatRow {
    reservation_id: Key,
    position: i64,
    seat_id: Key,
    price: i64,
    live: bool,
}

impl TryFrom<ReservationSeatRow> for ReservationSeat {
    type Error = Unreadable;

    fn try_from(row: ReservationSeatRow) -> Result<Self, Unreadable> {
        Ok(Self {
            reservation_id: row.reservation_id.id(),
            position: read(row.position, "position of a seat")?,
            seat_id: row.seat_id.id(),
            price: read(row.price, "price")?,
            live: row.live,
        })
    }
}

/// The rows that say which seats a reservation has.
pub(crate) fn seat_rows(reservation: &Reservation) -> impl Iterator<Item = ReservationSeatRow> {
    (0..).zip(&reservation.seats).map(|(position, seat): (u32, _)| ReservationSeatRow {
        reservation_id: key(reservation.id),
        position: number(position),
        seat_id: key(seat.id),
        price: seat.place.price.into(),
        live: reservation.state.has_its_seats(),
    })
}

/// A seat of a reservation, at the price it had when it was held.
pub(crate) fn reserved_seat(seat: SeatRow, price: i64) -> Result<ReservedSeat, Unreadable> {
    let seat = domain::seat::Seat::try_from(seat)?;
    let price = read(price, "price")?;
    Ok(ReservedSeat { id: seat.id, place: domain::seat::Place { price, ..seat.place } })
}

use diesel::prelude::*;
use domain::reservation::{
    Reservation, ReservationSeat, ReservationState, ReservedSeat, StateColumns,
};

use super::selling::{SeatRow, date};
use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, number, read, time};
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
        let StateColumns { state, payment_id, confirmed_at, ended_at } = reservation.state.into();
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
        let columns = StateColumns {
            state: &self.state,
            payment_id: self.payment_id.map(Key::id),
            confirmed_at: self.confirmed_at.map(time).transpose()?,
            ended_at: self.ended_at.map(time).transpose()?,
        };
        let state = ReservationState::try_from(columns).map_err(Unreadable)?;
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

impl From<ReservationSeat> for ReservationSeatRow {
    fn from(seat: ReservationSeat) -> Self {
        Self {
            reservation_id: key(seat.reservation_id),
            position: number(seat.position),
            seat_id: key(seat.seat_id),
            price: seat.price.into(),
            live: seat.live,
        }
    }
}

/// A seat of a reservation, at the price it had when it was held.
pub(crate) fn reserved_seat(seat: SeatRow, price: i64) -> Result<ReservedSeat, Unreadable> {
    let seat = domain::seat::Seat::try_from(seat)?;
    let price = read(price, "price")?;
    Ok(ReservedSeat { id: seat.id, place: domain::seat::Place { price, ..seat.place } })
}

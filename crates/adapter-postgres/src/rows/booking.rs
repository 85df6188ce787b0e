use std::collections::HashMap;

use chrono::NaiveDate;
use domain::Timestamp;
use domain::reservation::{
    Reservation, ReservationSeat, ReservationState, ReservedSeat, StateColumns,
};
use uuid::Uuid;

use super::row;
use super::selling::SeatRow;
use crate::columns::{Unreadable, number, read};
use crate::schema::{reservation_seats, reservations};

row! {
    reservations by (id) changing (held_until, state, payment_id, confirmed_at, ended_at)
    pub(crate) struct ReservationRow {
        pub(crate) id: Uuid,
        user_id: Uuid,
        concert_id: Uuid,
        show_id: Uuid,
        date: NaiveDate,
        total_amount: i64,
        created_at: Timestamp,
        held_until: Timestamp,
        state: String,
        payment_id: Option<Uuid>,
        confirmed_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        hold_seconds: Option<i64>,
    }
}

impl From<&Reservation> for ReservationRow {
    fn from(reservation: &Reservation) -> Self {
        let StateColumns { state, payment_id, confirmed_at, ended_at } = reservation.state.into();
        Self {
            id: reservation.id.into(),
            user_id: reservation.user_id.into(),
            concert_id: reservation.concert_id.into(),
            show_id: reservation.show_id.into(),
            date: reservation.date,
            total_amount: reservation.total_amount.into(),
            created_at: reservation.created_at,
            held_until: reservation.held_until,
            state: state.to_owned(),
            payment_id: payment_id.map(Into::into),
            confirmed_at,
            ended_at,
            hold_seconds: reservation.hold_seconds.map(i64::from),
        }
    }
}

impl ReservationRow {
    /// The reservation of this row and its seats.
    pub(crate) fn with_seats(self, seats: Vec<ReservedSeat>) -> Result<Reservation, Unreadable> {
        let columns = StateColumns {
            state: &self.state,
            payment_id: self.payment_id.map(Into::into),
            confirmed_at: self.confirmed_at,
            ended_at: self.ended_at,
        };
        let state = ReservationState::try_from(columns).map_err(Unreadable)?;
        Ok(Reservation {
            id: self.id.into(),
            user_id: self.user_id.into(),
            concert_id: self.concert_id.into(),
            show_id: self.show_id.into(),
            date: self.date,
            seats,
            total_amount: read(self.total_amount, "amount")?,
            created_at: self.created_at,
            hold_seconds: self.hold_seconds.map(|n| read(n, "length of a hold")).transpose()?,
            held_until: self.held_until,
            state,
        })
    }
}

row! {
    reservation_seats by (reservation_id, position) changing ()
    pub(crate) struct ReservationSeatRow {
        reservation_id: Uuid,
        position: i64,
        seat_id: Uuid,
        price: i64,
        live: bool,
    }
}

impl TryFrom<ReservationSeatRow> for ReservationSeat {
    type Error = Unreadable;

    fn try_from(row: ReservationSeatRow) -> Result<Self, Unreadable> {
        Ok(Self {
            reservation_id: row.reservation_id.into(),
            position: read(row.position, "position of a seat")?,
            seat_id: row.seat_id.into(),
            price: read(row.price, "price")?,
            live: row.live,
        })
    }
}

impl From<ReservationSeat> for ReservationSeatRow {
    fn from(seat: ReservationSeat) -> Self {
        Self {
            reservation_id: seat.reservation_id.into(),
            position: number(seat.position),
            seat_id: seat.seat_id.into(),
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

/// Reservations' rows, and those of their seats in order, as the reservations. A reservation may be
/// there more than once.
pub(crate) fn with_their_seats(
    rows: Vec<ReservationRow>,
    seats: Vec<(Uuid, SeatRow, i64)>,
) -> Result<Vec<Reservation>, Unreadable> {
    let mut seats_of: HashMap<Uuid, Vec<ReservedSeat>> = HashMap::new();
    for (reservation, seat, price) in seats {
        seats_of.entry(reservation).or_default().push(reserved_seat(seat, price)?);
    }
    let with_seats = rows.into_iter().filter_map(|row| {
        // A reservation has one seat or more, so one without has been here.
        let seats = seats_of.remove(&row.id)?;
        Some(row.with_seats(seats))
    });
    with_seats.collect()
}

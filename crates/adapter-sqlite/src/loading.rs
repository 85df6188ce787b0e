//! Reads that both the write path and the queries use.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::ids::ReservationId;
use domain::payment::{Payment, Receipt};
use domain::reservation::{Reservation, ReservedSeat};

use crate::SqlError;
use crate::columns::Key;
use crate::rows::{PaymentRow, ReservationRow, SeatRow, reserved_seat};
use crate::schema::{reservation_seats, reservations, seats};

/// A row as what it stands for.
pub(crate) fn decode<R, T>(row: Option<R>) -> Result<Option<T>, SqlError>
where
    T: TryFrom<R, Error = crate::columns::Unreadable>,
{
    Ok(row.map(T::try_from).transpose()?)
}

/// Rows as what they stand for.
pub(crate) fn decode_all<R, T>(rows: Vec<R>) -> Result<Vec<T>, SqlError>
where
    T: TryFrom<R, Error = crate::columns::Unreadable>,
{
    Ok(rows.into_iter().map(T::try_from).collect::<Result<_, _>>()?)
}

/// The reservation of that id.
pub(crate) fn reservation(
    conn: &mut SqliteConnection,
    id: Key,
) -> Result<Option<Reservation>, SqlError> {
    let row = reservations::table.find(id).select(ReservationRow::as_select()).first(conn);
    row.optional()?.map(|row| with_seats(conn, row)).transpose()
}

/// A reservation's row as the reservation, with its seats.
pub(crate) fn with_seats(
    conn: &mut SqliteConnection,
    row: ReservationRow,
) -> Result<Reservation, SqlError> {
    let seats: Vec<(SeatRow, i64)> = reservation_seats::table
        .inner_join(seats::table)
        .filter(reservation_seats::reservation_id.eq(row.id))
        .order(reservation_seats::position)
        .select((SeatRow::as_select(), reservation_seats::price))
        .load(conn)?;
    let seats: Result<Vec<ReservedSeat>, _> =
        seats.into_iter().map(|(seat, price)| reserved_seat(seat, price)).collect();
    Ok(row.with_seats(seats?)?)
}

/// A payment's row as the payment, with what it is for.
pub(crate) fn receipt(conn: &mut SqliteConnection, row: PaymentRow) -> Result<Receipt, SqlError> {
    let id = row.reservation_id;
    let reservation = reservation(conn, id)?.ok_or_else(|| SqlError::Lost {
        table: "reservations",
        row: id.id::<ReservationId>().to_string(),
    })?;
    Ok(Receipt { payment: Payment::try_from(row)?, reservation })
}

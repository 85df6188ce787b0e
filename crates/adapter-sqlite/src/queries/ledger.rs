use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::audit::{Books, ReservationSeat, seats_of_reservations};
use domain::ports::{Clock, Ledger, Unavailable};
use domain::reservation::Reservation;
use domain::seat::Seat;

use crate::SqlError;
use crate::columns::time;
use crate::loading::decode_all;
use crate::rows::{
    AccountRow, CapacityRow, ConcertRow, EntryRow, PaymentRow, ReservationRow, ReservationSeatRow,
    RoomRow, SeatRow, ShowRow, TokenRow,
};
use crate::schema::{
    cash_accounts, cash_entries, concerts, payments, reservation_seats, reservations,
    room_capacities, seats, service, shows, waiting_rooms, waiting_tokens,
};
use crate::store::SqliteStore;

macro_rules! all {
    ($conn:ident, $table:ident, $row:ty) => {
        decode_all($table::table.select(<$row>::as_select()).load($conn)?)?
    };
}

#[async_trait]
impl Ledger for SqliteStore {
    async fn books(&self) -> Result<Books, Unavailable> {
        let clock = self.clock();
        self.read(move |conn| books(conn, clock.now())).await
    }
}

fn books(conn: &mut SqliteConnection, now: Timestamp) -> Result<Books, SqlError> {
    let seats: Vec<Seat> = all!(conn, seats, SeatRow);
    let of_reservations = reservation_seats::table
        .order((reservation_seats::reservation_id, reservation_seats::position))
        .select(ReservationSeatRow::as_select())
        .load(conn)?;
    let reservation_seats: Vec<ReservationSeat> = decode_all(of_reservations)?;
    let mut theirs = seats_of_reservations(&seats, &reservation_seats);
    let rows = reservations::table.select(ReservationRow::as_select()).load(conn)?;
    let with_seats = rows.into_iter().map(|row: ReservationRow| {
        let seats = theirs.remove(&row.id.id()).unwrap_or_default();
        row.with_seats(seats)
    });
    let reservations: Vec<Reservation> = with_seats.collect::<Result<_, _>>()?;
    let evidence_since: Option<i64> = service::table.select(service::evidence_since).first(conn)?;
    Ok(Books {
        concerts: all!(conn, concerts, ConcertRow),
        shows: all!(conn, shows, ShowRow),
        seats,
        reservations,
        reservation_seats,
        payments: all!(conn, payments, PaymentRow),
        accounts: all!(conn, cash_accounts, AccountRow),
        entries: all!(conn, cash_entries, EntryRow),
        rooms: all!(conn, waiting_rooms, RoomRow),
        capacities: all!(conn, room_capacities, CapacityRow),
        tokens: all!(conn, waiting_tokens, TokenRow),
        outages: Vec::new(),
        evidence_since: evidence_since.map(time).transpose()?,
        now,
    })
}

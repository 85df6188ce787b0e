use async_trait::async_trait;
use diesel::prelude::{QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::audit::{Books, ReservationSeat, seats_of_reservations};
use domain::ports::{Clock, Ledger, Unavailable};
use domain::reservation::Reservation;
use domain::seat::Seat;

use super::decode_all;
use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::Session;
use crate::rows::{
    AccountRow, CapacityRow, ConcertRow, EntryRow, PaymentRow, ReservationRow, ReservationSeatRow,
    RoomRow, SeatRow, ShowRow, TokenRow,
};
use crate::schema::{
    cash_accounts, cash_entries, concerts, payments, reservation_seats, reservations,
    room_capacities, seats, service, shows, waiting_rooms, waiting_tokens,
};
use crate::store::PostgresStore;

macro_rules! all {
    ($conn:ident, $table:ident, $row:ty) => {{
        let rows: Vec<$row> = $table::table.select(<$row>::as_select()).load($conn).await?;
        rows
    }};
}

#[async_trait]
impl Ledger for PostgresStore {
    async fn books(&self) -> Result<Books, Unavailable> {
        let conn = self.database.connect(Session::ReadsAll).await;
        let mut conn = conn.map_err(|error| {
            Unavailable::from_source(format!("the database is away: {error}"), error)
        })?;
        let books = books(&mut conn, &self.clock()).await;
        books.map_err(|error| {
            Unavailable::from_source(format!("the database cannot be read: {error}"), error)
        })
    }
}

/// Everything, in one snapshot.
async fn books(conn: &mut AsyncPgConnection, clock: &DatabaseClock) -> Result<Books, SqlError> {
    conn.batch_execute("BEGIN").await?;
    let seats: Vec<Seat> = decode_all(all!(conn, seats, SeatRow))?;
    let of_reservations = reservation_seats::table
        .order((reservation_seats::reservation_id, reservation_seats::position))
        .select(ReservationSeatRow::as_select())
        .load(conn)
        .await?;
    let reservation_seats: Vec<ReservationSeat> = decode_all(of_reservations)?;
    let mut theirs = seats_of_reservations(&seats, &reservation_seats);
    let with_seats = all!(conn, reservations, ReservationRow).into_iter().map(|row| {
        let seats = theirs.remove(&row.id.into()).unwrap_or_default();
        row.with_seats(seats)
    });
    let reservations: Vec<Reservation> = with_seats.collect::<Result<_, _>>()?;
    let books = Books {
        concerts: decode_all(all!(conn, concerts, ConcertRow))?,
        shows: decode_all(all!(conn, shows, ShowRow))?,
        seats,
        reservations,
        reservation_seats,
        payments: decode_all(all!(conn, payments, PaymentRow))?,
        accounts: decode_all(all!(conn, cash_accounts, AccountRow))?,
        entries: decode_all(all!(conn, cash_entries, EntryRow))?,
        rooms: decode_all(all!(conn, waiting_rooms, RoomRow))?,
        capacities: decode_all(all!(conn, room_capacities, CapacityRow))?,
        tokens: decode_all(all!(conn, waiting_tokens, TokenRow))?,
        outages: Vec::new(),
        evidence_since: service::table.select(service::evidence_since).first(conn).await?,
        now: clock.now(),
    };
    conn.batch_execute("COMMIT").await?;
    Ok(books)
}

use async_trait::async_trait;
use diesel::prelude::{QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::audit::Books;
use domain::ports::{Clock, Ledger, Unavailable};

use super::decode_all;
use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::Session;
use crate::rows::{
    AccountRow, EntryRow, PaymentRow, ReservationRow, RoomRow, SeatRow, ShowRow, TokenRow,
    with_their_seats,
};
use crate::schema::{
    cash_accounts, cash_entries, payments, reservation_seats, reservations, seats, shows,
    waiting_rooms, waiting_tokens,
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
    let seats_of_reservations = reservation_seats::table
        .inner_join(seats::table)
        .order((reservation_seats::reservation_id, reservation_seats::position))
        .select((reservation_seats::reservation_id, SeatRow::as_select(), reservation_seats::price))
        .load(conn)
        .await?;
    let reservations = all!(conn, reservations, ReservationRow);
    let books = Books {
        now: clock.now(),
        shows: decode_all(all!(conn, shows, ShowRow))?,
        seats: decode_all(all!(conn, seats, SeatRow))?,
        reservations: with_their_seats(reservations, seats_of_reservations)?,
        payments: decode_all(all!(conn, payments, PaymentRow))?,
        accounts: decode_all(all!(conn, cash_accounts, AccountRow))?,
        entries: decode_all(all!(conn, cash_entries, EntryRow))?,
        rooms: decode_all(all!(conn, waiting_rooms, RoomRow))?,
        tokens: decode_all(all!(conn, waiting_tokens, TokenRow))?,
    };
    conn.batch_execute("COMMIT").await?;
    Ok(books)
}

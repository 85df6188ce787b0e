use std::collections::BTreeMap;

use async_trait::async_trait;
use diesel::prelude::*;
use domain::audit::Books;
use domain::ports::{Clock, Ledger, Unavailable};
use domain::reservation::ReservedSeat;

use crate::columns::Key;
use crate::loading::decode_all;
use crate::rows::{
    AccountRow, EntryRow, PaymentRow, ReservationRow, RoomRow, SeatRow, ShowRow, TokenRow,
    reserved_seat,
};
use crate::schema::{
    cash_accounts, cash_entries, payments, reservation_seats, reservations, seats, shows,
    waiting_rooms, waiting_tokens,
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
        self.read(move |conn| {
            let reserved: Vec<(Key, SeatRow, i64)> = reservation_seats::table
                .inner_join(seats::table)
                .order((reservation_seats::reservation_id, reservation_seats::position))
                .select((
                    reservation_seats::reservation_id,
                    SeatRow::as_select(),
                    reservation_seats::price,
                ))
                .load(conn)?;
            let mut seats_of: BTreeMap<Key, Vec<ReservedSeat>> = BTreeMap::new();
            for (reservation, seat, price) in reserved {
                seats_of.entry(reservation).or_default().push(reserved_seat(seat, price)?);
            }
            let rows = reservations::table.select(ReservationRow::as_select()).load(conn)?;
            let with_seats = rows.into_iter().map(|row| {
                let seats = seats_of.remove(&row.id).unwrap_or_default();
                row.with_seats(seats)
            });
            let reservations = with_seats.collect::<Result<_, _>>()?;
            Ok(Books {
                now: clock.now(),
                shows: all!(conn, shows, ShowRow),
                seats: all!(conn, seats, SeatRow),
                reservations,
                payments: all!(conn, payments, PaymentRow),
                accounts: all!(conn, cash_accounts, AccountRow),
                entries: all!(conn, cash_entries, EntryRow),
                rooms: all!(conn, waiting_rooms, RoomRow),
                tokens: all!(conn, waiting_tokens, TokenRow),
            })
        })
        .await
    }
}

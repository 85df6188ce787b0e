use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::audit::{Books, readable, seats_of_reservations};
use domain::audit_log::{AuditEntry, AuditKind};
use domain::ports::{Clock, Ledger, Unavailable};
use domain::reservation::ReservationSeat;
use domain::seat::Seat;
use domain::uptime::Outage;

use crate::SqlError;
use crate::clock::StoreClock;
use crate::columns::{Key, time};
use crate::counts;
use crate::rows::{
    AccountRow, AuditEntryRow, ConcertRow, EntryRow, PasswordResetRow, PaymentRow, PolicyRow,
    ReservationRow, ReservationSeatRow, RoomRow, SeatRow, ShowRow, TokenRow, TopUpRow,
};
use crate::schema::{
    audit_log, cash_accounts, cash_entries, concerts, outages, password_resets, payments,
    reservation_seats, reservations, room_policies, seats, service, shows, top_ups, users,
    waiting_rooms, waiting_tokens,
};
use crate::store::SqliteStore;

/// All rows of a table, by the column that names them. Those that cannot be read are noted.
macro_rules! all {
    ($conn:ident, $unreadable:ident, $row:ty as $table:ident by $key:ident, $read:expr) => {{
        let by_key = ($table::$key, <$row>::as_select());
        let rows: Vec<(Key, $row)> = $table::table.select(by_key).load($conn)?;
        let rows = rows.into_iter().map(|(key, row)| (key.id(), row));
        readable(stringify!($table), rows, &mut $unreadable, $read)
    }};
    ($conn:ident, $unreadable:ident, $row:ty as $table:ident by $key:ident) => {
        all!($conn, $unreadable, $row as $table by $key, TryFrom::try_from)
    };
}

#[async_trait]
impl Ledger for SqliteStore {
    async fn books(&self) -> Result<Books, Unavailable> {
        let clock = self.clock();
        self.read(move |conn| books(conn, &clock)).await
    }
}

fn books(conn: &mut SqliteConnection, clock: &StoreClock) -> Result<Books, SqlError> {
    let mut unreadable = Vec::new();
    let seats: Vec<Seat> = all!(conn, unreadable, SeatRow as seats by id);
    let reservation_seats: Vec<ReservationSeat> =
        all!(conn, unreadable, ReservationSeatRow as reservation_seats by reservation_id);
    let mut theirs = seats_of_reservations(&seats, &reservation_seats);
    let with_seats = |row: ReservationRow| {
        let seats = theirs.remove(&row.id.id()).unwrap_or_default();
        row.with_seats(seats)
    };
    let reservations = all!(conn, unreadable, ReservationRow as reservations by id, with_seats);
    let audit_log_since: Option<i64> =
        service::table.select(service::audit_log_since).first(conn)?;
    let log: Vec<(Key, AuditEntryRow)> = audit_log::table
        .filter(audit_log::kind.ne(AuditKind::SignInRefused.name()))
        .select((audit_log::id, AuditEntryRow::as_select()))
        .load(conn)?;
    let log = log.into_iter().map(|(id, row)| (id.id(), row));
    let audit_entries = readable("audit_log", log, &mut unreadable, AuditEntry::try_from);
    let disabled: Vec<(Key, Option<i64>)> = users::table
        .filter(users::disabled_at.is_not_null())
        .select((users::id, users::disabled_at))
        .load(conn)?;
    let disabled = disabled.into_iter().filter_map(|(id, at)| Some((id, at?)));
    let disabled_users: Result<Vec<_>, SqlError> =
        disabled.map(|(id, at)| Ok((id.id(), time(at)?))).collect();
    let evidence_since: Option<i64> = service::table.select(service::evidence_since).first(conn)?;
    Ok(Books {
        concerts: all!(conn, unreadable, ConcertRow as concerts by id),
        shows: all!(conn, unreadable, ShowRow as shows by id),
        seats,
        reservations,
        reservation_seats,
        payments: all!(conn, unreadable, PaymentRow as payments by id),
        top_ups: all!(conn, unreadable, TopUpRow as top_ups by id),
        accounts: all!(conn, unreadable, AccountRow as cash_accounts by user_id),
        entries: all!(conn, unreadable, EntryRow as cash_entries by id),
        rooms: all!(conn, unreadable, RoomRow as waiting_rooms by id),
        policies: all!(conn, unreadable, PolicyRow as room_policies by room_id),
        tokens: all!(conn, unreadable, TokenRow as waiting_tokens by id),
        disabled_users: disabled_users?,
        password_resets: all!(conn, unreadable, PasswordResetRow as password_resets by id),
        audit_entries,
        audit_log_since: audit_log_since.map(time).transpose()?,
        room_counts: counts::of_rooms(conn)?,
        show_counts: counts::of_shows(conn)?,
        unreadable,
        outages: all_outages(conn)?,
        evidence_since: evidence_since.map(time).transpose()?,
        now: clock.now(),
        cutoff: clock.cutoff(),
    })
}

pub(crate) fn all_outages(conn: &mut SqliteConnection) -> Result<Vec<Outage>, SqlError> {
    let times: Vec<(i64, i64)> = outages::table.load(conn)?;
    let outage =
        |(began_at, ended_at)| Ok(Outage { began_at: time(began_at)?, ended_at: time(ended_at)? });
    times.into_iter().map(outage).collect()
}

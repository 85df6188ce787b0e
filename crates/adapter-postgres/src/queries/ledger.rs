use async_trait::async_trait;
use diesel::prelude::{ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::Timestamp;
use domain::audit::{Books, readable, seats_of_reservations};
use domain::audit_log::{AuditEntry, AuditKind};
use domain::ports::{Clock, Ledger, Unavailable};
use domain::reservation::ReservationSeat;
use domain::seat::Seat;
use domain::uptime::Outage;
use uuid::Uuid;

use crate::SqlError;
use crate::clock::DatabaseClock;
use crate::connect::Session;
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
use crate::store::PostgresStore;

/// All rows of a table, by the column that names them. Those that cannot be read are noted.
macro_rules! all {
    ($conn:ident, $unreadable:ident, $row:ty as $table:ident by $key:ident, $read:expr) => {{
        let by_key = ($table::$key, <$row>::as_select());
        let rows: Vec<(Uuid, $row)> = $table::table.select(by_key).load($conn).await?;
        readable(stringify!($table), rows, &mut $unreadable, $read)
    }};
    ($conn:ident, $unreadable:ident, $row:ty as $table:ident by $key:ident) => {
        all!($conn, $unreadable, $row as $table by $key, TryFrom::try_from)
    };
}

#[async_trait]
impl Ledger for PostgresStore {
    async fn books(&self) -> Result<Books, Unavailable> {
        let conn = self.database.connect_at_start(Session::ReadsAll).await;
        let mut conn = conn.map_err(|error| {
            Unavailable::from_source(format!("the database is away: {error}"), error)
        })?;
        let books = books(&mut conn, &self.clock()).await;
        books.map_err(|error| {
            Unavailable::from_source(format!("the database cannot be read: {error}"), error)
        })
    }
}

pub(crate) async fn all_outages(conn: &mut AsyncPgConnection) -> Result<Vec<Outage>, SqlError> {
    let times: Vec<(Timestamp, Timestamp)> = outages::table.load(conn).await?;
    Ok(times.into_iter().map(|(began_at, ended_at)| Outage { began_at, ended_at }).collect())
}

/// Everything, in one snapshot.
async fn books(conn: &mut AsyncPgConnection, clock: &DatabaseClock) -> Result<Books, SqlError> {
    conn.batch_execute("BEGIN").await?;
    let mut unreadable = Vec::new();
    let seats: Vec<Seat> = all!(conn, unreadable, SeatRow as seats by id);
    let reservation_seats: Vec<ReservationSeat> =
        all!(conn, unreadable, ReservationSeatRow as reservation_seats by reservation_id);
    let mut theirs = seats_of_reservations(&seats, &reservation_seats);
    let with_seats = |row: ReservationRow| {
        let seats = theirs.remove(&row.id.into()).unwrap_or_default();
        row.with_seats(seats)
    };
    let reservations = all!(conn, unreadable, ReservationRow as reservations by id, with_seats);
    let log: Vec<(Uuid, AuditEntryRow)> = audit_log::table
        .filter(audit_log::kind.ne(AuditKind::SignInRefused.name()))
        .select((audit_log::id, AuditEntryRow::as_select()))
        .load(conn)
        .await?;
    let audit_entries = readable("audit_log", log, &mut unreadable, AuditEntry::try_from);
    let disabled: Vec<(Uuid, Option<Timestamp>)> = users::table
        .filter(users::disabled_at.is_not_null())
        .select((users::id, users::disabled_at))
        .load(conn)
        .await?;
    let disabled = disabled.into_iter().filter_map(|(id, at)| Some((id.into(), at?)));
    let books = Books {
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
        disabled_users: disabled.collect(),
        password_resets: all!(conn, unreadable, PasswordResetRow as password_resets by id),
        audit_entries,
        audit_log_since: service::table.select(service::audit_log_since).first(conn).await?,
        room_counts: counts::of_rooms(conn).await?,
        show_counts: counts::of_shows(conn).await?,
        unreadable,
        outages: all_outages(conn).await?,
        evidence_since: service::table.select(service::evidence_since).first(conn).await?,
        now: clock.now(),
        cutoff: clock.cutoff(),
    };
    conn.batch_execute("COMMIT").await?;
    Ok(books)
}

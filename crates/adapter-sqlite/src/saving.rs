//! Writes down what a group of decisions changed, within the writer's transaction.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::records::{Entity, Fate, Forgotten, Records};

use crate::SqlError;
use crate::columns::key;
use crate::counts::count;
use crate::rows::{
    AccountRow, AuditEntryRow, ConcertRow, EntryRow, KeptAnswerRow, PasswordResetRow, PaymentRow,
    PolicyRow, ReservationRow, ReservationSeatRow, RoomRow, SeatRow, SessionRow, ShowRow, TokenRow,
    TopUpRow, Update, UserRow, save_service,
};
use crate::schema::{
    audit_log, cash_accounts, cash_entries, concerts, kept_answers, password_resets, payments,
    reservation_seats, reservations, room_policies, seats, sessions, shows, top_ups, users,
    waiting_rooms, waiting_tokens,
};

/// Saves a table's rows: those that were changed first, since they may make room for new ones.
macro_rules! save {
    ($conn:ident, $changes:expr, $table:ident of $row:ty) => {
        for fate in [Fate::Changed, Fate::New] {
            for (entity, _) in $changes.changes().filter(|(_, found)| *found == fate) {
                let row = <$row>::from(entity);
                let rows = match fate {
                    Fate::New => diesel::insert_into($table::table).values(&row).execute($conn)?,
                    Fate::Changed | Fate::Kept => Update(&row).execute($conn)?,
                };
                if rows != 1 {
                    let row = entity.id().to_string();
                    return Err(SqlError::Lost { table: stringify!($table), row });
                }
            }
        }
    };
}

/// Saves rows that never change once they are there.
macro_rules! add {
    ($conn:ident, $changes:expr, $table:ident of $row:ty) => {
        for (entity, fate) in $changes.changes() {
            debug_assert_eq!(fate, Fate::New, "such a row never changes");
            diesel::insert_into($table::table).values(<$row>::from(entity)).execute($conn)?;
        }
    };
}

/// Saves `changes`. Parents go before children, so that every reference finds its row.
pub(crate) fn save(conn: &mut SqliteConnection, changes: &Records) -> Result<(), SqlError> {
    #[cfg(test)]
    store_contract::panics::if_asked_to(changes);
    forget(conn, changes.forgotten())?;
    save!(conn, changes.users, users of UserRow);
    save!(conn, changes.sessions, sessions of SessionRow);
    save!(conn, changes.password_resets, password_resets of PasswordResetRow);
    save!(conn, changes.rooms, waiting_rooms of RoomRow);
    add!(conn, changes.policies, room_policies of PolicyRow);
    add!(conn, changes.concerts, concerts of ConcertRow);
    add!(conn, changes.shows, shows of ShowRow);
    save!(conn, changes.seats, seats of SeatRow);
    save!(conn, changes.tokens, waiting_tokens of TokenRow);
    save!(conn, changes.reservations, reservations of ReservationRow);
    save_reserved_seats(conn, changes)?;
    save!(conn, changes.payments, payments of PaymentRow);
    save!(conn, changes.top_ups, top_ups of TopUpRow);
    save!(conn, changes.accounts, cash_accounts of AccountRow);
    add!(conn, changes.entries, cash_entries of EntryRow);
    save_kept_answers(conn, changes)?;
    add!(conn, changes.audit_entries, audit_log of AuditEntryRow);
    count(conn, changes)?;
    save_service(conn, changes.now, changes.uptime.as_ref())
}

fn save_reserved_seats(conn: &mut SqliteConnection, changes: &Records) -> Result<(), SqlError> {
    for ended in changes.ended_reservations() {
        let theirs = reservation_seats::reservation_id.eq(key(ended.id));
        diesel::update(reservation_seats::table.filter(theirs))
            .set(reservation_seats::live.eq(false))
            .execute(conn)?;
    }
    let new = changes.reservations.changes().filter(|(_, fate)| *fate == Fate::New);
    for seat in new.flat_map(|(reservation, _)| reservation.seat_rows()) {
        let row = ReservationSeatRow::from(seat);
        diesel::insert_into(reservation_seats::table).values(&row).execute(conn)?;
    }
    Ok(())
}

/// How many ids one statement names.
const FORGOTTEN_AT_ONCE: usize = 1_000;

/// Deletes what was taken out. Children go before parents.
fn forget(conn: &mut SqliteConnection, forgotten: Forgotten) -> Result<(), SqlError> {
    let Forgotten {
        tokens,
        reservations,
        kept_answers,
        sessions: old_sessions,
        password_resets: resets,
    } = forgotten;
    for ids in tokens.chunks(FORGOTTEN_AT_ONCE) {
        let ids = ids.iter().copied().map(key);
        diesel::delete(waiting_tokens::table.filter(waiting_tokens::id.eq_any(ids)))
            .execute(conn)?;
    }
    for ids in reservations.chunks(FORGOTTEN_AT_ONCE) {
        let ids = || ids.iter().copied().map(key);
        let theirs = reservation_seats::reservation_id.eq_any(ids());
        diesel::delete(reservation_seats::table.filter(theirs)).execute(conn)?;
        diesel::delete(reservations::table.filter(reservations::id.eq_any(ids()))).execute(conn)?;
    }
    for ids in old_sessions.chunks(FORGOTTEN_AT_ONCE) {
        let ids = ids.iter().copied().map(key);
        diesel::delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(conn)?;
    }
    for ids in resets.chunks(FORGOTTEN_AT_ONCE) {
        let ids = ids.iter().copied().map(key);
        diesel::delete(password_resets::table.filter(password_resets::id.eq_any(ids)))
            .execute(conn)?;
    }
    for old in kept_answers {
        let row = kept_answers::table.find((key(old.user_id), old.call, old.key));
        diesel::delete(row).execute(conn)?;
    }
    Ok(())
}

fn save_kept_answers(conn: &mut SqliteConnection, changes: &Records) -> Result<(), SqlError> {
    for (kept, _) in changes.kept_answers.changes() {
        // One that is forgotten in the same commit makes room for another of its key.
        diesel::replace_into(kept_answers::table)
            .values(KeptAnswerRow::from(kept))
            .execute(conn)?;
    }
    Ok(())
}

//! Writes down what a group of decisions changed, within its transaction.

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::records::{Entity, Fate, Records, Table};
use domain::uptime::Uptime;
use domain::waiting_token::TokenState;
use futures_util::try_join;
use uuid::Uuid;

use crate::SqlError;
use crate::rows::{
    AccountRow, ConcertRow, EntryRow, KeptAnswerRow, PaymentRow, ReservationRow, RoomRow, Row,
    SeatRow, ShowRow, TokenRow, UserRow, has_its_seats, insert, seat_rows, update,
};
use crate::statement::{Statement, array, ids, one};

/// What the row of a commit says beside what changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitMark {
    pub(crate) id: Uuid,
    pub(crate) server_id: Uuid,
}

/// Whether there is anything to save.
pub(crate) fn is_nothing(changes: &Records, uptime_before: Option<&Uptime>) -> bool {
    fn is_same<E: Entity>(table: &Table<E>) -> bool {
        table.changes().next().is_none() && table.removals().next().is_none()
    }
    is_same(&changes.users)
        && is_same(&changes.concerts)
        && is_same(&changes.shows)
        && is_same(&changes.seats)
        && is_same(&changes.reservations)
        && is_same(&changes.payments)
        && is_same(&changes.accounts)
        && is_same(&changes.entries)
        && is_same(&changes.rooms)
        && is_same(&changes.tokens)
        && is_same(&changes.kept_answers)
        && changes.uptime.as_ref() == uptime_before
}

/// Saves `changes`, a statement for what is new in a table and one for what changed. All are sent at
/// once, and run in the order in which they are written here: parents before children, so that
/// every reference finds its row, and what was changed before what is new, since it may make room.
pub(crate) async fn save(
    conn: &AsyncPgConnection,
    changes: &Records,
    uptime_before: Option<&Uptime>,
    mark: CommitMark,
) -> Result<(), SqlError> {
    try_join!(
        add::<_, UserRow>(conn, &changes.users),
        put::<_, RoomRow>(conn, &changes.rooms),
        add::<_, RoomRow>(conn, &changes.rooms),
        add::<_, ConcertRow>(conn, &changes.concerts),
        add::<_, ShowRow>(conn, &changes.shows),
        put::<_, SeatRow>(conn, &changes.seats),
        add::<_, SeatRow>(conn, &changes.seats),
        put::<_, TokenRow>(conn, &changes.tokens),
        add::<_, TokenRow>(conn, &changes.tokens),
        put::<_, ReservationRow>(conn, &changes.reservations),
        add::<_, ReservationRow>(conn, &changes.reservations),
        let_go_of_seats(conn, changes),
        add_reserved_seats(conn, changes),
        put::<_, PaymentRow>(conn, &changes.payments),
        add::<_, PaymentRow>(conn, &changes.payments),
        put::<_, AccountRow>(conn, &changes.accounts),
        add::<_, AccountRow>(conn, &changes.accounts),
        add::<_, EntryRow>(conn, &changes.entries),
        forget_answers(conn, changes),
        put::<_, KeptAnswerRow>(conn, &changes.kept_answers),
        add::<_, KeptAnswerRow>(conn, &changes.kept_answers),
        save_uptime(conn, changes, uptime_before),
        mark_commit(conn, changes, mark),
    )?;
    Ok(())
}

fn of_fate<E: Entity>(table: &Table<E>, wanted: Fate) -> impl Iterator<Item = &E> {
    table.changes().filter(move |(_, fate)| *fate == wanted).map(|(entity, _)| entity)
}

/// Adds what is new in a table.
async fn add<'a, E: Entity, R: Row + From<&'a E>>(
    conn: &AsyncPgConnection,
    table: &'a Table<E>,
) -> Result<(), SqlError> {
    let rows: Vec<R> = of_fate(table, Fate::New).map(R::from).collect();
    run(conn, R::TABLE, rows.len(), || insert(&rows)).await
}

/// Writes what changed in a table.
async fn put<'a, E: Entity, R: Row + From<&'a E>>(
    conn: &AsyncPgConnection,
    table: &'a Table<E>,
) -> Result<(), SqlError> {
    let rows: Vec<R> = of_fate(table, Fate::Changed).map(R::from).collect();
    run(conn, R::TABLE, rows.len(), || update(&rows)).await
}

/// Runs a statement that must touch so many rows; none, without asking, for no rows.
async fn run(
    conn: &AsyncPgConnection,
    table: &'static str,
    wanted: usize,
    statement: impl FnOnce() -> Statement,
) -> Result<(), SqlError> {
    if wanted == 0 {
        return Ok(());
    }
    let saved = statement().execute(&mut &*conn).await?;
    if saved == wanted { Ok(()) } else { Err(SqlError::Lost { table, wanted, saved }) }
}

async fn let_go_of_seats(conn: &AsyncPgConnection, changes: &Records) -> Result<(), SqlError> {
    let ended =
        || of_fate(&changes.reservations, Fate::Changed).filter(|ended| !has_its_seats(ended));
    if ended().next().is_none() {
        return Ok(());
    }
    // A refund comes after the seats were sold, so they are let go of there; what expired or was
    // cancelled had them to the last. Both are live until now.
    let text = "UPDATE reservation_seats SET live = false WHERE live AND reservation_id = ANY(?)";
    let wanted = ended().map(|reservation| reservation.seats.len()).sum();
    run(conn, "reservation_seats", wanted, || {
        Statement::new(text, vec![ids(ended().map(|reservation| reservation.id))])
    })
    .await
}

async fn add_reserved_seats(conn: &AsyncPgConnection, changes: &Records) -> Result<(), SqlError> {
    let rows: Vec<_> = of_fate(&changes.reservations, Fate::New).flat_map(seat_rows).collect();
    run(conn, "reservation_seats", rows.len(), || insert(&rows)).await
}

async fn forget_answers(conn: &AsyncPgConnection, changes: &Records) -> Result<(), SqlError> {
    let old = || changes.kept_answers.removals();
    if old().next().is_none() {
        return Ok(());
    }
    let text = "DELETE FROM kept_answers USING unnest(?, ?, ?) AS old (user_id, call, key) \
         WHERE (kept_answers.user_id, kept_answers.call, kept_answers.key) \
             = (old.user_id, old.call, old.key)";
    let keys = vec![
        ids(old().map(|key| key.user_id)),
        array(old().map(|key| key.call.clone()).collect()),
        array(old().map(|key| key.key.clone()).collect()),
    ];
    // Another server may have forgotten some of them by now.
    Statement::<()>::new(text, keys).execute(&mut &*conn).await?;
    Ok(())
}

async fn save_uptime(
    conn: &AsyncPgConnection,
    changes: &Records,
    before: Option<&Uptime>,
) -> Result<(), SqlError> {
    let Some(uptime) = changes.uptime.as_ref().filter(|uptime| Some(*uptime) != before) else {
        return Ok(());
    };
    let text = "UPDATE service SET heartbeat_at = ?, up_since = ? WHERE id = 1";
    let times: [Timestamp; 2] = [uptime.heartbeat_at, uptime.up_since];
    run(conn, "service", 1, || Statement::new(text, times.map(one).into())).await
}

/// Says that this commit was made, and what others want to hear of it: which seats changed, and
/// which tokens that do not wait.
async fn mark_commit(
    conn: &AsyncPgConnection,
    changes: &Records,
    mark: CommitMark,
) -> Result<(), SqlError> {
    let text = "INSERT INTO commits (id, server_id, committed_at, seat_ids, token_ids) \
         VALUES (?, ?, ?, ?, ?)";
    let seats = of_fate(&changes.seats, Fate::Changed).map(|seat| seat.id);
    let tokens = changes.tokens.changes().map(|(token, _)| token);
    let tokens = tokens.filter(|token| token.state != TokenState::Waiting).map(|token| token.id);
    let parameters =
        vec![one(mark.id), one(mark.server_id), one(changes.now), ids(seats), ids(tokens)];
    run(conn, "commits", 1, || Statement::new(text, parameters)).await
}

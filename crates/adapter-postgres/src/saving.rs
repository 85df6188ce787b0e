//! Writes down what a group of decisions changed, within its transaction.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::records::{Entity, Fate, Records, Table};
use domain::uptime::Uptime;
use domain::waiting_token::{TokenState, WaitingToken};
use futures_util::try_join;

use crate::marking::CommitMark;
use crate::rows::{
    AccountRow, ConcertRow, EntryRow, KeptAnswerRow, PaymentRow, ReservationRow, RoomRow, Row,
    SeatRow, ShowRow, TokenRow, UserRow, insert, meets_all, seat_rows, update,
};
use crate::statement::{Statement, array, ids, one};

/// Saves `changes`, a statement for what is new in a table and one for what changed. All are sent at
/// once, and run in the order in which they are written here: parents before children, so that
/// every reference finds its row, and what was changed before what is new, since it may make room.
pub(crate) async fn save(
    conn: &AsyncPgConnection,
    changes: &Records,
    uptime_before: Option<&Uptime>,
    mark: CommitMark,
) -> QueryResult<()> {
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
        let_go_of_seats(conn, changes),
        add_reservations(conn, changes),
        put::<_, PaymentRow>(conn, &changes.payments),
        add::<_, PaymentRow>(conn, &changes.payments),
        put::<_, AccountRow>(conn, &changes.accounts),
        add::<_, AccountRow>(conn, &changes.accounts),
        add::<_, EntryRow>(conn, &changes.entries),
        forget_answers(conn, changes),
        put::<_, KeptAnswerRow>(conn, &changes.kept_answers),
        add::<_, KeptAnswerRow>(conn, &changes.kept_answers),
        save_uptime(conn, changes, uptime_before),
        tell_others(conn, changes, mark),
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
) -> QueryResult<()> {
    let rows: Vec<R> = of_fate(table, Fate::New).map(R::from).collect();
    run(conn, rows.len(), || insert(&rows)).await
}

/// Writes what changed in a table.
async fn put<'a, E: Entity, R: Row + From<&'a E>>(
    conn: &AsyncPgConnection,
    table: &'a Table<E>,
) -> QueryResult<()> {
    let rows: Vec<R> = of_fate(table, Fate::Changed).map(R::from).collect();
    run(conn, rows.len(), || update(&rows)).await
}

/// Runs a statement about so many rows; about none, it is not asked.
async fn run(
    mut conn: &AsyncPgConnection,
    rows: usize,
    statement: impl FnOnce() -> Statement,
) -> QueryResult<()> {
    if rows > 0 {
        statement().execute(&mut conn).await?;
    }
    Ok(())
}

async fn let_go_of_seats(conn: &AsyncPgConnection, changes: &Records) -> QueryResult<()> {
    let ended = || {
        of_fate(&changes.reservations, Fate::Changed).filter(|ended| !ended.state.has_its_seats())
    };
    if ended().next().is_none() {
        return Ok(());
    }
    let text = "UPDATE reservation_seats SET live = false WHERE live AND reservation_id = ANY(?)";
    let seats = ended().map(|reservation| reservation.seats.len()).sum();
    run(conn, seats, || {
        meets_all(text, vec![ids(ended().map(|reservation| reservation.id))], seats)
    })
    .await
}

/// Adds new reservations and their seats, both by one statement.
async fn add_reservations(conn: &AsyncPgConnection, changes: &Records) -> QueryResult<()> {
    let new = || of_fate(&changes.reservations, Fate::New);
    let rows: Vec<_> = new().map(ReservationRow::from).collect();
    let seats: Vec<_> = new().flat_map(seat_rows).collect();
    run(conn, rows.len(), || insert(&seats).and(insert(&rows))).await
}

async fn forget_answers(conn: &AsyncPgConnection, changes: &Records) -> QueryResult<()> {
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
) -> QueryResult<()> {
    let Some(uptime) = changes.uptime.as_ref().filter(|uptime| Some(*uptime) != before) else {
        return Ok(());
    };
    let text = "UPDATE service SET heartbeat_at = ?, up_since = ? WHERE id = 1";
    let times: [Timestamp; 2] = [uptime.heartbeat_at, uptime.up_since];
    run(conn, 1, || meets_all(text, times.map(one).into(), 1)).await
}

/// Says what others want to hear of beside the seats, which the mark names: which tokens changed
/// that do not wait, and which were drawn.
async fn tell_others(
    conn: &AsyncPgConnection,
    changes: &Records,
    mark: CommitMark,
) -> QueryResult<()> {
    let lobbies: HashMap<_, _> =
        changes.rooms.changes().map(|(room, _)| (room.id, room.lobby.drawn_count)).collect();
    let is_drawn = |token: &WaitingToken| {
        let drawn = lobbies.get(&token.room_id);
        token.number.zip(drawn).is_some_and(|(number, drawn)| number <= *drawn)
    };
    let is_news = |token: &&WaitingToken| token.state != TokenState::Waiting || is_drawn(token);
    let tokens = changes.tokens.changes().map(|(token, _)| token).filter(is_news);
    let tokens: Vec<_> = tokens.map(|token| token.id).collect();
    let text = "UPDATE commits SET token_ids = ? WHERE id = ?";
    run(conn, tokens.len(), || meets_all(text, vec![ids(tokens), one(mark.id)], 1)).await
}

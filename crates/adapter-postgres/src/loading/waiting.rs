//! Who stands in line and who is inside.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Bool, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::RoomId;
use domain::records::Scope;
use domain::waiting_room::Line;
use uuid::Uuid;

use crate::columns::{Unreadable, read};
use crate::rows::{Row, TokenRow};
use crate::statement::{IdsFound, Parameter, Statement, array, ids};

/// That somebody waits in the line of a room. (For `EXISTS`, PostgreSQL may gather all who wait.)
macro_rules! somebody_waits {
    () => {
        "(SELECT true FROM waiting_tokens AS w \
         WHERE w.room_id = line.room_id AND w.state = 'waiting' LIMIT 1) IS NOT NULL"
    };
}

/// Of the rooms that are joined, those in which somebody waits, so that whoever comes waits, too, and
/// nobody inside has to be looked at. The room is locked: once nobody waits, nobody will until the
/// transaction is over.
pub(super) async fn crowded(
    conn: &AsyncPgConnection,
    scope: &Scope,
) -> QueryResult<HashSet<RoomId>> {
    let joined: Vec<RoomId> = scope.ends_of_lines.difference(&scope.lines).copied().collect();
    if joined.is_empty() {
        return Ok(HashSet::new());
    }
    let text =
        concat!("SELECT line.room_id FROM unnest(?) AS line (room_id) WHERE ", somebody_waits!());
    let rooms = Statement::<(SqlUuid,)>::new(text, vec![ids(joined)]);
    let rooms: Vec<(Uuid,)> = rooms.load(&mut &*conn).await?;
    Ok(rooms.into_iter().map(|(id,)| id.into()).collect())
}

/// The rooms whose lines are wanted, and whether in any case or only where nobody waits.
fn lines_wanted(scope: &Scope) -> [Parameter; 2] {
    let rooms = || scope.lines.union(&scope.ends_of_lines).copied();
    [ids(rooms()), array(rooms().map(|id| scope.lines.contains(&id)).collect())]
}

/// Tokens by their ids and by whose they are; and, of rooms whose line is wanted, those that ran
/// out: a hold that keeps one of them alive must be over, or begin only after this transaction,
/// before anyone is let in to its place.
pub(super) async fn tokens(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<TokenRow>> {
    let mut found = IdsFound::by_id(scope.tokens.iter().copied());
    if !scope.live_tokens.is_empty() {
        // The room is compared in a way that no index serves: statistics of a few rows may make it
        // look as rare as the user, and an index that begins with it would be read for all its line.
        found.or(
            &["SELECT live.id FROM unnest(?, ?) AS wanted (user_id, room_id), \
             LATERAL (SELECT l.id FROM waiting_tokens AS l \
                 WHERE l.user_id = wanted.user_id \
                 AND l.room_id IS NOT DISTINCT FROM wanted.room_id \
                 AND l.state IN ('waiting', 'active') OFFSET 0) AS live"],
            [
                ids(scope.live_tokens.iter().map(|(user_id, _)| *user_id)),
                ids(scope.live_tokens.iter().map(|(_, room_id)| *room_id)),
            ],
        );
    }
    if !scope.lines.is_empty() || !scope.ends_of_lines.is_empty() {
        let over = concat!(
            "SELECT over.id FROM unnest(?, ?) AS line (room_id, in_any_case), \
             LATERAL (SELECT o.id FROM waiting_tokens AS o \
                 WHERE o.room_id = line.room_id AND o.state = 'active' \
                 AND o.ends_at <= transaction_timestamp() OFFSET 0) AS over \
             WHERE line.in_any_case OR NOT (",
            somebody_waits!(),
            ")"
        );
        found.or(&[over], lines_wanted(scope));
    }
    lock!(conn, TokenRow, found)
}

/// Counts who is inside as of the beginning of the transaction: whoever ran out since then is
/// counted still, so that nobody is let in to a place that somebody may yet keep.
pub(super) async fn lines(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Vec<Line>> {
    if scope.lines.is_empty() && scope.ends_of_lines.is_empty() {
        return Ok(Vec::new());
    }
    let text = concat!(
        "SELECT line.room_id, CASE WHEN line.in_any_case OR NOT line.anyone_waits THEN \
             (SELECT count(*) FROM waiting_tokens AS t WHERE t.room_id = line.room_id \
              AND t.state = 'active' AND t.ends_at > transaction_timestamp()) END, \
             line.anyone_waits \
         FROM (SELECT line.room_id, line.in_any_case, ",
        somebody_waits!(),
        " AS anyone_waits FROM unnest(?, ?) AS line (room_id, in_any_case) OFFSET 0) AS line"
    );
    let statement =
        Statement::<(SqlUuid, Nullable<BigInt>, Bool)>::new(text, lines_wanted(scope).into());
    let counts: Vec<(Uuid, Option<i64>, bool)> = statement.load(&mut &*conn).await?;
    let lines = counts.into_iter().map(|(room_id, active, anyone_waiting)| {
        let active_count = active.map(|active| read(active, "number of tokens")).transpose()?;
        Ok(Line { room_id: room_id.into(), active_count, anyone_waiting })
    });
    let unreadable = |error| diesel::result::Error::DeserializationError(Box::new(error));
    lines.collect::<Result<_, Unreadable>>().map_err(unreadable)
}

/// A line in which somebody was found to wait before those were locked whose time is over.
pub(super) fn joined(line: Line, crowded: &HashSet<RoomId>) -> Line {
    if crowded.contains(&line.room_id) {
        return Line { active_count: None, anyone_waiting: true, ..line };
    }
    line
}

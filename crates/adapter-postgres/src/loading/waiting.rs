//! Who stands in line and who is inside.

use std::collections::HashSet;

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::RoomId;
use domain::records::{Keys, Scope};
use domain::waiting_room::Line;
use uuid::Uuid;

use crate::columns::{Unreadable, read};
use crate::loading::reading::Reading;
use crate::rows::{Row, TokenRow};
use crate::statement::{IdsFound, Statement, array, composed, ids};

/// That somebody waits in the line of a room.
macro_rules! somebody_waits {
    () => {
        "(SELECT sum(w.waiting) > 0 FROM room_counts AS w \
         WHERE w.room_id = line.room_id) IS TRUE"
    };
}

/// Some of those inside rooms whose time is over: more than one group lets in.
macro_rules! run_out {
    () => {
        "SELECT over.id FROM unnest(?) AS line (room_id), \
         LATERAL (SELECT o.id FROM waiting_tokens AS o \
             WHERE o.room_id = line.room_id AND o.state = 'active' \
             AND o.ends_at <= (SELECT transaction_timestamp() \
                 + s.clock_offset * interval '1 microsecond' FROM service AS s WHERE s.id = 1) \
             ORDER BY o.ends_at LIMIT 256) AS over"
    };
}

/// Locked tokens; and, of the rooms that are joined, those in which somebody waits.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) rows: Vec<TokenRow>,
    pub(super) crowded: HashSet<RoomId>,
}

/// Tokens by their ids and by whose they are; and, of rooms whose line is wanted, those that ran
/// out: a hold that keeps one of them alive must be over, or begin only after this transaction,
/// before anyone is let in to its place.
pub(super) async fn tokens(conn: &AsyncPgConnection, scope: &Scope) -> QueryResult<Tokens> {
    let mut found = IdsFound::by_id(scope.tokens.iter().copied());
    if !scope.places.is_empty() {
        // The room is compared in a way that no index serves: statistics of a few rows may make it
        // look as rare as the user, and an index that begins with it would be read for all its line.
        found.or(
            &["SELECT live.id FROM unnest(?, ?) AS wanted (user_id, room_id), \
             LATERAL (SELECT l.id FROM waiting_tokens AS l \
                 WHERE l.user_id = wanted.user_id \
                 AND l.room_id IS NOT DISTINCT FROM wanted.room_id \
                 AND l.state IN ('waiting', 'active') \
               UNION SELECT l.id FROM waiting_tokens AS l \
                 WHERE l.user_id = wanted.user_id \
                 AND l.room_id IS NOT DISTINCT FROM wanted.room_id \
                 AND l.arrival IS NOT NULL AND l.number IS NULL) AS live"],
            [
                ids(scope.places.iter().map(|(user_id, _)| *user_id)),
                ids(scope.places.iter().map(|(_, room_id)| *room_id)),
            ],
        );
    }
    if !scope.lines.is_empty() {
        found.or(&[run_out!()], [ids(scope.lines.iter().copied())]);
    }
    let joined: Vec<RoomId> = joined(scope).collect();
    if joined.is_empty() {
        let rows = lock!(conn, TokenRow, found).await?;
        return Ok(Tokens { rows, ..Tokens::default() });
    }
    at_the_doors_of(&joined, found, conn).await
}

/// Rooms that are joined, and whose line is not wanted in any case.
fn joined(scope: &Scope) -> impl Iterator<Item = RoomId> {
    scope.ends_of_lines.iter().filter(|id| !scope.lines.contains(id)).copied()
}

/// The tokens that are `found`, and those that ran out in the rooms of `joined` in which nobody waits:
/// whoever comes waits, too, where anybody does. The rooms are locked: where nobody waits, nobody
/// will until the transaction is over.
async fn at_the_doors_of(
    joined: &[RoomId],
    mut found: IdsFound,
    conn: &AsyncPgConnection,
) -> QueryResult<Tokens> {
    let joined = || ids(joined.iter().copied());
    found.or(&[run_out!(), " WHERE line.room_id <> ALL (doors.crowded)"], [joined()]);
    let (lock, locked) = &TokenRow::texts().lock;
    let doors = concat!(
        "SELECT doors.crowded, locked.* FROM (SELECT \
         ARRAY(SELECT line.room_id FROM unnest(?) AS line (room_id) WHERE ",
        somebody_waits!(),
        ") AS crowded OFFSET 0) AS doors LEFT JOIN LATERAL ("
    );
    let parts =
        [&[doors, lock.as_str()], &found.parts[..], &[*locked, ") AS locked ON true"]].concat();
    let text = composed(&parts, || parts.concat());
    let parameters = [joined()].into_iter().chain(found.parameters).collect();
    type Sql = (Array<SqlUuid>, Nullable<<TokenRow as Row>::Sql>);
    let rows = Statement::<Sql>::new(text, parameters).load(&mut &*conn).await?;
    let rows: Vec<(Vec<Uuid>, Option<TokenRow>)> = rows;
    let crowded = rows.as_slice().first().map(|(crowded, _)| crowded);
    Ok(Tokens {
        crowded: crowded.into_iter().flatten().map(|id| RoomId::from(*id)).collect(),
        rows: rows.into_iter().filter_map(|(_, token)| token).collect(),
    })
}

/// A room, how many are inside if they were counted, and whether anyone waits.
pub(super) type LineRow = (Uuid, Option<i64>, bool);
type LineSql = (SqlUuid, Nullable<BigInt>, Bool);

/// Counts who is written down as inside. Whoever ran out counts until that is written down, which whoever
/// gives the place away does.
pub(super) fn lines(scope: &Scope) -> Option<Reading<LineSql>> {
    if scope.lines.is_empty() && scope.ends_of_lines.is_empty() {
        return None;
    }
    let text = concat!(
        "SELECT line.room_id, CASE WHEN line.in_any_case OR NOT line.anyone_waits THEN \
             (SELECT coalesce(sum(t.inside), 0)::bigint FROM room_counts AS t \
              WHERE t.room_id = line.room_id) END, \
             line.anyone_waits \
         FROM (SELECT line.room_id, line.in_any_case, ",
        somebody_waits!(),
        " AS anyone_waits FROM unnest(?, ?) AS line (room_id, in_any_case) OFFSET 0) AS line"
    );
    let rooms: Keys<RoomId> = scope.lines.iter().chain(&scope.ends_of_lines).copied().collect();
    let in_any_case = rooms.iter().map(|id| scope.lines.contains(id)).collect();
    Some(Reading::new(text, vec![ids(rooms.iter().copied()), array(in_any_case)]))
}

/// Occupancy of a room. If somebody was waiting when we locked expired tokens, we did not lock this room's,
/// so report it as occupied: nobody is admitted in this transaction.
pub(super) fn line(row: LineRow, crowded: &HashSet<RoomId>) -> Result<Line, Unreadable> {
    let (room_id, active, anyone_waiting) = row;
    let room_id = room_id.into();
    if crowded.contains(&room_id) {
        return Ok(Line { room_id, active_count: None, anyone_waiting: true });
    }
    let active_count = active.map(|active| read(active, "number of tokens")).transpose()?;
    Ok(Line { room_id, active_count, anyone_waiting })
}

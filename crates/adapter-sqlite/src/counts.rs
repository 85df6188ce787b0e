//! The counts that are kept of rooms and shows.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::counts::{RoomCount, ShowCount};
use domain::ids::{RoomId, ShowId};
use domain::records::Records;

use crate::columns::{Key, key};
use crate::schema::{room_counts, show_counts};

/// Adds what `changes` change.
pub(crate) fn count(conn: &mut SqliteConnection, changes: &Records) -> QueryResult<()> {
    for (id, count) in changes.room_counts() {
        diesel::insert_into(room_counts::table)
            .values((
                room_counts::room_id.eq(key(id)),
                room_counts::waiting.eq(count.waiting),
                room_counts::inside.eq(count.inside),
            ))
            .on_conflict(room_counts::room_id)
            .do_update()
            .set((
                room_counts::waiting.eq(room_counts::waiting + count.waiting),
                room_counts::inside.eq(room_counts::inside + count.inside),
            ))
            .execute(conn)?;
    }
    for (id, count) in changes.show_counts() {
        diesel::insert_into(show_counts::table)
            .values((
                show_counts::show_id.eq(key(id)),
                show_counts::available.eq(count.available),
                show_counts::held.eq(count.held),
                show_counts::sold.eq(count.sold),
                show_counts::income.eq(count.income),
            ))
            .on_conflict(show_counts::show_id)
            .do_update()
            .set((
                show_counts::available.eq(show_counts::available + count.available),
                show_counts::held.eq(show_counts::held + count.held),
                show_counts::sold.eq(show_counts::sold + count.sold),
                show_counts::income.eq(show_counts::income + count.income),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// The count of a room; one in which nobody ever was has none.
pub(crate) fn of_room(conn: &mut SqliteConnection, id: RoomId) -> QueryResult<RoomCount> {
    let kept = room_counts::table.find(key(id));
    let kept = kept.select((room_counts::waiting, room_counts::inside)).first(conn).optional()?;
    let kept: Option<(i64, i64)> = kept;
    Ok(kept.map(|(waiting, inside)| RoomCount { waiting, inside }).unwrap_or_default())
}

/// All counts of rooms.
pub(crate) fn of_rooms(conn: &mut SqliteConnection) -> QueryResult<Vec<(RoomId, RoomCount)>> {
    let rows: Vec<(Key, i64, i64)> = room_counts::table.load(conn)?;
    let counts = rows.into_iter();
    Ok(counts.map(|(id, waiting, inside)| (id.id(), RoomCount { waiting, inside })).collect())
}

/// All counts of shows.
pub(crate) fn of_shows(conn: &mut SqliteConnection) -> QueryResult<Vec<(ShowId, ShowCount)>> {
    let rows: Vec<(Key, i64, i64, i64, i64)> = show_counts::table.load(conn)?;
    let counts = rows.into_iter().map(|(id, available, held, sold, income)| {
        (id.id(), ShowCount { available, held, sold, income })
    });
    Ok(counts.collect())
}

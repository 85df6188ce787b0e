use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{HeadCount, Lines, Unavailable, WaitingNumbers};
use domain::records::Source;
use domain::waiting_room::WaitingRoom;
use domain::waiting_token::WaitingToken;

use crate::SqlError;
use crate::columns::{key, micros, read};
use crate::loading::decode_all;
use crate::rows::RoomRow;
use crate::schema::{waiting_rooms, waiting_tokens};
use crate::source::Database;
use crate::store::SqliteStore;

#[async_trait]
impl Lines for SqliteStore {
    async fn token(&self, id: TokenId) -> Result<Option<WaitingToken>, Unavailable> {
        self.read(move |conn| Database { conn, now: Timestamp::MIN_UTC }.token(id)).await
    }

    async fn waiting_numbers(&self, id: RoomId) -> Result<WaitingNumbers, Unavailable> {
        self.read(move |conn| {
            let room = Database { conn: &mut *conn, now: Timestamp::MIN_UTC }.room(id)?;
            let waiting: Vec<i64> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(key(id)))
                .filter(waiting_tokens::state.eq("waiting"))
                .order(waiting_tokens::number)
                .select(waiting_tokens::number)
                .load(conn)?;
            let waiting = waiting.into_iter().map(|number| read(number, "number"));
            let waiting = waiting.collect::<Result<_, _>>()?;
            Ok(WaitingNumbers { last_number: room.map_or(0, |room| room.last_number), waiting })
        })
        .await
    }

    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable> {
        self.read(move |conn| {
            let all = waiting_rooms::table.order(waiting_rooms::id);
            decode_all(all.select(RoomRow::as_select()).load(conn)?)
        })
        .await
    }

    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable> {
        self.read(move |conn| Database { conn, now: Timestamp::MIN_UTC }.room(id)).await
    }

    async fn admitted_last_minute(&self, id: RoomId, now: Timestamp) -> Result<u64, Unavailable> {
        self.read(move |conn| admitted_last_minute(conn, id, now)).await
    }

    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable> {
        self.read(move |conn| {
            let in_room = || {
                waiting_tokens::table
                    .filter(waiting_tokens::room_id.eq(key(id)))
                    .select(count_star())
            };
            let waiting: i64 = in_room().filter(waiting_tokens::state.eq("waiting")).first(conn)?;
            let active: i64 = in_room()
                .filter(waiting_tokens::state.eq("active"))
                .filter(waiting_tokens::ends_at.gt(micros(now)))
                .first(conn)?;
            let admitted = admitted_last_minute(conn, id, now)?;
            let count = |found| read(found, "number of tokens");
            Ok(HeadCount {
                waiting: count(waiting)?,
                active: count(active)?,
                admitted_last_minute: admitted,
            })
        })
        .await
    }
}

fn admitted_last_minute(
    conn: &mut SqliteConnection,
    id: RoomId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let minute_ago = micros(now - TimeDelta::seconds(60));
    let admitted: i64 = waiting_tokens::table
        .filter(waiting_tokens::room_id.eq(key(id)))
        .filter(waiting_tokens::admitted_at.is_not_null())
        .filter(waiting_tokens::admitted_at.gt(minute_ago))
        .select(count_star())
        .first(conn)?;
    Ok(read(admitted, "number of tokens")?)
}

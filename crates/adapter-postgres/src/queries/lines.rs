use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::count_star;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{HeadCount, Lines, Unavailable, WaitingNumbers};
use domain::waiting_room::WaitingRoom;
use domain::waiting_token::WaitingToken;
use uuid::Uuid;

use super::{decode, decode_all};
use crate::SqlError;
use crate::columns::read;
use crate::connect::Session;
use crate::rows::{RoomRow, TokenRow};
use crate::schema::{waiting_rooms, waiting_tokens};
use crate::statement::{Statement, one};
use crate::store::{PostgresStore, Reader};

#[async_trait]
impl Lines for PostgresStore {
    async fn token(&self, id: TokenId) -> Result<Option<WaitingToken>, Unavailable> {
        self.read(|mut conn| async move {
            let row = waiting_tokens::table.find(Uuid::from(id)).select(TokenRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn waiting_numbers(&self, id: RoomId) -> Result<WaitingNumbers, Unavailable> {
        // A line of a million takes its time, which a reader has not.
        let conn = self.database.connect(Session::ReadsAll).await;
        let conn = conn.map_err(|error| {
            Unavailable::from_source(format!("the database is away: {error}"), error)
        })?;
        let numbers = waiting_numbers(&conn, id).await;
        numbers.map_err(|error| {
            Unavailable::from_source(format!("the database cannot be read: {error}"), error)
        })
    }

    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable> {
        self.read(|mut conn| async move {
            let all = waiting_rooms::table.order(waiting_rooms::id);
            decode_all(all.select(RoomRow::as_select()).load(&mut conn).await?)
        })
        .await
    }

    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable> {
        self.read(|mut conn| async move {
            let row = waiting_rooms::table.find(Uuid::from(id)).select(RoomRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn admitted_last_minute(&self, id: RoomId, now: Timestamp) -> Result<u64, Unavailable> {
        self.read(|mut conn| async move { admitted_last_minute(&mut conn, id, now).await }).await
    }

    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable> {
        self.read(|mut conn| async move {
            let in_room = || {
                waiting_tokens::table
                    .filter(waiting_tokens::room_id.eq(Uuid::from(id)))
                    .select(count_star())
            };
            let waiting = in_room().filter(waiting_tokens::state.eq("waiting"));
            let waiting: i64 = waiting.first(&mut conn).await?;
            let active = in_room()
                .filter(waiting_tokens::state.eq("active"))
                .filter(waiting_tokens::ends_at.gt(now));
            let active: i64 = active.first(&mut conn).await?;
            let admitted_last_minute = admitted_last_minute(&mut conn, id, now).await?;
            let count = |found| read(found, "number of tokens");
            Ok(HeadCount { waiting: count(waiting)?, active: count(active)?, admitted_last_minute })
        })
        .await
    }
}

/// All of one statement's snapshot, in which the room itself is a row without a number.
async fn waiting_numbers(
    mut conn: &AsyncPgConnection,
    id: RoomId,
) -> Result<WaitingNumbers, SqlError> {
    let text = "SELECT r.last_number, NULL::bigint AS number FROM waiting_rooms AS r WHERE r.id = ? \
         UNION ALL SELECT NULL, t.number FROM waiting_tokens AS t \
         WHERE t.room_id = ? AND t.state = 'waiting' ORDER BY number NULLS FIRST";
    type NumbersSql = (Nullable<BigInt>, Nullable<BigInt>);
    let parameters = vec![one(Uuid::from(id)), one(Uuid::from(id))];
    let rows: Vec<(Option<i64>, Option<i64>)> =
        Statement::<NumbersSql>::new(text, parameters).load(&mut conn).await?;
    let mut line = WaitingNumbers::default();
    for (last_number, number) in rows {
        if let Some(last_number) = last_number {
            line.last_number = read(last_number, "number")?;
        }
        if let Some(number) = number {
            line.waiting.push(read(number, "number")?);
        }
    }
    Ok(line)
}

async fn admitted_last_minute(
    conn: &mut Reader,
    id: RoomId,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let admitted: i64 = waiting_tokens::table
        .filter(waiting_tokens::room_id.eq(Uuid::from(id)))
        .filter(waiting_tokens::admitted_at.is_not_null())
        .filter(waiting_tokens::admitted_at.gt(now - TimeDelta::seconds(60)))
        .select(count_star())
        .first(conn)
        .await?;
    Ok(read(admitted, "number of tokens")?)
}

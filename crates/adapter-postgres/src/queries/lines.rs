use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::count_star;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{HeadCount, Lines, Unavailable};
use domain::waiting_room::WaitingRoom;
use domain::waiting_token::WaitingToken;
use uuid::Uuid;

use super::{decode, decode_all};
use crate::SqlError;
use crate::columns::read;
use crate::rows::{RoomRow, Row, TokenRow, columns};
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

    async fn place(&self, id: TokenId) -> Result<Option<(WaitingToken, u64)>, Unavailable> {
        self.read(|mut conn| async move {
            // The token and who is before it, of one moment.
            let text = format!(
                "SELECT {}, (SELECT count(*) FROM waiting_tokens AS b \
                     WHERE t.state = 'waiting' AND b.state = 'waiting' \
                     AND b.room_id = t.room_id AND b.number < t.number) \
                 FROM waiting_tokens AS t WHERE t.id = ?",
                columns::<TokenRow>("t")
            );
            type PlaceSql = (<TokenRow as Row>::Sql, BigInt);
            let place = Statement::<PlaceSql>::new(text, vec![one(Uuid::from(id))]);
            let place: Option<(TokenRow, i64)> = place.get_result(&mut conn).await.optional()?;
            let place = place.map(|(token, before)| {
                let token = WaitingToken::try_from(token)?;
                Ok::<_, SqlError>((token, read(before, "number of tokens")?))
            });
            place.transpose()
        })
        .await
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

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::count_star;
use diesel::prelude::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel::sql_types::{BigInt, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Admitted, HeadCount, Lines, Unavailable, WaitingNumbers};
use domain::waiting_room::{PolicyInForce, WaitingRoom};
use domain::waiting_token::WaitingToken;
use uuid::Uuid;

use super::{decode, decode_all};
use crate::SqlError;
use crate::columns::{number, read};
use crate::readers::Reader;
use crate::rows::{PolicyRow, RoomRow, TokenRow};
use crate::schema::{room_policies, waiting_rooms, waiting_tokens};
use crate::statement::{Statement, one};
use crate::store::PostgresStore;

#[async_trait]
impl Lines for PostgresStore {
    async fn tokens(&self, ids: Vec<TokenId>) -> Result<Vec<WaitingToken>, Unavailable> {
        self.read(move |mut conn| async move {
            let ids: Vec<Uuid> = ids.into_iter().map(Into::into).collect();
            let of_ids = waiting_tokens::table.filter(waiting_tokens::id.eq_any(ids));
            decode_all(of_ids.select(TokenRow::as_select()).load(&mut conn).await?)
        })
        .await
    }

    async fn waiting_numbers(&self, id: RoomId) -> Result<WaitingNumbers, Unavailable> {
        self.read_much(move |conn| async move { waiting_numbers(&conn, id).await }).await
    }

    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let all = waiting_rooms::table.order((waiting_rooms::created_at, waiting_rooms::id));
            decode_all(all.select(RoomRow::as_select()).load(&mut conn).await?)
        })
        .await
    }

    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable> {
        self.read(move |mut conn| async move {
            let row = waiting_rooms::table.find(Uuid::from(id)).select(RoomRow::as_select());
            decode(row.first(&mut conn).await.optional()?)
        })
        .await
    }

    async fn admitted(&self, id: RoomId, now: Timestamp) -> Result<Admitted, Unavailable> {
        self.read_behind(move |mut conn| async move {
            Ok(Admitted {
                last_minute: admitted_within(&mut conn, id, 60, now).await?,
                last_five_minutes: admitted_within(&mut conn, id, 300, now).await?,
            })
        })
        .await
    }

    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable> {
        self.read(move |mut conn| async move {
            let text = "SELECT coalesce(sum(k.waiting), 0)::bigint, \
                     coalesce(sum(k.inside), 0)::bigint - (SELECT count(*) FROM waiting_tokens AS t \
                         WHERE t.room_id = p.room_id AND t.state = 'active' AND t.ends_at <= p.moment) \
                 FROM (SELECT ?::uuid AS room_id, ?::timestamptz AS moment) AS p \
                     LEFT JOIN room_counts AS k ON k.room_id = p.room_id \
                 GROUP BY p.room_id, p.moment";
            let statement =
                Statement::<(BigInt, BigInt)>::new(text, vec![one(Uuid::from(id)), one(now)]);
            let (waiting, active): (i64, i64) = statement.get_result(&mut *conn).await?;
            let admitted_last_minute = admitted_within(&mut conn, id, 60, now).await?;
            let count = |found| read(found, "number of tokens");
            Ok(HeadCount { waiting: count(waiting)?, active: count(active)?, admitted_last_minute })
        })
        .await
    }

    async fn lobby(&self, id: RoomId) -> Result<Vec<TokenId>, Unavailable> {
        self.read_much(move |mut conn| async move {
            // By two looks at the index of numbers: all others of the room may be many more.
            let text = "SELECT t.id FROM waiting_tokens AS t WHERE t.room_id = ? AND t.number IS NULL \
                 UNION ALL SELECT t.id FROM waiting_tokens AS t WHERE t.room_id = ? \
                     AND t.number <= (SELECT r.lobby_count FROM waiting_rooms AS r WHERE r.id = ?)";
            let room = || one(Uuid::from(id));
            let ids: Vec<(Uuid,)> = Statement::<(SqlUuid,)>::new(text, vec![room(), room(), room()])
                .load(&mut *conn)
                .await?;
            Ok(ids.into_iter().map(|(id,)| id.into()).collect())
        })
        .await
    }

    async fn numbered(
        &self,
        id: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read(move |mut conn| async move {
            let ids: Vec<Uuid> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(Uuid::from(id)))
                .filter(waiting_tokens::number.gt(number(after)))
                .order(waiting_tokens::number)
                .limit(limit.into())
                .select(waiting_tokens::id)
                .load(&mut conn)
                .await?;
            Ok(ids.into_iter().map(Into::into).collect())
        })
        .await
    }

    async fn arrivals(
        &self,
        id: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read(move |mut conn| async move {
            let ids: Vec<Uuid> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(Uuid::from(id)))
                .filter(waiting_tokens::arrival.gt(number(after)))
                .order(waiting_tokens::arrival)
                .limit(limit.into())
                .select(waiting_tokens::id)
                .load(&mut conn)
                .await?;
            Ok(ids.into_iter().map(Into::into).collect())
        })
        .await
    }

    async fn policies(&self, id: RoomId) -> Result<Vec<PolicyInForce>, Unavailable> {
        self.read(move |mut conn| async move {
            let of_room = room_policies::table.filter(room_policies::room_id.eq(Uuid::from(id)));
            let in_order = of_room.order(room_policies::number);
            decode_all(in_order.select(PolicyRow::as_select()).load(&mut conn).await?)
        })
        .await
    }
}

/// The room first, as a row without a token; then who waits. All of one statement's snapshot.
async fn waiting_numbers(
    mut conn: &AsyncPgConnection,
    id: RoomId,
) -> Result<WaitingNumbers, SqlError> {
    let text = "SELECT r.last_number, r.lobby_count, r.drawn_count, NULL::uuid AS id, \
             NULL::bigint AS number \
         FROM waiting_rooms AS r WHERE r.id = ? \
         UNION ALL SELECT NULL, NULL, NULL, t.id, t.number \
         FROM waiting_tokens AS t WHERE t.room_id = ? AND t.state = 'waiting' \
         ORDER BY last_number NULLS LAST, number NULLS FIRST";
    type NumbersSql =
        (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<SqlUuid>, Nullable<BigInt>);
    type NumbersRow = (Option<i64>, Option<i64>, Option<i64>, Option<Uuid>, Option<i64>);
    let parameters = vec![one(Uuid::from(id)), one(Uuid::from(id))];
    let rows: Vec<NumbersRow> =
        Statement::<NumbersSql>::new(text, parameters).load(&mut conn).await?;
    let mut line = WaitingNumbers::default();
    for (last_number, lobby_count, drawn_count, id, number) in rows {
        if let (Some(last), Some(lobby), Some(drawn)) = (last_number, lobby_count, drawn_count) {
            line.last_number = read(last, "number")?;
            line.lobby_count = read(lobby, "number of tokens")?;
            line.drawn_count = read(drawn, "number of tokens")?;
            continue;
        }
        let number = number.map(|number| read(number, "number")).transpose()?;
        let Some(id) = id.map(TokenId::from) else { continue };
        line.waiting.extend(number.map(|number| (number, id)));
        if number.is_none_or(|number| number <= line.lobby_count) {
            line.lobby.push((id, number));
        }
    }
    Ok(line)
}

async fn admitted_within(
    conn: &mut Reader,
    id: RoomId,
    seconds: i64,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let admitted: i64 = waiting_tokens::table
        .filter(waiting_tokens::room_id.eq(Uuid::from(id)))
        .filter(waiting_tokens::admitted_at.is_not_null())
        .filter(waiting_tokens::admitted_at.gt(now - TimeDelta::seconds(seconds)))
        .select(count_star())
        .first(conn)
        .await?;
    Ok(read(admitted, "number of tokens")?)
}

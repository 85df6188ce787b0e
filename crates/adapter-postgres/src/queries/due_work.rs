use async_trait::async_trait;
use diesel::dsl::count;
use diesel::prelude::{
    AggregateExpressionMethods, BoolExpressionMethods, ExpressionMethods,
    NullableExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
};
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::idempotency::IdempotencyKey;
use domain::ids::{PaymentId, ReservationId, RoomId, TokenId, TopUpId};
use domain::ports::{DueWork, Unavailable, Unsettled};
use domain::uptime::Outage;
use domain::waiting_room::WaitingRoom;
use domain::waiting_token::WaitingToken;
use uuid::Uuid;

use super::ledger::all_outages;
use super::{decode, decode_all};
use crate::SqlError;
use crate::columns::{number, read};
use crate::rows::{RoomRow, TokenRow};
use crate::schema::{
    kept_answers, payments, reservations, seats, top_ups, waiting_rooms, waiting_tokens,
};
use crate::statement::{Parameter, Statement, one};
use crate::store::PostgresStore;

diesel::define_sql_function! {
    #[sql_name = "greatest"]
    fn greater(one: BigInt, other: BigInt) -> BigInt;
}

fn ids<Id: From<Uuid>>(keys: Vec<Uuid>) -> Vec<Id> {
    keys.into_iter().map(Into::into).collect()
}

/// The ids that a query finds.
async fn found<Id: From<Uuid>>(
    mut conn: &AsyncPgConnection,
    text: &'static str,
    parameters: Vec<Parameter>,
) -> Result<Vec<Id>, SqlError> {
    let keys: Vec<(Uuid,)> = Statement::<(SqlUuid,)>::new(text, parameters).load(&mut conn).await?;
    Ok(keys.into_iter().map(|(key,)| key.into()).collect())
}

fn number_of(found: i64) -> Result<u64, SqlError> {
    Ok(read(found, "number of payments")?)
}

/// What the provider owes answers about that is in a table.
macro_rules! unsettled {
    ($conn:expr, $table:ident, $now:ident) => {{
        let of_state = |state: &'static str| {
            let is_in = $table::provider_state.nullable().eq(state);
            count($table::id).aggregate_filter(is_in.assume_not_null())
        };
        let overdue = $table::provider_settle_by.le($now);
        let counts = $table::table.filter($table::provider_ask_at.is_not_null()).select((
            of_state("asked"),
            of_state("return_due"),
            count($table::id).aggregate_filter(overdue.assume_not_null()),
        ));
        let (pending, return_due, overdue) = counts.first($conn).await?;
        Unsettled {
            pending: number_of(pending)?,
            return_due: number_of(return_due)?,
            overdue: number_of(overdue)?,
        }
    }};
}

#[async_trait]
impl DueWork for PostgresStore {
    async fn lapsed_holds(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let lapsed = reservations::table
                .filter(reservations::state.eq("held"))
                .filter(reservations::held_until.le(now))
                .order(reservations::held_until)
                .limit(limit.into());
            Ok(ids(lapsed.select(reservations::id).load(&mut conn).await?))
        })
        .await
    }

    async fn returning_seats(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let due = seats::table
                .filter(seats::returns_at.le(now))
                .filter(seats::reservation_id.is_not_null())
                .order(seats::returns_at)
                .limit(limit.into())
                .select(seats::reservation_id.assume_not_null());
            let mut due: Vec<ReservationId> = ids(due.load(&mut conn).await?);
            due.dedup();
            Ok(due)
        })
        .await
    }

    async fn run_out_tokens(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |conn| async move {
            // A room at a time, since they are in order of their ends only within a room.
            let text = "SELECT over.id FROM waiting_rooms AS r, \
                 LATERAL (SELECT t.id, t.ends_at FROM waiting_tokens AS t \
                     WHERE t.room_id = r.id AND t.state = 'active' AND t.ends_at <= ? \
                     ORDER BY t.ends_at LIMIT ?) AS over \
                 ORDER BY over.ends_at LIMIT ?";
            let limit = i64::from(limit);
            found(&conn, text, vec![one(now), one(limit), one(limit)]).await
        })
        .await
    }

    async fn active_tokens(&self) -> Result<Vec<TokenId>, Unavailable> {
        self.read_much(move |mut conn| async move {
            let active = waiting_tokens::table.filter(waiting_tokens::state.eq("active"));
            let in_order = active.order(waiting_tokens::id).select(waiting_tokens::id);
            Ok(ids(in_order.load(&mut conn).await?))
        })
        .await
    }

    async fn held_reservations(&self) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_much(move |mut conn| async move {
            let held = reservations::table.filter(reservations::state.eq("held"));
            let in_order = held.order(reservations::id).select(reservations::id);
            Ok(ids(in_order.load(&mut conn).await?))
        })
        .await
    }

    async fn silent_tokens(
        &self,
        room_id: RoomId,
        heard_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let silent = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(Uuid::from(room_id)))
                .filter(waiting_tokens::state.eq("waiting"))
                .filter(waiting_tokens::heard_at.le(heard_before))
                .order(waiting_tokens::number)
                .limit(limit.into());
            Ok(ids(silent.select(waiting_tokens::id).load(&mut conn).await?))
        })
        .await
    }

    async fn rooms_with_places(&self, now: Timestamp) -> Result<Vec<RoomId>, Unavailable> {
        self.read_behind(move |conn| async move {
            // Who is first in line is asked for as one value, and so is looked up; by EXISTS, all who
            // wait may be joined.
            let text = "SELECT r.id FROM waiting_rooms AS r, \
                 LATERAL (SELECT coalesce(sum(k.waiting), 0) AS waiting, \
                         coalesce(sum(k.inside), 0) AS inside \
                     FROM room_counts AS k WHERE k.room_id = r.id OFFSET 0) AS c \
                 WHERE NOT r.paused AND NOT r.sold_out AND c.waiting > 0 \
                 AND (c.inside < r.capacity OR (SELECT t.id FROM waiting_tokens AS t \
                     WHERE t.room_id = r.id AND t.state = 'active' AND t.ends_at <= ? \
                     ORDER BY t.ends_at LIMIT 1) IS NOT NULL) \
                 AND (SELECT t.id FROM waiting_tokens AS t \
                     WHERE t.room_id = r.id AND t.state = 'waiting' AND t.number IS NOT NULL \
                     ORDER BY t.number LIMIT 1) IS NOT NULL";
            found(&conn, text, vec![one(now)]).await
        })
        .await
    }

    async fn rooms_to_draw(&self, now: Timestamp) -> Result<Vec<RoomId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let rooms = waiting_rooms::table
                .filter(waiting_rooms::opens_at.le(now))
                .filter(waiting_rooms::drawn_at.is_null());
            Ok(ids(rooms.select(waiting_rooms::id).load(&mut conn).await?))
        })
        .await
    }

    async fn next_in_line(&self, room_id: RoomId, limit: u32) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let next = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(Uuid::from(room_id)))
                .filter(waiting_tokens::state.eq("waiting"))
                .filter(waiting_tokens::number.is_not_null())
                .order(waiting_tokens::number)
                .limit(limit.into());
            Ok(ids(next.select(waiting_tokens::id).load(&mut conn).await?))
        })
        .await
    }

    async fn payments_to_ask(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PaymentId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let due = payments::table
                .filter(payments::provider_ask_at.le(now))
                .order(payments::provider_ask_at)
                .limit(limit.into());
            Ok(ids(due.select(payments::id).load(&mut conn).await?))
        })
        .await
    }

    async fn top_ups_to_ask(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TopUpId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let due = top_ups::table
                .filter(top_ups::provider_ask_at.le(now))
                .order(top_ups::provider_ask_at)
                .limit(limit.into());
            Ok(ids(due.select(top_ups::id).load(&mut conn).await?))
        })
        .await
    }

    async fn unsettled(&self, now: Timestamp) -> Result<Unsettled, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let of_payments = unsettled!(&mut conn, payments, now);
            Ok(of_payments + unsettled!(&mut conn, top_ups, now))
        })
        .await
    }

    async fn outages(&self) -> Result<Vec<Outage>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move { all_outages(&mut conn).await }).await
    }

    async fn rooms_with_old_tokens(&self, ended_by: Timestamp) -> Result<Vec<RoomId>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move {
            let is_old = waiting_tokens::state
                .eq_any(["done", "expired"])
                .and(waiting_tokens::ends_at.le(ended_by));
            let not_kept = greater(waiting_rooms::forgotten_to, waiting_rooms::lobby_count);
            // Each room's first is looked up, by the index of numbers.
            let is_first_old = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(waiting_rooms::id))
                .filter(waiting_tokens::number.gt(not_kept.nullable()))
                .order(waiting_tokens::number)
                .limit(1)
                .select(is_old);
            let rooms = waiting_rooms::table.filter(is_first_old.single_value());
            Ok(ids(rooms.select(waiting_rooms::id).load(&mut conn).await?))
        })
        .await
    }

    async fn old_tokens(
        &self,
        room_id: RoomId,
        ended_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move {
            let room = waiting_rooms::table.find(Uuid::from(room_id)).select(RoomRow::as_select());
            let room: Option<WaitingRoom> = decode(room.first(&mut conn).await.optional()?)?;
            let Some(room) = room else { return Ok(Vec::new()) };
            let first: Vec<TokenRow> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(Uuid::from(room_id)))
                .filter(waiting_tokens::number.ge(number(room.first_kept_number())))
                .order(waiting_tokens::number)
                .limit(limit.into())
                .select(TokenRow::as_select())
                .load(&mut conn)
                .await?;
            let first: Vec<WaitingToken> = decode_all(first)?;
            let is_old = |token: &&WaitingToken| token.ended_at().is_some_and(|at| at <= ended_by);
            let old = || first.iter().take_while(is_old).map(|token| token.id);
            let paid_with: Vec<Uuid> = old().map(Uuid::from).collect();
            let needed: Vec<Option<Uuid>> = payments::table
                .filter(payments::provider_ask_at.is_not_null())
                .filter(payments::provider_token_id.eq_any(paid_with))
                .select(payments::provider_token_id)
                .load(&mut conn)
                .await?;
            Ok(old().take_while(|id| !needed.contains(&Some(Uuid::from(*id)))).collect())
        })
        .await
    }

    async fn old_reservations(
        &self,
        ended_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move {
            let old = reservations::table
                .filter(reservations::payment_id.is_null())
                .filter(reservations::ended_at.le(ended_by))
                .order(reservations::ended_at)
                .limit(limit.into());
            Ok(ids(old.select(reservations::id).load(&mut conn).await?))
        })
        .await
    }

    async fn old_answers(
        &self,
        kept_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<IdempotencyKey>, Unavailable> {
        self.read_at_leisure(move |mut conn| async move {
            let old: Vec<(Uuid, String, String)> = kept_answers::table
                .filter(kept_answers::created_at.le(kept_before))
                .order(kept_answers::created_at)
                .limit(limit.into())
                .select((kept_answers::user_id, kept_answers::call, kept_answers::key))
                .load(&mut conn)
                .await?;
            let keys = old.into_iter();
            Ok(keys
                .map(|(user, call, key)| IdempotencyKey { user_id: user.into(), call, key })
                .collect())
        })
        .await
    }
}

use async_trait::async_trait;
use diesel::dsl::{count, count_star};
use diesel::prelude::{
    AggregateExpressionMethods, ExpressionMethods, NullableExpressionMethods, QueryDsl,
};
use diesel_async::RunQueryDsl;
use domain::Timestamp;
use domain::idempotency::IdempotencyKey;
use domain::ids::{PaymentId, ReservationId, RoomId, TokenId};
use domain::ports::{DueWork, Unavailable, Unsettled};
use uuid::Uuid;

use crate::columns::read;
use crate::schema::{kept_answers, payments, reservations, waiting_rooms, waiting_tokens};
use crate::store::PostgresStore;

fn ids<Id: From<Uuid>>(keys: Vec<Uuid>) -> Vec<Id> {
    keys.into_iter().map(Into::into).collect()
}

fn number_of(found: i64) -> Result<u64, crate::SqlError> {
    Ok(read(found, "number of payments")?)
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

    async fn run_out_tokens(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let run_out = waiting_tokens::table
                .filter(waiting_tokens::state.eq("active"))
                .filter(waiting_tokens::ends_at.le(now))
                .order(waiting_tokens::ends_at)
                .limit(limit.into());
            Ok(ids(run_out.select(waiting_tokens::id).load(&mut conn).await?))
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
        self.read_behind(move |mut conn| async move {
            let in_room =
                || waiting_tokens::table.filter(waiting_tokens::room_id.eq(waiting_rooms::id));
            let first_in_line = in_room()
                .filter(waiting_tokens::state.eq("waiting"))
                .filter(waiting_tokens::number.is_not_null())
                // By number, so that the first is found by the index of who waits: where nobody does,
                // any other way looks at all who ever waited.
                .order(waiting_tokens::number)
                .limit(1)
                .select(waiting_tokens::id);
            let inside = in_room()
                .filter(waiting_tokens::state.eq("active"))
                .filter(waiting_tokens::ends_at.gt(now));
            let rooms = waiting_rooms::table
                .filter(waiting_rooms::paused.eq(false))
                .filter(waiting_rooms::sold_out.eq(false))
                // Asked for as one value, it is looked up; by EXISTS, all who wait may be joined.
                .filter(first_in_line.single_value().is_not_null())
                .filter(
                    waiting_rooms::capacity
                        .nullable()
                        .gt(inside.select(count_star()).single_value())
                        .assume_not_null(),
                );
            Ok(ids(rooms.select(waiting_rooms::id).load(&mut conn).await?))
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

    async fn unsettled(&self, now: Timestamp) -> Result<Unsettled, Unavailable> {
        self.read_behind(move |mut conn| async move {
            let of_state = |state: &'static str| {
                count(payments::id)
                    .aggregate_filter(payments::provider_state.eq(state).assume_not_null())
            };
            let overdue = payments::provider_settle_by.le(now);
            let counts = payments::table.filter(payments::provider_ask_at.is_not_null()).select((
                of_state("asked"),
                of_state("return_due"),
                count(payments::id).aggregate_filter(overdue.assume_not_null()),
            ));
            let (pending, return_due, overdue) = counts.first(&mut conn).await?;
            Ok(Unsettled {
                pending: number_of(pending)?,
                return_due: number_of(return_due)?,
                overdue: number_of(overdue)?,
            })
        })
        .await
    }

    async fn old_answers(
        &self,
        kept_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<IdempotencyKey>, Unavailable> {
        self.read_behind(move |mut conn| async move {
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

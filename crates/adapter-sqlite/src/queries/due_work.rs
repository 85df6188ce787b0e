use async_trait::async_trait;
use diesel::dsl::{count, exists};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::Timestamp;
use domain::idempotency::IdempotencyKey;
use domain::ids::{PaymentId, ReservationId, RoomId, TokenId, TopUpId};
use domain::ports::{DueWork, Unavailable, Unsettled};
use domain::records::Source;
use domain::uptime::Outage;
use domain::waiting_token::WaitingToken;

use super::ledger::all_outages;
use crate::columns::{Key, key, micros, number, read};
use crate::loading::decode_all;
use crate::rows::TokenRow;
use crate::schema::{
    kept_answers, payments, reservations, room_counts, seats, top_ups, waiting_rooms,
    waiting_tokens,
};
use crate::source::Database;
use crate::store::SqliteStore;

diesel::define_sql_function! {
    #[sql_name = "max"]
    fn greater(one: BigInt, other: BigInt) -> BigInt;
}

fn ids<Id: From<uuid::Uuid>>(keys: Vec<Key>) -> Vec<Id> {
    keys.into_iter().map(Key::id).collect()
}

/// SQLite, asked for an order of ids, would go through the whole table in that order.
fn in_order<Id: Ord>(mut ids: Vec<Id>) -> Vec<Id> {
    ids.sort_unstable();
    ids
}

fn number_of(found: i64) -> Result<u64, crate::SqlError> {
    Ok(read(found, "number of payments")?)
}

/// What the provider owes answers about that is in a table.
macro_rules! unsettled {
    ($conn:expr, $table:ident, $now:ident) => {{
        let of_state = |state: &'static str| {
            let is_in = $table::provider_state.nullable().eq(state);
            count($table::id).aggregate_filter(is_in.assume_not_null())
        };
        let overdue = $table::provider_settle_by.le(micros($now));
        let counts = $table::table.filter($table::provider_ask_at.is_not_null()).select((
            of_state("asked"),
            of_state("return_due"),
            count($table::id).aggregate_filter(overdue.assume_not_null()),
        ));
        let (pending, return_due, overdue) = counts.first($conn)?;
        Unsettled {
            pending: number_of(pending)?,
            return_due: number_of(return_due)?,
            overdue: number_of(overdue)?,
        }
    }};
}

#[async_trait]
impl DueWork for SqliteStore {
    async fn lapsed_holds(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_behind(move |conn| {
            let lapsed = reservations::table
                .filter(reservations::state.eq("held"))
                .filter(reservations::held_until.le(micros(now)))
                .order(reservations::held_until)
                .limit(limit.into());
            Ok(ids(lapsed.select(reservations::id).load(conn)?))
        })
        .await
    }

    async fn returning_seats(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_behind(move |conn| {
            let due = seats::table
                .filter(seats::returns_at.le(micros(now)))
                .filter(seats::reservation_id.is_not_null())
                .order(seats::returns_at)
                .limit(limit.into())
                .select(seats::reservation_id.assume_not_null());
            let mut due: Vec<ReservationId> = ids(due.load(conn)?);
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
        self.read_behind(move |conn| {
            let run_out = waiting_tokens::table
                .filter(waiting_tokens::state.eq("active"))
                .filter(waiting_tokens::ends_at.le(micros(now)))
                .order(waiting_tokens::ends_at)
                .limit(limit.into());
            Ok(ids(run_out.select(waiting_tokens::id).load(conn)?))
        })
        .await
    }

    async fn active_tokens(&self) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |conn| {
            let active = waiting_tokens::table.filter(waiting_tokens::state.eq("active"));
            Ok(in_order(ids(active.select(waiting_tokens::id).load(conn)?)))
        })
        .await
    }

    async fn held_reservations(&self) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_behind(move |conn| {
            let held = reservations::table.filter(reservations::state.eq("held"));
            Ok(in_order(ids(held.select(reservations::id).load(conn)?)))
        })
        .await
    }

    async fn silent_tokens(
        &self,
        room_id: RoomId,
        heard_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |conn| {
            let silent = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(key(room_id)))
                .filter(waiting_tokens::state.eq("waiting"))
                .filter(waiting_tokens::heard_at.le(micros(heard_before)))
                .order(waiting_tokens::number)
                .limit(limit.into());
            Ok(ids(silent.select(waiting_tokens::id).load(conn)?))
        })
        .await
    }

    async fn rooms_with_places(&self, now: Timestamp) -> Result<Vec<RoomId>, Unavailable> {
        self.read_behind(move |conn| {
            let in_room =
                || waiting_tokens::table.filter(waiting_tokens::room_id.eq(waiting_rooms::id));
            let in_line = in_room()
                .filter(waiting_tokens::state.eq("waiting"))
                .filter(waiting_tokens::number.is_not_null());
            let run_out = in_room()
                .filter(waiting_tokens::state.eq("active"))
                .filter(waiting_tokens::ends_at.le(micros(now)));
            let rooms = waiting_rooms::table
                .inner_join(room_counts::table.on(room_counts::room_id.eq(waiting_rooms::id)))
                .filter(waiting_rooms::paused.eq(false))
                .filter(waiting_rooms::sold_out.eq(false))
                .filter(room_counts::waiting.gt(0))
                .filter(waiting_rooms::capacity.gt(room_counts::inside).or(exists(run_out)))
                .filter(exists(in_line));
            Ok(ids(rooms.select(waiting_rooms::id).load(conn)?))
        })
        .await
    }

    async fn rooms_to_draw(&self, now: Timestamp) -> Result<Vec<RoomId>, Unavailable> {
        self.read_behind(move |conn| {
            let rooms = waiting_rooms::table
                .filter(waiting_rooms::opens_at.le(micros(now)))
                .filter(waiting_rooms::drawn_at.is_null());
            Ok(ids(rooms.select(waiting_rooms::id).load(conn)?))
        })
        .await
    }

    async fn next_in_line(&self, room_id: RoomId, limit: u32) -> Result<Vec<TokenId>, Unavailable> {
        self.read_behind(move |conn| {
            let next = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(key(room_id)))
                .filter(waiting_tokens::state.eq("waiting"))
                .filter(waiting_tokens::number.is_not_null())
                .order(waiting_tokens::number)
                .limit(limit.into());
            Ok(ids(next.select(waiting_tokens::id).load(conn)?))
        })
        .await
    }

    async fn payments_to_ask(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PaymentId>, Unavailable> {
        self.read_behind(move |conn| {
            let due = payments::table
                .filter(payments::provider_ask_at.le(micros(now)))
                .order(payments::provider_ask_at)
                .limit(limit.into());
            Ok(ids(due.select(payments::id).load(conn)?))
        })
        .await
    }

    async fn top_ups_to_ask(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TopUpId>, Unavailable> {
        self.read_behind(move |conn| {
            let due = top_ups::table
                .filter(top_ups::provider_ask_at.le(micros(now)))
                .order(top_ups::provider_ask_at)
                .limit(limit.into());
            Ok(ids(due.select(top_ups::id).load(conn)?))
        })
        .await
    }

    async fn unsettled(&self, now: Timestamp) -> Result<Unsettled, Unavailable> {
        self.read_behind(move |conn| {
            let of_payments = unsettled!(conn, payments, now);
            Ok(of_payments + unsettled!(conn, top_ups, now))
        })
        .await
    }

    async fn outages(&self) -> Result<Vec<Outage>, Unavailable> {
        self.read_at_leisure(all_outages).await
    }

    async fn rooms_with_old_tokens(&self, ended_by: Timestamp) -> Result<Vec<RoomId>, Unavailable> {
        self.read_at_leisure(move |conn| {
            let is_old = waiting_tokens::state
                .eq_any(["done", "expired"])
                .and(waiting_tokens::ends_at.le(micros(ended_by)));
            let not_kept = greater(waiting_rooms::forgotten_to, waiting_rooms::lobby_count);
            let is_first_old = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(waiting_rooms::id))
                .filter(waiting_tokens::number.gt(not_kept.nullable()))
                .order(waiting_tokens::number)
                .limit(1)
                .select(is_old);
            let rooms = waiting_rooms::table.filter(is_first_old.single_value());
            Ok(ids(rooms.select(waiting_rooms::id).load(conn)?))
        })
        .await
    }

    async fn old_tokens(
        &self,
        room_id: RoomId,
        ended_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read_at_leisure(move |conn| {
            let Some(room) = (Database { conn: &mut *conn }).room(room_id)? else {
                return Ok(Vec::new());
            };
            let first: Vec<TokenRow> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(key(room_id)))
                .filter(waiting_tokens::number.ge(number(room.first_kept_number())))
                .order(waiting_tokens::number)
                .limit(limit.into())
                .select(TokenRow::as_select())
                .load(conn)?;
            let first: Vec<WaitingToken> = decode_all(first)?;
            let is_old = |token: &&WaitingToken| token.ended_at().is_some_and(|at| at <= ended_by);
            let old = first.iter().take_while(is_old).map(|token| token.id);
            let paid_with = old.clone().map(key).map(Some);
            let needed: Vec<Option<Key>> = payments::table
                .filter(payments::provider_ask_at.is_not_null())
                .filter(payments::provider_token_id.eq_any(paid_with))
                .select(payments::provider_token_id)
                .load(conn)?;
            Ok(old.take_while(|id| !needed.contains(&Some(key(*id)))).collect())
        })
        .await
    }

    async fn old_reservations(
        &self,
        ended_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReservationId>, Unavailable> {
        self.read_at_leisure(move |conn| {
            let old = reservations::table
                .filter(reservations::payment_id.is_null())
                .filter(reservations::ended_at.le(micros(ended_by)))
                .order(reservations::ended_at)
                .limit(limit.into());
            Ok(ids(old.select(reservations::id).load(conn)?))
        })
        .await
    }

    async fn old_answers(
        &self,
        kept_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<IdempotencyKey>, Unavailable> {
        self.read_at_leisure(move |conn| {
            let old: Vec<(Key, String, String)> = kept_answers::table
                .filter(kept_answers::created_at.le(micros(kept_before)))
                .order(kept_answers::created_at)
                .limit(limit.into())
                .select((kept_answers::user_id, kept_answers::call, kept_answers::key))
                .load(conn)?;
            let keys = old.into_iter();
            Ok(keys
                .map(|(user, call, key)| IdempotencyKey { user_id: user.id(), call, key })
                .collect())
        })
        .await
    }
}

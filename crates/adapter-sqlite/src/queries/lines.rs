use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Admitted, HeadCount, Lines, Unavailable, WaitingNumbers};
use domain::records::Source;
use domain::waiting_room::{PolicyInForce, WaitingRoom};
use domain::waiting_token::WaitingToken;

use crate::SqlError;
use crate::columns::{Key, key, micros, number, read};
use crate::counts;
use crate::loading::decode_all;
use crate::rows::{PolicyRow, RoomRow, TokenRow};
use crate::schema::{room_policies, waiting_rooms, waiting_tokens};
use crate::source::{Database, own};
use crate::store::SqliteStore;

#[async_trait]
impl Lines for SqliteStore {
    async fn tokens(&self, ids: Vec<TokenId>) -> Result<Vec<WaitingToken>, Unavailable> {
        self.read(move |conn| {
            let ids = ids.into_iter().map(key);
            let of_ids = waiting_tokens::table.filter(waiting_tokens::id.eq_any(ids));
            decode_all(of_ids.select(TokenRow::as_select()).load(conn)?)
        })
        .await
    }

    async fn waiting_numbers(&self, id: RoomId) -> Result<WaitingNumbers, Unavailable> {
        self.read(move |conn| conn.transaction(|conn| waiting_numbers(conn, id))).await
    }

    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable> {
        self.read_behind(move |conn| {
            let all = waiting_rooms::table.order((waiting_rooms::created_at, waiting_rooms::id));
            decode_all(all.select(RoomRow::as_select()).load(conn)?)
        })
        .await
    }

    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable> {
        self.read(move |conn| own(Database { conn }.room(id))).await
    }

    async fn admitted(&self, id: RoomId, now: Timestamp) -> Result<Admitted, Unavailable> {
        self.read_behind(move |conn| {
            Ok(Admitted {
                last_minute: admitted_within(conn, id, 60, now)?,
                last_five_minutes: admitted_within(conn, id, 300, now)?,
            })
        })
        .await
    }

    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable> {
        self.read(move |conn| conn.transaction(|conn| head_count(conn, id, now))).await
    }

    async fn lobby(&self, id: RoomId) -> Result<Vec<TokenId>, Unavailable> {
        self.read(move |conn| {
            let in_room = waiting_tokens::table
                .inner_join(waiting_rooms::table.on(waiting_rooms::id.eq(waiting_tokens::room_id)))
                .filter(waiting_rooms::id.eq(key(id)));
            let is_of_lobby = waiting_tokens::number.is_null().or(waiting_tokens::number
                .le(waiting_rooms::lobby_count.nullable())
                .assume_not_null());
            let ids: Vec<Key> =
                in_room.filter(is_of_lobby).select(waiting_tokens::id).load(conn)?;
            Ok(ids.into_iter().map(Key::id).collect())
        })
        .await
    }

    async fn numbered(
        &self,
        id: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read(move |conn| {
            let ids: Vec<Key> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(key(id)))
                .filter(waiting_tokens::number.gt(number(after)))
                .order(waiting_tokens::number)
                .limit(limit.into())
                .select(waiting_tokens::id)
                .load(conn)?;
            Ok(ids.into_iter().map(Key::id).collect())
        })
        .await
    }

    async fn arrivals(
        &self,
        id: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable> {
        self.read(move |conn| {
            let ids: Vec<Key> = waiting_tokens::table
                .filter(waiting_tokens::room_id.eq(key(id)))
                .filter(waiting_tokens::arrival.gt(number(after)))
                .order(waiting_tokens::arrival)
                .limit(limit.into())
                .select(waiting_tokens::id)
                .load(conn)?;
            Ok(ids.into_iter().map(Key::id).collect())
        })
        .await
    }

    async fn policies(&self, id: RoomId) -> Result<Vec<PolicyInForce>, Unavailable> {
        self.read(move |conn| {
            let of_room = room_policies::table.filter(room_policies::room_id.eq(key(id)));
            let in_order = of_room.order(room_policies::number);
            decode_all(in_order.select(PolicyRow::as_select()).load(conn)?)
        })
        .await
    }
}

/// All of one snapshot.
fn waiting_numbers(conn: &mut SqliteConnection, id: RoomId) -> Result<WaitingNumbers, SqlError> {
    let Some(room) = Database { conn: &mut *conn }.room(id)? else {
        return Ok(WaitingNumbers::default());
    };
    let in_line = || {
        waiting_tokens::table
            .filter(waiting_tokens::room_id.eq(key(id)))
            .filter(waiting_tokens::state.eq("waiting"))
    };
    let numbered = in_line().filter(waiting_tokens::number.is_not_null());
    let waiting: Vec<(i64, Key)> = numbered
        .order(waiting_tokens::number)
        .select((waiting_tokens::number.assume_not_null(), waiting_tokens::id))
        .load(conn)?;
    let is_of_lobby = waiting_tokens::number
        .is_null()
        .or(waiting_tokens::number.le(number(room.lobby.count)).assume_not_null());
    let lobby: Vec<(Key, Option<i64>)> = in_line()
        .filter(is_of_lobby)
        .select((waiting_tokens::id, waiting_tokens::number))
        .load(conn)?;
    let read = |number| read(number, "number");
    let with_number =
        |(id, number): (Key, Option<i64>)| Ok((id.id(), number.map(read).transpose()?));
    Ok(WaitingNumbers {
        last_number: room.last_number,
        waiting: waiting
            .into_iter()
            .map(|(number, id)| Ok((read(number)?, id.id())))
            .collect::<Result<_, SqlError>>()?,
        lobby_count: room.lobby.count,
        drawn_count: room.lobby.drawn_count,
        lobby: lobby.into_iter().map(with_number).collect::<Result<_, SqlError>>()?,
    })
}

/// All of one snapshot.
fn head_count(
    conn: &mut SqliteConnection,
    id: RoomId,
    now: Timestamp,
) -> Result<HeadCount, SqlError> {
    let kept = counts::of_room(conn, id)?;
    let run_out: i64 = waiting_tokens::table
        .filter(waiting_tokens::room_id.eq(key(id)))
        .filter(waiting_tokens::state.eq("active"))
        .filter(waiting_tokens::ends_at.le(micros(now)))
        .select(count_star())
        .first(conn)?;
    let count = |found| read(found, "number of tokens");
    Ok(HeadCount {
        waiting: count(kept.waiting)?,
        active: count(kept.inside - run_out)?,
        admitted_last_minute: admitted_within(conn, id, 60, now)?,
    })
}

fn admitted_within(
    conn: &mut SqliteConnection,
    id: RoomId,
    seconds: i64,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let admitted: i64 = waiting_tokens::table
        .filter(waiting_tokens::room_id.eq(key(id)))
        .filter(waiting_tokens::admitted_at.is_not_null())
        .filter(waiting_tokens::admitted_at.gt(micros(now - TimeDelta::seconds(seconds))))
        .select(count_star())
        .first(conn)?;
    Ok(read(admitted, "number of tokens")?)
}

use diesel::prelude::*;
use domain::draw::{DrawSeed, Lobby, Lot};
use domain::ids::RoomId;
use domain::waiting_room::{Door, PolicyInForce, RoomPolicy, WaitingRoom};
use domain::waiting_token::{Admission, TokenState, WaitingToken};

use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, number, present, read, time};
use crate::schema::{room_policies, waiting_rooms, waiting_tokens};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = waiting_rooms, treat_none_as_default_value = false)]
pub(crate) struct RoomRow {
    id: Key,
    concert_id: Option<Key>,
    show_id: Option<Key>,
    capacity: i64,
    admissions_per_minute: Option<i64>,
    active_ttl_seconds: i64,
    idle_ttl_seconds: i64,
    paused: bool,
    opens_at: Option<i64>,
    draw_seed: Vec<u8>,
    lobby_count: i64,
    drawn_count: i64,
    drawn_at: Option<i64>,
    sold_out: bool,
    last_number: i64,
    rate_used_until: i64,
    created_at: i64,
    policy_count: i64,
    forgotten_to: i64,
    lobby_hash: Option<Vec<u8>>,
}

update_by_key! { waiting_rooms by id in RoomRow:
    capacity: BigInt, admissions_per_minute: Nullable<BigInt>, active_ttl_seconds: BigInt,
    idle_ttl_seconds: BigInt, paused: Bool, opens_at: Nullable<BigInt>, lobby_count: BigInt,
    drawn_count: BigInt, drawn_at: Nullable<BigInt>, sold_out: Bool, last_number: BigInt,
    rate_used_until: BigInt, policy_count: BigInt, forgotten_to: BigInt, lobby_hash: Nullable<Binary>
}

impl From<&WaitingRoom> for RoomRow {
    fn from(room: &WaitingRoom) -> Self {
        let (concert_id, show_id) = match room.door {
            Door::Site => (None, None),
            Door::Concert(id) => (Some(key(id)), None),
            Door::Show(id) => (None, Some(key(id))),
        };
        Self {
            id: key(room.id),
            concert_id,
            show_id,
            capacity: room.policy.capacity.into(),
            admissions_per_minute: room.policy.admissions_per_minute.map(i64::from),
            active_ttl_seconds: room.policy.active_ttl_seconds.into(),
            idle_ttl_seconds: room.policy.idle_ttl_seconds.into(),
            paused: room.policy.paused,
            opens_at: room.policy.opens_at.map(micros),
            draw_seed: room.lobby.seed.expose().to_vec(),
            lobby_count: number(room.lobby.count),
            drawn_count: number(room.lobby.drawn_count),
            drawn_at: room.lobby.drawn_at.map(micros),
            sold_out: room.sold_out,
            last_number: number(room.last_number),
            rate_used_until: micros(room.rate_used_until),
            created_at: micros(room.created_at),
            policy_count: number(room.policy_count),
            forgotten_to: number(room.forgotten_to),
            lobby_hash: room.lobby.hash.map(|hash| hash.to_vec()),
        }
    }
}

impl TryFrom<RoomRow> for WaitingRoom {
    type Error = Unreadable;

    fn try_from(row: RoomRow) -> Result<Self, Unreadable> {
        let id: RoomId = row.id.id();
        let door = match (row.concert_id, row.show_id) {
            (Some(concert), None) => Door::Concert(concert.id()),
            (None, Some(show)) => Door::Show(show.id()),
            (None, None) if id == RoomId::SITE => Door::Site,
            _ => return Err(Unreadable("door of a room")),
        };
        let rate = row.admissions_per_minute.map(|rate| read(rate, "rate")).transpose()?;
        let policy = RoomPolicy {
            capacity: read(row.capacity, "capacity")?,
            admissions_per_minute: rate,
            active_ttl_seconds: read(row.active_ttl_seconds, "active time")?,
            idle_ttl_seconds: read(row.idle_ttl_seconds, "idle time")?,
            paused: row.paused,
            opens_at: row.opens_at.map(time).transpose()?,
        };
        let seed = row.draw_seed.try_into().map_err(|_| Unreadable("seed of a draw"))?;
        let hash = row.lobby_hash.map(<[u8; 32]>::try_from).transpose();
        let hash = hash.map_err(|_| Unreadable("hash of arrivals"))?;
        let lobby = Lobby {
            seed: DrawSeed::new(seed),
            count: read(row.lobby_count, "number of tokens")?,
            drawn_count: read(row.drawn_count, "number of tokens")?,
            drawn_at: row.drawn_at.map(time).transpose()?,
            hash,
        };
        Ok(Self {
            id,
            door,
            policy,
            policy_count: read(row.policy_count, "number of policies")?,
            lobby,
            sold_out: row.sold_out,
            last_number: read(row.last_number, "number")?,
            forgotten_to: read(row.forgotten_to, "number")?,
            rate_used_until: time(row.rate_used_until)?,
            created_at: time(row.created_at)?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = room_policies, treat_none_as_default_value = false)]
pub(crate) struct PolicyRow {
    room_id: Key,
    number: i64,
    since: i64,
    capacity: i64,
    admissions_per_minute: Option<i64>,
    active_ttl_seconds: Option<i64>,
    idle_ttl_seconds: Option<i64>,
    paused: Option<bool>,
    opens_at: Option<i64>,
}

impl From<&PolicyInForce> for PolicyRow {
    fn from(row: &PolicyInForce) -> Self {
        let policy = row.policy.as_ref();
        Self {
            room_id: key(row.room_id),
            number: number(row.number),
            since: micros(row.since),
            capacity: row.capacity.into(),
            admissions_per_minute: policy
                .and_then(|policy| policy.admissions_per_minute)
                .map(i64::from),
            active_ttl_seconds: policy.map(|policy| policy.active_ttl_seconds.into()),
            idle_ttl_seconds: policy.map(|policy| policy.idle_ttl_seconds.into()),
            paused: policy.map(|policy| policy.paused),
            opens_at: policy.and_then(|policy| policy.opens_at).map(micros),
        }
    }
}

impl TryFrom<PolicyRow> for PolicyInForce {
    type Error = Unreadable;

    fn try_from(row: PolicyRow) -> Result<Self, Unreadable> {
        let capacity = read(row.capacity, "capacity")?;
        let rate = row.admissions_per_minute.map(|rate| read(rate, "rate")).transpose()?;
        let policy = match (row.paused, row.active_ttl_seconds, row.idle_ttl_seconds) {
            (Some(paused), Some(active), Some(idle)) => Some(RoomPolicy {
                capacity,
                admissions_per_minute: rate,
                active_ttl_seconds: read(active, "active time")?,
                idle_ttl_seconds: read(idle, "idle time")?,
                paused,
                opens_at: row.opens_at.map(time).transpose()?,
            }),
            _ => None,
        };
        Ok(Self {
            room_id: row.room_id.id(),
            number: read(row.number, "number of a policy")?,
            since: time(row.since)?,
            capacity,
            policy,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = waiting_tokens, treat_none_as_default_value = false)]
pub(crate) struct TokenRow {
    id: Key,
    user_id: Key,
    room_id: Key,
    concert_id: Option<Key>,
    number: Option<i64>,
    joined_at: i64,
    heard_at: i64,
    state: String,
    admitted_at: Option<i64>,
    admitted_capacity: Option<i64>,
    ends_at: Option<i64>,
    leave_by: Option<i64>,
    arrival: Option<i64>,
    returns: Option<i64>,
}

update_by_key! { waiting_tokens by id in TokenRow:
    number: Nullable<BigInt>, heard_at: BigInt, state: Text, admitted_at: Nullable<BigInt>,
    admitted_capacity: Nullable<BigInt>, ends_at: Nullable<BigInt>, leave_by: Nullable<BigInt>,
    returns: Nullable<BigInt>
}

impl From<&WaitingToken> for TokenRow {
    fn from(token: &WaitingToken) -> Self {
        let (state, admission, ends_at) = match token.state {
            TokenState::Waiting => ("waiting", None, None),
            TokenState::Active { admission, expires_at } => {
                ("active", Some(admission), Some(expires_at))
            }
            TokenState::Done { admission, ended_at } => ("done", Some(admission), Some(ended_at)),
            TokenState::Expired { admission, ended_at } => ("expired", admission, Some(ended_at)),
        };
        Self {
            id: key(token.id),
            user_id: key(token.user_id),
            room_id: key(token.room_id),
            concert_id: token.concert_id.map(key),
            number: token.number.map(number),
            joined_at: micros(token.joined_at),
            heard_at: micros(token.heard_at),
            state: state.to_owned(),
            admitted_at: admission.map(|admission| micros(admission.at)),
            admitted_capacity: admission.map(|admission| admission.capacity.into()),
            ends_at: ends_at.map(micros),
            leave_by: admission.and_then(|admission| admission.leave_by).map(micros),
            arrival: token.lot.map(|lot| number(lot.arrival)),
            returns: token.lot.map(|lot| lot.returns.into()),
        }
    }
}

impl TryFrom<TokenRow> for WaitingToken {
    type Error = Unreadable;

    fn try_from(row: TokenRow) -> Result<Self, Unreadable> {
        let admission = match (row.admitted_at, row.admitted_capacity) {
            (Some(at), Some(capacity)) => Some(Admission {
                at: time(at)?,
                capacity: read(capacity, "capacity")?,
                leave_by: row.leave_by.map(time).transpose()?,
            }),
            _ => None,
        };
        let ends_at = row.ends_at.map(time).transpose()?;
        let admitted = || present(admission, "admission");
        let ends = || present(ends_at, "end of a token");
        let state = match row.state.as_str() {
            "waiting" => TokenState::Waiting,
            "active" => TokenState::Active { admission: admitted()?, expires_at: ends()? },
            "done" => TokenState::Done { admission: admitted()?, ended_at: ends()? },
            "expired" => TokenState::Expired { admission, ended_at: ends()? },
            _ => return Err(Unreadable("token state")),
        };
        let lot = match (row.arrival, row.returns) {
            (Some(arrival), Some(returns)) => {
                Some(Lot { arrival: read(arrival, "arrival")?, returns: read(returns, "returns")? })
            }
            _ => None,
        };
        Ok(Self {
            id: row.id.id(),
            user_id: row.user_id.id(),
            room_id: row.room_id.id(),
            concert_id: row.concert_id.map(Key::id),
            number: row.number.map(|number| read(number, "number")).transpose()?,
            lot,
            joined_at: time(row.joined_at)?,
            heard_at: time(row.heard_at)?,
            state,
        })
    }
}

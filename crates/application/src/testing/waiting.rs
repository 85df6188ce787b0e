//! Rooms, and who waits in them or is inside.

use std::ops::RangeInclusive;
use std::sync::Arc;

use domain::draw::DrawSeed;
use domain::ids::{RoomId, TokenId};
use domain::ports::{MockDrawSeeds, MockLineWatch, MockLines, QueueClaims, WaitingNumbers};
use domain::waiting_room::{Door, RoomPolicy, WaitingRoom};
use domain::waiting_token::{Admission, TokenState, WaitingToken};
use uuid::Uuid;

use super::{buyer_id, catalogue, clock, concert, now, seconds};
use crate::queue::{Board, Gate, RoomPulses, TicketDesk};

pub(crate) fn room() -> WaitingRoom {
    let policy = RoomPolicy {
        capacity: 10,
        admissions_per_minute: None,
        active_ttl_seconds: 600,
        idle_ttl_seconds: 120,
        paused: false,
        opens_at: None,
    };
    let room = WaitingRoom::new(RoomId::SITE, Door::Site, policy, seed(), now());
    WaitingRoom { last_number: 100, ..room }
}

pub(crate) fn other_room() -> RoomId {
    Uuid::from_u128(5).into()
}

pub(crate) fn seed() -> DrawSeed {
    DrawSeed::new([3; 32])
}

pub(crate) fn seeds() -> Arc<MockDrawSeeds> {
    let mut seeds = MockDrawSeeds::new();
    seeds.expect_next().returning(seed);
    Arc::new(seeds)
}

pub(crate) fn claims() -> QueueClaims {
    QueueClaims::from(&active_token())
}

pub(crate) fn active_token() -> WaitingToken {
    token(TokenState::Active { admission: admission(), expires_at: now() + seconds(600) })
}

pub(crate) fn run_out_token() -> WaitingToken {
    token(TokenState::Active { admission: admission(), expires_at: now() })
}

pub(crate) fn waiting_token() -> WaitingToken {
    token(TokenState::Waiting)
}

pub(crate) fn done_token() -> WaitingToken {
    token(TokenState::Done { admission: admission(), ended_at: now() })
}

fn token(state: TokenState) -> WaitingToken {
    WaitingToken {
        id: Uuid::from_u128(6).into(),
        user_id: buyer_id(),
        room_id: RoomId::SITE,
        concert_id: Some(concert().id),
        number: Some(100),
        lot: None,
        joined_at: now(),
        heard_at: now(),
        state,
    }
}

fn admission() -> Admission {
    Admission { at: now() - seconds(100), capacity: 10, leave_by: None }
}

/// The token that has this number in tests; the one of [`claims`] has 100.
pub(crate) fn token_id(number: u64) -> TokenId {
    match number {
        100 => claims().token_id,
        number => Uuid::from_u128(0x1_0000_0000 + u128::from(number)).into(),
    }
}

/// Who waits with these numbers.
pub(crate) fn waiting(numbers: RangeInclusive<u64>) -> Vec<(u64, TokenId)> {
    numbers.map(|number| (number, token_id(number))).collect()
}

/// A line in which the token that is asked for is `token`, with `ahead` before it.
pub(crate) fn lines(token: Option<WaitingToken>, ahead: u64) -> Arc<MockLines> {
    let mut lines = MockLines::new();
    let who_waits = token.iter().filter(|token| token.state == TokenState::Waiting);
    let number = who_waits.filter_map(|token| token.number).next();
    let waiting = number.into_iter().flat_map(|number| waiting(number - ahead..=number)).collect();
    let line = WaitingNumbers { last_number: 100, waiting, ..Default::default() };
    lines.expect_tokens().returning(move |_| Ok(token.iter().cloned().collect()));
    lines.expect_waiting_numbers().returning(move |_| Ok(line.clone()));
    lines.expect_room().returning(|id| Ok((id == RoomId::SITE).then(room)));
    lines.expect_rooms().returning(|| Ok(vec![room()]));
    lines.expect_admitted().returning(|_, _| Ok(Default::default()));
    lines.expect_head_count().returning(|_, _| Ok(Default::default()));
    Arc::new(lines)
}

/// Somebody who is told what happens in lines and keeps it to themselves.
pub(crate) fn watch() -> Arc<MockLineWatch> {
    let mut watch = MockLineWatch::new();
    watch.expect_admitted().return_const(());
    watch.expect_dropped().return_const(());
    watch.expect_ran_out().return_const(());
    watch.expect_left().return_const(());
    Arc::new(watch)
}

/// A gate over these lines.
pub(crate) fn gate(lines: Arc<MockLines>) -> Gate {
    Gate::new(Arc::new(Board::new(lines, clock())), clock())
}

/// A desk over these lines.
pub(crate) fn desk(lines: Arc<MockLines>) -> TicketDesk {
    let board = Arc::new(Board::new(lines.clone(), clock()));
    let pulses = RoomPulses::new(lines, catalogue(), clock());
    TicketDesk::new(board, Arc::new(pulses), clock())
}

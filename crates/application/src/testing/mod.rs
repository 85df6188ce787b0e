//! A small world for the tests of use cases: one buyer, active in the site-wide room; one operator;
//! one concert with one show of two seats; cash for one of them.

mod paying;
mod people;
mod selling;
mod stores;
mod waiting;
mod world;

pub(crate) use paying::*;
pub(crate) use people::*;
pub(crate) use selling::*;
pub(crate) use stores::*;
pub(crate) use waiting::*;
pub(crate) use world::*;

use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::idempotency::{IdempotencyKey, IdempotentRequest};
use domain::ports::{MockClock, MockIds, UpdateError};
use domain::refusal::Refusal;
use uuid::Uuid;

pub(crate) fn now() -> Timestamp {
    "2026-05-01T10:00:00Z".parse().unwrap()
}

pub(crate) fn seconds(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}

pub(crate) fn unknown<Id: From<Uuid>>() -> Id {
    Uuid::from_u128(0xdead).into()
}

pub(crate) fn clock() -> Arc<MockClock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(now);
    clock.expect_cutoff().returning(now);
    clock.expect_ahead().returning(TimeDelta::zero);
    Arc::new(clock)
}

/// A clock that goes on by ten milliseconds whenever it is asked.
pub(crate) fn ticking_clock() -> Arc<MockClock> {
    let (mut clock, mut asked) = (MockClock::new(), 0);
    clock.expect_now().returning(move || {
        asked += 1;
        now() + TimeDelta::milliseconds(10 * asked)
    });
    clock.expect_cutoff().returning(now);
    Arc::new(clock)
}

/// Ids counted up from far away.
pub(crate) fn ids() -> Arc<MockIds> {
    let mut ids = MockIds::new();
    let mut last = 0x1_0000;
    ids.expect_next().returning(move || {
        last += 1;
        Uuid::from_u128(last)
    });
    Arc::new(ids)
}

pub(crate) fn request(fingerprint: u8) -> Option<IdempotentRequest> {
    let key = IdempotencyKey { user_id: buyer_id(), call: "test".into(), key: "key".into() };
    Some(IdempotentRequest { key, fingerprint: [fingerprint; 32] })
}

#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, UpdateError>,
    expected: &Refusal,
) {
    match result {
        Err(UpdateError::Refused(refusal)) => assert_eq!(refusal, *expected),
        other => panic!("expected {expected:?}, got {other:?}"),
    }
}

//! Keeps the store's time in order where the database's clock is set: see
//! [`clock_discipline`](domain::clock_discipline).
//!
//! The store's time is the database's clock and an offset, which all servers share. Each server knows by
//! its monotonic clock what time it should be. The first that sees a step changes the offset by as much,
//! so that for the others there was none.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::TimeDelta;
use diesel::QueryResult;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::clock_discipline::{Correction, STEP_MIN, TOLD_FROM, correction};
use domain::uptime::Uptime;

use crate::statement::{Statement, one};

/// What the database says of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// What its clock says.
    pub(crate) wall: Timestamp,
    /// How far the store's time is ahead of that, in microseconds.
    pub(crate) offset: i64,
    /// What its clock said when that was last changed.
    pub(crate) changed_at: Timestamp,
    pub(crate) heartbeat_at: Timestamp,
}

/// The columns of a [`Look`], where `s` is the service's row.
macro_rules! columns_of_look {
    () => {
        "clock_timestamp(), s.clock_offset, coalesce(s.clock_changed_at, clock_timestamp()), \
         coalesce(s.heartbeat_at, clock_timestamp() + s.clock_offset * interval '1 microsecond')"
    };
}
pub(crate) use columns_of_look;

pub(crate) type LookSql = (Timestamptz, BigInt, Timestamptz, Timestamptz);
pub(crate) type LookRow = (Timestamp, i64, Timestamp, Timestamp);

impl From<LookRow> for Look {
    fn from((wall, offset, changed_at, heartbeat_at): LookRow) -> Self {
        Self { wall, offset, changed_at, heartbeat_at }
    }
}

impl Look {
    /// The store's time.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = TimeDelta::microseconds(self.offset);
        self.wall.checked_add_signed(offset).unwrap_or(self.wall)
    }

    /// Whether some server was there a moment ago, by the store's time.
    fn is_anybody_there(&self) -> bool {
        (TimeDelta::zero()..=Uptime::SILENCE_MAX).contains(&(self.now() - self.heartbeat_at))
    }
}

/// Watches over the offset.
#[derive(Debug)]
pub(crate) struct Discipline(Mutex<State>);

#[derive(Debug)]
struct State {
    offset: i64,
    /// Since when the offset is so without a further step.
    since: Instant,
    looked: Instant,
}

impl Default for Discipline {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State { offset: 0, since: now, looked: now }))
    }
}

impl Discipline {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offset with which a server starts that was told no time yet: time goes on from the last
    /// heartbeat; and where nobody was there, the database's clock is believed if it is ahead.
    pub(crate) fn at_start(look: &Look) -> i64 {
        if look.is_anybody_there() {
            return look.offset;
        }
        let needed = micros(look.heartbeat_at - look.wall);
        if look.offset > 0 { look.offset.max(needed) } else { needed.max(0) }
    }

    /// The offset that there should be, where it should be `expected`.
    pub(crate) fn offset(&self, look: &Look, expected: Timestamp) -> i64 {
        let mut state = self.lock();
        let elapsed = state.looked.elapsed();
        state.looked = Instant::now();
        if (look.offset.saturating_sub(state.offset)).saturating_abs() > micros(STEP_MIN) {
            state.since = Instant::now();
        }
        let step = look.now() - expected;
        // Where others were there a moment ago, it is this server that was held up.
        let was_held_up =
            look.now() - look.heartbeat_at <= Uptime::GRACE && look.heartbeat_at <= look.now();
        let is_step = step < -STEP_MIN || (step > TOLD_FROM && !was_held_up);
        let wanted = if is_step {
            state.since = Instant::now();
            look.offset.saturating_sub(micros(step))
        } else {
            let since = TimeDelta::from_std(state.since.elapsed()).unwrap_or(TimeDelta::MAX);
            let elapsed = TimeDelta::from_std(elapsed).unwrap_or_default();
            let unchanged = (look.wall - look.changed_at).clamp(TimeDelta::zero(), elapsed);
            corrected(look.offset, since, micros(unchanged) / 2)
        };
        state.offset = wanted;
        wanted
    }
}

/// The offset a step nearer to none, at most by `by`.
fn corrected(offset: i64, since: TimeDelta, by: i64) -> i64 {
    match correction(TimeDelta::microseconds(offset), since) {
        Correction::None => offset,
        Correction::Slower => offset.saturating_sub(by.min(offset)),
        Correction::Faster => offset.saturating_add(by.min(offset.saturating_neg())),
        Correction::Jump => 0,
    }
}

fn micros(delta: TimeDelta) -> i64 {
    delta.num_microseconds().unwrap_or(i64::MAX)
}

/// Changes the offset, unless another server has changed it.
pub(crate) async fn change(mut conn: &AsyncPgConnection, look: &Look, to: i64) -> QueryResult<()> {
    if to == look.offset {
        return Ok(());
    }
    let text = "UPDATE service SET clock_offset = ?, clock_changed_at = clock_timestamp() \
         WHERE id = 1 AND clock_offset = ?";
    let parameters = vec![one(to), one(look.offset)];
    Statement::<()>::new(text, parameters).execute(&mut conn).await.map(drop)
}

/// Looks, outside of a transaction.
pub(crate) async fn look(mut conn: &AsyncPgConnection) -> QueryResult<Look> {
    let text = concat!("SELECT ", columns_of_look!(), " FROM service AS s WHERE s.id = 1");
    let row: LookRow = Statement::<LookSql>::new(text, vec![]).get_result(&mut conn).await?;
    Ok(row.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    const fn seconds(n: i64) -> i64 {
        n * 1_000_000
    }

    /// The database's clock at that second, with an offset of as many seconds and a heartbeat.
    fn look(wall: i64, offset: i64, heartbeat_at: i64) -> Look {
        let (changed_at, offset) = (at(wall), seconds(offset));
        Look { wall: at(wall), offset, changed_at, heartbeat_at: at(heartbeat_at) }
    }

    #[test]
    fn a_step_of_the_databases_clock_moves_the_offset_by_as_much() {
        let discipline = Discipline::default();
        assert_eq!(discipline.offset(&look(1_000, 0, 1_000), at(1_000)), 0);
        assert_eq!(discipline.offset(&look(400, 0, 1_000), at(1_001)), seconds(601));
        assert_eq!(discipline.offset(&look(400, 601, 1_000), at(1_001)), seconds(601), "once");
        assert_eq!(discipline.offset(&look(4_602, 601, 1_001), at(1_002)), seconds(-3_600));
    }

    #[test]
    fn a_server_that_was_held_up_leaves_the_time_to_those_that_were_there() {
        let discipline = Discipline::default();
        assert_eq!(discipline.offset(&look(2_000, 0, 1_999), at(1_000)), 0);
    }

    #[test]
    fn a_server_that_starts_goes_on_from_the_last_heartbeat() {
        assert_eq!(Discipline::at_start(&look(1_000, 0, 999)), 0);
        assert_eq!(Discipline::at_start(&look(1_000, -50, 949)), seconds(-50), "others are there");
        assert_eq!(Discipline::at_start(&look(1_000, -50, 100)), 0, "nobody was");
        assert_eq!(Discipline::at_start(&look(1_000, 0, 1_500)), seconds(500));
        assert_eq!(Discipline::at_start(&look(1_000, 70, 100)), seconds(70));
    }
}

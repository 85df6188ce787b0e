//! Keeps the store's time in order where the database's clock is set: see
//! [`clock_discipline`](domain::clock_discipline).
//!
//! The store's time is the database's clock and an offset, which all servers share. Each server knows by
//! its monotonic clock what time it should be. The first that sees a step of the database's clock changes
//! the offset by as much, so that for the others there was none. What the store's time then differs from
//! the clock, any of them takes away, slowly or by a jump. The others see that the clock itself went on as
//! theirs, and take the time over.

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
    /// When it was asked.
    pub(crate) asked: Instant,
    /// What its clock says.
    pub(crate) wall: Timestamp,
    /// How far the store's time is ahead of that, in microseconds.
    pub(crate) offset: i64,
    /// What its clock said when that was last changed.
    pub(crate) changed_at: Timestamp,
    /// The last beat as of which ends count. While an outage is being given back: the last before it.
    pub(crate) heartbeat_at: Timestamp,
    /// When a server last committed anything, in the store's time.
    pub(crate) committed_at: Timestamp,
}

/// The columns of a [`Look`], where `s` is the service's row.
macro_rules! columns_of_look {
    () => {
        "clock_timestamp(), s.clock_offset, coalesce(s.clock_changed_at, clock_timestamp()), \
         coalesce(s.heartbeat_at, clock_timestamp() + s.clock_offset * interval '1 microsecond'), \
         coalesce(greatest(s.heartbeat_at, (SELECT max(c.committed_at) FROM commits AS c)), \
             clock_timestamp() + s.clock_offset * interval '1 microsecond')"
    };
}
pub(crate) use columns_of_look;

pub(crate) type LookSql = (Timestamptz, BigInt, Timestamptz, Timestamptz, Timestamptz);
pub(crate) type LookRow = (Timestamp, i64, Timestamp, Timestamp, Timestamp);

impl Look {
    pub(crate) fn of(row: LookRow, asked: Instant) -> Self {
        let (wall, offset, changed_at, heartbeat_at, committed_at) = row;
        Self { asked, wall, offset, changed_at, heartbeat_at, committed_at }
    }

    /// The store's time.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = TimeDelta::microseconds(self.offset);
        self.wall.checked_add_signed(offset).unwrap_or(self.wall)
    }

    /// Whether some server committed something within that time before now.
    fn is_anybody_there(&self, within: TimeDelta) -> bool {
        (TimeDelta::zero()..=within).contains(&(self.now() - self.committed_at))
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
    /// When it was last asked what time it is, and what the database's clock said; none before that.
    asked: Option<(Instant, Timestamp)>,
}

impl Default for Discipline {
    fn default() -> Self {
        Self(Mutex::new(State { offset: 0, since: Instant::now(), asked: None }))
    }
}

impl Discipline {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offset with which a server starts that was told no time yet: time goes on from the last
    /// commit; and where nobody was there, the database's clock is believed if it is ahead.
    pub(crate) fn at_start(look: &Look) -> i64 {
        if look.is_anybody_there(Uptime::SILENCE_MAX) {
            return look.offset;
        }
        let needed = micros(look.committed_at - look.wall);
        if look.offset > 0 { look.offset.max(needed) } else { needed.max(0) }
    }

    /// The offset that there should be, where the store's time should be `expected`.
    pub(crate) fn offset(&self, look: &Look, expected: Timestamp) -> i64 {
        let mut state = self.lock();
        if (look.offset.saturating_sub(state.offset)).saturating_abs() > micros(STEP_MIN) {
            state.since = Instant::now();
        }
        let step = look.now() - expected;
        if step < -STEP_MIN || (step > TOLD_FROM && state.was_clock_set(look)) {
            state.since = Instant::now();
            return look.offset.saturating_sub(micros(step));
        }
        let since = TimeDelta::from_std(state.since.elapsed()).unwrap_or(TimeDelta::MAX);
        let unchanged = (look.wall - look.changed_at).clamp(TimeDelta::zero(), state.until(look));
        corrected(look.offset, since, micros(unchanged) / 2)
    }

    /// The database said this, and has this offset now.
    pub(crate) fn note(&self, look: &Look, offset: i64) {
        let mut state = self.lock();
        (state.offset, state.asked) = (offset, Some((look.asked, look.wall)));
    }
}

impl State {
    /// How long after the last look this one is.
    fn until(&self, look: &Look) -> TimeDelta {
        let elapsed = self.asked.map(|(asked, _)| look.asked.saturating_duration_since(asked));
        TimeDelta::from_std(elapsed.unwrap_or_default()).unwrap_or(TimeDelta::MAX)
    }

    /// Whether it was the database's clock that was set, where the store's time is ahead of what this
    /// server expects. It may be this server that was held up: then others committed meanwhile. Or another
    /// server changed the offset: then the database's clock went on as this server's.
    fn was_clock_set(&self, look: &Look) -> bool {
        let went_on = |(_, wall)| look.wall - wall - self.until(look) <= TOLD_FROM;
        !self.asked.is_some_and(went_on) && !look.is_anybody_there(Uptime::GRACE)
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

/// Changes the offset, unless another server has changed it. Says whether it is that now.
pub(crate) async fn change(
    mut conn: &AsyncPgConnection,
    look: &Look,
    to: i64,
) -> QueryResult<bool> {
    if to == look.offset {
        return Ok(true);
    }
    let text = "UPDATE service SET clock_offset = ?, clock_changed_at = clock_timestamp() \
         WHERE id = 1 AND clock_offset = ?";
    let parameters = vec![one(to), one(look.offset)];
    Ok(Statement::<()>::new(text, parameters).execute(&mut conn).await? > 0)
}

/// Looks, outside of a transaction.
pub(crate) async fn look(mut conn: &AsyncPgConnection) -> QueryResult<Look> {
    let text = concat!("SELECT ", columns_of_look!(), " FROM service AS s WHERE s.id = 1");
    let asked = Instant::now();
    let row: LookRow = Statement::<LookSql>::new(text, vec![]).get_result(&mut conn).await?;
    Ok(Look::of(row, asked))
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;
    use uuid::Uuid;

    use super::*;
    use crate::testing;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    const fn seconds(n: i64) -> i64 {
        n * 1_000_000
    }

    /// The database's clock at that second, with an offset of as many seconds and a last commit.
    fn look(wall: i64, offset: i64, committed_at: i64) -> Look {
        let (changed_at, offset, committed_at) = (at(wall), seconds(offset), at(committed_at));
        let (asked, wall, heartbeat_at) = (Instant::now(), at(wall), at(0));
        Look { asked, wall, offset, changed_at, heartbeat_at, committed_at }
    }

    /// The offset in seconds that a server sees to at a look.
    fn sees_to(discipline: &Discipline, look: Look, expected: i64) -> i64 {
        let offset = discipline.offset(&look, at(expected));
        discipline.note(&look, offset);
        offset / seconds(1)
    }

    #[test]
    fn a_step_of_the_databases_clock_moves_the_offset_by_as_much() {
        let discipline = Discipline::default();
        assert_eq!(sees_to(&discipline, look(1_000, 0, 1_000), 1_000), 0);
        assert_eq!(sees_to(&discipline, look(400, 0, 1_000), 1_001), 601);
        assert_eq!(sees_to(&discipline, look(400, 601, 1_000), 1_001), 601, "once");
        assert_eq!(sees_to(&discipline, look(4_602, 601, 1_001), 1_002), -3_600);
    }

    #[test]
    fn a_step_is_one_until_the_offset_is_changed() {
        let discipline = Discipline::default();
        assert_eq!(sees_to(&discipline, look(1_000, 0, 1_000), 1_000), 0);
        for _ in 0..2 {
            let not_noted = discipline.offset(&look(4_600, 0, 1_000), at(1_000));
            assert_eq!(not_noted, seconds(-3_600));
        }
    }

    #[test]
    fn a_server_that_was_held_up_leaves_the_time_to_those_that_were_there() {
        let discipline = Discipline::default();
        assert_eq!(sees_to(&discipline, look(1_000, 0, 1_000), 1_000), 0);
        assert_eq!(sees_to(&discipline, look(2_000, 0, 1_999), 1_000), 0);
    }

    #[test]
    fn a_jump_that_another_server_made_is_not_taken_back() {
        let discipline = Discipline::default();
        assert_eq!(sees_to(&discipline, look(4_600, 0, 999), 1_000), -3_600);
        let jumped = sees_to(&discipline, look(4_600, 0, 999), 1_000);
        assert_eq!(jumped, 0, "though nobody has committed anything since");
    }

    #[test]
    fn a_server_that_starts_goes_on_from_the_last_commit() {
        assert_eq!(Discipline::at_start(&look(1_000, 0, 999)), 0);
        assert_eq!(Discipline::at_start(&look(1_000, -50, 949)), seconds(-50), "others are there");
        assert_eq!(Discipline::at_start(&look(1_000, -50, 100)), 0, "nobody was");
        assert_eq!(Discipline::at_start(&look(1_000, 0, 1_500)), seconds(500));
        assert_eq!(Discipline::at_start(&look(1_000, 70, 100)), seconds(70));
    }

    #[tokio::test]
    async fn a_server_that_commits_is_there_though_no_beat_counts_until_an_outage_is_given_back() {
        let writer = Uuid::from_u128(1);
        let (conn, _throw_away) = testing::writer(writer).await;
        let recovers = format!(
            "UPDATE service SET heartbeat_at = now() - interval '1 hour', \
                 up_since = now() - interval '1 hour', outage_ended_at = now() - interval '1 minute', \
                 outage_beat_at = now() - interval '30 seconds', outage_step = 'holds'; \
             INSERT INTO commits (writer_id, number, committed_at, seat_ids, token_ids) \
                 VALUES ('{writer}', 1, now(), '{{}}', '{{}}')"
        );
        (&mut &conn).batch_execute(&recovers).await.unwrap();
        let look = super::look(&conn).await.unwrap();
        assert!(look.is_anybody_there(Uptime::GRACE));
        assert_eq!(Discipline::at_start(&Look { offset: -50, ..look }), -50);
    }
}

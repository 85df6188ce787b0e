use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::{RoomId, TokenId};
use domain::ports::{Clock, DueWork, LineWatch, Lines, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::waiting_room::WaitingRoom;

use super::parts::Parts;
use super::{BATCH, side_by_side, was_full};
use crate::queue::Hearing;

/// Drops who waits and was not heard of for too long.
pub struct DropIdle {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn LineWatch>,
    hearing: Arc<Hearing>,
    looked_at: Mutex<HashMap<RoomId, Timestamp>>,
}

impl DropIdle {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        lines: Arc<dyn Lines>,
        clock: Arc<dyn Clock>,
        watch: Arc<dyn LineWatch>,
        hearing: Arc<Hearing>,
    ) -> Self {
        Self { store, due_work, lines, clock, watch, hearing, looked_at: Mutex::default() }
    }

    /// Returns how many were dropped.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let due = self.lines.rooms().await?.into_iter().filter(|room| self.is_due(room));
        side_by_side(due.collect(), |room| self.drop_in(room)).await
    }

    async fn drop_in(&self, room: WaitingRoom) -> Result<usize, UpdateError> {
        let mut dropped = 0;
        loop {
            let heard_before = self.clock.now() - patience(&room);
            let mut silent = self.due_work.silent_tokens(room.id, heard_before, BATCH).await?;
            let full = was_full(silent.len());
            // Who was heard of here is not silent, though that is not written down yet.
            silent.retain(|id| !self.hearing.is_pending(*id));
            let (mut parts, mut count) = (Parts::of(silent), 0);
            while let Some(part) = parts.next() {
                count += parts.came_to(self.drop(&room, part).await)?;
            }
            dropped += count;
            if count > 0 {
                self.watch.dropped(room.id, count);
            }
            parts.end()?;
            // Those who are forgiven an outage are silent still, and would be found again.
            if !full || count == 0 {
                return Ok(dropped);
            }
        }
    }

    /// To find the silent in a long line, all of it is looked at. So that is done eight times
    /// within a room's patience, and not each time this is called.
    fn is_due(&self, room: &WaitingRoom) -> bool {
        let (id, patience, now) = (room.id, patience(room), self.clock.now());
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = looked_at.get(&id).is_none_or(|last| now - *last >= patience / 8);
        if is_due {
            looked_at.insert(id, now);
        }
        is_due
    }

    async fn drop(&self, room: &WaitingRoom, silent: Vec<TokenId>) -> Result<usize, UpdateError> {
        if silent.is_empty() {
            return Ok(0);
        }
        let idle_ttl_seconds = room.policy.idle_ttl_seconds;
        let scope = Scope::new().tokens(silent.iter().copied()).uptime();
        let decide = move |records: &mut Records| {
            let now = records.now;
            let Some(uptime) = records.uptime.clone() else { return Ok(0) };
            let dropped = |id: &TokenId| {
                let Some(mut token) = records.tokens.get(id).cloned() else { return false };
                let is_dropped = token.drop_idle(idle_ttl_seconds, &uptime, now);
                if is_dropped {
                    records.tokens.put(token);
                }
                is_dropped
            };
            Ok(silent.iter().map(dropped).filter(|dropped| *dropped).count())
        };
        self.store.decide(scope, decide).await
    }
}

fn patience(room: &WaitingRoom) -> TimeDelta {
    TimeDelta::seconds(i64::from(room.policy.idle_ttl_seconds))
}

#[cfg(test)]
mod tests {
    use domain::ports::MockDueWork;
    use domain::uptime::Uptime;

    use super::*;
    use crate::testing::*;

    async fn sweep(up_since_seconds: i64) -> usize {
        sweep_with(up_since_seconds, Hearing::default()).await
    }

    async fn sweep_with(up_since_seconds: i64, hearing: Hearing) -> usize {
        let mut records = empty();
        records.go_on_to(now() + seconds(120));
        records.tokens.load(waiting_token());
        let up_since = now() - seconds(up_since_seconds);
        records.uptime = Some(Uptime { up_since, ..Uptime::first(records.now) });
        let mut due_work = MockDueWork::new();
        due_work.expect_silent_tokens().returning(|_, _, _| Ok(vec![claims().token_id]));
        let store = store_with(records);
        let (due_work, lines, hearing) = (Arc::new(due_work), lines(None, 0), Arc::new(hearing));
        let drop = DropIdle::new(store, due_work, lines, clock(), watch(), hearing);
        drop.execute().await.unwrap()
    }

    #[tokio::test]
    async fn who_is_silent_too_long_is_dropped_unless_the_service_was_away() {
        assert_eq!(sweep(10_000).await, 1);
        assert_eq!(sweep(-1).await, 0);
    }

    #[tokio::test]
    async fn who_was_heard_of_is_not_dropped_though_that_is_not_written_down_yet() {
        let hearing = Hearing::default();
        hearing.note(claims().token_id, now(), 120);
        assert_eq!(sweep_with(10_000, hearing).await, 0);
    }
}

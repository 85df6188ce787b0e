use std::sync::Arc;

use chrono::TimeDelta;
use domain::ids::TokenId;
use domain::ports::{Clock, DueWork, Lines, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::waiting_room::WaitingRoom;

use super::{BATCH, was_full};

/// Drops who waits and was not heard of for too long.
pub struct DropIdle {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
}

impl DropIdle {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        lines: Arc<dyn Lines>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, due_work, lines, clock }
    }

    /// Returns how many were dropped.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let mut dropped = 0;
        for room in self.lines.rooms().await? {
            let patience = TimeDelta::seconds(i64::from(room.policy.idle_ttl_seconds));
            loop {
                let heard_before = self.clock.now() - patience;
                let silent = self.due_work.silent_tokens(room.id, heard_before, BATCH).await?;
                let (full, count) = (was_full(silent.len()), self.drop(&room, silent).await?);
                dropped += count;
                // Those who are forgiven an outage are silent still, and would be found again.
                if !full || count == 0 {
                    break;
                }
            }
        }
        Ok(dropped)
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
                let token = records.tokens.get_mut(id);
                token.is_some_and(|token| token.drop_idle(idle_ttl_seconds, &uptime, now))
            };
            Ok(silent.iter().map(dropped).filter(|dropped| *dropped).count())
        };
        self.store.decide(scope, decide).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockDueWork;
    use domain::uptime::Uptime;

    use super::*;
    use crate::testing::*;

    async fn sweep(up_since_seconds: i64) -> usize {
        let mut records = empty();
        records.now = now() + seconds(120);
        records.tokens.load(waiting_token());
        let up_since = now() - seconds(up_since_seconds);
        records.uptime = Some(Uptime { heartbeat_at: records.now, up_since });
        let mut due_work = MockDueWork::new();
        due_work.expect_silent_tokens().returning(|_, _, _| Ok(vec![claims().token_id]));
        let store = store_with(records);
        let drop = DropIdle::new(store, Arc::new(due_work), lines(None, 0), clock());
        drop.execute().await.unwrap()
    }

    #[tokio::test]
    async fn who_is_silent_too_long_is_dropped_unless_the_service_was_away() {
        assert_eq!(sweep(10_000).await, 1);
        assert_eq!(sweep(-1).await, 0);
    }
}

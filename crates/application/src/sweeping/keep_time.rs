use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::ids::TokenId;
use domain::ports::{DueWork, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::uptime::Uptime;

use super::{BATCH, was_full};

/// Says once a second that the service is there. When it was not, what the outage took is given
/// back: whoever was inside when it began stays as much longer.
pub struct KeepTime {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
}

/// A time in which no server was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When a server was last heard of.
    pub began_at: Timestamp,
    /// How long nobody was there.
    pub lasted: TimeDelta,
}

impl KeepTime {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, due_work: Arc<dyn DueWork>) -> Self {
        Self { store, due_work }
    }

    /// Says that the service is there. Returns the outage that this ends, if it ends one; then
    /// what it took is given back in the same commit.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<Option<Outage>, UpdateError> {
        let beat_unless_outage = |records: &mut Records| {
            let mut uptime = records.uptime.clone().unwrap_or_else(|| Uptime::first(records.now));
            let is_outage = uptime.beat(records.now).is_some();
            if !is_outage {
                records.uptime = Some(uptime);
            }
            Ok(is_outage)
        };
        if !self.store.decide(Scope::new().uptime(), beat_unless_outage).await? {
            return Ok(None);
        }
        let inside = self.everybody_inside().await?;
        let scope = Scope::new().uptime().tokens(inside.iter().copied());
        let beat = move |records: &mut Records| {
            let now = records.now;
            let Some(uptime) = &mut records.uptime else { return Ok(None) };
            let began_at = uptime.heartbeat_at;
            let Some(lasted) = uptime.beat(now) else { return Ok(None) };
            for id in &inside {
                if let Some(token) = records.tokens.get_mut(id) {
                    token.forgive_outage(began_at, lasted);
                }
            }
            Ok(Some(Outage { began_at, lasted }))
        };
        self.store.decide(scope, beat).await
    }

    async fn everybody_inside(&self) -> Result<Vec<TokenId>, UpdateError> {
        let mut inside = Vec::new();
        loop {
            let ids = self.due_work.active_tokens(inside.last().copied(), BATCH).await?;
            let full = was_full(ids.len());
            inside.extend(ids);
            if !full {
                return Ok(inside);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockDueWork;

    use super::*;
    use crate::testing::*;

    async fn beat_after(silence: i64) -> Option<Outage> {
        let mut records = empty();
        records.tokens.load(active_token());
        records.now = now() + seconds(silence);
        records.uptime = Some(Uptime::first(now()));
        let mut due_work = MockDueWork::new();
        due_work.expect_active_tokens().returning(|_, _| Ok(vec![claims().token_id]));
        let store = store_checked(records, move |records| {
            let uptime = records.uptime.as_ref().unwrap();
            if uptime.up_since > now() {
                let token = records.tokens.get(&claims().token_id).unwrap();
                assert!(token.is_live(now() + seconds(600 + silence - 1)));
            }
        });
        KeepTime::new(store, Arc::new(due_work)).execute().await.unwrap()
    }

    #[tokio::test]
    async fn an_outage_is_given_back_and_a_heartbeat_is_not() {
        assert_eq!(beat_after(1).await, None);
        let outage = Outage { began_at: now(), lasted: seconds(3_600) };
        assert_eq!(beat_after(3_600).await, Some(outage));
    }
}

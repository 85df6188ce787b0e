use std::sync::Arc;

use domain::ids::TokenId;
use domain::line::give_back;
use domain::ports::{DueWork, Lines, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::uptime::{Outage, Uptime};

use super::{BATCH, was_full};

/// Says once a second that the service is there. When it was not, because no server was up or the
/// store was away, what the outage took is given back: whoever was inside when it began stays as
/// much longer.
pub struct KeepTime {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    lines: Arc<dyn Lines>,
}

impl KeepTime {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, due_work: Arc<dyn DueWork>, lines: Arc<dyn Lines>) -> Self {
        Self { store, due_work, lines }
    }

    /// Returns the outage that this ends, if it ends one. Then what it took is given back in the
    /// same commit.
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
        let rooms = self.lines.rooms().await?;
        let scope = Scope::new().uptime().tokens(inside.iter().copied());
        let scope = rooms.iter().fold(scope, |scope, room| scope.line(room.id));
        let beat = move |records: &mut Records| {
            let now = records.now;
            let Some(uptime) = &mut records.uptime else { return Ok(None) };
            let Some(outage) = uptime.beat(now) else { return Ok(None) };
            give_back(records, outage, &inside);
            Ok(Some(outage))
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
    use domain::waiting_token::Standing;

    use super::*;
    use crate::testing::*;

    /// The outage that a beat ends after a silence. A token that had 600 seconds left when it began
    /// has 600 seconds left again.
    async fn after_silence(silence: i64) -> Option<Outage> {
        let mut records = world();
        records.tokens = Default::default();
        records.tokens.load(active_token());
        records.now = now() + seconds(silence);
        records.uptime = Some(Uptime::first(now()));
        let mut due_work = MockDueWork::new();
        due_work.expect_active_tokens().returning(|_, _| Ok(vec![claims().token_id]));
        let store = store_checked(records, move |records| {
            let uptime = records.uptime.as_ref().unwrap();
            if uptime.up_since > now() {
                let token = records.tokens.get(&claims().token_id).unwrap();
                let standing = token.standing(records.now);
                assert_eq!(standing, Standing::Active { expires_at: records.now + seconds(600) });
            }
        });
        let keep_time = KeepTime::new(store, Arc::new(due_work), lines(None, 0));
        keep_time.execute().await.unwrap()
    }

    #[tokio::test]
    async fn a_heartbeat_in_time_gives_nothing_back() {
        assert_eq!(after_silence(1).await, None);
    }

    #[tokio::test]
    async fn an_outage_is_given_back_to_who_was_inside_when_it_began() {
        let outage = Outage { began_at: now(), lasted: seconds(3_600) };
        assert_eq!(after_silence(3_600).await, Some(outage));
    }
}

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

/// Who gets the time of an outage back.
#[derive(Debug, Clone, Copy)]
enum Forgiven {
    WereInside,
    AreInside,
}

impl KeepTime {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, due_work: Arc<dyn DueWork>) -> Self {
        Self { store, due_work }
    }

    /// Says that the service is there again, before anybody is served. Whoever was inside when
    /// the outage began is inside again.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn resume(&self) -> Result<Option<Outage>, UpdateError> {
        self.beat(Forgiven::WereInside).await
    }

    /// Says that the service is there still. Where it was not, the process having been held up,
    /// only who is inside even so gets the time back: the places of the others may be taken.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn go_on(&self) -> Result<Option<Outage>, UpdateError> {
        self.beat(Forgiven::AreInside).await
    }

    /// Returns the outage that this ends, if it ends one. Then what it took is given back in the
    /// same commit.
    async fn beat(&self, forgiven: Forgiven) -> Result<Option<Outage>, UpdateError> {
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
            let inside_at = match forgiven {
                Forgiven::WereInside => began_at,
                Forgiven::AreInside => now,
            };
            for id in &inside {
                if let Some(token) = records.tokens.get_mut(id) {
                    token.forgive_outage(inside_at, lasted);
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
    use domain::waiting_token::Standing;

    use super::*;
    use crate::testing::*;

    /// A server that is started, or one that goes on, after a silence; and whether a token that
    /// had 600 seconds left when it began is good for so many seconds more.
    async fn after_silence(silence: i64, started: bool, left: Option<i64>) -> Option<Outage> {
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
                let standing = token.standing(records.now);
                let expires_at = left.map(|left| records.now + seconds(left));
                let expected = expires_at.map(|expires_at| Standing::Active { expires_at });
                assert_eq!(standing, expected.unwrap_or(Standing::Expired));
            }
        });
        let keep_time = KeepTime::new(store, Arc::new(due_work));
        if started { keep_time.resume().await.unwrap() } else { keep_time.go_on().await.unwrap() }
    }

    #[tokio::test]
    async fn a_heartbeat_in_time_gives_nothing_back() {
        assert_eq!(after_silence(1, false, None).await, None);
    }

    #[tokio::test]
    async fn an_outage_is_given_back_to_who_was_inside_when_it_began() {
        let outage = Outage { began_at: now(), lasted: seconds(3_600) };
        assert_eq!(after_silence(3_600, true, Some(600)).await, Some(outage));
    }

    #[tokio::test]
    async fn a_server_that_was_held_up_lets_nobody_in_again() {
        assert!(after_silence(60, false, Some(600)).await.is_some());
        assert!(after_silence(3_600, false, None).await.is_some());
    }
}

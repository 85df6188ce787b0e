use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::Timestamp;
use domain::ids::{SessionId, UserId};
use domain::ports::{
    AccessClaims, Clock, CommitObserver, EndedSessions, QueueClaims, Sessions, UpdateError,
};
use domain::records::Records;
use domain::session::SignedOut;

/// Which sessions were ended before they ran out, in memory: no token's check asks the store. Read once,
/// and then followed by commits, those of other servers included.
pub struct Revocations {
    sessions: Arc<dyn Sessions>,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
}

struct State {
    revoked: Revoked,
    /// Whether commits may have been missed. What is known stays known.
    is_stale: bool,
    /// What was heard while the store is read, which may be older than that.
    heard: Option<Revoked>,
}

#[derive(Default)]
struct Revoked {
    /// Those that were ended one by one, with when they run out.
    sessions: HashMap<SessionId, Timestamp>,
    users: HashMap<UserId, SignedOut>,
}

impl Revoked {
    /// Adds what a commit says, or another of these.
    fn add(
        &mut self,
        sessions: impl IntoIterator<Item = (SessionId, Timestamp)>,
        users: impl IntoIterator<Item = (UserId, SignedOut)>,
    ) {
        self.sessions.extend(sessions);
        for (id, signed_out) in users {
            let known = self.users.entry(id).or_insert(signed_out);
            // Commits may be heard of out of order.
            if known.at < signed_out.at {
                *known = signed_out;
            }
        }
    }

    fn add_changes(&mut self, changes: &Records) {
        let sessions = changes.sessions.changes().map(|(session, _)| session);
        let ended = sessions.filter(|session| session.ended_at.is_some());
        let users =
            changes.users.changes().filter_map(|(user, _)| user.signed_out.map(|at| (user.id, at)));
        self.add(ended.map(|session| (session.id, session.expires_at)), users);
    }
}

impl Revocations {
    /// Knows nothing until [`Revocations::refresh`].
    #[must_use]
    pub fn new(sessions: Arc<dyn Sessions>, clock: Arc<dyn Clock>) -> Self {
        let state = State { revoked: Revoked::default(), is_stale: true, heard: None };
        Self { sessions, clock, state: RwLock::new(state) }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session was ended.
    #[must_use]
    pub fn is_ended(&self, claims: &AccessClaims) -> bool {
        let revoked = &self.read().revoked;
        let signed_out = revoked.users.get(&claims.user_id);
        revoked.sessions.contains_key(&claims.session_id)
            || signed_out.is_some_and(|at| at.ends(claims.session_id, claims.began_at))
    }

    /// Whether all of the user's sessions were ended since the queue token was issued.
    #[must_use]
    pub fn is_withdrawn(&self, claims: &QueueClaims) -> bool {
        let signed_out = self.read().revoked.users.get(&claims.user_id).copied();
        signed_out.is_some_and(|signed_out| claims.issued_at < signed_out.at)
    }

    /// Reads what was ended where commits may have been missed, and forgets what has run out.
    ///
    /// # Errors
    /// None but the store's; what was known stays known, and the next call tries again.
    pub async fn refresh(&self) -> Result<(), UpdateError> {
        let now = self.clock.now();
        {
            let mut state = self.write();
            state.revoked.sessions.retain(|_, expires_at| *expires_at > now);
            if !mem::take(&mut state.is_stale) {
                return Ok(());
            }
            state.heard = Some(Revoked::default());
        }
        let read = self.sessions.ended(now).await;
        let mut state = self.write();
        let heard = state.heard.take().unwrap_or_default();
        match read {
            Ok(EndedSessions { sessions, users }) => {
                let mut revoked = heard;
                revoked.add(sessions, users);
                state.revoked = revoked;
                Ok(())
            }
            Err(fault) => {
                state.is_stale = true;
                Err(fault.into())
            }
        }
    }
}

impl CommitObserver for Revocations {
    fn committed(&self, changes: &Records) {
        if changes.sessions.is_unchanged() && changes.users.is_unchanged() {
            return;
        }
        let mut state = self.write();
        state.revoked.add_changes(changes);
        if let Some(heard) = &mut state.heard {
            heard.add_changes(changes);
        }
    }

    fn began_anew(&self, _: u64) {
        self.write().is_stale = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use domain::ports::{MockSessions, Unavailable};
    use domain::session::Session;

    use super::*;
    use crate::testing::*;

    fn claims_of(n: u128, began_at: Timestamp) -> AccessClaims {
        let session_id = uuid::Uuid::from_u128(n).into();
        AccessClaims { user_id: buyer_id(), session_id, began_at }
    }

    fn ended(n: u128) -> Records {
        let mut changes = empty();
        changes.sessions.insert(Session {
            id: uuid::Uuid::from_u128(n).into(),
            user_id: buyer_id(),
            network: None,
            created_at: now(),
            expires_at: now() + seconds(60),
            ended_at: Some(now()),
        });
        changes
    }

    fn signed_out() -> Records {
        let mut changes = empty();
        let signed_out = Some(SignedOut { at: now(), but: None });
        changes.users.insert(domain::user::User { signed_out, ..buyer() });
        changes
    }

    fn over(read: Result<EndedSessions, Unavailable>) -> Revocations {
        let mut sessions = MockSessions::new();
        sessions.expect_ended().returning(move |_| read.clone());
        Revocations::new(Arc::new(sessions), clock())
    }

    #[tokio::test]
    async fn what_was_ended_before_the_start_and_since_is_refused_and_nothing_else() {
        let known = (uuid::Uuid::from_u128(1).into(), now() + seconds(60));
        let revocations = over(Ok(EndedSessions { sessions: vec![known], users: Vec::new() }));
        revocations.refresh().await.unwrap();
        revocations.committed(&ended(2));
        for (n, is_ended) in [(1, true), (2, true), (3, false)] {
            assert_eq!(revocations.is_ended(&claims_of(n, now())), is_ended, "{n}");
        }
        revocations.committed(&signed_out());
        assert!(revocations.is_ended(&claims_of(3, now())));
        assert!(!revocations.is_ended(&claims_of(3, now() + seconds(1))));
        let queue = claims();
        assert!(revocations.is_withdrawn(&QueueClaims { issued_at: now() - seconds(1), ..queue }));
        assert!(!revocations.is_withdrawn(&QueueClaims { issued_at: now(), ..queue }));
    }

    #[tokio::test]
    async fn what_is_known_stays_known_while_the_store_is_away_and_is_read_again_after() {
        let reads = Arc::new(Mutex::new(vec![
            Ok(EndedSessions::default()),
            Err(Unavailable::because("away")),
        ]));
        let mut sessions = MockSessions::new();
        sessions.expect_ended().times(2).returning(move |_| reads.lock().unwrap().pop().unwrap());
        let revocations = Revocations::new(Arc::new(sessions), clock());
        revocations.committed(&ended(1));
        assert!(revocations.refresh().await.is_err());
        assert!(revocations.is_ended(&claims_of(1, now())));
        revocations.refresh().await.unwrap();
        assert!(!revocations.is_ended(&claims_of(1, now())), "that commit was lost");
        revocations.refresh().await.unwrap();
    }
}

use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::ports::{AccessClaims, Ids, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::session::SignedOut;

/// Somebody signs out, here or everywhere.
pub struct SignOut {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
}

impl SignOut {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: Arc<dyn Ids>) -> Self {
        Self { store, ids }
    }

    /// Ends the session of the access token. One that is ended stays so.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn here(&self, claims: AccessClaims) -> Result<(), UpdateError> {
        let end = move |records: &mut Records| {
            let now = records.now;
            if let Some(session) = records.sessions.get_mut(&claims.session_id) {
                session.ended_at = session.ended_at.or(Some(now));
            }
            Ok(())
        };
        self.store.decide(Scope::new().sessions([claims.session_id]), end).await
    }

    /// Ends all of the user's sessions, and withdraws the queue tokens that were handed out before. The
    /// places in line stay.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] for a user who is gone.
    pub async fn everywhere(
        &self,
        claims: AccessClaims,
        origin: &Origin,
    ) -> Result<(), UpdateError> {
        let (id, actor) = (claims.user_id, Actor::user(self.ids.next(), claims.user_id, origin));
        let end = move |records: &mut Records| {
            let now = records.now;
            let user = records.users.get_mut(&id).ok_or(Refusal::InvalidToken)?;
            user.signed_out = Some(SignedOut { at: now, but: None });
            records.note(&actor, Deed::new(AuditKind::SignedOutEverywhere, id).about(id));
            Ok(())
        };
        self.store.decide(Scope::new().changing_user(id), end).await
    }
}

#[cfg(test)]
mod tests {
    use domain::session::Session;

    use super::*;
    use crate::testing::*;

    fn claims() -> AccessClaims {
        let session_id = uuid::Uuid::from_u128(9).into();
        AccessClaims { user_id: buyer_id(), session_id, began_at: now() }
    }

    #[tokio::test]
    async fn a_session_ends_once_and_only_that_one() {
        let mut records = world();
        for n in [9, 10] {
            records.sessions.load(Session {
                id: uuid::Uuid::from_u128(n).into(),
                user_id: buyer_id(),
                network: None,
                created_at: now(),
                expires_at: now() + seconds(60),
                ended_at: None,
            });
        }
        let store = store_checked(records, |records| {
            let ended: Vec<_> = records.sessions.iter().map(|session| session.ended_at).collect();
            assert_eq!(ended, [Some(now()), None]);
        });
        SignOut::new(store, ids()).here(claims()).await.unwrap();
    }

    #[tokio::test]
    async fn all_end_at_once_and_that_is_noted() {
        let store = store_checked(world(), |records| {
            let user = records.users.get(&buyer_id()).unwrap();
            assert_eq!(user.signed_out, Some(SignedOut { at: now(), but: None }));
            let entry = records.audit_entries.iter().next().unwrap();
            assert_eq!(entry.deed.kind, AuditKind::SignedOutEverywhere);
        });
        SignOut::new(store, ids()).everywhere(claims(), &Origin::default()).await.unwrap();
    }
}

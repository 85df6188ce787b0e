use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::ids::UserId;
use domain::ports::{Ids, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::session::SignedOut;
use domain::user::User;
use serde_json::json;

/// An operator shuts a user out, or lets one in again.
pub struct DisableUser {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
}

impl DisableUser {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: Arc<dyn Ids>) -> Self {
        Self { store, ids }
    }

    /// Shuts the user out: all sessions end, and queue tokens of before open nothing. Who is shut out
    /// stays so.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, [`Refusal::NotFound`] without such a user, and
    /// [`Refusal::Invalid`] for oneself.
    pub async fn disable(
        &self,
        operator: UserId,
        id: UserId,
        origin: &Origin,
    ) -> Result<User, UpdateError> {
        let actor = Actor::user(self.ids.next(), operator, origin);
        let disable = move |records: &mut Records| {
            let mut user = user_of(records, operator, id)?;
            if operator == id {
                return Err(Refusal::invalid("user_id", "must not be your own"));
            }
            if user.disabled_at.is_none() {
                user.disabled_at = Some(records.now);
                user.signed_out = Some(SignedOut { at: records.now, but: None });
                records.users.put(user.clone());
                let deed = Deed::new(AuditKind::UserDisabled, id).about(id);
                let (before, after) = (json!({ "disabled": false }), json!({ "disabled": true }));
                records.note(&actor, deed.before(before).after(after));
            }
            Ok(user)
        };
        self.store.decide(Scope::new().user(operator).changing_user(id), disable).await
    }

    /// Lets the user sign in again.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, [`Refusal::NotFound`] without such a user.
    pub async fn enable(
        &self,
        operator: UserId,
        id: UserId,
        origin: &Origin,
    ) -> Result<User, UpdateError> {
        let actor = Actor::user(self.ids.next(), operator, origin);
        let enable = move |records: &mut Records| {
            let mut user = user_of(records, operator, id)?;
            if user.disabled_at.take().is_some() {
                records.users.put(user.clone());
                let deed = Deed::new(AuditKind::UserEnabled, id).about(id);
                let (before, after) = (json!({ "disabled": true }), json!({ "disabled": false }));
                records.note(&actor, deed.before(before).after(after));
            }
            Ok(user)
        };
        self.store.decide(Scope::new().user(operator).changing_user(id), enable).await
    }
}

/// A user, for an operator.
fn user_of(records: &Records, operator: UserId, id: UserId) -> Result<User, Refusal> {
    records.users.get(&operator).ok_or(Refusal::InvalidToken)?.ensure_operator()?;
    records.users.get(&id).cloned().ok_or(Refusal::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_user_is_shut_out_once_and_let_in_again_and_each_is_noted() {
        let (store, kept) = store_that_keeps(world());
        let (disable, nobody) = (DisableUser::new(store, ids()), Origin::default());
        for _ in 0..2 {
            let user = disable.disable(operator_id(), buyer_id(), &nobody).await.unwrap();
            assert_eq!(user.disabled_at, Some(now()));
            assert_eq!(user.signed_out, Some(SignedOut { at: now(), but: None }));
        }
        for _ in 0..2 {
            let user = disable.enable(operator_id(), buyer_id(), &nobody).await.unwrap();
            assert_eq!(user.disabled_at, None);
        }
        let kept = kept.lock().unwrap();
        let kinds: Vec<_> = kept.audit_entries.iter().map(|entry| entry.deed.kind).collect();
        assert_eq!(kinds, [AuditKind::UserDisabled, AuditKind::UserEnabled]);
    }

    #[tokio::test]
    async fn only_an_operator_does_and_only_somebody_else() {
        let (disable, nobody) = (DisableUser::new(store_with(world()), ids()), Origin::default());
        let buyers = disable.disable(buyer_id(), operator_id(), &nobody).await;
        assert_refused(buyers, &Refusal::Forbidden);
        let nobodys = disable.disable(operator_id(), unknown(), &nobody).await;
        assert_refused(nobodys, &Refusal::NotFound);
        let own = disable.disable(operator_id(), operator_id(), &nobody).await;
        assert!(matches!(own, Err(UpdateError::Refused(Refusal::Invalid(_)))));
    }
}

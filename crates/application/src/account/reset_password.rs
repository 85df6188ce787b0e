use std::sync::Arc;

use domain::Timestamp;
use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::ids::{PasswordResetId, UserId};
use domain::ports::{Ids, Passwords, ResetSecrets, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::session::{PasswordReset, ResetSecret, SignedOut};
use domain::user::{Email, Password, User};

/// What opens a reset of a password, as it is in the link that an operator hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetKey {
    /// Which reset.
    pub id: PasswordResetId,
    /// Whose password.
    pub user_id: UserId,
    /// What proves it.
    pub secret: ResetSecret,
}

/// A password is set anew by a link that an operator made, once.
pub struct ResetPassword {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    users: Arc<dyn Users>,
    passwords: Arc<dyn Passwords>,
    secrets: Arc<dyn ResetSecrets>,
}

impl ResetPassword {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        users: Arc<dyn Users>,
        passwords: Arc<dyn Passwords>,
        secrets: Arc<dyn ResetSecrets>,
    ) -> Self {
        Self { store, ids, users, passwords, secrets }
    }

    /// Makes what a user sets the password anew by, and says until when. For an operator, or for a command,
    /// which is nobody.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a user who is no operator, [`Refusal::NotFound`] without such a user.
    pub async fn make(
        &self,
        operator: Option<UserId>,
        user_id: UserId,
        origin: &Origin,
    ) -> Result<(ResetKey, Timestamp), UpdateError> {
        let id = PasswordResetId::from(self.ids.next());
        let key = ResetKey { id, user_id, secret: self.secrets.next() };
        let entry_id = self.ids.next().into();
        let actor = Actor { entry_id, user_id: operator, origin: origin.clone() };
        let scope = Scope::new().changing_user(user_id);
        let scope = operator.into_iter().fold(scope, Scope::user);
        let secret = key.secret.clone();
        let make = move |records: &mut Records| {
            if let Some(operator) = operator {
                records.users.get(&operator).ok_or(Refusal::InvalidToken)?.ensure_operator()?;
            }
            records.users.get(&user_id).ok_or(Refusal::NotFound)?;
            let reset = PasswordReset::new(id, user_id, &secret, records.now);
            let expires_at = reset.expires_at;
            records.password_resets.insert(reset);
            let deed = Deed::new(AuditKind::PasswordResetMade, user_id).about(user_id);
            records.note(&actor, deed);
            Ok(expires_at)
        };
        let expires_at = self.store.decide(scope, make).await?;
        Ok((key, expires_at))
    }

    /// The same for whoever signs in with that email.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] without such a user.
    pub async fn make_for(&self, email: Email) -> Result<(ResetKey, Timestamp), UpdateError> {
        let user = self.users.user_of_email(email).await?.ok_or(Refusal::NotFound)?;
        self.make(None, user.id, &Origin::default()).await
    }

    /// Sets the password anew and ends all sessions of the user.
    ///
    /// # Errors
    /// [`Refusal::InvalidReset`], [`Refusal::AccountDisabled`], and [`Refusal::Invalid`] for a new password
    /// that is none.
    pub async fn execute(
        &self,
        key: ResetKey,
        password: &str,
        origin: &Origin,
    ) -> Result<(), UpdateError> {
        // Hashing is dear, and only for who has a link.
        let opens = key.clone();
        let email =
            self.decide(&key, move |records| Ok(opens.user(records)?.email.clone())).await?;
        let password = Password::chosen(password, Some(&email))?;
        let hash = self.passwords.hash(password, Some(email)).await?;
        let actor = Actor::nobody(self.ids.next(), origin);
        let opens = key.clone();
        let set = move |records: &mut Records| {
            let now = records.now;
            let mut user = opens.user(records)?.clone();
            user.password_hash = Some(hash.clone());
            user.signed_out = Some(SignedOut { at: now, but: None });
            records.note(&actor, Deed::new(AuditKind::PasswordReset, user.id).about(user.id));
            records.users.put(user);
            if let Some(reset) = records.password_resets.get_mut(&opens.id) {
                reset.used_at = Some(now);
            }
            Ok(())
        };
        self.decide(&key, set).await
    }

    async fn decide<T: Send + 'static>(
        &self,
        key: &ResetKey,
        decide: impl Fn(&mut Records) -> Result<T, Refusal> + Send + Sync + 'static,
    ) -> Result<T, UpdateError> {
        let scope = Scope::new().changing_user(key.user_id).password_resets([key.id]);
        self.store.decide(scope, decide).await
    }
}

impl ResetKey {
    /// Whose password it opens.
    fn user<'a>(&self, records: &'a Records) -> Result<&'a User, Refusal> {
        let user = records.users.get(&self.user_id).ok_or(Refusal::InvalidReset)?;
        let reset = records.password_resets.get(&self.id).ok_or(Refusal::InvalidReset)?;
        reset.ensure_opens(user, &self.secret, records.now)?;
        user.ensure_enabled()?;
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockPasswords, MockResetSecrets};
    use domain::user::PasswordHash;

    use super::*;
    use crate::testing::*;

    /// Over a store that keeps what is decided; a user's password is hashed to `new`.
    fn resets() -> ResetPassword {
        let mut passwords = MockPasswords::new();
        passwords.expect_hash().returning(|_, _| Ok(PasswordHash::new("new".into())));
        let mut secrets = MockResetSecrets::new();
        secrets.expect_next().returning(|| ResetSecret::new([7; 32]));
        let store = store_that_keeps(world()).0;
        let users = users(vec![buyer(), operator()]);
        ResetPassword::new(store, ids(), users, Arc::new(passwords), Arc::new(secrets))
    }

    const NEW: &str = "a password of mine";

    #[tokio::test]
    async fn a_link_sets_a_password_once_and_nothing_else_does() {
        let (resets, nobody) = (resets(), Origin::default());
        let (key, _) = resets.make(Some(operator_id()), buyer_id(), &nobody).await.unwrap();
        let wrong = ResetKey { secret: ResetSecret::new([8; 32]), ..key.clone() };
        for wrong in [wrong, ResetKey { user_id: operator_id(), ..key.clone() }] {
            let refused = resets.execute(wrong, NEW, &nobody).await;
            assert_refused(refused, &Refusal::InvalidReset);
        }
        let short = resets.execute(key.clone(), "too short", &nobody).await;
        assert!(matches!(short, Err(UpdateError::Refused(Refusal::Invalid(_)))));
        resets.execute(key.clone(), NEW, &nobody).await.unwrap();
        let again = resets.execute(key, NEW, &nobody).await;
        assert_refused(again, &Refusal::InvalidReset);
    }

    #[tokio::test]
    async fn only_an_operator_makes_one_and_only_for_somebody() {
        let (resets, nobody) = (resets(), Origin::default());
        let buyers = resets.make(Some(buyer_id()), operator_id(), &nobody).await;
        assert_refused(buyers, &Refusal::Forbidden);
        let nobodys = resets.make(Some(operator_id()), unknown(), &nobody).await;
        assert_refused(nobodys, &Refusal::NotFound);
    }
}

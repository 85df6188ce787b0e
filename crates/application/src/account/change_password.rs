use std::sync::Arc;

use domain::audit_log::{Actor, AuditKind, Deed, Origin};
use domain::ports::{AccessClaims, Ids, Passwords, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::session::SignedOut;
use domain::user::Password;

use super::SignIn;

/// Somebody who is signed in and shows the password changes it.
pub struct ChangePassword {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    users: Arc<dyn Users>,
    passwords: Arc<dyn Passwords>,
}

impl ChangePassword {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        users: Arc<dyn Users>,
        passwords: Arc<dyn Passwords>,
    ) -> Self {
        Self { store, ids, users, passwords }
    }

    /// Ends all other sessions of the user.
    ///
    /// # Errors
    /// What [`SignIn::execute`] refuses, and [`Refusal::Invalid`] for a new password that is none.
    pub async fn execute(
        &self,
        sign_in: &SignIn,
        claims: AccessClaims,
        old: Password,
        new: &str,
        origin: &Origin,
    ) -> Result<(), UpdateError> {
        let user = self.users.user(claims.user_id).await?.ok_or(Refusal::InvalidToken)?;
        let new = Password::chosen(new, Some(&user.email))?;
        let email = user.email.clone();
        let user = sign_in.verify(&email, Some(user), old, origin).await?;
        let hash = self.passwords.hash(new, Some(email)).await?;
        let actor = Actor::user(self.ids.next(), user.id, origin);
        let scope = Scope::new().changing_user(user.id);
        let change = move |records: &mut Records| {
            let now = records.now;
            let found = records.users.get_mut(&user.id).ok_or(Refusal::InvalidToken)?;
            found.ensure_enabled()?;
            if found.password_hash != user.password_hash {
                return Err(Refusal::InvalidCredentials);
            }
            found.password_hash = Some(hash.clone());
            found.signed_out = Some(SignedOut { at: now, but: Some(claims.session_id) });
            records.note(&actor, Deed::new(AuditKind::PasswordChanged, user.id).about(user.id));
            Ok(())
        };
        self.store.decide(scope, change).await
    }
}

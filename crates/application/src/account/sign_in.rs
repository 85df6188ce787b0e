use std::sync::Arc;

use chrono::{SubsecRound, TimeDelta};
use domain::Timestamp;
use domain::audit_log::Origin;
use domain::guessing::network;
use domain::ids::{SessionId, UserId};
use domain::ports::{AccessTokens, Ids, Passwords, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::session::Session;
use domain::user::{Email, Password, User};

use super::SignInGuard;

/// Somebody with an account shows a password, and a session begins.
pub struct SignIn {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    users: Arc<dyn Users>,
    passwords: Arc<dyn Passwords>,
    access_tokens: Arc<dyn AccessTokens>,
    guard: Arc<SignInGuard>,
    session_lasts: TimeDelta,
}

/// A signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who it is.
    pub user_id: UserId,
    /// The access token.
    pub access_token: String,
    /// When it runs out.
    pub expires_at: Timestamp,
}

impl SignIn {
    /// Over these ports; a session lasts as long as `session_lasts`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<dyn Ids>,
        users: Arc<dyn Users>,
        passwords: Arc<dyn Passwords>,
        access_tokens: Arc<dyn AccessTokens>,
        guard: Arc<SignInGuard>,
        session_lasts: TimeDelta,
    ) -> Self {
        Self { store, ids, users, passwords, access_tokens, guard, session_lasts }
    }

    /// Takes as long for an unknown email as for a wrong password, and says the same.
    ///
    /// # Errors
    /// [`Refusal::InvalidCredentials`], [`Refusal::TooManyGuesses`], and with the right password
    /// [`Refusal::AccountDisabled`].
    pub async fn execute(
        &self,
        email: Email,
        password: Password,
        origin: &Origin,
    ) -> Result<SignedIn, UpdateError> {
        let user = self.users.user_of_email(email.clone()).await?;
        let user = self.verify(&email, user, password, origin).await?;
        let session = self.begin(user, origin).await?;
        Ok(SignedIn {
            user_id: session.user_id,
            access_token: self.access_tokens.issue(&session),
            expires_at: session.expires_at,
        })
    }

    /// The user, once the password is seen to be right.
    ///
    /// # Errors
    /// [`Refusal::InvalidCredentials`], [`Refusal::TooManyGuesses`].
    pub(super) async fn verify(
        &self,
        email: &Email,
        user: Option<User>,
        password: Password,
        origin: &Origin,
    ) -> Result<User, UpdateError> {
        let attempt = self.guard.begin(email, user.as_ref(), origin).await?;
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let matches = match self.passwords.verify(password, hash).await {
            Ok(matches) => matches,
            Err(fault) => {
                self.guard.not_looked_at(&attempt);
                return Err(fault.into());
            }
        };
        match user.filter(|_| matches) {
            Some(user) => {
                self.guard.was_right(&attempt);
                Ok(user)
            }
            None => {
                self.guard.was_wrong(attempt);
                Err(Refusal::InvalidCredentials.into())
            }
        }
    }

    async fn begin(&self, user: User, origin: &Origin) -> Result<Session, UpdateError> {
        let id = SessionId::from(self.ids.next());
        let network = origin.address.as_deref().map(|address| network(Some(address)));
        let lasts = self.session_lasts;
        let scope = Scope::new().changing_user(user.id);
        let begin = move |records: &mut Records| {
            let now = records.now;
            let found = records.users.get(&user.id);
            // The password may have been changed while this one was looked at.
            let is_unchanged = |found: &&User| found.password_hash == user.password_hash;
            let user = found.filter(is_unchanged).ok_or(Refusal::InvalidCredentials)?;
            user.ensure_enabled()?;
            let session = Session {
                id,
                user_id: user.id,
                network: network.clone(),
                created_at: now,
                expires_at: (now + lasts).trunc_subsecs(0),
                ended_at: None,
            };
            records.sessions.insert(session.clone());
            Ok(session)
        };
        self.store.decide(scope, begin).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockAccessTokens, MockPasswords, MockUsers};

    use super::*;
    use crate::testing::*;

    fn sign_in(known: bool, records: Records) -> SignIn {
        let mut users = MockUsers::new();
        users.expect_user_of_email().returning(move |_| Ok(known.then(buyer)));
        let mut passwords = MockPasswords::new();
        passwords
            .expect_verify()
            .times(1)
            .returning(|password, hash| Ok(hash.is_some() && password.expose() == "correct horse"));
        let mut access_tokens = MockAccessTokens::new();
        access_tokens.expect_issue().returning(|session| session.id.to_string());
        SignIn::new(
            store_with(records),
            ids(),
            Arc::new(users),
            Arc::new(passwords),
            Arc::new(access_tokens),
            Arc::new(guard()),
            TimeDelta::hours(12),
        )
    }

    async fn with(sign_in: SignIn, password: &str) -> Result<SignedIn, UpdateError> {
        let password = Password::new(password).unwrap();
        sign_in.execute(buyer().email, password, &Origin::default()).await
    }

    #[tokio::test]
    async fn the_right_password_gets_the_access_token_of_a_new_session() {
        let signed_in = with(sign_in(true, world()), "correct horse").await.unwrap();
        assert_eq!(signed_in.user_id, buyer_id());
        assert_eq!(signed_in.expires_at, now() + TimeDelta::hours(12));
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_email_are_refused_alike_after_the_same_work() {
        for (known, password) in [(true, "wrong horse"), (false, "correct horse")] {
            let refused = with(sign_in(known, world()), password).await;
            assert_refused(refused, &Refusal::InvalidCredentials);
        }
    }

    #[tokio::test]
    async fn a_password_that_was_changed_meanwhile_and_a_user_who_is_shut_out_get_nothing() {
        let changed = |change: fn(&mut User)| {
            let mut records = empty();
            let mut user = buyer();
            change(&mut user);
            records.users.load(user);
            with(sign_in(true, records), "correct horse")
        };
        let another = changed(|user| user.password_hash = None).await;
        assert_refused(another, &Refusal::InvalidCredentials);
        let disabled = changed(|user| user.disabled_at = Some(now())).await;
        assert_refused(disabled, &Refusal::AccountDisabled);
    }
}

use std::sync::Arc;

use domain::Timestamp;
use domain::ids::UserId;
use domain::ports::{AccessTokens, Clock, Passwords, UpdateError, Users};
use domain::refusal::Refusal;
use domain::user::{Email, Password};

/// Somebody with an account shows a password and gets an access token.
pub struct SignIn {
    users: Arc<dyn Users>,
    passwords: Arc<dyn Passwords>,
    access_tokens: Arc<dyn AccessTokens>,
    clock: Arc<dyn Clock>,
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
    /// Over these ports.
    #[must_use]
    pub fn new(
        users: Arc<dyn Users>,
        passwords: Arc<dyn Passwords>,
        access_tokens: Arc<dyn AccessTokens>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { users, passwords, access_tokens, clock }
    }

    /// Takes as long for an unknown email as for a wrong password, and says the same.
    ///
    /// # Errors
    /// [`Refusal::InvalidCredentials`].
    pub async fn execute(&self, email: Email, password: Password) -> Result<SignedIn, UpdateError> {
        let user = self.users.user_of_email(email).await?;
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let matches = self.passwords.verify(password, hash).await?;
        let user = user.filter(|_| matches).ok_or(Refusal::InvalidCredentials)?;
        let (access_token, expires_at) = self.access_tokens.issue(user.id, self.clock.now());
        Ok(SignedIn { user_id: user.id, access_token, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockAccessTokens, MockPasswords, MockUsers};

    use super::*;
    use crate::testing::*;

    fn sign_in(known: bool) -> SignIn {
        let mut users = MockUsers::new();
        users.expect_user_of_email().returning(move |_| Ok(known.then(buyer)));
        let mut passwords = MockPasswords::new();
        passwords
            .expect_verify()
            .times(1)
            .returning(|password, hash| Ok(hash.is_some() && password.expose() == "correct horse"));
        let mut access_tokens = MockAccessTokens::new();
        access_tokens.expect_issue().returning(|_, now| ("access".into(), now));
        SignIn::new(Arc::new(users), Arc::new(passwords), Arc::new(access_tokens), clock())
    }

    async fn with(sign_in: SignIn, password: &str) -> Result<SignedIn, UpdateError> {
        sign_in.execute(buyer().email, Password::new(password).unwrap()).await
    }

    #[tokio::test]
    async fn the_right_password_gets_an_access_token() {
        let signed_in = with(sign_in(true), "correct horse").await.unwrap();
        assert_eq!((signed_in.user_id, signed_in.access_token.as_str()), (buyer_id(), "access"));
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_email_are_refused_alike_after_the_same_work() {
        for (known, password) in [(true, "wrong horse"), (false, "correct horse")] {
            assert_refused(with(sign_in(known), password).await, &Refusal::InvalidCredentials);
        }
    }
}

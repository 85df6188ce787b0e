use std::sync::Arc;

use domain::ids::UserId;
use domain::ports::{Ids, Passwords, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::user::{Email, Password, Role, User, UserName};

/// Somebody makes an account.
pub struct SignUp {
    store: Arc<dyn Store>,
    ids: Arc<dyn Ids>,
    passwords: Arc<dyn Passwords>,
}

/// What the account is to be.
pub struct NewUser {
    /// Where the person signs in with.
    pub email: Email,
    /// What the person signs in by.
    pub password: Password,
    /// What the person is called.
    pub name: UserName,
    /// What the person may do.
    pub role: Role,
}

impl SignUp {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: Arc<dyn Ids>, passwords: Arc<dyn Passwords>) -> Self {
        Self { store, ids, passwords }
    }

    /// # Errors
    /// [`Refusal::EmailTaken`].
    pub async fn execute(&self, ask: NewUser) -> Result<User, UpdateError> {
        let id = UserId::from(self.ids.next());
        let NewUser { email, password, name, role } = ask;
        let hash = self.passwords.hash(password, Some(email.clone())).await?;
        let scope = Scope::new().email(email.clone());
        let sign_up = move |records: &mut Records| {
            if records.user_of_email(&email).is_some() {
                return Err(Refusal::EmailTaken);
            }
            let user = User {
                id,
                email: email.clone(),
                name: name.clone(),
                role,
                password_hash: Some(hash.clone()),
                created_at: records.now,
                disabled_at: None,
                signed_out: None,
            };
            records.users.insert(user.clone());
            Ok(user)
        };
        self.store.decide(scope, sign_up).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockPasswords, Unavailable};
    use domain::user::PasswordHash;

    use super::*;
    use crate::testing::*;

    fn sign_up(records: Records) -> SignUp {
        let mut passwords = MockPasswords::new();
        passwords.expect_hash().returning(|_, _| Ok(PasswordHash::new("hash".into())));
        SignUp::new(store_with(records), ids(), Arc::new(passwords))
    }

    fn ask() -> NewUser {
        NewUser {
            email: buyer().email,
            password: Password::new("correct horse").unwrap(),
            name: UserName::new("김미나").unwrap(),
            role: Role::Buyer,
        }
    }

    #[tokio::test]
    async fn a_new_email_gets_an_account_with_a_hashed_password() {
        let user = sign_up(empty()).execute(ask()).await.unwrap();
        assert_eq!((user.email, user.role), (buyer().email, Role::Buyer));
        assert_eq!(user.password_hash, Some(PasswordHash::new("hash".into())));
    }

    #[tokio::test]
    async fn a_taken_email_is_refused() {
        let taken = sign_up(world()).execute(ask()).await;
        assert_refused(taken, &Refusal::EmailTaken);
    }

    #[tokio::test]
    async fn too_many_passwords_at_once_is_a_fault_and_not_a_refusal() {
        let mut passwords = MockPasswords::new();
        passwords.expect_hash().returning(|_, _| Err(Unavailable::because("busy").into()));
        let sign_up = SignUp::new(store_with(empty()), ids(), Arc::new(passwords));
        assert!(matches!(sign_up.execute(ask()).await, Err(UpdateError::Unavailable(_))));
    }
}

use async_trait::async_trait;

use super::{Unavailable, UpdateError};
use crate::user::{Email, Password, PasswordHash};

/// Hashes and checks passwords. Both are slow on purpose, and never block the event loop.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Passwords: Send + Sync {
    /// A salted hash of a new password, of the user with that email.
    ///
    /// # Errors
    /// [`Refusal::Invalid`](crate::refusal::Refusal::Invalid) for one that many people use, or that is made
    /// of the email; [`Unavailable`] when too many are being hashed already.
    async fn hash(
        &self,
        password: Password,
        email: Option<Email>,
    ) -> Result<PasswordHash, UpdateError>;

    /// Whether `password` is the one that `hash` was made of. Takes as long without a hash as with
    /// one, so that its time does not tell whether there is such a user.
    ///
    /// # Errors
    /// [`Unavailable`] when too many are being checked already.
    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Unavailable>;
}

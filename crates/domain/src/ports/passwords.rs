use async_trait::async_trait;

use super::Unavailable;
use crate::user::{Password, PasswordHash};

/// Hashes and checks passwords. Both are slow on purpose, and never block the event loop.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Passwords: Send + Sync {
    /// A salted hash of `password`.
    ///
    /// # Errors
    /// [`Unavailable`] when too many are being hashed already.
    async fn hash(&self, password: Password) -> Result<PasswordHash, Unavailable>;

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

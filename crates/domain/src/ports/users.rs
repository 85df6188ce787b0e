use async_trait::async_trait;

use super::Unavailable;
use crate::ids::UserId;
use crate::user::{Email, User};

/// Looks users up.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Users: Send + Sync {
    /// The user of that id.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn user(&self, id: UserId) -> Result<Option<User>, Unavailable>;

    /// The user who signs in with that email.
    ///
    /// # Errors
    /// [`Unavailable`] when the store does not answer.
    async fn user_of_email(&self, email: Email) -> Result<Option<User>, Unavailable>;
}

use async_trait::async_trait;

use super::Unavailable;
use crate::Timestamp;
use crate::ids::{PasswordResetId, SessionId, UserId};
use crate::session::SignedOut;

/// Looks up who is signed in. Every method fails with [`Unavailable`] when the store does not answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Sessions: Send + Sync {
    /// All that was ended, of what has not run out at `now`.
    async fn ended(&self, now: Timestamp) -> Result<EndedSessions, Unavailable>;

    /// Whether the user ever signed in from that network, as far as sessions are kept.
    async fn has_begun_from(&self, user_id: UserId, network: String) -> Result<bool, Unavailable>;

    /// Sessions that had run out by `expired_by`.
    async fn old_sessions(
        &self,
        expired_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionId>, Unavailable>;

    /// Resets of passwords that had run out by `expired_by`.
    async fn old_password_resets(
        &self,
        expired_by: Timestamp,
        limit: u32,
    ) -> Result<Vec<PasswordResetId>, Unavailable>;
}

/// What was ended before it ran out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedSessions {
    /// One by one, each with when it runs out.
    pub sessions: Vec<(SessionId, Timestamp)>,
    /// All of users.
    pub users: Vec<(UserId, SignedOut)>,
}

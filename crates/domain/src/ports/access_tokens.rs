use crate::Timestamp;
use crate::ids::UserId;

/// Signs and checks access tokens: who somebody is.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait AccessTokens: Send + Sync {
    /// A signed token for `user_id`, and when it runs out.
    fn issue(&self, user_id: UserId, now: Timestamp) -> (String, Timestamp);

    /// Whose token this is, if it is genuine and has not run out.
    fn verify(&self, token: &str, now: Timestamp) -> Option<UserId>;
}

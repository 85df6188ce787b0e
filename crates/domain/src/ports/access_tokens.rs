use crate::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::session::Session;

/// Signs and checks access tokens: who somebody is.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait AccessTokens: Send + Sync {
    /// The signed token of a session. It runs out when the session does.
    fn issue(&self, session: &Session) -> String;

    /// What a token says, if it is genuine and has not run out. Whether its session was ended is not in it.
    fn verify(&self, token: &str, now: Timestamp) -> Option<AccessClaims>;
}

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose session it is.
    pub user_id: UserId,
    /// Which session.
    pub session_id: SessionId,
    /// When it began.
    pub began_at: Timestamp,
}

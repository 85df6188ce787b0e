use crate::Timestamp;
use crate::ids::{ConcertId, RoomId, TokenId, UserId};
use crate::session::SignedOut;
use crate::waiting_token::WaitingToken;

/// Signs and checks queue tokens: who somebody is *and* which place in which line is theirs.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait QueueTokens: Send + Sync {
    /// The signed form of a place. The same place always has the same one.
    fn sign(&self, claims: &QueueClaims) -> String;

    /// What a signed token says, if it is genuine. Needs no store: whoever has no genuine token is
    /// turned away before anything is asked.
    fn verify(&self, token: &str) -> Option<QueueClaims>;
}

/// What a queue token says. How far the place got is not in it: that changes, and the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueClaims {
    /// The place's id.
    pub token_id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// In which room.
    pub room_id: RoomId,
    /// The concert it was issued for, if one was named.
    pub concert_id: Option<ConcertId>,
    /// Its number in the room; none if it was issued before the draw.
    pub number: Option<u64>,
    /// When it was issued: when the place was taken, or its user signed out everywhere since.
    pub issued_at: Timestamp,
}

impl QueueClaims {
    /// The same, where the tokens issued before were withdrawn.
    #[must_use]
    pub fn after(self, signed_out: Option<SignedOut>) -> Self {
        let withdrawn_at = signed_out.map_or(self.issued_at, |signed_out| signed_out.at);
        Self { issued_at: self.issued_at.max(withdrawn_at), ..self }
    }
}

impl From<&WaitingToken> for QueueClaims {
    fn from(token: &WaitingToken) -> Self {
        Self {
            token_id: token.id,
            user_id: token.user_id,
            room_id: token.room_id,
            concert_id: token.concert_id,
            number: token.number,
            issued_at: token.joined_at,
        }
    }
}

use async_trait::async_trait;

use super::Unavailable;
use crate::Timestamp;
use crate::ids::{RoomId, TokenId};
use crate::waiting_room::WaitingRoom;
use crate::waiting_token::WaitingToken;

/// Looks up who waits where. Every method fails with [`Unavailable`] when the store does not
/// answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Lines: Send + Sync {
    /// The token of that id.
    async fn token(&self, id: TokenId) -> Result<Option<WaitingToken>, Unavailable>;

    /// The token of that id, and how many wait in its room with a lower number.
    async fn place(&self, id: TokenId) -> Result<Option<(WaitingToken, u64)>, Unavailable>;

    /// All rooms, in order of their ids, and so oldest first.
    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable>;

    /// The room of that id.
    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable>;

    /// How many were let in to a room within the 60 seconds before `now`.
    async fn admitted_last_minute(&self, id: RoomId, now: Timestamp) -> Result<u64, Unavailable>;

    /// Who is in a room at `now`.
    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable>;
}

/// Who is in a room at some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadCount {
    /// How many wait.
    pub waiting: u64,
    /// How many are inside.
    pub active: u64,
    /// How many were let in within the last 60 seconds.
    pub admitted_last_minute: u64,
}

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

    /// Who waits in a room, as of one moment.
    async fn waiting_numbers(&self, id: RoomId) -> Result<WaitingNumbers, Unavailable>;

    /// All rooms, in order of their ids, and so oldest first.
    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable>;

    /// The room of that id.
    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable>;

    /// How many were let in to a room within the 60 seconds before `now`.
    async fn admitted_last_minute(&self, id: RoomId, now: Timestamp) -> Result<u64, Unavailable>;

    /// Who is in a room at `now`.
    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable>;
}

/// Who waits in a room at some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitingNumbers {
    /// The highest number that was given out.
    pub last_number: u64,
    /// The numbers that wait, in ascending order.
    pub waiting: Vec<u64>,
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

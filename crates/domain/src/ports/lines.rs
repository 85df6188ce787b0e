use async_trait::async_trait;

use super::Unavailable;
use crate::Timestamp;
use crate::ids::{RoomId, TokenId};
use crate::waiting_room::{PolicyInForce, WaitingRoom};
use crate::waiting_token::WaitingToken;

/// Looks up who waits where. Every method fails with [`Unavailable`] when the store does not
/// answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Lines: Send + Sync {
    /// Those of these tokens that there are, in no order.
    async fn tokens(&self, ids: Vec<TokenId>) -> Result<Vec<WaitingToken>, Unavailable>;

    /// Who waits in a room, as of one moment.
    async fn waiting_numbers(&self, id: RoomId) -> Result<WaitingNumbers, Unavailable>;

    /// All rooms, those made first first.
    async fn rooms(&self) -> Result<Vec<WaitingRoom>, Unavailable>;

    /// The room of that id.
    async fn room(&self, id: RoomId) -> Result<Option<WaitingRoom>, Unavailable>;

    /// How many were let in to a room lately.
    async fn admitted(&self, id: RoomId, now: Timestamp) -> Result<Admitted, Unavailable>;

    /// Who is in a room at `now`.
    async fn head_count(&self, id: RoomId, now: Timestamp) -> Result<HeadCount, Unavailable>;

    /// Everybody who came before a room opened, whatever became of them, in no order.
    async fn lobby(&self, id: RoomId) -> Result<Vec<TokenId>, Unavailable>;

    /// Those of a room's numbers after `after`, lowest first, `limit` at the most.
    async fn numbered(
        &self,
        id: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable>;

    /// Those who came to a room's lobby after the `after`-th, in the order in which they came, `limit` at the
    /// most.
    async fn arrivals(
        &self,
        id: RoomId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<TokenId>, Unavailable>;

    /// The policies that a room has had, in their order.
    async fn policies(&self, id: RoomId) -> Result<Vec<PolicyInForce>, Unavailable>;
}

/// Who waits in a room at some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitingNumbers {
    /// The highest number that was given out.
    pub last_number: u64,
    /// The numbers that wait, in ascending order, and who has them.
    pub waiting: Vec<(u64, TokenId)>,
    /// How many came before the room opened.
    pub lobby_count: u64,
    /// How many of them have got their number.
    pub drawn_count: u64,
    /// Those who wait and came before the room opened, with their numbers once they are drawn.
    pub lobby: Vec<(TokenId, Option<u64>)>,
}

/// How many were let in to a room lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Within the last 60 seconds.
    pub last_minute: u64,
    /// Within the last 300 seconds.
    pub last_five_minutes: u64,
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

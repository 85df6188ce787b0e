use std::sync::Arc;

use domain::ids::{RoomId, UserId};
use domain::ports::{Clock, HeadCount, Lines, UpdateError, Users};
use domain::refusal::Refusal;
use domain::waiting_room::WaitingRoom;

use super::ensure_operator;

/// An operator looks at a room.
pub struct ShowRoom {
    lines: Arc<dyn Lines>,
    users: Arc<dyn Users>,
    clock: Arc<dyn Clock>,
}

/// A room and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomReport {
    /// The room.
    pub room: WaitingRoom,
    /// Who is in it.
    pub head_count: HeadCount,
}

impl ShowRoom {
    /// Over these ports.
    #[must_use]
    pub fn new(lines: Arc<dyn Lines>, users: Arc<dyn Users>, clock: Arc<dyn Clock>) -> Self {
        Self { lines, users, clock }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, [`Refusal::NotFound`].
    pub async fn execute(&self, operator: UserId, id: RoomId) -> Result<RoomReport, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        let room = self.lines.room(id).await?.ok_or(Refusal::NotFound)?;
        let head_count = self.lines.head_count(id, self.clock.now()).await?;
        Ok(RoomReport { room, head_count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn an_operator_sees_a_room_and_a_buyer_does_not() {
        let show = ShowRoom::new(lines(None, 0), users(vec![buyer(), operator()]), clock());
        let report = show.execute(operator_id(), RoomId::SITE).await.unwrap();
        assert_eq!(report, RoomReport { room: room(), head_count: HeadCount::default() });
        assert_refused(show.execute(buyer_id(), RoomId::SITE).await, &Refusal::Forbidden);
        assert_refused(show.execute(operator_id(), unknown()).await, &Refusal::NotFound);
    }
}

use std::sync::Arc;

use domain::ids::RoomId;
use domain::ports::{Lines, UpdateError};
use domain::refusal::Refusal;
use domain::waiting_room::{PolicyInForce, WaitingRoom};

/// Anyone looks at how a room lets people in, and how that was changed.
pub struct ShowNotice {
    lines: Arc<dyn Lines>,
}

/// What a room publishes of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The room.
    pub room: WaitingRoom,
    /// The policies that it has had, in their order, the last of them in force.
    pub policies: Vec<PolicyInForce>,
}

impl ShowNotice {
    /// Over this port.
    #[must_use]
    pub fn new(lines: Arc<dyn Lines>) -> Self {
        Self { lines }
    }

    /// # Errors
    /// [`Refusal::NotFound`] without such a room.
    pub async fn execute(&self, id: RoomId) -> Result<Notice, UpdateError> {
        let room = self.lines.room(id).await?.ok_or(Refusal::NotFound)?;
        Ok(Notice { policies: self.lines.policies(id).await?, room })
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockLines;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn anyone_sees_a_room_and_what_was_changed_and_of_no_other() {
        let change = PolicyInForce {
            room_id: RoomId::SITE,
            number: 1,
            since: now(),
            capacity: 10,
            policy: Some(room().policy),
        };
        let mut lines = MockLines::new();
        lines.expect_room().returning(|id| Ok((id == RoomId::SITE).then(room)));
        let changes = vec![change];
        let policies = changes.clone();
        lines.expect_policies().returning(move |_| Ok(changes.clone()));
        let show = ShowNotice::new(Arc::new(lines));
        assert_eq!(show.execute(RoomId::SITE).await.unwrap(), Notice { room: room(), policies });
        assert_refused(show.execute(unknown()).await, &Refusal::NotFound);
    }
}

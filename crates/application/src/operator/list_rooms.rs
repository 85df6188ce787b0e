use std::sync::Arc;

use domain::ids::UserId;
use domain::ports::{Clock, Lines, UpdateError, Users};

use super::{RoomReport, ensure_operator};

/// An operator looks at all rooms.
pub struct ListRooms {
    lines: Arc<dyn Lines>,
    users: Arc<dyn Users>,
    clock: Arc<dyn Clock>,
}

impl ListRooms {
    /// Over these ports.
    #[must_use]
    pub fn new(lines: Arc<dyn Lines>, users: Arc<dyn Users>, clock: Arc<dyn Clock>) -> Self {
        Self { lines, users, clock }
    }

    /// All rooms, oldest first.
    ///
    /// # Errors
    /// [`Forbidden`](domain::refusal::Refusal::Forbidden) for who is no operator.
    pub async fn execute(&self, operator: UserId) -> Result<Vec<RoomReport>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        self.reports().await
    }

    /// The same for the server's own metrics, which nobody asks for by name.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn reports(&self) -> Result<Vec<RoomReport>, UpdateError> {
        let now = self.clock.now();
        let mut reports = Vec::new();
        for room in self.lines.rooms().await? {
            let head_count = self.lines.head_count(room.id, now).await?;
            reports.push(RoomReport { room, head_count });
        }
        Ok(reports)
    }
}

#[cfg(test)]
mod tests {
    use domain::refusal::Refusal;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn an_operator_sees_all_rooms_and_a_buyer_none() {
        let list = ListRooms::new(lines(None, 0), users(vec![buyer(), operator()]), clock());
        let reports = list.execute(operator_id()).await.unwrap();
        assert_eq!(reports.into_iter().map(|report| report.room).collect::<Vec<_>>(), [room()]);
        assert_refused(list.execute(buyer_id()).await, &Refusal::Forbidden);
    }
}

use std::sync::Arc;

use domain::ids::{RoomId, UserId};
use domain::page::{Page, PageRequest, found};
use domain::ports::{Clock, Lines, UpdateError, Users};
use domain::waiting_room::WaitingRoom;

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

    /// Rooms, newest first; the site's, which was there before all others, is the last.
    ///
    /// # Errors
    /// [`Forbidden`](domain::refusal::Refusal::Forbidden) for who is no operator;
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after no room.
    pub async fn execute(
        &self,
        operator: UserId,
        page: PageRequest<RoomId>,
    ) -> Result<Page<RoomReport, RoomId>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        let mut rooms = self.lines.rooms().await?;
        rooms.reverse();
        let first = match page.after {
            Some(after) => rooms.iter().position(|room| room.id == after).map(|at| at + 1),
            None => Some(0),
        };
        let rooms = first.map(|first| rooms.split_off(first));
        let page = rooms.map(|rooms| Page::from_one_more(rooms, page.limit, |room| room.id));
        let Page { items, next } = found(page)?;
        Ok(Page { items: self.reports(items).await?, next })
    }

    /// All rooms, for the server's own metrics, which nobody asks for by name.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn all(&self) -> Result<Vec<RoomReport>, UpdateError> {
        let rooms = self.lines.rooms().await?;
        self.reports(rooms).await
    }

    async fn reports(&self, rooms: Vec<WaitingRoom>) -> Result<Vec<RoomReport>, UpdateError> {
        let now = self.clock.now();
        let mut reports = Vec::new();
        for room in rooms {
            let head_count = self.lines.head_count(room.id, now).await?;
            reports.push(RoomReport { room, head_count });
        }
        Ok(reports)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockLines;
    use domain::refusal::Refusal;

    use super::*;
    use crate::testing::*;

    const PAGE: PageRequest<RoomId> = PageRequest { limit: 1, after: None };

    fn list() -> ListRooms {
        let newer = WaitingRoom { id: other_room(), ..room() };
        let mut lines = MockLines::new();
        // The newer one has the higher id.
        lines.expect_rooms().returning(move || Ok(vec![room(), newer.clone()]));
        lines.expect_head_count().returning(|_, _| Ok(Default::default()));
        ListRooms::new(Arc::new(lines), users(vec![buyer(), operator()]), clock())
    }

    #[tokio::test]
    async fn an_operator_sees_all_rooms_page_by_page_and_a_buyer_none() {
        let first = list().execute(operator_id(), PAGE).await.unwrap();
        let after = first.next;
        let second = list().execute(operator_id(), PageRequest { after, ..PAGE }).await.unwrap();
        let rooms = first.items.into_iter().chain(second.items).map(|report| report.room.id);
        assert_eq!(rooms.collect::<Vec<_>>(), [other_room(), RoomId::SITE]);
        assert_eq!(second.next, None);
        assert_refused(list().execute(buyer_id(), PAGE).await, &Refusal::Forbidden);
        let after = Some(unknown());
        let nowhere = list().execute(operator_id(), PageRequest { after, ..PAGE }).await;
        assert!(matches!(nowhere, Err(UpdateError::Refused(Refusal::Invalid(_)))));
        assert_eq!(list().all().await.unwrap().len(), 2);
    }
}

use std::sync::Arc;

use domain::draw::{draw, draw_order, open};
use domain::ids::{RoomId, TokenId};
use domain::ports::{Clock, DueWork, Lines, Store, UpdateError};
use domain::records::{Records, Scope};

use super::side_by_side;

/// Opens rooms whose time has come, and gives everybody in their lobbies a number by lot.
///
/// In batches, lowest numbers first, so that the first are let in while the last are still drawn.
/// Any number of servers may do it at once: the order is the same for all, and each batch is taken
/// on from where the one before it ended.
pub struct DrawLobbies {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    lines: Arc<dyn Lines>,
    clock: Arc<dyn Clock>,
}

/// How many numbers one decision gives.
const BATCH: usize = 1_000;

impl DrawLobbies {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        lines: Arc<dyn Lines>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, due_work, lines, clock }
    }

    /// Returns how many numbers were drawn here.
    ///
    /// # Errors
    /// None but the store's; what was drawn until then stays.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let rooms = self.due_work.rooms_to_draw(self.clock.now()).await?;
        side_by_side(rooms, |room_id| self.draw(room_id)).await
    }

    async fn draw(&self, room_id: RoomId) -> Result<usize, UpdateError> {
        let open = move |records: &mut Records| open(records, room_id);
        let Some(lobby) = self.store.decide(Scope::new().room(room_id), open).await? else {
            return Ok(0);
        };
        // Closed by now, so this is everybody.
        let ids = self.lines.lobby(room_id).await?;
        let order = draw_order(&lobby.seed, &ids);
        let skipped = usize::try_from(lobby.drawn_count).unwrap_or(usize::MAX);
        let rest: Vec<TokenId> = order.into_iter().skip(skipped).collect();
        let (mut first, mut drawn) = (lobby.drawn_count + 1, 0);
        for batch in rest.chunks(BATCH) {
            if !self.give_numbers(room_id, first, batch.to_vec()).await? {
                // Another server draws, too, and was quicker; the next look goes on from there.
                break;
            }
            drawn += batch.len();
            first += u64::try_from(batch.len()).unwrap_or(0);
        }
        Ok(drawn)
    }

    async fn give_numbers(
        &self,
        room_id: RoomId,
        first: u64,
        next: Vec<TokenId>,
    ) -> Result<bool, UpdateError> {
        let scope = Scope::new().room(room_id).tokens(next.iter().copied());
        let draw = move |records: &mut Records| draw(records, room_id, first, &next);
        self.store.decide(scope, draw).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockDueWork, MockLines, MockStore};
    use domain::waiting_room::WaitingRoom;
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    fn id(n: u128) -> TokenId {
        uuid::Uuid::from_u128(n).into()
    }

    /// A lobby of `count` whose room opens now, of whom `drawn` have their numbers.
    async fn draw(count: u64, drawn: u64) -> (usize, Vec<Option<u64>>) {
        let mut room = WaitingRoom { last_number: 0, ..room() };
        room.policy.opens_at = Some(now());
        room.lobby.count = count;
        room.lobby.drawn_count = drawn;
        let ids: Vec<_> = (1..=u128::from(count)).map(id).collect();
        let order = draw_order(&room.lobby.seed, &ids);
        let mut records = empty();
        for (number, id) in (1..).zip(&order) {
            let number = Some(number).filter(|number| *number <= drawn);
            records.tokens.load(WaitingToken { id: *id, number, ..waiting_token() });
        }
        records.rooms.load(room);
        let records = Arc::new(std::sync::Mutex::new(records));
        let (kept, mut store) = (Arc::clone(&records), MockStore::new());
        store.expect_update().returning(move |_, decide| {
            let mut kept = kept.lock().unwrap();
            decide(&mut kept)?;
            Ok(kept.clone())
        });
        let mut due_work = MockDueWork::new();
        due_work.expect_rooms_to_draw().returning(|_| Ok(vec![RoomId::SITE]));
        let mut lines = MockLines::new();
        lines.expect_lobby().returning(move |_| Ok(ids.clone()));
        let draw = DrawLobbies::new(Arc::new(store), Arc::new(due_work), Arc::new(lines), clock());
        let count = draw.execute().await.unwrap();
        assert_eq!(draw.execute().await.unwrap(), 0, "a lobby is drawn once");
        let records = records.lock().unwrap();
        assert_eq!(records.rooms.get(&RoomId::SITE).unwrap().lobby.drawn_at, Some(now()));
        (count, order.iter().map(|id| records.tokens.get(id).unwrap().number).collect())
    }

    #[tokio::test]
    async fn everybody_in_the_lobby_gets_a_number_in_the_order_of_the_draw() {
        let (count, numbers) = draw(2_500, 0).await;
        assert_eq!(count, 2_500);
        assert!(numbers.into_iter().eq((1..=2_500).map(Some)));
    }

    #[tokio::test]
    async fn a_draw_that_was_cut_short_goes_on_where_it_ended() {
        let (count, numbers) = draw(2_500, 1_000).await;
        assert_eq!(count, 1_500);
        assert!(numbers.into_iter().eq((1..=2_500).map(Some)));
    }

    #[tokio::test]
    async fn an_empty_lobby_is_drawn_by_opening_the_room() {
        assert_eq!(draw(0, 0).await, (0, vec![]));
    }
}

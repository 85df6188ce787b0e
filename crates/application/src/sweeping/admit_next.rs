use std::sync::Arc;

use domain::ids::{RoomId, TokenId};
use domain::line::{LetIn, admit};
use domain::ports::{Clock, DueWork, LineWatch, Store, UpdateError};
use domain::records::{Records, Scope};

use super::{BATCH, side_by_side, was_full};

/// Lets the next in, lowest number first, in every room in which a place is free.
pub struct AdmitNext {
    store: Arc<dyn Store>,
    due_work: Arc<dyn DueWork>,
    clock: Arc<dyn Clock>,
    watch: Arc<dyn LineWatch>,
}

impl AdmitNext {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        due_work: Arc<dyn DueWork>,
        clock: Arc<dyn Clock>,
        watch: Arc<dyn LineWatch>,
    ) -> Self {
        Self { store, due_work, clock, watch }
    }

    /// Returns how many were let in. A room that fails does not keep the others waiting.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let rooms = self.due_work.rooms_with_places(self.clock.cutoff()).await?;
        side_by_side(rooms, |room_id| self.admit_to(room_id)).await
    }

    async fn admit_to(&self, room_id: RoomId) -> Result<usize, UpdateError> {
        let mut admitted = 0;
        loop {
            let next = self.due_work.next_in_line(room_id, BATCH).await?;
            if next.is_empty() {
                return Ok(admitted);
            }
            let let_in = self.admit(room_id, next).await?;
            admitted += let_in;
            if !was_full(let_in) {
                return Ok(admitted);
            }
        }
    }

    async fn admit(&self, room_id: RoomId, next: Vec<TokenId>) -> Result<usize, UpdateError> {
        let scope = Scope::new().line(room_id).tokens(next.iter().copied());
        let admit = move |records: &mut Records| {
            let LetIn { admitted, ran_out } = admit(records, room_id, &next)?;
            let waited = admitted.iter().map(|token| records.now - token.joined_at);
            Ok((waited.collect::<Vec<_>>(), ran_out))
        };
        let (waited, ran_out) = self.store.decide(scope, admit).await?;
        ran_out.iter().for_each(|_| self.watch.ran_out(room_id));
        waited.iter().for_each(|waited| self.watch.admitted(room_id, *waited));
        Ok(waited.len())
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockDueWork, MockLineWatch};
    use domain::waiting_room::WaitingRoom;
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    fn id(n: u128) -> TokenId {
        uuid::Uuid::from_u128(n).into()
    }

    /// Five in line, of whom the first has left since the line was looked up.
    async fn admit(room: WaitingRoom, check: impl Fn(&Records) + Send + Sync + 'static) -> usize {
        let mut records = world();
        records.rooms = Default::default();
        records.rooms.load(room.clone());
        records.tokens = Default::default();
        for n in 1..=5_u32 {
            let id = id(n.into());
            let mut token = WaitingToken { id, number: Some(n.into()), ..waiting_token() };
            if n == 1 {
                token.leave(now(), now());
            }
            records.tokens.load(token);
        }
        let mut due_work = MockDueWork::new();
        due_work.expect_next_in_line().returning(|_, _| Ok((1..=5).map(id).collect()));
        due_work.expect_rooms_with_places().returning(|_| Ok(vec![RoomId::SITE]));
        let store = store_checked(records, check);
        AdmitNext::new(store, Arc::new(due_work), clock(), watch()).execute().await.unwrap()
    }

    fn with_capacity(capacity: u32) -> WaitingRoom {
        let mut room = room();
        room.policy.capacity = capacity;
        room
    }

    #[tokio::test]
    async fn the_lowest_numbers_are_let_in_up_to_capacity() {
        let admitted = admit(with_capacity(3), |records| {
            let live = |n| records.tokens.get(&id(n)).unwrap().ensure_active(now()).is_ok();
            assert_eq!([2, 3, 4, 5].map(live), [true, true, false, false]);
        });
        assert_eq!(admitted.await, 2);
    }

    #[tokio::test]
    async fn who_ran_out_for_the_next_is_told_of() {
        let mut records = world();
        records.tokens = Default::default();
        records.tokens.load(run_out_token());
        let mut due_work = MockDueWork::new();
        due_work.expect_next_in_line().returning(|_, _| Ok(vec![claims().token_id]));
        due_work.expect_rooms_with_places().returning(|_| Ok(vec![RoomId::SITE]));
        let mut watch = MockLineWatch::new();
        watch.expect_ran_out().withf(|room_id| *room_id == RoomId::SITE).times(1).return_const(());
        let (store, due_work) = (store_with(records), Arc::new(due_work));
        AdmitNext::new(store, due_work, clock(), Arc::new(watch)).execute().await.unwrap();
    }

    #[tokio::test]
    async fn a_full_or_paused_room_lets_nobody_in() {
        assert_eq!(admit(with_capacity(1), |_| ()).await, 0);
        let mut paused = with_capacity(3);
        paused.policy.paused = true;
        assert_eq!(admit(paused, |_| ()).await, 0);
    }
}

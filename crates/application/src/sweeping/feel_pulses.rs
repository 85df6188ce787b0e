use std::sync::Arc;

use domain::ids::RoomId;
use domain::ports::{Store, UpdateError};
use domain::records::{Records, Scope};

use super::side_by_side;
use crate::queue::RoomPulses;

/// Keeps what everybody in a room is told fresh, and shuts rooms that have nothing left to sell
/// until something comes back, so that nobody is let in to find nothing.
pub struct FeelPulses {
    store: Arc<dyn Store>,
    pulses: Arc<RoomPulses>,
}

impl FeelPulses {
    /// Over these.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, pulses: Arc<RoomPulses>) -> Self {
        Self { store, pulses }
    }

    /// Returns how many rooms were shut or opened again.
    ///
    /// # Errors
    /// None but the store's; what can be done is done even so.
    pub async fn execute(&self) -> Result<usize, UpdateError> {
        let felt = self.pulses.feel().await;
        let turned =
            felt.pulses.into_iter().filter(|felt| felt.room.sold_out != felt.is_sold_out());
        let turned = side_by_side(turned.collect(), |pulse| async move {
            self.turn(pulse.room.id, pulse.is_sold_out()).await.map(|()| 1)
        });
        let turned = turned.await?;
        felt.failed.map_or(Ok(turned), |fault| Err(fault.into()))
    }

    async fn turn(&self, room_id: RoomId, is_sold_out: bool) -> Result<(), UpdateError> {
        let turn = move |records: &mut Records| {
            if let Some(room) = records.rooms.get_mut(&room_id) {
                room.sold_out = is_sold_out;
            }
            Ok(())
        };
        self.store.decide(Scope::new().room(room_id), turn).await
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockCatalogue, MockLines, Stock};
    use domain::waiting_room::WaitingRoom;

    use super::*;
    use crate::testing::*;

    /// A room that is written down as sold out, or not, and sells this.
    async fn feel(sold_out: bool, stock: Stock) -> usize {
        let room = WaitingRoom { id: other_room(), sold_out, ..room() };
        let mut lines = MockLines::new();
        let found = room.clone();
        lines.expect_room().returning(move |_| Ok(Some(found.clone())));
        lines.expect_admitted().returning(|_, _| Ok(Default::default()));
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_stock().returning(move |_, _| Ok(stock));
        let mut records = empty();
        records.rooms.load(room);
        let store = store_checked(records, move |records| {
            let room = records.rooms.get(&other_room()).unwrap();
            assert_eq!(room.sold_out, stock.is_sold_out());
        });
        let pulses = RoomPulses::new(Arc::new(lines), Arc::new(catalogue), clock());
        pulses.pulse(other_room()).await.unwrap();
        FeelPulses::new(store, Arc::new(pulses)).execute().await.unwrap()
    }

    #[tokio::test]
    async fn a_room_is_shut_when_all_is_sold_and_opened_when_something_comes_back() {
        let stock = |available, held| Stock { total: 10, available, held };
        assert_eq!(feel(false, stock(0, 0)).await, 1);
        assert_eq!(feel(true, stock(1, 0)).await, 1);
        assert_eq!(feel(true, stock(0, 1)).await, 1, "a hold may come back");
        assert_eq!(feel(false, stock(0, 1)).await, 0);
        assert_eq!(feel(false, Stock::default()).await, 0, "nothing is on offer yet");
    }
}

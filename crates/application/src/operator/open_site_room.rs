use std::sync::Arc;

use domain::ids::RoomId;
use domain::ports::{DrawSeeds, Store, UpdateError};
use domain::records::{Records, Scope};
use domain::waiting_room::{Door, RoomPolicy, add_room};

use super::new_room;

/// A server that starts makes sure that there is a site-wide room.
pub struct OpenSiteRoom {
    store: Arc<dyn Store>,
    seeds: Arc<dyn DrawSeeds>,
    new_rooms: RoomPolicy,
}

impl OpenSiteRoom {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, seeds: Arc<dyn DrawSeeds>, new_rooms: RoomPolicy) -> Self {
        Self { store, seeds, new_rooms }
    }

    /// A room that is there stays as operators left it.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<(), UpdateError> {
        let (policy, seed) = (self.new_rooms.clone(), self.seeds.next());
        let room = new_room(RoomId::SITE, Door::Site, policy, seed);
        let open = move |records: &mut Records| {
            if records.rooms.get(&RoomId::SITE).is_none() {
                let room = room(records.now);
                add_room(records, room);
            }
            Ok(())
        };
        self.store.decide(Scope::new().room(RoomId::SITE), open).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn the_sites_room_is_made_once_and_then_left_alone() {
        for (records, joined) in [(empty(), 0), (world(), room().last_number)] {
            let store = store_checked(records, move |records| {
                let room = records.rooms.get(&RoomId::SITE).unwrap();
                assert_eq!(room.last_number, joined);
            });
            OpenSiteRoom::new(store, seeds(), room().policy).execute().await.unwrap();
        }
    }
}

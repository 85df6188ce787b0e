use std::sync::Arc;

use domain::ids::RoomId;
use domain::ports::{Store, UpdateError};
use domain::records::{Records, Scope};
use domain::waiting_room::{Door, RoomPolicy, WaitingRoom};

/// A server that starts makes sure that there is a site-wide room.
pub struct OpenSiteRoom {
    store: Arc<dyn Store>,
    new_rooms: RoomPolicy,
}

impl OpenSiteRoom {
    /// Over this port.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, new_rooms: RoomPolicy) -> Self {
        Self { store, new_rooms }
    }

    /// A room that is there stays as operators left it.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<(), UpdateError> {
        let policy = self.new_rooms.clone();
        let open = move |records: &mut Records| {
            if records.rooms.get(&RoomId::SITE).is_none() {
                let now = records.now;
                let room = WaitingRoom::new(RoomId::SITE, Door::Site, policy.clone(), now);
                records.rooms.insert(room);
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
            OpenSiteRoom::new(store, room().policy).execute().await.unwrap();
        }
    }
}

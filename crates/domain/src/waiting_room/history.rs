//! The policies that a room has had, so that anyone can tell which one was in force when somebody came or was let in.

use serde::{Deserialize, Serialize};

use super::{Door, PolicyChange, RoomPolicy, WaitingRoom};
use crate::Timestamp;
use crate::ids::RoomId;
use crate::records::{Entity, Records};
use crate::refusal::Refusal;

/// A policy that a room has had from some moment on, until the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInForce {
    /// Whose it is.
    pub room_id: RoomId,
    /// The how-many-th policy of that room it is, from 1.
    pub number: u64,
    /// Since when it is in force.
    pub since: Timestamp,
    /// How many may be inside at once.
    pub capacity: u32,
    /// All of it; none of one from when only capacities were written down.
    pub policy: Option<RoomPolicy>,
}

impl Entity for PolicyInForce {
    type Id = (RoomId, u64);

    fn id(&self) -> (RoomId, u64) {
        (self.room_id, self.number)
    }
}

/// Enters a new room, with the first policy that it has. Without a time of its own it opens with the
/// sale. Needs the concert behind its door, or the show with its concert, among the records.
pub fn add_room(records: &mut Records, mut room: WaitingRoom) {
    let opens_at = room.policy.opens_at.or_else(|| sale_to_come(records, room.door));
    room.policy.opens_at = opens_at;
    record_policy(records, &mut room);
    records.rooms.insert(room);
}

/// Changes a room's policy, and records it if it is another now. A room that is to open now opens with
/// the sale where that is yet to come. Returns the room. Needs the room, and what is behind its door,
/// among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room; [`Refusal::Invalid`], naming each field that would leave
/// its limits, or when it opens if it has opened.
pub fn change_room(
    records: &mut Records,
    id: RoomId,
    change: &PolicyChange,
) -> Result<WaitingRoom, Refusal> {
    let mut room = records.rooms.get(&id).ok_or(Refusal::NotFound)?.clone();
    let before = room.policy.clone();
    let mut change = change.clone();
    if change.opens_at == Some(None) {
        change.opens_at = Some(sale_to_come(records, room.door));
    }
    room.change(&change, records.now)?;
    if room.policy != before {
        record_policy(records, &mut room);
    }
    records.rooms.put(room.clone());
    Ok(room)
}

/// When the sale behind a door opens, if that is yet to come: until then nobody who is let in finds
/// anything to buy.
fn sale_to_come(records: &Records, door: Door) -> Option<Timestamp> {
    let concert_id = match door {
        Door::Site => return None,
        Door::Concert(id) => id,
        Door::Show(id) => records.shows.get(&id)?.concert_id,
    };
    let opens_at = records.concerts.get(&concert_id)?.details.sale_opens_at?;
    (records.now < opens_at).then_some(opens_at)
}

fn record_policy(records: &mut Records, room: &mut WaitingRoom) {
    room.policy_count += 1;
    records.policies.insert(PolicyInForce {
        room_id: room.id,
        number: room.policy_count,
        since: records.now,
        capacity: room.policy.capacity,
        policy: Some(room.policy.clone()),
    });
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::concert::tests::concert;
    use crate::show::tests::show;
    use crate::waiting_room::tests::room;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn capacity(capacity: u32) -> PolicyChange {
        PolicyChange { capacity: Some(capacity), ..PolicyChange::default() }
    }

    fn history(records: &Records) -> Vec<(u64, Timestamp, u32)> {
        records.policies.iter().map(|row| (row.number, row.since, row.capacity)).collect()
    }

    #[test]
    fn each_policy_is_recorded_with_its_moment_and_what_changes_nothing_is_not() {
        let (room, _) = room(2);
        let mut records = Records::at(START);
        add_room(&mut records, room.clone());
        records.now = START + TimeDelta::seconds(9);
        change_room(&mut records, room.id, &capacity(5)).unwrap();
        let paused = PolicyChange { paused: Some(true), ..capacity(5) };
        change_room(&mut records, room.id, &capacity(5)).unwrap();
        let changed = change_room(&mut records, room.id, &paused).unwrap();
        assert_eq!((changed.policy.capacity, changed.policy_count), (5, 3));
        assert_eq!(records.rooms.get(&room.id), Some(&changed));
        let now = records.now;
        assert_eq!(history(&records), [(1, START, 2), (2, now, 5), (3, now, 5)]);
        let last = records.policies.iter().find(|row| row.number == 3).unwrap();
        assert_eq!(last.policy, Some(changed.policy));
    }

    #[test]
    fn a_room_opens_with_the_sale_behind_its_door_unless_it_has_a_time_of_its_own() {
        let [own, sale] = [30, 60].map(|second| START + TimeDelta::seconds(second));
        let mut concert = concert(1);
        concert.details.sale_opens_at = Some(sale);
        let show = show(2, &concert);
        for door in [Door::Concert(concert.id), Door::Show(show.id), Door::Site] {
            let mut records = Records::at(START);
            records.concerts.load(concert.clone());
            records.shows.load(show.clone());
            add_room(&mut records, WaitingRoom { door, ..room(2).0 });
            let with_sale = Some(sale).filter(|_| door != Door::Site);
            let mut opens_at = |asked: Option<Option<Timestamp>>, second| {
                let id = room(2).0.id;
                records.now = START + TimeDelta::seconds(second);
                let change = PolicyChange { opens_at: asked, ..capacity(2) };
                change_room(&mut records, id, &change).unwrap().policy.opens_at
            };
            assert_eq!(opens_at(None, 0), with_sale);
            assert_eq!(opens_at(Some(Some(own)), 0), Some(own));
            assert_eq!(opens_at(Some(None), 0), with_sale, "not to an empty shop");
            assert_eq!(opens_at(Some(Some(own)), 59), Some(START + TimeDelta::seconds(59)));
        }
    }

    #[test]
    fn a_change_that_is_refused_records_nothing() {
        let (room, _) = room(2);
        let mut records = Records::at(START);
        add_room(&mut records, room.clone());
        let refused = change_room(&mut records, room.id, &capacity(u32::MAX));
        assert!(matches!(refused, Err(Refusal::Invalid(_))));
        let nowhere = uuid::Uuid::from_u128(9).into();
        assert_eq!(change_room(&mut records, nowhere, &capacity(1)), Err(Refusal::NotFound));
        assert_eq!(history(&records), [(1, START, 2)]);
    }
}

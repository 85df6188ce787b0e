//! How many there are of what: kept beside the rows that are counted, so that nobody has to look at all
//! of them. A store adds to its counts what a commit changes, in that commit.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::ids::{RoomId, ShowId};
use crate::records::{Entity, Records, Table};
use crate::seat::{Seat, SeatState};
use crate::waiting_token::{TokenState, WaitingToken};

/// How many of a room's tokens are written down as waiting and as active; or by how many that changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomCount {
    /// Those that wait.
    pub waiting: i64,
    /// Those that are active.
    pub inside: i64,
}

/// How many of a show's seats are written down as in which state; or by how many that changes. A hold
/// counts as held until its end is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShowCount {
    /// Those that can be held.
    pub available: i64,
    /// Those that are held, or pinned while a payment is pending.
    pub held: i64,
    /// Those that are sold, or shown as sold until they come back.
    pub sold: i64,
    /// What those that are sold cost together, in minor units; those that come back cost nothing.
    pub income: i64,
}

impl AddAssign for RoomCount {
    fn add_assign(&mut self, more: Self) {
        self.waiting += more.waiting;
        self.inside += more.inside;
    }
}

impl AddAssign for ShowCount {
    fn add_assign(&mut self, more: Self) {
        self.available += more.available;
        self.held += more.held;
        self.sold += more.sold;
        self.income += more.income;
    }
}

/// How something counts.
trait Counted: Entity {
    /// What is counted together.
    type Group: Ord;
    /// How many there are of what.
    type Count: Copy + Default + PartialEq;

    fn group(&self) -> Self::Group;
    /// Adds this one to a count so many times: once, or once less.
    fn count(&self, times: i64, count: &mut Self::Count);
}

impl Counted for WaitingToken {
    type Group = RoomId;
    type Count = RoomCount;

    fn group(&self) -> RoomId {
        self.room_id
    }

    fn count(&self, times: i64, count: &mut RoomCount) {
        match self.state {
            TokenState::Waiting => count.waiting += times,
            TokenState::Active { .. } => count.inside += times,
            TokenState::Done { .. } | TokenState::Expired { .. } => {}
        }
    }
}

impl Counted for Seat {
    type Group = ShowId;
    type Count = ShowCount;

    fn group(&self) -> ShowId {
        self.show_id
    }

    fn count(&self, times: i64, count: &mut ShowCount) {
        match self.state {
            SeatState::Available => count.available += times,
            SeatState::Held { .. } | SeatState::Pinned { .. } => count.held += times,
            SeatState::Returning { .. } => count.sold += times,
            SeatState::Sold { .. } => {
                count.sold += times;
                let price = self.place.price.minor_units().saturating_mul(times);
                count.income = count.income.saturating_add(price);
            }
        }
    }
}

/// By how many a table's changes change each count.
fn changes<E: Counted>(table: &Table<E>) -> Vec<(E::Group, E::Count)> {
    let mut counts: BTreeMap<E::Group, E::Count> = BTreeMap::new();
    for (before, after) in table.transitions() {
        for (entity, times) in [(before, -1), (after, 1)] {
            if let Some(entity) = entity {
                entity.count(times, counts.entry(entity.group()).or_default());
            }
        }
    }
    counts.retain(|_, count| *count != E::Count::default());
    counts.into_iter().collect()
}

impl Records {
    /// By how many these changes change the counts of rooms, where they do.
    #[must_use]
    pub fn room_counts(&self) -> Vec<(RoomId, RoomCount)> {
        changes(&self.tokens)
    }

    /// By how many these changes change the counts of shows, where they do.
    #[must_use]
    pub fn show_counts(&self) -> Vec<(ShowId, ShowCount)> {
        changes(&self.seats)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Timestamp;
    use crate::seat::tests::seat;
    use crate::waiting_room::tests::{join, room};

    #[test]
    fn a_room_counts_who_comes_who_goes_in_and_who_leaves_each_once() {
        let (mut room, mut line) = room(1);
        let (now, mut records) = (Timestamp::UNIX_EPOCH, Records::at(Timestamp::UNIX_EPOCH));
        let (inside, waiting) = (join(&mut room, &mut line, now), join(&mut room, &mut line, now));
        records.tokens.insert(inside.clone());
        records.tokens.insert(waiting.clone());
        assert_eq!(records.room_counts(), [(room.id, RoomCount { waiting: 1, inside: 1 })]);

        let mut records = Records::at(now);
        records.tokens.load(inside.clone());
        records.tokens.load(waiting.clone());
        records.tokens.get_mut(&inside.id).unwrap().leave(now, now);
        assert_eq!(records.room_counts(), [(room.id, RoomCount { waiting: 0, inside: -1 })]);
        records.tokens.get_mut(&waiting.id).unwrap().leave(now, now);
        assert_eq!(records.room_counts(), [(room.id, RoomCount { waiting: -1, inside: -1 })]);
        records.tokens.remove(&waiting.id);
        records.tokens.remove(&inside.id);
        assert_eq!(records.room_counts(), [(room.id, RoomCount { waiting: -1, inside: -1 })]);
    }

    #[test]
    fn a_show_counts_its_seats_from_the_first_on_and_what_the_sold_ones_cost() {
        let seat = seat();
        let (mut records, price) = (Records::at(Timestamp::UNIX_EPOCH), seat.place.price);
        let to = Uuid::from_u128(9).into();
        records.seats.insert(seat.clone());
        let one_more = ShowCount { available: 1, ..ShowCount::default() };
        assert_eq!(records.show_counts(), [(seat.show_id, one_more)]);

        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        records.seats.load(seat.clone());
        let kept = records.seats.get_mut(&seat.id).unwrap();
        kept.version += 1;
        assert_eq!(records.show_counts(), [], "nothing that is counted has changed");
        records.seats.get_mut(&seat.id).unwrap().state = SeatState::Pinned { by: to };
        let held = ShowCount { available: -1, held: 1, ..ShowCount::default() };
        assert_eq!(records.show_counts(), [(seat.show_id, held)]);
        records.seats.get_mut(&seat.id).unwrap().state = SeatState::Sold { to };
        let income = price.minor_units();
        let sold = ShowCount { available: -1, sold: 1, income, ..ShowCount::default() };
        assert_eq!(records.show_counts(), [(seat.show_id, sold)]);
    }
}

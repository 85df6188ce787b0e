//! Whether the counts that are kept are those of what there is.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use super::Books;
use crate::counts::{RoomCount, ShowCount};
use crate::seat::SeatState;
use crate::waiting_token::TokenState;

pub(super) fn show_counts(books: &Books) -> Vec<String> {
    let mut counted: BTreeMap<_, ShowCount> = BTreeMap::new();
    for seat in &books.seats {
        let of_show = counted.entry(seat.show_id).or_default();
        match seat.state {
            SeatState::Available => of_show.available += 1,
            SeatState::Held { .. } | SeatState::Pinned { .. } => of_show.held += 1,
            SeatState::Returning { .. } => of_show.sold += 1,
            SeatState::Sold { .. } => {
                of_show.sold += 1;
                of_show.income += seat.place.price.minor_units();
            }
        }
    }
    unlike("show", &counted, &books.show_counts)
}

pub(super) fn room_counts(books: &Books) -> Vec<String> {
    let mut counted: BTreeMap<_, RoomCount> = BTreeMap::new();
    for token in &books.tokens {
        let of_room = counted.entry(token.room_id).or_default();
        match token.state {
            TokenState::Waiting => of_room.waiting += 1,
            TokenState::Active { .. } => of_room.inside += 1,
            TokenState::Done { .. } | TokenState::Expired { .. } => {}
        }
    }
    unlike("room", &counted, &books.room_counts)
}

/// Where what is kept is unlike what was counted. Nothing kept is a count of none.
fn unlike<Id, Count>(of: &str, counted: &BTreeMap<Id, Count>, kept: &[(Id, Count)]) -> Vec<String>
where
    Id: Ord + Copy + Display,
    Count: Default + PartialEq + Copy + Debug,
{
    let mut both: BTreeMap<Id, [Count; 2]> = BTreeMap::new();
    for (id, count) in counted {
        let [counted, _] = both.entry(*id).or_default();
        *counted = *count;
    }
    for (id, count) in kept {
        let [_, kept] = both.entry(*id).or_default();
        *kept = *count;
    }
    let unlike = both.into_iter().filter(|(_, [counted, kept])| counted != kept);
    unlike
        .map(|(id, [counted, kept])| format!("{of} {id} has {counted:?}, kept is {kept:?}"))
        .collect()
}

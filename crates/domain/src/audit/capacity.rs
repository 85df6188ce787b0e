//! What must hold of who is inside a room at once.

use std::collections::BTreeMap;

use super::Books;
use super::line::{by_room, stay};
use crate::Timestamp;
use crate::ids::RoomId;
use crate::waiting_room::{PolicyInForce, WaitingRoom};
use crate::waiting_token::{Admission, WaitingToken};

pub(super) fn capacity(books: &Books) -> Vec<String> {
    let rooms: BTreeMap<_, _> = books.rooms.iter().map(|room| (room.id, room)).collect();
    let histories = histories(books);
    let mut breaches = odd_histories(books, &histories);
    for (id, tokens) in by_room(books) {
        breaches.extend(crowds(id, &tokens));
        let (Some(room), Some(history)) = (rooms.get(&id), histories.get(&id)) else { continue };
        let let_in = tokens.iter().filter_map(|token| stay(token)).map(|(admission, _)| admission);
        let odd = let_in.filter(|admission| !was_in_force(history, room.created_at, *admission));
        breaches.extend(odd.map(|Admission { at, capacity, .. }| {
            format!("room {id} did not have a capacity of {capacity} at {at}")
        }));
    }
    breaches
}

/// Each room's policies, in their order.
fn histories(books: &Books) -> BTreeMap<RoomId, Vec<PolicyInForce>> {
    let mut histories: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for capacity in &books.policies {
        histories.entry(capacity.room_id).or_default().push(capacity.clone());
    }
    for history in histories.values_mut() {
        history.sort_by_key(|capacity| capacity.number);
    }
    histories
}

fn odd_histories(books: &Books, histories: &BTreeMap<RoomId, Vec<PolicyInForce>>) -> Vec<String> {
    let rooms: BTreeMap<_, _> = books.rooms.iter().map(|room| (room.id, room)).collect();
    let strays = histories.keys().filter(|id| !rooms.contains_key(id));
    let strays = strays.map(|id| format!("there are policies of room {id}, which there is not"));
    let odd = books.rooms.iter().filter(|room| {
        let history = histories.get(&room.id).map_or(&[][..], Vec::as_slice);
        !leads_to(books, history, room)
    });
    strays
        .chain(odd.map(|room| format!("room {} has no such history of its policy", room.id)))
        .collect()
}

/// Whether a history has no gap, goes on in time, and ends with what the room has now.
fn leads_to(books: &Books, history: &[PolicyInForce], room: &WaitingRoom) -> bool {
    let (Some(first), Some(last)) = (history.first(), history.last()) else {
        return room.policy_count == 0 && books.is_before_evidence(room.created_at);
    };
    // A room that was there before histories were kept has one from then on. At that moment the clock
    // may have been ahead.
    let is_whole = first.since == room.created_at;
    let is_begun =
        is_whole || (books.is_before_evidence(room.created_at) && first.since > room.created_at);
    let is_counted = history.iter().map(|row| row.number).eq(1..=room.policy_count);
    let is_in_order = history.iter().skip(usize::from(!is_whole)).is_sorted_by_key(|row| row.since);
    let is_last = last.policy.as_ref().map_or(last.capacity == room.policy.capacity, |policy| {
        (policy, last.capacity) == (&room.policy, room.policy.capacity)
    });
    is_begun && is_counted && is_in_order && is_last
}

/// Whether the capacity of an admission was in force at its moment. One that was changed at that
/// very moment was in force before and after it, and of what was before the history nothing is known.
fn was_in_force(
    history: &[PolicyInForce],
    room_created_at: Timestamp,
    admission: Admission,
) -> bool {
    let before = history.iter().rfind(|row| row.since < admission.at);
    let just_then = history.iter().filter(|row| row.since == admission.at);
    let mut in_force = before.into_iter().chain(just_then).peekable();
    if in_force.peek().is_none() {
        return room_created_at <= admission.at;
    }
    in_force.any(|row| row.capacity == admission.capacity)
}

/// When a room had more inside than the capacity under which the last of them was let in.
fn crowds(room: RoomId, tokens: &[&WaitingToken]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut stays: Vec<_> = tokens.iter().filter_map(|token| stay(token)).collect();
    stays.sort_by_key(|(admission, _)| admission.at);
    let mut ends: BTreeMap<Timestamp, u32> = BTreeMap::new();
    let mut inside = 0_u32;
    let mut stays = stays.into_iter().peekable();
    while let Some((admission, end)) = stays.next() {
        let later = ends.split_off(&(admission.at + chrono::TimeDelta::microseconds(1)));
        inside -= ends.values().sum::<u32>();
        ends = later;
        *ends.entry(end.max(admission.at)).or_insert(0) += 1;
        inside += 1;
        let last_of_moment = stays.peek().is_none_or(|(next, _)| next.at > admission.at);
        if last_of_moment && inside > admission.capacity {
            let (at, most) = (admission.at, admission.capacity);
            breaches.push(format!("room {room} had {inside} of {most} inside at {at}"));
        }
    }
    breaches
}

//! What must hold of rooms and those who wait in them.

use std::collections::{BTreeMap, BTreeSet};

use super::Books;
use crate::Timestamp;
use crate::draw::draw_order;
use crate::ids::RoomId;
use crate::waiting_token::{Admission, TokenState, WaitingToken};

fn by_room(books: &Books) -> BTreeMap<RoomId, Vec<&WaitingToken>> {
    let mut rooms: BTreeMap<_, Vec<_>> = books.rooms.iter().map(|r| (r.id, Vec::new())).collect();
    for token in &books.tokens {
        rooms.entry(token.room_id).or_default().push(token);
    }
    for tokens in rooms.values_mut() {
        tokens.sort_by_key(|token| token.number);
    }
    rooms
}

pub(super) fn numbers(books: &Books) -> Vec<String> {
    let rooms: BTreeMap<_, _> = books.rooms.iter().map(|room| (room.id, room)).collect();
    let mut breaches = Vec::new();
    for (id, tokens) in by_room(books) {
        let Some(room) = rooms.get(&id) else {
            breaches.push(format!("there are tokens of room {id}, which there is not"));
            continue;
        };
        let drawn = room.lobby.drawn_count;
        let undrawn = room.lobby.count.saturating_sub(drawn);
        let given = tokens.iter().filter_map(|token| token.number);
        let expected = (1..=drawn).chain(room.lobby.count + 1..=room.last_number);
        if !given.eq(expected) {
            breaches.push(format!("room {id} has a gap or a repeat in its numbers"));
        }
        let without = tokens.iter().filter(|token| token.number.is_none()).count();
        if u64::try_from(without) != Ok(undrawn) {
            breaches.push(format!("room {id}: {without} have no number instead of {undrawn}"));
        }
        let mut live = BTreeSet::new();
        for token in tokens {
            let is_live = matches!(token.state, TokenState::Waiting | TokenState::Active { .. });
            if is_live && !live.insert(token.user_id) {
                breaches.push(format!("user {} has two places in room {id}", token.user_id));
            }
        }
    }
    breaches
}

/// How a token was let in and when it was out again.
fn stay(token: &WaitingToken) -> Option<(Admission, Timestamp)> {
    match token.state {
        TokenState::Waiting | TokenState::Expired { admission: None, .. } => None,
        TokenState::Active { admission, expires_at } => Some((admission, expires_at)),
        TokenState::Done { admission, ended_at }
        | TokenState::Expired { admission: Some(admission), ended_at } => {
            Some((admission, ended_at))
        }
    }
}

pub(super) fn capacity(books: &Books) -> Vec<String> {
    let mut breaches = Vec::new();
    for (room, tokens) in by_room(books) {
        let mut stays: Vec<_> = tokens.iter().filter_map(|token| stay(token)).collect();
        stays.sort_by_key(|(admission, _)| admission.at);
        let mut ends = BTreeMap::new();
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
    }
    breaches
}

pub(super) fn order(books: &Books) -> Vec<String> {
    let mut breaches = Vec::new();
    for (room, tokens) in by_room(books) {
        // Everybody with a lower number had been let in or was out by then; `None`: still waits.
        let mut line_passed_at = Some(Timestamp::MIN_UTC);
        for (number, token) in tokens.iter().filter_map(|token| Some((token.number?, token))) {
            let out_of_line_at = match token.state {
                TokenState::Waiting => None,
                TokenState::Expired { admission: None, ended_at } => Some(ended_at),
                TokenState::Active { admission, .. }
                | TokenState::Done { admission, .. }
                | TokenState::Expired { admission: Some(admission), .. } => {
                    if line_passed_at.is_none_or(|passed| passed > admission.at) {
                        breaches.push(format!("room {room}: number {number} passed others"));
                    }
                    Some(admission.at)
                }
            };
            line_passed_at = line_passed_at.zip(out_of_line_at).map(|(a, b)| a.max(b));
        }
    }
    breaches
}

pub(super) fn draws(books: &Books) -> Vec<String> {
    let by_room = by_room(books);
    let drawn = books.rooms.iter().filter(|room| room.lobby.drawn_at.is_some());
    let off = drawn.filter(|room| {
        let is_of_lobby =
            |token: &&&WaitingToken| token.number.is_some_and(|number| number <= room.lobby.count);
        let tokens = by_room.get(&room.id).into_iter().flatten().filter(is_of_lobby);
        let ids: Vec<_> = tokens.map(|token| token.id).collect();
        draw_order(&room.lobby.seed, &ids) != ids
    });
    off.map(|room| format!("room {} was drawn in another order", room.id)).collect()
}

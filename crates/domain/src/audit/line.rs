//! What must hold of rooms and those who wait in them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::Books;
use crate::Timestamp;
use crate::draw::{Lobby, NO_ARRIVALS, draw_order, hash_with_arrival};
use crate::ids::{RoomId, TokenId};
use crate::uptime::Outage;
use crate::waiting_room::WaitingRoom;
use crate::waiting_token::{Admission, TokenState, WaitingToken};

/// Who has a place in each room: first who has no number, then by number.
pub(super) fn by_room(books: &Books) -> BTreeMap<RoomId, Vec<&WaitingToken>> {
    let mut rooms: BTreeMap<_, Vec<_>> = books.rooms.iter().map(|r| (r.id, Vec::new())).collect();
    for token in &books.tokens {
        rooms.entry(token.room_id).or_default().push(token);
    }
    for tokens in rooms.values_mut() {
        tokens.sort_by_key(|token| token.number);
    }
    rooms
}

/// Whether a token's place is one that is given by lot.
fn is_of_lobby(token: &WaitingToken, lobby: &Lobby) -> bool {
    token.number.is_none_or(|number| number <= lobby.count)
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
        let kept = room.lobby.count.max(room.forgotten_to).saturating_add(1)..=room.last_number;
        if !given.eq((1..=drawn).chain(kept)) {
            breaches.push(format!("room {id} has a gap or a repeat in its numbers"));
        }
        if room.forgotten_to > 0
            && !(room.lobby.count + 1..=room.last_number).contains(&room.forgotten_to)
        {
            breaches.push(format!(
                "room {id} has forgotten up to {}, which was never past its lobby",
                room.forgotten_to
            ));
        }
        let without = tokens.iter().filter(|token| token.number.is_none()).count();
        if u64::try_from(without) != Ok(undrawn) {
            breaches.push(format!("room {id}: {without} have no number instead of {undrawn}"));
        }
        let late = tokens.iter().filter(|token| !came_as_numbered(room, token));
        breaches.extend(late.map(|token| match token.number {
            None => format!("token {} has no number and came after the opening", token.id),
            Some(number) => format!("room {id}: number {number} came at another time"),
        }));
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

/// Whether who came before the opening has a number of the lobby, or will have one, and who came
/// after it another. The opening may have been put on the moment at which somebody came.
fn came_as_numbered(room: &WaitingRoom, token: &WaitingToken) -> bool {
    let is_of_lobby = is_of_lobby(token, &room.lobby);
    match room.policy.opens_at {
        Some(opens_at) if is_of_lobby => token.joined_at <= opens_at,
        Some(opens_at) => token.joined_at >= opens_at,
        None => !is_of_lobby,
    }
}

/// How a token was let in and when it was out again.
pub(super) fn stay(token: &WaitingToken) -> Option<(Admission, Timestamp)> {
    match token.state {
        TokenState::Waiting | TokenState::Expired { admission: None, .. } => None,
        TokenState::Active { admission, expires_at } => Some((admission, expires_at)),
        TokenState::Done { admission, ended_at }
        | TokenState::Expired { admission: Some(admission), ended_at } => {
            Some((admission, ended_at))
        }
    }
}

/// Who kept a place inside by holding is out by the time that was fixed then, which nothing but an outage
/// puts off.
pub(super) fn stays(books: &Books) -> Vec<String> {
    let late = books.tokens.iter().filter_map(|token| {
        let (admission, ends_at) = stay(token)?;
        let is_inside = matches!(token.state, TokenState::Active { .. });
        // What somebody did while the service may have been away is as late as the outage was long.
        let since = books.outages.iter().filter(|o| !is_inside && admission.at < o.ended_at);
        let put_off: TimeDelta = since.map(Outage::lasted).sum();
        let leave_by = admission.leave_by? + put_off;
        (leave_by < ends_at).then(|| format!("token {} is inside until {ends_at}", token.id))
    });
    late.collect()
}

pub(super) fn order(books: &Books) -> Vec<String> {
    let rooms: BTreeMap<_, _> = books.rooms.iter().map(|room| (room.id, room)).collect();
    let mut breaches = Vec::new();
    for (room, tokens) in by_room(books) {
        let opens_at = rooms.get(&room).and_then(|room| room.policy.opens_at);
        let odd = tokens.iter().filter(|token| !is_in_order(token, opens_at));
        breaches.extend(odd.map(|token| {
            format!("token {} joined at {} and is {:?}", token.id, token.joined_at, token.state)
        }));
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

/// Whether a token's user joined, was let in once the room had opened and by a number, and was out
/// again, in this order.
fn is_in_order(token: &WaitingToken, opens_at: Option<Timestamp>) -> bool {
    let was_let_in_well = stay(token).is_none_or(|(admission, end)| {
        let has_opened = opens_at.is_none_or(|opens_at| opens_at <= admission.at);
        let in_order = token.joined_at <= admission.at && admission.at <= end;
        token.number.is_some() && has_opened && in_order
    });
    let left_well = match token.state {
        TokenState::Expired { admission: None, ended_at } => token.joined_at <= ended_at,
        _ => true,
    };
    was_let_in_well && left_well && token.joined_at <= token.heard_at
}

pub(super) fn draws(books: &Books) -> Vec<String> {
    let by_room = by_room(books);
    let off = books.rooms.iter().filter(|room| {
        let tokens = by_room.get(&room.id).into_iter().flatten();
        let lobby: Vec<_> = tokens.filter(|token| is_of_lobby(token, &room.lobby)).collect();
        let ids: Vec<_> = lobby.iter().map(|token| token.id).collect();
        let numbered = lobby.iter().filter(|token| token.number.is_some());
        let drawn: Vec<TokenId> = numbered.map(|token| token.id).collect();
        // As long as the draw goes on, those drawn so far are the first of it.
        !draw_order(&room.lobby.seed, &ids).starts_with(&drawn) || !is_ended_as_drawn(room)
    });
    off.map(|room| format!("room {} was drawn in another order", room.id)).collect()
}

/// Whether each user came to a lobby once, and the hash that was published while they came is theirs.
pub(super) fn lots(books: &Books) -> Vec<String> {
    let by_room = by_room(books);
    let mut breaches = Vec::new();
    for room in &books.rooms {
        let Some(hash) = room.lobby.arrivals_hash() else { continue };
        let tokens = by_room.get(&room.id).into_iter().flatten();
        let lots: BTreeMap<_, _> =
            tokens.filter_map(|token| Some((token.lot?.arrival, *token))).collect();
        let ids = lots.values().map(|token| token.id);
        if !lots.keys().copied().eq(1..=room.lobby.count)
            || ids.fold(NO_ARRIVALS, hash_with_arrival) != hash
        {
            breaches
                .push(format!("others came to the lobby of room {} than it published", room.id));
        }
        let mut users = BTreeSet::new();
        let twice = lots.values().filter(|token| !users.insert(token.user_id));
        breaches.extend(
            twice.map(|token| format!("user {} has two lots in room {}", token.user_id, room.id)),
        );
    }
    breaches
}

/// Whether a draw that is written down as over is, and the other way round, and was not before the
/// opening.
fn is_ended_as_drawn(room: &WaitingRoom) -> bool {
    let Lobby { count, drawn_count, drawn_at, .. } = room.lobby;
    let Some(drawn_at) = drawn_at else { return count == 0 || drawn_count < count };
    let has_opened = room.policy.opens_at.is_some_and(|opens_at| opens_at <= drawn_at);
    drawn_count == count && has_opened
}

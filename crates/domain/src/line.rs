//! What happens in a line: people join it, and are let in, lowest number first.

use crate::ids::{ConcertId, RoomId, TokenId, UserId};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::waiting_token::WaitingToken;

/// A place that a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinRequest {
    /// The new token's id.
    pub id: TokenId,
    /// Who asks.
    pub user_id: UserId,
    /// In which room.
    pub room_id: RoomId,
    /// For which concert, if one is named.
    pub concert_id: Option<ConcertId>,
    /// What to do if the user has a place there already.
    pub if_exists: IfExists,
}

/// What to do for somebody who has a place already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Give that place.
    Return,
    /// Refuse.
    Conflict,
}

/// Gives the user a place in the room, or the one that the user has. A token that ran out does not
/// stand in the way. Needs the user, the room's line and the user's live token there among the
/// records.
///
/// # Errors
/// [`Refusal::InvalidUser`]; [`Refusal::TokenExists`] for who asked to be told; and
/// [`Refusal::NotFound`] without such a room.
pub fn join(records: &mut Records, ask: &JoinRequest) -> Result<WaitingToken, Refusal> {
    let now = records.now;
    records.users.get(&ask.user_id).ok_or(Refusal::InvalidUser)?;
    if let Some(existing) = records.live_token_of(ask.user_id, ask.room_id).cloned() {
        if existing.is_live(now) {
            return match ask.if_exists {
                IfExists::Return => Ok(existing),
                IfExists::Conflict => Err(Refusal::TokenExists),
            };
        }
        if let Some(run_out) = records.tokens.get_mut(&existing.id) {
            run_out.run_out(now);
        }
    }
    let (room, line) = records.room_and_line_mut(ask.room_id).ok_or(Refusal::NotFound)?;
    let token = room.join(line, ask.id, ask.user_id, ask.concert_id, now);
    records.tokens.insert(token.clone());
    Ok(token)
}

/// Lets in as many of `next`, who are in order of their numbers, as fit. Says how many. Needs the
/// room's line and the tokens among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room.
pub fn admit(records: &mut Records, room_id: RoomId, next: &[TokenId]) -> Result<usize, Refusal> {
    let now = records.now;
    let mut admitted = 0;
    for id in next {
        let Some(mut token) = records.tokens.get(id).cloned() else { continue };
        let (room, line) = records.room_and_line_mut(room_id).ok_or(Refusal::NotFound)?;
        if room.admit(line, &mut token, now) {
            records.tokens.put(token);
            admitted += 1;
        }
    }
    Ok(admitted)
}

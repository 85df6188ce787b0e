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

/// What came of a [`join`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The user's place.
    pub token: WaitingToken,
    /// Whether the user had none until now.
    pub issued: bool,
    /// Whose time inside was written down as over with it.
    pub ran_out: Vec<TokenId>,
}

/// Gives the user a place in the room, or the one that the user has. A token that ran out does not
/// stand in the way; who left the room's lobby and comes to it again has the lot of before. Needs the
/// user, the end of the room's line and the user's place there among the records.
///
/// # Errors
/// [`Refusal::InvalidUser`]; [`Refusal::TokenExists`] for who asked to be told; and
/// [`Refusal::NotFound`] without such a room.
pub fn join(records: &mut Records, ask: &JoinRequest) -> Result<Joined, Refusal> {
    let (now, cutoff) = (records.now, records.cutoff);
    records.users.get(&ask.user_id).ok_or(Refusal::InvalidUser)?;
    let mut ran_out = Vec::new();
    if let Some(existing) = records.live_token_of(ask.user_id, ask.room_id).cloned() {
        if existing.is_live(cutoff) {
            return match ask.if_exists {
                IfExists::Return => Ok(Joined { token: existing, issued: false, ran_out }),
                IfExists::Conflict => Err(Refusal::TokenExists),
            };
        }
        ran_out.extend(run_out(records, existing.id));
    }
    if let Some(token) = come_back(records, ask)? {
        return Ok(Joined { token, issued: true, ran_out });
    }
    let is_interrupted = records.is_interrupted();
    let is_counted = records.lines.get(&ask.room_id).is_some_and(|line| !line.anyone_waiting);
    if is_counted && !is_interrupted {
        ran_out.extend(end_run_out(records, ask.room_id));
    }
    let (room, line) = records.room_and_line_mut(ask.room_id).ok_or(Refusal::NotFound)?;
    if is_interrupted {
        line.active_count = None;
    }
    let token = room.join(line, ask.id, ask.user_id, ask.concert_id, now);
    records.tokens.insert(token.clone());
    Ok(Joined { token, issued: true, ran_out })
}

/// Gives the user the lot of before, where the room is a lobby still.
fn come_back(records: &mut Records, ask: &JoinRequest) -> Result<Option<WaitingToken>, Refusal> {
    let now = records.now;
    let Some(mut token) = records.lot_of(ask.user_id, ask.room_id).cloned() else {
        return Ok(None);
    };
    let (room, line) = records.room_and_line_mut(ask.room_id).ok_or(Refusal::NotFound)?;
    if !room.is_lobby(now) {
        return Ok(None);
    }
    line.anyone_waiting = true;
    token.come_back(now);
    records.tokens.put(token.clone());
    Ok(Some(token))
}

/// Writes down that the time of those who ran out is over, so that their places are free: whoever acts
/// on an end writes it down in the same commit. Returns whose time it was.
fn end_run_out(records: &mut Records, room_id: RoomId) -> Vec<TokenId> {
    let in_room = records.tokens.iter().filter(|token| token.room_id == room_id);
    let ids: Vec<_> = in_room.map(|token| token.id).collect();
    ids.into_iter().filter_map(|id| run_out(records, id)).collect()
}

/// Writes down that a token's time is over, if it is. Returns its id if it was.
fn run_out(records: &mut Records, id: TokenId) -> Option<TokenId> {
    let cutoff = records.cutoff;
    let room_id = records.tokens.get(&id).filter(|token| token.has_run_out(cutoff))?.room_id;
    records.tokens.get_mut(&id)?.run_out(cutoff);
    if let Some(line) = records.lines.get_mut(&room_id) {
        line.active_count = line.active_count.map(|count| count.saturating_sub(1));
    }
    Some(id)
}

/// What came of an [`admit`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetIn {
    /// Who was let in, lowest number first.
    pub admitted: Vec<WaitingToken>,
    /// Whose time inside was written down as over for that.
    pub ran_out: Vec<TokenId>,
}

/// Lets in as many of `next` as fit, lowest number first; nobody while the service may have been away.
/// Nobody who waits with a lower number may be missing among them. Needs the room's line and the tokens
/// among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room.
pub fn admit(records: &mut Records, room_id: RoomId, next: &[TokenId]) -> Result<LetIn, Refusal> {
    let now = records.now;
    if records.is_interrupted() {
        return Ok(LetIn::default());
    }
    let ran_out = end_run_out(records, room_id);
    let mut next: Vec<_> = next.iter().filter_map(|id| records.tokens.get(id).cloned()).collect();
    next.sort_by_key(|token| token.number);
    let mut admitted = Vec::new();
    for mut token in next {
        let (room, line) = records.room_and_line_mut(room_id).ok_or(Refusal::NotFound)?;
        if room.admit(line, &mut token, now) {
            admitted.push(token.clone());
            records.tokens.put(token);
        }
    }
    Ok(LetIn { admitted, ran_out })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::draw::Lot;
    use crate::uptime::{Uptime, Word};
    use crate::waiting_room::Line;
    use crate::waiting_token::tests::{at, id, inside, numbered};
    use crate::waiting_token::{Admission, TokenState};

    /// A room for two after an outage from second 100 to 400, and these tokens.
    fn after_outage(tokens: &[WaitingToken]) -> (Records, Vec<TokenId>) {
        let mut records = Records::at(at(400));
        let mut uptime = Uptime::first(at(100));
        uptime.beat(Uuid::from_u128(1).into(), Word::Nothing, at(400));
        records.cutoff = Uptime::cutoff(uptime.heartbeat_at, at(400));
        records.uptime = Some(uptime);
        let (room, line) = crate::waiting_room::tests::room(2);
        let active = tokens.iter().filter(|token| token.state != TokenState::Waiting).count();
        records.lines.load(Line { active_count: u32::try_from(active).ok(), ..line });
        records.rooms.load(room);
        tokens.iter().for_each(|token| records.tokens.load(token.clone()));
        (records, tokens.iter().map(|token| token.id).collect())
    }

    #[test]
    fn until_an_outage_is_given_back_nobody_is_let_in_and_nobody_runs_out() {
        let waiting = numbered(2, TokenState::Waiting);
        let (mut records, ids) = after_outage(&[inside(1, 0, 103), waiting]);
        assert_eq!(admit(&mut records, RoomId::SITE, &ids), Ok(LetIn::default()));
        let ask = |n| JoinRequest {
            id: id(n),
            user_id: Uuid::from_u128(n.into()).into(),
            room_id: RoomId::SITE,
            concert_id: None,
            if_exists: IfExists::Return,
        };
        for n in [1, 9] {
            records.users.load(crate::user::tests::user(n));
        }
        let again = join(&mut records, &ask(1)).unwrap();
        assert!(matches!(again.token.state, TokenState::Active { .. }), "the place is still there");
        records.lines.get_mut(&RoomId::SITE).unwrap().anyone_waiting = false;
        let new = join(&mut records, &ask(9)).unwrap();
        assert_eq!((new.token.state, new.ran_out), (TokenState::Waiting, vec![]));
    }

    fn joined(records: &mut Records, n: u8, second: i64) -> Joined {
        records.now = at(second);
        records.cutoff = records.now;
        let id = id(u64::from(n) * 100 + u64::try_from(second).unwrap());
        let user_id = Uuid::from_u128(n.into()).into();
        let (room_id, concert_id, if_exists) = (RoomId::SITE, None, IfExists::Return);
        join(records, &JoinRequest { id, user_id, room_id, concert_id, if_exists }).unwrap()
    }

    #[test]
    fn who_leaves_a_lobby_and_comes_again_has_the_lot_of_before_until_it_opens() {
        let (mut room, line) = crate::waiting_room::tests::room(0);
        room.policy.opens_at = Some(at(60));
        let mut records = Records::at(at(0));
        records.rooms.load(room);
        records.lines.load(line);
        [1, 2].into_iter().for_each(|n| records.users.load(crate::user::tests::user(n)));
        let first = joined(&mut records, 1, 1);
        joined(&mut records, 2, 2);
        let hash = records.rooms.get(&RoomId::SITE).unwrap().lobby.hash;
        for second in [3, 4] {
            records.tokens.get_mut(&first.token.id).unwrap().leave(at(second), at(second));
            let again = joined(&mut records, 1, second);
            assert!(again.issued && again.token.state == TokenState::Waiting);
            assert_eq!((again.token.id, again.token.heard_at), (first.token.id, at(second)));
            let returns = u32::try_from(second).unwrap() - 2;
            assert_eq!(again.token.lot, Some(Lot { arrival: 1, returns }));
        }
        let lobby = &records.rooms.get(&RoomId::SITE).unwrap().lobby;
        assert_eq!((lobby.count, lobby.hash), (2, hash));
        records.tokens.get_mut(&first.token.id).unwrap().leave(at(59), at(59));
        let late = joined(&mut records, 1, 60);
        assert_eq!((late.token.number, late.token.lot), (Some(3), None));
    }

    #[test]
    fn who_is_let_in_to_a_place_that_ran_out_is_let_in_by_the_commit_that_says_so() {
        let waiting = numbered(3, TokenState::Waiting);
        let (mut records, ids) = after_outage(&[inside(1, 0, 400), inside(2, 0, 401), waiting]);
        records.cutoff = records.now;
        let LetIn { admitted, ran_out } = admit(&mut records, RoomId::SITE, &ids).unwrap();
        assert_eq!(admitted.iter().filter_map(|token| token.number).collect::<Vec<_>>(), [3]);
        assert_eq!(ran_out, [id(1)]);
        let over = TokenState::Expired {
            admission: Some(Admission { at: at(0), capacity: 2, leave_by: None }),
            ended_at: at(400),
        };
        assert_eq!(records.tokens.get(&id(1)).unwrap().state, over);
        assert_eq!(records.lines.get(&RoomId::SITE).unwrap().active_count, Some(2));
    }
}

//! What happens in a line: people join it, and are let in, lowest number first.

use crate::ids::{ConcertId, RoomId, TokenId, UserId};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::waiting_token::{TokenState, WaitingToken};

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
/// stand in the way. Needs the user, the end of the room's line and the user's live token there among
/// the records.
///
/// # Errors
/// [`Refusal::InvalidUser`]; [`Refusal::TokenExists`] for who asked to be told; and
/// [`Refusal::NotFound`] without such a room.
pub fn join(records: &mut Records, ask: &JoinRequest) -> Result<WaitingToken, Refusal> {
    let (now, cutoff) = (records.now, records.cutoff);
    records.users.get(&ask.user_id).ok_or(Refusal::InvalidUser)?;
    if let Some(existing) = records.live_token_of(ask.user_id, ask.room_id).cloned() {
        if existing.is_live(cutoff) {
            return match ask.if_exists {
                IfExists::Return => Ok(existing),
                IfExists::Conflict => Err(Refusal::TokenExists),
            };
        }
        if let Some(run_out) = records.tokens.get_mut(&existing.id) {
            run_out.run_out(cutoff);
            count_one_less(records, ask.room_id);
        }
    }
    let is_interrupted = records.is_interrupted();
    let is_counted = records.lines.get(&ask.room_id).is_some_and(|line| !line.anyone_waiting);
    if is_counted && !is_interrupted {
        end_run_out(records, ask.room_id);
    }
    let (room, line) = records.room_and_line_mut(ask.room_id).ok_or(Refusal::NotFound)?;
    if is_interrupted {
        line.active_count = None;
    }
    let token = room.join(line, ask.id, ask.user_id, ask.concert_id, now);
    records.tokens.insert(token.clone());
    Ok(token)
}

/// Writes down that the time of those who ran out is over, so that their places are free: whoever acts
/// on an end writes it down in the same commit.
fn end_run_out(records: &mut Records, room_id: RoomId) {
    let cutoff = records.cutoff;
    let has_run_out = |token: &&WaitingToken| token.room_id == room_id && token.has_run_out(cutoff);
    let over: Vec<_> = records.tokens.iter().filter(has_run_out).map(|token| token.id).collect();
    for id in over {
        if records.tokens.get_mut(&id).is_some_and(|token| token.run_out(cutoff)) {
            count_one_less(records, room_id);
        }
    }
}

/// How many tokens of the room among the records are over because their time was. What a decision adds
/// to it is how many ran out in that decision.
#[must_use]
pub fn expired_in(records: &Records, room_id: RoomId) -> usize {
    let is_over = |token: &&WaitingToken| {
        token.room_id == room_id && matches!(token.state, TokenState::Expired { .. })
    };
    records.tokens.iter().filter(is_over).count()
}

fn count_one_less(records: &mut Records, room_id: RoomId) {
    if let Some(line) = records.lines.get_mut(&room_id) {
        line.active_count = line.active_count.map(|count| count.saturating_sub(1));
    }
}

/// Lets in as many of `next` as fit, lowest number first; nobody while the service may have been away.
/// Nobody who waits with a lower number may be missing among them. Says who was let in. Needs the room's
/// line and the tokens among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room.
pub fn admit(
    records: &mut Records,
    room_id: RoomId,
    next: &[TokenId],
) -> Result<Vec<WaitingToken>, Refusal> {
    let now = records.now;
    if records.is_interrupted() {
        return Ok(Vec::new());
    }
    end_run_out(records, room_id);
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
    Ok(admitted)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::Timestamp;
    use crate::uptime::Uptime;
    use crate::waiting_room::Line;
    use crate::waiting_token::Admission;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(seconds: i64) -> Timestamp {
        START + TimeDelta::seconds(seconds)
    }

    fn id(n: u64) -> TokenId {
        Uuid::from_u128(n.into()).into()
    }

    fn token(number: u64, admitted: i64, expires: i64) -> WaitingToken {
        let admission = Admission { at: at(admitted), capacity: 2 };
        WaitingToken {
            id: id(number),
            user_id: Uuid::from_u128(number.into()).into(),
            room_id: RoomId::SITE,
            concert_id: None,
            number: Some(number),
            joined_at: START,
            heard_at: START,
            state: TokenState::Active { admission, expires_at: at(expires) },
        }
    }

    /// A room for two after an outage from second 100 to 400, and these tokens.
    fn after_outage(tokens: &[WaitingToken]) -> (Records, Vec<TokenId>) {
        let mut records = Records::at(at(400));
        let mut uptime = Uptime::first(at(100));
        uptime.beat(Uuid::from_u128(1).into(), None, at(400));
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
        let waiting = WaitingToken { state: TokenState::Waiting, ..token(2, 0, 0) };
        let (mut records, ids) = after_outage(&[token(1, 0, 103), waiting]);
        assert_eq!(admit(&mut records, RoomId::SITE, &ids), Ok(vec![]));
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
        assert!(matches!(again.state, TokenState::Active { .. }), "the place is still there");
        records.lines.get_mut(&RoomId::SITE).unwrap().anyone_waiting = false;
        assert_eq!(join(&mut records, &ask(9)).unwrap().state, TokenState::Waiting);
    }

    #[test]
    fn who_is_let_in_to_a_place_that_ran_out_is_let_in_by_the_commit_that_says_so() {
        let waiting = WaitingToken { state: TokenState::Waiting, ..token(3, 0, 0) };
        let (mut records, ids) = after_outage(&[token(1, 0, 400), token(2, 0, 401), waiting]);
        records.cutoff = records.now;
        let admitted = admit(&mut records, RoomId::SITE, &ids).unwrap();
        assert_eq!(admitted.iter().filter_map(|token| token.number).collect::<Vec<_>>(), [3]);
        let over = TokenState::Expired {
            admission: Some(Admission { at: at(0), capacity: 2 }),
            ended_at: at(400),
        };
        assert_eq!(records.tokens.get(&id(1)).unwrap().state, over);
        assert_eq!(records.lines.get(&RoomId::SITE).unwrap().active_count, Some(2));
    }
}

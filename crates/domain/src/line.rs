//! What happens in a line: people join it, and are let in, lowest number first.

use std::collections::BTreeSet;

use crate::ids::{ConcertId, RoomId, TokenId, UserId};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::uptime::Outage;
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

/// Lets in as many of `next` as fit, lowest number first; nobody while an outage is not accounted
/// for. Nobody who waits with a lower number may be missing among them. Says who was let in. Needs
/// the room's line, the tokens and the service's heartbeat among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a room.
pub fn admit(
    records: &mut Records,
    room_id: RoomId,
    next: &[TokenId],
) -> Result<Vec<WaitingToken>, Refusal> {
    let now = records.now;
    if records.uptime.as_ref().is_some_and(|uptime| uptime.outage(now).is_some()) {
        return Ok(Vec::new());
    }
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

/// Gives back what an outage took from `inside`, who were active when it began or after: who still
/// is inside stays as much longer; who ran out meanwhile is inside again, unless others were let in
/// since and the room is full. Needs the tokens and the lines of their rooms among the records.
pub fn give_back(records: &mut Records, outage: Outage, inside: &[TokenId]) {
    let now = records.now;
    let found = inside.iter().filter_map(|id| records.tokens.get(id));
    let let_in_since: BTreeSet<RoomId> = found
        .filter(|token| {
            matches!(token.state,
            TokenState::Active { admission, .. } if admission.at > outage.began_at)
        })
        .map(|token| token.room_id)
        .collect();
    for id in inside {
        let Some(mut token) = records.tokens.get(id).cloned() else { continue };
        let TokenState::Active { expires_at, admission } = token.state else { continue };
        if expires_at <= outage.began_at || admission.at > outage.began_at {
            continue;
        }
        if expires_at <= now {
            let Some((room, line)) = records.room_and_line_mut(token.room_id) else { continue };
            let is_full = line.active_count.is_none_or(|count| count >= room.policy.capacity);
            if is_full && let_in_since.contains(&token.room_id) {
                continue;
            }
            line.count_one_more();
        }
        token.prolong(outage.lasted);
        records.tokens.put(token);
    }
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

    /// A room for two, an outage from second 100 to 400, and these tokens.
    fn after_outage(tokens: &[WaitingToken]) -> (Records, Outage, Vec<TokenId>) {
        let mut records = Records::at(at(400));
        let (room, line) = crate::waiting_room::tests::room(2);
        let is_active = |token: &&WaitingToken| token.is_live(at(400));
        let active_count = u32::try_from(tokens.iter().filter(is_active).count()).unwrap();
        records.lines.load(Line { active_count: Some(active_count), ..line });
        records.rooms.load(room);
        tokens.iter().for_each(|token| records.tokens.load(token.clone()));
        let outage = Outage { began_at: at(100), lasted: TimeDelta::seconds(300) };
        (records, outage, tokens.iter().map(|token| token.id).collect())
    }

    fn inside(records: &Records) -> Vec<u64> {
        let live = records.tokens.iter().filter(|token| token.is_live(records.now));
        live.filter_map(|token| token.number).collect()
    }

    #[test]
    fn who_was_inside_when_it_began_is_inside_again() {
        let tokens = [token(1, 0, 100), token(2, 0, 101), token(3, 0, 500)];
        let (mut records, outage, ids) = after_outage(&tokens);
        give_back(&mut records, outage, &ids);
        assert_eq!(inside(&records), [2, 3], "the first had run out before");
        let TokenState::Active { expires_at, .. } = records.tokens.get(&id(3)).unwrap().state
        else {
            panic!("it was active");
        };
        assert_eq!(expires_at, at(800));
    }

    #[test]
    fn a_place_that_was_given_away_since_is_not_given_back() {
        let tokens = [token(1, 0, 200), token(2, 0, 300), token(3, 350, 950)];
        let (mut records, outage, ids) = after_outage(&tokens);
        give_back(&mut records, outage, &ids);
        assert_eq!(inside(&records), [1, 3], "the room is for two");
    }

    #[test]
    fn a_lower_capacity_throws_nobody_out_whom_the_outage_did_not() {
        let tokens = [token(1, 0, 200), token(2, 0, 300)];
        let (mut records, outage, ids) = after_outage(&tokens);
        records.rooms.get_mut(&RoomId::SITE).unwrap().policy.capacity = 1;
        give_back(&mut records, outage, &ids);
        assert_eq!(inside(&records), [1, 2]);
    }

    #[test]
    fn nobody_is_let_in_while_an_outage_is_not_accounted_for() {
        let waiting = WaitingToken { state: TokenState::Waiting, ..token(1, 0, 0) };
        let (mut records, _, ids) = after_outage(&[waiting]);
        records.uptime = Some(Uptime::first(at(100)));
        assert_eq!(admit(&mut records, RoomId::SITE, &ids), Ok(vec![]));
        records.uptime = Some(Uptime::first(at(399)));
        assert_eq!(admit(&mut records, RoomId::SITE, &ids).unwrap().len(), 1);
    }
}

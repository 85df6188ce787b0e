//! Waiting rooms: a line with a policy in front of what it sells.

mod history;
mod policy;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::draw::{DrawSeed, Lobby};
use crate::ids::{ConcertId, RoomId, ShowId, TokenId, UserId};
use crate::refusal::Refusal;
use crate::waiting_token::{Admission, TokenState, WaitingToken};

pub use history::{PolicyInForce, add_room, change_room};
pub use policy::{PolicyChange, RoomPolicy};

/// A line and its policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRoom {
    /// Its id.
    pub id: RoomId,
    /// What it stands in front of.
    pub door: Door,
    /// Who is let in, and for how long.
    pub policy: RoomPolicy,
    /// How many policies it has had; the number of the one in [`Self::policy`].
    pub policy_count: u64,
    /// Who came before it opened.
    pub lobby: Lobby,
    /// The highest number there is, drawn or to be drawn or given to whoever joined last. Numbers
    /// are counted up from 1 and never reused.
    pub last_number: u64,
    /// The highest number whose token is forgotten, as are all before it but for those of the lobby; 0
    /// before any is.
    pub forgotten_to: u64,
    /// Whether all that it sells is sold, so that nobody is let in to find nothing.
    pub sold_out: bool,
    /// Up to when the rate of admissions is used up.
    pub rate_used_until: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a room stands in front of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Door {
    /// Every concert that has no room of its own.
    Site,
    /// Every show of a concert that has no room of its own.
    Concert(ConcertId),
    /// One show.
    Show(ShowId),
}

/// How far a room may fall behind its rate and still catch up.
const CATCH_UP: TimeDelta = TimeDelta::seconds(1);

/// Who is in a room, as the store has it written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which room's.
    pub room_id: RoomId,
    /// How many tokens are written down as active. One whose time is over counts until that is written
    /// down. `None` if they were not counted or the service may have been away: then nobody is let in.
    pub active_count: Option<u32>,
    /// Whether anyone waits.
    pub anyone_waiting: bool,
}

impl Line {
    /// Counts somebody who comes in.
    pub(crate) fn count_one_more(&mut self) {
        self.active_count = self.active_count.map(|count| count + 1);
    }
}

impl WaitingRoom {
    /// A room that nobody joined yet.
    #[must_use]
    pub const fn new(
        id: RoomId,
        door: Door,
        policy: RoomPolicy,
        seed: DrawSeed,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            door,
            policy,
            policy_count: 0,
            lobby: Lobby::new(seed),
            last_number: 0,
            forgotten_to: 0,
            sold_out: false,
            rate_used_until: now,
            created_at: now,
        }
    }

    /// Whether who comes at `now` comes before it opens.
    #[must_use]
    pub fn is_lobby(&self, now: Timestamp) -> bool {
        self.last_number == 0 && self.policy.opens_at.is_some_and(|opens_at| now < opens_at)
    }

    /// The lowest number past the lobby's of which the token is kept, if there is one. The lobby's are all
    /// kept, so that anyone can check the draw.
    #[must_use]
    pub fn first_kept_number(&self) -> u64 {
        self.forgotten_to.max(self.lobby.count).saturating_add(1)
    }

    /// Whether it has opened and not everybody in its lobby has a number.
    #[must_use]
    pub fn is_to_be_drawn(&self, now: Timestamp) -> bool {
        let has_opened = self.policy.opens_at.is_some_and(|opens_at| opens_at <= now);
        has_opened && self.lobby.drawn_at.is_none()
    }

    /// Closes the lobby. Its numbers come first, whether or not they are drawn yet.
    pub(crate) fn open(&mut self, now: Timestamp) {
        if self.last_number == 0 {
            self.last_number = self.lobby.count;
        }
        if self.policy.opens_at.is_some() && self.lobby.count == 0 {
            self.lobby.drawn_at.get_or_insert(now);
        }
    }

    /// Gives `user_id` the room's next number, and lets the user in at once where a place is free
    /// and nobody waits for it. Who comes before it opens waits without a number.
    pub fn join(
        &mut self,
        line: &mut Line,
        id: TokenId,
        user_id: UserId,
        concert_id: Option<ConcertId>,
        now: Timestamp,
    ) -> WaitingToken {
        let (number, lot) = if self.is_lobby(now) {
            (None, Some(self.lobby.arrive(id)))
        } else {
            self.open(now);
            self.last_number += 1;
            (Some(self.last_number), None)
        };
        let mut token = WaitingToken {
            id,
            user_id,
            room_id: self.id,
            concert_id,
            number,
            lot,
            joined_at: now,
            heard_at: now,
            state: TokenState::Waiting,
        };
        if line.anyone_waiting || !self.admit(line, &mut token, now) {
            line.anyone_waiting = true;
        }
        token
    }

    /// Lets `token` in, if it waits, everybody before it has a number, a place is free, the rate
    /// allows one, and the room is neither paused nor sold out. The caller goes through the line lowest
    /// number first. Says whether it was let in.
    pub fn admit(&mut self, line: &mut Line, token: &mut WaitingToken, now: Timestamp) -> bool {
        debug_assert_eq!((line.room_id, token.room_id), (self.id, self.id), "another room's");
        let is_next = token.number.is_some_and(|number| self.lobby.is_drawn_up_to(number));
        let has_place = line.active_count.is_some_and(|count| count < self.policy.capacity);
        let is_shut = self.policy.paused || self.sold_out;
        if token.state != TokenState::Waiting || !is_next || is_shut || !has_place {
            return false;
        }
        if !self.take_from_rate(now) {
            return false;
        }
        line.count_one_more();
        let stay = TimeDelta::seconds(i64::from(self.policy.active_ttl_seconds));
        token.state = TokenState::Active {
            admission: Admission { at: now, capacity: self.policy.capacity, leave_by: None },
            expires_at: now + stay,
        };
        true
    }

    fn take_from_rate(&mut self, now: Timestamp) -> bool {
        let Some(interval) = self.policy.admission_interval() else { return true };
        if self.rate_used_until > now {
            return false;
        }
        self.rate_used_until = self.rate_used_until.max(now - CATCH_UP) + interval;
        true
    }

    /// Takes a new policy on. Nobody inside is thrown out by it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], naming each field out of range, or `opens_at` if the room has already opened.
    pub(crate) fn change(&mut self, change: &PolicyChange, now: Timestamp) -> Result<(), Refusal> {
        let mut policy = self.policy.changed(change)?;
        if policy.opens_at != self.policy.opens_at {
            if self.last_number > 0 || self.is_to_be_drawn(now) || self.lobby.drawn_at.is_some() {
                return Err(Refusal::invalid("opens_at", "cannot be changed: the room has opened"));
            }
            // What lies in the past opens now.
            policy.opens_at = policy.opens_at.map(|opens_at| opens_at.max(now));
            if self.lobby.count > 0 {
                // Who came before still gets a number by lot.
                policy.opens_at = policy.opens_at.or(Some(now));
            }
        }
        if policy.admissions_per_minute != self.policy.admissions_per_minute {
            self.rate_used_until = self.rate_used_until.min(now);
        }
        self.policy = policy;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    pub(crate) fn room(capacity: u32) -> (WaitingRoom, Line) {
        let id = RoomId::SITE;
        let policy = RoomPolicy {
            capacity,
            admissions_per_minute: None,
            active_ttl_seconds: 600,
            idle_ttl_seconds: 120,
            paused: false,
            opens_at: None,
        };
        let seed = DrawSeed::new([1; 32]);
        let line = Line { room_id: id, active_count: Some(0), anyone_waiting: false };
        (WaitingRoom::new(id, Door::Site, policy, seed, Timestamp::UNIX_EPOCH), line)
    }

    pub(crate) fn join(room: &mut WaitingRoom, line: &mut Line, now: Timestamp) -> WaitingToken {
        let n = u128::from(room.last_number + room.lobby.count) + 1;
        room.join(line, Uuid::from_u128(n).into(), Uuid::from_u128(n).into(), None, now)
    }

    #[test]
    fn who_comes_to_a_free_place_is_let_in_and_the_next_waits() {
        let (mut room, mut line) = room(1);
        let now = Timestamp::UNIX_EPOCH;
        let first = join(&mut room, &mut line, now);
        let second = join(&mut room, &mut line, now);
        assert!(matches!(first.state, TokenState::Active { .. }));
        assert_eq!((second.state, second.number), (TokenState::Waiting, Some(2)));
    }

    #[test]
    fn a_free_place_belongs_to_who_waits_and_not_to_who_comes() {
        let (mut room, mut line) = room(1);
        line.anyone_waiting = true;
        assert_eq!(join(&mut room, &mut line, Timestamp::UNIX_EPOCH).state, TokenState::Waiting);
    }

    #[test]
    fn nobody_is_let_in_where_those_inside_were_not_counted() {
        let (mut room, mut line) = room(1);
        line.active_count = None;
        assert_eq!(join(&mut room, &mut line, Timestamp::UNIX_EPOCH).state, TokenState::Waiting);
        assert_eq!((line.active_count, line.anyone_waiting), (None, true));
    }

    #[test]
    fn a_full_or_paused_room_admits_nobody_and_a_token_is_admitted_once() {
        let (mut room, mut line) = room(0);
        let now = Timestamp::UNIX_EPOCH;
        let mut token = join(&mut room, &mut line, now);
        assert!(!room.admit(&mut line, &mut token, now));
        room.policy.capacity = 2;
        room.policy.paused = true;
        assert!(!room.admit(&mut line, &mut token, now));
        room.policy.paused = false;
        assert!(room.admit(&mut line, &mut token, now));
        assert!(!room.admit(&mut line, &mut token, now));
        assert_eq!(line.active_count, Some(1));
    }

    #[test]
    fn no_minute_sees_more_admissions_than_the_rate_allows() {
        for rate in [1, 6, 59, 60, 1_000] {
            let (mut room, mut line) = room(1_000_000);
            room.policy.admissions_per_minute = Some(rate);
            let mut admitted = Vec::new();
            for tick in 0..1_200_i64 {
                let now = Timestamp::UNIX_EPOCH + TimeDelta::milliseconds(250 * tick);
                loop {
                    let token = join(&mut room, &mut line, now);
                    line.anyone_waiting = false;
                    if token.state == TokenState::Waiting {
                        break;
                    }
                    admitted.push(now);
                }
            }
            let minute = TimeDelta::seconds(60);
            for (i, start) in admitted.iter().enumerate() {
                let within = admitted.iter().skip(i).filter(|at| **at < *start + minute).count();
                assert!(within <= usize::try_from(rate).unwrap(), "{within} at a rate of {rate}");
            }
            let five_minutes = usize::try_from(rate).unwrap() * 5;
            assert!(
                admitted.len() * 10 >= five_minutes * 9,
                "{} of {five_minutes}",
                admitted.len()
            );
        }
    }

    #[test]
    fn when_it_opens_can_be_changed_until_it_has_and_not_to_a_time_gone_by() {
        let opening = |at| PolicyChange { opens_at: Some(at), ..Default::default() };
        let at = |second| Timestamp::UNIX_EPOCH + TimeDelta::seconds(second);
        let (mut room, mut line) = room(1);
        room.change(&opening(Some(at(60))), at(0)).unwrap();
        assert_eq!(join(&mut room, &mut line, at(1)).number, None);
        room.change(&opening(Some(at(1))), at(10)).unwrap();
        assert_eq!(room.policy.opens_at, Some(at(10)));
        assert!(room.is_to_be_drawn(at(10)));
        for late in [None, Some(at(99))] {
            assert!(matches!(room.change(&opening(late), at(11)), Err(Refusal::Invalid(_))));
        }
        let again = opening(Some(at(10)));
        assert_eq!(room.change(&again, at(11)), Ok(()), "that is what it is");
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_is_checked() {
        let (mut room, _) = room(5);
        let now = Timestamp::UNIX_EPOCH;
        room.change(&PolicyChange { paused: Some(true), ..Default::default() }, now).unwrap();
        assert_eq!((room.policy.capacity, room.policy.paused), (5, true));
        for wrong in [
            PolicyChange { capacity: Some(10_000_001), ..Default::default() },
            PolicyChange { admissions_per_minute: Some(Some(0)), ..Default::default() },
            PolicyChange { active_ttl_seconds: Some(0), ..Default::default() },
            PolicyChange { idle_ttl_seconds: Some(86_401), ..Default::default() },
            PolicyChange { opens_at: Some(Some(Timestamp::MAX_UTC)), ..Default::default() },
        ] {
            assert!(matches!(room.change(&wrong, now), Err(Refusal::Invalid(_))), "{wrong:?}");
        }
    }
}

//! Waiting tokens: one user's place in one room.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::draw::Lot;
use crate::ids::{ConcertId, RoomId, TokenId, UserId};
use crate::refusal::Refusal;
use crate::uptime::Uptime;

/// One user's place in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingToken {
    /// Its id.
    pub id: TokenId,
    /// Whose place it is.
    pub user_id: UserId,
    /// In which room.
    pub room_id: RoomId,
    /// The concert it was issued for, if one was named.
    pub concert_id: Option<ConcertId>,
    /// Its number in the room, from 1; none before it is drawn.
    pub number: Option<u64>,
    /// The lot of who came before the room opened.
    pub lot: Option<Lot>,
    /// When the user joined.
    pub joined_at: Timestamp,
    /// When the user was last heard of while waiting.
    pub heard_at: Timestamp,
    /// How far it got.
    pub state: TokenState,
}

/// How far a token got, as it was last written down. An active token that ran out stays written
/// until somebody comes by; ask [`WaitingToken::standing`] for what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenState {
    /// In line.
    Waiting,
    /// Inside.
    Active {
        /// How it got in.
        admission: Admission,
        /// Until when it may stay; at that time it is out.
        expires_at: Timestamp,
    },
    /// Bought, and so out.
    Done {
        /// How it got in.
        admission: Admission,
        /// When it was out.
        ended_at: Timestamp,
    },
    /// Out: gave up, was not heard of, or stayed too long.
    Expired {
        /// How it got in, if it did.
        admission: Option<Admission>,
        /// When it was out.
        ended_at: Timestamp,
    },
}

/// How a token was let in, and by when it has to be out; kept so that anyone can check later that it was
/// right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When.
    pub at: Timestamp,
    /// The room's capacity at that moment.
    pub capacity: u32,
    /// By when it has to be out, whatever is held with it: one hold after the end of its own stay. None
    /// until a hold puts that end off.
    pub leave_by: Option<Timestamp>,
}

/// Where a token stands at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In line.
    Waiting,
    /// Inside, until a time.
    Active {
        /// Until when.
        expires_at: Timestamp,
    },
    /// Bought, and so out.
    Done,
    /// Out.
    Expired,
}

impl WaitingToken {
    /// Whether its user, who left or was dropped, gets it again by coming to the lobby again.
    #[must_use]
    pub fn is_lot_to_draw(&self) -> bool {
        self.lot.is_some() && self.number.is_none()
    }

    /// Its user comes to the lobby again, with the same lot.
    pub(crate) fn come_back(&mut self, now: Timestamp) {
        let Some(lot) = self.lot.as_mut().filter(|_| self.number.is_none()) else { return };
        lot.returns = lot.returns.saturating_add(1);
        self.state = TokenState::Waiting;
        self.heard_at = now;
    }

    /// Where it stands at `now`: one that ran out is out, swept or not.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            TokenState::Waiting => Standing::Waiting,
            TokenState::Active { expires_at, .. } if now < expires_at => {
                Standing::Active { expires_at }
            }
            TokenState::Active { .. } | TokenState::Expired { .. } => Standing::Expired,
            TokenState::Done { .. } => Standing::Done,
        }
    }

    /// # Errors
    /// In this order: [`Refusal::WrongRoom`], then what [`Self::ensure_active`] refuses.
    pub fn ensure_admits(&self, room_id: RoomId, now: Timestamp) -> Result<(), Refusal> {
        if self.room_id != room_id {
            return Err(Refusal::WrongRoom);
        }
        self.ensure_active(now)
    }

    /// # Errors
    /// [`Refusal::NotAdmitted`] while it waits, [`Refusal::TokenExpired`] when it is out.
    pub fn ensure_active(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.standing(now) {
            Standing::Active { .. } => Ok(()),
            Standing::Waiting => Err(Refusal::NotAdmitted { position: None }),
            Standing::Done | Standing::Expired => Err(Refusal::TokenExpired),
        }
    }

    /// Whether it waits or is inside at `now`: whoever has such a place gets it again.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        matches!(self.standing(now), Standing::Waiting | Standing::Active { .. })
    }

    /// Whether it is written down as waiting or active, be its time over or not.
    #[must_use]
    pub const fn is_written_live(&self) -> bool {
        matches!(self.state, TokenState::Waiting | TokenState::Active { .. })
    }

    /// When it was out; none as long as it is not written down that it is.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self.state {
            TokenState::Waiting | TokenState::Active { .. } => None,
            TokenState::Done { ended_at, .. } | TokenState::Expired { ended_at, .. } => {
                Some(ended_at)
            }
        }
    }

    /// By when an active token has to be out, where holds last for `hold`: one hold after the end of its
    /// own stay, however many are made with it. Else whoever holds on and on never makes room.
    #[must_use]
    pub fn leave_by(&self, hold: TimeDelta) -> Option<Timestamp> {
        match self.state {
            // Nothing but a hold puts an end off, so before the first that does, this is its own.
            TokenState::Active { admission, expires_at } => {
                Some(admission.leave_by.unwrap_or(expires_at + hold))
            }
            TokenState::Waiting | TokenState::Done { .. } | TokenState::Expired { .. } => None,
        }
    }

    /// An active token does not run out before `until`, where one of its holds ends, which last for `hold`;
    /// but it does at [`Self::leave_by`]. Says whether it runs out later than it would have.
    pub fn keep_until(&mut self, until: Timestamp, hold: TimeDelta) -> bool {
        let Some(leave_by) = self.leave_by(hold) else { return false };
        let until = until.min(leave_by);
        match &mut self.state {
            TokenState::Active { admission, expires_at } if *expires_at < until => {
                admission.leave_by = Some(leave_by);
                *expires_at = until;
                true
            }
            _ => false,
        }
    }

    /// An active token stays as much longer as an outage lasted.
    pub(crate) fn prolong(&mut self, lasted: TimeDelta) {
        if let TokenState::Active { admission, expires_at } = &mut self.state {
            *expires_at += lasted;
            admission.leave_by = admission.leave_by.map(|leave_by| leave_by + lasted);
        }
    }

    /// Ends an active token, because its user bought.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        if let TokenState::Active { admission, .. } = self.state {
            self.state = TokenState::Done { admission, ended_at: now };
        }
    }

    /// Ends a live token, because its user gave it up at `now`; one whose time was over at `cutoff` had
    /// ended by itself. Says whether there was one to end.
    pub fn leave(&mut self, now: Timestamp, cutoff: Timestamp) -> bool {
        let admission = match self.state {
            TokenState::Waiting => None,
            TokenState::Active { admission, expires_at } if cutoff < expires_at => Some(admission),
            TokenState::Active { .. } => return self.run_out(cutoff),
            TokenState::Done { .. } | TokenState::Expired { .. } => return false,
        };
        self.state = TokenState::Expired { admission, ended_at: now };
        true
    }

    /// Whether it is written down as active though its time is over at `now`.
    #[must_use]
    pub fn has_run_out(&self, now: Timestamp) -> bool {
        matches!(self.state, TokenState::Active { expires_at, .. } if expires_at <= now)
    }

    /// Writes down that an active token ran out, if it did. Says whether it did.
    pub fn run_out(&mut self, now: Timestamp) -> bool {
        let TokenState::Active { admission, expires_at } = self.state else { return false };
        if now < expires_at {
            return false;
        }
        self.state = TokenState::Expired { admission: Some(admission), ended_at: expires_at };
        true
    }

    /// Notes that its user was heard of at `heard_at`.
    pub fn hear(&mut self, heard_at: Timestamp) {
        self.heard_at = self.heard_at.max(heard_at);
    }

    /// Drops a waiting token that was not heard of for `idle_ttl_seconds`, of which only time
    /// counts in which the service was up. While it may be away, or some server has not written down
    /// for a quarter of that time whom it heard of, nobody is dropped. Says whether it was.
    pub fn drop_idle(&mut self, idle_ttl_seconds: u32, uptime: &Uptime, now: Timestamp) -> bool {
        let patience = TimeDelta::seconds(i64::from(idle_ttl_seconds));
        let silent_since = uptime.silent_since(self.heard_at, patience);
        let is_patient = now - silent_since < patience
            || Uptime::cutoff(uptime.heartbeat_at, now) < now
            || uptime.is_any_server_silent(patience, now);
        if self.state != TokenState::Waiting || is_patient {
            return false;
        }
        self.state = TokenState::Expired { admission: None, ended_at: now };
        true
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::uptime::ServerBeat;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn seconds(n: i64) -> TimeDelta {
        TimeDelta::seconds(n)
    }

    /// A second after the beginning of time.
    pub(crate) fn at(second: i64) -> Timestamp {
        START + seconds(second)
    }

    /// The token that has this number.
    pub(crate) fn id(number: u64) -> TokenId {
        Uuid::from_u128(number.into()).into()
    }

    /// A token of the site's room with that number, whose user joined in the beginning.
    pub(crate) fn numbered(number: u64, state: TokenState) -> WaitingToken {
        WaitingToken {
            id: id(number),
            user_id: Uuid::from_u128(number.into()).into(),
            room_id: RoomId::SITE,
            concert_id: None,
            number: Some(number),
            lot: None,
            joined_at: START,
            heard_at: START,
            state,
        }
    }

    /// One that was let in at one second, to a room for two, and runs out at another.
    pub(crate) fn inside(number: u64, admitted: i64, expires: i64) -> WaitingToken {
        let admission = Admission { at: at(admitted), capacity: 2, leave_by: None };
        numbered(number, TokenState::Active { admission, expires_at: at(expires) })
    }

    fn token(state: TokenState) -> WaitingToken {
        numbered(1, state)
    }

    fn active() -> WaitingToken {
        inside(1, 0, 600)
    }

    #[test]
    fn only_an_active_token_of_that_room_admits() {
        assert_eq!(active().ensure_admits(RoomId::SITE, START), Ok(()));
        let other = Uuid::from_u128(9).into();
        assert_eq!(active().ensure_admits(other, START), Err(Refusal::WrongRoom));
        let waiting = token(TokenState::Waiting).ensure_admits(RoomId::SITE, START);
        assert_eq!(waiting, Err(Refusal::NotAdmitted { position: None }));
        let late = active().ensure_admits(RoomId::SITE, START + seconds(600));
        assert_eq!(late, Err(Refusal::TokenExpired));
        let mut done = active();
        done.finish(START);
        assert_eq!(done.ensure_admits(RoomId::SITE, START), Err(Refusal::TokenExpired));
    }

    #[test]
    fn a_hold_keeps_a_token_alive_and_never_shortens_its_time() {
        let mut token = active();
        assert!(!token.keep_until(at(300), seconds(300)));
        assert!(token.is_live(at(599)));
        assert!(token.keep_until(at(700), seconds(300)));
        assert!(token.is_live(at(699)));
    }

    #[test]
    fn holds_keep_a_token_alive_for_one_hold_after_its_own_end_at_the_most() {
        let mut token = active();
        for until in [700, 850, 1_000, 1_150] {
            token.keep_until(at(until), seconds(300));
            assert_eq!(token.leave_by(seconds(300)), Some(at(900)));
        }
        assert!(token.is_live(at(899)) && !token.is_live(at(900)));
        token.prolong(seconds(50));
        assert!(!token.keep_until(at(2_000), seconds(300)));
        assert!(token.is_live(at(949)) && !token.is_live(at(950)), "an outage is given back");
    }

    #[test]
    fn a_place_can_be_given_up_once() {
        for mut token in [token(TokenState::Waiting), active()] {
            assert!(token.leave(START, START));
            assert!(!token.leave(START, START));
            assert_eq!(token.standing(START), Standing::Expired);
        }
    }

    #[test]
    fn a_token_that_ran_out_ended_when_it_ran_out() {
        let mut token = active();
        assert!(!token.run_out(START + seconds(599)));
        assert!(token.run_out(START + seconds(900)));
        assert!(matches!(token.state, TokenState::Expired { ended_at, .. }
            if ended_at == START + seconds(600)));
    }

    #[test]
    fn who_is_not_heard_of_is_dropped_but_an_outage_counts_for_nobody() {
        let up_since =
            |second| move |now| Uptime { up_since: START + seconds(second), ..Uptime::first(now) };
        let dropped = |token: &WaitingToken, second, uptime: &dyn Fn(Timestamp) -> Uptime| {
            let now = START + seconds(second);
            token.clone().drop_idle(120, &uptime(now), now)
        };
        let mut silent = token(TokenState::Waiting);
        assert!(!dropped(&silent, 119, &up_since(-10_000)));
        assert!(dropped(&silent, 120, &up_since(-10_000)));
        assert!(!dropped(&silent, 1_100, &up_since(1_000)));
        let going_on = |_| Uptime::first(START);
        assert!(!dropped(&silent, 1_000, &going_on), "the outage is not accounted for");
        let with_silent_server = |now| {
            let mut uptime = up_since(-10_000)(now);
            let server = ServerBeat { server_id: Uuid::from_u128(1).into(), at: now - seconds(6) };
            uptime.servers.push(server);
            uptime
        };
        assert!(!dropped(&silent, 1_000, &with_silent_server), "it may have heard of it");
        silent.hear(START + seconds(1_000));
        assert!(!dropped(&silent, 1_119, &up_since(-10_000)));
        assert!(!dropped(&active(), 1_000_000, &up_since(-10_000)));
    }
}

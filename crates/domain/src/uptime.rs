//! How long the service has been up without a break, so that an outage counts for nobody.
//!
//! Every server *beats* twice a second: it writes down that the service is up. An end of a stay or of
//! a hold counts up to two seconds after the last beat (the [cutoff](Uptime::cutoff)). A longer silence
//! may be an outage, and then the end is still to be moved. Once a server beats again, a silence of more
//! than five seconds is an outage: whoever was inside and whatever was held gets its length back, in
//! batches ([`Recovery`]), and only then do later ends count again.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::ServerId;

/// The service's heartbeat, kept in the store and shared by all servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    /// The last beat of any server. While an outage is being given back: the last before it.
    pub heartbeat_at: Timestamp,
    /// Silence of people who wait counts from here on only.
    pub up_since: Timestamp,
    /// And from here on only in rooms that a server of which nothing was heard for a short time may have
    /// cost more than a quarter of their patience.
    pub punctual_since: Timestamp,
    /// The servers that are there.
    pub servers: Vec<ServerBeat>,
    /// The outage whose length is being given back.
    pub recovery: Option<Recovery>,
    /// An outage that was found just now, to be written down.
    pub found: Option<Outage>,
}

/// What a server says with a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is there, and has heard of nobody yet.
    First,
    /// It has written down nothing since it last said so, because it could not or was not to yet.
    Nothing,
    /// It has written down all of whom it had heard of up to then.
    WroteUntil(Timestamp),
}

/// Up to when a server has written down whom it had heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerBeat {
    /// Which server.
    pub server_id: ServerId,
    /// Up to when.
    pub at: Timestamp,
}

/// A time in which no server could do its work: none was up, or the store was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The last beat before it.
    pub began_at: Timestamp,
    /// The first beat after it.
    pub ended_at: Timestamp,
}

/// How far the length of an outage has been given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// When the outage ended.
    pub ended_at: Timestamp,
    /// The last beat since then without another silence.
    pub beat_at: Timestamp,
    /// To whom it is given just now.
    pub step: RecoveryStep,
    /// Up to which id, in their order.
    pub done_to: Option<Uuid>,
}

/// To whom the length of an outage is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryStep {
    /// To who was inside.
    Tokens,
    /// To what was held.
    Holds,
}

impl RecoveryStep {
    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Holds => "holds",
        }
    }

    /// The step that is called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tokens, Self::Holds].into_iter().find(|step| step.name() == name)
    }
}

impl Recovery {
    /// The service is up at `now`, unless it was not for too long.
    fn beat(&mut self, now: Timestamp) {
        if now - self.beat_at <= Uptime::SILENCE_MAX {
            self.beat_at = self.beat_at.max(now);
        }
    }
}

impl Outage {
    /// How long it lasted.
    #[must_use]
    pub fn lasted(&self) -> TimeDelta {
        self.ended_at - self.began_at
    }

    /// How much of it somebody lost whose time began at `since`.
    #[must_use]
    pub fn lost_since(&self, since: Timestamp) -> TimeDelta {
        (self.ended_at - self.began_at.max(since)).max(TimeDelta::zero())
    }

    /// Whether an end lies in it, or after it, and so is moved.
    #[must_use]
    pub fn moves(&self, end: Timestamp) -> bool {
        end > self.began_at + Uptime::GRACE
    }
}

/// When something ends that began at `since` and was to end at `end`, where outages take no time from it.
#[must_use]
pub fn end_past_outages(end: Timestamp, since: Timestamp, outages: &[Outage]) -> Timestamp {
    let mut oldest_first: Vec<_> = outages.iter().filter(|o| o.ended_at > since).collect();
    oldest_first.sort_by_key(|outage| outage.began_at);
    oldest_first.iter().fold(end, |end, outage| {
        if outage.moves(end) { end + outage.lost_since(since) } else { end }
    })
}

impl Uptime {
    /// A longer silence is an outage.
    pub const SILENCE_MAX: TimeDelta = TimeDelta::seconds(5);
    /// For how long after a beat ends count.
    pub const GRACE: TimeDelta = TimeDelta::seconds(2);
    /// For how long a server may go on telling people that they keep their place though it cannot write
    /// down that it heard of them.
    pub const VOUCHES_FOR: TimeDelta = TimeDelta::seconds(60);
    /// A longer silence of a server costs something in rooms whose patience is less than four times
    /// [`Uptime::SILENCE_MAX`]. Longer than from one word of a server to the next: a second.
    const LATE_MAX: TimeDelta = TimeDelta::milliseconds(1_500);
    /// After how long a server that is silent is given up. Longer than [`Uptime::VOUCHES_FOR`].
    const GIVEN_UP_AFTER: TimeDelta = TimeDelta::seconds(75);

    /// The very first beat.
    #[must_use]
    pub const fn first(now: Timestamp) -> Self {
        Self {
            heartbeat_at: now,
            up_since: now,
            punctual_since: now,
            servers: Vec::new(),
            recovery: None,
            found: None,
        }
    }

    /// The time as of which ends count at `now`: none that lies after it does. Never goes back as time
    /// and beats go on.
    #[must_use]
    pub fn cutoff(heartbeat_at: Timestamp, now: Timestamp) -> Timestamp {
        let latest = heartbeat_at.checked_add_signed(Self::GRACE).unwrap_or(heartbeat_at);
        now.min(latest)
    }

    /// The outage that goes on at `now`, or has ended and is not given back yet.
    #[must_use]
    pub fn outage(&self, now: Timestamp) -> Option<Outage> {
        let ended_at = self.recovery.map_or(now, |recovery| recovery.ended_at);
        let outage = Outage { began_at: self.heartbeat_at, ended_at };
        let is_one = self.recovery.is_some() || outage.lasted() > Self::SILENCE_MAX;
        is_one.then_some(outage)
    }

    /// A server says that the service is up. Returns the outage that this ends, if it ends one; then its
    /// length is to be given back.
    pub fn beat(&mut self, server_id: ServerId, word: Word, now: Timestamp) -> Option<Outage> {
        self.note(server_id, word, now);
        if let Some(recovery) = &mut self.recovery {
            recovery.beat(now);
            return None;
        }
        let outage = self.outage(now);
        if outage.is_some() {
            self.count_silence_from(now);
            let step = RecoveryStep::Tokens;
            self.recovery = Some(Recovery { ended_at: now, beat_at: now, step, done_to: None });
            self.found = outage;
        } else {
            self.heartbeat_at = self.heartbeat_at.max(now);
        }
        outage
    }

    /// What was given back up to an id, or to all if there is none, in the step that goes on. Whoever gives
    /// back is up, and may not beat meanwhile.
    pub(crate) fn gave_back(&mut self, up_to: Option<Uuid>, now: Timestamp) {
        let Some(recovery) = &mut self.recovery else { return };
        recovery.beat(now);
        recovery.done_to = up_to;
        match (up_to, recovery.step) {
            (Some(_), _) => {}
            (None, RecoveryStep::Tokens) => recovery.step = RecoveryStep::Holds,
            (None, RecoveryStep::Holds) => {
                // After another silence meanwhile, this makes the next beat find it.
                self.heartbeat_at = recovery.beat_at;
                self.recovery = None;
            }
        }
    }

    /// A server stops: nobody need wait for what it heard.
    pub fn leave(&mut self, server_id: ServerId) {
        self.servers.retain(|server| server.server_id != server_id);
    }

    /// Since when a person is silent who was heard of at `heard_at`, in a room with that `patience`.
    #[must_use]
    pub fn silent_since(&self, heard_at: Timestamp, patience: TimeDelta) -> Timestamp {
        let is_short = Self::patience_with_servers(patience) < Self::SILENCE_MAX;
        let counts_from = if is_short { self.punctual_since } else { self.up_since };
        heard_at.max(counts_from)
    }

    /// Whether a server may have heard of people in a room with that `patience` and could not write that
    /// down yet.
    #[must_use]
    pub fn is_any_server_silent(&self, patience: TimeDelta, now: Timestamp) -> bool {
        let patience = Self::patience_with_servers(patience);
        self.servers.iter().any(|server| now - server.at > patience)
    }

    fn patience_with_servers(patience: TimeDelta) -> TimeDelta {
        (patience / 4).min(Self::SILENCE_MAX)
    }

    fn note(&mut self, server_id: ServerId, word: Word, now: Timestamp) {
        let wrote_until = match word {
            Word::First => Some(now),
            Word::Nothing => None,
            Word::WroteUntil(at) => Some(at),
        };
        let known = self.servers.iter_mut().find(|server| server.server_id == server_id);
        match (known, wrote_until) {
            (_, None) => {}
            (Some(known), Some(at)) => {
                let silent_for = now - known.at;
                known.at = known.at.max(at);
                self.heard_after(silent_for, now);
            }
            // It is new, or it was given up and is back: who comes to it alone was not heard of.
            (None, Some(at)) => {
                self.servers.push(ServerBeat { server_id, at });
                self.count_silence_from(now);
            }
        }
        let before = self.servers.len();
        self.servers.retain(|server| now - server.at <= Self::GIVEN_UP_AFTER);
        if self.servers.len() < before {
            self.count_silence_from(now);
        }
    }

    /// Whoever comes to a server alone of which nothing was heard for so long could not be heard of
    /// either, and gets the time for it.
    fn heard_after(&mut self, silent_for: TimeDelta, now: Timestamp) {
        if silent_for > Self::SILENCE_MAX {
            self.count_silence_from(now);
        } else if silent_for > Self::LATE_MAX {
            self.punctual_since = now;
        }
    }

    fn count_silence_from(&mut self, now: Timestamp) {
        self.up_since = now;
        self.punctual_since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(seconds: i64) -> Timestamp {
        START + TimeDelta::seconds(seconds)
    }

    fn server(n: u128) -> ServerId {
        Uuid::from_u128(n).into()
    }

    fn beat(uptime: &mut Uptime, second: i64) -> Option<Outage> {
        uptime.beat(server(1), Word::WroteUntil(at(second)), at(second))
    }

    #[test]
    fn a_short_silence_is_no_outage_and_a_long_one_is_until_it_was_given_back() {
        let mut uptime = Uptime::first(START);
        beat(&mut uptime, 0);
        assert_eq!(beat(&mut uptime, 5), None);
        assert_eq!(uptime.up_since, START);
        let outage = Outage { began_at: at(5), ended_at: at(65) };
        assert_eq!(uptime.outage(at(65)), Some(outage));
        assert_eq!(beat(&mut uptime, 65), Some(outage));
        assert_eq!((uptime.up_since, uptime.found), (at(65), Some(outage)));
        assert_eq!(beat(&mut uptime, 66), None, "it is told once");
        assert_eq!(uptime.outage(at(66)), Some(outage));
        uptime.gave_back(Some(Uuid::from_u128(7)), at(66));
        uptime.gave_back(None, at(66));
        assert_eq!(uptime.outage(at(66)), Some(outage), "holds get it back, too");
        uptime.gave_back(None, at(66));
        assert_eq!((uptime.outage(at(66)), uptime.heartbeat_at), (None, at(66)));
    }

    #[test]
    fn a_silence_while_an_outage_is_given_back_is_an_outage_of_its_own() {
        let mut uptime = Uptime::first(START);
        beat(&mut uptime, 60);
        beat(&mut uptime, 61);
        beat(&mut uptime, 100);
        uptime.gave_back(None, at(100));
        uptime.gave_back(None, at(100));
        let second = Outage { began_at: at(61), ended_at: at(101) };
        assert_eq!(beat(&mut uptime, 101), Some(second));
    }

    #[test]
    fn an_outage_that_takes_long_to_be_given_back_is_not_followed_by_another() {
        let mut uptime = Uptime::first(START);
        beat(&mut uptime, 60);
        for second in (64..=100).step_by(4) {
            uptime.gave_back(Some(Uuid::from_u128(7)), at(second));
        }
        uptime.gave_back(None, at(101));
        uptime.gave_back(None, at(102));
        assert_eq!((beat(&mut uptime, 103), uptime.heartbeat_at), (None, at(103)));
    }

    #[test]
    fn an_end_is_put_off_by_each_outage_before_it_and_by_no_other() {
        let outage = |began, ended| Outage { began_at: at(began), ended_at: at(ended) };
        let outages = [outage(200, 300), outage(90, 110), outage(0, 20)];
        assert_eq!(end_past_outages(at(100), at(30), &outages), at(120));
        assert_eq!(end_past_outages(at(195), at(30), &outages), at(315));
        assert_eq!(
            end_past_outages(at(100), at(10), &outages),
            at(130),
            "since then 10 of 20 were lost"
        );
        assert_eq!(end_past_outages(at(91), at(30), &outages), at(91), "it counted");
    }

    #[test]
    fn ends_count_for_two_seconds_after_a_beat_and_never_count_less_later() {
        assert_eq!(Uptime::cutoff(at(10), at(11)), at(11));
        assert_eq!(Uptime::cutoff(at(10), at(12)), at(12));
        assert_eq!(Uptime::cutoff(at(10), at(600)), at(12));
    }

    const MINUTE: TimeDelta = TimeDelta::minutes(1);

    fn wrote(uptime: &mut Uptime, n: u128, second: i64) {
        uptime.beat(server(n), Word::WroteUntil(at(second)), at(second));
    }

    #[test]
    fn a_server_that_is_silent_is_waited_for_and_then_given_up() {
        let mut uptime = Uptime::first(START);
        wrote(&mut uptime, 2, 0);
        for second in (0..=72).step_by(3) {
            beat(&mut uptime, second);
            assert_eq!(uptime.is_any_server_silent(MINUTE, at(second)), second > 5);
        }
        beat(&mut uptime, 75);
        assert_eq!(uptime.up_since, START);
        beat(&mut uptime, 76);
        assert!(!uptime.is_any_server_silent(MINUTE, at(76)));
        assert_eq!(uptime.up_since, at(76), "who was heard of there alone is silent from now on");
    }

    #[test]
    fn a_server_that_is_held_up_after_its_first_beat_is_waited_for() {
        let mut uptime = Uptime::first(START);
        uptime.beat(server(2), Word::First, at(0));
        for second in 1..=12 {
            beat(&mut uptime, second);
        }
        assert!(uptime.is_any_server_silent(MINUTE, at(12)));
    }

    #[test]
    fn after_a_server_was_silent_who_comes_to_it_alone_has_time_to_be_heard_of() {
        let mut uptime = Uptime::first(START);
        for second in 0..=5 {
            beat(&mut uptime, second);
        }
        wrote(&mut uptime, 2, 5);
        for second in 6..=17 {
            beat(&mut uptime, second);
        }
        wrote(&mut uptime, 2, 17);
        assert_eq!((uptime.up_since, uptime.heartbeat_at), (at(17), at(17)));
    }

    #[test]
    fn what_a_late_server_costs_is_measured_by_the_patience_of_a_room() {
        let mut uptime = Uptime::first(START);
        for second in 0..=10 {
            beat(&mut uptime, second);
        }
        wrote(&mut uptime, 2, 10);
        beat(&mut uptime, 13);
        let (short, long) = (TimeDelta::seconds(19), TimeDelta::seconds(20));
        let since = |uptime: &Uptime| [short, long].map(|p| uptime.silent_since(START, p));
        assert_eq!(since(&uptime), [at(13), at(10)], "3 s may be lost where 5 s are a quarter");
        wrote(&mut uptime, 2, 16);
        assert_eq!(since(&uptime), [at(16), at(16)], "6 s are more than any room can do without");
        assert_eq!(uptime.silent_since(at(17), short), at(17));
    }

    #[test]
    fn a_server_that_is_back_after_it_was_given_up_gives_the_same_time() {
        let mut uptime = Uptime::first(START);
        wrote(&mut uptime, 2, 0);
        for second in (0..=90).step_by(3) {
            beat(&mut uptime, second);
        }
        wrote(&mut uptime, 2, 90);
        assert_eq!((uptime.up_since, uptime.servers.len()), (at(90), 2));
    }

    #[test]
    fn a_server_that_can_never_write_down_whom_it_heard_of_stops_dropping_for_so_long_only() {
        let mut uptime = Uptime::first(START);
        uptime.beat(server(2), Word::First, at(0));
        for second in 0..=200 {
            beat(&mut uptime, second);
            uptime.beat(server(2), Word::Nothing, at(second));
        }
        assert_eq!((uptime.up_since, uptime.servers.len()), (at(76), 1));
        assert!(!uptime.is_any_server_silent(MINUTE, at(200)));
    }

    #[test]
    fn a_server_that_cannot_write_down_whom_it_heard_of_is_silent_though_it_beats() {
        let mut uptime = Uptime::first(START);
        beat(&mut uptime, 1);
        uptime.beat(server(1), Word::Nothing, at(4));
        assert!(uptime.is_any_server_silent(TimeDelta::seconds(8), at(4)));
        assert_eq!(uptime.heartbeat_at, at(4));
        uptime.leave(server(1));
        assert!(!uptime.is_any_server_silent(TimeDelta::seconds(8), at(9)));
    }
}

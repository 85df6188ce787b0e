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
    /// And from here on only in rooms of little patience, to which a server that was late for a short time
    /// may have cost too much of it.
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
    /// It is there, and does not know yet whether the others know.
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
    /// [`Uptime::SILENCE_MAX`]. Longer than from one word of a server to the next, which is a second where
    /// writing takes no time.
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

    /// A server stops: nobody need wait for what it heard. What it could not write down until then is lost,
    /// and those who came to it alone get the time for it.
    pub fn leave(&mut self, server_id: ServerId, now: Timestamp) {
        let leaving = self.servers.iter().find(|server| server.server_id == server_id);
        if let Some(silent_for) = leaving.map(|server| now - server.at) {
            self.heard_after(silent_for, now);
        }
        self.servers.retain(|server| server.server_id != server_id);
    }

    /// Since when a person is silent who was heard of at `heard_at`, in a room with that `patience`.
    #[must_use]
    pub fn silent_since(&self, heard_at: Timestamp, patience: TimeDelta) -> Timestamp {
        let is_short = Self::patience_with_servers(patience) < Self::SILENCE_MAX;
        // A server of before knows of the latter alone.
        let short_counts_from = self.punctual_since.max(self.up_since);
        let counts_from = if is_short { short_counts_from } else { self.up_since };
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
            // It did not hear that its first word got through.
            (Some(_), Some(_)) if word == Word::First => {}
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
mod tests;

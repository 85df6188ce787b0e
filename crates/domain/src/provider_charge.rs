//! What an outside payment provider holds for a payment, what it says of it, and how patient we are.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::TokenId;

/// What the provider holds for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCharge {
    /// The token that was used to pay; it is done when the payment succeeds.
    pub token_id: TokenId,
    /// What is known of it.
    pub state: ProviderChargeState,
}

/// What is known of a provider's charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderChargeState {
    /// The provider was asked to charge, and what became of it is not known.
    Asked(Question),
    /// The provider has charged.
    Charged,
    /// The provider has not charged and says that it will not.
    Declined,
    /// A refund is due; the provider has not confirmed it.
    ReturnDue(Question),
    /// Nothing is charged any more, and never will be.
    Returned,
}

impl ProviderChargeState {
    /// The state's name, as it is stored.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Asked(_) => "asked",
            Self::Charged => "charged",
            Self::Declined => "declined",
            Self::ReturnDue(_) => "return_due",
            Self::Returned => "returned",
        }
    }

    /// What the provider owes an answer to, if anything.
    #[must_use]
    pub const fn question(&self) -> Option<&Question> {
        match self {
            Self::Asked(question) | Self::ReturnDue(question) => Some(question),
            Self::Charged | Self::Declined | Self::Returned => None,
        }
    }

    /// Takes on a question that is due at `now`, and puts the next one off. Says whether there was one.
    pub(crate) fn take_on(
        &mut self,
        asked_at: Timestamp,
        now: Timestamp,
        policy: SettlingPolicy,
    ) -> bool {
        let (question, is_to_be_undone) = match self {
            Self::Asked(question) => (question, true),
            Self::ReturnDue(question) => (question, false),
            Self::Charged | Self::Declined | Self::Returned => return false,
        };
        if now < question.ask_at {
            return false;
        }
        question.asks = question.asks.saturating_add(1);
        question.put_off(now, policy);
        if is_to_be_undone {
            question.no_later_than_undone(now, asked_at, policy);
        }
        true
    }
}

/// Something that the provider owes an answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// How many times it was asked, beyond the first.
    pub asks: u32,
    /// When it is asked next.
    pub ask_at: Timestamp,
    /// When the patience is over and an operator is told; it is asked on and on all the same.
    pub settle_by: Timestamp,
}

/// How patient we are with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlingPolicy {
    /// How long one answer may take.
    pub answer_within: TimeDelta,
    /// How long a payment may stay unsettled before an operator is told.
    pub settle_within: TimeDelta,
    /// After how long a payment that the provider leaves pending is undone; none: never by itself.
    pub undo_within: Option<TimeDelta>,
}

impl SettlingPolicy {
    /// From when on a payment that was made at `asked_at` is undone if it is still pending.
    #[must_use]
    pub fn undo_at(&self, asked_at: Timestamp) -> Option<Timestamp> {
        self.undo_within.map(|within| asked_at + within)
    }
}

/// What a provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has never heard of it.
    Unknown,
    /// It does not know yet.
    Pending,
    /// It has charged.
    Charged,
    /// It has not charged and never will.
    Declined {
        /// Why, for the buyer.
        reason: String,
    },
    /// Nothing is charged for it any more, if ever it was, and never will be.
    Returned,
}

/// A provider's reason is at most this long, in characters.
const REASON_MAX: usize = 200;

impl Verdict {
    /// A no, with the provider's reason in a form that can be kept and shown: without control
    /// characters, and not too long.
    #[must_use]
    pub fn declined(reason: Option<&str>) -> Self {
        let shown = |reason: &str| -> String {
            let printable = reason.trim().chars().filter(|c| !c.is_control());
            printable.take(REASON_MAX).collect()
        };
        let reason = reason.map(shown).filter(|reason| !reason.is_empty());
        Self::Declined { reason: reason.unwrap_or_else(|| "declined".to_owned()) }
    }
}

/// The longest pause between two questions about the same payment.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(5);
/// After so many doublings of a second the pause is longer than that.
const DOUBLINGS_MAX: u32 = 9;

impl Question {
    /// A question that is being asked at `now`.
    #[must_use]
    pub fn asked_now(now: Timestamp, policy: SettlingPolicy) -> Self {
        let mut question = Self { asks: 0, ask_at: now, settle_by: now + policy.settle_within };
        question.put_off(now, policy);
        question
    }

    /// A question that is yet to be asked, from `now` on.
    #[must_use]
    pub fn due_at(now: Timestamp, policy: SettlingPolicy) -> Self {
        Self { asks: 0, ask_at: now, settle_by: now + policy.settle_within }
    }

    /// It is asked at `now`, and again once the answer has had its time and a pause has gone by:
    /// 1, 2, 4 … seconds, five minutes at the most.
    fn put_off(&mut self, now: Timestamp, policy: SettlingPolicy) {
        let pause = TimeDelta::seconds(1 << self.asks.min(DOUBLINGS_MAX)).min(PAUSE_MAX);
        self.ask_at = now + policy.answer_within + pause;
    }

    /// When it is to be undone, it is asked about, and only then given up.
    fn no_later_than_undone(
        &mut self,
        now: Timestamp,
        asked_at: Timestamp,
        policy: SettlingPolicy,
    ) {
        let undo_at = policy.undo_at(asked_at).filter(|undo_at| now < *undo_at);
        self.ask_at = undo_at.map_or(self.ask_at, |undo_at| undo_at.min(self.ask_at));
    }

    /// Whether the patience is over at `now`.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.settle_by <= now
    }
}

impl ProviderCharge {
    /// A charge that is being asked for at `now`.
    #[must_use]
    pub fn asked_now(token_id: TokenId, now: Timestamp, policy: SettlingPolicy) -> Self {
        let state = ProviderChargeState::Asked(Question::asked_now(now, policy));
        Self { token_id, state }
    }

    /// What the provider owes an answer to, if anything.
    #[must_use]
    pub const fn question(&self) -> Option<&Question> {
        self.state.question()
    }

    /// Has it given back, where the provider may have charged.
    pub(crate) fn give_back(&mut self, now: Timestamp, policy: SettlingPolicy) {
        self.state = ProviderChargeState::ReturnDue(Question::due_at(now, policy));
    }
}

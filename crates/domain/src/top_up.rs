//! Top-ups: cash that comes into an account through an outside payment provider.
//!
//! A top-up is two commits, as a payment through the provider is ([`crate::settling`]). [`ask`] writes it
//! down as pending; then the provider is asked, and [`hear`] writes down what it said. The account is
//! credited in the commit in which the top-up has succeeded, and not before.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::cash::{CashPolicy, EntryKind};
use crate::ids::{EntryId, TopUpId, UserId};
use crate::money::Amount;
use crate::provider_charge::{ProviderChargeState, Question, SettlingPolicy, Verdict};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::settling::{Heard, Progress, Step, step};

/// Cash that the provider was asked to charge for an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// Its id.
    pub id: TopUpId,
    /// Whose account is to have it.
    pub user_id: UserId,
    /// How much.
    pub amount: Amount,
    /// When the user asked for it.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: TopUpState,
    /// What the provider holds for it.
    pub charge: ProviderChargeState,
}

/// What became of a top-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TopUpState {
    /// The provider has not answered yet; nothing is in the account.
    Pending,
    /// The provider has charged, and the account is credited.
    Succeeded {
        /// By which entry.
        entry_id: EntryId,
        /// What was in the account after it.
        balance_after: Amount,
        /// When.
        succeeded_at: Timestamp,
    },
    /// The provider refused.
    Failed {
        /// Why, in the provider's words.
        reason: String,
        /// When.
        failed_at: Timestamp,
    },
    /// It was ended before the provider had said anything; whatever it charges is given back.
    Undone {
        /// When.
        undone_at: Timestamp,
    },
}

impl TopUpState {
    /// The state's name, as it is stored and told.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Undone { .. } => "undone",
        }
    }

    /// Since when it is not pending any more.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending => None,
            Self::Succeeded { succeeded_at: at, .. }
            | Self::Failed { failed_at: at, .. }
            | Self::Undone { undone_at: at } => Some(*at),
        }
    }
}

impl TopUp {
    /// When the provider was first asked what it may still owe an answer to: to charge, or to give back.
    #[must_use]
    pub const fn asked_at(&self) -> Timestamp {
        match self.state {
            TopUpState::Pending | TopUpState::Succeeded { .. } => self.created_at,
            TopUpState::Failed { failed_at: at, .. } | TopUpState::Undone { undone_at: at } => at,
        }
    }

    /// # Errors
    /// [`Refusal::TopUpFailed`] for one of which nothing came.
    pub fn ensure_not_failed(&self) -> Result<(), Refusal> {
        let reason = match &self.state {
            TopUpState::Pending | TopUpState::Succeeded { .. } => return Ok(()),
            TopUpState::Failed { reason, .. } => reason.clone(),
            TopUpState::Undone { .. } => "it was ended before the provider had charged".to_owned(),
        };
        Err(Refusal::TopUpFailed { top_up_id: self.id, reason })
    }
}

/// Cash that a user asks to have charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopUpRequest {
    /// The new top-up's id.
    pub id: TopUpId,
    /// Who asks.
    pub user_id: UserId,
    /// How much, in minor units.
    pub minor_units: i64,
}

/// Writes down that the provider is to be asked for cash. Needs the user and the user's account among the
/// records.
///
/// # Errors
/// [`Refusal::InvalidUser`] without such a user, [`Refusal::InvalidAmount`] outside the limits,
/// [`Refusal::TooManyTopUps`] while as many are pending as may be.
pub fn ask(
    records: &mut Records,
    ask: &TopUpRequest,
    policy: CashPolicy,
    settling: SettlingPolicy,
) -> Result<TopUp, Refusal> {
    records.users.get(&ask.user_id).ok_or(Refusal::InvalidUser)?;
    let now = records.now;
    let amount = records.account_mut(ask.user_id).begin_top_up(ask.minor_units, policy)?;
    let top_up = TopUp {
        id: ask.id,
        user_id: ask.user_id,
        amount,
        created_at: now,
        state: TopUpState::Pending,
        charge: ProviderChargeState::Asked(Question::asked_now(now, settling)),
    };
    records.top_ups.insert(top_up.clone());
    Ok(top_up)
}

/// Takes on the top-ups among `ids` about which the provider is to be asked at `now`, as
/// [`crate::settling::take_on`] does payments. Needs them among the records.
pub fn take_on(records: &mut Records, ids: &[TopUpId], policy: SettlingPolicy) -> Vec<TopUp> {
    let now = records.now;
    let mut taken = Vec::new();
    for id in ids {
        let Some(mut top_up) = records.top_ups.get(id).cloned() else { continue };
        let asked_at = top_up.asked_at();
        if top_up.charge.take_on(asked_at, now, policy) {
            records.top_ups.put(top_up.clone());
            taken.push(top_up);
        }
    }
    taken
}

/// Writes down what the provider said of a top-up: see [`Heard`]. Needs the top-up and its user's account
/// among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a top-up.
pub fn hear(
    records: &mut Records,
    id: TopUpId,
    verdict: &Verdict,
    entry_id: EntryId,
    policy: SettlingPolicy,
) -> Result<Heard<TopUp>, Refusal> {
    let now = records.now;
    let mut top_up = records.top_ups.get(&id).cloned().ok_or(Refusal::NotFound)?;
    let progress = match top_up.state {
        TopUpState::Pending => Progress::Pending,
        TopUpState::Succeeded { .. } => Progress::Succeeded,
        TopUpState::Failed { .. } | TopUpState::Undone { .. } => Progress::Over,
    };
    let step = step(progress, top_up.charge, verdict, Question::due_at(now, policy));
    let contradicts = matches!(step, Step::Contradiction);
    match step {
        Step::Nothing | Step::Contradiction => {}
        Step::Succeed => {
            top_up.charge = ProviderChargeState::Charged;
            top_up.state = enter(records, &top_up, entry_id)?;
        }
        Step::Fail { reason, charge } => {
            top_up.charge = charge;
            top_up.state = TopUpState::Failed { reason, failed_at: now };
            records.account_mut(top_up.user_id).end_top_up(top_up.amount);
        }
        Step::Becomes(charge) => top_up.charge = charge,
    }
    records.top_ups.put(top_up.clone());
    Ok(Heard { outcome: top_up, contradicts })
}

/// Credits the account.
fn enter(records: &mut Records, top_up: &TopUp, id: EntryId) -> Result<TopUpState, Refusal> {
    let now = records.now;
    let account = records.account_mut(top_up.user_id);
    account.end_top_up(top_up.amount);
    let entry = account
        .enter(id, EntryKind::TopUp(top_up.id), top_up.amount, now)
        .ok_or(Refusal::InvalidAmount { max: Amount::ZERO })?;
    let balance_after = entry.balance_after;
    records.entries.insert(entry);
    Ok(TopUpState::Succeeded { entry_id: id, balance_after, succeeded_at: now })
}

/// An operator ends a top-up that stays pending: whatever the provider has charged or will yet charge is
/// given back. Needs the top-up and its user's account among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a top-up; [`Refusal::NotPending`] when it is settled.
pub fn undo(records: &mut Records, id: TopUpId, policy: SettlingPolicy) -> Result<TopUp, Refusal> {
    let now = records.now;
    let mut top_up = records.top_ups.get(&id).cloned().ok_or(Refusal::NotFound)?;
    if top_up.state != TopUpState::Pending {
        return Err(Refusal::NotPending);
    }
    records.account_mut(top_up.user_id).end_top_up(top_up.amount);
    top_up.charge = ProviderChargeState::ReturnDue(Question::due_at(now, policy));
    top_up.state = TopUpState::Undone { undone_at: now };
    records.top_ups.put(top_up.clone());
    Ok(top_up)
}

/// The same, because the provider has left it pending for too long. It was asked a moment ago, and did
/// not say.
///
/// # Errors
/// As [`undo`]; also before the time at which it is to be undone.
pub fn give_up(
    records: &mut Records,
    id: TopUpId,
    policy: SettlingPolicy,
) -> Result<TopUp, Refusal> {
    let top_up = records.top_ups.get(&id).ok_or(Refusal::NotFound)?;
    if policy.undo_at(top_up.asked_at()).is_none_or(|undo_at| records.now < undo_at) {
        return Err(Refusal::NotPending);
    }
    undo(records, id, policy)
}

#[cfg(test)]
mod tests;

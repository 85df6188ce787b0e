//! Cash accounts: a prepaid balance, and an entry for every change of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::{EntryId, PaymentId, TopUpId, UserId};
use crate::money::Amount;
use crate::records::Records;
use crate::refusal::{FieldErrors, Refusal};
use crate::user::is_printable;

/// A user's prepaid balance. Its entries add up to it, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashAccount {
    /// Whose it is.
    pub user_id: UserId,
    /// What is in it.
    pub balance: Amount,
    /// How many entries it has; the number of its newest one.
    pub entry_count: u64,
    /// The digest of its newest entry, if that has one.
    pub digest: Option<EntryDigest>,
    /// Its top-ups that are pending.
    pub pending: PendingTopUps,
}

/// How many top-ups of an account are pending, and what they will bring in together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingTopUps {
    /// How many.
    pub count: u32,
    /// How much.
    pub amount: Amount,
}

/// A digest of an entry and of all before it in its account, so that an audit finds an entry that
/// was changed later, together with the balance or not.
///
/// BLAKE3 over the digest of the entry before (32 zero bytes if there is none), the entry's id and
/// its user's id (16 bytes each), its number (8 bytes), its kind (1 byte: 1 charge, 2 payment,
/// 3 refund, 4 top-up, 5 credit), the id of its payment, its top-up or the operator who credited it
/// (16 bytes, zero for a charge), its amount and the balance after it (8 bytes each), numbers in
/// big-endian, and its reason if it has one. Its time is not part of it.
pub type EntryDigest = [u8; 32];

/// One change of a balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashEntry {
    /// Its id.
    pub id: EntryId,
    /// Whose account it changed.
    pub user_id: UserId,
    /// The how-many-th entry of that account it is, from 1.
    pub number: u64,
    /// Why, which says whether it added or took.
    pub kind: EntryKind,
    /// How much it added or took.
    pub amount: Amount,
    /// What was in the account after it.
    pub balance_after: Amount,
    /// When.
    pub created_at: Timestamp,
    /// Binds it to the entries before it; none for one that was written before there were digests.
    pub digest: Option<EntryDigest>,
}

/// Why a balance changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// The user put cash in, and nobody was asked for it.
    Charge,
    /// A top-up brought cash in, which the payment provider has charged.
    TopUp(TopUpId),
    /// An operator put cash in.
    Credit {
        /// Who did.
        by: UserId,
        /// Why.
        reason: String,
    },
    /// A payment took cash out.
    Payment(PaymentId),
    /// A refunded payment gave it back.
    Refund(PaymentId),
}

impl EntryKind {
    /// The kind's name, as it is stored and told: whichever way cash comes in, that is a charge.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Charge | Self::TopUp(_) | Self::Credit { .. } => "charge",
            Self::Payment(_) => "payment",
            Self::Refund(_) => "refund",
        }
    }

    /// The payment that it belongs to.
    #[must_use]
    pub const fn payment_id(&self) -> Option<PaymentId> {
        match self {
            Self::Charge | Self::TopUp(_) | Self::Credit { .. } => None,
            Self::Payment(id) | Self::Refund(id) => Some(*id),
        }
    }

    /// The top-up that it belongs to.
    #[must_use]
    pub const fn top_up_id(&self) -> Option<TopUpId> {
        if let Self::TopUp(id) = self { Some(*id) } else { None }
    }

    /// Who credited it, and why.
    #[must_use]
    pub fn credit(&self) -> Option<(UserId, &str)> {
        if let Self::Credit { by, reason } = self { Some((*by, reason)) } else { None }
    }

    const fn takes(&self) -> bool {
        matches!(self, Self::Payment(_))
    }
}

impl CashEntry {
    /// The change with its sign: what a payment took is negative.
    #[must_use]
    pub const fn signed_amount(&self) -> i64 {
        let amount = self.amount.minor_units();
        if self.kind.takes() { -amount } else { amount }
    }
}

/// Where cash comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charging {
    /// Anybody charges any account of theirs, and nobody pays for it: play money.
    Open,
    /// An outside payment provider charges for it.
    Provider,
    /// Operators credit accounts.
    Operators,
}

impl Charging {
    /// Its name, as it is set and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Provider => "provider",
            Self::Operators => "operators",
        }
    }
}

/// How much cash may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CashPolicy {
    /// One charge is at most this much.
    pub charge_max: Amount,
    /// A charge may not lift a balance above this. (A refund may: what was paid comes back.)
    pub balance_max: Amount,
    /// A user may have so many top-ups pending.
    pub top_ups_pending_max: u32,
}

impl CashAccount {
    /// The account of somebody who never charged.
    #[must_use]
    pub const fn empty(user_id: UserId) -> Self {
        let pending = PendingTopUps { count: 0, amount: Amount::ZERO };
        Self { user_id, balance: Amount::ZERO, entry_count: 0, digest: None, pending }
    }

    /// Puts `minor_units` in.
    ///
    /// # Errors
    /// As [`Self::chargeable`].
    fn charge(
        &mut self,
        id: EntryId,
        kind: EntryKind,
        minor_units: i64,
        policy: CashPolicy,
        now: Timestamp,
    ) -> Result<CashEntry, Refusal> {
        let amount = self.chargeable(minor_units, policy)?;
        self.enter(id, kind, amount, now).ok_or(Refusal::InvalidAmount { max: Amount::ZERO })
    }

    /// That amount, if so much may come in now, beside what is pending.
    ///
    /// # Errors
    /// [`Refusal::InvalidAmount`] for less than 1, more than the policy's most, or what would pass
    /// the balance's cap.
    fn chargeable(&self, minor_units: i64, policy: CashPolicy) -> Result<Amount, Refusal> {
        let to_come = self.balance.checked_add(self.pending.amount);
        let room = to_come.and_then(|to_come| policy.balance_max.checked_sub(to_come));
        let max = room.unwrap_or(Amount::ZERO).min(policy.charge_max);
        Amount::new(minor_units)
            .filter(|amount| (1..=max.into()).contains(&i64::from(*amount)))
            .ok_or(Refusal::InvalidAmount { max })
    }

    /// Keeps room for a top-up of `minor_units` until it ends.
    ///
    /// # Errors
    /// As [`Self::chargeable`]; [`Refusal::TooManyTopUps`] while as many are pending as may be.
    pub(crate) fn begin_top_up(
        &mut self,
        minor_units: i64,
        policy: CashPolicy,
    ) -> Result<Amount, Refusal> {
        if self.pending.count >= policy.top_ups_pending_max {
            return Err(Refusal::TooManyTopUps { limit: policy.top_ups_pending_max });
        }
        let amount = self.chargeable(minor_units, policy)?;
        let PendingTopUps { count, amount: before } = self.pending;
        let amount_now = before.checked_add(amount).unwrap_or(Amount::MAX);
        self.pending = PendingTopUps { count: count + 1, amount: amount_now };
        Ok(amount)
    }

    /// A top-up is not pending any more.
    pub(crate) fn end_top_up(&mut self, amount: Amount) {
        let PendingTopUps { count, amount: before } = self.pending;
        let amount = before.checked_sub(amount).unwrap_or(Amount::ZERO);
        self.pending = PendingTopUps { count: count.saturating_sub(1), amount };
    }

    /// Changes the balance and returns the entry that says so, or nothing when the balance would
    /// leave what an amount can be.
    pub(crate) fn enter(
        &mut self,
        id: EntryId,
        kind: EntryKind,
        amount: Amount,
        now: Timestamp,
    ) -> Option<CashEntry> {
        let balance = if kind.takes() {
            self.balance.checked_sub(amount)?
        } else {
            self.balance.checked_add(amount)?
        };
        self.balance = balance;
        self.entry_count += 1;
        let mut entry = CashEntry {
            id,
            user_id: self.user_id,
            number: self.entry_count,
            kind,
            amount,
            balance_after: balance,
            created_at: now,
            digest: None,
        };
        self.digest = Some(digest(self.digest, &entry));
        entry.digest = self.digest;
        Some(entry)
    }
}

/// See [`EntryDigest`].
fn digest(before: Option<EntryDigest>, entry: &CashEntry) -> EntryDigest {
    let (kind, of) = match entry.kind {
        EntryKind::Charge => (1, Uuid::nil()),
        EntryKind::Payment(id) => (2, id.into()),
        EntryKind::Refund(id) => (3, id.into()),
        EntryKind::TopUp(id) => (4, id.into()),
        EntryKind::Credit { by, .. } => (5, by.into()),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.unwrap_or_default());
    hasher.update(Uuid::from(entry.id).as_bytes()).update(Uuid::from(entry.user_id).as_bytes());
    hasher.update(&entry.number.to_be_bytes()).update(&[kind]).update(of.as_bytes());
    hasher.update(&entry.amount.minor_units().to_be_bytes());
    hasher.update(&entry.balance_after.minor_units().to_be_bytes());
    if let Some((_, reason)) = entry.kind.credit() {
        hasher.update(reason.as_bytes());
    }
    hasher.finalize().into()
}

/// A user puts cash in. Needs the user and the user's account among the records.
///
/// # Errors
/// [`Refusal::InvalidUser`] without such a user, [`Refusal::InvalidAmount`] outside the limits.
pub fn charge(
    records: &mut Records,
    user_id: UserId,
    id: EntryId,
    minor_units: i64,
    policy: CashPolicy,
) -> Result<CashEntry, Refusal> {
    records.users.get(&user_id).ok_or(Refusal::InvalidUser)?;
    let now = records.now;
    let entry =
        records.account_mut(user_id).charge(id, EntryKind::Charge, minor_units, policy, now)?;
    records.entries.insert(entry.clone());
    Ok(entry)
}

/// Cash that an operator gives somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditRequest {
    /// The new entry's id.
    pub id: EntryId,
    /// Who gets it.
    pub user_id: UserId,
    /// Who gives it.
    pub by: UserId,
    /// How much, in minor units.
    pub minor_units: i64,
    /// Why.
    pub reason: String,
}

/// A reason is at most this long, in characters.
const REASON_MAX: usize = 200;

/// An operator puts cash into somebody's account. Needs the user and the user's account among the
/// records.
///
/// # Errors
/// [`Refusal::Invalid`] without a reason; [`Refusal::NotFound`] without such a user;
/// [`Refusal::InvalidAmount`] outside the limits.
pub fn credit(
    records: &mut Records,
    ask: &CreditRequest,
    policy: CashPolicy,
) -> Result<CashEntry, Refusal> {
    let mut errors = FieldErrors::default();
    let printable = "must have 1 to 200 printable characters";
    errors.require(is_printable(&ask.reason, REASON_MAX), "reason", printable);
    errors.into_result()?;
    records.users.get(&ask.user_id).ok_or(Refusal::NotFound)?;
    let now = records.now;
    let kind = EntryKind::Credit { by: ask.by, reason: ask.reason.clone() };
    let account = records.account_mut(ask.user_id);
    let entry = account.charge(ask.id, kind, ask.minor_units, policy, now)?;
    records.entries.insert(entry.clone());
    Ok(entry)
}

#[cfg(test)]
mod tests;

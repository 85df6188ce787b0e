//! Cash accounts: a prepaid balance, and an entry for every change of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::{EntryId, PaymentId, UserId};
use crate::money::Amount;
use crate::records::Records;
use crate::refusal::Refusal;

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
}

/// A digest of an entry and of all before it in its account, so that an audit finds an entry that
/// was changed later, together with the balance or not.
///
/// BLAKE3 over the digest of the entry before (32 zero bytes if there is none), the entry's id and
/// its user's id (16 bytes each), its number (8 bytes), its kind (1 byte: 1 charge, 2 payment,
/// 3 refund), its payment's id (16 bytes, zero for a charge), its amount and the balance after it
/// (8 bytes each), numbers in big-endian. Its time is not part of it.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// The user put cash in.
    Charge,
    /// A payment took cash out.
    Payment(PaymentId),
    /// A refunded payment gave it back.
    Refund(PaymentId),
}

impl EntryKind {
    /// The kind's name, as it is stored and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Payment(_) => "payment",
            Self::Refund(_) => "refund",
        }
    }

    /// The payment that it belongs to.
    #[must_use]
    pub const fn payment_id(self) -> Option<PaymentId> {
        match self {
            Self::Charge => None,
            Self::Payment(id) | Self::Refund(id) => Some(id),
        }
    }
}

impl CashEntry {
    /// The change with its sign: what a payment took is negative.
    #[must_use]
    pub const fn signed_amount(&self) -> i64 {
        match self.kind {
            EntryKind::Payment(_) => -self.amount.minor_units(),
            EntryKind::Charge | EntryKind::Refund(_) => self.amount.minor_units(),
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
}

impl CashAccount {
    /// The account of somebody who never charged.
    #[must_use]
    pub const fn empty(user_id: UserId) -> Self {
        Self { user_id, balance: Amount::ZERO, entry_count: 0, digest: None }
    }

    /// Puts `minor_units` in.
    ///
    /// # Errors
    /// [`Refusal::InvalidAmount`] for less than 1, more than the policy's most, or what would pass
    /// the balance's cap.
    fn charge(
        &mut self,
        id: EntryId,
        minor_units: i64,
        policy: CashPolicy,
        now: Timestamp,
    ) -> Result<CashEntry, Refusal> {
        let room = policy.balance_max.checked_sub(self.balance).unwrap_or(Amount::ZERO);
        let max = room.min(policy.charge_max);
        let amount = Amount::new(minor_units)
            .filter(|amount| (1..=max.into()).contains(&i64::from(*amount)));
        let refusal = Refusal::InvalidAmount { max };
        let amount = amount.ok_or_else(|| refusal.clone())?;
        self.enter(id, EntryKind::Charge, amount, now).ok_or(refusal)
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
        let balance = match kind {
            EntryKind::Payment(_) => self.balance.checked_sub(amount)?,
            EntryKind::Charge | EntryKind::Refund(_) => self.balance.checked_add(amount)?,
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
    let (kind, payment_id) = match entry.kind {
        EntryKind::Charge => (1, Uuid::nil()),
        EntryKind::Payment(id) => (2, id.into()),
        EntryKind::Refund(id) => (3, id.into()),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.unwrap_or_default());
    hasher.update(Uuid::from(entry.id).as_bytes()).update(Uuid::from(entry.user_id).as_bytes());
    hasher.update(&entry.number.to_be_bytes()).update(&[kind]).update(payment_id.as_bytes());
    hasher.update(&entry.amount.minor_units().to_be_bytes());
    hasher.update(&entry.balance_after.minor_units().to_be_bytes());
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
    let entry = records.account_mut(user_id).charge(id, minor_units, policy, now)?;
    records.entries.insert(entry.clone());
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: CashPolicy = match (Amount::new(1_000), Amount::new(1_500)) {
        (Some(charge_max), Some(balance_max)) => CashPolicy { charge_max, balance_max },
        _ => panic!(),
    };

    fn account(balance: i64) -> CashAccount {
        let balance = Amount::new(balance).unwrap();
        CashAccount { user_id: Uuid::nil().into(), balance, entry_count: 3, digest: None }
    }

    fn charge(account: &mut CashAccount, amount: i64) -> Result<CashEntry, Refusal> {
        account.charge(Uuid::nil().into(), amount, POLICY, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_charge_is_entered_with_the_balance_after_it() {
        let mut account = account(200);
        let entry = charge(&mut account, 300).unwrap();
        assert_eq!((entry.number, entry.signed_amount()), (4, 300));
        assert_eq!(
            (entry.balance_after, account.balance),
            (Amount::new(500).unwrap(), Amount::new(500).unwrap())
        );
    }

    #[test]
    fn an_entrys_digest_is_blake3_of_what_is_written_down_and_of_the_digest_before() {
        let user = CashAccount::empty(Uuid::from_u128(7).into());
        let mut account = CashAccount { entry_count: 4, ..user };
        let first = account.charge(Uuid::from_u128(9).into(), 300, POLICY, Timestamp::UNIX_EPOCH);
        let mut written = vec![0; 32];
        written.extend([9_u128.to_be_bytes(), 7_u128.to_be_bytes()].concat());
        written.extend([&5_u64.to_be_bytes()[..], &[1], &[0; 16]].concat());
        written.extend([300_i64.to_be_bytes(), 300_i64.to_be_bytes()].concat());
        let expected = Some(blake3::hash(&written).into());
        assert_eq!((first.unwrap().digest, account.digest), (expected, expected));

        let second = account.charge(Uuid::from_u128(9).into(), 300, POLICY, Timestamp::UNIX_EPOCH);
        assert_ne!(second.unwrap().digest, expected);
    }

    #[test]
    fn a_charge_of_nothing_of_too_much_and_past_the_cap_is_refused() {
        for (balance, amount, max) in [
            (0, 0, 1_000),
            (0, -5, 1_000),
            (0, 1_001, 1_000),
            (1_000, 501, 500),
            (0, i64::MAX, 1_000),
        ] {
            let mut account = account(balance);
            let max = Amount::new(max).unwrap();
            assert_eq!(charge(&mut account, amount), Err(Refusal::InvalidAmount { max }));
            assert_eq!(account.balance, Amount::new(balance).unwrap());
        }
        assert!(charge(&mut account(1_000), 500).is_ok());
    }

    #[test]
    fn a_payment_takes_and_never_more_than_there_is() {
        let mut account = account(100);
        let kind = EntryKind::Payment(Uuid::nil().into());
        let now = Timestamp::UNIX_EPOCH;
        let too_much = Amount::new(101).unwrap();
        assert_eq!(account.enter(Uuid::nil().into(), kind, too_much, now), None);
        let entry =
            account.enter(Uuid::nil().into(), kind, Amount::new(100).unwrap(), now).unwrap();
        assert_eq!((entry.signed_amount(), account.balance), (-100, Amount::ZERO));
    }
}

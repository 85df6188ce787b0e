use diesel::prelude::*;
use domain::cash::{CashAccount, CashEntry, EntryKind};
use domain::payment::{Payment, PaymentState};

use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, number, present, read, time};
use crate::schema::{cash_accounts, cash_entries, payments};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = payments, treat_none_as_default_value = false)]
pub(crate) struct PaymentRow {
    id: Key,
    pub(crate) reservation_id: Key,
    user_id: Key,
    amount: i64,
    balance_before: i64,
    balance_after: i64,
    paid_at: i64,
    state: String,
    refunded_at: Option<i64>,
}

update_by_key! { payments by id in PaymentRow: state: Text, refunded_at: Nullable<BigInt> }

impl From<&Payment> for PaymentRow {
    fn from(payment: &Payment) -> Self {
        let (state, refunded_at) = match payment.state {
            PaymentState::Succeeded => ("succeeded", None),
            PaymentState::Refunded { refunded_at } => ("refunded", Some(micros(refunded_at))),
        };
        Self {
            id: key(payment.id),
            reservation_id: key(payment.reservation_id),
            user_id: key(payment.user_id),
            amount: payment.amount.into(),
            balance_before: payment.balance_before.into(),
            balance_after: payment.balance_after.into(),
            paid_at: micros(payment.paid_at),
            state: state.to_owned(),
            refunded_at,
        }
    }
}

impl TryFrom<PaymentRow> for Payment {
    type Error = Unreadable;

    fn try_from(row: PaymentRow) -> Result<Self, Unreadable> {
        let state = match row.state.as_str() {
            "succeeded" => PaymentState::Succeeded,
            "refunded" => PaymentState::Refunded {
                refunded_at: time(present(row.refunded_at, "time of a refund")?)?,
            },
            _ => return Err(Unreadable("payment state")),
        };
        Ok(Self {
            id: row.id.id(),
            reservation_id: row.reservation_id.id(),
            user_id: row.user_id.id(),
            amount: read(row.amount, "amount")?,
            balance_before: read(row.balance_before, "balance")?,
            balance_after: read(row.balance_after, "balance")?,
            paid_at: time(row.paid_at)?,
            state,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = cash_accounts, treat_none_as_default_value = false)]
pub(crate) struct AccountRow {
    user_id: Key,
    balance: i64,
    entry_count: i64,
}

update_by_key! { cash_accounts by user_id in AccountRow: balance: BigInt, entry_count: BigInt }

impl From<&CashAccount> for AccountRow {
    fn from(account: &CashAccount) -> Self {
        Self {
            user_id: key(account.user_id),
            balance: account.balance.into(),
            entry_count: number(account.entry_count),
        }
    }
}

impl TryFrom<AccountRow> for CashAccount {
    type Error = Unreadable;

    fn try_from(row: AccountRow) -> Result<Self, Unreadable> {
        Ok(Self {
            user_id: row.user_id.id(),
            balance: read(row.balance, "balance")?,
            entry_count: read(row.entry_count, "number of entries")?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = cash_entries, treat_none_as_default_value = false)]
pub(crate) struct EntryRow {
    id: Key,
    user_id: Key,
    number: i64,
    kind: String,
    payment_id: Option<Key>,
    amount: i64,
    balance_after: i64,
    created_at: i64,
}

impl From<&CashEntry> for EntryRow {
    fn from(entry: &CashEntry) -> Self {
        Self {
            id: key(entry.id),
            user_id: key(entry.user_id),
            number: number(entry.number),
            kind: entry.kind.name().to_owned(),
            payment_id: entry.kind.payment_id().map(key),
            amount: entry.amount.into(),
            balance_after: entry.balance_after.into(),
            created_at: micros(entry.created_at),
        }
    }
}

impl TryFrom<EntryRow> for CashEntry {
    type Error = Unreadable;

    fn try_from(row: EntryRow) -> Result<Self, Unreadable> {
        let payment = || present(row.payment_id, "payment of an entry").map(Key::id);
        let kind = match row.kind.as_str() {
            "charge" => EntryKind::Charge,
            "payment" => EntryKind::Payment(payment()?),
            "refund" => EntryKind::Refund(payment()?),
            _ => return Err(Unreadable("kind of an entry")),
        };
        Ok(Self {
            id: row.id.id(),
            user_id: row.user_id.id(),
            number: read(row.number, "number")?,
            kind,
            amount: read(row.amount, "amount")?,
            balance_after: read(row.balance_after, "balance")?,
            created_at: time(row.created_at)?,
        })
    }
}

use domain::Timestamp;
use domain::cash::{CashAccount, CashEntry, EntryKind};
use domain::payment::{Payment, PaymentState};
use uuid::Uuid;

use super::row;
use crate::columns::{Unreadable, number, present, read};
use crate::schema::{cash_accounts, cash_entries, payments};

row! {
    payments by (id) changing (state, refunded_at)
    pub(crate) struct PaymentRow {
        id: Uuid,
        pub(crate) reservation_id: Uuid,
        user_id: Uuid,
        amount: i64,
        balance_before: i64,
        balance_after: i64,
        paid_at: Timestamp,
        state: String,
        refunded_at: Option<Timestamp>,
    }
}

impl From<&Payment> for PaymentRow {
    fn from(payment: &Payment) -> Self {
        let (state, refunded_at) = match payment.state {
            PaymentState::Succeeded => ("succeeded", None),
            PaymentState::Refunded { refunded_at } => ("refunded", Some(refunded_at)),
        };
        Self {
            id: payment.id.into(),
            reservation_id: payment.reservation_id.into(),
            user_id: payment.user_id.into(),
            amount: payment.amount.into(),
            balance_before: payment.balance_before.into(),
            balance_after: payment.balance_after.into(),
            paid_at: payment.paid_at,
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
                refunded_at: present(row.refunded_at, "time of a refund")?,
            },
            _ => return Err(Unreadable("payment state")),
        };
        Ok(Self {
            id: row.id.into(),
            reservation_id: row.reservation_id.into(),
            user_id: row.user_id.into(),
            amount: read(row.amount, "amount")?,
            balance_before: read(row.balance_before, "balance")?,
            balance_after: read(row.balance_after, "balance")?,
            paid_at: row.paid_at,
            state,
        })
    }
}

row! {
    cash_accounts by (user_id) changing (balance, entry_count)
    pub(crate) struct AccountRow {
        user_id: Uuid,
        balance: i64,
        entry_count: i64,
    }
}

impl From<&CashAccount> for AccountRow {
    fn from(account: &CashAccount) -> Self {
        Self {
            user_id: account.user_id.into(),
            balance: account.balance.into(),
            entry_count: number(account.entry_count),
        }
    }
}

impl TryFrom<AccountRow> for CashAccount {
    type Error = Unreadable;

    fn try_from(row: AccountRow) -> Result<Self, Unreadable> {
        Ok(Self {
            user_id: row.user_id.into(),
            balance: read(row.balance, "balance")?,
            entry_count: read(row.entry_count, "number of entries")?,
        })
    }
}

row! {
    cash_entries by (id) changing ()
    pub(crate) struct EntryRow {
        id: Uuid,
        user_id: Uuid,
        number: i64,
        kind: String,
        payment_id: Option<Uuid>,
        amount: i64,
        balance_after: i64,
        created_at: Timestamp,
    }
}

impl From<&CashEntry> for EntryRow {
    fn from(entry: &CashEntry) -> Self {
        Self {
            id: entry.id.into(),
            user_id: entry.user_id.into(),
            number: number(entry.number),
            kind: entry.kind.name().to_owned(),
            payment_id: entry.kind.payment_id().map(Into::into),
            amount: entry.amount.into(),
            balance_after: entry.balance_after.into(),
            created_at: entry.created_at,
        }
    }
}

impl TryFrom<EntryRow> for CashEntry {
    type Error = Unreadable;

    fn try_from(row: EntryRow) -> Result<Self, Unreadable> {
        let payment = || present(row.payment_id, "payment of an entry").map(Into::into);
        let kind = match row.kind.as_str() {
            "charge" => EntryKind::Charge,
            "payment" => EntryKind::Payment(payment()?),
            "refund" => EntryKind::Refund(payment()?),
            _ => return Err(Unreadable("kind of an entry")),
        };
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            number: read(row.number, "number")?,
            kind,
            amount: read(row.amount, "amount")?,
            balance_after: read(row.balance_after, "balance")?,
            created_at: row.created_at,
        })
    }
}

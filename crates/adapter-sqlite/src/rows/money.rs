use diesel::prelude::*;
use domain::cash::{CashAccount, CashEntry, EntryKind, PendingTopUps};
use domain::payment::{Payment, PaymentState};
use domain::provider_charge::{ProviderCharge, ProviderChargeState, Question};
use domain::top_up::{TopUp, TopUpState};

use super::update::update_by_key;
use crate::columns::{Key, Unreadable, key, micros, number, present, read, time};
use crate::schema::{cash_accounts, cash_entries, payments, top_ups};

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
    ended_at: Option<i64>,
    failure: Option<String>,
    provider_token_id: Option<Key>,
    provider_state: Option<String>,
    provider_asks: Option<i64>,
    provider_ask_at: Option<i64>,
    provider_settle_by: Option<i64>,
}

update_by_key! { payments by id in PaymentRow:
    state: Text, ended_at: Nullable<BigInt>, failure: Nullable<Text>, provider_state: Nullable<Text>,
    provider_asks: Nullable<BigInt>, provider_ask_at: Nullable<BigInt>,
    provider_settle_by: Nullable<BigInt>
}

impl From<&Payment> for PaymentRow {
    fn from(payment: &Payment) -> Self {
        let (state, ended_at, failure) = match &payment.state {
            PaymentState::Pending => ("pending", None, None),
            PaymentState::Succeeded => ("succeeded", None, None),
            PaymentState::Failed { reason, failed_at } => {
                ("failed", Some(micros(*failed_at)), Some(reason.clone()))
            }
            PaymentState::Refunded { refunded_at } => {
                ("refunded", Some(micros(*refunded_at)), None)
            }
        };
        let provider = payment.provider.as_ref();
        let question = provider.and_then(ProviderCharge::question);
        Self {
            id: key(payment.id),
            reservation_id: key(payment.reservation_id),
            user_id: key(payment.user_id),
            amount: payment.amount.into(),
            balance_before: payment.balance_before.into(),
            balance_after: payment.balance_after.into(),
            paid_at: micros(payment.paid_at),
            state: state.to_owned(),
            ended_at,
            failure,
            provider_token_id: provider.map(|charge| key(charge.token_id)),
            provider_state: provider.map(|charge| charge.state.name().to_owned()),
            provider_asks: question.map(|question| question.asks.into()),
            provider_ask_at: question.map(|question| micros(question.ask_at)),
            provider_settle_by: question.map(|question| micros(question.settle_by)),
        }
    }
}

impl TryFrom<PaymentRow> for Payment {
    type Error = Unreadable;

    fn try_from(row: PaymentRow) -> Result<Self, Unreadable> {
        let provider = provider_charge(&row)?;
        let state = match row.state.as_str() {
            "pending" => PaymentState::Pending,
            "succeeded" => PaymentState::Succeeded,
            "failed" => PaymentState::Failed {
                reason: present(row.failure, "reason of a failure")?,
                failed_at: time(present(row.ended_at, "time of a failure")?)?,
            },
            "refunded" => PaymentState::Refunded {
                refunded_at: time(present(row.ended_at, "time of a refund")?)?,
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
            provider,
        })
    }
}

fn provider_charge(row: &PaymentRow) -> Result<Option<ProviderCharge>, Unreadable> {
    let (Some(token_id), Some(state)) = (row.provider_token_id, &row.provider_state) else {
        return Ok(None);
    };
    let question = (row.provider_asks, row.provider_ask_at, row.provider_settle_by);
    Ok(Some(ProviderCharge { token_id: token_id.id(), state: charge_state(state, question)? }))
}

/// What is known of a provider's charge, with how often it was asked, when it is next, and until when.
fn charge_state(
    state: &str,
    (asks, ask_at, settle_by): (Option<i64>, Option<i64>, Option<i64>),
) -> Result<ProviderChargeState, Unreadable> {
    let question = || {
        Ok::<_, Unreadable>(Question {
            asks: read(present(asks, "number of questions")?, "number of questions")?,
            ask_at: time(present(ask_at, "time of a question")?)?,
            settle_by: time(present(settle_by, "end of patience")?)?,
        })
    };
    Ok(match state {
        "asked" => ProviderChargeState::Asked(question()?),
        "charged" => ProviderChargeState::Charged,
        "declined" => ProviderChargeState::Declined,
        "return_due" => ProviderChargeState::ReturnDue(question()?),
        "returned" => ProviderChargeState::Returned,
        _ => return Err(Unreadable("provider state")),
    })
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = top_ups, treat_none_as_default_value = false)]
pub(crate) struct TopUpRow {
    id: Key,
    user_id: Key,
    amount: i64,
    created_at: i64,
    state: String,
    ended_at: Option<i64>,
    failure: Option<String>,
    entry_id: Option<Key>,
    balance_after: Option<i64>,
    provider_state: String,
    provider_asks: Option<i64>,
    provider_ask_at: Option<i64>,
    provider_settle_by: Option<i64>,
}

update_by_key! { top_ups by id in TopUpRow:
    state: Text, ended_at: Nullable<BigInt>, failure: Nullable<Text>, entry_id: Nullable<Binary>,
    balance_after: Nullable<BigInt>, provider_state: Text, provider_asks: Nullable<BigInt>,
    provider_ask_at: Nullable<BigInt>, provider_settle_by: Nullable<BigInt>
}

impl From<&TopUp> for TopUpRow {
    fn from(top_up: &TopUp) -> Self {
        let (failure, entry) = match &top_up.state {
            TopUpState::Failed { reason, .. } => (Some(reason.clone()), None),
            TopUpState::Succeeded { entry_id, balance_after, .. } => {
                (None, Some((*entry_id, *balance_after)))
            }
            TopUpState::Pending | TopUpState::Undone { .. } => (None, None),
        };
        let question = top_up.charge.question();
        Self {
            id: key(top_up.id),
            user_id: key(top_up.user_id),
            amount: top_up.amount.into(),
            created_at: micros(top_up.created_at),
            state: top_up.state.name().to_owned(),
            ended_at: top_up.state.ended_at().map(micros),
            failure,
            entry_id: entry.map(|(entry_id, _)| key(entry_id)),
            balance_after: entry.map(|(_, balance_after)| balance_after.into()),
            provider_state: top_up.charge.name().to_owned(),
            provider_asks: question.map(|question| question.asks.into()),
            provider_ask_at: question.map(|question| micros(question.ask_at)),
            provider_settle_by: question.map(|question| micros(question.settle_by)),
        }
    }
}

impl TryFrom<TopUpRow> for TopUp {
    type Error = Unreadable;

    fn try_from(row: TopUpRow) -> Result<Self, Unreadable> {
        let ended_at = || present(row.ended_at, "end of a top-up").and_then(time);
        let state = match row.state.as_str() {
            "pending" => TopUpState::Pending,
            "succeeded" => TopUpState::Succeeded {
                entry_id: present(row.entry_id.map(Key::id), "entry of a top-up")?,
                balance_after: read(present(row.balance_after, "balance of a top-up")?, "balance")?,
                succeeded_at: ended_at()?,
            },
            "failed" => TopUpState::Failed {
                reason: present(row.failure, "reason of a failure")?,
                failed_at: ended_at()?,
            },
            "undone" => TopUpState::Undone { undone_at: ended_at()? },
            _ => return Err(Unreadable("top-up state")),
        };
        let question = (row.provider_asks, row.provider_ask_at, row.provider_settle_by);
        Ok(Self {
            id: row.id.id(),
            user_id: row.user_id.id(),
            amount: read(row.amount, "amount")?,
            created_at: time(row.created_at)?,
            state,
            charge: charge_state(&row.provider_state, question)?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = cash_accounts, treat_none_as_default_value = false)]
pub(crate) struct AccountRow {
    user_id: Key,
    balance: i64,
    entry_count: i64,
    digest: Option<Vec<u8>>,
    pending_count: i64,
    pending_amount: i64,
}

update_by_key! { cash_accounts by user_id in AccountRow:
    balance: BigInt, entry_count: BigInt, digest: Nullable<Binary>, pending_count: BigInt, pending_amount: BigInt
}

impl From<&CashAccount> for AccountRow {
    fn from(account: &CashAccount) -> Self {
        Self {
            user_id: key(account.user_id),
            balance: account.balance.into(),
            entry_count: number(account.entry_count),
            digest: account.digest.map(Vec::from),
            pending_count: account.pending.count.into(),
            pending_amount: account.pending.amount.into(),
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
            digest: row.digest.map(|digest| read(digest, "digest")).transpose()?,
            pending: PendingTopUps {
                count: read(row.pending_count, "number of top-ups")?,
                amount: read(row.pending_amount, "amount of top-ups")?,
            },
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
    digest: Option<Vec<u8>>,
    top_up_id: Option<Key>,
    credited_by: Option<Key>,
    reason: Option<String>,
}

impl From<&CashEntry> for EntryRow {
    fn from(entry: &CashEntry) -> Self {
        let credit = entry.kind.credit();
        Self {
            id: key(entry.id),
            user_id: key(entry.user_id),
            number: number(entry.number),
            kind: entry.kind.name().to_owned(),
            payment_id: entry.kind.payment_id().map(key),
            amount: entry.amount.into(),
            balance_after: entry.balance_after.into(),
            created_at: micros(entry.created_at),
            digest: entry.digest.map(Vec::from),
            top_up_id: entry.kind.top_up_id().map(key),
            credited_by: credit.map(|(by, _)| key(by)),
            reason: credit.map(|(_, reason)| reason.to_owned()),
        }
    }
}

impl TryFrom<EntryRow> for CashEntry {
    type Error = Unreadable;

    fn try_from(row: EntryRow) -> Result<Self, Unreadable> {
        let payment = || present(row.payment_id, "payment of an entry").map(Key::id);
        let kind = match row.kind.as_str() {
            "charge" => match (row.top_up_id, row.credited_by, row.reason) {
                (Some(id), _, _) => EntryKind::TopUp(id.id()),
                (None, Some(by), Some(reason)) => EntryKind::Credit { by: by.id(), reason },
                (None, _, _) => EntryKind::Charge,
            },
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
            digest: row.digest.map(|digest| read(digest, "digest")).transpose()?,
        })
    }
}

use domain::Timestamp;
use domain::cash::{CashAccount, CashEntry, EntryKind, PendingTopUps};
use domain::payment::{Payment, PaymentState};
use domain::provider_charge::{ProviderCharge, ProviderChargeState, Question};
use domain::top_up::{TopUp, TopUpState};
use uuid::Uuid;

use super::row;
use crate::columns::{Unreadable, number, present, read};
use crate::schema::{cash_accounts, cash_entries, payments, top_ups};

row! {
    payments by (id) changing (
        state, ended_at, failure, provider_state, provider_asks, provider_ask_at, provider_settle_by
    )
    pub(crate) struct PaymentRow {
        id: Uuid,
        pub(crate) reservation_id: Uuid,
        user_id: Uuid,
        amount: i64,
        balance_before: i64,
        balance_after: i64,
        paid_at: Timestamp,
        state: String,
        ended_at: Option<Timestamp>,
        failure: Option<String>,
        provider_token_id: Option<Uuid>,
        provider_state: Option<String>,
        provider_asks: Option<i64>,
        provider_ask_at: Option<Timestamp>,
        provider_settle_by: Option<Timestamp>,
    }
}

impl From<&Payment> for PaymentRow {
    fn from(payment: &Payment) -> Self {
        let (state, ended_at, failure) = match &payment.state {
            PaymentState::Pending => ("pending", None, None),
            PaymentState::Succeeded => ("succeeded", None, None),
            PaymentState::Failed { reason, failed_at } => {
                ("failed", Some(*failed_at), Some(reason.clone()))
            }
            PaymentState::Refunded { refunded_at } => ("refunded", Some(*refunded_at), None),
        };
        let provider = payment.provider.as_ref();
        let question = provider.and_then(ProviderCharge::question);
        Self {
            id: payment.id.into(),
            reservation_id: payment.reservation_id.into(),
            user_id: payment.user_id.into(),
            amount: payment.amount.into(),
            balance_before: payment.balance_before.into(),
            balance_after: payment.balance_after.into(),
            paid_at: payment.paid_at,
            state: state.to_owned(),
            ended_at,
            failure,
            provider_token_id: provider.map(|charge| charge.token_id.into()),
            provider_state: provider.map(|charge| charge.state.name().to_owned()),
            provider_asks: question.map(|question| question.asks.into()),
            provider_ask_at: question.map(|question| question.ask_at),
            provider_settle_by: question.map(|question| question.settle_by),
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
                failed_at: present(row.ended_at, "time of a failure")?,
            },
            "refunded" => {
                PaymentState::Refunded { refunded_at: present(row.ended_at, "time of a refund")? }
            }
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
            provider,
        })
    }
}

fn provider_charge(row: &PaymentRow) -> Result<Option<ProviderCharge>, Unreadable> {
    let (Some(token_id), Some(state)) = (row.provider_token_id, &row.provider_state) else {
        return Ok(None);
    };
    let question = (row.provider_asks, row.provider_ask_at, row.provider_settle_by);
    Ok(Some(ProviderCharge { token_id: token_id.into(), state: charge_state(state, question)? }))
}

/// What is known of a provider's charge, with how often it was asked, when it is next, and until when.
fn charge_state(
    state: &str,
    (asks, ask_at, settle_by): (Option<i64>, Option<Timestamp>, Option<Timestamp>),
) -> Result<ProviderChargeState, Unreadable> {
    let question = || {
        Ok::<_, Unreadable>(Question {
            asks: read(present(asks, "number of questions")?, "number of questions")?,
            ask_at: present(ask_at, "time of a question")?,
            settle_by: present(settle_by, "end of patience")?,
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

row! {
    top_ups by (id) changing (
        state, ended_at, failure, entry_id, balance_after, provider_state, provider_asks, provider_ask_at,
        provider_settle_by
    )
    pub(crate) struct TopUpRow {
        id: Uuid,
        user_id: Uuid,
        amount: i64,
        created_at: Timestamp,
        state: String,
        ended_at: Option<Timestamp>,
        failure: Option<String>,
        entry_id: Option<Uuid>,
        balance_after: Option<i64>,
        provider_state: String,
        provider_asks: Option<i64>,
        provider_ask_at: Option<Timestamp>,
        provider_settle_by: Option<Timestamp>,
    }
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
            id: top_up.id.into(),
            user_id: top_up.user_id.into(),
            amount: top_up.amount.into(),
            created_at: top_up.created_at,
            state: top_up.state.name().to_owned(),
            ended_at: top_up.state.ended_at(),
            failure,
            entry_id: entry.map(|(entry_id, _)| entry_id.into()),
            balance_after: entry.map(|(_, balance_after)| balance_after.into()),
            provider_state: top_up.charge.name().to_owned(),
            provider_asks: question.map(|question| question.asks.into()),
            provider_ask_at: question.map(|question| question.ask_at),
            provider_settle_by: question.map(|question| question.settle_by),
        }
    }
}

impl TryFrom<TopUpRow> for TopUp {
    type Error = Unreadable;

    fn try_from(row: TopUpRow) -> Result<Self, Unreadable> {
        let ended_at = || present(row.ended_at, "end of a top-up");
        let state = match row.state.as_str() {
            "pending" => TopUpState::Pending,
            "succeeded" => TopUpState::Succeeded {
                entry_id: present(row.entry_id.map(Into::into), "entry of a top-up")?,
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
            id: row.id.into(),
            user_id: row.user_id.into(),
            amount: read(row.amount, "amount")?,
            created_at: row.created_at,
            state,
            charge: charge_state(&row.provider_state, question)?,
        })
    }
}

row! {
    cash_accounts by (user_id) changing (
        balance, entry_count, digest, pending_count, pending_amount
    )
    pub(crate) struct AccountRow {
        user_id: Uuid,
        balance: i64,
        entry_count: i64,
        digest: Option<Vec<u8>>,
        pending_count: i64,
        pending_amount: i64,
    }
}

impl From<&CashAccount> for AccountRow {
    fn from(account: &CashAccount) -> Self {
        Self {
            user_id: account.user_id.into(),
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
            user_id: row.user_id.into(),
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
        digest: Option<Vec<u8>>,
        top_up_id: Option<Uuid>,
        credited_by: Option<Uuid>,
        reason: Option<String>,
    }
}

impl From<&CashEntry> for EntryRow {
    fn from(entry: &CashEntry) -> Self {
        let credit = entry.kind.credit();
        Self {
            id: entry.id.into(),
            user_id: entry.user_id.into(),
            number: number(entry.number),
            kind: entry.kind.name().to_owned(),
            payment_id: entry.kind.payment_id().map(Into::into),
            amount: entry.amount.into(),
            balance_after: entry.balance_after.into(),
            created_at: entry.created_at,
            digest: entry.digest.map(Vec::from),
            top_up_id: entry.kind.top_up_id().map(Into::into),
            credited_by: credit.map(|(by, _)| by.into()),
            reason: credit.map(|(_, reason)| reason.to_owned()),
        }
    }
}

impl TryFrom<EntryRow> for CashEntry {
    type Error = Unreadable;

    fn try_from(row: EntryRow) -> Result<Self, Unreadable> {
        let payment = || present(row.payment_id, "payment of an entry").map(Into::into);
        let kind = match row.kind.as_str() {
            "charge" => match (row.top_up_id, row.credited_by, row.reason) {
                (Some(id), _, _) => EntryKind::TopUp(id.into()),
                (None, Some(by), Some(reason)) => EntryKind::Credit { by: by.into(), reason },
                (None, _, _) => EntryKind::Charge,
            },
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
            digest: row.digest.map(|digest| read(digest, "digest")).transpose()?,
        })
    }
}

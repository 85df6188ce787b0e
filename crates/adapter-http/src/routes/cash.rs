use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, Utc};
use domain::cash::{CashEntry, Charging, EntryKind};
use domain::ids::{EntryId, TopUpId, UserId};
use domain::money::Amount;
use domain::top_up::TopUpState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::top_ups::TopUpBody;
use crate::body::Body;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::words;

#[derive(Serialize, ToSchema)]
pub(crate) struct Balance {
    user_id: Uuid,
    /// In minor units.
    balance: i64,
    /// ISO 4217.
    currency: String,
    /// Where cash comes from: `open`, from anybody who charges, so it is play money; `provider`, the
    /// payment provider charges for it; `operators`, they credit accounts.
    #[schema(schema_with = words::charging)]
    charges: &'static str,
}

/// What is in your account.
#[utoipa::path(get, path = "/api/users/balance", tag = "cash",
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = Balance),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn show_balance(
    app: Data<Application>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let balance = app.show_balance.execute(user_id).await?.into();
    let currency = app.policies.currency.to_string();
    let charges = app.policies.charging.name();
    Ok(HttpResponse::Ok().json(Balance { user_id: user_id.into(), balance, currency, charges }))
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Charge {
    /// In minor units, from 1.
    #[schema(minimum = 1)]
    amount: i64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Charged {
    user_id: Uuid,
    /// What is in the account now, in minor units.
    balance: i64,
    /// ISO 4217.
    currency: String,
    charged_amount: i64,
    entry_id: Uuid,
    /// The top-up by which the payment provider has charged; `null` where none is asked.
    top_up_id: Option<Uuid>,
}

/// Put cash into your account. Where a payment provider charges for it and does not answer in time, the
/// top-up is pending: look at it later, or ask again with the same idempotency key.
#[utoipa::path(post, path = "/api/users/balance", tag = "cash", request_body = Charge,
    params(("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = Charged),
    (status = 202, description = "The top-up is `pending`: the provider has not answered yet", body = TopUpBody),
    (status = 400, description = "`invalid_request`; `invalid_amount` with `max`: not 1 to the most that can be charged now", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 402, description = "`top_up_failed` with `top_up_id` and `reason`: the provider refused, and nothing came in", body = ProblemBody),
    (status = 403, description = "`charging_closed`: only operators credit accounts", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
    (status = 429, description = "`too_many_top_ups` with `limit`: so many may be pending", body = ProblemBody),
))]
pub(crate) async fn charge(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let user_id = bearer.user(&app).await?;
    let ask: Charge = body.json()?;
    let request = key.of(user_id, "POST /api/users/balance", "", &ask);
    if app.policies.charging == Charging::Provider {
        let topped_up = app.top_up_cash.execute(user_id, ask.amount, request).await?;
        return Ok(match &topped_up.value.state {
            TopUpState::Succeeded { entry_id, balance_after, .. } => {
                let entry = (*entry_id, *balance_after, topped_up.value.amount);
                let body = Charged::of(user_id, entry, Some(topped_up.value.id), &app);
                answer(HttpResponse::Ok(), topped_up.replayed, &body)
            }
            _ => {
                let body = TopUpBody::of(&topped_up.value, &app);
                answer(HttpResponse::Accepted(), topped_up.replayed, &body)
            }
        });
    }
    let charged = app.charge_cash.execute(user_id, ask.amount, request).await?;
    let entry = (charged.value.id, charged.value.balance_after, charged.value.amount);
    let body = Charged::of(user_id, entry, None, &app);
    Ok(answer(HttpResponse::Ok(), charged.replayed, &body))
}

impl Charged {
    fn of(
        user_id: UserId,
        (entry_id, balance_after, amount): (EntryId, Amount, Amount),
        top_up_id: Option<TopUpId>,
        app: &Application,
    ) -> Self {
        Self {
            user_id: user_id.into(),
            balance: balance_after.into(),
            currency: app.policies.currency.to_string(),
            charged_amount: amount.into(),
            entry_id: entry_id.into(),
            top_up_id: top_up_id.map(Into::into),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Entries {
    entries: Vec<Entry>,
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Entry {
    entry_id: Uuid,
    #[schema(schema_with = words::entry_kind)]
    kind: &'static str,
    /// In minor units; negative for what a payment took.
    amount: i64,
    balance_after: i64,
    /// The payment that it belongs to, or the top-up by which the payment provider has charged for it;
    /// `null` for another charge.
    reference: Option<Uuid>,
    /// Why an operator credited it; `null` unless one did.
    reason: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<&CashEntry> for Entry {
    fn from(entry: &CashEntry) -> Self {
        Self {
            entry_id: entry.id.into(),
            kind: entry.kind.name(),
            amount: entry.signed_amount(),
            balance_after: entry.balance_after.into(),
            reference: reference(&entry.kind),
            reason: entry.kind.credit().map(|(_, reason)| reason.to_owned()),
            created_at: entry.created_at,
        }
    }
}

fn reference(kind: &EntryKind) -> Option<Uuid> {
    let payment = kind.payment_id().map(Into::into);
    payment.or_else(|| kind.top_up_id().map(Into::into))
}

/// What changed your balance, newest first.
#[utoipa::path(get, path = "/api/users/balance/entries", tag = "cash", params(PageQuery),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = Entries),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn list_entries(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<EntryId>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let page = app.list_entries.execute(user_id, page.0).await?;
    let entries = page.items.iter().map(Entry::from).collect();
    Ok(HttpResponse::Ok().json(Entries { entries, next_cursor: next_cursor(&page) }))
}

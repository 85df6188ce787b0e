use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, Utc};
use domain::cash::CashEntry;
use domain::ids::EntryId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

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
    Ok(HttpResponse::Ok().json(Balance { user_id: user_id.into(), balance, currency }))
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
}

/// Put cash into your account.
#[utoipa::path(post, path = "/api/users/balance", tag = "cash", request_body = Charge,
    params(("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = Charged),
    (status = 400, description = "`invalid_request`; `invalid_amount` with `max`: not 1 to the most that can be charged now", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn charge(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    body: Body,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.user(&app).await?;
    let ask: Charge = body.json()?;
    let request = key.of(user_id, "POST /api/users/balance", "", &ask);
    let charged = app.charge_cash.execute(user_id, ask.amount, request).await?;
    let body = Charged {
        user_id: user_id.into(),
        balance: charged.value.balance_after.into(),
        currency: app.policies.currency.to_string(),
        charged_amount: charged.value.amount.into(),
        entry_id: charged.value.id.into(),
    };
    Ok(answer(HttpResponse::Ok(), charged.replayed, &body))
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
    /// The payment that it belongs to; `null` for a charge.
    reference: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<&CashEntry> for Entry {
    fn from(entry: &CashEntry) -> Self {
        Self {
            entry_id: entry.id.into(),
            kind: entry.kind.name(),
            amount: entry.signed_amount(),
            balance_after: entry.balance_after.into(),
            reference: entry.kind.payment_id().map(Into::into),
            created_at: entry.created_at,
        }
    }
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

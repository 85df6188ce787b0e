use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use domain::ids::UserId;
use domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::operator::ensure_operator;
use super::path_id;
use crate::body::Body;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::origin::From;
use crate::problem::{Problem, ProblemBody};

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credit {
    /// In minor units, from 1.
    #[schema(minimum = 1)]
    amount: i64,
    /// Why, in 1 to 200 printable characters; the user sees it.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Credited {
    user_id: Uuid,
    /// What is in the account now, in minor units.
    balance: i64,
    /// ISO 4217.
    currency: String,
    credited_amount: i64,
    reason: String,
    entry_id: Uuid,
}

/// Put cash into somebody's account.
#[utoipa::path(post, path = "/api/admin/users/{user_id}/credits", tag = "operators", request_body = Credit,
    params(("user_id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = [])), responses(
    (status = 201, body = Credited),
    (status = 400, description = "`invalid_request`; `invalid_amount` with `max`: not 1 to the most that can be credited now", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`; `charging_closed`: all cash comes through the payment provider", body = ProblemBody),
    (status = 404, description = "`not_found`: there is no such user", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn credit(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    from: From,
    path: Path<String>,
    body: Body,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let user_id: UserId = path_id(&path, Refusal::NotFound)?;
    let ask: Credit = body.json()?;
    let call = "POST /api/admin/users/{id}/credits";
    let request = key.of(operator, call, &user_id.to_string(), &ask);
    let cash = (ask.amount, ask.reason);
    let credited = app.credit_account.execute(operator, user_id, cash, request, &from.0).await?;
    let entry = &credited.value;
    let body = Credited {
        user_id: user_id.into(),
        balance: entry.balance_after.into(),
        currency: app.policies.currency.to_string(),
        credited_amount: entry.amount.into(),
        reason: entry.kind.credit().map(|(_, reason)| reason.to_owned()).unwrap_or_default(),
        entry_id: entry.id.into(),
    };
    Ok(answer(HttpResponse::Created(), credited.replayed, &body))
}

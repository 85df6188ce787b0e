use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::ids::TopUpId;
use domain::refusal::Refusal;
use domain::top_up::{TopUp, TopUpState};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::operator::ensure_operator;
use super::path_id;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::origin::From;
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::words;

/// Cash that the payment provider was asked to charge for an account.
#[derive(Serialize, ToSchema)]
#[schema(as = TopUp)]
pub(crate) struct TopUpBody {
    top_up_id: Uuid,
    /// `pending`, `succeeded`, `failed` or `undone`: it was ended before the provider had charged.
    #[schema(schema_with = words::top_up_status)]
    status: &'static str,
    /// In minor units.
    amount: i64,
    /// ISO 4217.
    currency: String,
    created_at: DateTime<Utc>,
    /// Since when it is not pending any more.
    ended_at: Option<DateTime<Utc>>,
    /// The entry by which it came into the account, once it has succeeded.
    entry_id: Option<Uuid>,
    /// What was in the account after that, in minor units.
    balance_after: Option<i64>,
    /// Why the provider refused, if it did.
    reason: Option<String>,
}

impl TopUpBody {
    pub(super) fn of(top_up: &TopUp, app: &Application) -> Self {
        let entry = match top_up.state {
            TopUpState::Succeeded { entry_id, balance_after, .. } => {
                Some((entry_id, balance_after))
            }
            TopUpState::Pending | TopUpState::Failed { .. } | TopUpState::Undone { .. } => None,
        };
        let reason = match &top_up.state {
            TopUpState::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        Self {
            top_up_id: top_up.id.into(),
            status: top_up.state.name(),
            amount: top_up.amount.into(),
            currency: app.policies.currency.to_string(),
            created_at: top_up.created_at,
            ended_at: top_up.state.ended_at(),
            entry_id: entry.map(|(entry_id, _)| entry_id.into()),
            balance_after: entry.map(|(_, balance_after)| balance_after.into()),
            reason,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TopUps {
    top_ups: Vec<TopUpBody>,
    next_cursor: Option<String>,
}

/// Your top-ups, newest first.
#[utoipa::path(get, path = "/api/users/balance/top_ups", operation_id = "list_top_ups", tag = "cash", params(PageQuery),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = TopUps),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<TopUpId>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let page = app.list_top_ups.execute(user_id, page.0).await?;
    let top_ups = page.items.iter().map(|top_up| TopUpBody::of(top_up, &app)).collect();
    Ok(HttpResponse::Ok().json(TopUps { top_ups, next_cursor: next_cursor(&page) }))
}

/// A top-up of yours.
#[utoipa::path(get, path = "/api/users/balance/top_ups/{top_up_id}", operation_id = "show_top_up", tag = "cash",
    params(("top_up_id" = Uuid, Path)),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = TopUpBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
))]
pub(crate) async fn show(
    app: Data<Application>,
    bearer: Bearer,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let id = path_id(&path, Refusal::NotFound)?;
    let top_up = app.show_top_up.execute(user_id, id).await?;
    Ok(HttpResponse::Ok().json(TopUpBody::of(&top_up, &app)))
}

/// A top-up about which the payment provider owes an answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnsettledTopUp {
    top_up_id: Uuid,
    user_id: Uuid,
    /// `pending`: it is not known whether the provider has charged. `failed` or `undone`: whatever it has
    /// charged is to be given back.
    #[schema(schema_with = words::top_up_status)]
    status: &'static str,
    /// In minor units.
    amount: i64,
    /// ISO 4217.
    currency: String,
    created_at: DateTime<Utc>,
    /// How often the provider was asked, beyond the first time; `null` once it is settled.
    asks: Option<u32>,
    /// When it is asked next.
    ask_at: Option<DateTime<Utc>>,
    /// When it should be settled.
    settle_by: Option<DateTime<Utc>>,
    /// Whether that time is over.
    overdue: bool,
}

impl UnsettledTopUp {
    /// As it is at `now`.
    fn of(top_up: &TopUp, now: Timestamp, app: &Application) -> Self {
        let question = top_up.charge.question();
        Self {
            top_up_id: top_up.id.into(),
            user_id: top_up.user_id.into(),
            status: top_up.state.name(),
            amount: top_up.amount.into(),
            currency: app.policies.currency.to_string(),
            created_at: top_up.created_at,
            asks: question.map(|question| question.asks),
            ask_at: question.map(|question| question.ask_at),
            settle_by: question.map(|question| question.settle_by),
            overdue: question.is_some_and(|question| question.is_overdue(now)),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UnsettledTopUps {
    top_ups: Vec<UnsettledTopUp>,
    next_cursor: Option<String>,
}

/// Top-ups about which the payment provider owes an answer, newest first.
#[utoipa::path(get, path = "/api/admin/top_ups", tag = "operators", params(PageQuery),
    operation_id = "list_unsettled_top_ups", security(("access_token" = [])), responses(
    (status = 200, body = UnsettledTopUps),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
))]
pub(crate) async fn list_unsettled(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<TopUpId>,
) -> Result<impl Responder, Problem> {
    let page = app.list_unsettled_top_ups.execute(bearer.access(&app)?, page.0).await?;
    let next_cursor = next_cursor(&page);
    let now = app.clock.now();
    let top_ups = page.items.iter().map(|top_up| UnsettledTopUp::of(top_up, now, &app)).collect();
    Ok(HttpResponse::Ok().json(UnsettledTopUps { top_ups, next_cursor }))
}

/// End a top-up that stays pending: whatever the provider has charged or will yet charge is given back.
#[utoipa::path(post, path = "/api/admin/top_ups/{top_up_id}/undo", tag = "operators",
    operation_id = "undo_top_up", params(("top_up_id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = [])), responses(
    (status = 200, body = UnsettledTopUp),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_pending`: it is settled", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn undo(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    from: From,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let operator = bearer.access(&app)?;
    ensure_operator(&app, operator).await?;
    let id: TopUpId = path_id(&path, Refusal::NotFound)?;
    let request = key.of(operator, "POST /api/admin/top_ups/{id}/undo", &id.to_string(), &());
    let undone = app.undo_top_up.execute(operator, id, request, &from.0).await?;
    // As it was when it was undone, however long ago that was.
    let body = UnsettledTopUp::of(&undone.value, undone.value.asked_at(), &app);
    Ok(answer(HttpResponse::Ok(), undone.replayed, &body))
}

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, NaiveDate, Utc};
use domain::ids::PaymentId;
use domain::payment::{PaymentState, Receipt};
use domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::path_id;
use super::performances::{PerformanceBody, performance};
use super::reservations::ReservedSeatBody;
use crate::body::Body;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::origin::From;
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::words;

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pay {
    reservation_id: Uuid,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct PaymentBody {
    payment_id: Uuid,
    reservation_id: Uuid,
    /// `succeeded`, `failed`, `pending` or `refunded`; `failed` and `pending` come only with a
    /// payment provider.
    #[schema(schema_with = words::payment_status)]
    status: &'static str,
    /// In minor units.
    amount: i64,
    /// ISO 4217.
    currency: String,
    balance_before: i64,
    balance_after: i64,
    /// When the cash was taken.
    paid_at: DateTime<Utc>,
    show_id: Uuid,
    #[serde(flatten)]
    performance: PerformanceBody,
    /// The show's date at its venue.
    date: NaiveDate,
    seats: Vec<ReservedSeatBody>,
}

impl PaymentBody {
    async fn of(receipt: &Receipt, app: &Application) -> Result<Self, Problem> {
        let Receipt { payment, reservation } = receipt;
        let performance = performance(app, reservation.show_id).await?;
        Ok(Self {
            payment_id: payment.id.into(),
            reservation_id: payment.reservation_id.into(),
            status: status(&payment.state),
            amount: payment.amount.into(),
            currency: app.policies.currency.to_string(),
            balance_before: payment.balance_before.into(),
            balance_after: payment.balance_after.into(),
            paid_at: payment.paid_at,
            show_id: reservation.show_id.into(),
            performance: PerformanceBody::from(&*performance),
            date: reservation.date,
            seats: reservation.seats.iter().map(ReservedSeatBody::from).collect(),
        })
    }
}

/// A payment's state as it is told.
pub(super) const fn status(state: &PaymentState) -> &'static str {
    match state {
        PaymentState::Pending => "pending",
        PaymentState::Succeeded => "succeeded",
        PaymentState::Failed { .. } => "failed",
        PaymentState::Refunded { .. } => "refunded",
    }
}

/// Pay for a reservation: cash taken, seats sold, reservation confirmed, token done, or nothing.
/// Where an outside payment provider has to agree and does not answer in time, the payment is
/// pending: look at it later, or ask again with the same idempotency key.
#[utoipa::path(post, path = "/api/payments", tag = "payments", request_body = Pay,
    params(("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("queue_token" = [])), responses(
    (status = 201, body = PaymentBody),
    (status = 202, description = "The payment is `pending`: the provider has not answered yet", body = PaymentBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 402, description = "`insufficient_balance` with `balance` and `amount`: the hold stays; \
        `payment_failed` with `payment_id` and `reason`: the provider refused, the hold is released, nothing is taken", body = ProblemBody),
    (status = 403, description = "`wrong_room`; `not_admitted` with `position`; `token_expired`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`already_paid` with `payment_id`", body = ProblemBody),
    (status = 410, description = "`hold_expired`", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn pay(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    body: Body,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    let ask: Pay = body.json()?;
    let request = key.of(claims.user_id, "POST /api/payments", "", &ask);
    let paid = app.pay.execute(&claims, ask.reservation_id.into(), request).await?;
    let body = PaymentBody::of(&paid.value, &app).await?;
    let response = match paid.value.payment.state {
        PaymentState::Pending => HttpResponse::Accepted(),
        _ => HttpResponse::Created(),
    };
    Ok(answer(response, paid.replayed, &body))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Payments)]
pub(crate) struct PaymentsBody {
    payments: Vec<PaymentBody>,
    next_cursor: Option<String>,
}

/// Your payments, newest first.
#[utoipa::path(get, path = "/api/payments", operation_id = "list_payments", tag = "payments", params(PageQuery),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = PaymentsBody),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<PaymentId>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.reader(&app).await?;
    let page = app.list_payments.execute(user_id, page.0).await?;
    let mut payments = Vec::with_capacity(page.items.len());
    for receipt in &page.items {
        payments.push(PaymentBody::of(receipt, &app).await?);
    }
    Ok(HttpResponse::Ok().json(PaymentsBody { payments, next_cursor: next_cursor(&page) }))
}

/// A payment of yours.
#[utoipa::path(get, path = "/api/payments/{payment_id}", operation_id = "show_payment", tag = "payments",
    params(("payment_id" = Uuid, Path)),
    security(("access_token" = []), ("queue_token" = [])), responses(
    (status = 200, body = PaymentBody),
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
    let receipt = app.show_payment.execute(user_id, id).await?;
    Ok(HttpResponse::Ok().json(PaymentBody::of(&receipt, &app).await?))
}

/// Get a payment of yours back: cash back, seats free, reservation `refunded`.
#[utoipa::path(post, path = "/api/payments/{payment_id}/refund", tag = "payments",
    params(("payment_id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = [])), responses(
    (status = 200, body = PaymentBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 409, description = "`not_refundable`: too late, or not `succeeded`", body = ProblemBody),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody),
))]
pub(crate) async fn refund(
    app: Data<Application>,
    bearer: Bearer,
    key: Key,
    from: From,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    let user_id = bearer.access(&app)?;
    let id: PaymentId = path_id(&path, Refusal::NotFound)?;
    let request = key.of(user_id, "POST /api/payments/{id}/refund", &id.to_string(), &());
    let refunded = app.refund.execute(user_id, id, request, &from.0).await?;
    let body = PaymentBody::of(&refunded.value, &app).await?;
    Ok(answer(HttpResponse::Ok(), refunded.replayed, &body))
}

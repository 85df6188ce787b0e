use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use application::Application;
use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::ids::PaymentId;
use domain::payment::Receipt;
use domain::provider_charge::ProviderCharge;
use domain::refusal::Refusal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::operator::ensure_operator;
use super::path_id;
use super::payments::status;
use crate::credentials::Bearer;
use crate::idempotency::{KEY_ABOUT, Key, answer};
use crate::origin::From;
use crate::paging::{PageQuery, Paging, next_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::words;

/// A payment about which the payment provider owes an answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnsettledPayment {
    payment_id: Uuid,
    reservation_id: Uuid,
    user_id: Uuid,
    /// `pending`: it is not known whether the provider has charged. `failed` or `refunded`:
    /// whatever it has charged is to be given back.
    #[schema(schema_with = words::unsettled_status)]
    status: &'static str,
    /// In minor units.
    amount: i64,
    /// ISO 4217.
    currency: String,
    /// When the cash was taken.
    paid_at: DateTime<Utc>,
    /// How often the provider was asked, beyond the first time; `null` once it is settled.
    asks: Option<u32>,
    /// When it is asked next.
    ask_at: Option<DateTime<Utc>>,
    /// When it should be settled.
    settle_by: Option<DateTime<Utc>>,
    /// Whether that time is over.
    overdue: bool,
}

impl UnsettledPayment {
    /// As it is at `now`.
    fn of(receipt: &Receipt, now: Timestamp, app: &Application) -> Self {
        let payment = &receipt.payment;
        let question = payment.provider.as_ref().and_then(ProviderCharge::question);
        Self {
            payment_id: payment.id.into(),
            reservation_id: payment.reservation_id.into(),
            user_id: payment.user_id.into(),
            status: status(&payment.state),
            amount: payment.amount.into(),
            currency: app.policies.currency.to_string(),
            paid_at: payment.paid_at,
            asks: question.map(|question| question.asks),
            ask_at: question.map(|question| question.ask_at),
            settle_by: question.map(|question| question.settle_by),
            overdue: question.is_some_and(|question| question.is_overdue(now)),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UnsettledPayments {
    payments: Vec<UnsettledPayment>,
    next_cursor: Option<String>,
}

/// Payments about which the payment provider owes an answer, newest first.
#[utoipa::path(get, path = "/api/admin/payments", tag = "operators", params(PageQuery),
    operation_id = "list_unsettled_payments", security(("access_token" = [])), responses(
    (status = 200, body = UnsettledPayments),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 403, description = "`forbidden`", body = ProblemBody),
))]
pub(crate) async fn list(
    app: Data<Application>,
    bearer: Bearer,
    page: Paging<PaymentId>,
) -> Result<impl Responder, Problem> {
    let page = app.list_unsettled.execute(bearer.access(&app)?, page.0).await?;
    let next_cursor = next_cursor(&page);
    let now = app.clock.now();
    let unsettled = |receipt| UnsettledPayment::of(receipt, now, &app);
    let payments = page.items.iter().map(unsettled).collect();
    Ok(HttpResponse::Ok().json(UnsettledPayments { payments, next_cursor }))
}

/// End a payment that stays pending: cash back, seats free, and whatever the provider has charged
/// or will yet charge is given back.
#[utoipa::path(post, path = "/api/admin/payments/{payment_id}/undo", tag = "operators",
    params(("payment_id" = Uuid, Path),
        ("Idempotency-Key" = Option<String>, Header, description = KEY_ABOUT)),
    security(("access_token" = [])), responses(
    (status = 200, body = UnsettledPayment),
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
    let id: PaymentId = path_id(&path, Refusal::NotFound)?;
    let request = key.of(operator, "POST /api/admin/payments/{id}/undo", &id.to_string(), &());
    let undone = app.undo_payment.execute(operator, id, request, &from.0).await?;
    // As it was when it was undone, however long ago that was.
    let body = UnsettledPayment::of(&undone.value, undone.value.payment.asked_at(), &app);
    Ok(answer(HttpResponse::Ok(), undone.replayed, &body))
}

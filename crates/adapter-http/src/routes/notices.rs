use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use domain::provider_charge::Verdict;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::body::Body;
use crate::problem::{Problem, ProblemBody};

/// The header that proves that a notice comes from the payment provider.
const SIGNATURE: &str = "Stagedoor-Signature";

/// What a payment provider says by itself of a payment or a top-up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    /// The payment's id, or the top-up's.
    payment_id: Uuid,
    state: NoticeState,
    /// Why it was declined, for the buyer.
    reason: Option<String>,
}

/// How far the provider is with a payment.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeState {
    /// It does not know yet.
    Pending,
    /// The money is in.
    Charged,
    /// It was not charged, and will not be.
    Declined,
    /// Nothing is charged any more, and never will be.
    Returned,
}

impl From<Notice> for Verdict {
    fn from(notice: Notice) -> Self {
        match notice.state {
            NoticeState::Pending => Self::Pending,
            NoticeState::Charged => Self::Charged,
            NoticeState::Declined => Self::declined(notice.reason.as_deref()),
            NoticeState::Returned => Self::Returned,
        }
    }
}

/// The payment provider says what became of a payment, in any order and as often as it likes.
#[utoipa::path(post, path = "/api/gateway/notices", tag = "payment provider", request_body = Notice,
    params(("Stagedoor-Signature" = String, Header,
        description = "`t=<seconds since 1970>,v1=<HMAC-SHA256 of \"<t>.<body>\" in hexadecimal>`, \
                       no older than five minutes")),
    responses(
    (status = 204, description = "Heard"),
    (status = 400, description = "`invalid_request`", body = ProblemBody),
    (status = 401, description = "`invalid_signature`: not the provider's, or old", body = ProblemBody),
    (status = 404, description = "`not_found`: no such payment or top-up, or no provider is configured", body = ProblemBody),
    (status = 409, description = "`notice_replayed`: the very same notice came before", body = ProblemBody),
))]
pub(crate) async fn hear(
    app: Data<Application>,
    request: HttpRequest,
    body: Body,
) -> Result<impl Responder, Problem> {
    let mut signatures = request.headers().get_all(SIGNATURE);
    let only = signatures.next().filter(|_| signatures.next().is_none());
    let signature = only.and_then(|signature| signature.to_str().ok());
    let proven = app.hear_notice.prove(signature, body.bytes())?;
    let notice: Notice = body.json()?;
    let id = notice.payment_id;
    app.hear_notice.execute(proven, id, notice.into()).await?;
    Ok(HttpResponse::NoContent())
}

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::queue::DrawReport;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::refusal::Refusal;
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::path_id;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;

/// The draw of a room's lobby, with all that is needed to check it.
#[derive(Serialize, ToSchema)]
#[schema(as = Draw)]
pub(crate) struct DrawBody {
    room_id: Uuid,
    /// When the room opens or opened; `null` if it was open from the start.
    opens_at: Option<DateTime<Utc>>,
    /// How the order follows from the seed: the token ids by this, as plain bytes, smallest first.
    #[schema(example = "sha256(seed || token_id)")]
    rule: &'static str,
    /// SHA-256 of the seed, in hexadecimal; published from the room's first moment on.
    seed_sha256: String,
    /// When the last number was drawn; `null` before.
    drawn_at: Option<DateTime<Utc>>,
    /// The seed, 32 bytes in hexadecimal; `null` until all numbers are drawn.
    seed: Option<String>,
    /// How many came before the room opened, be it that they left again.
    count: u64,
    /// Their token ids: the first got number 1. Empty until all numbers are drawn.
    token_ids: Vec<Uuid>,
}

const RULE: &str = "sha256(seed || token_id)";

/// How the numbers of a room's lobby were drawn. Public, so that anyone can check it.
#[utoipa::path(get, path = "/api/rooms/{room_id}/draw", tag = "waiting room",
    params(("room_id" = Uuid, Path)), responses(
    (status = 200, body = DrawBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn show_draw(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    shared.limits.look_at_draw(&http)?;
    let report = app.show_draw.execute(path_id(&path, Refusal::NotFound)?).await?;
    let body = DrawBody {
        room_id: report.room_id.into(),
        opens_at: report.opens_at,
        rule: RULE,
        seed_sha256: hex::encode(report.commitment),
        drawn_at: report.drawn_at.filter(|_| report.seed.is_some()),
        seed: report.seed.map(hex::encode),
        count: report.count,
        token_ids: Vec::new(),
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "application/json"));
    if report.seed.is_none() {
        return Ok(answer.body(body));
    }
    // What was drawn never changes; a line of a million is sent as it is read.
    answer.insert_header((CACHE_CONTROL, "public, max-age=3600"));
    let head = body.strip_suffix("]}").unwrap_or(&body).to_owned();
    Ok(answer.streaming(Box::pin(with_tokens(app, report, head))))
}

/// `head`, then all the tokens, then the end.
fn with_tokens(
    app: Data<Application>,
    report: DrawReport,
    head: String,
) -> impl futures_util::Stream<Item = Result<Bytes, actix_web::Error>> {
    let pages = stream::try_unfold(Some(0), move |after| {
        let (app, report) = (app.clone(), report.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let page = app.show_draw.tokens(&report, after).await.map_err(Problem::from)?;
            if page.is_empty() {
                return Ok(Some((Bytes::from_static(b"]}"), None)));
            }
            let ids: Vec<_> = page.iter().map(|id| format!("\"{id}\"")).collect();
            let comma = if after == 0 { "" } else { "," };
            let read = after + u64::try_from(page.len()).unwrap_or(0);
            Ok(Some((Bytes::from(format!("{comma}{}", ids.join(","))), Some(read))))
        }
    });
    let head = stream::once(std::future::ready(Ok(Bytes::from(head))));
    futures_util::StreamExt::chain(head, pages)
}

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::queue::Notice;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::ids::TokenId;
use domain::ports::Unavailable;
use domain::refusal::Refusal;
use domain::waiting_room::PolicyInForce;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::operator::door_ids;
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
    /// Holds the room to who came, while they come: `sha256(hash before || token_id)` of one after the
    /// other, beginning with 32 zero bytes, in hexadecimal. Note it with `count`, and
    /// `stagedoor verify-draw --noted` finds that nobody who had come by then was left out. `null` where
    /// some came before it was kept.
    arrivals_sha256: Option<String>,
    /// The policies that the room has had, in their order, each with the time of its change.
    policies: Vec<PolicyBody>,
    /// Their token ids: the first got number 1. Empty until all numbers are drawn.
    token_ids: Vec<Uuid>,
    /// The same in the order in which they came. Empty until all numbers are drawn.
    arrivals: Vec<Uuid>,
}

/// How a room lets people in, from some moment on.
#[derive(Serialize, ToSchema)]
#[schema(as = Policy)]
struct PolicyBody {
    /// When it was made so.
    since: DateTime<Utc>,
    /// How many may be inside at once.
    capacity: u32,
    /// `null`: as many as fit.
    admissions_per_minute: Option<u32>,
    /// `null`, as the two that follow: not written down at that time.
    active_ttl_seconds: Option<u32>,
    idle_ttl_seconds: Option<u32>,
    paused: Option<bool>,
    /// `null`: open from the start.
    opens_at: Option<DateTime<Utc>>,
}

impl From<PolicyInForce> for PolicyBody {
    fn from(row: PolicyInForce) -> Self {
        let policy = row.policy.as_ref();
        Self {
            since: row.since,
            capacity: row.capacity,
            admissions_per_minute: policy.and_then(|policy| policy.admissions_per_minute),
            active_ttl_seconds: policy.map(|policy| policy.active_ttl_seconds),
            idle_ttl_seconds: policy.map(|policy| policy.idle_ttl_seconds),
            paused: policy.map(|policy| policy.paused),
            opens_at: policy.and_then(|policy| policy.opens_at),
        }
    }
}

/// What a room publishes of itself.
#[derive(Serialize, ToSchema)]
#[schema(as = RoomNotice)]
pub(crate) struct NoticeBody {
    room_id: Uuid,
    /// The concert it stands in front of, if it is a concert's.
    concert_id: Option<Uuid>,
    /// The show it stands in front of, if it is a show's.
    show_id: Option<Uuid>,
    /// When it opens or opened; `null` if it was open from the start.
    opens_at: Option<DateTime<Utc>>,
    /// How many came before it opened.
    lobby_count: u64,
    /// As in the draw.
    arrivals_sha256: Option<String>,
    /// The policies that it has had, in their order, the last of them in force.
    policies: Vec<PolicyBody>,
}

impl From<Notice> for NoticeBody {
    fn from(Notice { room, policies }: Notice) -> Self {
        let (concert_id, show_id) = door_ids(room.door);
        Self {
            room_id: room.id.into(),
            concert_id,
            show_id,
            opens_at: room.policy.opens_at,
            lobby_count: room.lobby.count,
            arrivals_sha256: room.lobby.arrivals_hash().map(hex::encode),
            policies: policies.into_iter().map(PolicyBody::from).collect(),
        }
    }
}

/// How a room lets people in, and when that was changed. Public, so that nothing is changed in secret.
#[utoipa::path(get, path = "/api/rooms/{room_id}", tag = "waiting room",
    params(("room_id" = Uuid, Path)), responses(
    (status = 200, body = NoticeBody),
    (status = 404, description = "`not_found`", body = ProblemBody),
    (status = 429, description = "`too_many_requests`", body = ProblemBody),
))]
pub(crate) async fn show_notice(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    path: Path<String>,
) -> Result<impl Responder, Problem> {
    shared.limits.look_at_draw(&http)?;
    let notice = app.show_notice.execute(path_id(&path, Refusal::NotFound)?).await?;
    Ok(HttpResponse::Ok().json(NoticeBody::from(notice)))
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
        arrivals_sha256: report.arrivals_hash.map(hex::encode),
        policies: report.policies.iter().cloned().map(PolicyBody::from).collect(),
        token_ids: Vec::new(),
        arrivals: Vec::new(),
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "application/json"));
    if report.seed.is_none() {
        return Ok(answer.body(body));
    }
    // What was drawn never changes; a line of a million is sent as it is read.
    answer.insert_header((CACHE_CONTROL, "public, max-age=3600"));
    let (head, between) = (body.strip_suffix(LISTS).unwrap_or(&body).to_owned(), BETWEEN);
    let (numbers, arrivals) = (app.clone(), app);
    let (drawn, came) = (report.clone(), report);
    let by_number = ids(move |after| {
        let (app, report) = (numbers.clone(), drawn.clone());
        async move { app.show_draw.tokens(&report, after).await }
    });
    let by_arrival = ids(move |after| {
        let (app, report) = (arrivals.clone(), came.clone());
        async move { app.show_draw.arrivals(&report, after).await }
    });
    let whole = piece(format!("{head}\"token_ids\":["))
        .chain(by_number)
        .chain(piece(between.to_owned()))
        .chain(by_arrival)
        .chain(piece("]}".to_owned()));
    Ok(answer.streaming(Box::pin(whole)))
}

/// How an answer without any tokens ends, and what stands between its lists.
const LISTS: &str = "\"token_ids\":[],\"arrivals\":[]}";
const BETWEEN: &str = "],\"arrivals\":[";

type Piece = Result<Bytes, actix_web::Error>;

fn piece(text: String) -> impl Stream<Item = Piece> {
    stream::once(std::future::ready(Ok(Bytes::from(text))))
}

/// The ids of a list of JSON, as they are read page by page.
fn ids<F>(page_after: impl Fn(u64) -> F) -> impl Stream<Item = Piece>
where
    F: Future<Output = Result<Vec<TokenId>, Unavailable>>,
{
    stream::try_unfold(0, move |after| {
        let page = page_after(after);
        async move {
            let page = page.await.map_err(Problem::from)?;
            if page.is_empty() {
                return Ok(None);
            }
            let ids: Vec<_> = page.iter().map(|id| format!("\"{id}\"")).collect();
            let comma = if after == 0 { "" } else { "," };
            let read = after + u64::try_from(page.len()).unwrap_or(0);
            Ok(Some((Bytes::from(format!("{comma}{}", ids.join(","))), read)))
        }
    })
}

//! The event stream of a place in line (Server-Sent Events, WHATWG HTML, section 9.2).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use application::queue::spread;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use super::queue_tokens::TicketBody;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;
use crate::streams::event;

/// Your place's ticket, at once and whenever it changes.
#[utoipa::path(get, path = "/api/queue_tokens/current/events", tag = "waiting room",
    security(("queue_token" = [])), responses(
    (status = 200, content_type = "text/event-stream", body = String,
        description = "Events `ticket`, each with a ticket: at once, on every change of state and \
                       at least every 5 s of moving position; ends after `done` or `expired`"),
    (status = 204, description = "The place is done or has expired: do not come back"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`: genuine, but its record is gone", body = ProblemBody),
    (status = 429, description = "`too_many_requests`: you, or your address, have as many as you may", body = ProblemBody),
    (status = 503, description = "`overloaded`: too many streams are open; poll instead", body = ProblemBody),
))]
pub(crate) async fn events(
    app: Data<Application>,
    shared: Data<Shared>,
    http: HttpRequest,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    let first = TicketBody::from(app.show_ticket.execute(&claims).await?);
    if first.is_over() {
        return Ok(HttpResponse::NoContent().finish());
    }
    let retry_ms = 2_000 + spread(claims.token_id, app.clock.now(), 3_000);
    let opening = [Bytes::from(format!("retry: {retry_ms}\n\n")), event(&first)].concat();
    let share = shared.limits.open_stream(&http, claims.user_id)?;
    let full = "as many streams are open as STAGEDOOR_STREAMS_MAX allows; poll instead";
    let said = shared.streams.follow(claims, first, Some(share));
    let said = said.ok_or_else(|| Problem::overloaded(full))?;
    let opening = stream::once(std::future::ready(Bytes::from(opening)));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(opening.chain(said).map(Ok::<_, actix_web::Error>)))
}

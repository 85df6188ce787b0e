//! The event stream of a place in line (Server-Sent Events, WHATWG HTML, section 9.2).

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use application::Application;
use bytes::Bytes;
use domain::ports::{QueueClaims, UpdateError};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::queue_tokens::TicketBody;
use crate::credentials::Bearer;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;

/// How often a stream looks at its ticket.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How old a position may get that moves.
const POSITION_EVERY: Duration = Duration::from_secs(5);
/// After how long a silence a comment keeps proxies from closing the stream.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// Your place's ticket, at once and whenever it changes.
#[utoipa::path(get, path = "/api/queue_tokens/current/events", tag = "waiting room",
    security(("queue_token" = [])), responses(
    (status = 200, content_type = "text/event-stream", body = String,
        description = "Events `ticket`, each with a ticket: at once, on every change of state and \
                       at least every 5 s of moving position; ends after `done` or `expired`"),
    (status = 204, description = "The place is done or has expired: do not come back"),
    (status = 401, description = "`invalid_token`", body = ProblemBody),
    (status = 404, description = "`not_found`: genuine, but its record is gone", body = ProblemBody),
    (status = 503, description = "`unavailable`: too many streams are open; poll instead", body = ProblemBody),
))]
pub(crate) async fn events(
    app: Data<Application>,
    shared: Data<Shared>,
    bearer: Bearer,
) -> Result<impl Responder, Problem> {
    let claims = bearer.queue(&app)?;
    let first = TicketBody::from(app.show_ticket.execute(&claims).await?);
    if first.is_over() {
        return Ok(HttpResponse::NoContent().finish());
    }
    let permit = shared.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::busy("too many streams are open; poll instead"))?;
    let retry_ms = 2_000 + spread(&claims, 3_000);
    let opening = Bytes::from(format!("retry: {retry_ms}\n\n{}", event(&first)));
    let follower = Follower {
        app,
        claims,
        told: first,
        told_at: Instant::now(),
        spoke_at: Instant::now(),
        stopping: shared.stopping.clone(),
        _permit: permit,
    };
    let opening = stream::once(async { Ok::<_, actix_web::Error>(opening) });
    let rest = stream::unfold(Some(follower), |follower| async {
        let (bytes, follower) = follower?.next().await;
        bytes.map(|bytes| (Ok(bytes), follower))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(stream::StreamExt::chain(opening, rest))))
}

/// Something below `most` that differs from client to client, so that they do not all come back
/// at the same moment. It need not be secret or even, so the token's own number will do.
fn spread(claims: &QueueClaims, most: u64) -> u64 {
    claims.number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20) % most
}

/// Follows one ticket.
struct Follower {
    app: Data<Application>,
    claims: QueueClaims,
    told: TicketBody,
    told_at: Instant,
    spoke_at: Instant,
    stopping: tokio::sync::watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// The next bytes to send, and who follows on, or nothing when the stream is at its end.
    async fn next(mut self) -> (Option<Bytes>, Option<Self>) {
        loop {
            if timeout(LOOK_EVERY, self.stopping.wait_for(|stopping| *stopping)).await.is_ok() {
                return (None, None);
            }
            let ticket = match self.app.show_ticket.execute(&self.claims).await {
                Ok(ticket) => TicketBody::from(ticket),
                Err(UpdateError::Refused(_)) => return (None, None),
                // The store is away; the place is not lost for that.
                Err(UpdateError::Unavailable(_) | UpdateError::Unknown(_)) => self.told.clone(),
            };
            let state_changed = ticket.state_and_end() != self.told.state_and_end();
            if state_changed || (ticket != self.told && self.told_at.elapsed() >= POSITION_EVERY) {
                let bytes = Bytes::from(event(&ticket));
                let over = ticket.is_over();
                (self.told, self.told_at, self.spoke_at) = (ticket, Instant::now(), Instant::now());
                return (Some(bytes), (!over).then_some(self));
            }
            if self.spoke_at.elapsed() >= COMMENT_EVERY {
                self.spoke_at = Instant::now();
                return (Some(Bytes::from_static(b": still here\n\n")), Some(self));
            }
        }
    }
}

fn event(ticket: &TicketBody) -> String {
    format!("event: ticket\ndata: {}\n\n", serde_json::to_string(ticket).unwrap_or_default())
}

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use application::Application;
use chrono::TimeDelta;
use domain::clock_discipline::Difference;

use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;

/// The process runs. Never asks the store.
#[utoipa::path(get, path = "/livez", tag = "running it", responses((status = 200)))]
pub(crate) async fn livez() -> impl Responder {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// A write works, the store's migrations are in, and this server hears of the others' commits and says in
/// time that the service is up; 503 as soon as the server is about to stop. Where `/metrics` is told, too,
/// it says if the store's time differs from the clock that it follows by two seconds or more, and what to
/// do where that does not go away by itself.
#[utoipa::path(get, path = "/readyz", tag = "running it", responses(
    (status = 200),
    (status = 503, description = "`unavailable`", body = ProblemBody),
))]
pub(crate) async fn readyz(
    app: Data<Application>,
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<impl Responder, Problem> {
    if shared.is_stopping() {
        return Err(Problem::unavailable("the server is about to stop"));
    }
    app.store.check().await?;
    app.keep_time.check()?;
    let of_clock = shared.insiders.may_see(&request, &shared.limits).then(|| app.clock.ahead());
    let said = format!("ok\n{}", of_clock.map(said_of_clock).unwrap_or_default());
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(said))
}

/// A line about a store whose time is so far ahead of the wall clock, or behind it if that is negative.
fn said_of_clock(ahead: TimeDelta) -> String {
    let seconds = ahead.as_seconds_f64();
    match Difference::of(ahead) {
        Difference::None => String::new(),
        Difference::Passing if seconds < 0.0 => format!(
            "the wall clock is {:.1} s ahead of the store's time, which follows it within a minute\n",
            -seconds
        ),
        Difference::Passing => format!(
            "the store's time is {seconds:.1} s ahead of the wall clock, which goes away by itself\n"
        ),
        Difference::Lasting => format!(
            "the store's time is {seconds:.1} s ahead of the wall clock and stays so; where the wall \
             clock is right, stop all servers and run: stagedoor set-clock-back\n"
        ),
    }
}

/// The server's measurements, in Prometheus' text format. Told where `STAGEDOOR_ADMIN_LISTEN` says, and
/// without that to who asks on the server's own machine.
#[utoipa::path(get, path = "/metrics", tag = "running it", responses(
    (status = 200, content_type = "text/plain", body = String),
    (status = 404, description = "`not_found`: not told to you", body = ProblemBody),
))]
pub(crate) async fn metrics(
    app: Data<Application>,
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<impl Responder, Problem> {
    if !shared.insiders.may_see(&request, &shared.limits) {
        return Err(Problem::not_found());
    }
    // A store that is away must not take the other measurements along.
    for report in app.list_rooms.all().await.unwrap_or_default() {
        let room = report.room.id.to_string();
        shared.metrics.people(&room, "waiting", report.head_count.waiting);
        shared.metrics.people(&room, "active", report.head_count.active);
    }
    shared.metrics.clock_ahead(app.clock.ahead().as_seconds_f64());
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(shared.metrics.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_clock_that_differs_it_is_said_which_is_ahead_and_what_comes_of_it() {
        for (seconds, said) in [
            (0, ""),
            (-7_200, "the wall clock is 7200.0 s ahead of the store's time, which follows it"),
            (60, "the store's time is 60.0 s ahead of the wall clock, which goes away"),
            (7_200, "the store's time is 7200.0 s ahead of the wall clock and stays so"),
        ] {
            assert!(said_of_clock(TimeDelta::seconds(seconds)).starts_with(said), "{seconds}");
        }
        assert_eq!(said_of_clock(TimeDelta::zero()), "");
    }
}

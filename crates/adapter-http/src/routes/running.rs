use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use application::Application;
use domain::clock_discipline::Difference;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::ApiDoc;
use crate::problem::{Problem, ProblemBody};
use crate::shared::Shared;

/// The process runs. Never asks the store.
#[utoipa::path(get, path = "/livez", tag = "running it", responses((status = 200)))]
pub(crate) async fn livez() -> impl Responder {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// A write works, the store's migrations are in, and this server hears of the others' commits and says in
/// time that the service is up; 503 as soon as the server is about to stop. Says, too, if the store's time
/// differs from the clock that it follows by two seconds or more, and what to do where that does not go
/// away by itself.
#[utoipa::path(get, path = "/readyz", tag = "running it", responses(
    (status = 200),
    (status = 503, description = "`unavailable`", body = ProblemBody),
))]
pub(crate) async fn readyz(
    app: Data<Application>,
    shared: Data<Shared>,
) -> Result<impl Responder, Problem> {
    if shared.is_stopping() {
        return Err(Problem::unavailable("the server is about to stop"));
    }
    app.store.check().await?;
    app.keep_time.check()?;
    let mut said = "ok\n".to_owned();
    let ahead = app.clock.ahead();
    let seconds = ahead.as_seconds_f64();
    match Difference::of(ahead) {
        Difference::None => {}
        Difference::Passing => said
            .push_str(&format!("the store's clock is {seconds:.1} s ahead of the wall clock\n")),
        Difference::Lasting => said.push_str(&format!(
            "the store's clock is {seconds:.1} s ahead of the wall clock and stays so; where the wall \
             clock is right, stop all servers and run: stagedoor set-clock-back\n"
        )),
    }
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(said))
}

/// The server's measurements, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "running it", responses(
    (status = 200, content_type = "text/plain", body = String),
))]
pub(crate) async fn metrics(app: Data<Application>, shared: Data<Shared>) -> impl Responder {
    // A store that is away must not take the other measurements along.
    for report in app.list_rooms.all().await.unwrap_or_default() {
        let room = report.room.id.to_string();
        shared.metrics.people(&room, "waiting", report.head_count.waiting);
        shared.metrics.people(&room, "active", report.head_count.active);
    }
    shared.metrics.clock_ahead(app.clock.ahead().as_seconds_f64());
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(shared.metrics.text())
}

/// The browsable documentation is one slash further.
pub(crate) async fn docs() -> impl Responder {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

/// `/openapi.json`, and `/docs/` to browse it.
pub(crate) fn browsable_docs() -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", ApiDoc::openapi())
}

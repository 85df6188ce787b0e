//! A shortcut to the seats of a show, which is what people ask for most while they choose: answered
//! before the path is looked for among all the others. To find a path with an id in it costs more
//! than to see that no seat has changed.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use application::Application;
use application::catalogue::ShowChoice;
use domain::ids::ShowId;
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use crate::body::Incoming;
use crate::route::Route;
use crate::routes::seats;
use crate::shared::Shared;

/// Where the shortcut leads to. Each worker has its own.
pub(crate) struct Shortcut {
    app: web::Data<Application>,
    shared: web::Data<Shared>,
    /// What requests on it are measured under: the same as on the route.
    route: Rc<Extensions>,
}

impl Shortcut {
    pub(crate) fn new(app: web::Data<Application>, shared: web::Data<Shared>) -> Self {
        let mut route = Extensions::new();
        route.insert(Route::named(seats::OF_SHOW));
        Self { app, shared, route: Rc::new(route) }
    }

    /// Answers as the route would if the seats of a show are asked for, and leaves every other
    /// request, and one for them that is written in an unusual way, to the routes.
    pub(crate) fn take(
        self: Rc<Self>,
        request: ServiceRequest,
        next: &Next<BoxBody>,
    ) -> LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>> {
        match show_whose_seats(&request) {
            Some(id) => Box::pin(async move { Ok(self.seats(request, id).await) }),
            None => next.call(request),
        }
    }

    async fn seats(&self, mut request: ServiceRequest, id: ShowId) -> ServiceResponse<BoxBody> {
        request.add_data_container(Rc::clone(&self.route));
        let (request, _) = request.into_parts();
        match seats::answer(&self.app, &self.shared, &request, ShowChoice::ById(id)).await {
            Ok(answer) => ServiceResponse::new(request, answer),
            Err(problem) => ServiceResponse::from_err(problem, request),
        }
    }
}

/// The show whose seats are asked for.
fn show_whose_seats(request: &ServiceRequest) -> Option<ShowId> {
    let id = request.uri().path().strip_prefix("/api/shows/")?.strip_suffix("/seats")?;
    let id = Uuid::try_parse(id).ok()?;
    // What is said beyond that passes the gate.
    let is_plain = request.query_string().is_empty()
        && request.extensions().get::<Incoming>().is_none()
        && !request.headers().contains_key("Idempotency-Key");
    (request.method() == Method::GET && is_plain).then(|| id.into())
}

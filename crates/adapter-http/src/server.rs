//! The server as a value: bound to an address, run, and stopped without losing anybody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::ServerHandle;
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, web};
use application::Application;
use domain::ports::Ids;
use tokio::sync::{Semaphore, watch};

use crate::layers;
use crate::metrics::Metrics;
use crate::routes;
use crate::seat_map_bodies::SeatMapBodies;
use crate::shared::Shared;

/// How the server is run.
#[derive(Clone)]
pub struct HttpOptions {
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// How many threads answer.
    pub workers: usize,
    /// How many connections there may be at once.
    pub connections_max: usize,
    /// How many event streams there may be at once.
    pub streams_max: usize,
    /// Which pages of other origins may call; none by default.
    pub cors_origins: Vec<String>,
    /// How long what is under way may take when the server is stopped.
    pub stop_within: Duration,
    /// Names requests that come without a name.
    pub ids: Arc<dyn Ids>,
}

/// How many connections may wait to be taken. A rush that finds this full is turned away by the
/// system, and comes back a second later.
const BACKLOG: u32 = 4_096;

/// A server that listens.
pub struct HttpServer {
    server: actix_web::dev::Server,
    handle: ServerHandle,
    stopping: watch::Sender<bool>,
    address: SocketAddr,
}

impl HttpServer {
    /// Binds the address; requests are answered from [`HttpServer::run`] on.
    ///
    /// # Errors
    /// What the system says when the address cannot be had.
    pub fn bind(app: Arc<Application>, options: &HttpOptions) -> std::io::Result<Self> {
        let (stopping, is_stopping) = watch::channel(false);
        let shared = web::Data::new(Shared {
            metrics: Metrics::new().map_err(std::io::Error::other)?,
            ids: Arc::clone(&options.ids),
            streams: Arc::new(Semaphore::new(options.streams_max)),
            seat_maps: SeatMapBodies::default(),
            stopping: is_stopping,
        });
        let app = web::Data::from(app);
        let origins = options.cors_origins.clone();
        let factory = move || {
            App::new()
                .app_data(app.clone())
                .app_data(shared.clone())
                .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
                .wrap(from_fn(layers::around))
                .configure(routes::configure)
        };
        let server = actix_web::HttpServer::new(factory)
            .workers(options.workers.max(1))
            .max_connections(options.connections_max.div_ceil(options.workers.max(1)))
            .client_request_timeout(Duration::from_secs(10))
            .keep_alive(Duration::from_secs(75))
            .shutdown_timeout(options.stop_within.as_secs().max(1))
            .disable_signals()
            .backlog(BACKLOG)
            .bind(options.listen)?;
        let address = server.addrs().first().copied().unwrap_or(options.listen);
        let server = server.run();
        Ok(Self { handle: server.handle(), server, stopping, address })
    }

    /// Where the server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` comes true; then says that it is not ready any more, ends
    /// the event streams, takes no more connections, and finishes what is under way.
    ///
    /// # Errors
    /// What the system says when the server cannot go on.
    pub async fn run(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        let Self { server, handle, stopping, .. } = self;
        let running = tokio::spawn(server);
        stop.await;
        let _ = stopping.send(true);
        handle.stop(true).await;
        running.await.map_err(std::io::Error::other)?
    }
}

fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers(["ETag", "Idempotent-Replayed", "Retry-After", "X-Request-Id"])
        .max_age(3_600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

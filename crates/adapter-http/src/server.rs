//! The server as a value: bound to an address, run, and stopped without losing anybody.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_server::{Server, ServerHandle};
use actix_web::http::header::HeaderName;
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, web};
use application::Application;
use domain::ports::Ids;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::accepted::Accepted;
use crate::addresses::{Addresses, Network};
use crate::body::BodyRoom;
use crate::documents;
use crate::insiders::{Insiders, Place};
use crate::join_rates::{JoinRates, WorkOptions};
use crate::layers;
use crate::limits::{LimitOptions, Limits};
use crate::listening::{Connections, Door, Listening};
use crate::metrics::Metrics;
use crate::pages::{self, PageFile};
use crate::request_id::RequestNames;
use crate::routes;
use crate::seat_map_bodies::SeatMapBodies;
use crate::shared::Shared;
use crate::shortcut::Shortcut;
use crate::streams::Streams;

/// How the server is run.
#[derive(Clone)]
pub struct HttpOptions {
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// Where else to listen, for those who run it.
    pub admin_listen: Option<SocketAddr>,
    /// How many threads answer.
    pub workers: usize,
    /// How many connections there may be at once.
    pub connections_max: usize,
    /// How many event streams there may be at once.
    pub streams_max: usize,
    /// Which pages of other origins may call; none by default.
    pub cors_origins: Vec<String>,
    /// For how long a server that is to stop says that it is not ready, and answers on.
    pub drain: Duration,
    /// How long what is under way may take when the server has taken its last connection.
    pub stop_within: Duration,
    /// How often somebody may ask for what is dear.
    pub limits: LimitOptions,
    /// What joining costs.
    pub join_work: WorkOptions,
    /// The header in which a proxy that is trusted tells the client's address; none is believed by
    /// default.
    pub address_header: Option<String>,
    /// Which proxies are believed.
    pub trusted_proxies: Vec<Network>,
    /// Whether there is documentation to browse.
    pub docs: Docs,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// The pages that people use.
    pub pages: Vec<PageFile>,
    /// Names the server, and requests that come without a name after it.
    pub ids: Arc<dyn Ids>,
}

/// Whether the API's document is shown, and can be browsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
pub enum Docs {
    Shown,
    Off,
}

/// A server that listens.
pub struct HttpServer {
    server: Server,
    handle: ServerHandle,
    stopping: watch::Sender<bool>,
    streams: Arc<Streams>,
    app: Arc<Application>,
    listening: Listening,
    drain: Duration,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
}

impl HttpServer {
    /// Binds the address; requests are answered from [`HttpServer::run`] on.
    ///
    /// # Errors
    /// What the system says when the address cannot be had.
    pub fn bind(app: Arc<Application>, options: &HttpOptions) -> std::io::Result<Self> {
        let (stopping, is_stopping) = watch::channel(false);
        let address_header = options.address_header.as_deref().map(HeaderName::try_from);
        let address_header = address_header.transpose().map_err(std::io::Error::other)?;
        let addresses = Addresses::new(address_header, options.trusted_proxies.clone());
        let streams = Streams::new(options.streams_max);
        let admin = options.admin_listen.map(TcpListener::bind).transpose()?;
        let admin_address = admin.as_ref().map(TcpListener::local_addr).transpose()?;
        let shared = web::Data::new(Shared {
            metrics: Arc::clone(&options.metrics),
            request_names: RequestNames::of_server(options.ids.next()),
            limits: Limits::new(options.limits, addresses),
            join_rates: JoinRates::new(options.join_work),
            insiders: Insiders::at(if admin.is_some() { Place::Apart } else { Place::Here }),
            bodies: BodyRoom::default(),
            streams: Arc::clone(&streams),
            seat_maps: SeatMapBodies::default(),
            stopping: is_stopping,
        });
        let connections = Arc::new(Connections::default());
        let (listening, accepting) = Listening::at(options.listen, Arc::clone(&connections))?;
        let data = web::Data::from(Arc::clone(&app));
        let origins = options.cors_origins.clone();
        let pages: Vec<_> =
            options.pages.iter().map(|file| Arc::new(pages::Written::from(file))).collect();
        let documents = match options.docs {
            Docs::Shown => documents::all().map_err(std::io::Error::other)?,
            Docs::Off => Vec::new(),
        };
        let pages = [pages, documents.into_iter().map(Arc::new).collect()].concat();
        let (workers, of_all) = (Arc::clone(&connections), shared.clone());
        let worker = move || {
            workers.taken_here();
            let shortcut = Rc::new(Shortcut::new(data.clone(), of_all.clone()));
            App::new()
                .app_data(data.clone())
                .app_data(of_all.clone())
                .wrap(from_fn(move |request, next| Rc::clone(&shortcut).take(request, &next)))
                .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
                .wrap(from_fn(layers::around))
                .configure(|app| routes::configure(app, &pages))
        };
        let mut server = Server::build()
            .workers(options.workers.max(1))
            .max_concurrent_connections(options.connections_max.div_ceil(options.workers.max(1)))
            .shutdown_timeout(options.stop_within.as_secs().max(1))
            .disable_signals();
        for (door, socket) in [(Door::Public, Some(accepting)), (Door::Admin, admin)] {
            let Some(socket) = socket else { continue };
            let accepted =
                Accepted { door, shared: shared.clone(), connections: connections.clone() };
            server = accepted.at(socket, server, worker.clone())?;
        }
        let server = server.run();
        Ok(Self {
            handle: server.handle(),
            server,
            stopping,
            streams,
            app,
            address: listening.address()?,
            admin_address,
            listening,
            drain: options.drain,
        })
    }

    /// Where the server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where else it listens, for those who run it.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Answers requests until `stop` comes true. Then it says that it is not ready any more, ends the
    /// event streams, and goes on as long as it drains: whoever sends requests here has that time to
    /// send them elsewhere, and every answer closes its connection. After that it lets nobody else
    /// connect, answers all who have, and finishes what is under way. `at_once` cuts all that short.
    ///
    /// # Errors
    /// What the system says when the server cannot go on.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let Self { server, handle, stopping, streams, app, listening, drain, .. } = self;
        let mut running = tokio::spawn(server);
        let streaming = tokio::spawn(streams.run(app, stopping.subscribe()));
        stop.await;
        let _ = stopping.send(true);
        let finished = async {
            let _ = streaming.await;
            sleep(drain).await;
            listening.finish().await;
            handle.stop(true).await;
            (&mut running).await.map_err(std::io::Error::other)?
        };
        tokio::select! {
            finished = finished => return finished,
            () = at_once => {}
        }
        // A server that is dropped closes what is open.
        running.abort();
        let _ = running.await;
        Ok(())
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

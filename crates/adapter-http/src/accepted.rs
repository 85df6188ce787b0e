//! Connections that come in at one of the server's addresses, from the system to the routes.

use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::ServerBuilder;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use actix_web::{App, Error};

use crate::crowding;
use crate::listening::{Connections, Door};
use crate::sending::Sending;
use crate::shared::Shared;
use crate::socket::ClientSocket;

/// How long the first request of a connection may take to arrive, up to its body.
const SPEAKS_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may wait for the next request.
const KEPT_FOR: Duration = Duration::from_secs(75);
/// How long a client may read of an answer that closes its connection.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// How long what was sent may go unacknowledged, or a reader that has stopped reading be waited for.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What the connections of one address are answered with.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) door: Door,
    pub(crate) shared: Data<Shared>,
    pub(crate) connections: Arc<Connections>,
}

impl Accepted {
    /// Has the server accept what comes to `socket`, and answer it by what `worker` makes on each thread.
    pub(crate) fn at<T>(
        self,
        socket: TcpListener,
        server: ServerBuilder,
        worker: impl Fn() -> App<T> + Send + Clone + 'static,
    ) -> io::Result<ServerBuilder>
    where
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<Sending>,
                Error = Error,
                InitError = (),
            > + 'static,
        T::Future: 'static,
    {
        let address = socket.local_addr()?;
        let stopping = server.graceful_shutdown_signal();
        server.listen(format!("{:?}", self.door), socket, move || {
            let (accepted, shared) = (self.clone(), self.shared.clone());
            let stopping = stopping.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(KEPT_FOR)
                .client_request_timeout(SPEAKS_WITHIN)
                .client_disconnect_timeout(HEARD_WITHIN)
                .local_addr(address)
                .on_connect_ext(move |socket: &ClientSocket, data| {
                    let share = crowding::admit(socket.stream(), &accepted.shared);
                    data.insert(accepted.connections.taken(accepted.door, share));
                    give_up_on_the_silent(socket.stream());
                });
            let app = worker().into_factory().map_err(|error: Error| error.error_response());
            fn_service(move |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                ready(Ok((ClientSocket::new(stream, shared.clone()), peer)))
            })
            .and_then(http.h1(map_config(app, |()| AppConfig::default())))
        })
    }
}

fn give_up_on_the_silent(stream: &TcpStream) {
    // Where the system has no such thing, its own patience counts.
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(SILENCE_MAX));
}

//! A client with a connection of its own, which costs the machine as little as may be.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::load::Shot;

/// One connection, kept alive.
pub(crate) struct Caller {
    connection: SendRequest<Full<Bytes>>,
    host: String,
}

impl Caller {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self { connection, host: address.to_owned() })
    }

    /// Sends a request, and returns the status and the body of its answer.
    pub(crate) async fn send(&mut self, shot: &Shot) -> Result<(u16, Bytes)> {
        let answer = self.ask(shot).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// Sends a request, and returns its answer.
    pub(crate) async fn ask(&mut self, shot: &Shot) -> Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(shot.method.clone())
            .uri(shot.path.as_str())
            .header(HOST, &self.host)
            .header(AUTHORIZATION, format!("Bearer {}", shot.token));
        for (name, value) in &shot.headers {
            request = request.header(*name, value);
        }
        self.connection.ready().await?;
        Ok(self.connection.send_request(request.body(Full::new(shot.body.clone()))?).await?)
    }
}

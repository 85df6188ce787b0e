//! A client with a connection of its own, which costs the machine as little as may be.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) authorization: HeaderValue,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Shot {
    pub(crate) fn get(path: &str, token: &str) -> Self {
        Self::new(Method::GET, path, token, Bytes::new())
    }

    pub(crate) fn post(path: &str, token: &str, body: Bytes) -> Self {
        Self::new(Method::POST, path, token, body)
    }

    pub(crate) fn delete(path: &str, token: &str) -> Self {
        Self::new(Method::DELETE, path, token, Bytes::new())
    }

    fn new(method: Method, path: &str, token: &str, body: Bytes) -> Self {
        let authorization = HeaderValue::try_from(format!("Bearer {token}"));
        let authorization = authorization.unwrap_or(HeaderValue::from_static("Bearer"));
        Self { method, path: path.to_owned(), authorization, headers: Vec::new(), body }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

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
            .header(AUTHORIZATION, &shot.authorization);
        for (name, value) in &shot.headers {
            request = request.header(*name, value);
        }
        self.connection.ready().await?;
        Ok(self.connection.send_request(request.body(Full::new(shot.body.clone()))?).await?)
    }
}

//! A client with a connection of its own, which costs the machine as little as may be.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

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

    pub(crate) async fn get(&mut self, path: &str, token: &str) -> Result<(u16, Bytes)> {
        self.send(Method::GET, path, token, Bytes::new()).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        token: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes)> {
        self.send(Method::POST, path, token, body).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(body))?;
        self.connection.ready().await?;
        let answer = self.connection.send_request(request).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}

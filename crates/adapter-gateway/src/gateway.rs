use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ids::ChargeId;
use domain::ports::{Bill, Clock, PaymentGateway, Unavailable};
use domain::provider_charge::Verdict;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;

use crate::seal::Seal;
use crate::wire::{Answer, Request};

/// An answer is at most this long.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Where the provider is, and how it is spoken to.
pub struct GatewayOptions {
    /// `http://` or `https://`, without a user or a password.
    pub url: String,
    /// What both sides sign with.
    pub secret: String,
    /// How long one answer may take, from the moment it is wanted.
    pub answer_within: Duration,
    /// How many requests may be under way at once, and so how many connections there are.
    pub connections_max: usize,
}

/// An option that no gateway can work with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongOption(String);

/// A provider that is spoken to over HTTP.
pub struct HttpGateway {
    client: Client,
    url: Url,
    seal: Seal,
    clock: Arc<dyn Clock>,
    places: Semaphore,
    answer_within: Duration,
}

impl HttpGateway {
    /// Speaks to the provider of `options`, and signs at the time of `clock`. Connects when it is
    /// first asked for something.
    ///
    /// # Errors
    /// [`WrongOption`].
    pub fn new(options: &GatewayOptions, clock: Arc<dyn Clock>) -> Result<Self, WrongOption> {
        let url: Url = options.url.parse().map_err(|_| WrongOption("is no URL".to_owned()))?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        if !matches!(url.scheme(), "http" | "https") || has_credentials {
            let wanted = "must be an http:// or https:// URL without a user or a password";
            return Err(WrongOption(wanted.to_owned()));
        }
        let seal = Seal::new(&options.secret);
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .redirect(Policy::none())
            .pool_max_idle_per_host(options.connections_max)
            .build()
            .map_err(|error| WrongOption(format!("cannot be used: {error}")))?;
        Ok(Self {
            client,
            url,
            seal: seal.ok_or_else(|| WrongOption("the secret cannot be used".to_owned()))?,
            clock,
            places: Semaphore::new(options.connections_max),
            answer_within: options.answer_within,
        })
    }

    /// Asks, and waits for the answer no longer than it may take: for a free connection, too.
    async fn call(&self, id: ChargeId, request: &Request) -> Result<Verdict, Unavailable> {
        let answer = tokio::time::timeout(self.answer_within, self.exchange(id, request)).await;
        let answer = answer.unwrap_or_else(|_| Err(fault("did not answer in time")));
        if let Err(fault) = &answer {
            let source = std::error::Error::source(fault).map(ToString::to_string);
            let source = source.unwrap_or_default();
            tracing::warn!(payment_id = %id, source, "{fault}; it will be asked again");
        }
        answer
    }

    async fn exchange(&self, id: ChargeId, request: &Request) -> Result<Verdict, Unavailable> {
        let _place =
            self.places.acquire().await.map_err(|_| fault("is not to be asked any more"))?;
        let body = serde_json::to_vec(request)
            .map_err(|error| Unavailable::from_source("a request cannot be written", error))?;
        let response = match self.send(body.clone()).await {
            // A connection that was kept may have been closed just now, so once more on another:
            // every request is safe to send again.
            Err(_) => self.send(body).await.map_err(broken_off)?,
            Ok(response) => response,
        };
        if response.status() != StatusCode::OK {
            return Err(fault(&format!("answered {}", response.status().as_u16())));
        }
        let body = read(response).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
            Unavailable::from_source("the payment provider's answer cannot be read", error)
        })?;
        answer.about(id).ok_or_else(|| fault("answered about another payment"))
    }

    async fn send(&self, body: Vec<u8>) -> Result<Response, reqwest::Error> {
        self.client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Stagedoor-Signature", self.seal.sign(&body, self.clock.now()))
            .body(body)
            .send()
            .await
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Unavailable> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken_off)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(fault("said too much"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The URL is not repeated: what a bridge's URL holds is nobody's business.
fn broken_off(error: reqwest::Error) -> Unavailable {
    Unavailable::from_source("the payment provider did not answer", error.without_url())
}

fn fault(what: &str) -> Unavailable {
    Unavailable::because(format!("the payment provider {what}"))
}

/// Trusts whom the machine trusts.
fn tls() -> Result<ClientConfig, WrongOption> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WrongOption(format!("TLS cannot be used: {error}")))?;
    Ok(config.with_root_certificates(trusted).with_no_client_auth())
}

#[async_trait]
impl PaymentGateway for HttpGateway {
    async fn authorise(&self, bill: &Bill) -> Result<Verdict, Unavailable> {
        self.call(bill.charge_id, &Request::Authorise(bill.into())).await
    }

    async fn ask(&self, id: ChargeId) -> Result<Verdict, Unavailable> {
        self.call(id, &Request::ask(id)).await
    }

    async fn give_back(&self, bill: &Bill) -> Result<Verdict, Unavailable> {
        self.call(bill.charge_id, &Request::GiveBack(bill.into())).await
    }

    fn prove(&self, signature: &str, body: &[u8], now: Timestamp) -> Option<String> {
        self.seal.prove(signature, body, now)
    }
}

#[cfg(test)]
mod tests;

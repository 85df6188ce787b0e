//! A payment provider to test against: a real HTTP server that speaks the protocol of
//! `docs/payment-provider.md`, keeps its own books, and misbehaves as it is told.

mod plan;

pub(crate) use plan::{Decision, Delivery, NoticeKind, Plan};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{Installation, http_client, text};

pub(crate) const SECRET: &str = "what the shop and its provider share";

/// What the provider has in its books for a payment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Charge {
    /// `unknown`, `pending`, `charged`, `declined` or `returned`.
    pub(crate) state: &'static str,
    pub(crate) amount: i64,
    /// How often money was taken, and how often given back.
    pub(crate) taken: u32,
    pub(crate) given_back: u32,
    /// What it was asked, in order.
    pub(crate) asked: Vec<String>,
    plan: Plan,
}

/// A provider that runs until it is dropped.
pub(crate) struct Provider {
    pub(crate) url: String,
    books: Arc<Books>,
    door: JoinHandle<()>,
}

struct Books {
    charges: Mutex<HashMap<String, Charge>>,
    /// What becomes of payments that are new.
    plans: Mutex<Box<dyn FnMut() -> Plan + Send>>,
    /// Where notices go.
    shop: Mutex<String>,
    forged: Mutex<Vec<String>>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Provider {
    /// One that does as it should: charges, answers at once, and sends no notices.
    pub(crate) async fn honest() -> Self {
        Self::with(Plan::default).await
    }

    /// One whose dealings with each new payment follow a plan.
    pub(crate) async fn with(plans: impl FnMut() -> Plan + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::at(listener, plans)
    }

    pub(crate) fn at(listener: TcpListener, plans: impl FnMut() -> Plan + Send + 'static) -> Self {
        let url = format!("http://{}/pay", listener.local_addr().unwrap());
        let books = Arc::new(Books {
            charges: Mutex::default(),
            plans: Mutex::new(Box::new(plans)),
            shop: Mutex::default(),
            forged: Mutex::default(),
        });
        let door = tokio::spawn(serve(listener, Arc::clone(&books)));
        Self { url, books, door }
    }

    /// An installation that pays through it.
    pub(crate) fn installation(&self) -> Installation {
        with_provider(&self.url)
    }

    /// What becomes of new payments from now on.
    pub(crate) fn plan(&self, plan: Plan) {
        *lock(&self.books.plans) = Box::new(move || plan.clone());
    }

    /// Has notices sent to that server from now on.
    pub(crate) fn tell(&self, server: &str) {
        server.clone_into(&mut lock(&self.books.shop));
    }

    pub(crate) fn charges(&self) -> HashMap<String, Charge> {
        lock(&self.books.charges).clone()
    }

    pub(crate) fn charge(&self, payment: &str) -> Charge {
        self.charges().remove(payment).unwrap_or_default()
    }

    /// Changes its mind about a payment.
    pub(crate) fn set(&self, payment: &str, state: &'static str) {
        lock(&self.books.charges).get_mut(payment).unwrap().become_(state);
    }

    /// What it was asked without a right signature.
    pub(crate) fn forged(&self) -> Vec<String> {
        lock(&self.books.forged).clone()
    }
}

/// An installation whose payments go through the provider at `url`.
pub(crate) fn with_provider(url: &str) -> Installation {
    paying_through(Installation::new(), url)
}

/// The same, where there is an installation.
pub(crate) fn paying_through(installation: Installation, url: &str) -> Installation {
    installation
        .with("SECRET", crate::harness::SECRET)
        .with("GATEWAY_URL", url)
        .with("GATEWAY_SECRET", SECRET)
        .with("GATEWAY_TIMEOUT_MS", 500)
}

impl Charge {
    fn become_(&mut self, state: &'static str) {
        match (self.state, state) {
            // What was given back is over, whatever comes late.
            ("returned", _) | ("charged", "charged") => return,
            (_, "charged") => self.taken += 1,
            ("charged", "returned") => self.given_back += 1,
            _ => {}
        }
        self.state = state;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, books: Arc<Books>) {
    while let Ok((connection, _)) = listener.accept().await {
        let books = Arc::clone(&books);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&books)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

/// That a connection is cut.
type Cut = Box<dyn std::error::Error + Send + Sync>;

async fn answer(
    request: Request<Incoming>,
    books: Arc<Books>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let signature = request.headers().get("stagedoor-signature").cloned();
    let body = request.into_body().collect().await?.to_bytes();
    let signature = signature.and_then(|value| value.to_str().ok().map(str::to_owned));
    let ask: Value = serde_json::from_slice(&body)?;
    let said = String::from_utf8(body.to_vec())?;
    if signature.as_deref() != Some(&sign(time_of(signature.as_deref()), &said)) {
        lock(&books.forged).push(said);
        return Ok(Response::builder().status(401).body(Full::default())?);
    }
    // What was begun is done, be somebody there to hear of it or not.
    let done = tokio::spawn(do_as_asked(ask, books));
    done.await?
}

async fn do_as_asked(ask: Value, books: Arc<Books>) -> Result<Response<Full<Bytes>>, Cut> {
    let (id, action) = (text(&ask, "payment_id"), text(&ask, "action"));
    let (delivery, decision) = {
        let mut charges = lock(&books.charges);
        if action == "ask" && !charges.contains_key(&id) {
            let unknown = json!({ "payment_id": id, "state": "unknown" });
            return Ok(Response::new(Full::new(unknown.to_string().into())));
        }
        let new = || Charge { plan: (lock(&books.plans))(), state: "unknown", ..Charge::default() };
        let charge = charges.entry(id.clone()).or_insert_with(new);
        charge.asked.push(action.clone());
        charge.amount = ask["amount"].as_i64().unwrap_or(charge.amount);
        (charge.plan.next_delivery(), charge.plan.decision)
    };
    match delivery {
        Delivery::CutBefore => return Err("cut before".into()),
        Delivery::Fail => return Ok(Response::builder().status(500).body(Full::default())?),
        Delivery::WaitBefore(wait) => tokio::time::sleep(wait).await,
        _ => {}
    }
    let (state, is_first) = {
        let mut charges = lock(&books.charges);
        let charge = charges.get_mut(&id).ok_or("gone")?;
        let before = charge.state;
        match (action.as_str(), before) {
            ("authorise", "unknown") => charge.become_(decision.state()),
            ("give_back", _) => charge.become_("returned"),
            _ => {}
        }
        (charge.state, before != charge.state)
    };
    if is_first {
        send_notices(&books, &id, state);
    }
    let said = json!({ "payment_id": id, "state": state, "reason": decision.reason() });
    let said = match delivery {
        Delivery::CutAfter => return Err("cut after".into()),
        Delivery::WaitAfter(wait) => {
            tokio::time::sleep(wait).await;
            said.to_string()
        }
        Delivery::Garbage => said.to_string().replace(&id, "x"),
        _ => said.to_string(),
    };
    Ok(Response::new(Full::new(said.into())))
}

/// Sends the notices that a payment's plan has, in their order.
fn send_notices(books: &Arc<Books>, id: &str, state: &'static str) {
    let kinds = lock(&books.charges).get(id).map(|charge| charge.plan.notices.clone());
    let (books, id) = (Arc::clone(books), id.to_owned());
    tokio::spawn(async move {
        for kind in kinds.unwrap_or_default() {
            let shop = lock(&books.shop).clone();
            let state = if kind == NoticeKind::Stale { "pending" } else { state };
            tokio::time::sleep(Duration::from_millis(20)).await;
            notify(&shop, kind, &id, state, now()).await;
        }
    });
}

/// Sends a notice, and says how it was taken.
pub(crate) async fn notify(
    shop: &str,
    kind: NoticeKind,
    payment: &str,
    state: &str,
    at: u64,
) -> Option<(u16, Value)> {
    let body = json!({ "payment_id": payment, "state": state, "reason": "no credit" }).to_string();
    let signature = match kind {
        NoticeKind::Forged => sign(at, "something else"),
        NoticeKind::Right | NoticeKind::Stale => sign(at, &body),
    };
    post_notice(shop, &signature, body).await
}

pub(crate) async fn post_notice(shop: &str, signature: &str, body: String) -> Option<(u16, Value)> {
    let request = http_client()
        .post(format!("{shop}/api/gateway/notices"))
        .header("Stagedoor-Signature", signature)
        .header("Content-Type", "application/json")
        .body(body);
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, serde_json::from_str(&answer.text().await.ok()?).unwrap_or_default()))
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn time_of(signature: Option<&str>) -> u64 {
    let time = signature.and_then(|signature| signature.split(',').next());
    time.and_then(|time| time.strip_prefix("t=")).and_then(|time| time.parse().ok()).unwrap_or(0)
}

/// The header as the guide says it is made.
pub(crate) fn sign(at: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

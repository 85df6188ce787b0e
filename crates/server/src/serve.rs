//! `stagedoor serve`.

use std::sync::Arc;
use std::time::Duration;

use adapter_auth::{RandomIds, Secret};
use adapter_http::{HttpOptions, HttpServer, Metrics, PageFile};
use anyhow::{Context, Result, bail, ensure};
use application::Application;
use chrono::Datelike;
use domain::page::PageRequest;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::demo;
use crate::open_files;
use crate::secret::secret;
use crate::settings::{Settings, ensure_chosen, tell_of_play_money};
use crate::sweepers::{self, Sweepers};
use crate::wiring::for_server;

/// How long requests may take when the last connection was let in. With the drain that is usual, that
/// connection, the second at whose end actix looks again, and the sweepers, it is ten seconds at most.
const STOP_WITHIN: Duration = Duration::from_secs(4);

/// Serves until a signal says to stop.
pub(crate) async fn serve(
    settings: &Settings,
    with_demo: bool,
    log_lines_dropped: impl Fn() -> u64 + Send + Sync + 'static,
) -> Result<()> {
    ensure_clock_can_be_told()?;
    ensure_chosen(settings.charging)?;
    let secret = secret(settings)?;
    let metrics = Arc::new(Metrics::new()?);
    metrics.watch_log(log_lines_dropped);
    let app = for_server(settings, &secret, &metrics).await?;
    // Until here a signal ends the process, which may wait for a database that does not answer.
    let signals = signals()?;
    let demo_secret = with_demo.then_some(&secret);
    let served = serve_from(&app, settings, demo_secret, metrics, signals).await;
    app.store.close().await;
    if served.is_ok() {
        tracing::info!("stopped");
    }
    served
}

/// Serves from a store that is open.
async fn serve_from(
    app: &Arc<Application>,
    settings: &Settings,
    demo_secret: Option<&Secret>,
    metrics: Arc<Metrics>,
    signals: watch::Receiver<u32>,
) -> Result<()> {
    ensure_currency(app, settings).await?;
    if let Err(error) = sweepers::beat(app).await {
        // Until it is done, by this server or another, ends do not count; it need not wait for that.
        tracing::warn!(%error, "what an outage took is not given back yet");
    }
    // Nobody whose session was ended is let through, and no guess is forgotten, before a request comes.
    app.revocations.refresh().await?;
    app.sign_in_guard.look_back().await?;
    app.open_site_room.execute().await?;
    if let Some(secret) = demo_secret {
        demo::fill(app, secret).await?;
    }
    let http = HttpServer::bind(
        Arc::clone(app),
        &HttpOptions {
            listen: settings.listen,
            admin_listen: settings.admin_listen,
            docs: settings.docs,
            workers: settings.workers,
            connections_max: open_files::room_for(settings.connections_max),
            streams_max: settings.streams_max,
            cors_origins: settings.cors_origins.clone(),
            drain: settings.drain,
            stop_within: STOP_WITHIN,
            limits: settings.limits,
            join_work: settings.join_work,
            address_header: settings.address_header.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            metrics,
            ids: Arc::new(RandomIds),
            pages: web::pages().into_iter().map(page_file).collect(),
        },
    );
    let listen = settings.admin_listen.map(|admin| format!(" or {admin}")).unwrap_or_default();
    let http = http.with_context(|| format!("cannot listen on {}{listen}", settings.listen))?;
    let sweepers = Sweepers::start(app, Duration::from_millis(settings.sweep_interval_ms));
    if let Some(admin) = http.admin_address() {
        println!("metrics on http://{admin}/metrics");
    }
    tell_of_play_money(app.policies.charging);
    println!("listening on http://{}", http.address());
    let served = http.run(heard(signals.clone(), 1), heard(signals, 2)).await;
    sweepers.stop().await;
    if let Err(error) = app.sign_in_guard.write().await {
        tracing::warn!(%error, "some refused sign-ins are not written down");
    }
    sweepers::leave(app).await;
    Ok(served?)
}

fn page_file(page: web::Page) -> PageFile {
    let web::Page { path, content_type, body, version } = page;
    PageFile { path, content_type, body, version }
}

/// No HTTP date is of a later year, and nothing is to be recorded at such a time.
#[expect(
    clippy::disallowed_methods,
    reason = "it is about the machine's clock, not about the time"
)]
fn ensure_clock_can_be_told() -> Result<()> {
    let year = chrono::Utc::now().year();
    ensure!(
        (1970..=9998).contains(&year),
        "this machine's clock says that it is the year {year}: set it right first"
    );
    Ok(())
}

/// Accounts and concerts have one currency, from the first concert on.
async fn ensure_currency(app: &Application, settings: &Settings) -> Result<()> {
    let page = app.list_concerts.execute(PageRequest { limit: 1, after: None }).await?;
    match page.items.first().map(|concert| concert.details.currency) {
        Some(currency) if currency != settings.currency => {
            bail!(
                "STAGEDOOR_CURRENCY: this store sells in {currency}, not in {}",
                settings.currency
            )
        }
        _ => Ok(()),
    }
}

/// How many signals to stop were heard so far, from now on.
fn signals() -> Result<watch::Receiver<u32>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot hear signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot hear signals")?;
    let (count, heard) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            count.send_modify(|count| *count += 1);
            match *count.borrow() {
                1 => tracing::info!("stopping: finishing what is under way"),
                _ => tracing::info!("stopping at once"),
            }
        }
    });
    Ok(heard)
}

/// Waits for that many.
async fn heard(mut signals: watch::Receiver<u32>, count: u32) {
    if signals.wait_for(|heard| *heard >= count).await.is_err() {
        std::future::pending().await
    }
}

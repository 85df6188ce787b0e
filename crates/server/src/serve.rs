//! `stagedoor serve`.

use std::sync::Arc;
use std::time::Duration;

use adapter_auth::RandomIds;
use adapter_http::{HttpOptions, HttpServer, Metrics, PageFile};
use anyhow::{Context, Result, bail};
use application::Application;
use domain::page::PageRequest;
use tokio::signal::unix::{SignalKind, signal};

use crate::demo;
use crate::secret::secret;
use crate::settings::Settings;
use crate::sweepers::{self, Sweepers};
use crate::wiring::for_server;

/// How long requests may take after a signal to stop; with the sweepers it is ten seconds at most.
const STOP_WITHIN: Duration = Duration::from_secs(9);

/// Serves until a signal says to stop.
pub(crate) async fn serve(settings: &Settings, with_demo: bool) -> Result<()> {
    let secret = secret(settings)?;
    let metrics = Arc::new(Metrics::new()?);
    let app = for_server(settings, &secret, &metrics).await?;
    ensure_currency(&app, settings).await?;
    if let Err(error) = sweepers::beat(&app).await {
        // Until it is done, by this server or another, ends do not count; it need not wait for that.
        tracing::warn!(%error, "what an outage took is not given back yet");
    }
    app.open_site_room.execute().await?;
    if with_demo {
        demo::fill(&app, &secret).await?;
    }
    let http = HttpServer::bind(
        Arc::clone(&app),
        &HttpOptions {
            listen: settings.listen,
            workers: settings.workers,
            connections_max: settings.connections_max,
            streams_max: settings.streams_max,
            cors_origins: settings.cors_origins.clone(),
            stop_within: STOP_WITHIN,
            limits: settings.limits,
            address_header: settings.address_header.clone(),
            metrics,
            ids: Arc::new(RandomIds),
            pages: web::pages().into_iter().map(page_file).collect(),
        },
    );
    let http = http.with_context(|| format!("cannot listen on {}", settings.listen))?;
    let sweepers = Sweepers::start(&app, Duration::from_millis(settings.sweep_interval_ms));
    println!("listening on http://{}", http.address());
    http.run(signal_to_stop()?).await?;
    sweepers.stop().await;
    sweepers::leave(&app).await;
    tracing::info!("stopped");
    Ok(())
}

fn page_file(page: web::Page) -> PageFile {
    let web::Page { path, content_type, body, version } = page;
    PageFile { path, content_type, body, version }
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

fn signal_to_stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot hear signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot hear signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
    })
}

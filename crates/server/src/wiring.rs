//! Which adapter stands behind which port.

use std::sync::Arc;

use adapter_auth::{
    Argon2Passwords, HashWork, JwtAccessTokens, Keyring, RandomDelays, RandomIds, RandomSeeds,
    Secret, SignedQueueTokens, hashed_at_once,
};
use adapter_gateway::HttpGateway;
use adapter_http::{Metrics, PasswordsInTurn};
use adapter_postgres::PostgresStore;
use adapter_sqlite::SqliteStore;
use anyhow::{Context, Result};
use application::{Application, Policies, Ports};
use chrono::TimeDelta;
use domain::cash::{CashPolicy, Charging};
use domain::payment::RefundPolicy;
use domain::ports::{
    AuditLog, CashBook, Catalogue, Clock, DueWork, Ledger, Lines, OpenedBy, Orders, PaymentGateway,
    Sessions, Store, Users,
};
use domain::provider_charge::SettlingPolicy;
use domain::reservation::BookingPolicy;
use domain::waiting_room::RoomPolicy;

use crate::audit_lines::AuditLines;
use crate::database::DatabaseUrl;
use crate::settings::Settings;

/// All use cases, for a server, which must be alone with a file.
pub(crate) async fn for_server(
    settings: &Settings,
    secret: &Secret,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Application>> {
    application(settings, secret, OpenedBy::Server, metrics).await
}

/// All use cases, for a command that is run beside servers.
pub(crate) async fn for_command(settings: &Settings, secret: &Secret) -> Result<Arc<Application>> {
    // Nobody will ask what it measured.
    application(settings, secret, OpenedBy::Command, &Arc::new(Metrics::new()?)).await
}

/// All use cases, for a command that only reads beside servers.
pub(crate) async fn for_inspection(settings: &Settings) -> Result<Arc<Application>> {
    // It signs nothing, so any secret will do.
    let secret = Secret::random();
    application(settings, &secret, OpenedBy::Inspection, &Arc::new(Metrics::new()?)).await
}

/// Opens the store and wires all use cases to it.
async fn application(
    settings: &Settings,
    secret: &Secret,
    opened_by: OpenedBy,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Application>> {
    match &settings.database {
        DatabaseUrl::Sqlite(path) => {
            let store = SqliteStore::open(&adapter_sqlite::StoreOptions {
                path: path.clone(),
                opened_by,
                group_max: settings.group_max,
                waiting_max: settings.waiting_max,
                readers: settings.readers,
            })?;
            let store = Arc::new(store);
            let app = wire(store.clone(), Arc::new(store.clock()), settings, secret, metrics)?;
            store.observe(Arc::new(AuditLines(app.commit_observer())));
            Ok(app)
        }
        DatabaseUrl::Postgres(database) => {
            let options = adapter_postgres::StoreOptions {
                database: database.clone(),
                opened_by,
                writers: settings.writers,
                group_max: settings.group_max,
                waiting_max: settings.waiting_max,
                readers: usize::try_from(settings.readers)?,
                ids: Arc::new(RandomIds),
            };
            let store = Arc::new(PostgresStore::open(&options).await?);
            let app = wire(store.clone(), Arc::new(store.clock()), settings, secret, metrics)?;
            store.observe(Arc::new(AuditLines(app.commit_observer())));
            Ok(app)
        }
    }
}

/// All use cases over a store.
fn wire<S>(
    store: Arc<S>,
    clock: Arc<dyn Clock>,
    settings: &Settings,
    secret: &Secret,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Application>>
where
    S: Store
        + Users
        + Sessions
        + AuditLog
        + Catalogue
        + Lines
        + Orders
        + CashBook
        + DueWork
        + Ledger
        + 'static,
{
    let keyring = Keyring::new(secret, &settings.secret_previous);
    let passwords = Arc::new(Argon2Passwords::new()?);
    let ports = Ports {
        store: store.clone(),
        ids: Arc::new(RandomIds),
        draw_seeds: Arc::new(RandomSeeds),
        users: store.clone(),
        sessions: store.clone(),
        audit_log: store.clone(),
        reset_secrets: Arc::new(RandomSeeds),
        catalogue: store.clone(),
        lines: store.clone(),
        orders: store.clone(),
        cash_book: store.clone(),
        due_work: store.clone(),
        ledger: store,
        passwords: Arc::new(PasswordsInTurn::new(passwords, hashed_at_once())),
        access_tokens: Arc::new(JwtAccessTokens::new(&keyring)),
        queue_tokens: Arc::new(SignedQueueTokens::new(keyring.clone())),
        join_work: Arc::new(HashWork::new(keyring)),
        return_delays: Arc::new(RandomDelays::new(settings.return_within)),
        line_watch: metrics.clone(),
        payment_gateway: payment_gateway(settings, &clock)?,
        gateway_watch: metrics.clone(),
        clock,
    };
    Ok(Arc::new(Application::new(ports, policies(settings)?)))
}

fn payment_gateway(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn PaymentGateway>>> {
    let Some(options) = &settings.gateway else { return Ok(None) };
    Ok(Some(Arc::new(HttpGateway::new(options, clock.clone()).context("gateway_url")?)))
}

fn policies(settings: &Settings) -> Result<Policies> {
    Ok(Policies {
        session_lasts: settings.access_token_lifetime,
        guessing: settings.guessing,
        booking: BookingPolicy {
            hold_seconds: settings.hold_seconds,
            seats_per_reservation: settings.seats_per_reservation,
            rehold_cooldown_seconds: settings.rehold_cooldown_seconds,
        },
        // A command charges nothing.
        charging: settings.charging.unwrap_or(Charging::Operators),
        cash: CashPolicy {
            charge_max: settings.charge_max,
            balance_max: settings.balance_max,
            top_ups_pending_max: settings.top_ups_pending_max,
        },
        refund: RefundPolicy { until_hours: settings.refund_until_hours },
        settling: SettlingPolicy {
            answer_within: TimeDelta::from_std(settings.gateway_timeout)?,
            settle_within: TimeDelta::seconds(settings.gateway_settle_seconds.into()),
            undo_within: (settings.gateway_undo_seconds > 0)
                .then(|| TimeDelta::seconds(settings.gateway_undo_seconds.into())),
        },
        retention: settings.retention,
        new_rooms: RoomPolicy {
            capacity: settings.room_capacity,
            admissions_per_minute: None,
            active_ttl_seconds: settings.room_active_seconds,
            idle_ttl_seconds: settings.room_idle_seconds,
            paused: false,
            opens_at: None,
        },
        currency: settings.currency,
        seats_per_show_max: settings.seats_per_show_max,
    })
}

//! Which adapter stands behind which port.

use std::sync::Arc;

use adapter_auth::{
    Argon2Passwords, JwtAccessTokens, Keyring, RandomIds, Secret, SignedQueueTokens,
};
use adapter_sqlite::{SqliteStore, StoreOptions};
use anyhow::Result;
use application::{Application, Policies, Ports};
use domain::cash::CashPolicy;
use domain::payment::RefundPolicy;
use domain::reservation::BookingPolicy;
use domain::waiting_room::RoomPolicy;

use crate::settings::Settings;

/// Whether a store is opened for a server, which must be alone, or for a command beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    Alone,
    BesideOthers,
}

/// Opens the store and wires all use cases to it.
pub(crate) fn application(
    settings: &Settings,
    secret: &Secret,
    company: Company,
) -> Result<Arc<Application>> {
    let store = SqliteStore::open(&StoreOptions {
        path: settings.database.clone(),
        exclusive: company == Company::Alone,
        group_max: settings.group_max,
        waiting_max: settings.waiting_max,
        readers: settings.readers,
    })?;
    let store = Arc::new(store);
    let keyring = Keyring::new(secret, &settings.secret_previous);
    let ports = Ports {
        store: store.clone(),
        clock: Arc::new(store.clock()),
        ids: Arc::new(RandomIds),
        users: store.clone(),
        catalogue: store.clone(),
        lines: store.clone(),
        orders: store.clone(),
        cash_book: store.clone(),
        due_work: store.clone(),
        ledger: store.clone(),
        passwords: Arc::new(Argon2Passwords::new()?),
        access_tokens: Arc::new(JwtAccessTokens::new(
            keyring.clone(),
            settings.access_token_lifetime,
        )),
        queue_tokens: Arc::new(SignedQueueTokens::new(keyring)),
    };
    let app = Arc::new(Application::new(ports, policies(settings)));
    store.observe(app.commit_observer());
    Ok(app)
}

fn policies(settings: &Settings) -> Policies {
    Policies {
        booking: BookingPolicy {
            hold_seconds: settings.hold_seconds,
            seats_per_reservation: settings.seats_per_reservation,
        },
        cash: CashPolicy { charge_max: settings.charge_max, balance_max: settings.balance_max },
        refund: RefundPolicy { until_hours: settings.refund_until_hours },
        new_rooms: RoomPolicy {
            capacity: settings.room_capacity,
            admissions_per_minute: None,
            active_ttl_seconds: settings.room_active_seconds,
            idle_ttl_seconds: settings.room_idle_seconds,
            paused: false,
        },
        currency: settings.currency,
        seats_per_show_max: settings.seats_per_show_max,
    }
}

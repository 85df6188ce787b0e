//! Settings: each by flag, by environment or in a TOML file, in this order; each with a default.

mod charging;
mod edge;
mod given;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use adapter_auth::Secret;
use adapter_gateway::GatewayOptions;
use adapter_http::{Docs, LimitOptions, Network, WorkOptions};
use anyhow::Result;
use charging::charging;
pub(crate) use charging::{ensure_chosen, tell_of_play_money};
use chrono::TimeDelta;
use clap::{Arg, ArgMatches};
use domain::cash::Charging;
use domain::guessing::GuessingPolicy;
use domain::money::{Amount, Currency};
use domain::retention::RetentionPolicy;
use given::{Source, read_file};

use crate::database::DatabaseUrl;

/// A setting as people know it.
pub(crate) struct Setting {
    /// `hold_seconds` in TOML, `--hold-seconds` as a flag, `STAGEDOOR_HOLD_SECONDS` in the
    /// environment.
    name: &'static str,
    default: &'static str,
    help: &'static str,
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help }
}

/// Every setting there is.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("listen", "127.0.0.1:8080", "Address and port to listen on"),
    setting(
        "admin_listen",
        "",
        "Address and port for metrics and the details of readiness; none: told at the other one, on \
         the server's own machine",
    ),
    setting("docs", "on", "on, or off: whether /openapi.json is shown and can be browsed at /docs"),
    setting(
        "database_url",
        "sqlite:data/stagedoor.db",
        "Where everything is kept: sqlite: and a path, or postgres://…",
    ),
    setting(
        "database_ca_file",
        "",
        "Whose certificates PostgreSQL may have, with sslmode=require; none: the system's",
    ),
    setting(
        "secret",
        "",
        "Signs tokens, 32 characters or more without a comma, the same on all servers; none: made \
         and kept beside the file, which PostgreSQL has not",
    ),
    setting(
        "secret_previous",
        "",
        "Secrets whose tokens are still taken, with commas between them",
    ),
    setting("access_token_hours", "12", "How long an access token is good for"),
    setting("currency", "KRW", "What everything is paid in (ISO 4217)"),
    setting("hold_seconds", "300", "How long seats are held"),
    setting(
        "rehold_cooldown_seconds",
        "60",
        "Seconds before a user may hold again a seat that he released without paying",
    ),
    setting("seats_per_reservation", "4", "How many seats a reservation may have"),
    setting("seats_per_show_max", "100000", "How many seats a show may have"),
    setting(
        "charges",
        "",
        "Where cash comes from: open, anybody makes it; provider, the payment provider charges for it; \
         operators, they credit accounts; none: open on the embedded store without a provider",
    ),
    setting("charge_max", "10000000", "The most that can be charged at once, in minor units"),
    setting("balance_max", "100000000", "The most that an account can be charged up to"),
    setting(
        "return_seconds",
        "60",
        "Within how many seconds the seats of a refunded payment are free, at random; 0: at once",
    ),
    setting(
        "top_ups_pending_max",
        "3",
        "How many top-ups a user may have that the provider has not answered",
    ),
    setting("refund_until_hours", "24", "Until how many hours before a show it can be refunded"),
    setting(
        "gateway_url",
        "",
        "Where an outside payment provider is asked, by docs/payment-provider.md; none: cash alone \
         pays",
    ),
    setting(
        "gateway_for",
        "",
        "What the provider is asked to charge: payments, at each payment for seats; or charges, when cash \
         comes in; none: payments, unless charges is provider",
    ),
    setting(
        "gateway_secret",
        "",
        "Signs what is said to the payment provider and by it, 32 characters or more",
    ),
    setting("gateway_timeout_ms", "5000", "How long one answer of the payment provider may take"),
    setting("gateway_connections", "256", "How many requests to the provider may be under way"),
    setting(
        "gateway_settle_seconds",
        "3600",
        "How long a payment may stay unsettled before an operator is told",
    ),
    setting(
        "gateway_undo_seconds",
        "0",
        "After how long a payment that the provider leaves pending is undone; 0: by an operator alone",
    ),
    setting("room_capacity", "1000", "New rooms: how many may be inside at once"),
    setting("room_active_seconds", "600", "New rooms: how long somebody may stay inside"),
    setting("room_idle_seconds", "120", "New rooms: who is silent this long loses the place"),
    setting(
        "retention_days",
        "90",
        "For how many days waiting tokens, unpaid reservations and sessions are kept once they have \
         ended; 0: for ever",
    ),
    setting("sweep_interval_ms", "1000", "How often what is over is written down"),
    setting("group_max", "256", "How many changes one transaction carries"),
    setting("waiting_max", "4096", "How many changes may wait for a transaction"),
    setting("writers", "2", "How many connections write to PostgreSQL, side by side"),
    setting("readers", "4", "How many connections read from the store"),
    setting("workers", "2", "How many threads answer requests"),
    setting("connections_max", "25000", "How many connections there may be at once"),
    setting("streams_max", "10000", "How many event streams there may be at once"),
    setting(
        "address_header",
        "",
        "Where your proxy tells a client's address, as x-forwarded-for; none: the connection's counts",
    ),
    setting(
        "trusted_proxies",
        "private",
        "Networks of the proxies that are believed, with commas between them; private: this machine \
         and networks that are nobody's outside",
    ),
    setting(
        "connections_per_address",
        "5000",
        "How many connections one address has at once; 0: any",
    ),
    setting(
        "streams_per_address",
        "2000",
        "How many event streams one address has at once; 0: any",
    ),
    setting("streams_per_user", "8", "How many event streams one user has at once; 0: any"),
    setting(
        "writes_per_address",
        "20000",
        "How many charges, holds and other changes a minute one address has; 0: any",
    ),
    setting(
        "writes_per_user",
        "120",
        "How many charges, holds and other changes a minute one user has; 0: any",
    ),
    setting(
        "seat_polls_per_address",
        "60000",
        "How many looks at seats a minute one address has; 0: any",
    ),
    setting("seat_polls_per_user", "240", "How many looks at seats a minute one user has; 0: any"),
    setting("sign_ups_per_address", "2000", "How many sign-ups a minute one address has; 0: any"),
    setting("sign_ups_per_hour", "600", "How many sign-ups an hour one address has; 0: any"),
    setting("sign_ins_per_address", "2000", "How many sign-ins a minute one address has; 0: any"),
    setting(
        "wrong_passwords_max",
        "5",
        "How many wrong passwords one email has from one network before each next waits a minute; 0: any",
    ),
    setting("joins_per_address", "10000", "How many joins a minute one address has; 0: any"),
    setting("draws_per_address", "60", "How many looks at draws a minute one address has; 0: any"),
    setting("joins_per_user", "120", "How many joins a minute one user has; 0: any"),
    setting(
        "join_work_bits",
        "0",
        "How many bits of work a browser does before it joins; 18 is some 260,000 hashes",
    ),
    setting(
        "join_work_free_per_address",
        "60",
        "How many joins a minute one address has before each costs work: 18 bits, and one more for \
         twice as many; 0: any. Not for what comes from this machine",
    ),
    setting("cors_origins", "", "Origins whose pages may call, with commas between them"),
    setting(
        "drain_seconds",
        "3",
        "For how long a server that is to stop says so at /readyz and answers on",
    ),
    setting("log_format", "text", "text or json"),
    setting(
        "log",
        "info,actix_server=warn,actix_http=off",
        "What is logged, as tracing-subscriber's EnvFilter reads it",
    ),
];

/// What an installation decided.
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) docs: Docs,
    pub(crate) database: DatabaseUrl,
    pub(crate) secret: Option<Secret>,
    pub(crate) secret_previous: Vec<Secret>,
    pub(crate) access_token_lifetime: TimeDelta,
    pub(crate) currency: Currency,
    pub(crate) hold_seconds: u32,
    pub(crate) rehold_cooldown_seconds: u32,
    pub(crate) seats_per_reservation: u32,
    pub(crate) seats_per_show_max: u32,
    /// None: nobody has said where cash comes from, which a server has to know.
    pub(crate) charging: Option<Charging>,
    pub(crate) charge_max: Amount,
    pub(crate) balance_max: Amount,
    pub(crate) top_ups_pending_max: u32,
    pub(crate) refund_until_hours: u32,
    pub(crate) return_within: TimeDelta,
    /// Without one, cash alone pays.
    pub(crate) gateway: Option<GatewayOptions>,
    pub(crate) gateway_timeout: Duration,
    pub(crate) gateway_settle_seconds: u32,
    /// 0: nothing is undone by itself.
    pub(crate) gateway_undo_seconds: u32,
    pub(crate) room_capacity: u32,
    pub(crate) room_active_seconds: u32,
    pub(crate) room_idle_seconds: u32,
    /// None: what ended is kept for ever.
    pub(crate) retention: Option<RetentionPolicy>,
    pub(crate) sweep_interval_ms: u64,
    pub(crate) group_max: usize,
    pub(crate) waiting_max: usize,
    pub(crate) writers: usize,
    pub(crate) readers: u32,
    pub(crate) workers: usize,
    pub(crate) connections_max: usize,
    pub(crate) streams_max: usize,
    pub(crate) address_header: Option<String>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) limits: LimitOptions,
    pub(crate) guessing: GuessingPolicy,
    pub(crate) join_work: WorkOptions,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) drain: Duration,
    pub(crate) log_as_json: bool,
    pub(crate) log: String,
}

/// The flags of all settings, and of the file.
pub(crate) fn flags() -> impl Iterator<Item = Arg> {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .global(true)
        .help("A TOML file with settings");
    let settings = SETTINGS.iter().map(|setting| {
        let shown = if setting.default.is_empty() { "none" } else { setting.default };
        Arg::new(setting.name)
            .long(setting.name.replace('_', "-"))
            .value_name("VALUE")
            .global(true)
            .help(format!("{} [{}] [default: {shown}]", setting.help, variable(setting.name)))
    });
    std::iter::once(file).chain(settings)
}

fn variable(name: &str) -> String {
    format!("STAGEDOOR_{}", name.to_uppercase())
}

/// Where a number has no other limit.
const MOST: i64 = 1_000_000_000;

impl Settings {
    /// Reads all settings, and stops at the first wrong one.
    pub(crate) fn read(flags: &ArgMatches) -> Result<Self> {
        let path = flags.get_one::<String>("config").map(PathBuf::from);
        let file_name = path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let file = path.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let source = Source { flags, file, file_name };
        const ADDRESS: &str = "an address and a port, as 127.0.0.1:8080";
        const MOST_MONEY: i64 = 1_000_000_000_000_000;
        // One with a comma could not be named as a previous one when it is to be changed.
        let secret_form = "a secret has at least 32 characters, eight or more of them different, and \
                           no comma";
        let hours: i64 = source.number("access_token_hours", 1, 8_760)?;
        let database = source.database()?;
        let seats_max = database.seats_per_show_max();
        let retention_days: i64 = source.number("retention_days", 0, 36_500)?;
        let gateway_timeout =
            Duration::from_millis(source.number("gateway_timeout_ms", 1, 60_000)?);
        Ok(Self {
            listen: source.read("listen", ADDRESS, |value| value.parse().ok())?,
            admin_listen: source.read("admin_listen", ADDRESS, |value| match value {
                "" => Some(None),
                value => value.parse().ok().map(Some),
            })?,
            docs: source.read("docs", "on or off", |value| match value {
                "on" => Some(Docs::Shown),
                "off" => Some(Docs::Off),
                _ => None,
            })?,
            charging: charging(&source, &database)?,
            database,
            secret: source.read("secret", secret_form, |value| match value {
                "" => Some(None),
                value => Secret::new(value).ok().filter(|_| !value.contains(',')).map(Some),
            })?,
            secret_previous: source.read("secret_previous", secret_form, |value| {
                let secrets = value.split(',').map(str::trim).filter(|secret| !secret.is_empty());
                secrets.map(|secret| Secret::new(secret).ok()).collect()
            })?,
            access_token_lifetime: TimeDelta::hours(hours),
            currency: source
                .read("currency", "an ISO 4217 code, as KRW", |value| value.parse().ok())?,
            hold_seconds: source.number("hold_seconds", 1, 86_400)?,
            rehold_cooldown_seconds: source.number("rehold_cooldown_seconds", 0, 86_400)?,
            seats_per_reservation: source.number("seats_per_reservation", 1, 100)?,
            seats_per_show_max: source.number("seats_per_show_max", 1, seats_max)?,
            charge_max: money(source.number("charge_max", 1, MOST_MONEY)?),
            balance_max: money(source.number("balance_max", 1, MOST_MONEY)?),
            top_ups_pending_max: source.number("top_ups_pending_max", 1, 1_000)?,
            refund_until_hours: source.number("refund_until_hours", 0, 8_760)?,
            return_within: TimeDelta::seconds(source.number("return_seconds", 0, 86_400)?),
            gateway: gateway(&source, gateway_timeout)?,
            gateway_timeout,
            gateway_settle_seconds: source.number("gateway_settle_seconds", 1, 86_400 * 30)?,
            gateway_undo_seconds: source.number("gateway_undo_seconds", 0, 86_400 * 30)?,
            room_capacity: source.number("room_capacity", 0, 10_000_000)?,
            room_active_seconds: source.number("room_active_seconds", 1, 86_400)?,
            room_idle_seconds: source.number("room_idle_seconds", 1, 86_400)?,
            retention: (retention_days > 0)
                .then(|| RetentionPolicy { kept_for: TimeDelta::days(retention_days) }),
            sweep_interval_ms: source.number("sweep_interval_ms", 1, MOST)?,
            group_max: source.number("group_max", 1, 4_096)?,
            waiting_max: source.number("waiting_max", 1, 1_000_000)?,
            writers: source.number("writers", 1, 64)?,
            readers: source.number("readers", 1, 64)?,
            workers: source.number("workers", 1, 256)?,
            connections_max: source.number("connections_max", 1, 1_000_000)?,
            streams_max: source.number("streams_max", 0, 1_000_000)?,
            address_header: edge::address_header(&source)?,
            trusted_proxies: edge::trusted_proxies(&source)?,
            limits: edge::limits(&source)?,
            guessing: edge::guessing(&source)?,
            join_work: WorkOptions {
                bits: source.number("join_work_bits", 0, 32)?,
                free_per_address: source.number("join_work_free_per_address", 0, MOST)?,
            },
            cors_origins: edge::cors_origins(&source)?,
            drain: Duration::from_secs(source.number("drain_seconds", 0, 3_600)?),
            log_as_json: source.read("log_format", "text or json", |value| match value {
                "text" => Some(false),
                "json" => Some(true),
                _ => None,
            })?,
            log: source.read("log", "a filter, as info or stagedoor=debug", |value| {
                value.parse::<tracing_subscriber::EnvFilter>().ok().map(|_| value.to_owned())
            })?,
        })
    }
}

fn gateway(source: &Source<'_>, answer_within: Duration) -> Result<Option<GatewayOptions>> {
    let secret_form = "a secret has at least 32 characters, eight or more of them different, and the \
                       payment provider needs one";
    let url = source.given("gateway_url").value;
    if url.trim().is_empty() {
        return Ok(None);
    }
    let secret = source.read("gateway_secret", secret_form, |value| Secret::new(value).ok())?;
    Ok(Some(GatewayOptions {
        url: url.trim().to_owned(),
        secret: secret.expose().to_owned(),
        answer_within,
        connections_max: source.number("gateway_connections", 1, 10_000)?,
    }))
}

fn money(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap_or(Amount::MAX)
}

#[cfg(test)]
mod tests;

//! What the service knows of itself.

use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use domain::Timestamp;
use domain::uptime::{Recovery, RecoveryStep, ServerBeat, Uptime};
use uuid::Uuid;

use crate::SqlError;
use crate::columns::{Key, key, micros, time};
use crate::schema::{outages, service};

/// The one row.
#[derive(Queryable, Selectable, AsChangeset)]
#[diesel(table_name = service, treat_none_as_null = true)]
struct UptimeRow {
    heartbeat_at: Option<i64>,
    up_since: Option<i64>,
    punctual_since: Option<i64>,
    server_id: Option<Key>,
    server_beat: Option<i64>,
    outage_ended_at: Option<i64>,
    outage_beat_at: Option<i64>,
    outage_step: Option<String>,
    outage_done_to: Option<Key>,
}

impl From<&Uptime> for UptimeRow {
    fn from(uptime: &Uptime) -> Self {
        // There is one server on a file; one before it is gone.
        let server = uptime.servers.last();
        let recovery = uptime.recovery;
        Self {
            heartbeat_at: Some(micros(uptime.heartbeat_at)),
            up_since: Some(micros(uptime.up_since)),
            punctual_since: Some(micros(uptime.punctual_since)),
            server_id: server.map(|server| key(server.server_id)),
            server_beat: server.map(|server| micros(server.at)),
            outage_ended_at: recovery.map(|recovery| micros(recovery.ended_at)),
            outage_beat_at: recovery.map(|recovery| micros(recovery.beat_at)),
            outage_step: recovery.map(|recovery| recovery.step.name().to_owned()),
            outage_done_to: recovery.and_then(|recovery| recovery.done_to).map(key),
        }
    }
}

impl UptimeRow {
    fn recovery(&self) -> Result<Option<Recovery>, SqlError> {
        let step = self.outage_step.as_deref().and_then(RecoveryStep::named);
        let (Some(ended_at), Some(beat_at), Some(step)) =
            (self.outage_ended_at, self.outage_beat_at, step)
        else {
            return Ok(None);
        };
        let done_to = self.outage_done_to.map(Key::id::<Uuid>);
        let (ended_at, beat_at) = (time(ended_at)?, time(beat_at)?);
        Ok(Some(Recovery { ended_at, beat_at, step, done_to }))
    }
}

/// The heartbeat; none before the first.
pub(crate) fn uptime(conn: &mut SqliteConnection) -> Result<Option<Uptime>, SqlError> {
    let row: UptimeRow = service::table.select(UptimeRow::as_select()).first(conn)?;
    let (Some(heartbeat_at), Some(up_since)) = (row.heartbeat_at, row.up_since) else {
        return Ok(None);
    };
    let server = row
        .server_id
        .zip(row.server_beat)
        .map(|(id, at)| Ok::<_, SqlError>(ServerBeat { server_id: id.id(), at: time(at)? }));
    Ok(Some(Uptime {
        heartbeat_at: time(heartbeat_at)?,
        up_since: time(up_since)?,
        // Before the first beat of a server that knows of it, it is as long as that.
        punctual_since: time(row.punctual_since.unwrap_or(up_since))?,
        servers: server.transpose()?.into_iter().collect(),
        recovery: row.recovery()?,
        found: None,
    }))
}

/// The last heartbeat; none before the first.
pub(crate) fn heartbeat_at(conn: &mut SqliteConnection) -> Result<Option<Timestamp>, SqlError> {
    let beat: Option<i64> = service::table.select(service::heartbeat_at).first(conn)?;
    Ok(beat.map(time).transpose()?)
}

/// Writes down when the last commit was, and the heartbeat if it was asked for.
pub(crate) fn save_service(
    conn: &mut SqliteConnection,
    now: Timestamp,
    uptime: Option<&Uptime>,
) -> Result<(), SqlError> {
    let row = service::table.find(1);
    diesel::update(row).set(service::last_commit_at.eq(micros(now))).execute(conn)?;
    let Some(uptime) = uptime else { return Ok(()) };
    diesel::update(row).set(UptimeRow::from(uptime)).execute(conn)?;
    if let Some(outage) = uptime.found {
        let times = (
            outages::began_at.eq(micros(outage.began_at)),
            outages::ended_at.eq(micros(outage.ended_at)),
        );
        diesel::insert_into(outages::table).values(times).execute(conn)?;
    }
    Ok(())
}

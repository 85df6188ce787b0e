//! The service's heartbeat.

use diesel::QueryResult;
use diesel::sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::uptime::{Recovery, RecoveryStep, ServerBeat, Uptime};
use uuid::Uuid;

use crate::statement::Statement;

type Sql = (
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Array<SqlUuid>,
    Array<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Nullable<SqlUuid>,
);
type Row = (
    Option<Timestamp>,
    Option<Timestamp>,
    Option<Timestamp>,
    Vec<Uuid>,
    Vec<Timestamp>,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<String>,
    Option<Uuid>,
);

/// Locks and loads it, if it is `wanted`; none before the first beat.
pub(crate) async fn uptime(conn: &AsyncPgConnection, wanted: bool) -> QueryResult<Option<Uptime>> {
    if !wanted {
        return Ok(None);
    }
    let text = "SELECT heartbeat_at, up_since, punctual_since, server_ids, server_beats, \
             outage_ended_at, outage_beat_at, outage_step, outage_done_to \
         FROM service WHERE id = 1 FOR NO KEY UPDATE";
    let row: Row = Statement::<Sql>::new(text, vec![]).get_result(&mut &*conn).await?;
    let (heartbeat_at, up_since, punctual_since, ids, beats, ended_at, beat_at, step, done_to) =
        row;
    let beat = |(id, at): (Uuid, Timestamp)| ServerBeat { server_id: id.into(), at };
    let servers = ids.into_iter().zip(beats).map(beat).collect();
    let step = step.as_deref().and_then(RecoveryStep::named);
    let recovery = ended_at.zip(beat_at).zip(step).map(|((ended_at, beat_at), step)| Recovery {
        ended_at,
        beat_at,
        step,
        done_to,
    });
    let since = heartbeat_at.zip(up_since);
    Ok(since.map(|(heartbeat_at, up_since)| Uptime {
        heartbeat_at,
        up_since,
        // Before the first beat of a server that knows of it, it is as long as that.
        punctual_since: punctual_since.unwrap_or(up_since),
        servers,
        recovery,
        found: None,
    }))
}

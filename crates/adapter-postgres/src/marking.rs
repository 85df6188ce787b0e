//! The row that each transaction leaves if it is committed: whoever lost the answer to COMMIT finds
//! out by it what became of it, and the other servers what changed.

use diesel::QueryResult;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::records::Scope;
use domain::uptime::Uptime;
use uuid::Uuid;

use crate::loading::seats_found;
use crate::statement::{Parameter, Statement, one};

/// Which transaction: the writer's `number`th that is committed. One that was not leaves its number to
/// the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitMark {
    pub(crate) writer_id: Uuid,
    pub(crate) number: i64,
}

/// What time it is within a transaction, in the store's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Later than any commit that this transaction can see.
    pub(crate) now: Timestamp,
    /// When a server last said that the service is up.
    pub(crate) heartbeat_at: Timestamp,
}

/// What a moment is in SQL.
pub(crate) type MomentSql = (Timestamptz, Timestamptz);
pub(crate) type MomentRow = (Timestamp, Timestamp);

impl From<MomentRow> for Moment {
    fn from((now, heartbeat_at): MomentRow) -> Self {
        Self { now, heartbeat_at }
    }
}

impl Moment {
    /// The time as of which ends count.
    pub(crate) fn cutoff(&self) -> Timestamp {
        Uptime::cutoff(self.heartbeat_at, self.now)
    }
}

/// Marks the transaction, with all the seats that it may change, and returns the time.
///
/// # Errors
/// A violation of uniqueness where another transaction has the mark and was committed; where it still
/// runs, this waits for its end. A violation of a foreign key where the writer was given up meanwhile.
pub(crate) async fn mark(
    mut conn: &AsyncPgConnection,
    mark: CommitMark,
    scope: &Scope,
) -> QueryResult<Moment> {
    let (text, parameters) = marking(mark, scope);
    let statement = Statement::<MomentSql>::new(text, parameters);
    Ok(statement.get_result::<MomentRow>(&mut conn).await?.into())
}

/// The text that does so, which returns the time, and its parameters.
///
/// Whatever this transaction follows from was committed before it got the locks, and so before this
/// statement. So a time past all commits that it sees is past everything that it follows from, whatever
/// the database's clock did meanwhile.
pub(crate) fn marking(mark: CommitMark, scope: &Scope) -> (&'static str, Vec<Parameter>) {
    let seats = seats_found(scope);
    let text = seats.within(
        "INSERT INTO commits (writer_id, number, committed_at, seat_ids, token_ids) \
         SELECT ?, ?, greatest(clock_timestamp() + s.clock_offset * interval '1 microsecond', \
                 s.heartbeat_at, \
                 (SELECT max(c.committed_at) FROM commits AS c) + interval '1 microsecond'), ",
        ", '{}' FROM service AS s WHERE s.id = 1 \
         RETURNING committed_at, \
             coalesce((SELECT heartbeat_at FROM service WHERE id = 1), committed_at)",
    );
    let mut parameters = vec![one(mark.writer_id), one(mark.number)];
    parameters.extend(seats.parameters);
    (text, parameters)
}

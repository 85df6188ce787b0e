//! The row that each transaction leaves if it is committed: whoever lost the answer to COMMIT finds
//! out by it what became of it, and the other servers what changed.

use diesel::QueryResult;
use diesel::sql_types::Timestamptz;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::records::Scope;
use uuid::Uuid;

use crate::loading::seats_found;
use crate::statement::{Parameter, Statement, one};

/// Which transaction, and whose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitMark {
    pub(crate) id: Uuid,
    pub(crate) server_id: Uuid,
}

/// Marks the transaction, with all the seats that it may change, and returns the time: never one
/// before the last heartbeat, should the database's clock go back.
///
/// # Errors
/// A violation of uniqueness where another transaction has the mark and was committed; where it still
/// runs, this waits for its end.
pub(crate) async fn mark(
    mut conn: &AsyncPgConnection,
    mark: CommitMark,
    scope: &Scope,
) -> QueryResult<Timestamp> {
    let (text, parameters) = marking(mark, scope);
    Statement::<Timestamptz>::new(text, parameters).get_result(&mut conn).await
}

/// The text that does so, which returns the time, and its parameters.
pub(crate) fn marking(mark: CommitMark, scope: &Scope) -> (&'static str, Vec<Parameter>) {
    let seats = seats_found(scope);
    let text = seats.within(
        "INSERT INTO commits (id, server_id, committed_at, seat_ids, token_ids) \
         VALUES (?, ?, clock_timestamp(), ",
        ", '{}') \
         RETURNING greatest(clock_timestamp(), (SELECT heartbeat_at FROM service WHERE id = 1))",
    );
    let mut parameters = vec![one(mark.id), one(mark.server_id)];
    parameters.extend(seats.parameters);
    (text, parameters)
}

//! Shows and concerts, which never change once they are there, and so are not locked.

use std::sync::LazyLock;

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::concert::Concert;
use domain::ids::{ConcertId, ShowId};
use domain::records::Scope;
use domain::show::Show;

use crate::SqlError;
use crate::rows::{ConcertRow, Row, ShowRow, columns};
use crate::statement::{Statement, array, ids};

/// Shows of these ids, which never change.
pub(crate) async fn shows(
    conn: &AsyncPgConnection,
    wanted: &[ShowId],
) -> Result<Vec<Show>, SqlError> {
    let rows: QueryResult<Vec<ShowRow>> = load!(conn, ShowRow, unless wanted.is_empty(),
        "SELECT {columns} FROM shows AS t WHERE t.id = ANY(?)", [ids(wanted.iter().copied())])
    .await;
    Ok(rows?.into_iter().map(Show::try_from).collect::<Result<_, _>>()?)
}

/// Shows that begin at a time.
pub(crate) async fn shows_at(
    conn: &AsyncPgConnection,
    scope: &Scope,
) -> Result<Vec<Show>, SqlError> {
    let wanted = || scope.shows_at.iter();
    let rows: QueryResult<Vec<ShowRow>> = load!(conn, ShowRow, unless scope.shows_at.is_empty(),
    "SELECT {columns} FROM unnest(?, ?) AS wanted (concert_id, starts_at) \
     JOIN shows AS t ON t.concert_id = ANY (ARRAY[wanted.concert_id]) \
         AND t.starts_at = ANY (ARRAY[wanted.starts_at])",
    [
        ids(wanted().map(|(concert_id, _)| *concert_id)),
        array(wanted().map(|(_, starts_at)| *starts_at).collect())
    ])
    .await;
    Ok(rows?.into_iter().map(Show::try_from).collect::<Result<_, _>>()?)
}

/// Concerts of these ids, which never change.
pub(crate) async fn concerts(
    conn: &AsyncPgConnection,
    wanted: &[ConcertId],
) -> Result<Vec<Concert>, SqlError> {
    let rows: QueryResult<Vec<ConcertRow>> = load!(conn, ConcertRow, unless wanted.is_empty(),
        "SELECT {columns} FROM concerts AS t WHERE t.id = ANY(?)", [ids(wanted.iter().copied())])
    .await;
    Ok(rows?.into_iter().map(Concert::try_from).collect::<Result<_, _>>()?)
}

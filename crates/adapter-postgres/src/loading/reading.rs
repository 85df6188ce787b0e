//! What is read once all is locked. A statement costs some 100 µs beside what it does, so the last of
//! these queries marks the transaction, too.

use std::marker::PhantomData;
use std::sync::LazyLock;

use diesel::QueryResult;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable, Uuid as SqlUuid};
use diesel_async::methods::LoadQuery;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::records::{GIVEN_BACK_MAX, Scope};
use futures_util::try_join;
use uuid::Uuid;

use super::reservations_found;
use super::waiting::{self, LineRow};
use crate::marking::{CommitMark, Moment, MomentRow, MomentSql, mark, marking};
use crate::rows::{ReservationRow, Row, SeatRow, columns};
use crate::statement::{Parameter, Statement, composed, ids};

/// What is read once all is locked.
pub(super) struct ReadLast {
    pub(super) moment: Moment,
    pub(super) lines: Vec<LineRow>,
    pub(super) reserved: Vec<ReservedRow>,
    pub(super) reserved_seats: Vec<ReservedSeatRow>,
}

/// Reads it, and marks the transaction.
pub(super) async fn read_last(
    conn: &AsyncPgConnection,
    commit: CommitMark,
    scope: &Scope,
) -> QueryResult<ReadLast> {
    // The last of the queries that there are marks, too.
    let mut unmarked = Some(commit);
    let lines = read(conn, waiting::lines(scope), &mut unmarked, scope);
    let reserved_seats = read(conn, seats_of_reservations(scope), &mut unmarked, scope);
    let reserved = read(conn, reserved_by(scope), &mut unmarked, scope);
    let marked = async {
        match unmarked {
            Some(commit) => mark(conn, commit, scope).await.map(Some),
            None => Ok(None),
        }
    };
    let (reserved, reserved_seats, lines, marked) =
        try_join!(reserved, reserved_seats, lines, marked)?;
    let moment = [reserved.0, reserved_seats.0, lines.0, marked].into_iter().flatten().next();
    let moment = moment.ok_or(Error::NotFound)?;
    Ok(ReadLast { moment, lines: lines.1, reserved: reserved.1, reserved_seats: reserved_seats.1 })
}

type ReservedRow = (ReservationRow, SeatRow, i64);
type ReservedSql = (<ReservationRow as Row>::Sql, <SeatRow as Row>::Sql, BigInt);

/// What users reserved in concerts and still have, and what they gave back last, a row a seat, in the
/// order of seats.
fn reserved_by(scope: &Scope) -> Option<Reading<ReservedSql>> {
    if scope.reserved_by.is_empty() {
        return None;
    }
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT theirs.* FROM unnest(?, ?) AS wanted (user_id, concert_id), \
         LATERAL (SELECT {reservation}, {seat}, rs.price FROM ( \
                 SELECT * FROM reservations AS t WHERE t.user_id = ANY (ARRAY[wanted.user_id]) \
                     AND t.concert_id = ANY (ARRAY[wanted.concert_id]) \
                     AND t.state IN ('held', 'paying', 'confirmed') \
                 UNION ALL (SELECT * FROM reservations AS t \
                     WHERE t.user_id = ANY (ARRAY[wanted.user_id]) \
                     AND t.concert_id = ANY (ARRAY[wanted.concert_id]) AND t.state = 'cancelled' \
                     ORDER BY t.held_until DESC LIMIT {GIVEN_BACK_MAX})) AS r \
             JOIN reservation_seats AS rs ON rs.reservation_id = ANY (ARRAY[r.id]) \
             JOIN seats AS s ON s.id = ANY (ARRAY[rs.seat_id]) ORDER BY rs.position) AS theirs",
            reservation = columns::<ReservationRow>("r"),
            seat = columns::<SeatRow>("s"),
        )
    });
    let users = ids(scope.reserved_by.iter().map(|(user_id, _)| *user_id));
    let concerts = ids(scope.reserved_by.iter().map(|(_, concert_id)| *concert_id));
    Some(Reading::new(TEXT.as_str(), vec![users, concerts]))
}

type ReservedSeatRow = (Uuid, SeatRow, i64);
type ReservedSeatSql = (SqlUuid, <SeatRow as Row>::Sql, BigInt);

/// The seats of the reservations that are locked.
fn seats_of_reservations(scope: &Scope) -> Option<Reading<ReservedSeatSql>> {
    let found = reservations_found(scope);
    if found.is_empty() {
        return None;
    }
    static BEFORE: LazyLock<String> = LazyLock::new(|| {
        format!(
            "SELECT rs.reservation_id, {}, rs.price FROM reservation_seats AS rs \
             JOIN seats AS s ON s.id = ANY (ARRAY[rs.seat_id]) WHERE rs.reservation_id = ANY(",
            columns::<SeatRow>("s")
        )
    });
    let text = found.within(&BEFORE, ") ORDER BY rs.reservation_id, rs.position");
    Some(Reading::new(text, found.parameters))
}

/// A query whose rows are of the SQL type `Sql`.
pub(super) struct Reading<Sql> {
    text: &'static str,
    parameters: Vec<Parameter>,
    rows: PhantomData<Sql>,
}

impl<Sql: 'static> Reading<Sql> {
    pub(super) fn new(text: &'static str, parameters: Vec<Parameter>) -> Self {
        Self { text, parameters, rows: PhantomData }
    }

    async fn load<'a, T>(self, mut conn: &'a AsyncPgConnection) -> QueryResult<Vec<T>>
    where
        T: Send,
        Statement<Sql>: LoadQuery<'static, &'a AsyncPgConnection, T>,
    {
        Statement::new(self.text, self.parameters).load(&mut conn).await
    }

    /// Marks the transaction by the same statement; returns the time, too.
    async fn load_and_mark<'a, T>(
        self,
        mut conn: &'a AsyncPgConnection,
        mark: CommitMark,
        scope: &Scope,
    ) -> QueryResult<(Moment, Vec<T>)>
    where
        T: Send,
        Marking<Sql>: LoadQuery<'static, &'a AsyncPgConnection, (MomentRow, Option<T>)>,
    {
        let (marking, mut parameters) = marking(mark, scope);
        parameters.extend(self.parameters);
        let parts = [
            "WITH mark (now, heartbeat_at) AS (",
            marking,
            ") SELECT mark.now, mark.heartbeat_at, found.* FROM mark LEFT JOIN (",
            self.text,
            ") AS found ON true",
        ];
        let text = composed(&parts, || parts.concat());
        let rows = Marking::<Sql>::new(text, parameters).load(&mut conn).await?;
        let rows: Vec<(MomentRow, Option<T>)> = rows;
        let (moment, _) = rows.as_slice().first().ok_or(Error::NotFound)?;
        Ok(((*moment).into(), rows.into_iter().filter_map(|(_, row)| row).collect()))
    }
}

/// Rows of `Sql`, or none, each with the time.
type Marking<Sql> = Statement<(MomentSql, Nullable<Sql>)>;

/// Reads, and marks if that is still to do; where there is nothing to read, nothing is asked.
fn read<'a, Sql, T>(
    conn: &'a AsyncPgConnection,
    reading: Option<Reading<Sql>>,
    unmarked: &mut Option<CommitMark>,
    scope: &'a Scope,
) -> impl Future<Output = QueryResult<(Option<Moment>, Vec<T>)>> + Send + 'a
where
    T: Send + 'a,
    Sql: Send + 'static,
    Statement<Sql>: LoadQuery<'static, &'a AsyncPgConnection, T>,
    Marking<Sql>: LoadQuery<'static, &'a AsyncPgConnection, (MomentRow, Option<T>)>,
{
    let mark = if reading.is_some() { unmarked.take() } else { None };
    async move {
        Ok(match (reading, mark) {
            (None, _) => (None, Vec::new()),
            (Some(reading), None) => (None, reading.load(conn).await?),
            (Some(reading), Some(mark)) => {
                let (moment, rows) = reading.load_and_mark(conn, mark, scope).await?;
                (Some(moment), rows)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use diesel::QueryDsl;
    use diesel::sql_types::Integer;
    use diesel_async::SimpleAsyncConnection;

    use super::*;
    use crate::schema::commits;
    use crate::testing;

    /// Reads what two queries find, and how often the transaction was marked.
    async fn found(queries: [Option<&'static str>; 2]) -> ([Vec<i32>; 2], usize, i64) {
        let (mut conn, _throw_away) = testing::writer(Uuid::max()).await;
        conn.batch_execute("BEGIN").await.unwrap();
        let (mut unmarked, scope) =
            (Some(CommitMark { writer_id: Uuid::max(), number: 1 }), Scope::new());
        let [first, second] =
            queries.map(|query| query.map(|text| Reading::<(Integer,)>::new(text, vec![])));
        let first = read(&conn, first, &mut unmarked, &scope);
        let second = read(&conn, second, &mut unmarked, &scope);
        let (first, second): (_, (_, Vec<(i32,)>)) = (first.await.unwrap(), second.await.unwrap());
        let told = [first.0, second.0].into_iter().flatten().count();
        conn.batch_execute("COMMIT").await.unwrap();
        let marks = commits::table.count().get_result(&mut conn).await.unwrap();
        let rows = [first.1, second.1].map(|rows| rows.into_iter().map(|(n,)| n).collect());
        (rows, told, marks)
    }

    #[tokio::test]
    async fn one_of_the_queries_marks_and_each_finds_what_it_would_alone() {
        const NONE: Option<&str> = Some("SELECT 1 WHERE false");
        const TWO: Option<&str> = Some("SELECT n FROM generate_series(1, 2) AS n");
        assert_eq!(found([TWO, TWO]).await, ([vec![1, 2], vec![1, 2]], 1, 1));
        assert_eq!(found([NONE, TWO]).await, ([vec![], vec![1, 2]], 1, 1));
        assert_eq!(found([None, TWO]).await, ([vec![], vec![1, 2]], 1, 1));
        assert_eq!(found([None, NONE]).await, ([vec![], vec![]], 1, 1));
        assert_eq!(found([None, None]).await, ([vec![], vec![]], 0, 0));
    }
}

//! The counts that are kept of rooms and shows. Each writer adds to rows of its own, so that no two
//! wait for each other; a count is the sum over all writers.

use diesel::QueryResult;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::counts::{RoomCount, ShowCount};
use domain::ids::{RoomId, ShowId};
use domain::records::Records;
use uuid::Uuid;

use crate::at_once::AtOnce;
use crate::statement::{Statement, array, ids, one};

/// Adds a writer's counts in one table to what is there of a writer.
macro_rules! add_to {
    ($table:literal of $of:literal: $first:literal $(, $column:literal)* from $rows:literal) => {
        concat!(
            "INSERT INTO ", $table, " AS kept (", $of, ", writer_id, ", $first $(, ", ", $column)*, ") ",
            $rows,
            " ON CONFLICT (", $of, ", writer_id) DO UPDATE SET ",
            $first, " = kept.", $first, " + excluded.", $first
            $(, ", ", $column, " = kept.", $column, " + excluded.", $column)*
        )
    };
}

/// Adds what `changes` change to the writer's own counts.
pub(crate) fn count(made: &mut AtOnce, changes: &Records, writer_id: Uuid) {
    let rooms = changes.room_counts();
    if !rooms.is_empty() {
        let text = add_to!("room_counts" of "room_id": "waiting", "inside"
            from "SELECT unnest(?::uuid[]), ?::uuid, unnest(?::bigint[]), unnest(?::bigint[])");
        let column = |column: fn(&RoomCount) -> i64| {
            array(rooms.iter().map(|(_, count)| column(count)).collect())
        };
        let parameters = vec![
            ids(rooms.iter().map(|(id, _)| *id)),
            one(writer_id),
            column(|count| count.waiting),
            column(|count| count.inside),
        ];
        made.make(text, parameters);
    }
    let shows = changes.show_counts();
    if !shows.is_empty() {
        let text = add_to!("show_counts" of "show_id": "available", "held", "sold", "income"
            from "SELECT unnest(?::uuid[]), ?::uuid, unnest(?::bigint[]), unnest(?::bigint[]), \
                unnest(?::bigint[]), unnest(?::bigint[])");
        let column = |column: fn(&ShowCount) -> i64| {
            array(shows.iter().map(|(_, count)| column(count)).collect())
        };
        let parameters = vec![
            ids(shows.iter().map(|(id, _)| *id)),
            one(writer_id),
            column(|count| count.available),
            column(|count| count.held),
            column(|count| count.sold),
            column(|count| count.income),
        ];
        made.make(text, parameters);
    }
}

/// Puts together what writers counted that are gone: they count no more, and their rows would only
/// become more with every start of a server. That goes for all of them, should it not have come about
/// when one went.
pub(crate) async fn gather(mut conn: &AsyncPgConnection) -> QueryResult<()> {
    let rooms = concat!(
        "WITH gone AS (DELETE FROM room_counts AS c WHERE c.writer_id <> ? \
             AND NOT EXISTS (SELECT FROM writers AS w WHERE w.id = c.writer_id) RETURNING c.*) ",
        add_to!("room_counts" of "room_id": "waiting", "inside"
            from "SELECT room_id, ?::uuid, sum(waiting), sum(inside) FROM gone GROUP BY room_id")
    );
    let shows = concat!(
        "WITH gone AS (DELETE FROM show_counts AS c WHERE c.writer_id <> ? \
             AND NOT EXISTS (SELECT FROM writers AS w WHERE w.id = c.writer_id) RETURNING c.*) ",
        add_to!("show_counts" of "show_id": "available", "held", "sold", "income"
            from "SELECT show_id, ?::uuid, sum(available), sum(held), sum(sold), sum(income) \
                FROM gone GROUP BY show_id")
    );
    for text in [rooms, shows] {
        let parameters = vec![one(Uuid::nil()), one(Uuid::nil())];
        Statement::<()>::new(text, parameters).execute(&mut conn).await?;
    }
    Ok(())
}

/// All counts of rooms.
pub(crate) async fn of_rooms(
    mut conn: &AsyncPgConnection,
) -> QueryResult<Vec<(RoomId, RoomCount)>> {
    let text = "SELECT room_id, sum(waiting)::bigint, sum(inside)::bigint FROM room_counts \
         GROUP BY room_id";
    let rows: Vec<(Uuid, i64, i64)> =
        Statement::<(SqlUuid, BigInt, BigInt)>::new(text, vec![]).load(&mut conn).await?;
    let counts = rows.into_iter();
    Ok(counts.map(|(id, waiting, inside)| (id.into(), RoomCount { waiting, inside })).collect())
}

/// All counts of shows.
pub(crate) async fn of_shows(
    mut conn: &AsyncPgConnection,
) -> QueryResult<Vec<(ShowId, ShowCount)>> {
    let text = "SELECT show_id, sum(available)::bigint, sum(held)::bigint, sum(sold)::bigint, \
         sum(income)::bigint FROM show_counts GROUP BY show_id";
    type Sql = (SqlUuid, BigInt, BigInt, BigInt, BigInt);
    let rows: Vec<(Uuid, i64, i64, i64, i64)> =
        Statement::<Sql>::new(text, vec![]).load(&mut conn).await?;
    let counts = rows.into_iter().map(|(id, available, held, sold, income)| {
        (id.into(), ShowCount { available, held, sold, income })
    });
    Ok(counts.collect())
}

#[cfg(test)]
mod tests {
    use diesel_async::SimpleAsyncConnection;
    use domain::Timestamp;
    use domain::seat::{Place, Seat};

    use super::*;
    use crate::testing;

    const SHOW: Uuid = Uuid::from_u128(7);

    /// A new seat that is for sale.
    fn one_more_seat() -> Records {
        let place = Place {
            number: "A-1-1".into(),
            section: "A".into(),
            row: "1".into(),
            grade: "R".into(),
            price: domain::money::Amount::new(100).unwrap(),
        };
        let mut records = Records::at(Timestamp::UNIX_EPOCH);
        records.seats.insert(Seat::new(Uuid::from_u128(1).into(), SHOW.into(), place));
        records
    }

    #[tokio::test]
    async fn what_writers_counted_that_are_gone_is_gathered_and_still_counts() {
        let [gone, there] = [1, 2].map(Uuid::from_u128);
        let (conn, _throw_away) = testing::writer(there).await;
        let counted = [(SHOW.into(), ShowCount { available: 4, ..ShowCount::default() })];
        for writer in [gone, gone, there, there] {
            let mut made = AtOnce::default();
            count(&mut made, &one_more_seat(), writer);
            made.run(&conn).await.unwrap();
        }
        assert_eq!(of_shows(&conn).await.unwrap(), counted);
        gather(&conn).await.unwrap();
        assert_eq!(of_shows(&conn).await.unwrap(), counted);
        let is_gathered = "DO $$ BEGIN ASSERT (SELECT count(*) FROM show_counts) = 2; \
             ASSERT NOT EXISTS (SELECT FROM show_counts WHERE writer_id = \
                 '00000000-0000-0000-0000-000000000001'); END $$";
        (&mut &conn).batch_execute(is_gathered).await.unwrap();
    }
}

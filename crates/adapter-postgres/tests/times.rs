//! Of each time in the database it is said what becomes of it when the clock is set back.

use std::collections::BTreeSet;

use offline_store::{Dialect, columns};
use tokio_postgres::NoTls;

#[tokio::test]
async fn of_each_time_it_is_said_what_becomes_of_it() {
    let database = throw_away_postgres::shared().create_database();
    adapter_postgres::migrate(&database.url.parse().unwrap()).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let times = "SELECT c.relname::text, a.attname::text FROM pg_attribute AS a \
         JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_type AS t ON t.oid = a.atttypid \
         LEFT JOIN pg_type AS e ON e.oid = t.typelem \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 \
             AND NOT a.attisdropped AND c.relname NOT LIKE '\\_\\_diesel%' \
             AND (t.typcategory IN ('D', 'T') OR e.typcategory IN ('D', 'T'))";
    let rows = client.query(times, &[]).await.unwrap();
    let found: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    drop(client);
    connection.await.unwrap().unwrap();
    let named = columns(Dialect::Postgres).map(|c| (c.table.to_owned(), c.name.to_owned()));
    assert_eq!(found, named.collect());
}

//! Where tests begin: a store with nothing in it.

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use crate::connect::{Database, Session};
use crate::migrate::migrate;
use crate::writers::register;

/// An empty store, which is there as long as the second of both is kept.
pub(crate) async fn store() -> (Database, throw_away_postgres::Database) {
    let throw_away = throw_away_postgres::shared().create_database();
    let database: Database = throw_away.url.parse().unwrap();
    migrate(&database).await.unwrap();
    (database, throw_away)
}

/// A session of one, for a writer that is registered.
pub(crate) async fn writer(id: Uuid) -> (AsyncPgConnection, throw_away_postgres::Database) {
    let (database, throw_away) = store().await;
    let conn = database.connect(Session::Writes).await.unwrap();
    register(&conn, id, Uuid::nil()).await.unwrap();
    (conn, throw_away)
}

//! A stage on a database of its own.

use std::sync::Arc;

use adapter_postgres::{PostgresStore, StoreOptions};
use domain::ports::Ids;
use store_contract::Stage;
use throw_away_postgres::Database;
use uuid::Uuid;

struct NewIds;

#[expect(clippy::disallowed_methods, reason = "tests have no adapter for ids")]
impl Ids for NewIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// With so many writers, each of which commits so many decisions at once.
pub(crate) async fn open(writers: usize, group_max: usize) -> (Stage, Database) {
    let database = throw_away_postgres::shared().create_database();
    let store = open_store(&database, writers, group_max).await;
    let clock = Arc::new(store.clock());
    (Stage::set(Arc::new(store), clock).await, database)
}

/// The store alone, on a database that may have something in it.
pub(crate) async fn open_store(
    database: &Database,
    writers: usize,
    group_max: usize,
) -> PostgresStore {
    let options = StoreOptions::at(database.url.parse().unwrap(), Arc::new(NewIds));
    PostgresStore::open(&StoreOptions { writers, group_max, ..options }).await.unwrap()
}

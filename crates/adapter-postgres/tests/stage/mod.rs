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

/// How it is opened, with so many writers, each of which commits so many decisions at once.
pub(crate) fn options(database: &Database, writers: usize, group_max: usize) -> StoreOptions {
    let options = StoreOptions::at(database.url.parse().unwrap(), Arc::new(NewIds));
    StoreOptions { writers, group_max, ..options }
}

/// A stage on a store that is opened like that.
pub(crate) async fn open(writers: usize, group_max: usize) -> (Stage, Database) {
    let database = throw_away_postgres::shared().create_database();
    let store = PostgresStore::open(&options(&database, writers, group_max)).await.unwrap();
    let clock = Arc::new(store.clock());
    (Stage::set(Arc::new(store), clock).await, database)
}

//! What [`store_contract::panics`] promises of a panic.

use std::sync::Arc;

use domain::ports::Ids;
use store_contract::panics;
use uuid::Uuid;

use crate::{PostgresStore, StoreOptions};

struct NewIds;

#[expect(clippy::disallowed_methods, reason = "tests have no adapter for ids")]
impl Ids for NewIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

pub(crate) async fn open() -> (Arc<PostgresStore>, throw_away_postgres::Database) {
    let database = throw_away_postgres::shared().create_database();
    let options = StoreOptions::at(database.url.parse().unwrap(), Arc::new(NewIds));
    (Arc::new(PostgresStore::open(&options).await.unwrap()), database)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_saving_takes_nobody_along() {
    let (store, _database) = open().await;
    panics::a_panic_while_saving_takes_nobody_along(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_that_panics_changes_no_answer() {
    let (store, _database) = open().await;
    panics::an_observer_that_panics_changes_no_answer(store, PostgresStore::observe).await;
}

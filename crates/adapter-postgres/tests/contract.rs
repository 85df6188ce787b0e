//! PostgreSQL keeps every promise: with one writer and with several, in groups and one by one.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

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

async fn open(writers: usize, group_max: usize) -> (Stage, Database) {
    let database = throw_away_postgres::shared().create_database();
    let options = StoreOptions::at(database.url.parse().unwrap(), Arc::new(NewIds));
    let options = StoreOptions { writers, group_max, ..options };
    let store = PostgresStore::open(&options).await.unwrap();
    let clock = Arc::new(store.clock());
    (Stage::set(Arc::new(store), clock).await, database)
}

mod in_groups {
    async fn open() -> (store_contract::Stage, throw_away_postgres::Database) {
        super::open(1, 256).await
    }

    store_contract::every_promise!(open);
}

mod by_three_writers {
    async fn open() -> (store_contract::Stage, throw_away_postgres::Database) {
        super::open(3, 16).await
    }

    store_contract::every_promise!(open);
}

mod one_by_one {
    async fn open() -> (store_contract::Stage, throw_away_postgres::Database) {
        super::open(2, 1).await
    }

    store_contract::every_promise!(open);
}

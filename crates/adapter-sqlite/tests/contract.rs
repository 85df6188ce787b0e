//! The embedded store keeps every promise, in groups and one by one.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

use std::sync::Arc;

use adapter_sqlite::{SqliteStore, StoreOptions};
use store_contract::Stage;
use tempfile::TempDir;

async fn open(group_max: usize) -> (Stage, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stagedoor.db");
    let store = SqliteStore::open(&StoreOptions { group_max, ..StoreOptions::at(path) }).unwrap();
    let clock = Arc::new(store.clock());
    (Stage::set(Arc::new(store), clock).await, folder)
}

mod in_groups {
    async fn open() -> (store_contract::Stage, tempfile::TempDir) {
        super::open(256).await
    }

    store_contract::every_promise!(open);
}

mod one_by_one {
    async fn open() -> (store_contract::Stage, tempfile::TempDir) {
        super::open(1).await
    }

    store_contract::every_promise!(open);
}

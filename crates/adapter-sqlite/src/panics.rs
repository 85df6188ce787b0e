//! What [`store_contract::panics`] promises of a panic.

use std::sync::Arc;

use store_contract::panics;

use crate::{SqliteStore, StoreOptions};

fn open() -> (Arc<SqliteStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stagedoor.db");
    (Arc::new(SqliteStore::open(&StoreOptions::at(path)).unwrap()), folder)
}

#[tokio::test]
async fn a_panic_while_saving_takes_nobody_along() {
    let (store, _folder) = open();
    panics::a_panic_while_saving_takes_nobody_along(store).await;
}

#[tokio::test]
async fn an_observer_that_panics_changes_no_answer() {
    let (store, _folder) = open();
    panics::an_observer_that_panics_changes_no_answer(store, SqliteStore::observe).await;
}

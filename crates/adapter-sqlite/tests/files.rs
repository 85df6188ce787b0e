//! What can be wrong with a file is told clearly, and loses nothing.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_sqlite::{OfflineFile, OpenError, SqliteStore, StoreOptions};
use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use domain::ports::{Clock, OpenedBy, Store};
use store_contract::Stage;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stagedoor.db");
    (folder, path)
}

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&StoreOptions { opened_by: OpenedBy::Server, ..StoreOptions::at(path) })
}

async fn set(store: SqliteStore) -> Stage {
    let clock = Arc::new(store.clock());
    Stage::set(Arc::new(store), clock).await
}

fn run_sql(path: &Path, sql: &str) {
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute(sql).unwrap();
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let (_folder, path) = place();
    let stage = set(open(&path).unwrap()).await;
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[3], 300).await.unwrap();
    drop(stage);
    let again = open(&path).unwrap();
    let found = domain::ports::Orders::reservation(&again, held.id).await.unwrap();
    assert_eq!(found, Some(held));
}

#[tokio::test]
async fn a_store_that_is_closed_leaves_one_file_that_has_all_in_it() {
    let (folder, path) = place();
    let stage = set(open(&path).unwrap()).await;
    let user_id = stage.user().await;
    stage.charge(user_id, 5).await.unwrap();
    drop(stage);
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let copied = open(&copy).unwrap();
    let account = domain::ports::CashBook::account(&copied, user_id).await.unwrap();
    assert_eq!(account.unwrap().balance.minor_units(), 5);
}

#[tokio::test]
async fn a_store_that_others_still_hold_and_use_is_closed_all_the_same() {
    let (folder, path) = place();
    let stage = set(open(&path).unwrap()).await;
    let user_id = stage.user().await;
    let (mut charges, mut reads) = (tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
    for _ in 0..50 {
        let (writing, reading) = (stage.clone(), stage.clone());
        charges.spawn(async move { writing.charge(user_id, 1).await.is_ok() });
        reads.spawn(async move { reading.cash_book.account(user_id).await.is_ok() });
    }
    while stage.balance(user_id).await == 0 {}
    stage.store.close().await;
    let charged = charges.join_all().await.into_iter().filter(|charged| *charged).count();
    reads.join_all().await;
    assert!(!folder.path().join("stagedoor.db-wal").exists());
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let account = domain::ports::CashBook::account(&open(&copy).unwrap(), user_id).await.unwrap();
    let balance = account.map_or(0, |account| account.balance.minor_units());
    assert_eq!(usize::try_from(balance).unwrap(), charged);
    assert!(stage.charge(user_id, 1).await.is_err(), "it is closed");
}

#[tokio::test]
async fn time_goes_on_from_the_last_commit_when_the_file_is_opened_again() {
    let (_folder, path) = place();
    drop(set(open(&path).unwrap()).await);
    run_sql(&path, "UPDATE service SET last_commit_at = 9000000000000000");
    let far_ahead = domain::Timestamp::from_timestamp_micros(9_000_000_000_000_000).unwrap();
    let store = open(&path).unwrap();
    assert!(store.clock().now() > far_ahead);
    let store: Arc<dyn Store> = Arc::new(store);
    let decided = store.decide(domain::records::Scope::new(), |records| Ok(records.now)).await;
    assert!(decided.unwrap() > far_ahead);
}

#[tokio::test]
async fn a_second_server_is_turned_away() {
    let (_folder, path) = place();
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse { .. })));
    drop(first);
    assert!(open(&path).is_ok());
}

#[tokio::test]
async fn who_sets_the_clock_back_has_the_file_alone() {
    let (_folder, path) = place();
    let command = || SqliteStore::open(&StoreOptions::at(&path));
    for in_use in [open(&path).unwrap(), command().unwrap()] {
        assert!(matches!(OfflineFile::open(&path), Err(OpenError::InUse { .. })));
        drop(in_use);
    }
    let alone = OfflineFile::open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse { .. })));
    assert!(matches!(command(), Err(OpenError::InUse { .. })));
    drop(alone);
    assert!(open(&path).is_ok());
}

#[test]
fn a_file_that_is_no_database_is_told_of_and_left_alone() {
    let (_folder, path) = place();
    std::fs::write(&path, "these are my memoirs, not a database ".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::Damaged { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_file_is_told_of() {
    let (_folder, path) = place();
    drop(set(open(&path).unwrap()).await);
    run_sql(&path, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xA5);
    std::fs::write(&path, &bytes).unwrap();
    let error = open(&path).err().expect("opened a damaged file");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_file_of_a_newer_version_is_told_of_and_left_alone() {
    let (_folder, path) = place();
    drop(open(&path).unwrap());
    run_sql(&path, "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
    let error = open(&path).err().expect("opened a newer file");
    assert!(matches!(&error, OpenError::Newer { version, .. } if version == "99990101000000"));
}

#[test]
fn a_place_where_no_file_can_be_is_told_of() {
    let (_folder, path) = place();
    std::fs::write(&path, "").unwrap();
    assert!(matches!(open(&path.join("below/a/file.db")), Err(OpenError::Unreachable { .. })));
}

#[tokio::test]
async fn a_database_that_another_program_has_locked_is_unavailable_and_comes_back() {
    let (_folder, path) = place();
    let stage = set(open(&path).unwrap()).await;
    let user_id = stage.user().await;
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let mut charges = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let stage = stage.clone();
        charges.spawn(async move { stage.charge(user_id, 1).await.is_err() });
    }
    assert_eq!(stage.balance(user_id).await, 0, "readers go on");
    assert!(charges.join_all().await.into_iter().all(|refused| refused), "all are told at once");
    other.batch_execute("ROLLBACK").unwrap();
    stage.charge(user_id, 2).await.unwrap();
    assert_eq!(stage.balance(user_id).await, 2);
}

//! Who sets a database's clock back has it alone.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

mod stage;

use adapter_postgres::{Database, OfflineDatabase, OfflineError, PostgresStore};

#[tokio::test]
async fn who_sets_the_clock_back_shuts_out_every_server_and_no_server_may_be_there() {
    let (stage, database) = stage::open(1, 1).await;
    let place: Database = database.url.parse().unwrap();
    let in_use = OfflineDatabase::open(&place).await.err().unwrap();
    assert!(matches!(in_use, OfflineError::InUse { .. }), "{in_use}");

    drop(stage);
    // The server's sessions end a moment after it.
    let alone = OfflineDatabase::open(&place).await.unwrap();
    let options = stage::options(&database, 1, 1);
    let shut_out = PostgresStore::open(&options).await.err().unwrap();
    assert!(shut_out.to_string().contains("a command has it alone"), "{shut_out}");
    drop(alone);
    while let Err(error) = PostgresStore::open(&options).await {
        assert!(error.to_string().contains("a command has it alone"), "{error}");
    }
}

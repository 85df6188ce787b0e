//! Connections are encrypted where they are asked to be, and only with who proves its name.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use adapter_postgres::{Database, MigrateError, migrate};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use throw_away_postgres::{Cluster, Durability, Postgres};

async fn opens(url: &str, ca_file: Option<&Path>) -> Result<(), MigrateError> {
    migrate(&Database::new(url, ca_file).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_sslmode_require_it_is_encrypted_and_the_server_proves_its_name() {
    let cluster = Cluster::start(Durability::Off).unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    cluster.take_encrypted_only(&cert.pem(), &signing_key.serialize_pem());
    cluster.kill();

    let folder = tempfile::tempdir().unwrap();
    let (own, foreign) = (folder.path().join("own.pem"), folder.path().join("foreign.pem"));
    std::fs::write(&own, cert.pem()).unwrap();
    let other = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&foreign, other.cert.pem()).unwrap();

    let plain = cluster.url("postgres");
    let encrypted = format!("{plain}?sslmode=require");
    let began = Instant::now();
    while let Err(error) = opens(&encrypted, Some(&own)).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{error}");
        cluster.begin_to_start_again();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(opens(&encrypted, Some(&foreign)).await.is_err(), "its certificate is not trusted");
    assert!(opens(&plain, None).await.is_err(), "it takes encrypted connections only");
}

#[test]
fn certificates_that_cannot_be_read_are_told_of() {
    let url = "postgres://me:hush@db.example/shop?sslmode=require";
    let error = Database::new(url, Some(Path::new("nowhere/ca.pem"))).unwrap_err().to_string();
    assert!(error.contains("nowhere/ca.pem") && !error.contains("hush"), "{error}");
}

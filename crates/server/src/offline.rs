//! The store while no server runs.

use adapter_postgres::{OfflineDatabase, OfflineError};
use adapter_sqlite::{OfflineFile, OpenError};
use anyhow::{Result, ensure};
use offline_store::OfflineStore;

use crate::database::DatabaseUrl;
use crate::settings::Settings;

/// Opens the store for a command that has it alone.
pub(crate) async fn offline(settings: &Settings) -> Result<Box<dyn OfflineStore>> {
    ensure!(settings.database.exists(), "there is no {}", settings.database);
    let in_use = |error: anyhow::Error| error.context("stop all servers first");
    match &settings.database {
        DatabaseUrl::Sqlite(path) => match OfflineFile::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error @ OpenError::InUse { .. }) => Err(in_use(error.into())),
            Err(error) => Err(error.into()),
        },
        DatabaseUrl::Postgres(database) => match OfflineDatabase::open(database).await {
            Ok(database) => Ok(Box::new(database)),
            Err(error @ OfflineError::InUse { .. }) => Err(in_use(error.into())),
            Err(error) => Err(error.into()),
        },
    }
}

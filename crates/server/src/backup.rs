//! `stagedoor backup`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::database::DatabaseUrl;
use crate::settings::Settings;
use crate::whole_file::WholeFile;

/// Copies the store as it is at one moment into a new file, beside a server that goes on.
pub(crate) fn backup(settings: &Settings, file: &Path) -> Result<()> {
    let DatabaseUrl::Sqlite(database) = &settings.database else {
        bail!(
            "{} is backed up with PostgreSQL's own means: pg_dump, or pg_basebackup and the \
             archived write-ahead log",
            settings.database
        );
    };
    ensure!(settings.database.exists(), "there is no {}", settings.database);
    ensure!(!file.exists(), "{} exists already", file.display());
    let about = || format!("cannot write {}", file.display());
    let copy = WholeFile::begin(file).with_context(about)?;
    adapter_sqlite::copy(database, copy.written_at())?;
    copy.keep().with_context(about)?;
    println!("{} is in {}", settings.database, file.display());
    Ok(())
}

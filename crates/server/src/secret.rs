//! The installation's secret: as given, or made once and kept beside the database file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use adapter_auth::Secret;
use anyhow::{Context, Result, bail};

use crate::database::DatabaseUrl;
use crate::settings::Settings;

/// The secret that was given, or the one that is kept beside the file, made if there is none. The
/// servers on one PostgreSQL must all have the same, so there it must be given.
pub(crate) fn secret(settings: &Settings) -> Result<Secret> {
    match (&settings.secret, &settings.database) {
        (Some(secret), _) => Ok(secret.clone()),
        (None, DatabaseUrl::Sqlite(path)) => kept_beside(path),
        (None, DatabaseUrl::Postgres(_)) => bail!(
            "STAGEDOOR_SECRET is needed with PostgreSQL, the same on all servers, \
             32 characters or more without a comma"
        ),
    }
}

fn kept_beside(database: &Path) -> Result<Secret> {
    let mut path = database.as_os_str().to_owned();
    path.push(".secret");
    let path = PathBuf::from(path);
    let about = || format!("cannot keep the secret in {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(about)?;
    }
    let made = Secret::random();
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            file.write_all(made.expose().as_bytes())
                .and_then(|()| file.sync_all())
                .with_context(about)?;
            Ok(made)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let permissions = std::fs::metadata(&path).with_context(about)?.permissions();
            if permissions.mode() & 0o077 != 0 {
                tracing::warn!("others may read {}", path.display());
            }
            let kept = std::fs::read_to_string(&path).with_context(about)?;
            Secret::new(&kept).with_context(|| format!("the secret in {}", path.display()))
        }
        Err(error) => Err(error).with_context(about),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("deep/stagedoor.db");
        let made = kept_beside(&database).unwrap();
        let mode = std::fs::metadata(folder.path().join("deep/stagedoor.db.secret")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert_eq!(kept_beside(&database).unwrap().expose(), made.expose());
    }
}

//! The installation's secret: as given, or made once and kept beside the database file.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use adapter_auth::Secret;
use anyhow::{Context, Result, bail};

use crate::database::DatabaseUrl;
use crate::settings::Settings;
use crate::whole_file::WholeFile;

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
    if !path.exists() {
        match make(&path, WholeFile::keep) {
            // Somebody else made one meanwhile.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.with_context(about),
        }
    }
    match read(&path).with_context(about)? {
        Kept::Secret(secret) => Ok(secret),
        Kept::CutShort => replace(&path, database),
        Kept::Other => bail!("the secret in {} must have at least 32 characters", path.display()),
    }
}

/// Makes a secret, and puts it on disk before anything is signed with it.
fn make(path: &Path, end: impl FnOnce(WholeFile) -> io::Result<()>) -> io::Result<Secret> {
    let made = Secret::random();
    let mut file = WholeFile::begin(path)?;
    file.write_all(made.expose().as_bytes())?;
    end(file)?;
    Ok(made)
}

/// What a file has in it that is to hold a secret.
enum Kept {
    Secret(Secret),
    /// The beginning of one that was made, or nothing.
    CutShort,
    /// Something that is too short to be one.
    Other,
}

fn read(path: &Path) -> io::Result<Kept> {
    if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!("others may read {}", path.display());
    }
    // A power cut may have left zeros.
    let text = std::fs::read_to_string(path)?.replace('\0', "");
    let is_begun = text.trim().chars().all(|c| c.is_ascii_hexdigit());
    Ok(match Secret::new(&text) {
        Ok(secret) => Kept::Secret(secret),
        Err(_) if is_begun => Kept::CutShort,
        Err(_) => Kept::Other,
    })
}

/// Replaces what was left by a version that did not write it whole, if nobody can have a token yet.
fn replace(path: &Path, database: &Path) -> Result<Secret> {
    let about = || format!("cannot keep the secret in {}", path.display());
    if adapter_sqlite::has_users(database)? {
        bail!(
            "the secret in {} is cut short: put back what was in it, or remove the file, and \
             everybody has to sign in again",
            path.display()
        );
    }
    // Of several that find it so, one replaces it.
    let left = File::open(path).with_context(about)?;
    left.lock().with_context(about)?;
    if let Kept::Secret(secret) = read(path).with_context(about)? {
        return Ok(secret);
    }
    tracing::warn!(
        "the secret in {} was cut short before it was used; a new one is made",
        path.display()
    );
    make(path, WholeFile::replace).with_context(about)
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

    #[test]
    fn a_secret_that_was_cut_short_before_anybody_had_a_token_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("stagedoor.db");
        let file = folder.path().join("stagedoor.db.secret");
        for left in ["", "3fa9", "\0\0\0\0", "\n"] {
            std::fs::write(&file, left).unwrap();
            let made = kept_beside(&database).unwrap();
            assert_eq!(made.expose().len(), 64);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), made.expose());
        }
        std::fs::write(&file, "hush").unwrap();
        let said = kept_beside(&database).unwrap_err().to_string();
        assert!(said.contains("at least 32 characters") && !said.contains("hush"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "hush", "somebody chose it");
    }

    #[test]
    fn of_many_who_begin_at_once_all_have_the_secret_that_is_kept() {
        for left in [None, Some("")] {
            let folder = tempfile::tempdir().unwrap();
            let database = folder.path().join("stagedoor.db");
            if let Some(left) = left {
                std::fs::write(folder.path().join("stagedoor.db.secret"), left).unwrap();
            }
            let begin = || kept_beside(&database).unwrap().expose().to_owned();
            let had: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..16).map(|_| scope.spawn(begin)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(had.len(), 1);
        }
    }
}

//! A wall clock that can be set, for processes that are started with it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use throw_away_postgres::{Cluster, Durability, Postgres};

use super::Installation;

/// libfaketime, where it is on the machine.
pub(crate) fn faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let libraries = folders.map(|folder| Path::new(folder).join("faketime/libfaketime.so.1"));
    libraries.into_iter().find(|library| library.exists())
}

/// A wall clock, right at first.
pub(crate) struct WallClock {
    library: PathBuf,
    /// What libfaketime reads the clock's error from.
    error: NamedTempFile,
}

impl WallClock {
    /// None, and a word about it, where libfaketime is missing.
    pub(crate) fn right() -> Option<Self> {
        let Some(library) = faketime() else {
            println!("not tested: libfaketime is missing (apt-get install libfaketime)");
            return None;
        };
        let error = NamedTempFile::new().unwrap();
        // PostgreSQL runs as somebody else.
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(error.path(), readable).unwrap();
        let clock = Self { library, error };
        clock.set("+0s");
        Some(clock)
    }

    /// Sets it: `+0s` is right, `+600s` ten minutes ahead.
    pub(crate) fn set(&self, error: &str) {
        std::fs::write(self.error.path(), format!("{error}\n")).unwrap();
    }

    /// What a process has to have in its environment.
    pub(crate) fn environment(&self) -> [(&str, &str); 4] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", self.error.path().to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
    }

    /// A PostgreSQL that goes by it; none, and a word about it, where none can be started.
    pub(crate) fn cluster(&self) -> Option<Cluster> {
        let cluster = Cluster::start_with(Durability::Off, &self.environment());
        cluster.inspect_err(|missing| println!("not tested: {missing}")).ok()
    }

    /// An installation whose store goes by it, with the database that this needs.
    pub(crate) fn installation(&self) -> Option<(Installation, Option<Cluster>)> {
        if !crate::ON_POSTGRES {
            return Some((Installation::on(None).in_environment(&self.environment()), None));
        }
        let cluster = self.cluster()?;
        Some((Installation::on(Some(cluster.create_database())), Some(cluster)))
    }
}

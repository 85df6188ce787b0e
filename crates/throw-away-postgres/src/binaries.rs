use std::path::{Path, PathBuf};

/// Where `initdb`, `postgres` and the like are.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The folder that they are in.
    pub folder: PathBuf,
}

impl Binaries {
    /// One of them.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Finds the newest PostgreSQL on the machine.
///
/// # Errors
/// One line that says what to install.
pub fn find() -> Result<Binaries, String> {
    let mut installed: Vec<(u32, PathBuf)> = Vec::new();
    for folder in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let version = folder.file_name().to_string_lossy().parse().unwrap_or(0);
        installed.push((version, folder.path().join("bin")));
    }
    installed.sort();
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&in_path).collect();
    let all = installed.into_iter().rev().map(|(_, folder)| folder).chain(in_path);
    let has_all = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|b| has(folder, b));
    let found = all.into_iter().find(has_all).map(|folder| Binaries { folder });
    found.ok_or_else(|| {
        "PostgreSQL 15 or newer is missing: `apt-get install postgresql`, or set TEST_DATABASE_URL"
            .to_owned()
    })
}

fn has(folder: &Path, binary: &str) -> bool {
    folder.join(binary).is_file()
}

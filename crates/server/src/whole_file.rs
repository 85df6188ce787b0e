//! Files that are there with all that belongs in them, or not at all: what is cut short by a kill,
//! a full disk or a power cut never has the name that somebody looks for.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written beside where it is to be. Only its owner may read it.
pub(crate) struct WholeFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Begins one that is to be at `path`, or where that leads to.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let prefix = format!(".{}.", name.to_string_lossy());
        let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder_of(&path))?;
        Ok(Self { file, path })
    }

    /// Where it is as long as it is written.
    pub(crate) fn written_at(&self) -> &Path {
        self.file.path()
    }

    /// Puts it on disk under its name.
    ///
    /// # Errors
    /// `AlreadyExists` if something has that name, and what the system says.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist_noclobber(&self.path)?;
        sync_folder_of(&self.path)
    }

    /// The same, in place of what has that name.
    pub(crate) fn replace(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        sync_folder_of(&self.path)
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Where somebody wants something written: to a file, or to what is none, as a pipe.
pub(crate) enum Output {
    File(WholeFile),
    Stream(File),
}

impl Output {
    pub(crate) fn to(path: &Path) -> io::Result<Self> {
        match std::fs::metadata(path) {
            Ok(there) if !there.is_file() => {
                Ok(Self::Stream(OpenOptions::new().write(true).open(path)?))
            }
            _ => Ok(Self::File(WholeFile::begin(path)?)),
        }
    }

    /// Ends it. A file takes the place of one that had its name.
    pub(crate) fn end(self) -> io::Result<()> {
        match self {
            Self::File(file) => file.replace(),
            Self::Stream(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stream(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stream(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let mut file = WholeFile::begin(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left of it");

        let mut file = WholeFile::begin(&path).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        file.keep().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn one_that_is_there_is_replaced_only_where_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        std::fs::write(&path, "old").unwrap();
        let refused = WholeFile::begin(&path).unwrap().keep().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let mut file = WholeFile::begin(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.replace().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
}

//! What is written for the person to read: explanations, reviews and previews, as files that the editor is asked to
//! open. Only this user can read them, and they go with the session, whichever way it ends.
//!
//! Each session has a folder of its own among the program's state, and holds a lock in it. A process that was killed
//! removes nothing, but its lock is free: the next one that starts takes such folders away. Does *not* show anything.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::threads::lock;

/// Where the folders of all sessions are, in the folder of the state.
const HOME: &str = "shown";
/// How the name of a session's folder begins.
const PREFIX: &str = "session-";
/// The file in it that the session holds a lock on.
const LOCK: &str = "lock";

/// A folder without a lock is left over after that: its session fell between making the one and the other.
const UNLOCKED: Duration = Duration::from_secs(3600);

/// The files of one session.
pub struct Papers {
    /// Where its folder is made; none, or where that fails: among the system's temporary files.
    home: Option<PathBuf>,
    folder: Mutex<Stage>,
}

enum Stage {
    /// Nothing was written yet.
    Empty,
    Made(Folder),
    Over,
}

struct Folder {
    /// NB: before the directory, which cannot be removed on Windows while a file in it is open.
    _held: File,
    directory: TempDir,
}

impl Papers {
    pub fn new(state: Option<&Path>) -> Self {
        Self { home: state.map(|state| state.join(HOME)), folder: Mutex::new(Stage::Empty) }
    }

    /// Writes a file of this name, in place of an older one; its path. Fails on a disk that cannot be written, and
    /// when the session is over.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let mut stage = lock(&self.folder);
        if let Stage::Empty = *stage {
            *stage = Stage::Made(self.folder()?);
        }
        let Stage::Made(folder) = &*stage else {
            return Err(io::Error::other("the session is over"));
        };
        let path = folder.directory.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The session is over.
    pub fn remove(&self) {
        // By dropping it.
        *lock(&self.folder) = Stage::Over;
    }

    /// Takes away, on a thread of its own, what sessions left behind that were killed.
    pub fn sweep(&self) {
        if let Some(home) = self.home.clone() {
            tokio::task::spawn_blocking(move || sweep(&home));
        }
    }

    fn folder(&self) -> io::Result<Folder> {
        let at_home = self.home.as_deref().map(|home| {
            fs::create_dir_all(home)?;
            Folder::make(|builder| builder.tempdir_in(home))
        });
        match at_home {
            Some(Ok(folder)) => Ok(folder),
            Some(Err(_)) | None => Folder::make(|builder| builder.tempdir()),
        }
    }
}

impl Folder {
    fn make(
        make: impl FnOnce(&mut tempfile::Builder<'static, 'static>) -> io::Result<TempDir>,
    ) -> io::Result<Self> {
        let directory = make(tempfile::Builder::new().prefix(PREFIX))?;
        let held = File::create(directory.path().join(LOCK))?;
        // A file system without locks has no leftovers taken away, for what cannot be locked is not free either.
        if let Err(TryLockError::WouldBlock) = held.try_lock() {
            return Err(io::Error::other("another process has taken the new folder"));
        }
        Ok(Self { _held: held, directory })
    }
}

/// Removes the folders in `home` that no process holds. Nothing but our own folders is touched, and no link followed.
fn sweep(home: &Path) {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    for folder in folders.map(|entry| entry.path()).filter(|folder| is_left(folder)) {
        match fs::remove_dir_all(&folder) {
            Ok(()) => tracing::info!("removed what an earlier session left in {}", folder.display()),
            Err(error) => tracing::warn!("{} could not be removed: {error}", folder.display()),
        }
    }
}

fn is_left(folder: &Path) -> bool {
    match File::options().write(true).open(folder.join(LOCK)) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => {
            let age = || fs::metadata(folder).ok()?.modified().ok()?.elapsed().ok();
            error.kind() == io::ErrorKind::NotFound && age().is_some_and(|age| age > UNLOCKED)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn what_is_written_goes_with_the_session() {
        let state = tempfile::tempdir().unwrap();
        let home = state.path().join(HOME);
        let (one, other) = (Papers::new(Some(state.path())), Papers::new(Some(state.path())));
        assert!(names(state.path()).is_empty(), "nothing is made before it is needed");
        let path = one.write("explain-1.md", "first").unwrap();
        assert_eq!(one.write("explain-1.md", "second").unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert!(path.starts_with(&home));
        other.write("explain-1.md", "third").unwrap();
        // Another that starts leaves those of the living alone.
        sweep(&home);
        assert_eq!(names(&home).len(), 2);
        one.remove();
        assert!(!path.exists() && one.write("x.md", "").is_err());
        assert_eq!(names(&home).len(), 1);
        drop(other);
        assert!(names(&home).is_empty());
    }

    #[test]
    fn where_there_is_no_state_it_is_a_temporary_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for state in [None, Some(file.path())] {
            let papers = Papers::new(state);
            let path = papers.write("x.md", "text").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "text");
            papers.remove();
            assert!(!path.parent().unwrap().exists());
        }
    }

    #[test]
    fn only_what_was_left_is_swept() {
        let home = tempfile::tempdir().unwrap();
        let make = |name: &str, files: &[&str]| {
            let folder = home.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
        };
        make("session-killed", &[LOCK, "explain-1.md"]);
        make("session-beginning", &[]);
        make("session-elsewhere", &["explain-1.md"]);
        make("somebodys", &[LOCK]);
        fs::write(home.path().join("session-file"), "").unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(other.path().join(LOCK), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(other.path(), home.path().join("session-link")).unwrap();
        let mut expected = names(home.path());
        expected.remove("session-killed");
        sweep(home.path());
        assert_eq!(names(home.path()), expected);
        assert!(other.path().join(LOCK).exists());
        let long_ago = std::time::SystemTime::now() - 2 * UNLOCKED;
        let old = home.path().join("session-elsewhere");
        File::open(&old).unwrap().set_modified(long_ago).unwrap();
        sweep(home.path());
        expected.remove("session-elsewhere");
        assert_eq!(names(home.path()), expected);
        sweep(&home.path().join("nowhere"));
    }
}

//! Whether a GPU can be trusted with starting a model. A driver that ends the process cannot be caught, and an editor that
//! starts the server again would see it end again; so a note lies in a file while a GPU is being started. Who finds the
//! notes of two starts that never came to an end leaves the GPU alone, until somebody takes the file away, or another
//! version of the program comes.
//!
//! Does *not* start anything, and does without notes where they cannot be written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// In the folder for what was found out of the machine.
pub const NAME: &str = "gpu.json";
/// A start may also be ended by somebody who is in a hurry.
const STARTS: u32 = 2;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A start on a GPU. Dropping it says that it came to an end, whichever.
#[derive(Debug)]
pub struct Trial {
    file: PathBuf,
}

/// The GPU is not to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distrusted;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    version: String,
    gpu: String,
    /// Starts that were begun, one after the other, none of which came to an end.
    starts: u32,
    /// Of the last one.
    process: u32,
}

impl Note {
    fn read(file: &Path) -> Option<Self> {
        let note: Self = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        (note.version == VERSION).then_some(note)
    }

    fn write(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let new = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(new.path(), serde_json::to_vec(self)?)?;
        new.persist(file).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Trial {
    /// A start begins. `Ok(None)`: without a note, since there is no place for one, or another process that still runs is
    /// at it.
    pub fn begin(folder: Option<&Path>, gpu: &str) -> Result<Option<Self>, Distrusted> {
        let Some(folder) = folder else { return Ok(None) };
        let file = folder.join(NAME);
        let process = std::process::id();
        let before = Note::read(&file).filter(|note| note.gpu == gpu);
        let starts = match before {
            // NB: in a container each process may have the number of the one before.
            Some(note) if note.process != process && is_running(note.process) => return Ok(None),
            Some(note) if note.starts >= STARTS => return Err(Distrusted),
            Some(note) => note.starts + 1,
            None => 1,
        };
        let note = Note { version: VERSION.into(), gpu: gpu.into(), starts, process };
        match note.write(&file) {
            Ok(()) => Ok(Some(Self { file })),
            Err(error) => {
                tracing::debug!("{}: {error}", file.display());
                Ok(None)
            }
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Gone already where two models were started at once.
        let _ = fs::remove_file(&self.file);
    }
}

/// The GPU that is not started any more, by the notes in this folder.
pub fn distrusted(folder: &Path) -> Option<String> {
    let note = Note::read(&folder.join(NAME))?;
    let is_over = note.process == std::process::id() || !is_running(note.process);
    (note.starts >= STARTS && is_over).then_some(note.gpu)
}

#[cfg(unix)]
fn is_running(process: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};

    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    // NB: a process of somebody else's may not be signalled, and runs.
    process.is_some_and(|process| test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_running(_process: u32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No system gives a process such a number.
    const NOBODY: u32 = i32::MAX as u32;

    /// What a start comes to that finds this note: `+` and its count, `-` without one, or `distrusted`.
    fn check(before: Option<(&str, &str, u32, u32)>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NAME);
        if let Some((version, gpu, starts, process)) = before {
            let note = Note { version: version.into(), gpu: gpu.into(), starts, process };
            note.write(&file).unwrap();
        }
        let begun = match Trial::begin(Some(folder.path()), "a card") {
            Ok(Some(trial)) => {
                let starts = Note::read(&trial.file).unwrap().starts;
                drop(trial);
                assert!(!file.exists());
                format!("+{starts}")
            }
            Ok(None) => "-".to_owned(),
            Err(Distrusted) => {
                assert_eq!(distrusted(folder.path()).as_deref(), Some("a card"));
                "distrusted".to_owned()
            }
        };
        assert_eq!(begun, expected, "{before:?}");
    }

    #[test]
    fn two_starts_without_an_end_are_enough() {
        let ours = std::process::id();
        check(None, "+1");
        check(Some((VERSION, "a card", 1, NOBODY)), "+2");
        check(Some((VERSION, "a card", 1, ours)), "+2");
        check(Some((VERSION, "a card", 2, NOBODY)), "distrusted");
        check(Some((VERSION, "a card", u32::MAX, NOBODY)), "distrusted");
        check(Some((VERSION, "another", 2, NOBODY)), "+1");
        check(Some(("0.0.0", "a card", 2, NOBODY)), "+1");
        // Process 1 runs everywhere.
        #[cfg(unix)]
        check(Some((VERSION, "a card", 2, 1)), "-");
    }

    #[test]
    fn it_does_without_notes() {
        assert!(Trial::begin(None, "a card").unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        fs::write(&file, "").unwrap();
        assert!(Trial::begin(Some(&file), "a card").unwrap().is_none());
        fs::write(folder.path().join(NAME), "{\"version\": 7").unwrap();
        assert!(Trial::begin(Some(folder.path()), "a card").unwrap().is_some());
        assert_eq!(distrusted(folder.path()), None);
    }
}

//! The folders that recipes are in: what is there, whether it changed, and reading it.
//!
//! What a workspace says is there came with the code in it. So nothing is read that is not inside the workspace once
//! links are followed, no file of secrets, nothing large, and nothing that could block. It watches nothing: whoever
//! wants to know asks again, which costs one listing and a question for each file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::completion::policy::is_secret;
use crate::config::Origin;
pub use crate::config::stamp::{Stamp, stamp};

/// Bytes of one file.
pub const MAX_BYTES: u64 = 64 << 10;

/// Names in one folder, files of other kinds included.
const MAX_NAMES: usize = 10_000;

/// One folder with recipes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// As it is told to a person.
    pub path: PathBuf,
    /// Without links; what is read must be below it. None: the person's own place, where links lead where they like.
    fence: Option<PathBuf>,
}

/// The folders `dir` means. An absolute one is one; a relative one is below each of `roots`.
pub fn folders(roots: &[PathBuf], dir: &Path) -> Vec<Folder> {
    if dir.is_absolute() {
        return vec![Folder { path: dir.to_path_buf(), fence: None }];
    }
    let mut folders: Vec<Folder> = Vec::new();
    for root in roots {
        let Ok(fence) = root.canonicalize() else { continue };
        if folders.iter().all(|folder| folder.fence.as_ref() != Some(&fence)) {
            folders.push(Folder { path: root.join(dir), fence: Some(fence) });
        }
    }
    folders
}

impl Folder {
    /// The files that may be recipes, by name. A folder that is not there has none.
    ///
    /// Not `README.md`, which is for people, and no hidden file: editors put theirs beside the one they write.
    /// A folder with countless names is no folder of recipes: which of them would be seen is anybody's guess.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match self.real(&self.path).and_then(fs::read_dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for (count, entry) in entries.enumerate() {
            if count >= MAX_NAMES {
                return Err(io::Error::other(format!("holds more than {MAX_NAMES} names, and is not read")));
            }
            let name = entry?.file_name();
            let shown = name.to_string_lossy().to_ascii_lowercase();
            if shown.ends_with(".md") && !shown.starts_with('.') && shown != "readme.md" {
                names.push(name);
            }
        }
        names.sort();
        Ok(names.into_iter().map(|name| self.path.join(name)).collect())
    }

    /// The text of a file, with lines that end in `\n`.
    pub fn read(&self, file: &Path) -> io::Result<String> {
        let file = self.real(file)?;
        if is_secret(&file.to_string_lossy()) {
            return Err(io::Error::other("looks like a file that holds secrets, and is not read"));
        }
        // Before opening: that alone can block on a pipe.
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("is not a file"));
        }
        let mut bytes = Vec::new();
        File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::other(format!("is larger than {} KiB", MAX_BYTES >> 10)));
        }
        let text = String::from_utf8(bytes).map_err(|_| io::Error::other("is not UTF-8 text"))?;
        Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// Who wrote what is in here.
    pub fn origin(&self, file: &Path) -> Origin {
        match self.fence {
            Some(_) => Origin::Workspace(file.to_path_buf()),
            None => Origin::User(file.to_path_buf()),
        }
    }

    /// The path without links, if it may be read.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        let real = path.canonicalize().map_err(|error| match error.kind() {
            kind @ ErrorKind::NotFound => io::Error::new(kind, "is not there"),
            _ => error,
        })?;
        match &self.fence {
            Some(fence) if !real.starts_with(fence) => {
                Err(io::Error::other("leads out of the workspace, and is not read"))
            }
            _ => Ok(real),
        }
    }
}

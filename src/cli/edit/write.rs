//! A proposal, written to the disk: all of it or nothing, and nothing over what changed meanwhile.
//!
//! Each file is written whole beside the one it replaces, with its owner and mode, and takes its place in one step: who
//! reads it sees the old text or the new one. The text that is replaced is compared just before that step; what is left
//! between the two is the time of a few system calls. What this cannot replace exactly it refuses: files that are
//! read-only, that have several names, or whose owner cannot be kept. It does *not* judge a change.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::assist::act::{FileChange, Proposal};
use crate::edit::guard::Guard;

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// None: for what the disk said.
    pub guard: Option<Guard>,
    pub sentence: String,
}

/// Writes every file of a proposal, or none.
pub fn write(proposal: &Proposal) -> Result<(), Unwritten> {
    let mut made = Folders::default();
    write_all(&proposal.files, &mut made)?;
    made.keep();
    Ok(())
}

fn write_all(files: &[FileChange], made: &mut Folders) -> Result<(), Unwritten> {
    let prepare = |file| Prepared::new(file, made);
    let prepared: Vec<Prepared> = files.iter().map(prepare).collect::<Result<_, _>>()?;
    // All of them before the first: mostly that is enough for none of the rest to be found changed.
    prepared.iter().try_for_each(Prepared::is_as_shown)?;
    let mut replaced: Vec<Replaced> = Vec::new();
    for prepared in prepared {
        match prepared.replace() {
            Ok(done) => replaced.push(done),
            Err(unwritten) => return Err(put_back(&replaced, unwritten)),
        }
    }
    Ok(())
}

/// Undoes what was done, and says so where that cannot be.
fn put_back(replaced: &[Replaced], unwritten: Unwritten) -> Unwritten {
    let left = replaced.iter().filter(|done| done.undo().is_err());
    let left: Vec<&str> = left.map(|done| done.change.path.as_str()).collect();
    if left.is_empty() {
        return unwritten;
    }
    let sentence = format!("{} But {} could not be put back.", unwritten.sentence, left.join(", "));
    Unwritten { sentence, ..unwritten }
}

/// A file's new text, beside where it goes.
struct Prepared<'a> {
    change: &'a FileChange,
    path: PathBuf,
    /// Gone by itself where it never takes its place.
    new: NamedTempFile,
}

/// A file that was replaced, or made.
struct Replaced<'a> {
    change: &'a FileChange,
    path: PathBuf,
}

/// Folders that were made for files, innermost last. They go again, unless they are kept.
#[derive(Default)]
struct Folders(Vec<PathBuf>);

impl<'a> Prepared<'a> {
    fn new(change: &'a FileChange, made: &mut Folders) -> Result<Self, Unwritten> {
        let path =
            change.uri.to_file_path().map_err(|()| refused(change, "has no place in the file system"))?;
        let old = match path.symlink_metadata() {
            Ok(old) => Some(old),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(change, &error)),
        };
        if let Some(old) = &old {
            replaceable(old).map_err(|why| refused(change, why))?;
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        made.make(folder).map_err(|error| failed(change, &error))?;
        let new = new_in(folder, &change.after, old.as_ref()).map_err(|error| failed(change, &error))?;
        Ok(Self { change, path, new })
    }

    fn is_as_shown(&self) -> Result<(), Unwritten> {
        let now = self.path.symlink_metadata();
        let is_as_shown = match &self.change.before {
            // What cannot be read is not what is not there.
            None => now.is_err_and(|error| error.kind() == ErrorKind::NotFound),
            Some(before) => {
                now.is_ok_and(|now| now.is_file())
                    && fs::read(&self.path).is_ok_and(|now| now == before.as_bytes())
            }
        };
        if is_as_shown {
            return Ok(());
        }
        let sentence =
            format!("`{}` was changed meanwhile. Nothing was written; ask again.", self.change.path);
        Err(Unwritten { guard: Some(Guard::Stale), sentence })
    }

    fn replace(self) -> Result<Replaced<'a>, Unwritten> {
        self.is_as_shown()?;
        let Self { change, path, new } = self;
        let placed = match change.before {
            Some(_) => new.persist(&path),
            None => new.persist_noclobber(&path),
        };
        placed.map_err(|error| failed(change, &error.error))?;
        Ok(Replaced { change, path })
    }
}

impl Replaced<'_> {
    /// Puts back what was there, if it is still ours.
    fn undo(&self) -> io::Result<()> {
        if fs::read(&self.path)? != self.change.after.as_bytes() {
            return Err(ErrorKind::InvalidData.into());
        }
        match &self.change.before {
            None => fs::remove_file(&self.path)?,
            Some(before) => {
                let folder = self.path.parent().unwrap_or(Path::new("."));
                new_in(folder, before, Some(&self.path.symlink_metadata()?))?.persist(&self.path)?;
            }
        }
        Ok(())
    }
}

impl Folders {
    fn make(&mut self, folder: &Path) -> io::Result<()> {
        let missing: Vec<&Path> =
            folder.ancestors().take_while(|folder| folder.symlink_metadata().is_err()).collect();
        self.0.extend(missing.into_iter().rev().map(Path::to_path_buf));
        fs::create_dir_all(folder)
    }

    /// They belong to files now.
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        // One that somebody put something into stays, and so do those above it.
        let _ = self.0.iter().rev().try_for_each(fs::remove_dir);
    }
}

/// A new file with the text, its owner and its mode as those of the old one.
fn new_in(folder: &Path, text: &str, old: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    dress(new.as_file(), old)?;
    new.as_file().sync_all()?;
    Ok(new)
}

#[cfg(unix)]
fn dress(new: &File, old: Option<&Metadata>) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let Some(old) = old else {
        // What is new is readable to others, as files are that editors make; a temporary one is not.
        return new.set_permissions(fs::Permissions::from_mode(0o644));
    };
    let made = new.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        let cannot = |error| io::Error::other(format!("its owner could not be kept: {error}"));
        fchown(new, Some(old.uid()), Some(old.gid())).map_err(cannot)?;
    }
    // NB: last, for a change of owner takes bits away.
    new.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn dress(new: &File, old: Option<&Metadata>) -> io::Result<()> {
    old.map_or(Ok(()), |old| new.set_permissions(old.permissions()))
}

/// Whether a file can give way to another one without anybody's loss.
fn replaceable(old: &Metadata) -> Result<(), &'static str> {
    if old.is_symlink() {
        return Err("has become a link");
    }
    if !old.is_file() {
        return Err("is not a file");
    }
    if old.permissions().readonly() {
        return Err("is read-only");
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(old) > 1 {
        return Err("has several names (hard links), of which the others would keep the old text");
    }
    Ok(())
}

fn refused(change: &FileChange, why: &str) -> Unwritten {
    Unwritten { guard: None, sentence: format!("`{}` {why}. Nothing was written.", change.path) }
}

fn failed(change: &FileChange, error: &io::Error) -> Unwritten {
    refused(change, &format!("cannot be written: {error}"))
}

#[cfg(test)]
mod tests;

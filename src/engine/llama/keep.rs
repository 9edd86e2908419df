//! Where what was read is kept between two runs: one file for each project and model, in the folder for what can be
//! made again.
//!
//! It holds tokens of the project's code and a state made from them, from which the code can be read: so it is only
//! written where the person asked for it, and only that person can read it. It is written whole or not at all, on a
//! thread of its own, and never touched by a damaged or foreign file. What is in it, `snapshot` knows.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::SystemTime;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::engine::snapshot::{self, Bounds, Snapshot};

/// Bytes of one file at most: the least recent places are left out.
pub const FILE_BYTES: usize = 256 << 20;
/// Bytes of all files together, after which the oldest go.
const FOLDER_BYTES: u64 = 1 << 30;
/// Last part of the name.
const ENDING: &str = "state";

/// Where to keep it, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// A folder for such files alone; it need not be there.
    pub folder: PathBuf,
    /// What was read of one project serves no other.
    pub project: PathBuf,
}

/// The file of one project and model.
pub struct Keeper {
    path: PathBuf,
    fingerprint: u128,
    writing: Option<JoinHandle<()>>,
}

impl Keeper {
    /// `made_by` names what a state depends on besides the program and the model's file.
    pub fn new(keep: &Keep, model: &Path, made_by: &str) -> io::Result<Self> {
        let mut sum = Xxh3::new();
        // The pinned version of llama.cpp is written there, and our own.
        sum.update(include_bytes!("../../../Cargo.toml"));
        sum.update(made_by.as_bytes());
        sample(model, &mut sum)?;
        let project = xxh3_64(keep.project.as_os_str().as_encoded_bytes());
        let model = xxh3_64(model.as_os_str().as_encoded_bytes());
        let path = keep.folder.join(format!("{project:016x}-{model:016x}.{ENDING}"));
        Ok(Self { path, fingerprint: sum.digest128(), writing: None })
    }

    /// What was kept, oldest first; nothing, and a line in the log, where that is of no use.
    pub fn read(&self, bounds: Bounds) -> Vec<Snapshot> {
        let read = || -> Result<Vec<Snapshot>, String> {
            let bytes = match read_whole(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                bytes => bytes.map_err(|error| error.to_string())?,
            };
            snapshot::read(&bytes, self.fingerprint, bounds).map_err(|why| why.to_string())
        };
        read().unwrap_or_else(|why| {
            tracing::info!("{}: not used: {why}", self.path.display());
            Vec::new()
        })
    }

    /// Writes it in place of the one before, beside whatever else is done.
    pub fn write(&mut self, snapshots: Vec<Snapshot>) {
        self.wait();
        let (path, fingerprint) = (self.path.clone(), self.fingerprint);
        let write = move || {
            if let Err(error) = replace(&path, fingerprint, &snapshots) {
                tracing::warn!("{}: what was read could not be kept: {error}", path.display());
            }
        };
        let thread = std::thread::Builder::new().name("keep".into()).spawn(write);
        self.writing =
            thread.inspect_err(|error| tracing::warn!("what was read could not be kept: {error}")).ok();
    }

    /// Until what is being written is.
    fn wait(&mut self) {
        if let Some(writing) = self.writing.take() {
            // A panic there has been reported already.
            let _ = writing.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.wait();
    }
}

/// Of a file of gigabytes what tells it from another one: its length, its time, its head, and a sample of the rest.
fn sample(path: &Path, sum: &mut Xxh3) -> io::Result<()> {
    const PIECES: u64 = 64;
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let length = metadata.len();
    sum.update(&length.to_le_bytes());
    let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    sum.update(&modified.as_nanos().to_le_bytes());
    let mut piece = vec![0; 1 << 20];
    for number in 0..=PIECES {
        let wanted = if number == 0 { piece.len() } else { 4096 };
        let at = (length / PIECES * number).min(length.saturating_sub(wanted as u64));
        file.seek(SeekFrom::Start(at))?;
        let read = read_up_to(&mut file, &mut piece[..wanted])?;
        sum.update(&piece[..read]);
    }
    Ok(())
}

fn read_up_to(file: &mut File, piece: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < piece.len() {
        match file.read(&mut piece[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // Head, tokens and rows come to the states; a file of ours never has twice as much.
    if metadata.len() > 2 * FILE_BYTES as u64 {
        return Err(io::Error::other("it is too large"));
    }
    fs::read(path)
}

fn replace(path: &Path, fingerprint: u128, snapshots: &[Snapshot]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_own(folder)?;
    // NB: made so that only its owner can read it.
    let mut file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder)?;
    snapshot::write(snapshots, fingerprint, BufWriter::new(file.as_file_mut()))?;
    file.as_file_mut().flush()?;
    file.persist(path).map_err(|error| error.error)?;
    make_room(folder, path)
}

fn make_own(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Removes the oldest files until the others fit; never the one just written.
fn make_room(folder: &Path, newest: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if metadata.is_file() && path.extension().is_some_and(|ending| ending == ENDING) {
            files.push((path != newest, metadata.modified()?, metadata.len(), path));
        }
    }
    // The newest first.
    files.sort_by_key(|(is_old, modified, ..)| (*is_old, Reverse(*modified)));
    let mut total = 0;
    for (is_old, _, length, path) in files {
        total += length;
        if is_old && total > FOLDER_BYTES {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, length: u64) {
        File::create(path).and_then(|file| file.set_len(length)).expect("the folder can be written");
    }

    #[test]
    fn the_oldest_files_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = |name: &str| folder.path().join(name);
        for (name, length) in
            [("a.state", 700 << 20), ("b.state", 300 << 20), ("note.txt", 2 << 30)].map(|(n, l)| (name(n), l))
        {
            file(&name, length);
        }
        let old = SystemTime::now() - std::time::Duration::from_secs(3600);
        File::open(name("a.state")).and_then(|file| file.set_modified(old)).expect("its time can be set");
        file(&name("new.state"), 400 << 20);
        make_room(folder.path(), &name("new.state")).expect("it can be read");
        let left = |file: &str| name(file).exists();
        assert_eq!(
            [left("a.state"), left("b.state"), left("new.state"), left("note.txt")],
            [false, true, true, true]
        );
    }

    #[test]
    fn a_model_is_known_by_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.gguf");
        let keep = Keep { folder: folder.path().into(), project: "p".into() };
        let of = |bytes: &[u8], made_by: &str| {
            fs::write(&path, bytes).expect("it can be written");
            File::options()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH))
                .expect("its time can be set");
            Keeper::new(&keep, &path, made_by).expect("it can be read").fingerprint
        };
        let bytes = vec![7; 3 << 20];
        let first = of(&bytes, "x");
        assert_eq!(of(&bytes, "x"), first);
        assert_ne!(of(&bytes, "y"), first);
        for at in [0, (1 << 20) - 1, bytes.len() / 64 * 40, bytes.len() - 1] {
            let mut other = bytes.clone();
            other[at] = 8;
            assert_ne!(of(&other, "x"), first, "{at}");
        }
        assert_ne!(of(&bytes[1..], "x"), first);
    }
}

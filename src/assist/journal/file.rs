//! The journal's file: appended to by several processes at once, and never large.
//!
//! Each line is one write to a file opened for appending, so two of them never mix; one that was cut off, by a full disk
//! or a process's end, costs itself and not the next. A file that is full becomes the old one; a lock keeps two
//! processes from doing that one after the other, which would lose what the first has kept. A link is not followed, for
//! what it leads to may be somebody's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub const NAME: &str = "journal.jsonl";
pub const OLD: &str = "journal.old.jsonl";
const LOCK: &str = "journal.lock";

/// Bytes of a file that are read: far above what is written, should somebody put another file there.
const MAX_READ: u64 = 16 << 20;

#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    /// Bytes after which a file is full.
    limit: u64,
}

impl Writer {
    pub fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder, limit }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Appends a line that ends in `\n`, whole.
    pub fn append(&self, mut line: Vec<u8>) -> io::Result<()> {
        make_private(&self.folder)?;
        self.make_room(line.len() as u64)?;
        let mut file = open(&self.path())?;
        if !ends_whole(&mut file)? {
            line.insert(0, b'\n');
        }
        // NB: not `write_all`: the rest of a line could come to stand behind somebody else's.
        if file.write(&line)? < line.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn make_room(&self, bytes: u64) -> io::Result<()> {
        if self.is_full(bytes) { self.begin_anew(bytes) } else { Ok(()) }
    }

    /// Puts a full file aside. Another process may have done so since it was found full.
    fn begin_anew(&self, bytes: u64) -> io::Result<()> {
        // Let go of where it is dropped.
        let lock = open(&self.folder.join(LOCK))?;
        lock.lock()?;
        if self.is_full(bytes) { fs::rename(self.path(), self.folder.join(OLD)) } else { Ok(()) }
    }

    fn is_full(&self, bytes: u64) -> bool {
        self.path().metadata().is_ok_and(|file| file.len() > 0 && file.len() + bytes > self.limit)
    }
}

/// The lines of both files, oldest first; blank ones left out.
pub fn lines(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let put_aside = || folder.join(OLD).symlink_metadata().and_then(|old| old.modified()).ok();
    let before = put_aside();
    let lines = lines_once(folder)?;
    // A file that became the old one between the two was read as neither. It takes a thousand actions to do so again.
    if put_aside() == before { Ok(lines) } else { lines_once(folder) }
}

fn lines_once(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    for name in [OLD, NAME] {
        let path = folder.join(name);
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            found => expect_file(&found?)?,
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_READ).read_to_end(&mut bytes)?;
        let full = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.extend(full.map(<[u8]>::to_vec));
    }
    Ok(lines)
}

/// For this user's eyes, like all that is in it.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn open(path: &Path) -> io::Result<File> {
    // NB: a pipe would block on opening, and a link could lead to a file that is somebody's.
    if let Ok(found) = path.symlink_metadata() {
        expect_file(&found)?;
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).read(true).append(true).open(path)
}

/// Whether the last line has its end. Of two processes that both find none the second puts a blank line, which is none.
fn ends_whole(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn expect_file(found: &fs::Metadata) -> io::Result<()> {
    if found.is_symlink() {
        Err(io::Error::other("is a link, which is not followed; CODESAGE_STATE may name another folder"))
    } else if found.is_file() {
        Ok(())
    } else {
        Err(io::Error::other("is not a file"))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn whoever_looks_sees_whole_lines() {
        const WRITERS: u8 = 4;
        const EACH: usize = 400;
        let folder = tempfile::tempdir().unwrap();
        // NB: a divisor of a page: a file system may let a write be seen a page at a time.
        let line = |writer: u8| [vec![b'0' + writer; 127], b"\n".to_vec()].concat();
        thread::scope(|scope| {
            let write = |writer: u8| {
                let folder = folder.path().to_path_buf();
                scope.spawn(move || {
                    let file = Writer::new(folder, u64::MAX);
                    (0..EACH).for_each(|_| file.append(line(writer)).unwrap());
                })
            };
            let writers: Vec<_> = (0..WRITERS).map(write).collect();
            while !writers.iter().all(|writer| writer.is_finished()) {
                let length = folder.path().join(NAME).metadata().map_or(0, |file| file.len());
                assert_eq!(length % 128, 0, "a line is written at once");
            }
        });
        let lines = lines(folder.path()).unwrap();
        assert_eq!(lines.len(), usize::from(WRITERS) * EACH);
        assert!(lines.iter().all(|line| line.len() == 127 && line.iter().all(|byte| *byte == line[0])));
    }

    #[test]
    fn a_file_is_put_aside_when_it_is_full_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new(folder.path().to_path_buf(), 30);
        let held = |text: &str| {
            writer.append(text.into()).unwrap();
            [OLD, NAME].map(|name| fs::read_to_string(folder.path().join(name)).unwrap_or_default())
        };
        assert_eq!(held("one, of 20 bytes...\n"), ["", "one, of 20 bytes...\n"]);
        assert_eq!(held("two of 10\n"), ["", "one, of 20 bytes...\ntwo of 10\n"]);
        assert_eq!(held("three\n"), ["one, of 20 bytes...\ntwo of 10\n", "three\n"]);
        // Found full before somebody else put it aside: what that one kept stays.
        writer.begin_anew(10).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(OLD)).unwrap(), "one, of 20 bytes...\ntwo of 10\n");
        // A line that no file has room for is written all the same.
        let long = "x".repeat(99) + "\n";
        writer.append(long.clone().into()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(OLD)).unwrap(), "three\n");
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), long);
    }
}

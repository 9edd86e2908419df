//! A file in the making: what came so far, its checksum, and the tag of what it is a part of.
//!
//! Each piece is written as it comes, so that a process may be ended at any moment. It knows no server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub(super) struct Part {
    path: PathBuf,
    tag_path: PathBuf,
    file: File,
    have: u64,
    hash: Sha256,
    tag: Option<String>,
}

impl Part {
    /// Goes on with what an earlier try left, which is read for its checksum. A link is not followed, nor a pipe waited
    /// for.
    pub fn open(path: PathBuf, tag_path: PathBuf) -> io::Result<Self> {
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other(
                "there is something else in the place of what was fetched; remove it",
            ));
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let (mut have, mut hash) = (0, Sha256::new());
        let mut buffer = vec![0; 1 << 17];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            have += read as u64;
        }
        let tag = fs::read_to_string(&tag_path).ok().filter(|tag| is_strong(tag));
        Ok(Self { path, tag_path, file, have, hash, tag })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// What the server called that of which this is a part.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Keeps it for the next try; one that promises nothing byte for byte is none.
    pub fn set_tag(&mut self, tag: Option<String>) -> io::Result<()> {
        let tag = tag.filter(|tag| is_strong(tag));
        if tag != self.tag {
            match &tag {
                Some(tag) => fs::write(&self.tag_path, tag)?,
                None => drop(fs::remove_file(&self.tag_path)),
            }
            self.tag = tag;
        }
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what came.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        (self.have, self.hash) = (0, Sha256::new());
        self.set_tag(None)
    }

    /// Lower-case hexadecimal, of what came.
    pub fn sha256(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Sees that all of it is on the disk.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives it its name, in one step.
    pub fn become_file(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        drop(fs::remove_file(&self.tag_path));
        Ok(())
    }

    /// Takes it off the disk, as far as that can be done.
    pub fn remove(&self) {
        drop(fs::remove_file(&self.path));
        drop(fs::remove_file(&self.tag_path));
    }
}

/// RFC 9110, 8.8.3: a weak tag does not promise the same bytes.
fn is_strong(tag: &str) -> bool {
    tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"') && !tag.contains(['\r', '\n'])
}

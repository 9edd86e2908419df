//! Walking a file that may be anything: every read is held against the file's size first, and a refusal names the
//! byte. It knows numbers and strings, not what they are for.

use std::io::Read;

use super::{Unfit, damaged};

/// All strings together: the largest vocabulary of today has some 2 MB.
const MAX_KEPT: u64 = 256 << 20;

/// A place in a file of `file_bytes` bytes.
pub(super) struct Cursor<R> {
    source: R,
    /// Bytes read so far.
    pub at: u64,
    pub file_bytes: u64,
    /// Bytes of strings handed out, of which most are kept.
    kept: u64,
}

impl<R: Read> Cursor<R> {
    pub fn new(source: R, file_bytes: u64) -> Self {
        Self { source, at: 0, file_bytes, kept: 0 }
    }

    pub fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Unfit> {
        self.expect(N as u64, what)?;
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(|error| self.lost(what, &error))?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// That `count` more bytes are there.
    pub fn expect(&self, count: u64, what: &str) -> Result<(), Unfit> {
        if count <= self.file_bytes - self.at.min(self.file_bytes) {
            return Ok(());
        }
        Err(damaged(format!("the file ends at byte {}, inside {what} at byte {}", self.file_bytes, self.at)))
    }

    fn lost(&self, what: &str, error: &std::io::Error) -> Unfit {
        Unfit::Unreadable(format!("reading {what} at byte {} failed: {error}", self.at))
    }

    pub fn u32(&mut self, what: &str) -> Result<u32, Unfit> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub fn u64(&mut self, what: &str) -> Result<u64, Unfit> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A length and that many bytes, appended to `into`.
    pub fn text(&mut self, what: &str, limit: u64, into: &mut Vec<u8>) -> Result<(), Unfit> {
        let at = self.at;
        let length = self.u64(what)?;
        self.expect(length, what)?;
        if length > limit {
            return Err(damaged(format!("{what} at byte {at} has {length} bytes")));
        }
        self.kept += length;
        if self.kept > MAX_KEPT {
            return Err(damaged(format!("the strings up to byte {at} have {} bytes", self.kept)));
        }
        let start = into.len();
        // No more than `limit`, whatever the file says.
        into.resize(start + length as usize, 0);
        self.source.read_exact(&mut into[start..]).map_err(|error| self.lost(what, &error))?;
        self.at += length;
        Ok(())
    }

    /// A key or a tensor's name: readable, because llama.cpp compares it up to the first NUL.
    pub fn name(&mut self, what: &str, limit: u64) -> Result<String, Unfit> {
        let at = self.at;
        let mut bytes = Vec::new();
        self.text(what, limit, &mut bytes)?;
        match String::from_utf8(bytes) {
            Ok(name) if !name.is_empty() && !name.contains(char::is_control) => Ok(name),
            Ok(name) if name.is_empty() => Err(damaged(format!("{what} at byte {at} is empty"))),
            _ => Err(damaged(format!("{what} at byte {at} is not readable text"))),
        }
    }

    /// Passes over `count` bytes, which are there.
    pub fn skip(&mut self, count: u64, what: &str) -> Result<(), Unfit> {
        let mut scratch = [0; 256];
        let mut left = count;
        while left > 0 {
            let part = left.min(scratch.len() as u64);
            self.source.read_exact(&mut scratch[..part as usize]).map_err(|error| self.lost(what, &error))?;
            self.at += part;
            left -= part;
        }
        Ok(())
    }
}

//! By what a file is known to be another one than before.

use std::path::Path;
use std::time::SystemTime;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// None where there is no file.
    pub fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self { bytes: file.len(), modified: file.modified().ok() })
    }
}

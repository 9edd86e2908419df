//! Whether a file is another one than before, without reading it. What is the same in length and time of writing counts
//! as the same.

use std::path::Path;
use std::time::SystemTime;

/// When a file was written, and its bytes. None: it is not there.
pub type Stamp = Option<(SystemTime, u64)>;

/// See [`Stamp`]. Links are followed. Blocking; to be taken before the file is read, so that what is written meanwhile
/// is another one.
pub fn stamp(file: &Path) -> Stamp {
    let metadata = file.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

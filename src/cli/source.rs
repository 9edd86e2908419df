//! A file that the command line names, read whole.

use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ropey::Rope;
use url::Url;

use super::Failure;
use crate::syntax::lines;

/// No source that a person writes is larger.
const MOST_BYTES: u64 = 64 << 20;

/// See the module.
pub struct Source {
    /// With every link followed.
    pub path: PathBuf,
    pub uri: Url,
    pub text: String,
}

/// How many lines a person counts in a text, in words.
pub fn lines_of(rope: &Rope) -> String {
    match lines::count(rope) {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

impl Source {
    /// Fails with a sentence that names the file as it was named.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let about = |error: &dyn Display| Failure::Message(format!("{}: {error}", file.display()));
        let path = fs::canonicalize(file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => about(&missing(file)),
            _ => about(&error),
        })?;
        // Before reading: a pipe would wait for a writer, and a device never end.
        let metadata = fs::metadata(&path).map_err(|error| about(&error))?;
        if !metadata.is_file() {
            return Err(about(&if metadata.is_dir() { "is a folder; name a file" } else { "is not a file" }));
        }
        if metadata.len() > MOST_BYTES {
            return Err(about(&format!("is larger than {} MiB", MOST_BYTES >> 20)));
        }
        let bytes = fs::read(&path).map_err(|error| about(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| about(&"is not UTF-8 text"))?;
        let uri = Url::from_file_path(&path).map_err(|()| about(&"has no place in the file system"))?;
        Ok(Self { path, uri, text })
    }
}

/// What is wrong where there is no file of this name.
fn missing(file: &Path) -> String {
    let is_place = |(before, _): (&str, &str)| Path::new(before).is_file();
    match file.to_str().and_then(|name| name.rsplit_once(':')).is_some_and(is_place) {
        true => "there is no such file; what stands behind the colon is no line".to_owned(),
        false => "there is no such file".to_owned(),
    }
}

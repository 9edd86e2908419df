//! Through a folder that may be anything: deep, huge, full of links in a circle, closed to us.
//!
//! It knows no models but by the ending of their names.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

/// Deeper than any program puts its models.
const DEEPEST: usize = 8;
/// Entries of one place that are looked at.
const MOST: usize = 50_000;
/// Folders of one place that are told to be closed.
const TOLD: usize = 3;

/// What two paths to the same bytes have in common.
#[cfg(unix)]
pub(super) type Identity = (u64, u64);
#[cfg(not(unix))]
pub(super) type Identity = PathBuf;

/// `None` where there is no regular file.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    let metadata = path.metadata().ok().filter(|metadata| metadata.is_file())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        path.canonicalize().ok()
    }
}

/// Files below `folder` that end in `.gguf`, in a stable order. No folder: none.
pub(super) fn files(folder: &Path, passed_over: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    every_file(folder, passed_over, |path| {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            files.push(path);
        }
    });
    files
}

/// Calls `with` for all that is no folder.
pub(super) fn every_file(folder: &Path, passed_over: &mut Vec<String>, mut with: impl FnMut(PathBuf)) {
    if !folder.is_dir() {
        return;
    }
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .follow_links(true)
        .max_depth(Some(DEEPEST))
        .sort_by_file_name(Ord::cmp)
        .build();
    let mut closed = 0;
    for (number, entry) in walk.enumerate() {
        if number >= MOST {
            passed_over
                .push(format!("{}: more than {MOST} entries, the rest not looked at", folder.display()));
            break;
        }
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| !kind.is_dir()) => with(entry.into_path()),
            Ok(_) => {}
            // A link that leads round in a circle, a folder that may not be read, a link to nowhere.
            Err(error) => {
                closed += 1;
                if closed <= TOLD {
                    passed_over.push(told(&error));
                }
            }
        }
    }
    if closed > TOLD {
        passed_over.push(format!("{}: and {} more such", folder.display(), closed - TOLD));
    }
}

fn told(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithDepth { err, .. } => told(err),
        ignore::Error::Loop { child, .. } => format!("{}: leads round in a circle", child.display()),
        ignore::Error::WithPath { path, err } => match err.io_error().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::NotFound) => format!("{}: leads nowhere", path.display()),
            Some(std::io::ErrorKind::PermissionDenied) => format!("{}: may not be read", path.display()),
            _ => error.to_string(),
        },
        _ => error.to_string(),
    }
}

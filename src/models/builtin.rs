//! The model in the box: compiled into the binary, unpacked to the cache on first use.
//!
//! llama.cpp wants a file. Its name carries the hash of its bytes, so that two versions of the program never
//! share one, and a file that is short or changed is replaced. It does not load the model and never removes what
//! another version has unpacked.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The GGUF file.
static BYTES: &[u8] = include_bytes!("../../models/builtin/codesage-mini-q8_0.gguf");

/// Its name without the hash.
pub const NAME: &str = "codesage-mini";

static HASH: LazyLock<[u8; 32]> = LazyLock::new(|| Sha256::digest(BYTES).into());

/// Where the program keeps what it can make again: `CODESAGE_CACHE`, else the platform's place for caches
/// (`$XDG_CACHE_HOME/codesage`, `~/Library/Caches`, `%LOCALAPPDATA%`), else the folder for temporary files.
pub fn cache_dir() -> PathBuf {
    if let Some(folder) = std::env::var_os("CODESAGE_CACHE").filter(|folder| !folder.is_empty()) {
        return folder.into();
    }
    match directories::ProjectDirs::from("", "", "codesage") {
        Some(dirs) => dirs.cache_dir().to_path_buf(),
        None => fallback(),
    }
}

/// The model's file, there and whole, in `cache`; where that cannot be written, in the folder for temporary files.
///
/// Processes may do this at once: each writes a file of its own and renames it over the others'.
/// Fails with one sentence when neither place can be written.
pub fn unpack(cache: &Path) -> io::Result<PathBuf> {
    unpack_bytes(BYTES, &HASH, cache, &fallback())
}

fn fallback() -> PathBuf {
    std::env::temp_dir().join("codesage")
}

fn unpack_bytes(bytes: &[u8], hash: &[u8; 32], cache: &Path, fallback: &Path) -> io::Result<PathBuf> {
    place(bytes, hash, cache).or_else(|first| {
        own(fallback).and_then(|()| place(bytes, hash, fallback)).map_err(|second| {
            let message = format!(
                "the built-in model could not be unpacked to {} ({first}) nor to {} ({second}); \
                 free some space, or set CODESAGE_CACHE to a folder that can be written",
                cache.display(),
                fallback.display()
            );
            io::Error::new(second.kind(), message)
        })
    })
}

/// Makes sure that nobody else can put a file into a folder below the one that all users share.
fn own(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        // Whoever owns what is made here now is the user of this process.
        let user = tempfile::tempfile_in(folder)?.metadata()?.uid();
        let metadata = std::fs::symlink_metadata(folder)?;
        if !metadata.is_dir() || metadata.uid() != user {
            let message = format!("{} belongs to somebody else", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn place(bytes: &[u8], hash: &[u8; 32], folder: &Path) -> io::Result<PathBuf> {
    let prefix: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("{NAME}-{prefix}.gguf"));
    // The bytes themselves are the surest marker, and nine megabytes are read in a few milliseconds.
    if holds(&path, bytes)? {
        return Ok(path);
    }
    std::fs::create_dir_all(folder)?;
    // Beside the target: a rename across file systems is none.
    let mut file = tempfile::Builder::new().prefix(".unpacking-").suffix(".gguf").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist(&path) {
        Ok(_) => Ok(path),
        // Windows refuses while another process has it open: then that process has a whole one.
        Err(error) if holds(&path, bytes)? => {
            drop(error);
            Ok(path)
        }
        Err(error) => Err(error.error),
    }
}

/// Whether the file is there with exactly these bytes. What cannot be read is an error: it could not be loaded.
fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() || file.metadata()?.len() != bytes.len() as u64 {
        return Ok(false);
    }
    let mut buffer = vec![0; 1 << 16];
    let mut rest = bytes;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(rest.is_empty()),
            read => match rest.strip_prefix(&buffer[..read]) {
                Some(after) => rest = after,
                None => return Ok(false),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MODEL: &[u8] = b"GGUF, and nine megabytes more";

    fn unpack_to(cache: &Path, fallback: &Path) -> io::Result<PathBuf> {
        unpack_bytes(MODEL, &[0xab; 32], cache, fallback)
    }

    #[test]
    fn the_file_is_made_once_and_named_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("a/b");
        let path = unpack_to(&cache, folder.path()).unwrap();
        assert_eq!(path, cache.join("codesage-mini-abababababababab.gguf"));
        assert_eq!(fs::read(&path).unwrap(), MODEL);
        // A file that is whole is left alone: another process may have it mapped.
        let made = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::open(&path).unwrap();
        assert_eq!(unpack_to(&cache, folder.path()).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), made);
        // Nothing else is left behind.
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_whole_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = unpack_to(folder.path(), folder.path()).unwrap();
        let changed = [&MODEL[..MODEL.len() - 1], b"X"].concat();
        let longer = [MODEL, b"X"].concat();
        for bad in [&MODEL[..7], b"", &changed, &longer] {
            fs::write(&path, bad).unwrap();
            assert_eq!(unpack_to(folder.path(), folder.path()).unwrap(), path);
            assert_eq!(fs::read(&path).unwrap(), MODEL);
        }
    }

    #[test]
    fn many_at_once_get_the_same_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| unpack_to(folder.path(), folder.path()).unwrap())).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        assert!(paths.iter().all(|path| *path == paths[0]));
        assert_eq!(fs::read(&paths[0]).unwrap(), MODEL);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_cache_that_cannot_be_written_is_gone_round_and_both_are_named() {
        let folder = tempfile::tempdir().unwrap();
        // Nobody can make a folder in a file, not even root.
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let cache = file.join("cache");
        let spare = folder.path().join("spare");
        let path = unpack_to(&cache, &spare).unwrap();
        assert!(path.starts_with(&spare));
        let why = unpack_to(&cache, &file.join("other")).unwrap_err().to_string();
        let why = why.replace(&folder.path().display().to_string(), "…");
        expect_test::expect!["the built-in model could not be unpacked to …/file/cache (Not a directory (os error 20)) nor to …/file/other (Not a directory (os error 20)); free some space, or set CODESAGE_CACHE to a folder that can be written"].assert_eq(&why);
    }

    #[cfg(unix)]
    #[test]
    fn the_spare_folder_is_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let spare = folder.path().join("spare");
        fs::create_dir(&spare).unwrap();
        fs::set_permissions(&spare, fs::Permissions::from_mode(0o777)).unwrap();
        unpack_to(&file, &spare).unwrap();
        assert_eq!(fs::metadata(&spare).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_bytes_are_the_model() {
        let header = crate::models::gguf::check_bytes(BYTES).unwrap();
        assert_eq!(header.name, NAME);
    }
}

//! The model in the box: compiled into the binary, unpacked to the cache on first use.
//!
//! llama.cpp wants a file. Its name carries the hash of its bytes, so that two versions of the program never
//! share one, and a file that is short or changed is replaced. What a process that was killed had half written is taken
//! away. It does not load the model and never removes what another version has unpacked.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::models::gguf::{self, Header, Unfit};

/// The GGUF file.
static BYTES: &[u8] = include_bytes!("../../models/builtin/codesage-mini-q8_0.gguf");

/// Its name without the hash.
pub const NAME: &str = "codesage-mini";

static HASH: LazyLock<[u8; 32]> = LazyLock::new(|| Sha256::digest(BYTES).into());

/// How the name of a file begins and ends that is not whole yet. Whoever writes it holds a lock on it.
pub const UNPACKING: (&str, &str) = (".unpacking-", ".gguf");

/// Between making a file and locking it nothing slow happens: one that is older and free is nobody's.
const UNLOCKED: Duration = Duration::from_secs(60);

/// Where the program keeps what it can make again: `CODESAGE_CACHE`, else the platform's place for caches
/// (`$XDG_CACHE_HOME/codesage`, `~/Library/Caches`, `%LOCALAPPDATA%`), else a folder of this user's own among the
/// temporary files. Nothing says that it is there, or whose it is: see [`own_cache_dir`].
pub fn cache_dir() -> PathBuf {
    if let Some(folder) = std::env::var_os("CODESAGE_CACHE").filter(|folder| !folder.is_empty()) {
        return folder.into();
    }
    match directories::ProjectDirs::from("", "", "codesage") {
        Some(dirs) => dirs.cache_dir().to_path_buf(),
        None => fallback(),
    }
}

/// The same, for what is to be loaded from it: among the temporary files it is there and nobody else's, or an error says
/// what is there in its place.
pub fn own_cache_dir() -> io::Result<PathBuf> {
    let folder = cache_dir();
    if folder == fallback() {
        own(&folder)?;
    }
    Ok(folder)
}

/// Why a folder that is, by its name, the one among the temporary files is not to be believed; none for any other, for one
/// that is this user's own, and for one that is not there yet.
pub fn foreign(folder: &Path) -> Option<io::Error> {
    let is_there = folder.file_name() == fallback().file_name() && folder.symlink_metadata().is_ok();
    is_there.then(|| owned(folder).err()).flatten()
}

/// The model's file, there and whole, in `cache`; where that cannot be written, in the folder for temporary files.
///
/// Processes may do this at once: each writes a file of its own and renames it over the others'.
/// Fails with one sentence when neither place can be written.
pub fn unpack(cache: &Path) -> io::Result<PathBuf> {
    unpack_bytes(BYTES, &HASH, cache, &fallback())
}

/// What its header says, without unpacking it.
pub fn header() -> Result<Header, Unfit> {
    gguf::check_bytes(BYTES)
}

/// The name of the file that this version unpacks.
pub fn file_name() -> String {
    named_by(&HASH)
}

/// One for each user: who comes first must neither keep the others out nor have a word in what they load.
fn fallback() -> PathBuf {
    #[cfg(unix)]
    let name = format!("codesage-{}", user());
    // There it lies in the user's own folder already.
    #[cfg(not(unix))]
    let name = "codesage";
    std::env::temp_dir().join(name)
}

fn unpack_bytes(bytes: &[u8], hash: &[u8; 32], cache: &Path, fallback: &Path) -> io::Result<PathBuf> {
    let spare = || own(fallback).and_then(|()| place(bytes, hash, fallback));
    let failed = |where_to: String, error: io::Error| {
        let mend = "free some space, or set CODESAGE_CACHE to a folder that can be written";
        let message = format!("the built-in model could not be unpacked to {where_to}; {mend}");
        io::Error::new(error.kind(), message)
    };
    // Where there is no home folder the one is the other.
    if cache == fallback {
        return spare().map_err(|error| failed(format!("{} ({error})", fallback.display()), error));
    }
    place(bytes, hash, cache).or_else(|first| {
        spare().map_err(|second| {
            let places = format!("{} ({first}) nor to {} ({second})", cache.display(), fallback.display());
            failed(places, second)
        })
    })
}

/// Makes a folder below the one that all users share, so that nobody else can read it or put a file into it; or makes sure
/// of that, before anything in it is looked at.
#[cfg(unix)]
fn own(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => owned(folder)?,
    }
    // NB: nobody else can put another one in its place by now, for what is below them only its owner can rename.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn own(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Whether a folder is this user's, and was nobody else's to write to.
#[cfg(unix)]
fn owned(folder: &Path) -> io::Result<()> {
    owned_by(folder, user())
}

#[cfg(not(unix))]
fn owned(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn owned_by(folder: &Path, user: u32) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // Not what a link leads to.
    let found = folder.symlink_metadata()?;
    let why = if found.is_symlink() {
        "is a link, which is not followed"
    } else if !found.is_dir() {
        "is no folder"
    } else if found.uid() != user {
        "belongs to somebody else"
    } else if found.mode() & 0o022 != 0 {
        "could be written to by others, so that what is in it may be theirs"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", folder.display())))
}

/// Of this process, as files go by it.
#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn place(bytes: &[u8], hash: &[u8; 32], folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(named_by(hash));
    sweep(folder);
    // The bytes themselves are the surest marker, and nine megabytes are read in a few milliseconds.
    if holds(&path, bytes)? {
        return Ok(path);
    }
    fs::create_dir_all(folder)?;
    // Beside the target: a rename across file systems is none.
    let mut file = unfinished_in(folder)?;
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

fn named_by(hash: &[u8; 32]) -> String {
    let prefix: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{NAME}-{prefix}.gguf")
}

/// A new file, held until it has its name.
fn unfinished_in(folder: &Path) -> io::Result<NamedTempFile> {
    let (prefix, suffix) = UNPACKING;
    let file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder)?;
    match file.as_file().try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another process has taken the new file")),
        // Where the file system has no locks none of its files look left either.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Removes what processes were killed over. What cannot be removed is in nobody's way.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let unfinished = entries.filter(|entry| {
        let (name, (prefix, suffix)) = (entry.file_name(), UNPACKING);
        let name = name.to_string_lossy();
        let is_ours = name.starts_with(prefix) && name.ends_with(suffix);
        // Not a link, whatever it is called.
        is_ours && entry.file_type().is_ok_and(|kind| kind.is_file())
    });
    for path in unfinished.map(|entry| entry.path()).filter(|path| is_left(path)) {
        if fs::remove_file(&path).is_ok() {
            tracing::info!("removed {}, which was never finished", path.display());
        }
    }
}

/// Whether nobody is writing it any more.
fn is_left(path: &Path) -> bool {
    let age = || fs::metadata(path).ok()?.modified().ok()?.elapsed().ok();
    let is_free = || File::options().write(true).open(path).is_ok_and(|file| file.try_lock().is_ok());
    age().is_some_and(|age| age > UNLOCKED) && is_free()
}

/// Whether the file is there with exactly these bytes. What cannot be read is an error: it could not be loaded.
fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = match File::open(path) {
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
    use std::time::SystemTime;

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

    /// A file of this name that was last written so many seconds ago.
    fn old(folder: &Path, name: &str, seconds: u64) -> File {
        let file = File::create(folder.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        file
    }

    #[test]
    fn what_was_never_finished_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        for (name, seconds, is_held, stays) in [
            (".unpacking-old.gguf", 3600, false, false),
            (".unpacking-held.gguf", 3600, true, true),
            (".unpacking-new.gguf", 0, false, true),
            (".unpacking-old.txt", 3600, false, true),
            ("unpacking-old.gguf", 3600, false, true),
            ("codesage-mini-0123456789abcdef.gguf", 3600, false, true),
        ] {
            let file = old(folder.path(), name, seconds);
            if is_held {
                file.try_lock().unwrap();
            }
            // Twice: where the model has to be unpacked, and where it is there already.
            for _ in 0..2 {
                unpack_to(folder.path(), folder.path()).unwrap();
                assert_eq!(folder.path().join(name).exists(), stays, "{name}");
            }
            let _ = fs::remove_file(folder.path().join(name));
            fs::remove_file(unpack_to(folder.path(), folder.path()).unwrap()).unwrap();
        }
    }

    /// However long the writing takes.
    #[test]
    fn a_file_that_is_being_unpacked_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let file = unfinished_in(folder.path()).unwrap();
        file.as_file().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        sweep(folder.path());
        assert!(file.path().exists());
        // As where the process is killed.
        let (file, path) = file.keep().unwrap();
        drop(file);
        sweep(folder.path());
        assert!(!path.exists());
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

    /// Whatever lies where the spare folder is to be: what is somebody else's is not used, and nothing is put there.
    #[cfg(unix)]
    #[test]
    fn the_spare_folder_is_this_users_alone() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let open = |spare: &Path, mode| {
            fs::create_dir(spare).unwrap();
            fs::set_permissions(spare, fs::Permissions::from_mode(mode)).unwrap();
        };
        type Plant<'a> = &'a dyn Fn(&Path, &Path);
        let cases: [(Plant, Option<&str>); 7] = [
            (&|_, _| {}, None),
            (&|spare, _| open(spare, 0o700), None),
            (&|spare, _| open(spare, 0o755), None),
            (&|spare, _| open(spare, 0o777), Some("could be written to by others")),
            (&|spare, _| open(spare, 0o720), Some("could be written to by others")),
            (&|spare, theirs| symlink(theirs, spare).unwrap(), Some("is a link, which is not followed")),
            (&|spare, _| fs::write(spare, "").unwrap(), Some("is no folder")),
        ];
        for (plant, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            let (spare, theirs) = (folder.path().join("spare"), folder.path().join("theirs"));
            let file = folder.path().join("file");
            fs::write(&file, "").unwrap();
            fs::create_dir(&theirs).unwrap();
            plant(&spare, &theirs);
            // In place of a folder that cannot be written, and as the only one that there is.
            for cache in [&file, &spare] {
                match (unpack_to(cache, &spare), expected) {
                    (Ok(path), None) => {
                        assert!(path.starts_with(&spare));
                        assert_eq!(fs::metadata(&spare).unwrap().permissions().mode() & 0o777, 0o700);
                    }
                    (Err(error), Some(why)) => {
                        assert!(error.to_string().contains(why), "{error}");
                        assert!(!error.to_string().contains("nor to") || cache == &file, "{error}");
                        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
                        assert!(!spare.is_dir() || fs::read_dir(&spare).unwrap().count() == 0);
                    }
                    (found, expected) => panic!("{found:?} for {expected:?}"),
                }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(owned(folder.path()).is_ok());
        let theirs = owned_by(folder.path(), user() + 1).unwrap_err();
        assert!(theirs.to_string().ends_with("belongs to somebody else"), "{theirs}");
    }

    #[cfg(unix)]
    #[test]
    fn users_have_a_spare_folder_each() {
        let name = format!("codesage-{}", user());
        assert_eq!(fallback(), std::env::temp_dir().join(&name));
        let folder = tempfile::tempdir().unwrap();
        let (spare, other) = (folder.path().join(name), folder.path().join("codesage"));
        assert!(foreign(&spare).is_none(), "it is made when it is needed");
        for place in [&spare, &other] {
            std::os::unix::fs::symlink(folder.path(), place).unwrap();
        }
        assert!(foreign(&spare).is_some() && foreign(&other).is_none());
    }

    #[test]
    fn the_bytes_are_the_model() {
        assert_eq!(header().unwrap().name, NAME);
        assert!(file_name().starts_with(NAME) && file_name().ends_with(".gguf"));
    }
}

//! One file from a server to a folder, whole or not at all: the only code of the program that goes to another machine.
//!
//! It runs in `codesage models pull` and nowhere else, for a file that somebody named. What was fetched is kept in
//! `NAME.part` whatever happens, so that the next try goes on there; it becomes `NAME` by one rename, after its size,
//! its checksum and its header were found right. Two processes that want the same file share the work: the second
//! waits for the first. Nothing is sent but the address, and a token where one is set for that host.
//!
//! `part` is the file in the making, `request` what is asked of a server, `parts` a model in several files.

mod part;
mod parts;
mod request;

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use url::Url;

use crate::models::memory;
use part::Part;
use request::{Answer, Client, Published};

/// Bytes that stay free on a disk.
const MARGIN: u64 = 16 << 20;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What to fetch, and what is known of it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub url: Url,
    pub target: PathBuf,
    /// Lower-case hexadecimal.
    pub sha256: Option<String>,
    /// How many the catalogue knows the file to have.
    pub bytes: Option<u64>,
    /// Of the host of `url`; sent to no other.
    pub token: Option<String>,
}

/// How patient to be, and what the disk has.
pub struct Rules<'a> {
    /// A server that is silent for so long has gone.
    pub silence: Duration,
    /// Before a second try; doubled before each further one.
    pub pause: Duration,
    /// In a row in which nothing came.
    pub tries: u32,
    /// Bytes that the disk of a folder has free; none: nobody says.
    pub free: &'a dyn Fn(&Path) -> Option<u64>,
}

/// How it is getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Of a model in several files this one is next.
    Part { number: u32, count: u32 },
    /// Another process is fetching the same file.
    Waiting,
    /// `have` of `total` bytes are here: at the start, and where something has to be begun anew.
    At { have: u64, total: Option<u64> },
    /// So many bytes more.
    Came(u64),
    /// After that long, and why.
    Again { why: String, pause: Duration },
    /// Reading what is here, for its checksum.
    Checking,
    /// A sentence for the person.
    Note(String),
}

/// How it ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A sound file of that name was there, or came by another process.
    AlreadyThere,
    Fetched,
}

/// What went wrong in one try.
enum Trouble {
    /// Nothing to be done about.
    Final(String),
    /// May be gone a moment later, perhaps after as long as the server asked for.
    Passing(String, Option<Duration>),
}

/// The rules for people: a minute of silence, eight tries over some minutes.
impl Default for Rules<'static> {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { silence: 60 * second, pause: second, tries: 8, free: &free_bytes }
    }
}

/// Fetches, telling how it gets on: of a model in several files all, whichever of them is named. The error is a sentence
/// that says what to do.
pub fn fetch(wanted: &Wanted, rules: &Rules, told: &mut dyn FnMut(Event)) -> Result<Outcome, String> {
    parts::all(wanted, rules, told)
}

/// One file.
fn one(wanted: &Wanted, rules: &Rules, told: &mut dyn FnMut(Event)) -> Result<Outcome, String> {
    let target = &wanted.target;
    let about = |error: io::Error| format!("{}: {error}", target.display());
    let folder = target.parent().ok_or_else(|| format!("{} is no file", target.display()))?;
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if is_sound(target) {
        return Ok(Outcome::AlreadyThere);
    }
    let lock_file = beside(target, ".lock");
    let lock = File::create(&lock_file).map_err(about)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            told(Event::Waiting);
            lock.lock().map_err(about)?;
        }
        // A file system that knows no locks: then one is alone.
        Err(TryLockError::Error(_)) => {}
    }
    // The one before this has brought it, or has failed.
    if is_sound(target) {
        let _ = std::fs::remove_file(lock_file);
        return Ok(Outcome::AlreadyThere);
    }
    let client = Client::new(&wanted.url, rules.silence, wanted.token.as_deref());
    let published =
        patiently(rules, told, |_| client.published(&wanted.url).map(|published| (0, published)))?;
    let sha256 = agreed(wanted.sha256.as_deref(), published.sha256.as_deref())?;
    if sha256.is_none() {
        told(Event::Note(
            "Nobody names a checksum of this file: its size and its header are all that is checked.".into(),
        ));
    }
    if let (Some(known), Some(found)) = (wanted.bytes, published.bytes)
        && known != found
    {
        told(Event::Note(format!(
            "The catalogue knows this file with {known} bytes, the publisher has one with {found}: it is newer than the \
             catalogue."
        )));
    }
    told(Event::Checking);
    let part_file = beside(target, ".part");
    let mut part = Part::open(part_file.clone(), beside(target, ".part.etag"))
        .map_err(|error| format!("{}: {error}", part_file.display()))?;
    room(folder, &published, part.have(), rules)?;

    let mut is_older = part.have() > 0;
    loop {
        patiently(rules, told, |told| {
            attempt(&client, wanted, &published, sha256.is_some(), &mut part, told)
                .map(|()| (0, ()))
                .map_err(|trouble| (part.have(), trouble))
        })?;
        match &sha256 {
            Some(sha256) if part.sha256() != *sha256 => {
                let found = part.sha256();
                part.restart().map_err(about)?;
                if !std::mem::take(&mut is_older) {
                    part.remove();
                    return Err(format!(
                        "{}: these are not the bytes that were published: their SHA-256 is {found}, not {sha256}; \
                         nothing was kept",
                        wanted.url
                    ));
                }
                // What an earlier try left may be what was wrong.
                told(Event::At { have: 0, total: published.bytes });
            }
            _ => break,
        }
    }
    part.finish().map_err(|error| full(&error, 0).unwrap_or_else(|| about(error)))?;
    if let Err(why) = parts::check(part.path(), target) {
        part.remove();
        return Err(format!("{}: what came cannot be used: {why}; nothing was kept", wanted.url));
    }
    part.become_file(target).map_err(about)?;
    // Only now: who waits for it finds the model.
    let _ = std::fs::remove_file(lock_file);
    Ok(Outcome::Fetched)
}

/// The checksum by which the bytes are judged, where one is known.
fn agreed(known: Option<&str>, published: Option<&str>) -> Result<Option<String>, String> {
    match (known, published) {
        (Some(known), Some(published)) if known != published => Err(format!(
            "the publisher has another file by this name than the catalogue knows (SHA-256 {published}, not {known}); \
             if you trust it, name its address with --from"
        )),
        (known, published) => Ok(known.or(published).map(str::to_owned)),
    }
}

/// Tries until it works, or until nothing has come `tries` times in a row. An error comes with the bytes that are
/// here by then.
fn patiently<T>(
    rules: &Rules,
    told: &mut dyn FnMut(Event),
    mut work: impl FnMut(&mut dyn FnMut(Event)) -> Result<(u64, T), (u64, Trouble)>,
) -> Result<T, String> {
    let (mut failures, mut furthest) = (0, 0);
    loop {
        let (have, trouble) = match work(told) {
            Ok((_, done)) => return Ok(done),
            Err(failed) => failed,
        };
        let (why, asked) = match trouble {
            Trouble::Final(why) => return Err(why),
            Trouble::Passing(why, asked) => (why, asked),
        };
        // Only what was never here before: a server that begins anew each time gets nowhere.
        if have > furthest {
            (failures, furthest) = (0, have);
        }
        failures += 1;
        if failures >= rules.tries {
            let kept = if have > 0 { "; what came is kept: the same command goes on from there" } else { "" };
            return Err(format!("{why} ({failures} tries in a row){kept}"));
        }
        let doubled = rules.pause.saturating_mul(1 << (failures - 1).min(16));
        let pause = asked.unwrap_or(doubled).min(LONGEST_PAUSE);
        told(Event::Again { why, pause });
        thread::sleep(pause);
    }
}

/// Asks once for what is missing, and takes what comes.
fn attempt(
    client: &Client,
    wanted: &Wanted,
    published: &Published,
    is_verified: bool,
    part: &mut Part,
    told: &mut dyn FnMut(Event),
) -> Result<(), Trouble> {
    let local = |error: io::Error| {
        let needed = published.bytes.unwrap_or(0);
        Trouble::Final(
            full(&error, needed).unwrap_or_else(|| format!("{}: {error}", wanted.target.display())),
        )
    };
    let mut total = published.bytes;
    if total.is_some_and(|total| part.have() > total)
        || (part.have() > 0 && part.tag().is_none() && !is_verified)
    {
        // Of another file, or nothing would tell whether it is.
        part.restart().map_err(local)?;
    }
    if total == Some(part.have()) {
        return Ok(());
    }
    let Answer { from, announced, tag, mut body } = client.get(&wanted.url, part.have(), part.tag())?;
    if let (Some(total), Some(announced)) = (total, announced)
        && total != announced
    {
        return Err(Trouble::Final(format!(
            "{}: the server announces {announced} bytes where {total} were published",
            wanted.url
        )));
    }
    total = total.or(announced);
    if from != part.have() {
        part.restart().map_err(local)?;
        if from != 0 {
            return Err(Trouble::Passing(
                "the server sends another piece than it was asked for".into(),
                None,
            ));
        }
    }
    part.set_tag(tag).map_err(local)?;
    told(Event::At { have: part.have(), total });
    let mut buffer = vec![0; 1 << 17];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => return Err(Trouble::Passing(request::explained_io(&error), None)),
        };
        if total.is_some_and(|total| part.have() + read as u64 > total) {
            part.restart().map_err(local)?;
            return Err(Trouble::Final(format!("{}: the server sends more than it announced", wanted.url)));
        }
        part.append(&buffer[..read]).map_err(local)?;
        told(Event::Came(read as u64));
    }
    match total {
        Some(total) if part.have() < total => Err(Trouble::Passing("the connection was cut".into(), None)),
        _ => Ok(()),
    }
}

/// Refuses before the first byte what would end in a full disk.
fn room(folder: &Path, published: &Published, have: u64, rules: &Rules) -> Result<(), String> {
    let (Some(total), Some(free)) = (published.bytes, (rules.free)(folder)) else {
        return Ok(());
    };
    let needed = total.saturating_sub(have).saturating_add(MARGIN);
    if needed <= free {
        return Ok(());
    }
    Err(format!(
        "{} has {} free, and {} are needed; free some space, or name another folder in CODESAGE_MODELS",
        folder.display(),
        memory::shown(free),
        memory::shown(needed)
    ))
}

/// What to say of a disk that takes no more, though it seemed to have room.
fn full(error: &io::Error, needed: u64) -> Option<String> {
    let of = if needed > 0 { format!(" (the file has {})", memory::shown(needed)) } else { String::new() };
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(format!(
            "the disk is full{of}; what came is kept: free some space, and the same command goes on from there"
        )),
        // FAT has four gigabytes for a file; a limit of the process looks the same.
        io::ErrorKind::FileTooLarge => Some(format!(
            "the disk takes no file so large{of}; what came is kept: raise the limit (`ulimit -f`), or name a folder of \
             another file system in CODESAGE_MODELS"
        )),
        _ => None,
    }
}

/// Bytes that the disk of a folder has free for this user.
fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

fn is_sound(target: &Path) -> bool {
    target.is_file() && parts::check(target, target).is_ok()
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    target.with_file_name(name)
}

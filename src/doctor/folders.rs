//! What the program writes, and where: whether it can, who else may read it, and what was left there.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Finding, Patient};
use crate::assist::journal;
use crate::config::KvCache;
use crate::engine::tune::Known;
use crate::models::{builtin, memory};

/// Bytes that the built-in model takes, with room to spare.
const UNPACKED: u64 = 32 << 20;
/// Bytes that what was read of a workspace may take.
const KEPT: u64 = 512 << 20;
/// Bytes of a log that nobody will read.
const LONG_LOG: u64 = 100 << 20;
/// Older than this nobody goes on with a download.
const PART_DAYS: u64 = 7;

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    state(patient, findings);
    cache(patient, findings);
    log(patient, findings);
    downloads(patient, findings);
}

fn state(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(folder) = &patient.places.state else {
        let message = "There is no home folder: neither a journal is kept, nor what was measured.";
        let finding = Finding::problem("state.none", message);
        return findings.push(finding.step("name a folder in the environment variable CODESAGE_STATE"));
    };
    if let Some(trouble) = trouble(folder) {
        let what = "Neither a journal is kept, nor what was measured";
        return findings.push(unusable(patient, "state.unusable", what, "CODESAGE_STATE", &trouble));
    }
    findings.push(Finding::ok("state", format!("journal and measurements in {}", patient.path(folder))));
    let file = journal::file_in(folder);
    match file.symlink_metadata() {
        Ok(found) if !found.is_file() => {
            let what = if found.is_symlink() { "a link, which is not followed" } else { "no file" };
            let message = format!("The journal cannot be written: {} is {what}.", patient.path(&file));
            findings.push(Finding::problem("journal.unusable", message).command(aside(patient, &file)));
        }
        Ok(_) if is_open(&file) => {
            let message = format!("Others may read {}: it names your files.", patient.path(&file));
            let mend = format!("chmod 600 {}", patient.shell(&file));
            findings.push(Finding::problem("journal.open", message).command(mend));
        }
        _ => {}
    }
    let threads = folder.join("threads.json");
    let is_damaged = |text: String| serde_json::from_str::<Known>(&text).is_err();
    if fs::read_to_string(&threads).is_ok_and(is_damaged) {
        let message = format!("{} is damaged: threads are measured at every start.", patient.path(&threads));
        let mend = format!("rm {}", patient.shell(&threads));
        findings.push(Finding::note("state.threads", message).command(mend));
    }
}

fn cache(patient: &Patient, findings: &mut Vec<Finding>) {
    let Patient { places, settings, machine, .. } = patient;
    let (folder, is_built_in) =
        (&places.cache, settings.model.path.is_none() && settings.model.name.is_none());
    // Among the files of all users: what others have put there is not this user's to take away.
    if let Some(why) = builtin::foreign(folder) {
        let message = format!("{why}: nothing is kept in it, and nothing loaded from it.");
        let mend = "name a folder of your own in the environment variable CODESAGE_CACHE";
        return findings.push(Finding::problem("cache.foreign", message).step(mend));
    }
    if let Some(trouble) = trouble(folder) {
        let what = "The built-in model is unpacked to a temporary folder at every start";
        return findings.push(unusable(patient, "cache.unusable", what, "CODESAGE_CACHE", &trouble));
    }
    findings.push(Finding::ok("cache", format!("what can be made again in {}", patient.path(folder))));
    let free = (machine.free_space)(folder);
    let is_unpacked = folder.join(builtin::file_name()).is_file();
    let elsewhere = "free some space there, or name another folder in CODESAGE_CACHE";
    if let Some(free) = free.filter(|free| *free < UNPACKED && is_built_in && !is_unpacked) {
        let message = format!(
            "The disk of {} has {} free: the built-in model cannot be unpacked.",
            patient.path(folder),
            memory::shown(free)
        );
        findings.push(Finding::problem("cache.full", message).step(elsewhere));
    } else if let Some(free) = free.filter(|free| *free < KEPT && settings.model.kv_cache == KvCache::Disk) {
        let message = format!(
            "The disk of {} has {} free: what was read may not be kept.",
            patient.path(folder),
            memory::shown(free)
        );
        findings.push(Finding::note("cache.low", message).setting("model.kvCache = \"memory\""));
    }
    let old = files(folder, |name| {
        name.starts_with(builtin::NAME) && name.ends_with(".gguf") && name != builtin::file_name()
    });
    if !old.is_empty() {
        let message =
            format!("{} of other versions of this program in the cache.", counted(old.len(), "model"));
        findings.push(Finding::note("cache.old", message).command(removing(patient, &old)));
    }
    kept(patient, &folder.join("kv"), findings);
}

/// What was read of workspaces: code, in another form.
fn kept(patient: &Patient, folder: &Path, findings: &mut Vec<Finding>) {
    let kept = files(folder, |name| name.ends_with(".state"));
    if kept.is_empty() {
        return;
    }
    if is_open(folder) || kept.iter().any(|file| is_open(file)) {
        let message =
            format!("Others may look into {}: it holds code of your projects.", patient.path(folder));
        let mend = format!("chmod -R go= {}", patient.shell(folder));
        findings.push(Finding::problem("kv.open", message).command(mend));
    }
    if patient.settings.model.kv_cache == KvCache::Memory {
        let message = format!(
            "{} in {} hold code of your projects, and model.kvCache is \"memory\": nothing reads them.",
            counted(kept.len(), "file"),
            patient.path(folder)
        );
        findings.push(Finding::note("kv.left", message).command(format!("rm -r {}", patient.shell(folder))));
    }
}

fn log(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(file) = &patient.settings.log.file else { return };
    let why = match (file.metadata(), file.parent()) {
        (Ok(found), _) if !found.is_file() => Some("it is no file"),
        (Ok(_), _) => None,
        (Err(_), Some(folder)) if !folder.is_dir() => Some("there is no such folder"),
        (Err(_), _) => None,
    };
    match why {
        Some(why) => {
            let message = format!("log.file is {}, which cannot be written: {why}.", patient.path(file));
            findings.push(Finding::problem("log.unusable", message).setting("log.file = \"stderr\""));
        }
        None => findings.push(Finding::ok("log", format!("log in {}", patient.path(file)))),
    }
    if let Some(found) = file.metadata().ok().filter(|found| found.is_file() && found.len() > LONG_LOG) {
        let message = format!("The log {} has {}.", patient.path(file), memory::shown(found.len()));
        let mend = format!("truncate -s 0 {}", patient.shell(file));
        findings.push(Finding::note("log.long", message).command(mend));
    }
}

/// Downloads that were given up.
fn downloads(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(folder) = patient.surroundings.own_folder() else { return };
    let is_old = |file: &PathBuf| {
        let age = || fs::metadata(file).ok()?.modified().ok()?.elapsed().ok();
        age().is_some_and(|age| age.as_secs() > PART_DAYS * 86_400)
    };
    let mut parts = files(&folder, |name| name.ends_with(".part"));
    parts.retain(is_old);
    if !parts.is_empty() {
        let message = format!(
            "{} in {} for more than a week; `codesage models pull NAME` goes on with them.",
            counted(parts.len(), "unfinished download"),
            patient.path(&folder)
        );
        findings.push(Finding::note("models.unfinished", message).command(removing(patient, &parts)));
    }
}

/// Why nothing can be written in a folder, and what is in the way where that is a file.
enum Trouble {
    InTheWay(PathBuf),
    Refused(PathBuf, String),
}

/// None: files can be made there. A folder that is not there yet is made when it is needed.
fn trouble(folder: &Path) -> Option<Trouble> {
    let there = folder.ancestors().find(|folder| folder.symlink_metadata().is_ok())?;
    if !there.is_dir() {
        return Some(Trouble::InTheWay(there.to_path_buf()));
    }
    // NB: asked of the system, and not read from the mode: file systems have rules of their own.
    let made = tempfile::tempfile_in(there);
    made.err().map(|error| Trouble::Refused(there.to_path_buf(), error.to_string()))
}

fn unusable(patient: &Patient, id: &'static str, what: &str, variable: &str, trouble: &Trouble) -> Finding {
    match trouble {
        Trouble::InTheWay(file) => {
            let message = format!("{what}: {} is no folder.", patient.path(file));
            Finding::problem(id, message).command(aside(patient, file))
        }
        Trouble::Refused(folder, why) => {
            let message = format!("{what}: {} cannot be written ({why}).", patient.path(folder));
            let mend = format!("make it yours again, or name another folder in {variable}");
            Finding::problem(id, message).step(mend)
        }
    }
}

fn aside(patient: &Patient, file: &Path) -> String {
    let mut target = file.as_os_str().to_owned();
    target.push(".aside");
    format!("mv {} {}", patient.shell(file), patient.shell(Path::new(&target)))
}

fn removing(patient: &Patient, files: &[PathBuf]) -> String {
    let files: Vec<String> = files.iter().map(|file| patient.shell(file)).collect();
    format!("rm {}", files.join(" "))
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Files of a folder, by name; links are none.
fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    let mut files: Vec<PathBuf> = entries
        .filter(|entry| is_file(entry) && wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// Whether anybody but its owner may read it.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_path: &Path) -> bool {
    false
}

//! The machine: memory, threads, limits of the process, and room on the disk. What a model needs of it, `model` asks.

use std::path::Path;

use serde::Serialize;

use super::{Finding, Patient};
use crate::models::{hardware, memory};

/// What is there, and how to ask for more.
pub struct Machine<'a> {
    pub processor: String,
    /// Threads that can run at once.
    pub threads: u32,
    /// Bytes of memory that are free; none: nobody says.
    pub available: Option<u64>,
    /// Bytes a second read from memory by all threads; none: not measured.
    pub memory_speed: Option<f64>,
    pub limits: Limits,
    /// Bytes that a new file in a folder may have; none: nobody says.
    pub free_space: &'a dyn Fn(&Path) -> Option<u64>,
}

/// `setrlimit`: none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    pub open_files: Option<u64>,
    /// Bytes.
    pub address_space: Option<u64>,
    /// Bytes.
    pub file_size: Option<u64>,
}

/// Of the report.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineFacts {
    pub processor: String,
    pub threads: u32,
    pub available_bytes: Option<u64>,
    pub memory_bytes_per_second: Option<u64>,
    pub limits: Limits,
}

/// What a session opens at once, with room to spare: files of actions, ignore files, the journal.
const OPEN_FILES: u64 = 128;
/// The largest file that is written without being asked for: the built-in model.
const LARGEST_FILE: u64 = 16 << 20;

impl Machine<'static> {
    pub fn of_this_process(memory_speed: Option<f64>) -> Self {
        Self {
            processor: hardware::processor(),
            threads: hardware::usable_threads(),
            available: hardware::available_memory(),
            memory_speed,
            limits: Limits::of_this_process(),
            free_space: &free_space,
        }
    }
}

impl Machine<'_> {
    pub(super) fn facts(&self) -> MachineFacts {
        MachineFacts {
            processor: self.processor.clone(),
            threads: self.threads,
            available_bytes: self.available,
            memory_bytes_per_second: self.memory_speed.map(|speed| speed as u64),
            limits: self.limits,
        }
    }
}

impl Limits {
    #[cfg(unix)]
    pub fn of_this_process() -> Self {
        use rustix::process::{Resource, getrlimit};

        let soft = |resource| getrlimit(resource).current;
        Self {
            open_files: soft(Resource::Nofile),
            address_space: soft(Resource::As),
            file_size: soft(Resource::Fsize),
        }
    }

    #[cfg(not(unix))]
    pub fn of_this_process() -> Self {
        Self::default()
    }
}

/// Of the nearest folder that is there.
#[cfg(unix)]
fn free_space(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let system = rustix::fs::statvfs(there).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(not(unix))]
fn free_space(_folder: &Path) -> Option<u64> {
    None
}

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let Patient { machine, settings, .. } = patient;
    let free = machine.available.map_or("an unknown part of the memory".to_owned(), memory::shown);
    let threads = match settings.model.threads {
        Some(threads) => format!("{threads} by model.threads"),
        None => "as many as are measured to be best".to_owned(),
    };
    findings.push(Finding::ok(
        "machine",
        format!("{} threads, of which a model computes with {threads}; {free} free", machine.threads),
    ));
    if let Some(threads) = settings.model.threads.filter(|threads| *threads > machine.threads) {
        let message = format!(
            "model.threads is {threads}, and only {} can run at once here: they wait for one another.",
            machine.threads
        );
        findings.push(Finding::problem("machine.threads", message).setting("model.threads = \"auto\""));
    }
    let Limits { open_files, file_size, .. } = machine.limits;
    if let Some(files) = open_files.filter(|files| *files < OPEN_FILES) {
        let message = format!("This process may open {files} files at once; {OPEN_FILES} are enough.");
        findings.push(Finding::problem("machine.files", message).command("ulimit -n 1024"));
    }
    if let Some(bytes) = file_size.filter(|bytes| *bytes < LARGEST_FILE) {
        let message = format!(
            "This process may write files of {} at most: the built-in model cannot be unpacked.",
            memory::shown(bytes)
        );
        findings.push(Finding::problem("machine.file-size", message).command("ulimit -f unlimited"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_answers() {
        let machine = Machine::of_this_process(Some(1e9));
        assert!(machine.threads > 0 && machine.facts().memory_bytes_per_second == Some(1_000_000_000));
        if cfg!(unix) {
            let there = (machine.free_space)(Path::new("/"));
            assert_eq!((machine.free_space)(Path::new("/no/such/folder")).is_some(), there.is_some());
        }
    }
}

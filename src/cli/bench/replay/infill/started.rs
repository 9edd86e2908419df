//! A llama-server of our own beside the one that is measured: the same model file, the same threads, and the options that
//! llama.vim's manual names, at their best for typing (`-c 8192` in place of the preset's 32768).
//!
//! It listens on this machine alone, and ends when it is dropped or what started it ends. What it writes is kept for when it does not start.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::http::{Address, Client};
use crate::cli::Failure;
use crate::cli::bench::replay::children::{Running, Starter};

/// A model that is read from a slow disk takes long to load.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);
/// It says what it was built for within milliseconds.
const SYSTEM_PATIENCE: Duration = Duration::from_secs(10);
/// Options that do not depend on the model.
const OPTIONS: [&str; 6] = ["-c", "8192", "--cache-reuse", "256", "-np", "1"];
/// Tokens of a batch, by which `/infill` also cuts its prompts.
const BATCH: u32 = 1024;
/// Characters of what it wrote last that are shown when it does not start.
const SHOWN: usize = 600;

/// What it has in common with CodeSage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Like<'a> {
    pub model: &'a Path,
    /// Tokens that the model was trained for.
    pub context: u32,
    /// Threads for single tokens, and for reading.
    pub threads: [u32; 2],
}

/// See the module.
pub struct Started {
    server: Running,
    address: Address,
    arguments: Vec<String>,
    system: Option<String>,
}

impl Started {
    /// Starts it and waits until it has loaded the model. `folder` takes what it writes.
    pub fn start(program: &Path, like: Like, starter: &Starter, folder: &Path) -> Result<Self, Failure> {
        let about =
            |why: &dyn std::fmt::Display| Failure::Message(format!("--server {}: {why}", program.display()));
        // NB: free when asked for; another program may take it before the server does, which then says so.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(|why| about(&why))?;
        let port = port.port().to_string();
        let [single, many] = like.threads.map(|threads| threads.to_string());
        // A model of a small context would refuse prompts of the usual size.
        let batch = BATCH.min(like.context / 2).to_string();
        let own = [
            "-b",
            &batch,
            "-ub",
            &batch,
            "-t",
            &single,
            "-tb",
            &many,
            "--host",
            "127.0.0.1",
            "--port",
            &port,
        ];
        let arguments: Vec<String> = OPTIONS.iter().chain(&own).map(|text| (*text).to_owned()).collect();
        let system = system(program, starter, folder);
        let log = folder.join("llama-server.log");
        let written = File::create(&log)?;
        let mut command = Command::new(program);
        command.args([OsStr::new("-m"), like.model.as_os_str()]).args(&arguments);
        command.stdout(written.try_clone()?).stderr(written);
        let server = starter.start(command).map_err(|why| about(&why))?;
        let address: Address = format!("http://127.0.0.1:{port}").parse().map_err(Failure::Message)?;
        let started = Self { server, address, arguments, system };
        let client = Client::new(PATIENCE);
        let until = Instant::now() + PATIENCE;
        while client.get(&started.address.at("health")).is_err() {
            if started.server.has_ended() || Instant::now() > until {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let from = said.floor_char_boundary(said.len().saturating_sub(SHOWN));
                return Err(about(&format!("it does not start: {}", said[from..].trim())));
            }
            std::thread::sleep(LOOK);
        }
        Ok(started)
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The process, for what the system says about it.
    pub fn process(&self) -> u32 {
        self.server.process()
    }

    /// As it was started, but for the model.
    pub fn arguments(&self) -> String {
        self.arguments.join(" ")
    }

    /// What of the processor it was built to use, where it says so.
    pub fn system(&self) -> Option<&str> {
        self.system.as_deref()
    }
}

/// What a server says of its build before it finds that there is no such model. The one that is measured is not asked:
/// saying more would cost it time.
fn system(program: &Path, starter: &Starter, folder: &Path) -> Option<String> {
    let log = folder.join("llama-server-system.log");
    let written = File::create(&log).ok()?;
    let mut command = Command::new(program);
    command.arg("-m").arg(folder.join("none.gguf")).args(["-lv", "4", "--host", "127.0.0.1"]);
    command.stdout(written.try_clone().ok()?).stderr(written);
    let server = starter.start(command).ok()?;
    let until = Instant::now() + SYSTEM_PATIENCE;
    loop {
        let has_ended = server.has_ended();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if let Some(found) = found(&said) {
            return Some(found);
        }
        if has_ended || Instant::now() > until {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

/// Of the line `system_info: n_threads = … | CPU : …`, once it is whole, what follows the threads.
fn found(log: &str) -> Option<String> {
    let (_, said) = log.split_once("system_info: ")?;
    let (line, _) = said.split_once('\n')?;
    let (_, features) = line.split_once(" | ")?;
    Some(features.trim_end_matches([' ', '|', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_was_built_to_use() {
        let line = "0.00 I cmn : system_info: n_threads = 2 (n_threads_batch = 2) / 2 | CPU : AVX2 = 1 | FMA = 1 | \n0.01 more";
        for (log, expected) in [
            (line, Some("CPU : AVX2 = 1 | FMA = 1")),
            // Not written to its end yet.
            (&line[..60], None),
            ("system_info: none\n", None),
            ("", None),
        ] {
            assert_eq!(found(log).as_deref(), expected, "{log}");
        }
    }
}

//! The log: one subscriber for the process, to standard error or a file, turned while it runs when settings change.
//!
//! The only global state there is, for `tracing` wants one. Never writes to standard output, which is the wire.
//! Does not decide what is logged: source text appears at `trace` alone, and that is up to who logs it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::LogSettings;

static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    file: Mutex<Option<Target>>,
}

struct Target {
    path: PathBuf,
    file: File,
}

/// Where each line goes at the moment it is written.
struct Sink;

/// Starts the log, once; panics are logged from here on. An error says why the log's file cannot be used: the log
/// then goes to standard error.
pub fn start(settings: &LogSettings) -> io::Result<()> {
    let (filter, handle) = reload::Layer::new(filter(settings));
    let log = Log { filter: handle, file: Mutex::new(None) };
    if LOG.set(log).is_ok() {
        let lines = fmt::layer().with_writer(|| Sink).with_ansi(false);
        // Fails where a test has installed its own, which then stands.
        let _ =
            tracing_subscriber::registry().with(filter).with(filter_fn(is_no_wire)).with(lines).try_init();
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    }
    apply(settings)
}

/// Follows settings that changed. Without effect before [`start`].
pub fn apply(settings: &LogSettings) -> io::Result<()> {
    let Some(log) = LOG.get() else {
        return Ok(());
    };
    let _ = log.filter.reload(filter(settings));
    let mut target = log.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if target.as_ref().map(|target| target.path.as_path()) == settings.file.as_deref() {
        return Ok(());
    }
    *target = None;
    if let Some(path) = &settings.file {
        let file = open(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        *target = Some(Target { path: path.clone(), file });
    }
    Ok(())
}

/// NB: a pipe would block on opening, and a device take anything.
fn open(path: &Path) -> io::Result<File> {
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("not a file"));
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// NB: at `debug` and `trace` the HTTP client logs headers and every byte that it sends, and with them the key of a
/// server, which a server may also send back.
fn is_no_wire(line: &Metadata) -> bool {
    !line.target().starts_with("ureq")
}

fn filter(settings: &LogSettings) -> EnvFilter {
    let level = &settings.level;
    // llama.cpp writes some 250 lines for every model at `info`, and at `warn` what is as it should be.
    let says_so_itself = level.contains("llama-cpp-2") || level == "off";
    let quiet = if says_so_itself { "" } else { "llama-cpp-2=error," };
    EnvFilter::try_new(format!("{quiet}{level}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Not waiting: a panic while this is held would log itself.
        if let Some(Ok(mut target)) = LOG.get().map(|log| log.file.try_lock())
            && let Some(target) = target.as_mut()
            && target.file.write_all(line).is_ok()
        {
            return Ok(line.len());
        }
        io::stderr().write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(level: &str, file: Option<PathBuf>) -> LogSettings {
        LogSettings { level: level.into(), file }
    }

    /// One test: the log is global.
    #[test]
    fn the_log_follows_its_settings() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("first.log"), directory.path().join("second.log"));
        start(&settings("codesage=warn", Some(first.clone()))).unwrap();
        tracing::warn!("one");
        tracing::debug!("two");
        apply(&settings("codesage=debug", Some(second.clone()))).unwrap();
        tracing::debug!("three");
        let directory_is_no_file = apply(&settings("info", Some(directory.path().into())));
        assert!(directory_is_no_file.is_err());
        apply(&settings("codesage=error", None)).unwrap();

        let first = std::fs::read_to_string(first).unwrap();
        let second = std::fs::read_to_string(second).unwrap();
        assert!(first.contains("one") && !first.contains("two"), "{first}");
        assert!(second.contains("three") && !second.contains("one"), "{second}");
    }
}

//! How a subcommand ends that somebody ends: by Ctrl-C, by SIGTERM, by a terminal that closes.
//!
//! The process does not fall over then. What was at work is dropped, or left behind, and whoever called goes on to its
//! end: temporary folders go, the journal is written, and the exit code is the one that shells know for the signal. It
//! does *not* stop a model: dropping what waits for it does.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::thread;

use tokio::runtime::{Builder, Runtime};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Failure;

/// What ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    CtrlC,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    HangUp,
}

impl Interrupt {
    /// As shells have it for a process that the signal ended: 128 and its number.
    pub fn code(self) -> i32 {
        match self {
            Interrupt::HangUp => 129,
            Interrupt::CtrlC => 130,
            Interrupt::Terminate => 143,
        }
    }

    pub fn said(self) -> &'static str {
        match self {
            Interrupt::CtrlC => "interrupted",
            Interrupt::Terminate => "told to end",
            Interrupt::HangUp => "the terminal was closed",
        }
    }
}

/// The work, or, where the process is told to end before it is done, the failure that says so. The work is dropped
/// then. From here on none of these signals ends the process by itself.
pub async fn unless_told<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let told = told();
    tokio::select! {
        done = work => done,
        by = told => Err(Failure::Interrupted(by, "")),
    }
}

/// Hears signals from the time that it is made, for work that waits in ways that cannot be dropped.
pub struct Watch {
    runtime: Runtime,
    told: Pin<Box<dyn Future<Output = Interrupt>>>,
}

impl Watch {
    pub fn start() -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(no_threads)?;
        let told = {
            let _inside = runtime.enter();
            told()
        };
        Ok(Self { runtime, told: Box::pin(told) })
    }

    /// Does the work on a thread of its own. Where the process is told to end first, nothing of what that thread holds
    /// is dropped: what must go then belongs to the caller, who makes it after the watch.
    pub fn over<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (sender, done) = oneshot::channel();
        let thread = thread::Builder::new().name("work".to_owned());
        thread.spawn(move || sender.send(work())).map_err(no_threads)?;
        self.runtime.block_on(async {
            tokio::select! {
                // What ended it otherwise is on the screen already: a panic tells of itself.
                done = done => done.unwrap_or_else(|_| Err(Failure::Message("ended by a fault of its own".into()))),
                by = self.told => Err(Failure::Interrupted(by, "")),
            }
        })
    }
}

fn no_threads(error: io::Error) -> Failure {
    Failure::Message(format!("cannot start threads: {error}"))
}

/// Hears from the call on, not from the first poll. It is called in a runtime.
#[cfg(unix)]
fn told() -> impl Future<Output = Interrupt> {
    let kinds = [
        (SignalKind::interrupt(), Interrupt::CtrlC),
        (SignalKind::terminate(), Interrupt::Terminate),
        (SignalKind::hangup(), Interrupt::HangUp),
    ];
    let heard = kinds.map(|(kind, by)| {
        let signal = (!is_ignored(kind)).then(|| signal(kind).ok()).flatten();
        Box::pin(async move {
            match signal {
                Some(mut signal) => _ = signal.recv().await,
                None => pending().await,
            }
            by
        })
    });
    async { futures_util::future::select_all(heard).await.0 }
}

/// What the process was started to ignore it ignores: `nohup` is how one says that a terminal may go.
#[cfg(target_os = "linux")]
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // proc(5): the lowest bit is signal 1.
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

/// Nothing safe tells it here; so a terminal that goes ends the process as it always does.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_ignored(kind: SignalKind) -> bool {
    kind == SignalKind::hangup()
}

#[cfg(not(unix))]
fn told() -> impl Future<Output = Interrupt> {
    async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Interrupt::CtrlC,
            Err(_) => pending().await,
        }
    }
}

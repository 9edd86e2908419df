//! How a session ends: five ways out, one flag for the exit code, and the engine stopped behind all of them.
//!
//! A language server that outlives its editor is an orphan holding gigabytes, so none of the ways depends on the
//! client being polite. Does *not* end the process: `main` does, with [`Ended::exit_code`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::assist::roles::Roles;

/// How often the parent process is looked for.
const PARENT_EVERY: Duration = Duration::from_secs(1);

/// How long the engine may take to stop. With the transport's grace and the session's end this keeps the whole ending
/// under two seconds.
const ENGINE_STOPS_WITHIN: Duration = Duration::from_millis(1500);

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client sent `exit`.
    Exit,
    /// Standard input ended or failed.
    EndOfInput,
    /// Standard output cannot be written: nobody listens.
    OutputClosed,
    /// The process that `initialize` named as parent is gone.
    ParentDied,
    /// The process was told to end, by the signal of this number (0 where Ctrl-C is none).
    Terminated(i32),
}

/// A session that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub cause: Cause,
    /// Whether `shutdown` was answered before.
    pub after_shutdown: bool,
}

impl Ended {
    /// LSP 3.17, `exit`: "The server should exit with success code 0 if the shutdown request has been received
    /// before; otherwise with error code 1."
    pub fn exit_code(self) -> i32 {
        i32::from(!self.after_shutdown)
    }
}

/// What handlers tell the one who waits for the end.
#[derive(Clone)]
pub struct Signals {
    shutdown: Arc<AtomicBool>,
    parent: watch::Sender<Option<u32>>,
}

impl Default for Signals {
    fn default() -> Self {
        Self { shutdown: Arc::default(), parent: watch::Sender::new(None) }
    }
}

impl Signals {
    pub fn shutdown_received(&self) {
        self.shutdown.store(true, Ordering::SeqCst);
    }

    pub fn shutdown_was_received(&self) -> bool {
        self.shutdown.load(Ordering::SeqCst)
    }

    /// Names the process whose end ends this one (`processId` of `initialize`).
    ///
    /// One that cannot be seen now is not watched: a client outside our container or PID namespace names a number
    /// that means nothing here, and believing it would end the session at its first second.
    pub fn parent_is(&self, process: u32) {
        if is_alive(process) {
            self.parent.send_replace(Some(process));
        }
    }

    /// Completes when the parent has died; never, where there is none.
    pub async fn parent_died(&self) {
        let mut parent = self.parent.subscribe();
        let process = match parent.wait_for(Option::is_some).await {
            Ok(named) => *named,
            Err(_) => None,
        };
        let Some(process) = process else {
            return std::future::pending().await;
        };
        while is_alive(process) {
            tokio::time::sleep(PARENT_EVERY).await;
        }
    }
}

/// Completes when the process is told to end in a way that lets it: by SIGTERM, by SIGHUP of its terminal, by SIGINT.
/// From its first poll on they do nothing else. Gives the signal's number.
#[cfg(unix)]
pub async fn terminated() -> i32 {
    use tokio::signal::unix::{SignalKind, signal};

    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
    let told = kinds.map(|kind| {
        Box::pin(async move {
            match signal(kind) {
                Ok(mut signal) => {
                    signal.recv().await;
                    kind.as_raw_value()
                }
                Err(error) => {
                    tracing::warn!("signal {} cannot be heard: {error}", kind.as_raw_value());
                    std::future::pending().await
                }
            }
        })
    });
    futures_util::future::select_all(told).await.0
}

/// The same, by Ctrl-C.
#[cfg(not(unix))]
pub async fn terminated() -> i32 {
    match tokio::signal::ctrl_c().await {
        Ok(()) => 0,
        Err(_) => std::future::pending().await,
    }
}

/// Whether a process of this number exists. Where there is no safe way to ask, yes: the end of input is heard anyway.
#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    use rustix::process::{Pid, test_kill_process};

    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    // Not permitted to signal it means that it is there.
    let exists = pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)));
    exists && !is_unburied(process)
}

/// Whether it has ended and its own parent has not looked: its number stays until then, which may be never.
#[cfg(target_os = "linux")]
fn is_unburied(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // proc_pid_stat(5): the state follows the name, which is in parentheses and may hold some.
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    matches!(state, Some("Z" | "X"))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_unburied(_process: u32) -> bool {
    false
}

#[cfg(not(unix))]
fn is_alive(_process: u32) -> bool {
    true
}

/// Stops the engines off the runtime's own threads and waits for them, within limits.
pub async fn stop_engines(roles: Arc<Roles>) {
    let stopping = tokio::task::spawn_blocking(move || roles.shutdown());
    if tokio::time::timeout(ENGINE_STOPS_WITHIN, stopping).await.is_err() {
        tracing::warn!("the engines did not stop within {ENGINE_STOPS_WITHIN:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Instant;

    use super::*;

    #[test]
    fn success_is_an_end_after_shutdown() {
        for (after_shutdown, code) in [(true, 0), (false, 1)] {
            let ended = Ended { cause: Cause::Exit, after_shutdown };
            assert_eq!(ended.exit_code(), code);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_process_is_alive_until_it_ends() {
        assert!(is_alive(std::process::id()));
        let mut child =
            std::process::Command::new("cat").stdin(Stdio::piped()).spawn().expect("`cat` starts");
        let process = child.id();
        assert!(is_alive(process));
        drop(child.stdin.take());
        // Not reaped: nobody has waited for it yet.
        let begun = Instant::now();
        while cfg!(target_os = "linux") && is_alive(process) {
            assert!(begun.elapsed() < Duration::from_secs(300), "`cat` ends with its input");
            std::thread::yield_now();
        }
        child.wait().expect("`cat` ends");
        assert!(!is_alive(process));
        assert!(!is_alive(0));
        assert!(!is_alive(u32::MAX));
    }
}

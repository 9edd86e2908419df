//! Processes that a measurement starts beside the server: they end with what started them, and whatever ends it.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::cli::Failure;
use crate::threads::lock;

/// Those that run. The first one made is the owner's: when that is dropped, all of them end.
#[derive(Default)]
pub struct Children(Arc<Mutex<Vec<Child>>>);

/// Starts them, on whatever thread.
#[derive(Clone)]
pub struct Starter(Arc<Mutex<Vec<Child>>>);

/// One of them. It ends when this is dropped.
pub struct Running {
    process: u32,
    all: Arc<Mutex<Vec<Child>>>,
}

impl Children {
    pub fn starter(&self) -> Starter {
        Starter(self.0.clone())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        lock(&self.0).drain(..).for_each(end);
    }
}

impl Starter {
    pub fn start(&self, mut command: Command) -> io::Result<Running> {
        let child = command.stdin(Stdio::null()).spawn()?;
        let process = child.id();
        lock(&self.0).push(child);
        Ok(Running { process, all: self.0.clone() })
    }

    /// Keeps one core busy and does nothing else, as a build or a test does.
    pub fn busy(&self) -> Result<Running, Failure> {
        let mut shell = Command::new("sh");
        shell.args(["-c", "while :; do :; done"]);
        self.start(shell).map_err(|error| Failure::Message(format!("sh: {error}")))
    }
}

impl Running {
    pub fn process(&self) -> u32 {
        self.process
    }

    pub fn has_ended(&self) -> bool {
        let mut all = lock(&self.all);
        let child = all.iter_mut().find(|child| child.id() == self.process);
        child.is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        if let Some(at) = all.iter().position(|child| child.id() == self.process) {
            end(all.remove(at));
        }
    }
}

fn end(mut child: Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn they_end_with_their_owner() {
        let children = Children::default();
        let starter = children.starter();
        let (one, other) = (starter.busy().unwrap(), starter.busy().unwrap());
        assert!(!one.has_ended() && !other.has_ended() && one.process() != other.process());
        drop(one);
        assert!(!other.has_ended());
        drop(children);
        assert!(other.has_ended());
    }
}

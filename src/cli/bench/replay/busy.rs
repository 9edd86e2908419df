//! A process beside the one that is measured that keeps one core busy and does nothing else, as a build or a test does.

use std::process::{Child, Command, Stdio};

use crate::cli::Failure;

/// Ends when it is dropped.
pub struct Busy(Child);

impl Busy {
    pub fn start() -> Result<Self, Failure> {
        let mut shell = Command::new("sh");
        shell.args(["-c", "while :; do :; done"]).stdin(Stdio::null()).stdout(Stdio::null());
        let child = shell.spawn().map_err(|error| Failure::Message(format!("sh: {error}")))?;
        Ok(Self(child))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

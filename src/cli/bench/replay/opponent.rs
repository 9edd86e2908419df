//! The server that CodeSage is compared with: one that runs already, or one that is started beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use super::children::Starter;
use super::infill::{Address, Asking, Infill, Like, PATIENCE, Started};
use crate::cli::{Failure, Session};
use crate::models::{gguf, hardware};

/// Which one, if any.
#[derive(Args, Debug)]
#[group(id = "opponent", multiple = false)]
pub struct Options {
    /// Ask a llama-server on this machine the same, in turn: the address of its /infill
    #[arg(long, value_name = "URL")]
    against: Option<Address>,
    /// Start this llama-server with the same model and threads, and ask it the same, in turn
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

/// See the module.
pub enum Opponent {
    Running(Address),
    Ours(Arc<Started>),
}

impl Options {
    pub fn is_wanted(&self) -> bool {
        self.against.is_some() || self.server.is_some()
    }

    /// The server, ready. `about` is what CodeSage says of its model: one that is started gets the same file and
    /// threads. `folder` takes what it writes.
    pub fn find(
        &self,
        session: &Session,
        about: &Value,
        starter: &Starter,
        folder: &Path,
    ) -> Result<Option<Opponent>, Failure> {
        if let Some(address) = &self.against {
            return Ok(Some(Opponent::Running(address.clone())));
        }
        let Some(program) = &self.server else { return Ok(None) };
        let number = |name: &str| about[name].as_u64().and_then(|number| u32::try_from(number).ok());
        let many = session.settings.model.threads.unwrap_or_else(hardware::compute_threads);
        let path = about["path"].as_str().unwrap_or_default();
        let like = Like {
            model: Path::new(path),
            context: gguf::check(Path::new(path)).map_or(u32::MAX, |header| header.context_length),
            threads: [number("threads").unwrap_or(1), many],
        };
        let started = Started::start(program, like, starter, folder)?;
        Ok(Some(Opponent::Ours(Arc::new(started))))
    }
}

impl Opponent {
    /// An arm that asks it.
    pub fn arm(&self, asking: Asking, seed: u64) -> Result<Infill, Failure> {
        match self {
            Opponent::Running(address) => Infill::connect(address.clone(), asking, seed, PATIENCE),
            Opponent::Ours(started) => Infill::beside(started, asking, seed),
        }
    }
}

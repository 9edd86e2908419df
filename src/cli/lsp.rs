//! `codesage lsp`: the server, on standard input and the wire.

use std::fs::File;

use crate::assist::journal;
use crate::config::Layers;
use crate::{log, lsp};

/// Serves until the client leaves, and gives the exit code.
pub fn run(layers: Layers, wire: File) -> i32 {
    let (settings, _) = layers.resolve();
    let log_file = log::start(&settings.log);
    if let Err(error) = log_file {
        tracing::error!("log.file: {error}");
    }
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("{error:?}");
            return 1;
        }
    };
    tracing::info!("codesage {} serves", env!("CARGO_PKG_VERSION"));
    let ended = runtime.block_on(lsp::serve(
        tokio::io::stdin(),
        tokio::fs::File::from_std(wire),
        layers,
        Box::new(super::engines::Engines::default()),
        journal::state_dir(),
        lsp::ending::terminated(),
    ));
    tracing::info!("the session ended: {:?}", ended.cause);
    // Not by dropping it, which waits for a read of standard input that may never return.
    runtime.shutdown_background();
    ended.exit_code()
}

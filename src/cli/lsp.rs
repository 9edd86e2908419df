//! `codesage lsp`: the server, on standard input and the wire.

use std::fs::File;

use crate::assist::journal;
use crate::config::Layers;
use crate::{log, lsp};

/// Serves until the client leaves, and gives the exit code. Told to end by a signal, it ends of that, in order, and does not
/// return.
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
    #[cfg(unix)]
    if let lsp::ending::Cause::Terminated(signal) = ended.cause {
        // Of the signal, as if nobody had heard it: who sent it does not take the end for a crash. Neovim says that the
        // server "quit" after any code but 0, and stops servers by SIGTERM.
        if let Err(error) = signal_hook::low_level::emulate_default_handler(signal) {
            tracing::error!("signal {signal} does not end the process: {error}");
        }
    }
    ended.exit_code()
}

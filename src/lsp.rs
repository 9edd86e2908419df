//! The protocol edge: what a client sends becomes a plain call on the [`Assistant`](crate::assist::Assistant),
//! and what that returns becomes protocol again. The only rooms that name `tower_lsp` or `lsp_types`.
//!
//! One message on its way in: `frames` → `transport` (which reads it by `message`) → `gate` (order, panics, and
//! `legible` parameters) → tower-lsp's router and cancellation → `server` (one method each) → a feature room →
//! `assist`. On its way out: a reply goes straight to the transport, after what the server has said by itself before it,
//! which goes through `client`.
//!
//! What a client cannot do is decided in `capabilities`, once, and not sprinkled over the features. Nothing here
//! decides what is suggested or when, and nothing here knows a model.

pub mod action;
pub mod capabilities;
pub mod client;
pub mod code_action;
pub mod code_lens;
pub mod completion_menu;
pub mod convert;
pub mod doctor;
pub mod ending;
pub mod execute_command;
pub mod ext;
pub mod frames;
pub mod gate;
pub mod inline_completion;
pub mod last_session;
pub mod legible;
pub mod message;
pub mod model_progress;
pub mod progress;
pub mod remote_news;
pub mod server;
pub mod session;
pub mod settings;
pub mod show_context;
pub mod status;
pub mod swap;
pub mod switch;
pub mod transport;
pub mod triggers;
pub mod virtual_document;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::assist::journal::Journal;
use crate::assist::roles::{Maker, Roles};
use crate::config::Layers;
use session::Session;

pub use ending::{Cause, Ended};

/// Makes engines: the first when the settings are known, after `initialized`, and after the client's own settings were
/// asked for where it has any.
pub type Launch = Box<dyn Maker>;

/// Serves one client until it leaves, whichever way it does. `layers` holds what is known before the client speaks
/// (the user's file and the command line, if they were read); the workspace's and the editor's are added. The journal
/// and what is written for the person to read are kept in the folder `state`, where there is one. Nothing but protocol
/// is written to `output`. It ends when `terminated` completes, too, with the number of a signal. When this returns, no handler runs, the journal
/// is on the disk, what was written to be read is gone and the model is stopped; the caller may still have to end its
/// process by force, because a blocked read of the real standard input cannot be taken back.
pub async fn serve<R, W>(
    input: R,
    output: W,
    layers: Layers,
    launch: Launch,
    state: Option<PathBuf>,
    terminated: impl Future<Output = i32>,
) -> Ended
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let roles = Roles::new();
    let signals = ending::Signals::default();
    let session = Arc::<OnceLock<Arc<Session>>>::default();
    let (service, said) = server::service(server::Start {
        layers,
        roles: roles.clone(),
        launch,
        journal: Journal::new(state.clone()),
        state,
        signals: signals.clone(),
        session: session.clone(),
    });
    let otherwise = async {
        tokio::select! {
            () = signals.parent_died() => Cause::ParentDied,
            signal = terminated => Cause::Terminated(signal),
        }
    };
    let cause = transport::run(gate::Gate::new(service), said, input, output, otherwise).await;
    if let Some(session) = session.get() {
        session.end().await;
    }
    ending::stop_engines(roles).await;
    Ended { cause, after_shutdown: signals.shutdown_was_received() }
}

//! Tells the person when the server that they named does not answer, once each time, and in the log when it does again.
//!
//! Does *not* decide who answers meanwhile: `engine::remote` does.

use std::sync::Arc;

use tower_lsp::lsp_types::MessageType;

use crate::engine::remote::{Health, RemoteStats};
use crate::lsp::session::Session;

/// Follows the server until the session ends; returns at once where there is none.
pub async fn follow(session: Arc<Session>) {
    let Some(mut stats) = session.assistant.backend().remote() else { return };
    let outbox = session.outbox.clone();
    // The session is let go, for this task must not keep it alive.
    drop(session);
    let mut told = None;
    loop {
        let now = stats.borrow_and_update().clone();
        match (problem(&now), &told) {
            (Some(problem), Some(before)) if *before == problem => {}
            (Some(problem), _) => {
                outbox.warn(&format!("{problem}. The local model answers meanwhile."));
                told = Some(problem);
            }
            (None, Some(_)) if now.problem.is_none() => {
                outbox.log(MessageType::INFO, &format!("{} answers again", now.name()));
                told = None;
            }
            (None, _) => {}
        }
        if stats.changed().await.is_err() {
            return;
        }
    }
}

/// What is worth a message: not what passes by itself.
fn problem(stats: &RemoteStats) -> Option<String> {
    stats.problem.clone().filter(|_| stats.health == Health::Open)
}

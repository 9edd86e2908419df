//! Shows what the model is doing: a progress while it loads, one line in the log when it is ready, one warning when
//! it failed or is not what it should be. Does *not* decide to load anything.

use std::sync::Arc;

use tower_lsp::lsp_types::MessageType;

use crate::engine::ModelState;
use crate::lsp::progress::{Begin, Progress};
use crate::lsp::session::Session;

/// Follows the model until the session ends.
pub async fn follow(session: Arc<Session>) {
    let mut states = session.assistant.backend().watch();
    let mut shown: Option<Progress> = None;
    let mut asked = false;
    // The session is let go between two states, for this task must not keep it alive.
    let (session, outbox) = (Arc::downgrade(&session), session.outbox.clone());
    loop {
        let state = states.borrow_and_update().clone();
        match &state {
            ModelState::Unloaded => drop(shown.take()),
            ModelState::Loading { fraction } => {
                // A client that does not agree at first is not asked at every per cent.
                if !std::mem::replace(&mut asked, true) {
                    let Some(session) = session.upgrade() else { return };
                    shown = begin(&session);
                }
                if let Some(progress) = &shown {
                    progress.report(percentage(*fraction));
                }
            }
            ModelState::Ready(card) => {
                let message = format!("{} is ready", card.name);
                outbox.log(MessageType::INFO, &message);
                if let Some(progress) = shown.take() {
                    progress.end(message);
                }
                if let Some(notice) = &card.notice {
                    outbox.warn(&format!("{}: {notice}", card.name));
                }
            }
            ModelState::Failed(why) => {
                if let Some(progress) = shown.take() {
                    progress.end("not loaded".into());
                }
                outbox.warn(&format!("CodeSage has no model: {why}"));
            }
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn begin(session: &Session) -> Option<Progress> {
    let backend = session.assistant.backend().clone();
    let cancel = Box::new(move || backend.cancel_load());
    let creates = session.flags.work_done_progress;
    let begin = Begin { title: "Loading the model".into(), given: None, creates, percentage: Some(0) };
    session.outbox.begin_progress(begin, cancel)
}

/// Of a hundred.
pub fn percentage(fraction: f32) -> u32 {
    (fraction.clamp(0.0, 1.0) * 100.0) as u32
}

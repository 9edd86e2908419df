//! Shows what the model is doing: a progress while it loads, one line in the log when it is ready, one warning when
//! it failed or is not what it should be; of both models, where there are two. Does *not* decide to load anything.

use std::sync::Arc;

use tower_lsp::lsp_types::MessageType;

use crate::engine::{Backend, ModelState, Role};
use crate::lsp::progress::{Begin, Progress};
use crate::lsp::session::Session;

/// Follows a role's model until the session ends.
pub async fn follow(session: Arc<Session>, role: Role) {
    let mut states = model_of(&session, role).coming();
    let backend = Arc::downgrade(model_of(&session, role));
    let mut shown: Option<Progress> = None;
    let mut asked = false;
    // The session is let go between two states, for this task must not keep it alive.
    let (session, outbox) = (Arc::downgrade(&session), session.outbox.clone());
    loop {
        let state = states.borrow_and_update().clone();
        match &state {
            ModelState::Unloaded => {
                drop(shown.take());
                asked = false;
            }
            ModelState::Loading { fraction } => {
                // A client that does not agree at first is not asked at every per cent.
                if !std::mem::replace(&mut asked, true) {
                    let Some(session) = session.upgrade() else { return };
                    shown = begin(&session, role);
                }
                if let Some(progress) = &shown {
                    progress.report(percentage(*fraction));
                }
            }
            ModelState::Ready(card) => {
                asked = false;
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
                asked = false;
                if let Some(progress) = shown.take() {
                    progress.end("not loaded".into());
                }
                let serving = backend.upgrade().map(|backend| backend.watch().borrow().clone());
                outbox.warn(&match (serving, role) {
                    (Some(ModelState::Ready(card)), _) => format!("CodeSage keeps {}: {why}", card.name),
                    (_, Role::Fill) => format!("CodeSage has no model: {why}"),
                    (_, Role::Edit) => format!("CodeSage has no model for edits: {why}"),
                });
            }
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn model_of(session: &Session, role: Role) -> &Arc<dyn Backend> {
    match role {
        Role::Fill => session.assistant.backend(),
        Role::Edit => session.assistant.editor(),
    }
}

fn begin(session: &Session, role: Role) -> Option<Progress> {
    let backend = model_of(session, role).clone();
    let cancel = Box::new(move || backend.cancel_load());
    let creates = session.flags.work_done_progress;
    let title = match role {
        Role::Fill => "Loading the model",
        Role::Edit => "Loading the model for edits",
    };
    let begin = Begin { title: title.into(), given: None, creates, percentage: Some(0) };
    session.outbox.begin_progress(begin, cancel)
}

/// Of a hundred.
pub fn percentage(fraction: f32) -> u32 {
    (fraction.clamp(0.0, 1.0) * 100.0) as u32
}

//! Shows what the models are doing: a progress while one loads, one line in the log when it is ready, one warning when it
//! could not be loaded or is not what it should be. Does *not* decide to load anything.
//!
//! How far a load is may be seen late or not at all; what has come of it is told, each time.

use std::sync::Arc;

use tokio::sync::mpsc;
use tower_lsp::lsp_types::MessageType;

use crate::assist::roles::News;
use crate::engine::{Backend, ModelState, Role};
use crate::lsp::progress::{Begin, Progress};
use crate::lsp::session::Session;

/// Follows a role's model until the session ends.
pub async fn follow(session: Arc<Session>, role: Role) {
    let mut states = model_of(&session, role).coming();
    let mut shown: Option<Progress> = None;
    let mut asked = false;
    // The session is let go between two states, for this task must not keep it alive.
    let following = Arc::downgrade(&session);
    drop(session);
    loop {
        let state = states.borrow_and_update().clone();
        asked &= matches!(state, ModelState::Loading { .. });
        match &state {
            ModelState::Unloaded => drop(shown.take()),
            ModelState::Loading { fraction } => {
                // A client that does not agree at first is not asked at every per cent.
                if !std::mem::replace(&mut asked, true) {
                    let Some(session) = following.upgrade() else { return };
                    shown = begin(&session, role);
                }
                if let Some(progress) = &shown {
                    progress.report(percentage(*fraction));
                }
            }
            ModelState::Ready(card) => end(shown.take(), format!("{} is ready", card.name)),
            ModelState::Failed(_) => end(shown.take(), "not loaded".into()),
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn end(shown: Option<Progress>, message: String) {
    if let Some(progress) = shown {
        progress.end(message);
    }
}

/// Tells the person what comes of loads, until the session ends.
pub async fn tell(session: Arc<Session>, mut news: mpsc::UnboundedReceiver<News>) {
    let (telling, outbox) = (Arc::downgrade(&session), session.outbox.clone());
    drop(session);
    while let Some(news) = news.recv().await {
        match news {
            News::Ready(card) => {
                outbox.log(MessageType::INFO, &format!("{} is ready", card.name));
                if let Some(notice) = &card.notice {
                    outbox.warn(&format!("{}: {notice}", card.name));
                }
            }
            News::Failed { role, why, kept } => {
                let instead = || server_of(telling.upgrade()?.as_ref(), role);
                outbox.warn(&match (kept.or_else(instead), role) {
                    (Some(kept), _) => format!("CodeSage keeps {kept}: {why}"),
                    (None, Role::Fill) => format!("CodeSage has no model: {why}"),
                    (None, Role::Edit) => format!("CodeSage could not load the model for edits: {why}"),
                });
            }
        }
    }
}

/// The server that answers for a role in place of this machine, where the person has named one.
fn server_of(session: &Session, role: Role) -> Option<String> {
    let backend = model_of(session, role);
    backend.remote()?;
    match &*backend.watch().borrow() {
        ModelState::Ready(card) => Some(card.name.clone()),
        ModelState::Unloaded | ModelState::Loading { .. } | ModelState::Failed(_) => None,
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

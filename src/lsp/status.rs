//! How CodeSage is, for an editor's status bar: `codesage/status` where it asks, `codesage/didChangeStatus` where it wants
//! to be told (`codesage.notify` of `initializationOptions`; a Copilot client is told under the name that it knows).
//!
//! Busy is what a person waits for: a model that loads, an action that runs. A suggestion is not; it comes and goes with
//! every key. Does *not* change anything.

use std::sync::Arc;

use crate::engine::ModelState;
use crate::lsp::ext::{Status, StatusKind};
use crate::lsp::model_progress::percentage;
use crate::lsp::progress::REPORT_EVERY;
use crate::lsp::session::Session;

/// As it is now.
pub fn of(session: &Session) -> Status {
    let actions = *session.actions.running.count().borrow();
    status(&session.assistant.model(), actions)
}

/// Tells each change until the session ends, to a client that wants to be told.
pub async fn follow(session: Arc<Session>) {
    let Some(method) = session.flags.told_of_status else { return };
    let mut states = session.assistant.backend().watch();
    let mut actions = session.actions.running.count();
    let outbox = session.outbox.clone();
    // The session is let go, for this task must not keep it alive.
    drop(session);
    let mut told = None;
    loop {
        let now = status(&states.borrow_and_update(), *actions.borrow_and_update());
        if told.as_ref() != Some(&now) {
            outbox.notify_as(method, &now);
            told = Some(now);
            // A model that loads has a new state at every per cent.
            tokio::time::sleep(REPORT_EVERY).await;
        }
        let changed = tokio::select! {
            changed = states.changed() => changed,
            changed = actions.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

fn status(model: &ModelState, actions: usize) -> Status {
    let (kind, busy, message) = match model {
        ModelState::Unloaded => (StatusKind::Inactive, false, "the model is loaded when it is needed".into()),
        ModelState::Loading { fraction } => {
            (StatusKind::Normal, true, format!("loading the model: {} %", percentage(*fraction)))
        }
        ModelState::Ready(card) => (StatusKind::Normal, actions > 0, card.name.clone()),
        ModelState::Failed(why) => (StatusKind::Error, false, why.clone()),
    };
    Status { kind, busy, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Backend;
    use crate::engine::scripted::ScriptedBackend;

    #[test]
    fn a_state_has_a_kind_and_a_sentence() {
        let ready = ScriptedBackend::default().watch().borrow().clone();
        let cases = [
            (ModelState::Unloaded, 0, StatusKind::Inactive, false, "the model is loaded when it is needed"),
            (ModelState::Loading { fraction: 0.42 }, 0, StatusKind::Normal, true, "loading the model: 42 %"),
            (
                ModelState::Loading { fraction: f32::NAN },
                0,
                StatusKind::Normal,
                true,
                "loading the model: 0 %",
            ),
            (ready.clone(), 0, StatusKind::Normal, false, "scripted"),
            (ready, 2, StatusKind::Normal, true, "scripted"),
            (ModelState::Failed("no such file".into()), 1, StatusKind::Error, false, "no such file"),
        ];
        for (model, actions, kind, busy, message) in cases {
            let expected = Status { kind, busy, message: message.into() };
            assert_eq!(status(&model, actions), expected);
        }
    }
}

//! Shows what the model is doing: a progress while it loads, one line in the log when it is ready, one warning when
//! it failed or is not what it should be. Does *not* decide to load anything.

use std::sync::Arc;

use tower_lsp::lsp_types::MessageType;

use crate::engine::ModelState;
use crate::lsp::client::{Begin, Progress};
use crate::lsp::ext::{Status, StatusKind};
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
                    shown = begin(&session).await;
                }
                if let Some(progress) = &mut shown {
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

async fn begin(session: &Session) -> Option<Progress> {
    if !session.flags.work_done_progress {
        return None;
    }
    let backend = session.assistant.backend().clone();
    let cancel = Box::new(move || backend.cancel_load());
    let begin = Begin { title: "Loading the model".into(), token: None, percentage: Some(0) };
    session.outbox.begin_progress(begin, cancel).await
}

fn percentage(fraction: f32) -> u32 {
    (fraction.clamp(0.0, 1.0) * 100.0) as u32
}

/// The answer of `codesage/status`.
pub fn status(state: &ModelState) -> Status {
    let (kind, busy, message) = match state {
        ModelState::Unloaded => (StatusKind::Inactive, false, "no model is configured".into()),
        ModelState::Loading { fraction } => {
            (StatusKind::Normal, true, format!("loading the model: {} %", percentage(*fraction)))
        }
        ModelState::Ready(card) => (StatusKind::Normal, false, card.name.clone()),
        ModelState::Failed(why) => (StatusKind::Error, false, why.clone()),
    };
    Status { kind, busy, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_a_kind_and_a_sentence() {
        let cases = [
            (ModelState::Unloaded, StatusKind::Inactive, false, "no model is configured"),
            (ModelState::Loading { fraction: 0.42 }, StatusKind::Normal, true, "loading the model: 42 %"),
            (ModelState::Loading { fraction: f32::NAN }, StatusKind::Normal, true, "loading the model: 0 %"),
            (ModelState::Failed("no such file".into()), StatusKind::Error, false, "no such file"),
        ];
        for (state, kind, busy, message) in cases {
            let expected = Status { kind, busy, message: message.into() };
            assert_eq!(status(&state), expected);
        }
    }
}

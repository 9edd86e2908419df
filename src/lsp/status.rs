//! How CodeSage is, for an editor's status bar: `codesage/status` where it asks, `codesage/didChangeStatus` where it wants
//! to be told (`codesage.notify` of `initializationOptions`; a Copilot client is told under the name that it knows).
//!
//! Busy is what a person waits for: a model that loads, an action that runs. A suggestion is not; it comes and goes with
//! every key. Does *not* change anything.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;

use crate::engine::ModelState;
use crate::engine::remote::{RemoteStats, When};
use crate::lsp::ext::{Status, StatusKind};
use crate::lsp::model_progress::percentage;
use crate::lsp::progress::REPORT_EVERY;
use crate::lsp::session::Session;

/// As it is now.
pub fn of(session: &Session) -> Status {
    let actions = *session.actions.running.count().borrow();
    let remote = session.assistant.backend().remote().map(|stats| stats.borrow().clone());
    status(&session.assistant.model(), remote.as_ref(), actions)
}

/// Tells each change until the session ends, to a client that wants to be told.
pub async fn follow(session: Arc<Session>) {
    let Some(method) = session.flags.told_of_status else { return };
    let mut states = session.assistant.backend().watch();
    let mut actions = session.actions.running.count();
    let mut remote = session.assistant.backend().remote();
    let outbox = session.outbox.clone();
    // The session is let go, for this task must not keep it alive.
    drop(session);
    let mut told = None;
    loop {
        let server = remote.as_mut().map(|stats| stats.borrow_and_update().clone());
        let now = status(&states.borrow_and_update(), server.as_ref(), *actions.borrow_and_update());
        if told.as_ref() != Some(&now) {
            outbox.notify_as(method, &now);
            told = Some(now);
            // A model that loads has a new state at every per cent.
            tokio::time::sleep(REPORT_EVERY).await;
        }
        let changed = tokio::select! {
            changed = states.changed() => changed,
            changed = actions.changed() => changed,
            changed = heard(remote.as_mut()) => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Of a model that suggests, and of a server where there is one.
fn ready(name: &str, remote: Option<&RemoteStats>) -> (StatusKind, String) {
    match remote {
        Some(RemoteStats { problem: Some(problem), .. }) => {
            (StatusKind::Warning, format!("{problem}; {name} answers"))
        }
        Some(remote) if remote.when == When::Edits => {
            (StatusKind::Normal, format!("{name}; edits by {}", remote.name()))
        }
        Some(_) | None => (StatusKind::Normal, name.to_owned()),
    }
}

/// News of a server; none come where there is none.
async fn heard(remote: Option<&mut watch::Receiver<RemoteStats>>) -> Result<(), RecvError> {
    match remote {
        Some(stats) => stats.changed().await,
        None => std::future::pending().await,
    }
}

fn status(model: &ModelState, remote: Option<&RemoteStats>, actions: usize) -> Status {
    let (kind, busy, message) = match model {
        ModelState::Unloaded => (StatusKind::Inactive, false, "the model is loaded when it is needed".into()),
        ModelState::Loading { fraction } => {
            (StatusKind::Normal, true, format!("loading the model: {} %", percentage(*fraction)))
        }
        ModelState::Ready(card) => {
            let (kind, message) = ready(&card.name, remote);
            (kind, actions > 0, message)
        }
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
    fn a_server_is_named_and_its_trouble_told() {
        let ready = ScriptedBackend::default().watch().borrow().clone();
        let well = RemoteStats { server: "gpu:8000".into(), model: "qwen".into(), ..RemoteStats::default() };
        let all = RemoteStats { when: When::All, ..well.clone() };
        let ill = RemoteStats { problem: Some("gpu:8000 is not running".into()), ..well.clone() };
        for (remote, kind, message) in [
            (well, StatusKind::Normal, "scripted; edits by qwen at gpu:8000"),
            (all, StatusKind::Normal, "scripted"),
            (ill, StatusKind::Warning, "gpu:8000 is not running; scripted answers"),
        ] {
            let expected = Status { kind, busy: false, message: message.into() };
            assert_eq!(status(&ready, Some(&remote), 0), expected);
        }
    }

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
            assert_eq!(status(&model, None, actions), expected);
        }
    }
}

//! What the person decides about a change: to apply or discard one that was shown first, or to take one back.
//!
//! Each is applied like any other, against the texts as they are then. Does *not* ask a model.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::assist::act::{FileChange, Proposal};
use crate::edit::guard::{Guard, Refusal};
use crate::lsp::action::apply::{self, NotApplied, OnLanded};
use crate::lsp::action::arguments::Arguments;
use crate::lsp::action::reply::{self, Kind, Reply};
use crate::lsp::action::run::on_landed;
use crate::lsp::ext;
use crate::lsp::session::{Session, lock};

/// `codesage.applyPreview`: the one of this id, or the newest.
pub async fn apply_preview(session: &Arc<Session>, arguments: Arguments) -> Value {
    let Some((id, proposal)) = session.assistant.take_preview(id(&arguments)) else {
        return told(session, Reply::refused("", no_preview()));
    };
    // It waits on until its text is seen.
    session.assistant.keep_preview(&id, proposal.clone());
    let outcome = brought(session, &proposal, on_landed(&id)).await;
    told(session, of(&id, "Applied", &proposal, outcome))
}

/// `codesage.discardPreview`, likewise.
pub fn discard_preview(session: &Session, arguments: &Arguments) -> Value {
    let Some((id, proposal)) = session.assistant.take_preview(id(arguments)) else {
        return told(session, Reply::refused("", no_preview()));
    };
    lock(&session.actions.previews).take(&id);
    session.assistant.discarded(&id);
    let message = Some(format!("Discarded: {}.", proposal.label));
    Reply { message, ..Reply::new(&id, Kind::Cancelled) }.with_files(&proposal).to_json()
}

/// `codesage.undo`: the edit of this id, or the last one. All of its files, or none.
pub async fn undo(session: &Arc<Session>, arguments: Arguments) -> Value {
    // By itself, for what was taken from the list must not be lost with the request.
    let owned = session.clone();
    let undoing = tokio::spawn(async move { take_back(&owned, arguments).await });
    match undoing.await {
        Ok(reply) => told(session, reply),
        Err(failed) => {
            tracing::error!("an edit could not be taken back: {failed}");
            Value::Null
        }
    }
}

async fn take_back(session: &Arc<Session>, arguments: Arguments) -> Reply {
    let asked = session.clone();
    let taking = tokio::task::spawn_blocking(move || {
        let now = |uri: &_| match asked.assistant.snapshot(uri) {
            Some(document) => Some(document.rope().to_string()),
            None => apply::text_of_file(uri),
        };
        asked.assistant.take_back(id(&arguments), now)
    });
    let nothing = || Refusal::new(Guard::Empty, "The edit could not be looked up; the log says why.");
    let (id, proposal) = match taking.await.unwrap_or_else(|_| Err(nothing())) {
        Ok(taken) => taken,
        Err(refusal) => return Reply::refused("", refusal),
    };
    let outcome = brought(session, &proposal, Box::new(|_, _| {})).await;
    match outcome {
        Ok(_) => session.assistant.undone(&id),
        Err(_) => _ = session.assistant.keep_applied(&id, turned(&proposal)),
    }
    of(&id, "Taken back", &proposal, outcome)
}

/// `codesage.review` with `{ "clear": true }`: the findings of one document, or all.
pub fn clear_findings(session: &Session, arguments: &Arguments) -> Value {
    let cleared = lock(&session.actions.findings).clear(arguments.uri.as_ref());
    for uri in &cleared {
        session.outbox.notify::<ext::PublishDiagnostics>(super::review::nothing(uri));
    }
    let message = Some(format!("Findings cleared in {} documents.", cleared.len()));
    Reply { message, ..Reply::new("", Kind::Answer) }.to_json()
}

/// `codesage.cancel`: the action of this name, or all.
pub fn cancel(session: &Session, arguments: &Arguments) -> Value {
    json!({ "cancelled": session.actions.running.cancel(id(arguments)) })
}

async fn brought(
    session: &Arc<Session>,
    proposal: &Proposal,
    landed: OnLanded,
) -> Result<String, NotApplied> {
    if !session.flags.applies_edits {
        let sentence = "This editor takes no edits from a server.".into();
        return Err(NotApplied { guard: None, sentence });
    }
    let Some(first) = proposal.files.first() else {
        return Err(Refusal::new(Guard::Empty, "It changes nothing.").into());
    };
    let run = Arc::new(session.actions.running.begin(first.uri.clone(), true));
    tokio::select! {
        biased;
        () = run.cancelled() => {
            return Err(NotApplied { guard: None, sentence: "Cancelled; nothing was changed.".into() });
        }
        () = run.turn() => {}
    }
    apply::apply(session, run, proposal.clone(), landed).await
}

fn of(id: &str, what: &str, proposal: &Proposal, outcome: Result<String, NotApplied>) -> Reply {
    match outcome {
        Ok(said) => {
            let message = reply::summary(if said == "Applied" { what } else { &said }, proposal, &[]);
            Reply { message: Some(message), ..Reply::new(id, Kind::Applied) }.with_files(proposal)
        }
        Err(why) => Reply::not_applied(id, why),
    }
}

/// A refusal is said, for most editors drop what a command returns.
fn told(session: &Session, reply: Reply) -> Value {
    if reply.outcome == Kind::Refused {
        session.outbox.warn(&reply.farewell());
    }
    reply.to_json()
}

fn id(arguments: &Arguments) -> Option<&str> {
    arguments.id.as_deref().or(arguments.word.as_deref())
}

fn no_preview() -> Refusal {
    Refusal::new(Guard::Empty, "There is no such preview; it was applied, discarded, or is too old.")
}

/// The edit that a proposal takes back.
fn turned(undo: &Proposal) -> Proposal {
    let turn = |file: &FileChange| FileChange {
        before: Some(file.after.clone()),
        after: file.before.clone().unwrap_or_default(),
        ..file.clone()
    };
    let label = undo.label.strip_prefix("Undo: ").unwrap_or(&undo.label).to_owned();
    Proposal { label, files: undo.files.iter().map(turn).collect() }
}

#[cfg(test)]
mod tests {
    use tower_lsp::lsp_types::Url;

    use super::*;

    #[test]
    fn an_undo_turned_round_is_the_edit() {
        let file = |before: &str, after: &str| FileChange {
            uri: Url::parse("file:///a").expect("a URL"),
            path: "a".into(),
            version: Some(1),
            before: Some(before.into()),
            after: after.into(),
        };
        let edit = Proposal { label: "Fix".into(), files: vec![file("x", "y")] };
        let undo = Proposal { label: "Undo: Fix".into(), files: vec![file("y", "x")] };
        assert_eq!(turned(&undo), edit);
    }
}

//! What the person decides about a change: to apply or discard one that was shown first, or to take one back.
//!
//! Each is applied like any other, against the texts as they are then. Does *not* ask a model.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::assist::act::Proposal;
use crate::edit::guard::{Guard, Refusal};
use crate::lsp::action::apply::{self, Edit, NotApplied, OnLanded};
use crate::lsp::action::arguments::Arguments;
use crate::lsp::action::deliver::on_landed;
use crate::lsp::action::reply::{self, Kind, Reply};
use crate::lsp::action::tell;
use crate::lsp::action::workspace_edit::Consent;
use crate::lsp::session::Session;
use crate::lsp::{code_lens, ext};
use crate::threads::{lock, off_the_runtime};

/// `codesage.applyPreview`: the one of this id, or the newest.
pub async fn apply_preview(session: &Arc<Session>, arguments: Arguments) -> Value {
    let Some((id, proposal)) = session.assistant.take_preview(id(&arguments)) else {
        return told(session, no_preview(&arguments));
    };
    // It waits on until its text is seen.
    session.assistant.keep_preview(&id, proposal.clone());
    let outcome = brought(session, &id, &proposal, on_landed(&id)).await;
    code_lens::refresh(session);
    told(session, of(&id, "Applied", &proposal, outcome))
}

/// `codesage.discardPreview`, likewise.
pub fn discard_preview(session: &Session, arguments: &Arguments) -> Value {
    let Some((id, proposal)) = session.assistant.take_preview(id(arguments)) else {
        return told(session, no_preview(arguments));
    };
    if session.actions.running.has(&id) {
        session.assistant.keep_preview(&id, proposal);
        let sentence = "It is being applied; `codesage.undo` takes it back when it is there.";
        return told(session, Reply::refused(&id, Refusal::new(Guard::Stale, sentence)));
    }
    lock(&session.actions.previews).take(&id);
    session.assistant.discarded(&id);
    code_lens::refresh(session);
    let message = Some(format!("Discarded: {}.", proposal.label));
    Reply { message, ..Reply::new(&id, Kind::Cancelled) }.with_files(&proposal).to_json()
}

/// `codesage.undo`: the edit of this id, or the last one. All of its files, or none. It is kept until it is seen to be
/// taken back.
pub async fn undo(session: &Arc<Session>, arguments: Arguments) -> Value {
    let (asked, wanted) = (session.clone(), id(&arguments).map(str::to_owned));
    let looking = off_the_runtime(move || {
        let now = |uri: &_| match asked.assistant.snapshot(uri) {
            Some(document) => Some(document.rope().to_string()),
            None => apply::text_of_file(uri),
        };
        asked.assistant.undo_of(wanted.as_deref(), now)
    });
    let found = looking.await.unwrap_or_else(|broken| Err(broken.into()));
    let (id, proposal) = match found {
        Ok(found) => found,
        Err(refusal) => return told(session, Reply::refused(id(&arguments).unwrap_or_default(), refusal)),
    };
    let undone = id.clone();
    let landed: OnLanded = Box::new(move |session, taken| session.assistant.undone(&undone, &taken));
    let outcome = brought(session, &id, &proposal, landed).await;
    told(session, of(&id, "Taken back", &proposal, outcome))
}

/// `codesage.review` with `{ "clear": true }`: the findings of one document, or all.
pub fn clear_findings(session: &Session, arguments: &Arguments) -> Value {
    let cleared = lock(&session.actions.findings).clear(arguments.uri.as_ref());
    let message = Some(format!("Findings cleared in {} documents.", cleared.len()));
    for (_, left) in cleared {
        session.outbox.notify::<ext::PublishDiagnostics>(left);
    }
    Reply { message, ..Reply::new("", Kind::Answer) }.to_json()
}

/// `codesage.cancel`: the action of this id, or all.
pub fn cancel(session: &Session, arguments: &Arguments) -> Value {
    json!({ "cancelled": session.actions.running.cancel(id(arguments)) })
}

/// Applies what the person has decided: nobody asks them again.
async fn brought(
    session: &Arc<Session>,
    id: &str,
    proposal: &Proposal,
    landed: OnLanded,
) -> Result<String, NotApplied> {
    if !session.flags.applies_edits {
        return Err(NotApplied::by_editor("This editor takes no edits from a server.".into()));
    }
    let Some(first) = proposal.files.first() else {
        return Err(Refusal::new(Guard::Empty, "It changes nothing.").into());
    };
    let run = Arc::new(session.actions.running.begin(id, first.uri.clone(), true));
    let edit = Edit { proposal: proposal.clone(), consent: Consent::Given, landed };
    apply::apply(session, run, edit).await
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

fn told(session: &Session, reply: Reply) -> Value {
    let now = lock(&session.failures).mark();
    tell::refusal(session, &reply, now);
    reply.to_json()
}

fn id(arguments: &Arguments) -> Option<&str> {
    arguments.id.as_deref().or(arguments.word.as_deref())
}

fn no_preview(arguments: &Arguments) -> Reply {
    let sentence = "There is no such preview; it was applied, discarded, or is too old.";
    Reply::refused(id(arguments).unwrap_or_default(), Refusal::new(Guard::Empty, sentence))
}

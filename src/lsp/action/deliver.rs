//! What an action has made, brought to the person: applied, shown first, or told.
//!
//! A cancel that comes now ends the waiting and not the truth: an answer that is there is returned, and an edit that
//! was sent is said to have been sent. Does *not* decide what is made.

use std::sync::Arc;

use tower_lsp::lsp_types::Url;

use crate::assist::act::{Acted, Outcome, Proposal};
use crate::edit::Action;
use crate::edit::guard::Guard;
use crate::lsp::action::apply::{self, Edit, OnLanded};
use crate::lsp::action::reply::{self, Kind, Reply};
use crate::lsp::action::run::Done;
use crate::lsp::action::running::Run;
use crate::lsp::action::tell;
use crate::lsp::action::workspace_edit::Consent;
use crate::lsp::session::Session;
use crate::lsp::{code_lens, ext};
use crate::threads::lock;

/// The reply that says what came of it.
pub async fn deliver(session: &Arc<Session>, run: &Arc<Run>, action: Action, done: Done) -> Reply {
    let Done { acted, uri, text } = done;
    let flags = &session.flags;
    let reply = match &acted.outcome {
        Outcome::Apply(proposal) if flags.applies_edits => {
            applied(session, run, &acted, proposal, Consent::Given).await
        }
        // What is in no doubt and only to be seen first, the client shows by itself where it can.
        Outcome::Preview(proposal, Guard::Confirm, _) if flags.applies_edits && flags.confirms_changes => {
            applied(session, run, &acted, proposal, Consent::Asked).await
        }
        Outcome::Apply(proposal) => diff(session, run, action, &acted, proposal).await,
        Outcome::Preview(proposal, guard, why) => {
            let reply = preview(session, run, &acted.id, proposal, why).await;
            Reply { guard: Some(guard.code()), ..reply }
        }
        Outcome::Answer(markdown) => {
            if action == Action::Review {
                publish(session, &uri, &text, &acted);
            }
            show(session, run, &file_name(action, &acted.id), markdown).await;
            Reply { markdown: Some(markdown.clone()), ..Reply::new(&acted.id, Kind::Answer) }
        }
        Outcome::Refused(refusal) => Reply::refused(&acted.id, refusal.clone()),
        Outcome::Cancelled => Reply::cancelled(&acted.id),
    };
    reply.with_stats(&acted)
}

async fn applied(
    session: &Arc<Session>,
    run: &Arc<Run>,
    acted: &Acted,
    proposal: &Proposal,
    consent: Consent,
) -> Reply {
    // Until the text is seen it can be applied again: a model's minute is not lost to an editor's no.
    keep(session, run, &acted.id, proposal);
    let edit = Edit { proposal: proposal.clone(), consent, landed: on_landed(&acted.id) };
    match apply::apply(session, run.clone(), edit).await {
        Ok(what) => {
            let message = reply::summary(&what, proposal, &acted.repairs);
            Reply { message: Some(message), ..Reply::new(&acted.id, Kind::Applied) }.with_files(proposal)
        }
        Err(why) => {
            // One that was to be seen first is in the journal as that, and one that was made in part as made.
            if consent == Consent::Given && lock(&session.actions.previews).has(&acted.id) {
                session.assistant.waits(&acted.id);
            }
            code_lens::refresh(session);
            Reply::not_applied(&acted.id, why)
        }
    }
}

/// What is applied can be taken back, and waits no more.
pub fn on_landed(id: &str) -> OnLanded {
    let id = id.to_owned();
    Box::new(move |session, proposal| {
        lock(&session.actions.previews).take(&id);
        session.assistant.take_preview(Some(&id));
        session.assistant.landed(&id, proposal);
    })
}

/// For an editor that takes no edits.
async fn diff(
    session: &Arc<Session>,
    run: &Run,
    action: Action,
    acted: &Acted,
    proposal: &Proposal,
) -> Reply {
    let why = "This editor takes no edits from a server; here is what would change.";
    let markdown = reply::markdown(&proposal.label, why, proposal, "");
    show(session, run, &file_name(action, &acted.id), &markdown).await;
    let reply = Reply::new(&acted.id, Kind::Answer).with_files(proposal);
    Reply { markdown: Some(markdown), message: Some(why.into()), ..reply }
}

async fn preview(session: &Arc<Session>, run: &Run, id: &str, proposal: &Proposal, why: &str) -> Reply {
    keep(session, run, id, proposal);
    code_lens::refresh(session);
    let how = match session.flags.applies_edits {
        true => "Not applied yet: “Apply preview” in the menu of code actions, or `codesage.applyPreview`.",
        false => "",
    };
    let markdown = reply::markdown(&proposal.label, why, proposal, how);
    show(session, run, &format!("preview-{id}"), &markdown).await;
    let reply = Reply::new(id, Kind::Preview).with_files(proposal);
    Reply { markdown: Some(markdown), message: Some(why.to_owned()), ..reply }
}

/// Waits for the person's word.
fn keep(session: &Session, run: &Run, id: &str, proposal: &Proposal) {
    lock(&session.actions.previews).put(id, run.uri.clone(), proposal);
    session.assistant.keep_preview(id, proposal.clone());
}

async fn show(session: &Arc<Session>, run: &Run, name: &str, markdown: &str) {
    tokio::select! {
        biased;
        () = run.cancelled() => {}
        () = tell::show(session, name, markdown) => {}
    }
}

fn publish(session: &Session, uri: &Url, text: &ropey::Rope, acted: &Acted) {
    // One that was closed meanwhile has nowhere to show them.
    let Some(now) = session.assistant.snapshot(uri) else { return };
    let found = acted.findings.clone();
    let shown = lock(&session.actions.findings).replace(uri, text, found, now.rope(), session.flags.columns);
    session.outbox.notify::<ext::PublishDiagnostics>(shown);
}

fn file_name(action: Action, id: &str) -> String {
    format!("{}-{id}", action.name())
}

//! One action of the person, from what the command was told to its one reply.
//!
//! What is asked for, and the text it is asked of, are fixed before the first await. Dropping the future stops the
//! model; so do `codesage.cancel`, the progress and closing the document. Until the edit is sent, nothing has changed.

use std::sync::Arc;

use serde_json::Value;
use tower_lsp::jsonrpc::Error;
use tower_lsp::lsp_types::NumberOrString;

use crate::assist::act::{Acted, Job, Outcome, Proposal};
use crate::assist::recipes::Recipe;
use crate::edit::guard::{Guard, Refusal};
use crate::edit::{Action, Yield};
use crate::lsp::action::apply::{self, OnLanded};
use crate::lsp::action::arguments::Arguments;
use crate::lsp::action::reply::{self, Kind, Reply};
use crate::lsp::action::running::Run;
use crate::lsp::action::tell::{self, Stream, Teller};
use crate::lsp::client::Begin;
use crate::lsp::convert;
use crate::lsp::ext::{self, StreamKind};
use crate::lsp::session::{Session, lock};

/// `codesage.run`: the action is an argument, or the word that stands for the whole.
pub async fn named(
    session: &Arc<Session>,
    mut arguments: Arguments,
    token: Option<NumberOrString>,
) -> Result<Value, Error> {
    let word = arguments.word.take_if(|_| arguments.action.is_none());
    let action = arguments.action.or_else(|| super::arguments::action(&word?));
    let Some(action) = action else {
        return Err(Error::invalid_params(
            "`codesage.run` takes an `action`: refactor, explain, unitTest, document, fix, review, edit or custom",
        ));
    };
    Ok(run(session, action, arguments, token).await)
}

/// Runs one action; its reply.
pub async fn run(
    session: &Arc<Session>,
    action: Action,
    arguments: Arguments,
    token: Option<NumberOrString>,
) -> Value {
    let name = (action == Action::Custom).then(|| arguments.name.clone().or_else(|| arguments.word.clone()));
    let job = job(session, action, arguments);
    let job = match (job, name) {
        (Ok(job), Some(name)) => own(session, name).await.map(|recipe| Job { recipe: Some(recipe), ..job }),
        (job, _) => job,
    };
    let job = match job {
        Ok(job) => job,
        Err(refusal) => {
            let reply = Reply::refused("", refusal);
            session.outbox.warn(&reply.farewell());
            return reply.to_json();
        }
    };
    let edits = job.brings() != Yield::Prose;
    let run = Arc::new(session.actions.running.begin(job.uri.clone(), edits));
    let teller = (token.is_some() || session.flags.work_done_progress).then(|| {
        let (running, name) = (session.actions.running.clone(), run.name());
        let cancel = Box::new(move || _ = running.cancel(Some(&name)));
        Teller::begin(
            session.outbox.clone(),
            Begin { title: title(action).into(), token, percentage: None },
            cancel,
        )
    });
    let reply = tokio::select! {
        biased;
        () = run.cancelled() => Reply::cancelled(&run.name()),
        acted = act(session, &run, job, edits, teller.as_ref()) => deliver(session, &run, action, acted).await,
    };
    if let Some(teller) = teller {
        teller.end(reply.farewell()).await;
    }
    if reply.outcome == Kind::Refused {
        session.outbox.warn(&reply.farewell());
    }
    session.outbox.flush().await;
    reply.to_json()
}

/// The document that a job was of, besides what the model made of it.
struct Done {
    acted: Acted,
    uri: tower_lsp::lsp_types::Url,
    text: ropey::Rope,
}

async fn act(session: &Arc<Session>, run: &Run, job: Job, edits: bool, teller: Option<&Teller>) -> Done {
    run.turn().await;
    let kind = if edits { StreamKind::Edit } else { StreamKind::Text };
    let mut stream = Stream::new(session, run.name(), kind);
    let (uri, text) = (job.uri.clone(), job.document.rope().clone());
    let report = |progress| {
        stream.take(&progress);
        if let Some(teller) = teller {
            teller.say(tell::line(&progress));
        }
    };
    let acted = session.assistant.act(job, report).await;
    Done { acted, uri, text }
}

/// Brings what came of it to the person.
async fn deliver(session: &Arc<Session>, run: &Arc<Run>, action: Action, done: Done) -> Reply {
    let Done { acted, uri, text } = done;
    let reply = match &acted.outcome {
        Outcome::Apply(proposal) if session.flags.applies_edits => {
            applied(session, run, &acted, proposal).await
        }
        Outcome::Apply(proposal) => {
            let why = "This editor takes no edits from a server; here is what would change.";
            let markdown = reply::markdown(&proposal.label, why, proposal);
            tell::show(session, &file_name(action, &acted.id), &markdown).await;
            Reply {
                markdown: Some(markdown),
                message: Some(why.into()),
                ..Reply::new(&acted.id, Kind::Answer)
            }
            .with_files(proposal)
        }
        Outcome::Preview(proposal, guard, why) => {
            let reply = preview(session, &acted.id, proposal, why).await;
            Reply { guard: Some(guard.code()), ..reply }
        }
        Outcome::Answer(markdown) => {
            if action == Action::Review {
                publish(session, &uri, &text, &acted);
            }
            tell::show(session, &file_name(action, &acted.id), markdown).await;
            Reply { markdown: Some(markdown.clone()), ..Reply::new(&acted.id, Kind::Answer) }
        }
        Outcome::Refused(refusal) => Reply::refused(&acted.id, refusal.clone()),
        Outcome::Cancelled => Reply::cancelled(&acted.id),
    };
    reply.with_stats(&acted)
}

async fn applied(session: &Arc<Session>, run: &Arc<Run>, acted: &Acted, proposal: &Proposal) -> Reply {
    // Until the text is seen it can be applied again: a model's minute is not lost to an editor's no.
    lock(&session.actions.previews).put(&acted.id, proposal);
    session.assistant.keep_preview(&acted.id, proposal.clone());
    let landed = on_landed(&acted.id);
    match apply::apply(session, run.clone(), proposal.clone(), landed).await {
        Ok(what) => {
            let message = reply::summary(&what, proposal, &acted.repairs);
            Reply { message: Some(message), ..Reply::new(&acted.id, Kind::Applied) }.with_files(proposal)
        }
        Err(why) => {
            session.assistant.waits(&acted.id);
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

async fn preview(session: &Session, id: &str, proposal: &Proposal, why: &str) -> Reply {
    lock(&session.actions.previews).put(id, proposal);
    session.assistant.keep_preview(id, proposal.clone());
    let how = match session.flags.applies_edits {
        true => format!(
            "{why}\n\nNothing is changed yet: `codesage.applyPreview`, or “Apply preview” in the menu of code actions, applies it."
        ),
        false => why.to_owned(),
    };
    let markdown = reply::markdown(&proposal.label, &how, proposal);
    tell::show(session, &format!("preview-{id}"), &markdown).await;
    Reply { markdown: Some(markdown), message: Some(why.to_owned()), ..Reply::new(id, Kind::Preview) }
        .with_files(proposal)
}

fn publish(session: &Session, uri: &tower_lsp::lsp_types::Url, text: &ropey::Rope, acted: &Acted) {
    // One that was closed meanwhile has nowhere to show them.
    let Some(now) = session.assistant.snapshot(uri) else { return };
    let found = acted.findings.clone();
    let shown = lock(&session.actions.findings).replace(uri, text, found, now.rope(), session.flags.columns);
    session.outbox.notify::<ext::PublishDiagnostics>(shown);
}

/// Everything that is fixed on arrival.
fn job(session: &Session, action: Action, arguments: Arguments) -> Result<Job, Refusal> {
    let empty = |sentence: String| Refusal::new(Guard::Empty, sentence);
    let (seen_uri, seen_range) = lock(&session.actions.seen).last().unzip();
    let uri = arguments.uri.clone().or(seen_uri.clone());
    let uri = uri.ok_or_else(|| empty("No document is open; open one first.".into()))?;
    let document = session.assistant.snapshot(&uri);
    let document =
        document.ok_or_else(|| empty(format!("{uri} is not open in the editor; open it first.")))?;
    if arguments.range.is_some() && arguments.version.is_some_and(|of| of != i64::from(document.version())) {
        let sentence = "The document was changed since the action was offered; ask again.";
        return Err(Refusal::new(Guard::Stale, sentence));
    }
    let place = |range| convert::bytes(document.rope(), range, session.flags.columns);
    let diagnostic = arguments.diagnostic.as_ref().and_then(|diagnostic| diagnostic.range).map(place);
    let seen = seen_range.flatten().filter(|_| seen_uri.as_ref() == Some(&uri)).map(place);
    let mut selection = match arguments.range.map(place).or_else(|| diagnostic.clone()).or(seen) {
        Some(selection) => selection,
        // Prose is about any text; a change is about a place.
        None if action.brings() == Yield::Prose => 0..document.len(),
        None => {
            let sentence = "The editor did not say where the cursor is; select the code, or name a range.";
            return Err(empty(sentence.into()));
        }
    };
    // The code to be mended is round a diagnostic, not the word that it underlines.
    if let Some(diagnostic) = diagnostic.as_ref().filter(|_| action == Action::Fix) {
        let line = |byte| document.rope().byte_to_line(byte);
        if line(selection.start) >= line(diagnostic.start) && line(selection.end) <= line(diagnostic.end) {
            selection = diagnostic.start..diagnostic.start;
        }
    }
    let detail = detail(action, &arguments)?;
    let (diagnostics, options) = (arguments.diagnostics, arguments.options);
    Ok(Job { uri, document, selection, action, detail, diagnostic, diagnostics, recipe: None, options })
}

/// The words that go with an action.
fn detail(action: Action, arguments: &Arguments) -> Result<String, Refusal> {
    let written = arguments.instruction.as_ref().or(arguments.word.as_ref()).map(|words| words.trim());
    let written = written.filter(|words| !words.is_empty());
    let missing = |sentence: String| Refusal::new(Guard::Empty, sentence);
    match action {
        Action::Edit => written
            .map(str::to_owned)
            .ok_or_else(|| missing("Say what to change: `codesage.edit` takes an `instruction`.".into())),
        Action::Fix => {
            let told = arguments.diagnostic.as_ref().map(|diagnostic| diagnostic.message.as_str());
            told.or(written).map(str::to_owned).ok_or_else(|| {
                missing("There is no diagnostic to fix; choose the fix of one from the code actions.".into())
            })
        }
        // A word that stands alone is the name.
        Action::Custom => Ok(arguments.instruction.clone().unwrap_or_default()),
        _ => Ok(written.unwrap_or_default().to_owned()),
    }
}

/// What the person wrote down as an action of this name. It may be read from its file, so not on the transport task.
async fn own(session: &Arc<Session>, name: Option<String>) -> Result<Arc<Recipe>, Refusal> {
    let empty = |sentence: String| Refusal::new(Guard::Empty, sentence);
    let which = || empty("Which one? `codesage.custom` takes the `name` of an action of your own.".into());
    let name = name.ok_or_else(which)?;
    let (asked, wanted) = (session.clone(), name.clone());
    let found = tokio::task::spawn_blocking(move || {
        let recipe = asked.assistant.recipe(&wanted);
        asked.tell_recipe_problems();
        recipe
    });
    found
        .await
        .ok()
        .flatten()
        .ok_or_else(|| empty(format!("There is no action of your own called `{name}`.")))
}

fn file_name(action: Action, id: &str) -> String {
    format!("{}-{id}", action.name())
}

/// What a progress is called.
fn title(action: Action) -> &'static str {
    match action {
        Action::Refactor => "Refactoring",
        Action::Explain => "Explaining",
        Action::UnitTest => "Writing a unit test",
        Action::Document => "Documenting",
        Action::Fix => "Fixing",
        Action::Review => "Reviewing",
        Action::Edit | Action::Custom => "Editing",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_go_with_an_action() {
        let cases = [
            (Action::Edit, json!([{"instruction": " rename x "}]), Ok("rename x")),
            (Action::Edit, json!(["rename x"]), Ok("rename x")),
            (Action::Edit, json!(["  "]), Err("Say what")),
            (Action::Edit, json!([]), Err("Say what")),
            (Action::Fix, json!([{"diagnostic": {"message": "unused"}, "instruction": "x"}]), Ok("unused")),
            (Action::Fix, json!(["unused"]), Ok("unused")),
            (Action::Fix, json!([]), Err("There is no diagnostic")),
            (Action::Custom, json!([{"name": "mine", "instruction": "briefly"}]), Ok("briefly")),
            (Action::Custom, json!(["mine"]), Ok("")),
            (Action::Refactor, json!([]), Ok("")),
            (Action::Explain, json!([{"instruction": "briefly"}]), Ok("briefly")),
        ];
        for (action, values, expected) in cases {
            let arguments = Arguments::read(values.as_array().expect("a list"));
            match (detail(action, &arguments), expected) {
                (Ok(words), Ok(expected)) => assert_eq!(words, expected, "{action:?} {values}"),
                (Err(refusal), Err(beginning)) => {
                    assert!(refusal.sentence.starts_with(beginning), "{action:?} {values}: {refusal}");
                }
                (found, _) => panic!("{action:?} {values}: {found:?}"),
            }
        }
    }
}

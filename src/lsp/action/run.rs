//! One action of the person, from what the command was told to its one reply.
//!
//! What is asked for, and the text it is asked of, are fixed before the first await. Dropping the future stops the
//! model; so do `codesage.cancel`, the progress and closing the document. Its progress ends before it is answered.

use std::sync::Arc;

use serde_json::Value;
use tower_lsp::jsonrpc::Error;
use tower_lsp::lsp_types::NumberOrString;

use crate::assist::act::{Acted, Job, Progress as Told};
use crate::edit::guard::Refusal;
use crate::edit::{Action, Yield};
use crate::lsp::action::arguments::{self, Arguments};
use crate::lsp::action::reply::Reply;
use crate::lsp::action::running::Run;
use crate::lsp::action::tell::{self, Stream};
use crate::lsp::action::{asked, deliver};
use crate::lsp::ext::StreamKind;
use crate::lsp::progress::{Begin, Progress};
use crate::lsp::session::Session;
use crate::threads::lock;

/// `codesage.run`: the action is an argument, or the word that stands for the whole.
pub async fn named(
    session: &Arc<Session>,
    mut arguments: Arguments,
    token: Option<NumberOrString>,
) -> Result<Value, Error> {
    let word = arguments.word.take_if(|_| arguments.action.is_none());
    let action = arguments.action.or_else(|| arguments::action(&word?));
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
    let (id, since) = (session.assistant.new_action_id(), lock(&session.failures).mark());
    let name = arguments.name.clone().or_else(|| arguments.word.clone());
    let reply = match asked::job(session, action, arguments) {
        Ok(job) => perform(session, &id, job, name, token).await,
        Err(refusal) => Reply::refused(&id, refusal),
    };
    tell::refusal(session, &reply, since);
    reply.to_json()
}

/// Does a job in its turn. `name` is that of an action which the person wrote down.
async fn perform(
    session: &Arc<Session>,
    id: &str,
    job: Job,
    name: Option<String>,
    token: Option<NumberOrString>,
) -> Reply {
    // One that the person wrote down may edit; it is known when it is read.
    let may_edit = job.action == Action::Custom || job.brings() != Yield::Prose;
    let run = Arc::new(session.actions.running.begin(id, job.uri.clone(), may_edit));
    let progress = progress(session, id, job.action, token);
    let action = job.action;
    let done = tokio::select! {
        biased;
        () = run.cancelled() => None,
        done = act(session, id, &run, job, name, progress.as_ref()) => Some(done),
    };
    let reply = match done {
        None => Reply::cancelled(id),
        Some(Err(refusal)) => Reply::refused(id, refusal),
        // It hears a cancel by itself: by now something is there that may not be called nothing.
        Some(Ok(done)) => deliver::deliver(session, &run, action, done).await,
    };
    if let Some(progress) = progress {
        progress.end(reply.farewell());
    }
    reply
}

/// What the person sees of it beside, and may cancel it by, from the first moment on.
fn progress(session: &Session, id: &str, action: Action, given: Option<NumberOrString>) -> Option<Progress> {
    let (running, id) = (session.actions.running.clone(), id.to_owned());
    let cancel = Box::new(move || _ = running.cancel(Some(&id)));
    let title = match server(session) {
        Some(server) => format!("{} by {server}", title(action)).into(),
        None => title(action).into(),
    };
    let begin = Begin { title, given, creates: session.flags.work_done_progress, percentage: None };
    session.outbox.begin_progress(begin, cancel)
}

/// What the model made of a job, and the document that the job was of.
pub struct Done {
    pub acted: Acted,
    pub uri: tower_lsp::lsp_types::Url,
    pub text: ropey::Rope,
}

async fn act(
    session: &Arc<Session>,
    id: &str,
    run: &Run,
    mut job: Job,
    name: Option<String>,
    progress: Option<&Progress>,
) -> Result<Done, Refusal> {
    if job.action == Action::Custom {
        job.recipe = Some(asked::own(session, name).await?);
    }
    let edits = job.brings() != Yield::Prose;
    if !edits {
        run.edits_nothing();
    }
    let say = |line: String| {
        if let Some(progress) = progress {
            progress.say(line);
        }
    };
    if !run.has_turn() {
        say("waiting for another edit of this document".into());
        run.turn().await;
    }
    let kind = if edits { StreamKind::Edit } else { StreamKind::Text };
    let mut stream = Stream::new(session, id, kind);
    let (uri, text) = (job.uri.clone(), job.document.rope().clone());
    let (promised, mut prefix) = (server(session), String::new());
    let report = |told| {
        stream.take(&told);
        match &told {
            // The title says it already, unless another one answers.
            Told::By(name) if promised.is_none() || promised.as_ref() == Some(name) => {}
            Told::By(name) => prefix = format!("{name}: "),
            told => say(format!("{prefix}{}", tell::line(told))),
        }
    };
    let acted = session.assistant.act_as(id.to_owned(), job, report).await;
    Ok(Done { acted, uri, text })
}

/// Who edits, where that is a server that the person named and not this machine.
fn server(session: &Session) -> Option<String> {
    let stats = session.assistant.backend().remote()?;
    let stats = stats.borrow();
    stats.is_well().then(|| stats.name())
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

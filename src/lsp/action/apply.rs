//! One change, brought into the editor: checked against the texts as they are now, sent as one edit, and looked for.
//!
//! It runs by itself from the moment it is sent, whatever becomes of the request: an edit that is on its way cannot be
//! called back, and must be known if it is to be taken back later. What the editor answers is half the truth; what
//! the document then holds is the other. Does *not* decide what is changed.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tower_lsp::lsp_types::Url;

use crate::assist::act::Proposal;
use crate::edit::guard::{Guard, Refusal};
use crate::lsp::action::landing::Expected;
use crate::lsp::action::running::Run;
use crate::lsp::action::workspace_edit::{self, Change};
use crate::lsp::ext;
use crate::lsp::session::Session;

/// How long a client may take to answer an edit. eglot asks the person before it edits a file that is not open.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Where the person is asked to confirm.
const CONFIRM_WITHIN: Duration = Duration::from_secs(300);

/// How long the text may take after the answer: Neovim up to 150 ms, eglot 0.5 s, vim-lsp seconds (measured).
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// A text that comes later than that can still be taken back.
const SEEN_LATE: Duration = Duration::from_secs(60);

/// Why nothing was changed, as far as we know.
#[derive(Debug)]
pub struct NotApplied {
    /// None: it was the editor.
    pub guard: Option<Guard>,
    pub sentence: String,
}

impl From<Refusal> for NotApplied {
    fn from(refusal: Refusal) -> Self {
        Self { guard: Some(refusal.guard), sentence: refusal.sentence }
    }
}

/// Called once with what the files hold now, when it is known that they hold it.
pub type OnLanded = Box<dyn FnOnce(&Session, Proposal) + Send>;

/// Applies a proposal; a sentence that says what came of it. `run` is kept until then, so that no other edit of the
/// document comes in between.
pub async fn apply(
    session: &Arc<Session>,
    run: Arc<Run>,
    proposal: Proposal,
    landed: OnLanded,
) -> Result<String, NotApplied> {
    let session = session.clone();
    let applying = tokio::spawn(async move {
        let outcome = send(&session, proposal, landed).await;
        drop(run);
        outcome
    });
    applying.await.unwrap_or_else(|failed| {
        tracing::error!("an edit could not be applied: {failed}");
        Err(NotApplied { guard: None, sentence: "The edit failed within CodeSage; the log says how.".into() })
    })
}

async fn send(
    session: &Arc<Session>,
    mut proposal: Proposal,
    landed: OnLanded,
) -> Result<String, NotApplied> {
    let changes = current(session, &proposal).await?;
    if changes.iter().all(|change| change.before.as_ref() == Some(&change.after)) {
        return Ok("Nothing had to be changed".into());
    }
    let parameters = workspace_edit::parameters(&proposal.label, &changes, &session.flags);
    let mut expected: Vec<(usize, Expected)> = Vec::new();
    let looked_for =
        |change: &Change| change.version.is_some() && change.before.as_ref() != Some(&change.after);
    for (at, change) in changes.iter().enumerate().filter(|(_, change)| looked_for(change)) {
        expected.push((at, session.actions.landings.expect(change.uri.clone(), change.after.clone())));
    }
    let is_confirmed = session.flags.confirms_changes && changes.len() > 1;
    let within = if is_confirmed { CONFIRM_WITHIN } else { ANSWER_WITHIN };
    let outbox = session.outbox.clone();
    let mut answer = tokio::spawn(async move { outbox.ask::<ext::ApplyEdit>(parameters).await });

    let answered = tokio::select! {
        biased;
        // The text tells more than any answer.
        () = seen(&mut expected, &mut proposal) => None,
        answered = tokio::time::timeout(within, &mut answer) => Some(answered.map(|answer| answer.ok().flatten())),
    };
    let refused =
        |why: &str| NotApplied { guard: None, sentence: format!("The editor did not apply the edit{why}.") };
    let answer = match answered {
        None => {
            landed(session, proposal);
            return Ok("Applied".into());
        }
        Some(Err(_too_late)) => {
            return Err(refused(&format!(": it gave no answer in {} s", within.as_secs())));
        }
        Some(Ok(None)) => return Err(refused(": it answered with an error")),
        Some(Ok(Some(answer))) => answer,
    };
    if answer.get("applied").and_then(serde_json::Value::as_bool) == Some(false) {
        let reason = answer.get("failureReason").and_then(serde_json::Value::as_str).unwrap_or_default();
        let why =
            if reason.is_empty() { String::new() } else { format!(": {}", reason.trim_end_matches('.')) };
        return Err(refused(&why));
    }
    if expected.is_empty() {
        landed(session, proposal);
        return Ok(
            "The editor says that it applied the edit; the file is not open here, so it was not looked at"
                .into(),
        );
    }
    if tokio::time::timeout(SEEN_WITHIN, seen(&mut expected, &mut proposal)).await.is_ok() {
        let all = expected.len() == changes.len();
        landed(session, proposal);
        let rest = "Applied; files that are not open here were not looked at";
        return Ok(if all { "Applied" } else { rest }.into());
    }
    let late = Arc::downgrade(session);
    tokio::spawn(async move {
        let is_there = tokio::time::timeout(SEEN_LATE, seen(&mut expected, &mut proposal)).await.is_ok();
        if let Some(session) = late.upgrade().filter(|_| is_there) {
            landed(&session, proposal);
        }
    });
    let within = SEEN_WITHIN.as_secs();
    Err(refused(&format!(
        ": it says that it did, but the text was not there within {within} s. Look before you ask again"
    )))
}

/// Completes when all texts were seen, and puts them into the proposal as they came.
async fn seen(expected: &mut [(usize, Expected)], proposal: &mut Proposal) {
    if expected.is_empty() {
        std::future::pending::<()>().await;
    }
    for (at, expected) in expected {
        let text = expected.seen().await;
        if let Some(file) = proposal.files.get_mut(*at) {
            file.after = text;
        }
    }
}

/// The proposal against the texts as they are: each must be what the proposal was made of.
async fn current(session: &Session, proposal: &Proposal) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    for file in &proposal.files {
        let document = session.assistant.snapshot(&file.uri);
        let now = match &document {
            Some(document) => Some(document.rope().to_string()),
            None => on_disk(file.uri.clone()).await,
        };
        // An empty document that is open is as good as a file that is not there.
        let now = if file.before.is_none() { now.filter(|text| !text.is_empty()) } else { now };
        if now != file.before {
            let sentence = match file.before {
                Some(_) => format!("`{}` was changed while the edit was made; ask again.", file.path),
                None => format!("`{}` is there by now; ask again.", file.path),
            };
            return Err(Refusal::new(Guard::Stale, sentence));
        }
        changes.push(Change {
            uri: file.uri.clone(),
            version: document.map(|document| document.version()),
            before: now,
            after: file.after.clone(),
        });
    }
    Ok(changes)
}

/// The text of a file that is not open; none where there is no such file, or no text in it.
async fn on_disk(uri: Url) -> Option<String> {
    let reading = tokio::task::spawn_blocking(move || text_of_file(&uri));
    reading.await.ok()?
}

/// Blocking.
pub fn text_of_file(uri: &Url) -> Option<String> {
    let path = uri.to_file_path().ok()?;
    // A pipe would wait for a writer.
    if fs::metadata(&path).ok()?.is_file() { fs::read_to_string(path).ok() } else { None }
}

//! One change, brought into the editor: checked against the texts as they are now, sent as one edit, and looked for.
//!
//! From the moment it is sent it runs by itself, whatever becomes of the request: an edit that is on its way cannot be
//! called back, and must be known if it is to be taken back later. What the editor answers is half the truth; what the
//! documents then hold is the other (`sent`). Does *not* decide what is changed.

use std::fs;
use std::sync::Arc;

use tower_lsp::lsp_types::Url;

use crate::assist::act::Proposal;
use crate::edit::guard::{Guard, Refusal};
use crate::lsp::action::running::Run;
use crate::lsp::action::sent::Sent;
use crate::lsp::action::workspace_edit::{Change, Consent};
use crate::lsp::session::Session;
use crate::threads::off_the_runtime;

/// A change to be applied.
pub struct Edit {
    pub proposal: Proposal,
    pub consent: Consent,
    pub landed: OnLanded,
}

/// Called with what files hold now, when it is known that they hold it: once with all of them, or with one part after
/// the other.
pub type OnLanded = Box<dyn Fn(&Session, Proposal) + Send>;

/// Why a change is not known to have been made.
#[derive(Debug)]
pub struct NotApplied {
    pub cause: Cause,
    /// For the person.
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Guard(Guard),
    Editor,
    Cancelled,
}

impl From<Refusal> for NotApplied {
    fn from(refusal: Refusal) -> Self {
        Self { cause: Cause::Guard(refusal.guard), sentence: refusal.sentence }
    }
}

impl NotApplied {
    pub fn by_editor(sentence: String) -> Self {
        Self { cause: Cause::Editor, sentence }
    }

    fn cancelled(sentence: &str) -> Self {
        Self { cause: Cause::Cancelled, sentence: sentence.into() }
    }
}

/// Said where nothing was sent.
pub const NOTHING_CHANGED: &str = "Cancelled; nothing was changed.";

const UNDER_WAY: &str = "Cancelled, but the edit had been sent to the editor by then: look whether it was made. \
                         If it was, `codesage.undo` takes it back.";

/// Applies a change when `run` has its turn; a sentence that says what came of it. `run` is kept until that is known,
/// so that no other edit of the document comes in between.
pub async fn apply(session: &Arc<Session>, run: Arc<Run>, edit: Edit) -> Result<String, NotApplied> {
    let Edit { proposal, consent, landed } = edit;
    let ready = async {
        run.turn().await;
        current(session, &proposal).await
    };
    let changes = tokio::select! {
        biased;
        () = run.cancelled() => return Err(NotApplied::cancelled(NOTHING_CHANGED)),
        changes = ready => changes?,
    };
    let files = proposal.files.into_iter().zip(changes);
    let (files, changes): (Vec<_>, Vec<_>) = files.filter(|(_, change)| !change.is_made()).unzip();
    if changes.is_empty() {
        return Ok("Nothing had to be changed".into());
    }
    let sent = Sent::send(session, Proposal { files, ..proposal }, &changes, consent, landed);
    let kept = run.clone();
    let settling = tokio::spawn(async move {
        let outcome = sent.settle().await;
        drop(kept);
        outcome
    });
    let under_way = UnderWay(session);
    tokio::select! {
        biased;
        outcome = settling => {
            std::mem::forget(under_way);
            outcome.unwrap_or_else(|failed| {
                tracing::error!("an edit could not be followed: {failed}");
                Err(NotApplied::by_editor("The edit failed within CodeSage; the log says how.".into()))
            })
        }
        () = run.cancelled() => Err(NotApplied::cancelled(UNDER_WAY)),
    }
}

/// An edit whose outcome is waited for. Who gives that up, by whatever way, is told what is true, for an editor that
/// cancels a request shows nothing of its reply.
struct UnderWay<'a>(&'a Session);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.outbox.warn(UNDER_WAY);
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
                Some(_) => format!("`{}` is not as it was when the edit was made; ask again.", file.path),
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
pub async fn on_disk(uri: Url) -> Option<String> {
    off_the_runtime(move || text_of_file(&uri)).await.ok()?
}

/// Blocking.
pub fn text_of_file(uri: &Url) -> Option<String> {
    let path = uri.to_file_path().ok()?;
    // A pipe would wait for a writer.
    if fs::metadata(&path).ok()?.is_file() { fs::read_to_string(path).ok() } else { None }
}

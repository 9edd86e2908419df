//! An edit that the editor was sent, and what became of it.
//!
//! Neovim skips a stale edit and says that it applied it, vim-lsp applies one anyway, a person may leave one of its files
//! out (all measured or read). So an answer decides how long the texts are waited for, and the texts decide the rest.
//! Who says no is believed at once; the text is looked for all the same, for a while, so that what comes late counts and
//! can be taken back. Does *not* send anything twice.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::assist::act::{FileChange, Proposal};
use crate::lsp::action::apply::{NotApplied, OnLanded, on_disk};
use crate::lsp::action::landing::{Expected, is_same_text};
use crate::lsp::action::workspace_edit::{self, Change, Consent};
use crate::lsp::ext;
use crate::lsp::session::Session;

/// How long a client may take to answer an edit. eglot asks the person before it edits a file that is not open.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Where the person is asked to confirm.
const CONFIRM_WITHIN: Duration = Duration::from_secs(300);

/// How long the text may take after the answer: Neovim up to 150 ms, eglot 0.5 s, vim-lsp seconds (measured);
/// and more where other programs have the processor.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// A text that comes later than that can still be taken back.
const SEEN_LATE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Sent {
    session: Arc<Session>,
    label: String,
    files: Vec<Looked>,
    answer: Pin<Box<dyn Future<Output = Option<Value>> + Send>>,
    /// How long it is waited for.
    within: Duration,
    landed: OnLanded,
}

/// One file, looked for.
struct Looked {
    /// What becomes of it; the text as it came, once it has.
    change: FileChange,
    expected: Expected,
    /// A change of a document that is open is told; one of another file may not be.
    is_open: bool,
    is_seen: bool,
}

/// What the editor says.
enum Answer {
    Yes,
    No(String),
    /// Nothing that means one or the other.
    Unclear,
}

impl Sent {
    /// Sends it, at once. `changes` are those of the proposal's files, against the texts as they are.
    pub fn send(
        session: &Arc<Session>,
        proposal: Proposal,
        changes: &[Change],
        consent: Consent,
        landed: OnLanded,
    ) -> Self {
        let looked = |(change, now): (FileChange, &Change)| Looked {
            expected: session.actions.landings.expect(now.uri.clone(), now.after.clone()),
            is_open: now.version.is_some(),
            is_seen: false,
            change,
        };
        let files = proposal.files.into_iter().zip(changes).map(looked).collect();
        let flags = &session.flags;
        let parameters = workspace_edit::parameters(&proposal.label, changes, flags, consent);
        let is_asked = consent == Consent::Asked && flags.confirms_changes;
        let within = if is_asked { CONFIRM_WITHIN } else { ANSWER_WITHIN };
        let answer = Box::pin(session.outbox.ask::<ext::ApplyEdit>(parameters));
        Self { session: session.clone(), label: proposal.label, files, answer, within, landed }
    }

    /// What became of it, in a sentence.
    pub async fn settle(mut self) -> Result<String, NotApplied> {
        let within = self.within;
        let answered = tokio::select! {
            biased;
            // The texts tell more than any answer.
            () = seen(&mut self.files, |_| true) => return Ok(self.arrived("Applied")),
            answered = tokio::time::timeout(within, &mut self.answer) => answered,
        };
        let answer = match &answered {
            Err(_too_late) => Answer::No(format!("it gave no answer in {} s", within.as_secs())),
            Ok(None) => Answer::No("it answered with an error".into()),
            Ok(Some(answer)) => read(answer),
        };
        let seconds = SEEN_WITHIN.as_secs();
        match answer {
            Answer::No(why) => Err(self.missed(&why)),
            Answer::Yes if self.wait_for(|file| file.is_open).await => {
                self.look_at_the_disk().await;
                let all = self.files.iter().all(|file| file.is_seen);
                let open = self.files.iter().any(|file| file.is_open);
                Ok(self.arrived(match (all, open) {
                    (true, _) => "Applied",
                    (false, true) => "Applied; files that are not open here were not looked at",
                    (false, false) => {
                        "The editor says that it applied the edit; the file is not open here, so it was not looked at"
                    }
                }))
            }
            Answer::Yes => Err(self.missed(&format!(
                "it says that it did, but the text was not there within {seconds} s. Look before you ask again"
            ))),
            Answer::Unclear => {
                if !self.wait_for(|_| true).await {
                    self.look_at_the_disk().await;
                }
                if self.files.iter().all(|file| file.is_seen) {
                    return Ok(self.arrived("Applied"));
                }
                Err(self.missed(&format!(
                    "it gave no answer to it that means anything, and the text was not there within {seconds} s"
                )))
            }
        }
    }

    /// Waits a while for the texts of these files; whether all came.
    async fn wait_for(&mut self, wanted: impl Fn(&Looked) -> bool) -> bool {
        tokio::time::timeout(SEEN_WITHIN, seen(&mut self.files, wanted)).await.is_ok()
    }

    /// A file that is not open may have been written without a word to us.
    async fn look_at_the_disk(&mut self) {
        for file in self.files.iter_mut().filter(|file| !file.is_seen && !file.is_open) {
            let text = on_disk(file.change.uri.clone()).await;
            if let Some(text) = text.filter(|text| is_same_text(text, &file.change.after)) {
                file.saw(text);
            }
        }
    }

    fn arrived(self, what: &str) -> String {
        (self.landed)(&self.session, proposal(&self.label, self.files));
        what.to_owned()
    }

    /// Not all of it is there: what is can be taken back, and the rest may still come.
    fn missed(self, why: &str) -> NotApplied {
        let Self { session, label, mut files, landed, .. } = self;
        for file in &mut files {
            if let Some(text) = file.expected.now() {
                file.saw(text);
            }
        }
        let (there, mut missing): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.is_seen);
        let sentence = if there.is_empty() {
            format!("The editor did not apply the edit: {}.", why.trim_end_matches('.'))
        } else {
            let sentence = format!(
                "The editor made only a part of the edit: only {} was changed, not {}. `codesage.undo` takes back what is changed.",
                names(&there),
                names(&missing)
            );
            landed(&session, proposal(&label, there));
            sentence
        };
        let session = Arc::downgrade(&session);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(SEEN_LATE, seen(&mut missing, |_| true)).await;
            missing.retain(|file| file.is_seen);
            if let Some(session) = session.upgrade().filter(|_| !missing.is_empty()) {
                landed(&session, proposal(&label, missing));
            }
        });
        NotApplied::by_editor(sentence)
    }
}

impl Looked {
    fn saw(&mut self, text: String) {
        self.change.after = text;
        self.is_seen = true;
    }
}

/// Completes when the texts of these files were seen.
async fn seen(files: &mut [Looked], wanted: impl Fn(&Looked) -> bool) {
    for file in files.iter_mut().filter(|file| wanted(file) && !file.is_seen) {
        let text = file.expected.seen().await;
        file.saw(text);
    }
}

fn proposal(label: &str, files: Vec<Looked>) -> Proposal {
    Proposal { label: label.to_owned(), files: files.into_iter().map(|file| file.change).collect() }
}

fn names(files: &[Looked]) -> String {
    let names: Vec<_> = files.iter().map(|file| format!("`{}`", file.change.path)).collect();
    names.join(", ")
}

fn read(answer: &Value) -> Answer {
    match answer.get("applied").and_then(Value::as_bool) {
        Some(true) => Answer::Yes,
        Some(false) => {
            let reason = answer.get("failureReason").and_then(Value::as_str).unwrap_or_default();
            Answer::No(if reason.is_empty() { "it gave no reason".into() } else { reason.to_owned() })
        }
        None => Answer::Unclear,
    }
}

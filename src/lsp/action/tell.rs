//! What the person sees of an action: how far it is, line by line, and what it brought.
//!
//! An explanation goes to the glue that asked for it, else into a document that the editor opens, else into a message
//! (`editors.md` 5.12 of the design); the reply of the command has it in any case. Does *not* know what is asked for.

use std::fs;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_lsp::lsp_types::notification::ShowMessage;
use tower_lsp::lsp_types::{MessageType, ShowMessageParams, Url};

use crate::assist::act::Progress;
use crate::engine::Reading;
use crate::lsp::client::{Begin, Cancel, Outbox, REPORT_EVERY};
use crate::lsp::ext::{self, StreamKind, StreamParams};
use crate::lsp::session::{Session, lock};

/// Characters of a line of the answer in a progress.
const LINE: usize = 60;

/// Characters of a message: some editors show it in the line of the status.
const MESSAGE: usize = 4000;

/// How long an editor may take to open a document.
const SHOW_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// A progress that shows the newest word, and ends when this is dropped.
pub struct Teller {
    news: watch::Sender<News>,
    telling: JoinHandle<()>,
}

#[derive(Default)]
struct News {
    line: String,
    farewell: Option<String>,
}

impl Teller {
    /// The client is asked for a progress beside the work, which does not wait for it.
    pub fn begin(outbox: Outbox, begin: Begin, cancel: Cancel) -> Self {
        let (news, heard) = watch::channel(News::default());
        let telling = tokio::spawn(follow(outbox, begin, cancel, heard));
        Self { news, telling }
    }

    pub fn say(&self, line: String) {
        self.news.send_modify(|news| news.line = line);
    }

    /// Ends it with a last word; when this returns, all is said.
    pub async fn end(self, farewell: String) {
        self.news.send_modify(|news| news.farewell = Some(farewell));
        drop(self.news);
        // It cannot panic, and if it did, nobody would be told less.
        let _ = self.telling.await;
    }
}

async fn follow(outbox: Outbox, begin: Begin, cancel: Cancel, mut news: watch::Receiver<News>) {
    let begun = tokio::select! {
        begun = outbox.begin_progress(begin, cancel) => begun,
        () = ended(news.clone()) => None,
    };
    let Some(mut progress) = begun else { return };
    loop {
        let line = news.borrow_and_update().line.clone();
        if !line.is_empty() {
            progress.say(line);
            tokio::select! {
                () = tokio::time::sleep(REPORT_EVERY) => {}
                () = ended(news.clone()) => {}
            }
        }
        if news.changed().await.is_err() {
            break;
        }
    }
    let farewell = news.borrow().farewell.clone();
    if let Some(farewell) = farewell {
        progress.end(farewell);
    }
}

/// Completes when nothing more will be said.
async fn ended(mut news: watch::Receiver<News>) {
    while news.changed().await.is_ok() {}
}

/// How far an action is, in a few words.
pub fn line(progress: &Progress) -> String {
    match progress {
        Progress::Reading(Reading { of: 0, .. }) => "reading".into(),
        Progress::Reading(Reading { tokens, of }) => format!("reading, {tokens} of {of} tokens"),
        Progress::Writing { tokens, per_second, line, .. } => {
            let speed = if per_second.is_finite() { per_second.max(0.0).round() as u64 } else { 0 };
            let shown: String = line.trim().chars().take(LINE).collect();
            let separator = if shown.is_empty() { "" } else { " · " };
            format!("{tokens} tokens, {speed}/s{separator}{shown}")
        }
        Progress::Again(why) => format!("once more: {}", why.lines().next().unwrap_or_default()),
    }
}

/// An answer as it is written, to the glue that asked for it: prose piece by piece, code line by line.
pub struct Stream {
    outbox: Option<Outbox>,
    id: String,
    kind: StreamKind,
    /// What is not sent yet: the beginning of a line of code.
    rest: String,
}

impl Stream {
    pub fn new(session: &Session, id: String, kind: StreamKind) -> Self {
        let outbox = session.flags.streams.then(|| session.outbox.clone());
        Self { outbox, id, kind, rest: String::new() }
    }

    pub fn take(&mut self, progress: &Progress) {
        let Progress::Writing { piece, .. } = progress else { return };
        self.rest.push_str(piece);
        let whole = match self.kind {
            StreamKind::Edit => self.rest.rfind('\n').map_or(0, |end| end + 1),
            StreamKind::Text | StreamKind::End => self.rest.len(),
        };
        let later = self.rest.split_off(whole);
        let text = std::mem::replace(&mut self.rest, later);
        if !text.is_empty() {
            self.send(self.kind, text);
        }
    }

    fn send(&self, kind: StreamKind, text: String) {
        if let Some(outbox) = &self.outbox {
            outbox.notify::<ext::Stream>(StreamParams { id: self.id.clone(), kind, text });
        }
    }
}

impl Drop for Stream {
    /// However it ends, the glue hears of it, once.
    fn drop(&mut self) {
        self.send(StreamKind::End, String::new());
    }
}

/// Shows prose where this editor has a place for it.
pub async fn show(session: &Session, name: &str, markdown: &str) {
    // The glue has the reply, and the lines before.
    if session.flags.streams {
        return;
    }
    if session.flags.shows_documents
        && let Some(uri) = written(session, name, markdown)
    {
        let params = json!({ "uri": uri, "takeFocus": false });
        let shown = session.outbox.request::<ext::ShowDocument>(params, SHOW_WITHIN).await;
        if shown.is_some_and(|shown| shown.get("success") == Some(&Value::Bool(true))) {
            return;
        }
    }
    message(session, markdown);
}

/// A message of what the person asked for.
pub fn message(session: &Session, text: &str) {
    let typ = if session.flags.hides_info { MessageType::WARNING } else { MessageType::INFO };
    let mut message: String = text.chars().take(MESSAGE).collect();
    if message.len() < text.len() {
        message.push('…');
    }
    session.outbox.notify::<ShowMessage>(ShowMessageParams { typ, message });
}

/// A file in a folder that only this user can read and that goes with the session.
fn written(session: &Session, name: &str, markdown: &str) -> Option<Url> {
    let mut folder = lock(&session.actions.folder);
    let made = match folder.take() {
        Some(folder) => Ok(folder),
        None => tempfile::Builder::new().prefix("codesage-").tempdir(),
    };
    let path = made.and_then(|made| {
        let path = folder.insert(made).path().join(format!("{name}.md"));
        fs::write(&path, markdown).map(|()| path)
    });
    let path = path.inspect_err(|error| tracing::warn!("an answer could not be written: {error}")).ok()?;
    Url::from_file_path(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_in_a_few_words() {
        let writing = |tokens, per_second, line: &str| Progress::Writing {
            tokens,
            per_second,
            line: line.into(),
            piece: String::new(),
        };
        let cases = [
            (Progress::Reading(Reading::default()), "reading"),
            (Progress::Reading(Reading { tokens: 384, of: 2100 }), "reading, 384 of 2100 tokens"),
            (writing(0, 0.0, ""), "0 tokens, 0/s"),
            (writing(12, 34.6, "    let x = 1;"), "12 tokens, 35/s · let x = 1;"),
            (writing(1, f32::NAN, " "), "1 tokens, 0/s"),
            (writing(1, f32::INFINITY, &"é".repeat(70)), &format!("1 tokens, 0/s · {}", "é".repeat(60))),
            (Progress::Again("it breaks line 3\nmore".into()), "once more: it breaks line 3"),
        ];
        for (progress, expected) in cases {
            assert_eq!(line(&progress), expected);
        }
    }
}

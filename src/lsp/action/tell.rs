//! What the person sees of an action: how far it is, line by line, and what it brought.
//!
//! An explanation goes to the glue that asked for it, else into a document that the editor opens, else into a message
//! (`editors.md` 5.12 of the design); the reply of the command has it in any case. Does *not* know what is asked for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tower_lsp::lsp_types::notification::ShowMessage;
use tower_lsp::lsp_types::{MessageType, ShowMessageParams, Url};

use crate::assist::act::Progress;
use crate::engine::Reading;
use crate::lsp::action::reply::{Kind, Reply};
use crate::lsp::client::Outbox;
use crate::lsp::ext::{self, StreamKind, StreamParams};
use crate::lsp::session::Session;
use crate::text::unseen;
use crate::threads::{lock, off_the_runtime};

/// Characters of a line of the answer in a progress.
const LINE: usize = 60;

/// Characters of a message: some editors show it in the line of the status.
const MESSAGE: usize = 4000;

/// How long an editor may take to open a document.
const SHOW_WITHIN: Duration = Duration::from_secs(5);

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
        Progress::By(name) => name.clone(),
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
    pub fn new(session: &Session, id: &str, kind: StreamKind) -> Self {
        let outbox = session.flags.streams.then(|| session.outbox.clone());
        Self { outbox, id: id.to_owned(), kind, rest: String::new() }
    }

    pub fn take(&mut self, progress: &Progress) {
        let Progress::Writing { piece, .. } = progress else { return };
        self.rest.push_str(piece);
        let whole = match self.kind {
            StreamKind::Edit => self.rest.rfind('\n').map_or(0, |end| end + 1),
            // The second half of a line end may be still to come.
            StreamKind::Text | StreamKind::End => self.rest.trim_end_matches('\r').len(),
        };
        let later = self.rest.split_off(whole);
        let text = std::mem::replace(&mut self.rest, later);
        if !text.is_empty() {
            self.send(self.kind, unseen::shown(&text).into_owned());
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
pub async fn show(session: &Arc<Session>, name: &str, markdown: &str) {
    show_or(session, name, markdown, markdown).await;
}

/// The same; where it has no place for documents, this message in their stead.
pub async fn show_or(session: &Arc<Session>, name: &str, markdown: &str, in_short: &str) {
    // The glue has the reply, and the lines before.
    if session.flags.streams {
        return;
    }
    if session.flags.shows_documents
        && let Some(uri) = readable(session, name, markdown).await
    {
        let params = json!({ "uri": uri, "takeFocus": false });
        let shown = session.outbox.request::<ext::ShowDocument>(params, SHOW_WITHIN).await;
        if shown.is_some_and(|shown| shown.get("success") == Some(&Value::Bool(true))) {
            return;
        }
    }
    message(session, in_short);
}

/// A message of what the person asked for.
pub fn message(session: &Session, text: &str) {
    let typ = if session.flags.hides_info { MessageType::WARNING } else { MessageType::INFO };
    let text = unseen::shown(text);
    let mut message: String = text.chars().take(MESSAGE).collect();
    if message.len() < text.len() {
        message.push('…');
    }
    session.outbox.notify::<ShowMessage>(ShowMessageParams { typ, message });
}

/// What the editor can open: a document that it asks us for where it does that, else a file.
async fn readable(session: &Arc<Session>, name: &str, markdown: &str) -> Option<Url> {
    match session.flags.reads_virtual_documents {
        true => session.virtual_documents.put(name, markdown.to_owned()),
        false => written(session, name, markdown).await,
    }
}

/// A file for the editor to open.
async fn written(session: &Arc<Session>, name: &str, markdown: &str) -> Option<Url> {
    let (writing, name, markdown) = (session.clone(), format!("{name}.md"), markdown.to_owned());
    let path = off_the_runtime(move || writing.actions.papers.write(&name, &markdown)).await.ok()?;
    let path = path.inspect_err(|error| tracing::warn!("an answer could not be written: {error}")).ok()?;
    Url::from_file_path(path).ok()
}

/// A refusal is said, for most editors drop what a command returns; one that was said meanwhile of the server that
/// failed is not said twice. `since` is the [`mark`](crate::lsp::remote_news::Failures::mark) of the action's beginning.
pub fn refusal(session: &Session, reply: &Reply, since: u64) {
    if reply.outcome != Kind::Refused {
        return;
    }
    let sentence = reply.farewell();
    if lock(&session.failures).interrupts(since, &sentence) {
        session.outbox.warn(&sentence);
    } else {
        session.outbox.log(MessageType::WARNING, &sentence);
    }
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

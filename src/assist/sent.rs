//! What a model is shown: the prompt that was sent last, and the one that would be sent now. For the person to look at.
//!
//! Both are the prompt itself, byte for byte, and not a picture of it. Looking changes nothing that is held for the next
//! question. Of a file that may not be shown to a model nothing is told but that. Blocking, as preparing is.

use std::sync::{Arc, Mutex};

use url::Url;

use crate::assist::act::Job;
use crate::assist::freeze::{Cursor, Quote, typed_tokens};
use crate::assist::stats::{Positions, Record};
use crate::assist::{Ask, Assistant, Rules};
use crate::completion::Reason;
use crate::completion::line;
use crate::completion::policy::{self, Situation, Trigger};
use crate::config::Part as Piece;
use crate::engine::ModelState;
use crate::prompt::{Fill, Instruct, Prompt};
use crate::text::Document;
use crate::threads::lock;

/// Records that are looked through for what became of a prompt.
const RECORDS: usize = 100;

/// A prompt that went to the model.
pub struct Sent {
    pub(super) uri: Url,
    version: i32,
    offset: usize,
    positions: Positions,
    prompt: Prompt,
    /// The action that it was sent for; none: a suggestion.
    action: Option<&'static str>,
    echo: Echo,
}

/// What a model has written for one prompt, piece by piece and whatever becomes of it.
#[derive(Clone, Default)]
pub struct Echo(Arc<Mutex<String>>);

impl Echo {
    pub(super) fn push(&self, piece: &str) {
        lock(&self.0).push_str(piece);
    }

    /// As far as it is written.
    fn text(&self) -> String {
        lock(&self.0).clone()
    }
}

/// What a model was shown, or would be.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub uri: Url,
    pub version: i32,
    /// The cursor.
    pub positions: Positions,
    /// Why nothing is sent, or that the answer is there already.
    pub reason: Option<Reason>,
    /// Other files first, then this one in the order of its text.
    pub parts: Vec<Part>,
    /// Tokens of all parts; the control tokens between them and the files' paths come to that.
    pub total: usize,
}

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: Kind,
    /// As the model is told it.
    pub path: String,
    /// By this model's vocabulary, each part by itself.
    pub tokens: usize,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of another open file.
    Snippet,
    /// Before the place that was frozen.
    Head,
    /// From there to the cursor.
    Typed,
    /// Right of the cursor.
    Tail,
    /// What an action says to a model that chats: what it is to do, the code, and how its answer begins.
    System,
    User,
    Opening,
    /// All of that for a model that does not.
    Plain,
}

/// What was sent last, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    pub view: View,
    /// The action that it was sent for; none: a suggestion.
    pub action: Option<&'static str>,
    /// All that the model wrote, whether it was shown or not.
    pub said: String,
    /// None while it is made, for what nobody waited for, and for an action, whose reply says it.
    pub record: Option<Record>,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Snippet => "snippet",
            Kind::Head => "head",
            Kind::Typed => "typed",
            Kind::Tail => "tail",
            Kind::System => "system",
            Kind::User => "user",
            Kind::Opening => "opening",
            Kind::Plain => "plain",
        }
    }
}

impl Sent {
    pub(super) fn fill(ask: &Ask, prompt: &Fill, echo: Echo) -> Self {
        Self {
            uri: ask.uri.clone(),
            version: ask.document.version(),
            offset: ask.offset,
            positions: Positions::new(ask.document.rope(), ask.offset),
            prompt: Prompt::Fill(prompt.clone()),
            action: None,
            echo,
        }
    }

    pub(super) fn instruct(job: &Job, prompt: &Instruct, echo: Echo) -> Self {
        Self {
            uri: job.uri.clone(),
            version: job.document.version(),
            offset: job.selection.start,
            positions: Positions::new(job.document.rope(), job.selection.start),
            prompt: Prompt::Instruct(prompt.clone()),
            action: Some(job.action.name()),
            echo,
        }
    }
}

impl Assistant {
    pub(super) fn sends(&self, sent: Sent) {
        *lock(&self.sent) = Some(sent);
    }

    /// What was sent last, of whatever document; none where nothing was, or it may not be shown.
    pub fn last_sent(&self) -> Option<Last> {
        let (uri, version, offset, positions, prompt, action, said) = {
            let sent = lock(&self.sent);
            let Sent { uri, version, offset, positions, prompt, action, echo } = sent.as_ref()?;
            (uri.clone(), *version, *offset, *positions, prompt.clone(), *action, echo.text())
        };
        if self.rules().permission.refusal(&uri).is_some() {
            return None;
        }
        let is_it = |record: &Record| {
            record.uri == uri.as_str() && (record.version, record.offset) == (version, offset)
        };
        let record = self.why(RECORDS).into_iter().filter(|_| action.is_none()).find(is_it);
        let (parts, total) = match &prompt {
            Prompt::Fill(fill) => self.parts(fill),
            Prompt::Instruct(instruct) => self.messages(instruct, &self.rules().model_path(&uri)),
        };
        let view = View { uri, version, positions, reason: None, parts, total };
        Some(Last { view, action, said, record })
    }

    /// What would be sent now, were a suggestion asked for at byte `offset`.
    pub fn would_send(&self, uri: &Url, document: &Arc<Document>, offset: usize) -> View {
        let offset = offset.min(document.len());
        let rules = self.rules();
        let at = Cursor { uri: uri.clone(), document: document.clone(), offset };
        let (reason, prompt) = match self.peek(&at, &rules) {
            Ok(prompt) => (self.kept(uri, document, offset, &rules).map(|_| Reason::OkCache), Some(prompt)),
            Err(reason) => (Some(reason), None),
        };
        let (parts, total) = prompt.map(|prompt| self.parts(&prompt)).unwrap_or_default();
        let positions = Positions::new(document.rope(), offset);
        View { uri: uri.clone(), version: document.version(), positions, reason, parts, total }
    }

    /// As `prepare` would have it, and nothing of it is held.
    fn peek(&self, at: &Cursor, rules: &Rules) -> Result<Fill, Reason> {
        let card = self.may_complete(&at.uri, &at.document, rules)?;
        policy::decide(&Situation {
            document: &at.document,
            offset: at.offset,
            trigger: Trigger::Invoked,
            selection: None,
            last_inserted: "",
            multiline: self.multiline(rules, Trigger::Invoked),
        })?;
        let (rope, parts) = (at.document.rope(), &rules.settings.parts);
        let (held, prompt) = {
            let mut places = lock(&self.places);
            let place = places.of(&at.uri).filter(|_| parts.has(Piece::Anchor));
            place.map(|place| (place.held.clone(), place.peek(rope, at.offset))).unwrap_or_default()
        };
        let shows_closers = |prompt: &Fill| line::holds(rope, at.offset, &prompt.tail);
        let prompt = prompt
            .filter(|prompt| parts.has(Piece::Closers) || shows_closers(prompt))
            .filter(|prompt| self.is_within(&prompt.typed, typed_tokens(&card)));
        match prompt {
            Some(prompt) => Ok(prompt),
            None => {
                let mut held = self.freeze_at_first(at, rules, &card, held.as_ref(), Quote::Anew)?;
                held.prompt(rope, at.offset).ok_or(Reason::BudgetPrompt)
            }
        }
    }

    fn parts(&self, prompt: &Fill) -> (Vec<Part>, usize) {
        let path = &*prompt.path;
        let snippets = prompt.snippets.iter().map(|snippet| (Kind::Snippet, &*snippet.path, &*snippet.text));
        let own = [(Kind::Head, &*prompt.head), (Kind::Typed, &*prompt.typed), (Kind::Tail, &*prompt.tail)];
        self.counted(snippets.chain(own.map(|(kind, text)| (kind, path, text))))
    }

    fn messages(&self, prompt: &Instruct, path: &str) -> (Vec<Part>, usize) {
        let Instruct { system, user, prefill, plain } = prompt;
        let chats = matches!(self.model(), ModelState::Ready(card) if card.chats);
        let messages = [(Kind::System, system), (Kind::User, user), (Kind::Opening, prefill)];
        let all: &[_] = if chats { &messages } else { &[(Kind::Plain, plain)] };
        self.counted(all.iter().map(|(kind, text)| (*kind, path, text.as_str())))
    }

    /// Those that hold anything, with their tokens.
    fn counted<'a>(&self, parts: impl Iterator<Item = (Kind, &'a str, &'a str)>) -> (Vec<Part>, usize) {
        let part = |(kind, path, text): (Kind, &str, &str)| Part {
            kind,
            path: path.to_owned(),
            tokens: self.backend.count_tokens(text).unwrap_or_default(),
            text: text.to_owned(),
        };
        let parts: Vec<Part> = parts.filter(|(_, _, text)| !text.is_empty()).map(part).collect();
        let total = parts.iter().map(|part| part.tokens).sum();
        (parts, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assist::act::Options;
    use crate::config::Settings;
    use crate::edit::Action;
    use crate::engine::scripted::{Script, ScriptedBackend};

    const TEXT: &str = "fn total(prices: &[u32]) -> u32 {\n    \n}\n";

    /// The bytes that were sent, put together from what is shown.
    fn joined(view: &View, kind: Kind) -> String {
        view.parts.iter().filter(|part| part.kind == kind).map(|part| part.text.as_str()).collect()
    }

    #[tokio::test]
    async fn what_is_shown_is_what_is_sent() {
        let backend = Arc::new(ScriptedBackend::default());
        backend.always(Script::text("prices.iter().sum()\n"));
        let settings = Settings {
            completion: crate::config::CompletionSettings {
                warm_up: false,
                speculate: false,
                ..Settings::default().completion
            },
            ..Settings::default()
        };
        let assistant = Assistant::new(backend.clone(), settings, Vec::new());
        let [uri, other, secret] =
            ["file:///p/a.rs", "file:///p/prices.rs", "file:///p/.env"].map(|uri| Url::parse(uri).unwrap());
        assistant.open(uri.clone(), "rust", 1, TEXT);
        assistant.open(other, "rust", 1, "/// The prices.\nfn prices() -> Vec<u32> {\n    vec![1, 2]\n}\n");
        assistant.open(secret.clone(), "rust", 1, "const PRICES_KEY: &str = \"total prices\";\n");
        let document = assistant.snapshot(&uri).unwrap();
        let offset = TEXT.find("\n}").unwrap();
        assert_eq!(assistant.last_sent(), None);
        let before = assistant.would_send(&uri, &document, offset);
        assert_eq!(before.reason, None);
        let ask = Ask {
            uri: uri.clone(),
            document: document.clone(),
            offset,
            trigger: Trigger::Invoked,
            selection: None,
            popup: None,
        };
        let answer = assistant.complete(ask).await;
        let prompts = backend.prompts();
        let sent = prompts.last().unwrap();
        let last = assistant.last_sent().unwrap();
        for view in [&before, &last.view] {
            assert_eq!(joined(view, Kind::Head), *sent.head);
            assert_eq!(joined(view, Kind::Typed), sent.typed);
            assert_eq!(joined(view, Kind::Tail), *sent.tail);
            let snippets: Vec<_> = sent.snippets.iter().map(|snippet| snippet.text.as_str()).collect();
            assert_eq!(joined(view, Kind::Snippet), snippets.concat());
            assert!(
                !snippets.is_empty() && !view.parts.iter().any(|part| part.text.contains("KEY")),
                "{view:?}"
            );
            assert_eq!(view.total, view.parts.iter().map(|part| part.tokens).sum::<usize>());
        }
        assert!(last.said.starts_with("prices.iter()"), "{last:?}");
        let record = last.record.unwrap();
        assert_eq!((record.code, record.text), (answer.reason.code(), answer.outcome.ok().map(|it| it.text)));
        // The answer is there: nothing would be sent.
        assert_eq!(assistant.would_send(&uri, &document, offset).reason, Some(Reason::OkCache));
        // In a word, and in a file that holds secrets, nothing is sent, and nothing shown.
        let nothing = assistant.would_send(&uri, &document, 1);
        assert_eq!((nothing.reason, nothing.parts.len()), (Some(Reason::PosMidWord), 0));
        let hidden = assistant.snapshot(&secret).unwrap();
        let nothing = assistant.would_send(&secret, &hidden, 0);
        assert_eq!((nothing.reason, nothing.parts.len()), (Some(Reason::OffSecret), 0));
        // What may be shown no more is forgotten.
        let mut settings = Settings::default();
        settings.context.ignore = vec!["*.rs".into()];
        assistant.configure(settings);
        assert_eq!(assistant.last_sent(), None);
    }

    #[tokio::test]
    async fn an_action_is_shown_as_it_was_said() {
        let backend = Arc::new(ScriptedBackend::default());
        backend.always(Script::text("It adds."));
        let assistant = Assistant::new(backend.clone(), Settings::default(), Vec::new());
        let uri = Url::parse("file:///p/a.rs").unwrap();
        assistant.open(uri.clone(), "rust", 1, TEXT);
        let job = Job {
            uri: uri.clone(),
            document: assistant.snapshot(&uri).unwrap(),
            selection: 0..0,
            action: Action::Explain,
            detail: String::new(),
            diagnostic: None,
            diagnostics: Vec::new(),
            recipe: None,
            options: Options::default(),
        };
        assistant.act(job, |_| {}).await;
        let (last, said) = (assistant.last_sent().unwrap(), backend.instructs().pop().unwrap());
        assert_eq!((last.action, last.said.as_str(), &last.record), (Some("explain"), "It adds.", &None));
        let texts = [Kind::System, Kind::User, Kind::Opening].map(|kind| joined(&last.view, kind));
        assert_eq!(texts, [said.system, said.user, said.prefill]);
        // A closed document's text is let go.
        assistant.close(&uri);
        assert_eq!(assistant.last_sent(), None);
    }
}

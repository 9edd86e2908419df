//! One action against a model that says what it is told: who asks for what, what the model answers, and what the
//! person types while it does.
//!
//! What happens meanwhile happens as the first piece of an answer arrives: after the prompt was made and before
//! anything is settled, always at the same moment. Whatever comes out, nothing may have been changed by the action
//! itself, and a change must be one of the text as it is now.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use codesage::assist::Assistant;
use codesage::assist::act::{Acted, Job, Options, Outcome, Progress, Proposal};
use codesage::config::Settings;
use codesage::edit::Action;
use codesage::engine::ModelState;
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::text::{Change, Encoding};
use url::Url;

/// What ends an answer, on a line of its own.
pub const END: &str = "<<<AI_EDIT_END>>>";

/// Who asks for what.
#[derive(Clone)]
pub struct Scene {
    /// The workspace; it need not be there.
    pub root: PathBuf,
    /// Of the file, below it.
    pub path: String,
    /// The file.
    pub text: String,
    /// Bytes.
    pub selection: Range<usize>,
    pub action: Action,
    pub detail: String,
    /// Bytes.
    pub diagnostic: Option<Range<usize>>,
    pub answers: Vec<Script>,
    pub meanwhile: Vec<Meanwhile>,
    /// Other documents that are open: path and text.
    pub beside: Vec<(String, String)>,
    pub options: Options,
    pub settings: Settings,
    pub model: Option<ModelState>,
}

/// One thing that happens while the model answers.
#[derive(Clone, Debug)]
pub enum Meanwhile {
    /// What stands at the first place of the first text becomes the second.
    Typed(String, String),
    /// The client sends the whole text again.
    Replaced(String),
    Closed,
    /// Closed, and opened again under another name.
    Renamed(String),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The whole text of the one file that is changed.
    Applied(String),
    /// The same, to be looked at first: the guard's code and its sentence.
    Preview(&'static str, String, String),
    Answer(String),
    Refused(&'static str, String),
    Cancelled,
}

/// All that can be seen of it.
pub struct Seen {
    pub ended: Ended,
    /// The path of the file that is changed, and whether it was there.
    pub file: Option<(String, bool)>,
    pub acted: Acted,
    pub progress: Vec<Progress>,
    pub backend: Arc<ScriptedBackend>,
    pub assistant: Arc<Assistant>,
}

impl Scene {
    /// `marked` is the file; `$0` stands in it where the cursor is, or twice round what is selected.
    pub fn new(path: &str, marked: &str, action: Action) -> Self {
        let mut parts = marked.split("$0");
        let before = parts.next().unwrap_or_default();
        let (selected, after) = match (parts.next(), parts.next()) {
            (Some(selected), Some(after)) => (selected, after),
            (Some(after), None) => ("", after),
            _ => panic!("no cursor in {marked}"),
        };
        Self {
            root: "/project".into(),
            path: path.to_owned(),
            text: [before, selected, after].concat(),
            selection: before.len()..before.len() + selected.len(),
            action,
            detail: String::new(),
            diagnostic: None,
            answers: Vec::new(),
            meanwhile: Vec::new(),
            beside: Vec::new(),
            options: Options::default(),
            settings: Settings::default(),
            model: None,
        }
    }

    /// The person's own words, or the message of an error.
    pub fn asks(mut self, detail: &str) -> Self {
        self.detail = detail.to_owned();
        self
    }

    /// The next answer: this and the end marker.
    pub fn writes(self, body: &str) -> Self {
        self.says(&format!("{body}\n{END}\n"))
    }

    /// The next answer, to the byte.
    pub fn says(self, answer: &str) -> Self {
        self.script(Script::text(answer))
    }

    pub fn script(mut self, script: Script) -> Self {
        self.answers.push(script);
        self
    }

    pub fn meanwhile(mut self, what: Meanwhile) -> Self {
        self.meanwhile.push(what);
        self
    }

    /// While the model answers, `find` becomes `replace`.
    pub fn typed(self, find: &str, replace: &str) -> Self {
        self.meanwhile(Meanwhile::Typed(find.to_owned(), replace.to_owned()))
    }

    pub fn uri(&self) -> Url {
        self.below(&self.path)
    }

    fn below(&self, path: &str) -> Url {
        Url::from_file_path(self.root.join(path)).expect("an absolute path")
    }

    /// The assistant with the document open, and the job.
    pub fn prepare(&self) -> (Arc<ScriptedBackend>, Arc<Assistant>, Job) {
        let backend = Arc::new(ScriptedBackend::default());
        self.answers.iter().for_each(|script| backend.say(script.clone()));
        if let Some(state) = &self.model {
            backend.set_state(state.clone());
        }
        let assistant = Assistant::new(backend.clone(), self.settings.clone(), vec![self.root.clone()]);
        assistant.open(self.uri(), "", 1, &self.text);
        for (path, text) in &self.beside {
            assistant.open(self.below(path), "", 1, text);
        }
        let job = Job {
            uri: self.uri(),
            document: assistant.snapshot(&self.uri()).expect("it is open"),
            selection: self.selection.clone(),
            action: self.action,
            detail: self.detail.clone(),
            diagnostic: self.diagnostic.clone(),
            diagnostics: Vec::new(),
            recipe: None,
            options: self.options.clone(),
        };
        (backend, assistant, job)
    }

    pub async fn play(&self) -> Seen {
        let (backend, assistant, job) = self.prepare();
        let mut progress = Vec::new();
        let mut waiting = Some(&self.meanwhile);
        let acted = assistant
            .act(job, |one| {
                if matches!(one, Progress::Writing { .. })
                    && let Some(meanwhile) = waiting.take()
                {
                    meanwhile.iter().for_each(|what| self.happen(what, &assistant));
                }
                progress.push(one);
            })
            .await;
        assert!(waiting.is_none_or(Vec::is_empty), "the model wrote nothing: {:?}", acted.outcome);
        self.is_untouched(&assistant);
        let file = proposal(&acted.outcome).map(|proposal| self.whole(proposal, &assistant));
        let after = || proposal(&acted.outcome).map_or_else(String::new, |one| one.files[0].after.clone());
        let ended = match &acted.outcome {
            Outcome::Apply(_) => Ended::Applied(after()),
            Outcome::Preview(_, guard, sentence) => Ended::Preview(guard.code(), sentence.clone(), after()),
            Outcome::Answer(prose) => Ended::Answer(prose.clone()),
            Outcome::Refused(refusal) => Ended::Refused(refusal.guard.code(), refusal.sentence.clone()),
            Outcome::Cancelled => Ended::Cancelled,
        };
        Seen { ended, file, acted, progress, backend, assistant }
    }

    /// A change is one of the text that is there, and of its version. The path, and whether there is such a file.
    fn whole(&self, proposal: &Proposal, assistant: &Assistant) -> (String, bool) {
        let [file] = proposal.files.as_slice() else { panic!("{} files", proposal.files.len()) };
        let now = assistant.snapshot(&file.uri);
        let text = now.as_ref().map(|document| document.rope().to_string());
        assert_eq!((file.version, &file.before), (now.map(|document| document.version()), &text));
        (file.path.clone(), file.before.is_some())
    }

    /// Nothing but what happened meanwhile has changed the document.
    fn is_untouched(&self, assistant: &Assistant) {
        let now = assistant.snapshot(&self.uri()).map(|document| document.rope().to_string());
        assert_eq!(now, self.text_at_the_end());
    }

    /// What the person has made of the text by themselves; `None` where it is closed.
    pub fn text_at_the_end(&self) -> Option<String> {
        self.meanwhile.iter().try_fold(self.text.clone(), |text, what| match what {
            Meanwhile::Typed(find, replace) => Some(text.replacen(find, replace, 1)),
            Meanwhile::Replaced(text) => Some(text.clone()),
            Meanwhile::Closed | Meanwhile::Renamed(_) => None,
        })
    }

    fn happen(&self, what: &Meanwhile, assistant: &Assistant) {
        let document = assistant.snapshot(&self.uri()).expect("it is open");
        let change = match what {
            Meanwhile::Typed(find, replace) => {
                let start = document.rope().to_string().find(find).expect("it stands there");
                let ends = [start, start + find.len()];
                let [start, end] = ends.map(|at| Encoding::Utf16.position(document.rope(), at));
                Change { range: Some(start..end), text: replace.clone() }
            }
            Meanwhile::Replaced(text) => Change { range: None, text: text.clone() },
            Meanwhile::Closed => return assistant.close(&self.uri()),
            Meanwhile::Renamed(path) => {
                assistant.close(&self.uri());
                return assistant.open(self.below(path), "", 1, &document.rope().to_string());
            }
        };
        assert!(assistant.change(&self.uri(), document.version() + 1, &[change], Encoding::Utf16));
    }
}

fn proposal(outcome: &Outcome) -> Option<&Proposal> {
    match outcome {
        Outcome::Apply(proposal) | Outcome::Preview(proposal, ..) => Some(proposal),
        Outcome::Answer(_) | Outcome::Refused(_) | Outcome::Cancelled => None,
    }
}

//! Jobs from the question to the outcome, with a backend that says what it is told.

mod files;
mod recipes;
mod regions;
mod unreadable;

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::assist::recipes::Recipe;
use crate::config::{Confirm, EditFormat, Settings};
use crate::engine::scripted::{Script, ScriptedBackend};
use crate::engine::{Backend, ModelState};
use crate::text;

/// A workspace on the disk, with a model that says what it is told.
struct Place {
    _folder: tempfile::TempDir,
    root: PathBuf,
    backend: Arc<ScriptedBackend>,
    assistant: Arc<Assistant>,
}

/// What became of a job, for comparing.
struct Told {
    /// `apply`, `preview confirm`, `refused stale`, `answer`, …
    outcome: String,
    sentence: String,
    label: String,
    /// Path, and the text after the change; `+` before the path of a file that is created.
    files: Vec<(String, String)>,
    /// Why the model was asked again.
    again: Vec<String>,
    acted: Acted,
}

impl Place {
    /// With `files`, the first of them open, and a model of so many billion parameters.
    fn new(files: &[(&str, &str)], billions: u64, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let backend = Arc::new(ScriptedBackend::default());
        let ModelState::Ready(card) = backend.watch().borrow().clone() else { panic!("ready") };
        let card = crate::engine::ModelCard { parameters: billions * 1_000_000_000, ..(*card).clone() };
        backend.set_state(ModelState::Ready(Arc::new(card)));
        let mut settings = Settings::default();
        change(&mut settings);
        let assistant = Assistant::new(backend.clone(), settings, vec![root.clone()]);
        let place = Self { _folder: folder, root, backend, assistant };
        place.open(files[0].0);
        place
    }

    fn uri(&self, path: &str) -> Url {
        Url::from_file_path(self.root.join(path)).unwrap()
    }

    fn open(&self, path: &str) {
        let text = fs::read_to_string(self.root.join(path)).unwrap();
        self.assistant.open(self.uri(path), "", 1, &text);
    }

    /// A job with the cursor at `at`, or all of `at` selected.
    fn job(&self, path: &str, action: Action, at: &str, is_selected: bool, detail: &str) -> Job {
        let uri = self.uri(path);
        let document = self.assistant.snapshot(&uri).unwrap();
        let start = document.rope().to_string().find(at).unwrap();
        Job {
            uri,
            document,
            selection: start..start + if is_selected { at.len() } else { 0 },
            action,
            detail: detail.to_owned(),
            diagnostic: None,
            diagnostics: Vec::new(),
            recipe: None,
            options: Options::default(),
        }
    }

    async fn act(&self, job: Job, answers: &[&str]) -> Told {
        self.act_while(job, answers, |_| {}).await
    }

    /// `meanwhile` is called once, when the model has begun to write.
    async fn act_while(&self, job: Job, answers: &[&str], meanwhile: impl FnOnce(&Assistant) + Send) -> Told {
        for answer in answers {
            self.backend.say(Script::text(answer));
        }
        let (mut again, mut meanwhile) = (Vec::new(), Some(meanwhile));
        let report = |progress| match progress {
            Progress::Again(sentence) => again.push(sentence),
            Progress::Writing { .. } => {
                if let Some(meanwhile) = meanwhile.take() {
                    meanwhile(&self.assistant);
                }
            }
            Progress::Reading(_) | Progress::By(_) => {}
        };
        let acted = self.assistant.act(job, report).await;
        Told::of(acted, again)
    }

    /// The document's text is another one now.
    fn type_over(assistant: &Assistant, uri: &Url, text: &str) {
        let all = vec![text::Change { range: None, text: text.to_owned() }];
        assert!(assistant.change(uri, 2, &all, text::Encoding::Utf8));
    }
}

impl Told {
    fn of(acted: Acted, again: Vec<String>) -> Self {
        let (outcome, sentence, proposal) = match &acted.outcome {
            Outcome::Apply(proposal) => ("apply".to_owned(), String::new(), Some(proposal)),
            Outcome::Preview(proposal, guard, sentence) => {
                (format!("preview {guard}"), sentence.clone(), Some(proposal))
            }
            Outcome::Answer(text) => ("answer".to_owned(), text.clone(), None),
            Outcome::Refused(refusal) => {
                (format!("refused {}", refusal.guard), refusal.sentence.clone(), None)
            }
            Outcome::Cancelled => ("cancelled".to_owned(), String::new(), None),
        };
        let file = |file: &FileChange| {
            let sign = if file.before.is_none() { "+" } else { "" };
            (format!("{sign}{}", file.path), file.after.clone())
        };
        let files = proposal.map_or(Vec::new(), |proposal| proposal.files.iter().map(file).collect());
        let label = proposal.map_or(String::new(), |proposal| proposal.label.clone());
        Self { outcome, sentence, label, files, again, acted }
    }
}

/// `edits.confirm` adds previews and takes none away, in the simplest tier too.
#[tokio::test(start_paused = true)]
async fn edits_are_shown_as_the_settings_have_it() {
    let text = "fn f() {\n    1;\n}\n";
    for (confirm, answer, expected) in [
        (Confirm::Auto, "fn f() {\n    2;\n}\n<<<AI_EDIT_END>>>\n", "apply"),
        (Confirm::Never, "fn f() {\n    2;\n}\n<<<AI_EDIT_END>>>\n", "apply"),
        (Confirm::Always, "fn f() {\n    2;\n}\n<<<AI_EDIT_END>>>\n", "preview confirm"),
        (Confirm::Never, "fn g() {\n    1;\n}\n<<<AI_EDIT_END>>>\n", "preview loss"),
        (Confirm::Always, "fn g() {\n    1;\n}\n<<<AI_EDIT_END>>>\n", "preview loss"),
    ] {
        let place = Place::new(&[("a.rs", text)], 1, |settings| settings.edits.confirm = confirm);
        let told = place.act(place.job("a.rs", Action::Edit, "1", false, "count"), &[answer]).await;
        assert_eq!(told.outcome, expected, "{confirm:?} {answer}");
        assert_eq!(told.files.len(), 1);
        assert!(told.outcome == "apply" || told.sentence.ends_with('.'), "{}", told.sentence);
        assert_eq!(told.label, "Edit f");
    }
}

//! Asking: every hole through the product, the other files of its project open beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::assist::{Ask, Assistant, Suggestion};
use crate::completion::Reason;
use crate::completion::policy::Trigger;
use crate::config::Settings;
use crate::engine::{Backend, Usage};
use crate::eval::score::{self, Score};
use crate::eval::{Hole, Kind, Project, nearest};

/// Other files of a project that are open while a hole is asked.
const OPEN_FILES: usize = 12;

/// One hole, asked.
#[derive(Clone, Debug)]
pub struct Case {
    pub hole: Hole,
    pub language: &'static str,
    /// Whether other files of the project were open.
    pub quoted: bool,
    pub reason: Reason,
    pub answer: Option<String>,
    pub score: Score,
    /// Mean log-probability; `None` without an answer.
    pub confidence: Option<f32>,
    pub usage: Usage,
    pub time: Duration,
    /// What copying the nearest line is worth here.
    pub copied: Score,
}

/// The settings that a measurement goes by: the person's, but nothing is cut off by a clock, since figures must not
/// depend on the machine, and no language is left out.
pub fn settings(mut settings: Settings) -> Settings {
    settings.completion.enabled = true;
    settings.completion.disabled_languages.clear();
    settings.completion.max_time_ms = u32::MAX;
    settings.completion.show_delay_ms = 0;
    settings
}

/// Asks every hole; one of a name is asked twice, with the other files open and without. `asked` is called after each.
pub async fn cases(
    backend: &Arc<dyn Backend>,
    settings: &Settings,
    projects: &[Project],
    holes: &[Hole],
    mut asked: impl FnMut(&Case),
) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, project) in projects.iter().enumerate() {
        let holes: Vec<&Hole> = holes.iter().filter(|hole| hole.project == number).collect();
        for quoted in [true, false] {
            let room = Room::new(backend.clone(), settings.clone(), project);
            for hole in holes.iter().filter(|hole| quoted || hole.kind == Kind::Name) {
                if let Some(case) = room.ask(hole, quoted).await {
                    asked(&case);
                    cases.push(case);
                }
            }
        }
    }
    cases
}

/// One project and the session in which it is worked on.
struct Room<'a> {
    project: &'a Project,
    root: PathBuf,
    assistant: Arc<Assistant>,
}

impl<'a> Room<'a> {
    fn new(backend: Arc<dyn Backend>, settings: Settings, project: &'a Project) -> Self {
        // A folder that need not be there: nothing is read from it but, where there are any, its ignore files.
        let root = std::env::temp_dir().join("codesage-eval").join(&project.name);
        let assistant = Assistant::new(backend, settings, vec![root.clone()]);
        Self { project, root, assistant }
    }

    fn uri(&self, path: &str) -> Option<Url> {
        Url::from_file_path(self.root.join(path)).ok()
    }

    /// Opens what should be open beside a file, of those that are not yet the nearest in the tree last, as if just looked
    /// at, and closes the rest.
    fn open_others(&self, file: usize, quoted: bool) {
        let here = &self.project.files[file].path;
        let folder = |path: &str| path.rfind('/').map_or(0, |slash| slash + 1);
        let shared =
            |path: &str| path.bytes().zip(here[..folder(here)].bytes()).take_while(|(a, b)| a == b).count();
        let mut others: Vec<usize> = (0..self.project.files.len()).filter(|&other| other != file).collect();
        others.sort_by_key(|&other| std::cmp::Reverse(shared(&self.project.files[other].path)));
        let wanted = if quoted { OPEN_FILES.min(others.len()) } else { 0 };
        for (rank, &other) in others.iter().enumerate().rev() {
            let source = &self.project.files[other];
            let Some(uri) = self.uri(&source.path) else { continue };
            match (rank < wanted, self.assistant.snapshot(&uri)) {
                (true, None) => self.assistant.open(uri, source.language().id, 0, &source.text),
                (false, Some(_)) => self.assistant.close(&uri),
                _ => {}
            }
        }
    }

    async fn ask(&self, hole: &Hole, quoted: bool) -> Option<Case> {
        let file = &self.project.files[hole.file];
        self.open_others(hole.file, quoted);
        let uri = self.uri(&file.path)?;
        self.assistant.open(uri.clone(), file.language().id, 0, &score::holed(file, hole));
        let document = self.assistant.snapshot(&uri)?;
        let ask = Ask {
            uri: uri.clone(),
            document: document.clone(),
            offset: hole.taken.start,
            trigger: Trigger::Invoked,
            selection: None,
            popup: None,
        };
        let began = Instant::now();
        let answer = self.assistant.complete(ask).await;
        let time = began.elapsed();
        self.assistant.close(&uri);
        let suggestion = answer.outcome.ok();
        let of = |suggestion: &Suggestion| score::score(file, hole, &document, suggestion);
        let copied = Suggestion {
            id: String::new(),
            range: hole.taken.start..hole.taken.start,
            text: nearest::answer(file, hole),
            confidence: 0.0,
        };
        Some(Case {
            hole: hole.clone(),
            language: file.language().id,
            quoted,
            reason: answer.reason,
            score: suggestion.as_ref().map(of).unwrap_or_default(),
            confidence: suggestion.as_ref().map(|suggestion| suggestion.confidence),
            answer: suggestion.map(|suggestion| suggestion.text),
            usage: answer.usage,
            time,
            copied: of(&copied),
        })
    }
}

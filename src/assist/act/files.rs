//! What a model is shown that is to find the places of a change itself.
//!
//! The job's own file first, then those that the person named, then open ones that share names with the code at hand;
//! each whole where there is room, else its telling parts. Nothing is shown that a path of the answer could not lead
//! back to, nor what the person keeps from models. What fits is counted on the prompt as it will be asked.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use url::Url;

use super::plan::{Form, Ground, Plan, leads_to, room};
use super::{Job, tier};
use crate::assist::{Assistant, reach};
use crate::context::Context;
use crate::context::gather::{self, Source};
use crate::edit::Yield;
use crate::edit::guard::{Guard, Refusal};
use crate::edit::markers::{Markers, Tier};
use crate::prompt::Instruct;
use crate::prompt::instruct::MarkerText;
use crate::prompt::instruct::several::{self, Part, Several};
use crate::text::Document;
use crate::threads::lock;

/// Tokens of an answer, at most: hunks are short, and a new file has to fit.
const ANSWER: usize = 2048;

/// A file that the model is shown, as it was then.
#[derive(Clone)]
pub struct Shown {
    pub uri: Url,
    pub path: String,
    pub document: Arc<Document>,
    pub is_open: bool,
    /// Bytes of the document that are shown; none: all of it.
    pub parts: Vec<Range<usize>>,
}

impl Shown {
    pub fn fence(&self) -> &'static str {
        self.document.language().id
    }

    pub fn is_whole(&self) -> bool {
        self.parts.is_empty()
    }

    fn texts(&self) -> Vec<String> {
        if self.is_whole() {
            return vec![self.document.rope().to_string()];
        }
        self.parts.iter().map(|part| self.document.slice(part.clone())).collect()
    }

    /// What it is refused with that the file cannot be changed any more.
    pub fn gone(&self) -> Refusal {
        let sentence = format!(
            "`{}` is not there any more, or was closed while the answer was made. Nothing was applied.",
            self.path
        );
        Refusal::new(Guard::Stale, sentence)
    }
}

impl Assistant {
    /// The job's own file, all of it.
    pub(super) fn shown_here(&self, job: &Job, ground: &Ground) -> Shown {
        Shown {
            uri: job.uri.clone(),
            path: ground.path.clone(),
            document: job.document.clone(),
            is_open: true,
            parts: Vec::new(),
        }
    }

    /// A file as it is now, and whether an editor has it; refused where it was closed since.
    pub(super) fn now(&self, file: &Shown) -> Result<(Arc<Document>, bool), Refusal> {
        let now = self.current(&file.uri).filter(|(_, is_open)| *is_open || !file.is_open);
        now.ok_or_else(|| file.gone())
    }

    pub(super) fn plan_files(&self, job: &Job, ground: Ground) -> Result<Plan, Refusal> {
        let context = ground.card.context_tokens as usize;
        let least = self.rewritten(&ground.region)?;
        let answer = least.max(ANSWER.min(context / 3));
        let fits = |files: &[Shown]| {
            let (prompt, _) = prompt(job, &ground, files);
            self.tokens_of(&prompt, &ground.card) + answer <= context
        };
        let mut files = vec![self.shown_here(job, &ground)];
        if !fits(&files) {
            files = vec![Shown { parts: vec![ground.region.range.clone()], ..self.shown_here(job, &ground) }];
        }
        for file in self.others(job, &ground) {
            if files.len() == reach::MOST_FILES {
                break;
            }
            let parts = file.parts.clone();
            files.push(Shown { parts: Vec::new(), ..file });
            if fits(&files) {
                continue;
            }
            let whole = files.pop();
            let part = whole.filter(|_| !parts.is_empty()).map(|file| Shown { parts, ..file });
            files.extend(part);
            if !fits(&files) && files.len() > 1 {
                files.pop();
            }
        }
        let (prompt, markers) = prompt(job, &ground, &files);
        let asked = self.tokens_of(&prompt, &ground.card);
        let most = context.saturating_sub(asked).min(ANSWER.max(answer));
        let max_tokens = room(job, asked, least, most, &ground.card)?;
        Ok(Plan {
            region: ground.region,
            brings: Yield::Rewrite,
            words: ground.words,
            markers,
            opening: several::opening(Tier::Files).to_owned(),
            prompt,
            max_tokens,
            form: Form::Files(files),
        })
    }

    /// Files besides the job's own, the likeliest first, each with the parts of it that tell most.
    fn others(&self, job: &Job, ground: &Ground) -> Vec<Shown> {
        let rules = &ground.rules;
        let mut others: Vec<Shown> = Vec::new();
        for path in tier::paths(&ground.words).filter(|path| !tier::is_same(path, &ground.path)) {
            let Ok(uri) = reach::resolve(path, rules) else { continue };
            let is_known = others.iter().any(|file| file.uri == uri);
            if let Some((document, is_open)) = self.current(&uri).filter(|_| !is_known) {
                let path = rules.model_path(&uri);
                others.push(Shown { uri, path, document, is_open, parts: Vec::new() });
            }
        }
        if !rules.settings.context.cross_file {
            return others;
        }
        let mut open = self.store.all();
        open.retain(|(uri, _)| *uri != job.uri && others.iter().all(|file| file.uri != *uri));
        // NB: collected before the lock is taken: this looks at files, and typing waits for that lock.
        open.retain(|(uri, _)| {
            rules.permission.refusal(uri).is_none() && leads_to(&rules.model_path(uri), uri, rules)
        });
        let sources: Vec<Source> = {
            let recent = lock(&self.recent);
            let source = |(uri, document): &(Url, Arc<Document>)| Source {
                path: rules.model_path(uri),
                document: document.clone(),
                recency: recent.recency(uri),
            };
            open.iter().map(source).collect()
        };
        let here = ground.region.range.start;
        let nothing = Context::default();
        let found = gather::gather(&job.document, here, &sources, &nothing, usize::MAX, &mut |_| 1);
        let mut parts: HashMap<&str, Vec<&str>> = HashMap::new();
        for snippet in &found.snippets {
            parts.entry(&snippet.path).or_default().push(&snippet.text);
        }
        let mut sharing: Vec<_> = open
            .into_iter()
            .zip(&sources)
            .filter_map(|((uri, document), source)| {
                let text = document.rope().to_string();
                let place = |part: &&str| text.find(part).map(|at| at..at + part.len());
                let mut parts: Vec<_> = parts.get(source.path.as_str())?.iter().filter_map(place).collect();
                parts.sort_by_key(|part| part.start);
                Some(Shown { uri, path: source.path.clone(), document, is_open: true, parts })
            })
            .collect();
        // More that is telling comes first.
        sharing.sort_by_key(|file| std::cmp::Reverse(file.parts.len()));
        others.extend(sharing);
        others
    }
}

fn prompt(job: &Job, ground: &Ground, files: &[Shown]) -> (Instruct, Markers) {
    let texts: Vec<_> =
        files.iter().flat_map(|file| file.texts().into_iter().map(move |text| (file, text))).collect();
    let markers =
        Markers::for_texts(texts.iter().map(|(_, text)| text.as_str()).chain([ground.instruction.as_str()]));
    let [start, search, replace, end] = [markers.start(), markers.search(), markers.replace(), markers.end()];
    let parts: Vec<_> = texts
        .iter()
        .map(|(file, text)| Part {
            path: &file.path,
            name: None,
            fence: file.fence(),
            text,
            is_whole: file.is_whole(),
        })
        .collect();
    let prompt = several::files(&Several {
        instruction: &ground.instruction,
        parts: &parts,
        markers: MarkerText { start: &start, search: &search, replace: &replace, end: &end },
        system: job.system(),
    });
    (prompt, markers)
}

//! GGUF files that are already on this disk: in the folders of other programs, and in ours.
//!
//! [`survey`] looks by name and opens nothing but Ollama's manifests; [`examine`] reads one header. Neither follows a
//! loop of links, gets lost in a huge tree, or fails for a folder that may not be read: what was passed over is told.
//! Nothing is copied, changed or downloaded.

mod ollama;
mod places;
mod walk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::models::catalog::{self, Layout, Model};
use crate::models::gguf::{self, Header, Unfit};
use crate::models::split::Split;
pub use places::{Place, Surroundings};

/// A file that looks like a model, unopened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub place: Place,
    /// The first part, where there are several.
    pub path: PathBuf,
    /// What its owner calls it: Ollama's name, else the file's without its ending.
    pub called: String,
    /// All parts together.
    pub bytes: u64,
    /// Other paths to the same bytes.
    pub also: Vec<PathBuf>,
}

/// All candidates, and what could not be looked at, a sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    pub candidates: Vec<Candidate>,
    pub passed_over: Vec<String>,
}

/// What a sound file is worth.
#[derive(Clone, Debug)]
pub struct Fit {
    pub header: Header,
    /// Its row of the catalogue.
    pub model: Option<&'static Model>,
    /// The family that says how it is asked; empty: none does.
    pub family: String,
    /// Whether it can fill in the middle.
    pub fills: bool,
    /// Whether it says how it is talked to.
    pub chats: bool,
    /// What is odd about it, a sentence each.
    pub notes: Vec<String>,
}

impl Candidate {
    /// Another path to the same bytes: of one place the shorter is shown, for links lead far round.
    fn meet(&mut self, other: Candidate) {
        let mut path = other.path;
        if path == self.path || self.also.contains(&path) {
            return;
        }
        let steps = |path: &Path| path.components().count();
        if other.place == self.place && steps(&path) < steps(&self.path) {
            std::mem::swap(&mut path, &mut self.path);
        }
        self.also.push(path);
    }
}

/// Looks through every place. Ours come first, and of two paths to one file the first place's is kept.
pub fn survey(surroundings: &Surroundings) -> Survey {
    let mut survey = Survey::default();
    let mut seen: HashMap<walk::Identity, usize> = HashMap::new();
    for (place, folder) in surroundings.folders() {
        let mut found = Vec::new();
        if place == Place::Ollama {
            ollama::models(&folder, &mut found, &mut survey.passed_over);
        } else {
            let files = walk::files(&folder, &mut survey.passed_over);
            found.extend(files.into_iter().filter_map(|path| candidate(place, path)));
        }
        for candidate in found {
            let Some(identity) = walk::identity(&candidate.path) else {
                survey.passed_over.push(format!("{}: leads nowhere", candidate.path.display()));
                continue;
            };
            match seen.get(&identity) {
                Some(&first) => survey.candidates[first].meet(candidate),
                None => {
                    seen.insert(identity, survey.candidates.len());
                    survey.candidates.push(candidate);
                }
            }
        }
    }
    survey
}

/// Reads the header, and says what the file is good for.
pub fn examine(candidate: &Candidate) -> Result<Fit, Unfit> {
    let header = gguf::check(&candidate.path)?;
    let spelling = catalog::spelling(&header);
    let model = catalog::recognise(&header, &candidate.called);
    let mut notes: Vec<String> = spelling.notice.into_iter().collect();
    notes.extend(model.and_then(|model| catalog::contradiction(model, &header)));
    Ok(Fit {
        model,
        family: spelling.family,
        fills: spelling.layout != Layout::PrefixOnly,
        chats: header.chat_template.is_some(),
        notes,
        header,
    })
}

/// `None` for a later part of a model whose first part lies beside it.
fn candidate(place: Place, path: PathBuf) -> Option<Candidate> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    let Some(split) = Split::parse(&name) else {
        let called = name.get(..name.len().checked_sub(".gguf".len())?)?.to_owned();
        let bytes = size(&path);
        return Some(Candidate { place, path, called, bytes, also: Vec::new() });
    };
    let sibling = |number: u32| path.with_file_name(split.part(number));
    if split.number > 1 && sibling(1).is_file() {
        return None;
    }
    // A name can announce any number of parts.
    let bytes = (1..=split.count.min(1000)).map(|number| size(&sibling(number))).sum();
    let called = split.stem.to_owned();
    Some(Candidate { place, path, called, bytes, also: Vec::new() })
}

//! Before the model is asked: what the action works on, in which form, whether it fits, and the prompt. Blocking: it
//! parses, counts tokens and may read files.

use std::fs;
use std::sync::Arc;

use url::Url;

use super::files::Shown;
use super::regions::Regions;
use super::{Job, tier};
use crate::assist::{Assistant, Rules, reach};
use crate::completion::Reason;
use crate::edit::destination::{self, Destination};
use crate::edit::guard::{Guard, Refusal};
use crate::edit::markers::{Markers, Tier};
use crate::edit::region::{self, Region};
use crate::edit::{Action, Yield};
use crate::engine::{ModelCard, ModelState};
use crate::prompt::Instruct;
use crate::prompt::instruct::{MarkerText, Task, instruct, instruction_of};
use crate::syntax::Language;
use crate::text::Document;

/// Tokens that an answer may have above half as much again as its region (`edits.md` 6, `fit`).
const ANSWER_MARGIN: usize = 256;
/// Tokens of a test or of prose, and the fewest that are worth asking for.
const ADDITION: usize = 512;
const LEAST: usize = 96;
/// Tokens of control tokens and of the words of a chat template, at most.
const TEMPLATE: usize = 48;
/// A file that is read from the disk, bytes.
const LARGEST: u64 = 1 << 20;

/// What is to be asked.
pub struct Plan {
    /// What the person chose.
    pub region: Region,
    pub brings: Yield,
    /// The person's own words, by which the guards tell what was asked for.
    pub words: String,
    pub markers: Markers,
    /// What the answer begins with, which the prompt already holds.
    pub opening: String,
    pub prompt: Instruct,
    pub max_tokens: u32,
    pub form: Form,
}

/// In what form the answer is asked for.
pub enum Form {
    /// All of the region, or what the action brings besides.
    Region,
    Regions(Arc<Regions>),
    /// What of which files the model was shown; the job's own first.
    Files(Vec<Shown>),
}

impl Form {
    pub fn tier(&self) -> Tier {
        match self {
            Self::Region => Tier::Region,
            Self::Regions(_) => Tier::Regions,
            Self::Files(_) => Tier::Files,
        }
    }
}

/// What is known of a job before anything is asked.
pub struct Ground {
    pub rules: Arc<Rules>,
    pub card: Arc<ModelCard>,
    pub region: Region,
    /// Of the job's document, as the model is told it.
    pub path: String,
    /// The person's own words.
    pub words: String,
    /// The task, in words.
    pub instruction: String,
}

/// How a question is asked after a first answer that was of no use.
pub enum Next {
    /// In the same form; the model is told what was wrong.
    Same,
    /// The whole region at once.
    Region,
    /// These regions of files that were shown.
    Regions(Regions),
}

impl Assistant {
    /// The first question of a job.
    pub(super) fn plan(&self, job: &Job) -> Result<Plan, Refusal> {
        self.asked_for(job, self.ground(job)?)
    }

    /// The question after an answer that had to be refused for `complaint`.
    pub(super) fn plan_again(&self, job: &Job, next: Next, complaint: &Refusal) -> Result<Plan, Refusal> {
        let mut ground = self.ground(job)?;
        // Another form has no use for what was wrong with the first one.
        if matches!(next, Next::Same) || complaint.guard != Guard::Malformed {
            ground.instruction = format!("{} {}", ground.instruction, complaint.sentence);
        }
        match next {
            Next::Same => self.asked_for(job, ground),
            Next::Region => self.plan_region(job, ground, None),
            Next::Regions(regions) => self.plan_regions(job, ground, regions),
        }
    }

    /// One region of several, by itself.
    pub(super) fn plan_one(&self, job: &Job, regions: &Regions, index: usize) -> Result<Plan, Refusal> {
        self.plan_region(job, self.ground(job)?, regions.get(index))
    }

    fn asked_for(&self, job: &Job, ground: Ground) -> Result<Plan, Refusal> {
        let brings = job.brings();
        let pieces = region::pieces(&job.document, &ground.region);
        let is_file = |path: &str| reach::resolve(path, &ground.rules).is_ok_and(|uri| self.is_there(&uri));
        let chosen = tier::choose(&tier::Asked {
            format: self.settings().edits.format,
            card: &ground.card,
            action: job.action,
            brings,
            lines: ground.region.text.lines().count(),
            pieces: pieces.len(),
            is_reachable: leads_to(&ground.path, &job.uri, &ground.rules),
            is_wide: &|| tier::is_wide(&ground.words, &ground.path, &is_file),
        });
        match chosen {
            Tier::Region => self.plan_region(job, ground, None),
            Tier::Regions => {
                let regions = Regions::of_one(self.shown_here(job, &ground), pieces);
                self.plan_regions(job, ground, regions)
            }
            Tier::Files => self.plan_files(job, ground),
        }
    }

    fn ground(&self, job: &Job) -> Result<Ground, Refusal> {
        let rules = self.rules_at(&job.uri);
        if let Some(reason) = rules.permission.refusal(&job.uri) {
            let why = if reason == Reason::OffSecret {
                "it looks like one that holds secrets"
            } else {
                "it is excluded by an ignore file or by `context.ignore`"
            };
            return Err(Refusal::new(Guard::Outside, format!("This file is not shown to a model: {why}.")));
        }
        let card = match self.edit_model() {
            ModelState::Ready(card) => card,
            ModelState::Unloaded => return Err(no_model("No model is loaded; set `model.path`.")),
            ModelState::Loading { .. } => {
                return Err(no_model("The model is still loading; try again in a moment."));
            }
            ModelState::Failed(why) => return Err(no_model(&why)),
        };
        let is_own = matches!(job.action, Action::Edit | Action::Custom) && job.recipe.is_none();
        if is_own && job.detail.trim().is_empty() {
            return Err(Refusal::new(Guard::Empty, "There is no instruction. Say what to change."));
        }
        let region = job.region()?;
        let path = rules.model_path(&job.uri);
        let words = job.words(&region, &path)?;
        let instruction = instruction_of(job.action, &words);
        Ok(Ground { rules, card, region, path, words, instruction })
    }

    /// One region by itself: that which was chosen, or `one` of those that it was divided into.
    fn plan_region(
        &self,
        job: &Job,
        ground: Ground,
        one: Option<(&Shown, &Region)>,
    ) -> Result<Plan, Refusal> {
        let Ground { rules, card, region, path, words, instruction } = ground;
        let brings = job.brings();
        let (path, document, region) = match one {
            Some((file, region)) => (file.path.clone(), &*file.document, region.clone()),
            None => (path, &*job.document, region),
        };
        let destination = (brings == Yield::Addition)
            .then(|| self.destination(document, &region, &path, &rules, &job.uri))
            .transpose()?;
        let markers = Markers::for_texts([region.text.as_str(), &instruction]);
        let [start, search, replace, end] =
            [markers.start(), markers.search(), markers.replace(), markers.end()];
        let opening = destination.as_ref().map(|place| place.opening.clone()).unwrap_or_default();
        let prompt = instruct(&Task {
            brings,
            instruction: &instruction,
            path: &path,
            fence: document.language().id,
            region: &region.text,
            signatures: &[],
            test_path: destination.as_ref().map(|place| place.path.as_str()),
            opening: &opening,
            markers: MarkerText { start: &start, search: &search, replace: &replace, end: &end },
            system: job.system(),
        });
        let rewritten = self.rewritten(&region)?;
        let asked = self.tokens_of(&prompt, &card);
        let wanted = match brings {
            Yield::Rewrite => rewritten,
            Yield::Addition | Yield::Prose => {
                ADDITION.min((card.context_tokens as usize).saturating_sub(asked).max(LEAST))
            }
        };
        let max_tokens = room(job, asked, wanted, wanted, &card)?;
        Ok(Plan { region, brings, words, markers, opening, prompt, max_tokens, form: Form::Region })
    }

    /// Tokens that a region may take when it is written anew; a refusal where it is too large for that.
    pub(super) fn rewritten(&self, region: &Region) -> Result<usize, Refusal> {
        let tokens = self.count(&region.text);
        let most = self.settings().edits.max_region_tokens.unwrap_or(self.profile().region) as usize;
        if tokens > most {
            return Err(Refusal::new(
                Guard::Fit,
                format!(
                    "The code has {tokens} tokens and `edits.maxRegionTokens` is {most}. Select less, or raise it."
                ),
            ));
        }
        Ok(tokens + tokens / 2 + ANSWER_MARGIN)
    }

    pub(super) fn count(&self, text: &str) -> usize {
        self.editor.count_tokens(text).unwrap_or(text.len())
    }

    /// Tokens of a prompt as this model is given it, or a few more.
    pub(super) fn tokens_of(&self, prompt: &Instruct, card: &ModelCard) -> usize {
        if card.chats {
            self.count(&prompt.system) + self.count(&prompt.user) + self.count(&prompt.prefill) + TEMPLATE
        } else {
            self.count(&prompt.plain)
        }
    }

    /// Where a test of `region` goes.
    pub(super) fn destination(
        &self,
        document: &Document,
        region: &Region,
        path: &str,
        rules: &Rules,
        home: &Url,
    ) -> Result<Destination, Refusal> {
        let existing = |path: &str| self.text_of(&reach::resolve(path, rules).ok()?);
        let place = destination::of(document, region, path, &existing);
        if place.path == path {
            return Ok(place);
        }
        let refused = |why: &str| {
            Refusal::new(Guard::Outside, format!("The test belongs into `{}`, {why}.", place.path))
        };
        if home.scheme() != "file" {
            return Err(refused("and this document is no file, so there is no folder for it; save it first"));
        }
        // What is there and cannot be read must not be taken for what is not there.
        if place.existing.is_none() && reach::resolve(&place.path, rules).is_ok_and(|uri| self.is_there(&uri))
        {
            return Err(refused(
                "which is there and is no text that can be added to: not UTF-8, larger than 1 MiB, or no plain file",
            ));
        }
        Ok(place)
    }

    /// The text of a file: as the editor has it, else as it is on the disk.
    pub(super) fn text_of(&self, uri: &Url) -> Option<String> {
        if let Some(document) = self.snapshot(uri) {
            return Some(document.rope().to_string());
        }
        let path = uri.to_file_path().ok()?;
        let is_small = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST);
        if is_small { fs::read_to_string(path).ok() } else { None }
    }

    /// The document as it is now: as the editor has it, else as it is on the disk. And whether an editor has it.
    pub(super) fn current(&self, uri: &Url) -> Option<(Arc<Document>, bool)> {
        if let Some(document) = self.snapshot(uri) {
            return Some((document, true));
        }
        let text = self.text_of(uri)?;
        Some((Document::new(Language::of("", uri.path()), 0, &text).into(), false))
    }

    /// Whether there is such a file, even one that cannot be read.
    pub(super) fn is_there(&self, uri: &Url) -> bool {
        let on_disk = || uri.to_file_path().is_ok_and(|path| path.symlink_metadata().is_ok());
        self.snapshot(uri).is_some() || on_disk()
    }

    /// The rules; for a file outside every workspace folder its own folder counts as one.
    pub(super) fn rules_at(&self, uri: &Url) -> std::sync::Arc<Rules> {
        let rules = self.rules();
        let Ok(path) = uri.to_file_path() else { return rules };
        if rules.roots.iter().any(|root| path.starts_with(root)) {
            return rules;
        }
        let folder = path.parent().map(std::path::Path::to_path_buf);
        Rules::new(rules.settings.clone(), folder.into_iter().collect()).into()
    }
}

/// Tokens that an answer may have, from `wanted` to `most`, or a refusal that says why it cannot have enough.
pub fn room(job: &Job, prompt: usize, wanted: usize, most: usize, card: &ModelCard) -> Result<u32, Refusal> {
    let context = card.context_tokens as usize;
    let left = context.saturating_sub(prompt);
    if wanted > left {
        return Err(Refusal::new(
            Guard::Fit,
            format!(
                "The question has {prompt} tokens and its answer may need {wanted}, more than the model's context of \
                 {context}. Select less, or use a model with a larger context."
            ),
        ));
    }
    let asked = job.max_tokens().map_or(most, |most| most as usize).clamp(1, left.max(1));
    Ok(u32::try_from(asked).unwrap_or(u32::MAX))
}

/// Whether a model that names `path` means the file of `uri`.
pub fn leads_to(path: &str, uri: &Url, rules: &Rules) -> bool {
    reach::resolve(path, rules).is_ok_and(|meant| is_same_file(&meant, uri))
}

/// Whether two spellings mean one file: editors escape what need not be.
pub fn is_same_file(a: &Url, b: &Url) -> bool {
    a == b || a.to_file_path().is_ok_and(|path| b.to_file_path() == Ok(path))
}

fn no_model(sentence: &str) -> Refusal {
    Refusal::new(Guard::Model, sentence)
}

//! One action, start to finish: region → tier → prompt → engine → markers → repair → guards → a proposal.
//!
//! A tier says how much the model is asked for: one region (`plan`, `settle`), several (`regions`), or changes in files
//! that it names (`files`, `hunks`). All of an answer is used or nothing of it.
//!
//! What comes out is either a change that is exact against the document as it is *now*, prose for the person, or a
//! refusal with its code and a sentence. Nothing is written here: a proposal is applied by whoever asked, and whether
//! that worked is for them to find out.

mod ask;
mod files;
mod hunks;
mod job;
mod judge;
mod menu;
mod plan;
mod regions;
mod review;
mod settle;
mod tier;

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use url::Url;

use crate::assist::Assistant;
use crate::assist::diary::Entry;
use crate::assist::recipes::Recipe;
use crate::edit::Action;
use crate::edit::guard::{Guard, Refusal};
use crate::engine::sample::Sampling;
use crate::engine::{ModelState, Reading, Usage};
use crate::text::Document;
use crate::threads::{Broken, lock, off_the_runtime};
use ask::Asked;
pub use ask::LONGEST;
pub(super) use menu::Cookbook;
use plan::{Next, Plan};
use regions::Answers;

/// What is asked for. The snapshot was taken before the first await.
pub struct Job {
    pub uri: Url,
    pub document: Arc<Document>,
    /// Bytes; empty: the cursor, and the function round it is meant.
    pub selection: Range<usize>,
    pub action: Action,
    /// The person's own words, or the message of the diagnostic; may be empty.
    pub detail: String,
    /// Bytes of the diagnostic, for a fix.
    pub diagnostic: Option<Range<usize>>,
    /// The messages of the diagnostics there, for a recipe that names them.
    pub diagnostics: Vec<String>,
    /// What the person wrote down, for [`Action::Custom`]; without one their words are the instruction.
    pub recipe: Option<Arc<Recipe>>,
    pub options: Options,
}

/// What a request may set for itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Tokens of the answer at most; none: by the region's size.
    pub max_tokens: Option<u32>,
    /// None: that of the settings.
    pub sampling: Option<Sampling>,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
    /// Instead of our own words for the system message.
    pub system: Option<String>,
}

/// How an answer comes along: as often as something is new, and every tenth of a second while nothing is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The model is reading, so much by now; nothing is written yet.
    Reading(Reading),
    Writing {
        /// Written so far.
        tokens: u32,
        per_second: f32,
        /// The last whole line.
        line: String,
        /// What was written since the last report, as it came from the model; empty where that is nothing.
        piece: String,
    },
    /// Who answers, where there is more than one who may; said before the first of what they write.
    By(String),
    /// A first answer could not be used; the model is told why and tries once more.
    Again(String),
}

/// What became of a job.
#[derive(Clone, Debug)]
pub struct Acted {
    /// Names it in `codesage.cancel`, `codesage.undo`, previews and the journal.
    pub id: String,
    pub outcome: Outcome,
    /// What was mended on the way, for the person.
    pub repairs: Vec<String>,
    /// What a review found.
    pub findings: Vec<Finding>,
    pub usage: Usage,
    /// Who answered last, where there is more than one who may.
    pub model: Option<String>,
    pub milliseconds: u64,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every guard was passed.
    Apply(Proposal),
    /// To be shown first: why, and the sentence.
    Preview(Proposal, Guard, String),
    /// Prose, in Markdown.
    Answer(String),
    Refused(Refusal),
    Cancelled,
}

/// One thing that a review says of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Bytes of the job's document.
    pub range: Range<usize>,
    pub message: String,
}

/// A change of one file or more, each with its text before and after. Files are written and created; a model deletes
/// and renames none.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What the editor calls it in its undo list.
    pub label: String,
    pub files: Vec<FileChange>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FileChange {
    pub uri: Url,
    /// As the model was told it.
    pub path: String,
    /// The version that `before` is of; `None` for a file that is not open.
    pub version: Option<i32>,
    /// `None` for a file that is to be created.
    pub before: Option<String>,
    pub after: String,
}

/// What one attempt came to.
enum Attempt {
    Done(Outcome, Vec<String>, Vec<Finding>),
    Failed(Box<Failed>),
}

/// Not usable, and why.
struct Failed {
    refusal: Refusal,
    /// What it would have changed, where that can be shown.
    proposal: Option<Proposal>,
    /// What to do with the one more try that there is.
    next: Second,
}

/// A second try.
enum Second {
    Ask(Next),
    /// The regions that are of no use yet, one after the other; the others are kept.
    Each(Answers),
}

/// Refusals that a model can mend when it is told.
const MENDABLE: &[Guard] = &[Guard::Malformed, Guard::Elision, Guard::Syntax, Guard::Empty];

impl Assistant {
    /// Does one job. Every job ends in exactly one outcome; dropping the future cancels it and nothing is changed.
    pub async fn act(self: &Arc<Self>, job: Job, report: impl FnMut(Progress) + Send) -> Acted {
        self.act_as(self.new_action_id(), job, report).await
    }

    /// As [`act`](Self::act), for who has named the action before it began: `id` is a [`new_action_id`](Self::new_action_id).
    pub async fn act_as(
        self: &Arc<Self>,
        id: String,
        job: Job,
        mut report: impl FnMut(Progress) + Send,
    ) -> Acted {
        let began = Instant::now();
        lock(&self.ledger).edit_requested();
        let mut acted = Acted {
            id,
            outcome: Outcome::Cancelled,
            repairs: Vec::new(),
            findings: Vec::new(),
            usage: Usage::default(),
            model: None,
            milliseconds: 0,
        };
        let entry = Entry::open(self, &acted.id, &job, &self.rules_at(&job.uri));
        acted.outcome = match self.attempts(Arc::new(job), &mut acted, &mut report).await {
            Ok(outcome) => outcome,
            Err(refusal) => Outcome::Refused(refusal),
        };
        if let Outcome::Refused(refusal) = &acted.outcome {
            lock(&self.ledger).edit_refused(refusal.guard.code());
        }
        acted.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        entry.close(&acted);
        acted
    }

    /// Asks once, and once more where the answer can be mended: by being told what is wrong with it, or by being asked
    /// for in a form that is easier to keep to (`edits.md` 2). There is no third time, so an answer falls one tier at
    /// most: files to the regions that its hunks are about, regions to those of them that are of no use, each by
    /// itself.
    async fn attempts(
        self: &Arc<Self>,
        job: Arc<Job>,
        acted: &mut Acted,
        report: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Outcome, Refusal> {
        report(Progress::Reading(Reading::default()));
        self.introduced().await;
        let _hold = self.editor_loaded().await;
        let (this, asked) = (self.clone(), job.clone());
        let plan = Arc::new(off_the_runtime(move || this.plan(&asked)).await??);
        let Some(first) = self.attempt(&job, &plan, acted, report).await? else {
            return Ok(Outcome::Cancelled);
        };
        let failed = match first {
            Attempt::Failed(failed) if MENDABLE.contains(&failed.refusal.guard) => *failed,
            ended => return end(ended, acted),
        };
        let Failed { refusal, next, .. } = failed;
        report(Progress::Again(refusal.sentence.clone()));
        let second = match next {
            Second::Ask(next) => {
                let (this, asked, complaint) = (self.clone(), job.clone(), refusal.clone());
                let plan = off_the_runtime(move || this.plan_again(&asked, next, &complaint)).await?;
                // Where there is no room for a second question, what was wrong with the first answer is the reason.
                let plan = Arc::new(plan.map_err(|_| refusal)?);
                self.attempt(&job, &plan, acted, report).await?
            }
            Second::Each(answers) => self.each(&job, &plan, answers, acted, report).await?,
        };
        second.map_or(Ok(Outcome::Cancelled), |second| end(second, acted))
    }

    /// A server that was named is asked first what it is, once; until then nobody knows how much it reads.
    async fn introduced(&self) {
        if self.editor.remote().is_some() {
            let is_known = |state: &ModelState| !matches!(state, ModelState::Loading { .. });
            // The backend is gone: the question will say so.
            let _ = self.editor.watch().wait_for(is_known).await;
        }
    }

    /// Asks, and looks at the answer; nothing when it was cancelled by the engine.
    async fn attempt(
        self: &Arc<Self>,
        job: &Arc<Job>,
        plan: &Arc<Plan>,
        acted: &mut Acted,
        report: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Option<Attempt>, Refusal> {
        let Asked { written, usage, model } = self.ask(plan, job, report).await?;
        add(&mut acted.usage, usage);
        acted.model = model;
        let Some(written) = written else { return Ok(None) };
        let (this, job, plan) = (self.clone(), job.clone(), plan.clone());
        Ok(Some(off_the_runtime(move || this.settle(&job, &plan, &written)).await?))
    }

    /// Asks for each region that `answers` lacks by itself, and looks at all of them together.
    async fn each(
        self: &Arc<Self>,
        job: &Arc<Job>,
        plan: &Arc<Plan>,
        mut answers: Answers,
        acted: &mut Acted,
        report: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Option<Attempt>, Refusal> {
        for index in std::mem::take(&mut answers.wanted) {
            let (this, asked, regions) = (self.clone(), job.clone(), answers.regions.clone());
            let plan = off_the_runtime(move || this.plan_one(&asked, &regions, index)).await??;
            let Asked { written, usage, model } = self.ask(&plan, job, report).await?;
            add(&mut acted.usage, usage);
            acted.model = model;
            let Some(written) = written else { return Ok(None) };
            answers.put(index, &plan, &written)?;
        }
        let (this, job, plan) = (self.clone(), job.clone(), plan.clone());
        Ok(Some(off_the_runtime(move || this.settle_answers(&job, &plan, answers)).await?))
    }
}

/// What a job comes to with its last attempt.
fn end(attempt: Attempt, acted: &mut Acted) -> Result<Outcome, Refusal> {
    match attempt {
        Attempt::Done(outcome, repairs, findings) => {
            acted.repairs = repairs;
            acted.findings = findings;
            Ok(outcome)
        }
        Attempt::Failed(failed) => match *failed {
            Failed { refusal, proposal: Some(proposal), .. } if refusal.guard == Guard::Syntax => {
                Ok(Outcome::Preview(proposal, refusal.guard, refusal.sentence))
            }
            Failed { refusal, .. } => Err(refusal),
        },
    }
}

impl Failed {
    fn new(refusal: impl Into<Refusal>, next: Second) -> Box<Self> {
        Box::new(Self { refusal: refusal.into(), proposal: None, next })
    }

    /// To be asked for again in the same form.
    fn same(refusal: impl Into<Refusal>) -> Box<Self> {
        Self::new(refusal, Second::Ask(Next::Same))
    }
}

/// The cost of all attempts.
fn add(sum: &mut Usage, more: Usage) {
    sum.prompt_tokens += more.prompt_tokens;
    sum.evaluated_tokens += more.evaluated_tokens;
    sum.reused_tokens += more.reused_tokens;
    sum.generated_tokens += more.generated_tokens;
    sum.forced_tokens += more.forced_tokens;
    sum.queue_ms += more.queue_ms;
    sum.prefill_ms += more.prefill_ms;
    sum.decode_ms += more.decode_ms;
    sum.forced_ms += more.forced_ms;
}

impl From<Broken> for Refusal {
    fn from(_: Broken) -> Self {
        let sentence = "An internal error ended the action; the log has it. Nothing was changed.";
        Self::new(Guard::Model, sentence)
    }
}

#[cfg(test)]
mod tests;

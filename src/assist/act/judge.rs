//! A change of one file or several, held against the guards, and whether a person is to see it first.
//!
//! Either all files are changed or none. What the guards doubt is shown whatever `edits.confirm` says; the setting can
//! only add to that.

use std::ops::Range;
use std::sync::Arc;

use url::Url;

use super::plan::{Plan, is_same_file};
use super::{FileChange, Job, Outcome, Proposal};
use crate::assist::Assistant;
use crate::config::Confirm;
use crate::edit::guard::{self, Change, Guard, Refusal, Verdict};
use crate::edit::{Yield, region};
use crate::text::Document;

/// A change of one file, before it is guarded.
pub struct Draft {
    pub uri: Url,
    pub path: String,
    /// As it is; an empty one for a file that is to be made.
    pub document: Arc<Document>,
    /// Whether the file is there.
    pub exists: bool,
    /// Whether an editor has it open.
    pub is_open: bool,
    pub brings: Yield,
    pub region: Range<usize>,
    pub after: String,
    pub repairs: Vec<String>,
    /// Names of which a test has to use one.
    pub tested: Vec<String>,
    /// What made it uncertain on the way.
    pub doubt: Option<String>,
}

/// What the guards say of drafts.
pub enum Judged {
    Passed(Outcome, Vec<String>),
    Refused(Refusal, Proposal),
}

impl Assistant {
    /// `is_wide`: the model chose the places, so that what is elsewhere than in the job's own file is shown first.
    pub(super) fn judge(&self, job: &Job, plan: &Plan, drafts: Vec<Draft>, is_wide: bool) -> Judged {
        let is_here = |draft: &Draft| is_same_file(&draft.uri, &job.uri);
        let is_elsewhere = drafts.len() > 1 || is_wide && !drafts.iter().all(is_here);
        let count = drafts.len();
        let (mut doubt, mut refusal) = (None, None);
        for draft in &drafts {
            let named = |sentence: String| match count {
                1 => sentence,
                _ => format!("`{}`: {sentence}", draft.path),
            };
            if let Some(sentence) = &draft.doubt {
                doubt.get_or_insert((Guard::Malformed, named(sentence.clone())));
            }
            match verdict(job, plan, draft) {
                Verdict::Apply => {}
                Verdict::Confirm(guard, sentence) => {
                    doubt.get_or_insert((guard, named(sentence)));
                }
                Verdict::Refuse(guard, sentence) => {
                    refusal.get_or_insert(Refusal::new(guard, named(sentence)));
                }
            }
        }
        let repairs = drafts.iter().flat_map(|draft| draft.repairs.clone()).collect();
        let proposal = Proposal {
            label: job.label(plan.region.name.as_deref()),
            files: drafts.into_iter().map(FileChange::from).collect(),
        };
        if let Some(refusal) = refusal {
            return Judged::Refused(refusal, proposal);
        }
        let wished = match self.settings().edits.confirm {
            Confirm::Always => Some("Every edit is shown before it is made, as `edits.confirm` has it."),
            Confirm::Auto if is_elsewhere => Some(
                "The edit reaches other files, so it is shown before it is made; `edits.confirm` can change that.",
            ),
            Confirm::Auto | Confirm::Never => None,
        };
        let shown = doubt.or_else(|| wished.map(|sentence| (Guard::Confirm, sentence.to_owned())));
        let outcome = match shown {
            Some((guard, sentence)) => Outcome::Preview(proposal, guard, sentence),
            None => Outcome::Apply(proposal),
        };
        Judged::Passed(outcome, repairs)
    }
}

/// What the guards say of one file.
pub fn verdict(job: &Job, plan: &Plan, draft: &Draft) -> Verdict {
    // A file may be meant to be empty, where that it is there is all that counts: `__init__.py`.
    if !draft.exists && draft.after.is_empty() {
        return Verdict::Apply;
    }
    let here = job.diagnostic.as_ref().filter(|_| is_same_file(&draft.uri, &job.uri));
    // It moved with its code while the answer was made.
    let diagnostic =
        here.and_then(|range| region::follow(range, &plan.region, &job.document, &draft.document));
    guard::check(&Change {
        action: job.action,
        brings: draft.brings,
        instruction: &plan.words,
        document: &draft.document,
        region: draft.region.clone(),
        text: &draft.after,
        diagnostic,
        tested: &draft.tested,
    })
}

impl From<Draft> for FileChange {
    fn from(draft: Draft) -> Self {
        Self {
            version: draft.is_open.then(|| draft.document.version()),
            before: draft.exists.then(|| draft.document.rope().to_string()),
            uri: draft.uri,
            path: draft.path,
            after: draft.after,
        }
    }
}

//! After the model has answered: what its text means for the document as it is *now*, and whether that may be applied.

use std::sync::Arc;

use super::ask::Written;
use super::judge::{Draft, Judged};
use super::plan::{Form, Plan};
use super::review;
use super::{Attempt, Failed, Job, Outcome};
use crate::assist::{Assistant, reach};
use crate::edit::guard::{Guard, Refusal};
use crate::edit::markers::{Body, Parser, Status, Stop, Tier};
use crate::edit::region::{self, Region};
use crate::edit::repair::{self, Step, Surroundings, heading, unfence};
use crate::edit::script::{self, EditScript};
use crate::edit::{Action, Yield};
use crate::syntax::Language;
use crate::text::{Document, unseen};

impl Assistant {
    pub(super) fn settle(&self, job: &Job, plan: &Plan, written: &Written) -> Attempt {
        match (&plan.form, plan.brings) {
            (_, Yield::Prose) => prose(job, plan, written),
            (Form::Region, Yield::Rewrite | Yield::Addition) => self.settle_region(job, plan, written),
            (Form::Regions(regions), _) => self.settle_regions(job, plan, regions, written),
            (Form::Files(files), _) => self.settle_files(job, plan, files, written),
        }
    }

    fn settle_region(&self, job: &Job, plan: &Plan, written: &Written) -> Attempt {
        let draft = match self.draft(job, plan, written) {
            Ok(draft) => draft,
            Err(refusal) => return Attempt::Failed(Failed::same(refusal)),
        };
        match self.judge(job, plan, vec![draft], false) {
            Judged::Passed(outcome, repairs) => Attempt::Done(outcome, repairs, Vec::new()),
            Judged::Refused(refusal, proposal) => {
                Attempt::Failed(Box::new(Failed { proposal: Some(proposal), ..*Failed::same(refusal) }))
            }
        }
    }

    fn draft(&self, job: &Job, plan: &Plan, written: &Written) -> Result<Draft, Refusal> {
        let (body, status) = body(plan, written)?;
        let closed = || {
            Refusal::new(
                Guard::Stale,
                "The document was closed while the answer was made. Nothing was applied.",
            )
        };
        let now = self.snapshot(&job.uri).ok_or_else(closed)?;
        let range = region::relocate(&plan.region, &job.document, &now)?;
        let rules = self.rules_at(&job.uri);
        let path = rules.model_path(&job.uri);
        let here = |after, region, repairs, document: &Arc<Document>| Draft {
            uri: job.uri.clone(),
            path: path.clone(),
            document: document.clone(),
            exists: true,
            is_open: true,
            brings: plan.brings,
            region,
            after,
            repairs,
            tested: Vec::new(),
            doubt: None,
        };
        if plan.brings == Yield::Addition {
            let region = Region { range: range.clone(), ..plan.region.clone() };
            let destination = self.destination(&now, &region, &path, &rules, &job.uri)?;
            let after = destination.place(unfence(&body).unwrap_or(&body))?;
            let tested = destination.tested.clone();
            if destination.path == path {
                return Ok(Draft { tested, ..here(after, range, Vec::new(), &now) });
            }
            let uri = reach::resolve(&destination.path, &rules)?;
            let open = self.snapshot(&uri);
            let language = Language::of("", &destination.path);
            let text = destination.existing.as_deref();
            let is_open = open.is_some();
            let document =
                open.unwrap_or_else(|| Document::new(language, 0, text.unwrap_or_default()).into());
            return Ok(Draft {
                uri,
                path: destination.path.clone(),
                exists: text.is_some(),
                is_open,
                tested,
                ..here(after, 0..0, Vec::new(), &document)
            });
        }
        let text = now.rope().to_string();
        let around = Surroundings::of(&text, range.clone()).ok_or_else(closed)?;
        let repaired = repair::repair(heading::without(&body, &plan.region.text, &path)?, &around)?;
        let mut after = text;
        after.replace_range(range.clone(), &repaired.text);
        // A region never ends in a line end and an answer always does: nothing was wrong with that.
        let steps = repaired.steps.iter().filter(|step| **step != Step::FinalLineEnd);
        let repairs = steps.map(ToString::to_string).collect();
        let doubt = (status == Status::Unterminated && now.tree().is_none()).then(|| NO_END.to_owned());
        Ok(Draft { doubt, ..here(after, range, repairs, &now) })
    }
}

/// Said of an answer that has no end where no parser can tell that it is whole.
const NO_END: &str =
    "The answer has no end marker, and nothing tells whether it is whole. Look at it before it is used.";

/// What the model wrote for the region and how that ended, or why it cannot be used.
pub fn body(plan: &Plan, written: &Written) -> Result<(String, Status), Refusal> {
    let edit = read(plan, written).into_single()?;
    match edit.body {
        Body::Whole(text) => Ok((text, edit.status)),
        Body::Hunks(_) => Err(Refusal::new(
            Guard::Malformed,
            "The answer has pieces to search and replace where the whole new code was asked for.",
        )),
    }
}

/// The edits of an answer that may have several: there is one, and nothing was cut off.
pub fn script(plan: &Plan, written: &Written) -> Result<EditScript, script::Refusal> {
    // Behind the last edit too: there may have been another one to come, and half of a change is none.
    if written.stop == Stop::Limit {
        return Err(script::Refusal::Truncated);
    }
    let script = read(plan, written);
    if script.edits.is_empty() { Err(script::Refusal::NoEdit) } else { Ok(script) }
}

fn read(plan: &Plan, written: &Written) -> EditScript {
    let mut parser = Parser::opened(plan.form.tier(), plan.markers.clone());
    parser.push(&plan.opening);
    parser.push(&written.text);
    EditScript::of(parser.finish(written.stop))
}

fn prose(job: &Job, plan: &Plan, written: &Written) -> Attempt {
    // An edit in an answer of words is nobody's: it was not asked for, and is not shown as if it were.
    let mut parser = Parser::new(Tier::Files, plan.markers.clone());
    parser.push(&plan.opening);
    parser.push(&written.text);
    let mut text = unseen::shown(parser.finish(written.stop).prose.trim()).into_owned();
    if text.is_empty() {
        let refusal =
            Refusal::new(Guard::Empty, "The model wrote nothing. Ask again, or use a larger model.");
        return Attempt::Failed(Failed::same(refusal));
    }
    let findings = match job.action {
        Action::Review => review::findings(&text, &plan.region),
        _ => Vec::new(),
    };
    if written.stop == Stop::Limit {
        text += "\n\n*(The answer was cut off at its limit.)*";
    }
    Attempt::Done(Outcome::Answer(text), Vec::new(), findings)
}

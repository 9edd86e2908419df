//! Several regions at once: each is shown with its number, and the model answers for those that change.
//!
//! What it does not answer for stays as it is. What it answers for is put where the region is *now*, or not at all.

use std::ops::Range;
use std::sync::Arc;

use super::ask::Written;
use super::files::Shown;
use super::judge::{Draft, Judged, verdict};
use super::plan::{Form, Ground, Next, Plan, room};
use super::settle::{body, script};
use super::{Attempt, Failed, Job, Second};
use crate::assist::Assistant;
use crate::edit::Yield;
use crate::edit::guard::{Refusal, Verdict};
use crate::edit::markers::{Body, Fault, Markers, Status, Tier};
use crate::edit::region::{self, Region};
use crate::edit::repair::{self, Surroundings, heading};
use crate::edit::script;
use crate::prompt::instruct::MarkerText;
use crate::prompt::instruct::several::{self, Part, Several};

/// Regions that are asked for one by one, at most: more of them take longer than all at once.
const FEW: usize = 4;

/// Regions, in the order of their numbers.
pub struct Regions {
    files: Vec<Shown>,
    /// Each with the file that it is of.
    regions: Vec<(usize, Region)>,
}

/// What was written for the regions so far.
pub struct Answers {
    pub regions: Arc<Regions>,
    /// By index of the region; the text as the model wrote it.
    bodies: Vec<(usize, String)>,
    /// Indices of those that are still to be asked for.
    pub wanted: Vec<usize>,
    /// Whether all edits were ended as they should be.
    is_whole: bool,
}

impl Regions {
    pub fn of_one(file: Shown, regions: Vec<Region>) -> Self {
        Self { files: vec![file], regions: regions.into_iter().map(|region| (0, region)).collect() }
    }

    /// `regions` are each of one of `files`, none of them touching another.
    pub fn new(files: Vec<Shown>, regions: Vec<(usize, Region)>) -> Self {
        Self { files, regions }
    }

    pub fn len(&self) -> usize {
        self.regions.len()
    }

    pub fn get(&self, index: usize) -> Option<(&Shown, &Region)> {
        let (file, region) = self.regions.get(index)?;
        Some((self.files.get(*file)?, region))
    }

    fn iter(&self) -> impl Iterator<Item = (&Shown, &Region)> {
        self.regions.iter().filter_map(|(file, region)| Some((self.files.get(*file)?, region)))
    }
}

impl Answers {
    /// Adds what a region's own question was answered with.
    pub fn put(&mut self, index: usize, plan: &Plan, written: &Written) -> Result<(), Refusal> {
        self.bodies.push((index, body(plan, written)?.0));
        Ok(())
    }
}

impl Assistant {
    pub(super) fn plan_regions(&self, job: &Job, ground: Ground, regions: Regions) -> Result<Plan, Refusal> {
        let Ground { card, region, words, instruction, .. } = ground;
        let texts = regions.iter().map(|(_, region)| region.text.as_str());
        let markers = Markers::for_texts(texts.chain([instruction.as_str()]));
        let [start, search, replace, end] =
            [markers.start(), markers.search(), markers.replace(), markers.end()];
        let part =
            |(file, region): (&'_ Shown, &'_ Region)| (file.path.clone(), region.clone(), file.fence());
        let parts: Vec<_> = regions.iter().map(part).collect();
        let parts: Vec<Part> = parts
            .iter()
            .map(|(path, region, fence)| Part {
                path,
                name: region.name.as_deref(),
                fence,
                text: &region.text,
                is_whole: false,
            })
            .collect();
        let prompt = several::regions(&Several {
            instruction: &instruction,
            parts: &parts,
            markers: MarkerText { start: &start, search: &search, replace: &replace, end: &end },
            system: job.system(),
        });
        let mut wanted = 0;
        for (_, region) in regions.iter() {
            wanted += self.rewritten(region)?;
        }
        let max_tokens = room(job, self.tokens_of(&prompt, &card), wanted, wanted, &card)?;
        Ok(Plan {
            region,
            brings: Yield::Rewrite,
            words,
            markers,
            opening: several::opening(Tier::Regions).to_owned(),
            prompt,
            max_tokens,
            form: Form::Regions(regions.into()),
        })
    }

    /// What an answer means for the regions that it was asked for.
    pub(super) fn settle_regions(
        &self,
        job: &Job,
        plan: &Plan,
        regions: &Arc<Regions>,
        written: &Written,
    ) -> Attempt {
        let script = match script(plan, written) {
            Ok(script) => script,
            Err(refusal) => return Attempt::Failed(Failed::new(refusal, Second::Ask(Next::Region))),
        };
        let mut answers =
            Answers { regions: regions.clone(), bodies: Vec::new(), wanted: Vec::new(), is_whole: true };
        let mut first = None;
        for edit in script.edits {
            let number = edit.region.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
            let Some(index) = number.filter(|index| *index < regions.len()) else {
                let refusal = script::Refusal::Malformed(Fault::RegionNumber);
                return Attempt::Failed(Failed::new(refusal, Second::Ask(Next::Region)));
            };
            answers.is_whole &= edit.status == Status::Ok;
            let refusal = match (edit.refusal(), edit.body) {
                (None, Body::Whole(text)) => {
                    answers.bodies.push((index, text));
                    continue;
                }
                (refusal, _) => refusal.unwrap_or(script::Refusal::Malformed(Fault::TextBesideHunks)),
            };
            answers.wanted.push(index);
            first.get_or_insert(refusal);
        }
        match first {
            Some(refusal) => Attempt::Failed(Failed::new(refusal, lower(answers))),
            None => self.settle_answers(job, plan, answers),
        }
    }

    /// What was written for regions, put where they are now.
    pub(super) fn settle_answers(&self, job: &Job, plan: &Plan, mut answers: Answers) -> Attempt {
        let regions = answers.regions.clone();
        let bodies = std::mem::take(&mut answers.bodies);
        let (drafts, failed) = match self.region_drafts(&regions, &bodies, answers.is_whole) {
            Ok(drafts) => drafts,
            Err(refusal) => return Attempt::Failed(Failed::same(refusal)),
        };
        if let Some((refusal, wanted)) = failed {
            let bodies = bodies.into_iter().filter(|(index, _)| !wanted.contains(index)).collect();
            return Attempt::Failed(Failed::new(refusal, lower(Answers { bodies, wanted, ..answers })));
        }
        match self.judge(job, plan, drafts, false) {
            Judged::Passed(outcome, repairs) => Attempt::Done(outcome, repairs, Vec::new()),
            Judged::Refused(refusal, proposal) => {
                let wanted = self.damaging(job, plan, &regions, &bodies);
                let bodies = bodies.into_iter().filter(|(index, _)| !wanted.contains(index)).collect();
                let next = lower(Answers { bodies, wanted, ..answers });
                let proposal = Some(proposal);
                Attempt::Failed(Box::new(Failed { refusal, proposal, next }))
            }
        }
    }

    /// A draft for each file; or the bodies that are of no use, and what is wrong with the first of them.
    #[expect(
        clippy::type_complexity,
        reason = "the two halves of one result, taken apart at once by the caller"
    )]
    fn region_drafts(
        &self,
        regions: &Regions,
        bodies: &[(usize, String)],
        is_whole: bool,
    ) -> Result<(Vec<Draft>, Option<(Refusal, Vec<usize>)>), Refusal> {
        let mut drafts = Vec::new();
        let mut failed: Option<(Refusal, Vec<usize>)> = None;
        for (at, file) in regions.files.iter().enumerate() {
            let of_file = |index: usize| regions.regions.get(index).filter(|(file, _)| *file == at);
            let mut changes: Vec<(Range<usize>, String)> = Vec::new();
            let mut repairs = Vec::new();
            let answered: Vec<_> = bodies.iter().filter(|(index, _)| of_file(*index).is_some()).collect();
            if answered.is_empty() {
                continue;
            }
            let (now, is_open) = self.now(file)?;
            let text = now.rope().to_string();
            for (index, body) in answered {
                let Some((_, region)) = of_file(*index) else { continue };
                let range = region::relocate(region, &file.document, &now)?;
                let around = Surroundings::of(&text, range.clone()).ok_or_else(|| file.gone())?;
                let bare = heading::without(body, &region.text, &file.path);
                match bare.and_then(|body| repair::repair(body, &around)) {
                    Ok(repaired) => {
                        repairs.extend(repaired.steps.iter().map(ToString::to_string));
                        changes.push((range, repaired.text));
                    }
                    Err(refusal) => {
                        failed.get_or_insert_with(|| (refusal.into(), Vec::new())).1.push(*index);
                    }
                }
            }
            changes.sort_by_key(|(range, _)| range.start);
            let Some((first, last)) = changes.first().zip(changes.last()) else { continue };
            let region = first.0.start..last.0.end;
            let mut after = text.clone();
            let mut next = text.len();
            for (range, new) in changes.iter().rev() {
                if range.end > next {
                    return Err(file.gone());
                }
                after.replace_range(range.clone(), new);
                next = range.start;
            }
            drafts.push(Draft {
                uri: file.uri.clone(),
                path: file.path.clone(),
                document: now,
                exists: true,
                is_open,
                brings: Yield::Rewrite,
                region,
                after,
                repairs,
                tested: Vec::new(),
                doubt: (!is_whole).then(|| UNENDED.to_owned()),
            });
        }
        Ok((without_unchanged(drafts), failed))
    }

    /// Of an answer that a guard refused, the regions that it would refuse each by itself.
    fn damaging(&self, job: &Job, plan: &Plan, regions: &Regions, bodies: &[(usize, String)]) -> Vec<usize> {
        let is_refused = |one: &(usize, String)| {
            let drafts = self.region_drafts(regions, std::slice::from_ref(one), true);
            let Ok((drafts, _)) = drafts else { return false };
            drafts.iter().any(|draft| matches!(verdict(job, plan, draft), Verdict::Refuse(..)))
        };
        bodies.iter().filter(|one| is_refused(one)).map(|(index, _)| *index).collect()
    }
}

/// Said of edits whose end marker is missing.
pub const UNENDED: &str =
    "The answer was not ended as it should be, so something may be missing. Look at it first.";

/// What became the same text again is no change; but where that is all of them they are left for the guard to say so.
pub fn without_unchanged(mut drafts: Vec<Draft>) -> Vec<Draft> {
    let is_change = |draft: &Draft| !draft.exists || *draft.document.rope() != draft.after.as_str();
    if drafts.iter().any(is_change) {
        drafts.retain(is_change);
    } else {
        drafts.truncate(1);
    }
    drafts
}

/// A tier down: the few regions that are of no use, each by itself, else all of the code at once.
fn lower(answers: Answers) -> Second {
    if answers.wanted.is_empty() || answers.wanted.len() > FEW {
        return Second::Ask(Next::Region);
    }
    Second::Each(answers)
}

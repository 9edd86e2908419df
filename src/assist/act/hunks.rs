//! Changes in files that the model named: which file each means, what becomes of its text, and all of it or nothing.
//!
//! Hunks are looked for in the text that the model was shown. Where a file was changed since, they must stand in both
//! texts to the letter, once. A file that was not shown is not changed, and one that is there is not created. Files are
//! neither deleted nor renamed: what a model is wrong about could not be taken back by the editor's undo, and a person
//! does it in a moment.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::ask::Written;
use super::files::Shown;
use super::judge::{Draft, Judged};
use super::plan::{Next, Plan, is_same_file};
use super::regions::{Regions, UNENDED, without_unchanged};
use super::settle;
use super::{Attempt, Failed, Job, Second};
use crate::assist::{Assistant, reach};
use crate::edit::Yield;
use crate::edit::guard::{Guard, Refusal};
use crate::edit::hunk::lines::{lines, newline};
use crate::edit::hunk::{self, NotFound, Step};
use crate::edit::markers::{Body, Fault, Hunk, Status};
use crate::edit::region;
use crate::edit::repair::{self, Surroundings};
use crate::edit::script::{self, EditScript, FileEdit, Op};
use crate::syntax::Language;
use crate::text::Document;

/// Regions that a failed answer is asked for instead, at most: it named more places than it can have meant.
const MOST_REGIONS: usize = 8;

impl Assistant {
    pub(super) fn settle_files(&self, job: &Job, plan: &Plan, files: &[Shown], written: &Written) -> Attempt {
        let script = match settle::script(plan, written) {
            Ok(script) => script,
            Err(refusal) => return Attempt::Failed(Failed::same(refusal)),
        };
        let next = |this: &Self| match this.named(job, plan, files, &script) {
            Some(regions) => Second::Ask(Next::Regions(regions)),
            None => Second::Ask(Next::Same),
        };
        let drafts = match self.file_drafts(job, plan, files, &script) {
            Ok(drafts) => drafts,
            Err(refusal) => return Attempt::Failed(Failed::new(refusal, next(self))),
        };
        match self.judge(job, plan, drafts, true) {
            Judged::Passed(outcome, repairs) => Attempt::Done(outcome, repairs, Vec::new()),
            Judged::Refused(refusal, proposal) => {
                let (proposal, next) = (Some(proposal), next(self));
                Attempt::Failed(Box::new(Failed { refusal, proposal, next }))
            }
        }
    }

    /// A draft for each file; a refusal of one is the refusal of all.
    fn file_drafts(
        &self,
        job: &Job,
        plan: &Plan,
        files: &[Shown],
        script: &EditScript,
    ) -> Result<Vec<Draft>, Refusal> {
        // Of whole files the model has to say which; of hunks too, unless it was shown but one.
        let is_told =
            |edit: &FileEdit| edit.file.is_some() || files.len() == 1 && matches!(edit.body, Body::Hunks(_));
        if !script.edits.iter().all(is_told) {
            return Err(script::Refusal::Malformed(Fault::NoFile).into());
        }
        let targets = self.targets(job, script)?;
        let mut drafts = Vec::new();
        for (uri, edits) in &targets {
            if let Some(refusal) = edits.iter().find_map(|edit| edit.refusal()) {
                return Err(refusal.into());
            }
            let path = self.rules_at(&job.uri).model_path(uri);
            let shown = files.iter().find(|file| is_same_file(&file.uri, uri));
            let is_ended = edits.iter().all(|edit| edit.status == Status::Ok);
            let mut draft = match (edits.as_slice(), shown) {
                ([FileEdit { op: Op::Create, body: Body::Whole(text), .. }], _) => {
                    self.created(job, uri, path, text)?
                }
                ([FileEdit { body: Body::Whole(text), .. }], Some(file)) => self.rewrite(file, text)?,
                (edits, Some(file)) => {
                    let within = is_same_file(uri, &job.uri).then(|| plan.region.clone());
                    self.patched(file, &hunks(&path, edits)?, within.as_ref())?
                }
                (_, None) if self.is_there(uri) => return Err(unseen(&path)),
                (_, None) => {
                    let sentence = format!(
                        "The answer changes `{path}`, and there is no such file. A new file needs the line `OP: \
                         create` and its whole text."
                    );
                    return Err(Refusal::new(Guard::Malformed, sentence));
                }
            };
            if !is_ended {
                draft.doubt.get_or_insert_with(|| UNENDED.to_owned());
            }
            drafts.push(draft);
        }
        Ok(without_unchanged(drafts))
    }

    /// The files that edits mean, in their order.
    fn targets<'a>(
        &self,
        job: &Job,
        script: &'a EditScript,
    ) -> Result<Vec<(Url, Vec<&'a FileEdit>)>, Refusal> {
        let rules = self.rules_at(&job.uri);
        let mut targets: Vec<(Url, Vec<&FileEdit>)> = Vec::new();
        for edit in &script.edits {
            let uri = match &edit.file {
                Some(named) => reach::resolve(named, &rules)?,
                None => job.uri.clone(),
            };
            if let Op::Rename { to } = &edit.op {
                reach::resolve(to, &rules)?;
            }
            let doing = match edit.op {
                Op::Delete => "delete",
                Op::Rename { .. } => "rename",
                Op::Replace | Op::Create => "",
            };
            if !doing.is_empty() {
                let path = rules.model_path(&uri);
                let sentence = format!(
                    "The answer would {doing} `{path}`. Files are not {doing}d for a model: {doing} it yourself, then \
                     ask for the rest."
                );
                return Err(Refusal::new(Guard::Outside, sentence));
            }
            match targets.iter_mut().find(|(known, _)| is_same_file(known, &uri)) {
                Some((_, edits)) => edits.push(edit),
                None => targets.push((uri, vec![edit])),
            }
        }
        if targets.len() > reach::MOST_FILES {
            let sentence = format!(
                "The answer changes {} files, and {} are the most. Ask for a smaller change.",
                targets.len(),
                reach::MOST_FILES
            );
            return Err(Refusal::new(Guard::Outside, sentence));
        }
        for (at, (uri, _)) in targets.iter().enumerate() {
            let plain = |uri: &Url| uri.path().to_lowercase();
            let (one, others) = (plain(uri), targets.iter().skip(at + 1).map(|(uri, _)| plain(uri)));
            // Some file systems have one file for both, and none has one below another.
            for other in others {
                if Path::new(&one).starts_with(&other) || Path::new(&other).starts_with(&one) {
                    let path = rules.model_path(uri);
                    let sentence =
                        format!("The answer has two files that cannot both be: `{path}` is one of them.");
                    return Err(Refusal::new(Guard::Malformed, sentence));
                }
            }
        }
        Ok(targets)
    }

    fn created(&self, job: &Job, uri: &Url, path: String, body: &str) -> Result<Draft, Refusal> {
        if self.is_there(uri) {
            let sentence = format!(
                "The answer creates `{path}`, which is there already. Change it by what to find and replace."
            );
            return Err(Refusal::new(Guard::Malformed, sentence));
        }
        let ours = job.document.rope().to_string();
        let newline = newline(&lines(&ours));
        let after: String = lines(body).iter().flat_map(|line| [line.text, newline]).collect();
        let after = if after.trim().is_empty() { String::new() } else { after };
        let document = Document::new(Language::of("", &path), 0, "").into();
        Ok(Draft {
            uri: uri.clone(),
            path,
            document,
            exists: false,
            is_open: false,
            brings: Yield::Addition,
            region: 0..0,
            after,
            repairs: Vec::new(),
            tested: Vec::new(),
            doubt: None,
        })
    }

    /// A file that was written anew as a whole.
    fn rewrite(&self, file: &Shown, body: &str) -> Result<Draft, Refusal> {
        let path = &file.path;
        if !file.is_whole() {
            let sentence = format!(
                "The answer writes all of `{path}` anew, of which only parts were shown. Change it by what to find \
                 and replace."
            );
            return Err(Refusal::new(Guard::Malformed, sentence));
        }
        let (now, is_open) = self.now(file)?;
        if now.rope() != file.document.rope() {
            return Err(stale(path));
        }
        let text = now.rope().to_string();
        let around = Surroundings::of(&text, 0..text.len()).ok_or_else(|| stale(path))?;
        let repaired = repair::repair(body, &around)?;
        let repairs = repaired.steps.iter().map(ToString::to_string).collect();
        Ok(Draft { repairs, ..changed(file, now, is_open, repaired.text) })
    }

    /// A file in which what hunks name is replaced; of several places the one `within` is meant.
    fn patched(
        &self,
        file: &Shown,
        hunks: &[Hunk],
        within: Option<&region::Region>,
    ) -> Result<Draft, Refusal> {
        let then = file.document.rope().to_string();
        let applied = hunk::apply(&then, hunks, within.map(|region| region.range.clone()))
            .map_err(|refusal| in_file(&file.path, refusal.into()))?;
        let (now, is_open) = self.now(file)?;
        let doubt = (!applied.is_certain()).then(|| {
            "A place in it was found only by its first and its last line. Look whether it is the right one.".to_owned()
        });
        if now.rope() == file.document.rope() {
            return Ok(Draft { doubt, ..changed(file, now, is_open, applied.text) });
        }
        let within = within.and_then(|region| region::relocate(region, &file.document, &now).ok());
        let again = hunk::apply(&now.rope().to_string(), hunks, within).map_err(|_| stale(&file.path))?;
        if applied.steps.iter().chain(&again.steps).any(|step| *step != Step::Exact) {
            return Err(stale(&file.path));
        }
        Ok(changed(file, now, is_open, again.text))
    }

    /// The regions that the hunks of an answer are about, where each of them is about one: what to ask for instead.
    fn named(&self, job: &Job, plan: &Plan, files: &[Shown], script: &EditScript) -> Option<Regions> {
        let targets = self.targets(job, script).ok()?;
        let mut regions: Vec<(usize, region::Region)> = Vec::new();
        for (uri, edits) in &targets {
            let at = files.iter().position(|file| is_same_file(&file.uri, uri))?;
            let document = &files.get(at)?.document;
            let text = document.rope().to_string();
            let within = is_same_file(uri, &job.uri).then(|| plan.region.range.clone());
            for hunk in hunks("", edits).ok()? {
                for offset in places(&text, &hunk.search, within.clone())? {
                    let region = region::choose(document, offset..offset, job.action).ok()?;
                    if !regions.iter().any(|known| *known == (at, region.clone())) {
                        regions.push((at, region));
                    }
                }
            }
        }
        // What stands inside another one is rewritten with it.
        let all = regions.clone();
        regions.retain(|(file, region)| {
            let holds = |outer: &Range<usize>| {
                outer.start <= region.range.start && region.range.end <= outer.end && *outer != region.range
            };
            !all.iter().any(|(other, outer)| other == file && holds(&outer.range))
        });
        regions.sort_by_key(|(file, region)| (*file, region.range.start));
        let is_apart = |pair: &[(usize, region::Region)]| match pair {
            [(file, one), (other, two)] => file != other || one.range.end <= two.range.start,
            _ => true,
        };
        let is_sound =
            !regions.is_empty() && regions.len() <= MOST_REGIONS && regions.windows(2).all(is_apart);
        is_sound.then(|| Regions::new(files.to_vec(), regions))
    }
}

/// Where a search stands or may have meant to stand, bytes; none where that cannot be told.
fn places(text: &str, search: &str, within: Option<Range<usize>>) -> Option<Vec<usize>> {
    let lines = lines(text);
    let start = |number: usize| Some(lines.get(number.checked_sub(1)?)?.start);
    match hunk::find(text, search, within) {
        Ok(found) => Some(vec![found.range.start]),
        Err(NotFound::Missing { nearest: Some((first, _)) }) => Some(vec![start(first)?]),
        Err(NotFound::Ambiguous { lines }) => lines.into_iter().map(start).collect(),
        Err(NotFound::Empty | NotFound::Missing { nearest: None }) => None,
    }
}

/// The hunks of all edits of one file; a refusal where one is of another kind.
fn hunks(path: &str, edits: &[&FileEdit]) -> Result<Vec<Hunk>, Refusal> {
    let mut hunks = Vec::new();
    for edit in edits {
        match (&edit.op, &edit.body) {
            (Op::Replace, Body::Hunks(more)) => hunks.extend(more.iter().cloned()),
            _ => {
                let sentence = format!("The answer changes `{path}` twice, in ways that do not go together.");
                return Err(Refusal::new(Guard::Malformed, sentence));
            }
        }
    }
    Ok(hunks)
}

fn changed(file: &Shown, now: Arc<Document>, is_open: bool, after: String) -> Draft {
    Draft {
        uri: file.uri.clone(),
        path: file.path.clone(),
        region: 0..now.len(),
        document: now,
        exists: true,
        is_open,
        brings: Yield::Rewrite,
        after,
        repairs: Vec::new(),
        tested: Vec::new(),
        doubt: None,
    }
}

fn in_file(path: &str, refusal: Refusal) -> Refusal {
    Refusal { sentence: format!("`{path}`: {}", refusal.sentence), ..refusal }
}

fn unseen(path: &str) -> Refusal {
    let sentence = format!(
        "The answer changes `{path}`, which the model was not shown. Open that file or name it, then ask again."
    );
    Refusal::new(Guard::Outside, sentence)
}

fn stale(path: &str) -> Refusal {
    let sentence = format!(
        "`{path}` was changed while the answer was made, and the change does not fit it any more. Nothing was \
         applied; ask again."
    );
    Refusal::new(Guard::Stale, sentence)
}

//! What an answer asks for: which files and regions, and what is to become of them.
//!
//! `markers` reads the form; here headers get their meaning, and an edit whose meaning is not certain is told as
//! malformed. Does *not* touch a text, resolve a path or look whether a file exists.

mod refusal;

pub use crate::edit::markers::{Body, Fault, Hunk, Status};
pub use refusal::Refusal;

use crate::edit::markers::{Answer, Block, Header};
use crate::edit::repair::unfence;

/// An answer, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditScript {
    /// In the order of the answer; hunks of one file in one edit.
    pub edits: Vec<FileEdit>,
    /// For the person.
    pub prose: String,
}

/// One change that was asked for. Look at [`FileEdit::refusal`] before using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEdit {
    /// As the model wrote it: untrusted. `None` means the file that was shown.
    pub file: Option<String>,
    /// The number of a region that was shown.
    pub region: Option<u32>,
    pub op: Op,
    pub body: Body,
    pub status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Replace,
    Create,
    Delete,
    /// The new path, as the model wrote it: untrusted. The body may hold a change besides.
    Rename {
        to: String,
    },
}

impl EditScript {
    pub fn of(answer: Answer) -> Self {
        let mut edits: Vec<FileEdit> = Vec::new();
        for block in answer.blocks {
            let edit = FileEdit::of(block);
            if let Some(known) = edits.iter_mut().find(|known| known.region == edit.region)
                && edit.region.is_some()
            {
                known.spoil(Fault::RegionNumber);
            } else if let Some(known) = edits.iter_mut().find(|known| known.takes(&edit)) {
                known.merge(edit);
            } else {
                edits.push(edit);
            }
        }
        Self { edits, prose: answer.prose }
    }

    /// The edit of an answer that was to have one; the reason why it can not be used, where there is none, or not one.
    pub fn into_single(self) -> Result<FileEdit, Refusal> {
        let mut edits = self.edits.into_iter();
        match (edits.next(), edits.next()) {
            (None, _) => Err(Refusal::NoEdit),
            (Some(_), Some(_)) => Err(Refusal::Malformed(Fault::SeveralEdits)),
            (Some(edit), None) => match edit.refusal() {
                Some(refusal) => Err(refusal),
                None => Ok(edit),
            },
        }
    }
}

impl FileEdit {
    fn of(block: Block) -> Self {
        let header =
            |name| block.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let (mut faults, file, to) = (Vec::new(), header(Header::File), header(Header::To));
        let op = match header(Header::Op).unwrap_or("replace").to_ascii_lowercase().as_str() {
            "replace" => Op::Replace,
            "create" => Op::Create,
            "delete" => Op::Delete,
            "rename" => Op::Rename { to: to.unwrap_or_default().to_owned() },
            _ => {
                faults.push(Fault::UnknownOperation);
                Op::Replace
            }
        };
        let region = header(Header::Region).map(number);
        let is_blank = matches!(&block.body, Body::Whole(text) if text.trim().is_empty());
        let is_rename = matches!(op, Op::Rename { .. });
        if region == Some(None) {
            faults.push(Fault::RegionNumber);
        }
        if is_rename != to.is_some() {
            faults.push(Fault::RenameTarget);
        }
        if op != Op::Replace && file.is_none() {
            faults.push(Fault::NoFile);
        }
        if op == Op::Delete && !is_blank || op == Op::Create && matches!(block.body, Body::Hunks(_)) {
            faults.push(Fault::UnexpectedBody);
        }
        let body = match &block.body {
            // What a region had is not known of a new file, so nothing else takes the fence off.
            Body::Whole(text) if op == Op::Create => Body::Whole(unfence(text).unwrap_or(text).to_owned()),
            body => body.clone(),
        };
        let file = file.map(str::to_owned);
        let mut edit = Self { file, region: region.flatten(), op, body, status: block.status };
        if let Some(fault) = faults.first() {
            edit.spoil(*fault);
        }
        edit
    }

    /// Why this edit is never to be applied; `None` where it may be, once it is checked.
    pub fn refusal(&self) -> Option<Refusal> {
        match (self.status, &self.body) {
            (Status::Truncated, _) => Some(Refusal::Truncated),
            (Status::Malformed(fault), _) => Some(Refusal::Malformed(fault)),
            (_, Body::Whole(text)) if self.op == Op::Replace && text.trim().is_empty() => {
                Some(Refusal::Empty)
            }
            _ => None,
        }
    }

    fn spoil(&mut self, fault: Fault) {
        if !matches!(self.status, Status::Truncated | Status::Malformed(_)) {
            self.status = Status::Malformed(fault);
        }
    }

    /// Whether hunks of `other` belong to this edit: all are looked for in one and the same text.
    fn takes(&self, other: &Self) -> bool {
        let hunks = |edit: &Self| edit.op == Op::Replace && matches!(edit.body, Body::Hunks(_));
        self.file == other.file
            && self.region.is_none()
            && other.region.is_none()
            && hunks(self)
            && hunks(other)
    }

    fn merge(&mut self, other: Self) {
        if let (Body::Hunks(known), Body::Hunks(new)) = (&mut self.body, other.body) {
            known.extend(new);
        }
        let rank = |status| match status {
            Status::Ok => 0,
            Status::Implicit => 1,
            Status::Unterminated => 2,
            Status::Malformed(_) => 3,
            Status::Truncated => 4,
        };
        if rank(other.status) > rank(self.status) {
            self.status = other.status;
        }
    }
}

/// The number that a `REGION:` begins with: models go on with what they were shown of it.
fn number(value: &str) -> Option<u32> {
    let value = value.trim_start_matches('#');
    let digits = value.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_whole = !digits.starts_with(|c: char| c.is_alphanumeric() || c == '.');
    value[..value.len() - digits.len()].parse().ok().filter(|_| is_whole)
}

#[cfg(test)]
mod tests;

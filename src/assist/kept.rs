//! Proposals that wait: previews for the person's word, and applied ones for an undo.
//!
//! Kept in memory, a few of each: what is older than that is a matter for the editor's own undo or for Git.

use std::collections::VecDeque;
use std::sync::Mutex;

use url::Url;

use crate::assist::act::{FileChange, Proposal};
use crate::assist::{Assistant, lock};
use crate::edit::guard::{Guard, Refusal};

/// Of each kind, at most.
const KEPT: usize = 20;
/// Bytes of text of each kind, at most; the newest is kept whatever its size.
const BYTES: usize = 64 << 20;

/// See the module.
#[derive(Default)]
pub struct Kept {
    previews: Mutex<Shelf>,
    applied: Mutex<Shelf>,
}

/// Newest last.
#[derive(Default)]
struct Shelf(VecDeque<(String, Proposal)>);

impl Shelf {
    fn put(&mut self, id: &str, proposal: Proposal) {
        self.0.push_back((id.to_owned(), proposal));
        let bytes = |shelf: &VecDeque<(String, Proposal)>| -> usize {
            shelf.iter().flat_map(|(_, proposal)| &proposal.files).map(FileChange::bytes).sum()
        };
        while self.0.len() > KEPT || self.0.len() > 1 && bytes(&self.0) > BYTES {
            self.0.pop_front();
        }
    }

    /// The one with this id, or the newest; it is no longer kept.
    fn take(&mut self, id: Option<&str>) -> Option<(String, Proposal)> {
        let at = match id {
            Some(id) => self.0.iter().position(|(kept, _)| kept == id)?,
            None => self.0.len().checked_sub(1)?,
        };
        self.0.remove(at)
    }
}

impl FileChange {
    fn bytes(&self) -> usize {
        self.before.as_ref().map_or(0, String::len) + self.after.len()
    }
}

impl Assistant {
    /// Keeps a proposal that the person is asked about.
    pub fn keep_preview(&self, id: &str, proposal: Proposal) {
        lock(&self.kept.previews).put(id, proposal);
    }

    /// The preview of this id, or the newest, with its id; it is no longer kept.
    pub fn take_preview(&self, id: Option<&str>) -> Option<(String, Proposal)> {
        lock(&self.kept.previews).take(id)
    }

    /// Keeps what was applied, so that it can be taken back. False: it was kept already, for one edit is made once,
    /// however often an editor was asked to.
    pub fn keep_applied(&self, id: &str, proposal: Proposal) -> bool {
        let mut applied = lock(&self.kept.applied);
        let is_new = !applied.0.iter().any(|(kept, _)| kept == id);
        if is_new {
            applied.put(id, proposal);
        }
        is_new
    }

    /// What takes back the edit of this id, or the newest: the proposal turned round. `now` tells the text of a file,
    /// open or on disk; where one of them is no longer as the edit left it nothing is taken back, and the edit is
    /// kept.
    pub fn take_back(
        &self,
        id: Option<&str>,
        now: impl Fn(&Url) -> Option<String>,
    ) -> Result<(String, Proposal), Refusal> {
        let nothing = || Refusal::new(Guard::Empty, "There is no edit of this session to take back.");
        let (id, proposal) = lock(&self.kept.applied).take(id).ok_or_else(nothing)?;
        let changed = proposal.files.iter().find(|file| now(&file.uri).as_ref() != Some(&file.after));
        if let Some(file) = changed {
            let sentence = format!(
                "`{}` was changed since the edit, so that taking it back would lose that; undo in the editor instead.",
                file.path
            );
            self.keep_applied(&id, proposal);
            return Err(Refusal::new(Guard::Stale, sentence));
        }
        let files = proposal.files.into_iter().map(|file| FileChange {
            // A file that was created is emptied: the editor may have it open, so it is not ours to delete.
            before: Some(file.after),
            after: file.before.unwrap_or_default(),
            ..file
        });
        Ok((id, Proposal { label: format!("Undo: {}", proposal.label), files: files.collect() }))
    }
}

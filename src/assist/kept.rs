//! Proposals that wait: previews for the person's word, and applied ones for an undo.
//!
//! Kept in memory, a few of each: what is older than that is a matter for the editor's own undo or for Git.

use std::collections::VecDeque;
use std::sync::Mutex;

use url::Url;

use crate::assist::Assistant;
use crate::assist::act::{FileChange, Proposal};
use crate::edit::guard::{Guard, Refusal};
use crate::threads::lock;

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
        self.0.remove(self.place(id)?)
    }

    /// The same, and it stays.
    fn get(&self, id: Option<&str>) -> Option<(String, Proposal)> {
        self.0.get(self.place(id)?).cloned()
    }

    fn place(&self, id: Option<&str>) -> Option<usize> {
        match id {
            Some(id) => self.0.iter().position(|(kept, _)| kept == id),
            None => self.0.len().checked_sub(1),
        }
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

    /// Keeps what was applied, so that it can be taken back. False: some of it was kept already, and what is new in it was
    /// added; one edit is made once, however often an editor was asked to.
    pub fn keep_applied(&self, id: &str, proposal: Proposal) -> bool {
        let mut applied = lock(&self.kept.applied);
        let at = applied.place(Some(id));
        let Some((_, kept)) = at.and_then(|at| applied.0.get_mut(at)) else {
            applied.put(id, proposal);
            return true;
        };
        let known: Vec<Url> = kept.files.iter().map(|file| file.uri.clone()).collect();
        kept.files.extend(proposal.files.into_iter().filter(|file| !known.contains(&file.uri)));
        false
    }

    /// These files of an edit were taken back, and are kept no longer. Whether that is all of it.
    pub(super) fn drop_applied(&self, id: &str, taken: &[Url]) -> bool {
        let mut applied = lock(&self.kept.applied);
        let at = applied.place(Some(id));
        let Some((_, edit)) = at.and_then(|at| applied.0.get_mut(at)) else { return false };
        edit.files.retain(|file| !taken.contains(&file.uri));
        let is_all = edit.files.is_empty();
        if is_all {
            applied.take(Some(id));
        }
        is_all
    }

    /// What takes back the edit of this id, or the newest: the proposal turned round. `now` tells the text of a file,
    /// open or on disk. A file that is as it was before needs no taking back; where another is not as the edit left it,
    /// nothing is taken back. The edit is kept until it is known to be [`undone`](Self::undone).
    pub fn undo_of(
        &self,
        id: Option<&str>,
        now: impl Fn(&Url) -> Option<String>,
    ) -> Result<(String, Proposal), Refusal> {
        let nothing = || Refusal::new(Guard::Empty, "There is no edit of this session to take back.");
        let (id, mut proposal) = lock(&self.kept.applied).get(id).ok_or_else(nothing)?;
        let mut as_before = Vec::new();
        let mut left = Vec::new();
        for file in proposal.files {
            let text = now(&file.uri);
            if text == file.before {
                as_before.push(file.uri);
            } else if text.as_ref() == Some(&file.after) {
                left.push(file);
            } else {
                let sentence = format!(
                    "`{}` was changed since the edit, so that taking it back would lose that; undo in the editor instead.",
                    file.path
                );
                return Err(Refusal::new(Guard::Stale, sentence));
            }
        }
        self.drop_applied(&id, &as_before);
        if left.is_empty() {
            let sentence = "There is nothing to take back: all is as it was before the edit.";
            return Err(Refusal::new(Guard::Empty, sentence));
        }
        let turned = left.into_iter().map(|file| FileChange {
            // A file that was created is emptied: the editor may have it open, so it is not ours to delete.
            before: Some(file.after),
            after: file.before.unwrap_or_default(),
            ..file
        });
        proposal.files = turned.collect();
        proposal.label.insert_str(0, "Undo: ");
        Ok((id, proposal))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::config::Settings;
    use crate::engine::scripted::ScriptedBackend;

    fn uri(name: &str) -> Url {
        Url::parse(&format!("file:///{name}")).unwrap()
    }

    fn file(name: &str, before: Option<&str>, after: &str) -> FileChange {
        FileChange {
            uri: uri(name),
            path: name.into(),
            version: Some(1),
            before: before.map(str::to_owned),
            after: after.into(),
        }
    }

    /// What an undo of an edit of `a`, `b` and the new `c` comes to, by the texts of the files then.
    #[test]
    fn all_that_is_left_is_taken_back_or_nothing() {
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[("a", "A"), ("b", "B"), ("c", "C")], "a: A to x, b: B to y, c: C to "),
            (&[("a", "A"), ("b", "y"), ("c", "C")], "a: A to x, c: C to "),
            (&[("a", "A"), ("b", "B")], "a: A to x, b: B to y"),
            (&[("a", "A"), ("b", "typed"), ("c", "C")], "`b` was changed since"),
            (&[("a", "A"), ("c", "C")], "`b` was changed since"),
            (&[("a", "A"), ("b", "B"), ("c", "")], "`c` was changed since"),
            (&[("a", "x"), ("b", "y")], "There is nothing to take back"),
        ];
        for (texts, expected) in cases {
            let assistant =
                Assistant::new(Arc::new(ScriptedBackend::default()), Settings::default(), Vec::new());
            let files = vec![file("a", Some("x"), "A"), file("b", Some("y"), "B"), file("c", None, "C")];
            let edit = Proposal { label: "Fix".into(), files };
            assert!(assistant.keep_applied("1", edit.clone()) && !assistant.keep_applied("1", edit));
            let now: HashMap<Url, String> =
                texts.iter().map(|(name, text)| (uri(name), (*text).to_owned())).collect();
            let undo = || assistant.undo_of(None, |uri| now.get(uri).cloned());
            let (id, undo) = match undo() {
                Ok(found) => found,
                Err(refusal) => {
                    assert!(refusal.sentence.starts_with(expected), "{texts:?}: {refusal}");
                    // What is there no more is forgotten.
                    let again = undo().unwrap_err().sentence;
                    assert_eq!(again == refusal.sentence, refusal.guard == Guard::Stale, "{texts:?}");
                    continue;
                }
            };
            assert_eq!((id.as_str(), undo.label.as_str()), ("1", "Undo: Fix"));
            let told = |file: &FileChange| {
                format!("{}: {} to {}", file.path, file.before.as_deref().unwrap(), file.after)
            };
            assert_eq!(undo.files.iter().map(told).collect::<Vec<_>>().join(", "), expected, "{texts:?}");
            // First one file of it, then the rest.
            let [first, rest @ ..] = undo.files.as_slice() else { panic!("{texts:?}") };
            assert!(!assistant.drop_applied("1", std::slice::from_ref(&first.uri)));
            let rest: Vec<Url> = rest.iter().map(|file| file.uri.clone()).collect();
            assert!(assistant.drop_applied("1", &rest), "{texts:?}");
            assert!(assistant.undo_of(Some("1"), |_| None).is_err());
        }
    }
}

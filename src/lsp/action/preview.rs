//! Changes that wait for the person's word, as the menu of code actions and the lenses know them. The changes themselves
//! are kept by `assist`; here is what they are called and which places they are of.

use tower_lsp::lsp_types::Url;

use crate::assist::act::{FileChange, Proposal};

/// As many as `assist` keeps.
const KEPT: usize = 20;

/// The previews of a session, the newest last.
#[derive(Default)]
pub struct Waiting(Vec<Preview>);

#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub id: String,
    pub label: String,
    /// Where the person asked for it. The change may be of another file, and that one may not be there yet.
    asked: Url,
    places: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq)]
struct Place {
    uri: Url,
    /// Of the document that the change was made of.
    version: Option<i32>,
    /// The first that would change, from zero.
    line: u32,
}

impl Place {
    fn of(file: &FileChange) -> Self {
        let before = file.before.as_deref().unwrap_or_default().split_inclusive('\n');
        let line = before.zip(file.after.split_inclusive('\n')).take_while(|(old, new)| old == new).count();
        Self { uri: file.uri.clone(), version: file.version, line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

impl Waiting {
    pub fn put(&mut self, id: &str, asked: Url, proposal: &Proposal) {
        self.take(id);
        let places = proposal.files.iter().map(Place::of).collect();
        self.0.push(Preview { id: id.to_owned(), label: proposal.label.clone(), asked, places });
        let too_many = self.0.len().saturating_sub(KEPT);
        self.0.drain(..too_many);
    }

    /// It was applied or discarded.
    pub fn take(&mut self, id: &str) {
        self.0.retain(|preview| preview.id != id);
    }

    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|preview| preview.id == id)
    }

    /// The newest one that would change this document, or was asked for in it.
    pub fn of(&self, uri: &Url) -> Option<&Preview> {
        let is_of = |preview: &&Preview| {
            preview.asked == *uri || preview.places.iter().any(|place| place.uri == *uri)
        };
        self.0.iter().rev().find(is_of)
    }

    /// The newest one that was made of this version of a document, and the first line that it would change.
    pub fn at(&self, uri: &Url, version: i32) -> Option<(&Preview, u32)> {
        let fits = |place: &&Place| place.uri == *uri && place.version == Some(version);
        let mut found = self.0.iter().rev();
        found.find_map(|preview| Some((preview, preview.places.iter().find(fits)?.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_document() {
        let uri = |name: &str| Url::parse(&format!("file:///{name}")).expect("a URL");
        let proposal = |label: &str, files: &[&str]| Proposal {
            label: label.into(),
            files: files
                .iter()
                .map(|name| FileChange {
                    uri: uri(name),
                    path: (*name).into(),
                    version: None,
                    before: None,
                    after: String::new(),
                })
                .collect(),
        };
        let mut waiting = Waiting::default();
        waiting.put("1", uri("a"), &proposal("one", &["a", "b"]));
        // A test file that is not there yet, for what stands in `d`.
        waiting.put("2", uri("d"), &proposal("two", &["b"]));
        let label =
            |waiting: &Waiting, name: &str| waiting.of(&uri(name)).map(|preview| preview.label.clone());
        let labels = |waiting: &Waiting| ["a", "b", "c", "d"].map(|name| label(waiting, name));
        assert_eq!(labels(&waiting), [Some("one".into()), Some("two".into()), None, Some("two".into())]);
        assert!(waiting.has("2"));
        waiting.take("2");
        assert!(!waiting.has("2"));
        assert_eq!(label(&waiting, "b"), Some("one".into()));
        let change = |version, before: &str, after: &str| FileChange {
            version,
            before: Some(before.into()),
            after: after.into(),
            ..proposal("", &["a"]).files.remove(0)
        };
        let lines = [("a\nb\nc\n", "a\nB\nc\n", 1), ("a\n", "a\nb\n", 1), ("a", "", 0), ("", "a", 0)];
        for (before, after, line) in lines {
            let files = vec![change(Some(3), before, after)];
            waiting.put("place", uri("a"), &Proposal { label: "place".into(), files });
            let found =
                |version| waiting.at(&uri("a"), version).map(|(found, line)| (found.label.clone(), line));
            assert_eq!((found(3), found(4)), (Some(("place".into(), line)), None), "{before:?}");
        }
        waiting.take("place");
        for number in 0..30 {
            waiting.put(&format!("n{number}"), uri("c"), &proposal("many", &["c"]));
        }
        assert_eq!((label(&waiting, "a"), waiting.0.len()), (None, KEPT));
    }
}

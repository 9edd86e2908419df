//! Changes that wait for the person's word, as the menu of code actions knows them. The changes themselves are kept by
//! `assist`; here is what they are called and which documents they are of.

use tower_lsp::lsp_types::Url;

use crate::assist::act::Proposal;

/// As many as `assist` keeps.
const KEPT: usize = 20;

/// The previews of a session, the newest last.
#[derive(Default)]
pub struct Waiting(Vec<Preview>);

#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub id: String,
    pub label: String,
    uris: Vec<Url>,
}

impl Waiting {
    pub fn put(&mut self, id: &str, proposal: &Proposal) {
        self.take(id);
        let uris = proposal.files.iter().map(|file| file.uri.clone()).collect();
        self.0.push(Preview { id: id.to_owned(), label: proposal.label.clone(), uris });
        let too_many = self.0.len().saturating_sub(KEPT);
        self.0.drain(..too_many);
    }

    /// It was applied or discarded.
    pub fn take(&mut self, id: &str) {
        self.0.retain(|preview| preview.id != id);
    }

    /// The newest one that would change this document.
    pub fn of(&self, uri: &Url) -> Option<&Preview> {
        self.0.iter().rev().find(|preview| preview.uris.contains(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assist::act::FileChange;

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
        waiting.put("1", &proposal("one", &["a", "b"]));
        waiting.put("2", &proposal("two", &["b"]));
        let label =
            |waiting: &Waiting, name: &str| waiting.of(&uri(name)).map(|preview| preview.label.clone());
        let labels = |waiting: &Waiting| ["a", "b", "c"].map(|name| label(waiting, name));
        assert_eq!(labels(&waiting), [Some("one".into()), Some("two".into()), None]);
        waiting.take("2");
        assert_eq!(label(&waiting, "b"), Some("one".into()));
        for number in 0..30 {
            waiting.put(&format!("n{number}"), &proposal("many", &["c"]));
        }
        assert_eq!((label(&waiting, "a"), waiting.0.len()), (None, KEPT));
    }
}

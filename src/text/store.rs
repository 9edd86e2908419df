//! The open documents.
//!
//! The one place where the current version of each open text lives. It hands out `Arc<Document>` values, which never
//! change, so a reader needs no lock and a writer never waits. It does *not* read files and knows no client.

use std::sync::Arc;

use dashmap::DashMap;
use url::Url;

use crate::syntax::Language;
use crate::text::{Change, Document, Edit, Encoding};

/// The open documents. Never lends a guard: a snapshot *is* an `Arc<Document>`.
#[derive(Default)]
pub struct DocumentStore {
    documents: DashMap<Url, Arc<Document>>,
}

impl DocumentStore {
    /// Opens (or opens again) a document. `language_id` is the client's; an unknown one falls back to the path.
    pub fn open(&self, uri: Url, language_id: &str, version: i32, text: &str) -> Arc<Document> {
        let language = Language::of(language_id, uri.path());
        let document = Arc::new(Document::new(language, version, text));
        self.documents.insert(uri, document.clone());
        document
    }

    /// Applies a `didChange`; `None` when the document is not open.
    ///
    /// Changes of one document must come from one thread at a time, in the order in which the client sent them: the
    /// text is read, edited and put back, and between the two nobody is locked out.
    pub fn change(
        &self,
        uri: &Url,
        version: i32,
        changes: &[Change],
        encoding: Encoding,
    ) -> Option<(Arc<Document>, Vec<Edit>)> {
        let (document, edits) = self.snapshot(uri)?.edited(version, changes, encoding);
        let document = Arc::new(document);
        // A document closed meanwhile stays closed.
        *self.documents.get_mut(uri)? = document.clone();
        Some((document, edits))
    }

    pub fn close(&self, uri: &Url) -> Option<Arc<Document>> {
        self.documents.remove(uri).map(|(_, document)| document)
    }

    pub fn snapshot(&self, uri: &Url) -> Option<Arc<Document>> {
        self.documents.get(uri).map(|entry| entry.value().clone())
    }

    /// All open documents, in the order of their URIs.
    pub fn all(&self) -> Vec<(Url, Arc<Document>)> {
        let mut all: Vec<_> =
            self.documents.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Position;

    fn url(name: &str) -> Url {
        Url::parse("file:///project/").and_then(|base| base.join(name)).expect("a valid name")
    }

    fn insert(text: &str) -> Vec<Change> {
        let start = Position::default();
        vec![Change { range: Some(start..start), text: text.to_owned() }]
    }

    #[test]
    fn a_snapshot_does_not_change() {
        let store = DocumentStore::default();
        let before = store.open(url("a.rs"), "", 1, "fn main() {}");
        let (after, edits) = store.change(&url("a.rs"), 2, &insert("pub "), Encoding::Utf16).expect("open");
        assert_eq!(before.rope().to_string(), "fn main() {}");
        assert_eq!(after.rope().to_string(), "pub fn main() {}");
        assert_eq!(edits, [Edit { range: 0..0, text: "pub ".to_owned() }]);
        assert_eq!([before.version(), after.version()], [1, 2]);
        assert_eq!(after.language().id, "rust");
        assert!(Arc::ptr_eq(&after, &store.snapshot(&url("a.rs")).expect("open")));
    }

    #[test]
    fn what_is_not_open_is_not_changed() {
        let store = DocumentStore::default();
        assert!(store.change(&url("a.rs"), 1, &insert("x"), Encoding::Utf8).is_none());
        store.open(url("a.rs"), "rust", 1, "");
        assert!(store.close(&url("a.rs")).is_some());
        assert!(store.close(&url("a.rs")).is_none());
        assert!(store.change(&url("a.rs"), 2, &insert("x"), Encoding::Utf8).is_none());
        assert!(store.snapshot(&url("a.rs")).is_none());
    }

    #[test]
    fn a_thousand_openings_and_closings_leave_nothing() {
        let store = DocumentStore::default();
        for round in 0..1000 {
            store.open(url("a.py"), "python", round, "x = 1\n");
            store.change(&url("a.py"), round, &insert("y"), Encoding::Utf8).expect("open");
            store.close(&url("a.py")).expect("open");
        }
        assert!(store.all().is_empty());
    }

    #[test]
    fn all_are_in_order() {
        let store = DocumentStore::default();
        for name in ["c.rs", "a.rs", "b.rs"] {
            store.open(url(name), "rust", 1, name);
        }
        let names: Vec<_> = store.all().iter().map(|(_, document)| document.rope().to_string()).collect();
        assert_eq!(names, ["a.rs", "b.rs", "c.rs"]);
    }
}

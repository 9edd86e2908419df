//! Documents that are only to be read, and lie on no disk: LSP 3.18's `workspace/textDocumentContent`.
//!
//! The editor is shown the address of one and asks for its text. A few of a session are kept. Does *not* know what is
//! written in them.

use std::collections::VecDeque;
use std::sync::Mutex;

use tower_lsp::lsp_types::Url;

use crate::threads::lock;

/// Of the addresses; announced to clients.
pub const SCHEME: &str = "codesage";
/// How many can still be asked for.
const KEPT: usize = 4;

/// Those of a session.
#[derive(Default)]
pub struct VirtualDocuments(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    /// Newest last.
    documents: VecDeque<(Url, String)>,
    last: u64,
}

impl VirtualDocuments {
    /// Keeps a text; where it can be asked for. Every text has an address of its own, so that no editor shows an old one.
    pub fn put(&self, name: &str, text: String) -> Option<Url> {
        let mut shelf = lock(&self.0);
        shelf.last += 1;
        let uri = Url::parse(&format!("{SCHEME}:///{name}-{}.md", shelf.last)).ok()?;
        shelf.documents.push_back((uri.clone(), text));
        if shelf.documents.len() > KEPT {
            shelf.documents.pop_front();
        }
        Some(uri)
    }

    pub fn get(&self, uri: &str) -> Option<String> {
        let shelf = lock(&self.0);
        shelf.documents.iter().find(|(known, _)| known.as_str() == uri).map(|(_, text)| text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_can_be_asked_for() {
        let documents = VirtualDocuments::default();
        let uris: Vec<Url> = (0..6).filter_map(|number| documents.put("x", number.to_string())).collect();
        let found: Vec<_> = uris.iter().map(|uri| documents.get(uri.as_str())).collect();
        assert_eq!(
            found,
            [None, None, Some("2".into()), Some("3".into()), Some("4".into()), Some("5".into())]
        );
        assert_eq!(documents.get("codesage:///y"), None);
    }
}

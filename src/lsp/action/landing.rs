//! Whether an edit arrived: the text that a document is expected to have next, looked for as it opens and at each change.
//!
//! `applied` is not to be believed: Neovim skips a stale edit and says true, vim-lsp applies one anyway (measured).
//! What the document holds afterwards decides, and it is compared as each change lands, before the person's next key
//! can hide it. Does *not* wait: who expects a text does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ropey::Rope;
use tokio::sync::watch;
use tower_lsp::lsp_types::Url;

use crate::threads::lock;

/// The texts that are expected now.
#[derive(Default)]
pub struct Landings {
    expected: Mutex<Vec<Landing>>,
    last: AtomicU64,
}

struct Landing {
    number: u64,
    uri: Url,
    text: String,
    /// The text as it came; none yet.
    seen: watch::Sender<Option<String>>,
}

/// One expected text; it is looked for until this is dropped.
pub struct Expected {
    landings: Arc<Landings>,
    number: u64,
    seen: watch::Receiver<Option<String>>,
}

impl Landings {
    pub fn expect(self: &Arc<Self>, uri: Url, text: String) -> Expected {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let (sender, seen) = watch::channel(None);
        lock(&self.expected).push(Landing { number, uri, text, seen: sender });
        Expected { landings: self.clone(), number, seen }
    }

    /// A document has this text now. Quick where nothing is expected of it.
    pub fn changed(&self, uri: &Url, rope: &Rope) {
        for landing in lock(&self.expected).iter().filter(|landing| landing.uri == *uri) {
            if landing.seen.borrow().is_none() && is_same(rope, &landing.text) {
                landing.seen.send_replace(Some(rope.to_string()));
            }
        }
    }
}

impl Expected {
    /// The text as it came, which may end its lines in the editor's way.
    pub async fn seen(&mut self) -> String {
        match self.seen.wait_for(Option::is_some).await.map(|seen| seen.clone()) {
            Ok(Some(text)) => text,
            // The sender lives as long as this does.
            _ => std::future::pending().await,
        }
    }

    /// The same, if it came.
    pub fn now(&self) -> Option<String> {
        self.seen.borrow().clone()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        lock(&self.landings.expected).retain(|landing| landing.number != self.number);
    }
}

/// The same text but for the form of its line breaks and one at its end: editors have their own way with both.
fn is_same(rope: &Rope, text: &str) -> bool {
    // Cheap, and enough for nearly every change that is not the one.
    if rope.len_bytes().abs_diff(text.len()) > rope.len_lines() + 1 {
        return false;
    }
    *rope == *text || is_same_text(&rope.to_string(), text)
}

pub fn is_same_text(one: &str, other: &str) -> bool {
    let trimmed = |text: &str| {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
    };
    trimmed(one) == trimmed(other)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_text_is_the_same_but_for_its_line_breaks() {
        let cases = [
            ("a\nb\n", "a\nb\n", true),
            ("a\r\nb\r\n", "a\nb\n", true),
            ("a\nb", "a\nb\n", true),
            ("a\nb\n", "a\r\nb", true),
            ("a\n\nb", "a\nb", false),
            ("a\nb\n\n", "a\nb", false),
            ("a\nc\n", "a\nb\n", false),
            ("", "\n", true),
            ("", "a", false),
            ("é\n", "e\u{301}\n", false),
        ];
        for (rope, text, expected) in cases {
            assert_eq!(is_same(&Rope::from_str(rope), text), expected, "{rope:?} {text:?}");
        }
    }

    #[test]
    fn what_came_once_has_come() {
        let landings = Arc::new(Landings::default());
        let uri = Url::parse("file:///a").expect("a URL");
        let mut expected = landings.expect(uri.clone(), "b\n".into());
        let mut twin = landings.expect(uri.clone(), "c\n".into());
        for text in ["a\n", "b\r\n", "b\r\nand typed on"] {
            landings.changed(&uri, &Rope::from_str(text));
        }
        assert_eq!(expected.seen().now_or_never().as_deref(), Some("b\r\n"));
        assert_eq!(twin.seen().now_or_never(), None);
        drop(expected);
        assert_eq!(lock(&landings.expected).len(), 1);
        let elsewhere = Url::parse("file:///b").expect("a URL");
        landings.changed(&elsewhere, &Rope::from_str("c\n"));
        assert_eq!(twin.seen().now_or_never(), None);
    }
}

//! What runs: a name for each action, a queue a document, and how one is stopped.
//!
//! A document has one edit in flight. A second waits for its turn, in the order in which they were asked for, and
//! can be cancelled while it waits. A place is left by dropping it, however the action ended. Does *not* stop tokens
//! itself: who drops the action's future does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tower_lsp::lsp_types::Url;

use crate::lsp::session::lock;

/// The actions of a session, in the order in which they were asked for.
pub struct Running {
    entries: Mutex<Vec<Entry>>,
    /// Told when a place is left.
    left: watch::Sender<()>,
    last: AtomicU64,
}

struct Entry {
    number: u64,
    uri: Url,
    edits: bool,
    cancel: watch::Sender<bool>,
}

/// The place of one action.
pub struct Run {
    running: Arc<Running>,
    number: u64,
    cancelled: watch::Receiver<bool>,
}

impl Default for Running {
    fn default() -> Self {
        Self { entries: Mutex::default(), left: watch::Sender::new(()), last: AtomicU64::new(0) }
    }
}

impl Running {
    /// Takes a place. An action that edits nothing waits for none and keeps none waiting.
    pub fn begin(self: &Arc<Self>, uri: Url, edits: bool) -> Run {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (cancel, cancelled) = watch::channel(false);
        lock(&self.entries).push(Entry { number, uri, edits, cancel });
        Run { running: self.clone(), number, cancelled }
    }

    /// Stops the action of this name, or all without one; how many there were.
    pub fn cancel(&self, name: Option<&str>) -> usize {
        self.cancel_where(|entry| name.is_none_or(|name| name_of(entry.number) == name))
    }

    /// The document was closed.
    pub fn cancel_document(&self, uri: &Url) {
        self.cancel_where(|entry| entry.uri == *uri);
    }

    fn cancel_where(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        let entries = lock(&self.entries);
        // One that was cancelled before and has not left yet is not counted again.
        entries.iter().filter(|entry| wanted(entry) && !entry.cancel.send_replace(true)).count()
    }

    fn is_first(&self, number: u64) -> bool {
        let entries = lock(&self.entries);
        let Some(own) = entries.iter().find(|entry| entry.number == number) else {
            return true;
        };
        let before = entries.iter().take_while(|entry| entry.number != number);
        !own.edits || !before.into_iter().any(|entry| entry.edits && entry.uri == own.uri)
    }
}

fn name_of(number: u64) -> String {
    format!("a{number}")
}

impl Run {
    /// What `codesage.cancel` and `codesage/stream` call it.
    pub fn name(&self) -> String {
        name_of(self.number)
    }

    /// Completes when no earlier edit of the same document is in flight.
    pub async fn turn(&self) {
        let mut left = self.running.left.subscribe();
        while !self.running.is_first(self.number) {
            // The sender lives as long as this place does.
            let _ = left.changed().await;
        }
    }

    /// Completes when the action is cancelled; never otherwise.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        lock(&self.running.entries).retain(|entry| entry.number != self.number);
        self.running.left.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn uri(name: &str) -> Url {
        Url::parse(&format!("file:///{name}")).expect("a URL")
    }

    #[test]
    fn one_edit_a_document_in_the_order_of_asking() {
        let running = Arc::new(Running::default());
        let first = running.begin(uri("a"), true);
        let second = running.begin(uri("a"), true);
        let prose = running.begin(uri("a"), false);
        let elsewhere = running.begin(uri("b"), true);
        let third = running.begin(uri("a"), true);
        let has_turn = |run: &Run| run.turn().now_or_never().is_some();
        let turns = |runs: &[&Run]| runs.iter().map(|run| has_turn(run)).collect::<Vec<_>>();
        assert_eq!(turns(&[&first, &second, &prose, &elsewhere, &third]), [true, false, true, true, false]);
        // One that gives up while it waits keeps nobody waiting.
        drop(second);
        assert_eq!(turns(&[&first, &third]), [true, false]);
        drop(first);
        assert!(has_turn(&third));
    }

    #[tokio::test]
    async fn a_turn_comes_when_the_one_before_leaves() {
        let running = Arc::new(Running::default());
        let (first, second) = (running.begin(uri("a"), true), running.begin(uri("a"), true));
        let waiting = tokio::spawn(async move { second.turn().await });
        drop(first);
        waiting.await.expect("it does not panic");
    }

    #[test]
    fn cancelling_by_name_by_document_and_all() {
        let running = Arc::new(Running::default());
        let runs = ["a", "a", "b", "c"].map(|name| running.begin(uri(name), true));
        let cancelled = |runs: &[Run]| -> Vec<bool> {
            runs.iter().map(|run| run.cancelled().now_or_never().is_some()).collect()
        };
        assert_eq!(running.cancel(Some("a3")), 1);
        assert_eq!(running.cancel(Some("a3")), 0);
        assert_eq!(running.cancel(Some("a99")), 0);
        assert_eq!(cancelled(&runs), [false, false, true, false]);
        running.cancel_document(&uri("a"));
        assert_eq!(cancelled(&runs), [true, true, true, false]);
        assert_eq!(running.cancel(None), 1);
        assert_eq!(cancelled(&runs), [true; 4]);
        drop(runs);
        assert_eq!(running.cancel(None), 0);
    }
}

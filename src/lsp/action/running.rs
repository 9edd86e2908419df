//! What runs: each action by its id, a queue a document, and how one is stopped.
//!
//! A document has one edit in flight. A second waits for its turn, in the order in which they were asked for, and
//! can be cancelled while it waits. A place is left by dropping it, however the action ended. Does *not* stop tokens
//! itself: who drops the action's future does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tower_lsp::lsp_types::Url;

use crate::threads::lock;

/// The actions of a session, in the order in which they were asked for.
pub struct Running {
    entries: Mutex<Vec<Entry>>,
    /// How many there are, told at each change.
    count: watch::Sender<usize>,
    last: AtomicU64,
}

struct Entry {
    /// Tells apart what has the same id: an edit, and its undo.
    number: u64,
    id: String,
    uri: Url,
    edits: bool,
    cancel: watch::Sender<bool>,
}

/// The place of one action.
pub struct Run {
    /// The document that it was asked for in.
    pub uri: Url,
    running: Arc<Running>,
    number: u64,
    cancelled: watch::Receiver<bool>,
}

impl Default for Running {
    fn default() -> Self {
        Self { entries: Mutex::default(), count: watch::Sender::new(0), last: AtomicU64::new(0) }
    }
}

impl Running {
    /// Takes a place. An action that edits nothing waits for none and keeps none waiting.
    pub fn begin(self: &Arc<Self>, id: &str, uri: Url, edits: bool) -> Run {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let (cancel, cancelled) = watch::channel(false);
        let mut entries = lock(&self.entries);
        entries.push(Entry { number, id: id.to_owned(), uri: uri.clone(), edits, cancel });
        self.count.send_replace(entries.len());
        Run { uri, running: self.clone(), number, cancelled }
    }

    /// How many run, and a way to wait for that to change.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// Whether an action of this id runs.
    pub fn has(&self, id: &str) -> bool {
        lock(&self.entries).iter().any(|entry| entry.id == id)
    }

    /// Stops the actions of this id, or all without one; how many there were.
    pub fn cancel(&self, id: Option<&str>) -> usize {
        self.cancel_where(|entry| id.is_none_or(|id| entry.id == id))
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

impl Run {
    /// It was taken for one that edits, and does not.
    pub fn edits_nothing(&self) {
        let mut entries = lock(&self.running.entries);
        entries.iter_mut().filter(|entry| entry.number == self.number).for_each(|entry| entry.edits = false);
        self.running.count.send_replace(entries.len());
    }

    /// Whether no earlier edit of the same document is in flight.
    pub fn has_turn(&self) -> bool {
        self.running.is_first(self.number)
    }

    /// Completes when it has its turn.
    pub async fn turn(&self) {
        let mut count = self.running.count();
        while !self.has_turn() {
            // The sender lives as long as this place does.
            let _ = count.changed().await;
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
        let mut entries = lock(&self.running.entries);
        entries.retain(|entry| entry.number != self.number);
        self.running.count.send_replace(entries.len());
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
        let begin = |id: &str, name: &str, edits| running.begin(id, uri(name), edits);
        let first = begin("1", "a", true);
        let second = begin("2", "a", true);
        let prose = begin("3", "a", false);
        let elsewhere = begin("4", "b", true);
        let third = begin("5", "a", true);
        assert_eq!(*running.count().borrow(), 5);
        let has_turn = |run: &Run| run.turn().now_or_never().is_some();
        let turns = |runs: &[&Run]| runs.iter().map(|run| has_turn(run)).collect::<Vec<_>>();
        assert_eq!(turns(&[&first, &second, &prose, &elsewhere, &third]), [true, false, true, true, false]);
        // One that gives up while it waits keeps nobody waiting.
        drop(second);
        assert_eq!(turns(&[&first, &third]), [true, false]);
        let unknown = begin("6", "a", true);
        assert!(!has_turn(&unknown));
        unknown.edits_nothing();
        assert!(has_turn(&unknown));
        drop(first);
        assert!(has_turn(&third));
        assert_eq!(*running.count().borrow(), 4);
    }

    #[tokio::test]
    async fn a_turn_comes_when_the_one_before_leaves() {
        let running = Arc::new(Running::default());
        let [first, second] = ["1", "2"].map(|id| running.begin(id, uri("a"), true));
        let waiting = tokio::spawn(async move { second.turn().await });
        drop(first);
        waiting.await.expect("it does not panic");
    }

    #[test]
    fn cancelling_by_id_by_document_and_all() {
        let running = Arc::new(Running::default());
        let runs = [("1", "a"), ("2", "a"), ("3", "b"), ("4", "c")];
        let runs = runs.map(|(id, name)| running.begin(id, uri(name), true));
        let cancelled = |runs: &[Run]| -> Vec<bool> {
            runs.iter().map(|run| run.cancelled().now_or_never().is_some()).collect()
        };
        assert_eq!(running.cancel(Some("3")), 1);
        assert_eq!(running.cancel(Some("3")), 0);
        assert_eq!(running.cancel(Some("99")), 0);
        assert_eq!(cancelled(&runs), [false, false, true, false]);
        running.cancel_document(&uri("a"));
        assert_eq!(cancelled(&runs), [true, true, true, false]);
        assert_eq!(running.cancel(None), 1);
        assert_eq!(cancelled(&runs), [true; 4]);
        drop(runs);
        assert_eq!(running.cancel(None), 0);
    }
}

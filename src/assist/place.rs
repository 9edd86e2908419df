//! What is known of each open document besides its text: its anchor, what was suggested, how fast it is typed in.
//!
//! All of it follows the edits as they arrive, on the transport task: arithmetic on offsets, no parsing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ropey::Rope;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::assist::Ask;
use crate::assist::run::Run;
use crate::completion::cache::Cache;
use crate::completion::spot::Spot;
use crate::completion::{Anchor, Reason};
use crate::context::{Context, Snippet};
use crate::prompt::Fill;
use crate::text::{Document, Edit};

/// A pause longer than this is no typing, and says nothing of how fast someone types.
const TYPING_PAUSE: Duration = Duration::from_secs(2);

/// Changes closer together than this come of one key.
const ONE_KEY: Duration = Duration::from_millis(20);

/// Places of one document that stay known besides the one where the person is.
const PARKED: usize = 2;

/// How long a dirty anchor serves while typing goes on.
const DIRTY_FOR: Duration = Duration::from_secs(2);

/// The open documents' places.
#[derive(Default)]
pub struct Places {
    by_uri: HashMap<Url, Place>,
    /// The document that was asked about last.
    latest: Option<Url>,
    /// Tokens of suggestions that nobody saw, of documents that have closed.
    unseen: u64,
}

/// One document's.
#[derive(Default)]
pub struct Place {
    pub held: Option<Held>,
    /// What is being read to take its place.
    pub next: Option<Held>,
    /// What was held for other places of the document, oldest first.
    parked: Vec<Held>,
    /// Where the person's cursor was last, bytes, as far as anything told.
    pub caret: Option<usize>,
    pub cache: Cache,
    /// Snippets last chosen here.
    pub context: Context,
    /// What the last key inserted: Enter may come as a line break and, in a change of its own, the indentation.
    pub last_inserted: String,
    /// The text that is being made here, if any.
    pub run: Option<Run>,
    /// Where the newest question was asked.
    pub asked_at: Option<Spot>,
    /// The newest questions; a newer one ends those that watch.
    newest: watch::Sender<Newest>,
    last_edit: Option<Instant>,
    /// Mean gap between keys, milliseconds, fading.
    key_gap: Option<f64>,
}

/// An anchor, fitted to the model, and what was chosen to stand beside it.
#[derive(Clone)]
pub struct Held {
    pub anchor: Anchor,
    pub snippets: Arc<[Snippet]>,
    /// Whether the snippets were chosen for it; else it was frozen in haste, without any.
    pub has_chosen: bool,
    /// Whether it was cut to what is soon read, and is to be frozen anew, whole, while nothing is asked.
    pub is_short: bool,
    /// As the model is told it.
    pub path: Arc<str>,
    /// Since when what is frozen is known to differ from the document, or much was typed.
    pub dirty_since: Option<Instant>,
}

impl Held {
    /// The prompt for a cursor: what is frozen, and what was typed since. `None` where the anchor no longer holds, or
    /// has been dirty for longer than is worth what reading it again costs.
    pub fn prompt(&mut self, rope: &Rope, offset: usize) -> Option<Fill> {
        let cut = self.anchor.cut(rope, offset)?;
        if !cut.is_dirty {
            self.dirty_since = None;
        } else if self.dirty_since.get_or_insert_with(Instant::now).elapsed() > DIRTY_FOR {
            return None;
        }
        Some(self.fill(cut.typed))
    }

    /// The prompt with this text typed.
    pub fn fill(&self, typed: String) -> Fill {
        let frozen = self.anchor.frozen();
        Fill {
            snippets: self.snippets.clone(),
            path: self.path.clone(),
            head: frozen.head.clone(),
            tail: frozen.tail.clone(),
            typed,
        }
    }

    /// Whether both hold the same texts, and not only equal ones.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.anchor.frozen(), other.anchor.frozen())
            && Arc::ptr_eq(&self.snippets, &other.snippets)
    }
}

/// Which of a client's methods asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// For ghost text, or not through a client.
    Inline,
    /// For the completion menu.
    Menu,
}

/// The newest questions of a document.
#[derive(Clone, Copy, Default)]
struct Newest {
    at: At,
    /// Of each asker.
    numbers: [u64; 2],
}

/// A cursor in one version of a text: the address of the document, which its question keeps alive, and the offset.
type At = (usize, usize);

/// Says when a newer question for the same document has come. One of the other asker at the same place of the same
/// text is none.
#[derive(Clone)]
pub struct Turn {
    at: At,
    asker: Asker,
    number: u64,
    newest: watch::Receiver<Newest>,
}

impl Turn {
    /// Resolves, with the reason, when this question is no longer the newest or its document has closed.
    pub async fn is_over(&mut self) -> Reason {
        let (at, asker, number) = (self.at, self.asker, self.number);
        match self.newest.wait_for(|newest| newest.ends(at, asker, number)).await {
            Ok(_) => Reason::Superseded,
            Err(_) => Reason::Stale,
        }
    }

    /// The same, now.
    pub fn has_passed(&self) -> bool {
        self.newest.borrow().ends(self.at, self.asker, self.number)
    }
}

impl Newest {
    fn ends(&self, at: At, asker: Asker, number: u64) -> bool {
        self.at != at || self.numbers[asker as usize] > number
    }
}

impl Places {
    /// Makes a place for a document that opens, forgetting what an older one of that name had.
    pub fn open(&mut self, uri: &Url) {
        self.close(uri);
        self.by_uri.insert(uri.clone(), Place::default());
    }

    /// The place of a document; `None` once it is closed.
    pub fn of(&mut self, uri: &Url) -> Option<&mut Place> {
        self.by_uri.get_mut(uri)
    }

    pub fn close(&mut self, uri: &Url) {
        if let Some(mut place) = self.by_uri.remove(uri) {
            place.end_run(Reason::Stale);
            place.cache.clear();
            self.unseen += place.cache.unseen();
        }
    }

    /// The rope is the text after all of the edits.
    pub fn follow(&mut self, uri: &Url, edits: &[Edit], rope: &Rope) {
        if let Some(place) = self.of(uri) {
            place.follow(edits, rope);
        }
    }

    /// Makes this question the newest of its document, which ends the others; `None` where the document is not open.
    /// To be called before anything is awaited: no edit may lie between the question's text and this.
    pub fn take_turn(&mut self, asker: Asker, ask: &Ask) -> Option<Turn> {
        let place = self.by_uri.get_mut(&ask.uri)?;
        if self.latest.as_ref() != Some(&ask.uri) {
            self.latest = Some(ask.uri.clone());
        }
        Some(place.take_turn(asker, ask))
    }

    /// Whether no other document was asked about since this one was.
    pub fn is_latest(&self, uri: &Url) -> bool {
        self.latest.as_ref() == Some(uri)
    }

    /// Ends what is being made, in whatever document: something newer is wanted.
    pub fn end_runs(&mut self) {
        self.by_uri.values_mut().for_each(|place| place.end_run(Reason::Superseded));
    }

    /// Tokens of suggestions that were let go unseen.
    pub fn unseen(&self) -> u64 {
        self.unseen + self.by_uri.values().map(|place| place.cache.unseen()).sum::<u64>()
    }

    /// Settings changed: what was fitted to the old ones is fitted anew. Suggestions stand.
    pub fn forget_anchors(&mut self) {
        for place in self.by_uri.values_mut() {
            place.forget_held();
        }
    }

    /// Whether anything is being made, in whatever document.
    pub fn is_running(&self) -> bool {
        self.by_uri.values().any(|place| place.run.is_some())
    }
}

impl Place {
    fn take_turn(&mut self, asker: Asker, ask: &Ask) -> Turn {
        let at = (Arc::as_ptr(&ask.document) as usize, ask.offset);
        let Newest { mut numbers, .. } = *self.newest.borrow();
        numbers[asker as usize] += 1;
        self.newest.send_replace(Newest { at, numbers });
        self.caret = Some(ask.offset);
        self.asked_at = Some(Spot::new(ask.document.rope(), ask.offset));
        Turn { at, asker, number: numbers[asker as usize], newest: self.newest.subscribe() }
    }

    /// Nothing frozen outlives this.
    pub fn forget_held(&mut self) {
        (self.held, self.next) = (None, None);
        self.parked.clear();
    }

    /// Where the person's cursor is in a document. Of one that was only opened nobody has said: what stands before its
    /// end is the most that any cursor has before it.
    pub fn caret_in(&self, document: &Document) -> usize {
        self.caret.unwrap_or(document.len()).min(document.len())
    }

    /// The prompt for a cursor, by what is held for it.
    pub fn prompt(&mut self, rope: &Rope, offset: usize) -> Option<Fill> {
        if let Some(prompt) = self.held.as_mut().and_then(|held| held.prompt(rope, offset)) {
            return Some(prompt);
        }
        // The person comes back to where they were.
        let parked = self.parked.iter_mut().enumerate().rev();
        let (index, prompt) =
            parked.into_iter().find_map(|(index, held)| Some((index, held.prompt(rope, offset)?)))?;
        let held = self.parked.remove(index);
        self.hold(held, rope, offset);
        Some(prompt)
    }

    /// The prompt for a cursor as [`prompt`](Self::prompt) would give it, or what is being read next, and nothing is changed.
    pub fn peek(&self, rope: &Rope, offset: usize) -> Option<Fill> {
        let held = self.held.iter().chain(self.parked.iter().rev()).chain(&self.next);
        held.into_iter().find_map(|held| held.clone().prompt(rope, offset))
    }

    /// Holds this for a cursor. What was held is parked where it is of another place; else it is given back.
    pub fn hold(&mut self, held: Held, rope: &Rope, offset: usize) -> Option<Held> {
        let old = self.held.replace(held)?;
        if old.anchor.cut(rope, offset).is_some() {
            return Some(old);
        }
        if self.parked.len() == PARKED {
            self.parked.remove(0);
        }
        self.parked.push(old);
        None
    }

    /// The prompt by what is being read to take the place of what is held, where that holds here already.
    pub fn take_next(&mut self, rope: &Rope, offset: usize) -> Option<Fill> {
        let prompt = self.next.as_mut()?.prompt(rope, offset)?;
        let next = self.next.take()?;
        self.hold(next, rope, offset);
        Some(prompt)
    }

    /// Ends what is being made here.
    pub fn end_run(&mut self, reason: Reason) {
        if let Some(run) = self.run.take() {
            run.end(reason);
        }
    }

    /// The usual gap between keys; none where nobody has typed yet.
    pub fn usual_gap(&self) -> Duration {
        Duration::from_secs_f64(self.key_gap.unwrap_or(0.0) / 1000.0)
    }

    fn follow(&mut self, edits: &[Edit], rope: &Rope) {
        for edit in edits {
            for held in self.held.iter_mut().chain(&mut self.next).chain(&mut self.parked) {
                held.anchor.follow(edit);
            }
            self.caret = Some(edit.range.start + edit.text.len());
            if let Some(spot) = &mut self.asked_at {
                spot.follow(edit);
            }
            self.cache.follow(edit);
        }
        // What is typed otherwise needs no token more.
        if self.run.as_mut().is_some_and(|run| !run.follow(edits, rope)) {
            self.end_run(Reason::Stale);
        }
        let now = Instant::now();
        let since_last = self.last_edit.replace(now).map(|last| now - last);
        if since_last.is_none_or(|gap| gap > ONE_KEY) {
            self.last_inserted.clear();
        }
        self.last_inserted.extend(edits.iter().map(|edit| edit.text.as_str()));
        if let Some(gap) = since_last.filter(|&gap| (ONE_KEY..TYPING_PAUSE).contains(&gap)) {
            let gap = gap.as_secs_f64() * 1000.0;
            self.key_gap = Some(self.key_gap.map_or(gap, |mean| 0.8 * mean + 0.2 * gap));
        }
    }
}

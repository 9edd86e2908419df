//! What is known of each open document besides its text: its anchor, what was suggested, how fast it is typed in.
//!
//! All of it follows the edits as they arrive, on the transport task: arithmetic on offsets, no parsing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ropey::Rope;
use tokio::sync::watch;
use url::Url;

use crate::completion::cache::Cache;
use crate::completion::{Anchor, Reason};
use crate::context::{Context, Snippet};
use crate::prompt::Fill;
use crate::text::Edit;

/// A pause longer than this is no typing, and says nothing of how fast someone types.
const TYPING_PAUSE: Duration = Duration::from_secs(2);

/// Changes closer together than this come of one key.
const ONE_KEY: Duration = Duration::from_millis(20);

/// How long a dirty anchor serves while typing goes on.
const DIRTY_FOR: Duration = Duration::from_secs(2);

/// The open documents' places.
#[derive(Default)]
pub struct Places {
    by_uri: HashMap<Url, Place>,
}

/// One document's.
pub struct Place {
    pub held: Option<Held>,
    pub cache: Cache,
    /// Snippets last chosen here.
    pub context: Context,
    /// What the last key inserted: Enter may come as a line break and, in a change of its own, the indentation.
    pub last_inserted: String,
    /// The newest request; sending a newer one ends those that watch.
    newest: watch::Sender<u64>,
    last_edit: Option<Instant>,
    /// Mean gap between keys, milliseconds, fading.
    key_gap: Option<f64>,
}

/// An anchor, fitted to the model, and what was chosen to stand beside it.
#[derive(Clone)]
pub struct Held {
    pub anchor: Anchor,
    pub snippets: Arc<[Snippet]>,
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
        Some(Fill {
            snippets: self.snippets.clone(),
            path: self.path.clone(),
            head: cut.frozen.head.clone(),
            tail: cut.frozen.tail.clone(),
            typed: cut.typed,
        })
    }
}

impl Default for Place {
    fn default() -> Self {
        Self {
            held: None,
            cache: Cache::default(),
            context: Context::default(),
            last_inserted: String::new(),
            newest: watch::Sender::new(0),
            last_edit: None,
            key_gap: None,
        }
    }
}

/// Says when a newer request for the same document has come.
pub struct Turn {
    number: u64,
    newest: watch::Receiver<u64>,
}

impl Turn {
    /// Resolves, with the reason, when this request is no longer the newest or its document has closed.
    pub async fn is_over(&mut self) -> Reason {
        let mine = self.number;
        match self.newest.wait_for(|&newest| newest > mine).await {
            Ok(_) => Reason::Superseded,
            Err(_) => Reason::Stale,
        }
    }
}

impl Places {
    /// Makes a place for a document that opens, forgetting what an older one of that name had.
    pub fn open(&mut self, uri: &Url) {
        self.by_uri.insert(uri.clone(), Place::default());
    }

    /// The place of a document; `None` once it is closed.
    pub fn of(&mut self, uri: &Url) -> Option<&mut Place> {
        self.by_uri.get_mut(uri)
    }

    pub fn close(&mut self, uri: &Url) {
        self.by_uri.remove(uri);
    }

    pub fn follow(&mut self, uri: &Url, edits: &[Edit]) {
        if let Some(place) = self.of(uri) {
            place.follow(edits);
        }
    }

    /// Settings changed: what was fitted to the old ones is fitted anew. Suggestions stand.
    pub fn forget_anchors(&mut self) {
        for place in self.by_uri.values_mut() {
            place.held = None;
        }
    }
}

impl Place {
    /// Makes this request the newest of its document, which ends the others.
    pub fn take_turn(&mut self) -> Turn {
        let number = *self.newest.borrow() + 1;
        self.newest.send_replace(number);
        Turn { number, newest: self.newest.subscribe() }
    }

    /// Half the usual gap between keys: how long to wait for the next one before making text that it would outdate.
    pub fn usual_pause(&self) -> Duration {
        Duration::from_secs_f64(self.key_gap.unwrap_or(0.0) / 2000.0)
    }

    fn follow(&mut self, edits: &[Edit]) {
        for edit in edits {
            if let Some(held) = &mut self.held {
                held.anchor.follow(edit);
            }
            self.cache.follow(edit);
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

//! Reading before it is asked for: when a person has stopped somewhere for a moment, the model reads what it would be
//! asked about there, so that the first suggestion waits for what is new alone.
//!
//! First the text round the cursor by itself, since that is what a suggestion needs, with a slow model the nearest lines
//! of it before the rest; then, beside it, the same with pieces of other files before it. What is frozen is frozen anew
//! here too, where it no longer is what stands there or much was typed behind it: the old one serves until the new one is
//! read. Nothing is written, anything asked for goes first, and where nothing happens nothing runs: no timer is set but
//! by an event.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use crate::assist::freeze::{Cursor, Extent, Quote};
use crate::assist::place::Held;
use crate::assist::{Assistant, Rules};
use crate::engine::sample::Sampling;
use crate::engine::{CancelOnDrop, Event, Lane, ModelState, Request, Stop};
use crate::prompt::{Fill, Prompt};
use crate::threads::{lock, off_the_runtime};

/// How long nothing must happen in a document before it is read.
const SETTLED: Duration = Duration::from_millis(300);

/// Tokens typed behind an anchor that are worth setting it anew for, while nothing is asked.
const MUCH_TYPED: u32 = 64;

/// The text by itself, where that takes long the nearest lines of it before; then with other files.
const STAGES: usize = 3;

/// What happens while nothing is asked.
#[derive(Default)]
pub struct Idle {
    /// Where something happened last, and when that will have settled.
    due: Option<(Url, Instant)>,
    /// A task waits for that.
    is_watched: bool,
    reading: Option<Reading>,
}

/// Something is read; dropping this stops it.
struct Reading {
    uri: Url,
    _cancel: CancelOnDrop,
}

/// What is to be read.
struct Plan {
    prompt: Fill,
    /// What it is the prompt of, where that is to take the place of what is held.
    next: Option<Held>,
    /// What is held.
    old: Option<Held>,
}

impl Assistant {
    /// Something happened in a document, or the person came to look at it: once that has settled, it is read. Inside the
    /// runtime; returns at once.
    pub fn stir(self: &Arc<Self>, uri: &Url) {
        if !self.settings().completion.warm_up {
            return;
        }
        let mut idle = lock(&self.idle);
        idle.due = Some((uri.clone(), Instant::now() + SETTLED));
        if !std::mem::replace(&mut idle.is_watched, true) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// The person's cursor is at this byte of a document.
    pub fn caret(self: &Arc<Self>, uri: &Url, offset: usize) {
        if let Some(place) = lock(&self.places).of(uri) {
            place.caret = Some(offset);
        }
        self.stir(uri);
    }

    /// Stops reading a document: it has closed, or what is read is not what it is asked about.
    pub(super) fn stop_reading(&self, uri: &Url) {
        lock(&self.idle).reading.take_if(|reading| reading.uri == *uri);
    }

    /// When to look again; `None`, and nobody looks any more, where nothing has happened.
    fn next_look(&self) -> Option<Instant> {
        let mut idle = lock(&self.idle);
        idle.is_watched = idle.due.is_some();
        idle.due.as_ref().map(|(_, due)| *due)
    }

    fn take_due(&self) -> Option<Url> {
        lock(&self.idle).due.take_if(|(_, due)| *due <= Instant::now()).map(|(uri, _)| uri)
    }

    /// What is worth reading in a document as it stands, if anything. Blocking.
    fn plan_reading(&self, uri: &Url, stage: usize, rules: &Rules) -> Option<Plan> {
        let document = self.store.snapshot(uri)?;
        let card = self.may_complete(uri, &document, rules).ok()?;
        let (held, offset) = {
            let mut places = lock(&self.places);
            let place = places.of(uri)?;
            let offset = place.caret_in(&document);
            // Looked for where the person has been before, too.
            place.prompt(document.rope(), offset);
            (place.held.clone(), offset)
        };
        let at = Cursor { uri: uri.clone(), document, offset };
        let rope = at.document.rope();
        let cut = held.as_ref().and_then(|held| held.anchor.cut(rope, offset));
        let next = match (&held, cut) {
            (None, _) => self.freeze_at_first(&at, rules, &card, None, Quote::As(Arc::from([]), false)),
            // The cursor is elsewhere in the file.
            (Some(held), None) => {
                let quote = Quote::As(held.snippets.clone(), held.has_chosen);
                self.freeze_at_first(&at, rules, &card, Some(held), quote)
            }
            (Some(held), Some(_)) if held.is_short => {
                let quote = Quote::As(held.snippets.clone(), held.has_chosen);
                self.freeze(&at, rules, &card, None, quote, Extent::Whole)
            }
            (Some(held), Some(cut)) if cut.is_dirty || !self.is_within(&cut.typed, MUCH_TYPED) => {
                self.freeze(&at, rules, &card, Some(held), Quote::Anew, Extent::Whole)
            }
            (Some(held), Some(_)) => {
                let snippets =
                    if held.has_chosen { held.snippets.clone() } else { self.snippets(&at, rules, &card) };
                if *snippets == *held.snippets {
                    self.place_held(&at, rules, |place| {
                        place.held.iter_mut().for_each(|held| held.has_chosen = true);
                    });
                    // It costs nothing where it is read already, but it may have been given up.
                    let is_first = stage == 0;
                    return is_first.then(|| Plan {
                        prompt: held.fill(String::new()),
                        next: None,
                        old: None,
                    });
                }
                Ok(Held { snippets, has_chosen: true, ..held.clone() })
            }
        };
        let mut next = next.ok()?;
        let prompt = next.prompt(rope, offset)?;
        self.place_held(&at, rules, |place| place.next = Some(next.clone()))?;
        Some(Plan { prompt, next: Some(next), old: held })
    }

    /// Reads what was planned; what comes back ends when it is read.
    fn read(&self, uri: &Url, prompt: Fill) -> mpsc::UnboundedReceiver<Event> {
        let generation = self.backend.generate(Request {
            prompt: Prompt::Fill(prompt),
            lane: Lane::Warm,
            sampling: Sampling::default(),
            max_tokens: 0,
            max_time: Duration::ZERO,
            hold: Duration::ZERO,
            stop: Box::new(|_| true),
            told: None,
            precedents: Vec::new(),
        });
        let (events, cancel, _) = generation.into_parts();
        // NB: this ends what was read before: the person is here now.
        lock(&self.idle).reading = Some(Reading { uri: uri.clone(), _cancel: cancel });
        events
    }

    /// What was read takes the place of what is held, if it still can and nothing else did.
    fn promote(&self, uri: &Url, read: &Held, old: Option<&Held>) {
        let Some(document) = self.store.snapshot(uri) else { return };
        let old = {
            let mut places = lock(&self.places);
            let Some(place) = places.of(uri) else { return };
            let Some(next) = place.next.take_if(|next| next.is(read)) else { return };
            let offset = place.caret_in(&document);
            let is_as_it_was = match (&place.held, old) {
                (Some(held), Some(old)) => held.is(old),
                (held, old) => held.is_none() && old.is_none(),
            };
            if !is_as_it_was || next.anchor.cut(document.rope(), offset).is_none() {
                return;
            }
            place.hold(next, document.rope(), offset)
        };
        if let Some(old) = old {
            self.backend.retire(Prompt::Fill(old.fill(String::new())));
        }
    }
}

/// Waits until what happened has settled, for as long as anything happens.
async fn watch(assistant: Weak<Assistant>) {
    while let Some(due) = assistant.upgrade().and_then(|assistant| assistant.next_look()) {
        tokio::time::sleep_until(due).await;
        let uri = assistant.upgrade().and_then(|assistant| assistant.take_due());
        if let Some(uri) = uri {
            tokio::spawn(warm_up(assistant.clone(), uri));
        }
    }
}

async fn warm_up(assistant: Weak<Assistant>, uri: Url) -> Option<()> {
    let mut states = assistant.upgrade()?.backend.watch();
    // NB: without holding the session, which may end before its model is there.
    states.wait_for(|state| !matches!(state, ModelState::Loading { .. })).await.ok()?;
    for stage in 0..STAGES {
        let (planning, wanted) = (assistant.upgrade()?, uri.clone());
        let plan = off_the_runtime(move || planning.plan_reading(&wanted, stage, &planning.rules()));
        let plan = plan.await.ok()??;
        let mut events = assistant.upgrade()?.read(&uri, plan.prompt);
        match events.recv().await? {
            Event::End { stop: Stop::Limit | Stop::EndOfText | Stop::StopRule, .. } => {}
            Event::End { stop: Stop::Cancelled, .. } | Event::Failed(_) | Event::Piece(_) => return None,
        }
        let assistant = assistant.upgrade()?;
        if let Some(next) = &plan.next {
            assistant.promote(&uri, next, plan.old.as_ref());
        }
        lock(&assistant.ledger).warmed();
        plan.next?;
    }
    Some(())
}

//! Everything before the model is asked: permission, policy, the cache, what is being made already, and the prompt.
//! Blocking: it parses, tokenizes and reads ignore files, so it runs on a thread of its own and never on the transport
//! task. Does not choose what a prompt holds: `freeze` does.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::assist::freeze::{Cursor, Quote, answer_tokens, typed_tokens};
use crate::assist::place::Place;
use crate::assist::run::Listener;
use crate::assist::{Ask, Assistant, Rules};
use crate::completion::Reason;
use crate::completion::cache::Origin;
use crate::completion::line;
use crate::completion::pace;
use crate::completion::policy::{self, Mode, Multiline, Situation, Trigger};
use crate::completion::precedent::{self, Precedent};
use crate::completion::shape::{self, Shaped, Shaper};
use crate::config::Part;
use crate::engine::{ModelCard, ModelState};
use crate::prompt::{Fill, Prompt};
use crate::text::Document;
use crate::threads::lock;

/// Tokens of the rest of a line at the most.
const LINE_TOKENS: u32 = 64;

/// What a blocking thread found out before the model is asked.
pub enum Prepared {
    Cached(Shaped, Origin),
    /// It is being made.
    Join(Listener),
    Ask(Box<Ready>),
}

/// All that is to be known before a model is asked.
pub struct Ready {
    pub prompt: Fill,
    pub shaper: Shaper,
    pub mode: Mode,
    pub max_tokens: u32,
    pub hold: Duration,
    pub precedents: Vec<Precedent>,
}

/// The parts of an `Ask` that a blocking thread needs.
pub struct Question {
    at: Cursor,
    trigger: Trigger,
    selection: Option<Range<usize>>,
}

impl Question {
    pub fn of(ask: &Ask) -> Self {
        Self {
            at: Cursor {
                uri: ask.uri.clone(),
                document: ask.document.clone(),
                offset: ask.offset.min(ask.document.len()),
            },
            trigger: ask.trigger,
            selection: ask.selection.clone(),
        }
    }
}

impl Assistant {
    /// Everything before the model: blocking.
    pub(super) fn prepare(&self, ask: &Question, rules: &Rules) -> Result<Prepared, Reason> {
        let settings = &rules.settings.completion;
        let card =
            self.may_complete(&ask.at.uri, &ask.at.document, rules).map_err(|reason| self.woken(reason))?;
        // Before anything parses: a key typed along a suggestion waits for none of it.
        let has_selection = ask.selection.as_ref().is_some_and(|selection| !selection.is_empty());
        if let Some((shaped, origin)) =
            (!has_selection).then(|| self.kept(&ask.at.uri, &ask.at.document, ask.at.offset, rules)).flatten()
        {
            let is_doubtful = is_doubtful(ask.trigger, rules, shaped.confidence);
            return if is_doubtful {
                Err(Reason::DropConfidence)
            } else {
                Ok(Prepared::Cached(shaped, origin))
            };
        }
        let last_inserted = self.at_place(ask, |place| place.last_inserted.clone())?;
        let mode = policy::decide(&Situation {
            document: &ask.at.document,
            offset: ask.at.offset,
            trigger: ask.trigger,
            selection: ask.selection.clone(),
            last_inserted: &last_inserted,
            multiline: self.multiline(rules, ask.trigger),
        })?;
        let rope = ask.at.document.rope();
        let join = |place: &mut Place| place.run.as_ref()?.join(rope, ask.at.offset, mode);
        if let Some(listener) = self.at_place(ask, join)? {
            return Ok(Prepared::Join(listener));
        }
        let most_tokens = answer_tokens(rules, &card);
        let prompt = self.prompt(ask, rules, &card)?;
        Ok(Prepared::Ask(Box::new(Ready {
            prompt,
            shaper: Shaper::new(ask.at.document.clone(), ask.at.offset, mode, ask.trigger)
                .down_to(settings.min_confidence),
            mode,
            max_tokens: most_for(mode, most_tokens),
            hold: self.hold(ask, settings.debounce_ms)?,
            precedents: self.precedents(&ask.at, rules, &card),
        })))
    }

    /// The model, where it may be shown this document and something is to be suggested in it. Reads ignore files.
    pub(super) fn may_complete(
        &self,
        uri: &Url,
        document: &Document,
        rules: &Rules,
    ) -> Result<Arc<ModelCard>, Reason> {
        let (settings, language) = (&rules.settings.completion, document.language());
        if !settings.enabled {
            return Err(Reason::OffDisabled);
        }
        let is_language = |id: &String| id == language.id || language.aliases.contains(&id.as_str());
        if settings.disabled_languages.iter().any(is_language) {
            return Err(Reason::OffLanguage);
        }
        if let Some(reason) = rules.permission.refusal(uri) {
            return Err(reason);
        }
        match self.model() {
            ModelState::Ready(card) => Ok(card),
            ModelState::Unloaded => Err(Reason::ModelNone),
            ModelState::Loading { .. } => Err(Reason::ModelLoading),
            ModelState::Failed(_) => Err(Reason::ModelFailed),
        }
    }

    /// A model that made room for another one is needed again.
    fn woken(&self, reason: Reason) -> Reason {
        let is_coming = reason == Reason::ModelNone && self.backend.hold().is_coming();
        if is_coming { Reason::ModelLoading } else { reason }
    }

    /// The rest of a suggestion that is being typed, shaped for where the cursor now is. What no longer shapes here is
    /// no hit: the model is asked again.
    pub(super) fn kept(
        &self,
        uri: &Url,
        document: &Arc<Document>,
        offset: usize,
        rules: &Rules,
    ) -> Option<(Shaped, Origin)> {
        let kept = lock(&self.places).of(uri)?.cache.find(document.rope(), offset)?;
        if !rules.settings.parts.has(Part::TypeThrough) && kept.from.part == 0 {
            return None;
        }
        let shaped = shape::reshape(document, offset, &kept.text, kept.confidence).ok()?;
        Some((shaped, kept.from))
    }

    /// How long to wait before decoding: an invoked request not at all, an automatic one for the next key.
    fn hold(&self, ask: &Question, debounce_ms: u32) -> Result<Duration, Reason> {
        Ok(match (ask.trigger, debounce_ms) {
            (Trigger::Invoked, _) => Duration::ZERO,
            (Trigger::Automatic, 0) => {
                pace::debounce(self.at_place(ask, |place| place.usual_gap())?, self.token_time())
            }
            (Trigger::Automatic, fixed) => Duration::from_millis(fixed.into()),
        })
    }

    /// How much is to be written.
    pub(super) fn multiline(&self, rules: &Rules, trigger: Trigger) -> Multiline {
        let settings = &rules.settings.completion;
        let limit = Duration::from_millis(settings.max_time_ms.into());
        pace::multiline(settings.multiline, trigger, self.token_time(), limit)
    }

    /// What a token that is written takes the model; zero until some were.
    fn token_time(&self) -> Duration {
        let per_second = self.backend.speed().generate;
        let seconds = if per_second > 0.0 { 1.0 / per_second } else { 0.0 };
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Looks at, or changes, what is known of the asked document; `Stale` when it has closed.
    fn at_place<T>(&self, ask: &Question, look: impl FnOnce(&mut Place) -> T) -> Result<T, Reason> {
        lock(&self.places).of(&ask.at.uri).map(look).ok_or(Reason::Stale)
    }

    /// What follows elsewhere in this text and in others that may be quoted, for a model that does not see it. Reads
    /// ignore files.
    pub(super) fn precedents(&self, at: &Cursor, rules: &Rules, card: &ModelCard) -> Vec<Precedent> {
        // Of a server's model the weights may not be known.
        let is_small = (1..=precedent::MOST_WEIGHTS).contains(&card.parameters);
        if !is_small || !rules.settings.parts.has(Part::Precedents) {
            return Vec::new();
        }
        let mut others = self.store.all();
        let context = &rules.settings.context;
        let quotes = context.cross_file && context.max_tokens > 0;
        let language = at.document.language().id;
        others.retain(|(uri, other)| quotes && *uri != at.uri && other.language().id == language);
        {
            let recent = lock(&self.recent);
            others.sort_by_key(|(uri, _)| Reverse(recent.recency(uri)));
        }
        // NB: asked one by one, of no more than are looked at: refusing reads ignore files.
        let others = others.iter().filter(|(uri, _)| rules.permission.refusal(uri).is_none());
        precedent::precedents(at.document.rope(), at.offset, others.map(|(_, other)| other.rope()))
    }

    /// The prompt: what the anchor froze, and what was typed since.
    fn prompt(&self, ask: &Question, rules: &Rules, card: &ModelCard) -> Result<Fill, Reason> {
        let rope = ask.at.document.rope();
        let parts = &rules.settings.parts;
        let (held, mut prompt, next) = self.at_place(ask, |place| {
            if !parts.has(Part::Anchor) {
                place.held = None;
                return (None, None, None);
            }
            let prompt = place.prompt(rope, ask.at.offset);
            let shows_closers = |prompt: &Fill| line::holds(rope, ask.at.offset, &prompt.tail);
            let prompt = prompt.filter(|prompt| parts.has(Part::Closers) || shows_closers(prompt));
            let next = place.next.clone().filter(|_| prompt.is_none());
            (place.held.clone(), prompt, next)
        })?;
        // What takes long to read is not waited for: less of it serves, and the rest is read when nothing is asked.
        if next.is_some_and(|next| self.is_soon_read(&next, held.as_ref(), rules)) {
            prompt = self.at_place(ask, |place| place.take_next(rope, ask.at.offset))?;
            if prompt.is_some() {
                // It is asked for now.
                self.stop_reading(&ask.at.uri);
            }
        }
        if let Some(prompt) = prompt.filter(|prompt| self.is_within(&prompt.typed, typed_tokens(card))) {
            return Ok(prompt);
        }
        self.stop_reading(&ask.at.uri);
        let mut held = self.freeze_at_first(&ask.at, rules, card, held.as_ref(), Quote::Anew)?;
        let prompt = held.prompt(rope, ask.at.offset).ok_or(Reason::BudgetPrompt)?;
        let old = self.place_held(&ask.at, rules, |place| {
            place.next = None;
            place.hold(held, rope, ask.at.offset)
        });
        if let Some(old) = old.flatten() {
            self.backend.retire(Prompt::Fill(old.fill(String::new())));
        }
        Ok(prompt)
    }
}

/// Tokens of an answer at most: one line is not long.
pub fn most_for(mode: Mode, most_tokens: u32) -> u32 {
    if mode == Mode::Line { most_tokens.min(LINE_TOKENS) } else { most_tokens }
}

/// Whether an automatic suggestion is too unsure to show.
pub fn is_doubtful(trigger: Trigger, rules: &Rules, confidence: f32) -> bool {
    trigger == Trigger::Automatic && confidence < rules.settings.completion.min_confidence
}

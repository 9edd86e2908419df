//! Everything before the model is asked: permission, policy, the cache, and the prompt. Blocking: it parses,
//! tokenizes and reads ignore files, so it runs on a thread of its own and never on the transport task.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::assist::place::{Held, Place};
use crate::assist::{Ask, Assistant, Rules, lock};
use crate::completion::Reason;
use crate::completion::anchor::{Anchor, Windows};
use crate::completion::line;
use crate::completion::policy::{self, Mode, Situation, Trigger};
use crate::completion::shape::{self, Shaped, Shaper};
use crate::config::Part;
use crate::context::gather::{self, Source};
use crate::context::{Context, Snippet};
use crate::engine::{ModelCard, ModelState};
use crate::prompt::{Fill, fit};
use crate::text::Document;

/// Tokens kept free for what is typed before the anchor is set anew.
const TYPED_TOKENS: u32 = 256;
/// Tokens kept free for control tokens and healed bytes.
const MARGIN_TOKENS: u32 = 32;
/// Bytes that a token stands for at the most, nearly: windows are cut to this before tokens are counted exactly.
const BYTES_A_TOKEN: usize = 6;
/// Tokens of the rest of a line at the most.
const LINE_TOKENS: u32 = 64;
/// The longest that the adaptive debounce waits before decoding.
const MOST_DEBOUNCE: Duration = Duration::from_millis(75);

/// What a blocking thread found out before the model is asked.
pub enum Prepared {
    Cached(Shaped),
    Ask { prompt: Fill, shaper: Box<Shaper>, max_tokens: u32, hold: Duration },
}

/// The parts of an `Ask` that a blocking thread needs.
pub struct Question {
    uri: Url,
    document: Arc<Document>,
    offset: usize,
    trigger: Trigger,
    selection: Option<Range<usize>>,
}

impl Question {
    pub fn of(ask: &Ask) -> Self {
        Self {
            uri: ask.uri.clone(),
            document: ask.document.clone(),
            offset: ask.offset.min(ask.document.len()),
            trigger: ask.trigger,
            selection: ask.selection.clone(),
        }
    }
}

impl Assistant {
    /// Everything before the model: blocking.
    pub(super) fn prepare(&self, ask: &Question, rules: &Rules) -> Result<Prepared, Reason> {
        let settings = &rules.settings.completion;
        if !settings.enabled {
            return Err(Reason::OffDisabled);
        }
        let language = ask.document.language();
        if settings
            .disabled_languages
            .iter()
            .any(|id| id == language.id || language.aliases.contains(&id.as_str()))
        {
            return Err(Reason::OffLanguage);
        }
        if let Some(reason) = rules.permission.refusal(&ask.uri) {
            return Err(reason);
        }
        let card = match self.model() {
            ModelState::Ready(card) => card,
            ModelState::Unloaded => return Err(Reason::ModelNone),
            ModelState::Loading { .. } => return Err(Reason::ModelLoading),
            ModelState::Failed(_) => return Err(Reason::ModelFailed),
        };
        // Before anything parses: a key typed along a suggestion waits for none of it.
        let has_selection = ask.selection.as_ref().is_some_and(|selection| !selection.is_empty());
        let may_hold = !has_selection && rules.settings.parts.has(Part::TypeThrough);
        if let Some(shaped) = may_hold.then(|| self.kept(ask, rules)).flatten() {
            return shaped.map(Prepared::Cached);
        }
        let last_inserted = self.at_place(ask, |place| place.last_inserted.clone())?;
        let mode = policy::decide(&Situation {
            document: &ask.document,
            offset: ask.offset,
            trigger: ask.trigger,
            selection: ask.selection.clone(),
            last_inserted: &last_inserted,
            multiline: settings.multiline,
        })?;
        let most_tokens = settings.max_tokens.min(card.context_tokens / 4);
        let prompt = self.prompt(ask, rules, &card, most_tokens)?;
        Ok(Prepared::Ask {
            prompt,
            shaper: Box::new(Shaper::new(ask.document.clone(), ask.offset, mode, ask.trigger)),
            max_tokens: if mode == Mode::Line { most_tokens.min(LINE_TOKENS) } else { most_tokens },
            hold: self.hold(ask, settings.debounce_ms)?,
        })
    }

    /// The rest of a suggestion that is being typed, shaped for where the cursor now is.
    fn kept(&self, ask: &Question, rules: &Rules) -> Option<Result<Shaped, Reason>> {
        let find = |place: &mut Place| place.cache.find(ask.document.rope(), ask.offset);
        let kept = self.at_place(ask, find).ok().flatten()?;
        // What no longer shapes here is no hit: the model is asked again.
        let shaped = shape::reshape(&ask.document, ask.offset, &kept).ok()?;
        let doubtful = is_doubtful(ask.trigger, rules, shaped.confidence);
        Some(if doubtful { Err(Reason::DropConfidence) } else { Ok(shaped) })
    }

    /// How long to wait before decoding: an invoked request not at all, an automatic one for the next key.
    fn hold(&self, ask: &Question, debounce_ms: u32) -> Result<Duration, Reason> {
        Ok(match (ask.trigger, debounce_ms) {
            (Trigger::Invoked, _) => Duration::ZERO,
            (Trigger::Automatic, 0) => self.at_place(ask, |place| place.usual_pause())?.min(MOST_DEBOUNCE),
            (Trigger::Automatic, fixed) => Duration::from_millis(fixed.into()),
        })
    }

    /// Looks at, or changes, what is known of the asked document; `Stale` when it has closed.
    fn at_place<T>(&self, ask: &Question, look: impl FnOnce(&mut Place) -> T) -> Result<T, Reason> {
        lock(&self.places).of(&ask.uri).map(look).ok_or(Reason::Stale)
    }

    /// The prompt: what the anchor froze, and what was typed since.
    fn prompt(&self, ask: &Question, rules: &Rules, card: &ModelCard, answer: u32) -> Result<Fill, Reason> {
        let rope = ask.document.rope();
        let typed_tokens = TYPED_TOKENS.min(card.context_tokens / 8);
        let parts = &rules.settings.parts;
        let (old, prompt) = self.at_place(ask, |place| {
            place.held.take_if(|_| !parts.has(Part::Anchor));
            let prompt = place.held.as_mut().and_then(|held| held.prompt(rope, ask.offset));
            (place.held.clone(), prompt)
        })?;
        let shows_closers = |prompt: &Fill| line::holds(rope, ask.offset, &prompt.tail);
        let prompt = prompt.filter(|prompt| parts.has(Part::Closers) || shows_closers(prompt));
        if let Some(prompt) = prompt.filter(|prompt| self.is_within(&prompt.typed, typed_tokens)) {
            return Ok(prompt);
        }
        let reserved = answer + MARGIN_TOKENS + typed_tokens;
        let Some(budget) = card.context_tokens.checked_sub(reserved).filter(|&budget| budget >= 32) else {
            return Err(Reason::BudgetPrompt);
        };
        let context = &rules.settings.context;
        let wanted = if context.cross_file && card.quotes { context.max_tokens as usize } else { 0 };
        let shares = fit::shares(budget as usize, wanted);
        let windows = Windows { head: shares.head * BYTES_A_TOKEN, tail: shares.tail * BYTES_A_TOKEN };
        let anchor = match &old {
            Some(held) => held.anchor.renewed(rope, ask.offset, windows),
            None => Anchor::new(rope, ask.offset, windows),
        };
        let anchor =
            if parts.has(Part::Closers) { anchor } else { anchor.with_closers(rope, ask.offset, windows) };
        let anchor = self.fitted(anchor, shares);
        let snippets =
            if shares.snippets > 0 { self.snippets(ask, rules, shares.snippets) } else { Arc::from([]) };
        let path = rules.model_path(&ask.uri).into();
        let mut held = Held { anchor, snippets, path, dirty_since: None };
        let prompt = held.prompt(rope, ask.offset).ok_or(Reason::BudgetPrompt)?;
        // Only where no edit came meanwhile, which the new anchor would not have followed, and no new rules, which
        // would have left out some of it. NB: looked at under the lock under which edits are followed.
        self.at_place(ask, |place| {
            let now = self.store.snapshot(&ask.uri);
            let is_current = now.is_some_and(|now| Arc::ptr_eq(&now, &ask.document));
            if is_current && std::ptr::eq(Arc::as_ptr(&self.rules()), rules) {
                place.held = Some(held);
            }
        })?;
        Ok(prompt)
    }

    /// Whether a text has at most so many tokens. Counted only where it may have more.
    fn is_within(&self, text: &str, tokens: u32) -> bool {
        let tokens = tokens as usize;
        text.len() <= tokens || self.backend.count_tokens(text).is_none_or(|count| count <= tokens)
    }

    /// Cuts the frozen texts to their shares, by exact counts: once for each anchor.
    fn fitted(&self, mut anchor: Anchor, shares: fit::Shares) -> Anchor {
        let mut count = |text: &str| self.backend.count_tokens(text).unwrap_or(text.len());
        let frozen = anchor.frozen().clone();
        let head = fit::settle_head(&frozen.head, shares.head, &mut count).len();
        let tail = fit::keep_start(&frozen.tail, shares.tail, &mut count).len();
        anchor.narrow(frozen.head.len() - head, tail);
        anchor
    }

    /// Pieces of other open files that help here.
    fn snippets(&self, ask: &Question, rules: &Rules, budget: usize) -> Arc<[Snippet]> {
        let others = self.store.all().into_iter().filter(|(uri, _)| *uri != ask.uri);
        // NB: collected before the lock is taken: refusing reads ignore files, and typing waits for that lock.
        let others: Vec<_> = others.filter(|(uri, _)| rules.permission.refusal(uri).is_none()).collect();
        let sources: Vec<Source> = {
            let recent = lock(&self.recent);
            others
                .into_iter()
                .map(|(uri, document)| Source {
                    path: rules.model_path(&uri),
                    document,
                    recency: recent.recency(&uri),
                })
                .collect()
        };
        let previous = self.at_place(ask, |place| place.context.clone()).unwrap_or_default();
        let mut count = |snippet: &Snippet| {
            // The separator before it is a token too.
            1 + self.backend.count_tokens(&snippet.path).unwrap_or(snippet.path.len())
                + self.backend.count_tokens(&snippet.text).unwrap_or(snippet.text.len())
                + 2
        };
        let context: Context =
            gather::gather(&ask.document, ask.offset, &sources, &previous, budget, &mut count);
        let snippets = context.snippets.clone().into();
        // A document that has closed meanwhile needs none.
        let _ = self.at_place(ask, |place| place.context = context);
        snippets
    }
}

/// Whether an automatic suggestion is too unsure to show.
pub fn is_doubtful(trigger: Trigger, rules: &Rules, confidence: f32) -> bool {
    trigger == Trigger::Automatic && confidence < rules.settings.completion.min_confidence
}

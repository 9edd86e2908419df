//! One suggestion: permission → cache → policy → context → prompt → engine → shape (`prepare` has the first half).
//!
//! Every question gets one answer with one reason, entered in the ledger even when its future is dropped. What is made
//! for a question belongs to the document (`run`): the question listens, and another one that wants the same listens
//! too. What parses, tokenizes or reads files runs on a blocking thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use crate::assist::ahead::Shown;
use crate::assist::place::{Asker, Place, Turn};
use crate::assist::prepare::{Prepared, Question, Ready, is_doubtful};
use crate::assist::run::{Listener, Made, Purpose, Start};
use crate::assist::sent::Sent;
use crate::assist::stats::{Positions, Record};
use crate::assist::{Answer, Ask, Assistant, Rules, Suggestion};
use crate::completion::Reason;
use crate::completion::cache::Origin;
use crate::completion::policy::Trigger;
use crate::completion::shape::Shaped;
use crate::config::Part;
use crate::engine::sample::Sampling;
use crate::engine::{EngineError, Lane, Request, Usage};
use crate::prompt::Prompt;
use crate::threads::{Broken, lock, off_the_runtime};

/// Text for the cursor, before it is an answer.
struct Found {
    shaped: Shaped,
    reason: Reason,
    usage: Usage,
    model: Option<String>,
    /// Where it is kept.
    origin: Option<Origin>,
}

/// Why there is none, and what finding that out cost.
#[derive(Clone, Copy, Debug)]
pub struct Missed {
    pub reason: Reason,
    pub usage: Usage,
}

impl From<Broken> for Missed {
    fn from(_: Broken) -> Self {
        Reason::EngineFailed.into()
    }
}

impl From<Reason> for Missed {
    fn from(reason: Reason) -> Self {
        Self { reason, usage: Usage::default() }
    }
}

/// How one attempt ended.
enum Attempt {
    Found(Found),
    /// What was listened to held nothing for this cursor, or for somebody who asked: it is made anew.
    Again,
}

/// Attempts at most: to listen, to make what that did not hold, and again with less frozen text.
const ATTEMPTS: usize = 3;

impl Assistant {
    /// Answers one question. The newest question of a document wins: an older one is answered at once with
    /// `Reason::Superseded`. Dropping the future is to stop listening.
    pub async fn complete(self: &Arc<Self>, ask: Ask) -> Answer {
        self.complete_once(Asker::Inline, &ask).await.0
    }

    /// Answers one question of one of a client's methods. Where both ask at the same place of the same text, both are
    /// answered, by one generation. While the answer is looked at, what may come behind it is made.
    pub async fn complete_for(self: &Arc<Self>, asker: Asker, ask: Ask) -> Answer {
        let (answer, shown) = self.complete_once(asker, &ask).await;
        if let Some((shaped, origin)) = shown {
            self.look_ahead(Shown { uri: ask.uri, document: ask.document, shaped, origin });
        }
        answer
    }

    async fn complete_once(self: &Arc<Self>, asker: Asker, ask: &Ask) -> (Answer, Option<(Shaped, Origin)>) {
        lock(&self.ledger).requested();
        let mut entry = Entry::new(self, ask);
        let turn = lock(&self.places).take_turn(asker, ask);
        let (answer, shown) = match turn {
            None => (Answer::none(Reason::Stale.into()), None),
            Some(mut turn) => {
                let theirs = turn.clone();
                tokio::select! {
                    biased;
                    reason = turn.is_over() => (Answer::none(reason.into()), None),
                    answer = self.answer(ask, &theirs, &entry.id) => answer,
                }
            }
        };
        entry.answer = Some(answer.clone());
        (answer, shown)
    }

    /// Enters a question that is refused before any work, as one about a document that is not open is.
    pub fn refuse(&self, uri: &Url, reason: Reason) -> Answer {
        lock(&self.ledger).requested();
        let answer = Answer::none(reason.into());
        let (id, uri, began) = (self.new_id(), uri.to_string(), Instant::now());
        let (version, offset, positions) = (0, 0, None);
        let answered = Some(answer.clone());
        drop(Entry { assistant: self, id, uri, version, offset, positions, began, answer: answered });
        answer
    }

    /// The answer, and what is shown by it and kept.
    async fn answer(
        self: &Arc<Self>,
        ask: &Ask,
        turn: &Turn,
        id: &str,
    ) -> (Answer, Option<(Shaped, Origin)>) {
        let began = Instant::now();
        let rules = self.rules();
        let nothing = |missed| (Answer::none(missed), None);
        let found = match self.find(ask, turn, &rules).await {
            Ok(found) => found,
            Err(missed) => return nothing(missed),
        };
        let suggestion = match present(ask, id, &found.shaped) {
            Ok(suggestion) => suggestion,
            Err(reason) => return nothing(Missed { reason, usage: found.usage }),
        };
        // What is being typed along is shown already.
        if ask.trigger == Trigger::Automatic && found.reason != Reason::OkCache {
            let delay = Duration::from_millis(rules.settings.completion.show_delay_ms.into());
            tokio::time::sleep(delay.saturating_sub(began.elapsed())).await;
            if !self.is_current(ask) {
                return nothing(Missed { reason: Reason::Stale, usage: found.usage });
            }
        }
        if let Some(origin) = found.origin {
            self.saw(&ask.uri, origin);
        }
        let Found { reason, usage, model, .. } = found;
        let answer = Answer { outcome: Ok(suggestion), reason, usage, model };
        (answer, found.origin.map(|origin| (found.shaped, origin)))
    }

    async fn find(self: &Arc<Self>, ask: &Ask, turn: &Turn, rules: &Arc<Rules>) -> Result<Found, Missed> {
        for attempt in 1..=ATTEMPTS {
            match self.try_once(ask, turn, rules).await {
                Ok(Attempt::Found(found)) => return Ok(found),
                Ok(Attempt::Again) => {}
                // What was frozen had outgrown the context; it has been forgotten, and less is frozen now.
                Err(Missed { reason: Reason::BudgetPrompt, .. }) if attempt < ATTEMPTS => {}
                Err(missed) => return Err(missed),
            }
        }
        Err(Reason::Stale.into())
    }

    async fn try_once(
        self: &Arc<Self>,
        ask: &Ask,
        turn: &Turn,
        rules: &Arc<Rules>,
    ) -> Result<Attempt, Missed> {
        let (this, ours, question) = (self.clone(), rules.clone(), Question::of(ask));
        let mut listener = match off_the_runtime(move || this.prepare(&question, &ours)).await?? {
            Prepared::Cached(shaped, origin) => {
                let (usage, origin) = (Usage::default(), Some(origin));
                let reason = Reason::OkCache;
                return Ok(Attempt::Found(Found { shaped, reason, usage, model: None, origin }));
            }
            Prepared::Join(listener) => listener,
            Prepared::Ask(ready) => self.start(ask, turn, *ready, rules)?,
        };
        match listener.outcome().await {
            Ok(made) => self.pick(ask, rules, &made, listener.has_joined),
            Err(missed) if listener.has_joined && self.is_worth_asking(ask, &listener, missed.reason) => {
                Ok(Attempt::Again)
            }
            Err(missed) => Err(missed),
        }
    }

    /// Whether to ask anew where nothing came of what was listened to: it went another way than what was typed, or the
    /// person asks and the editor alone had asked for it.
    fn is_worth_asking(&self, ask: &Ask, listener: &Listener, reason: Reason) -> bool {
        let asks_for_more = (ask.trigger, listener.trigger) == (Trigger::Invoked, Trigger::Automatic);
        (reason == Reason::Stale && self.is_current(ask)) || (reason.is_drop() && asks_for_more)
    }

    /// Starts what was prepared, or listens to what another question of this place has started meanwhile.
    fn start(
        self: &Arc<Self>,
        ask: &Ask,
        turn: &Turn,
        ready: Ready,
        rules: &Rules,
    ) -> Result<Listener, Reason> {
        let mut places = lock(&self.places);
        // The engine serves the newest that reaches it; what prepared longer must not end what was asked later.
        if !places.is_latest(&ask.uri) || turn.has_passed() {
            return Err(Reason::Superseded);
        }
        let now = self.store.snapshot(&ask.uri).ok_or(Reason::Stale)?;
        let place = places.of(&ask.uri).ok_or(Reason::Stale)?;
        let joined = |place: &Place| place.run.as_ref()?.join(ask.document.rope(), ask.offset, ready.mode);
        if let Some(listener) = joined(place) {
            return Ok(listener);
        }
        // Text that is typed along goes on for whoever asks about what was typed; this question is about less.
        if place.run.is_some() && !Arc::ptr_eq(&now, &ask.document) {
            return Err(Reason::Stale);
        }
        let spot = place.asked_at.clone().ok_or(Reason::Stale)?;
        let purpose = Purpose {
            document: ask.document.clone(),
            offset: ask.offset,
            mode: ready.mode,
            trigger: ask.trigger,
            spot,
            behind: None,
            types_through: rules.settings.parts.has(Part::TypeThrough),
        };
        let start = Start::new(purpose, ready.shaper);
        self.sends(Sent::fill(ask, &ready.prompt, start.echo()));
        let generation = self.backend.generate(Request {
            prompt: Prompt::Fill(ready.prompt),
            lane: Lane::Completion,
            sampling: Sampling::default(),
            max_tokens: ready.max_tokens,
            max_time: Duration::from_millis(rules.settings.completion.max_time_ms.into()),
            hold: ready.hold,
            stop: start.stop_rule(),
            told: None,
            precedents: ready.precedents,
        });
        let run = start.run(generation, Arc::downgrade(self), ask.uri.clone());
        let listener = run.listen(false);
        // What was typed while it was prepared is typed along it.
        let agrees = run.agrees(now.rope());
        places.end_runs();
        match places.of(&ask.uri) {
            Some(place) if agrees => place.run = Some(run),
            _ => run.end(Reason::Stale),
        }
        lock(&self.ledger).started();
        Ok(listener)
    }

    /// What of a finished text is for this question, and whether to show it.
    fn pick(&self, ask: &Ask, rules: &Rules, made: &Made, has_joined: bool) -> Result<Attempt, Missed> {
        let usage = if has_joined { Usage::default() } else { made.usage };
        let missed = |reason| Err(Missed { reason, usage });
        if !self.is_current(ask) {
            return missed(Reason::Stale);
        }
        let is_for_this =
            !made.is_ahead && Arc::ptr_eq(&made.document, &ask.document) && made.offset == ask.offset;
        let (shaped, origin) = if is_for_this {
            (made.shaped.clone(), made.origin)
        } else {
            match self.kept(&ask.uri, &ask.document, ask.offset, rules) {
                Some((shaped, origin)) => (shaped, Some(origin)),
                None => return Ok(Attempt::Again),
            }
        };
        if is_doubtful(ask.trigger, rules, shaped.confidence) {
            return missed(Reason::DropConfidence);
        }
        let reason = if has_joined { Reason::OkRunning } else { Reason::OkNew };
        Ok(Attempt::Found(Found { shaped, reason, usage, model: made.model.clone(), origin }))
    }

    /// A suggestion is shown.
    fn saw(&self, uri: &Url, origin: Origin) {
        let is_first = lock(&self.places).of(uri).is_some_and(|place| place.cache.saw(origin));
        if is_first && origin.part > 0 {
            lock(&self.ledger).foreseen();
        }
    }

    /// The reason code for an engine's error.
    pub(super) fn failure(&self, error: &EngineError, uri: &Url) -> Reason {
        match error {
            EngineError::NotLoaded => Reason::ModelNone,
            EngineError::Loading => Reason::ModelLoading,
            EngineError::LoadFailed(_) => Reason::ModelFailed,
            EngineError::PromptTooLong { .. } => {
                if let Some(place) = lock(&self.places).of(uri) {
                    place.forget_held();
                }
                Reason::BudgetPrompt
            }
            EngineError::Stopped | EngineError::Decode(_) | EngineError::Remote(_) => {
                tracing::warn!("no suggestion: {error}");
                Reason::EngineFailed
            }
        }
    }

    /// Whether the document is still the one that was asked about.
    fn is_current(&self, ask: &Ask) -> bool {
        self.store.snapshot(&ask.uri).is_some_and(|now| Arc::ptr_eq(&now, &ask.document))
    }
}

impl Answer {
    fn none(missed: Missed) -> Self {
        let Missed { reason, usage } = missed;
        Self { outcome: Err(reason), reason, usage, model: None }
    }
}

/// The suggestion as the editor wants it: alone, or extending the item selected in its menu.
fn present(ask: &Ask, id: &str, shaped: &Shaped) -> Result<Suggestion, Reason> {
    let (id, mut range, mut text) = (id.to_string(), shaped.range.clone(), shaped.text.clone());
    if let Some((replaced, selected)) = &ask.popup {
        // What the menu's item replaces must end at the cursor, and the whole must extend the item.
        if replaced.end != ask.offset || replaced.start > ask.offset || range.start != ask.offset {
            return Err(Reason::DropPopup);
        }
        text.insert_str(0, &ask.document.slice(replaced.clone()));
        range.start = replaced.start;
        if !text.starts_with(selected.as_str()) || text.len() == selected.len() {
            return Err(Reason::DropPopup);
        }
    }
    Ok(Suggestion { id, range, text, confidence: shaped.confidence })
}

/// Enters a request in the ledger when it ends, also when its future is dropped before.
struct Entry<'a> {
    assistant: &'a Assistant,
    id: String,
    uri: String,
    version: i32,
    offset: usize,
    positions: Option<Positions>,
    began: Instant,
    answer: Option<Answer>,
}

impl<'a> Entry<'a> {
    fn new(assistant: &'a Assistant, ask: &Ask) -> Self {
        Self {
            assistant,
            id: assistant.new_id(),
            uri: ask.uri.to_string(),
            version: ask.document.version(),
            offset: ask.offset,
            positions: Some(Positions::new(ask.document.rope(), ask.offset)),
            began: Instant::now(),
            answer: None,
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let answer = self.answer.take().unwrap_or_else(|| Answer::none(Reason::Cancelled.into()));
        let record = Record {
            id: std::mem::take(&mut self.id),
            uri: std::mem::take(&mut self.uri),
            version: self.version,
            offset: self.offset,
            positions: self.positions,
            code: answer.reason.code(),
            detail: answer.reason.meaning(),
            usage: answer.usage,
            ms: self.began.elapsed().as_secs_f64() * 1000.0,
            model: answer.model,
            confidence: answer.outcome.as_ref().ok().map(|suggestion| suggestion.confidence),
            text: answer.outcome.ok().map(|suggestion| suggestion.text),
        };
        lock(&self.assistant.ledger).answered(answer.reason, record);
    }
}

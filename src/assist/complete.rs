//! One suggestion: permission → cache → policy → context → prompt → engine → shape (`prepare` has the first half).
//!
//! Every question gets one answer with one reason, entered in the ledger even when its future is dropped. What
//! parses, tokenizes or reads files runs on a blocking thread; the stop rules run on the engine's own thread, so that
//! no token is made past the end of a suggestion.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use url::Url;

use crate::assist::place::Place;
use crate::assist::prepare::{Prepared, Question, is_doubtful};
use crate::assist::stats::Record;
use crate::assist::{Answer, Ask, Assistant, Rules, Suggestion, lock};
use crate::completion::Reason;
use crate::completion::policy::Trigger;
use crate::completion::shape::{End, Shaped, Shaper, Verdict};
use crate::engine::sample::Sampling;
use crate::engine::{EngineError, Event, Generation, Lane, Request, Stop, StopRule, Usage};
use crate::prompt::Prompt;

/// Text for the cursor, before it is an answer.
struct Found {
    shaped: Shaped,
    reason: Reason,
    usage: Usage,
}

/// Why there is none, and what finding that out cost.
struct Missed {
    reason: Reason,
    usage: Usage,
}

impl From<Reason> for Missed {
    fn from(reason: Reason) -> Self {
        Self { reason, usage: Usage::default() }
    }
}

impl Assistant {
    /// Answers one question. The newest question of a document wins: an older one is answered at once with
    /// `Reason::Superseded`. Dropping the future cancels the work.
    pub async fn complete(self: &Arc<Self>, ask: Ask) -> Answer {
        lock(&self.ledger).requested();
        let mut entry = Entry::new(self, &ask);
        let number = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
        let turn = lock(&self.places).of(&ask.uri).map(Place::take_turn);
        let answer = match turn {
            None => Answer::none(Reason::Stale.into()),
            Some(mut turn) => tokio::select! {
                biased;
                reason = turn.is_over() => Answer::none(reason.into()),
                answer = self.answer(&ask, number, &entry.id) => answer,
            },
        };
        entry.answer = Some(answer.clone());
        answer
    }

    /// Enters a question that is refused before any work, as one about a document that is not open is.
    pub fn refuse(&self, uri: &Url, reason: Reason) -> Answer {
        lock(&self.ledger).requested();
        let answer = Answer::none(reason.into());
        let (id, uri, began) = (self.new_id(), uri.to_string(), Instant::now());
        drop(Entry { assistant: self, id, uri, version: 0, offset: 0, began, answer: Some(answer.clone()) });
        answer
    }

    async fn answer(self: &Arc<Self>, ask: &Ask, number: u64, id: &str) -> Answer {
        let began = Instant::now();
        let rules = self.rules();
        let found = match self.find(ask, number, &rules).await {
            Ok(found) => found,
            Err(missed) => return Answer::none(missed),
        };
        let suggestion = match present(ask, id, &found.shaped) {
            Ok(suggestion) => suggestion,
            Err(reason) => {
                return Answer::none(Missed { reason, usage: found.usage });
            }
        };
        // What is being typed along is shown already.
        if ask.trigger == Trigger::Automatic && found.reason != Reason::OkCache {
            let delay = Duration::from_millis(rules.settings.completion.show_delay_ms.into());
            tokio::time::sleep(delay.saturating_sub(began.elapsed())).await;
            if !self.is_current(ask) {
                return Answer::none(Missed { reason: Reason::Stale, usage: found.usage });
            }
        }
        Answer { outcome: Ok(suggestion), reason: found.reason, usage: found.usage }
    }

    async fn find(self: &Arc<Self>, ask: &Ask, number: u64, rules: &Arc<Rules>) -> Result<Found, Missed> {
        match self.try_once(ask, number, rules).await {
            // What was frozen had outgrown the context; it has been forgotten, and less is frozen now.
            Err(Missed { reason: Reason::BudgetPrompt, .. }) => self.try_once(ask, number, rules).await,
            outcome => outcome,
        }
    }

    async fn try_once(self: &Arc<Self>, ask: &Ask, number: u64, rules: &Arc<Rules>) -> Result<Found, Missed> {
        let (this, ours, question) = (self.clone(), rules.clone(), Question::of(ask));
        match off_the_runtime(move || this.prepare(&question, &ours)).await?? {
            Prepared::Cached(shaped) => {
                Ok(Found { shaped, reason: Reason::OkCache, usage: Usage::default() })
            }
            // The engine serves the newest that reaches it; what prepared longer must not end what was asked later.
            Prepared::Ask { .. } if self.newest.load(Ordering::SeqCst) != number => {
                Err(Reason::Superseded.into())
            }
            Prepared::Ask { prompt, shaper, max_tokens, hold } => {
                let shaper = Arc::new(Mutex::new(Some(*shaper)));
                let request = Request {
                    prompt: Prompt::Fill(prompt),
                    lane: Lane::Completion,
                    sampling: Sampling::default(),
                    max_tokens,
                    max_time: Duration::from_millis(rules.settings.completion.max_time_ms.into()),
                    hold,
                    stop: stop_rule(shaper.clone()),
                    told: None,
                };
                let generation = self.backend.generate(request);
                let (end, usage) = self.listen(generation, &ask.uri).await?;
                let shaper = lock(&shaper).take().ok_or(Missed { reason: Reason::EngineFailed, usage })?;
                let shaped = off_the_runtime(move || shaper.finish(end)).await?;
                self.finish(ask, rules, shaped.map_err(|reason| Missed { reason, usage })?, usage)
            }
        }
    }

    /// Waits for the end of a generation; its text is in the shaper.
    async fn listen(&self, mut generation: Generation, uri: &Url) -> Result<(End, Usage), Missed> {
        loop {
            match generation.next().await {
                Some(Event::Piece(_)) => {}
                // Cancelled by the engine itself: a newer completion came, of whatever document.
                Some(Event::End { stop: Stop::Cancelled, usage }) => {
                    return Err(Missed { reason: Reason::Superseded, usage });
                }
                Some(Event::End { stop: Stop::Limit, usage }) => return Ok((End::CutShort, usage)),
                Some(Event::End { stop: Stop::EndOfText | Stop::StopRule, usage }) => {
                    return Ok((End::Whole, usage));
                }
                Some(Event::Failed(error)) => return Err(self.failure(&error, uri).into()),
                None => return Err(Reason::EngineFailed.into()),
            }
        }
    }

    /// The reason code for an engine's error.
    fn failure(&self, error: &EngineError, uri: &Url) -> Reason {
        match error {
            EngineError::NotLoaded => Reason::ModelNone,
            EngineError::Loading => Reason::ModelLoading,
            EngineError::LoadFailed(_) => Reason::ModelFailed,
            EngineError::PromptTooLong { .. } => {
                if let Some(place) = lock(&self.places).of(uri) {
                    place.held = None;
                }
                Reason::BudgetPrompt
            }
            EngineError::Stopped | EngineError::Decode(_) => {
                tracing::warn!("no suggestion: {error}");
                Reason::EngineFailed
            }
        }
    }

    /// Keeps what was made for type-through, and decides whether to show it.
    fn finish(&self, ask: &Ask, rules: &Rules, shaped: Shaped, usage: Usage) -> Result<Found, Missed> {
        let missed = |reason| Err(Missed { reason, usage });
        if let Some(place) = lock(&self.places).of(&ask.uri) {
            place.cache.keep(ask.document.rope(), ask.offset, &shaped.added, shaped.confidence);
        }
        if !self.is_current(ask) {
            return missed(Reason::Stale);
        }
        if is_doubtful(ask.trigger, rules, shaped.confidence) {
            return missed(Reason::DropConfidence);
        }
        Ok(Found { shaped, reason: Reason::OkNew, usage })
    }

    /// Whether the document is still the one that was asked about.
    fn is_current(&self, ask: &Ask) -> bool {
        self.store.snapshot(&ask.uri).is_some_and(|now| Arc::ptr_eq(&now, &ask.document))
    }
}

impl Answer {
    fn none(missed: Missed) -> Self {
        Self { outcome: Err(missed.reason), reason: missed.reason, usage: missed.usage }
    }
}

/// Runs what computes for long on a thread where it delays nobody. A panic in there is this request's alone; the
/// hook has logged it.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Missed> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Reason::EngineFailed.into())
}

/// Feeds pieces to the shaper on the engine's thread.
fn stop_rule(shaper: Arc<Mutex<Option<Shaper>>>) -> StopRule {
    Box::new(move |piece| match &mut *lock(&shaper) {
        Some(shaper) => shaper.push(&piece.text, piece.log_probability) == Verdict::Stop,
        None => true,
    })
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
            code: answer.reason.code(),
            detail: answer.reason.meaning(),
            usage: answer.usage,
            ms: self.began.elapsed().as_secs_f64() * 1000.0,
            confidence: answer.outcome.as_ref().ok().map(|suggestion| suggestion.confidence),
            text: answer.outcome.ok().map(|suggestion| suggestion.text),
        };
        lock(&self.assistant.ledger).answered(answer.reason, record);
    }
}

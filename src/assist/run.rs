//! One generation under way, owned by its document and not by whoever asked for it.
//!
//! Requests are listeners: one may leave, another may join, and the text goes on. What ends it early is a difference: an
//! edit after which the text would not stand where it was made for stops it there and then. While what is typed is the
//! text's own beginning there is nothing to do; where typing is ahead of it, the model is told what to go on with. Without
//! a listener and without an edit that agrees it ends after a moment.
//!
//! Does not decide what to ask for, nor what of the text is shown.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use ropey::Rope;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use url::Url;

use crate::assist::Assistant;
use crate::assist::complete::Missed;
use crate::assist::sent::Echo;
use crate::completion::Reason;
use crate::completion::along::{Along, compare, compare_between};
use crate::completion::cache::{Origin, Part};
use crate::completion::policy::{Mode, Trigger};
use crate::completion::shape::{End, Shaped, Shaper, Verdict};
use crate::completion::spot::Spot;
use crate::engine::{AnsweredBy, CancelOnDrop, Event, Generation, Piece, Steer, Stop, StopRule, Usage};
use crate::text::{Document, Edit};
use crate::threads::{lock, off_the_runtime};

/// How long a text that nobody waits for and nobody types along is made.
const ALONE: Duration = Duration::from_millis(150);

/// Bytes typed along one text, at most.
const MOST_TYPED: usize = 4096;

/// What a generation was asked for.
pub struct Purpose {
    pub document: Arc<Document>,
    /// The cursor, bytes of that document.
    pub offset: usize,
    pub mode: Mode,
    pub trigger: Trigger,
    pub spot: Spot,
    /// For text made ahead of need: what it stands behind, and what of that is accepted then.
    pub behind: Option<(Origin, String)>,
    /// Whether it goes on while it is typed along.
    pub types_through: bool,
}

/// See the module.
pub struct Run {
    purpose: Purpose,
    writing: Arc<Writing>,
    steer: Arc<Steer>,
    pulse: Arc<watch::Sender<Pulse>>,
    outcome: watch::Receiver<Option<Outcome>>,
    /// Dropping it stops the tokens.
    cancel: CancelOnDrop,
}

/// What it came to: the same for all who listen.
pub type Outcome = Result<Arc<Made>, Missed>;

/// A finished text.
pub struct Made {
    pub shaped: Shaped,
    pub document: Arc<Document>,
    pub offset: usize,
    pub usage: Usage,
    /// Who wrote it, where there is more than one who may.
    pub model: Option<String>,
    /// Where it is kept.
    pub origin: Option<Origin>,
    pub is_ahead: bool,
}

/// Who waits, and since when the owner has had no sign that the text is wanted.
#[derive(Clone, Copy)]
struct Pulse {
    listeners: usize,
    since: Instant,
}

/// What the engine's thread and the owner share.
struct Writing {
    state: Mutex<State>,
    /// Why it was ended from outside.
    ended: OnceLock<Reason>,
}

struct State {
    shaper: Option<Shaper>,
    /// What stands before the text once that is accepted.
    base: String,
    /// What was typed from the spot on, as far as is known.
    typed: String,
    has_left: bool,
}

impl State {
    /// Where typed text stands to the text so far, and what the model has to be told of it.
    fn compare(&self, typed: &str) -> (Along, String) {
        let Some(shaper) = &self.shaper else {
            return (Along::Behind, String::new());
        };
        let written = shaper.written();
        let along = compare(&(self.base.clone() + &written.text), typed);
        let lead = match (along, typed.strip_prefix(self.base.as_str())) {
            (Along::Ahead, Some(typed)) => written.front + typed,
            _ => String::new(),
        };
        (along, lead)
    }
}

/// One who waits for the outcome.
pub struct Listener {
    outcome: watch::Receiver<Option<Outcome>>,
    pulse: Arc<watch::Sender<Pulse>>,
    /// Who asked for what is listened to.
    pub trigger: Trigger,
    pub has_joined: bool,
}

impl Listener {
    pub async fn outcome(&mut self) -> Outcome {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(Reason::EngineFailed.into())),
            Err(_) => Err(Reason::EngineFailed.into()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.pulse
            .send_modify(|pulse| *pulse = Pulse { listeners: pulse.listeners - 1, since: Instant::now() });
    }
}

/// A text that is about to be made: what the engine's thread calls, and what becomes the [`Run`].
pub struct Start {
    purpose: Purpose,
    writing: Arc<Writing>,
    echo: Echo,
}

impl Start {
    pub fn new(purpose: Purpose, shaper: Shaper) -> Self {
        let base = purpose.behind.as_ref().map_or_else(String::new, |(_, accepted)| accepted.clone());
        let state = State { shaper: Some(shaper), base, typed: String::new(), has_left: false };
        let writing = Arc::new(Writing { state: Mutex::new(state), ended: OnceLock::new() });
        Self { purpose, writing, echo: Echo::default() }
    }

    /// What will have been written.
    pub fn echo(&self) -> Echo {
        self.echo.clone()
    }

    /// Feeds pieces to the shaper on the engine's thread, so that no token is made past the end of the text, nor past
    /// what is known to be typed otherwise.
    pub fn stop_rule(&self) -> StopRule {
        let (writing, echo) = (self.writing.clone(), self.echo.clone());
        Box::new(move |piece: &Piece| {
            echo.push(&piece.text);
            let mut state = lock(&writing.state);
            let Some(shaper) = &mut state.shaper else { return true };
            let verdict = shaper.push(&piece.text, piece.log_probability);
            state.has_left = !state.typed.is_empty() && state.compare(&state.typed).0 == Along::Elsewhere;
            verdict == Verdict::Stop || state.has_left
        })
    }

    /// Sets out: the text is made until it ends or `Run` is dropped. Inside the runtime.
    pub fn run(self, generation: Generation, assistant: Weak<Assistant>, uri: Url) -> Run {
        let by = generation.by();
        let (events, cancel, steer) = generation.into_parts();
        let (done, outcome) = watch::channel(None);
        let is_ahead = self.purpose.behind.is_some();
        let pulse = Arc::new(watch::Sender::new(Pulse { listeners: 0, since: Instant::now() }));
        let driver = Driver {
            writing: self.writing.clone(),
            document: self.purpose.document.clone(),
            offset: self.purpose.offset,
            is_ahead,
            by,
            assistant,
            uri,
        };
        tokio::spawn(driver.drive(events, pulse.subscribe(), done));
        Run { purpose: self.purpose, writing: self.writing, steer, pulse, outcome, cancel }
    }
}

impl Run {
    /// Follows what was typed; the rope is the text after all of it. Whether the text is still what is being typed.
    pub fn follow(&mut self, edits: &[Edit], rope: &Rope) -> bool {
        edits.iter().for_each(|edit| self.purpose.spot.follow(edit));
        (self.purpose.types_through || edits.is_empty()) && self.agrees(rope)
    }

    /// Whether the text can still stand where it was made for.
    pub fn agrees(&self, rope: &Rope) -> bool {
        let Some(between) = self.purpose.spot.between(rope, MOST_TYPED) else {
            return false;
        };
        let mut state = lock(&self.writing.state);
        let Some(shaper) = &state.shaper else { return true };
        let written = state.base.clone() + &shaper.written().text;
        let (along, typed) = compare_between(&written, &between);
        if along == Along::Elsewhere {
            return false;
        }
        self.take_note(&mut state, typed);
        true
    }

    /// Listens, if what is being made is what a cursor at byte `offset` wants.
    pub fn join(&self, rope: &Rope, offset: usize, mode: Mode) -> Option<Listener> {
        let typed = self.purpose.spot.typed(rope, offset, MOST_TYPED)?;
        let mut state = lock(&self.writing.state);
        // Nothing was agreed on yet by a text of which there is nothing.
        let is_blank = state.shaper.as_ref().is_some_and(|shaper| shaper.written().text.is_empty());
        let is_for_this = typed.len() >= state.base.len() && (!is_blank || mode == self.purpose.mode);
        if !is_for_this || state.compare(&typed).0 == Along::Elsewhere {
            return None;
        }
        self.take_note(&mut state, &typed);
        drop(state);
        self.steer.hurry();
        Some(self.listen(true))
    }

    pub fn listen(&self, has_joined: bool) -> Listener {
        self.pulse.send_modify(|pulse| pulse.listeners += 1);
        let (outcome, pulse) = (self.outcome.clone(), self.pulse.clone());
        Listener { outcome, pulse, trigger: self.purpose.trigger, has_joined }
    }

    /// Stops the tokens; who still listens is told why.
    pub fn end(self, reason: Reason) {
        let _ = self.writing.ended.set(reason);
        drop(self.cancel);
    }

    /// Whether this is the one that a driver drives.
    fn is_of(&self, writing: &Arc<Writing>) -> bool {
        Arc::ptr_eq(&self.writing, writing)
    }

    fn take_note(&self, state: &mut State, typed: &str) {
        self.steer.lead(&state.compare(typed).1);
        if state.typed != typed {
            typed.clone_into(&mut state.typed);
            self.pulse.send_modify(|pulse| pulse.since = Instant::now());
        }
    }
}

/// Follows a generation to its end, whoever listens.
struct Driver {
    writing: Arc<Writing>,
    document: Arc<Document>,
    offset: usize,
    is_ahead: bool,
    by: AnsweredBy,
    /// NB: weak: a session that is over ends its texts, and not the other way round.
    assistant: Weak<Assistant>,
    uri: Url,
}

impl Driver {
    async fn drive(
        self,
        mut events: mpsc::UnboundedReceiver<Event>,
        mut pulse: watch::Receiver<Pulse>,
        done: watch::Sender<Option<Outcome>>,
    ) {
        let mut has_left = false;
        let end = loop {
            let now = *pulse.borrow_and_update();
            let is_alone = now.listeners == 0 && !self.is_ahead && !has_left;
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(Event::Piece(_)) => {}
                    end => break end,
                },
                Ok(()) = pulse.changed() => {}
                // NB: once; then the engine has to say that it has stopped.
                () = tokio::time::sleep_until(now.since + ALONE), if is_alone => has_left = self.leave(&pulse),
            }
        };
        let outcome = self.finish(end).await;
        if let Some(assistant) = self.assistant.upgrade().filter(|_| self.is_ahead) {
            lock(&assistant.ledger).speculated();
        }
        // Nobody may be listening.
        let _ = done.send(Some(outcome));
    }

    /// Ends the text, unless somebody has come to listen; whether it has ended.
    fn leave(&self, pulse: &watch::Receiver<Pulse>) -> bool {
        let Some(assistant) = self.assistant.upgrade() else { return true };
        let mut places = lock(&assistant.places);
        // NB: looked at under the lock under which listeners join.
        if pulse.borrow().listeners > 0 {
            return false;
        }
        let mine = |run: &mut Run| run.is_of(&self.writing);
        if let Some(run) = places.of(&self.uri).and_then(|place| place.run.take_if(mine)) {
            run.end(Reason::Cancelled);
        }
        true
    }

    async fn finish(&self, end: Option<Event>) -> Outcome {
        let (end, usage) = match end {
            Some(Event::End { stop: Stop::Cancelled, usage }) => {
                let reason = self.writing.ended.get().copied().unwrap_or(Reason::Superseded);
                return self.missed(reason, usage);
            }
            Some(Event::End { stop, usage }) => {
                (if stop == Stop::Limit { End::CutShort } else { End::Whole }, usage)
            }
            Some(Event::Failed(error)) => {
                let reason = self.assistant.upgrade().map(|assistant| assistant.failure(&error, &self.uri));
                return self.missed(reason.unwrap_or(Reason::EngineFailed), Usage::default());
            }
            Some(Event::Piece(_)) | None => return self.missed(Reason::EngineFailed, Usage::default()),
        };
        let shaper = {
            let mut state = lock(&self.writing.state);
            if state.has_left { None } else { state.shaper.take() }
        };
        let Some(shaper) = shaper else { return self.missed(Reason::Stale, usage) };
        let shaped = match off_the_runtime(move || shaper.finish(end)).await {
            Ok(shaped) => shaped,
            Err(broken) => Err(Missed::from(broken).reason),
        };
        match shaped {
            Ok(shaped) => self.keep(shaped, usage),
            Err(reason) => self.missed(reason, usage),
        }
    }

    /// Keeps what was made where it can be found, unless the document went another way meanwhile.
    fn keep(&self, shaped: Shaped, usage: Usage) -> Outcome {
        let part = Part {
            added: shaped.added.clone(),
            accepted: shaped.text.clone(),
            confidence: shaped.confidence,
            tokens: usage.generated_tokens.saturating_sub(usage.forced_tokens),
            seen: false,
        };
        let origin = {
            let Some(assistant) = self.assistant.upgrade() else {
                return Err(Missed { reason: Reason::Stale, usage });
            };
            let mut places = lock(&assistant.places);
            let place = places.of(&self.uri);
            let run = place.and_then(|place| {
                let run = place.run.take_if(|run| run.is_of(&self.writing))?;
                Some((place, run.purpose))
            });
            run.map(|(place, purpose)| match purpose.behind {
                None => place.cache.keep(purpose.spot, part),
                Some((origin, _)) => {
                    place.cache.keep_ahead(origin, part);
                    None
                }
            })
        };
        let Some(origin) = origin else {
            let reason = self.writing.ended.get().copied().unwrap_or(Reason::Stale);
            return self.missed(reason, usage);
        };
        let (document, offset) = (self.document.clone(), self.offset);
        let (model, is_ahead) = (self.by.get().cloned(), self.is_ahead);
        Ok(Arc::new(Made { shaped, document, offset, usage, model, origin, is_ahead }))
    }

    /// Nothing came of it: the document has none any more, and what was made is counted.
    fn missed(&self, reason: Reason, usage: Usage) -> Outcome {
        if let Some(assistant) = self.assistant.upgrade() {
            if let Some(place) = lock(&assistant.places).of(&self.uri) {
                place.run.take_if(|run| run.is_of(&self.writing));
            }
            let wasted = usage.generated_tokens.saturating_sub(usage.forced_tokens);
            lock(&assistant.ledger).wasted(wasted.into());
        }
        Err(Missed { reason, usage })
    }
}

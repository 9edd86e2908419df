//! Asking: one generation, watched on the engine's own thread so that it ends where the answer ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::plan::{Form, Plan};
use super::{Job, Progress};
use crate::assist::Assistant;
use crate::assist::sent::{Echo, Sent};
use crate::edit::Yield;
use crate::edit::guard::{Guard, Refusal};
use crate::edit::markers::{self, Parser};
use crate::engine::{EngineError, Event, Hold, Lane, ModelState, Piece, Request, Stop, StopRule, Usage};
use crate::models::catalog::{self, Profile};
use crate::prompt::Prompt;
use crate::threads::lock;

/// No answer takes longer from its first word on; a machine that is that slow needs a smaller model.
pub const LONGEST: Duration = Duration::from_secs(600);
/// After so long without a piece it is said again how far it is: a large model reads for a while, and one that makes
/// way for completions waits. Half of what a person takes for stuck.
const SILENCE: Duration = Duration::from_millis(100);
/// Lines by which a model that was taught our plain layout begins its next example: the answer is over.
const NEXT: [&str; 2] = ["FILE: ", "TASK: "];

/// An answer.
pub struct Written {
    /// Without what the prompt already held of it, and without what stopped it.
    pub text: String,
    pub stop: markers::Stop,
}

/// What became of a question.
pub struct Asked {
    /// None: it was cancelled by the engine.
    pub written: Option<Written>,
    pub usage: Usage,
    /// Who answered, where there is more than one who may.
    pub model: Option<String>,
}

/// The answer as it grows, shared by the engine's thread and the task that waits.
struct Watch {
    text: String,
    /// Ends an edit; none for prose.
    parser: Option<Parser>,
    /// So many more edits are waited for.
    edits: usize,
    stops: Vec<String>,
    /// Bytes of `text` that are the answer, once a stop string was met.
    cut: Option<usize>,
}

impl Watch {
    /// Takes a piece; true when the answer is over.
    fn push(&mut self, piece: &str) -> bool {
        let from = self.text.len();
        self.text.push_str(piece);
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let start = self.text.floor_char_boundary(from.saturating_sub(longest));
        let met = self.stops.iter().filter_map(|stop| self.text[start..].find(stop.as_str())).min();
        self.cut = met.map(|at| start + at);
        let is_closed = self.parser.as_mut().is_some_and(|parser| {
            let events = parser.push(piece);
            let closed = events.iter().filter(|event| matches!(event, markers::Event::Close(_))).count();
            self.edits = self.edits.saturating_sub(closed);
            self.edits == 0 || parser.is_closed()
        });
        self.cut.is_some() || is_closed
    }
}

impl Assistant {
    /// Waits for the model that edits are made by, where it is on its way; it stays while what is returned is held.
    pub(super) async fn editor_loaded(&self) -> Hold {
        loop {
            let mut hold = self.editor.hold();
            if !hold.is_coming() {
                return hold;
            }
            hold.arrival().await;
            // NB: it may be another one by now, as the settings have it: what came is not what is needed then.
            if matches!(self.edit_model(), ModelState::Ready(_) | ModelState::Failed(_)) {
                return hold;
            }
        }
    }

    /// How the model that edits are made by is asked, where nobody has said otherwise.
    pub(super) fn profile(&self) -> &'static Profile {
        let parameters = match self.edit_model() {
            ModelState::Ready(card) => card.parameters,
            _ => 0,
        };
        catalog::profile(parameters)
    }

    /// Asks once.
    pub(super) async fn ask(
        &self,
        plan: &Plan,
        job: &Job,
        report: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Asked, Refusal> {
        let is_prose = plan.brings == Yield::Prose;
        let parser = (!is_prose).then(|| {
            let mut parser = Parser::opened(plan.form.tier(), plan.markers.clone());
            parser.push(&plan.opening);
            parser
        });
        let edits = match &plan.form {
            Form::Regions(regions) => regions.len(),
            Form::Region | Form::Files(_) => usize::MAX,
        };
        let settings = self.settings();
        let sampling = job.sampling(&settings.sampling, self.profile());
        let given = job.options.stop.iter().filter(|stop| !stop.is_empty());
        let mut stops: Vec<String> = given.chain(&settings.sampling.stop).cloned().collect();
        if is_prose {
            stops.extend(NEXT.map(|line| format!("\n{line}")));
        }
        let watch = Arc::new(Mutex::new(Watch { text: String::new(), parser, edits, stops, cut: None }));
        let echo = Echo::default();
        self.sends(Sent::instruct(job, &plan.prompt, echo.clone()));
        let request = Request {
            prompt: Prompt::Instruct(plan.prompt.clone()),
            lane: Lane::Action,
            sampling,
            max_tokens: plan.max_tokens,
            max_time: LONGEST,
            hold: Duration::ZERO,
            stop: stop_rule(watch.clone(), echo),
            told: None,
            precedents: Vec::new(),
        };
        let mut generation = self.editor.generate(request);
        let by = generation.by();
        let asked = |written, usage| Ok(Asked { written, usage, model: by.get().cloned() });
        let (mut tokens, mut first) = (0, None);
        let mut silence = tokio::time::interval_at(Instant::now() + SILENCE, SILENCE);
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                event = generation.next() => event,
                _ = silence.tick() => {
                    report(match first {
                        None => Progress::Reading(generation.reading()),
                        Some(first) => writing(tokens, first, &watch, String::new()),
                    });
                    continue;
                }
            };
            match event {
                Some(Event::Piece(piece)) => {
                    if let (None, Some(name)) = (first, by.get()) {
                        report(Progress::By(name.clone()));
                    }
                    tokens += piece.tokens;
                    report(writing(tokens, *first.get_or_insert_with(Instant::now), &watch, piece.text));
                    silence.reset();
                }
                Some(Event::End { stop: Stop::Cancelled, usage }) => return asked(None, usage),
                Some(Event::End { stop, usage }) => {
                    let Watch { mut text, cut, .. } = std::mem::replace(&mut *lock(&watch), Watch::over());
                    let stop = match (stop, cut) {
                        (Stop::Limit | Stop::Cancelled, _) => markers::Stop::Limit,
                        (Stop::EndOfText, _) | (Stop::StopRule, Some(_)) => markers::Stop::EndOfText,
                        (Stop::StopRule, None) => markers::Stop::Marker,
                    };
                    text.truncate(cut.unwrap_or(text.len()));
                    return asked(Some(Written { text, stop }), usage);
                }
                Some(Event::Failed(error)) => return Err(failure(&error)),
                None => return Err(failure(&EngineError::Stopped)),
            }
        }
    }
}

impl Watch {
    fn over() -> Self {
        Self { text: String::new(), parser: None, edits: 0, stops: Vec::new(), cut: None }
    }
}

fn stop_rule(watch: Arc<Mutex<Watch>>, echo: Echo) -> StopRule {
    Box::new(move |piece: &Piece| {
        echo.push(&piece.text);
        lock(&watch).push(&piece.text)
    })
}

fn writing(tokens: u32, first: Instant, watch: &Mutex<Watch>, piece: String) -> Progress {
    let seconds = first.elapsed().as_secs_f32();
    let line = last_line(&lock(watch).text);
    Progress::Writing { tokens, per_second: tokens as f32 / seconds.max(0.001), line, piece }
}

/// The last whole line with anything on it: what a person sees of an answer that is being written.
fn last_line(text: &str) -> String {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

fn failure(error: &EngineError) -> Refusal {
    let guard = if matches!(error, EngineError::PromptTooLong { .. }) { Guard::Fit } else { Guard::Model };
    Refusal::saying(guard, &format!("{error}. Nothing was changed."))
}

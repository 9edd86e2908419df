//! An answer as it is written: text from the server to whoever asked, with what stops it.

use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use super::Patience;
use super::answer::Counted;
use super::opening::Beginning;
use super::question::Opening;
use super::trouble::Came;
use crate::engine::chat::thoughts::Thoughts;
use crate::engine::{AnsweredBy, Event, Piece, Request, Stop, Usage};
use crate::prompt::Prompt;

/// See the module.
pub struct Writing {
    pub request: Request,
    pub usage: Usage,
    events: mpsc::UnboundedSender<Event>,
    by: AnsweredBy,
    /// Who writes, for a person.
    name: String,
    asked: Instant,
    first: Option<Instant>,
    /// Bytes of text that the server has sent.
    sent: usize,
    beginning: Beginning,
    /// None where the model may not open its answer with thoughts.
    thoughts: Option<Thoughts>,
    is_stopped: bool,
}

impl Writing {
    pub fn new(request: Request, events: mpsc::UnboundedSender<Event>, by: AnsweredBy) -> Self {
        Self {
            request,
            usage: Usage::default(),
            events,
            by,
            name: String::new(),
            asked: Instant::now(),
            first: None,
            sent: 0,
            beginning: Beginning::new(Opening::None),
            thoughts: None,
            is_stopped: false,
        }
    }

    /// An answer of `name` begins, perhaps once more.
    pub fn begins(&mut self, name: String, opening: Opening) {
        self.name = name;
        self.beginning = Beginning::new(opening);
        self.thoughts = matches!(self.request.prompt, Prompt::Instruct(_)).then(Thoughts::default);
        (self.usage, self.sent) = (Usage::default(), 0);
    }

    /// Passes text on. A stop: nothing more is wanted.
    pub fn say(&mut self, text: &str, log_probability: Option<f32>) -> Option<Stop> {
        if text.is_empty() {
            return None;
        }
        if self.usage.generated_tokens >= self.request.max_tokens {
            return Some(self.stopped(Stop::Limit));
        }
        self.usage.generated_tokens += 1;
        self.sent += text.len();
        let answer = match &mut self.thoughts {
            Some(thoughts) => thoughts.push(text),
            None => text.to_owned(),
        };
        let answer = self.beginning.push(&answer);
        self.pass_on(answer, log_probability)
    }

    /// The server has said all: what was held back is passed on. What stops the answer.
    pub fn finish(&mut self, stop: Stop) -> Stop {
        let last = self.thoughts.take().map_or_else(String::new, |mut thoughts| thoughts.finish());
        let last = self.beginning.push(&last) + &self.beginning.finish();
        self.pass_on(last, None).unwrap_or(stop)
    }

    /// Nothing more is wanted, for this reason.
    pub fn stopped(&mut self, stop: Stop) -> Stop {
        self.is_stopped = true;
        stop
    }

    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Whether any text was passed on.
    pub fn has_begun(&self) -> bool {
        self.first.is_some()
    }

    /// What there is of the answer by now.
    pub fn came(&self) -> Came {
        Came { bytes: self.sent, tokens: self.usage.generated_tokens }
    }

    /// From the question to the first text, or until now.
    pub fn wait(&self) -> Duration {
        self.first.unwrap_or_else(Instant::now) - self.asked
    }

    /// Whether the time for writing is over.
    pub fn is_out_of_time(&self) -> bool {
        self.first.is_some_and(|first| first.elapsed() >= self.request.max_time)
    }

    /// How long to wait for the next bytes.
    pub fn patience(&self, patience: &Patience) -> Duration {
        match self.first {
            None => patience.first(self.request.lane),
            Some(first) => patience.between.min(self.request.max_time.saturating_sub(first.elapsed())),
        }
    }

    /// What the server counted, in place of what was counted here.
    pub fn count(&mut self, counted: Counted) {
        let Counted { prompt, reused, generated } = counted;
        self.usage.prompt_tokens = prompt;
        self.usage.reused_tokens = reused;
        self.usage.evaluated_tokens = prompt.saturating_sub(reused);
        self.usage.generated_tokens = self.usage.generated_tokens.max(generated);
    }

    /// What it cost, with its times.
    pub fn cost(&self) -> Usage {
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let decode_ms = self.first.map_or(0, |first| milliseconds(first.elapsed()));
        Usage { prefill_ms: milliseconds(self.wait()), decode_ms, ..self.usage }
    }

    /// The question, for who answers it instead, and where they tell it.
    pub fn give_up(self) -> (Request, mpsc::UnboundedSender<Event>, AnsweredBy) {
        (self.request, self.events, self.by)
    }

    /// Tells whoever asked; they may have gone.
    pub fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn pass_on(&mut self, text: String, log_probability: Option<f32>) -> Option<Stop> {
        if text.is_empty() || self.is_stopped {
            return None;
        }
        if self.first.is_none() {
            self.first = Some(Instant::now());
            let _ = self.by.set(std::mem::take(&mut self.name));
        }
        // A server that says nothing of it is sure.
        let piece = Piece { text, log_probability: log_probability.unwrap_or(0.0), tokens: 1 };
        let stops = (self.request.stop)(&piece);
        self.tell(Event::Piece(piece));
        stops.then(|| self.stopped(Stop::StopRule))
    }
}

//! Typing beside an edit: what a key waits while an action writes, and what is seen of the action meanwhile.
//!
//! Both go the way of a session, `Assistant::complete` and `Assistant::act`, on one engine. Keys come at the pace of a
//! person, in rounds with an edit beside and rounds without, by turns, so that whatever else this machine does falls on
//! both alike. Only answers for which the model was asked are counted.
//!
//! The edit is one of 200 lines of real code. Whether a model would write them is another question, so it is told what to
//! write ([`Dictated`]): it computes as ever. Where they do not fit its context it is asked again for those that are
//! left, as often as it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use url::Url;

use super::model::{Retyping, SOURCES, idle_since};
use super::{Figure, milliseconds};
use crate::assist::Assistant;
use crate::assist::act::{Job, Options, Progress};
use crate::cli::Failure;
use crate::config::Settings;
use crate::edit::Action;
use crate::engine::{
    Backend, CancelOnDrop, EngineStats, Event, Generation, Lane, ModelCard, ModelState, Request, Stop,
};
use crate::prompt::Prompt;

/// Lines of the edit.
const LINES: usize = 200;
/// From one key to the next, if the answer to the first has come by then.
const PACE: Duration = Duration::from_millis(150);
/// Keys of a round, and how many rounds of either kind there are.
const KEYS: usize = 40;
const ROUNDS: usize = 4;
/// Lines between the places of two rounds, and none so near to the ends of a file.
const APART: usize = 23;
const MARGIN: usize = 12;
/// The longest that an edit is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures an engine that is ready.
pub async fn figures(backend: &Arc<dyn Backend>, card: &ModelCard) -> Result<Vec<Figure>, Failure> {
    let dictated = Dictated { inner: backend.clone(), context: card.context_tokens as usize };
    let assistant = Assistant::new(Arc::new(dictated), Settings::default(), Vec::new());
    let job = || edit(&assistant, backend, card);

    let writing = Writing::begin(&assistant, job()?);
    writing.until(LINES).await?;
    let alone = writing.log();
    writing.end().await;

    let (mut idle, mut beside, mut meanwhile) = (Vec::new(), Vec::new(), Log::default());
    for round in 0..ROUNDS {
        idle_since(backend).await;
        idle.extend(typed(&assistant, 2 * round).await?);
        let writing = Writing::begin(&assistant, job()?);
        writing.until(1).await?;
        let before = writing.log();
        beside.extend(typed(&assistant, 2 * round + 1).await?);
        meanwhile.add(&before, &writing.log());
        writing.end().await;
    }

    let share = meanwhile.tokens_a_second() / alone.tokens_a_second();
    let idle = Figure::new("typingMs", "a completion at typing pace".into(), "ms", idle);
    let beside = Figure::new("typingBesideMs", "the same beside an edit".into(), "ms", beside);
    let ratio = vec![beside.rank(0.95) / idle.rank(0.95)];
    let title = format!("an edit of {} lines, report to report", alone.lines);
    Ok(vec![
        idle,
        beside,
        Figure::new(
            "typingBesideRatio",
            "a completion beside an edit, p95, by one alone".into(),
            "times",
            ratio,
        ),
        Figure::new("editReportMs", title, "ms", alone.gaps),
        Figure::new("editReportBesideMs", "the same while somebody types".into(), "ms", meanwhile.gaps),
        Figure::new("editSpeedBeside", "its speed then, by its speed alone".into(), "times", vec![share]),
    ])
}

/// Milliseconds of the answers to the keys of a round; each round has a place of its own.
async fn typed(assistant: &Arc<Assistant>, round: usize) -> Result<Vec<f64>, Failure> {
    let (name, text) = SOURCES[round % SOURCES.len()];
    let places = text.lines().count().saturating_sub(2 * MARGIN).max(1);
    let mut typing = Retyping::open(assistant, name, text, MARGIN + round * APART % places)?;
    let mut samples = Vec::new();
    for _ in 0..KEYS {
        let pressed = Instant::now();
        if typing.step().is_none() {
            break;
        }
        let asked = Instant::now();
        if typing.ask().await.usage.prompt_tokens > 0 {
            samples.push(milliseconds(asked.elapsed()));
        }
        tokio::time::sleep(PACE.saturating_sub(pressed.elapsed())).await;
    }
    typing.close();
    Ok(samples)
}

/// An edit of as much code as this model can be asked to write anew.
fn edit(assistant: &Assistant, backend: &Arc<dyn Backend>, card: &ModelCard) -> Result<Job, Failure> {
    let broken = || Failure::Message("the edit of the benchmark was lost".to_owned());
    let uri = Url::parse("file:///bench/edited.rs").map_err(|_| broken())?;
    let source = SOURCES[0].1;
    let tokens = |text: &str| backend.count_tokens(text).unwrap_or(text.len());
    // The code twice, half of it once more, and the words round it (`assist/act/plan.rs`).
    let most = (card.context_tokens as usize).saturating_sub(512) * 2 / 5;
    let ends = source.match_indices('\n').map(|(at, _)| at + 1).take(LINES);
    let fits = ends.take_while(|&end| tokens(&source[..end]) < most).last().unwrap_or(0);
    assistant.open(uri.clone(), "rust", 0, &source[..fits]);
    Ok(Job {
        document: assistant.snapshot(&uri).ok_or_else(broken)?,
        uri,
        selection: 0..fits,
        action: Action::Edit,
        detail: "Rename `Queue` to `Line`.".to_owned(),
        diagnostic: None,
        diagnostics: Vec::new(),
        recipe: None,
        options: Options::default(),
    })
}

/// An edit that is being written.
struct Writing {
    log: watch::Receiver<Log>,
    act: JoinHandle<()>,
}

impl Writing {
    fn begin(assistant: &Arc<Assistant>, job: Job) -> Self {
        let (sender, log) = watch::channel(Log::default());
        let assistant = assistant.clone();
        let act = tokio::spawn(async move {
            assistant.act(job, |progress| sender.send_modify(|log| log.take(&progress))).await;
        });
        Self { log, act }
    }

    /// Waits until so many lines are written, or as many as a slow model writes in a while.
    async fn until(&self, lines: usize) -> Result<(), Failure> {
        let mut log = self.log.clone();
        match tokio::time::timeout(PATIENCE, log.wait_for(|log| log.lines >= lines)).await {
            Ok(Err(_)) => Err(Failure::Message("the edit of the benchmark was refused".to_owned())),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }

    fn log(&self) -> Log {
        self.log.borrow().clone()
    }

    async fn end(self) {
        self.act.abort();
        // It was told to end, and how it did is no matter.
        let _ = self.act.await;
    }
}

/// What was reported of an edit.
#[derive(Clone, Default)]
struct Log {
    /// Milliseconds from one report to the next.
    gaps: Vec<f64>,
    last: Option<Instant>,
    lines: usize,
    tokens: u32,
    /// From the first piece to the last report.
    seconds: f64,
}

impl Log {
    fn take(&mut self, progress: &Progress) {
        let now = Instant::now();
        let gap = self.last.replace(now).map(|last| now - last);
        self.gaps.extend(gap.map(milliseconds));
        if let Progress::Writing { tokens, piece, .. } = progress {
            let is_first = self.tokens == 0;
            self.seconds += gap.filter(|_| !is_first).unwrap_or_default().as_secs_f64();
            self.lines += piece.matches('\n').count();
            self.tokens = *tokens;
        }
    }

    /// Adds what one log has more than it had before.
    fn add(&mut self, before: &Self, after: &Self) {
        self.gaps.extend_from_slice(&after.gaps[before.gaps.len()..]);
        self.lines += after.lines - before.lines;
        self.tokens += after.tokens - before.tokens;
        self.seconds += after.seconds - before.seconds;
    }

    fn tokens_a_second(&self) -> f64 {
        f64::from(self.tokens) / self.seconds
    }
}

/// The engine, but that the answer to an action is given: this code, over and over, until nobody listens.
struct Dictated {
    inner: Arc<dyn Backend>,
    /// Tokens of a prompt with its answer.
    context: usize,
}

impl Backend for Dictated {
    fn generate(&self, request: Request) -> Generation {
        if request.lane != Lane::Action {
            return self.inner.generate(request);
        }
        let (pieces, events) = mpsc::unbounded_channel();
        tokio::spawn(dictate(self.inner.clone(), self.context, request, pieces));
        Generation::new(events, CancelOnDrop::new(Arc::default(), None))
    }

    fn count_tokens(&self, text: &str) -> Option<usize> {
        self.inner.count_tokens(text)
    }

    fn watch(&self) -> watch::Receiver<ModelState> {
        self.inner.watch()
    }

    fn stats(&self) -> EngineStats {
        self.inner.stats()
    }

    fn cancel_load(&self) {
        self.inner.cancel_load();
    }

    fn shutdown(&self) {
        self.inner.shutdown();
    }
}

async fn dictate(
    engine: Arc<dyn Backend>,
    context: usize,
    request: Request,
    pieces: mpsc::UnboundedSender<Event>,
) {
    let tokens = |text: &str| engine.count_tokens(text).unwrap_or(text.len());
    let asked = match &request.prompt {
        Prompt::Instruct(said) => tokens(&said.plain).max(tokens(&said.system) + tokens(&said.user)),
        Prompt::Fill(_) => 0,
    };
    // The words of a chat template come besides.
    let room = context.saturating_sub(asked + 64);
    let mut lines = SOURCES[0].1.split_inclusive('\n').cycle().peekable();
    loop {
        let (mut told, mut taken) = (String::new(), 0);
        while let Some(line) = lines.next_if(|line| told.is_empty() || taken + tokens(line) <= room) {
            taken += tokens(line);
            told += line;
        }
        let mut generation = engine.generate(Request {
            prompt: request.prompt.clone(),
            lane: Lane::Action,
            sampling: request.sampling,
            max_tokens: u32::try_from(room).unwrap_or(u32::MAX),
            max_time: request.max_time,
            hold: Duration::ZERO,
            stop: Box::new(|_| false),
            told: Some(told),
            precedents: Vec::new(),
        });
        loop {
            let event = tokio::select! {
                biased;
                () = pieces.closed() => return,
                event = generation.next() => event,
            };
            match event {
                Some(Event::End { stop, .. }) if stop != Stop::Cancelled => break,
                Some(event) => _ = pieces.send(event),
                None => return,
            }
        }
    }
}

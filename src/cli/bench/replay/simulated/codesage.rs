//! CodeSage on the simulated clock: its assistant, asked as its protocol edge asks it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use url::Url;

use super::Memory;
use super::engine::SimulatedEngine;
use crate::assist::{Answer, Ask, Asker, Assistant};
use crate::cli::Failure;
use crate::cli::bench::replay::arm::{Arm, Cost, Key};
use crate::cli::bench::replay::editor::{Editor, OpenFile, Place};
use crate::cli::bench::replay::keys::{Ghost, Stroke};
use crate::completion::policy::Trigger;
use crate::config::Settings;
use crate::engine::Backend;
use crate::text::{Change, Encoding, Position};

/// How long a person looks at the text before typing in it: the first suggestion in a place is not what is simulated.
const LOOK: Duration = Duration::from_secs(120);

/// See the module.
pub struct Codesage {
    runtime: Runtime,
    assistant: Arc<Assistant>,
    answers: mpsc::UnboundedReceiver<(u64, Instant, Answer)>,
    answered: mpsc::UnboundedSender<(u64, Instant, Answer)>,
    asked: u64,
    asked_at: Instant,
    /// The newest question; ending it is what an editor's cancel does.
    question: Option<JoinHandle<()>>,
    ghost: Option<(Ghost, Instant)>,
    latencies: Vec<f64>,
}

impl Codesage {
    pub fn new(memory: Arc<Memory>, settings: Settings) -> Result<Self, Failure> {
        // NB: the clock stands still until everything waits for it, and then goes on to what comes next.
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (assistant, now) = {
            let _inside = runtime.enter();
            let backend: Arc<dyn Backend> = SimulatedEngine::start(memory, &settings.parts);
            (Assistant::new(backend, settings, Vec::new()), tokio::time::Instant::now().into_std())
        };
        let (answered, answers) = mpsc::unbounded_channel();
        Ok(Self {
            runtime,
            assistant,
            answers,
            answered,
            asked: 0,
            asked_at: now,
            question: None,
            ghost: None,
            latencies: Vec::new(),
        })
    }

    fn uri(file: &OpenFile) -> Result<Url, Failure> {
        Url::parse(&file.uri).map_err(|error| Failure::Message(format!("{}: {error}", file.uri)))
    }

    fn take(&mut self, (number, at, answer): (u64, Instant, Answer)) {
        if number != self.asked {
            return;
        }
        self.latencies.push(at.saturating_duration_since(self.asked_at).as_secs_f64() * 1000.0);
        self.ghost = answer.outcome.ok().map(|suggestion| {
            (Ghost { range: suggestion.range, text: suggestion.text, id: Some(suggestion.id) }, at)
        });
    }
}

impl Arm for Codesage {
    fn name(&self) -> &'static str {
        "codesage"
    }

    fn now(&self) -> Instant {
        let _inside = self.runtime.enter();
        tokio::time::Instant::now().into_std()
    }

    fn open(&mut self, editor: &Editor) -> Result<(), Failure> {
        {
            let _inside = self.runtime.enter();
            for file in editor.files.iter().rev() {
                let uri = Self::uri(file)?;
                self.assistant.open(uri.clone(), file.language, file.version, &file.text);
            }
            self.assistant.caret(&Self::uri(editor.file())?, editor.cursor);
        }
        self.runtime.block_on(async { tokio::time::sleep(LOOK).await });
        Ok(())
    }

    fn close(&mut self, editor: &Editor) -> Result<(), Failure> {
        let _inside = self.runtime.enter();
        if let Some(question) = self.question.take() {
            question.abort();
        }
        for file in &editor.files {
            self.assistant.close(&Self::uri(file)?);
        }
        self.ghost = None;
        self.asked += 1;
        Ok(())
    }

    fn press(&mut self, editor: &Editor, stroke: &Stroke) -> Result<(), Failure> {
        let inside = self.runtime.enter();
        let file = editor.file();
        let uri = Self::uri(file)?;
        if let Some(change) = &stroke.change {
            let range = position(change.start)..position(change.end);
            let change = Change { range: Some(range), text: change.text.clone() };
            self.assistant.change(&uri, file.version, &[change], Encoding::Utf8);
        }
        if let Some(id) = &stroke.accepted {
            self.assistant.accepted(id);
        }
        if let Some(question) = self.question.take() {
            question.abort();
        }
        self.asked += 1;
        self.asked_at = tokio::time::Instant::now().into_std();
        self.ghost = None;
        let Some(document) = self.assistant.snapshot(&uri) else {
            return Err(Failure::Message("a document was lost".to_owned()));
        };
        self.assistant.stir(&uri);
        let ask = Ask {
            uri,
            document,
            offset: editor.cursor,
            trigger: Trigger::Automatic,
            selection: None,
            popup: None,
        };
        let (assistant, answered, number) = (self.assistant.clone(), self.answered.clone(), self.asked);
        self.question = Some(self.runtime.spawn(async move {
            let answer = assistant.complete_for(Asker::Inline, ask).await;
            // The replay may have ended.
            let _ = answered.send((number, tokio::time::Instant::now().into_std(), answer));
        }));
        drop(inside);
        // The question is heard, whatever comes next and when.
        self.runtime.block_on(tokio::task::yield_now());
        Ok(())
    }

    fn settle(&mut self, _: &Editor) -> Result<Key, Failure> {
        Err(Failure::Message("keys wait for no answer on a simulated clock".to_owned()))
    }

    fn wait(&mut self, _: &Editor, until: Instant) -> Result<(), Failure> {
        loop {
            let answers = &mut self.answers;
            let next = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    answer = answers.recv() => answer,
                    () = tokio::time::sleep_until(until.into()) => None,
                }
            });
            match next {
                Some(answer) => self.take(answer),
                None => return Ok(()),
            }
        }
    }

    fn ghost(&self) -> Option<(&Ghost, Instant)> {
        self.ghost.as_ref().map(|(ghost, at)| (ghost, *at))
    }

    fn latencies(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.latencies)
    }

    fn totals(&mut self) -> Result<Cost, Failure> {
        let stats = self.assistant.stats();
        let (engine, completion) = (&stats.engine, &stats.completion);
        Ok(Cost(
            [
                ("promptTokens", engine.prompt_tokens),
                ("evaluatedTokens", engine.evaluated_tokens),
                ("reusedTokens", engine.reused_tokens),
                ("generatedTokens", engine.generated_tokens),
                ("decodeCalls", engine.decode_calls),
                ("cacheHits", completion.cache_hits),
                ("wastedTokens", completion.wasted_tokens),
            ]
            .into(),
        ))
    }

    fn about(&mut self) -> Result<Value, Failure> {
        let stats = self.assistant.stats();
        // Of real time.
        let completion =
            serde_json::to_value(&stats.completion).map_err(|error| Failure::Message(error.to_string()));
        let mut completion = completion?;
        if let Some(fields) = completion.as_object_mut() {
            fields.remove("latencyMs");
        }
        Ok(json!({
            "model": {"name": "by heart"},
            "completion": completion,
            "cancelMs": stats.engine.cancel_ms,
            "busyMs": stats.engine.busy_ms,
        }))
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

fn position((line, column): Place) -> Position {
    Position { line: line as u32, column: column as u32 }
}

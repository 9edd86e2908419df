//! What the model costs: loading, tokens a second, what a key evaluates, and how quickly a cancel frees the engine.
//!
//! Counters come from the engine itself and are exact; times are this machine's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use super::replay::process;
use super::{Figure, milliseconds};
use crate::assist::{Answer, Ask, Assistant};
use crate::cli::Failure;
use crate::completion::policy::Trigger;
use crate::config::Settings;
use crate::engine::sample::Sampling;
use crate::engine::{Backend, Event, Generation, Lane, ModelCard, Request};
use crate::prompt::{Fill, Prompt};
use crate::text::{Change, Document, Encoding};

/// Real code: typed again for the cost of a key, and read for everything else.
pub const SOURCES: [(&str, &str); 2] = [
    ("queue.rs", include_str!("../../../fixtures/demo/queue.rs")),
    ("pantry.py", include_str!("../../../fixtures/demo/pantry.py")),
];
/// Lines typed at a place, and how far apart the places are.
const TYPED_LINES: usize = 6;
const EVERY_LINES: usize = 30;
const CANCELS: u32 = 40;
const PREFILL_TOKENS: usize = 512;
const DECODED_TOKENS: u32 = 64;
/// An engine that computes nothing for so long is idle.
const IDLE: Duration = Duration::from_millis(20);

/// Measures an engine that is ready.
pub async fn figures(
    backend: &Arc<dyn Backend>,
    card: &ModelCard,
    loading: Duration,
) -> Result<Vec<Figure>, Failure> {
    let mut figures =
        vec![Figure::new("loadMs", "start of the engine to ready".into(), "ms", vec![milliseconds(loading)])];
    figures.extend(keys(backend).await?);
    figures.extend(speed(backend, card).await?);
    figures.push(cancels(backend, card).await?);
    figures.extend(memory(card));
    Ok(figures)
}

/// What this process has taken, where the system says it.
fn memory(card: &ModelCard) -> Vec<Figure> {
    let memory = process::memory(std::process::id());
    let model = card.model_bytes + card.kv_bytes;
    let rows = [
        ("peakMemoryMiB", "memory at most, above model and KV cache", "peakBytes", model),
        ("anonymousMiB", "resident memory of its own, the model among it", "anonymousBytes", 0),
        ("fileMiB", "resident memory of files", "fileBytes", 0),
    ];
    let figure = |(name, title, field, but): (_, &str, _, u64)| {
        let bytes = memory[field].as_u64()?.saturating_sub(but);
        Some(Figure::new(name, title.into(), "MiB", vec![bytes as f64 / f64::from(1 << 20)]))
    };
    rows.into_iter().filter_map(figure).collect()
}

/// Prompt tokens evaluated for each key, by what the key does.
async fn keys(backend: &Arc<dyn Backend>) -> Result<Vec<Figure>, Failure> {
    let assistant = Assistant::new(backend.clone(), Settings::default(), Vec::new());
    let mut tokens: [Vec<f64>; 5] = Default::default();
    for (name, text) in SOURCES {
        let lines = text.lines().count();
        for first in (EVERY_LINES / 2..lines - TYPED_LINES).step_by(EVERY_LINES) {
            let mut retyping = Retyping::open(&assistant, name, text, first)?;
            let mut key = Some(Key::Cold);
            while let Some(pressed) = key {
                let before = backend.stats().evaluated_tokens;
                retyping.ask().await;
                tokens[pressed as usize].push((backend.stats().evaluated_tokens - before) as f64);
                key = retyping.step();
            }
            retyping.close();
        }
    }
    let names = [
        ("coldTokens", "prompt tokens evaluated, first in a place"),
        ("characterTokens", "prompt tokens evaluated a character"),
        ("openerTokens", "prompt tokens evaluated an opener"),
        ("enterTokens", "prompt tokens evaluated an Enter"),
        ("backspaceTokens", "prompt tokens evaluated a Backspace"),
    ];
    let figures = names.into_iter().zip(tokens);
    Ok(figures.map(|((name, title), samples)| Figure::new(name, title.into(), "tokens", samples)).collect())
}

/// What a key does. The order is that of the figures.
#[derive(Clone, Copy)]
pub enum Key {
    Cold,
    Character,
    Opener,
    Enter,
    Backspace,
}

/// Lines of a file, taken out and typed again: characters, Enter with its indentation, and a Backspace now and then.
pub struct Retyping<'a> {
    assistant: &'a Arc<Assistant>,
    uri: Url,
    version: i32,
    document: Arc<Document>,
    /// The whole file; the document is equal to it up to the cursor.
    text: &'static str,
    /// Bytes.
    cursor: usize,
    /// Where the lines that are typed end.
    end: usize,
    keys: usize,
}

impl<'a> Retyping<'a> {
    pub fn open(
        assistant: &'a Arc<Assistant>,
        name: &str,
        text: &'static str,
        first: usize,
    ) -> Result<Self, Failure> {
        let lost = || Failure::Message("the document of the benchmark was lost".to_owned());
        let uri = Url::parse(&format!("file:///bench/{first}/{name}")).map_err(|_| lost())?;
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let (cursor, end) = (ends[first - 1], ends[first + TYPED_LINES - 1]);
        assistant.open(uri.clone(), "", 0, &[&text[..cursor], &text[end..]].concat());
        let document = assistant.snapshot(&uri).ok_or_else(lost)?;
        Ok(Self { assistant, uri, version: 0, document, text, cursor, end, keys: 0 })
    }

    /// Presses the next key and says what it was; `None` when all is typed.
    pub fn step(&mut self) -> Option<Key> {
        let rest = &self.text[self.cursor..self.end];
        let next = rest.chars().next()?;
        self.keys += 1;
        let before = self.text[..self.cursor].chars().next_back().filter(|c| c.is_ascii_graphic());
        if self.keys.is_multiple_of(17) && before.is_some() {
            self.replace(self.cursor - 1, 1, "");
            self.cursor -= 1;
            return Some(Key::Backspace);
        }
        let after = &rest[next.len_utf8()..];
        let indentation = if next == '\n' { after.len() - after.trim_start_matches(' ').len() } else { 0 };
        self.type_in(&self.text[self.cursor..][..next.len_utf8() + indentation]);
        Some(match next {
            '\n' => Key::Enter,
            '(' | '[' | '{' => Key::Opener,
            _ => Key::Character,
        })
    }

    fn type_in(&mut self, text: &str) {
        self.replace(self.cursor, 0, text);
        self.cursor += text.len();
    }

    fn replace(&mut self, at: usize, length: usize, text: &str) {
        let position = |offset| Encoding::Utf8.position(self.document.rope(), offset);
        let range = Some(position(at)..position(at + length));
        self.version += 1;
        let change = Change { range, text: text.to_owned() };
        self.assistant.change(&self.uri, self.version, &[change], Encoding::Utf8);
        if let Some(document) = self.assistant.snapshot(&self.uri) {
            self.document = document;
        }
    }

    pub async fn ask(&self) -> Answer {
        let ask = Ask {
            uri: self.uri.clone(),
            document: self.document.clone(),
            offset: self.cursor,
            trigger: Trigger::Invoked,
            selection: None,
            popup: None,
        };
        self.assistant.complete(ask).await
    }

    pub fn close(&self) {
        self.assistant.close(&self.uri);
    }
}

/// Milliseconds a token, reading a prompt and writing an answer, each on a cold sequence.
pub async fn speed(backend: &Arc<dyn Backend>, card: &ModelCard) -> Result<Vec<Figure>, Failure> {
    let tokens = PREFILL_TOKENS.min(card.context_tokens as usize / 2);
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for round in 0..5 {
        // Where a model ends its answer is its own matter: it is told one that is long enough.
        let answer = Some(SOURCES[0].1.to_owned());
        let most = DECODED_TOKENS.min(card.context_tokens / 4);
        let (mut generation, _) = ask(backend, round, tokens, most, answer);
        while let Some(event) = generation.next().await {
            match event {
                Event::Piece(_) => {}
                Event::Failed(error) => return Err(Failure::Message(error.to_string())),
                Event::End { usage, .. } => {
                    let per = |ms: u32, tokens: u32| f64::from(ms) / f64::from(tokens.max(1));
                    read.push(per(usage.prefill_ms, usage.evaluated_tokens));
                    // The first one came from the prompt's row, and cost no decode.
                    written.push(per(usage.decode_ms, usage.generated_tokens.saturating_sub(1)));
                }
            }
        }
    }
    Ok(vec![
        Figure::new("readMsPerToken", format!("reading a prompt of {tokens} tokens, a token"), "ms", read),
        Figure::new("writeMsPerToken", "writing, a token".into(), "ms", written),
    ])
}

/// Milliseconds from a cancel, at any moment of a long request, until the engine has stopped computing it.
async fn cancels(backend: &Arc<dyn Backend>, card: &ModelCard) -> Result<Figure, Failure> {
    let tokens = card.context_tokens as usize / 2;
    let mut samples = Vec::new();
    for round in 0..CANCELS {
        let (generation, started) = ask(backend, 100 + round, tokens, card.context_tokens / 4, None);
        // Somewhere in the reading for most, in the writing for some.
        let moment = Duration::from_millis(u64::from(round.wrapping_mul(2_654_435_761) >> 25));
        tokio::time::sleep(moment.saturating_sub(started.elapsed())).await;
        let cancelled = Instant::now();
        drop(generation);
        samples.push(milliseconds(idle_since(backend).await.saturating_duration_since(cancelled)));
    }
    Ok(Figure::new("cancelMs", "cancel to idle engine".into(), "ms", samples))
}

/// Waits until the engine computes nothing, and says since when.
pub async fn idle_since(backend: &Arc<dyn Backend>) -> Instant {
    let mut last = backend.stats();
    let mut since = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = backend.stats();
        if (now.busy_ms, now.decode_calls) != (last.busy_ms, last.decode_calls) {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() >= IDLE {
            return since;
        }
    }
}

/// Asks for text behind a prompt of about so many tokens that no other round had.
fn ask(
    backend: &Arc<dyn Backend>,
    round: u32,
    tokens: usize,
    max_tokens: u32,
    told: Option<String>,
) -> (Generation, Instant) {
    let code = SOURCES.map(|(_, text)| text).concat();
    let mut head = format!("// {round}\n");
    while backend.count_tokens(&head).is_some_and(|count| count < tokens) && head.len() < code.len() * 20 {
        let at = code.floor_char_boundary(head.len() % (code.len() - 200));
        head += &code[at..code.floor_char_boundary(at + 100)];
    }
    let prompt = Fill {
        snippets: Arc::from([]),
        path: "src/bench.rs".into(),
        head: head.into(),
        tail: "\n}\n".into(),
        typed: String::new(),
    };
    let request = Request {
        prompt: Prompt::Fill(prompt),
        lane: Lane::Completion,
        sampling: Sampling::default(),
        max_tokens,
        max_time: Duration::from_secs(60),
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told,
        precedents: Vec::new(),
    };
    (backend.generate(request), Instant::now())
}

//! llama.vim and llama-server as an arm: what that plugin asks of `/infill`, key by key, with its documented settings.
//!
//! Written from llama.vim a1c8e6e (2026-01-31), whose functions are named where they are followed: one request at a
//! time, tried again after 100 ms; a cache that is looked back into for 128 characters; chunks of other files as extra
//! context, read by the server ahead of time. At its best: one connection kept open where the plugin starts a `curl`
//! for each request. Where keys wait for answers it makes no speculative requests either, which a key would pay for.
//! A server that fails ends the comparison: half of one is none.

mod context;
mod http;
mod line;
mod started;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::arm::{Arm, Cost, Key};
use super::editor::Editor;
use super::keys::{Ghost, Stroke};
use crate::cli::Failure;
use context::{Cache, Kept, Local, Ring};
pub use http::Address;
use line::Http;
pub use line::{Done, Line};
pub use started::{Like, Started};

/// `max_line_suffix`: no request with more than so many characters right of the cursor.
const LINE_SUFFIX: usize = 8;
/// Milliseconds that a first request may write, and a speculative one (`t_max_predict_ms`).
const FIRST_MS: u32 = 250;
const SPECULATIVE_MS: u32 = 1000;
/// Where a request is under way, the next one is tried so much later.
const RETRY: Duration = Duration::from_millis(100);
/// A server that says nothing for so long has stalled.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// See the module.
pub struct Infill {
    line: Box<dyn Line>,
    /// Whether a request is under way, by what its answer is kept; and what is to be tried again when.
    busy: Option<Vec<u64>>,
    retry: Option<(Instant, Vec<String>)>,
    cache: Cache,
    ring: Ring,
    asking: Asking,
    pressed: Instant,
    ghost: Option<(Ghost, Instant)>,
    /// The answer to the newest key, where one was needed.
    answer: Option<Answer>,
    totals: Cost,
    before: Cost,
    latencies: Vec<f64>,
    /// Whether the request under way is for the newest key.
    is_for_key: bool,
    answers: u64,
    /// Tokens read and written for answers of which nothing was shown yet, by their numbers.
    unshown: HashMap<u64, u64>,
}

/// How it asks.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Tokens of an answer at most (`n_predict`).
    pub tokens: u32,
    /// As the plugin does where keys come by the clock.
    pub speculates: bool,
    /// Whether answers end where the plugin lets them. What a model of random weights writes ends at once by its
    /// `infill` sampler, which wants one token to be likely, and shows nothing of what writing costs.
    pub ends: bool,
}

/// What is used of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub content: String,
    pub cost: Cost,
    /// Of reading the prompt, and of writing all tokens but the first.
    pub prompt_ms: f64,
    pub predicted_ms: f64,
    pub latency_ms: f64,
}

impl Infill {
    /// Looks whether a server answers there.
    pub fn connect(address: Address, asking: Asking, seed: u64, patience: Duration) -> Result<Self, Failure> {
        Ok(Self::new(Box::new(Http::connect(address, patience, None)?), asking, seed))
    }

    /// The same, of a server that we have started.
    pub fn beside(server: &Arc<Started>, asking: Asking, seed: u64) -> Result<Self, Failure> {
        let line = Http::connect(server.address().clone(), PATIENCE, Some(server.clone()))?;
        Ok(Self::new(Box::new(line), asking, seed))
    }

    pub fn new(line: Box<dyn Line>, asking: Asking, seed: u64) -> Self {
        let pressed = line.now();
        Self {
            line,
            busy: None,
            retry: None,
            cache: Cache::default(),
            ring: Ring::new(seed),
            asking,
            pressed,
            ghost: None,
            answer: None,
            totals: Cost::default(),
            before: Cost::default(),
            latencies: Vec::new(),
            is_for_key: false,
            answers: 0,
            unshown: HashMap::new(),
        }
    }

    /// `llama#fim`: asks for the cursor, or speculatively for what follows once `previous` is taken.
    fn ask(&mut self, editor: &Editor, previous: &[String]) {
        if self.busy.is_some() {
            self.retry = Some((self.line.now() + RETRY, previous.to_vec()));
            return;
        }
        let local = Local::of(editor, previous);
        if local.right.chars().count() > LINE_SUFFIX {
            return;
        }
        let hashes = local.hashes();
        if hashes.iter().any(|hash| self.cache.get(*hash).is_some()) {
            return;
        }
        self.ring.forget_similar(editor);
        let limit = if previous.is_empty() { FIRST_MS } else { SPECULATIVE_MS };
        let mut request = json!({
            "id_slot": 0,
            "input_prefix": local.prefix,
            "input_suffix": local.suffix,
            "input_extra": self.ring.extra(),
            "prompt": local.middle,
            "n_predict": self.asking.tokens,
            "stop": [],
            "n_indent": local.indent,
            "top_k": 40,
            "top_p": 0.90,
            "samplers": ["top_k", "top_p", "infill"],
            "stream": false,
            "cache_prompt": true,
            "t_max_prompt_ms": 500,
            "t_max_predict_ms": limit,
            // The plugin asks for rates as well, which cost nothing, and not for the count of what was in the cache.
            "response_fields": [
                "content", "timings/cache_n", "timings/prompt_n", "timings/prompt_ms", "timings/predicted_n",
                "timings/predicted_ms",
            ],
        });
        if let (false, Some(fields)) = (self.asking.ends, request.as_object_mut()) {
            fields.extend([
                ("samplers".to_owned(), json!(["top_k", "top_p"])),
                ("ignore_eos".to_owned(), true.into()),
                ("n_indent".to_owned(), 0.into()),
            ]);
            fields.remove("t_max_predict_ms");
        }
        self.is_for_key = previous.is_empty();
        self.busy = self.line.send(request).then_some(hashes);
        self.ring.follow(editor);
    }

    /// `s:fim_on_response`.
    fn take(&mut self, done: Done, editor: &Editor) {
        let Done { began, ended, answer } = done;
        self.answers += 1;
        let kept = Kept { content: answer.content.clone(), number: self.answers };
        for hash in self.busy.take().unwrap_or_default() {
            self.cache.put(hash, &kept);
        }
        for (name, count) in &answer.cost.0 {
            *self.totals.0.entry(name).or_default() += count;
        }
        let tokens = answer.cost.get("evaluatedTokens") + answer.cost.get("generatedTokens");
        self.unshown.insert(kept.number, tokens);
        if self.is_for_key {
            let since = began.max(self.pressed);
            self.latencies.push(ended.saturating_duration_since(since).as_secs_f64() * 1000.0);
            self.answer = Some(answer);
        }
        if self.ghost.is_none() {
            self.show(editor, ended);
        }
    }

    /// `s:fim_try_hint`: shows what the cache has for the cursor. True where it has something.
    fn show(&mut self, editor: &Editor, now: Instant) -> bool {
        let Some(Kept { content, number }) = self.cache.find(&Local::of(editor, &[])) else { return false };
        let lines: Vec<String> = content.trim_end_matches('\n').split('\n').map(str::to_owned).collect();
        if lines.iter().all(String::is_empty) {
            return false;
        }
        self.unshown.remove(&number);
        let range = editor.cursor..editor.cursor;
        self.ghost = Some((Ghost { range, text: lines.join("\n"), id: None }, now));
        if self.asking.speculates {
            self.ask(editor, &lines);
        }
        true
    }
}

impl Arm for Infill {
    fn name(&self) -> &'static str {
        "infill"
    }

    fn now(&self) -> Instant {
        self.line.now()
    }

    /// `s:ring_update`, as long as there is something to read: the person has looked at the files before typing.
    fn open(&mut self, editor: &Editor) -> Result<(), Failure> {
        for file in &editor.files[1..] {
            self.ring.enter(file);
        }
        while self.ring.read_next() {
            let request = json!({
                "id_slot": 0, "input_prefix": "", "input_suffix": "", "input_extra": self.ring.extra(), "prompt": "",
                "n_predict": 0, "temperature": 0.0, "samplers": [], "stream": false, "cache_prompt": true,
                "t_max_prompt_ms": 1, "t_max_predict_ms": 1, "response_fields": [""],
            });
            self.line.read(&request)?;
        }
        Ok(())
    }

    fn close(&mut self, editor: &Editor) -> Result<(), Failure> {
        // What is under way still belongs to this run.
        if self.busy.is_some()
            && let Some(done) = self.line.receive(None)?
        {
            self.take(done, editor);
        }
        (self.ghost, self.retry) = (None, None);
        Ok(())
    }

    /// `s:on_move` and `llama#fim`, as `CursorMovedI` calls them.
    fn press(&mut self, editor: &Editor, _: &Stroke) -> Result<(), Failure> {
        self.pressed = self.line.now();
        (self.ghost, self.answer) = (None, None);
        if self.show(editor, self.pressed) {
            *self.totals.0.entry("cacheHits").or_default() += 1;
        }
        self.ask(editor, &[]);
        Ok(())
    }

    fn settle(&mut self, editor: &Editor) -> Result<Key, Failure> {
        while self.busy.is_some() {
            if let Some(done) = self.line.receive(None)? {
                self.take(done, editor);
            }
            if let Some((_, previous)) = self.retry.take() {
                self.ask(editor, &previous);
            }
        }
        let cost = self.totals.since(&self.before);
        self.before = self.totals.clone();
        let reason = if self.ghost.is_some() { "shown" } else { "empty" }.to_owned();
        let (latency_ms, read_ms, write_ms) = self
            .answer
            .take()
            .map_or((0.0, 0.0, 0.0), |answer| (answer.latency_ms, answer.prompt_ms, answer.predicted_ms));
        let first_token_ms = (latency_ms - write_ms).max(0.0);
        Ok(Key { cost, latency_ms, first_token_ms, read_ms, write_ms, reason })
    }

    fn wait(&mut self, editor: &Editor, until: Instant) -> Result<(), Failure> {
        loop {
            let retry = self.retry.as_ref().map(|(at, _)| *at);
            let wake = retry.map_or(until, |at| at.min(until));
            match self.line.receive(Some(wake))? {
                Some(done) => self.take(done, editor),
                None => match self.retry.take_if(|(at, _)| *at <= self.line.now()) {
                    Some((_, previous)) => self.ask(editor, &previous),
                    None if self.line.now() >= until => return Ok(()),
                    None => {}
                },
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
        let mut totals = self.totals.clone();
        totals.0.insert("wastedTokens", self.unshown.values().sum());
        Ok(totals)
    }

    fn about(&mut self) -> Result<Value, Failure> {
        Ok(self.line.about())
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Answer {
    /// With the fields that were asked for: flat, by their whole names, or nested as in a whole answer.
    fn read(reply: &Value, latency_ms: f64) -> Result<Self, String> {
        let field = |name: &str| reply.get(name).or_else(|| reply.pointer(&format!("/{name}")));
        let content = field("content").and_then(Value::as_str).ok_or("its answer has no content")?;
        let count = |name: &str| field(name).and_then(Value::as_u64);
        let evaluated = count("timings/prompt_n").ok_or("its answer does not say timings/prompt_n")?;
        let mut cost = Cost::default();
        cost.0.insert("evaluatedTokens", evaluated);
        // Servers of before 2025-09 do not say how much was in the cache.
        if let Some(reused) = count("timings/cache_n") {
            cost.0.extend([("reusedTokens", reused), ("promptTokens", evaluated + reused)]);
        }
        cost.0.insert("generatedTokens", count("timings/predicted_n").unwrap_or(0));
        let ms = |name: &str| field(name).and_then(Value::as_f64).unwrap_or(0.0);
        let (prompt_ms, predicted_ms) = (ms("timings/prompt_ms"), ms("timings/predicted_ms"));
        Ok(Self { content: content.to_owned(), cost, prompt_ms, predicted_ms, latency_ms })
    }
}

fn about(address: &Address, why: &str) -> Failure {
    Failure::Message(format!("--against {address}: {why}"))
}

#[cfg(test)]
mod tests;

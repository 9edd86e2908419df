//! llama.vim and llama-server as an arm: what that plugin asks of `/infill`, key by key, with its documented settings.
//!
//! Written from llama.vim a1c8e6e (2026-01-31), whose functions are named where they are followed: one request at a
//! time, tried again after 100 ms; a cache that is looked back into for 128 characters; chunks of other files as extra
//! context, read by the server ahead of time. At its best: one connection kept open where the plugin starts a `curl`
//! for each request. Where keys wait for answers it makes no speculative requests either, which a key would pay for.
//! A server that fails ends the comparison: half of one is none.

mod context;
mod http;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::arm::{Arm, Cost, Key};
use super::editor::Editor;
use super::keys::{Ghost, Stroke};
use crate::cli::Failure;
use context::{Cache, Local, Ring};
pub use http::Address;
use http::Client;

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
    address: Address,
    client: Client,
    jobs: Sender<(Value, Vec<u64>)>,
    done: Receiver<Done>,
    /// Whether a request is under way, and what is to be tried again when.
    is_busy: bool,
    retry: Option<(Instant, Vec<String>)>,
    cache: Cache,
    ring: Ring,
    /// Tokens of an answer at most (`n_predict`).
    tokens: u32,
    speculates: bool,
    pressed: Instant,
    ghost: Option<(Ghost, Instant)>,
    /// The answer to the newest key, where one was needed.
    answer: Option<Answer>,
    totals: Cost,
    before: Cost,
    latencies: Vec<f64>,
    /// Whether the request under way is for the newest key.
    is_for_key: bool,
}

/// What the thread with the connection hands back.
struct Done {
    hashes: Vec<u64>,
    began: Instant,
    ended: Instant,
    answer: Result<Answer, String>,
}

/// What is used of an answer.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    content: String,
    cost: Cost,
    /// Of writing, all tokens but the first.
    predicted_ms: f64,
    latency_ms: f64,
}

impl Infill {
    /// Looks whether a server answers there. `speculates` as the plugin does where keys come by the clock.
    pub fn start(
        address: Address,
        tokens: u32,
        speculates: bool,
        seed: u64,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let client = Client::new(patience);
        client.get(&address.at("health")).map_err(|why| about(&address, &why))?;
        let (jobs, todo) = channel::<(Value, Vec<u64>)>();
        let (answers, done) = channel();
        let (url, own) = (address.at("infill"), Client::new(patience));
        std::thread::spawn(move || {
            for (request, hashes) in todo {
                let began = Instant::now();
                let reply = own.post(&url, &request);
                let ended = Instant::now();
                let latency_ms = ended.saturating_duration_since(began).as_secs_f64() * 1000.0;
                let answer = reply.and_then(|reply| Answer::read(&reply, latency_ms));
                if answers.send(Done { hashes, began, ended, answer }).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            address,
            client,
            jobs,
            done,
            is_busy: false,
            retry: None,
            cache: Cache::default(),
            ring: Ring::new(seed),
            tokens,
            speculates,
            pressed: Instant::now(),
            ghost: None,
            answer: None,
            totals: Cost::default(),
            before: Cost::default(),
            latencies: Vec::new(),
            is_for_key: false,
        })
    }

    /// `llama#fim`: asks for the cursor, or speculatively for what follows once `previous` is taken.
    fn ask(&mut self, editor: &Editor, previous: &[String]) {
        if self.is_busy {
            self.retry = Some((Instant::now() + RETRY, previous.to_vec()));
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
        let request = json!({
            "id_slot": 0,
            "input_prefix": local.prefix,
            "input_suffix": local.suffix,
            "input_extra": self.ring.extra(),
            "prompt": local.middle,
            "n_predict": self.tokens,
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
        self.is_for_key = previous.is_empty();
        self.is_busy = self.jobs.send((request, hashes)).is_ok();
        self.ring.follow(editor);
    }

    /// `s:fim_on_response`.
    fn take(&mut self, done: Done, editor: &Editor) -> Result<(), Failure> {
        self.is_busy = false;
        let answer = done.answer.map_err(|why| about(&self.address, &why))?;
        for hash in done.hashes {
            self.cache.put(hash, &answer.content);
        }
        for (name, count) in &answer.cost.0 {
            *self.totals.0.entry(name).or_default() += count;
        }
        if self.is_for_key {
            self.latencies.push(
                done.ended.saturating_duration_since(done.began.max(self.pressed)).as_secs_f64() * 1000.0,
            );
            self.answer = Some(answer);
        }
        if self.ghost.is_none() {
            self.show(editor, done.ended);
        }
        Ok(())
    }

    /// `s:fim_try_hint`: shows what the cache has for the cursor. True where it has something.
    fn show(&mut self, editor: &Editor, now: Instant) -> bool {
        let Some(text) = self.cache.find(&Local::of(editor, &[])) else { return false };
        let lines: Vec<String> = text.trim_end_matches('\n').split('\n').map(str::to_owned).collect();
        if lines.iter().all(String::is_empty) {
            return false;
        }
        let range = editor.cursor..editor.cursor;
        self.ghost = Some((Ghost { range, text: lines.join("\n"), id: None }, now));
        if self.speculates {
            self.ask(editor, &lines);
        }
        true
    }

    /// Waits for the request under way; `None` when it is later than `until`.
    fn receive(&mut self, until: Option<Instant>) -> Result<Option<Done>, Failure> {
        let left = until.map_or(PATIENCE * 2, |until| until.saturating_duration_since(Instant::now()));
        match self.done.recv_timeout(left) {
            Ok(done) => Ok(Some(done)),
            Err(RecvTimeoutError::Timeout) if until.is_some() => Ok(None),
            Err(_) => Err(about(&self.address, "does not answer")),
        }
    }
}

impl Arm for Infill {
    fn name(&self) -> &'static str {
        "infill"
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
            self.client
                .post(&self.address.at("infill"), &request)
                .map_err(|why| about(&self.address, &why))?;
        }
        Ok(())
    }

    fn close(&mut self, editor: &Editor) -> Result<(), Failure> {
        // What is under way still belongs to this run.
        if self.is_busy
            && let Some(done) = self.receive(None)?
        {
            self.take(done, editor)?;
        }
        (self.ghost, self.retry) = (None, None);
        Ok(())
    }

    /// `s:on_move` and `llama#fim`, as `CursorMovedI` calls them.
    fn press(&mut self, editor: &Editor, _: &Stroke) -> Result<(), Failure> {
        self.pressed = Instant::now();
        (self.ghost, self.answer) = (None, None);
        if self.show(editor, self.pressed) {
            *self.totals.0.entry("cacheHits").or_default() += 1;
        }
        self.ask(editor, &[]);
        Ok(())
    }

    fn settle(&mut self, editor: &Editor) -> Result<Key, Failure> {
        while self.is_busy {
            if let Some(done) = self.receive(None)? {
                self.take(done, editor)?;
            }
            if let Some((_, previous)) = self.retry.take() {
                self.ask(editor, &previous);
            }
        }
        let cost = self.totals.since(&self.before);
        self.before = self.totals.clone();
        let reason = if self.ghost.is_some() { "shown" } else { "empty" }.to_owned();
        let (latency_ms, predicted_ms) =
            self.answer.take().map_or((0.0, 0.0), |answer| (answer.latency_ms, answer.predicted_ms));
        Ok(Key { cost, latency_ms, first_token_ms: (latency_ms - predicted_ms).max(0.0), reason })
    }

    fn wait(&mut self, editor: &Editor, until: Instant) -> Result<(), Failure> {
        loop {
            let retry = self.retry.as_ref().map(|(at, _)| *at);
            let wake = retry.map_or(until, |at| at.min(until));
            match self.receive(Some(wake))? {
                Some(done) => self.take(done, editor)?,
                None => match self.retry.take_if(|(at, _)| *at <= Instant::now()) {
                    Some((_, previous)) => self.ask(editor, &previous),
                    None if Instant::now() >= until => return Ok(()),
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
        Ok(self.totals.clone())
    }

    fn about(&mut self) -> Result<Value, Failure> {
        // Older servers have none, and others keep theirs to themselves.
        let props = self.client.get(&self.address.at("props")).unwrap_or_default();
        Ok(json!({
            "url": self.address.to_string(),
            "model": {"path": props["model_path"], "contextTokens": props["default_generation_settings"]["n_ctx"]},
            "build": props["build_info"],
            "slots": props["total_slots"],
        }))
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
        let predicted_ms = field("timings/predicted_ms").and_then(Value::as_f64).unwrap_or(0.0);
        Ok(Self { content: content.to_owned(), cost, predicted_ms, latency_ms })
    }
}

fn about(address: &Address, why: &str) -> Failure {
    Failure::Message(format!("--against {address}: {why}"))
}

#[cfg(test)]
mod tests;

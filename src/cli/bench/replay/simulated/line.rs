//! A llama-server that answers at once and says when it would have: what is common with its last prompt is held, all
//! else is read again, and nothing that was begun is left off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Memory, cost, pieces, token};
use crate::cli::Failure;
use crate::cli::bench::replay::arm::Cost;
use crate::cli::bench::replay::infill::{Answer, Done, Line};
use crate::engine::slot::{Token, common_prefix};

/// Tokens of a prompt that stand before the cursor and behind it at most, as `-b 1024` cuts them.
const PREFIX: usize = 768;
const SUFFIX: usize = 254;
/// Tokens read in one call.
const BATCH: usize = 1024;
/// Stand for the control tokens, which are negative as no other is.
const MARKS: [Token; 3] = [-1, -2, -3];

/// See the module.
pub struct Simulated {
    memory: Arc<Memory>,
    clock: Instant,
    held: Vec<Token>,
    under_way: Option<Done>,
}

impl Simulated {
    pub fn new(memory: Arc<Memory>) -> Self {
        Self { memory, clock: Instant::now(), held: Vec::new(), under_way: None }
    }

    fn answer(&mut self, request: &Value) -> Answer {
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        let tokens = |text: &str| pieces(text).into_iter().map(token).collect::<Vec<_>>();
        let before = [text("input_prefix"), text("prompt")].concat();
        let (prefix, suffix) = (tokens(&before), tokens(text("input_suffix")));
        let extra = request["input_extra"].as_array().into_iter().flatten();
        let mut prompt: Vec<Token> =
            extra.flat_map(|chunk| tokens(chunk["text"].as_str().unwrap_or_default())).collect();
        let [pre, suf, mid] = MARKS;
        prompt.push(pre);
        prompt.extend(&prefix[prefix.len().saturating_sub(PREFIX)..]);
        prompt.push(suf);
        prompt.extend(&suffix[..suffix.len().min(SUFFIX)]);
        prompt.push(mid);
        // The last token is read in any case: its logits are wanted.
        let held = common_prefix(&self.held, &prompt).min(prompt.len() - 1);
        let read: Duration = prompt[held..].chunks(BATCH).map(|chunk| cost(chunk.len())).sum();
        let (most, limit) =
            (request["n_predict"].as_u64().unwrap_or(0), request["t_max_predict_ms"].as_u64());
        let (mut said, mut written, mut predicted) = (String::new(), 0, Duration::ZERO);
        while written < most {
            said += &self.memory.next(&[before.as_str(), &said].concat());
            written += 1;
            let is_late = limit.is_some_and(|limit| predicted > Duration::from_millis(limit));
            if written == most || is_late && said.contains('\n') {
                break;
            }
            predicted += cost(1);
        }
        let total = (read + predicted).as_secs_f64() * 1000.0;
        let reused = held as u64;
        let evaluated = prompt.len() as u64 - reused;
        self.held = prompt;
        Answer {
            content: said,
            cost: Cost(
                [
                    ("promptTokens", evaluated + reused),
                    ("evaluatedTokens", evaluated),
                    ("reusedTokens", reused),
                    ("generatedTokens", written),
                ]
                .into(),
            ),
            prompt_ms: read.as_secs_f64() * 1000.0,
            predicted_ms: predicted.as_secs_f64() * 1000.0,
            latency_ms: total,
        }
    }
}

impl Line for Simulated {
    fn now(&self) -> Instant {
        self.clock
    }

    fn send(&mut self, request: Value) -> bool {
        let answer = self.answer(&request);
        let ended = self.clock + Duration::from_secs_f64(answer.latency_ms / 1000.0);
        self.under_way = Some(Done { began: self.clock, ended, answer });
        true
    }

    fn receive(&mut self, until: Option<Instant>) -> Result<Option<Done>, Failure> {
        let done = self.under_way.take_if(|done| until.is_none_or(|until| done.ended <= until));
        let then = done.as_ref().map(|done| done.ended).or(until);
        self.clock = then.map_or(self.clock, |then| then.max(self.clock));
        Ok(done)
    }

    fn read(&mut self, request: &Value) -> Result<(), Failure> {
        // Ahead of time, while nobody types.
        self.answer(request);
        Ok(())
    }

    fn about(&mut self) -> Value {
        json!({"model": {"name": "by heart"}})
    }
}

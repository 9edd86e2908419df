//! What is sent: the body of a question, as the server that answers wants it. Pure.
//!
//! Text of a file that spells a control token of a model is not sent: a server reads such a token in it, where the local
//! model reads text. What a server refuses by its name is left out from then on ([`Quirks`]).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::profile::{Filling, Profile, Program, Spelled};
use crate::engine::sample::Sampling;
use crate::prompt::{Fill, Instruct, Prompt};

/// What is asked for, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub path: Path,
    pub body: Value,
    /// What the answer begins with and what is no part of it, where the server may say it again.
    pub opening: Opening,
}

/// Below which part of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    Api(&'static str),
    Root(&'static str),
}

/// How the answer stands to what it was given to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    None,
    /// The answer goes on behind it; a server may repeat it.
    Given(String),
    /// The answer was asked to begin with it; some words may stand before it.
    Wanted(String),
}

/// Why a question cannot be put to this server, behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is not known how it would be asked.
    Filling,
    /// The text spells a control token.
    Control,
}

/// Parameters that this server does not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    left_out: BTreeSet<&'static str>,
}

/// Those that a question can do without, and what takes the place of one, in the order in which they are looked for in
/// a server's words.
const OPTIONAL: &[&str] = &[
    "stream_options",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "repeat_penalty",
    "logprobs",
    "seed",
    "continue_final_message",
    "add_generation_prompt",
];

impl Quirks {
    /// Learns from what a server says of a question that it refused; whether there is something to leave out that was
    /// not left out before.
    pub fn learn(&mut self, said: &str, body: &Value) -> bool {
        let named = OPTIONAL.iter().find(|name| body.get(**name).is_some() && said.contains(**name));
        named.is_some_and(|&name| self.left_out.insert(name))
    }

    fn apply(&self, body: &mut Map<String, Value>) {
        for name in &self.left_out {
            let value = body.remove(*name);
            // The newer name of the same.
            if let (&"max_tokens", Some(tokens)) = (name, value) {
                body.insert("max_completion_tokens".into(), tokens);
            }
        }
    }
}

impl Question {
    pub fn new(
        prompt: &Prompt,
        max_tokens: u32,
        sampling: &Sampling,
        profile: &Profile,
        quirks: &Quirks,
    ) -> Result<Self, Unfit> {
        let mut question = match prompt {
            Prompt::Instruct(instruct) => chat(instruct, profile)?,
            Prompt::Fill(fill) => match profile.filling.as_ref().ok_or(Unfit::Filling)? {
                Filling::Infill => infill(fill),
                Filling::Spelled(spelled) => complete(spelled_prompt(fill, spelled)?, None, profile),
                Filling::Suffix => {
                    refuse_control([&*fill.head, &fill.typed, &fill.tail])?;
                    complete([&*fill.head, &fill.typed].concat(), Some(&fill.tail), profile)
                }
            },
        };
        let Value::Object(body) = &mut question.body else {
            return Ok(question);
        };
        let is_infill = question.path == Path::Root("infill");
        body.insert(if is_infill { "n_predict" } else { "max_tokens" }.into(), json!(max_tokens));
        body.insert("stream".into(), json!(true));
        if !is_infill {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        sample(body, sampling, profile.program);
        quirks.apply(body);
        Ok(question)
    }
}

/// How tokens are chosen, as far as the program can be told. Unknown names are errors to some, so each is told its own.
fn sample(body: &mut Map<String, Value>, sampling: &Sampling, program: Program) {
    let Sampling { temperature, top_k, top_p, min_p, repeat_penalty, seed, .. } = *sampling;
    let mut put = |name: &str, value: Value| _ = body.insert(name.into(), value);
    // By its digits: widening would write 0.3 as 0.30000001192092896.
    let number = |number: f32| json!(number.to_string().parse::<f64>().unwrap_or_default());
    put("temperature", number(temperature.max(0.0)));
    let is_drawn = temperature > 0.0;
    if is_drawn {
        put("top_p", number(top_p));
        put("seed", json!(seed));
    }
    let knows_more = matches!(program, Program::LlamaServer | Program::Vllm);
    if is_drawn && knows_more {
        // Where 0 means all, vLLM wants -1.
        let all = if program == Program::Vllm { json!(-1) } else { json!(0) };
        put("top_k", if top_k == 0 { all } else { json!(top_k) });
        put("min_p", number(min_p));
    }
    if repeat_penalty != 1.0 && knows_more {
        let name = if program == Program::Vllm { "repetition_penalty" } else { "repeat_penalty" };
        put(name, number(repeat_penalty));
    }
}

fn chat(instruct: &Instruct, profile: &Profile) -> Result<Question, Unfit> {
    let Instruct { system, user, prefill, .. } = instruct;
    refuse_control([system, user, prefill].map(String::as_str))?;
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(json!({ "role": "system", "content": system }));
    }
    messages.push(json!({ "role": "user", "content": user }));
    let mut body = json!({ "model": profile.model });
    let opening = match (prefill.is_empty(), profile.continues()) {
        (true, _) => Opening::None,
        (false, true) => {
            messages.push(json!({ "role": "assistant", "content": prefill }));
            if profile.program == Program::Vllm {
                body["continue_final_message"] = json!(true);
                body["add_generation_prompt"] = json!(false);
            }
            Opening::Given(prefill.clone())
        }
        // A message of the assistant would be an answer given before.
        (false, false) => {
            let asked = format!("{user}\n\nBegin your answer with exactly these lines:\n{prefill}");
            if let Some(last) = messages.last_mut() {
                last["content"] = json!(asked);
            }
            Opening::Wanted(prefill.clone())
        }
    };
    body["messages"] = Value::Array(messages);
    Ok(Question { path: Path::Api("chat/completions"), body, opening })
}

/// The server tokenizes these texts without looking for control tokens in them.
fn infill(fill: &Fill) -> Question {
    let quoted =
        fill.snippets.iter().map(|snippet| json!({ "filename": snippet.path, "text": snippet.text }));
    let extra: Vec<Value> = quoted.collect();
    let before = [&*fill.head, &fill.typed].concat();
    let body = json!({
        "input_prefix": before,
        "input_suffix": &*fill.tail,
        "input_extra": extra,
        "cache_prompt": true,
        "n_probs": 1,
    });
    Question { path: Path::Root("infill"), body, opening: Opening::None }
}

fn complete(prompt: String, suffix: Option<&str>, profile: &Profile) -> Question {
    let mut body = json!({ "model": profile.model, "prompt": prompt, "logprobs": 1 });
    if let Some(suffix) = suffix {
        body["suffix"] = json!(suffix);
    }
    Question { path: Path::Api("completions"), body, opening: Opening::None }
}

/// As the local engine spells it (`spell`), in text.
fn spelled_prompt(fill: &Fill, spelled: &Spelled) -> Result<String, Unfit> {
    let Spelled { prefix, suffix, middle, is_suffix_first, file, file_header } = spelled;
    let mut texts: Vec<&str> = vec![&fill.head, &fill.typed, &fill.tail];
    let mut prompt = String::new();
    if let Some(file) = file.as_ref().filter(|_| !fill.snippets.is_empty()) {
        for snippet in fill.snippets.iter() {
            texts.extend([snippet.path.as_str(), snippet.text.as_str()]);
            let end = if snippet.text.ends_with('\n') { "" } else { "\n" };
            prompt += &[file, &*file_header.replace("{path}", &snippet.path), &snippet.text, end].concat();
        }
        texts.push(&fill.path);
        prompt += &[&**file, &file_header.replace("{path}", &fill.path)].concat();
    }
    let own = [Some(prefix), Some(suffix), Some(middle), file.as_ref()].into_iter().flatten();
    let mut own = own.filter(|token| !token.is_empty());
    if own.any(|token| texts.iter().any(|text| text.contains(token.as_str()))) {
        return Err(Unfit::Control);
    }
    refuse_control(texts)?;
    let before = [&*fill.head, &fill.typed].concat();
    prompt += &if *is_suffix_first {
        [suffix, &*fill.tail, prefix, &before, middle].concat()
    } else {
        [prefix, &*before, suffix, &fill.tail, middle].concat()
    };
    Ok(prompt)
}

fn refuse_control<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), Unfit> {
    if texts.into_iter().any(spells_control) { Err(Unfit::Control) } else { Ok(()) }
}

/// Whether a text has what may be a control token of some model: `<|im_end|>`, `<｜fim▁hole｜>`, `[INST]`,
/// `<start_of_turn>`. Tokens that stand in programs of all kinds, such as `</s>`, are none here.
fn spells_control(text: &str) -> bool {
    const NAMES: [&str; 8] = [
        "[INST]",
        "[/INST]",
        "[PREFIX]",
        "[SUFFIX]",
        "<start_of_turn>",
        "<end_of_turn>",
        "<fim_prefix>",
        "<fim_suffix>",
    ];
    let framed = |open: &str, close: &str| {
        text.match_indices(open).any(|(at, _)| {
            let rest = &text[at + open.len()..];
            let name = rest.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '▁'));
            name.len() < rest.len() && name.starts_with(close)
        })
    };
    framed("<|", "|>") || framed("<｜", "｜>") || NAMES.iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests;

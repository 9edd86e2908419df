//! One event of an answer, whichever of the servers' dialects it is in. Pure.
//!
//! Fields that are not known are no matter, and those that are missing neither: what counts is text, an end, a count and
//! an error.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::trouble::error_of;

/// How an answer ended, by the server's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The model is done.
    Done,
    /// No more tokens are allowed.
    Limit,
    /// A filter of the server.
    Filtered,
}

/// What the server counted, tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub prompt: u32,
    /// Of the prompt, what it had read before.
    pub reused: u32,
    pub generated: u32,
}

/// One event, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    /// Natural logarithm of the probability of the text, where the server says it.
    pub log_probability: Option<f32>,
    pub ending: Option<Ending>,
    pub counted: Option<Counted>,
    pub error: Option<String>,
}

/// Reads the data of an event, or a whole answer of a server that does not stream. `None`: it is no JSON object.
pub fn read(data: &str) -> Option<Heard> {
    let value: Value = serde_json::from_str(data).ok().filter(Value::is_object)?;
    let mut heard = Heard::default();
    let is_error = value.get("error").is_some_and(|error| !error.is_null()) || value["object"] == "error";
    if is_error {
        heard.error = Some(error_of(&value).unwrap_or_else(|| "it does not say which".into()));
        return Some(heard);
    }
    heard.counted = counted(&value);
    match value.get("choices") {
        Some(choices) => {
            let choice = choices.as_array().and_then(|choices| choices.first()).unwrap_or(&Value::Null);
            let places = ["/delta/content", "/message/content", "/text"];
            heard.text =
                places.iter().find_map(|place| choice.pointer(place)?.as_str()).unwrap_or_default().into();
            heard.log_probability = sum(choice.pointer("/logprobs/token_logprobs"), |item| item.as_f64())
                .or_else(|| sum(choice.pointer("/logprobs/content"), |item| item["logprob"].as_f64()));
            heard.ending = choice["finish_reason"].as_str().map(|reason| match reason {
                "length" => Ending::Limit,
                "content_filter" => Ending::Filtered,
                _ => Ending::Done,
            });
        }
        // llama-server's own.
        None => {
            heard.text = value["content"].as_str().unwrap_or_default().into();
            heard.log_probability =
                sum(value.get("completion_probabilities"), |item| item["logprob"].as_f64());
            heard.ending = (value["stop"] == true).then(|| {
                let is_cut = value["stop_type"] == "limit" || value["stopped_limit"] == true;
                if is_cut { Ending::Limit } else { Ending::Done }
            });
        }
    }
    Some(heard)
}

/// Whether the data of an event is only its beginning: whoever sent it was stopped in the midst of it.
pub fn is_beginning(data: &str) -> bool {
    const LAST: &str = "[DONE]";
    let data = data.trim();
    let is_of_last = LAST.starts_with(data) && data != LAST;
    let lacks_more = |data: &str| serde_json::from_str::<IgnoredAny>(data).is_err_and(|error| error.is_eof());
    // A number that ends with `-`, `.` or `e` is wrong to the parser, and not unfinished.
    let is_of_object = || data.starts_with('{') && (lacks_more(data) || lacks_more(&format!("{data}0")));
    !data.is_empty() && (is_of_last || is_of_object())
}

/// What several tokens have together; `None` where nothing is said of them.
fn sum(tokens: Option<&Value>, logarithm: impl Fn(&Value) -> Option<f64>) -> Option<f32> {
    let tokens: Vec<f64> = tokens?.as_array()?.iter().filter_map(logarithm).collect();
    // Servers write a probability of nothing as some large number.
    let bounded = tokens.iter().map(|logarithm| logarithm.clamp(-100.0, 0.0));
    (!tokens.is_empty()).then(|| bounded.sum::<f64>() as f32)
}

fn counted(value: &Value) -> Option<Counted> {
    let number = |place: &str| {
        let number = value.pointer(place)?.as_u64()?;
        Some(u32::try_from(number).unwrap_or(u32::MAX))
    };
    if let Some(prompt) = number("/usage/prompt_tokens") {
        let reused = number("/usage/prompt_tokens_details/cached_tokens").unwrap_or(0).min(prompt);
        return Some(Counted { prompt, reused, generated: number("/usage/completion_tokens").unwrap_or(0) });
    }
    let evaluated = number("/timings/prompt_n")?;
    let prompt = number("/tokens_evaluated").unwrap_or(evaluated);
    let generated = number("/tokens_predicted").unwrap_or(0);
    Some(Counted { prompt, reused: prompt.saturating_sub(evaluated), generated })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Heard {
        Heard { text: text.into(), ..Heard::default() }
    }

    #[test]
    fn events_of_every_dialect() {
        let ended = |ending| Heard { ending: Some(ending), ..Heard::default() };
        let counted = |prompt, reused, generated| Some(Counted { prompt, reused, generated });
        for (data, expected) in [
            (r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, text("")),
            (r#"{"choices":[{"delta":{"content":"fn é"},"finish_reason":null}],"usage":null}"#, text("fn é")),
            (r#"{"choices":[{"delta":{"reasoning_content":"hm"},"finish_reason":null}]}"#, text("")),
            (r#"{"choices":[{"delta":{"content":null},"finish_reason":"stop"}]}"#, ended(Ending::Done)),
            (r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#, ended(Ending::Limit)),
            (r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#, ended(Ending::Filtered)),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}"#,
                Heard { counted: counted(9, 4, 3), ..Heard::default() },
            ),
            (
                r#"{"choices":[{"text":" a","logprobs":{"tokens":[" a"],"token_logprobs":[-0.5]},"finish_reason":null}]}"#,
                Heard { log_probability: Some(-0.5), ..text(" a") },
            ),
            (
                r#"{"choices":[{"text":"ab","logprobs":{"token_logprobs":[-0.5,null,-1.0]}}]}"#,
                Heard { log_probability: Some(-1.5), ..text("ab") },
            ),
            (r#"{"choices":[{"text":"ab","logprobs":{"token_logprobs":[null]}}]}"#, text("ab")),
            (
                r#"{"content":"x","stop":false,"completion_probabilities":[{"token":"x","logprob":-0.25}]}"#,
                Heard { log_probability: Some(-0.25), ..text("x") },
            ),
            (
                r#"{"content":"x","completion_probabilities":[{"logprob":-1e308}]}"#,
                Heard { log_probability: Some(-100.0), ..text("x") },
            ),
            (
                r#"{"content":"","stop":true,"stop_type":"limit","tokens_evaluated":20,"tokens_predicted":8,"timings":{"prompt_n":5}}"#,
                Heard { ending: Some(Ending::Limit), counted: counted(20, 15, 8), ..Heard::default() },
            ),
            (r#"{"content":"","stop":true,"stop_type":"eos"}"#, ended(Ending::Done)),
            // Whole answers of servers that do not stream.
            (
                r#"{"choices":[{"message":{"role":"assistant","content":"all"},"finish_reason":"stop"}]}"#,
                Heard { ending: Some(Ending::Done), ..text("all") },
            ),
            // Odd, and no harm.
            (r#"{}"#, Heard::default()),
            (r#"{"choices":null}"#, Heard::default()),
            (r#"{"choices":[{"delta":{"content":7}}],"usage":{"prompt_tokens":-1}}"#, Heard::default()),
            (
                r#"{"usage":{"prompt_tokens":18446744073709551615}}"#,
                Heard { counted: counted(u32::MAX, 0, 0), ..Heard::default() },
            ),
        ] {
            assert_eq!(read(data), Some(expected), "{data}");
        }
    }

    #[test]
    fn errors_are_heard() {
        for (data, said) in [
            (r#"{"error":{"message":"out of memory","code":500}}"#, "out of memory"),
            (r#"{"error":"model not found"}"#, "model not found"),
            (r#"{"object":"error","message":"too long"}"#, "too long"),
            (r#"{"error":{"code":7}}"#, "it does not say which"),
        ] {
            assert_eq!(read(data).unwrap().error.as_deref(), Some(said), "{data}");
        }
    }

    #[test]
    fn the_beginning_of_an_event_is_none() {
        let whole = r#"{"choices":[{"delta":{"content":"é"}}],"n":-1.5e3,"b":true}"#;
        let last = "[DONE]";
        for event in [whole, last] {
            assert!(!is_beginning(event) && !is_beginning(&format!(" {event} ")), "{event}");
            for (end, _) in event.char_indices().skip(1) {
                assert!(is_beginning(&event[..end]), "{}", &event[..end]);
            }
        }
        for other in ["", " ", "hello", "{]", "{\"a\":}", "<html>", "[DONE] more", "[1", "\"text"] {
            assert!(!is_beginning(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_object_is_nothing() {
        for data in ["", "[DONE]", "null", "[1]", "\"text\"", "{", "{\"a\":}", "<html>"] {
            assert_eq!(read(data), None, "{data}");
        }
    }
}

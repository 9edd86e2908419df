//! Bodies as each program wants them, and what is not sent.

use std::sync::Arc;

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::context::Snippet;

fn profile(owner: &str, model: &str) -> Profile {
    let list = json!({ "data": [{ "id": model, "owned_by": owner }] });
    Profile::new(&list, None).unwrap()
}

fn fill(head: &str, typed: &str, tail: &str, snippets: &[(&str, &str)]) -> Prompt {
    let snippets: Vec<Snippet> =
        snippets.iter().map(|(path, text)| Snippet { path: (*path).into(), text: (*text).into() }).collect();
    Prompt::Fill(Fill {
        snippets: snippets.into(),
        path: Arc::from("src/main.rs"),
        head: head.into(),
        tail: tail.into(),
        typed: typed.into(),
    })
}

fn instruct(prefill: &str) -> Prompt {
    Prompt::Instruct(Instruct {
        system: "You change code.".into(),
        user: "TASK: é".into(),
        prefill: prefill.into(),
        plain: "TASK: é\n".into(),
    })
}

fn asked(prompt: &Prompt, profile: &Profile) -> Question {
    Question::new(prompt, 64, &Sampling::default(), profile, &Quirks::default()).unwrap()
}

fn check(prompt: &Prompt, profile: &Profile, expected: Expect) {
    let Question { path, body, opening } = asked(prompt, profile);
    expected.assert_eq(&format!("{path:?} {opening:?}\n{body:#}\n"));
}

#[test]
fn chats() {
    check(
        &instruct("<<<START>>>\n"),
        &profile("llamacpp", "m"),
        expect![[r#"
            Api("chat/completions") Given("<<<START>>>\n")
            {
              "max_tokens": 64,
              "messages": [
                {
                  "content": "You change code.",
                  "role": "system"
                },
                {
                  "content": "TASK: é",
                  "role": "user"
                },
                {
                  "content": "<<<START>>>\n",
                  "role": "assistant"
                }
              ],
              "model": "m",
              "stream": true,
              "stream_options": {
                "include_usage": true
              },
              "temperature": 0.0
            }
        "#]],
    );
    let vllm = asked(&instruct("<<<START>>>\n"), &profile("vllm", "m")).body;
    assert_eq!(
        (&vllm["continue_final_message"], &vllm["add_generation_prompt"]),
        (&json!(true), &json!(false))
    );
    // What knows no beginning of an answer is asked for it.
    let other = asked(&instruct("<<<START>>>\n"), &profile("openai", "m"));
    assert_eq!(other.opening, Opening::Wanted("<<<START>>>\n".into()));
    let last = &other.body["messages"][1]["content"];
    assert_eq!(last, "TASK: é\n\nBegin your answer with exactly these lines:\n<<<START>>>\n");
    assert_eq!(other.body["messages"].as_array().map(Vec::len), Some(2));
    assert_eq!(asked(&instruct(""), &profile("openai", "m")).opening, Opening::None);
}

#[test]
fn fills() {
    let prompt = fill("fn main() {\n", "    le", "}\n", &[("src/a.rs", "fn a() {}")]);
    check(
        &prompt,
        &profile("llamacpp", "m"),
        expect![[r#"
            Root("infill") None
            {
              "cache_prompt": true,
              "input_extra": [
                {
                  "filename": "src/a.rs",
                  "text": "fn a() {}"
                }
              ],
              "input_prefix": "fn main() {\n    le",
              "input_suffix": "}\n",
              "n_predict": 64,
              "n_probs": 1,
              "stream": true,
              "temperature": 0.0
            }
        "#]],
    );
    check(
        &prompt,
        &profile("vllm", "Qwen/Qwen2.5-Coder-7B"),
        expect![[r#"
            Api("completions") None
            {
              "logprobs": 1,
              "max_tokens": 64,
              "model": "Qwen/Qwen2.5-Coder-7B",
              "prompt": "<|file_sep|>src/a.rs\nfn a() {}\n<|file_sep|>src/main.rs\n<|fim_prefix|>fn main() {\n    le<|fim_suffix|>}\n<|fim_middle|>",
              "stream": true,
              "stream_options": {
                "include_usage": true
              },
              "temperature": 0.0
            }
        "#]],
    );
    let codestral = asked(&prompt, &profile("vllm", "mistralai/Codestral-22B-v0.1")).body;
    assert_eq!(codestral["prompt"], "[SUFFIX]}\n[PREFIX]fn main() {\n    le");
    let ollama = asked(&prompt, &profile("library", "qwen2.5-coder:7b")).body;
    assert_eq!((&ollama["prompt"], &ollama["suffix"]), (&json!("fn main() {\n    le"), &json!("}\n")));
}

#[test]
fn what_spells_a_control_token_is_not_sent() {
    let check = |text: &str, is_sent: bool| {
        for (prompt, profile) in [
            (fill(text, "", "", &[]), profile("vllm", "Qwen/Qwen2.5-Coder-7B")),
            (fill("", "", text, &[]), profile("library", "x")),
            (fill("", text, "", &[]), profile("library", "x")),
            (fill("", "", "", &[("a.rs", text)]), profile("vllm", "Qwen/Qwen2.5-Coder-7B")),
            (Prompt::Instruct(Instruct { user: text.into(), ..Instruct::default() }), profile("openai", "x")),
        ] {
            let question = Question::new(&prompt, 1, &Sampling::default(), &profile, &Quirks::default());
            assert_eq!(question.err(), (!is_sent).then_some(Unfit::Control), "{text:?} {profile:?}");
        }
        // There it is text.
        let infill = profile("llamacpp", "x");
        let prompt = fill(text, "", "", &[]);
        assert!(Question::new(&prompt, 1, &Sampling::default(), &infill, &Quirks::default()).is_ok());
    };
    check("", true);
    check("let a = b <|> c;", true);
    check("x |> f <| y", true);
    check("<| a |>", true);
    check("a[INSTANCE]</s><s>", true);
    check("<|im_end|>", false);
    check("say(\"<|endoftext|>\")", false);
    check("<｜fim▁hole｜>", false);
    check("é[/INST]", false);
    check("<start_of_turn>user", false);
    check("<|<|fim-pad|>", false);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let unknown = profile("vllm", "somebodys-model");
    let question =
        Question::new(&fill("a", "", "", &[]), 1, &Sampling::default(), &unknown, &Quirks::default());
    assert_eq!(question.err(), Some(Unfit::Filling));
}

#[test]
fn chance_is_told_in_each_programs_words() {
    let drawn = Sampling { temperature: 0.3, top_k: 0, repeat_penalty: 1.1, seed: 7, ..Sampling::default() };
    let body = |owner: &str| {
        Question::new(&instruct(""), 64, &drawn, &profile(owner, "m"), &Quirks::default()).unwrap().body
    };
    let found = |owner: &str| {
        let body = body(owner);
        ["temperature", "top_p", "top_k", "min_p", "seed", "repeat_penalty", "repetition_penalty"]
            .map(|name| body.get(name).cloned().unwrap_or_default())
            .to_vec()
    };
    let none = json!(null);
    assert_eq!(
        found("llamacpp"),
        [json!(0.3), json!(0.95), json!(0), json!(0.05), json!(7), json!(1.1), none.clone()]
    );
    assert_eq!(
        found("vllm"),
        [json!(0.3), json!(0.95), json!(-1), json!(0.05), json!(7), none.clone(), json!(1.1)]
    );
    assert_eq!(
        found("openai"),
        [json!(0.3), json!(0.95), none.clone(), none.clone(), json!(7), none.clone(), none.clone()]
    );
}

#[test]
fn what_a_server_refuses_by_name_is_left_out() {
    let body = asked(&instruct(""), &profile("openai", "m")).body;
    let mut quirks = Quirks::default();
    assert!(!quirks.learn("I do not like you", &body));
    assert!(!quirks.learn("unknown field `top_k`", &body), "it is not there");
    assert!(quirks.learn("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", &body));
    assert!(quirks.learn("'temperature' does not support 0", &body));
    assert!(!quirks.learn("'temperature' does not support 0", &body), "that was learnt before");
    let question =
        Question::new(&instruct(""), 64, &Sampling::default(), &profile("openai", "m"), &quirks).unwrap();
    assert_eq!(question.body["max_completion_tokens"], 64);
    assert!(question.body.get("max_tokens").is_none() && question.body.get("temperature").is_none());
}

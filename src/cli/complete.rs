//! `codesage complete FILE:LINE:COL`: one suggestion, the way an editor that asks for it would get it.

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::source::{self, Source};
use super::{Failure, Session, workspace};
use crate::assist::{Answer, Ask, Assistant};
use crate::completion::policy::Trigger;
use crate::engine::Role;
use crate::text::{Encoding, Position};

#[derive(Args, Debug)]
pub struct Options {
    /// Line and column count from 1, as editors print them; a column is a character
    #[arg(value_name = "FILE:LINE:COL")]
    place: Place,
    /// Print an object with the text, the bytes it replaces, the reason code and what it cost
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Place {
    file: PathBuf,
    position: Position,
}

impl FromStr for Place {
    type Err = String;

    /// From the right: file names may hold colons.
    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected FILE:LINE:COL, with line and column from 1".to_owned();
        let mut parts = text.rsplitn(3, ':');
        let mut number = || {
            let number: u32 = parts.next()?.parse().ok()?;
            number.checked_sub(1)
        };
        let column = number().ok_or_else(form)?;
        let line = number().ok_or_else(form)?;
        let file = parts.next().filter(|file| !file.is_empty()).ok_or_else(form)?;
        Ok(Place { file: file.into(), position: Position { line, column } })
    }
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let Place { file, position } = options.place;
    let about = |error: &dyn std::fmt::Display| Failure::Message(format!("{}: {error}", file.display()));
    let Source { path, uri, text } = Source::read(&file)?;
    let workspace = workspace::of(&path);
    let settings = super::settings_in(session.layers, &workspace);

    let runtime = super::runtime()?;
    let backend = super::backend(&settings, Role::Fill);
    let answered = runtime.block_on(async {
        super::ready(&backend).await?;
        let assistant = Assistant::new(backend.clone(), settings, vec![workspace]);
        assistant.open(uri.clone(), "", 0, &text);
        let document = assistant.snapshot(&uri).ok_or_else(|| about(&"could not be opened"))?;
        // Behind the end of the last line somebody may be about to write one.
        if position.line as usize >= document.rope().len_lines() {
            return Err(about(&format!("has {}", source::lines_of(document.rope()))));
        }
        let ask = Ask {
            offset: Encoding::Utf32.offset(document.rope(), position),
            uri,
            document,
            trigger: Trigger::Invoked,
            selection: None,
            popup: None,
        };
        let asked = Instant::now();
        let answer = assistant.complete(ask).await;
        Ok::<_, Failure>((answer, asked.elapsed().as_secs_f64() * 1000.0))
    });
    backend.shutdown();
    match answered {
        Ok((answer, ms)) => print(session.output, answer, ms, options.json),
        Err(Failure::Message(why)) if options.json => {
            let object =
                json!({"text": null, "range": null, "confidence": null, "reason": null, "message": why});
            let mut output = session.output;
            writeln!(output, "{object:#}")?;
            Err(Failure::Message(why))
        }
        Err(failure) => Err(failure),
    }
}

fn print(mut output: impl Write, answer: Answer, ms: f64, as_json: bool) -> Result<(), Failure> {
    let Answer { outcome, reason, usage, model } = answer;
    if as_json {
        let suggestion = outcome.as_ref().ok();
        let object = json!({
            "text": suggestion.map(|suggestion| &suggestion.text),
            "range": suggestion.map(|suggestion| [suggestion.range.start, suggestion.range.end]),
            "confidence": suggestion.map(|suggestion| suggestion.confidence),
            "reason": reason.code(),
            "message": outcome.as_ref().err().map(|reason| reason.meaning()),
            "ms": (ms * 10.0).round() / 10.0,
            "usage": usage,
            "model": model,
        });
        writeln!(output, "{object:#}")?;
    }
    match outcome {
        Ok(suggestion) if !as_json => writeln!(output, "{}", suggestion.text)?,
        Ok(_) => {}
        Err(reason) => {
            return Err(Failure::Message(format!("no suggestion: {} ({})", reason.meaning(), reason.code())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::Reason;

    #[test]
    fn places() {
        let cases = [
            ("a.rs:1:1", Some(("a.rs", 0, 0))),
            ("dir/a:b.rs:12:5", Some(("dir/a:b.rs", 11, 4))),
            ("C:\\a.rs:3:4", Some(("C:\\a.rs", 2, 3))),
            ("a.rs", None),
            ("a.rs:1", None),
            ("a.rs:0:1", None),
            ("a.rs:1:0", None),
            ("a.rs:x:1", None),
            (":1:1", None),
            ("a.rs:1:99999999999", None),
        ];
        for (text, expected) in cases {
            let place = Place::from_str(text).ok();
            let expected = expected
                .map(|(file, line, column)| Place { file: file.into(), position: Position { line, column } });
            assert_eq!(place, expected, "{text}");
        }
    }

    #[test]
    fn nothing_to_show_is_a_failure_with_its_reason() {
        for as_json in [false, true] {
            let answer = Answer {
                outcome: Err(Reason::GenEmpty),
                reason: Reason::GenEmpty,
                usage: Default::default(),
                model: None,
            };
            let mut output = Vec::new();
            let failure = print(&mut output, answer, 1.0, as_json).unwrap_err();
            assert!(matches!(failure, Failure::Message(text) if text.contains("gen.empty")));
            assert_eq!(!output.is_empty(), as_json);
        }
    }
}

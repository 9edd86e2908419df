//! What an edit costs that repeats most of the code: its tokens a second, drafted from the code, and one by one.
//!
//! Which model would repeat the code is another question, so the answer is told: the model computes as ever, and what
//! it chooses is replaced by what the answer has there. Both go through the engine's own loop: as an action, whose
//! answers are drafted, and as a completion, whose answers are not; by turns, so that what else this machine does falls
//! on both alike. Any model will do, one with random weights too.

use std::sync::Arc;
use std::time::Duration;

use super::Figure;
use super::model::SOURCES;
use crate::cli::Failure;
use crate::engine::sample::Sampling;
use crate::engine::{Backend, Event, Lane, ModelCard, Request, Usage};
use crate::prompt::{Instruct, Prompt};

/// Lines of the function, where they fit the context twice, and how many of them are changed.
const LINES: usize = 120;
const CHANGED: usize = 5;
const ROUNDS: usize = 3;
/// Tokens for the words of a chat template, and for what counting a text in parts may miss.
const MARGIN: usize = 32;

/// Measures an engine that is ready.
pub async fn figures(backend: &Arc<dyn Backend>, card: &ModelCard) -> Result<Vec<Figure>, Failure> {
    let tokens = |text: &str| backend.count_tokens(text).unwrap_or(text.len());
    let mut lines = LINES;
    let (prompt, answer) = loop {
        let (prompt, answer) = edit(lines);
        let asked = tokens(&prompt.user).max(tokens(&prompt.plain)) + 2 * MARGIN;
        if asked + tokens(&answer) <= card.context_tokens as usize || lines <= CHANGED {
            break (prompt, answer);
        }
        lines -= CHANGED;
    };
    let most = (tokens(&answer) + MARGIN) as u32;
    let before = backend.stats();
    let (mut drafted, mut one_by_one) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        drafted.push(tell(backend, Lane::Action, &prompt, &answer, most).await?);
        one_by_one.push(tell(backend, Lane::Completion, &prompt, &answer, most).await?);
    }
    let after = backend.stats();
    let right = (after.accepted_draft_tokens - before.accepted_draft_tokens) as f64;
    let tried = (after.drafted_tokens - before.drafted_tokens).max(1) as f64;
    let drafted = Figure::new(
        "editDraftedPerSecond",
        format!("an edit of {lines} lines, {CHANGED} changed, drafted"),
        "tokens/s",
        drafted,
    );
    let one_by_one =
        Figure::new("editOneByOnePerSecond", "the same, token by token".into(), "tokens/s", one_by_one);
    let ratio = vec![drafted.rank(0.5) / one_by_one.rank(0.5)];
    Ok(vec![
        drafted,
        one_by_one,
        Figure::new(
            "editDraftRatio",
            "an edit drafted, by one token by token, medians".into(),
            "times",
            ratio,
        ),
        Figure::new("editDraftsRight", "drafted tokens that were right".into(), "of 1", vec![right / tried]),
    ])
}

/// A question about so many lines of code, and the answer: the same lines, [`CHANGED`] of them others.
fn edit(lines: usize) -> (Instruct, String) {
    let (_, source) = SOURCES[0];
    let code: Vec<&str> = source.lines().cycle().take(lines).collect();
    let apart = (lines / CHANGED).max(1);
    let changed = code.iter().enumerate().map(|(index, &line)| {
        let indentation = &line[..line.len() - line.trim_start().len()];
        if index % apart == apart / 2 {
            format!("{indentation}self.changed_in_line({index})?;\n")
        } else {
            format!("{line}\n")
        }
    });
    let asked = format!("Change {CHANGED} lines.\n{}\n", code.join("\n"));
    let plain = format!("{asked}>>>\n");
    (Instruct { system: String::new(), user: asked, prefill: String::new(), plain }, changed.collect())
}

/// Tokens a second of an answer that is told.
async fn tell(
    backend: &Arc<dyn Backend>,
    lane: Lane,
    prompt: &Instruct,
    answer: &str,
    most: u32,
) -> Result<f64, Failure> {
    let mut generation = backend.generate(Request {
        prompt: Prompt::Instruct(prompt.clone()),
        lane,
        sampling: Sampling::default(),
        max_tokens: most,
        max_time: Duration::from_secs(600),
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: Some(answer.to_owned()),
        precedents: Vec::new(),
    });
    let mut said = String::new();
    loop {
        match generation.next().await {
            Some(Event::Piece(piece)) => said += &piece.text,
            Some(Event::End { usage, .. }) if said == answer => return Ok(per_second(&usage)),
            Some(Event::End { .. }) => {
                return Err(Failure::Message("the edit of the benchmark came out otherwise".to_owned()));
            }
            Some(Event::Failed(error)) => return Err(Failure::Message(error.to_string())),
            None => return Err(Failure::Message("the engine ended".to_owned())),
        }
    }
}

fn per_second(usage: &Usage) -> f64 {
    f64::from(usage.generated_tokens) * 1000.0 / f64::from(usage.decode_ms.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_are_changed() {
        for lines in [LINES, 40, 5] {
            let (prompt, answer) = edit(lines);
            let asked: Vec<&str> = prompt.plain.lines().skip(1).collect();
            let others = answer.lines().zip(&asked).filter(|(new, old)| new != *old).count();
            assert_eq!((answer.lines().count(), others), (lines, CHANGED), "{lines}");
        }
    }
}

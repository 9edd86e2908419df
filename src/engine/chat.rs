//! How a model is talked to: which text of its own stands round what we say to it. Pure.
//!
//! A GGUF may bring a chat template, a small program in Jinja. It is run once, when the model is loaded, on stand-ins
//! instead of messages (`template`), and the text that comes out is cut where they stand: so no file's text ever
//! goes through a stranger's program, and no text of a file can become a control token. A template that cannot be run
//! or does not say what it was given is replaced by one of the known formats (`format`), found by the model's
//! special tokens. Where there are none of these either, the model does not chat and is shown plain text.

mod date;
mod format;
mod template;
pub mod thoughts;

use std::time::SystemTime;

use crate::prompt::Instruct;
use template::{Stranger, Turns};

/// What has to be known of a vocabulary to talk to a model.
pub struct Specials<'a> {
    /// The text of the token that begins a text; empty where there is none.
    pub begin: &'a str,
    /// The text of the one that ends it.
    pub end: &'a str,
    /// Whether there is a token of this text.
    pub has: &'a dyn Fn(&str) -> bool,
}

/// A model's way of being talked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Where the model knows system messages; else one is put before the user's.
    with_system: Option<Vec<Part>>,
    alone: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The model's own words, control tokens among them.
    Own(String),
    System,
    User,
}

/// A stretch of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span<'a> {
    /// Control tokens are to be recognised in it.
    Own(&'a str),
    /// They are not.
    Text(&'a str),
}

/// Stand-ins for the messages. The signs in the middle are those that a filter changes (JSON, HTML); the ends have no
/// blank, so that trimming changes nothing. Nothing secret: a template that holds one itself is found out.
const SYSTEM: &str = "standinsystem\n\"<&'>\\standinsystem";
const USER: &str = "standinuser\n\"<&'>\\standinuser";
const ANSWER: &str = "standinanswer\n\"<&'>\\standinanswer";
/// Begins and ends each of them; left over where a template has changed one.
const TRACE: &str = "standin";

/// What some templates leave for the model to write, and what ends it: an answer begins behind.
const LEFT_OPEN: [(&str, &str); 2] =
    [("<think>", "\n\n</think>\n\n"), ("<|start|>assistant", "<|channel|>final<|message|>")];

impl Chat {
    /// From a model's own template, else from the tokens it has; `None` where there is no way to chat with it.
    pub fn new(template: Option<&str>, specials: &Specials<'_>, now: SystemTime) -> Option<Self> {
        if let Some(source) = template {
            match Self::by_template(source, specials, now) {
                Ok(chat) => return Some(chat),
                Err(why) => tracing::warn!("the model's chat template cannot be used: {why}"),
            }
        }
        format::find(template, specials)
    }

    fn by_template(source: &str, specials: &Specials<'_>, now: SystemTime) -> Result<Self, String> {
        let stranger = Stranger::new(source, specials, now)?;
        let with_system = parts(&stranger, Some(SYSTEM));
        match parts(&stranger, None) {
            Ok(alone) => Ok(Self { with_system: with_system.ok(), alone }),
            // Some want a system message always.
            Err(why) => with_system.map_err(|_| why).map(|parts| Self {
                alone: parts.iter().filter(|part| **part != Part::System).cloned().collect(),
                with_system: Some(parts),
            }),
        }
    }

    /// A prompt, as far as the answer that is begun.
    pub fn spans<'a>(&'a self, prompt: &'a Instruct) -> Vec<Span<'a>> {
        // Some templates trim and some do not: a message has no blank at its ends.
        let (system, user) = (prompt.system.trim(), prompt.user.trim());
        let mut spans = Vec::new();
        let parts = self.with_system.as_ref().filter(|_| !system.is_empty());
        for part in parts.unwrap_or(&self.alone) {
            match part {
                Part::Own(own) => spans.push(Span::Own(own)),
                Part::System => spans.push(Span::Text(system)),
                Part::User if self.with_system.is_none() && !system.is_empty() => {
                    spans.extend([system, "\n\n", user].map(Span::Text));
                }
                Part::User => spans.push(Span::Text(user)),
            }
        }
        if !prompt.prefill.is_empty() {
            spans.push(Span::Text(&prompt.prefill));
        }
        spans
    }
}

/// What a template says to a system message, if any, and a user's, as far as the answer.
fn parts(stranger: &Stranger, system: Option<&str>) -> Result<Vec<Part>, String> {
    let turns = Turns { system, user: USER, answer: None, asks: false };
    let asked = stranger.run(&Turns { asks: true, ..turns })?;
    // Some do not know that an answer can be asked for. What they put before one that is given does as well.
    let begun = if stranger.run(&turns).is_ok_and(|unasked| unasked == asked) {
        let answered = stranger.run(&Turns { answer: Some(ANSWER), ..turns });
        let before =
            answered.ok().and_then(|text| Some(text.split_once(ANSWER)?.0.trim_end_matches(' ').to_owned()));
        before.filter(|before| before.contains(USER))
    } else {
        None
    };
    let text = close(begun.unwrap_or(asked));
    let parts = cut(&text);
    let count = |wanted| parts.iter().filter(|&part| *part == wanted).count();
    if count(Part::User) != 1 || count(Part::System) != usize::from(system.is_some()) {
        return Err("it does not say each message once".into());
    }
    let changed = |part: &Part| matches!(part, Part::Own(own) if own.to_lowercase().contains(TRACE));
    if parts.iter().any(changed) {
        return Err("it changes messages".into());
    }
    Ok(parts)
}

fn close(mut text: String) -> String {
    let open = LEFT_OPEN.iter().find(|(open, _)| text.trim_end().ends_with(open));
    if let Some((_, close)) = open {
        text.truncate(text.trim_end().len());
        text += close;
    }
    text
}

fn cut(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let next = [(SYSTEM, Part::System), (USER, Part::User)].into_iter();
        let next = next.filter_map(|(text, part)| Some((rest.find(text)?, text.len(), part)));
        let Some((at, length, part)) = next.min_by_key(|&(at, ..)| at) else {
            parts.push(Part::Own(rest.into()));
            break;
        };
        if at > 0 {
            parts.push(Part::Own(rest[..at].into()));
        }
        parts.push(part);
        rest = &rest[at + length..];
    }
    parts
}

#[cfg(test)]
mod tests;

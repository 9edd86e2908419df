//! `codesage explain`: prose on standard output, as it is written.

use std::io::{IsTerminal, Write};

use clap::Args;

use super::place::Place;
use super::progress::Ticker;
use super::task::{self, Machine, Task, What};
use crate::assist::act::{Options as Asked, Outcome, Progress};
use crate::cli::interrupt::Interrupt;
use crate::cli::{Failure, Session};
use crate::edit::Action;
use crate::text::unseen;

const HELP: &str = "\
Examples:
  codesage explain src/a.rs:12
  codesage explain a.py:3-9 --instruction 'why is it sorted twice?'

Exit codes:
  0    explained
  1    failed, or refused by a guard
  2    wrong usage
  130  ended by Ctrl-C (143: by SIGTERM)";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Options {
    /// A file; FILE:A, what line A is a part of; FILE:A-B, these lines; FILE:A:COLUMN, what stands there. All from 1
    #[arg(value_name = "FILE[:A[-B]]")]
    place: Place,
    /// Ask something about it, in your own words
    #[arg(long, value_name = "TEXT", value_parser = super::words)]
    instruction: Option<String>,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    explain(session, options, Machine::this())
}

fn explain(session: Session, options: Options, machine: Machine) -> Result<(), Failure> {
    let output = session.output.try_clone()?;
    let is_terminal = output.is_terminal();
    let mut stream = Stream { output, waiting: String::new(), printed: String::new(), is_held: false };
    let task = Task {
        place: options.place,
        what: What::Action(Action::Explain),
        detail: options.instruction.unwrap_or_default(),
        options: Asked::default(),
        ticker: if is_terminal { Ticker::until_written() } else { Ticker::new() },
    };
    let mut outcome = Ok(());
    let done = task::carry_out(session, task, machine, |progress| {
        if let (Progress::Writing { piece, .. }, Ok(())) = (progress, &outcome) {
            outcome = stream.push(piece);
        }
    });
    if done.is_err() && !stream.printed.is_empty() {
        // What is said of the end stands on a line of its own.
        stream.print("\n")?;
    }
    let (acted, assistant) = done?;
    assistant.flush_journal(task::JOURNAL_WITHIN);
    outcome?;
    match acted.outcome {
        Outcome::Answer(prose) => Ok(stream.end(&prose)?),
        Outcome::Refused(refusal) => Err(Failure::guarded(refusal.guard, &refusal.sentence)),
        Outcome::Apply(_) | Outcome::Preview(..) => {
            Err(Failure::Message("the model gave no explanation".into()))
        }
        Outcome::Cancelled => Err(Failure::Interrupted(Interrupt::CtrlC, "")),
    }
}

/// Prints an answer word by word. What may still turn out not to belong to it is held back: the blanks at its end, the
/// beginning of a line, and all from a line on that could be a marker or the next question.
struct Stream<W> {
    output: W,
    /// Not printed yet.
    waiting: String,
    printed: String,
    is_held: bool,
}

/// What such lines begin with, and the bytes after which that is told.
const ENDS: [&str; 3] = ["<", "FILE:", "TASK:"];
const SURE: usize = 8;

impl<W: Write> Stream<W> {
    fn push(&mut self, piece: &str) -> std::io::Result<()> {
        self.waiting += piece;
        if self.is_held {
            return Ok(());
        }
        let line = self.waiting.rfind('\n').map_or(0, |at| at + 1);
        let is_new = line > 0 || self.printed.is_empty();
        let begun = self.waiting.get(line..).unwrap_or_default();
        self.is_held = is_new && ENDS.iter().any(|end| begun.trim_start().starts_with(end));
        let sure = if self.is_held || is_new && begun.len() < SURE {
            line
        } else {
            self.waiting.rfind(char::is_whitespace).unwrap_or(0)
        };
        let sure = self.waiting.get(..sure).unwrap_or_default().trim_end().len();
        let text: String = self.waiting.drain(..sure).collect();
        self.print(if self.printed.is_empty() { text.trim_start() } else { &text })
    }

    /// The rest of the whole answer. One that is not what was printed is printed again.
    fn end(mut self, answer: &str) -> std::io::Result<()> {
        let rest = match answer.strip_prefix(self.printed.as_str()) {
            Some(rest) => rest.to_owned(),
            None if self.printed.starts_with(answer) => String::new(),
            None => format!("\n\n{answer}"),
        };
        self.print(&(rest + "\n"))
    }

    /// As the whole answer has it (`unseen`). Into a pipe too: a terminal may be at its end.
    fn print(&mut self, text: &str) -> std::io::Result<()> {
        let text = unseen::shown(text);
        self.printed += &text;
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests;

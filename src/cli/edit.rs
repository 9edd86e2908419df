//! `codesage edit`: an action of an editor, on a file, from a shell.
//!
//! What would change goes to standard output, where `git apply` takes it; how it is getting on goes to standard error.
//! A file is written only where that is asked for. Every way out ends in one exit code (`cli`) and, with `--json`, in
//! one object, whatever went wrong; only what is wrong with the command line itself is told before that.

pub mod explain;
mod place;
mod progress;
mod show;
mod task;
mod write;

use std::fs::File;
use std::io::{IsTerminal, Write};

use clap::{ArgGroup, Args};

use super::colour::Colour;
use super::interrupt::Interrupt;
use super::{Failure, Session, count};
use crate::assist::Assistant;
use crate::assist::act::{Acted, Options as Asked, Outcome};
use crate::edit::Action;
use place::Place;
use progress::Ticker;
use show::Ending;
use task::{Machine, Task, What};

const HELP: &str = "\
Examples:
  codesage edit src/a.rs:12 --action document          what would change, as a difference
  codesage edit src/a.rs:12 --action document --apply  the same, written
  codesage edit a.py:3-9 --instruction 'use a comprehension' | git apply
  codesage edit a.rs:7:5 --action fix --instruction 'cannot find value `x`'

Exit codes:
  0    printed or, with --apply, written
  1    failed, or refused by a guard
  2    wrong usage
  3    a guard doubts it: printed for you to look at first
  130  ended by Ctrl-C (143: by SIGTERM); nothing was written";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
#[command(group(ArgGroup::new("what").args(["action", "instruction"]).required(true).multiple(true)))]
pub struct Options {
    /// A file; FILE:A, what line A is a part of; FILE:A-B, these lines; FILE:A:COLUMN, what stands there. All from 1
    #[arg(value_name = "FILE[:A[-B]]")]
    place: Place,
    /// refactor, document, unitTest, fix, or an action of your own: the name of its file in .codesage/actions
    #[arg(long, value_name = "NAME")]
    action: Option<What>,
    /// What to do, in your own words; with --action fix the error's message; else what to heed besides
    #[arg(long, value_name = "TEXT", value_parser = words, required_if_eq("action", "edit"))]
    instruction: Option<String>,
    /// Write the files, instead of printing what would change
    #[arg(long)]
    apply: bool,
    /// Apply also what a guard wants you to look at first
    #[arg(long, requires = "apply")]
    anyway: bool,
    /// Tokens of the answer at most [default: by the size of what is changed]
    #[arg(long, value_name = "COUNT", value_parser = count::at_least_one::<u32>)]
    max_tokens: Option<u32>,
    /// Print one object, whatever comes of it: the outcome, the difference and what it cost
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    colour: Colour,
}

/// Blanks say nothing, and a model would make something of them all the same.
fn words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("there is nothing in it".to_owned()) } else { Ok(text.to_owned()) }
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    edit(session, options, Machine::this())
}

fn edit(session: Session, options: Options, machine: Machine) -> Result<(), Failure> {
    let output = session.output.try_clone()?;
    let task = Task {
        place: options.place.clone(),
        what: options.action.clone().unwrap_or(What::Action(Action::Edit)),
        detail: options.instruction.clone().unwrap_or_default(),
        options: Asked { max_tokens: options.max_tokens, ..Asked::default() },
        ticker: Ticker::new(),
    };
    match task::carry_out(session, task, machine, |_| {}) {
        Ok((acted, assistant)) => {
            let ending = settle(&acted, &assistant, &options);
            assistant.flush_journal(task::JOURNAL_WITHIN);
            tell(&output, &options, ending, Some(&acted))
        }
        Err(Failure::Interrupted(by, _)) => tell(&output, &options, Ending::Cancelled(by), None),
        Err(Failure::Message(why)) => tell(&output, &options, Ending::Refused(None, why), None),
        // What is wrong with the command line or with the output leaves nothing to print.
        Err(failure) => Err(failure),
    }
}

/// Writes what is to be written, and says how it all ended.
fn settle(acted: &Acted, assistant: &Assistant, options: &Options) -> Ending {
    let (proposal, doubt) = match &acted.outcome {
        Outcome::Apply(proposal) => (proposal, None),
        Outcome::Preview(proposal, guard, sentence) => (proposal, Some((*guard, sentence.clone()))),
        Outcome::Answer(_) => return Ending::Answered,
        Outcome::Refused(refusal) => return Ending::Refused(Some(refusal.guard), refusal.sentence.clone()),
        Outcome::Cancelled => return Ending::Cancelled(Interrupt::CtrlC),
    };
    if !options.apply || doubt.is_some() && !options.anyway {
        let Some((guard, sentence)) = doubt else {
            assistant.waits(&acted.id);
            return Ending::Shown;
        };
        // That it was shown is in the journal already.
        return Ending::Doubted(guard, sentence);
    }
    match write::write(proposal) {
        Ok(()) => {
            assistant.landed(&acted.id, proposal.clone());
            Ending::Applied
        }
        Err(unwritten) => {
            assistant.turned_down(&acted.id, unwritten.guard);
            Ending::Refused(unwritten.guard, unwritten.sentence)
        }
    }
}

/// Prints it, and makes the exit code of it.
fn tell(mut output: &File, options: &Options, ending: Ending, acted: Option<&Acted>) -> Result<(), Failure> {
    if let Some(acted) = acted {
        for repair in &acted.repairs {
            super::warn(format_args!("codesage: {repair}\n"));
        }
    }
    let proposal = acted.and_then(show::proposal);
    if options.json {
        writeln!(output, "{:#}", show::object(&ending, acted))?;
    } else if let (Some(proposal), Ending::Shown | Ending::Doubted(..)) = (proposal, &ending) {
        let in_colour = options.colour.is_wanted(output.is_terminal());
        let text = match in_colour || output.is_terminal() {
            true => show::for_eyes(proposal, in_colour),
            false => show::difference(proposal),
        };
        output.write_all(text.as_bytes())?;
    } else if let Some(Outcome::Answer(prose)) = acted.map(|acted| &acted.outcome) {
        writeln!(output, "{prose}")?;
    }
    match ending {
        Ending::Applied => {
            for file in proposal.into_iter().flat_map(|proposal| &proposal.files) {
                super::warn(format_args!("codesage: wrote {}\n", file.path.escape_debug()));
            }
            Ok(())
        }
        Ending::Shown | Ending::Answered => Ok(()),
        Ending::Doubted(guard, sentence) => {
            let how = if options.apply { " Nothing was written; `--anyway` does." } else { "" };
            Err(Failure::Doubted(format!("{guard}: {sentence}{how}")))
        }
        Ending::Refused(Some(guard), sentence) => Err(Failure::guarded(guard, &sentence)),
        Ending::Refused(None, sentence) => Err(Failure::Message(sentence)),
        Ending::Cancelled(by) => Err(Failure::Interrupted(by, "nothing was written")),
    }
}

#[cfg(test)]
mod tests;

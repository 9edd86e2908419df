//! `codesage models find`: what is on this disk already, and what each file is good for.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::super::colour::harmless;
use super::super::{Failure, Session};
use super::padded;
use crate::models::discover::{self, Candidate, Fit, Surroundings, Survey};
use crate::models::gguf::Unfit;
use crate::models::memory;

#[derive(Args, Debug)]
pub struct Options {
    /// Print one object
    #[arg(long)]
    json: bool,
}

/// A file, and what its header says.
struct Found {
    candidate: Candidate,
    verdict: Result<Fit, Unfit>,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let Survey { candidates, passed_over } = discover::survey(&Surroundings::of_process());
    let examined = |candidate: Candidate| Found { verdict: discover::examine(&candidate), candidate };
    let found: Vec<Found> = candidates.into_iter().map(examined).collect();
    let mut output = session.output;
    if options.json {
        let files: Vec<Value> = found.iter().map(Found::json).collect();
        writeln!(output, "{:#}", json!({"files": files, "passedOver": passed_over}))?;
        return Ok(());
    }
    if found.is_empty() {
        writeln!(
            output,
            "no GGUF file in any of the usual places; `codesage models list` shows what there is to get"
        )?;
    }
    for found in &found {
        // A file may be named, and call itself, as terminals are commanded.
        write!(output, "{}", harmless(&found.text()))?;
    }
    for sentence in passed_over {
        writeln!(output, "passed over: {}", harmless(&sentence))?;
    }
    Ok(())
}

impl Found {
    /// The name to ask for it by.
    fn name(&self) -> &str {
        match &self.verdict {
            Ok(Fit { model: Some(model), .. }) => &model.name,
            _ => &self.candidate.called,
        }
    }

    fn text(&self) -> String {
        let Candidate { place, path, bytes, also, .. } = &self.candidate;
        let size = memory::shown(*bytes);
        let mut text = match &self.verdict {
            Ok(fit) => {
                let what = format!("{} {size}", fit.header.quantization);
                format!("{} {} {}\n", padded(self.name(), 32), padded(&what, 18), uses(fit))
            }
            Err(_) => format!("{} {} not usable\n", padded(self.name(), 32), padded(&size, 18)),
        };
        text += &format!("  {}: {}\n", place.name(), path.display());
        for path in also {
            text += &format!("  the same file: {}\n", path.display());
        }
        match &self.verdict {
            Ok(fit) => fit.notes.iter().for_each(|note| text += &format!("  {note}\n")),
            Err(why) => text += &format!("  {why}\n"),
        }
        text
    }

    fn json(&self) -> Value {
        let Candidate { place, path, called, bytes, also } = &self.candidate;
        let mut object = json!({
            "name": self.name(), "called": called, "place": place.name(), "path": path, "also": also, "bytes": bytes,
        });
        match &self.verdict {
            Ok(fit) => {
                object["catalogue"] = json!(fit.model.map(|model| &model.name));
                object["family"] = json!(fit.family);
                object["quantization"] = json!(fit.header.quantization);
                object["parameters"] = json!(fit.header.parameters);
                object["contextTokens"] = json!(fit.header.context_length);
                object["parts"] = json!(fit.header.parts);
                object["fills"] = json!(fit.fills);
                object["chats"] = json!(fit.chats);
                object["notes"] = json!(fit.notes);
            }
            Err(why) => object["error"] = json!(why.to_string()),
        }
        object
    }
}

/// What a sound file is fit for.
fn uses(fit: &Fit) -> &'static str {
    match (fit.fills, fit.chats) {
        (true, true) => "suggestions, edits",
        (true, false) => "suggestions",
        (false, true) => "edits",
        (false, false) => "continues text, no more",
    }
}

//! From a name to a file: `--model NAME` and `model.name`, answered by what lies on this disk.
//!
//! Nothing is downloaded here: a model that is not there is answered by the command that would fetch it.

use std::path::PathBuf;

use crate::models::catalog::{self, Model};
use crate::models::discover::{self, Candidate, Fit, Surroundings};
use crate::models::memory;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub path: PathBuf,
    /// What to know of it, a sentence each.
    pub notes: Vec<String>,
}

/// The file that is meant by a name of the catalogue (`qwen2.5-coder-1.5b`, with `:q8_0` for one number format), by its
/// own name, or by Ollama's. Of several files of a model the largest that fits into `available` bytes of memory.
///
/// The error is a sentence that says what to do.
pub fn find(name: &str, surroundings: &Surroundings, available: Option<u64>) -> Result<Chosen, String> {
    let survey = discover::survey(surroundings);
    let mut refused = None;
    for candidate in survey.candidates.iter().filter(|candidate| is_called(candidate, name)) {
        match discover::examine(candidate) {
            Ok(fit) => return Ok(Chosen { path: candidate.path.clone(), notes: fit.notes }),
            Err(why) => refused = refused.or(Some(format!("{}: {why}", candidate.path.display()))),
        }
    }
    let (base, quantization) = match name.split_once(':') {
        Some((base, quantization)) => (base, Some(quantization)),
        None => (name, None),
    };
    let Some(model) = catalog::named(base) else {
        return Err(refused.unwrap_or_else(|| unknown(name)));
    };
    let mut fitting: Vec<(&Candidate, Fit)> = Vec::new();
    for candidate in &survey.candidates {
        match discover::examine(candidate) {
            Ok(fit) if is_of(&fit, model, quantization) => fitting.push((candidate, fit)),
            Ok(_) => {}
            // Its name alone tells what it should have been.
            Err(why) if catalog::named(&candidate.called).is_some_and(|named| named.name == model.name) => {
                refused = refused.or(Some(format!("{}: {why}", candidate.path.display())));
            }
            Err(_) => {}
        }
    }
    let needed = |candidate: &Candidate| model.usual_bytes(candidate.bytes);
    let has_room = |candidate: &Candidate| available.is_none_or(|available| needed(candidate) <= available);
    let chosen = fitting
        .iter()
        .filter(|(candidate, _)| has_room(candidate))
        .max_by_key(|(candidate, _)| candidate.bytes)
        .or_else(|| fitting.iter().min_by_key(|(candidate, _)| candidate.bytes));
    match chosen {
        Some((candidate, fit)) => Ok(Chosen { path: candidate.path.clone(), notes: fit.notes.clone() }),
        None => {
            Err(refused.map(|why| format!("{why}; or ")).unwrap_or_default() + &absent(model, quantization))
        }
    }
}

fn is_of(fit: &Fit, model: &Model, quantization: Option<&str>) -> bool {
    let right = quantization.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&fit.header.quantization));
    right && fit.model.is_some_and(|found| found.name == model.name)
}

/// By its owner, or as the file is.
fn is_called(candidate: &Candidate, name: &str) -> bool {
    let file = candidate.path.file_name().unwrap_or_default().to_string_lossy();
    candidate.called.eq_ignore_ascii_case(name) || file.eq_ignore_ascii_case(name)
}

fn absent(model: &Model, quantization: Option<&str>) -> String {
    let quant =
        quantization.or(Some(model.usual())).filter(|quantization| model.source(quantization).is_some());
    let Some(quant) = quant else {
        let all: Vec<&str> = model.quantizations().collect();
        return format!("{} is published as {} only", model.name, all.join(", "));
    };
    let size = model.bytes(quant).map_or(String::new(), |bytes| format!(" ({})", memory::shown(bytes.count)));
    let option = quantization.map_or(String::new(), |quantization| format!(" --quant {quantization}"));
    format!(
        "{} is not on this disk; `codesage models pull {}{option}` downloads it{size}",
        model.name, model.name
    )
}

fn unknown(name: &str) -> String {
    let near = match catalog::nearest(name)[..] {
        [] => String::new(),
        [only] => format!("; the nearest that is known is {only}"),
        ref several => format!("; the nearest that are known are {}", several.join(", ")),
    };
    format!(
        "no model is called \"{}\"{near}. `codesage models list` shows what is known, `codesage models find` what is \
         on this disk",
        name.escape_debug()
    )
}

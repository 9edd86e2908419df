//! What came of an edit, for people and for programs: the difference, and the object of `--json`.

use serde_json::{Value, json};

use crate::assist::act::{Acted, FileChange, Outcome, Proposal};
use crate::cli::colour::harmless;
use crate::cli::interrupt::Interrupt;
use crate::edit::diff;
use crate::edit::guard::Guard;

/// How it ended. The exit code and all that is printed follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Applied,
    /// Nothing speaks against it, and nobody asked for it to be written.
    Shown,
    /// A guard wants a person to look at it first.
    Doubted(Guard, String),
    Answered,
    /// The guard's code, if it was one, and why.
    Refused(Option<Guard>, String),
    /// Before anything was written.
    Cancelled(Interrupt),
}

impl Ending {
    /// As in the results of commands, and `failed` for what no guard says.
    fn code(&self) -> &'static str {
        match self {
            Ending::Applied => "applied",
            Ending::Shown | Ending::Doubted(..) => "preview",
            Ending::Answered => "answer",
            Ending::Refused(Some(_), _) => "refused",
            Ending::Refused(None, _) => "failed",
            Ending::Cancelled(_) => "cancelled",
        }
    }
}

/// The object: the same keys whatever came of it.
pub fn object(ending: &Ending, acted: Option<&Acted>) -> Value {
    let proposal = acted.and_then(proposal);
    let prose = acted.and_then(|acted| match &acted.outcome {
        Outcome::Answer(prose) => Some(prose),
        _ => None,
    });
    let (guard, message) = match ending {
        Ending::Doubted(guard, sentence) => (Some(*guard), Some(sentence)),
        Ending::Refused(guard, sentence) => (*guard, Some(sentence)),
        Ending::Applied | Ending::Shown | Ending::Answered | Ending::Cancelled(_) => (None, None),
    };
    let files = |proposal: &Proposal| -> Vec<_> {
        let counted = proposal.files.iter().map(|file| {
            let (added, removed) = diff::counts(file.before.as_deref().unwrap_or_default(), &file.after);
            json!({"path": file.path, "added": added, "removed": removed})
        });
        counted.collect()
    };
    json!({
        "id": acted.map(|acted| &acted.id),
        "outcome": ending.code(),
        "guard": guard.map(Guard::code),
        "message": message,
        "markdown": prose,
        "diff": proposal.map(difference),
        "files": proposal.map(files).unwrap_or_default(),
        "repairs": acted.map(|acted| acted.repairs.as_slice()).unwrap_or_default(),
        "stats": acted.map(|acted| &acted.usage),
        "model": acted.and_then(|acted| acted.model.as_deref()),
        "ms": acted.map(|acted| acted.milliseconds),
    })
}

/// The change that an action came to, whatever is to become of it.
pub fn proposal(acted: &Acted) -> Option<&Proposal> {
    match &acted.outcome {
        Outcome::Apply(proposal) | Outcome::Preview(proposal, ..) => Some(proposal),
        Outcome::Answer(_) | Outcome::Refused(_) | Outcome::Cancelled => None,
    }
}

/// Every file's difference, byte for byte as `git apply` and `patch` take it.
pub fn difference(proposal: &Proposal) -> String {
    proposal.files.iter().map(of_file).collect()
}

/// The same for eyes. What a file holds does not command the terminal; each line's colour begins and ends in it, so
/// that pagers can show any part.
pub fn for_eyes(proposal: &Proposal, in_colour: bool) -> String {
    if !in_colour {
        return harmless(&difference(proposal));
    }
    let mut coloured = String::new();
    for unified in proposal.files.iter().map(of_file) {
        for (number, line) in unified.split_inclusive('\n').enumerate() {
            let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
            let code = match text.as_bytes().first() {
                // The two lines that name the file.
                _ if number < 2 => "1",
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => {
                    coloured += &(harmless(text) + end);
                    continue;
                }
            };
            coloured += &format!("\x1b[{code}m{}\x1b[0m{end}", harmless(text));
        }
    }
    coloured
}

fn of_file(file: &FileChange) -> String {
    diff::unified(file.before.as_deref(), &file.after, &file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_coloured_line_by_line() {
        let change = FileChange {
            uri: url::Url::parse("file:///a.rs").unwrap(),
            path: "a.rs".into(),
            version: None,
            before: Some("a\n-- b\n\x1b[2J\n".into()),
            after: "a\n++ c\n\x1b[2J\n".into(),
        };
        let proposal = Proposal { label: "Edit".into(), files: vec![change] };
        let plain = "--- a/a.rs\n+++ b/a.rs\n@@ -1,3 +1,3 @@\n a\n--- b\n+++ c\n \x1b[2J\n";
        assert_eq!(difference(&proposal), plain);
        assert_eq!(for_eyes(&proposal, false), plain.replace('\x1b', "\u{fffd}"));
        let coloured = "\x1b[1m--- a/a.rs\x1b[0m\n\x1b[1m+++ b/a.rs\x1b[0m\n\x1b[36m@@ -1,3 +1,3 @@\x1b[0m\n a\n\
                        \x1b[31m--- b\x1b[0m\n\x1b[32m+++ c\x1b[0m\n \u{fffd}[2J\n";
        assert_eq!(for_eyes(&proposal, true), coloured);
    }
}

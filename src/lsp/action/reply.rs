//! What a command of an action answers: one object, the same for all of them.
//!
//! Does *not* say it to the person: most editors drop what a command returns, so `tell` has shown it before.

use serde::Serialize;
use serde_json::Value;

use crate::assist::act::{Acted, Proposal};
use crate::edit::diff;
use crate::edit::guard::Refusal;
use crate::engine::Usage;
use crate::lsp::action::apply::{Cause, NOTHING_CHANGED, NotApplied};
use crate::lsp::action::workspace_edit::{self, Change};
use crate::text::unseen;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// Names the action in `codesage.cancel`, `codesage.undo`, `codesage.applyPreview`, `codesage/stream` and the journal.
    pub id: String,
    pub outcome: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// What stopped it, or asks the person to look first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    pub stats: Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Applied,
    Preview,
    Answer,
    Refused,
    Cancelled,
}

/// One file that was, or would be, changed.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    pub uri: String,
    pub path: String,
    /// Lines.
    pub added: usize,
    pub removed: usize,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    #[serde(flatten)]
    pub usage: Usage,
    pub milliseconds: u64,
    /// Who answered, where there is more than one who may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Reply {
    pub fn new(id: &str, outcome: Kind) -> Self {
        Self {
            id: id.to_owned(),
            outcome,
            message: None,
            markdown: None,
            guard: None,
            files: Vec::new(),
            stats: Stats::default(),
        }
    }

    pub fn refused(id: &str, refusal: Refusal) -> Self {
        Self::not_applied(id, refusal.into())
    }

    pub fn not_applied(id: &str, why: NotApplied) -> Self {
        let (outcome, guard) = match why.cause {
            Cause::Guard(guard) => (Kind::Refused, Some(guard.code())),
            Cause::Editor => (Kind::Refused, None),
            Cause::Cancelled => (Kind::Cancelled, None),
        };
        // It may quote what the model wrote.
        Self { guard, message: Some(unseen::shown(&why.sentence).into_owned()), ..Self::new(id, outcome) }
    }

    pub fn cancelled(id: &str) -> Self {
        Self { message: Some(NOTHING_CHANGED.into()), ..Self::new(id, Kind::Cancelled) }
    }

    pub fn with_files(self, proposal: &Proposal) -> Self {
        Self { files: files(proposal), ..self }
    }

    pub fn with_stats(self, acted: &Acted) -> Self {
        let Acted { usage, milliseconds, model, .. } = acted;
        Self { stats: Stats { usage: *usage, milliseconds: *milliseconds, model: model.clone() }, ..self }
    }

    /// The last word of a progress.
    pub fn farewell(&self) -> String {
        let first = self.message.as_deref().and_then(|message| message.lines().next());
        first.unwrap_or("Done").to_owned()
    }

    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|error| {
            tracing::error!("an answer could not be written as JSON: {error}");
            Value::Null
        })
    }
}

/// The files of a proposal, with what changes in each.
pub fn files(proposal: &Proposal) -> Vec<File> {
    let file = |file: &crate::assist::act::FileChange| {
        let (before, after) = (file.before.clone(), file.after.clone());
        let change = Change { uri: file.uri.clone(), version: file.version, before, after };
        let (added, removed) = workspace_edit::counts(&change);
        File { uri: file.uri.to_string(), path: file.path.clone(), added, removed }
    };
    proposal.files.iter().map(file).collect()
}

/// What was done, in a sentence: where, how much, and what was mended on the way.
pub fn summary(what: &str, proposal: &Proposal, repairs: &[String]) -> String {
    let files: Vec<String> = files(proposal)
        .into_iter()
        .map(|file| format!("{} (+{} −{})", file.path, file.added, file.removed))
        .collect();
    let mended = if repairs.is_empty() { String::new() } else { format!(" Mended: {}.", repairs.join(", ")) };
    format!("{what}: {}.{mended}", files.join(", "))
}

/// A change to look at: why, in a line, and the difference, which is what windows of few lines have room for; how to go
/// on stands below it.
pub fn markdown(label: &str, why: &str, proposal: &Proposal, how: &str) -> String {
    let unified: String = proposal
        .files
        .iter()
        .map(|file| diff::unified(file.before.as_deref(), &file.after, &file.path))
        .collect();
    // A fence longer than any in the text.
    let ticks = unified.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((ticks + 1).max(3));
    let end = if unified.is_empty() || unified.ends_with('\n') { "" } else { "\n" };
    let how = if how.is_empty() { String::new() } else { format!("\n{how}\n") };
    format!("# {label}\n\n{why}\n\n{fence}diff\n{unified}{end}{fence}\n{how}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tower_lsp::lsp_types::Url;

    use super::*;
    use crate::assist::act::FileChange;
    use crate::edit::guard::Guard;

    fn proposal() -> Proposal {
        let file = |name: &str, before: Option<&str>, after: &str| FileChange {
            uri: Url::parse(&format!("file:///w/{name}")).expect("a URL"),
            path: name.into(),
            version: None,
            before: before.map(str::to_owned),
            after: after.into(),
        };
        Proposal {
            label: "Fix".into(),
            files: vec![file("a.rs", Some("x\n"), "y\nz\n"), file("b.md", None, "```\n")],
        }
    }

    #[test]
    fn the_object() {
        let refused = Reply::refused("7", Refusal::new(Guard::Fit, "Too long.")).to_json();
        assert_eq!(
            (&refused["id"], &refused["outcome"], &refused["guard"], &refused["message"]),
            (&json!("7"), &json!("refused"), &json!("fit"), &json!("Too long."))
        );
        assert_eq!(
            (&refused["stats"]["generatedTokens"], &refused["stats"]["milliseconds"]),
            (&json!(0), &json!(0))
        );
        assert!(refused.get("markdown").is_none() && refused.get("files").is_none());
        let applied = Reply::new("8", Kind::Applied).with_files(&proposal()).to_json();
        let files = json!([
            {"uri": "file:///w/a.rs", "path": "a.rs", "added": 2, "removed": 1},
            {"uri": "file:///w/b.md", "path": "b.md", "added": 1, "removed": 0},
        ]);
        assert_eq!((&applied["outcome"], &applied["files"]), (&json!("applied"), &files));
    }

    #[test]
    fn words_for_a_change() {
        let proposal = proposal();
        assert_eq!(summary("Applied", &proposal, &[]), "Applied: a.rs (+2 −1), b.md (+1 −0).");
        let repairs = ["fences taken off".to_owned(), "indented".to_owned()];
        assert!(summary("Applied", &proposal, &repairs).ends_with(" Mended: fences taken off, indented."));
        let shown = markdown("Fix", "Look first.", &proposal, "Go on.");
        let difference = "--- a/a.rs\n+++ b/a.rs\n@@ -1 +1,2 @@\n-x\n+y\n+z\n--- /dev/null\n+++ b/b.md\n\
                          @@ -0,0 +1 @@\n+```\n";
        assert_eq!(shown, format!("# Fix\n\nLook first.\n\n````diff\n{difference}````\n\nGo on.\n"));
    }
}

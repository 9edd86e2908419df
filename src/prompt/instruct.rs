//! A task in words: what a chat model reads, and what a model without a chat template reads.
//!
//! The plain layout is frozen byte for byte, because the model in the box was trained on exactly it: changing it
//! means training again. The messages are written for small models: short, one example, the region alone with the
//! signatures of what it uses, and what matters said last. They are files in `templates/`, compiled in, and say each value
//! once or twice: a prompt is as long as what it is given, and needs no bound of its own, unlike a template that
//! somebody else wrote. This does not choose the region, and does not know how a model spells a chat.

pub mod several;

use std::borrow::Cow;
use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::context::Snippet;
use crate::edit::{Action, Yield};
use crate::prompt::Instruct;

/// The lines that frame an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerText<'a> {
    pub start: &'a str,
    pub search: &'a str,
    pub replace: &'a str,
    pub end: &'a str,
}

impl Default for MarkerText<'_> {
    /// Those for a text in which none of them stands.
    fn default() -> Self {
        Self {
            start: "<<<AI_EDIT_START>>>",
            search: "<<<AI_SEARCH>>>",
            replace: "<<<AI_REPLACE>>>",
            end: "<<<AI_EDIT_END>>>",
        }
    }
}

/// What a model is to do with a piece of a file.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// What the answer is to be.
    pub brings: Yield,
    /// The task in words: [`instruction_of`], or the person's own.
    pub instruction: &'a str,
    /// Of the file, relative to the workspace, with `/`.
    pub path: &'a str,
    /// The language as it is named behind a Markdown fence; empty where there is no name.
    pub fence: &'a str,
    /// The text to work on, as it stands in the file, indentation included.
    pub region: &'a str,
    /// What the region uses, from elsewhere. Shown to chat models alone: the plain layout has no place for it.
    pub signatures: &'a [Snippet],
    /// Where an addition goes, as `path` is written; `path` itself where this is none.
    pub test_path: Option<&'a str>,
    /// What the answer certainly begins with, behind the markers.
    pub opening: &'a str,
    pub markers: MarkerText<'a>,
    /// A person's own words instead of ours for the system message of a chat.
    pub system: Option<&'a str>,
}

/// The words for an action. `detail` is the diagnostic's message for [`Action::Fix`] and the person's own words for
/// [`Action::Edit`] and [`Action::Custom`]; with the others it is what the person adds, if anything.
pub fn instruction_of(action: Action, detail: &str) -> String {
    let detail = detail.trim();
    let fixed = match action {
        Action::Edit | Action::Custom => return detail.into(),
        Action::Fix if detail.is_empty() => "Fix the errors in this code.",
        Action::Fix => return format!("Fix this error: {detail}"),
        Action::Refactor => "Refactor this code without changing what it does.",
        Action::Document => "Add a documentation comment.",
        Action::UnitTest => "Write a unit test.",
        Action::Explain => "Explain this code.",
        Action::Review => "List the problems of this code.",
    };
    if detail.is_empty() { fixed.into() } else { format!("{fixed} {detail}") }
}

/// The prompt for a task.
pub fn instruct(task: &Task<'_>) -> Instruct {
    let kind = match task.brings {
        Yield::Rewrite => "rewrite",
        Yield::Addition => "addition",
        Yield::Prose => "prose",
    };
    let MarkerText { start, search, replace, end } = task.markers;
    let region = unix(task.region);
    let region = region.trim_end_matches('\n');
    let instruction = unix(task.instruction.trim());
    // In the plain layout a task is one line: the next one means something else.
    let line = instruction.split_whitespace().collect::<Vec<_>>().join(" ");
    let snippet = |snippet: &Snippet| {
        let text = unix(&snippet.text);
        context! { path => snippet.path, text => text.trim_end_matches('\n') }
    };
    let signatures: Vec<Value> = task.signatures.iter().map(snippet).collect();
    let values = context! {
        start, search, replace, end, region, line, signatures,
        path => task.path,
        fence => task.fence,
        ticks => ticks(task.signatures.iter().map(|snippet| &*snippet.text).chain([task.region])),
        instruction => &*instruction,
        test_path => task.test_path.unwrap_or(task.path),
        opening => task.opening,
    };
    let prefill = match task.brings {
        Yield::Rewrite | Yield::Addition => format!("{start}\n{}", task.opening),
        Yield::Prose => task.opening.into(),
    };
    Instruct {
        system: match task.system {
            Some(own) => own.trim().into(),
            None => render(&format!("{kind}.system"), &values),
        },
        user: render(&format!("{kind}.user"), &values),
        prefill,
        plain: render(&format!("{kind}.plain"), &values),
    }
}

/// Backticks enough to fence `texts`, whatever stands in them.
fn ticks<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let longest = texts.flat_map(|text| text.split(|c| c != '`')).map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

/// Lines end as a model writes them.
fn unix(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::None);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_trim_blocks(true);
    for (name, text) in [
        ("signatures", include_str!("templates/signatures.jinja")),
        ("rewrite.system", include_str!("templates/rewrite.system.jinja")),
        ("rewrite.user", include_str!("templates/rewrite.user.jinja")),
        ("rewrite.plain", include_str!("templates/rewrite.plain.jinja")),
        ("addition.system", include_str!("templates/addition.system.jinja")),
        ("addition.user", include_str!("templates/addition.user.jinja")),
        ("addition.plain", include_str!("templates/addition.plain.jinja")),
        ("prose.system", include_str!("templates/prose.system.jinja")),
        ("prose.user", include_str!("templates/prose.user.jinja")),
        ("prose.plain", include_str!("templates/prose.plain.jinja")),
        ("regions.system", include_str!("templates/regions.system.jinja")),
        ("regions.user", include_str!("templates/regions.user.jinja")),
        ("files.system", include_str!("templates/files.system.jinja")),
        ("files.user", include_str!("templates/files.user.jinja")),
    ] {
        templates.add_template(name, text).expect("compiled in, and a test renders each");
    }
    templates
});

/// A template of ours, which uses only the values that [`instruct`] gives, all of them texts or lists.
fn render(name: &str, values: &Value) -> String {
    let rendered = TEMPLATES.get_template(name).and_then(|template| template.render(values));
    rendered.expect("compiled in, and a test renders each")
}

#[cfg(test)]
mod tests;

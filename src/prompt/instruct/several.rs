//! A task over several regions or several files, for chat models that are large enough to keep to a form.
//!
//! Each edit of the answer opens with a header that says what it is about, and the first header's name is already
//! written, so that the answer cannot begin with prose. What is shown was chosen and counted by others.

use minijinja::{Value, context};

use super::{MarkerText, render, ticks, unix};
use crate::edit::markers::Tier;
use crate::prompt::Instruct;

/// A piece of a file that the model is shown.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Relative to the workspace, with `/`.
    pub path: &'a str,
    /// What the piece is or is a part of; only regions have one.
    pub name: Option<&'a str>,
    /// The language as it is named behind a Markdown fence; empty where there is no name.
    pub fence: &'a str,
    pub text: &'a str,
    /// Whether this is all of the file.
    pub is_whole: bool,
}

/// What a model is to do with several pieces.
#[derive(Clone, Copy, Debug)]
pub struct Several<'a> {
    /// The task in words.
    pub instruction: &'a str,
    /// Regions in the order of their numbers, or files, the one that matters most first.
    pub parts: &'a [Part<'a>],
    pub markers: MarkerText<'a>,
    /// A person's own words: before ours, which say in what form to answer.
    pub system: Option<&'a str>,
}

/// What the first edit of an answer opens with, behind its start marker: the parser has to be given it too.
pub fn opening(tier: Tier) -> &'static str {
    match tier {
        Tier::Region => "",
        Tier::Regions => "REGION:",
        Tier::Files => "FILE:",
    }
}

/// The prompt for numbered regions.
pub fn regions(task: &Several<'_>) -> Instruct {
    prompt("regions", Tier::Regions, task)
}

/// The prompt for files in which the model finds the places itself.
pub fn files(task: &Several<'_>) -> Instruct {
    prompt("files", Tier::Files, task)
}

fn prompt(kind: &str, tier: Tier, task: &Several<'_>) -> Instruct {
    let MarkerText { start, search, replace, end } = task.markers;
    let instruction = unix(task.instruction.trim());
    let part = |part: &Part| {
        let text = unix(part.text);
        context! {
            path => part.path,
            name => part.name,
            fence => part.fence,
            text => text.trim_end_matches('\n'),
            is_whole => part.is_whole,
        }
    };
    let parts: Vec<Value> = task.parts.iter().map(part).collect();
    let ticks = ticks(task.parts.iter().map(|part| part.text));
    let values = context! { start, search, replace, end, parts, ticks, instruction => &*instruction };
    let ours = render(&format!("{kind}.system"), &values);
    let system = match task.system.map(str::trim) {
        Some(own) if !own.is_empty() => format!("{own}\n\n{ours}"),
        _ => ours,
    };
    let user = render(&format!("{kind}.user"), &values);
    let prefill = format!("{start}\n{}", opening(tier));
    // Only for a model that was changed for one without a chat template after it was asked which it is.
    let plain = format!("{system}\n\n{user}\n{prefill}");
    Instruct { system, user, prefill, plain }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn task<'a>(parts: &'a [Part<'a>]) -> Several<'a> {
        Several { instruction: " Use pi.\r\n", parts, markers: MarkerText::default(), system: None }
    }

    #[test]
    fn regions_are_numbered() {
        let part = Part {
            path: "shape.py",
            name: Some("area"),
            fence: "python",
            text: "def area():\r\n    ```\n",
            is_whole: false,
        };
        let prompt = regions(&task(&[part, Part { name: None, text: "x = 1", ..part }]));
        expect![[r#"
            REGION 1 (shape.py, area)
            ````python
            def area():
                ```
            ````

            REGION 2 (shape.py)
            ````python
            x = 1
            ````

            TASK: Use pi.

            Write each region that changes between <<<AI_EDIT_START>>> and <<<AI_EDIT_END>>>: the line `REGION: ` and its number, then its whole new code."#]]
        .assert_eq(&prompt.user);
        assert_eq!(prompt.prefill, "<<<AI_EDIT_START>>>\nREGION:");
        assert!(prompt.plain.ends_with(&prompt.prefill) && prompt.plain.starts_with("You rewrite code."));
        assert!(prompt.system.ends_with("\n<<<AI_EDIT_END>>>"));
    }

    #[test]
    fn files_have_paths() {
        let part = Part { path: "shape.py", name: None, fence: "python", text: "x = 1\n", is_whole: true };
        let parts = [part, Part { path: "b.py", is_whole: false, ..part }];
        let prompt = files(&Several { system: Some(" Be brief.\n"), ..task(&parts) });
        expect![[r#"
            FILE: shape.py
            ```python
            x = 1
            ```

            FILE: b.py (a part of it)
            ```python
            x = 1
            ```

            TASK: Use pi.

            Write each change between <<<AI_EDIT_START>>> and <<<AI_EDIT_END>>>: the line `FILE: ` and the path, then <<<AI_SEARCH>>>, the lines to find, <<<AI_REPLACE>>> and the lines to put there."#]]
        .assert_eq(&prompt.user);
        assert_eq!(prompt.prefill, "<<<AI_EDIT_START>>>\nFILE:");
        assert!(prompt.system.starts_with("Be brief.\n\nYou change files."), "{}", prompt.system);
        // The example keeps to the form that it shows.
        let example = prompt.system.split_once("Example answer:\n").map_or("", |(_, example)| example);
        let mut parser =
            crate::edit::markers::Parser::new(Tier::Files, crate::edit::markers::Markers::default());
        parser.push(example);
        let script =
            crate::edit::script::EditScript::of(parser.finish(crate::edit::markers::Stop::EndOfText));
        assert!(
            script.edits.len() == 2 && script.edits.iter().all(|edit| edit.refusal().is_none()),
            "{script:?}"
        );
    }
}

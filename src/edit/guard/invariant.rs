//! Whether a change keeps what its action promises: what a parser alone cannot see.
//!
//! A broken promise is a doubt, not damage: the person sees the change and the reason. Only an edit by an action that
//! never edits is refused.

use std::ops::Range;

use crate::edit::guard::case::{Case, Side};
use crate::edit::guard::instruction::{Asked, names};
use crate::edit::guard::symbols::symbols;
use crate::edit::guard::{Guard, Verdict, addition, once, rename};
use crate::edit::{Action, diff};
use crate::syntax::lines;
use crate::syntax::parts::Parts;

/// What was found instead of what was promised; `Ok` where the promise holds.
pub type Kept = Result<(), String>;

/// Said where a language has no grammar, or a text is too large for it.
pub const CANNOT_TELL: &str = "Whether the code still does the same cannot be checked in this file. Look at the change before it is used.";

pub fn check(case: &Case) -> Verdict {
    let kept = match (case.change.action, case.asked) {
        (Action::Explain | Action::Review, _) if case.old.text != case.new.text => {
            let sentence = "This action answers in words and changes no code. Ask for an edit to change it.";
            return Verdict::Refuse(Guard::Invariant, sentence.to_owned());
        }
        (Action::Explain | Action::Review, _) => Ok(()),
        (Action::Document, _) => document(case),
        (Action::UnitTest, _) => addition::check(case),
        (Action::Fix, _) => fix(case),
        (_, Asked::Rename) => rename::check(case),
        (_, Asked::Format) => format(case),
        (Action::Refactor, Asked::Other) => refactor(case),
        (Action::Edit | Action::Custom, Asked::Other) => Ok(()),
    };
    match kept.and_then(|()| once::check(case)) {
        Ok(()) => Verdict::Apply,
        Err(sentence) => Verdict::Confirm(Guard::Invariant, sentence),
    }
}

/// Nothing but comments and docstrings differs.
fn document(case: &Case) -> Kept {
    let (Some(old), Some(new)) = (case.old.skeleton(), case.new.skeleton()) else {
        return Err(CANNOT_TELL.to_owned());
    };
    if old.code == new.code {
        return Ok(());
    }
    Err("The change alters code, and only documentation was asked for.".to_owned())
}

/// The diagnostic's statement is touched, or a line right beside it.
fn fix(case: &Case) -> Kept {
    let Some(diagnostic) = case.change.diagnostic.clone() else {
        return Ok(());
    };
    let rope = case.old.document.rope();
    let line_of = |offset| rope.byte_to_line(lines::floor(rope, offset));
    // An empty range at the end of a line is about what stands before it.
    let shown = case.old.document.slice(diagnostic.clone());
    let start = diagnostic.start + (shown.len() - shown.trim_start().len());
    let range = start..(diagnostic.start + shown.trim_end().len()).max(start);
    let statement = case.old.parts().and_then(|parts| parts.statement_round(&range)).unwrap_or(range);
    let first = lines::content(rope, line_of(statement.start)).start;
    let last = lines::content(rope, line_of(statement.end)).end;
    let touches = diff::lines(&case.old.text, &case.new.text).into_iter().any(|one| {
        let behind = rope.line_to_byte((line_of(last) + 1).min(rope.len_lines()));
        one.range.start <= behind && first <= one.range.end
    });
    if touches {
        return Ok(());
    }
    Err(format!(
        "The change does not touch the code that the error is about, {}.",
        case.old.quote(statement.start)
    ))
}

/// The same tokens, comments among them.
fn format(case: &Case) -> Kept {
    let same = match (case.old.skeleton(), case.new.skeleton()) {
        (Some(old), Some(new)) => (old.code, old.trivia) == (new.code, new.trivia),
        _ => {
            let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            visible(&case.old.text) == visible(&case.new.text)
        }
    };
    if same {
        return Ok(());
    }
    Err("The change alters more than the layout.".to_owned())
}

/// All that others see is still there as it was, but for what the instruction names.
fn refactor(case: &Case) -> Kept {
    let (Some(old), Some(new)) = (case.old.parts(), case.new.parts()) else {
        return Ok(());
    };
    let before = [public(&case.old, old), used(case, &case.old, old)].concat();
    let mut left = [public(&case.new, new), used(case, &case.new, new)].concat();
    for signature in before {
        match left.iter().position(|other| *other == signature) {
            Some(index) => _ = left.swap_remove(index),
            None if names(case.change.instruction, &signature.name) => {}
            None => {
                return Err(format!(
                    "The change alters how `{}` looks to others. Where that is meant, name it in the \
                     instruction.",
                    signature.name
                ));
            }
        }
    }
    Ok(())
}

/// A definition, as others see it.
#[derive(Clone, PartialEq)]
struct Seen {
    name: String,
    /// The names of what holds it.
    path: Option<Vec<String>>,
    signature: String,
}

/// What others see by the rules of the language.
fn public(side: &Side, parts: &Parts) -> Vec<Seen> {
    let paths = symbols(side.document);
    let chunks = side.document.chunks();
    let holder = |offset: usize| {
        paths.iter().rev().find(|symbol| {
            chunks
                .get(symbol.chunk)
                .is_some_and(|chunk| chunk.range.contains(&offset) && chunk.signature.start < offset)
        })
    };
    let seen = parts.public.iter().map(|one| Seen {
        path: holder(one.signature.start).map(|symbol| symbol.path.clone()),
        signature: bare(side, parts, &one.signature),
        name: one.name.clone(),
    });
    seen.collect()
}

/// Functions of the region that the rest of the file names.
fn used(case: &Case, side: &Side, parts: &Parts) -> Vec<Seen> {
    let chunks = side.document.chunks();
    let is_used = |name: &str| case.old.outside().iter().any(|text| names(text, name));
    let functions = symbols(side.document).into_iter().filter(|symbol| symbol.is_function());
    let seen = functions.filter_map(|symbol| {
        let signature = chunks.get(symbol.chunk)?.signature.clone();
        let is_inside = side.region.start <= signature.start && signature.end <= side.region.end;
        (is_inside && is_used(&symbol.name)).then(|| Seen {
            signature: bare(side, parts, &signature),
            name: symbol.name,
            path: Some(symbol.path),
        })
    });
    seen.collect()
}

/// Layout and comments are not what others see: nor is the comma that layout puts behind the last argument of a line.
fn bare(side: &Side, parts: &Parts, signature: &Range<usize>) -> String {
    let (mut text, mut from) = (String::new(), signature.start);
    let comments =
        parts.comments.iter().filter(|one| signature.start <= one.start && one.end <= signature.end);
    for comment in comments {
        text += side.text.get(from..comment.start).unwrap_or_default();
        from = comment.end;
    }
    text += side.text.get(from..signature.end).unwrap_or_default();
    text.retain(|c| !c.is_whitespace());
    text.replace(",)", ")")
}

//! Whether a change keeps what its action promises: what a parser alone cannot see.
//!
//! A broken promise is a doubt, not damage: the person sees the change and the reason. Only an edit by an action that
//! never edits is refused.

use std::collections::HashMap;

use crate::edit::guard::case::{Case, same_ends};
use crate::edit::guard::instruction::{Asked, names};
use crate::edit::guard::symbols::{Symbol, symbols};
use crate::edit::guard::{Guard, Verdict};
use crate::edit::{Action, Yield, diff};
use crate::syntax::{Chunk, ChunkKind, lines};
use crate::text::Document;

/// What was found instead of what was promised; `Ok` where the promise holds.
type Kept = Result<(), String>;

/// Said where a language has no grammar, or a text is too large for it.
const CANNOT_TELL: &str = "Whether the code still does the same cannot be checked in this file. Look at the change before it is used.";

pub fn check(case: &Case) -> Verdict {
    let kept = match (case.change.action, case.asked) {
        (Action::Explain | Action::Review, _) if case.old.text != case.new.text => {
            let sentence = "This action answers in words and changes no code. Ask for an edit to change it.";
            return Verdict::Refuse(Guard::Invariant, sentence.to_owned());
        }
        (Action::Explain | Action::Review, _) => Ok(()),
        (Action::Document, _) => document(case),
        (Action::UnitTest, _) => unit_test(case),
        (Action::Fix, _) => fix(case),
        (_, Asked::Rename) => rename(case),
        (_, Asked::Format) => format(case),
        (Action::Refactor, Asked::Other) => refactor(case),
        (Action::Edit | Action::Custom, Asked::Other) => Ok(()),
    };
    match kept.and_then(|()| once(case)) {
        Ok(()) => Verdict::Apply,
        Err(sentence) => Verdict::Confirm(Guard::Invariant, sentence),
    }
}

/// No function comes to stand beside itself: models go round in circles, and a parser takes that.
fn once(case: &Case) -> Kept {
    if case.change.brings != Yield::Rewrite {
        // An addition's names were held to be free.
        return Ok(());
    }
    let (old, mut seen) = (functions(case.old.document), HashMap::new());
    for function in functions(case.new.document) {
        let count = seen.entry(function.clone()).or_insert(0);
        *count += 1;
        if *count > 1 && *count > old.iter().filter(|other| **other == function).count() {
            return Err(format!(
                "The change has `{}` twice at one place. Write the new code once, and nothing that stands elsewhere.",
                function.path.last().map_or("", String::as_str)
            ));
        }
    }
    Ok(())
}

/// A function, as far as two of them in one place cannot be told apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Function {
    path: Vec<String>,
    signature: String,
    /// Where among the chunks of its document what holds it stands, of those of that name.
    holder: usize,
}

fn functions(document: &Document) -> Vec<Function> {
    let chunks = document.chunks();
    let of = |symbol: Symbol| {
        let chunk = chunks.get(symbol.chunk)?;
        let round =
            |other: &&Chunk| other.range.start < chunk.range.start && chunk.range.end <= other.range.end;
        // Several blocks may implement one type, each with a function of that name.
        let holder = chunks.iter().rfind(round);
        let before = holder.map_or(0, |holder| {
            chunks
                .iter()
                .filter(|other| other.name == holder.name && other.range.start < holder.range.start)
                .count()
        });
        Some(Function {
            signature: document.slice(chunk.signature.clone()).trim().to_owned(),
            path: symbol.path,
            holder: before,
        })
    };
    symbols(document).into_iter().filter(Symbol::is_function).filter_map(of).collect()
}

/// Nothing but comments and docstrings differs.
fn document(case: &Case) -> Kept {
    let (Some(old), Some(new)) = (case.old.skeleton(), case.new.skeleton()) else {
        return Err(CANNOT_TELL.to_owned());
    };
    if old.code == new.code {
        return Ok(());
    }
    Err("The change alters code, and only documentation was asked for. Write the code again exactly as it is, with \
         comments added."
        .to_owned())
}

/// Nothing is taken away, a test comes to it, and no two tests have one name.
fn unit_test(case: &Case) -> Kept {
    let only_adds = diff::lines(&case.old.text, &case.new.text).into_iter().all(|one| {
        let removed = case.old.text.get(one.range).unwrap_or_default();
        let (above, below) = same_ends(removed, &one.text);
        above + below == removed.len()
    });
    if !only_adds {
        return Err(
            "The change alters code that is there, and only a new test was asked for. Write nothing but the \
                    test."
                .to_owned(),
        );
    }
    let Some(parts) = case.new.parts() else {
        return Err(
            "Whether this is a test cannot be checked in this file. Look at it before it is used.".to_owned()
        );
    };
    let chunks = case.new.document.chunks();
    let before = symbols(case.old.document);
    let after = symbols(case.new.document);
    let tests = after.iter().filter(|symbol| {
        let signature = chunks.get(symbol.chunk).map(|chunk| chunk.signature.start);
        let is_block = parts.tests.iter().any(|block| Some(block.range.start) == signature);
        symbol.kind == ChunkKind::Test && !is_block
    });
    let added = |path: &[String]| {
        let count = |symbols: &[_]| {
            symbols.iter().filter(|other: &&super::symbols::Symbol| other.path == path).count()
        };
        (count(&after), count(&after).saturating_sub(count(&before)))
    };
    if !tests.into_iter().any(|symbol| added(&symbol.path).1 > 0) {
        return Err(
            "The answer has no test in it. Write one test function, as the language's test runner finds it."
                .to_owned(),
        );
    }
    let clash = after.iter().filter(|symbol| symbol.is_function()).find(|symbol| {
        let (count, added) = added(&symbol.path);
        added > 0 && count > 1
    });
    match clash {
        Some(symbol) => Err(format!(
            "There is a function `{}` already at this place. Give the new test a name of its own.",
            symbol.name
        )),
        None => Ok(()),
    }
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
        "The change does not touch the code that the error is about, {}. Change that statement, or say why it must \
         stay.",
        case.old.quote(statement.start)
    ))
}

/// The same tree, but for names, each of them replaced by one other throughout.
fn rename(case: &Case) -> Kept {
    let (Some(old), Some(new)) = (case.old.skeleton(), case.new.skeleton()) else {
        return Err(CANNOT_TELL.to_owned());
    };
    let more = || "The change does more than rename. Change names and nothing else.".to_owned();
    if old.code.len() != new.code.len() {
        return Err(more());
    }
    let mut renamed = HashMap::new();
    for (was, is) in old.code.iter().zip(&new.code) {
        if was.text == is.text && was.is_like(is) {
            continue;
        }
        if !was.is_like(is) || !was.is_identifier {
            return Err(more());
        }
        let to = *renamed.entry(&was.text).or_insert(&is.text);
        if *to != is.text {
            return Err(format!(
                "The change renames `{}` both to `{to}` and to `{}`. Use one new name for it.",
                was.text, is.text
            ));
        }
    }
    Ok(())
}

/// The same tokens, comments among them.
fn format(case: &Case) -> Kept {
    let same = match (case.old.skeleton(), case.new.skeleton()) {
        (Some(old), Some(new)) => old == new,
        _ => {
            let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            visible(&case.old.text) == visible(&case.new.text)
        }
    };
    if same {
        return Ok(());
    }
    Err("The change alters more than the layout. Change blanks and line breaks and nothing else.".to_owned())
}

/// All that others see is still there as it was, but for what the instruction names.
fn refactor(case: &Case) -> Kept {
    let (Some(old), Some(new)) = (case.old.parts(), case.new.parts()) else {
        return Ok(());
    };
    let signatures = |side: &super::case::Side, parts: crate::syntax::parts::Parts| -> Vec<_> {
        let paths = symbols(side.document);
        let chunks = side.document.chunks();
        let holder = |offset: usize| {
            paths.iter().rev().find(|symbol| {
                chunks
                    .get(symbol.chunk)
                    .is_some_and(|chunk| chunk.range.contains(&offset) && chunk.signature.start < offset)
            })
        };
        parts
            .public
            .into_iter()
            .map(|one| {
                let text = side.document.slice(one.signature.clone());
                let path = holder(one.signature.start).map(|symbol| symbol.path.clone());
                // Layout is not what others see: nor is the comma that it puts behind the last argument of a line.
                let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                (one.name, path, text.replace(",)", ")"))
            })
            .collect()
    };
    let mut left = signatures(&case.new, new);
    for signature in signatures(&case.old, old) {
        match left.iter().position(|other| *other == signature) {
            Some(index) => _ = left.swap_remove(index),
            None if names(case.change.instruction, &signature.0) => {}
            None => {
                return Err(format!(
                    "The change alters how `{}` looks to others. Keep its signature as it is, or name it in the \
                     instruction.",
                    signature.0
                ));
            }
        }
    }
    Ok(())
}

//! The blanks that a text begins with, where the cursor's line has only its indentation.
//!
//! Odd widths are kept as they are: the text round the cursor decides what is usual, never a rule of ours.

use crate::completion::line::{Surroundings, indent_of};
use crate::syntax::lines;

/// Takes off blank lines and needless blanks before `text`; bytes taken off its front.
pub fn settle(text: &mut String, around: &Surroundings) -> usize {
    if !around.prefix.trim().is_empty() {
        return 0;
    }
    let lines = blank_lines(text, &around.prefix);
    text.drain(..lines);
    let extra = indent_of(text).to_owned();
    if extra.is_empty() || is_usual(&extra, around) {
        return lines;
    }
    text.drain(..extra.len());
    // What follows was written for the deeper line.
    let deep = format!("\n{}{extra}", around.prefix);
    let shallow = format!("\n{}", around.prefix);
    let is_all_deep = text.lines().skip(1).all(|line| line.trim().is_empty() || line.starts_with(&deep[1..]));
    if is_all_deep {
        *text = text.replace(&deep, &shallow);
    }
    lines + extra.len()
}

/// Bytes up to where the first visible line goes on as the cursor's line does, when blank lines stand before that: a
/// blank line is there already.
fn blank_lines(text: &str, prefix: &str) -> usize {
    let Some(first) = text.find(|c: char| !c.is_whitespace()) else {
        return 0;
    };
    let Some(start) = text[..first].rfind('\n').map(|newline| newline + 1) else {
        return 0;
    };
    if text[start..].starts_with(prefix) { start + prefix.len() } else { 0 }
}

/// Whether the line may begin with `extra` blanks more: its neighbours do, or the line above opens a block.
fn is_usual(extra: &str, around: &Surroundings) -> bool {
    let width = lines::indent(&format!("{}{extra}", around.prefix));
    let above = around.above.first().map(String::as_str).unwrap_or("");
    let opens = above.trim_end().ends_with(['{', '(', '[', ':', ',', '=', '\\', '|', '>']);
    let is_like = |line: &str| lines::indent(line) == width;
    is_like(above)
        || around.below.as_deref().is_some_and(is_like)
        || (opens && lines::indent(&around.prefix) <= lines::indent(above) && width <= lines::indent(above) + 8)
        // Under a continued line alignment is anybody's.
        || around.above.iter().skip(1).take(3).any(|line| is_like(line) && lines::indent(line) <= lines::indent(above))
}

//! An answer made to stand where it goes: in the file's tabs or spaces, at the depth of its first line.
//!
//! The first line was begun for the model, so it stands right; the others stand as the model has seen most tests stand,
//! and perhaps with a fence and prose behind them.

use crate::edit::hunk::lines::{Line, each, indent, lines};
use crate::edit::repair::indent::{Shift, Style, restyle};
use crate::edit::repair::is_fence;
use crate::syntax::language::Blocks;

/// `answer`, which begins with `opening`, as it stands in a file of `style`.
pub fn fitted(answer: &str, opening: &str, style: Option<Style>, blocks: Blocks) -> String {
    let answer = without_what_follows(answer);
    let Some((first, rest)) = answer.strip_prefix(opening).filter(|_| !opening.is_empty()).map(|rest| {
        let end = opening.len() + rest.find('\n').map_or(rest.len(), |at| at + 1);
        answer.split_at(end)
    }) else {
        return answer.to_owned();
    };
    let (from, mut rest) = (Style::of(lines(rest)), rest.to_owned());
    if let (Some(from), Some(to)) = (from, style)
        && (from == Style::Tabs) != (to == Style::Tabs)
    {
        rest = each(&rest, |_, line| restyle(line.text, from, to));
    }
    let depth = indent(opening);
    // Where brackets end a block, what ends the first one stands as deep as what began it.
    if blocks == Blocks::Braces
        && let Some(closer) = closer(&rest)
    {
        let shift = Shift::between([(closer.as_str(), depth)]);
        rest = each(&rest, |_, line| shift.apply(line.text));
    }
    format!("{first}{rest}")
}

/// The blanks before what ends the first block, whose lines stand deeper.
fn closer(rest: &str) -> Option<String> {
    let all = lines(rest);
    let inside = all.iter().find(|line| !line.is_blank())?.indent().len();
    let is_closer = |line: &&Line| line.text.trim_start().starts_with('}') && line.indent().len() < inside;
    all.iter().find(is_closer).map(|line| line.indent().to_owned())
}

/// Without a fence that closes what was never opened, and what is said below it.
fn without_what_follows(answer: &str) -> &str {
    let all = lines(answer);
    let mut fences = all.iter().filter(|line| is_fence(line.text));
    match (fences.next(), fences.next()) {
        (Some(fence), None) => answer[..fence.start].trim_end(),
        _ => answer,
    }
}

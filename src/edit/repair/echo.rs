//! Lines just outside the region that a model wrote once more, at either end of its body.
//!
//! A line is an echo if it equals its neighbour outside, indentation and all, and the region itself does not begin (or
//! end) with such a line. Two lines in a row are no chance; one alone is taken off only where what is left then begins
//! (or ends) like the region, or where the line opens (or closes) the block that the region stands in. Lines that
//! only close blocks are taken off where the body closes more than it opens. An echo at the other end makes one line
//! certain too. Blank lines count for nothing.

use crate::edit::hunk::lines::{Line, lines};
use crate::edit::repair::{Step, Surroundings};

/// Lines of an echo that are looked for: more than an answer has.
const LONGEST: usize = 1000;

/// The body after each step that takes something off.
pub fn strip(body: &str, around: &Surroundings) -> Vec<(Step, String)> {
    let (new, region) = (visible(body), visible(&around.region));
    let mut above = visible(tail(around.before));
    let mut below = visible(head(around.after));
    above.reverse();
    below.truncate(LONGEST);
    let head = (1..=LONGEST.min(above.len()).min(new.len().saturating_sub(1))).rev().find(|count| {
        let echoed = above[..*count].iter().rev();
        same(echoed.clone(), new[..*count].iter())
            && !(region.len() >= *count && same(echoed, region[..*count].iter()))
    });
    let head = head.unwrap_or(0);
    let mut rest = &new[head..];

    let open = depth(rest);
    let tail = (1..=below.len().min(rest.len().saturating_sub(1))).rev().find(|count| {
        let echoed = below[..*count].iter();
        // A body that lost its indentation ends its own blocks with lines like those outside.
        let closes = echoed.clone().all(|line| is_closer(line.text));
        let is_missed = closes && open - depth(&below[..*count]) > 0;
        !is_missed
            && same(echoed.clone(), rest[rest.len() - count..].iter())
            && !(region.len() >= *count && same(echoed, region[region.len() - count..].iter()))
    });
    let tail = tail.unwrap_or(0);

    let mut steps = Vec::new();
    let is_start = rest.first().zip(region.first()).is_some_and(|(a, b)| a.text.trim() == b.text.trim());
    let opens = new[..head].first().is_some_and(|line| line.text.trim_end().ends_with(['{', '(', '[', ':']));
    // Who echoes what follows has echoed what comes before.
    if head > 1 || head == 1 && (is_start || opens || tail > 1) {
        let start = rest.first().map_or(body.len(), |line| line.start);
        steps.push((Step::EchoAbove(head), body[start..].to_owned()));
    } else {
        rest = &new[..];
    }
    let is_end =
        |last: usize| rest[last - 1].text.trim() == region.last().map_or("", |line| line.text.trim());
    let is_echo = |last: usize| tail > 1 || is_end(last) || is_closer(rest[last].text);
    let tail = match rest.len() - tail {
        last if tail > 0 && is_echo(last) => tail,
        // What opened a block above has closed it here, wherever that is closed in the file.
        _ if !steps.is_empty() && depth(&new[..head]) > 0 => surplus(rest),
        _ => 0,
    };
    if tail > 0 {
        let start = rest.first().map_or(0, |line| line.start);
        let end = rest[rest.len() - tail - 1].range().end;
        steps.push((Step::EchoBelow(tail), body[start..end].to_owned()));
    }
    steps
}

/// How many lines at the end of a body close what it has not opened, and do nothing else.
fn surplus(lines: &[Line]) -> usize {
    let closers = lines.iter().rev().take_while(|line| is_closer(line.text)).count();
    let count = (1..=closers.min(lines.len().saturating_sub(1)))
        .find(|count| depth(&lines[..lines.len() - count]) == 0);
    count.filter(|_| depth(lines) < 0).unwrap_or(0)
}

/// Whether a line does nothing but end a block.
fn is_closer(line: &str) -> bool {
    line.trim().chars().all(|c| matches!(c, '}' | ')' | ']' | ';' | ','))
}

/// Brackets that are opened, less those that are closed; those in strings count too, as nothing here knows a language.
fn depth(lines: &[Line]) -> isize {
    let sign = |c| match c {
        '{' | '(' | '[' => 1,
        '}' | ')' | ']' => -1,
        _ => 0,
    };
    lines.iter().flat_map(|line| line.text.chars()).map(sign).sum()
}

fn same<'l, 'a: 'l>(a: impl Iterator<Item = &'l Line<'a>>, b: impl Iterator<Item = &'l Line<'a>>) -> bool {
    a.map(|line| line.text.trim_end()).eq(b.map(|line| line.text.trim_end()))
}

fn visible(text: &str) -> Vec<Line<'_>> {
    lines(text).into_iter().filter(|line| !line.is_blank()).collect()
}

/// Bytes before or after the region that are looked at: the file may be large.
const NEAR: usize = 16 * 1024;

fn tail(text: &str) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(NEAR));
    let rest = &text[start..];
    // A line that is not all there equals nothing.
    if start == 0 { rest } else { rest.split_once('\n').map_or("", |(_, rest)| rest) }
}

fn head(text: &str) -> &str {
    let end = text.floor_char_boundary(NEAR);
    if end == text.len() { text } else { text[..end].rsplit_once('\n').map_or("", |(rest, _)| rest) }
}

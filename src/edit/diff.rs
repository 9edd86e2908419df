//! From two texts to the fewest lines that must change.
//!
//! An editor keeps cursors, folds and marks where a text stays as it is, so a change goes to it as the lines that
//! differ and nothing else. Lines end at `\n`, `\r\n` and a lone `\r`, as in LSP 3.17. This file does *not* judge a
//! change, and knows no columns and no colours.

use std::fmt::Write;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};

/// Lines of context round a hunk of a unified diff.
const CONTEXT: u32 = 3;

/// Some whole lines of an old text, and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Bytes of the old text.
    pub range: Range<usize>,
    pub text: String,
}

/// The replacements that make `new` of `old`: in order, apart from each other, all in bytes of `old`.
///
/// A range begins and ends at the borders of lines, or at the end of a line's text: nothing is said about the line
/// after the last line break where that can be said about the line before it, because some editors have no such
/// line and add an empty one (Neovim 0.10).
pub fn lines(old: &str, new: &str) -> Vec<Replacement> {
    let [old_lines, new_lines] = [old, new].map(|text| split(text, line_end));
    let input = interned(&old_lines, &new_lines);
    let starts = |lines: &[&str]| -> Vec<usize> {
        let ends = lines.iter().scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    };
    let [old_starts, new_starts] = [starts(&old_lines), starts(&new_lines)];
    let bytes = |starts: &[usize], lines: Range<u32>| {
        let at = |line: u32| starts.get(line as usize).copied().unwrap_or_default();
        at(lines.start)..at(lines.end)
    };
    hunks(&input)
        .map(|hunk| {
            let range = bytes(&old_starts, hunk.before);
            let text = new.get(bytes(&new_starts, hunk.after)).unwrap_or_default().to_owned();
            before_the_end(old, Replacement { range, text })
        })
        .collect()
}

/// Lines that `new` adds to `old`, and lines of `old` that it has no more.
pub fn counts(old: &str, new: &str) -> (usize, usize) {
    let [old_lines, new_lines] = [old, new].map(|text| split(text, line_end));
    let hunks: Vec<Hunk> = hunks(&interned(&old_lines, &new_lines)).collect();
    hunks
        .iter()
        .fold((0, 0), |(added, removed), hunk| (added + hunk.after.len(), removed + hunk.before.len()))
}

/// The old text with all replacements made.
#[cfg(test)]
pub fn apply(old: &str, replacements: &[Replacement]) -> String {
    let mut text = old.to_owned();
    for replacement in replacements.iter().rev() {
        text.replace_range(replacement.range.clone(), &replacement.text);
    }
    text
}

/// A unified diff with three lines of context, as `git apply` and `patch` read it; `path` is relative, with `/`.
/// Empty where the texts are the same. Without an old text the file was not there.
pub fn unified(old: Option<&str>, new: &str, path: &str) -> String {
    let old_path = old.map_or("/dev/null".to_owned(), |_| named("a", path));
    let old = old.unwrap_or_default();
    // NB: `patch` knows one line ending, so a `\r` is part of a line here.
    let newline = |rest: &str| rest.find('\n').map(|at| at + 1);
    let [old_lines, new_lines] = [old, new].map(|text| split(text, newline));
    let input = interned(&old_lines, &new_lines);
    let mut shown: Vec<Vec<Hunk>> = Vec::new();
    for hunk in hunks(&input) {
        match shown.last_mut().and_then(|group| Some((group.last()?.before.end, group))) {
            Some((end, group)) if hunk.before.start <= end + 2 * CONTEXT => group.push(hunk),
            _ => shown.push(vec![hunk]),
        }
    }
    let mut out = String::new();
    if shown.is_empty() {
        return out;
    }
    out += &format!("--- {old_path}\n+++ {}\n", named("b", path));
    for group in shown {
        write_group(&mut out, &group, &old_lines, &new_lines);
    }
    out
}

/// A path as Git writes it into a diff: in quotes where a line could not hold it, and with a tab behind blanks, at
/// which `patch` would end it.
fn named(side: &str, path: &str) -> String {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\');
    if path.chars().all(is_plain) {
        return format!("{side}/{path}{}", if path.contains(' ') { "\t" } else { "" });
    }
    let mut quoted = format!("\"{side}/");
    for c in path.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' => quoted += "\\r",
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    _ = write!(quoted, "\\{byte:03o}");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn write_group(out: &mut String, group: &[Hunk], old: &[&str], new: &[&str]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return;
    };
    let above = first.before.start.min(CONTEXT);
    let below = (old.len() as u32 - last.before.end).min(CONTEXT);
    let before = first.before.start - above..last.before.end + below;
    let after = first.after.start - above..last.after.end + below;
    // An empty side names the line before it.
    let side = |lines: &Range<u32>| match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        length => format!("{},{length}", lines.start + 1),
    };
    _ = writeln!(out, "@@ -{} +{} @@", side(&before), side(&after));
    let mut write = |sign: char, lines: &[&str], range: Range<u32>| {
        for line in lines.get(range.start as usize..range.end as usize).unwrap_or_default() {
            _ = write!(out, "{sign}{line}");
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    let mut shown_to = before.start;
    for hunk in group {
        write(' ', old, shown_to..hunk.before.start);
        write('-', old, hunk.before.clone());
        write('+', new, hunk.after.clone());
        shown_to = hunk.before.end;
    }
    write(' ', old, shown_to..before.end);
}

/// The pieces of `text`, each ending where `end` says of what is left, the last one with the text.
fn split(text: &str, end: impl Fn(&str) -> Option<usize>) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(end(rest).unwrap_or(rest.len()));
        pieces.push(piece);
        rest = more;
    }
    pieces
}

/// Where the first line of `rest` ends, its line break included.
fn line_end(rest: &str) -> Option<usize> {
    let at = rest.find(['\n', '\r'])?;
    Some(at + if rest[at..].starts_with("\r\n") { 2 } else { 1 })
}

/// The line break that `text` ends with, or nothing.
fn line_break(text: &str) -> &str {
    let length = match text.as_bytes() {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n' | b'\r'] => 1,
        _ => 0,
    };
    &text[text.len() - length..]
}

fn interned<'a>(old: &[&'a str], new: &[&'a str]) -> InternedInput<&'a str> {
    let mut input = InternedInput::default();
    input.reserve(old.len() as u32, new.len() as u32);
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    input
}

fn hunks(input: &InternedInput<&str>) -> impl Iterator<Item = Hunk> {
    let mut diff = Diff::compute(Algorithm::Histogram, input);
    diff.postprocess_lines(input);
    diff.hunks().collect::<Vec<_>>().into_iter()
}

/// The same replacement, said without the end of the old text where that is possible.
fn before_the_end(old: &str, whole: Replacement) -> Replacement {
    let Replacement { mut range, mut text } = whole.clone();
    if range.end < old.len() {
        return whole;
    }
    let last_break = line_break(old);
    if last_break.is_empty() {
        // The last line goes on, or ends earlier; it need not be said again.
        let removed = &old[range.clone()];
        if text.starts_with(removed) {
            return Replacement { range: range.end..range.end, text: text.split_off(removed.len()) };
        }
        return whole;
    }
    if range.is_empty() || text.is_empty() {
        // Lines added below the last one, or taken from there: the break above them is said instead of theirs.
        let above = line_break(&old[..range.start]);
        range.start -= above.len();
        text.insert_str(0, above);
    }
    if line_break(&text) != last_break {
        return whole;
    }
    range.end -= last_break.len();
    text.truncate(text.len() - last_break.len());
    if range.start > range.end { whole } else { Replacement { range, text } }
}

#[cfg(test)]
mod tests;

//! Comments that stand for code: `// ... existing code ...`, `# rest unchanged`; and dots, with a comment or without.
//!
//! Where the model leaves code out, the original has it: it is put back if what stands next to the comment is found
//! there exactly once, and refused otherwise. Nothing is guessed, and a comment that the original has too is a comment.

use std::collections::{HashMap, HashSet};

use crate::edit::hunk::lines::{Line, lines};
use crate::edit::script::Refusal;

/// What opens a comment, longest first where one begins with another.
const OPENERS: [&str; 8] = ["<!--", "{/*", "//", "/*", "--", "#", ";", "%"];

/// What closes one.
const CLOSERS: [&str; 3] = ["-->", "*/}", "*/"];

/// With dots, one of these makes such a comment…
const TELLING: [&str; 25] = [
    "body",
    "brevity",
    "code",
    "continues",
    "existing",
    "fields",
    "functions",
    "implementation",
    "imports",
    "logic",
    "methods",
    "omitted",
    "other",
    "others",
    "previous",
    "previously",
    "remain",
    "remainder",
    "remaining",
    "remains",
    "rest",
    "same",
    "snip",
    "unchanged",
    "unmodified",
];

/// …if all its other words are these.
const FILLING: [&str; 34] = [
    "a", "above", "all", "and", "as", "before", "below", "block", "change", "changed", "changes", "class",
    "file", "for", "function", "here", "in", "is", "it", "keep", "lines", "method", "more", "no", "not",
    "of", "stay", "stays", "test", "tests", "the", "this", "with", "your",
];

/// Without dots, these do.
const PHRASES: [&str; 12] = [
    "unchanged",
    "unmodified",
    "no changes",
    "existing code",
    "previous code",
    "rest of",
    "rest is",
    "remaining code",
    "remains the same",
    "stays the same",
    "same as before",
    "for brevity",
];

/// Statements that do nothing, before a comment that says what they stand for.
const NOTHING: [&str; 3] = ["pass", "...", "…"];

/// More than so many in one body are no habit but a program that writes such comments.
const MOST: usize = 64;

/// Bytes of such a comment.
const LONGEST: usize = 120;

/// Lines next to a comment that are looked at together, until they are found once.
const NEIGHBOURS: usize = 8;

/// Whether `line` is a comment that stands for code.
pub fn is_elision(line: &str) -> bool {
    let line = line.trim();
    let Some(text) = OPENERS.iter().find_map(|opener| line.strip_prefix(opener)) else {
        return false;
    };
    let text = CLOSERS.iter().find_map(|closer| text.strip_suffix(closer)).unwrap_or(text).trim();
    // A documentation comment has one character more, and is documentation.
    if text.len() > LONGEST || text.starts_with(['/', '!']) {
        return false;
    }
    let text = text.to_lowercase();
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let tells = |word: &&str| TELLING.contains(word);
    if !words.iter().all(|word| tells(word) || FILLING.contains(word)) {
        return false;
    }
    let has_dots = text.contains("...") || text.contains('…');
    let joined = words.join(" ");
    has_dots && (words.is_empty() || words.iter().any(tells))
        || PHRASES.iter().any(|part| joined.contains(part))
}

/// Whether a comment, whatever its words, begins and ends with dots.
pub fn is_dotted(line: &str) -> bool {
    let text = line.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '…'));
    let has = |text: &str, end: fn(&str, &str) -> bool| end(text, "...") || end(text, "…");
    text.contains(char::is_alphanumeric)
        && has(text, |a, b| a.starts_with(b))
        && has(text, |a, b| a.ends_with(b))
}

/// Whether `line` does nothing, and says that it stands for code.
fn is_nothing(line: &str) -> bool {
    let line = line.trim();
    let rest = NOTHING.iter().find_map(|nothing| line.strip_prefix(nothing));
    rest.is_some_and(|rest| rest.starts_with(' ') && is_elision(rest))
}

/// Whether row `row` of `lines` is three dots beside other code: alone in a block, or below its docstring, they are
/// what Python has for a body to come.
fn is_bare(lines: &[Line], row: usize) -> bool {
    let is_sibling = |other: &&Line| {
        let is_string = other.text.trim_end().ends_with("\"\"\"");
        other.indent() == lines[row].indent() && !is_string
    };
    let mut above = lines[..row].iter().rev().filter(|line| !line.is_blank());
    let mut below = lines[row + 1..].iter().filter(|line| !line.is_blank());
    NOTHING[1..].contains(&lines[row].text.trim())
        && (above.next().filter(is_sibling).is_some() || below.next().filter(is_sibling).is_some())
}

/// Whether `line` stands for code in what is looked for: there three dots alone do so too.
pub fn is_gap(line: &str) -> bool {
    matches!(line.trim(), "..." | "…") || is_elision(line)
}

/// `body` with the code of `original` where a comment stands for it, and how many were; `None` where none does.
pub fn splice(body: &str, original: &str) -> Result<Option<(String, usize)>, Refusal> {
    let (new, old) = (lines(body), lines(original));
    let known: HashSet<_> = old.iter().map(|line| line.text.trim()).collect();
    let stands_for_code = |row: usize| {
        let line = new[row].text;
        is_elision(line) || is_nothing(line) || is_bare(&new, row)
    };
    let is_left_out = |row: &usize| stands_for_code(*row) && !known.contains(new[*row].text.trim());
    let gaps: Vec<_> = (0..new.len()).filter(is_left_out).collect();
    let Some(first) = gaps.first() else {
        return Ok(None);
    };
    let refuse = |row: usize| Refusal::Elision { line: new[row].text.to_owned() };
    if gaps.len() > MOST {
        return Err(refuse(*first));
    }
    let old = Rows::of(&old);
    let mut text = String::with_capacity(original.len());
    let mut from = 0;
    // Code is put back in the order in which it stood, and never twice.
    let mut put_back = 0;
    for (number, row) in gaps.iter().enumerate() {
        let next = gaps.get(number + 1).copied();
        let above = visible(&new[from..*row]).rev().chain((number == 0).then_some(EDGE));
        let below = visible(&new[row + 1..next.unwrap_or(new.len())]).chain(next.is_none().then_some(EDGE));
        let start = old.once(above, Side::Above).ok_or_else(|| refuse(*row))?;
        let end = old.once(below, Side::Below).ok_or_else(|| refuse(*row))?;
        if start < put_back || start > end {
            return Err(refuse(*row));
        }
        // The original's own blank lines come back with its code.
        let kept =
            new[from..*row].iter().rposition(|line| !line.is_blank()).map_or(from, |last| from + last + 1);
        new[from..kept].iter().for_each(|line| text.push_str(&body[line.range()]));
        old.lines[start..end].iter().for_each(|line| text.push_str(&original[line.range()]));
        if start < end && old.lines[end - 1].newline.is_empty() {
            text.push_str(new[*row].newline);
        }
        put_back = end;
        from = (row + 1..new.len()).find(|row| !new[*row].is_blank()).unwrap_or(new.len());
    }
    new[from..].iter().for_each(|line| text.push_str(&body[line.range()]));
    Ok(Some((text, gaps.len())))
}

/// The lines that are not blank.
fn visible<'l, 'a>(lines: &'l [Line<'a>]) -> impl DoubleEndedIterator<Item = &'a str> + use<'l, 'a> {
    lines.iter().map(|line| line.text.trim()).filter(|text| !text.is_empty())
}

/// Stands for the edge of the text, which no line can equal.
const EDGE: &str = "\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Below,
}

/// The lines of the original, and where each text stands.
struct Rows<'l, 'a> {
    lines: &'l [Line<'a>],
    /// Rows that are not blank.
    visible: Vec<usize>,
    /// Indices of `visible`.
    places: HashMap<&'a str, Vec<usize>>,
}

impl<'l, 'a> Rows<'l, 'a> {
    fn of(lines: &'l [Line<'a>]) -> Self {
        let visible: Vec<_> = (0..lines.len()).filter(|row| !lines[*row].is_blank()).collect();
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        for (index, row) in visible.iter().enumerate() {
            places.entry(lines[*row].text.trim()).or_default().push(index);
        }
        Self { lines, visible, places }
    }

    /// The row after (above a gap) or of (below it) the nearest of `neighbours`, which are told from the gap outwards:
    /// where it stands exactly once, or where as many of them together as that takes do.
    fn once<'t>(&self, neighbours: impl Iterator<Item = &'t str>, side: Side) -> Option<usize> {
        let mut neighbours = neighbours.take(NEIGHBOURS);
        let nearest = neighbours.next()?;
        if nearest == EDGE {
            return Some(if side == Side::Above { 0 } else { self.lines.len() });
        }
        let mut places = self.places.get(nearest)?.clone();
        let mut distance = 0;
        while places.len() > 1 {
            let next = neighbours.next()?;
            distance += 1;
            places.retain(|place| {
                let other = match side {
                    Side::Above => place.checked_sub(distance),
                    Side::Below => Some(place + distance).filter(|other| *other < self.visible.len()),
                };
                other.map_or(EDGE, |other| self.lines[self.visible[other]].text.trim()) == next
            });
        }
        let row = self.visible[*places.first()?];
        Some(if side == Side::Above { row + 1 } else { row })
    }
}

//! What no model is needed for: the rest of the nearest line that begins alike. The least that a model must beat.

use crate::completion::line::is_word;
use crate::eval::{Hole, Kind, SourceFile};

/// The answer of somebody who only copies: it has the whole file but the hole to copy from, and nothing else.
pub fn answer(file: &SourceFile, hole: &Hole) -> String {
    let (above, below) = (&file.text[..hole.taken.start], &file.text[hole.taken.end..]);
    let typed = above.rsplit('\n').next().unwrap_or_default();
    // Nearest first: upwards from the cursor, then downwards.
    let others = || above.lines().rev().skip(1).chain(below.lines().skip(1));
    match hole.kind {
        Kind::Name => {
            let letters = &file.text[hole.judged.start..hole.taken.start];
            let words = others().flat_map(|line| line.split(|c| !is_word(c)).rev());
            let mut alike = words.filter(|word| word.len() > letters.len() && word.starts_with(letters));
            alike.next().map(|word| word[letters.len()..].to_owned()).unwrap_or_default()
        }
        Kind::LineEnd | Kind::Inner => {
            let rest = rest_of_like_line(typed.trim_start(), others());
            let end = if hole.kind == Kind::Inner { closed_at(rest) } else { rest.len() };
            rest[..end].to_owned()
        }
        // Nothing is typed: the line after the nearest one that is like the line above, else that line again.
        Kind::Line | Kind::Block => {
            let before = above.lines().rev().find(|line| line.trim() != typed.trim()).unwrap_or_default();
            let lines: Vec<&str> = above.lines().collect();
            let count = if hole.kind == Kind::Line { 1 } else { 2 };
            let place = (0..lines.len().saturating_sub(count + 1))
                .rev()
                .find(|&at| lines[at].trim() == before.trim())
                .map(|at| lines[at + 1..=at + count].join("\n"));
            place.unwrap_or_else(|| before.to_owned()).trim_start().to_owned()
        }
    }
}

/// What follows `typed` in the first line that holds it; with less and less of it where none does.
fn rest_of_like_line<'a>(typed: &str, lines: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    let mut from = 0;
    while from < typed.len() {
        let key = &typed[from..];
        let found = lines.clone().find_map(|line| line.find(key).map(|at| &line[at + key.len()..]));
        if let Some(rest) = found.filter(|rest| !rest.trim().is_empty()) {
            return rest.trim_end();
        }
        // The next word or sign.
        let first = key.chars().next().map_or(1, char::len_utf8);
        from += key
            .char_indices()
            .skip(1)
            .zip(key.chars())
            .find(|((_, c), before)| !(is_word(*c) && is_word(*before)))
            .map_or(key.len().max(first), |((at, _), _)| at);
    }
    ""
}

/// Where the parenthesis that encloses the beginning of `rest` is closed.
fn closed_at(rest: &str) -> usize {
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return at,
            ')' => depth -= 1,
            _ => {}
        }
    }
    rest.trim_end_matches([' ', '{', ':']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` with the taken part in `[` and `]`; the answer.
    fn check(kind: Kind, marked: &str, expected: &str) {
        let start = marked.find('[').unwrap();
        let end = marked.find(']').unwrap() - 1;
        let text = marked.replacen('[', "", 1).replacen(']', "", 1);
        let word = text[..start].rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
        let hole = Hole { kind, project: 0, file: 0, taken: start..end, judged: word..end };
        assert_eq!(answer(&SourceFile::of("f.py", &text), &hole), expected, "{marked}");
    }

    #[test]
    fn copies() {
        check(Kind::LineEnd, "a = load(one)\nb = 2\nc = load([two)]\n", "one)");
        // The nearest one, above before below; what is like it only in part where nothing is like it whole.
        check(Kind::LineEnd, "x = f(1)\nx = f(2)\nx = f([3)]\nx = f(4)\n", "2)");
        check(Kind::LineEnd, "y.close(1)\nz.close([2)]\n", "1)");
        check(Kind::LineEnd, "one\ntwo[ three]\n", "");
        check(Kind::Inner, "f(a, (b))\nf([c])\n", "a, (b)");
        check(Kind::Line, "if a:\n    b()\nelse:\n    c()\nif a:\n    [d()]\n", "b()");
        check(Kind::Line, "one()\n[two()]\n", "one()");
        check(Kind::Name, "overdue = 1\novernight = 2\nov[erseas] = 3\n", "ernight");
        check(Kind::Name, "one = 1\nov[erseas] = 3\n", "");
    }
}

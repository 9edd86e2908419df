//! A region divided where its code divides, for a model that answers for each piece or leaves it as it is.
//!
//! Small models write a whole function well and a whole file badly (`edits.md` 2). Every line with a letter or a digit
//! is in exactly one piece, so nothing is hidden from the model; a line that only closes something is in none, and
//! stays. Does *not* decide whether a region is worth dividing.

use super::{Region, line_of, region};
use crate::syntax::lines;
use crate::text::Document;

/// Lines from which a chunk is divided again, if it has chunks itself: what takes a model long to write (`edits.md` 2).
pub const LONG: usize = 40;

/// The pieces of `whole`, a region of `document`, in order. One piece where there is nothing to divide.
pub fn pieces(document: &Document, whole: &Region) -> Vec<Region> {
    let [first, last] = [whole.range.start, whole.range.end].map(|offset| line_of(document, offset));
    let mut pieces = Vec::new();
    divide(document, first, last, &mut pieces);
    pieces
}

/// Lines `first` to `last`: the outermost chunks in them, and what stands between.
fn divide(document: &Document, first: usize, last: usize, pieces: &mut Vec<Region>) {
    let mut next = first;
    for chunk in document.chunks() {
        let [from, to] = [chunk.range.start, chunk.range.end].map(|offset| line_of(document, offset));
        if from < next || to > last || (from, to) == (first, last) {
            continue;
        }
        between(document, next, from, pieces);
        if to - from >= LONG {
            divide(document, from, to, pieces);
        } else {
            pieces.extend(region(document, from, to, Some(chunk)));
        }
        next = to + 1;
    }
    between(document, next, last + 1, pieces);
}

/// Lines `first` up to `end` that are in no chunk, if they say anything.
fn between(document: &Document, first: usize, end: usize, pieces: &mut Vec<Region>) {
    let rope = document.rope();
    let says_something = |line| lines::text(rope, line).contains(char::is_alphanumeric);
    if (first..end).any(says_something) {
        pieces.extend(region(document, first, end - 1, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Action;
    use crate::edit::region::choose;
    use crate::syntax::Language;

    /// The pieces of `selected` in `text`, each with its name and what it begins with.
    fn check(language: &str, text: &str, selected: &str, expected: &[(&str, &str)]) {
        let document = Document::new(Language::of(language, ""), 1, text);
        let start = text.find(selected).unwrap();
        let whole = choose(&document, start..start + selected.len(), Action::Edit).unwrap();
        let pieces = pieces(&document, &whole);
        let found: Vec<_> = pieces
            .iter()
            .map(|piece| {
                (piece.name.as_deref().unwrap_or(""), piece.text.trim_start().lines().next().unwrap_or(""))
            })
            .collect();
        assert_eq!(found, expected, "{text}");
        let mut end = whole.range.start;
        for piece in &pieces {
            assert_eq!(document.slice(piece.range.clone()), piece.text);
            let between = document.slice(end..piece.range.start);
            assert!(!between.contains(char::is_alphanumeric), "{between:?} is in no piece");
            assert!(end <= piece.range.start && piece.range.end <= whole.range.end, "{text}");
            end = piece.range.end;
        }
        let rest = document.slice(end..whole.range.end);
        assert!(!rest.contains(char::is_alphanumeric), "{rest:?} is in no piece");
    }

    #[test]
    fn a_region_is_divided_at_its_chunks() {
        let two = "/// A.\nfn a() {\n    1;\n}\n\nfn b() {\n    2;\n}\n";
        check("rust", two, two, &[("a", "/// A."), ("b", "fn b() {")]);
        check("rust", two, "    1;\n}\n\nfn b", &[("", "1;")]);
        check("rust", two, "fn b() {\n    2;\n}", &[("b", "fn b() {")]);
        check("rust", &two.replace('\n', "\r\n"), "fn", &[("a", "fn a() {")]);
        let class = "class C:\n    x = 1\n\n    def f(self):\n        return 1\n\n    y = 2\n";
        check("python", class, class, &[("C", "class C:"), ("f", "def f(self):"), ("C", "y = 2")]);
        check("text", "one\n\ntwo\n", "one\n\ntwo", &[("", "one"), ("", "two")]);
    }

    /// A small class is written at once, a large one by method; a long function cannot be divided.
    #[test]
    fn what_is_short_stays_whole() {
        for (lines, expected) in [
            (3, &[("C", "impl C {"), ("g", "fn g() {}")][..]),
            (50, &[("C", "impl C {"), ("f", "fn f() {"), ("h", "fn h() {}"), ("g", "fn g() {}")][..]),
        ] {
            let long = format!("    fn f() {{\n{}    }}\n", "        1;\n".repeat(lines));
            let text = format!("impl C {{\n{long}    fn h() {{}}\n}}\n\nfn g() {{}}\n");
            check("rust", &text, &text, expected);
        }
    }
}

//! Whether what is being typed is what is being written: a model's text, as far as it goes, against the person's.
//!
//! While the two agree there is nothing to begin anew: the model's text already holds what was typed, or is told what it
//! must go on with. Pure text against text; when to look, and what to stop, is the owner's of the generation.

use crate::completion::line::is_closer;

/// What typed text says of a text that is being written for the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// It is the text's beginning.
    Behind,
    /// It begins with all of the text, and goes on: the text has to go on likewise.
    Ahead,
    /// It is another text.
    Elsewhere,
}

/// Compares what was typed up to the cursor with what is written so far.
pub fn compare(written: &str, typed: &str) -> Along {
    if written.starts_with(typed) {
        Along::Behind
    } else if typed.starts_with(written) {
        Along::Ahead
    } else {
        Along::Elsewhere
    }
}

/// What of `between`, which may end in closers that an editor put behind the cursor, was certainly typed, and what that
/// says. An edit does not tell the cursor: a bracket at the end is given the benefit of the doubt until somebody asks
/// with one.
pub fn compare_between<'a>(written: &str, between: &'a str) -> (Along, &'a str) {
    match compare(written, between) {
        Along::Behind => (Along::Behind, between),
        Along::Ahead => {
            let typed = without_closers(between);
            if typed.len() <= written.len() { (Along::Behind, typed) } else { (Along::Ahead, typed) }
        }
        Along::Elsewhere => {
            let typed = without_closers(between);
            let common = common_bytes(written, between);
            // All from the first difference on may be the editor's.
            if typed.len() <= common { (Along::Behind, typed) } else { (compare(written, typed), typed) }
        }
    }
}

/// The text without the closers at its end, where an editor may have put them there: `;`, `,` and blanks alone are typed.
fn without_closers(text: &str) -> &str {
    let bare = text.trim_end_matches(is_closer);
    let is_pair = |c: char| is_closer(c) && !c.is_whitespace() && !matches!(c, ';' | ',');
    if text[bare.len()..].contains(is_pair) { bare } else { text }
}

fn common_bytes(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::Along::{Ahead, Behind, Elsewhere};
    use super::*;

    #[test]
    fn what_an_edit_says_of_a_running_text() {
        for (written, between, expected, typed) in [
            ("", "", Behind, ""),
            ("total;", "", Behind, ""),
            ("total;", "tot", Behind, "tot"),
            ("total;", "total;", Behind, "total;"),
            ("tot", "total", Ahead, "total"),
            ("", "x", Ahead, "x"),
            ("total;", "tox", Elsewhere, "tox"),
            ("total;", "x", Elsewhere, "x"),
            ("total;", "t ", Elsewhere, "t "),
            ("total;", "t,", Elsewhere, "t,"),
            // Closed by the editor, or typed: not known before the cursor is.
            ("foo(a)", "foo()", Behind, "foo("),
            ("foo(a)", "foo(\"\")", Behind, "foo("),
            ("foo(\"a\")", "foo(\"\")", Behind, "foo("),
            ("foo(a)", "foo(\"b\")", Elsewhere, "foo(\"b"),
            ("foo", "foo()", Ahead, "foo("),
            ("{\n    a\n}", "{\n    \n}", Behind, "{"),
            ("total;", ")", Behind, ""),
            ("", ")", Behind, ""),
            ("total;", "x)", Elsewhere, "x"),
            ("é", "è", Elsewhere, "è"),
        ] {
            assert_eq!(compare_between(written, between), (expected, typed), "{written:?} {between:?}");
        }
    }
}

//! Where a text leaves the string that the cursor stands in without having closed it.
//!
//! A parser that mends what it reads may take a line break in a string that cannot hold one, so this is not left to
//! `whole`. Strings that may run over lines are none of its business.

use crate::completion::line::{Surroundings, line_start};
use crate::completion::shape::overlap::Balance;
use crate::syntax::Language;
use crate::syntax::scope::{self, Inside};
use crate::text::Document;

/// The byte of the first line break of `text` that would stand in a string of one line. May parse.
pub fn break_in_string(
    document: &Document,
    offset: usize,
    around: &Surroundings,
    text: &str,
) -> Option<usize> {
    let at = text.find('\n')?;
    let (rope, language) = (document.rope(), document.language());
    let quote = one_line_quote(language, &around.prefix)?;
    let inside = |offset| scope::inside(language, rope, document.tree(), offset);
    // A quote in a string that began on a line above opens nothing.
    let is_string = inside(offset) == Inside::String && inside(line_start(rope, offset)) != Inside::String;
    (is_string && !Balance::closes_quote(quote, &text[..at])).then_some(at)
}

/// The quote that is open at the end of `prefix`, where the string that it opens has to end on its line.
fn one_line_quote(language: &Language, prefix: &str) -> Option<char> {
    if prefix.contains("\"\"\"") || prefix.contains("'''") {
        return None;
    }
    let mut open = None;
    let mut chars = prefix.char_indices();
    while let Some((at, c)) = chars.next() {
        match open {
            Some(_) if c == '\\' => drop(chars.next()),
            Some((_, quote)) if c == quote => open = None,
            Some(_) => {}
            None if language.quotes.contains(c) => open = Some((at, c)),
            None => {}
        }
    }
    let (at, quote) = open?;
    // C#'s `@"`, C++'s `R"`, Rust's `r"` and `r#"`; a raw string of Python's ends on its line all the same.
    let before = &prefix[..at];
    let is_raw = before.ends_with(['#', '@', 'R']) || (language.id == "rust" && before.ends_with('r'));
    (quote != '`' && !is_raw).then_some(quote)
}

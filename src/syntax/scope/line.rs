//! One line of code without a tree: what its end stands in, and whether it opens a block.

use ropey::Rope;

use crate::syntax::language::Blocks;
use crate::syntax::scope::Inside;
use crate::syntax::{Language, lines};

/// Of a longer line only so many bytes are read: enough for any line that people write.
const MAX_LINE: usize = 10_000;

/// The text of the line of `offset` left of it, at most its last [`MAX_LINE`] bytes.
pub fn left_of(rope: &Rope, offset: usize) -> String {
    let start = lines::content(rope, rope.byte_to_line(offset)).start;
    let start = lines::floor(rope, start.max(offset.saturating_sub(MAX_LINE)));
    rope.byte_slice(start.min(offset)..offset).to_string()
}

/// The text of a line, at most its last [`MAX_LINE`] bytes.
pub fn whole(rope: &Rope, line: usize) -> String {
    left_of(rope, lines::content(rope, line).end)
}

/// What the end of `left` stands in, and the bytes of `left` before a comment that reaches its end.
pub fn scan<'a>(language: &Language, left: &'a str) -> (Inside, &'a str) {
    let mut quote = None;
    let mut previous = ' ';
    let mut characters = left.char_indices();
    while let Some((at, c)) = characters.next() {
        match quote {
            Some(_) if c == '\\' => _ = characters.next(),
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if language.line_comment.is_some_and(|sign| left[at..].starts_with(sign)) => {
                return (Inside::Comment, &left[..at]);
            }
            // An apostrophe within a word is no quote.
            None if language.quotes.contains(c) && !(c == '\'' && previous.is_alphanumeric()) => {
                quote = Some(c)
            }
            None => {}
        }
        previous = c;
    }
    let inside = if quote.is_some() { Inside::String } else { Inside::Code };
    (inside, left)
}

/// Whether a block is open at the end of this code, which holds no comment.
pub fn opens(blocks: Blocks, code: &str) -> bool {
    let code = code.trim_end();
    if code.ends_with(['{', '(', '[']) {
        return true;
    }
    match blocks {
        Blocks::Braces => false,
        Blocks::Indentation => code.ends_with(':'),
        Blocks::Keywords { open, close } => code
            .split(|c: char| !c.is_alphanumeric() && !"_!".contains(c))
            .rev()
            .find(|word| open.contains(word) || close.contains(word))
            .is_some_and(|word| open.contains(&word)),
    }
}

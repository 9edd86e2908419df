//! Where a written block ends.
//!
//! Judged by lines and their indentation alone, so that it works on the first half of a text that no parser would
//! take, and says the same each time more of it has come.

use crate::syntax::language::Blocks;
use crate::syntax::lines;

/// The byte of `candidate` after which the block that a line indented by `indent` columns opened has ended; `None`
/// while it has not. `candidate` is written at a cursor inside the block, right of `prefix`, which is the text of the
/// cursor's line left of it.
///
/// The first line of `candidate` goes on with the cursor's line. Of the lines after it, the first visible one that is
/// indented by `indent` or less ends the block:
///
/// | that line | the block ends |
/// |---|---|
/// | does not begin with a closer: `fn next() {`, `return`, `else:` | before it, blank lines left out |
/// | is indented less than `indent`: its closer is another block's | before it |
/// | begins with a closer, and `closer_follows` | before it |
/// | begins with a closer: `}`, `});`, `end` | after it |
/// | closes and goes on to open: `} else {` | after its first closers: `}` |
/// | closes a list and goes on to open: `) -> u8 {`, `):` | later: the statement is not finished |
///
/// `closer_follows` says that the closer of this block already stands in the document after the cursor. A closer is
/// `}`, `)`, `]`, or a closing word of the language. Where the cursor's line is blank, a closer at the very start of
/// `candidate` is judged in the same way, however far it is indented.
///
/// An unfinished last line is judged as soon as what is there decides. A line that closes does not decide before its
/// line break has come, for more may follow; at the end of a text `None` then keeps it, as it should.
///
/// NB: a string that runs over lines and begins one of them further left than the block ends it here.
pub fn block_end(
    blocks: Blocks,
    indent: usize,
    prefix: &str,
    candidate: &str,
    closer_follows: bool,
) -> Option<usize> {
    let blank_start = prefix.trim().is_empty();
    // After the last visible line that is in the block.
    let mut end = 0;
    let mut start = 0;
    for (number, line) in split_lines(candidate).enumerate() {
        let next = start + line.len();
        let text = line.trim_end();
        let visible = text.trim_start();
        if visible.is_empty() {
            start = next;
            continue;
        }
        let closes = closers(blocks, visible);
        let (ends, mine) = if number == 0 {
            (blank_start && closes > 0, true)
        } else {
            let width = lines::indent(text);
            (width <= indent, width == indent)
        };
        if ends && !(closes > 0 && mine && !closer_follows) {
            // A closing word may be the beginning of a longer one as long as nothing follows it.
            let undecided =
                next == candidate.len() && line.len() == text.len() && could_close(blocks, visible);
            return (!undecided || closer_follows).then_some(end);
        }
        if ends {
            let after = &visible[closes..];
            let closed = start + line.len() - line.trim_start().len() + closes;
            let opens_again = super::line::opens(blocks, after) || goes_on(blocks, visible);
            let in_list = !visible.starts_with('}') && visible.starts_with([')', ']']);
            match (opens_again, in_list) {
                (true, true) => {}
                (true, false) => return Some(closed),
                (false, _) if line.len() > text.len() && line.ends_with(['\n', '\r']) => {
                    return Some(start + text.len());
                }
                (false, _) => return None,
            }
        }
        end = start + text.len();
        start = next;
    }
    None
}

/// Lines with their terminators: `\n`, `\r\n`, `\r`.
fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.find(['\n', '\r']);
        let length = match at {
            Some(at) if rest[at..].starts_with("\r\n") => at + 2,
            Some(at) => at + 1,
            None => rest.len(),
        };
        let (line, left) = rest.split_at(length);
        rest = left;
        (!line.is_empty()).then_some(line)
    })
}

/// The length of the closers that a line begins with.
fn closers(blocks: Blocks, visible: &str) -> usize {
    let brackets = visible.len() - visible.trim_start_matches(['}', ')', ']']).len();
    if brackets > 0 {
        return brackets;
    }
    let Blocks::Keywords { close, .. } = blocks else {
        return 0;
    };
    let word = first_word(visible);
    if close.contains(&word) { word.len() } else { 0 }
}

/// Whether a line that consists of this might become one that begins with a closing word.
fn could_close(blocks: Blocks, visible: &str) -> bool {
    let Blocks::Keywords { close, .. } = blocks else {
        return false;
    };
    close.iter().any(|word| word.starts_with(visible))
}

/// Whether a closing brace is followed by the start of another part of the same statement.
fn goes_on(blocks: Blocks, visible: &str) -> bool {
    blocks == Blocks::Braces
        && visible.trim_start_matches(['}', ' ']).starts_with("else")
        && visible.starts_with('}')
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

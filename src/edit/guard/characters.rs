//! Whether all that is added can be seen for what it is.
//!
//! Control characters come from a model that has lost its way, a replacement character from a piece that was no text,
//! and characters that turn the direction of writing can make code look like other code (CVE-2021-42574). What the
//! text had before may stay.

use crate::edit::guard::case::Case;
use crate::edit::guard::{Guard, Verdict};
use crate::text::unseen;

pub fn check(case: &Case) -> Verdict {
    let count = |text: &str, c| text.matches(c).count();
    let is_new = |c| is_refused(c) && count(&case.new.text, c) > count(&case.old.text, c);
    let Some((at, c)) = case.new.region_text().char_indices().find(|(_, c)| is_new(*c)) else {
        return Verdict::Apply;
    };
    let sentence = format!(
        "The answer has a character that cannot be seen, U+{:04X}, at line {}. It must be left out, or written as an escape.",
        u32::from(c),
        case.new.line(case.new.region.start + at)
    );
    Verdict::Refuse(Guard::Malformed, sentence)
}

/// A form feed parts the pages of old sources, and a carriage return ends lines.
fn is_refused(c: char) -> bool {
    let is_nothing = matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | char::REPLACEMENT_CHARACTER);
    is_nothing || unseen::is_unseen(c) && !matches!(c, '\r' | '\u{c}')
}

//! Characters that nobody sees and that do something all the same: they command a terminal, or turn the direction in which
//! the text beside them is written, so that code reads as other code (CVE-2021-42574, "Trojan Source").
//!
//! A model's words, a server's and a file's are shown in editors and terminals, where these must not come. This room
//! knows them and what stands in their place; what may come into a document, `completion::shape` and `edit::guard` say.

use std::borrow::Cow;

/// Whether a character is a control character (C0 without tab and line feed, U+007F, C1), or one that embeds, overrides or
/// isolates a direction of writing (UAX 9, 2.1 to 2.5; its marks turn nothing but themselves, and stay).
pub fn is_unseen(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n') || turns(c)
}

/// Whether a character turns the direction of what is written behind it.
pub fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text as it may be shown: U+FFFD stands for each of them, as in what rustc prints. The carriage return of a line end
/// stays, and one at the very end, whose line feed may be still to come.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut characters = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = characters.next() {
        let ends_line = c == '\r' && matches!(characters.peek(), None | Some('\n'));
        shown.push(if is_unseen(c) && !ends_line { char::REPLACEMENT_CHARACTER } else { c });
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_seen() {
        for (text, expected) in [
            ("", ""),
            ("let x = 1;\n\tdone 😀é漢", "let x = 1;\n\tdone 😀é漢"),
            ("\u{1b}[2Ja\u{7}", "\u{fffd}[2Ja\u{fffd}"),
            ("\0\u{1f}\u{7f}\u{80}\u{9b}\u{9f}", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("if a \u{202e}{\u{2066}// b\u{2069}", "if a \u{fffd}{\u{fffd}// b\u{fffd}"),
            (
                "\u{202a}\u{202b}\u{202c}\u{202d}\u{2067}\u{2068}",
                "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            // Their neighbours, and what belongs to words: marks, joiners, a blank that does not break.
            ("\u{2029}\u{202f}\u{2065}\u{206a} \u{a0}", "\u{2029}\u{202f}\u{2065}\u{206a} \u{a0}"),
            ("\u{200f}שלום\u{200e} 👩\u{200d}👧", "\u{200f}שלום\u{200e} 👩\u{200d}👧"),
            // A line end, and one that takes the cursor back over what was written.
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("secret\rpublic", "secret\u{fffd}public"),
            ("a\r\r\n", "a\u{fffd}\r\n"),
            ("a\r", "a\r"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_has_none_is_not_copied() {
        assert!(matches!(shown("as it is\n"), Cow::Borrowed(_)));
        assert!(
            is_unseen('\r') && !is_unseen('\t') && !is_unseen('\n') && turns('\u{2066}') && !turns('\u{1b}')
        );
    }
}

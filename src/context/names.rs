//! Names in a text, and how alike two texts are by their words.

use std::collections::HashSet;

/// Words that every text has: keywords of the usual languages, and the simplest types.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "and", "as", "async", "await", "bool", "break", "case", "catch", "class", "const", "continue", "crate", "def", "do",
    "elif", "else", "enum", "err", "except", "export", "extern", "false", "False", "final", "float", "fn", "for", "from",
    "func", "function", "if", "impl", "import", "in", "int", "interface", "is", "let", "loop", "match", "mod", "mut",
    "new", "None", "not", "null", "Ok", "or", "package", "pass", "private", "protected", "pub", "public", "raise", "ref",
    "return", "self", "Self", "Some", "static", "str", "string", "String", "struct", "super", "switch", "then", "this",
    "throw", "trait", "true", "True", "try", "type", "u8", "usize", "use", "var", "void", "where", "while", "with",
    "yield",
];

/// Calls `name` with each name of `text` and with its parts: of `parse_HttpHeader` also `parse`, `Http`, `Header`.
/// One letter says nothing,
/// and neither does a keyword.
pub fn names<'a>(text: &'a str, mut name: impl FnMut(&'a str)) {
    let says_nothing = |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) || COMMON.contains(&word);
    for word in words(text).filter(|word| !says_nothing(word)) {
        if word.chars().nth(1).is_some() {
            name(word);
        }
        for part in parts(word).filter(|part| part.len() < word.len() && part.chars().nth(1).is_some()) {
            name(part);
        }
    }
}

/// Runs of letters, digits and `_`.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Divides at `_`, and where a capital follows a small letter.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split('_').flat_map(|piece| {
        let mut rest = piece;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut was_small = false;
            let end = rest.char_indices().find_map(|(at, c)| {
                let is_border = was_small && c.is_uppercase();
                was_small = c.is_lowercase() || c.is_ascii_digit();
                is_border.then_some(at)
            });
            let (part, more) = rest.split_at(end.unwrap_or(rest.len()));
            rest = more;
            Some(part)
        })
    })
}

/// Sørensen–Dice similarity of two sets of words, 0 to 1.
pub fn dice(a: &HashSet<&str>, b: &HashSet<&str>) -> f32 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    2.0 * a.intersection(b).count() as f32 / (a.len() + b.len()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_parts() {
        for (text, expected) in [
            ("", ""),
            ("x = 12", ""),
            ("parse_HttpHeader(a)", "parse_HttpHeader parse Http Header"),
            ("let self.max_2d", "max_2d max 2d"),
            ("größeÜber straße", "größeÜber größe Über straße"),
            ("__init__", "__init__ init"),
        ] {
            let mut found = Vec::new();
            names(text, |name| found.push(name));
            assert_eq!(found.join(" "), expected);
        }
    }

    #[test]
    fn likeness() {
        let set = |text: &'static str| words(text).collect::<HashSet<_>>();
        assert_eq!(dice(&set("a b c"), &set("c, b; a")), 1.0);
        assert_eq!(dice(&set("a b"), &set("b c")), 0.5);
        assert_eq!(dice(&set("a"), &set("")), 0.0);
    }
}

//! What would mend a settings file: the key that was probably meant, written in place of one that is none.
//!
//! Offered only where the text is better for it: a name may need its table too, and a table must not be there twice. So
//! each is tried on the text before it is offered. Changes nothing itself.

use std::ops::Range;

use crate::config::key::{Key, nearest};
use crate::config::layers::read::{self, At};

/// Names looked at for one place: a hostile file can hold very many.
const MOST: usize = 5;

/// One way to mend a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// What is written in place of what is no key.
    pub key: &'static str,
    /// Bytes of what is wrong.
    pub at: Range<usize>,
    /// The text when it is mended.
    pub text: String,
}

/// What would mend keys of a TOML text that touch the bytes `near`.
pub fn mends(text: &str, near: &Range<usize>) -> Vec<Mend> {
    let wrong = |text: &str| {
        let (entries, errors) = read::flatten_toml(text);
        (errors.len(), entries.iter().filter(|entry| Key::named(&entry.key).is_none()).count())
    };
    let (errors, unknown) = wrong(text);
    let (entries, _) = read::flatten_toml(text);
    let unknown_here = entries.iter().filter(|entry| Key::named(&entry.key).is_none()).filter_map(|entry| {
        let at = entry.at.as_ref()?;
        let name = at.names.last()?;
        (name.start <= near.end && near.start <= at.value.end).then_some((entry, at, name))
    });
    let mended = unknown_here.take(MOST).filter_map(|(entry, at, name)| {
        let key = nearest(&entry.key)?;
        let text = renamed(text, at, key)?;
        let (left_errors, left_unknown) = wrong(&text);
        let is_better = left_errors <= errors && left_unknown < unknown;
        is_better.then(|| Mend { key, at: name.clone(), text })
    });
    mended.collect()
}

/// The text with another name for one key: part by part, or the whole where there is but one part.
fn renamed(text: &str, at: &At, key: &str) -> Option<String> {
    let parts: Vec<&str> = key.split('.').collect();
    let mut edits: Vec<(Range<usize>, &str)> = match at.names.as_slice() {
        [one] => vec![(one.clone(), key)],
        names if names.len() == parts.len() => names.iter().cloned().zip(parts).collect(),
        _ => return None,
    };
    let mut renamed = text.to_owned();
    // From the end on, so that what is before keeps its place. A header may stand anywhere before its keys.
    edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    for (range, part) in edits {
        text.get(range.clone())?;
        renamed.replace_range(range, part);
    }
    Some(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `$0` marks the cursor.
    #[track_caller]
    fn check(marked: &str, expected: &[(&str, &str)]) {
        let cursor = marked.find("$0").expect("a cursor");
        let found = mends(&marked.replace("$0", ""), &(cursor..cursor));
        let found: Vec<(&str, &str)> = found.iter().map(|mend| (mend.key, mend.text.as_str())).collect();
        assert_eq!(found, expected, "{marked}");
    }

    #[test]
    fn the_key_that_was_meant_is_written() {
        let tokens = "completion.maxTokens";
        check("[completion]\nmax$0Token = 1\n", &[(tokens, "[completion]\nmaxTokens = 1\n")]);
        check("completion.max_tokens = 1$0\n", &[(tokens, "completion.maxTokens = 1\n")]);
        check("completion = { \"max-tokens\" = $01 }\n", &[(tokens, "completion = { maxTokens = 1 }\n")]);
        check("$0threads = 2\n", &[("model.threads", "model.threads = 2\n")]);
        // The table was misspelt, for all that is in it.
        check(
            "[complection]\nmaxTokens$0 = 1\nmenu = 'on'\n",
            &[(tokens, "[completion]\nmaxTokens = 1\nmenu = 'on'\n")],
        );
        check(
            "\u{feff}[completion]\r\nmaxToken = $01\r\n",
            &[(tokens, "\u{feff}[completion]\r\nmaxTokens = 1\r\n")],
        );
        check(
            "[completion]\nmenu = 'é' # é\nmaxToken$0 = 1",
            &[(tokens, "[completion]\nmenu = 'é' # é\nmaxTokens = 1")],
        );
    }

    #[test]
    fn what_would_be_no_better_is_not_offered() {
        // Right, elsewhere, unlike any, of another table, of one that is there already, there twice.
        check("[completion]\nmaxTokens$0 = 1\n", &[]);
        check("maxToken = 1\n$0\n[model]\nthreads = 1\n", &[]);
        check("nonsense$0 = 1\n", &[]);
        check("[completion]\nmenu = 'on'\nthreads$0 = 1\n", &[]);
        check("threads$0 = 2\n[model]\npath = 'x'\n", &[]);
        check("[completion]\nmaxTokens = 1\nmaxToken$0 = 2\n", &[]);
    }
}

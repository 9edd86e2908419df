//! What a person's own words ask for, where a rule goes with it.
//!
//! Only what an instruction begins with is read. To mistake it costs a look at a preview, never an edit.

/// A kind of instruction that has an invariant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Rename,
    Format,
    Other,
}

/// Words that say nothing yet.
const POLITE: &[&str] = &["please", "can", "could", "would", "you", "just", "to", "now", "kindly"];

impl Asked {
    pub fn of(instruction: &str) -> Self {
        let words = words(instruction).map(str::to_lowercase);
        let first = words.into_iter().find(|word| !POLITE.contains(&word.as_str()));
        match first.as_deref() {
            Some("rename") => Self::Rename,
            Some("format" | "reformat" | "indent" | "reindent") => Self::Format,
            _ => Self::Other,
        }
    }
}

/// Whether an instruction has `name` as a word, or within a path of words.
pub fn names(instruction: &str, name: &str) -> bool {
    words(instruction).any(|word| word == name)
}

/// The two names of an instruction that says "rename this to that".
pub fn renaming(instruction: &str) -> Option<(&str, &str)> {
    let words: Vec<_> = words(instruction).collect();
    let at = words.iter().position(|word| word.eq_ignore_ascii_case("rename"))?;
    match words.get(at + 1..)? {
        [from, to, name, ..] if ["to", "into", "as"].contains(to) => Some((from, name)),
        _ => None,
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_tells() {
        for (instruction, asked) in [
            ("rename x to y", Asked::Rename),
            ("Please, rename `x` to `y`.", Asked::Rename),
            ("could you just Format this", Asked::Format),
            ("re-use x and rename it", Asked::Other),
            ("formatted output", Asked::Other),
            ("", Asked::Other),
        ] {
            assert_eq!(Asked::of(instruction), asked, "{instruction}");
        }
        assert_eq!(renaming("Please rename `a` to `b_2`, all of it."), Some(("a", "b_2")));
        assert_eq!(renaming("Rename the variable a to b"), None);
        assert_eq!(renaming("rename a"), None);
        assert!(names("give a::run a limit", "run") && !names("give a_run a limit", "run"));
    }
}

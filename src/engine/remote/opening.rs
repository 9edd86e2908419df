//! The beginning of an answer, which was given to the model: whether it says it again, it is taken off. Pure.
//!
//! Most servers go on where a message of the assistant ends; some repeat it, and those that know no such thing are asked
//! to begin with it, and may say a word or two before. Pieces are held back until that is clear.

use super::question::Opening;

/// Bytes before the opening at most: a greeting.
const GREETING: usize = 2048;

/// An answer that may begin with what was given.
#[derive(Debug)]
pub struct Beginning {
    opening: Opening,
    /// What is not clear yet.
    held: String,
}

impl Beginning {
    pub fn new(opening: Opening) -> Self {
        Self { opening, held: String::new() }
    }

    /// What is certain of the answer after `text`. Joined, the parts are the same however the text is cut.
    pub fn push(&mut self, text: &str) -> String {
        let (given, may_greet) = match &self.opening {
            Opening::None => return text.to_owned(),
            Opening::Given(given) => (given, false),
            Opening::Wanted(given) => (given, true),
        };
        self.held += text;
        if let Some(end) = end_of(given, may_greet, &self.held) {
            // The white space behind it has to come first.
            let is_there = self.held[end..].contains(|c| c != '\r');
            return if is_there { self.behind(end) } else { String::new() };
        }
        let wanted = given.trim();
        let may_come = if may_greet {
            self.held.len() < GREETING + wanted.len()
        } else {
            wanted.starts_with(self.held.trim_start())
        };
        if may_come {
            return String::new();
        }
        self.opening = Opening::None;
        std::mem::take(&mut self.held)
    }

    /// What was held back when the answer ended.
    pub fn finish(&mut self) -> String {
        let end = match &self.opening {
            Opening::None => None,
            Opening::Given(given) => end_of(given, false, &self.held),
            Opening::Wanted(given) => end_of(given, true, &self.held),
        };
        match end {
            Some(end) => self.behind(end),
            None => std::mem::take(&mut self.held),
        }
    }

    /// The answer from byte `at` of what is held on: there the opening ends, but for the white space behind it.
    fn behind(&mut self, at: usize) -> String {
        let rest = self.held.split_off(at);
        let opening = std::mem::replace(&mut self.opening, Opening::None);
        self.held.clear();
        let (Opening::Given(given) | Opening::Wanted(given)) = opening else { return rest };
        // `given` may end with a line end, and the rest begin with the same one.
        let blank = &given[given.trim_end().len()..];
        // NB: a model that writes one less, or another one, means the same.
        match rest.strip_prefix(blank) {
            Some(rest) => rest.to_owned(),
            None if blank.ends_with('\n') => rest.trim_start_matches(['\r', '\n']).to_owned(),
            None => rest,
        }
    }
}

/// Where the opening ends in what is held, bytes; but for the white space behind it.
fn end_of(given: &str, may_greet: bool, held: &str) -> Option<usize> {
    let wanted = given.trim();
    let start = if may_greet {
        held.find(wanted)?
    } else {
        let start = held.len() - held.trim_start().len();
        held[start..].starts_with(wanted).then_some(start)?
    };
    Some(start + wanted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "<<<AI_EDIT_START>>>\n";

    /// By characters, whole, and what comes of it.
    fn check(opening: Opening, text: &str, expected: &str) {
        for step in [1, 3, 7, text.len().max(1)] {
            let mut beginning = Beginning::new(opening.clone());
            let characters: Vec<char> = text.chars().collect();
            let mut found = String::new();
            for part in characters.chunks(step) {
                found += &beginning.push(&part.iter().collect::<String>());
            }
            found += &beginning.finish();
            assert_eq!(found, expected, "{text:?} by {step}");
        }
    }

    #[test]
    fn what_was_given_is_no_part_of_the_answer() {
        let given = || Opening::Given(START.into());
        let wanted = || Opening::Wanted(START.into());
        check(Opening::None, "<<<AI_EDIT_START>>>\nx", "<<<AI_EDIT_START>>>\nx");
        check(given(), "fn a() {}\n", "fn a() {}\n");
        check(given(), "    indented\n", "    indented\n");
        check(given(), "<<<AI_EDIT_START>>>\n    fn a()", "    fn a()");
        check(given(), "\n<<<AI_EDIT_START>>>\nx", "x");
        check(given(), "<<<AI_EDIT_END>>>\n", "<<<AI_EDIT_END>>>\n");
        check(given(), "<<<AI_EDIT_START>>>\r\nx", "x");
        check(given(), "<<<AI_EDIT_START>>>", "");
        check(given(), "<<<AI", "<<<AI");
        check(given(), "", "");
        check(wanted(), "<<<AI_EDIT_START>>>\nx", "x");
        check(wanted(), "Sure! Here it is:\n\n<<<AI_EDIT_START>>>\nx\n", "x\n");
        // It never comes.
        check(wanted(), "fn é() {}\n", "fn é() {}\n");
        let long = "é".repeat(GREETING);
        check(wanted(), &long, &long);
    }
}

//! One answer against what the author wrote.

use crate::assist::Suggestion;
use crate::eval::{Hole, Kind, SourceFile};
use crate::syntax::scope::Trial;
use crate::text::Document;

/// What an answer is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// What is judged came out as the author has it, blanks at the ends of lines aside: the cursor's line, the block,
    /// or the name. For all but blocks the first line of the answer alone is looked at.
    pub exact: bool,
    /// Of what is judged: one minus the edit distance over the longer length (Levenshtein, characters).
    pub similarity: f64,
    /// No more syntax errors than the author's file has; `None` where no tree tells.
    pub syntax_kept: Option<bool>,
    /// The answer ends where the author's text does: taken whole, it gives the author's file.
    pub stopped: bool,
    /// The answer ends with the line that follows it already.
    pub repeats_suffix: bool,
}

/// The text in which a hole is asked about: the file without what is taken out.
pub fn holed(file: &SourceFile, hole: &Hole) -> String {
    let mut text = file.text.clone();
    text.replace_range(hole.taken.clone(), "");
    text
}

/// Scores a suggestion for a hole; `document` is the text with the hole.
pub fn score(file: &SourceFile, hole: &Hole, document: &Document, suggestion: &Suggestion) -> Score {
    let text = document.rope().to_string();
    let after = &text[hole.taken.start..];
    let whole = applied(&text, suggestion, &suggestion.text);
    let first = suggestion.text.lines().next().unwrap_or_default();
    let one_line = applied(&text, suggestion, first);
    let truth = &file.text[hole.judged.clone()];
    let judged = match hole.kind {
        // As far as the text that follows the hole: what was put in its place.
        Kind::Block => whole[hole.judged.start..].strip_suffix(after).unwrap_or(&whole[hole.judged.start..]),
        Kind::Name => word(&one_line[hole.judged.start..]),
        Kind::LineEnd | Kind::Line | Kind::Inner => {
            one_line[hole.judged.start..].lines().next().unwrap_or_default()
        }
    };
    let mut trial =
        Trial::new(document.language(), document.rope(), document.tree(), suggestion.range.clone());
    let taken = &file.text[hole.taken.clone()];
    let syntax_kept = trial.as_mut().map(|trial| {
        let authors = trial.errors_with(taken);
        trial.errors_with(&suggestion.text) <= authors
    });
    let last = suggestion.text.lines().last().unwrap_or_default().trim();
    let next = after.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Score {
        exact: trimmed(judged).eq(trimmed(truth)),
        similarity: strsim::normalized_levenshtein(judged.trim_end(), truth.trim_end()),
        syntax_kept,
        stopped: trimmed(&whole).eq(trimmed(&file.text)),
        repeats_suffix: last.chars().filter(|c| c.is_alphanumeric()).count() >= 2 && last == next,
    }
}

/// `text` with the suggestion's range replaced.
fn applied(text: &str, suggestion: &Suggestion, by: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(suggestion.range.clone(), by);
    text
}

/// The lines of a text without what nobody sees at their ends.
fn trimmed(text: &str) -> impl Iterator<Item = &str> {
    text.trim_end().lines().map(str::trim_end)
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !crate::completion::line::is_word(c)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "fn f(a: u32) -> u32 {\n    let b = a + 1;\n    g(a, b)\n}\n";

    /// Scores `answer`, inserted at the hole made by taking `taken` out of the file.
    fn check(kind: Kind, taken: &str, answer: &str) -> Score {
        let file = SourceFile::of("f.rs", FILE);
        let start = FILE.find(taken).unwrap();
        let taken = start..start + taken.len();
        let judged_from = match kind {
            Kind::Name => FILE[..start].rfind(|c| !crate::completion::line::is_word(c)).unwrap() + 1,
            Kind::Block => start,
            _ => FILE[..start].rfind('\n').map_or(0, |newline| newline + 1),
        };
        let line_end = start + FILE[start..].find('\n').unwrap();
        let judged_to = match kind {
            Kind::Name => judged_from + word(&FILE[judged_from..]).len(),
            Kind::Block => taken.end,
            _ => line_end,
        };
        let hole = Hole { kind, project: 0, file: 0, taken, judged: judged_from..judged_to };
        let document = Document::new(file.language(), 0, &holed(&file, &hole));
        let suggestion =
            Suggestion { id: String::new(), range: start..start, text: answer.to_owned(), confidence: 0.0 };
        score(&file, &hole, &document, &suggestion)
    }

    #[test]
    fn answers() {
        for (kind, taken, answer, exact, stopped, syntax_kept) in [
            (Kind::LineEnd, "a + 1;", "a + 1;", true, true, true),
            (Kind::LineEnd, "a + 1;", "a + 1;  ", true, true, true),
            (Kind::LineEnd, "a + 1;", "a + 2;", false, false, true),
            (Kind::LineEnd, "a + 1;", "a + 1;\n    g(a, b)", true, false, false),
            (Kind::LineEnd, "a + 1;", "a + (1;", false, false, false),
            (Kind::Line, "g(a, b)", "g(a, b)", true, true, true),
            (Kind::Inner, "a, b", "a, b", true, true, true),
            (Kind::Inner, "a, b", "a, b)", false, false, false),
            (Kind::Block, "let b = a + 1;\n    g(a, b)", "let b = a + 1;\n    g(a, b)", true, true, true),
            (Kind::Block, "let b = a + 1;\n    g(a, b)", "let b = a + 1;", false, false, true),
            (Kind::Name, "32 {", "32 {", true, true, true),
            (Kind::Name, "32 {", "32 { todo", true, false, false),
            (Kind::Name, "32 {", "16 {", false, false, true),
        ] {
            let score = check(kind, taken, answer);
            let shown = format!("{kind:?} {answer:?}: {score:?}");
            assert_eq!(
                (score.exact, score.stopped, score.syntax_kept),
                (exact, stopped, Some(syntax_kept)),
                "{shown}"
            );
            assert_eq!(score.exact, score.similarity == 1.0, "{shown}");
        }
    }

    #[test]
    fn a_repeated_line_is_seen() {
        assert!(check(Kind::LineEnd, "a + 1;", "a + 1;\n    g(a, b)").repeats_suffix);
        assert!(!check(Kind::LineEnd, "a + 1;", "a + 1;").repeats_suffix);
        // A bracket alone says nothing.
        assert!(!check(Kind::Line, "g(a, b)", "g(a, b)\n}").repeats_suffix);
    }
}

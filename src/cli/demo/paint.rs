//! Styled lines on a terminal, or plain ones where there is none. Knows nothing of what they say.

use std::io::{self, Write};

use crate::cli::colour::Colour;
use crate::text::unseen::is_unseen;

/// What a piece of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Title,
    Dim,
    /// Suggested, not taken.
    Ghost,
    /// Suggested, and taken.
    Taken,
    /// Lines of a difference.
    Added,
    Removed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub style: Style,
    pub text: String,
}

impl Span {
    pub fn new(style: Style, text: String) -> Self {
        Self { style, text }
    }

    /// A line number in the margin.
    pub fn number(number: usize) -> Self {
        Self::new(Style::Dim, format!("{number:>5} │ "))
    }
}

/// See the module. Remembers what it has shown for good.
pub struct Painter<W> {
    output: W,
    /// Whether lines can be drawn again.
    live: bool,
    colour: bool,
    shown: Vec<Vec<Span>>,
}

impl<W: Write> Painter<W> {
    /// `terminal`: whether the output is one.
    pub fn new(output: W, terminal: bool, colour: Colour) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self::with(output, terminal && !dumb, colour.is_wanted(terminal))
    }

    pub(super) fn with(output: W, live: bool, colour: bool) -> Self {
        Self { output, live, colour, shown: Vec::new() }
    }

    /// A line that stays, in place of the live one.
    pub fn line(&mut self, spans: &[Span]) -> io::Result<()> {
        let mut text = String::new();
        if self.live {
            text += "\r\x1b[K";
        }
        self.draw(spans, &mut text);
        text.push('\n');
        self.shown.push(spans.to_vec());
        self.put(&text)
    }

    /// The last line, as it is just now; the next one takes its place. Nothing where there is no terminal.
    pub fn live(&mut self, spans: &[Span]) -> io::Result<()> {
        if !self.live {
            return Ok(());
        }
        // A line that wraps could not be drawn over, so the terminal is told not to wrap this one.
        let mut text = String::from("\r\x1b[?7l\x1b[K");
        self.draw(spans, &mut text);
        text += "\x1b[?7h";
        self.put(&text)
    }

    /// All lines that stayed.
    pub fn shown(&self) -> &[Vec<Span>] {
        &self.shown
    }

    /// In one write, so that the terminal never shows half of it.
    fn put(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    fn draw(&self, spans: &[Span], text: &mut String) {
        for Span { style, text: piece } in spans {
            let (before, after) = match (style, self.colour) {
                (Style::Plain, _) => ("", ""),
                (Style::Title, true) => ("\x1b[1m", "\x1b[0m"),
                (Style::Dim, true) => ("\x1b[2m", "\x1b[0m"),
                (Style::Ghost, true) => ("\x1b[2;3m", "\x1b[0m"),
                (Style::Taken | Style::Added, true) => ("\x1b[32m", "\x1b[0m"),
                (Style::Removed, true) => ("\x1b[31m", "\x1b[0m"),
                (Style::Title | Style::Dim | Style::Added | Style::Removed, false) => ("", ""),
                (Style::Ghost, false) => ("‹", "›"),
                (Style::Taken, false) => ("«", "»"),
            };
            text.push_str(before);
            // What a model wrote may hold anything: nothing of it commands the terminal, or ends the line.
            text.extend(piece.chars().map(|c| if is_unseen(c) || c == '\n' { '\u{fffd}' } else { c }));
            text.push_str(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(live: bool, colour: bool) -> String {
        let mut output = Vec::new();
        let mut painter = Painter::with(&mut output, live, colour);
        let line = [
            Span::number(7),
            Span::new(Style::Plain, "let x".into()),
            Span::new(Style::Ghost, " = \x1b\u{202e}1;".into()),
        ];
        painter.live(&line).unwrap();
        painter.line(&line[..2]).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn escapes_are_for_terminals_that_want_them() {
        assert_eq!(painted(false, false), "    7 │ let x\n");
        let without_colour = painted(true, false);
        assert!(without_colour.contains("let x‹ = \u{fffd}\u{fffd}1;›"), "{without_colour:?}");
        assert!(!without_colour.contains("\x1b[2"), "{without_colour:?}");
        let with_colour = painted(true, true);
        assert!(with_colour.contains("let x\x1b[2;3m = \u{fffd}\u{fffd}1;\x1b[0m"), "{with_colour:?}");
    }
}

//! Where a text must end whatever comes next: one pure function of the text so far, asked after every piece.

use crate::completion::line::{Surroundings, is_closer, is_telling, is_word};
use crate::completion::policy::Mode;
use crate::completion::shape::End;
use crate::completion::shape::overlap::Balance;
use crate::completion::shape::repetition;
use crate::syntax::language::{Blocks, Language};
use crate::syntax::lines;
use crate::syntax::scope;

/// Why a text was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The line or block that was asked for is complete, or the text left its language.
    Complete,
    /// The next line is the one that follows the cursor's.
    Below,
    Repeated,
    /// The model was not sure of what came next.
    Unsure,
    /// What came next cannot be seen (`text::unseen`).
    Unseen,
}

/// Lines of a block that are shown.
const MOST_LINES: usize = 24;
/// Letters and digits from which on a line is not found twice by chance.
const LONG_LINE: usize = 12;

/// Spellings of markers that a model may write as text: those of the known fill-in-the-middle and chat templates.
const MARKERS: &[&str] = &[
    "<|fim_",
    "<|endoftext|>",
    "<|file_sep|>",
    "<|file_separator|>",
    "<|repo_name|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|cursor|>",
    "<|user|>",
    "<|assistant|>",
    "<fim_prefix>",
    "<fim_suffix>",
    "<fim_middle>",
    "<fim_pad>",
    "<file_sep>",
    "<repo_name>",
    "<filename>",
    "<gh_stars>",
    "<reponame>",
    "<\u{ff5c}fim\u{2581}",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
    "<|fim\u{2581}",
    " <EOT>",
    "<EOT>",
    "\u{2581}<PRE>",
    "\u{2581}<SUF>",
    "\u{2581}<MID>",
    "<|code_prefix|>",
    "<|code_suffix|>",
    "<|code_middle|>",
];

/// The stop rules of one cursor.
pub struct Rules {
    mode: Option<Mode>,
    blocks: Blocks,
    prefix: String,
    is_line_shared: bool,
    closer_follows: bool,
    above: Vec<String>,
    below: Option<String>,
    ends_at_fence: bool,
    /// Markers that the text near the cursor has itself, as a program about models may.
    markers: Vec<&'static str>,
}

impl Rules {
    pub fn new(language: &Language, around: &Surroundings, mode: Option<Mode>) -> Self {
        let near = || around.above.iter().map(String::as_str).chain([&*around.prefix, &*around.rest]);
        let is_prose =
            matches!(language.id, "markdown" | "mdx" | "quarto" | "rmd" | "asciidoc" | "plaintext");
        Self {
            mode,
            blocks: language.blocks,
            prefix: around.prefix.clone(),
            is_line_shared: !around.rest_is_closers(),
            closer_follows: closer_follows(language.blocks, around, mode),
            above: around.above.clone(),
            below: around.below.clone(),
            ends_at_fence: !is_prose && !near().any(|line| line.contains("```")),
            markers: MARKERS
                .iter()
                .copied()
                .filter(|marker| !near().any(|line| line.contains(marker)))
                .collect(),
        }
    }

    /// The byte at which `text` must end, and why; `None` while it may go on. `End::Whole`: no more text will come.
    pub fn cut(&self, text: &str, end: End) -> Option<(usize, Cause)> {
        let marker = self.markers.iter().filter_map(|marker| text.find(marker)).min();
        let text = &text[..marker.unwrap_or(text.len())];
        let end = if marker.is_some() { End::Whole } else { end };
        let rules = [
            marker.map(|at| (at, Cause::Complete)),
            self.line_or_block(text),
            self.fence(text),
            self.below(text, end),
            repetition::found(text, end).map(|at| (at, Cause::Repeated)),
        ];
        // Where two rules cut at one place, the later names the cause: it knows more.
        rules.into_iter().flatten().reduce(|first, next| if next.0 <= first.0 { next } else { first })
    }

    fn line_or_block(&self, text: &str) -> Option<(usize, Cause)> {
        let complete = |at| Some((at, Cause::Complete));
        if self.is_line_shared {
            // Several lines never fit in front of other text.
            return text.find('\n').and_then(complete);
        }
        match self.mode {
            None => None,
            Some(Mode::Line) => {
                let visible = text.find(|c: char| !c.is_whitespace())?;
                text[visible..].find('\n').and_then(|at| complete(visible + at))
            }
            Some(Mode::Block { indent }) => {
                let by_lines = text.match_indices('\n').nth(MOST_LINES - 1).map(|(at, _)| at);
                let by_block = scope::block_end(self.blocks, indent, &self.prefix, text, self.closer_follows);
                by_lines.into_iter().chain(by_block).min().and_then(complete)
            }
        }
    }

    fn fence(&self, text: &str) -> Option<(usize, Cause)> {
        let at = text.match_indices("```").map(|(at, _)| at).find(|at| {
            let start = text[..*at].rfind('\n').map_or(0, |newline| newline + 1);
            text[start..*at].trim().is_empty() && (start > 0 || self.prefix.trim().is_empty())
        });
        at.filter(|_| self.ends_at_fence).map(|at| (trim_line(text, at), Cause::Complete))
    }

    /// The first complete line that is the next one below the cursor. Blanks round it make no difference where a line
    /// says much; a short one, as `}` or `return` is, must not be indented deeper, or it ends another block.
    fn below(&self, text: &str, end: End) -> Option<(usize, Cause)> {
        let below = self.below.as_deref()?;
        let is_short = below.chars().filter(|c| c.is_alphanumeric()).count() < LONG_LINE;
        let is_closing = below.chars().all(is_closer);
        let mut balance = Balance::default();
        let mut start = 0_usize;
        for line in text.split_inclusive('\n') {
            let is_complete = line.ends_with('\n') || end == End::Whole;
            let full = if start == 0 { format!("{}{line}", self.prefix) } else { line.to_owned() };
            let ends_other = (is_short && lines::indent(&full) > lines::indent(below))
                || (is_closing && balance.open() > 0)
                // Nothing was written of a first line that the person typed whole.
                || line.trim().is_empty();
            if is_complete && !ends_other && full.trim() == below.trim() {
                return Some((start.saturating_sub(1), Cause::Below));
            }
            balance.read(line);
            start += line.len();
        }
        None
    }

    /// Whether `text` begins with the lines just above it.
    pub fn repeats_above(&self, text: &str) -> bool {
        let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
        let mut above: Vec<&str> = self.above.iter().map(|line| line.trim()).collect();
        if !self.prefix.trim().is_empty() {
            // The cursor's line is the person's own, unless the text only begins behind it.
            if lines.first().is_some_and(|first| !first.is_empty()) {
                return false;
            }
            above.insert(0, self.prefix.trim());
        }
        lines.retain(|line| !line.is_empty());
        (1..=lines.len().min(above.len()).min(4)).any(|count| {
            let block = &lines[..count];
            let says_something = block.iter().any(|line| is_telling(line));
            says_something && block.iter().rev().zip(&above).all(|(line, above)| line == above)
        })
    }
}

/// Whether what closes the cursor's block stands behind the cursor already: right of it, or on the next line unless that
/// is indented less than the line that opened the block, and so closes another.
fn closer_follows(blocks: Blocks, around: &Surroundings, mode: Option<Mode>) -> bool {
    let closes = |line: &str| {
        let line = line.trim_start();
        let begins = |word: &str| line.strip_prefix(word).is_some_and(|more| !more.starts_with(is_word));
        line.starts_with([')', ']', '}'])
            || matches!(blocks, Blocks::Keywords { close, .. } if close.iter().any(|word| begins(word)))
    };
    let indent = if let Some(Mode::Block { indent }) = mode { indent } else { 0 };
    match &around.below {
        _ if !around.rest.trim().is_empty() => closes(&around.rest),
        Some(below) => closes(below) && lines::indent(below) >= indent,
        None => false,
    }
}

/// The end of what stands before the line that holds byte `at`.
fn trim_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').unwrap_or(0)
}

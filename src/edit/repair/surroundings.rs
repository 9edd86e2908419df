//! The region of an edit as text, and what of the file round it a repair has to know.

use std::ops::Range;

use crate::edit::hunk::lines::{lines, newline};
use crate::edit::repair::indent::Style;

/// A region and its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings<'a> {
    /// All text before the region's first line, or only the last lines of it.
    pub before: &'a str,
    /// The region, from the start of its first line even where it begins after the indentation.
    pub region: String,
    /// All text after the region, or only the first lines of it.
    pub after: &'a str,
    /// What ends lines here.
    pub newline: &'static str,
    /// What the file indents with; `None` where it is not of one mind.
    pub style: Option<Style>,
    /// Whether the region is all of its lines, but for the blanks that the first begins with and the line end of the
    /// last. A part of a line has no indentation of its own and echoes nothing.
    pub is_whole_lines: bool,
    /// Blanks of the first line that are in `region` here and not in the range: bytes.
    lead: usize,
}

impl<'a> Surroundings<'a> {
    /// Of bytes `range` of `text`; `None` where that is no range of it, or not on character borders.
    pub fn of(text: &'a str, range: Range<usize>) -> Option<Self> {
        let (region, after) = (text.get(range.clone())?, &text[range.end..]);
        let before = &text[..range.start];
        let line_start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let lead = &before[line_start..];
        let begins_line = lead.trim_start_matches([' ', '\t']).is_empty();
        let ends_line = region.ends_with(['\n', '\r']) || after.is_empty() || after.starts_with(['\n', '\r']);
        let lead = if begins_line { lead } else { "" };
        let all = lines(text);
        Some(Self {
            before: &before[..before.len() - lead.len()],
            region: format!("{lead}{region}"),
            after,
            newline: newline(&all),
            style: Style::of(all),
            is_whole_lines: begins_line && ends_line,
            lead: lead.len(),
        })
    }

    /// `text`, which stands in place of `region`, without the blanks that are not in the range.
    pub(super) fn cut_lead(&self, mut text: String) -> String {
        let blanks = text.len() - text.trim_start_matches([' ', '\t']).len();
        text.drain(..self.lead.min(blanks));
        text
    }
}

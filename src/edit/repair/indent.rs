//! Indentation: tabs or spaces, how wide, and how to move lines from one to another.
//!
//! Works on the blanks that lines begin with and on nothing else; alignment beyond the indentation stays. A line is
//! moved by its text, not by columns, so that what is not understood is left alone.

use crate::edit::hunk::lines::{Line, indent};

/// What a file indents with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Tabs,
    /// So many spaces a level.
    Spaces(usize),
}

/// The spaces of a level where nothing tells it.
const USUAL: usize = 4;

impl Style {
    /// `None` where no line tells, or some tell one thing and some another.
    pub fn of<'a>(lines: impl IntoIterator<Item = Line<'a>>) -> Option<Self> {
        let (mut has_tabs, mut widths) = (false, Vec::new());
        for line in lines.into_iter().filter(|line| !line.is_blank()) {
            match line.indent() {
                blanks if blanks.starts_with('\t') => has_tabs = true,
                // One space alone aligns a comment.
                blanks if blanks.starts_with("  ") => {
                    let spaces = blanks.len() - blanks.trim_start_matches(' ').len();
                    let is_aligned = line.text.trim_start().starts_with('*') && spaces % 2 == 1;
                    widths.push(spaces - usize::from(is_aligned));
                }
                _ => {}
            }
        }
        match (has_tabs, widths.is_empty()) {
            (true, true) => Some(Self::Tabs),
            (false, false) => Some(Self::Spaces(unit(&widths))),
            _ => None,
        }
    }
}

/// The greatest width of a level of which all of `widths` are multiples.
fn unit(widths: &[usize]) -> usize {
    let common = widths.iter().fold(0, |a, b| greatest_common_divisor(a, *b));
    match common {
        2..=4 | 8 => common,
        _ if common % 4 == 0 => 4,
        _ if common % 2 == 0 => 2,
        _ => USUAL,
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// `line` with its indentation of style `from` in style `to`.
pub fn restyle(line: &str, from: Style, to: Style) -> String {
    let blanks = indent(line);
    let rest = &line[blanks.len()..];
    match (from, to) {
        (Style::Spaces(unit), Style::Tabs) => {
            let spaces = blanks.len() - blanks.trim_start_matches(' ').len();
            let unit = unit.max(1);
            format!("{}{}{rest}", "\t".repeat(spaces / unit), &blanks[spaces - spaces % unit..])
        }
        (Style::Tabs, Style::Spaces(unit)) => format!("{}{rest}", blanks.replace('\t', &" ".repeat(unit))),
        _ => line.to_owned(),
    }
}

/// How the indentation of lines becomes that of other lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shift {
    Keep,
    /// These blanks go before each line.
    Add(String),
    /// These blanks are taken off each line that has them.
    Remove(String),
    /// Each indentation has its own new one; the longest that a line begins with counts.
    Table(Vec<(String, String)>),
}

impl Shift {
    /// From the indentations of lines that stand for each other: as they are, and as they are to be.
    pub fn between<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut shift = None;
        let mut table: Vec<(String, String)> = Vec::new();
        for (from, to) in pairs {
            let this = Self::one(from, to);
            if table.iter().any(|(known, _)| known == from) {
                if table.iter().any(|(known, other)| known == from && other != to) {
                    shift = Some(None);
                }
                continue;
            }
            table.push((from.to_owned(), to.to_owned()));
            shift = match shift {
                None => Some(this),
                Some(known) if known == this => Some(known),
                Some(_) => Some(None),
            };
        }
        match shift {
            None => Self::Keep,
            Some(Some(shift)) => shift,
            Some(None) => Self::Table(table),
        }
    }

    fn one(from: &str, to: &str) -> Option<Self> {
        match (to.strip_suffix(from), from.strip_suffix(to)) {
            (Some(""), _) => Some(Self::Keep),
            (Some(more), _) => Some(Self::Add(more.to_owned())),
            (None, Some(less)) => Some(Self::Remove(less.to_owned())),
            (None, None) => None,
        }
    }

    /// Whether all lines are moved alike.
    pub fn is_uniform(&self) -> bool {
        !matches!(self, Self::Table(_))
    }

    /// A line, moved; a blank one is not.
    pub fn apply(&self, line: &str) -> String {
        if line.trim().is_empty() {
            return line.to_owned();
        }
        match self {
            Self::Keep => line.to_owned(),
            Self::Add(blanks) => format!("{blanks}{line}"),
            Self::Remove(blanks) => line.strip_prefix(blanks.as_str()).unwrap_or(line).to_owned(),
            Self::Table(table) => {
                let blanks = indent(line);
                let fitting = table.iter().filter(|(from, _)| blanks.starts_with(from.as_str()));
                match fitting.max_by_key(|(from, _)| from.len()) {
                    Some((from, to)) => format!("{to}{}", deeper(&line[from.len()..], to)),
                    None => line.to_owned(),
                }
            }
        }
    }
}

/// A line that stands deeper than `base`, in tabs if that has tabs.
fn deeper(line: &str, base: &str) -> String {
    if base.contains('\t') && line.starts_with(' ') {
        restyle(line, Style::Spaces(USUAL), Style::Tabs)
    } else {
        line.to_owned()
    }
}

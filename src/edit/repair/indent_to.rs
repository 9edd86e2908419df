//! A body moved to where its region stands.
//!
//! The first lines tell how far: they are nearly always the same line. A body whose first line alone stands elsewhere
//! (the model began to write after the indentation it was given) is told from one that was moved as a whole by how its
//! other lines stand to the region's. A body that cannot be moved uniformly is left as it is.

use crate::edit::hunk::lines::{Line, each, lines};
use crate::edit::repair::indent::{Shift, Style, restyle as restyle_line};
use crate::edit::repair::{Step, Surroundings};

/// `body` with tabs or spaces as in the file; `None` where either is not of one mind, or they agree.
pub fn restyle(body: &str, around: &Surroundings) -> Option<String> {
    let (from, to) = (Style::of(lines(body))?, around.style?);
    let is_foreign = matches!((from, to), (Style::Tabs, Style::Spaces(_)) | (Style::Spaces(_), Style::Tabs));
    is_foreign.then(|| each(body, |_, line| restyle_line(line.text, from, to)))
}

/// `body` at the indentation of `region`; `None` where it stands there, or cannot be moved.
pub fn region(body: &str, region: &str) -> Option<(Step, String)> {
    let (new, old) = (lines(body), lines(region));
    let (new, old) = (Shape::of(&new)?, Shape::of(&old)?);
    if new.first == old.first {
        return None;
    }
    // A region of one line has no others: there the others stand beside it, unless the first line opens a block.
    let opens = |line: &str| line.trim_end().ends_with(['{', '(', '[', ':']);
    let rest = old.rest.or_else(|| (!opens(new.text)).then_some(old.first));
    let is_first_alone = old.first.len() > new.first.len() && new.rest.is_some() && new.rest == rest;
    if is_first_alone {
        let text = each(body, |row, line| {
            if row == new.row {
                format!("{}{}", old.first, line.text.trim_start())
            } else {
                line.text.to_owned()
            }
        });
        return Some((Step::FirstIndented, text));
    }
    let shift = Shift::between([(new.first, old.first)]);
    let is_possible = match &shift {
        Shift::Remove(blanks) => {
            lines(body).iter().all(|line| line.is_blank() || line.text.starts_with(blanks))
        }
        Shift::Table(_) => lines(body).iter().all(|line| line.is_blank() || line.text.starts_with(new.first)),
        _ => true,
    };
    is_possible.then(|| (Step::Indented, each(body, |_, line| shift.apply(line.text))))
}

/// How the lines of a text stand.
#[derive(Clone, Copy)]
struct Shape<'a> {
    /// Of its first line that is not blank: row, text and indentation.
    row: usize,
    text: &'a str,
    first: &'a str,
    /// The least indentation of all lines after that; `None` where there are none.
    rest: Option<&'a str>,
}

impl<'a> Shape<'a> {
    fn of(lines: &[Line<'a>]) -> Option<Self> {
        let row = lines.iter().position(|line| !line.is_blank())?;
        let rest = lines[row + 1..].iter().filter(|line| !line.is_blank()).map(Line::indent);
        Some(Self {
            row,
            text: lines[row].text,
            first: lines[row].indent(),
            rest: rest.min_by_key(|indent| indent.len()),
        })
    }
}

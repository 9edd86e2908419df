//! The ladder: ways of finding a search, from the strictest on, and the choice among several places.
//!
//! The first rung on which the search stands anywhere decides: below it there would only be more places.

use std::ops::Range;

use crate::edit::hunk::index::{Index, Rung};
use crate::edit::hunk::lines::{Line, indent, lines, trim};
use crate::edit::hunk::{Found, NotFound, Step, nearest};
use crate::edit::repair::elision;
use crate::edit::repair::indent::Shift;

/// Lines whose indentations are compared, of all places of one search.
const COMPARED: usize = 1 << 18;

/// Parts that a search may have between lines that stand for code.
const PARTS: usize = 8;

pub fn find<'a>(
    index: &Index<'a>,
    search: &'a str,
    within: Option<&Range<usize>>,
) -> Result<Found<'a>, NotFound> {
    let all = lines(search);
    let search = trim(&all);
    if search.is_empty() {
        return Err(NotFound::Empty);
    }
    let before = all.iter().take_while(|line| line.is_blank()).count();
    let blank = (before, all.len() - before - search.len());
    let rungs = [
        (Step::Exact, Rung::All, &*all),
        (Step::TrailingBlanks, Rung::Start, search),
        (Step::Indentation, Rung::Inside, search),
        (Step::Blanks, Rung::Words, search),
        (Step::Quotes, Rung::Plain, search),
    ];
    for (step, rung, search) in rungs {
        let places = index.places(rung, search);
        let counting: Vec<_> = search.iter().filter(|line| rung.key(line.text).is_some()).collect();
        let pairs = |rows: &[usize]| -> Vec<_> {
            counting.iter().zip(rows).map(|(line, row)| (line.text, index.lines[*row])).collect()
        };
        // Of very many places none is the one, however they are indented.
        let is_sorted_out = step == Step::Indentation && places.lines() <= COMPARED;
        let fitting = places.iter().filter(|rows| !is_sorted_out || shift(&pairs(rows)).is_uniform());
        let rows = |rows: &[usize]| rows.first().zip(rows.last()).map(|(first, last)| *first..last + 1);
        let fitting: Vec<_> = fitting.filter_map(|place| Some((rows(place)?, place))).collect();
        if let Some((rows, place)) = choose(index, fitting, within)? {
            let blank = if step == Step::Exact { (0, 0) } else { blank };
            return Ok(Found { blank, ..found(index, step, rows, pairs(place)) });
        }
    }
    if let Some(found) = by_parts(index, search, within)? {
        return Ok(Found { blank, ..found });
    }
    if let Some(found) = by_anchors(index, search, within)? {
        return Ok(Found { blank, ..found });
    }
    Err(NotFound::Missing { nearest: nearest::nearest(&index.lines, search) })
}

/// The one place, or of several the one inside `within`; `None` where there is none.
fn choose<T>(
    index: &Index,
    mut places: Vec<(Range<usize>, T)>,
    within: Option<&Range<usize>>,
) -> Result<Option<(Range<usize>, T)>, NotFound> {
    if places.len() <= 1 {
        return Ok(places.pop());
    }
    let lines = places.iter().map(|(rows, _)| rows.start + 1).collect();
    if let Some(within) = within {
        places.retain(|(rows, _)| {
            let bytes = bytes(index, rows);
            within.start <= bytes.start && text_end(index, rows) <= within.end
        });
        if places.len() == 1 {
            return Ok(places.pop());
        }
    }
    Err(NotFound::Ambiguous { lines })
}

/// Bytes of whole rows.
fn bytes(index: &Index, rows: &Range<usize>) -> Range<usize> {
    index.lines[rows.start].start..index.lines[rows.end - 1].range().end
}

/// Where the text of the last of `rows` ends: a region may stop before the line end.
fn text_end(index: &Index, rows: &Range<usize>) -> usize {
    let last = index.lines[rows.end - 1];
    last.start + last.text.len()
}

fn found<'a>(
    index: &Index<'a>,
    step: Step,
    rows: Range<usize>,
    pairs: Vec<(&'a str, Line<'a>)>,
) -> Found<'a> {
    Found { range: bytes(index, &rows), step, shift: shift(&pairs), pairs, blank: (0, 0), gaps: Vec::new() }
}

fn shift(pairs: &[(&str, Line)]) -> Shift {
    let visible = pairs.iter().filter(|(_, original)| !original.is_blank());
    Shift::between(visible.map(|(search, original)| (indent(search), original.indent())))
}

/// A search with lines that stand for code which was left out: its first part must stand in one place, each further one
/// is the next of its kind below. What lies between is kept, so a next one that is too near or too far loses nothing.
fn by_parts<'a>(
    index: &Index<'a>,
    search: &[Line<'a>],
    within: Option<&Range<usize>>,
) -> Result<Option<Found<'a>>, NotFound> {
    if !search.iter().any(|line| elision::is_gap(line.text)) {
        return Ok(None);
    }
    let parts: Vec<_> = search.split(|line| elision::is_gap(line.text)).map(trim).collect();
    if !(2..=PARTS).contains(&parts.len()) || parts.iter().any(|part| part.is_empty()) {
        // At an edge, or two in a row: where they end is not said.
        return Ok(None);
    }
    let places = |part| -> Vec<_> {
        let places = index.places(Rung::Start, part);
        places.iter().filter_map(|rows| Some((*rows.first()?..rows.last()? + 1, ()))).collect()
    };
    let Some((mut rows, ())) = choose(index, places(parts[0]), within)? else {
        return Ok(None);
    };
    let pair = |part: &[Line<'a>], rows: &Range<usize>| -> Vec<_> {
        part.iter().zip(rows.clone()).map(|(line, row)| (line.text, index.lines[row])).collect()
    };
    let (mut pairs, mut gaps) = (pair(parts[0], &rows), Vec::new());
    for part in &parts[1..] {
        let Some((next, ())) = places(part).into_iter().find(|(next, ())| next.start >= rows.end) else {
            return Ok(None);
        };
        pairs.extend(pair(part, &next));
        gaps.push(index.lines[rows.end - 1].range().end..index.lines[next.start].start);
        rows.end = next.end;
    }
    Ok(Some(Found { gaps, ..found(index, Step::Elision, rows, pairs) }))
}

/// Lines that a search needs for its first and last one to say anything.
const ANCHORED: usize = 3;

/// The one place that begins and ends like the search and is half to twice as long.
fn by_anchors<'a>(
    index: &Index<'a>,
    search: &[Line<'a>],
    within: Option<&Range<usize>>,
) -> Result<Option<Found<'a>>, NotFound> {
    let (Some(first), Some(last)) = (search.first(), search.last()) else {
        return Ok(None);
    };
    if search.len() < ANCHORED || !first.text.contains(char::is_alphanumeric) {
        return Ok(None);
    }
    let rows = |line: &Line| -> Vec<usize> {
        let places = index.places(Rung::Inside, std::slice::from_ref(line));
        places.iter().filter_map(|rows| rows.first().copied()).collect()
    };
    let lasts = rows(last);
    let mut places = Vec::new();
    for start in rows(first) {
        let nearest = start + search.len().div_ceil(2).max(2) - 1;
        let furthest = start + search.len() * 2 - 1;
        let fitting = &lasts
            [lasts.partition_point(|row| *row < nearest)..lasts.partition_point(|row| *row <= furthest)];
        places.extend(fitting.iter().take(2).map(|end| (start..end + 1, ())));
    }
    let Some((rows, ())) = choose(index, places, within)? else {
        return Ok(None);
    };
    let pairs = vec![(first.text, index.lines[rows.start]), (last.text, index.lines[rows.end - 1])];
    Ok(Some(found(index, Step::Anchors, rows, pairs)))
}

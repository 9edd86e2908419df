//! Ways in which models show code in a chat that are no code: thoughts, prose round a fence, line numbers, the signs of
//! a diff, the entities of HTML.
//!
//! Each is undone where all of the body has it and the region has nothing like it, so that what is a text of its own
//! kind (a list in Markdown, a function that escapes HTML) stays. Knows lines and no language.

use crate::edit::hunk::index::ESCAPES;
use crate::edit::hunk::lines::{Line, lines};
use crate::edit::markers::Fault;
use crate::edit::repair::fence::is_fence;
use crate::edit::script::Refusal;

/// `body` behind what the model thought first.
///
/// # Errors
///
/// [`Fault::Thoughts`] where it never stopped thinking.
pub fn without_thoughts(body: &str, region: &str) -> Result<Option<String>, Refusal> {
    let Some(thoughts) = body.trim_start().strip_prefix("<think>").filter(|_| !region.contains("<think>"))
    else {
        return Ok(None);
    };
    match thoughts.split_once("</think>") {
        Some((_, answer)) => Ok(Some(answer.trim_start_matches(['\n', '\r']).to_owned())),
        None => Err(Refusal::Malformed(Fault::Thoughts)),
    }
}

/// The one fence of `body` that has lines of the region in it, where what is said round it has none.
pub fn out_of_prose(body: &str, region: &str) -> Option<String> {
    let (all, known) = (lines(body), lines(region));
    let mut fences = (0..all.len()).filter(|row| is_fence(all[*row].text));
    let (open, close, None) = (fences.next()?, fences.next()?, fences.next()) else {
        return None;
    };
    let is_known = |line: &Line| {
        let says_something = line.text.chars().filter(|c| c.is_alphanumeric()).count() > 2;
        says_something && known.iter().any(|other| other.text.trim() == line.text.trim())
    };
    let has_fence = known.iter().any(|line| is_fence(line.text));
    let prose = all[..open].iter().chain(&all[close + 1..]).any(is_known);
    let inside = &all[open + 1..close];
    let is_meant = !has_fence && !prose && inside.iter().any(is_known);
    is_meant.then(|| body[all[open].range().end..all[close].start].to_owned())
}

/// What a diff of all of the region makes of it; new code of which each line has a plus, without them.
///
/// # Errors
///
/// [`Fault::Diff`] for a diff of something else.
pub fn out_of_diff(body: &str, region: &str) -> Result<Option<String>, Refusal> {
    let is_signed = |line: &Line| line.is_blank() || line.text.starts_with(['+', '-', ' ']);
    let is_header = |line: &Line| ["@@ ", "--- ", "+++ "].iter().any(|head| line.text.starts_with(head));
    let has = |lines: &[Line], sign| lines.iter().any(|line| line.text.starts_with(sign));
    let all: Vec<_> = lines(body).into_iter().skip_while(|line| line.is_blank() || is_header(line)).collect();
    let known = lines(region);
    let is_diff = all.iter().all(is_signed) && has(&all, '+');
    if !is_diff || known.iter().all(is_signed) && (has(&known, '+') || has(&known, '-')) {
        return Ok(None);
    }
    let is_new = all.iter().all(|line| line.is_blank() || line.text.starts_with('+'));
    if !is_new && !has(&all, '-') {
        // Code that stands at some depth, and a sum that goes on with a plus.
        return Ok(None);
    }
    let without_sign = |line: &&Line| line.text.get(1..).unwrap_or_default().to_owned();
    let old = all.iter().filter(|line| !line.text.starts_with('+')).map(|line| without_sign(&line));
    let visible = |text: &String| !text.trim().is_empty();
    let is_of_region = old
        .filter(visible)
        .map(|text| text.trim_end().to_owned())
        .eq(known.iter().filter(|line| !line.is_blank()).map(|line| line.text.trim_end().to_owned()));
    if !is_new && !is_of_region {
        return Err(Refusal::Malformed(Fault::Diff));
    }
    let new = all.iter().filter(|line| !line.text.starts_with('-'));
    Ok(Some(new.map(|line| without_sign(&line) + line.newline).collect()))
}

/// `body` without the numbers that count its lines.
pub fn without_numbers(body: &str, region: &str) -> Option<String> {
    let (all, known) = (lines(body), lines(region));
    let visible = |line: &&Line| !line.is_blank();
    let mut next = None;
    let mut text = String::with_capacity(body.len());
    for line in &all {
        let Some((number, rest)) = numbered(line.text) else {
            if line.is_blank() {
                next = next.map(|next: u32| next + 1);
                text.push_str(line.newline);
                continue;
            }
            return None;
        };
        // Blank lines may be counted or not.
        if next.is_some_and(|next| number != next && number + 1 != next) {
            return None;
        }
        next = Some(number + 1);
        text.push_str(rest);
        text.push_str(line.newline);
    }
    let is_numbered = known.iter().filter(visible).all(|line| numbered(line.text).is_some());
    (all.iter().filter(visible).count() > 1 && !is_numbered).then_some(text)
}

/// The number that a line begins with, and what stands behind it and what sets it apart.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let line = line.trim_start();
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = line[..line.len() - rest.len()].parse().ok()?;
    let bare = rest.trim_start_matches(' ');
    let apart =
        bare.strip_prefix(['|', ':', '│', '→', '\t']).map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
    let rest = apart.or_else(|| rest.strip_prefix(' ')).or_else(|| rest.is_empty().then_some(rest))?;
    Some((number, rest))
}

/// `body` with characters for their entities, where it has none of these characters left.
pub fn without_entities(body: &str, region: &str) -> Option<String> {
    let entities = ESCAPES.into_iter().filter(|(entity, _)| entity.starts_with('&'));
    let is_entity = |at: usize| entities.clone().any(|(entity, _)| body[at..].starts_with(entity));
    let has_entity = |text: &str| entities.clone().any(|(entity, _)| text.contains(entity));
    let is_escaped = !body.contains(['<', '>']) && body.match_indices('&').all(|(at, _)| is_entity(at));
    // In a string it may be meant.
    let is_code = body.lines().any(|line| line.split(['"', '\'', '`']).next().is_some_and(has_entity));
    if !is_escaped || !is_code || has_entity(region) {
        return None;
    }
    Some(entities.fold(body.to_owned(), |text, (entity, plain)| text.replace(entity, plain)))
}

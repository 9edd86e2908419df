//! One line of an answer: is it a marker, a header, or text.
//!
//! Models vary what they were shown: case, `_` or `-` or a blank, two to four brackets, a closing slash, Markdown around
//! it. All that is taken where the marker has the line to itself. Where it shares the line with code only the exact
//! spelling counts, and nothing may follow, so that a marker in a string literal (a quote follows) stays code. Each look
//! costs a bounded number of bytes or one pass over the line. Knows nothing of what came before the line.

use crate::edit::markers::Tier;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Start,
    End,
    Search,
    Replace,
    Code,
}

/// What may stand before the body of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    File,
    Region,
    Op,
    To,
    Lang,
}

/// No marker is longer, in bytes, with all that may stand round it.
const LONGEST: usize = 64;

/// Markdown that a model puts before a marker.
const BEFORE: [char; 6] = ['`', '*', '#', '>', '/', '-'];

/// The most characters of [`BEFORE`].
const BEFORE_MOST: usize = 4;

/// The marker that `line` is. With a `nonce` only a marker that carries it.
pub fn whole(line: &str, nonce: Option<&str>) -> Option<Kind> {
    let line = line.trim();
    if line.len() > LONGEST {
        return None;
    }
    let text = line.trim_start_matches(|c: char| BEFORE.contains(&c) || c.is_whitespace());
    let before = line[..line.len() - text.len()].chars().filter(|c| !c.is_whitespace()).count();
    if before > BEFORE_MOST {
        return None;
    }
    let (kind, found, rest) = inside(brackets(text, '<')?)?;
    let rest = brackets(rest.trim_start(), '>')?;
    let is_clean = rest.trim_start().chars().all(|c| matches!(c, '`' | '*' | ':'));
    (is_clean && is_ours(found, nonce)).then_some(kind)
}

/// Text and the exact marker that `line` ends with.
pub fn glued<'a>(line: &'a str, nonce: Option<&str>) -> Option<(&'a str, Kind)> {
    let inside = line.trim_end().strip_suffix(">>>")?;
    let before = &inside[..=inside.rfind('<')?];
    let name = &inside[before.len()..];
    let before = before.strip_suffix("<<<")?.trim_end();
    let kind = exact(name, nonce)?;
    (!before.is_empty() && matches!(kind, Kind::End | Kind::Search | Kind::Replace)).then_some((before, kind))
}

/// What follows an exact end that opens the line, beyond a blank. A quote or a bracket there makes it code.
pub fn after_end<'a>(line: &'a str, nonce: Option<&str>) -> Option<&'a str> {
    let (name, rest) = line.trim_start().strip_prefix("<<<")?.split_once(">>>")?;
    let text = rest.trim_start();
    let is_prose = text.len() < rest.len() && !text.starts_with(['"', '\'', '`', ',', ';', ')']);
    (is_prose && !text.is_empty() && exact(name, nonce)? == Kind::End).then_some(text)
}

/// Where, at the end of `line`, one of `markers` begins that is not complete.
pub fn torn(line: &str, markers: &[String]) -> Option<usize> {
    let line = line.trim_end();
    let at = line.rfind("<<<A")?;
    let tail = &line[at..];
    markers.iter().any(|marker| marker.len() > tail.len() && marker.starts_with(tail)).then_some(at)
}

/// The header that `line` is, if `tier` knows it: a capitalised name and a value, bold or in backticks at will. YAML
/// has `path:` and `to:`, so small letters are code.
pub fn header(line: &str, tier: Tier) -> Option<(Header, &str)> {
    let line = line.trim();
    let text = line.trim_start_matches('*');
    let name = &text[..text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len()];
    let header = match (tier, &*name.to_ascii_uppercase()) {
        (Tier::Regions, "REGION") => Header::Region,
        (Tier::Files, "FILE" | "PATH") => Header::File,
        (Tier::Files, "OP") => Header::Op,
        (Tier::Files, "TO") => Header::To,
        (Tier::Files, "LANG") => Header::Lang,
        _ => return None,
    };
    let value = text[name.len()..].trim_start_matches('*').trim_start().strip_prefix(':')?;
    let value = value.trim_start_matches('*').trim();
    let value = if text.len() < line.len() { value.trim_end_matches('*') } else { value };
    let value = value.strip_prefix('`').unwrap_or(value);
    let value = value.strip_suffix('`').unwrap_or(value);
    (name.starts_with(|c: char| c.is_ascii_uppercase()) && !value.is_empty()).then_some((header, value))
}

/// Whether a model that sees `text` could take something in it for a marker: wider than what the parser takes.
pub fn holds_marker(text: &str) -> bool {
    text.split("<<").skip(1).any(|rest| name(rest.strip_prefix('<').unwrap_or(rest)).is_some())
}

/// The text after two to four of `bracket`.
fn brackets(text: &str, bracket: char) -> Option<&str> {
    let rest = text.trim_start_matches(bracket);
    (2..=4).contains(&(text.len() - rest.len())).then_some(rest)
}

/// The kind, the nonce and the text after them, of a marker without its opening brackets.
fn inside(text: &str) -> Option<(Kind, &str, &str)> {
    let (first, rest) = name(text)?;
    let (kind, rest) = match first {
        "SEARCH" => (Kind::Search, rest),
        "REPLACE" => (Kind::Replace, rest),
        "CODE" => (Kind::Code, rest),
        _ => {
            let rest = separator(rest);
            let start = strip(rest, "START").map(|rest| (Kind::Start, rest));
            start.or_else(|| Some((Kind::End, strip(rest, "END")?)))?
        }
    };
    let Some(tail) = rest.strip_prefix(':') else {
        return Some((kind, "", rest));
    };
    let rest = tail.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let nonce = &tail[..tail.len() - rest.len()];
    (1..=super::NONCE).contains(&nonce.len()).then_some((kind, nonce, rest))
}

/// The first word of a marker's name, and what follows it.
fn name(text: &str) -> Option<(&'static str, &str)> {
    let text = text.trim_start();
    let text = text.strip_prefix('/').unwrap_or(text).trim_start();
    let text = separator(strip(text, "AI")?);
    ["EDIT", "SEARCH", "REPLACE", "CODE"].into_iter().find_map(|word| Some((word, strip(text, word)?)))
}

fn separator(text: &str) -> &str {
    text.strip_prefix([' ', '_', '-']).unwrap_or(text)
}

fn strip<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    first.eq_ignore_ascii_case(word).then_some(rest)
}

/// The kind of a marker as we spell it, without its brackets.
fn exact(name: &str, nonce: Option<&str>) -> Option<Kind> {
    let (name, found) = match name.split_once(':') {
        Some((name, found)) if is_nonce(found) => (name, found),
        Some(_) => return None,
        None => (name, ""),
    };
    let kind = match name {
        "AI_EDIT_START" => Kind::Start,
        "AI_EDIT_END" => Kind::End,
        "AI_SEARCH" => Kind::Search,
        "AI_REPLACE" => Kind::Replace,
        "AI_CODE" => Kind::Code,
        _ => return None,
    };
    is_ours(found, nonce).then_some(kind)
}

fn is_nonce(text: &str) -> bool {
    let is_digit = |c: u8| c.is_ascii_digit() || c.is_ascii_lowercase();
    (1..=super::NONCE).contains(&text.len()) && text.bytes().all(is_digit)
}

fn is_ours(found: &str, nonce: Option<&str>) -> bool {
    nonce.is_none_or(|nonce| found.eq_ignore_ascii_case(nonce))
}

//! Ranking chunks of open documents round a cursor.
//!
//! BM25 over names, names taken apart at `_` and capitals too. The order of what is chosen is for the model's memory:
//! what was there before stays in its place. Reads no files, and keeps nothing between two calls.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::context::names::{dice, names, words};
use crate::syntax::{Chunk, ChunkKind};
use crate::text::Document;

/// Text of another place, with its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snippet {
    /// Relative to the workspace where it is inside, else the file name.
    pub path: String,
    pub text: String,
}

/// Chosen snippets, most stable first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    pub snippets: Vec<Snippet>,
}

/// A document that may be quoted.
pub struct Source {
    pub path: String,
    pub document: Arc<Document>,
    /// Larger is more recently edited or opened.
    pub recency: u64,
}

/// Bytes before and after the cursor whose names are looked for.
const WINDOW_BEFORE: usize = 2048;
const WINDOW_AFTER: usize = 512;
/// Documents larger than this are not quoted: data, or generated.
const LARGEST: usize = 1 << 20;
/// Whole bodies are quoted of this many chunks, to this many bytes; of others the signature.
const BODIES: usize = 3;
const BODY: usize = 500;
const SIGNATURE: usize = 240;
/// A chunk that scores less than this part of what the best one does has only common names with the window.
const LEAST: f32 = 0.15;
/// Snippets at most: beyond these a rank says little.
const MOST: usize = 12;
/// Words alike: with the window, and with another snippet (`completion.md` 4).
const LIKE_WINDOW: f32 = 0.5;
const LIKE_OTHER: f32 = 0.9;
/// How much better a new snippet must be than the last kept one to take its place.
const BETTER: f32 = 1.5;
/// BM25's usual constants.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// Chooses snippets for a cursor at `offset` of `here`, at most `budget` tokens by `count` (exact, each snippet as it
/// is spelled in the prompt). Keeps what `previous` had where it still qualifies, in its order, so that a model
/// re-reads little: what is new comes behind it, and only the last one is ever replaced. May parse.
pub fn gather(
    here: &Document,
    offset: usize,
    sources: &[Source],
    previous: &Context,
    budget: usize,
    count: &mut dyn FnMut(&Snippet) -> usize,
) -> Context {
    let window = here.slice(offset.saturating_sub(WINDOW_BEFORE)..offset.saturating_add(WINDOW_AFTER));
    let sources: Vec<&Source> = sources
        .iter()
        .filter(|source| !std::ptr::eq(&*source.document, here) && source.document.len() <= LARGEST)
        .collect();
    let texts: Vec<String> = sources.iter().map(|source| source.document.slice(0..LARGEST)).collect();
    let ranked = rank(&window, &sources, &texts);
    let candidates = candidates(&window, &ranked);
    choose(candidates, previous, budget, count)
}

/// A chunk that shares names with the window.
struct Ranked<'a> {
    source: &'a Source,
    text: &'a str,
    chunk: &'a Chunk,
    score: f32,
}

/// Chunks by BM25, best first; of equal ones the more recent, then by path and place, so that the order is always
/// the same.
fn rank<'a>(window: &str, sources: &[&'a Source], texts: &'a [String]) -> Vec<Ranked<'a>> {
    let mut query: HashMap<&str, usize> = HashMap::new();
    names(window, |name| {
        let next = query.len();
        query.entry(name).or_insert(next);
    });
    struct Counted<'a> {
        source: &'a Source,
        text: &'a str,
        chunk: &'a Chunk,
        length: f32,
        found: HashMap<usize, f32>,
    }
    let mut counted = Vec::new();
    let mut documents_with = vec![0_usize; query.len()];
    for (source, text) in sources.iter().zip(texts) {
        for chunk in source.document.chunks() {
            let Some(body) = text.get(chunk.range.clone()) else {
                continue;
            };
            let (mut length, mut found) = (0.0, HashMap::new());
            names(body, |name| {
                length += 1.0;
                if let Some(term) = query.get(name) {
                    *found.entry(*term).or_insert(0.0) += 1.0;
                }
            });
            // A definition of something named round the cursor is what a writer would look up.
            if let Some(term) = chunk.name.as_deref().and_then(|name| query.get(name)) {
                *found.entry(*term).or_insert(0.0) += 4.0;
            }
            found.keys().for_each(|term| documents_with[*term] += 1);
            counted.push(Counted { source, text, chunk, length, found });
        }
    }
    let total = counted.len() as f32;
    let mean_length = (counted.iter().map(|chunk| chunk.length).sum::<f32>() / total.max(1.0)).max(1.0);
    let mut ranked: Vec<Ranked> = counted
        .into_iter()
        .map(|Counted { source, text, chunk, length, found }| {
            let mut terms: Vec<(usize, f32)> = found.into_iter().collect();
            // Sums of floats depend on their order.
            terms.sort_by_key(|term| term.0);
            let score = terms.into_iter().map(|(term, times)| {
                let with = documents_with[term] as f32;
                let rarity = (1.0 + (total - with + 0.5) / (with + 0.5)).ln();
                rarity * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length / mean_length))
            });
            Ranked { source, text, chunk, score: score.sum() }
        })
        .filter(|ranked| ranked.score > 0.0 && ranked.chunk.kind != ChunkKind::Imports)
        .collect();
    ranked.sort_by(|a, b| {
        let key = |ranked: &Ranked<'a>| {
            (Reverse(ranked.source.recency), &ranked.source.path, ranked.chunk.range.start)
        };
        b.score.total_cmp(&a.score).then_with(|| key(a).cmp(&key(b)))
    });
    ranked
}

/// A snippet that may be chosen.
struct Candidate {
    snippet: Snippet,
    score: f32,
    recency: u64,
    start: usize,
}

/// The best chunks as snippets: none that the window shows nearly, none nearly twice, none inside another.
fn candidates(window: &str, ranked: &[Ranked]) -> Vec<Candidate> {
    let window: HashSet<&str> = words(window).collect();
    let mut least = 0.0;
    let mut chosen: Vec<(&Ranked, HashSet<&str>)> = Vec::new();
    let mut candidates = Vec::new();
    for ranked in ranked {
        if candidates.len() == MOST || ranked.score < least {
            break;
        }
        let limit = if candidates.len() < BODIES { BODY } else { SIGNATURE };
        let text = quote(ranked, limit);
        let own: HashSet<&str> = words(text).collect();
        let is_inside = chosen.iter().any(|(other, _)| {
            std::ptr::eq(other.source, ranked.source)
                && other.chunk.range.start < ranked.chunk.range.end
                && ranked.chunk.range.start < other.chunk.range.end
        });
        let is_known = own.len() < 2
            || is_inside
            || dice(&own, &window) > LIKE_WINDOW
            || chosen.iter().any(|(_, other)| dice(&own, other) > LIKE_OTHER);
        if is_known {
            continue;
        }
        if candidates.is_empty() {
            least = ranked.score * LEAST;
        }
        chosen.push((ranked, own));
        candidates.push(Candidate {
            snippet: Snippet { path: ranked.source.path.clone(), text: text.to_owned() },
            score: ranked.score,
            recency: ranked.source.recency,
            start: ranked.chunk.range.start,
        });
    }
    candidates
}

/// All of a small chunk; of a large one its signature, or where it has none its first lines.
fn quote<'a>(ranked: &Ranked<'a>, limit: usize) -> &'a str {
    let Ranked { text, chunk, .. } = ranked;
    let body = text.get(chunk.range.clone()).unwrap_or("");
    if body.len() <= limit {
        return body;
    }
    let signature = text.get(chunk.signature.clone()).unwrap_or("").trim_end();
    if limit < BODY && !signature.is_empty() && signature.len() < limit {
        return signature;
    }
    let end = (0..=limit).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
    match body[..end].rfind('\n') {
        Some(line_end) => body[..line_end].trim_end(),
        None => &body[..end],
    }
}

/// What was there and is still a candidate stays, in its order; the rest follows while it fits.
fn choose(
    mut candidates: Vec<Candidate>,
    previous: &Context,
    budget: usize,
    count: &mut dyn FnMut(&Snippet) -> usize,
) -> Context {
    let mut left = budget;
    let mut chosen: Vec<(Candidate, usize)> = Vec::new();
    for snippet in &previous.snippets {
        let Some(at) = candidates.iter().position(|candidate| candidate.snippet == *snippet) else {
            continue;
        };
        let tokens = count(snippet);
        if tokens <= left {
            left -= tokens;
            chosen.push((candidates.remove(at), tokens));
        }
    }
    let kept = chosen.len();
    for candidate in candidates {
        let tokens = count(&candidate.snippet);
        if tokens <= left {
            left -= tokens;
            chosen.push((candidate, tokens));
        } else if chosen.len() == kept
            && let Some((last, last_tokens)) = chosen.last()
            && candidate.score > BETTER * last.score
            && tokens <= left + last_tokens
        {
            left = left + last_tokens - tokens;
            chosen.pop();
            chosen.push((candidate, tokens));
        }
    }
    // Of new ones the longest untouched first: it is the likeliest to stay as it is.
    let kept = kept.min(chosen.len());
    chosen[kept..].sort_by(|(a, _), (b, _)| {
        (a.recency, &a.snippet.path, a.start).cmp(&(b.recency, &b.snippet.path, b.start))
    });
    Context { snippets: chosen.into_iter().map(|(candidate, _)| candidate.snippet).collect() }
}

#[cfg(test)]
mod tests;

//! What a prompt holds besides what is typed: the frozen texts round a cursor, cut to fit, and pieces of other files.
//!
//! Blocking: it tokenizes and reads ignore files. Does not decide when to freeze anew: who asks does, and whoever reads
//! ahead of need.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::assist::place::{Held, Place};
use crate::assist::{Assistant, Rules};
use crate::completion::Reason;
use crate::completion::anchor::{Anchor, Windows};
use crate::config::Part;
use crate::context::gather::{self, Source};
use crate::context::{Context, Snippet};
use crate::engine::ModelCard;
use crate::prompt::fit;
use crate::text::Document;
use crate::threads::lock;

/// Tokens kept free for what is typed before the anchor is set anew while somebody waits. From half of that on it is set
/// anew while nobody does.
const TYPED_TOKENS: u32 = 512;
/// Tokens kept free for control tokens and healed bytes.
const MARGIN_TOKENS: u32 = 32;
/// Bytes that a token stands for at the most, nearly: windows are cut to this before tokens are counted exactly.
const BYTES_A_TOKEN: usize = 6;

/// How long somebody waits for a first suggestion in a place rather than for a better one later.
const SOON: Duration = Duration::from_millis(1500);
/// Some sixteen lines: less than that is no context, however slow the model is.
const LEAST_TOKENS: usize = 192;

/// A place in one version of a document.
pub struct Cursor {
    pub uri: Url,
    pub document: Arc<Document>,
    /// Bytes; within the text.
    pub offset: usize,
}

/// Which pieces of other files to put before a file.
pub enum Quote {
    /// Those that help here, as far as is known now.
    Anew,
    /// These, whether they were chosen or not.
    As(Arc<[Snippet]>, bool),
}

/// How much to freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All that a prompt has room for.
    Whole,
    /// What is read while somebody waits: the nearest lines alone, by the speed that was measured.
    Soon,
}

/// Tokens that may be typed behind an anchor.
pub fn typed_tokens(card: &ModelCard) -> u32 {
    TYPED_TOKENS.min(card.context_tokens / 8)
}

/// Tokens that an answer may have.
pub fn answer_tokens(rules: &Rules, card: &ModelCard) -> u32 {
    rules.settings.completion.max_tokens.min(card.context_tokens / 4)
}

impl Assistant {
    /// What is to be frozen round a cursor: begun as `old` is where that is possible, so that a model keeps what it has
    /// read of it.
    pub(super) fn freeze(
        &self,
        at: &Cursor,
        rules: &Rules,
        card: &ModelCard,
        old: Option<&Held>,
        quote: Quote,
        extent: Extent,
    ) -> Result<Held, Reason> {
        let rope = at.document.rope();
        let mut shares = shares(rules, card).ok_or(Reason::BudgetPrompt)?;
        let soon = self.soon_read(rules).filter(|soon| extent == Extent::Soon && *soon < shares.sum());
        if let Some(soon) = soon {
            shares = fit::shares(soon, 0);
        }
        let windows = Windows { head: shares.head * BYTES_A_TOKEN, tail: shares.tail * BYTES_A_TOKEN };
        let anchor = match old {
            Some(held) => held.anchor.renewed(rope, at.offset, windows),
            None => Anchor::new(rope, at.offset, windows),
        };
        let with_closers = !rules.settings.parts.has(Part::Closers);
        let anchor = if with_closers { anchor.with_closers(rope, at.offset, windows) } else { anchor };
        let anchor = self.fitted(anchor, shares);
        let (snippets, has_chosen) = match quote {
            Quote::As(snippets, has_chosen) => (snippets, has_chosen || shares.snippets == 0),
            Quote::Anew => (self.snippets(at, rules, card), true),
        };
        let is_short = soon.is_some() && !anchor.is_whole();
        let path = rules.model_path(&at.uri).into();
        Ok(Held { anchor, snippets, has_chosen, is_short, path, dirty_since: None })
    }

    /// All there is room for; the nearest lines alone where too much of that would have to be read at first.
    pub(super) fn freeze_at_first(
        &self,
        at: &Cursor,
        rules: &Rules,
        card: &ModelCard,
        old: Option<&Held>,
        quote: Quote,
    ) -> Result<Held, Reason> {
        let whole = self.freeze(at, rules, card, old, quote, Extent::Whole)?;
        if self.is_soon_read(&whole, old, rules) {
            return Ok(whole);
        }
        self.freeze(at, rules, card, None, Quote::As(Arc::from([]), false), Extent::Soon)
    }

    /// Whether what is frozen is read while somebody waits, by a model that has read `old`.
    pub(super) fn is_soon_read(&self, new: &Held, old: Option<&Held>, rules: &Rules) -> bool {
        let Some(soon) = self.soon_read(rules) else { return true };
        let (head, tail) = (&*new.anchor.frozen().head, &*new.anchor.frozen().tail);
        let quoted: usize = new.snippets.iter().map(|snippet| snippet.text.len()).sum();
        // No token is shorter than a byte.
        if quoted + head.len() + tail.len() <= soon {
            return true;
        }
        let count = |text: &str| self.backend.count_tokens(text).unwrap_or(text.len());
        let old = old.filter(|old| old.snippets == new.snippets && old.path == new.path);
        let (quoted, from) = match old {
            Some(old) => (0, common(head, &old.anchor.frozen().head)),
            None => (new.snippets.iter().map(|snippet| count(&snippet.text)).sum(), 0),
        };
        quoted + count(&head[from..]) + count(tail) <= soon
    }

    /// Tokens of a prompt that are read while somebody waits; `None` until the model's speed is known, and where nothing
    /// would read the rest later.
    fn soon_read(&self, rules: &Rules) -> Option<usize> {
        let grows = rules.settings.completion.warm_up && rules.settings.parts.has(Part::Anchor);
        let per_second = self.backend.speed().prompt;
        (grows && per_second > 0.0).then(|| ((per_second * SOON.as_secs_f64()) as usize).max(LEAST_TOKENS))
    }

    /// Keeps what was frozen: only where no edit came meanwhile, which it would not have followed, and no new rules,
    /// which would have left out some of it. `None` where it was not kept.
    pub(super) fn place_held<T>(
        &self,
        at: &Cursor,
        rules: &Rules,
        keep: impl FnOnce(&mut Place) -> T,
    ) -> Option<T> {
        // NB: looked at under the lock under which edits are followed.
        let mut places = lock(&self.places);
        let now = self.store.snapshot(&at.uri);
        let is_current = now.is_some_and(|now| Arc::ptr_eq(&now, &at.document))
            && std::ptr::eq(Arc::as_ptr(&self.rules()), rules);
        let place = places.of(&at.uri).filter(|_| is_current);
        place.map(keep)
    }

    /// Whether a text has at most so many tokens. Counted only where it may have more.
    pub(super) fn is_within(&self, text: &str, tokens: u32) -> bool {
        let tokens = tokens as usize;
        text.len() <= tokens || self.backend.count_tokens(text).is_none_or(|count| count <= tokens)
    }

    /// Cuts the frozen texts to their shares, by exact counts: once for each anchor.
    fn fitted(&self, mut anchor: Anchor, shares: fit::Shares) -> Anchor {
        let mut count = |text: &str| self.backend.count_tokens(text).unwrap_or(text.len());
        let frozen = anchor.frozen().clone();
        let head = fit::settle_head(&frozen.head, shares.head, &mut count).len();
        let tail = fit::keep_start(&frozen.tail, shares.tail, &mut count).len();
        anchor.narrow(frozen.head.len() - head, tail);
        anchor
    }

    /// Pieces of other open files that help here.
    pub(super) fn snippets(&self, at: &Cursor, rules: &Rules, card: &ModelCard) -> Arc<[Snippet]> {
        let Some(budget) = shares(rules, card).map(|shares| shares.snippets).filter(|&budget| budget > 0)
        else {
            return Arc::from([]);
        };
        let others = self.store.all().into_iter().filter(|(uri, _)| *uri != at.uri);
        // NB: collected before the lock is taken: refusing reads ignore files, and typing waits for that lock.
        let others: Vec<_> = others.filter(|(uri, _)| rules.permission.refusal(uri).is_none()).collect();
        let sources: Vec<Source> = {
            let recent = lock(&self.recent);
            others
                .into_iter()
                .map(|(uri, document)| Source {
                    path: rules.model_path(&uri),
                    document,
                    recency: recent.recency(&uri),
                })
                .collect()
        };
        let previous = lock(&self.places).of(&at.uri).map(|place| place.context.clone()).unwrap_or_default();
        let mut count = |snippet: &Snippet| {
            // The separator before it is a token too.
            1 + self.backend.count_tokens(&snippet.path).unwrap_or(snippet.path.len())
                + self.backend.count_tokens(&snippet.text).unwrap_or(snippet.text.len())
                + 2
        };
        let context: Context =
            gather::gather(&at.document, at.offset, &sources, &previous, budget, &mut count);
        let snippets = context.snippets.clone().into();
        // A document that has closed meanwhile needs none.
        if let Some(place) = lock(&self.places).of(&at.uri) {
            place.context = context;
        }
        snippets
    }
}

/// How many tokens each part of a prompt may have; `None` where the context is too small for any.
fn shares(rules: &Rules, card: &ModelCard) -> Option<fit::Shares> {
    let reserved = answer_tokens(rules, card) + MARGIN_TOKENS + typed_tokens(card);
    let budget = card.context_tokens.checked_sub(reserved).filter(|&budget| budget >= 32)?;
    let context = &rules.settings.context;
    let wanted = if context.cross_file && card.quotes { context.max_tokens as usize } else { 0 };
    Some(fit::shares(budget as usize, wanted))
}

/// Bytes that two texts begin with alike, up to a character border.
fn common(one: &str, other: &str) -> usize {
    let alike = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    one.floor_char_boundary(alike)
}

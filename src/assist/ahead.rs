//! Accept-ahead: while a suggestion is looked at, the one behind it is made.
//!
//! Its prompt is the one that is held, with the suggestion typed: there is next to nothing to read. It is made only while
//! nothing is asked for, of whatever document, and where no key came for as long as keys usually take: who types on does
//! not look, and who takes none of what is made has to look for longer, and is made less and less of it. It ends with the
//! first key that says something else, and it is shown only when what it stands behind is accepted. It makes no more than
//! that: the next is made when this one is shown.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::assist::freeze::{Cursor, answer_tokens, typed_tokens};
use crate::assist::prepare::most_for;
use crate::assist::run::{Purpose, Start};
use crate::assist::{Assistant, Rules};
use crate::completion::cache::Origin;
use crate::completion::policy::{self, Situation, Trigger};
use crate::completion::precedent::Precedent;
use crate::completion::shape::{Shaped, Shaper};
use crate::config::Part;
use crate::engine::sample::Sampling;
use crate::engine::{Lane, Request};
use crate::prompt::{Fill, Prompt};
use crate::text::{Change, Document, Encoding};
use crate::threads::{lock, off_the_runtime};

/// Tokens made ahead at most.
const MOST_TOKENS: u32 = 64;

/// The longest that is waited for the next key.
const MOST_PATIENCE: Duration = Duration::from_millis(300);

/// How many times as long is waited where nothing of what was made ahead is taken.
const MOST_TIMES: u32 = 8;

/// What is shown, and where it is kept.
pub struct Shown {
    pub uri: Url,
    /// The text that it is shown in.
    pub document: Arc<Document>,
    pub shaped: Shaped,
    pub origin: Origin,
}

/// All that is to be known before a model is asked.
struct Ready {
    prompt: Fill,
    purpose: Purpose,
    max_tokens: u32,
    precedents: Vec<Precedent>,
}

impl Assistant {
    /// Makes what comes behind a suggestion that is shown, where that is wanted. Returns at once.
    pub(super) fn look_ahead(self: &Arc<Self>, shown: Shown) {
        let rules = self.rules();
        if !rules.settings.completion.speculate {
            return;
        }
        // Who has accepted one looks for the next.
        let is_accepting = shown.origin.part > 0;
        // Half as long again, since no two keys take the same.
        let usual = lock(&self.places).of(&shown.uri).map(|place| place.usual_gap() * 3 / 2);
        let patience = usual.filter(|_| !is_accepting).unwrap_or_default().min(MOST_PATIENCE);
        // Who has taken none of the last ones has to look for longer.
        let patience = patience * (1 + lock(&self.ledger).foreseen_in_vain() / 2).min(MOST_TIMES);
        // NB: weak, for this outlives the question.
        let assistant = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            let (planning, uri) = (assistant.upgrade()?, shown.uri.clone());
            let now = planning.store.snapshot(&uri)?;
            if !Arc::ptr_eq(&now, &shown.document) || !lock(&planning.ledger).is_to_foresee() {
                return None;
            }
            let theirs = rules.clone();
            let ready = off_the_runtime(move || planning.plan_ahead(shown, &theirs)).await.ok()??;
            assistant.upgrade()?.make_ahead(&uri, ready, &rules)
        });
    }

    /// The text with the suggestion accepted, and what to ask there. Blocking: it parses.
    fn plan_ahead(&self, shown: Shown, rules: &Rules) -> Option<Ready> {
        let Shown { uri, document, shaped, origin } = shown;
        let card = self.may_complete(&uri, &document, rules).ok()?;
        let range = [shaped.range.start, shaped.range.end]
            .map(|offset| Encoding::Utf8.position(document.rope(), offset));
        let accepting = Change { range: Some(range[0]..range[1]), text: shaped.text.clone() };
        let (accepted, edits) = document.edited(document.version(), &[accepting], Encoding::Utf8);
        let (accepted, offset) = (Arc::new(accepted), shaped.range.start + shaped.text.len());
        let (mut held, (spot, before)) = {
            let mut places = lock(&self.places);
            let place = places.of(&uri)?;
            if place.run.is_some() {
                return None;
            }
            (place.held.clone()?, place.cache.end_of(origin)?)
        };
        edits.iter().for_each(|edit| held.anchor.follow(edit));
        let prompt = held.prompt(accepted.rope(), offset)?;
        if !self.is_within(&prompt.typed, typed_tokens(&card)) {
            return None;
        }
        let mode = policy::decide(&Situation {
            document: &accepted,
            offset,
            trigger: Trigger::Automatic,
            selection: None,
            last_inserted: &shaped.text,
            multiline: self.multiline(rules, Trigger::Automatic),
        });
        let mode = mode.ok()?;
        let at = Cursor { uri, document: accepted.clone(), offset };
        let precedents = self.precedents(&at, rules, &card);
        let purpose = Purpose {
            document: accepted,
            offset,
            mode,
            trigger: Trigger::Automatic,
            spot,
            behind: Some((origin, before)),
            types_through: rules.settings.parts.has(Part::TypeThrough),
        };
        let max_tokens = most_for(mode, answer_tokens(rules, &card)).min(MOST_TOKENS);
        Some(Ready { prompt, purpose, max_tokens, precedents })
    }

    /// Sets out, unless anything is being made.
    fn make_ahead(self: &Arc<Self>, uri: &Url, ready: Ready, rules: &Rules) -> Option<()> {
        let mut places = lock(&self.places);
        if places.is_running() || !places.is_latest(uri) {
            return None;
        }
        let now = self.store.snapshot(uri)?;
        let place = places.of(uri)?;
        // The spot as it is now: edits may have come.
        let (spot, _) = place.cache.end_of(ready.purpose.behind.as_ref()?.0)?;
        let Purpose { document, offset, mode, trigger, .. } = &ready.purpose;
        let shaper = Shaper::new(document.clone(), *offset, *mode, *trigger)
            .down_to(rules.settings.completion.min_confidence);
        let start = Start::new(Purpose { spot, ..ready.purpose }, shaper);
        let generation = self.backend.generate(Request {
            prompt: Prompt::Fill(ready.prompt),
            lane: Lane::Ahead,
            sampling: Sampling::default(),
            max_tokens: ready.max_tokens,
            max_time: Duration::from_millis(rules.settings.completion.max_time_ms.into()),
            hold: Duration::ZERO,
            stop: start.stop_rule(),
            told: None,
            precedents: ready.precedents,
        });
        let run = start.run(generation, Arc::downgrade(self), uri.clone());
        if run.agrees(now.rope()) {
            place.run = Some(run);
        }
        Some(())
    }
}

//! From what a model writes to what a person is shown: where to stop, what to cut, what to drop.
//!
//! The stream is watched by `stop` and, for what goes round in circles, `repetition`; the text right of the cursor is
//! met by `overlap`, the blanks before the text set right by `indent`, a string of one line kept to it by `quote`, and
//! an end that keeps the syntax sought by `whole`. Decides nothing about confidence but where to cut; what was cut
//! off, and for what reason, is never shown.

mod indent;
mod overlap;
mod quote;
mod repetition;
mod stop;
mod whole;

use std::ops::Range;
use std::sync::Arc;

use crate::completion::Reason;
use crate::completion::line::Surroundings;
use crate::completion::policy::{Mode, Trigger};
use crate::syntax::lines;
use crate::text::Document;
use crate::text::unseen::is_unseen;
use stop::{Cause, Rules};

/// What a stop rule says after each piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Continue,
    Stop,
}

/// How the text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The model ended it, or a stop rule did.
    Whole,
    /// A limit did, perhaps in the middle of a line: of several lines the last is not shown.
    CutShort,
}

/// A finished suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Shaped {
    /// Bytes of the document that the text replaces: empty at the cursor, or the cursor to the end of its line.
    pub range: Range<usize>,
    /// Plain text in the document's line endings.
    pub text: String,
    /// What the model wrote of it, without what stood right of the cursor and is restated: what the cache keeps.
    pub added: String,
    /// Mean natural logarithm of the probabilities of the pieces kept; 0 where none were told.
    pub confidence: f32,
}

/// What a model wrote so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Blanks that it began with and that do not belong there.
    pub front: String,
    pub text: String,
}

/// A piece whose probability is below this ends an automatic suggestion before it, unless less sure ones are wanted too
/// (`completion.md` 5: p < 0.1).
const LEAST_PROBABILITY: f32 = 0.1;

/// Fewer visible characters than this are not worth a look.
const LEAST_VISIBLE: usize = 3;

/// Watches a generation, piece by piece, on the thread that makes the tokens: owned and `Send`.
pub struct Shaper {
    document: Arc<Document>,
    offset: usize,
    trigger: Trigger,
    /// The log-probability of a piece below which an automatic suggestion ends before it.
    least: f32,
    around: Surroundings,
    rules: Rules,
    /// All text so far, lines ended by `\n` alone.
    text: String,
    /// A carriage return was last, and may be the first half of a line end.
    is_return_pending: bool,
    /// Where each piece begins in `text`, and its log-probability.
    pieces: Vec<(usize, f32)>,
    /// Where a rule cut the text, and why; nothing more is taken in then.
    cut: Option<(usize, Cause)>,
}

impl Shaper {
    /// For a cursor at byte `offset` of `document`. Does not parse.
    pub fn new(document: Arc<Document>, offset: usize, mode: Mode, trigger: Trigger) -> Self {
        Self::with_mode(document, offset, Some(mode), trigger)
    }

    fn with_mode(document: Arc<Document>, offset: usize, mode: Option<Mode>, trigger: Trigger) -> Self {
        let offset = lines::floor(document.rope(), offset);
        let around = Surroundings::of(document.rope(), offset);
        let rules = Rules::new(document.language(), &around, mode);
        Self {
            document,
            offset,
            trigger,
            least: LEAST_PROBABILITY.ln(),
            around,
            rules,
            text: String::new(),
            is_return_pending: false,
            pieces: Vec::new(),
            cut: None,
        }
    }

    /// For somebody who wants to see suggestions of this mean log-probability, and so pieces of it.
    pub fn down_to(self, confidence: f32) -> Self {
        Self { least: self.least.min(confidence), ..self }
    }

    /// Takes the next piece of the model's text (beyond healed bytes), with the natural logarithm of its probability,
    /// and says whether to go on.
    pub fn push(&mut self, piece: &str, log_probability: f32) -> Verdict {
        if self.cut.is_some() {
            return Verdict::Stop;
        }
        let start = self.text.len();
        // A line end is none, in whichever way it is written.
        let unseen = piece.find(|c| is_unseen(c) && c != '\r');
        self.append(piece.get(..unseen.unwrap_or(piece.len())).unwrap_or_default());
        if unseen.is_some() {
            // Nobody could judge the line that has it.
            let end = self.text.rfind('\n').unwrap_or(0);
            self.text.truncate(end);
            self.is_return_pending = false;
            self.cut = self.rules.cut(&self.text, End::Whole).or(Some((end, Cause::Unseen)));
            return Verdict::Stop;
        }
        // What comes before a piece of which the model was not sure stands well without it; the first one does not.
        let is_unsure = log_probability < self.least && self.trigger == Trigger::Automatic;
        if is_unsure && !self.text[..start].trim().is_empty() {
            self.text.truncate(start);
            self.is_return_pending = false;
            self.cut = Some((start, Cause::Unsure));
            return Verdict::Stop;
        }
        self.pieces.push((start, log_probability));
        self.cut = self.rules.cut(&self.text, End::CutShort);
        if self.cut.is_some() { Verdict::Stop } else { Verdict::Continue }
    }

    /// The text so far as it would stand in the document, but for what the end of it may yet take off.
    pub fn written(&self) -> Written {
        let mut text = self.text.clone();
        let front = indent::settle(&mut text, &self.around);
        Written { front: self.spell(&self.text[..front]), text: self.spell(&text) }
    }

    fn append(&mut self, piece: &str) {
        for c in piece.chars() {
            if std::mem::take(&mut self.is_return_pending) {
                self.text.push('\n');
                if c == '\n' {
                    continue;
                }
            }
            match c {
                '\r' => self.is_return_pending = true,
                c => self.text.push(c),
            }
        }
    }

    /// The suggestion, or why there is none. May parse.
    pub fn finish(mut self, end: End) -> Result<Shaped, Reason> {
        if self.text.is_empty() && self.cut.is_none() {
            return Err(if self.is_return_pending { Reason::DropBlank } else { Reason::GenEmpty });
        }
        let cut = self.cut.take().or_else(|| self.rules.cut(&self.text, end));
        if let Some((at, _)) = cut {
            self.text.truncate(at);
        } else if end == End::CutShort
            && let Some(last) = self.text.rfind('\n')
        {
            // Of several lines, one that a limit cut is a promise not kept.
            if !self.text[..last].trim().is_empty() {
                self.text.truncate(last);
            }
        }
        if let Some(at) = quote::break_in_string(&self.document, self.offset, &self.around, &self.text) {
            self.text.truncate(at);
        }
        let cause = cut.map(|(_, cause)| cause);
        if cause == Some(Cause::Repeated) && visible(&self.text) < LEAST_VISIBLE {
            return Err(Reason::DropRepeat);
        }
        let blank = || match cause {
            Some(Cause::Below) => Reason::DropSuffix,
            Some(Cause::Repeated) => Reason::DropRepeat,
            Some(Cause::Unseen) => Reason::DropUnseen,
            Some(Cause::Complete) if !self.around.rest_is_closers() => Reason::DropMidLine,
            _ => Reason::DropBlank,
        };
        let front = indent::settle(&mut self.text, &self.around);
        let met = overlap::meet(&self.around, &self.text).map_err(|reason| reason.unwrap_or_else(blank))?;
        if self.rules.repeats_above(&met.added) {
            return Err(Reason::DropAbove);
        }
        let range = self.offset..self.offset + met.covers;
        let met = whole::trim(&self.document, &self.around, range.clone(), met)?;
        if self.trigger == Trigger::Automatic && met.gains < LEAST_VISIBLE {
            return Err(Reason::DropShort);
        }
        Ok(Shaped {
            range: self.offset..self.offset + met.covers,
            confidence: self.confidence(front, met.added.len()),
            text: self.spell(&met.text),
            added: self.spell(&met.added),
        })
    }

    /// Mean over the pieces that begin in the kept bytes, after `front` bytes that were taken off.
    fn confidence(&self, front: usize, kept: usize) -> f32 {
        let end = front + kept;
        let kept: Vec<f32> =
            self.pieces.iter().take_while(|(start, _)| *start < end).map(|piece| piece.1).collect();
        if kept.is_empty() { 0.0 } else { kept.iter().sum::<f32>() / kept.len() as f32 }
    }

    fn spell(&self, text: &str) -> String {
        if self.around.newline == "\n" { text.to_owned() } else { text.replace('\n', self.around.newline) }
    }
}

/// Shapes the rest of a kept text for the place where the cursor is now: what right of the cursor and below it the
/// text repeats may have changed since. Does not parse, and shows a rest however short: it is being typed.
pub fn reshape(
    document: &Arc<Document>,
    offset: usize,
    kept: &str,
    confidence: f32,
) -> Result<Shaped, Reason> {
    let mut shaper = Shaper::with_mode(Arc::clone(document), offset, None, Trigger::Invoked);
    shaper.append(kept);
    if let Some((at, _)) = shaper.rules.cut(&shaper.text, End::Whole) {
        shaper.text.truncate(at);
    }
    let met =
        overlap::meet(&shaper.around, &shaper.text).map_err(|reason| reason.unwrap_or(Reason::DropSuffix))?;
    Ok(Shaped {
        range: shaper.offset..shaper.offset + met.covers,
        text: shaper.spell(&met.text),
        added: shaper.spell(&met.added),
        confidence,
    })
}

fn visible(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests;

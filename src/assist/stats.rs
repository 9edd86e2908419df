//! Counters and the last hundred records: what `codesage/stats` and `codesage.why` show. Kept in memory only.

use std::collections::{BTreeMap, VecDeque};

use ropey::Rope;
use serde::Serialize;

use crate::completion::Reason;
use crate::engine::remote::RemoteStats;
use crate::engine::stats::{Percentiles, Window};
use crate::engine::{EngineStats, ModelState, Usage};
use crate::models::hardware;
use crate::text::{Encoding, Position};

/// Records kept.
const RECORDS: usize = 100;

/// The `codesage/stats` object. Its shape is part of the public contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    pub model: ModelStats,
    /// For edits and explanations; absent where that is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_model: Option<ModelStats>,
    pub completion: CompletionStats,
    pub edit: EditStats,
    pub engine: EngineStats,
    /// Of a server that answers in place of this machine; none where the person has named none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteStats>,
    pub memory: MemoryStats,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStats {
    /// `unloaded`, `loading`, `ready` or `failed`.
    pub state: &'static str,
    pub name: String,
    pub path: String,
    pub parameters: u64,
    pub context_tokens: u32,
    pub threads: u32,
    pub device: String,
    /// Whether it fills in the middle; without, only the text before the cursor is used.
    pub fills: bool,
    pub error: Option<String>,
}

/// Requests for suggestions; every one is counted once in `requested` and once in what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletionStats {
    pub requested: u64,
    pub shown: u64,
    pub empty: u64,
    pub cancelled: u64,
    pub superseded: u64,
    pub cache_hits: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Generations begun for a question.
    pub generations: u64,
    /// Questions answered by a generation that another one had begun.
    pub type_through_hits: u64,
    /// Generations for when what is shown is accepted that have ended, whatever came of them.
    pub speculations: u64,
    /// Those of them that were shown.
    pub speculation_hits: u64,
    /// Prompts read before anything was asked for.
    pub warm_ups: u64,
    /// Tokens made for suggestions of which nothing was shown, and now never will be.
    pub wasted_tokens: u64,
    /// Empty answers by reason code.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Of those shown, from request to answer.
    pub latency_ms: Percentiles,
}

/// Edits.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EditStats {
    pub requested: u64,
    pub applied: u64,
    /// Refused edits by the code of the guard.
    pub refused: BTreeMap<&'static str, u64>,
}

/// Bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryStats {
    pub rss_bytes: u64,
    pub model_bytes: u64,
    pub kv_bytes: u64,
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub id: String,
    pub uri: String,
    pub version: i32,
    /// Byte offset of the cursor.
    pub offset: usize,
    /// The same in each unit that a client may count columns in; none where the document was not open.
    #[serde(skip)]
    pub positions: Option<Positions>,
    pub code: &'static str,
    pub detail: &'static str,
    /// What it cost; zeros for one that was superseded or cancelled, whose cost is in the engine's counters alone.
    pub usage: Usage,
    /// From request to answer.
    pub ms: f64,
    /// Who wrote it, where there is more than one who may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Mean log-probability of what was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

/// A place as clients name it: texts change, so it is found out while the text is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Positions([Position; 3]);

impl Positions {
    /// Of a byte offset.
    pub fn new(rope: &Rope, offset: usize) -> Self {
        Self([Encoding::Utf8, Encoding::Utf16, Encoding::Utf32].map(|unit| unit.position(rope, offset)))
    }

    pub fn of(&self, unit: Encoding) -> Position {
        let [utf8, utf16, utf32] = self.0;
        match unit {
            Encoding::Utf8 => utf8,
            Encoding::Utf16 => utf16,
            Encoding::Utf32 => utf32,
        }
    }
}

/// Where requests are entered.
#[derive(Default)]
pub struct Ledger {
    completion: CompletionStats,
    edit: EditStats,
    latency: Window,
    records: VecDeque<Record>,
    /// Ids shown and not yet accepted or rejected.
    open: VecDeque<String>,
    /// Texts made for when what is shown is accepted, since one of them was shown.
    foreseen_in_vain: u32,
    /// Times that one could have been made and was not, since the last one was.
    passed: u32,
}

/// So many may be made in vain before the first is passed over.
const FORESEEN_FREELY: u32 = 2;
/// The binary logarithm of how many are passed over, one after the other, at most.
const MOST_PASSED: u32 = 5;

impl Ledger {
    pub fn requested(&mut self) {
        self.completion.requested += 1;
    }

    /// A generation was begun for a question.
    pub fn started(&mut self) {
        self.completion.generations += 1;
    }

    /// One for when what is shown is accepted has ended.
    pub fn speculated(&mut self) {
        self.completion.speculations += 1;
        self.foreseen_in_vain = self.foreseen_in_vain.saturating_add(1);
    }

    /// What was made for that is shown.
    pub fn foreseen(&mut self) {
        self.completion.speculation_hits += 1;
        self.foreseen_in_vain = 0;
    }

    /// Whether a text is to be made for that: of who takes none of them, each is made after twice as many were passed over,
    /// so that who never does pays next to nothing, and who begins to has them back.
    pub fn is_to_foresee(&mut self) -> bool {
        let in_vain = self.foreseen_in_vain.saturating_sub(FORESEEN_FREELY);
        let rests = if in_vain == 0 { 0 } else { 1 << (in_vain - 1).min(MOST_PASSED) };
        let is_due = self.passed >= rests;
        self.passed = if is_due { 0 } else { self.passed + 1 };
        is_due
    }

    /// How many texts were made for that, one after the other, of which none was shown.
    pub fn foreseen_in_vain(&self) -> u32 {
        self.foreseen_in_vain
    }

    /// A prompt was read before anything was asked for.
    pub fn warmed(&mut self) {
        self.completion.warm_ups += 1;
    }

    /// Tokens came to nothing.
    pub fn wasted(&mut self, tokens: u64) {
        self.completion.wasted_tokens += tokens;
    }

    /// Enters what became of a request.
    pub fn answered(&mut self, reason: Reason, record: Record) {
        let stats = &mut self.completion;
        match reason {
            Reason::Cancelled => stats.cancelled += 1,
            Reason::Superseded => stats.superseded += 1,
            reason if reason.is_shown() => {
                stats.shown += 1;
                stats.cache_hits += u64::from(reason == Reason::OkCache);
                stats.type_through_hits += u64::from(reason == Reason::OkRunning);
                self.latency.push(record.ms);
                self.open.push_back(record.id.clone());
            }
            _ => stats.empty += 1,
        }
        if !reason.is_shown() {
            *stats.dropped.entry(reason.code()).or_default() += 1;
        }
        self.records.push_back(record);
        if self.records.len() > RECORDS {
            self.records.pop_front();
        }
        if self.open.len() > RECORDS {
            self.open.pop_front();
        }
    }

    pub fn accepted(&mut self, id: &str) {
        if self.settle(id) {
            self.completion.accepted += 1;
            self.foreseen_in_vain = 0;
        }
    }

    pub fn rejected(&mut self, id: &str) {
        self.completion.rejected += u64::from(self.settle(id));
    }

    pub fn edit_requested(&mut self) {
        self.edit.requested += 1;
    }

    pub fn edit_applied(&mut self) {
        self.edit.applied += 1;
    }

    pub fn edit_refused(&mut self, code: &'static str) {
        *self.edit.refused.entry(code).or_default() += 1;
    }

    pub fn completion(&self) -> CompletionStats {
        CompletionStats { latency_ms: self.latency.percentiles(), ..self.completion.clone() }
    }

    /// Newest first.
    pub fn records(&self, limit: usize) -> Vec<Record> {
        self.records.iter().rev().take(limit).cloned().collect()
    }

    /// Whether the id was shown and is settled for the first time.
    fn settle(&mut self, id: &str) -> bool {
        let found = self.open.iter().position(|open| open == id);
        found.and_then(|index| self.open.remove(index)).is_some()
    }
}

impl Stats {
    /// `unseen`: tokens of suggestions that were kept, and let go without having been shown. `editing`: of a model for
    /// edits alone.
    pub fn new(
        model: &ModelState,
        editing: Option<&ModelState>,
        ledger: &Ledger,
        unseen: u64,
        engine: EngineStats,
    ) -> Self {
        let mut memory =
            MemoryStats { rss_bytes: hardware::resident_memory().unwrap_or(0), ..MemoryStats::default() };
        let model = ModelStats::of(model, &mut memory);
        let edit_model = editing.map(|state| ModelStats::of(state, &mut memory));
        let mut completion = ledger.completion();
        completion.wasted_tokens += unseen;
        Self { model, edit_model, completion, edit: ledger.edit.clone(), engine, remote: None, memory }
    }
}

impl ModelStats {
    /// Adds what it takes to `memory`.
    fn of(state: &ModelState, memory: &mut MemoryStats) -> Self {
        match state {
            ModelState::Unloaded => Self { state: "unloaded", ..Self::default() },
            ModelState::Loading { .. } => Self { state: "loading", ..Self::default() },
            ModelState::Failed(why) => Self { state: "failed", error: Some(why.clone()), ..Self::default() },
            ModelState::Ready(card) => {
                memory.model_bytes += card.model_bytes;
                memory.kv_bytes += card.kv_bytes;
                Self {
                    state: "ready",
                    name: card.name.clone(),
                    path: card.path.to_string_lossy().into_owned(),
                    parameters: card.parameters,
                    context_tokens: card.context_tokens,
                    threads: card.threads,
                    device: card.device.clone(),
                    fills: card.fills,
                    error: None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, reason: Reason) -> Record {
        Record {
            id: id.into(),
            uri: "file:///a".into(),
            version: 1,
            offset: 0,
            positions: None,
            code: reason.code(),
            detail: reason.meaning(),
            usage: Usage::default(),
            ms: 1.0,
            model: None,
            text: None,
            confidence: None,
        }
    }

    #[test]
    fn every_request_is_counted_once() {
        let mut ledger = Ledger::default();
        for &reason in Reason::ALL {
            ledger.requested();
            ledger.answered(reason, record("x", reason));
        }
        let stats = ledger.completion();
        assert_eq!(stats.requested, stats.shown + stats.empty + stats.cancelled + stats.superseded);
        assert_eq!(stats.dropped.values().sum::<u64>() + stats.shown, stats.requested);
    }

    #[test]
    fn who_takes_nothing_is_made_less_ahead() {
        let mut ledger = Ledger::default();
        let made = |ledger: &mut Ledger, times: u32| -> Vec<u32> {
            let mut is_made = || ledger.is_to_foresee().then(|| ledger.speculated()).is_some();
            (1..=times).filter(|_| is_made()).collect()
        };
        assert_eq!(made(&mut ledger, 36), [1, 2, 3, 5, 8, 13, 22]);
        // And no less than that.
        assert_eq!(made(&mut ledger, 200), [3, 36, 69, 102, 135, 168]);
        ledger.foreseen();
        assert_eq!(made(&mut ledger, 5), [1, 2, 3, 5]);
        ledger.answered(Reason::OkNew, record("7", Reason::OkNew));
        ledger.accepted("7");
        assert_eq!(made(&mut ledger, 2), [1, 2]);
    }

    #[test]
    fn a_suggestion_is_accepted_once() {
        let mut ledger = Ledger::default();
        ledger.answered(Reason::OkNew, record("7", Reason::OkNew));
        ledger.accepted("7");
        ledger.accepted("7");
        ledger.rejected("7");
        ledger.accepted("never shown");
        assert_eq!((ledger.completion().accepted, ledger.completion().rejected), (1, 0));
    }

    #[test]
    fn old_records_go() {
        let mut ledger = Ledger::default();
        for index in 0..250 {
            ledger.answered(Reason::OkNew, record(&index.to_string(), Reason::OkNew));
        }
        assert_eq!(ledger.records(1000).len(), RECORDS);
        assert_eq!(ledger.records(1)[0].id, "249");
    }
}

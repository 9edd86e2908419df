//! What each KV sequence holds, so that only what changed is evaluated. Pure: it plans, `llama` carries out.
//!
//! A slot mirrors one sequence of the KV cache: the tokens at positions 0, 1, 2 … and the rows of logits that were kept
//! behind some of them: behind prompts, and behind what was written of the last words of a prompt. Choosing a slot, what to keep of it and whom to evict is arithmetic on these
//! mirrors. Nothing here shifts a cache: positions are only ever appended or cut off from the end.

use crate::engine::Lane;

/// A token id of the loaded model; never negative inside the engine.
pub type Token = i32;

/// Sequences for places in files: a few recent ones stay warm while another is made.
pub const PLACES: usize = 5;

/// Sequences for actions.
pub const ACTIONS: usize = 1;

/// Cells left free beside a prompt and its answer.
pub const SPARE_CELLS: usize = 64;

/// Rows of logits kept for a sequence: where the cursor is, and where it will be when what is shown is accepted.
const ROWS: usize = 2;

/// And behind tokens that a text was made to begin with: those of the word at the cursor, which is a few tokens.
const WORD_ROWS: usize = 4;

/// A prefix worth copying from another sequence rather than evaluating again, tokens.
const WORTH_COPYING: usize = 16;

/// One KV sequence. Its index in [`Slots`] is its sequence id.
#[derive(Debug, Default)]
pub struct Slot {
    tokens: Vec<Token>,
    /// Behind prompts, newest last.
    rows: Vec<Row>,
    /// Behind tokens that were written of the word at the cursor, newest last.
    word_rows: Vec<Row>,
    /// When it was last used, by the count of uses; 0 for never, or since it was emptied.
    used: u64,
    /// Cells that the work it was last planned for may come to take.
    reserved: usize,
}

/// Logits kept behind the first `at` tokens of a slot.
#[derive(Debug)]
struct Row {
    at: usize,
    logits: Vec<f32>,
}

impl Slot {
    /// Tokens held, which are also the positions taken.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub fn push(&mut self, tokens: &[Token]) {
        self.tokens.extend_from_slice(tokens);
    }

    /// Forgets all but the first `keep` tokens, as the cache did.
    pub fn truncate(&mut self, keep: usize) {
        self.tokens.truncate(keep);
        if keep == 0 {
            self.used = 0;
        }
        self.rows.retain(|row| row.at <= keep);
        self.word_rows.retain(|row| row.at <= keep);
    }

    /// Keeps the logits behind the last token held, where a prompt ends.
    pub fn keep_row(&mut self, logits: &[f32]) {
        keep_row(&mut self.rows, ROWS, self.tokens.len(), logits);
    }

    /// Keeps the logits behind the last token held, one of the word at the cursor: the next key leaves most of it as it
    /// is, and what is chosen again then is not evaluated again.
    pub fn keep_word_row(&mut self, logits: &[f32]) {
        keep_row(&mut self.word_rows, WORD_ROWS, self.tokens.len(), logits);
    }

    /// How many of the tokens behind the first `at` can be chosen again without evaluating one of them: behind each the
    /// logits were kept.
    pub fn known_behind(&self, at: usize) -> usize {
        (at + 1..=self.tokens.len()).take_while(|&at| self.row(at).is_some()).count()
    }

    /// The rows of logits that are kept behind prompts, each with the count of tokens it is behind.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.rows.iter().map(|row| (row.at, row.logits.as_slice()))
    }

    /// Takes over what another run held here.
    pub fn restore(&mut self, tokens: &[Token], rows: Vec<(usize, Vec<f32>)>) {
        self.truncate(0);
        self.push(tokens);
        self.rows = rows.into_iter().map(|(at, logits)| Row { at, logits }).collect();
    }

    /// The logits behind the first `at` tokens, if they were kept.
    pub fn row(&self, at: usize) -> Option<&[f32]> {
        let mut rows = self.rows.iter().chain(&self.word_rows);
        rows.find(|row| row.at == at).map(|row| row.logits.as_slice())
    }
}

fn keep_row(rows: &mut Vec<Row>, most: usize, at: usize, logits: &[f32]) {
    rows.retain(|row| row.at != at);
    // The oldest one's memory is used again: a row may have 150,000 numbers.
    let oldest = (rows.len() == most).then(|| rows.remove(0));
    let mut kept = oldest.map(|row| row.logits).unwrap_or_default();
    kept.clear();
    kept.extend_from_slice(logits);
    rows.push(Row { at, logits: kept });
}

/// Which slots a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Places in files.
    Places,
    /// The same, for what is read before it is asked for: what another place holds is never cut off for it, since that
    /// place serves until this one is ready.
    Beside,
    /// Actions.
    Actions,
}

impl Pool {
    pub fn of(lane: Lane) -> Self {
        match lane {
            Lane::Action => Self::Actions,
            Lane::Warm => Self::Beside,
            Lane::Completion | Lane::Ahead => Self::Places,
        }
    }
}

/// What to do before a prompt is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The slot to use.
    pub slot: usize,
    /// Tokens of it that stay; all else of it is cut off.
    pub keep: usize,
    /// Then copy this many tokens from another slot; `keep` is 0 with it.
    pub copy: Option<Copy>,
    /// Last, slots to clear whole, least recently used first. The one copied from may be among them.
    pub evict: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    pub from: usize,
    pub tokens: usize,
}

impl Plan {
    /// Tokens of the prompt that need no evaluation.
    pub fn reused(&self) -> usize {
        self.copy.map_or(self.keep, |copy| copy.tokens)
    }
}

/// The sequences of one context: `places` for completions, then those for actions.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    places: usize,
    /// Where those for actions begin.
    actions: usize,
    /// Cells of the unified cache.
    cells: usize,
    clock: u64,
}

impl Slots {
    pub fn new(places: usize, actions: usize, cells: usize) -> Self {
        let slots = (0..places + actions).map(|_| Slot::default()).collect();
        Self { slots, places, actions: places, cells, clock: 0 }
    }

    /// One sequence for everything.
    pub fn single(cells: usize) -> Self {
        Self { slots: vec![Slot::default()], places: 1, actions: 0, cells, clock: 0 }
    }

    pub fn get(&self, slot: usize) -> &Slot {
        &self.slots[slot]
    }

    pub fn get_mut(&mut self, slot: usize) -> &mut Slot {
        &mut self.slots[slot]
    }

    /// How often a slot was used: the same number as before where nothing was.
    pub fn uses(&self) -> u64 {
        self.clock
    }

    /// All that hold something.
    pub fn held(&self) -> impl Iterator<Item = usize> {
        (0..self.slots.len()).filter(|&slot| !self.slots[slot].tokens.is_empty())
    }

    /// The places that hold something, the least recently used first.
    pub fn places(&self) -> Vec<usize> {
        let mut held: Vec<usize> = self.held().filter(|&slot| slot < self.places).collect();
        held.sort_by_key(|&slot| self.slots[slot].used);
        held
    }

    /// Marks a slot as just used.
    pub fn touch(&mut self, slot: usize) {
        self.clock += 1;
        self.slots[slot].used = self.clock;
    }

    /// Says how many cells the work planned for a slot may come to take, so that none of them is given away while
    /// it is paused.
    pub fn reserve(&mut self, slot: usize, cells: usize) {
        self.slots[slot].reserved = cells;
    }

    /// Where to evaluate `prompt`, with `answer` more tokens to come. `busy` slots belong to paused work.
    ///
    /// A slot that shares more than half of itself or of the prompt is the same place and is continued; otherwise
    /// an empty slot or the least recently used one is taken, so that the places it does not resemble stay warm.
    ///
    /// `None` when even evicting everything else leaves too few cells; `Slots` built for the context never say so.
    pub fn plan(&self, prompt: &[Token], answer: usize, pool: Pool, busy: &[usize]) -> Option<Plan> {
        let range = match pool {
            Pool::Places | Pool::Beside => 0..self.places,
            Pool::Actions => self.actions..self.slots.len(),
        };
        let free_to_use = |slot: &usize| !busy.contains(slot);
        let shared = |slot: usize| common_prefix(&self.slots[slot].tokens, prompt);

        let same_place =
            range.clone().filter(free_to_use).max_by_key(|&slot| (shared(slot), self.slots[slot].used));
        let same_place = same_place.filter(|&slot| {
            let held = self.slots[slot].tokens.len();
            let common = shared(slot);
            let is_alike = common > 0 && (2 * common >= held || 2 * common >= prompt.len());
            is_alike && (pool != Pool::Beside || common == held)
        });
        let (slot, keep, copy) = match same_place {
            Some(slot) => (slot, shared(slot), None),
            None => {
                let slot = range.filter(free_to_use).min_by_key(|&slot| self.slots[slot].used)?;
                let from =
                    (0..self.slots.len()).filter(|&other| other != slot).max_by_key(|&other| shared(other));
                let copy = from.map(|from| Copy { from, tokens: shared(from) });
                (slot, 0, copy.filter(|copy| copy.tokens >= WORTH_COPYING))
            }
        };
        let mut plan = Plan { slot, keep, copy, evict: Vec::new() };
        self.make_room(&mut plan, prompt.len() + answer + SPARE_CELLS, busy).then_some(plan)
    }

    /// The slot that holds all of `prompt`, whatever comes behind it there.
    pub fn holding(&self, prompt: &[Token]) -> Option<usize> {
        (0..self.places).find(|&slot| self.slots[slot].tokens.starts_with(prompt))
    }

    /// The place of `prompt` has a newer one: its slot is given away first. One that holds little of it is none.
    pub fn retire(&mut self, prompt: &[Token], busy: &[usize]) {
        let shared = |slot: usize| common_prefix(&self.slots[slot].tokens, prompt);
        let slots = (0..self.places).filter(|slot| !busy.contains(slot));
        let of_place = slots.max_by_key(|&slot| (shared(slot), std::cmp::Reverse(self.slots[slot].used)));
        if let Some(slot) = of_place.filter(|&slot| 2 * shared(slot) > prompt.len()) {
            self.slots[slot].used = 0;
        }
    }

    /// Adds evictions until `wanted` cells fit beside what stays. Cells shared by a copy are counted twice, which
    /// errs towards room.
    fn make_room(&self, plan: &mut Plan, wanted: usize, busy: &[usize]) -> bool {
        let taken = |slot: usize| {
            let held = self.slots[slot].tokens.len();
            if busy.contains(&slot) { held.max(self.slots[slot].reserved) } else { held }
        };
        let mut held: usize = (0..self.slots.len()).filter(|&slot| slot != plan.slot).map(taken).sum();
        while held + wanted > self.cells {
            let victim = (0..self.slots.len())
                .filter(|slot| *slot != plan.slot && !busy.contains(slot) && !plan.evict.contains(slot))
                .filter(|&slot| !self.slots[slot].tokens.is_empty())
                .min_by_key(|&slot| self.slots[slot].used);
            let Some(victim) = victim else { return false };
            held -= self.slots[victim].tokens.len();
            plan.evict.push(victim);
        }
        true
    }
}

/// How many leading tokens two sequences share.
pub fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;

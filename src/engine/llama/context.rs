//! The calls into a llama.cpp context, each behind the guards that keep it from aborting the process.
//!
//! What llama.cpp would abort on (design notes, `llama.md` §5) cannot be said through this type: batches never exceed
//! the context's own batch size, every token has exactly one sequence, ids and positions are checked, logits are read
//! only where a finished decode left them, and no position is ever shifted.

use std::ffi::{c_char, c_void};
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::context::session::{LlamaStateSeqFlags, SeqState};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;

use super::Interrupt;
use super::alive::Counted;
use crate::engine::checkpoint::Checkpoints;
use crate::engine::slot::Token;
use crate::models::fit::KvType;
use crate::models::memory;

/// Tokens evaluated by one call, at most.
pub const CHUNK: usize = memory::BATCH as usize;

/// States kept of one sequence, where its memory cannot be cut off: some for each doubling of the way back.
const STATES: usize = 16;
/// Bytes of the states of all sequences together, but for one of each: states of large models have tens of megabytes.
const STATE_BYTES: usize = 256 << 20;

/// The shape of a context.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Cells of the unified KV cache.
    pub cells: u32,
    pub sequences: u32,
    pub threads: i32,
    pub batch_threads: i32,
    /// Tokens that a layer with a sliding window sees, where that is known.
    pub window: Option<u32>,
    pub kv_type: KvType,
}

/// Behind which tokens of a batch the logits are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    None,
    Last,
    All,
}

/// How a decode went.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    Done,
    /// The abort flag was set; what is held must be read again.
    Aborted,
    /// A sentence for the log.
    Failed(String),
}

/// Where a sequence with a state can come back to.
struct Mark {
    state: SeqState,
    /// The logits there, where they were asked for: without them the token before is to be evaluated again, and the
    /// sequence has to go back further still.
    row: Vec<f32>,
}

/// A llama.cpp context of one model.
pub struct Context<'model> {
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    /// Tokens of the last decode behind which it left logits.
    rows: Range<usize>,
    vocab: Token,
    sequences: u32,
    /// Of each sequence, where the model keeps a state that cannot be taken back in part (recurrent and hybrid models);
    /// none for other models.
    checkpoints: Vec<Checkpoints<Arc<Mark>>>,
    window: Option<usize>,
    // NB: after `context`, whose abort callback points into it: fields drop in this order.
    interrupt: Arc<Interrupt>,
    _counted: Counted,
}

// The abort callback is set through the wrapper's own struct, which is a struct of one field. The language does not
// promise the layout, so it is asserted, and a test cancels a decode.
const _: () = assert!(
    size_of::<LlamaContextParams>() == size_of::<sys::llama_context_params>()
        && align_of::<LlamaContextParams>() == align_of::<sys::llama_context_params>()
);

/// llama.cpp asks this between the nodes of a graph.
unsafe extern "C" fn should_abort(interrupt: *mut c_void) -> bool {
    // SAFETY: it is the `Interrupt` that the context keeps alive, of which nothing is ever written but atomically.
    let interrupt = unsafe { &*interrupt.cast::<Interrupt>() };
    interrupt.pauses.look();
    interrupt.abort.load(Ordering::Relaxed)
}

/// Turns llama.cpp's log off: while serving, every decode says by its result how it went, and every abort, which is
/// how a cancel works, would write four lines of warnings and errors.
pub fn mute_log() {
    unsafe extern "C" fn ignore(_: sys::ggml_log_level, _: *const c_char, _: *mut c_void) {}
    // SAFETY: the function takes any arguments, touches none, and lives as long as the program.
    unsafe {
        sys::llama_log_set(Some(ignore), std::ptr::null_mut());
        sys::ggml_log_set(Some(ignore), std::ptr::null_mut());
    }
}

/// NB: a closed list; llama.cpp ends the process on others.
fn numbers(kind: KvType) -> KvCacheType {
    match kind {
        KvType::F16 => KvCacheType::F16,
        KvType::Q8 => KvCacheType::Q8_0,
    }
}

impl<'model> Context<'model> {
    /// A context of `model`; the error is a sentence.
    pub fn new(
        backend: &LlamaBackend,
        model: &'model LlamaModel,
        shape: Shape,
        interrupt: Arc<Interrupt>,
    ) -> Result<Self, String> {
        let mut params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(shape.cells))
            .with_n_batch(CHUNK as u32)
            .with_n_ubatch(CHUNK as u32)
            .with_n_seq_max(shape.sequences)
            .with_kv_unified(true)
            .with_n_threads(shape.threads)
            .with_n_threads_batch(shape.batch_threads)
            .with_type_k(numbers(shape.kv_type))
            .with_type_v(numbers(shape.kv_type))
            .with_flash_attention_policy(sys::LLAMA_FLASH_ATTN_TYPE_AUTO)
            .with_swa_full(true);
        // SAFETY: same size and alignment (asserted above), one field (the pinned version's source), and `params`
        // outlives the reference.
        let raw = unsafe { &mut *(&raw mut params).cast::<sys::llama_context_params>() };
        raw.abort_callback = Some(should_abort);
        raw.abort_callback_data = Arc::as_ptr(&interrupt).cast_mut().cast();
        let context = model.new_context(backend, params).map_err(|error| {
            format!("llama.cpp could not make a context of {} tokens: {error}", shape.cells)
        })?;
        if (context.n_batch() as usize) < CHUNK {
            return Err(format!(
                "llama.cpp made a context with a batch of {} tokens, less than {CHUNK}",
                context.n_batch()
            ));
        }
        let has_state = model.is_recurrent() || model.is_hybrid();
        let checkpoints = (0..if has_state { shape.sequences } else { 0 }).map(|_| Checkpoints::default());
        Ok(Self {
            context,
            batch: LlamaBatch::new(CHUNK, 1),
            rows: 0..0,
            vocab: model.n_vocab(),
            sequences: shape.sequences,
            checkpoints: checkpoints.collect(),
            window: shape.window.map(|window| window as usize),
            interrupt,
            _counted: Counted::context(),
        })
    }

    /// Evaluates up to [`CHUNK`] tokens behind the `at` that sequence `slot` holds; the logits behind some of them can
    /// be read afterwards.
    pub fn decode(&mut self, slot: usize, at: usize, tokens: &[Token], rows: Rows) -> Decoded {
        self.rows = 0..0;
        let (Some(sequence), Ok(at)) = (self.sequence(slot), i32::try_from(at)) else {
            return Decoded::Failed(format!("no sequence {slot} or no position {at}"));
        };
        if tokens.is_empty() || tokens.len() > CHUNK {
            return Decoded::Failed(format!("{} tokens are no batch", tokens.len()));
        }
        self.batch.clear();
        let wanted = match rows {
            Rows::None => 0..0,
            Rows::Last => tokens.len() - 1..tokens.len(),
            Rows::All => 0..tokens.len(),
        };
        for (index, &token) in tokens.iter().enumerate() {
            if !(0..self.vocab).contains(&token) {
                return Decoded::Failed(format!("token {token} is outside the vocabulary of {}", self.vocab));
            }
            let position = at + index as i32;
            if let Err(error) =
                self.batch.add(LlamaToken(token), position, &[sequence], wanted.contains(&index))
            {
                return Decoded::Failed(format!("batch: {error}"));
            }
        }
        self.interrupt.pauses.begin();
        match self.context.decode(&mut self.batch) {
            Ok(()) => {
                if rows == Rows::None {
                    self.interrupt.pauses.end(tokens.len());
                }
                // NB: a GPU computes on by itself. Whoever measures, or stops after this decode, wants it to be over.
                self.context.synchronize();
                self.rows = wanted;
                Decoded::Done
            }
            Err(DecodeError::Unknown(2)) => Decoded::Aborted,
            Err(error) => Decoded::Failed(error.to_string()),
        }
    }

    /// The logits behind the token of this index in the last decode, one for each token of the vocabulary.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        let index = Some(index).filter(|index| self.rows.contains(index))?;
        Some(self.context.get_logits_ith(i32::try_from(index).ok()?))
    }

    /// Cuts a sequence off behind its first `keep` tokens. Returns what it then holds: less, where the model (recurrent,
    /// hybrid) cannot remove a part and the state that was kept last lies before.
    pub fn truncate(&mut self, slot: usize, keep: usize) -> usize {
        let Some(sequence) = self.sequence(slot) else {
            return 0;
        };
        let kept = match self.checkpoints.get(slot) {
            None => (self.sees_enough(sequence, keep) && self.remove_behind(sequence, keep)).then_some(keep),
            Some(checkpoints) => checkpoints
                .before(keep)
                .cloned()
                .filter(|(at, mark)| self.put_back(sequence, *at, &mark.state))
                .map(|(at, _)| at),
        };
        let kept = kept.unwrap_or(0);
        if kept == 0 {
            // Removing a whole sequence always succeeds.
            let _ = self.context.clear_kv_cache_seq(Some(sequence as u32), None, None);
        }
        if let Some(checkpoints) = self.checkpoints.get_mut(slot) {
            checkpoints.forget_behind(kept);
        }
        kept
    }

    /// Whether the first `keep` tokens of a sequence can be gone on with. Of a state that was put into it llama.cpp has
    /// left out what lies before the window at its end.
    fn sees_enough(&self, sequence: i32, keep: usize) -> bool {
        let first = usize::try_from(self.context.kv_cache_seq_pos_min(sequence)).unwrap_or(0);
        first == 0 || self.window.is_some_and(|window| first + window <= keep)
    }

    fn remove_behind(&mut self, sequence: i32, keep: usize) -> bool {
        let from = u32::try_from(keep).ok().filter(|&from| from > 0);
        from.is_some() && self.context.clear_kv_cache_seq(Some(sequence as u32), from, None) == Ok(true)
    }

    /// Makes a sequence that holds the first `at` tokens at least, and perhaps more, hold these alone.
    fn put_back(&mut self, sequence: i32, at: usize, state: &SeqState) -> bool {
        // The state is the recurrent part; keys and values behind it are there still, and can be removed once it is back.
        self.context.state_seq_set(state, sequence).is_ok()
            && self.remove_behind(sequence, at)
            && self.length(sequence) == at
    }

    /// Keeps the state behind the `at` tokens that a sequence holds, where the model needs that to come back to them, and
    /// the logits there, if any.
    pub fn mark(&mut self, slot: usize, at: usize, row: Option<&[f32]>) {
        let Some(sequence) = self.sequence(slot).filter(|&sequence| self.length(sequence) == at) else {
            return;
        };
        let sequences = self.checkpoints.len();
        let Some(checkpoints) = self.checkpoints.get_mut(slot).filter(|kept| at > 0 && !kept.has(at)) else {
            return;
        };
        if let Ok(state) = self.context.state_seq_get(sequence, LlamaStateSeqFlags::PARTIAL_ONLY) {
            let row = row.unwrap_or_default().to_vec();
            let affordable = STATE_BYTES / sequences / (state.byte_len() + size_of_val(&*row)).max(1);
            checkpoints.keep(at, Arc::new(Mark { state, row }), affordable.min(STATES));
        }
    }

    /// The logits that were kept behind the first `at` tokens of a sequence.
    pub fn marked_row(&self, slot: usize, at: usize) -> Option<&[f32]> {
        let (place, mark) = self.checkpoints.get(slot)?.before(at)?;
        Some(&*mark.row).filter(|row| *place == at && !row.is_empty())
    }

    /// Shares the first `tokens` of sequence `from` with the empty sequence `to`: metadata only, in a unified cache.
    /// Returns how many it then holds: of a model with a state, as many as the last one lies behind.
    pub fn copy(&mut self, from: usize, to: usize, tokens: usize) -> usize {
        let (Some(source), Some(target)) = (self.sequence(from), self.sequence(to)) else {
            return 0;
        };
        let checkpoint = self.checkpoints.get(from).map(|checkpoints| checkpoints.before(tokens).cloned());
        let tokens = match &checkpoint {
            None if self.sees_enough(source, tokens) => tokens,
            None | Some(None) => 0,
            Some(Some((at, _))) => *at,
        };
        let Some(end) = u32::try_from(tokens).ok().filter(|&end| end > 0) else { return 0 };
        if self.context.copy_kv_cache_seq(source, target, Some(0), Some(end)).is_err() {
            return 0;
        }
        if let Some((at, mark)) = checkpoint.flatten() {
            // NB: llama.cpp has shared the state at the end of `from`, whatever was asked for.
            if !self.put_back(target, at, &mark.state) {
                return self.truncate(to, 0);
            }
            self.checkpoints[to].keep(at, mark, STATES);
        }
        tokens
    }

    /// Whether a sequence that is interrupted, or cut off, may have to be read again from an earlier token.
    pub fn falls_back(&self) -> bool {
        !self.checkpoints.is_empty()
    }

    /// How many tokens a sequence holds after an abort. A state that was aborted within a chunk is no use: it goes back
    /// to the one before.
    pub fn held(&mut self, slot: usize) -> usize {
        if self.falls_back() {
            return self.truncate(slot, usize::MAX);
        }
        self.sequence(slot).map_or(0, |sequence| self.length(sequence))
    }

    /// What a sequence holds, in llama.cpp's own words; empty where it cannot be said.
    pub fn state(&self, slot: usize) -> Vec<u8> {
        let Some(sequence) = self.sequence(slot) else { return Vec::new() };
        let all = LlamaStateSeqFlags::empty();
        let mut bytes = vec![0; self.context.state_seq_get_size_ext(sequence, all)];
        // SAFETY: the buffer has the bytes that llama.cpp just asked for, and nothing has been evaluated since.
        let written = unsafe { self.context.state_seq_get_data_ext(bytes.as_mut_ptr(), sequence, all) };
        bytes.truncate(written);
        bytes
    }

    /// Makes an empty sequence hold `tokens` tokens, with the logits behind them, by what [`Self::state`] said; false, and nothing is held, where it
    /// does not fit. The bytes must be what a context of the same model and shape said, unchanged: llama.cpp may end
    /// the process on others.
    pub fn set_state(&mut self, slot: usize, tokens: usize, bytes: &[u8], row: Option<&[f32]>) -> bool {
        let Some(sequence) = self.sequence(slot).filter(|_| !bytes.is_empty()) else { return false };
        // SAFETY: the slice is whole, and its words are llama.cpp's own, which the caller promises.
        let fits =
            unsafe { self.context.state_seq_set_data_ext(bytes, sequence, LlamaStateSeqFlags::empty()) };
        if !fits || self.length(sequence) != tokens {
            self.truncate(slot, 0);
            return false;
        }
        self.mark(slot, tokens, row);
        true
    }

    fn length(&self, sequence: i32) -> usize {
        usize::try_from(self.context.kv_cache_seq_pos_max(sequence) + 1).unwrap_or(0)
    }

    fn sequence(&self, slot: usize) -> Option<i32> {
        i32::try_from(slot).ok().filter(|&sequence| (sequence as u32) < self.sequences)
    }
}

//! The calls into a llama.cpp context, each behind the guards that keep it from aborting the process.
//!
//! What llama.cpp would abort on (design notes, `llama.md` §5) cannot be said through this type: batches never exceed
//! the context's own batch size, every token has exactly one sequence, ids and positions are checked, logits are read
//! only where a finished decode left them, and no position is ever shifted.

use std::ffi::{c_char, c_void};
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_sys_2 as sys;

use super::Interrupt;
use crate::engine::slot::Token;

/// Tokens evaluated by one call: small enough to yield quickly, large enough to prefill at full speed (measured:
/// 128 is as fast as 512, 32 is not; design notes, `performance.md` §7).
pub const CHUNK: usize = 128;

/// The shape of a context.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Cells of the unified KV cache.
    pub cells: u32,
    pub sequences: u32,
    pub threads: i32,
    pub batch_threads: i32,
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

/// A llama.cpp context of one model.
pub struct Context<'model> {
    context: LlamaContext<'model>,
    batch: LlamaBatch<'static>,
    /// Tokens of the last decode behind which it left logits.
    rows: Range<usize>,
    vocab: Token,
    sequences: u32,
    /// Keeps a state that cannot be taken back, or shared, in part (recurrent and hybrid models).
    has_state: bool,
    // NB: after `context`, whose abort callback points into it: fields drop in this order.
    _interrupt: Arc<Interrupt>,
}

// The abort callback is set through the wrapper's own struct, which is a struct of one field. The language does not
// promise the layout, so it is asserted, and a test cancels a decode.
const _: () = assert!(
    size_of::<LlamaContextParams>() == size_of::<sys::llama_context_params>()
        && align_of::<LlamaContextParams>() == align_of::<sys::llama_context_params>()
);

/// llama.cpp asks this between the nodes of a graph.
unsafe extern "C" fn should_abort(flag: *mut c_void) -> bool {
    // SAFETY: `flag` is the `abort` field of the `Interrupt` that the context keeps alive; it is only ever read and
    // written atomically.
    unsafe { (*flag.cast::<AtomicBool>()).load(Ordering::Relaxed) }
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
            .with_flash_attention_policy(sys::LLAMA_FLASH_ATTN_TYPE_AUTO)
            .with_swa_full(true);
        // SAFETY: same size and alignment (asserted above), one field (the pinned version's source), and `params`
        // outlives the reference.
        let raw = unsafe { &mut *(&raw mut params).cast::<sys::llama_context_params>() };
        raw.abort_callback = Some(should_abort);
        raw.abort_callback_data = (&raw const interrupt.abort).cast_mut().cast();
        let context = model.new_context(backend, params).map_err(|error| {
            format!("llama.cpp could not make a context of {} tokens: {error}", shape.cells)
        })?;
        if (context.n_batch() as usize) < CHUNK {
            return Err(format!(
                "llama.cpp made a context with a batch of {} tokens, less than {CHUNK}",
                context.n_batch()
            ));
        }
        Ok(Self {
            context,
            batch: LlamaBatch::new(CHUNK, 1),
            rows: 0..0,
            vocab: model.n_vocab(),
            sequences: shape.sequences,
            has_state: model.is_recurrent() || model.is_hybrid(),
            _interrupt: interrupt,
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
        match self.context.decode(&mut self.batch) {
            Ok(()) => {
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

    /// Cuts a sequence off behind its first `keep` tokens. Returns what it then holds: nothing at all where the model
    /// (recurrent, hybrid) cannot remove a part.
    pub fn truncate(&mut self, slot: usize, keep: usize) -> usize {
        let Some(sequence) = self.sequence(slot) else {
            return 0;
        };
        let from = u32::try_from(keep).ok().filter(|&from| from > 0);
        if from.is_some() && self.context.clear_kv_cache_seq(Some(sequence as u32), from, None) == Ok(true) {
            return keep;
        }
        // Removing a whole sequence always succeeds.
        let _ = self.context.clear_kv_cache_seq(Some(sequence as u32), None, None);
        0
    }

    /// Shares the first `tokens` of sequence `from` with the empty sequence `to`: metadata only, in a unified cache.
    /// False where the model cannot: llama.cpp would copy the state at the end of `from`, whatever was asked for.
    pub fn copy(&mut self, from: usize, to: usize, tokens: usize) -> bool {
        if self.has_state {
            return false;
        }
        let (Some(from), Some(to), Ok(end)) = (self.sequence(from), self.sequence(to), u32::try_from(tokens))
        else {
            return false;
        };
        self.context.copy_kv_cache_seq(from, to, Some(0), Some(end)).is_ok()
    }

    /// Whether a sequence that is interrupted, or cut off, has to be read again from its first token.
    pub fn loses_all(&self) -> bool {
        self.has_state
    }

    /// How many tokens a sequence holds after an abort. A state that was aborted within a chunk is no use: nothing.
    pub fn held(&mut self, slot: usize) -> usize {
        if self.has_state {
            return self.truncate(slot, 0);
        }
        let last = self.sequence(slot).map_or(-1, |sequence| self.context.kv_cache_seq_pos_max(sequence));
        usize::try_from(last + 1).unwrap_or(0)
    }

    fn sequence(&self, slot: usize) -> Option<i32> {
        i32::try_from(slot).ok().filter(|&sequence| (sequence as u32) < self.sequences)
    }
}

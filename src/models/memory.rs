//! The memory that a model takes, by its sizes: the same sum for a file and for a row of the catalogue.
//!
//! It knows no machine (`hardware` does) and reads no file.

/// Cells beyond which more places kept warm gain little (235 MB for a 1.5 B model).
const USUAL_CELLS: u32 = 8192;
/// Tokens evaluated by one call: small enough to yield quickly, large enough to prefill at full speed (measured:
/// 128 is as fast as 512, 32 is not; design notes, `performance.md` §7).
pub const BATCH: u32 = 128;

/// What the memory depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub weight_bytes: u64,
    /// Numbers of keys and values that a token leaves behind, all layers together.
    pub kv_numbers: u64,
    /// Tokens.
    pub vocabulary: u32,
    /// Of the hidden state.
    pub width: u32,
    /// The widest layer's.
    pub feed_forward: u32,
}

impl Needs {
    /// Bytes of the KV cache for `context` tokens, keys and values in 16 bits.
    pub fn kv_bytes(&self, context: u32) -> u64 {
        // llama.cpp rounds the context up so.
        let context = u64::from(context).next_multiple_of(256);
        self.kv_numbers.saturating_mul(context).saturating_mul(2)
    }

    /// Bytes that loading and running will take: the weights, the KV cache for `context` tokens, the logits and
    /// activations of `batch` tokens, and a tenth more.
    pub fn memory_bytes(&self, context: u32, batch: u32) -> u64 {
        // The hidden state in a few copies, and the feed-forward layer in three.
        let activations = 8 * u64::from(self.width) + 3 * u64::from(self.feed_forward);
        let row = u64::from(self.vocabulary) + activations;
        let sum = self
            .weight_bytes
            .saturating_add(self.kv_bytes(context))
            .saturating_add(row.saturating_mul(u64::from(batch) * 4));
        sum.saturating_add(sum / 10)
    }

    /// As CodeSage would run a model with prompts and answers of so many tokens.
    pub fn usual_bytes(&self, context: u32) -> u64 {
        self.memory_bytes(cells(context), BATCH)
    }
}

/// Cells of the KV cache for a context: two prompts at the least, so that a completion and a paused action always fit,
/// and more places while they are cheap.
pub fn cells(context: u32) -> u32 {
    let two = context.saturating_mul(2).saturating_add(256);
    two.max(context.saturating_mul(4).min(USUAL_CELLS))
}

/// A number of bytes as people read it: `1.6 GB`.
pub fn shown(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_has_room_for_two_prompts_and_more_where_that_is_cheap() {
        for (context, cells_of_it) in [(1024, 4096), (2048, 8192), (4096, 8448), (8192, 16_640)] {
            assert_eq!(cells(context), cells_of_it, "{context}");
        }
        assert!(cells(u32::MAX) == u32::MAX);
        let needs = Needs { weight_bytes: 1000, kv_numbers: 2, vocabulary: 10, width: 1, feed_forward: 2 };
        assert_eq!(needs.kv_bytes(1), 1024);
        assert_eq!(needs.memory_bytes(1, 1), (1000 + 1024 + 24 * 4) * 11 / 10);
    }
}

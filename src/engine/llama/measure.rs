//! How long a token and a batch take by the count of threads, on this machine, with this model; and what was chosen by
//! that, kept in a file for the next run. What is chosen of it, `tune` knows.
//!
//! llama.cpp fixes the counts when a context is made, so each is measured in a small context of its own. What is asked
//! meanwhile ends a measurement at once; it is then taken again. What was measured while other processes wanted the
//! processor is used for want of a better choice, and measured again in the next run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;

use super::Interrupt;
use super::context::{Context, Decoded, Rows, Shape};
use crate::engine::cores::{Desk, Want};
use crate::engine::slot::Token;
use crate::engine::tune::{Kept, Known, Sample, Threads, Tuner};
use crate::models::fit::KvType;
use crate::models::gguf::Header;
use crate::models::hardware;

/// Where what was chosen is kept, in the folder for what was found out of the machine.
const NAME: &str = "threads.json";
/// A small context: llama.cpp makes no smaller one.
const CELLS: u32 = 256;
/// Tokens of a batch: as many as show whether a prompt is read faster, and no more, since they take long.
const BATCH: usize = 16;
/// The shortest of so many times is what a token takes; the others had to share the machine.
const TIMES: usize = 3;
/// The share of their time that threads may wait for a processor on a machine that is theirs.
const WAITED: f64 = 0.1;

/// Finds the counts of threads for one model, now and when nothing is asked.
pub struct Measure {
    tuner: Tuner,
    file: Option<PathBuf>,
    key: String,
    /// What measuring one count took last.
    took: Duration,
    /// Whether others wanted the processor meanwhile.
    shared: bool,
}

impl Measure {
    pub fn new(header: &Header, state: Option<&Path>) -> Self {
        let available = hardware::usable_threads();
        let Header { architecture, parameters, quantization, weight_bytes, .. } = header;
        // NB: also by the version, for another one may compute in another way.
        let key = format!(
            "{}, {available} threads; {architecture} of {parameters}, {quantization}, {weight_bytes} bytes; {}",
            hardware::processor(),
            env!("CARGO_PKG_VERSION")
        );
        let file = state.map(|state| state.join(NAME));
        Self { tuner: Tuner::new(available), file, key, took: Duration::ZERO, shared: false }
    }

    /// What another run has chosen on this machine, with this model.
    pub fn known(&self) -> Option<Kept> {
        let text = fs::read_to_string(self.file.as_ref()?).ok()?;
        Known::parse(&text).get(&self.key, hardware::usable_threads())
    }

    /// Measures until all is known, which is then kept, or until `goes_on` is false or time is up.
    pub fn go_on(
        &mut self,
        lab: &Lab<'_>,
        until: Option<Instant>,
        goes_on: &dyn Fn() -> bool,
    ) -> Option<Threads> {
        while let Some(count) = self.tuner.next() {
            let began = Instant::now();
            // The first count says how long the next ones take; more threads take no longer, or are soon done with.
            if !goes_on() || until.is_some_and(|until| began + self.took > until) {
                return None;
            }
            let waited = hardware::waited();
            let sample = lab.sample(count, until, goes_on)?;
            self.took = began.elapsed();
            let waited = hardware::waited().saturating_sub(waited);
            self.shared |= waited > self.took.mul_f64(f64::from(count) * WAITED);
            tracing::debug!("{count} threads: {sample:?}");
            self.tuner.saw(sample);
        }
        let threads = self.tuner.choice()?;
        if let Err(error) = self.remember(threads) {
            tracing::info!("{NAME}: {error}; threads are measured again in the next run");
        }
        Some(threads)
    }

    fn remember(&self, threads: Threads) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut known = Known::parse(&fs::read_to_string(file).unwrap_or_default());
        known.put(self.key.clone(), Kept { threads, shared: self.shared });
        let new = tempfile::NamedTempFile::new_in(folder)?;
        fs::write(new.path(), known.text())?;
        new.persist(file).map_err(|error| error.error)?;
        Ok(())
    }
}

/// What it takes to measure.
pub struct Lab<'a> {
    pub backend: &'a LlamaBackend,
    pub model: &'a LlamaModel,
    pub interrupt: &'a Arc<Interrupt>,
    /// Where it has to take turns with other engines: not, where it has the turn already.
    pub desk: Option<&'a Desk>,
    pub filler: Token,
}

impl Lab<'_> {
    /// None where it was ended, took too long or could not be done.
    fn sample(&self, threads: u32, until: Option<Instant>, goes_on: &dyn Fn() -> bool) -> Option<Sample> {
        let threads = i32::try_from(threads).ok()?;
        let shape = Shape {
            cells: CELLS,
            sequences: 1,
            threads,
            batch_threads: threads,
            window: None,
            kv_type: KvType::F16,
        };
        let mut context = Context::new(self.backend, self.model, shape, self.interrupt.clone()).ok()?;
        let mut at = 0;
        let mut seconds = |tokens: usize| {
            let in_time = || until.is_none_or(|until| Instant::now() <= until);
            let _turn = match self.desk {
                // What somebody else computes meanwhile would be measured too.
                Some(desk) => Some(desk.wait(Want::Chore, &|| in_time() && goes_on())?),
                None => None,
            };
            if !in_time() || !goes_on() {
                return None;
            }
            let began = Instant::now();
            let decoded = context.decode(0, at, &vec![self.filler; tokens], Rows::Last);
            at += tokens;
            (decoded == Decoded::Done).then(|| began.elapsed().as_secs_f64())
        };
        // The first one wakes the threads and brings the weights in.
        seconds(1)?;
        let mut shortest = |tokens: usize, times: usize| {
            (0..times).try_fold(f64::INFINITY, |least, _| Some(seconds(tokens)?.min(least)))
        };
        let single = shortest(1, TIMES)?;
        // A batch takes longer than a token: one that would end too late is not begun.
        if until.is_some_and(|until| {
            Instant::now() + Duration::from_secs_f64(single * BATCH as f64 / 2.0) > until
        }) {
            return None;
        }
        Some(Sample { single, batch: shortest(BATCH, TIMES - 1)? })
    }
}

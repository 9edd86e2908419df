//! Settings, resolved: no option left open, so that what reads them asks no questions.
//!
//! [`key`] is the one table of what can be set; parsing, the list of keys, the JSON schema and the README's table
//! all come from it. [`layers`] puts the places where settings are written on top of each other; [`trust`] says what
//! the one among them that came with the code may set. A key that is wrong costs that key and one [`Problem`], never the
//! rest; [`mend`] knows what was meant.
//!
//! There is no serde struct of the wire shape: deriving one would lose all of a file for one wrong key.

pub mod field;
pub mod key;
pub mod layers;
pub mod mask;
pub mod mend;
mod part;
pub mod problem;
pub mod stamp;
pub mod together;
pub mod trust;

use std::path::PathBuf;

use crate::completion::policy::Multiline;
use crate::engine::remote::{Key, When};
use crate::models::fit::{Device, KvType};
pub use layers::{CommandLine, Layers};
pub use part::{Part, Parts};
pub use problem::{Origin, Problem};

/// Resolved settings. Replaced whole behind one `Arc`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub model: ModelSettings,
    pub completion: CompletionSettings,
    pub context: ContextSettings,
    pub edits: EditSettings,
    pub sampling: SamplingSettings,
    pub actions: ActionSettings,
    pub remote: RemoteSettings,
    pub log: LogSettings,
    /// What is switched off, by the command line alone.
    pub parts: Parts,
    /// The first workspace folder; set by nobody, but by where the session is.
    pub root: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct ModelSettings {
    /// A GGUF file; neither this nor a name: the built-in model. At most one of the two is set.
    pub path: Option<PathBuf>,
    /// Of the catalogue, or of a file in one of the usual places.
    pub name: Option<String>,
    pub edit: EditModel,
    /// Decoding threads; none: measured at start.
    pub threads: Option<u32>,
    pub device: Device,
    pub gpu_layers: Option<u32>,
    pub context_tokens: Option<u32>,
    /// Megabytes of memory that all models together may take; none: what is free, with a margin.
    pub memory_mb: Option<u32>,
    pub kv_cache: KvCache,
    /// The numbers of that cache; none: what fits.
    pub kv_type: Option<KvType>,
}

/// The model for edits and explanations.
#[derive(Clone, Debug, PartialEq)]
pub struct EditModel {
    /// Neither this nor a name: the model for completions.
    pub path: Option<PathBuf>,
    /// As `model.name`; `builtin` is the model in the binary.
    pub name: Option<String>,
    /// Minutes that it stays loaded after it was needed; 0: for ever.
    pub idle_minutes: u32,
}

impl Default for EditModel {
    fn default() -> Self {
        Self { path: None, name: None, idle_minutes: 10 }
    }
}

/// `model.kvCache`: where what the model has read is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum KvCache {
    /// Until the program ends.
    #[default]
    Memory,
    /// And in the cache folder, for the next run.
    Disk,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CompletionSettings {
    pub enabled: bool,
    /// LSP language identifiers.
    pub disabled_languages: Vec<String>,
    pub multiline: Multiline,
    pub max_tokens: u32,
    pub max_time_ms: u32,
    /// 0: adaptive, at most 10 ms.
    pub debounce_ms: u32,
    pub show_delay_ms: u32,
    pub menu: Menu,
    /// Mean log-probability below which an automatic suggestion is hidden.
    pub min_confidence: f32,
    /// The text round the cursor is read before anything is asked for.
    pub warm_up: bool,
    /// The suggestion behind the one that is shown is made before that is accepted.
    pub speculate: bool,
}

/// `completion.menu`: items in `textDocument/completion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Menu {
    /// Only where the client has no inline completion.
    #[default]
    Auto,
    On,
    Off,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ContextSettings {
    pub cross_file: bool,
    pub max_tokens: u32,
    /// Patterns in `.gitignore` syntax, besides the ignore files.
    pub ignore: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditSettings {
    pub format: EditFormat,
    /// Tokens of a region that an edit may rewrite; none: by the model's size.
    pub max_region_tokens: Option<u32>,
    pub confirm: Confirm,
}

/// `edits.format`: what a model is asked to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EditFormat {
    /// The most that the model can be trusted with.
    #[default]
    Auto,
    /// One region, anew: any model can.
    Region,
    /// Several regions that the server chose: from some 7 billion parameters.
    Regions,
    /// Hunks in files that the model names: from some 14 billion.
    Files,
}

/// `edits.confirm`: which edits are shown before they are applied, besides those that a guard doubts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Confirm {
    /// Those of several files.
    #[default]
    Auto,
    Always,
    /// No others: a guard's doubt is shown all the same.
    Never,
}

/// How the tokens of an edit are chosen. A completion is always the likeliest text.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingSettings {
    /// 0: the likeliest token, always; none: by the model's size.
    pub temperature: Option<f32>,
    /// 0: all.
    pub top_k: u32,
    /// 1: all.
    pub top_p: f32,
    /// A part of the likeliest token's probability; 0: all.
    pub min_p: f32,
    /// 1: none; none: by the model's size.
    pub repeat_penalty: Option<f32>,
    /// 0: off; 1 and 2: the two versions of it.
    pub mirostat: u32,
    /// Bits.
    pub mirostat_tau: f32,
    pub mirostat_eta: f32,
    pub seed: u32,
    /// An answer ends before any of these; none is empty.
    pub stop: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSettings {
    /// Where the person's own actions are. Relative, without `..`: below each workspace folder. Absolute: only where
    /// the person wrote it, for a workspace's file may not.
    pub dir: PathBuf,
}

/// A server that answers in place of this machine. The person's own file alone says it: a project must not choose where
/// its code goes, and what an editor sends may be a project's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteSettings {
    /// Off: no socket is ever opened.
    pub enabled: bool,
    pub url: Option<String>,
    /// As the server calls it; none: the first that it lists.
    pub model: Option<String>,
    pub when: When,
    /// The variable that holds the key.
    pub api_key_env: Option<String>,
    /// A program, with its arguments, that prints the key; counts where no variable is named.
    pub api_key_command: Vec<String>,
    pub allow_http: bool,
    pub context_tokens: Option<u32>,
}

impl RemoteSettings {
    /// Where the key is.
    pub fn key(&self) -> Key {
        match &self.api_key_env {
            Some(name) => Key::Environment(name.clone()),
            None if self.api_key_command.is_empty() => Key::None,
            None => Key::Command(self.api_key_command.clone()),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    /// An `EnvFilter` directive.
    pub level: String,
    pub file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: ModelSettings::default(),
            completion: CompletionSettings {
                enabled: true,
                disabled_languages: Vec::new(),
                multiline: Multiline::Auto,
                max_tokens: 128,
                max_time_ms: 2000,
                debounce_ms: 0,
                show_delay_ms: 0,
                menu: Menu::Auto,
                min_confidence: -0.5,
                warm_up: true,
                speculate: true,
            },
            context: ContextSettings { cross_file: true, max_tokens: 1024, ignore: Vec::new() },
            edits: EditSettings { format: EditFormat::Auto, max_region_tokens: None, confirm: Confirm::Auto },
            // An edit is to be right, not varied: the same question has the same answer, as the catalogue's profiles
            // have it. The other numbers are llama.cpp's, for when the temperature is set.
            sampling: SamplingSettings {
                temperature: None,
                top_k: 40,
                top_p: 0.95,
                min_p: 0.05,
                repeat_penalty: None,
                mirostat: 0,
                mirostat_tau: 5.0,
                mirostat_eta: 0.1,
                seed: 0,
                stop: Vec::new(),
            },
            actions: ActionSettings { dir: ".codesage/actions".into() },
            remote: RemoteSettings::default(),
            log: LogSettings { level: "info".into(), file: None },
            parts: Parts::default(),
            root: None,
        }
    }
}

//! Settings, resolved: no option left open, so that what reads them asks no questions.
//!
//! [`key`] is the one table of what can be set; parsing, the list of keys, the JSON schema and the README's table
//! all come from it. [`layers`] puts the places where settings are written on top of each other. A key that is
//! wrong costs that key and one [`Problem`], never the rest.
//!
//! There is no serde struct of the wire shape: deriving one would lose all of a file for one wrong key.

pub mod field;
pub mod key;
pub mod layers;
pub mod problem;

use std::path::PathBuf;

use crate::completion::policy::Multiline;
pub use layers::{CommandLine, Layers};
pub use problem::{Origin, Problem};

/// Resolved settings. Replaced whole behind one `Arc`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub model: ModelSettings,
    pub completion: CompletionSettings,
    pub context: ContextSettings,
    pub log: LogSettings,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct ModelSettings {
    /// A GGUF file; none: the built-in model.
    pub path: Option<PathBuf>,
    /// Decoding threads; none: measured at start.
    pub threads: Option<u32>,
    pub gpu_layers: Option<u32>,
    pub context_tokens: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CompletionSettings {
    pub enabled: bool,
    /// LSP language identifiers.
    pub disabled_languages: Vec<String>,
    pub multiline: Multiline,
    pub max_tokens: u32,
    pub max_time_ms: u32,
    /// 0: adaptive, at most 75 ms.
    pub debounce_ms: u32,
    pub show_delay_ms: u32,
    pub menu: Menu,
    /// Mean log-probability below which an automatic suggestion is hidden.
    pub min_confidence: f32,
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
            },
            context: ContextSettings { cross_file: true, max_tokens: 1024, ignore: Vec::new() },
            log: LogSettings { level: "info".into(), file: None },
        }
    }
}

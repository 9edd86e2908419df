//! CodeSage: a language server with a private, local coding model inside it.
//!
//! One crate, one binary. An editor speaks LSP over standard input and output; a model runs in the same process
//! on a thread of its own; what lies between is plain functions from text to text.
//!
//! # The map
//!
//! A room names only rooms below its own. `tests/tidy.rs` reads this table and holds the sources to it.
//!
//! | room | what it is |
//! |---|---|
//! | [`cli`] | one file a subcommand; above it stands only `main.rs`, which sets the process up |
//! | [`eval`] | what a model is worth: holes and small edits, through everything below
//! | [`lsp`] | the protocol edge: frames, order, capabilities, conversion |
//! | [`doctor`] | what is in order on this machine, what is not, and what mends it |
//! | [`assist`] | what the user asked for, start to finish |
//! | [`log`] | the log, and where it goes |
//! | [`config`] | what the user set, from every place where it can be written |
//! | [`engine`] | the model edge: one seam, behind which a model runs |
//! | [`models`] | model files: checked, known, found, fetched, and the one in the binary |
//! | [`net`] | addresses near and far, and whom to believe |
//! | [`threads`] | locks that outlive a panic, and work that must not hold up the runtime |
//! | [`completion`] | when to offer and what to show of it |
//! | [`prompt`] | what to say to a model, not how |
//! | [`edit`] | from a model's answer to a change that is exact, checked or refused |
//! | [`context`] | which other text helps at a cursor |
//! | [`text`] | documents, versions, columns |
//! | [`syntax`] | languages, trees, chunks, where a completion may end |
//!
//! # Five invariants
//!
//! - **Nothing a client, a file or a model sends can end the process.** Their numbers are clamped, never indexed
//!   with; a model's file is checked before llama.cpp sees it; a panic in one request is that request's error.
//! - **Every request is answered exactly once, and typing never waits.** Edits are applied in order on the transport
//!   task and nothing slow runs there. A snapshot *is* an `Arc<Document>`; a newer question ends an older one, and
//!   tokens stop that nobody waits for and nobody types along, not only the reply.
//! - **The core is pure.** `completion`, `prompt`, `edit`, `context`, `text` and `syntax` know no async, clock, file,
//!   protocol or model; the one exception is the time limit of a parse. They count bytes; a column exists in
//!   [`text::position`] alone.
//! - **The edges do not know each other.** Only [`lsp`] names the protocol's crates; only `engine::llama` names
//!   llama.cpp's, and only it holds `unsafe`. The engine never sees a document; the
//!   core never sees a token.
//! - **Standard output is the wire.** Not one byte that is not protocol reaches it, whatever C code prints. The
//!   server opens no socket, unless the person's own settings name a server for their model (`engine::remote`);
//!   `bench replay --against` speaks to a server of this machine that somebody named, and `models pull` fetches a file
//!   that somebody named.

pub mod assist;
pub mod cli;
pub mod completion;
pub mod config;
pub mod context;
pub mod doctor;
pub mod edit;
pub mod engine;
pub mod eval;
pub mod log;
pub mod lsp;
pub mod models;
pub mod net;
pub mod prompt;
pub mod syntax;
pub mod text;
pub mod threads;

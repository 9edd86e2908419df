//! What a session leaves for the doctor to read: its client, what that can do, and how often something was shown.
//!
//! Written when the session begins, so that one that is killed has left something, and when it ends. Does *not* hold
//! any text or path; what of the file is believed, `doctor::session` knows.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::assist::journal;
use crate::doctor::LastSession;
use crate::doctor::session::plain;
use crate::engine::ModelState;
use crate::lsp::capabilities::ClientFlags;
use crate::lsp::session::Session;
use crate::text::Encoding;
use crate::threads::lock;

/// What is known when it begins, from the parameters of `initialize`.
pub fn began(params: &Value, flags: &ClientFlags, root: Option<&Path>) -> LastSession {
    let text = |pointer: &str| plain(params.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
    let name = root.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let columns = match flags.columns {
        Encoding::Utf8 => "utf-8",
        Encoding::Utf16 => "utf-16",
        Encoding::Utf32 => "utf-32",
    };
    LastSession {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        began: journal::now(),
        client: text("/clientInfo/name"),
        client_version: text("/clientInfo/version"),
        workspace: plain(&name),
        columns: columns.to_owned(),
        abilities: flags.abilities().into_iter().map(|(name, can)| (name.to_owned(), can)).collect(),
        ..LastSession::default()
    }
}

/// The same, with what happened since.
pub fn now(session: &Session) -> LastSession {
    let stats = session.assistant.stats();
    let model = match session.assistant.model() {
        ModelState::Unloaded => "unloaded",
        ModelState::Loading { .. } => "loading",
        ModelState::Ready(_) => "ready",
        ModelState::Failed(_) => "failed",
    };
    let dropped = stats.completion.dropped;
    LastSession {
        menu: session.flags.offers_menu(session.assistant.settings().completion.menu),
        model: model.to_owned(),
        requested: stats.completion.requested,
        shown: stats.completion.shown,
        accepted: stats.completion.accepted,
        dropped: dropped.into_iter().map(|(code, count)| (code.to_owned(), count)).collect(),
        ..session.began.clone()
    }
}

/// Writes it, on a thread of its own: the session begins.
pub fn keep_beginning(session: &Arc<Session>) {
    let session = session.clone();
    tokio::task::spawn_blocking(move || keep(&session, false));
}

/// Writes it; blocking. What is written at the beginning never comes after the end.
pub fn keep(session: &Session, is_over: bool) {
    let Some(state) = &session.state else { return };
    let mut has_ended = lock(&session.has_ended);
    if *has_ended {
        return;
    }
    *has_ended = is_over;
    let ended = is_over.then(journal::now);
    if let Err(error) = (LastSession { ended, ..now(session) }).keep(state) {
        tracing::info!("the session is not kept for the doctor: {error}");
    }
}

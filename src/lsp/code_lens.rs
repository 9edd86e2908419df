//! `textDocument/codeLens`: a change that waits for the person's word, above the first line that it would change: one
//! lens to apply it, one to discard it.
//!
//! Both are commands and never resolved. Where the document is no longer the text that the change was made of there is
//! no place for one, and the menu of code actions still has it. Does *not* show the change.

use serde_json::json;
use tower_lsp::lsp_types::request::CodeLensRefresh;
use tower_lsp::lsp_types::{CodeLens, CodeLensParams, Command, Position, Range};

use crate::lsp::ext;
use crate::lsp::session::Session;
use crate::threads::lock;

pub fn answer(session: &Session, params: &CodeLensParams) -> Vec<CodeLens> {
    let uri = &params.text_document.uri;
    let version = session.assistant.snapshot(uri).map(|document| document.version());
    let previews = lock(&session.actions.previews);
    let Some((preview, line)) = version.and_then(|version| previews.at(uri, version)) else {
        return Vec::new();
    };
    let place = Range::new(Position::new(line, 0), Position::new(line, 0));
    let lens = |title: &str, command: &str| CodeLens {
        range: place,
        command: Some(Command {
            title: format!("{title}: {}", preview.label),
            command: command.into(),
            arguments: Some(vec![json!({ "id": preview.id })]),
        }),
        data: None,
    };
    vec![lens("Apply preview", ext::APPLY_PREVIEW), lens("Discard preview", ext::DISCARD_PREVIEW)]
}

/// A change waits, or waits no more: an editor that shows lenses asks for them again.
pub fn refresh(session: &Session) {
    if session.flags.refreshes_lenses {
        // Whatever it answers.
        drop(session.outbox.ask::<CodeLensRefresh>(()));
    }
}

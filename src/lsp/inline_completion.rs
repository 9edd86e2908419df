//! `textDocument/inlineCompletion`: columns to bytes, one call, bytes to columns.
//!
//! The snapshot and the offset are taken before the first await, so that what is typed while the answer is made
//! cannot shift it. Does *not* decide what to suggest.

use serde_json::Value;
use tower_lsp::lsp_types::Command;

use crate::assist::{Answer, Ask, Asker, Suggestion};
use crate::completion::Reason;
use crate::lsp::convert;
use crate::lsp::ext::{self, InlineCompletionItem, InlineCompletionList, InlineCompletionParams};
use crate::lsp::session::Session;
use crate::text::{Document, Encoding};
use crate::threads::lock;

/// Answers one request; always with a list, which is empty where there is nothing to show.
pub async fn answer(session: &Session, params: InlineCompletionParams) -> InlineCompletionList {
    let columns = session.flags.columns;
    let uri = params.text_document.uri;
    let trigger = session.inline_trigger(&uri, params.context.trigger_kind);
    let Some(document) = session.assistant.snapshot(&uri) else {
        session.assistant.refuse(&uri, Reason::OffUnknown);
        return InlineCompletionList::default();
    };
    let rope = document.rope();
    lock(&session.actions.seen).position(&uri, params.position);
    let offset = columns.offset(rope, convert::position(params.position));
    let popup = params
        .context
        .selected_completion_info
        .map(|selected| (convert::bytes(rope, selected.range, columns), selected.text));
    let ask = Ask { uri, document: document.clone(), offset, trigger, selection: None, popup };
    session.assistant.stir(&ask.uri);
    let Answer { outcome, .. } = session.assistant.complete_for(Asker::Inline, ask).await;
    let item = outcome.ok().and_then(|suggestion| item(&document, suggestion, columns));
    InlineCompletionList { items: item.into_iter().collect() }
}

/// NB: Neovim draws a non-empty range over the text, so the range restates what it covers; both forms are `assist`'s.
fn item(document: &Document, suggestion: Suggestion, columns: Encoding) -> Option<InlineCompletionItem> {
    Some(InlineCompletionItem {
        range: convert::range(document.rope(), &suggestion.range, columns),
        command: did_accept(&suggestion.id),
        // Neovim splits at `\n` alone and would leave each `\r` in the text; every editor makes its own line ends of it.
        insert_text: presentable(suggestion.text.replace("\r\n", "\n"))?,
    })
}

/// What the client runs after inserting: how acceptance is counted.
pub fn did_accept(id: &str) -> Command {
    Command {
        title: "Accepted a suggestion".into(),
        command: ext::DID_ACCEPT.into(),
        arguments: Some(vec![Value::from(id)]),
    }
}

/// `None` for a text with a U+0000: Emacs 28 drops the whole answer that holds one.
pub fn presentable(text: String) -> Option<String> {
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::syntax::Language;

    #[test]
    fn an_item_in_the_columns_of_the_client() {
        let document = Document::new(Language::of("rust", ""), 1, "let s = \"😀é\n");
        let end = document.rope().to_string().trim_end().len();
        let cases = [(Encoding::Utf8, 15), (Encoding::Utf16, 12), (Encoding::Utf32, 11)];
        for (columns, character) in cases {
            let suggestion =
                Suggestion { id: "s1".into(), range: end..end, text: "\";\n".into(), confidence: 0.0 };
            let item = item(&document, suggestion, columns);
            let position = json!({"line": 0, "character": character});
            let expected = json!({
                "insertText": "\";\n",
                "range": {"start": position, "end": position},
                "command": {"title": "Accepted a suggestion", "command": "codesage.didAccept", "arguments": ["s1"]},
            });
            assert_eq!(serde_json::to_value(item).ok(), Some(expected), "{columns:?}");
        }
        assert_eq!(presentable("a\0b".into()), None);
        let suggestion =
            Suggestion { id: "s1".into(), range: end..end, text: "a\r\nb".into(), confidence: 0.0 };
        let item = item(&document, suggestion, Encoding::Utf8).expect("an item");
        assert_eq!(item.insert_text, "a\nb");
    }
}

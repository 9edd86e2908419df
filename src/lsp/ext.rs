//! Protocol beyond lsp-types 0.94: inline completion of LSP 3.18, and CodeSage's own methods and commands.
//!
//! What clients send is read leniently: an absent or odd field is its default, because a client that is refused
//! shows nothing at all. Does *not* act on anything.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tower_lsp::lsp_types::{Command, Position, Range, TextDocumentIdentifier};
use tower_lsp::lsp_types::{WorkDoneProgressCreateParams, notification, request};

/// `textDocument/inlineCompletion`, LSP 3.18.
pub const INLINE_COMPLETION: &str = "textDocument/inlineCompletion";
/// `workspace/textDocumentContent`, LSP 3.18.
pub const TEXT_DOCUMENT_CONTENT: &str = "workspace/textDocumentContent";
pub const PROGRESS_CANCEL: &str = "window/workDoneProgress/cancel";
pub const WATCHED_FILES: &str = "workspace/didChangeWatchedFiles";

pub const STATS: &str = "codesage/stats";
pub const STATUS: &str = "codesage/status";
pub const DID_SHOW: &str = "codesage/didShowCompletion";
pub const DID_PARTIALLY_ACCEPT: &str = "codesage/didPartiallyAcceptCompletion";
/// The person looks at another document, or at none.
pub const DID_FOCUS: &str = "codesage/didFocus";
/// To the client: how an action comes along.
pub const STREAM: &str = "codesage/stream";
pub const DID_REJECT: &str = "codesage/didRejectCompletion";
/// To the client: how CodeSage is.
pub const DID_CHANGE_STATUS: &str = "codesage/didChangeStatus";

/// The names that Copilot's clients know the same by.
pub const DID_SHOW_ALIAS: &str = "textDocument/didShowCompletion";
pub const DID_PARTIALLY_ACCEPT_ALIAS: &str = "textDocument/didPartiallyAcceptCompletion";
pub const DID_REJECT_ALIAS: &str = "notifyRejected";
pub const DID_FOCUS_ALIAS: &str = "textDocument/didFocus";
pub const DID_CHANGE_STATUS_ALIAS: &str = "didChangeStatus";

/// Our own methods, as `experimental.codesage.methods` lists them.
pub const METHODS: &[&str] =
    &[DID_CHANGE_STATUS, DID_FOCUS, DID_PARTIALLY_ACCEPT, DID_REJECT, DID_SHOW, STATS, STATUS, STREAM];

/// Commands of `workspace/executeCommand`. Only those that work: Neovim warns about any other, and lsp-mode raises.
pub const COMMANDS: &[&str] = &[
    APPLY_PREVIEW,
    CANCEL,
    CUSTOM,
    DID_ACCEPT,
    DISCARD_PREVIEW,
    DOCTOR,
    DOCUMENT,
    EDIT,
    EXPLAIN,
    FIX,
    REFACTOR,
    RELOAD,
    REVIEW,
    RUN,
    SHOW_CONTEXT,
    SNOOZE,
    STATS_COMMAND,
    SWAP_MODEL,
    TOGGLE,
    UNDO,
    UNIT_TEST,
    WHY,
];
pub const APPLY_PREVIEW: &str = "codesage.applyPreview";
pub const CANCEL: &str = "codesage.cancel";
pub const CUSTOM: &str = "codesage.custom";
pub const DISCARD_PREVIEW: &str = "codesage.discardPreview";
pub const DOCTOR: &str = "codesage.doctor";
pub const DOCUMENT: &str = "codesage.document";
pub const EDIT: &str = "codesage.edit";
pub const EXPLAIN: &str = "codesage.explain";
pub const FIX: &str = "codesage.fix";
pub const REFACTOR: &str = "codesage.refactor";
pub const RELOAD: &str = "codesage.reload";
pub const REVIEW: &str = "codesage.review";
pub const RUN: &str = "codesage.run";
pub const SHOW_CONTEXT: &str = "codesage.showContext";
pub const SNOOZE: &str = "codesage.snooze";
pub const TOGGLE: &str = "codesage.toggle";
pub const UNDO: &str = "codesage.undo";
pub const UNIT_TEST: &str = "codesage.unitTest";
pub const DID_ACCEPT: &str = "codesage.didAccept";
pub const SWAP_MODEL: &str = "codesage.swapModel";
pub const STATS_COMMAND: &str = "codesage.stats";
pub const WHY: &str = "codesage.why";

/// Understood and never advertised: what Copilot's clients run after inserting.
pub const DID_ACCEPT_ALIAS: &str = "github.copilot.didAcceptCompletionItem";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InlineCompletionParams {
    pub text_document: TextDocumentIdentifier,
    pub position: Position,
    #[serde(default, deserialize_with = "or_default")]
    pub context: InlineCompletionContext,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InlineCompletionContext {
    /// A bare number: clients disagree about what it counts from. See [`Triggers`](crate::lsp::triggers::Triggers).
    #[serde(default, deserialize_with = "or_default")]
    pub trigger_kind: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub selected_completion_info: Option<SelectedCompletionInfo>,
}

/// The item that is selected in the client's own menu.
#[derive(Clone, Debug, Deserialize)]
pub struct SelectedCompletionInfo {
    /// What choosing it would replace.
    pub range: Range,
    pub text: String,
}

/// Always an object: null leaves stale ghost text in Neovim, and a bare list breaks lsp-mode.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InlineCompletionList {
    pub items: Vec<InlineCompletionItem>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InlineCompletionItem {
    /// Plain text; never a snippet.
    pub insert_text: String,
    /// On one line.
    pub range: Range,
    /// Runs after insertion.
    pub command: Command,
}

/// `codesage/didShowCompletion` and `codesage/didPartiallyAcceptCompletion`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemParams {
    #[serde(deserialize_with = "or_default")]
    pub item: Value,
    /// UTF-16 units from the start of `insertText`, cumulative.
    #[serde(deserialize_with = "or_default")]
    pub accepted_length: Option<u64>,
}

impl ItemParams {
    /// The suggestion's id, as `codesage.didAccept` would name it.
    pub fn id(&self) -> Option<&str> {
        self.item.pointer("/command/arguments/0")?.as_str()
    }

    /// Whether what was taken is the whole text. A client that does not say how much took all.
    pub fn is_whole(&self) -> bool {
        let text = self.item.get("insertText").and_then(Value::as_str).unwrap_or_default();
        let units = text.encode_utf16().count() as u64;
        self.accepted_length.is_none_or(|accepted| accepted >= units)
    }
}

/// `codesage/didRejectCompletion`, or `notifyRejected`, which says `uuids`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RejectParams {
    #[serde(alias = "uuids", deserialize_with = "or_default")]
    pub ids: Vec<String>,
}

/// [`TEXT_DOCUMENT_CONTENT`].
#[derive(Clone, Debug, Deserialize)]
pub struct TextDocumentContentParams {
    pub uri: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct TextDocumentContent {
    pub text: String,
}

/// `codesage/didFocus`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FocusParams {
    /// None: the person looks elsewhere.
    #[serde(deserialize_with = "or_default")]
    pub text_document: Option<TextDocumentIdentifier>,
}

/// The answer of `codesage/status`, and what [`DID_CHANGE_STATUS`] says. Kinds as Copilot's clients know them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    pub kind: StatusKind,
    pub busy: bool,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum StatusKind {
    Normal,
    /// It works, and not as the person has set it up.
    Warning,
    Error,
    Inactive,
}

/// `window/workDoneProgress/create` with any result: lsp-types wants null, and clients send what they like.
pub enum CreateProgress {}

impl request::Request for CreateProgress {
    type Params = WorkDoneProgressCreateParams;
    type Result = Value;
    const METHOD: &'static str = <request::WorkDoneProgressCreate as request::Request>::METHOD;
}

/// `workspace/applyEdit` as it goes over the wire: what comes back is not always what lsp-types wants.
pub enum ApplyEdit {}

impl request::Request for ApplyEdit {
    type Params = Value;
    type Result = Value;
    const METHOD: &'static str = <request::ApplyWorkspaceEdit as request::Request>::METHOD;
}

/// `window/showDocument`, likewise.
pub enum ShowDocument {}

impl request::Request for ShowDocument {
    type Params = Value;
    type Result = Value;
    const METHOD: &'static str = <request::ShowDocument as request::Request>::METHOD;
}

/// `textDocument/publishDiagnostics`, likewise.
pub enum PublishDiagnostics {}

impl notification::Notification for PublishDiagnostics {
    type Params = Value;
    const METHOD: &'static str = <notification::PublishDiagnostics as notification::Notification>::METHOD;
}

/// `client/registerCapability`, likewise.
pub enum RegisterCapability {}

impl request::Request for RegisterCapability {
    type Params = Value;
    type Result = Value;
    const METHOD: &'static str = <request::RegisterCapability as request::Request>::METHOD;
}

/// [`STREAM`].
pub enum Stream {}

impl notification::Notification for Stream {
    type Params = StreamParams;
    const METHOD: &'static str = STREAM;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamParams {
    /// Names the action, as everywhere.
    pub id: String,
    pub kind: StreamKind,
    /// What the model has written since. Empty at the end: the reply of the command is what counts.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Prose.
    Text,
    /// Lines of code, with the markers round them.
    Edit,
    End,
}

/// `$/progress`, named here so that `progress` needs no other module of lsp-types.
pub type ProgressNotification = notification::Progress;

/// A value of the right shape, or the default for any other.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + serde::de::DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_contexts_are_read() {
        let cases = [
            (json!({}), None),
            (json!({"context": null}), None),
            (json!({"context": 7}), None),
            (json!({"context": {"triggerKind": 0}}), Some(0)),
            (json!({"context": {"triggerKind": "automatic"}}), None),
            (json!({"context": {"triggerKind": 2, "selectedCompletionInfo": null}}), Some(2)),
            (json!({"context": {"triggerKind": 2, "selectedCompletionInfo": {"text": "no range"}}}), Some(2)),
            (json!({"context": {"triggerKind": 1}, "formattingOptions": {"tabSize": 4}}), Some(1)),
        ];
        for (mut params, kind) in cases {
            params["textDocument"] = json!({"uri": "file:///a.rs", "version": 3});
            params["position"] = json!({"line": 0, "character": 0});
            let read: InlineCompletionParams = serde_json::from_value(params.clone()).expect("it is read");
            assert_eq!(read.context.trigger_kind, kind, "{params}");
        }
    }

    #[test]
    fn an_item_names_its_suggestion() {
        let item = json!({"insertText": "a😀", "command": {"command": DID_ACCEPT, "arguments": ["s1"]}});
        let cases = [
            (json!({}), None, true),
            (json!({"item": null}), None, true),
            (json!({"item": item}), Some("s1"), true),
            (json!({"item": item, "acceptedLength": 1}), Some("s1"), false),
            (json!({"item": item, "acceptedLength": 3}), Some("s1"), true),
            (json!({"item": item, "acceptedLength": "all"}), Some("s1"), true),
        ];
        for (params, id, is_whole) in cases {
            let read: ItemParams = serde_json::from_value(params.clone()).expect("it is read");
            assert_eq!((read.id(), read.is_whole()), (id, is_whole), "{params}");
        }
    }

    #[test]
    fn rejections_have_two_names() {
        for (params, ids) in [
            (json!({"ids": ["a", "b"]}), vec!["a", "b"]),
            (json!({"uuids": ["a"]}), vec!["a"]),
            (json!({"ids": 7}), vec![]),
            (json!({}), vec![]),
        ] {
            let read: RejectParams = serde_json::from_value(params).expect("it is read");
            assert_eq!(read.ids, ids);
        }
    }
}

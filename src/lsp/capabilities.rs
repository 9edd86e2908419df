//! What the client can do, distilled once into named booleans; and what the server says it can do, which follows.
//!
//! Read from the parameters of `initialize` as raw JSON: lsp-types 0.94 refuses a null object and a new word, and
//! drops the keys that it does not know, inline completion among them. Every flag has its reason beside it, and a
//! test that fails without it. No feature asks for a client's name: quirks are decided here.

use serde_json::{Value, json};
use tower_lsp::lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CodeLensOptions, CompletionOptions,
    ExecuteCommandOptions, OneOf, PositionEncodingKind, SaveOptions, ServerCapabilities,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions,
    WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};

use crate::config::Menu;
use crate::lsp::{code_action, ext};
use crate::text::Encoding;

/// What the client can do, and how it does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFlags {
    /// What the client's columns count. Not always what is announced, see `distil`.
    pub columns: Encoding,
    /// What `positionEncoding` announces: the first of the client's list that we know; UTF-16 without a list.
    pub announced: Encoding,
    /// It asks for `textDocument/inlineCompletion`. The key's presence counts: lsp-mode 10 declares it as null.
    pub inline_completion: bool,
    /// How an item of more than one line is inserted whole by its completion menu.
    pub multiline_items: MultilineItems,
    /// It inserts continuation lines as they are if told so (`insertTextMode` 1); VS Code indents them otherwise.
    pub as_is: bool,
    /// It adds the indentation of the current line to a snippet's other lines, and cannot be told otherwise.
    pub indents_snippets: bool,
    /// Markdown in an item's documentation, so that the code is shown as code.
    pub markdown_documentation: bool,
    /// It answers `window/workDoneProgress/create`. Others may leave the request open for ever.
    pub work_done_progress: bool,
    /// It answers `workspace/configuration`.
    pub configuration: bool,
    /// It can be asked to say when a file changed, outside the workspace too: LSP 3.17, `RelativePattern`. Those that know
    /// no such pattern (Eglot, lsp-mode) would watch every folder of the project one by one, and lsp-mode would ask the
    /// person about that (read in their sources): they are not asked.
    pub watches_files: bool,
    /// It can be told of a completion menu while the session lasts.
    pub registers_menu: bool,
    /// Code actions as literals; others are given plain commands.
    pub code_action_literals: bool,
    /// It asks for code actions on every line where the cursor rests, and says so by asking for kinds that no menu
    /// asks for together, the empty one among them (vim-lsp, read in its `document_code_action/signs.vim`).
    pub asks_unbidden: bool,
    /// Its cursor is a selection of one character, and every request says so: such a range is a place, not a choice of
    /// code (Helix, measured).
    pub cursor_selects: bool,
    /// It takes `workspace/applyEdit`. Others are shown the change as a diff.
    pub applies_edits: bool,
    /// Edits as versioned `documentChanges`. Neovim declares only the operations that come with them.
    pub document_changes: bool,
    /// A new file by a `create` operation; elsewhere it is an edit of a document that is not there yet. lsp-mode
    /// declares the operation and then asks whether to read the file again (measured).
    pub creates_files: bool,
    /// It asks the person about annotated changes, which only `documentChanges` can be (LSP 3.16). Neovim does too, and
    /// answers that a refused one was applied.
    pub confirms_changes: bool,
    /// It answers `window/showDocument`. vim-lsp never answers it, so it must be declared.
    pub shows_documents: bool,
    /// It asks for the text of documents that lie on no disk (`workspace/textDocumentContent`, LSP 3.18).
    pub reads_virtual_documents: bool,
    /// It hides messages of the kind Info, so that what the person asked for is a warning there (vim-lsp).
    pub hides_info: bool,
    /// Its glue understands `codesage/stream`: `codesage.notify` of `initializationOptions`.
    pub streams: bool,
    /// It shows code lenses, so that a change which waits has two of them.
    pub shows_lenses: bool,
    /// It answers `workspace/codeLens/refresh`.
    pub refreshes_lenses: bool,
    /// The name under which it is told of each change of the status. Copilot's clients expect it unasked; they are known
    /// by what they say of their plugin.
    pub told_of_status: Option<&'static str>,
}

/// How an item of several lines survives a client's completion menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultilineItems {
    /// As an escaped snippet. Plain text is cut after the first line (Neovim) or doubled (Vim 9.2 with vim-lsp).
    Snippet,
    /// As a snippet that is not escaped, and only where that makes no difference: vim-lsp expands one without taking
    /// the escapes off (read in its `s:simple_expand_text`, seen in Vim 9.0).
    BareSnippet,
    /// As plain text. A snippet is inserted literally (eglot), or is an error (lsp-mode without yasnippet).
    Plain,
    /// Not at all: a line feed becomes `^@` in the editor's own completion, so only the first line is offered.
    FirstLine,
}

impl ClientFlags {
    /// From the parameters of `initialize`, of any shape.
    pub fn distil(params: &Value) -> Self {
        let at = |pointer: &str| params.pointer(pointer).unwrap_or(&Value::Null);
        let is = |pointer: &str| at(pointer).as_bool().unwrap_or(false);
        let name = at("/clientInfo/name").as_str().unwrap_or_default();
        let item = "/capabilities/textDocument/completion/completionItem";

        let offered = at("/capabilities/general/positionEncodings").as_array();
        let announced = offered
            .and_then(|offered| offered.iter().filter_map(Value::as_str).find_map(encoding))
            .unwrap_or(Encoding::Utf16);
        // vim-lsp, and an lsp-mode that offers no encodings, say UTF-16 by saying nothing, and count code points.
        let counts_code_points = name == "vim-lsp" || (name == "emacs" && offered.is_none());
        let columns = if counts_code_points { Encoding::Utf32 } else { announced };

        // vim-lsp expands snippets and declares that it does not.
        let snippets = is(&format!("{item}/snippetSupport")) || name == "vim-lsp";
        // Neovim before 0.11 completes a line at a time, and so does a client that cannot apply an edit at all (ALE).
        let line_at_a_time = name == "Neovim" || !is("/capabilities/workspace/applyEdit");
        let multiline_items = match (snippets, line_at_a_time) {
            (true, _) if name == "vim-lsp" => MultilineItems::BareSnippet,
            (true, _) => MultilineItems::Snippet,
            (false, true) => MultilineItems::FirstLine,
            (false, false) => MultilineItems::Plain,
        };
        let modes = at(&format!("{item}/insertTextModeSupport/valueSet")).as_array();
        let as_is = modes.is_some_and(|modes| modes.contains(&json!(1)));
        let formats = at(&format!("{item}/documentationFormat")).as_array();
        let edit = "/capabilities/workspace/workspaceEdit";
        let operations = at(&format!("{edit}/resourceOperations")).as_array();
        let document_changes = is(&format!("{edit}/documentChanges"))
            || operations.is_some_and(|operations| !operations.is_empty());
        let asked_for = ["/initializationOptions/codesage/notify", "/initializationOptions/notify"];
        let notify = asked_for.iter().find_map(|place| at(place).as_array());
        let is_told = |what: &str| notify.is_some_and(|notify| notify.contains(&json!(what)));
        let told_of_status = match at("/initializationOptions/editorPluginInfo").is_object() {
            true => Some(ext::DID_CHANGE_STATUS_ALIAS),
            false => is_told("status").then_some(ext::DID_CHANGE_STATUS),
        };

        Self {
            columns,
            announced,
            inline_completion: params.pointer("/capabilities/textDocument/inlineCompletion").is_some(),
            multiline_items,
            as_is,
            indents_snippets: snippets && !as_is && name != "vim-lsp",
            markdown_documentation: formats.is_some_and(|formats| formats.contains(&json!("markdown"))),
            work_done_progress: is("/capabilities/window/workDoneProgress"),
            configuration: is("/capabilities/workspace/configuration"),
            registers_menu: is("/capabilities/textDocument/completion/dynamicRegistration"),
            watches_files: ["dynamicRegistration", "relativePatternSupport"]
                .iter()
                .all(|key| is(&format!("/capabilities/workspace/didChangeWatchedFiles/{key}"))),
            code_action_literals: at("/capabilities/textDocument/codeAction/codeActionLiteralSupport")
                .is_object(),
            asks_unbidden: name == "vim-lsp",
            cursor_selects: name == "helix",
            applies_edits: is("/capabilities/workspace/applyEdit"),
            document_changes,
            creates_files: operations.is_some_and(|operations| operations.contains(&json!("create")))
                && name != "emacs",
            confirms_changes: document_changes
                && at(&format!("{edit}/changeAnnotationSupport")).is_object()
                && name != "Neovim",
            shows_documents: is("/capabilities/window/showDocument/support") && name != "vim-lsp",
            reads_virtual_documents: at("/capabilities/workspace/textDocumentContent").is_object(),
            hides_info: name == "vim-lsp",
            streams: is_told("stream"),
            shows_lenses: at("/capabilities/textDocument/codeLens").is_object(),
            refreshes_lenses: is("/capabilities/workspace/codeLens/refreshSupport"),
            told_of_status,
        }
    }

    /// What it can do, in names, for who looks for what is missing. How it does things is not among them.
    pub fn abilities(&self) -> [(&'static str, bool); 12] {
        [
            ("inlineCompletion", self.inline_completion),
            ("progress", self.work_done_progress),
            ("configuration", self.configuration),
            ("codeActionLiterals", self.code_action_literals),
            ("appliesEdits", self.applies_edits),
            ("documentChanges", self.document_changes),
            ("createsFiles", self.creates_files),
            ("confirmsChanges", self.confirms_changes),
            ("showsDocuments", self.shows_documents),
            ("virtualDocuments", self.reads_virtual_documents),
            ("streams", self.streams),
            ("codeLenses", self.shows_lenses),
        ]
    }

    /// Whether suggestions are also offered as menu items, by `completion.menu`.
    pub fn offers_menu(&self, menu: Menu) -> bool {
        match menu {
            Menu::Auto => !self.inline_completion,
            Menu::On => true,
            Menu::Off => false,
        }
    }

    /// What the server announces. `inlineCompletionProvider` is added by the Gate, for lsp-types has no such field.
    pub fn server_capabilities(&self, menu: Menu) -> ServerCapabilities {
        ServerCapabilities {
            position_encoding: Some(match self.announced {
                Encoding::Utf8 => PositionEncodingKind::UTF8,
                Encoding::Utf16 => PositionEncodingKind::UTF16,
                Encoding::Utf32 => PositionEncodingKind::UTF32,
            }),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions {
                    include_text: Some(false),
                })),
                ..TextDocumentSyncOptions::default()
            })),
            // No trigger characters: a menu of one slow item must not open at every dot.
            completion_provider: self.offers_menu(menu).then(CompletionOptions::default),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(code_action::KINDS.map(CodeActionKind::from).to_vec()),
                // Never resolved: Helix would wait for it on its UI thread, and others do not ask.
                resolve_provider: Some(false),
                ..CodeActionOptions::default()
            })),
            code_lens_provider: self
                .shows_lenses
                .then_some(CodeLensOptions { resolve_provider: Some(false) }),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: ext::COMMANDS.iter().map(ToString::to_string).collect(),
                ..ExecuteCommandOptions::default()
            }),
            workspace: Some(WorkspaceServerCapabilities {
                workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                    supported: Some(true),
                    change_notifications: Some(OneOf::Left(true)),
                }),
                file_operations: None,
            }),
            experimental: Some(json!({ "codesage": { "version": 1, "methods": ext::METHODS } })),
            ..ServerCapabilities::default()
        }
    }
}

fn encoding(kind: &str) -> Option<Encoding> {
    match kind {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client of this name that declares just this.
    fn flags(name: &str, capabilities: Value) -> ClientFlags {
        ClientFlags::distil(&json!({ "clientInfo": { "name": name }, "capabilities": capabilities }))
    }

    #[test]
    fn nothing_declared_is_nothing_assumed() {
        let bare = flags("x", json!({}));
        for params in [json!(null), json!(7), json!({}), json!({"capabilities": null, "clientInfo": null})] {
            assert_eq!(ClientFlags::distil(&params), bare);
        }
        assert_eq!(bare.announced, Encoding::Utf16);
        assert_eq!(bare.multiline_items, MultilineItems::FirstLine);
        assert!(!bare.inline_completion && !bare.work_done_progress && !bare.configuration);
    }

    #[test]
    fn the_first_encoding_that_we_know_is_announced() {
        use Encoding::{Utf8, Utf16, Utf32};
        let cases = [
            ("x", json!(["utf-8", "utf-16"]), Utf8, Utf8),
            ("x", json!(["utf-32", "utf-8", "utf-16"]), Utf32, Utf32),
            ("x", json!(["ebcdic", 7, "utf-16"]), Utf16, Utf16),
            ("x", json!([]), Utf16, Utf16),
            ("x", json!(null), Utf16, Utf16),
            ("vim-lsp", json!(null), Utf16, Utf32),
            ("emacs", json!(null), Utf16, Utf32),
            ("emacs", json!(["utf-16"]), Utf16, Utf16),
            ("Eglot", json!(null), Utf16, Utf16),
        ];
        for (name, offered, announced, columns) in cases {
            let flags = flags(name, json!({ "general": { "positionEncodings": offered } }));
            assert_eq!((flags.announced, flags.columns), (announced, columns), "{name} {offered}");
        }
    }

    #[test]
    fn lines_of_an_item() {
        use MultilineItems::{BareSnippet, FirstLine, Plain, Snippet};
        let cases = [
            ("x", true, true, Snippet),
            ("x", false, true, Plain),
            ("x", false, false, FirstLine),
            ("Neovim", true, true, Snippet),
            ("Neovim", false, true, FirstLine),
            ("vim-lsp", false, true, BareSnippet),
        ];
        for (name, snippets, edits, expected) in cases {
            let item = json!({ "snippetSupport": snippets });
            let flags = flags(
                name,
                json!({
                    "textDocument": { "completion": { "completionItem": item } },
                    "workspace": { "applyEdit": edits },
                }),
            );
            assert_eq!(flags.multiline_items, expected, "{name} {snippets} {edits}");
        }
    }

    #[test]
    fn indentation_of_an_item() {
        let cases = [
            ("x", json!({ "snippetSupport": true }), false, true),
            (
                "x",
                json!({ "snippetSupport": true, "insertTextModeSupport": { "valueSet": [1, 2] } }),
                true,
                false,
            ),
            (
                "x",
                json!({ "snippetSupport": true, "insertTextModeSupport": { "valueSet": [2] } }),
                false,
                true,
            ),
            ("x", json!({ "snippetSupport": false }), false, false),
            ("vim-lsp", json!({}), false, false),
        ];
        for (name, item, as_is, indents) in cases {
            let flags = flags(name, json!({ "textDocument": { "completion": { "completionItem": item } } }));
            assert_eq!((flags.as_is, flags.indents_snippets), (as_is, indents), "{name} {item}");
        }
    }

    #[test]
    fn items_go_to_the_menu_where_there_is_no_other_place() {
        let inline = [json!({}), json!({ "textDocument": { "inlineCompletion": null } })];
        for (menu, expected) in [(Menu::Auto, [true, false]), (Menu::On, [true; 2]), (Menu::Off, [false; 2])]
        {
            let offered = inline.clone().map(|capabilities| {
                let flags = flags("x", capabilities);
                let provider = flags.server_capabilities(menu).completion_provider;
                assert_eq!(provider.is_some(), flags.offers_menu(menu));
                flags.offers_menu(menu)
            });
            assert_eq!(offered, expected, "{menu:?}");
        }
    }

    #[test]
    fn how_an_edit_is_taken() {
        let create = json!(["rename", "create"]);
        // Name, declaration; versioned, created, confirmed.
        let cases = [
            ("x", json!(null), [false, false, false]),
            ("x", json!({ "documentChanges": true }), [true, false, false]),
            ("x", json!({ "documentChanges": false, "resourceOperations": [] }), [false, false, false]),
            ("x", json!({ "resourceOperations": ["rename"] }), [true, false, false]),
            ("Neovim", json!({ "resourceOperations": create }), [true, true, false]),
            ("emacs", json!({ "documentChanges": true, "resourceOperations": create }), [true, false, false]),
            ("x", json!({ "changeAnnotationSupport": {} }), [false, false, false]),
            ("x", json!({ "documentChanges": true, "changeAnnotationSupport": {} }), [true, false, true]),
            ("x", json!({ "documentChanges": true, "changeAnnotationSupport": null }), [true, false, false]),
            (
                "Neovim",
                json!({ "documentChanges": true, "changeAnnotationSupport": { "groupsOnLabel": true } }),
                [true, false, false],
            ),
        ];
        for (name, edit, expected) in cases {
            let flags = flags(name, json!({ "workspace": { "workspaceEdit": edit } }));
            let found = [flags.document_changes, flags.creates_files, flags.confirms_changes];
            assert_eq!(found, expected, "{name} {edit}");
        }
    }

    #[test]
    fn quirks_of_showing() {
        let show = |support: Value| json!({ "window": { "showDocument": { "support": support } } });
        // Name, declaration; shows documents, hides messages, asks on every line.
        let cases = [
            ("x", show(json!(true)), [true, false, false]),
            ("x", show(json!(null)), [false, false, false]),
            ("emacs", json!({ "window": { "showDocument": null } }), [false, false, false]),
            ("vim-lsp", show(json!(true)), [false, true, true]),
        ];
        assert!(flags("helix", json!({})).cursor_selects && !flags("Neovim", json!({})).cursor_selects);
        for (name, capabilities, expected) in cases {
            let flags = flags(name, capabilities);
            assert_eq!([flags.shows_documents, flags.hides_info, flags.asks_unbidden], expected, "{name}");
        }
    }

    #[test]
    fn what_is_told_is_asked_for() {
        let (status, alias) = (Some("codesage/didChangeStatus"), Some("didChangeStatus"));
        // Options; the stream, the status.
        let cases = [
            (json!(null), false, None),
            (json!({ "codesage": { "notify": ["status"] } }), false, status),
            (json!({ "codesage": { "notify": "stream" } }), false, None),
            (json!({ "codesage": { "notify": ["status", "stream"] } }), true, status),
            (json!({ "notify": ["stream"] }), true, None),
            (json!({ "editorPluginInfo": { "name": "copilot.vim" } }), false, alias),
            (json!({ "editorPluginInfo": {}, "codesage": { "notify": ["status"] } }), false, alias),
            (json!({ "editorPluginInfo": null }), false, None),
        ];
        for (options, streams, told_of_status) in cases {
            let flags = ClientFlags::distil(&json!({ "initializationOptions": options }));
            assert_eq!((flags.streams, flags.told_of_status), (streams, told_of_status), "{options}");
        }
    }

    #[test]
    fn booleans_are_read_from_their_place() {
        let flags = flags(
            "x",
            json!({
                "window": { "workDoneProgress": true },
                "workspace": { "configuration": true, "applyEdit": true, "codeLens": { "refreshSupport": true } },
                "textDocument": { "codeLens": {}, "codeAction": { "codeActionLiteralSupport": {} }, "completion": { "completionItem": { "documentationFormat": ["plaintext", "markdown"] } } },
            }),
        );
        assert!(flags.work_done_progress && flags.configuration && flags.markdown_documentation);
        assert!(flags.applies_edits && flags.code_action_literals);
        assert!(flags.shows_lenses && flags.refreshes_lenses);
        assert!(flags.server_capabilities(Menu::Auto).code_lens_provider.is_some());
    }
}

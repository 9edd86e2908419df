//! Every client that we have measured, by what it declares: each can introduce itself, and each is offered what it
//! can use. `fixtures/clients.json` holds the profiles.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;

use codesage::lsp::capabilities::ClientFlags;
use expect_test::expect;
use serde_json::{Map, Value, json};
use server::TestServer;

fn profiles() -> Map<String, Value> {
    let text = include_str!("../fixtures/clients.json");
    let mut profiles: Map<String, Value> = serde_json::from_str(text).expect("the fixture is JSON");
    profiles.remove("_about");
    profiles
}

#[tokio::test(start_paused = true)]
async fn every_client_initializes_and_is_offered_what_it_can_use() {
    let mut table = String::new();
    for (name, profile) in profiles() {
        let mut server = TestServer::start(profile).await;
        server.until_status("Normal").await;
        // That it is asked to watch files, where it can, is for `tests/settings.rs`.
        if ClientFlags::distil(&profiles()[&name]).watches_files {
            server.expect("client/registerCapability").await;
        }
        let capabilities = &server.initialized["capabilities"];
        assert_eq!(capabilities["inlineCompletionProvider"], true, "{name}");
        let encoding = capabilities["positionEncoding"].as_str().expect("always announced");
        let menu = if capabilities["completionProvider"].is_object() { "menu" } else { "" };
        table += format!("{name:<58} {encoding:<7} {menu}").trim_end();
        table += "\n";
        server.finish().await;
    }
    expect![[r#"
        ALE 3.3.0                                                  utf-16  menu
        Helix 25.07.1                                              utf-8   menu
        Neovim 0.10.4                                              utf-16  menu
        Neovim 0.12.4                                              utf-8
        Neovim 0.7.2                                               utf-16  menu
        eglot 1.17.30 (Emacs 30.2)                                 utf-32  menu
        eglot 1.9 (Emacs 28.2)                                     utf-16  menu
        lsp-mode 10.0.0 (Emacs 30.2)                               utf-32
        lsp-mode 8.0.0 (Emacs 28.2)                                utf-16  menu
        vim-lsp 474c656                                            utf-16  menu
        vscode-languageclient 11.0.0                               utf-16
        vscode-languageclient 9.0.1                                utf-16  menu
        vscode-languageclient 9.0.1 with registerProposedFeatures  utf-16
    "#]]
    .assert_eq(&table);
}

#[test]
fn what_is_distilled_of_each_client() {
    let mut table = String::new();
    for (name, profile) in profiles() {
        let flags = ClientFlags::distil(&profile);
        let booleans = [
            (flags.as_is, "as-is"),
            (flags.indents_snippets, "indents"),
            (flags.work_done_progress, "progress"),
            (flags.configuration, "configuration"),
            (flags.watches_files, "watches"),
        ];
        let booleans: Vec<_> = booleans.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        let (columns, form) = (format!("{:?}", flags.columns), format!("{:?}", flags.multiline_items));
        let row = format!("{name:<58} {columns:<6} {form:<10} {}", booleans.join(" "));
        table += &format!("{}\n", row.trim_end());
    }
    expect![[r#"
        ALE 3.3.0                                                  Utf16  FirstLine
        Helix 25.07.1                                              Utf8   Snippet    indents progress configuration watches
        Neovim 0.10.4                                              Utf16  FirstLine  progress configuration
        Neovim 0.12.4                                              Utf8   Snippet    indents progress configuration
        Neovim 0.7.2                                               Utf16  FirstLine  progress
        eglot 1.17.30 (Emacs 30.2)                                 Utf32  Plain      progress configuration
        eglot 1.9 (Emacs 28.2)                                     Utf16  Plain      configuration
        lsp-mode 10.0.0 (Emacs 30.2)                               Utf32  Plain      as-is progress configuration
        lsp-mode 8.0.0 (Emacs 28.2)                                Utf32  Plain      as-is progress configuration
        vim-lsp 474c656                                            Utf32  BareSnippet progress configuration
        vscode-languageclient 11.0.0                               Utf16  Snippet    as-is progress configuration watches
        vscode-languageclient 9.0.1                                Utf16  Snippet    as-is progress configuration watches
        vscode-languageclient 9.0.1 with registerProposedFeatures  Utf16  Snippet    as-is progress configuration watches
    "#]]
    .assert_eq(&table);
}

#[test]
fn what_of_actions_each_client_takes() {
    let mut table = String::new();
    for (name, profile) in profiles() {
        let flags = ClientFlags::distil(&profile);
        let booleans = [
            (flags.code_action_literals, "literals"),
            (flags.asks_unbidden, "asks-unbidden"),
            (flags.cursor_selects, "cursor-selects"),
            (flags.applies_edits, "edits"),
            (flags.document_changes, "versioned"),
            (flags.creates_files, "creates"),
            (flags.confirms_changes, "confirms"),
            (flags.shows_documents, "shows"),
            (flags.hides_info, "hides-info"),
            (flags.streams, "streams"),
        ];
        let booleans: Vec<_> = booleans.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        table += &format!("{name:<58} {}\n", booleans.join(" "));
    }
    expect![[r#"
        ALE 3.3.0                                                  literals
        Helix 25.07.1                                              literals cursor-selects edits versioned creates shows
        Neovim 0.10.4                                              literals edits versioned creates shows
        Neovim 0.12.4                                              literals edits versioned creates shows
        Neovim 0.7.2                                               literals edits versioned creates
        eglot 1.17.30 (Emacs 30.2)                                 literals edits versioned shows
        eglot 1.9 (Emacs 28.2)                                     literals edits versioned
        lsp-mode 10.0.0 (Emacs 30.2)                               literals edits versioned shows
        lsp-mode 8.0.0 (Emacs 28.2)                                literals edits versioned
        vim-lsp 474c656                                            literals asks-unbidden edits hides-info
        vscode-languageclient 11.0.0                               literals edits versioned creates confirms shows
        vscode-languageclient 9.0.1                                literals edits versioned creates confirms shows
        vscode-languageclient 9.0.1 with registerProposedFeatures  literals edits versioned creates confirms shows
    "#]]
    .assert_eq(&table);
}

#[tokio::test(start_paused = true)]
async fn the_capabilities_of_the_server() {
    let server = TestServer::bare().await;
    expect![[r#"
        {
          "codeActionProvider": {
            "codeActionKinds": [
              "refactor.rewrite.codesage",
              "refactor.rewrite.codesage.document",
              "quickfix.codesage"
            ],
            "resolveProvider": false
          },
          "completionProvider": {},
          "executeCommandProvider": {
            "commands": [
              "codesage.applyPreview",
              "codesage.cancel",
              "codesage.custom",
              "codesage.didAccept",
              "codesage.discardPreview",
              "codesage.doctor",
              "codesage.document",
              "codesage.edit",
              "codesage.explain",
              "codesage.fix",
              "codesage.refactor",
              "codesage.reload",
              "codesage.review",
              "codesage.run",
              "codesage.showContext",
              "codesage.snooze",
              "codesage.stats",
              "codesage.swapModel",
              "codesage.toggle",
              "codesage.undo",
              "codesage.unitTest",
              "codesage.why"
            ]
          },
          "experimental": {
            "codesage": {
              "methods": [
                "codesage/didChangeStatus",
                "codesage/didFocus",
                "codesage/didPartiallyAcceptCompletion",
                "codesage/didRejectCompletion",
                "codesage/didShowCompletion",
                "codesage/stats",
                "codesage/status",
                "codesage/stream"
              ],
              "version": 1
            }
          },
          "inlineCompletionProvider": true,
          "positionEncoding": "utf-16",
          "textDocumentSync": {
            "change": 2,
            "openClose": true,
            "save": {
              "includeText": false
            }
          },
          "workspace": {
            "textDocumentContent": {
              "schemes": [
                "codesage"
              ]
            },
            "workspaceFolders": {
              "changeNotifications": true,
              "supported": true
            }
          }
        }
    "#]]
    .assert_eq(&format!("{:#}\n", server.initialized["capabilities"]));
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn odd_introductions_are_taken() {
    let cases = [
        json!({}),
        json!(null),
        json!({ "capabilities": null, "clientInfo": null, "workspaceFolders": null, "processId": null }),
        json!({ "capabilities": { "textDocument": 7, "window": [], "general": { "positionEncodings": "utf-8" } } }),
        json!({ "capabilities": { "workspace": { "workspaceEdit": { "failureHandling": "new word" } } } }),
        json!({ "capabilities": {}, "trace": "compact", "rootUri": "not a uri", "processId": -1, "locale": 7 }),
        json!({ "capabilities": {}, "initializationOptions": "text" }),
    ];
    for params in cases {
        let mut server = TestServer::start(params.clone()).await;
        let status = server.until_status("Normal").await;
        assert_eq!(status["message"], "scripted", "{params}");
        if params["initializationOptions"].is_string() {
            server.expect("window/showMessage").await;
        }
        server.finish().await;
    }
}

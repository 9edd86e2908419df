//! Actions through the whole server, by a backend that says what it is told: in clients of each kind, with editors that
//! do what they say and editors that do not.

#[path = "actions/editor.rs"]
mod editor;
#[path = "actions/odd.rs"]
mod odd;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;
#[path = "actions/several.rs"]
mod several;
#[path = "actions/status.rs"]
mod status;
#[path = "actions/stopping.rs"]
mod stopping;
#[path = "actions/written.rs"]
mod written;

use std::time::Duration;

use codesage::engine::Backend;
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::text::unseen::is_unseen;
use editor::{CHANGED, Editor, TEXT, TWO, URI, client, endless, plain};
use serde_json::{Value, json};
use server::TestServer;

#[tokio::test(start_paused = true)]
async fn an_edit_in_each_form_and_back_again() {
    let forms = [
        json!(null),
        json!({ "documentChanges": true }),
        json!({ "resourceOperations": ["create"] }),
        json!({ "documentChanges": true, "changeAnnotationSupport": {} }),
    ];
    for form in forms {
        let mut editor = Editor::start(client(form.clone(), json!({}))).await;
        editor.server.backend.say(Script::text(TWO));
        let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
        let asked = editor.obey().await;
        let result = editor.result(id).await;
        assert_eq!(
            (editor.text.as_str(), &result["outcome"]),
            (CHANGED, &json!("applied")),
            "{form}: {result}"
        );
        assert_eq!(asked["label"], "Refactor two", "{form}");
        let versioned = asked.pointer("/edit/documentChanges/0/textDocument/version");
        assert_eq!(versioned, (!form.is_null()).then_some(&json!(1)), "{form}");
        assert_eq!(asked["edit"].get("changeAnnotations"), None, "one file is not confirmed");
        assert_eq!(result["files"][0]["removed"], 2, "{form}: {result}");
        assert!(result["stats"]["generatedTokens"].as_u64() > Some(0), "{result}");

        let id = editor.ask("codesage.undo", json!(null)).await;
        editor.obey().await;
        let undone = editor.result(id).await;
        assert_eq!((editor.text.as_str(), &undone["outcome"]), (TEXT, &json!("applied")), "{form}: {undone}");
        assert_eq!(undone["id"], result["id"]);
        let nothing = editor.call("codesage.undo", json!(null)).await;
        assert_eq!(nothing["outcome"], "refused", "{nothing}");
        assert!(editor.message().await.starts_with("There is no edit"));
        editor.server.finish().await;
    }
}

/// Every client that we have measured: how it is asked, what it is shown beside, and what came of it.
#[tokio::test(start_paused = true)]
async fn an_edit_and_an_explanation_in_every_client() {
    let text = include_str!("../fixtures/clients.json");
    let mut profiles: serde_json::Map<String, Value> =
        serde_json::from_str(text).expect("the fixture is JSON");
    profiles.remove("_about");
    let mut table = String::new();
    for (name, profile) in profiles {
        let mut editor = Editor::start(profile).await;
        let mut row = Vec::new();
        for (command, said) in [("codesage.refactor", TWO), ("codesage.explain", "It adds.")] {
            editor.server.backend.say(Script::text(said).slowly(Duration::from_millis(5)));
            let id = editor.ask(command, editor.at("fn two")).await;
            let (mut seen, outcome) = editor.until_reply(id).await;
            seen.sort_unstable();
            row.push(format!("{}: {outcome}", seen.join(", ")));
        }
        let is_changed = if editor.text == CHANGED { "changed" } else { "" };
        table += format!("{name:<58} {} | {is_changed}", row.join(" | ")).trim_end();
        table += "\n";
        editor.server.finish().await;
    }
    expect_test::expect![[r#"
        ALE 3.3.0                                                  message: answer | message: answer |
        Helix 25.07.1                                              begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        Neovim 0.10.4                                              begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        Neovim 0.12.4                                              begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        Neovim 0.7.2                                               begin, documentChanges, end, progress: applied | begin, end, message, progress: answer | changed
        eglot 1.17.30 (Emacs 30.2)                                 begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        eglot 1.9 (Emacs 28.2)                                     documentChanges: applied | message: answer | changed
        lsp-mode 10.0.0 (Emacs 30.2)                               begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        lsp-mode 8.0.0 (Emacs 28.2)                                begin, documentChanges, end, progress: applied | begin, end, message, progress: answer | changed
        vim-lsp 474c656                                            begin, changes, end, progress: applied | begin, end, message, progress: answer | changed
        vscode-languageclient 11.0.0                               begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        vscode-languageclient 9.0.1                                begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
        vscode-languageclient 9.0.1 with registerProposedFeatures  begin, documentChanges, end, progress: applied | begin, document, end, progress: answer | changed
    "#]].assert_eq(&table);
}

#[tokio::test(start_paused = true)]
async fn what_an_editor_says_is_not_what_it_did() {
    // What the editor answers, whether it does it before, and what came of it.
    let cases = [
        (Some(json!({ "applied": true })), false, "refused", "it says that it did"),
        (Some(json!({ "applied": false, "failureReason": "stale." })), false, "refused", "edit: stale."),
        (Some(json!({ "applied": false })), true, "applied", "Applied: "),
        (Some(json!(null)), true, "applied", "Applied: "),
        (Some(json!(null)), false, "refused", "it gave no answer to it"),
        (None, true, "applied", "Applied: "),
        (None, false, "refused", "it gave no answer in 15 s"),
    ];
    for (answer, does_it, outcome, message) in cases {
        let mut editor = Editor::start(plain()).await;
        editor.server.backend.say(Script::text(TWO));
        let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
        let request = editor.server.expect("workspace/applyEdit").await;
        if does_it {
            editor.make(&request["params"]["edit"]).await;
        }
        if let Some(answer) = &answer {
            editor.server.answer(&request, answer.clone()).await;
        }
        let result = editor.result(id).await;
        assert_eq!(result["outcome"], outcome, "{answer:?} {does_it}: {result}");
        assert!(
            result["message"].as_str().is_some_and(|text| text.contains(message)),
            "{answer:?}: {result}"
        );
        if outcome == "refused" {
            assert!(editor.message().await.contains(message));
            // The model's work is not lost: it can be applied again.
            assert_eq!(
                editor.menu("let sum", json!({ "diagnostics": [] })).await[0],
                "Apply preview: Refactor two"
            );
        }
        editor.server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_comes_late_can_be_taken_back() {
    let mut editor = Editor::start(plain()).await;
    editor.server.backend.say(Script::text(TWO));
    let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
    let request = editor.server.expect("workspace/applyEdit").await;
    editor.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(editor.result(id).await["outcome"], "refused");
    editor.message().await;
    editor.make(&request["params"]["edit"]).await;
    editor.until_applied().await;
    let id = editor.ask("codesage.undo", json!(null)).await;
    editor.obey().await;
    assert_eq!(editor.result(id).await["outcome"], "applied");
    assert_eq!(editor.text, TEXT);
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn each_way_to_stop_stops_the_tokens() {
    for way in ["codesage.cancel", "$/cancelRequest", "window/workDoneProgress/cancel", "close"] {
        let mut editor =
            Editor::start(client(json!(null), json!({ "window": { "workDoneProgress": true } }))).await;
        editor.server.backend.say(Script::text(&endless()).slowly(Duration::from_millis(5)));
        let id = editor.ask("codesage.edit", {
            let mut argument = editor.at("let sum");
            argument["instruction"] = json!("make it quick");
            argument
        });
        let id = id.await;
        let create = editor.server.expect("window/workDoneProgress/create").await;
        editor.server.answer(&create, json!(null)).await;
        let begin = editor.server.expect("$/progress").await;
        assert_eq!(
            (&begin["params"]["value"]["kind"], &begin["params"]["value"]["title"]),
            (&json!("begin"), &json!("Editing"))
        );
        editor.server.until(|server| server.backend.stats().generated_tokens > 0).await;
        let token = create["params"]["token"].clone();
        match way {
            "codesage.cancel" => assert_eq!(editor.call(way, json!({})).await["cancelled"], 1),
            "close" => editor.close().await,
            "$/cancelRequest" => editor.server.notify(way, json!({ "id": id })).await,
            _ => editor.server.notify(way, json!({ "token": token })).await,
        }
        let reply = editor.server.reply(id).await;
        match way {
            "$/cancelRequest" => assert_eq!(reply["error"]["code"], -32800, "{reply}"),
            _ => assert_eq!(reply["result"]["outcome"], "cancelled", "{way}: {reply}"),
        }
        loop {
            let progress = editor.server.expect("$/progress").await;
            assert_eq!(progress["params"]["token"], token);
            if progress["params"]["value"]["kind"] == "end" {
                break;
            }
            assert_eq!(progress["params"]["value"]["kind"], "report");
        }
        let stopped = editor.server.backend.stats().generated_tokens;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let later = editor.server.backend.stats().generated_tokens;
        assert!(later <= stopped + 1, "{way}: {stopped} tokens, then {later}");
        assert_eq!(editor.call("codesage.cancel", json!({})).await["cancelled"], 0);
        // `finish` finds a second end, and an edit.
        editor.server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_progress_has_one_end_and_the_clients_own_token() {
    let mut editor = Editor::start(plain()).await;
    editor.server.backend.say(Script::text(TWO).slowly(Duration::from_millis(20)));
    let params =
        json!({ "command": "codesage.refactor", "arguments": [editor.at("let sum")], "workDoneToken": 7 });
    let id = editor.server.request("workspace/executeCommand", params).await;
    editor.obey().await;
    editor.result(id).await;
    let mut kinds = Vec::new();
    while kinds.last().is_none_or(|kind| kind != "end") {
        let progress = editor.server.expect("$/progress").await;
        assert_eq!(progress["params"]["token"], 7);
        let value = &progress["params"]["value"];
        kinds.push(value["kind"].as_str().expect("a kind").to_owned());
        if value["kind"] == "end" {
            assert!(value["message"].as_str().is_some_and(|text| text.starts_with("Applied: ")), "{value}");
        }
    }
    assert_eq!((kinds[0].as_str(), kinds.iter().filter(|kind| *kind == "begin").count()), ("begin", 1));
    assert!(kinds.iter().filter(|kind| *kind == "report").count() >= 2, "{kinds:?}");
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_edit_waits_for_the_first() {
    let mut editor = Editor::start(plain()).await;
    editor.server.backend.say(Script::text(TWO));
    editor.server.backend.say(Script::text("fn one() -> u32 {\n    2 - 1\n}\n<<<AI_EDIT_END>>>\n"));
    let first = editor.ask("codesage.refactor", editor.at("let sum")).await;
    let second = editor.ask("codesage.refactor", editor.at("fn one")).await;
    let request = editor.server.expect("workspace/applyEdit").await;
    let status = editor.server.call("codesage/status", json!({})).await["result"].clone();
    assert_eq!(status, json!({ "kind": "Normal", "busy": true, "message": "scripted" }));
    assert_eq!(editor.server.backend.instructs().len(), 1, "the second has not begun");
    editor.make(&request["params"]["edit"]).await;
    editor.server.answer(&request, json!({ "applied": true })).await;
    assert_eq!(editor.result(first).await["outcome"], "applied");
    editor.obey().await;
    let result = editor.result(second).await;
    assert_eq!(result["outcome"], "applied", "{result}");
    assert_eq!(editor.text, CHANGED.replace("    1\n", "    2 - 1\n"));
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_explanation_finds_its_place() {
    let shows = json!({ "window": { "showDocument": { "support": true } } });
    let prose = "It adds one to one.";
    // The client's name, what it declares, and whether it opens what it is asked to open.
    let cases = [
        ("x", json!({}), false),
        ("x", shows.clone(), true),
        ("x", shows.clone(), false),
        ("vim-lsp", shows, false),
    ];
    for (name, declared, opens) in cases {
        let shows = declared != json!({}) && name != "vim-lsp";
        let mut profile = client(json!(null), declared);
        profile["clientInfo"] = json!({ "name": name });
        let mut editor = Editor::start(profile).await;
        editor.server.backend.say(Script::text(prose));
        let id = editor.ask("codesage.explain", editor.at("let sum")).await;
        if shows {
            let request = editor.server.expect("window/showDocument").await;
            let uri = request["params"]["uri"].as_str().expect("a URI");
            let path = url::Url::parse(uri).ok().and_then(|uri| uri.to_file_path().ok()).expect("a file");
            assert_eq!(std::fs::read_to_string(path).ok().as_deref(), Some(prose));
            editor.server.answer(&request, json!({ "success": opens })).await;
        }
        if !opens {
            let message = editor.server.expect("window/showMessage").await;
            let kind = if name == "vim-lsp" { 2 } else { 3 };
            assert_eq!(message["params"], json!({ "type": kind, "message": prose }), "{name}");
        }
        let result = editor.result(id).await;
        assert_eq!((&result["outcome"], &result["markdown"]), (&json!("answer"), &json!(prose)), "{result}");
        editor.server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn glue_that_asks_for_it_hears_the_model_write() {
    let cases = [
        ("codesage.explain", "text", "First.\nSecond.\n", "First.\nSecond.\n"),
        ("codesage.refactor", "edit", TWO, TWO),
    ];
    for (command, kind, said, expected) in cases {
        let mut profile = plain();
        profile["initializationOptions"] = json!({ "codesage": { "notify": ["stream"] } });
        let mut editor = Editor::start(profile).await;
        editor.server.backend.say(Script::text(said));
        let id = editor.ask(command, editor.at("let sum")).await;
        let (mut heard, mut named) = (String::new(), None);
        loop {
            let stream = editor.server.expect("codesage/stream").await["params"].clone();
            let id = &stream["id"];
            assert!(id.is_string() && named.is_none_or(|named: Value| named == *id), "{stream}");
            named = Some(id.clone());
            if stream["kind"] == "end" {
                break;
            }
            assert_eq!(stream["kind"], kind);
            let text = stream["text"].as_str().expect("a text");
            assert!(kind == "text" || text.ends_with('\n'), "{text:?}");
            heard += text;
        }
        assert_eq!(heard, expected, "{command}");
        if kind == "edit" {
            editor.obey().await;
        }
        editor.result(id).await;
        // No document and no message besides, and no second end.
        editor.server.finish().await;
    }
}

/// No text of a message may command whatever shows it, or be written otherwise than it reads: in any of them.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.replace("\r\n", "\n").contains(is_unseen),
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(fields) => fields.values().all(is_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_model_says_commands_nothing() {
    let said = "It clears \u{1b}[2J the screen \u{202e}now.\nOne \u{9b}more `let sum` \u{2066}line.\rAnd \u{7}one.\n";
    let shown = "It clears \u{fffd}[2J the screen \u{fffd}now.\nOne \u{fffd}more `let sum` \u{fffd}line.\u{fffd}And \u{fffd}one.";
    let progress = json!({ "window": { "workDoneProgress": true } });
    for notify in [json!([]), json!(["stream"])] {
        for command in ["codesage.explain", "codesage.review", "codesage.refactor"] {
            let mut profile = client(json!({ "documentChanges": true }), progress.clone());
            profile["initializationOptions"] = json!({ "codesage": { "notify": notify } });
            let mut editor = Editor::start(profile).await;
            editor.server.backend.always(Script::text(said).slowly(Duration::from_millis(150)));
            let id = editor.ask(command, editor.at("let sum")).await;
            let mut heard = Vec::new();
            let reply = loop {
                let message = editor.server.any().await;
                if message["method"] == "window/workDoneProgress/create" {
                    editor.server.answer(&message, json!(null)).await;
                }
                assert!(is_plain(&message), "{command}: {message}");
                if message.get("method").is_none() && message["id"] == id {
                    break message;
                }
                heard.push(message);
            };
            assert!(editor.server.logs.iter().all(|log| is_plain(&json!(log))), "{:?}", editor.server.logs);
            if command == "codesage.refactor" {
                assert_eq!(reply["result"]["outcome"], "refused", "{reply}");
            } else {
                assert_eq!(reply["result"]["markdown"], shown, "{reply}");
            }
            // It was told on the way, by a progress or by the stream.
            let is_told = |message: &Value| message.to_string().contains("It clears \u{fffd}[2J");
            assert!(heard.iter().any(is_told), "{command}: {heard:#?}");
            editor.server.finish().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn findings_are_diagnostics_that_go_with_their_lines() {
    let mut editor = Editor::start(plain()).await;
    let review = "- `let sum = 1 + 1;` can be a constant.\n- `sum` says nothing as a name, thrice.\n";
    editor.server.backend.always(Script::text(review));
    let id = editor.ask("codesage.review", editor.at("let sum")).await;
    let published = |message: Value| message["params"]["diagnostics"].as_array().expect("a list").clone();
    let shown = published(editor.server.expect("textDocument/publishDiagnostics").await);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(
        (&shown[0]["source"], &shown[0]["range"]["start"]),
        (&json!("codesage"), &json!({ "line": 5, "character": 4 }))
    );
    editor.message().await;
    assert_eq!(editor.result(id).await["outcome"], "answer");
    // Above them: they move, and the editor moves them.
    editor.text = editor.text.replace("    1\n", "    1 + 0\n// more\n");
    editor.told().await;
    // In one of their lines.
    editor.text = editor.text.replace("1 + 1;", "1 + 2;");
    editor.told().await;
    let left = published(editor.server.expect("textDocument/publishDiagnostics").await);
    assert!(left.len() < 2, "{left:?}");

    for way in ["clear", "close"] {
        let id = editor.ask("codesage.review", editor.at("let sum")).await;
        editor.server.expect("textDocument/publishDiagnostics").await;
        editor.message().await;
        editor.result(id).await;
        match way {
            "clear" => _ = editor.call("codesage.review", json!({ "clear": true })).await,
            _ => editor.close().await,
        }
        let none = published(editor.server.expect("textDocument/publishDiagnostics").await);
        assert!(none.is_empty(), "{way}: {none:?}");
    }
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_takes_much_away_is_shown_first() {
    let mut editor = Editor::start(plain()).await;
    let whole = json!({
        "textDocument": { "uri": URI },
        "range": { "start": { "line": 0, "character": 0 }, "end": { "line": 7, "character": 1 } },
    });
    for decision in ["codesage.discardPreview", "codesage.applyPreview"] {
        editor.server.backend.say(Script::text("fn one() -> u32 {\n    1\n}\n<<<AI_EDIT_END>>>\n"));
        let result = editor.call("codesage.refactor", whole.clone()).await;
        assert_eq!((&result["outcome"], &result["guard"]), (&json!("preview"), &json!("loss")), "{result}");
        let shown = editor.message().await;
        assert!(shown.contains("```diff\n--- a/") && shown.contains("\n-fn two() -> u32 {\n"), "{shown}");
        let menu = editor.menu("let sum", json!({ "diagnostics": [], "only": ["refactor"] })).await;
        assert!(menu[0].starts_with("Apply preview: Refactor"), "{menu:?}");
        let id = editor.ask(decision, json!({ "id": result["id"] })).await;
        if decision == "codesage.applyPreview" {
            let request = editor.server.expect("workspace/applyEdit").await;
            // It is in the editor's hands now.
            let late = editor.call("codesage.discardPreview", json!({ "id": result["id"] })).await;
            assert_eq!(late["outcome"], "refused", "{late}");
            editor.message().await;
            editor.make(&request["params"]["edit"]).await;
            editor.server.answer(&request, json!({ "applied": true })).await;
        }
        let decided = editor.result(id).await;
        let applied = decision == "codesage.applyPreview";
        assert_eq!(decided["outcome"], if applied { "applied" } else { "cancelled" }, "{decided}");
        let again = editor.call("codesage.applyPreview", json!(result["id"])).await;
        assert_eq!(again["outcome"], "refused", "{again}");
        editor.message().await;
    }
    assert_eq!(editor.text.trim_end(), "fn one() -> u32 {\n    1\n}");
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_waits_has_lenses_above_its_first_line() {
    let lenses = json!({
        "workspace": { "codeLens": { "refreshSupport": true } },
        "textDocument": { "codeLens": {} },
    });
    let mut editor = Editor::start(client(json!({ "documentChanges": true }), lenses)).await;
    assert_eq!(editor.server.initialized["capabilities"]["codeLensProvider"]["resolveProvider"], false);
    let asked = json!({ "textDocument": { "uri": URI } });
    let none = editor.server.call("textDocument/codeLens", asked.clone()).await;
    assert_eq!(none["result"], json!([]));
    for decision in ["codesage.discardPreview", "codesage.applyPreview"] {
        editor.server.backend.say(Script::text("fn one() -> u32 {\n    1\n}\n<<<AI_EDIT_END>>>\n"));
        let mut whole = editor.at("fn one");
        whole["range"] =
            json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 7, "character": 1 } });
        let result = editor.call("codesage.refactor", whole).await;
        assert_eq!(result["outcome"], "preview", "{result}");
        editor.message().await;
        // An editor may refuse it, or say nothing.
        editor.server.expect("workspace/codeLens/refresh").await;
        let shown = editor.server.call("textDocument/codeLens", asked.clone()).await["result"].clone();
        let commands: Vec<_> = (0..2).map(|at| shown[at]["command"]["command"].as_str()).collect();
        assert_eq!(commands, [Some("codesage.applyPreview"), Some("codesage.discardPreview")], "{shown}");
        assert_eq!(shown[0]["range"]["start"], json!({ "line": 3, "character": 0 }), "{shown}");
        assert_eq!(shown[0]["command"]["arguments"], json!([{ "id": result["id"] }]));
        let id = editor.ask(decision, shown[0]["command"]["arguments"][0].clone()).await;
        if decision == "codesage.applyPreview" {
            editor.obey().await;
        }
        editor.result(id).await;
        editor.server.expect("workspace/codeLens/refresh").await;
        let none = editor.server.call("textDocument/codeLens", asked.clone()).await;
        assert_eq!(none["result"], json!([]), "{decision}");
    }
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_editor_that_takes_no_edits_is_shown_them() {
    let mut profile = plain();
    profile["capabilities"]["workspace"]["applyEdit"] = json!(false);
    let mut editor = Editor::start(profile).await;
    editor.server.backend.say(Script::text(TWO));
    let result = editor.call("codesage.refactor", editor.at("let sum")).await;
    assert_eq!(result["outcome"], "answer", "{result}");
    assert!(editor.message().await.contains("\n-    let sum = 1 + 1;\n"));
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn commands_without_arguments_mean_where_the_person_was() {
    let mut editor = Editor::start(plain()).await;
    let cursor = TestServer::after(&editor.text, "let sum", "utf-16");
    let arguments = [json!([]), json!([null]), json!([{}])];
    for (round, arguments) in arguments.into_iter().enumerate() {
        let params =
            json!({ "textDocument": { "uri": URI }, "position": cursor, "context": { "triggerKind": 1 } });
        editor.server.call("textDocument/inlineCompletion", params).await;
        editor.server.backend.say(Script::text("It adds."));
        let params = json!({ "command": "codesage.explain", "arguments": arguments });
        let reply = editor.server.call("workspace/executeCommand", params).await;
        assert_eq!(reply["result"]["outcome"], "answer", "{arguments}: {reply}");
        editor.message().await;
        let told = editor.server.backend.instructs();
        assert_eq!(told.len(), round + 1);
        assert!(
            told[round].user.contains("let sum") && !told[round].user.contains("fn one"),
            "{}",
            told[round].user
        );
    }
    // Where nothing is known there is nothing to change.
    editor.close().await;
    for command in ["codesage.refactor", "codesage.explain", "codesage.fix", "codesage.custom"] {
        let result = editor.call(command, json!({})).await;
        assert_eq!(
            (&result["outcome"], &result["guard"]),
            (&json!("refused"), &json!("empty")),
            "{command}: {result}"
        );
        assert!(editor.message().await.starts_with("No document is open"));
    }
    let reply = editor
        .server
        .call("workspace/executeCommand", json!({ "command": "codesage.run", "arguments": [7] }))
        .await;
    assert_eq!(reply["error"]["code"], -32602, "{reply}");
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_range_is_not_used() {
    let mut editor = Editor::start(plain()).await;
    let old = editor.at("let sum");
    editor.text.insert_str(0, "// first\n");
    editor.told().await;
    let result = editor.call("codesage.refactor", old).await;
    assert_eq!((&result["outcome"], &result["guard"]), (&json!("refused"), &json!("stale")), "{result}");
    editor.message().await;
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_menu_of_actions() {
    let mut editor = Editor::start(plain()).await;
    let range = editor.at("let sum")["range"].clone();
    let diagnostic =
        json!({ "range": range, "message": "unused", "severity": 2, "code": 1e99, "tags": "odd" });
    let all = ["Refactor", "Document", "Write a unit test", "Explain", "Review"]
        .map(|title| format!("{title} (CodeSage)"));
    let menu = editor.menu("let sum", json!({ "diagnostics": [] })).await;
    assert_eq!(menu, all);
    let cases = [
        (json!({ "diagnostics": [], "triggerKind": 2 }), vec![]),
        (json!({ "diagnostics": [], "only": ["source"] }), vec![]),
        (
            json!({ "diagnostics": [], "only": ["refactor"] }),
            vec!["Refactor (CodeSage)", "Document (CodeSage)"],
        ),
        (
            json!({ "diagnostics": [diagnostic], "only": ["quickfix"], "triggerKind": 2 }),
            vec!["Fix: unused (CodeSage)"],
        ),
        (
            json!({ "diagnostics": [], "only": ["refactor.rewrite.codesage.document"] }),
            vec!["Document (CodeSage)"],
        ),
    ];
    for (context, expected) in cases {
        assert_eq!(editor.menu("let sum", context.clone()).await, expected, "{context}");
    }
    assert!(editor.server.backend.instructs().is_empty(), "no model is asked");
    // The literal runs as it stands.
    let mut params = editor.at("let sum");
    params["context"] = json!({ "diagnostics": [diagnostic], "only": ["quickfix"] });
    let reply = editor.server.call("textDocument/codeAction", params).await;
    let command = reply["result"][0]["command"].clone();
    assert!(
        reply["result"][0].get("edit").is_none() && reply["result"][0].get("isPreferred").is_none(),
        "{reply}"
    );
    editor.server.backend.say(Script::text(TWO));
    let params = json!({ "command": command["command"], "arguments": command["arguments"] });
    let id = editor.server.request("workspace/executeCommand", params).await;
    editor.obey().await;
    assert_eq!(editor.result(id).await["outcome"], "applied");
    let told = editor.server.backend.instructs();
    assert!(told[0].user.contains("unused"), "{}", told[0].user);
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_sign_on_every_line_is_not_wanted() {
    let mut profile = client(
        json!(null),
        json!({ "textDocument": { "codeAction": { "codeActionLiteralSupport": null } } }),
    );
    profile["clientInfo"] = json!({ "name": "vim-lsp" });
    let mut editor = Editor::start(profile).await;
    let context = json!({ "diagnostics": [], "only": ["", "quickfix", "refactor"] });
    assert_eq!(editor.menu("let sum", context.clone()).await, Vec::<String>::new());
    let mut params = editor.at("let sum");
    params["range"] = json!({ "start": { "line": 4, "character": 0 }, "end": { "line": 7, "character": 1 } });
    params["context"] = context;
    let reply = editor.server.call("textDocument/codeAction", params).await;
    // Plain commands, for it knows no literals here.
    assert_eq!(reply["result"][0]["command"], "codesage.refactor", "{reply}");
    editor.server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn completion_is_switched_by_hand() {
    let mut editor = Editor::start(plain()).await;
    let ask = |position: Value| json!({ "textDocument": { "uri": URI }, "position": position, "context": { "triggerKind": 0 } });
    let cursor = TestServer::after(TEXT, "1 + 1;", "utf-16");
    editor.server.backend.always(Script::text(" // two\n"));
    // A command, what it answers, and whether suggestions come then.
    let cases = [
        ("codesage.toggle", json!({}), Some(json!({ "enabled": false })), false),
        ("codesage.toggle", json!(null), Some(json!({ "enabled": true })), true),
        ("codesage.toggle", json!("rust"), Some(json!({ "enabled": false })), false),
        ("codesage.toggle", json!({ "language": "rust" }), Some(json!({ "enabled": true })), true),
        ("codesage.snooze", json!({ "seconds": 1000 }), None, false),
        ("codesage.reload", json!(null), None, false),
        ("codesage.snooze", json!(0), None, true),
    ];
    for (command, argument, expected, comes) in cases {
        let result = editor.call(command, argument.clone()).await;
        if let Some(expected) = expected {
            assert_eq!(result, expected, "{command} {argument}");
        }
        if command == "codesage.snooze" {
            assert!(result["until"].as_u64() > Some(1_600_000_000), "{result}");
        }
        let reply = editor.server.call("textDocument/inlineCompletion", ask(cursor.clone())).await;
        let why = editor
            .server
            .call("workspace/executeCommand", json!({ "command": "codesage.why", "arguments": [1] }))
            .await;
        let off = why
            .pointer("/result/records/0/code")
            .and_then(Value::as_str)
            .is_some_and(|code| code.starts_with("off."));
        assert_eq!(off, !comes, "{command} {argument}: {reply} {why}");
    }
    editor.server.finish().await;
}

/// A Python project on the disk, with one file open.
async fn python(edit: Value) -> (tempfile::TempDir, TestServer, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = std::fs::canonicalize(folder.path()).expect("a path");
    std::fs::create_dir_all(root.join("src")).expect("a folder");
    let text = "def add(a, b):\n    return a + b\n";
    std::fs::write(root.join("src/sums.py"), text).expect("a file");
    let url = |path: std::path::PathBuf| url::Url::from_file_path(path).expect("a URL").to_string();
    let mut profile = client(edit, json!({}));
    profile["rootUri"] = json!(url(root.clone()));
    let mut server = TestServer::start_with(profile, ScriptedBackend::default()).await;
    let uri = url(root.join("src/sums.py"));
    server.open(&uri, "python", text).await;
    server.until_status("Normal").await;
    (folder, server, uri)
}

#[tokio::test(start_paused = true)]
async fn a_test_goes_to_a_file_that_is_not_there_yet() {
    let create = json!({ "documentChanges": true, "resourceOperations": ["create"] });
    // What the client declares, and where the new file stands in the edit.
    let cases = [
        (json!(null), None, "/changes"),
        (json!({ "documentChanges": true }), None, "/documentChanges/0/textDocument/uri"),
        (create, Some("/documentChanges/0/uri"), "/documentChanges/1/textDocument/uri"),
    ];
    for (declared, created, edited) in cases {
        let (_folder, mut server, uri) = python(declared.clone()).await;
        server.backend.say(Script::text("():\n    assert add(1, 2) == 3\n<<<AI_EDIT_END>>>\n"));
        let argument = json!({ "textDocument": { "uri": uri }, "position": { "line": 1, "character": 4 } });
        let params = json!({ "command": "codesage.unitTest", "arguments": [argument] });
        let id = server.request("workspace/executeCommand", params).await;
        let request = server.expect("workspace/applyEdit").await;
        let edit = &request["params"]["edit"];
        if let Some(created) = created {
            assert!(
                edit.pointer(created).is_some() && edit["documentChanges"][0]["kind"] == "create",
                "{edit}"
            );
        }
        let named = edit.pointer(edited).expect("the file").to_string();
        assert!(named.contains("test_sums.py"), "{declared}: {named}");
        assert_eq!(edit.to_string().contains("\"kind\":\"create\""), created.is_some(), "{declared}");
        server.answer(&request, json!({ "applied": true })).await;
        let result = server.reply(id).await["result"].clone();
        assert_eq!(result["outcome"], "applied", "{declared}: {result}");
        assert!(result["message"].as_str().is_some_and(|text| text.contains("not open")), "{result}");
        server.finish().await;
    }
}

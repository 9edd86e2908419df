//! What a person can look at through the server: why something was shown or not, what the model sees, and the doctor.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;

use std::fs;
use std::path::Path;

use codesage::doctor::LastSession;
use codesage::engine::scripted::{Script, ScriptedBackend};
use serde_json::{Value, json};
use server::TestServer;

const URI: &str = "file:///project/notes.txt";
const TEXT: &str = "first line\n😀é漢 = value\nlast line\n";

/// A client that offers this encoding and can do this much more.
fn client(encoding: &str, window: Value, workspace: Value) -> Value {
    json!({
        "clientInfo": { "name": "Editor", "version": "1.2\u{1b}[2J" },
        "capabilities": {
            "general": { "positionEncodings": [encoding] },
            "textDocument": { "inlineCompletion": {} },
            "window": window,
            "workspace": workspace,
        },
        "initializationOptions": { "completion": { "speculate": false, "warmUp": false } },
    })
}

fn glue(encoding: &str) -> Value {
    let mut client = client(encoding, json!({}), json!({}));
    client["initializationOptions"]["notify"] = json!(["stream"]);
    client
}

async fn open(client: Value) -> TestServer {
    let backend = ScriptedBackend::default();
    backend.always(Script::text(".get()\n"));
    let mut server = TestServer::start_with(client, backend).await;
    server.open(URI, "plaintext", TEXT).await;
    server
}

async fn run(server: &mut TestServer, command: &str, argument: Value) -> Value {
    let params = json!({ "command": format!("codesage.{command}"), "arguments": [argument] });
    server.call("workspace/executeCommand", params).await
}

async fn ask(server: &mut TestServer, position: &Value) {
    let params =
        json!({ "textDocument": { "uri": URI }, "position": position, "context": { "triggerKind": 1 } });
    server.call("textDocument/inlineCompletion", params).await;
}

#[tokio::test]
async fn a_record_has_its_place_in_the_columns_of_the_client() {
    for encoding in ["utf-8", "utf-16", "utf-32"] {
        let mut server = open(glue(encoding)).await;
        let cursor = TestServer::after(TEXT, "value", encoding);
        ask(&mut server, &cursor).await;
        // Of a document that is not open nobody knows a place.
        let params = json!({ "textDocument": { "uri": "file:///other" }, "position": cursor });
        server.call("textDocument/inlineCompletion", params).await;
        // The text may be another one by then.
        server.insert(URI, 2, &json!({ "line": 0, "character": 0 }), "new\n").await;
        let reply = run(&mut server, "why", json!({})).await;
        let records = reply["result"]["records"].as_array().unwrap();
        assert_eq!(records[0].get("position"), None, "{encoding}");
        assert_eq!(records[1]["position"], cursor, "{encoding}");
        assert_eq!(records[1]["offset"], TEXT.find("value").unwrap() + "value".len());
        server.finish().await;
    }
}

#[tokio::test]
async fn what_is_sent_and_what_came_of_it() {
    let mut server = open(glue("utf-16")).await;
    let cursor = TestServer::after(TEXT, "value", "utf-16");
    let at = json!({ "textDocument": { "uri": URI }, "position": cursor });
    let before = run(&mut server, "showContext", at.clone()).await["result"].clone();
    assert_eq!(
        (&before["position"], &before["reason"], &before["last"]),
        (&cursor, &json!(null), &json!(null))
    );
    ask(&mut server, &cursor).await;
    let after = run(&mut server, "showContext", at.clone()).await["result"].clone();
    assert_eq!(after["reason"], "ok.cache");
    let last = &after["last"];
    let sent = server.backend.prompts().pop().unwrap();
    for view in [&before, last] {
        let text = |kind: &str| -> String {
            let parts = view["parts"].as_array().unwrap().iter();
            parts.filter(|part| part["kind"] == kind).map(|part| part["text"].as_str().unwrap()).collect()
        };
        assert_eq!(
            (text("head") + &text("typed"), text("tail")),
            (sent.head.to_string() + &sent.typed, sent.tail.to_string())
        );
        let tokens: u64 =
            view["parts"].as_array().unwrap().iter().filter_map(|part| part["tokens"].as_u64()).sum();
        assert!(tokens > 0 && view["total"] == tokens, "{view:#}");
    }
    assert_eq!((&last["said"], &last["record"]["code"]), (&json!(".get()\n"), &json!("ok.new")));
    assert_eq!(last["record"]["position"], cursor);
    let markdown = after["markdown"].as_str().unwrap();
    for phrase in [
        "## Now, notes.txt:2:",
        "Nothing would be sent",
        "## Last, notes.txt:2:",
        "| head | notes.txt |",
        "Shown was:",
    ] {
        assert!(markdown.contains(phrase), "{phrase} in {markdown}");
    }
    // Without an argument it is where the person was last.
    let here = run(&mut server, "showContext", json!(null)).await["result"].clone();
    assert_eq!(here["position"], cursor);
    server.finish().await;
}

#[tokio::test]
async fn files_that_nobody_may_see_are_not_shown() {
    let mut server = open(glue("utf-8")).await;
    let secret = "file:///project/.env";
    server.open(secret, "plaintext", "KEY=hunter2\n").await;
    let at = json!({ "textDocument": { "uri": secret }, "position": { "line": 0, "character": 4 } });
    let reply = run(&mut server, "showContext", at).await["result"].clone();
    assert_eq!(
        (&reply["reason"], &reply["parts"], &reply["total"]),
        (&json!("off.secret"), &json!([]), &json!(0))
    );
    assert!(!reply.to_string().contains("hunter2"), "{reply:#}");
    ask(&mut server, &json!({ "line": 0, "character": 10 })).await;
    let settings = json!({ "settings": { "codesage": { "context": { "ignore": ["notes.txt"] } } } });
    server.notify("workspace/didChangeConfiguration", settings).await;
    let reply =
        run(&mut server, "showContext", json!({ "textDocument": { "uri": URI } })).await["result"].clone();
    assert_eq!((&reply["reason"], &reply["last"]), (&json!("off.ignored"), &json!(null)));
    assert!(!reply.to_string().contains("last line"), "{reply:#}");
    server.finish().await;
}

/// How it reaches the person, by what their editor can do.
#[tokio::test]
async fn a_document_is_opened_where_there_is_a_place_for_it() {
    let window = json!({ "showDocument": { "support": true } });
    // A document that the editor asks us for.
    let mut server = open(client("utf-8", window.clone(), json!({ "textDocumentContent": {} }))).await;
    let schemes = &server.initialized["capabilities"]["workspace"]["textDocumentContent"]["schemes"];
    assert_eq!(*schemes, json!(["codesage"]));
    let params = json!({ "command": "codesage.showContext" });
    let id = server.request("workspace/executeCommand", params.clone()).await;
    let shown = server.expect("window/showDocument").await;
    let uri = shown["params"]["uri"].clone();
    assert!(uri.as_str().is_some_and(|uri| uri.starts_with("codesage:///context-")), "{uri}");
    let content = server.call("workspace/textDocumentContent", json!({ "uri": uri })).await;
    server.answer(&shown, json!({ "success": true })).await;
    assert_eq!(content["result"]["text"], server.reply(id).await["result"]["markdown"]);
    let unknown = server.call("workspace/textDocumentContent", json!({ "uri": "codesage:///x" })).await;
    assert_eq!(unknown["error"]["code"], -32602);
    server.finish().await;

    // A file.
    let mut server = open(client("utf-8", window, json!({}))).await;
    let id = server.request("workspace/executeCommand", params).await;
    let shown = server.expect("window/showDocument").await;
    let uri = shown["params"]["uri"].as_str().unwrap().to_owned();
    let path = uri.strip_prefix("file://").expect("a file").to_owned();
    let written = fs::read_to_string(&path).unwrap();
    server.answer(&shown, json!({ "success": true })).await;
    assert_eq!(server.reply(id).await["result"]["markdown"], written);
    server.finish().await;
    assert!(!Path::new(&path).exists());
}

#[tokio::test]
async fn the_doctor_of_a_session() {
    let mut server = open(glue("utf-8")).await;
    let report = run(&mut server, "doctor", json!(null)).await["result"].clone();
    assert_eq!(report["session"]["client"], "Editor");
    assert_eq!(report["session"]["clientVersion"], "1.2[2J");
    assert_eq!(report["session"]["abilities"]["inlineCompletion"], true);
    assert_eq!(report["session"]["model"], "ready");
    let findings = report["findings"].as_array().unwrap();
    let session = findings.iter().find(|finding| finding["id"] == "session").unwrap();
    assert_eq!(session["severity"], "ok");
    assert!(report["markdown"].as_str().unwrap().starts_with("# CodeSage: "));
    assert!(!report.to_string().contains("last line"), "{report:#}");
    server.finish().await;

    // An editor without a place for it is told how it is, in a line.
    let mut server = open(client("utf-8", json!({}), json!({}))).await;
    run(&mut server, "doctor", json!(null)).await;
    let message = server.expect("window/showMessage").await["params"]["message"].clone();
    assert!(message.as_str().is_some_and(|message| message.starts_with("CodeSage: ")), "{message}");
    server.finish().await;
}

#[tokio::test]
async fn a_session_leaves_its_client_and_its_counts() {
    let state = tempfile::tempdir().unwrap();
    let backend = ScriptedBackend::default();
    backend.always(Script::text(".get()\n"));
    let mut server = TestServer::connect_in(backend, Some(state.path().into()));
    let mut params = glue("utf-32");
    params["rootUri"] = json!("file:///home/somebody/project");
    server.initialize(params).await;
    server.open(URI, "plaintext", TEXT).await;
    ask(&mut server, &TestServer::after(TEXT, "value", "utf-32")).await;
    server.finish().await;
    let session = LastSession::read(state.path()).expect("it is kept");
    assert!(session.ended.is_some(), "{session:?}");
    let told = (&*session.client, &*session.columns, &*session.workspace, &*session.model);
    assert_eq!(told, ("Editor", "utf-32", "project", "ready"));
    assert_eq!((session.requested, session.shown), (1, 1));
    assert!(session.abilities["inlineCompletion"] && !session.abilities["appliesEdits"]);
    let text = fs::read_to_string(state.path().join("session.json")).unwrap();
    assert!(!text.contains("somebody") && !text.contains("value"), "{text}");
}

//! The protocol edge over a pipe: what arrives malformed, in bursts, late or never, and every way a session ends.
//! Suggestions are in `tests/suggestions.rs`, what each client is offered in `tests/clients.rs`.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/suggestions.rs uses the rest")]
mod server;

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use codesage::assist::roles::Roles;
use codesage::config::Layers;
use codesage::engine::scripted::ScriptedBackend;
use codesage::engine::{Backend, ModelState};
use codesage::lsp::session::Session;
use codesage::lsp::{Cause, Ended};
use serde_json::{Value, json};
use server::{TestServer, frame};

const URI: &str = "file:///project/a.txt";

fn code(reply: &Value) -> &Value {
    &reply["error"]["code"]
}

#[tokio::test(start_paused = true)]
async fn malformed_messages_are_answered_and_forgotten() {
    let mut server = TestServer::bare().await;
    let cases: [(Vec<u8>, Value, i64); 10] = [
        (frame("{"), json!(null), -32700),
        (frame(""), json!(null), -32700),
        (b"Content-Length: 2\r\n\r\n\xff\xfe".to_vec(), json!(null), -32700),
        (b"Content-Length: two\r\n\r\n".to_vec(), json!(null), -32700),
        (b"not a header\r\n\r\n".to_vec(), json!(null), -32700),
        (frame(r#"{"jsonrpc":"2.0","id":76,"method":"x","params":{"#), json!(76), -32700),
        (frame("[]"), json!(null), -32600),
        (frame(r#"{"jsonrpc":"2.0"}"#), json!(null), -32600),
        (frame(r#"{"jsonrpc":"2.0","id":77,"method":7}"#), json!(77), -32600),
        (frame(r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#), json!(null), -32600),
    ];
    for (bytes, id, expected) in cases {
        server.send_bytes(&bytes).await;
        let reply = server.reply(id).await;
        assert_eq!(code(&reply), expected, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(server.call("codesage/status", json!({})).await["result"]["kind"], "Normal");
    }
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_may_arrive_byte_by_byte() {
    let mut server = TestServer::bare().await;
    for byte in frame(r#"{"jsonrpc":"2.0","id":"slow","method":"codesage/status"}"#) {
        server.send_bytes(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(server.reply("slow").await["result"]["message"], "scripted");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_served_is_refused_or_ignored() {
    let mut server = TestServer::connect(ScriptedBackend::default());
    let reply = server.call("codesage/status", json!({})).await;
    assert_eq!(code(&reply), -32002, "before `initialize`");
    server.notify("textDocument/didOpen", json!({ "textDocument": 7 })).await;
    server.initialize(json!({ "capabilities": {} })).await;
    let at = json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 0 } });
    for method in ["signIn", "getCompletions", "textDocument/hover", "$/unknown"] {
        assert_eq!(code(&server.call(method, at.clone()).await), -32601, "{method}");
        server.notify(method, at.clone()).await;
    }
    let reply = server.call("initialize", json!({ "capabilities": {} })).await;
    assert_eq!(code(&reply), -32600, "a second `initialize`");
    let command = json!({ "command": "codesage.makeCoffee" });
    assert_eq!(code(&server.call("workspace/executeCommand", command).await), -32602);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn after_shutdown_requests_are_refused_and_the_end_is_awaited() {
    let mut server = TestServer::bare().await;
    assert_eq!(server.call("shutdown", json!(null)).await["result"], json!(null));
    assert_eq!(code(&server.call("codesage/status", json!({})).await), -32600);
    server.notify("exit", json!(null)).await;
    assert_eq!(server.ended().await.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_answered_one_by_one() {
    let mut server = TestServer::bare().await;
    let messages: Vec<_> = (0..50).map(|_| server.message("codesage/status", json!({}))).collect();
    let (ids, requests): (HashSet<i64>, Vec<Value>) = messages.into_iter().unzip();
    server.send(&requests).await;
    for id in ids {
        assert_eq!(server.reply(id).await["result"]["kind"], "Normal");
    }
    // `finish` finds any second answer.
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn questions_about_nothing_get_an_empty_list() {
    let mut server = TestServer::bare().await;
    let position = json!({ "line": 0, "character": 0 });
    for uri in [URI, "untitled:Untitled-1", "git:/a?b#c"] {
        let params = json!({ "textDocument": { "uri": uri }, "position": position });
        let reply = server.call("textDocument/inlineCompletion", params.clone()).await;
        assert_eq!(reply["result"], json!({ "items": [] }), "{uri}");
        let reply = server.call("textDocument/completion", params).await;
        assert_eq!(reply["result"], json!({ "isIncomplete": true, "items": [] }), "{uri}");
    }
    let document = json!({ "uri": URI });
    for position in [json!({ "line": -1, "character": 0 }), json!({ "line": 0, "character": 1e99 })] {
        let params = json!({ "textDocument": document, "position": position });
        let reply = server.call("textDocument/inlineCompletion", params).await;
        assert_eq!(reply["result"], json!({ "items": [] }), "{position}");
    }
    let counted = server.call("codesage/stats", json!({})).await["result"]["completion"].clone();
    assert_eq!((&counted["requested"], &counted["empty"]), (&json!(8), &json!(8)), "{counted}");
    assert_eq!(counted["dropped"], json!({ "off.unknown-document": 8 }));
    for params in [
        json!({}),
        json!(null),
        json!([]),
        json!({ "textDocument": document }),
        json!({ "textDocument": document, "position": { "line": null, "character": 0 } }),
        json!({ "textDocument": document, "position": { "line": 0, "character": "end" } }),
        json!({ "textDocument": { "uri": "no uri" }, "position": position }),
    ] {
        for method in ["textDocument/inlineCompletion", "textDocument/completion"] {
            let reply = server.call(method, params.clone()).await;
            assert_eq!(code(&reply), -32602, "{method} {params}");
        }
    }
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_closed_document_is_told_once() {
    let mut server = TestServer::bare().await;
    let start = json!({ "line": 0, "character": 0 });
    for version in 0..5 {
        server.insert(URI, version, &start, "x").await;
    }
    server.open(URI, "plaintext", "").await;
    server.insert(URI, 2, &start, "x").await;
    server.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
    server.insert(URI, 3, &start, "x").await;
    server.until_status("Normal").await;
    // Logs go another way than answers.
    let told = |server: &TestServer| server.logs.iter().filter(|log| log.contains("is not open")).count();
    server.until(|server| told(server) >= 2).await;
    assert_eq!(told(&server), 2, "once before it was opened, and once after it was closed");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn documents_come_and_go_a_thousand_times() {
    let mut server = TestServer::bare().await;
    let start = json!({ "line": 0, "character": 0 });
    for _ in 0..1000 {
        server.open(URI, "rust", "fn main() {}\n").await;
        server.open(URI, "rust", "fn main() {}\n").await;
        server.insert(URI, 2, &start, "pub ").await;
        server.notify("textDocument/didSave", json!({ "textDocument": { "uri": URI } })).await;
        for _ in 0..2 {
            server.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
        }
    }
    let params = json!({ "textDocument": { "uri": URI }, "position": start });
    let reply = server.call("textDocument/inlineCompletion", params).await;
    assert_eq!(reply["result"], json!({ "items": [] }));
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn settings_are_pulled_and_pushed_and_each_problem_is_told_once() {
    let client = json!({
        "capabilities": { "workspace": { "configuration": true } },
        "initializationOptions": { "completion": { "menu": "off", "menus": "off" } },
    });
    let mut server = TestServer::connect(ScriptedBackend::default());
    server.settings = Some(json!({ "log": { "levle": "debug" } }));
    server.initialize(client).await;
    assert_eq!(server.initialized["capabilities"].get("completionProvider"), None);
    for key in ["completion.menus", "log.levle"] {
        let shown = server.expect("window/showMessage").await;
        assert_eq!(shown["params"]["type"], 2);
        let message = shown["params"]["message"].as_str().expect("a sentence");
        assert!(message.contains(key), "{message}");
    }
    server.until_status("Normal").await;
    // Hints to ask again, which tell nothing new, and settings of ours, which do.
    for (pulls, params) in [(2, json!({ "settings": null })), (3, json!({ "settings": {} })), (4, json!({}))]
    {
        server.notify("workspace/didChangeConfiguration", params).await;
        server.until(|server| server.pulls == pulls).await;
    }
    let settings = json!({ "codesage": { "completion": { "enabled": "yes" } } });
    server.notify("workspace/didChangeConfiguration", json!({ "settings": settings })).await;
    let shown = server.expect("window/showMessage").await.to_string();
    assert!(shown.contains("completion.enabled"), "{shown}");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_holds_up_nothing_for_long() {
    let capabilities =
        json!({ "workspace": { "configuration": true }, "window": { "workDoneProgress": true } });
    let backend = ScriptedBackend::default();
    backend.set_state(ModelState::Loading { fraction: 0.5 });
    let mut server = TestServer::connect(backend);
    server.settings = None;
    server.initialize(json!({ "capabilities": capabilities })).await;
    let settings = server.expect("workspace/configuration").await;
    // The model is launched without the answer, and asks for a progress that is not answered either.
    let create = server.expect("window/workDoneProgress/create").await;
    server.backend.set_state(ready());
    server.until_status("Normal").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    // Late answers, twice, and to nobody.
    for _ in 0..2 {
        server.answer(&settings, json!([{ "log": { "levle": "debug" } }])).await;
        server.answer(&create, json!(null)).await;
    }
    server.answer(&json!({ "id": 4711 }), json!(null)).await;
    // The first of them is still heard.
    let shown = server.expect("window/showMessage").await.to_string();
    assert!(shown.contains("log.levle"), "{shown}");
    server.until_status("Normal").await;
    server.finish().await;
}

/// Two threads apply settings at once; whichever is later, what was configured must be what stands.
#[tokio::test(start_paused = true)]
async fn of_settings_that_come_at_once_one_stands() {
    let (outbox, _said) = codesage::lsp::client::outbox();
    let session = Session::new(&json!({}), Layers::new(None), Roles::new(), outbox, None);
    for _ in 0..1000 {
        std::thread::scope(|scope| {
            for tokens in [16, 32] {
                let section = json!({ "completion": { "maxTokens": tokens } });
                let session = &session;
                scope.spawn(move || session.apply_settings(&section));
            }
        });
        let configured = session.assistant.settings();
        session.settle();
        assert_eq!(configured, session.assistant.settings());
    }
}

/// The real program as a server, with settings and state in this folder; of what it writes nobody hears.
fn program(folder: &Path) -> std::process::Command {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_codesage"));
    program
        .arg("lsp")
        .env("XDG_CONFIG_HOME", folder)
        .env("CODESAGE_STATE", folder)
        .env_remove("CODESAGE_LOG");
    program.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    program
}

/// In a process of its own: there is one log in each.
#[test]
fn the_log_follows_the_options_of_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = folder.path().join("codesage.toml");
    let root = url::Url::from_file_path(folder.path()).expect("an absolute path");
    for (toml, options, says_the_end) in [
        ("", json!({ "log": { "file": "0.log" } }), true),
        ("", json!({ "log": { "file": "1.log", "level": "error" } }), false),
        // A workspace's file has no say in it.
        ("[log]\nlevel = 'error'", json!({ "log": { "file": "2.log" } }), true),
    ] {
        std::fs::write(&workspace, toml).expect("the folder can be written");
        let initialize = json!({ "capabilities": {}, "rootUri": root, "initializationOptions": options });
        let mut program = program(folder.path()).spawn().expect("the program starts");
        let mut input = program.stdin.take().expect("piped");
        for message in [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize }),
            json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }),
            json!({ "jsonrpc": "2.0", "id": 2, "method": "shutdown" }),
            json!({ "jsonrpc": "2.0", "method": "exit" }),
        ] {
            input.write_all(&frame(&message.to_string())).expect("the server reads");
        }
        assert!(program.wait().expect("it ends").success());
        let file = folder.path().join(options["log"]["file"].as_str().expect("a name"));
        let log = std::fs::read_to_string(file).expect("the log is there");
        assert_eq!(log.contains("the session ended"), says_the_end, "{options} {toml}: {log}");
    }
}

const PROGRESS: &str = r#"{ "capabilities": { "window": { "workDoneProgress": true } } }"#;

fn ready() -> ModelState {
    ScriptedBackend::default().watch().borrow().clone()
}

async fn loading(params: Value) -> TestServer {
    let backend = ScriptedBackend::default();
    backend.set_state(ModelState::Loading { fraction: 0.0 });
    TestServer::start_with(params, backend).await
}

#[tokio::test(start_paused = true)]
async fn loading_shows_a_progress_that_begins_and_ends() {
    let mut server = loading(serde_json::from_str(PROGRESS).expect("JSON")).await;
    let create = server.expect("window/workDoneProgress/create").await;
    let token = create["params"]["token"].clone();
    assert!(token.as_str().expect("a word").chars().all(|c| c.is_ascii_alphanumeric()));
    server.answer(&create, json!({ "odd": true })).await;
    let begin = server.expect("$/progress").await;
    assert_eq!((&begin["params"]["token"], &begin["params"]["value"]["kind"]), (&token, &json!("begin")));
    assert_eq!(begin["params"]["value"]["cancellable"], true);
    for percent in 1..100 {
        server.backend.set_state(ModelState::Loading { fraction: percent as f32 / 100.0 });
        tokio::task::yield_now().await;
    }
    server.backend.set_state(ready());
    let mut reports = 0;
    loop {
        let value = server.expect("$/progress").await["params"]["value"].clone();
        match value["kind"].as_str() {
            Some("report") => reports += 1,
            Some("end") => break,
            other => panic!("{other:?}"),
        }
    }
    // One at once, the others not before 100 ms, and by the clock of this test no time has passed.
    assert_eq!(reports, 1);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn loading_can_be_cancelled_and_says_so() {
    let mut server = loading(serde_json::from_str(PROGRESS).expect("JSON")).await;
    let create = server.expect("window/workDoneProgress/create").await;
    server.answer(&create, json!(null)).await;
    server.expect("$/progress").await;
    for token in [json!("another"), json!(7), create["params"]["token"].clone()] {
        assert_eq!(server.call("codesage/status", json!({})).await["result"]["busy"], true);
        server.notify("window/workDoneProgress/cancel", json!({ "token": token })).await;
    }
    let status = server.until_status("Error").await;
    assert_eq!(status["message"], "loading was cancelled");
    while server.expect("$/progress").await["params"]["value"]["kind"] != "end" {}
    let shown = server.expect("window/showMessage").await.to_string();
    assert!(shown.contains("loading was cancelled"), "{shown}");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_without_progress_is_asked_for_none() {
    let mut server = loading(json!({ "capabilities": {} })).await;
    server.backend.set_state(ModelState::Failed("no such file".into()));
    let shown = server.expect("window/showMessage").await.to_string();
    assert!(shown.contains("no such file"), "{shown}");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_and_exit_in_one_write_are_both_heard() {
    for _ in 0..50 {
        let mut server = TestServer::bare().await;
        let (id, shutdown) = server.message("shutdown", json!(null));
        server.send(&[shutdown, json!({ "jsonrpc": "2.0", "method": "exit" })]).await;
        assert_eq!(server.reply(id).await["result"], json!(null));
        let ended = server.ended().await;
        assert_eq!((ended.cause, ended.exit_code()), (Cause::Exit, 0));
    }
}

/// Helix kills a server as soon as it has the reply: by then, what is kept of the session is on the disk.
#[test]
fn the_reply_to_shutdown_comes_when_all_is_kept() {
    use std::io::{BufRead, BufReader, Read};

    let state = tempfile::tempdir().expect("a folder");
    let mut program = program(state.path());
    let mut program = program.stdout(Stdio::piped()).spawn().expect("the program starts");
    let messages = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} } }),
        json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "shutdown" }),
        json!({ "jsonrpc": "2.0", "method": "exit" }),
    ];
    let written: Vec<u8> = messages.iter().flat_map(|message| frame(&message.to_string())).collect();
    let mut input = program.stdin.take().expect("piped");
    input.write_all(&written).expect("the program reads");
    let mut output = BufReader::new(program.stdout.take().expect("piped"));
    let reply = loop {
        let mut header = String::new();
        assert!(output.read_line(&mut header).expect("it writes") > 0, "no reply to `shutdown`");
        let Some(length) = header.strip_prefix("Content-Length: ") else { continue };
        let mut body = vec![0; 2 + length.trim().parse::<usize>().expect("a number")];
        output.read_exact(&mut body).expect("it is whole");
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        if message["id"] == 2 {
            break message;
        }
    };
    program.kill().expect("it can be ended");
    assert_eq!((&reply["result"], &reply["error"]), (&json!(null), &json!(null)), "{reply}");
    let kept = std::fs::read_to_string(state.path().join("session.json")).expect("it is kept");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert!(kept["ended"].is_string(), "{kept}");
    program.wait().expect("it ends");
}

/// How it ends, which is within two seconds. The clock is the test's: what counts is what the server waits for.
async fn ended_in_time(server: &mut TestServer) -> Ended {
    let begun = tokio::time::Instant::now();
    let ended = server.ended().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    ended
}

#[tokio::test(start_paused = true)]
async fn exit_is_heard_while_the_input_stays_open() {
    let mut server = TestServer::bare().await;
    server.send(&[json!({ "jsonrpc": "2.0", "method": "exit" })]).await;
    let ended = ended_in_time(&mut server).await;
    assert_eq!((ended.cause, ended.exit_code()), (Cause::Exit, 1));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_is_the_end() {
    for cut in [&b""[..], b"Content-Length: 10\r\n\r\n{", b"Content-Le"] {
        let mut server = TestServer::bare().await;
        server.send_bytes(cut).await;
        server.hang_up();
        let ended = ended_in_time(&mut server).await;
        assert_eq!((ended.cause, ended.exit_code()), (Cause::EndOfInput, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_listen_is_gone() {
    let mut server = TestServer::bare().await;
    server.until_status("Normal").await;
    server.stop_listening();
    server.request("codesage/status", json!({})).await;
    assert_eq!(ended_in_time(&mut server).await.cause, Cause::OutputClosed);
}

#[tokio::test(start_paused = true)]
#[cfg(unix)]
async fn the_death_of_the_parent_is_the_end() {
    let mut parent = std::process::Command::new("sleep").arg("600").spawn().expect("`sleep` starts");
    let mut server = TestServer::start(json!({ "processId": parent.id(), "capabilities": {} })).await;
    server.until_status("Normal").await;
    parent.kill().expect("it runs");
    parent.wait().expect("it dies");
    assert_eq!(ended_in_time(&mut server).await.cause, Cause::ParentDied);
}

/// The real process: it ends in order, and takes away what one that was killed has left.
#[test]
#[cfg(unix)]
fn a_process_that_is_told_to_end_ends_in_order() {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let state = tempfile::tempdir().expect("a folder");
        let left = state.path().join("shown/session-killed");
        std::fs::create_dir_all(&left).expect("a folder");
        std::fs::write(left.join("lock"), "").expect("a file");
        std::fs::write(left.join("explain-1.md"), "Old.").expect("a file");
        let mut program = program(state.path());
        let mut program = program.stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut input = program.stdin.take().expect("piped");
        let initialize = json!({ "capabilities": {} });
        for message in [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize }),
            json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }),
        ] {
            input.write_all(&frame(&message.to_string())).expect("the program reads");
        }
        let begun = Instant::now();
        while left.exists() {
            assert!(begun.elapsed() < Duration::from_secs(300), "it takes away what was left");
            std::thread::sleep(Duration::from_millis(5));
        }
        let id = i32::try_from(program.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, signal).expect("it runs");
        let ended = program.wait_with_output().expect("it ends");
        // Of the signal, as whoever sent it expects, but not before all was in order.
        assert_eq!(ended.status.signal(), Some(signal.as_raw()), "{ended:?}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains("the session ended: Terminated"), "{signal:?}: {said}");
        let kept = std::fs::read_dir(state.path().join("shown")).into_iter().flatten();
        assert_eq!(kept.count(), 0, "{signal:?}: what was shown is taken away");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_cannot_be_seen_is_not_watched() {
    let mut server = TestServer::start(json!({ "processId": u32::MAX, "capabilities": {} })).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    server.until_status("Normal").await;
    server.finish().await;
}

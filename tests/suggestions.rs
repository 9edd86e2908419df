//! Suggestions through the whole server, by a backend that says what it is told: both completion methods, all three
//! encodings, and what becomes of a request when typing, cancelling or closing goes on beside it.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;

use std::time::Duration;

use codesage::engine::Backend;
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::lsp::Cause;
use serde_json::{Value, json};
use server::{TestServer, frame};

const URI: &str = "file:///project/notes.txt";
const INLINE: &str = "textDocument/inlineCompletion";
const MENU: &str = "textDocument/completion";

/// A client that offers this encoding, and inline completion. What is done while nobody asks is for `tests/idle.rs`.
fn client(encoding: &str) -> Value {
    json!({
        "capabilities": {
            "general": { "positionEncodings": [encoding] },
            "textDocument": { "inlineCompletion": {} },
            "workspace": { "applyEdit": true },
        },
        "initializationOptions": { "completion": { "speculate": false, "warmUp": false } },
    })
}

/// A server with `text` open, whose model says `said` whenever it is asked.
async fn open(client: Value, text: &str, said: Script) -> TestServer {
    let backend = ScriptedBackend::default();
    backend.always(said);
    let mut server = TestServer::start_with(client, backend).await;
    server.open(URI, "plaintext", text).await;
    server
}

/// A question that the person asked.
fn at(position: &Value) -> Value {
    json!({ "textDocument": { "uri": URI }, "position": position, "context": { "triggerKind": 0 } })
}

fn texts(reply: &Value) -> Vec<&str> {
    let items = reply["result"]["items"].as_array().expect("a list, always");
    items.iter().map(|item| item["insertText"].as_str().expect("plain text")).collect()
}

#[tokio::test(start_paused = true)]
async fn inline_completion_in_every_encoding() {
    let text = "first line\n😀é漢 = value\nlast line\n";
    for encoding in ["utf-8", "utf-16", "utf-32"] {
        let cursor = TestServer::after(text, "value", encoding);
        let mut server = open(client(encoding), text, Script::text(".get()\n")).await;
        let reply = server.call(INLINE, at(&cursor)).await;
        let item = &reply["result"]["items"][0];
        assert_eq!(item["insertText"], ".get()", "{encoding}");
        assert_eq!(item["range"], json!({ "start": cursor, "end": cursor }), "{encoding}");
        assert_eq!(item["command"]["command"], "codesage.didAccept");
        server.finish().await;
    }
}

/// A 1 may mean typing or asking, which is read by when the text was changed: this one, and not `settings.json`, which VS Code
/// writes by itself. What is short is shown to whoever asked for it.
#[tokio::test(start_paused = true)]
async fn a_change_of_another_document_is_no_typing_here() {
    let mut server = open(client("utf-8"), "a = \n", Script::text("y\n")).await;
    let other = "file:///project/settings.json";
    server.open(other, "json", "{}\n").await;
    let change = json!({
        "textDocument": { "uri": other, "version": 2 }, "contentChanges": [{ "text": "{ }\n" }],
    });
    server.notify("textDocument/didChange", change).await;
    let mut ask = at(&json!({ "line": 0, "character": 4 }));
    ask["context"]["triggerKind"] = json!(1);
    assert_eq!(texts(&server.call(INLINE, ask).await), ["y"]);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn menu_items_in_every_encoding() {
    let text = "first line\n😀é漢 = val\nlast line\n";
    for encoding in ["utf-8", "utf-16", "utf-32"] {
        let (start, cursor) =
            (TestServer::after(text, "漢 = ", encoding), TestServer::after(text, "val", encoding));
        let mut profile = client(encoding);
        profile["capabilities"]["textDocument"] = json!({});
        let mut server = open(profile, text, Script::text("ue.get()\n")).await;
        let params = json!({ "textDocument": { "uri": URI }, "position": cursor });
        let list = server.call(MENU, params).await["result"].clone();
        assert_eq!(list["isIncomplete"], true);
        let edit = json!({ "range": { "start": start, "end": cursor }, "newText": "value.get()" });
        assert_eq!(list["items"][0]["textEdit"], edit, "{encoding}");
        assert_eq!(
            (&list["items"][0]["label"], &list["items"][0]["detail"]),
            (&json!("value.get()"), &json!("AI"))
        );
        server.finish().await;
    }
}

/// By either method: of a line that has such a character nothing is offered, and `codesage.why` says so.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_not_offered() {
    for (said, expected) in [
        (".get(\"\u{1b}[2J\")\n", None),
        (".get(\"\u{202e}\u{2066}\")\n", None),
        ("\0", None),
        (".get()\u{85}\n", None),
        (".get(\"\u{200f}שלום\")\n", Some(".get(\"\u{200f}שלום\")")),
    ] {
        for is_menu in [false, true] {
            let mut profile = client("utf-8");
            if is_menu {
                profile["capabilities"]["textDocument"] = json!({});
            }
            let mut server = open(profile, "a = b", Script::text(said)).await;
            let cursor = json!({ "line": 0, "character": 5 });
            let reply = server.call(if is_menu { MENU } else { INLINE }, at(&cursor)).await;
            let items = reply["result"]["items"].as_array().expect("a list").clone();
            let text = |item: &Value| match is_menu {
                true => item["textEdit"]["newText"].as_str().map(|text| text.replacen('b', "", 1)),
                false => item["insertText"].as_str().map(str::to_owned),
            };
            assert_eq!(items.first().and_then(text).as_deref(), expected, "{said:?}: {reply}");
            let why = json!({ "command": "codesage.why", "arguments": [] });
            let why = server.call("workspace/executeCommand", why).await;
            let code = why["result"]["records"][0]["code"].as_str();
            assert_eq!(code == Some("drop.unseen"), expected.is_none(), "{said:?}: {why}");
            server.finish().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_menu_is_left_alone_where_there_is_another_place() {
    let mut server = open(client("utf-8"), "a = b", Script::text(".get()\n")).await;
    let params = json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 5 } });
    let reply = server.call(MENU, params).await;
    assert_eq!(reply["result"], json!({ "isIncomplete": true, "items": [] }));
    assert!(server.backend.prompts().is_empty());
    // What is not offered is not counted either.
    let closed =
        json!({ "textDocument": { "uri": "file:///closed" }, "position": { "line": 0, "character": 0 } });
    server.call(MENU, closed).await;
    let stats = server.call("codesage/stats", Value::Null).await["result"].clone();
    assert_eq!(stats["completion"]["requested"], 0, "{stats}");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn places_outside_of_the_text_are_its_nearest_ends() {
    for position in [
        json!({ "line": 0, "character": u32::MAX }),
        json!({ "line": u32::MAX, "character": 0 }),
        json!({ "line": u32::MAX, "character": u32::MAX }),
    ] {
        let mut server = open(client("utf-16"), "a = 😀b", Script::text(".get()\n")).await;
        // An edit out there lands at the end, too.
        server.insert(URI, 2, &position, "c").await;
        let reply = server.call(INLINE, at(&position)).await;
        let end = json!({ "line": 0, "character": 8 });
        assert_eq!(texts(&reply), [".get()"], "{position}");
        assert_eq!(reply["result"]["items"][0]["range"]["start"], end, "{position}");
        server.finish().await;
    }
}

/// What the model was shown of the text before the end of its first line.
async fn first_line(server: &mut TestServer) -> String {
    server.call(INLINE, at(&json!({ "line": 0, "character": u32::MAX }))).await;
    let prompt = server.backend.prompts().pop().expect("the model is asked");
    format!("{}{}", prompt.head, prompt.typed)
}

#[tokio::test(start_paused = true)]
async fn no_edit_is_lost_for_an_odd_number() {
    let plain = r#"{"line":0,"character":5}"#;
    let cases = [
        (r#","version":null"#, plain, "a = bc"),
        ("", plain, "a = bc"),
        (r#","version":2.0"#, plain, "a = bc"),
        (r#","version":"2""#, plain, "a = bc"),
        (r#","version":1099511627776"#, plain, "a = bc"),
        (r#","version":2"#, r#"{"line":-1,"character":4.0}"#, "a = cb"),
        (r#","version":2"#, r#"{"line":0.5,"character":-1}"#, "ca = b"),
        (r#","version":2"#, r#"{"line":4294967296,"character":18446744073709551616}"#, "a = bc"),
    ];
    for (version, position, expected) in cases {
        let mut server = open(client("utf-16"), "a = b", Script::text(".get()\n")).await;
        let change = format!(
            r#"{{"jsonrpc":"2.0","method":"textDocument/didChange","params":{{
                "textDocument":{{"uri":"{URI}"{version}}},
                "contentChanges":[{{
                    "range":{{"start":{position},"end":{position}}},"rangeLength":-1,"text":"c"}}]}}}}"#
        );
        server.send_bytes(&frame(&change)).await;
        assert_eq!(first_line(&mut server).await, expected, "{version} {position}");
        server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_opens_whatever_its_version_and_language_are() {
    for document in [
        json!({ "version": null, "languageId": "rust" }),
        json!({ "version": 1_u64 << 40, "languageId": "rust" }),
        json!({ "languageId": null, "version": 1 }),
        json!({}),
    ] {
        let mut server = open(client("utf-16"), "another text", Script::text(".get()\n")).await;
        let mut opened = document.clone();
        opened["uri"] = URI.into();
        opened["text"] = "a = b".into();
        server.notify("textDocument/didOpen", json!({ "textDocument": opened })).await;
        assert_eq!(first_line(&mut server).await, "a = b", "{document}");
        server.finish().await;
    }
}

/// A client that cuts an emoji in two, and one that sends what is not UTF-8.
#[tokio::test(start_paused = true)]
async fn no_edit_is_lost_for_text_that_is_none() {
    for text in [&br"\ud83d"[..], br"\uDE00", b"\xff"] {
        let mut server = open(client("utf-16"), "a = b", Script::text(".get()\n")).await;
        let position = json!({ "line": 0, "character": 5 });
        let change = TestServer::insertion(URI, 2, &position, "HERE").to_string();
        let (before, after) = change.split_once("HERE").expect("it is there");
        let body = [before.as_bytes(), text, after.as_bytes()].concat();
        let header = format!("Content-Length: {}\r\n\r\n", body.len());
        server.send_bytes(&[header.as_bytes(), &body].concat()).await;
        assert_eq!(first_line(&mut server).await, "a = b\u{fffd}");
        server.finish().await;
    }
}

/// Asks until suggestions are on, or off.
async fn until_suggesting(server: &mut TestServer, on: bool) {
    let position = json!({ "line": 0, "character": 5 });
    for _ in 0..10_000 {
        if texts(&server.call(INLINE, at(&position)).await).is_empty() != on {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never comes to that");
}

#[tokio::test(start_paused = true)]
async fn of_what_the_editor_says_the_newest_stands() {
    const CHANGED: &str = "workspace/didChangeConfiguration";
    const PULL: &str = "workspace/configuration";
    let hint = json!({ "settings": null });
    let said = |enabled: bool| json!({ "completion": { "enabled": enabled } });
    let mut profile = client("utf-8");
    profile["capabilities"]["workspace"]["configuration"] = true.into();
    let backend = ScriptedBackend::default();
    backend.always(Script::text(".get()\n"));
    let mut server = TestServer::connect(backend);
    server.settings = None;
    server.initialize(profile).await;
    let pull = server.expect(PULL).await;
    server.answer(&pull, json!([said(false)])).await;
    server.open(URI, "plaintext", "a = b").await;
    server.until_status("Normal").await;
    until_suggesting(&mut server, false).await;

    // Null is a word, too: nothing is set any more.
    server.notify(CHANGED, hint.clone()).await;
    let pull = server.expect(PULL).await;
    server.answer(&pull, json!([null])).await;
    until_suggesting(&mut server, true).await;

    // Two questions, of which the older is answered last.
    server.notify(CHANGED, hint.clone()).await;
    let older = server.expect(PULL).await;
    server.notify(CHANGED, hint.clone()).await;
    let newer = server.expect(PULL).await;
    server.answer(&newer, json!([said(false)])).await;
    until_suggesting(&mut server, false).await;
    server.answer(&older, json!([said(true)])).await;
    server.until_status("Normal").await;
    until_suggesting(&mut server, false).await;

    // A question, and before its answer what nobody asked for.
    server.notify(CHANGED, hint).await;
    let pull = server.expect(PULL).await;
    server.notify(CHANGED, json!({ "settings": { "codesage": said(true) } })).await;
    server.answer(&pull, json!([said(false)])).await;
    server.until_status("Normal").await;
    until_suggesting(&mut server, true).await;
    server.finish().await;
}

/// Each request must see the edits before it and none after, though all arrive in one piece.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_questions_between_twenty_edits_see_their_own_text() {
    let mut server = open(client("utf-8"), "a", Script::text(".get()\n")).await;
    let mut messages = Vec::new();
    let mut ids = Vec::new();
    for i in 0..20 {
        let position = json!({ "line": 0, "character": i + 1 });
        let (id, question) = server.message(INLINE, at(&position));
        ids.push(id);
        messages.extend([question, TestServer::insertion(URI, i + 2, &position, "b")]);
    }
    server.send(&messages).await;
    for id in ids {
        texts(&server.reply(id).await);
    }
    let why = json!({ "command": "codesage.why", "arguments": [{ "limit": 100 }] });
    let reply = server.call("workspace/executeCommand", why).await;
    let mut records = reply["result"]["records"].as_array().expect("a list").clone();
    records.sort_by_key(|record| record["version"].as_i64());
    let seen: Vec<_> =
        records.iter().map(|record| (record["version"].as_i64(), record["offset"].as_i64())).collect();
    let expected: Vec<_> = (1..=20).map(|i| (Some(i), Some(i))).collect();
    assert_eq!(seen, expected);
    server.finish().await;
}

/// The clock stands still until all have come.
#[tokio::test(start_paused = true)]
async fn of_a_burst_the_newest_is_answered_and_all_get_a_list() {
    let mut server =
        open(client("utf-8"), "a = b", Script::text(".get()\n").slowly(Duration::from_millis(5))).await;
    let cursor = json!({ "line": 0, "character": 5 });
    let (ids, messages): (Vec<_>, Vec<_>) = (0..50).map(|_| server.message(INLINE, at(&cursor))).unzip();
    server.send(&messages).await;
    let mut shown = Vec::new();
    for id in ids {
        shown.push(!texts(&server.reply(id).await).is_empty());
    }
    assert_eq!(shown.pop(), Some(true), "the newest");
    assert!(shown.iter().all(|shown| !shown), "the older ones: {shown:?}");
    server.finish().await;
}

/// A text of many pieces, one every twenty milliseconds.
fn endless() -> Script {
    Script::text(&(0..200).map(|n| format!("{n:04}")).collect::<String>()).slowly(Duration::from_millis(20))
}

fn generated(server: &TestServer) -> u64 {
    server.backend.stats().generated_tokens
}

/// On a clock that only moves when nothing else does: how many tokens so many milliseconds bring.
async fn tokens_within(server: &TestServer, milliseconds: u64) -> u64 {
    let before = generated(server);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    generated(server) - before
}

async fn completion_stats(server: &mut TestServer) -> Value {
    server.call("codesage/stats", Value::Null).await["result"]["completion"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_says_so_at_once_and_its_tokens_stop_soon() {
    let mut server = open(client("utf-8"), "a = b", endless()).await;
    let id = server.request(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    assert_eq!(tokens_within(&server, 105).await, 5);
    server.notify("$/cancelRequest", json!({ "id": id })).await;
    assert_eq!(server.reply(id).await["error"]["code"], -32800);
    // The person may go on typing it.
    assert_eq!(tokens_within(&server, 140).await, 7);
    assert!(tokens_within(&server, 1000).await <= 1, "at most the token that was being made");
    let stats = completion_stats(&mut server).await;
    assert_eq!(
        (&stats["cancelled"], &stats["wastedTokens"]),
        (&json!(1), &json!(generated(&server))),
        "{stats}"
    );
    server.finish().await;
}

/// Each row: what is typed into the running text, and how many of the next three pieces are still made.
#[tokio::test(start_paused = true)]
async fn an_edit_stops_what_it_disagrees_with_and_nothing_else() {
    let insert = |line: u32, character: u32, text: &str| {
        let place = json!({ "line": line, "character": character });
        json!({ "range": { "start": place, "end": place }, "text": text })
    };
    let delete = |from: u32, to: u32| {
        let place = |character: u32| json!({ "line": 1, "character": character });
        json!({ "range": { "start": place(from), "end": place(to) }, "text": "" })
    };
    let behind = format!("{}\n", "// more\n".repeat(40));
    for (what, changes, pieces) in [
        ("its beginning", vec![insert(1, 5, "0000")], 3),
        ("its beginning, key by key", vec![insert(1, 5, "0"), insert(1, 6, "0")], 3),
        ("more than there is of it", vec![insert(1, 5, "00000001000200030004")], 3),
        ("a closed bracket, which the editor may have closed", vec![insert(1, 5, ")")], 3),
        ("typed and taken back", vec![insert(1, 5, "x"), delete(5, 6)], 3),
        ("an edit far away", vec![insert(30, 0, "x")], 3),
        ("another text", vec![insert(1, 5, "x")], 0),
        ("a beginning and then another", vec![insert(1, 5, "00x")], 0),
        // The model is told to go on with an x, and this one does not listen.
        ("more than there is of it, and not so", vec![insert(1, 5, "000000010002x")], 2),
        ("Backspace", vec![delete(4, 5)], 0),
        ("an edit just before", vec![insert(1, 0, "x")], 0),
        ("an edit just behind", vec![insert(2, 0, "x")], 0),
    ] {
        let mut server = open(client("utf-8"), &format!("first\na = b\n{behind}"), endless()).await;
        let id = server.request(INLINE, at(&json!({ "line": 1, "character": 5 }))).await;
        assert_eq!(tokens_within(&server, 50).await, 2);
        let document = json!({ "uri": URI, "version": 2 });
        let params = json!({ "textDocument": document, "contentChanges": changes });
        server.notify("textDocument/didChange", params).await;
        assert_eq!(tokens_within(&server, 1).await, 0);
        assert_eq!(tokens_within(&server, 60).await, pieces, "{what}");
        server.notify("$/cancelRequest", json!({ "id": id })).await;
        server.reply(id).await;
        server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn typing_along_keeps_a_text_alive_without_a_listener() {
    let mut server = open(client("utf-8"), "a = b", endless()).await;
    let id = server.request(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    assert_eq!(tokens_within(&server, 50).await, 2);
    server.notify("$/cancelRequest", json!({ "id": id })).await;
    for (n, key) in ["0", "0", "0", "0"].into_iter().enumerate() {
        assert_eq!(tokens_within(&server, 100).await, 5, "before key {n}");
        server.insert(URI, 2 + n as i64, &json!({ "line": 0, "character": 5 + n }), key).await;
    }
    assert_eq!(tokens_within(&server, 140).await, 7);
    assert!(tokens_within(&server, 1000).await <= 1);
    server.reply(id).await;
    server.finish().await;
}

/// What is typed is what is being written: whoever asks listens, and the model is asked once.
#[tokio::test(start_paused = true)]
async fn typing_along_a_running_text_asks_no_model_again() {
    let slow = Script::text(".get_value().or_else()\n").slowly(Duration::from_millis(20));
    let mut server = open(client("utf-8"), "a = b", slow).await;
    let mut ids = Vec::new();
    // Every second key cancels the question before it, as some clients do. The last keys are ahead of the model.
    for (n, key) in ["", ".", "g", "e", "t", "_value()", ".o"].into_iter().enumerate() {
        let column: usize = 5 + [0, 0, 1, 2, 3, 4, 12][n];
        if n > 0 {
            server.insert(URI, 1 + n as i64, &json!({ "line": 0, "character": column }), key).await;
        }
        if n % 2 == 1 {
            server.notify("$/cancelRequest", json!({ "id": ids[n - 1] })).await;
        }
        let cursor = json!({ "line": 0, "character": column + key.len() });
        ids.push(server.request(INLINE, at(&cursor)).await);
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    let last = ids.pop().expect("a question");
    assert_eq!(texts(&server.reply(last).await), ["r_else()"]);
    for (n, id) in ids.into_iter().enumerate() {
        let reply = server.reply(id).await;
        if n % 2 == 0 {
            assert_eq!(reply["error"]["code"], -32800, "{n}: {reply}");
        } else {
            assert!(texts(&reply).is_empty(), "{n}: superseded");
        }
    }
    let stats = completion_stats(&mut server).await;
    assert_eq!((&stats["generations"], &stats["typeThroughHits"]), (&json!(1), &json!(1)), "{stats}");
    assert_eq!(server.backend.prompts().len(), 1);
    // One prompt was read, and never again.
    let engine = server.backend.stats();
    assert_eq!((engine.evaluated_tokens, engine.generated_tokens), (2, 6));
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn who_types_otherwise_than_the_model_goes_on_gets_a_text_of_their_own() {
    let backend = ScriptedBackend::default();
    backend.say(Script::text(".get_value()\n").slowly(Duration::from_millis(20)));
    backend.always(Script::text("other()\n"));
    let mut server = TestServer::start_with(client("utf-8"), backend).await;
    server.open(URI, "plaintext", "a = b").await;
    let first = server.request(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    // So far they agree.
    server.insert(URI, 2, &json!({ "line": 0, "character": 5 }), ".get_an").await;
    let reply = server.call(INLINE, at(&json!({ "line": 0, "character": 12 }))).await;
    assert_eq!(texts(&reply), ["other()"]);
    assert!(texts(&server.reply(first).await).is_empty());
    assert_eq!(server.backend.prompts().len(), 2);
    server.finish().await;
}

/// Neovim asks for ghost text and for the menu after each key.
#[tokio::test(start_paused = true)]
async fn both_methods_share_one_text_and_neither_ends_the_other() {
    let mut profile = client("utf-8");
    profile["initializationOptions"]["completion"]["menu"] = "on".into();
    let slow = Script::text(".get()\n").slowly(Duration::from_millis(20));
    for order in [[INLINE, MENU], [MENU, INLINE]] {
        let mut server = open(profile.clone(), "a = b", slow.clone()).await;
        let cursor = json!({ "line": 0, "character": 5 });
        let menu = json!({ "textDocument": { "uri": URI }, "position": cursor });
        let mut ids = Vec::new();
        for method in order {
            let params = if method == INLINE { at(&cursor) } else { menu.clone() };
            ids.push(server.request(method, params).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for (method, id) in order.into_iter().zip(ids) {
            let reply = server.reply(id).await;
            let item = &reply["result"]["items"][0];
            let text = if method == INLINE { &item["insertText"] } else { &item["textEdit"]["newText"] };
            assert_eq!(text, if method == INLINE { ".get()" } else { "b.get()" }, "{order:?}: {reply}");
        }
        let stats = completion_stats(&mut server).await;
        assert_eq!((&stats["generations"], &stats["superseded"]), (&json!(1), &json!(0)), "{stats}");
        // The next key ends both.
        let first = server.request(INLINE, at(&json!({ "line": 0, "character": 4 }))).await;
        let second = server
            .request(
                MENU,
                json!({ "textDocument": { "uri": URI }, "position": { "line": 0, "character": 4 } }),
            )
            .await;
        server.insert(URI, 2, &cursor, "x").await;
        let third = server.request(INLINE, at(&json!({ "line": 0, "character": 6 }))).await;
        for id in [first, second] {
            assert_eq!(server.reply(id).await["result"]["items"], json!([]));
        }
        assert_eq!(texts(&server.reply(third).await), [".get()"]);
        server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_closed_meanwhile_has_an_answer_and_it_is_empty() {
    let slow = Script::text(".get()\n").slowly(Duration::from_millis(30));
    let mut server = open(client("utf-8"), "a = b", slow).await;
    let id = server.request(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    server.until(|server| !server.backend.prompts().is_empty()).await;
    server.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
    assert!(texts(&server.reply(id).await).is_empty());
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn typing_goes_on_while_a_suggestion_is_made() {
    let slow = Script::text(".get()\n").slowly(Duration::from_millis(30));
    let mut server = open(client("utf-8"), "a = b", slow).await;
    let first = server.request(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    server.until(|server| !server.backend.prompts().is_empty()).await;
    server.insert(URI, 2, &json!({ "line": 0, "character": 5 }), "c").await;
    let reply = server.call(INLINE, at(&json!({ "line": 0, "character": 6 }))).await;
    assert_eq!(texts(&reply), [".get()"]);
    assert!(texts(&server.reply(first).await).is_empty(), "it was superseded");
    let prompt = server.backend.prompts().pop().expect("two prompts");
    assert!(format!("{}{}", prompt.head, prompt.typed).ends_with("a = bc"), "{prompt:?}");
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn typing_what_is_shown_asks_no_model() {
    let mut server = open(client("utf-8"), "a = b", Script::text(".get()\n")).await;
    let reply = server.call(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    assert_eq!(texts(&reply), [".get()"]);
    for (i, typed) in [".", "g", "e"].into_iter().enumerate() {
        let column = 5 + i;
        server.insert(URI, 2 + i as i64, &json!({ "line": 0, "character": column }), typed).await;
        let reply = server.call(INLINE, at(&json!({ "line": 0, "character": column + 1 }))).await;
        assert_eq!(texts(&reply), [&".get()"[i + 1..]]);
    }
    assert_eq!(server.backend.prompts().len(), 1);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_selected_menu_item_is_extended_or_nothing_is_shown() {
    // The menu would replace `b` by the text; the model goes on behind the cursor.
    for (selected, expected) in [("b.get", vec!["b.get()"]), ("bar", vec![])] {
        let mut server = open(client("utf-8"), "a = b", Script::text(".get()\n")).await;
        let mut params = at(&json!({ "line": 0, "character": 5 }));
        let range = json!({ "start": { "line": 0, "character": 4 }, "end": { "line": 0, "character": 5 } });
        params["context"]["selectedCompletionInfo"] = json!({ "range": range, "text": selected });
        let reply = server.call(INLINE, params).await;
        assert_eq!(texts(&reply), expected, "{selected}");
        server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn acceptance_is_counted_whichever_way_it_is_told() {
    let mut server = open(client("utf-8"), "a = b", Script::text(".get()\n")).await;
    let command = |command: &str, argument: &Value| json!({ "command": command, "arguments": [argument] });
    let mut accepted = 0;
    for way in [
        "codesage.didAccept",
        "github.copilot.didAcceptCompletionItem",
        "codesage/didPartiallyAcceptCompletion",
    ] {
        let reply = server.call(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
        let item = reply["result"]["items"][0].clone();
        let id = &item["command"]["arguments"][0];
        server.notify("codesage/didShowCompletion", json!({ "item": item })).await;
        if way.contains('/') {
            // A part is not yet the whole.
            server.notify(way, json!({ "item": item, "acceptedLength": 2 })).await;
            server.notify(way, json!({ "item": item, "acceptedLength": 6 })).await;
        } else {
            let reply = server.call("workspace/executeCommand", command(way, id)).await;
            assert_eq!(reply["result"], Value::Null, "{reply}");
        }
        accepted += 1;
        let stats = server.call("codesage/stats", Value::Null).await["result"].clone();
        assert_eq!(stats["completion"]["accepted"], accepted, "{way}");
    }
    let stats = server.call("codesage/stats", Value::Null).await["result"].clone();
    let command = json!({ "command": "codesage.stats" });
    let same = server.call("workspace/executeCommand", command).await["result"].clone();
    assert_eq!(stats["completion"], same["completion"]);
    assert_eq!(stats["model"]["state"], "ready");
    // Nothing of this can be refused, whatever the arguments are.
    for arguments in [json!([]), json!([null]), json!([{}]), json!([7, 8]), Value::Null] {
        for name in ["codesage.didAccept", "codesage.stats", "codesage.why"] {
            let params = json!({ "command": name, "arguments": arguments });
            let reply = server.call("workspace/executeCommand", params).await;
            assert!(reply.get("error").is_none(), "{name} {arguments}: {reply}");
        }
    }
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_stops_its_generation() {
    let endless = Script::text(&"abcd".repeat(1000)).slowly(Duration::from_millis(20));
    let mut server = open(client("utf-8"), "a = b", endless).await;
    server.request(INLINE, at(&json!({ "line": 0, "character": 5 }))).await;
    server.until(|server| server.backend.stats().generated_tokens > 0).await;
    server.hang_up();
    assert_eq!(server.ended().await.cause, Cause::EndOfInput);
    let stopped = server.backend.stats().generated_tokens;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(server.backend.stats().generated_tokens <= stopped + 1);
}

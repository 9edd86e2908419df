//! What is done while nobody asks: reading where the cursor rests, and making what comes when a suggestion is accepted.
//! Through the whole server, by a backend that says what it is told, on a clock that moves only when nothing else does.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;

use std::time::Duration;

use codesage::config::{CommandLine, Layers, Part};
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::engine::{Backend, ModelState, Speed};
use codesage::prompt::Fill;
use serde_json::{Value, json};
use server::TestServer;

const URI: &str = "file:///project/notes.txt";
const INLINE: &str = "textDocument/inlineCompletion";

fn client(completion: Value) -> Value {
    json!({
        "capabilities": {
            "general": { "positionEncodings": ["utf-8"] },
            "textDocument": { "inlineCompletion": {} },
        },
        "initializationOptions": { "completion": completion },
    })
}

async fn start(completion: Value) -> TestServer {
    let backend = ScriptedBackend::default();
    backend.always(Script::text(".get()\n"));
    TestServer::start_with(client(completion), backend).await
}

fn place(line: usize, character: usize) -> Value {
    json!({ "line": line, "character": character })
}

/// A question that the editor asks by itself: the first says so.
fn at(position: &Value) -> Value {
    json!({ "textDocument": { "uri": URI }, "position": position, "context": { "triggerKind": 2 } })
}

async fn ask(server: &mut TestServer, position: &Value) -> Vec<String> {
    let reply = server.call(INLINE, at(position)).await;
    let items = reply["result"]["items"].as_array().expect("a list, always");
    items.iter().map(|item| item["insertText"].as_str().expect("plain text").to_owned()).collect()
}

async fn sleep(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn stats(server: &mut TestServer) -> Value {
    server.call("codesage/stats", Value::Null).await["result"]["completion"].clone()
}

/// What was read to be warm, each as `snippets: before the cursor¦behind it`.
fn warmed(server: &TestServer) -> Vec<String> {
    let show = |fill: Fill| {
        let snippets: String = fill.snippets.iter().map(|snippet| format!("{}: ", snippet.path)).collect();
        format!("{snippets}{}{}¦{}", fill.head, fill.typed, fill.tail)
    };
    server.backend.warmed().into_iter().map(show).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_opened_is_read_once_and_then_nothing_runs() {
    let mut server = start(json!({})).await;
    server.open(URI, "plaintext", "one\ntwo\n").await;
    sleep(290).await;
    assert_eq!(warmed(&server), [""; 0]);
    sleep(20).await;
    assert_eq!(warmed(&server), ["one\ntwo\n¦"]);
    // An hour later.
    sleep(3_600_000).await;
    assert_eq!(warmed(&server).len(), 1);
    // What is asked goes on from what was read.
    ask(&mut server, &place(2, 0)).await;
    let asked = server.backend.prompts().pop().expect("a question");
    let read = server.backend.warmed().pop().expect("something was read");
    assert_eq!((&asked.head, &asked.tail, &asked.snippets), (&read.head, &read.tail, &read.snippets));
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_opened_while_the_model_loads_is_read_when_it_is_there() {
    let mut server = start(json!({})).await;
    let ready = server.backend.watch().borrow().clone();
    server.backend.set_state(ModelState::Loading { fraction: 0.5 });
    server.open(URI, "plaintext", "one\n").await;
    sleep(10_000).await;
    assert_eq!(warmed(&server), [""; 0]);
    server.backend.set_state(ready);
    sleep(10).await;
    assert_eq!(warmed(&server), ["one\n¦"]);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_a_pause() {
    let mut server = start(json!({})).await;
    server.open(URI, "plaintext", "one\n").await;
    for key in 0..10 {
        sleep(250).await;
        server.insert(URI, 2 + key, &place(0, 3 + key as usize), "x").await;
        assert_eq!(warmed(&server), [""; 0]);
    }
    sleep(310).await;
    assert_eq!(warmed(&server), ["onexxxxxxxxxx¦\n"]);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_text_by_itself_and_then_with_other_files() {
    let mut server = start(json!({})).await;
    let other = "/// Turns all of them round.\npub fn frobnicate_widgets(list: &mut Vec<Widget>, times: usize) -> Total {\n    \
                 for widget in list.iter_mut() {\n        widget.turn(times);\n    }\n    Total::of(list)\n}\n";
    server.open("file:///project/other.rs", "rust", other).await;
    let text = "fn main() {\n    let mut all = vec![];\n    frobnicate_widgets(&mut all, 2);\n}\n";
    server.open(URI, "rust", text).await;
    sleep(310).await;
    assert_eq!(warmed(&server), [format!("{text}¦"), format!("other.rs: {text}¦")]);
    ask(&mut server, &place(4, 0)).await;
    assert_eq!(server.backend.prompts().pop().expect("a question").snippets.len(), 1);
    server.finish().await;
}

/// A model that would read the whole text for a minute. Four bytes are a token here.
#[tokio::test(start_paused = true)]
async fn a_slow_model_reads_the_nearest_lines_first() {
    let text: String = (0..400).map(|line| format!("line {line:03} of a text\n")).collect();
    let near = |fill: &Fill| {
        let (head, tail) = (fill.head.len() / 4, fill.tail.len() / 4);
        assert!(fill.head.ends_with("line 199 of a text\n"), "{}", fill.head);
        assert!((96..=225).contains(&(head + tail)) && tail >= 24, "{head} {tail}");
    };
    let whole = |fill: &Fill| assert!(fill.head.len() > 4 * 600, "{}", fill.head.len());
    // What serves is looked at again after each question, which costs nothing where it is held.
    for (rests, reads) in [(false, 1), (true, 3)] {
        let mut server = start(json!({ "speculate": false })).await;
        server.backend.set_speed(Speed { prompt: 150.0, generate: 30.0 });
        server.open(URI, "plaintext", &text).await;
        if rests {
            server.call("textDocument/codeAction", resting(&place(200, 0))).await;
            sleep(1000).await;
        }
        ask(&mut server, &place(200, 0)).await;
        let asked = server.backend.prompts().pop().expect("a question");
        sleep(1000).await;
        let read = server.backend.warmed();
        assert_eq!(read.len(), reads, "rests: {rests}");
        whole(&read[reads - 1]);
        if rests {
            near(&read[0]);
            assert_eq!(asked.head, read[1].head, "what was read is asked with");
        } else {
            near(&asked);
        }
        // From then on all of it serves.
        server.insert(URI, 2, &place(200, 0), "x ").await;
        ask(&mut server, &place(200, 2)).await;
        whole(&server.backend.prompts().pop().expect("a question"));
        server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_completed_is_not_read() {
    let off = json!({ "enabled": false });
    let language = json!({ "disabledLanguages": ["plaintext"] });
    let cases =
        [(json!({ "warmUp": false }), URI), (off, URI), (language, URI), (json!({}), "file:///project/.env")];
    for (completion, uri) in cases {
        let mut server = start(completion.clone()).await;
        server.open(uri, "plaintext", "one\ntwo\n").await;
        server.notify("codesage/didFocus", json!({ "textDocument": { "uri": uri } })).await;
        sleep(1000).await;
        assert_eq!(warmed(&server), [""; 0], "{completion} {uri}");
        server.finish().await;
    }
}

/// What a client asks that asks for actions wherever the cursor rests: it tells where that is.
fn resting(position: &Value) -> Value {
    let context = json!({ "diagnostics": [], "triggerKind": 2 });
    let range = json!({ "start": position, "end": position });
    json!({ "textDocument": { "uri": URI }, "range": range, "context": context })
}

#[tokio::test(start_paused = true)]
async fn a_settled_caret_is_read_and_the_old_place_serves_meanwhile() {
    let mut server = start(json!({})).await;
    let text: String = (0..40).map(|line| format!("line {line}\n")).collect();
    server.open(URI, "plaintext", &text).await;
    sleep(400).await;
    server.call("textDocument/codeAction", resting(&place(3, 4))).await;
    sleep(200).await;
    server.call("textDocument/codeAction", resting(&place(5, 4))).await;
    sleep(310).await;
    let read = warmed(&server);
    assert_eq!(read.len(), 2, "where the cursor only passed nothing is read: {read:?}");
    assert!(read[1].starts_with("line 0\n") && read[1].contains("line 4\nline¦ 5\nline 6\n"), "{}", read[1]);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn much_typed_text_is_frozen_when_nothing_is_asked() {
    let mut server = start(json!({ "speculate": false })).await;
    server.open(URI, "plaintext", "one\n").await;
    ask(&mut server, &place(1, 0)).await;
    // Four bytes are a token here.
    let lines: String = (0..30).map(|line| format!("line {line} {line}\n")).collect();
    server.insert(URI, 2, &place(1, 0), &lines).await;
    ask(&mut server, &place(31, 0)).await;
    let typed = |server: &TestServer| server.backend.prompts().pop().expect("a question").typed.len();
    assert_eq!(typed(&server), lines.len(), "typing waits for nothing to be read");
    sleep(400).await;
    server.insert(URI, 3, &place(31, 0), "x").await;
    ask(&mut server, &place(31, 1)).await;
    assert_eq!(typed(&server), 1, "{:?}", warmed(&server));
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_looked_at_again_is_read_again() {
    let mut server = start(json!({})).await;
    for uri in [URI, "file:///project/other.txt"] {
        server.open(uri, "plaintext", &format!("{uri}\n")).await;
        sleep(400).await;
    }
    server.notify("codesage/didFocus", json!({ "textDocument": { "uri": URI } })).await;
    sleep(310).await;
    assert_eq!(warmed(&server).last(), Some(&format!("{URI}\n¦")));
    server.finish().await;
}

/// The editor inserts what is shown.
async fn accept(server: &mut TestServer, version: i64, position: &mut usize, text: &str) {
    server.insert(URI, version, &place(0, *position), text).await;
    *position += text.len();
}

#[tokio::test(start_paused = true)]
async fn accept_accept_accept_asks_no_model() {
    let mut server = start(json!({ "warmUp": false })).await;
    for text in [" + first\n", " + second\n", " + third\n"] {
        server.backend.say_ahead(Script::text(text).slowly(Duration::from_millis(5)));
    }
    server.open(URI, "plaintext", "a = b").await;
    let mut column = 5;
    let mut shown = ask(&mut server, &place(0, column)).await;
    for (n, expected) in [".get()", " + first", " + second", " + third"].into_iter().enumerate() {
        assert_eq!(shown, [expected]);
        // A moment to look at it.
        sleep(50).await;
        let calls = server.backend.stats().decode_calls;
        accept(&mut server, 2 + n as i64, &mut column, expected).await;
        let asked = server.call(INLINE, at(&place(0, column))).await;
        shown = asked["result"]["items"].as_array().into_iter().flatten().map(text_of).collect();
        if n < 3 {
            assert_eq!(server.backend.stats().decode_calls, calls, "after {expected}");
            assert_eq!(server.backend.prompts().len(), 1);
        }
    }
    let ahead: Vec<_> =
        server.backend.ahead().into_iter().map(|fill| fill.head.to_string() + &fill.typed).collect();
    assert_eq!(ahead[..2], ["a = b.get()", "a = b.get() + first"]);
    let stats = stats(&mut server).await;
    assert_eq!((&stats["speculationHits"], &stats["generations"]), (&json!(3), &json!(2)), "{stats}");
    server.finish().await;
}

fn text_of(item: &Value) -> String {
    item["insertText"].as_str().expect("plain text").to_owned()
}

/// Accepted before it is made: whoever asks waits for the rest, and no more.
#[tokio::test(start_paused = true)]
async fn what_is_accepted_in_haste_is_waited_for() {
    let mut server = start(json!({ "warmUp": false })).await;
    server.backend.say_ahead(Script::text(" + something_long\n").slowly(Duration::from_millis(50)));
    server.open(URI, "plaintext", "a = b").await;
    let mut column = 5;
    assert_eq!(ask(&mut server, &place(0, column)).await, [".get()"]);
    sleep(60).await;
    // Typed in part, accepted in part.
    accept(&mut server, 2, &mut column, ".").await;
    assert_eq!(ask(&mut server, &place(0, column)).await, ["get()"]);
    accept(&mut server, 3, &mut column, "get()").await;
    assert_eq!(ask(&mut server, &place(0, column)).await, [" + something_long"]);
    assert_eq!(server.backend.prompts().len(), 1);
    let stats = stats(&mut server).await;
    assert_eq!((&stats["typeThroughHits"], &stats["speculationHits"]), (&json!(1), &json!(1)), "{stats}");
    server.finish().await;
}

/// Each row: what happens while text is made ahead, and whether it goes on.
#[tokio::test(start_paused = true)]
async fn what_is_made_ahead_ends_with_the_first_thing_that_says_otherwise() {
    for (what, goes_on) in [
        ("nothing", true),
        ("typed along", true),
        ("typed otherwise", false),
        ("asked elsewhere", false),
        ("closed", false),
    ] {
        let mut server = start(json!({ "warmUp": false })).await;
        let endless: String = (0..40).map(|n| format!(" + {n:04}")).collect();
        server.backend.say_ahead(Script::text(&endless).slowly(Duration::from_millis(20)));
        server.open(URI, "plaintext", "a = b").await;
        assert_eq!(ask(&mut server, &place(0, 5)).await, [".get()"]);
        sleep(110).await;
        match what {
            "typed along" => server.insert(URI, 2, &place(0, 5), ".g").await,
            "typed otherwise" => server.insert(URI, 2, &place(0, 5), ".x").await,
            "asked elsewhere" => {
                let other = json!({ "uri": "file:///project/other.txt", "languageId": "plaintext", "version": 1, "text": "c = d" });
                server.notify("textDocument/didOpen", json!({ "textDocument": other })).await;
                let mut params = at(&place(0, 5));
                params["textDocument"] = json!({ "uri": "file:///project/other.txt" });
                server.call(INLINE, params).await;
            }
            "closed" => {
                server.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await
            }
            _ => {}
        }
        sleep(30).await;
        let before = server.backend.stats().generated_tokens;
        sleep(200).await;
        let more = server.backend.stats().generated_tokens - before;
        assert_eq!(more > 1, goes_on, "{what}: {more} more");
        server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_types_on_does_not_look() {
    let mut server = start(json!({ "warmUp": false })).await;
    server.open(URI, "plaintext", "a = b").await;
    for key in 0..8 {
        server.insert(URI, 2 + key, &place(0, 5 + key as usize), "x").await;
        assert_eq!(ask(&mut server, &place(0, 6 + key as usize)).await, [".get()"]);
        // The first key tells nothing of how fast the others come.
        sleep(100).await;
        assert!(server.backend.ahead().len() <= 1, "after key {key}");
    }
    sleep(400).await;
    assert_eq!(server.backend.ahead().len(), 2);
    server.finish().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_ahead_where_that_is_switched_off() {
    let mut server = start(json!({ "warmUp": false, "speculate": false })).await;
    server.open(URI, "plaintext", "a = b").await;
    assert_eq!(ask(&mut server, &place(0, 5)).await, [".get()"]);
    sleep(1000).await;
    assert!(server.backend.ahead().is_empty());
    server.finish().await;
}

/// The third switch, which is the command line's alone: each key is a question of its own then.
#[tokio::test(start_paused = true)]
async fn each_key_asks_where_typing_along_is_switched_off() {
    let backend = ScriptedBackend::default();
    backend.always(Script::text(".get()\n"));
    let mut layers = Layers::new(None);
    layers.set_command_line(CommandLine { without: vec![Part::TypeThrough], ..CommandLine::default() });
    let mut server = TestServer::connect_with(backend, None, layers);
    server.initialize(client(json!({ "warmUp": false, "speculate": false }))).await;
    server.open(URI, "plaintext", "a = b").await;
    assert_eq!(ask(&mut server, &place(0, 5)).await, [".get()"]);
    server.insert(URI, 2, &place(0, 5), ".").await;
    ask(&mut server, &place(0, 6)).await;
    assert_eq!(server.backend.prompts().len(), 2);
    server.finish().await;
}

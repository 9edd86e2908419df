//! What each kind of edit costs, in prompt tokens that the real llama.cpp evaluates for the question after it: the
//! table of the anchored middle, row by row, through the whole program. Counters are exact; nothing here is timed.
#![cfg(feature = "llama")]

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/process.rs"]
#[expect(dead_code, reason = "tests/whole.rs uses the rest")]
mod process;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::ops::Range;

use process::Process;
use serde_json::{Value, json};
use tempfile::TempDir;
use tiny_model::TinyModel;

const URI: &str = "file:///home/me/project/notes.rs";

/// An editor with one document at a time, whose columns are bytes, and a server with a model of true attention: a byte
/// is a token at the most.
struct Editor {
    server: Process,
    uri: String,
    text: String,
    _folder: TempDir,
}

impl Editor {
    fn start(completion: Value) -> Self {
        Self::start_with(&TinyModel { n_ctx: 4096, ..TinyModel::random(3) }, completion)
    }

    fn start_with(model: &TinyModel, completion: Value) -> Self {
        Self::start_without(model, completion, &[])
    }

    /// With more on its command line.
    fn start_without(model: &TinyModel, completion: Value, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = model.write(folder.path());
        let mut server = Process::spawn_with(Some(&path), arguments, &[]);
        let capabilities = json!({
            "general": { "positionEncodings": ["utf-8"] },
            "textDocument": { "inlineCompletion": {} },
        });
        let reply = server.call(
            "initialize",
            json!({
                "processId": null, "rootUri": null, "capabilities": capabilities,
                "initializationOptions": { "completion": completion },
            }),
        );
        assert!(reply["error"].is_null(), "{reply}");
        server.notify("initialized", json!({}));
        assert_eq!(server.settled()["state"], "ready");
        Self { server, uri: String::new(), text: String::new(), _folder: folder }
    }

    /// Computes only when asked.
    fn without_idle_work() -> Self {
        Self::start(json!({ "warmUp": false, "speculate": false }))
    }

    fn open(&mut self, uri: &str, text: &str) {
        (self.uri, self.text) = (uri.into(), text.into());
        self.server.open(uri, "plaintext", text);
    }

    fn close(&mut self) {
        let document = json!({ "textDocument": { "uri": self.uri } });
        self.server.notify("textDocument/didClose", document);
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..offset];
        (before.matches('\n').count(), before.len() - before.rfind('\n').map_or(0, |at| at + 1))
    }

    fn edit(&mut self, range: Range<usize>, text: &str) {
        let (start, end) = (self.place(range.start), self.place(range.end));
        self.server.change(&self.uri.clone(), start, end, text);
        self.text.replace_range(range, text);
    }

    fn counter(&mut self, name: &str) -> u64 {
        self.server.stats()["engine"][name].as_u64().expect("a counter")
    }

    /// Prompt tokens that asking at a byte evaluates, and what is shown.
    fn ask(&mut self, offset: usize) -> (u64, Option<String>) {
        let before = self.counter("evaluatedTokens");
        let place = self.place(offset);
        let items = self.server.inline(&self.uri.clone(), place);
        let shown = items.first().and_then(|item| item["insertText"].as_str().map(str::to_owned));
        (self.counter("evaluatedTokens") - before, shown)
    }

    /// Prompt tokens that asking at a byte evaluates for this question alone, whatever else is read meanwhile.
    fn cost(&mut self, offset: usize) -> u64 {
        self.ask(offset);
        let newest = json!({ "command": "codesage.why", "arguments": [1] });
        let why = self.server.call("workspace/executeCommand", newest);
        why["result"]["records"][0]["usage"]["evaluatedTokens"].as_u64().unwrap_or_else(|| panic!("{why:#}"))
    }

    /// The person's cursor rests at a byte.
    fn rest(&mut self, offset: usize) {
        let (line, character) = self.place(offset);
        let place = json!({ "line": line, "character": character });
        let params = json!({
            "textDocument": { "uri": self.uri },
            "range": { "start": place, "end": place },
            "context": { "diagnostics": [], "triggerKind": 2 },
        });
        self.server.call("textDocument/codeAction", params);
    }

    /// Waits until so many prompts have been read ahead of need.
    fn until_warm(&mut self, count: u64) {
        self.server.until(|stats| stats["completion"]["warmUps"].as_u64() >= Some(count));
    }
}

fn lines(range: Range<usize>) -> String {
    range.map(|n| format!("the line of number {n:03} says this\n")).collect()
}

/// Before and behind the cursor, all of it within the windows, and half of a line that is being typed.
fn small() -> (String, String) {
    (lines(0..20) + "    let ", lines(30..35))
}

/// An edit of the table: from a text that was asked about at `cursor`, and then asked about again.
type Act = fn(&mut Editor, usize) -> usize;

#[test]
fn what_each_edit_evaluates() {
    let mut editor = Editor::without_idle_work();
    let (before, behind) = small();
    let (head, tail) = (lines(0..20).len() as u64, behind.len() as u64 + 1);
    let line = lines(0..1).len() as u64;
    // What is done, and the most tokens that asking then evaluates. What a cursor has just typed is forced, not read.
    let table: [(&str, u64, Act); 17] = [
        ("a character", 0, |editor, at| {
            editor.edit(at..at, "x");
            at + 1
        }),
        ("a pasted line", 27, |editor, at| {
            editor.edit(at..at, "value = compute(the, pasted);");
            at + 29
        }),
        ("Enter with its indentation", 0, |editor, at| {
            editor.edit(at..at, "\n    ");
            at + 5
        }),
        ("an opener that the editor closes", 0, |editor, at| {
            editor.edit(at..at, "()");
            at + 1
        }),
        ("typing over a closer", 0, |editor, at| {
            editor.edit(at..at, "()");
            editor.ask(at + 1);
            at + 2
        }),
        ("Enter between brackets", 0, |editor, at| {
            editor.edit(at..at, "{}");
            editor.ask(at + 1);
            editor.edit(at + 1..at + 1, "\n        \n    ");
            at + 10
        }),
        ("Backspace", 0, |editor, at| {
            editor.edit(at..at, "val");
            editor.ask(at + 3);
            editor.edit(at + 2..at + 3, "");
            at + 2
        }),
        ("undo of what was typed", 0, |editor, at| {
            editor.edit(at..at, "value_of_it");
            editor.ask(at + 11);
            editor.edit(at..at + 11, "");
            at
        }),
        ("redo", 0, |editor, at| {
            editor.edit(at..at, "value_of_it");
            editor.ask(at + 11);
            editor.edit(at..at + 11, "");
            editor.ask(at);
            editor.edit(at..at, "value_of_it");
            at + 11
        }),
        ("asked again", 0, |_, at| at),
        ("the cursor one back in what was typed", 0, |editor, at| {
            editor.edit(at..at, "one two");
            editor.ask(at + 7);
            // Typed text is right of it now: head again, then the new tail.
            at + 3
        }),
        ("a deletion that joins two lines", 0, |editor, at| {
            editor.edit(at - 9..at, "");
            at - 9
        }),
        ("an edit far above the cursor", 0, |editor, at| {
            editor.edit(5..5, "x");
            at + 1
        }),
        ("an edit far above, undone", 0, |editor, at| {
            editor.edit(5..5, "x");
            editor.ask(at + 1);
            editor.edit(5..6, "");
            at
        }),
        ("an edit just above the cursor", 0, |editor, at| {
            editor.edit(at - 20..at - 20, "x");
            at + 1
        }),
        ("an edit just below the cursor", 0, |editor, at| {
            editor.edit(at + 5..at + 5, "x");
            at
        }),
        ("a place far away", 0, |_, _| 36),
    ];
    // Where nothing that is held can serve: behind the part of the head that stays, all of it.
    let renewed = |what: &str| match what {
        "the cursor one back in what was typed" => tail + 30,
        "a deletion that joins two lines" => tail + line + 30,
        "an edit just above the cursor" => 2 * line + tail + 30,
        "an edit just below the cursor" => tail + 30,
        "a place far away" => head + tail + 60,
        _ => 0,
    };
    for (what, most, act) in table {
        let text = format!("{before}\n{behind}");
        editor.open(URI, &text);
        editor.ask(before.len());
        let at = act(&mut editor, before.len());
        let (evaluated, _) = editor.ask(at);
        let bound = most.max(renewed(what));
        assert!(evaluated <= bound, "{what}: {evaluated} of at most {bound}");
        // A bound that nothing comes near says nothing.
        assert!(evaluated * 2 >= bound, "{what}: {evaluated} of at most {bound}");
        editor.close();
    }
    editor.server.finish();
}

#[test]
fn an_edit_outside_of_the_windows_costs_nothing() {
    let mut editor = Editor::without_idle_work();
    let (above, below) = (lines(0..300), lines(300..500));
    editor.open(URI, &format!("{above}    let \n{below}"));
    let at = above.len() + 8;
    editor.ask(at);
    editor.edit(0..0, "// more\n");
    assert_eq!(editor.ask(at + 8).0, 0, "above");
    let end = editor.text.len();
    editor.edit(end..end, "// more\n");
    assert_eq!(editor.ask(at + 8).0, 0, "below");
    editor.server.finish();
}

/// A definition is looked up, and another, and back.
#[test]
fn back_where_the_person_was_in_the_same_file() {
    let mut editor = Editor::without_idle_work();
    let text = format!("{}    let \n{}", lines(0..30), lines(30..60));
    editor.open(URI, &text);
    let at = lines(0..30).len() + 8;
    let places = [at, 36, text.len() - 5];
    for place in places {
        editor.ask(place);
    }
    // Some lines above the first place are changed, but none near it.
    editor.edit(5..5, "x");
    for place in [at + 1, text.len() - 4] {
        let (evaluated, _) = editor.ask(place);
        assert!(evaluated <= 8, "{place}: {evaluated}");
    }
    editor.server.finish();
}

#[test]
fn accepting_costs_next_to_nothing() {
    let mut editor = Editor::without_idle_work();
    let (before, behind) = small();
    editor.open(URI, &format!("{before}\n{behind}"));
    let mut at = before.len();
    for _ in 0..4 {
        let Some(shown) = editor.ask(at).1 else { break };
        editor.edit(at..at, &shown);
        at += shown.len();
        let (evaluated, _) = editor.ask(at);
        assert!(evaluated <= 2, "{shown:?}: {evaluated}");
    }
    assert!(at > before.len(), "something was shown");
    editor.server.finish();
}

/// The person jumps between three files, and on.
#[test]
fn back_in_one_of_the_last_three_files() {
    for completion in [json!({ "warmUp": false, "speculate": false }), json!({})] {
        let mut editor = Editor::start(completion.clone());
        let names = ["one", "two", "three"].map(|name| format!("file:///home/me/project/{name}.txt"));
        let text = |n: usize| {
            format!("{}    let \n{}", lines(n * 100..n * 100 + 10), lines(n * 100 + 20..n * 100 + 22))
        };
        for (n, name) in names.iter().enumerate() {
            editor.open(name, &text(n));
            let at = text(n).find("    let ").expect("it is there") + 8;
            editor.rest(at);
            editor.ask(at);
            if completion == json!({}) {
                editor.until_warm(n as u64 + 1);
            }
        }
        for (n, name) in names.iter().enumerate() {
            (editor.uri, editor.text) = (name.clone(), text(n));
            let at = text(n).find("    let ").expect("it is there") + 8;
            let evaluated = editor.cost(at);
            assert!(evaluated <= 8, "{name}, {completion}: {evaluated}");
        }
        editor.server.finish();
    }
}

#[test]
fn the_first_suggestion_evaluates_what_was_not_read_yet() {
    let mut editor = Editor::start(json!({ "speculate": false }));
    let (before, behind) = small();
    let text = format!("{before}\n{behind}");
    editor.open(URI, &text);
    editor.rest(before.len());
    editor.until_warm(1);
    let read = editor.counter("evaluatedTokens");
    assert!(read > (before.len() + behind.len()) as u64 / 8, "the text was read: {read}");
    assert_eq!(editor.counter("generatedTokens"), 0);
    editor.edit(before.len()..before.len(), "x");
    assert!(editor.ask(before.len() + 1).0 <= 2);
    editor.server.finish();
}

/// Much was typed: the texts are frozen anew while nobody asks, and what is typed then is little again.
#[test]
fn what_is_held_is_renewed_beside_what_serves() {
    let mut editor = Editor::start(json!({ "speculate": false }));
    let (before, behind) = small();
    editor.open(URI, &format!("{before}\n{behind}"));
    editor.rest(before.len());
    editor.until_warm(1);
    let more = format!("\n{}", lines(50..55));
    editor.edit(before.len()..before.len(), &more);
    let at = before.len() + more.len();
    editor.until_warm(2);
    let (read, decodes) = (editor.counter("evaluatedTokens"), editor.counter("decodeCalls"));
    assert!(editor.ask(at).0 <= 2, "it was read: {read}");
    // Nothing runs by itself any more. NB: each answer is a request, and none of these is one.
    let generated = editor.counter("generatedTokens");
    let after = editor.counter("decodeCalls");
    assert!(after - decodes <= generated + 2, "{after} {decodes} {generated}");
    editor.server.finish();
}

/// What is typed along is answered by the text that is being written: nothing is begun anew, and nothing read again.
#[test]
fn typing_along_a_running_text_reads_nothing() {
    // It counts from a to z.
    let mut editor = Editor::start_with(&TinyModel::slow(), json!({ "warmUp": false, "speculate": false }));
    let (before, behind) = small();
    editor.open(URI, &format!("{before}\n{behind}"));
    let at = before.len();
    let place = editor.place(at);
    let first = editor.server.request("textDocument/inlineCompletion", Process::at(URI, place));
    editor.server.until(|stats| stats["engine"]["generatedTokens"].as_u64() > Some(2));
    let evaluated = editor.counter("evaluatedTokens");
    for (n, key) in ["a", "b", "c"].into_iter().enumerate() {
        editor.edit(at + n..at + n, key);
        assert_eq!(editor.ask(at + n + 1).1.as_deref(), Some(&"bcdefghijklmnopqrstuvwxyz"[n..]));
    }
    assert_eq!(editor.counter("evaluatedTokens"), evaluated);
    assert_eq!(editor.server.stats()["completion"]["generations"], 1);
    editor.server.reply(first);
    editor.server.finish();
}

/// Suggestions accepted in a row, each made while the one before it was looked at.
#[test]
fn accept_accept_accept_decodes_nothing() {
    let model = TinyModel::scripted(&[(" ", "abcd\nefgh\nijkl\nmnop\n")]);
    let mut editor = Editor::start_with(&model, json!({ "warmUp": false }));
    editor.open(URI, "x = \n");
    let mut at = 4;
    let mut shown = editor.ask(at).1;
    for (n, expected) in [(1, "abcd"), (2, "\nefgh"), (3, "\nijkl"), (4, "\nmnop")] {
        assert_eq!(shown.as_deref(), Some(expected), "{n}");
        editor.server.until(|stats| stats["completion"]["speculations"].as_u64() >= Some(n));
        editor.edit(at..at, expected);
        at += expected.len();
        if n < 4 {
            shown = editor.ask(at).1;
            let hits = editor.server.stats()["completion"]["speculationHits"].clone();
            assert_eq!(hits, n, "after {expected:?}");
            // What decodes by then is made for the next one.
            let asked = editor.server.stats()["completion"]["generations"].clone();
            assert_eq!(asked, 1, "after {expected:?}");
        }
    }
    editor.server.finish();
}

/// An action reads a prompt of its own; what typing has read stays beside it.
#[test]
fn an_action_costs_the_next_key_nothing() {
    let after_action = |without: &[&str]| {
        let model = TinyModel { n_ctx: 4096, ..TinyModel::random(3) };
        let mut editor =
            Editor::start_without(&model, json!({ "warmUp": false, "speculate": false }), without);
        let (before, behind) = small();
        editor.open(URI, &format!("{before}\n{behind}"));
        let at = before.len();
        editor.ask(at);
        editor.edit(at..at, "v");
        let alone = editor.ask(at + 1).0;
        let place = json!({ "line": 3, "character": 0 });
        let arguments = json!({
            "textDocument": { "uri": URI }, "range": { "start": place, "end": place }, "maxTokens": 4,
        });
        let command = json!({ "command": "codesage.explain", "arguments": [arguments] });
        let evaluated = editor.counter("evaluatedTokens");
        let reply = editor.server.call("workspace/executeCommand", command);
        assert!(editor.counter("evaluatedTokens") > evaluated, "it read nothing: {reply}");
        editor.edit(at + 1..at + 1, "a");
        let after = editor.ask(at + 2).0;
        editor.server.finish();
        (alone, after)
    };
    let (alone, after) = after_action(&[]);
    assert!(after <= alone.max(1), "{after} after an action, {alone} without");
    // It is the places that keep it.
    let (_, after) = after_action(&["--without", "places"]);
    assert!(after > 100, "{after}");
}

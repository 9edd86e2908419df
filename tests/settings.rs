//! Settings while a session lasts: files that change are seen and what they say holds at once, what is wrong is told
//! once and underlined in an open file, and a workspace's file cannot do what is not its to do.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;

use std::fs;
use std::path::PathBuf;

use codesage::config::Layers;
use codesage::engine::scripted::{Script, ScriptedBackend};
use serde_json::{Value, json};
use server::TestServer;
use tempfile::TempDir;
use url::Url;

const MESSAGE: &str = "window/showMessage";
const DIAGNOSTICS: &str = "textDocument/publishDiagnostics";

/// A person's own settings file and a workspace.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(place.path("workspace")).unwrap();
        fs::create_dir(place.path("home")).unwrap();
        place.write("home/config.toml", "");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn uri(&self, name: &str) -> String {
        Url::from_file_path(self.path(name)).unwrap().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A session in the workspace, of a client that can do just this.
    async fn open(&self, capabilities: Value) -> TestServer {
        let backend = ScriptedBackend::default();
        backend.always(Script::text(".get()\n"));
        let mut layers = Layers::new(Some(self.path("home/config.toml")));
        layers.read_user();
        let mut server = TestServer::connect_with(backend, None, layers);
        let root = self.uri("workspace");
        server.initialize(json!({ "rootUri": root, "capabilities": capabilities })).await;
        server.until_status("Normal").await;
        server.open(&self.uri("workspace/a.txt"), "plaintext", "value").await;
        server
    }

    /// Whether anything is suggested.
    async fn suggests(&self, server: &mut TestServer) -> bool {
        let params = json!({
            "textDocument": { "uri": self.uri("workspace/a.txt") },
            "position": { "line": 0, "character": 5 },
            "context": { "triggerKind": 1 },
        });
        let reply = server.call("textDocument/inlineCompletion", params).await;
        reply["result"]["items"].as_array().is_some_and(|items| !items.is_empty())
    }

    async fn until_suggests(&self, server: &mut TestServer, expected: bool) {
        let waiting = async { while self.suggests(server).await != expected {} };
        tokio::time::timeout(server::DEADLINE, waiting).await.expect("it comes to that");
    }
}

/// What the client says when a file changed, without saying which.
async fn changed(server: &mut TestServer) {
    server.notify("workspace/didChangeWatchedFiles", json!({ "changes": [] })).await;
}

async fn message(server: &mut TestServer) -> String {
    let message = server.expect(MESSAGE).await;
    message["params"]["message"].as_str().expect("a sentence").to_owned()
}

/// The three reasons to look at files.
#[derive(Clone, Copy, Debug)]
enum Reason {
    TheClientWatches,
    ItWasSavedHere,
    SomethingIsAsked,
}

#[tokio::test]
async fn a_settings_file_that_changes_holds_at_once() {
    // Which file, what it says, and whether anything is suggested then.
    let files = ["workspace/codesage.toml", "home/config.toml"];
    for reason in [Reason::TheClientWatches, Reason::ItWasSavedHere, Reason::SomethingIsAsked] {
        for file in files {
            let place = Place::new();
            let mut server = place.open(json!({})).await;
            place.write(file, "completion.enabled = false\ncompletion.maxToken = 7\n");
            match reason {
                Reason::TheClientWatches => changed(&mut server).await,
                Reason::ItWasSavedHere => {
                    let document = json!({ "uri": place.uri(file) });
                    server.notify("textDocument/didSave", json!({ "textDocument": document })).await;
                }
                // It goes by what was known, and the next one by what was seen.
                Reason::SomethingIsAsked => assert!(place.suggests(&mut server).await),
            }
            let told = message(&mut server).await;
            assert!(told.contains(&format!("{file}:2: `completion.maxToken`")), "{reason:?}: {told}");
            assert!(told.contains("did you mean `completion.maxTokens`?"), "{told}");
            assert!(!place.suggests(&mut server).await, "{reason:?} {file}");
            server.finish().await;
        }
    }
}

#[tokio::test]
async fn files_come_and_go_while_it_runs() {
    let place = Place::new();
    let mut server = place.open(json!({})).await;
    for round in 1..=2 {
        place.write("workspace/codesage.toml", "completion.nonsense = 1\n");
        changed(&mut server).await;
        // Mended and broken again in a moment, it interrupts nobody again.
        let told = |server: &TestServer| {
            server.logs.iter().filter(|log| log.contains("completion.nonsense")).count()
        };
        server.until(|server| told(server) == round).await;
        place.write("workspace/codesage.toml", "completion.enabled = false\n");
        changed(&mut server).await;
        place.until_suggests(&mut server, false).await;
    }
    assert!(message(&mut server).await.contains("completion.nonsense"));
    fs::remove_file(place.path("workspace/codesage.toml")).unwrap();
    changed(&mut server).await;
    place.until_suggests(&mut server, true).await;
    // The person's own file was named, so it is missed.
    fs::remove_file(place.path("home/config.toml")).unwrap();
    changed(&mut server).await;
    assert!(message(&mut server).await.contains("config.toml: cannot be read"));
    server.finish().await;
}

#[tokio::test]
async fn an_ignore_file_that_changes_holds_at_once() {
    for name in [".gitignore", ".codesageignore"] {
        let place = Place::new();
        let mut server = place.open(json!({})).await;
        place.until_suggests(&mut server, true).await;
        let file = format!("workspace/{name}");
        place.write(&file, "a.txt\n");
        changed(&mut server).await;
        place.until_suggests(&mut server, false).await;
        place.write(&file, "b.txt and nothing else\n");
        let document = json!({ "uri": place.uri(&file) });
        server.notify("textDocument/didSave", json!({ "textDocument": document })).await;
        place.until_suggests(&mut server, true).await;
        // Nobody says anything: what is asked is reason enough to look.
        fs::write(place.path(&file), "*.txt\n").unwrap();
        place.until_suggests(&mut server, false).await;
        server.finish().await;
    }
}

#[tokio::test]
async fn many_problems_are_one_message_and_the_rest_is_in_the_log() {
    let place = Place::new();
    place.write("workspace/codesage.toml", "a = 1\nb = 2\ncompletion.maxTokens = 'x'\n[broken\n");
    let mut server = place.open(json!({})).await;
    let told = message(&mut server).await;
    assert!(told.contains("(and 3 more problems: see the log)"), "{told}");
    server.until(|server| server.logs.iter().filter(|log| log.contains("codesage.toml:")).count() >= 4).await;
    server.finish().await;
}

/// Whatever a hand or a tool does to settings, who works is interrupted a few times and not hundreds.
#[tokio::test]
async fn settings_that_flip_are_told_once() {
    const FLIPS: usize = 300;
    // The mistake of each turn, and how many messages there are of all.
    let cases: [(&dyn Fn(usize) -> Value, usize); 3] = [
        (&|_| json!({ "completion": { "maxTokens": "many" } }), 1),
        (&|turn| json!({ "completion": { "maxTokens": format!("many{}", turn % 2) } }), 2),
        (&|turn| json!({ "completion": { "maxTokens": format!("many{turn}") } }), 8),
    ];
    for (number, (wrong, expected)) in cases.into_iter().enumerate() {
        let place = Place::new();
        let mut server = place.open(json!({})).await;
        for turn in 0..FLIPS {
            for settings in [wrong(turn), json!({})] {
                let settings = json!({ "settings": { "codesage": settings } });
                server.notify("workspace/didChangeConfiguration", settings).await;
            }
        }
        let mut messages = Vec::new();
        for _ in 0..expected {
            messages.push(message(&mut server).await);
        }
        let is_last = messages
            .last()
            .is_some_and(|last| last.contains("what else is wrong with settings: see the log"));
        assert_eq!(is_last, expected == 8, "{number}: {messages:#?}");
        // A message more would be one that nobody asked for.
        server.finish().await;
    }
}

#[tokio::test]
async fn what_needs_a_restart_says_so_once() {
    let place = Place::new();
    let mut server = place.open(json!({})).await;
    place.write("home/config.toml", "remote.when = 'all'\n");
    changed(&mut server).await;
    let told = message(&mut server).await;
    assert_eq!(told, "`remote.when = \"all\"` needs a restart of the server");
    place.write("home/config.toml", "remote.when = 'all'\nremote.apiKeyCommand = ['echo', 'sk-secret']\n");
    changed(&mut server).await;
    let told = message(&mut server).await;
    let expected = "`remote.when = \"all\"`, `remote.apiKeyCommand = [\"echo\",\"sk-***\"]` needs a restart of the server";
    assert_eq!(told, expected);
    // Another model does not; the same again is not said again.
    place.write(
        "home/config.toml",
        "remote.when = 'all'\nremote.apiKeyCommand = ['echo', 'sk-secret']\nmodel.threads = 2\ncompletion.enabled = false\n",
    );
    changed(&mut server).await;
    place.until_suggests(&mut server, false).await;
    server.finish().await;
}

#[tokio::test]
async fn a_menu_that_is_wanted_later_is_announced_or_it_is_said_why_not() {
    for can_be_told in [true, false] {
        let place = Place::new();
        let menu = json!({ "dynamicRegistration": can_be_told });
        let mut server =
            place.open(json!({ "textDocument": { "inlineCompletion": {}, "completion": menu } })).await;
        assert_eq!(server.initialized["capabilities"].get("completionProvider"), None);
        // Once, however often it comes and goes.
        for menu in ["on", "off", "on"] {
            place.write("workspace/codesage.toml", &format!("completion.menu = '{menu}'\n"));
            changed(&mut server).await;
        }
        if can_be_told {
            let asked = server.expect("client/registerCapability").await;
            assert_eq!(asked["params"]["registrations"][0]["method"], "textDocument/completion");
            server.answer(&asked, json!(null)).await;
        } else {
            let told = message(&mut server).await;
            assert!(told.starts_with("`completion.menu`: this editor takes it only at the start"), "{told}");
        }
        server.finish().await;
    }
}

#[tokio::test]
async fn a_client_that_can_is_asked_to_watch() {
    let place = Place::new();
    let watching = |known: Value| json!({ "workspace": { "didChangeWatchedFiles": known } });
    let full = json!({ "dynamicRegistration": true, "relativePatternSupport": true });
    let mut server = place.open(watching(full)).await;
    let asked = server.expect("client/registerCapability").await;
    let registration = &asked["params"]["registrations"][0];
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    let own = json!({ "baseUri": place.uri("home"), "pattern": "config.toml" });
    let watchers =
        json!([{ "globPattern": "**/{codesage.toml,.gitignore,.codesageignore}" }, { "globPattern": own }]);
    assert_eq!(registration["registerOptions"]["watchers"], watchers);
    // Whatever it answers.
    let refusal = json!({ "code": -32601, "message": "no" });
    server.send(&[json!({ "jsonrpc": "2.0", "id": asked["id"], "error": refusal })]).await;
    server.finish().await;
    for known in
        [json!(null), json!({ "dynamicRegistration": true }), json!({ "relativePatternSupport": true })]
    {
        place.open(watching(known)).await.finish().await;
    }
}

/// What was published for a document: `line:from-to message` each.
async fn shown(server: &mut TestServer, uri: &str) -> Vec<String> {
    let published = server.expect(DIAGNOSTICS).await;
    assert_eq!(published["params"]["uri"], uri);
    let all = published["params"]["diagnostics"].as_array().expect("a list").clone();
    let line = |one: &Value| {
        let (start, end) = (&one["range"]["start"], &one["range"]["end"]);
        assert_eq!((&one["severity"], &one["source"]), (&json!(2), &json!("codesage")));
        let message = one["message"].as_str().expect("a sentence");
        format!("{}:{}-{} {message}", start["line"], start["character"], end["character"])
    };
    all.iter().map(line).collect()
}

#[tokio::test]
async fn problems_of_an_open_file_are_underlined_as_it_is_typed() {
    let place = Place::new();
    let mut server = place.open(json!({})).await;
    let uri = place.uri("workspace/codesage.toml");
    server.open(&uri, "toml", "[completion]\nmaxToken = 1 # 😀\nmultiline = 'é'\n").await;
    assert_eq!(
        shown(&mut server, &uri).await,
        [
            "1:0-8 `completion.maxToken`: unknown key; did you mean `completion.maxTokens`?",
            "2:12-15 `completion.multiline`: expected `\"auto\"`, `\"never\"` or `\"always\"`, found \"é\"",
        ]
    );
    // Nothing of that is saved. A letter more, and it is right.
    server.insert(&uri, 2, &json!({ "line": 1, "character": 8 }), "s").await;
    assert_eq!(shown(&mut server, &uri).await.len(), 1);
    let all = json!({ "textDocument": { "uri": uri, "version": 3 }, "contentChanges": [{ "text": "log.level = 'off'\n" }] });
    server.notify("textDocument/didChange", all).await;
    let [told] = shown(&mut server, &uri).await.try_into().expect("one");
    assert!(told.starts_with("0:4-9 `log.level`: a workspace's file may not say what is logged"), "{told}");
    assert!(told.contains("home/config.toml"), "it says where it may be written: {told}");
    // On the disk it is wrong, too: that is logged, and interrupts nobody who sees it.
    place.write("workspace/codesage.toml", "log.level = 'off'\n");
    server.notify("textDocument/didSave", json!({ "textDocument": { "uri": uri } })).await;
    server.until(|server| server.logs.iter().any(|log| log.contains("codesage.toml:1: `log.level`"))).await;
    let mended = json!({ "textDocument": { "uri": uri, "version": 4 }, "contentChanges": [{ "text": "" }] });
    server.notify("textDocument/didChange", mended).await;
    assert!(shown(&mut server, &uri).await.is_empty());
    // The person's own file may say it; and what is wrong in it goes with it.
    let own = place.uri("home/config.toml");
    server.open(&own, "toml", "log.level = 'off'\nx = 1\n").await;
    assert_eq!(shown(&mut server, &own).await.len(), 1);
    server.notify("textDocument/didClose", json!({ "textDocument": { "uri": own } })).await;
    assert!(shown(&mut server, &own).await.is_empty());
    // Other files are none of ours.
    server.open(&place.uri("workspace/Cargo.toml"), "toml", "[broken\n").await;
    server.until_status("Normal").await;
    server.finish().await;
}

async fn actions(server: &mut TestServer, uri: &str, only: Value) -> Vec<Value> {
    let at = json!({ "line": 1, "character": 3 });
    let range = json!({ "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 8 } });
    let diagnostic = json!({ "range": range, "message": "unknown key", "source": "codesage" });
    let start = json!({ "line": 0, "character": 0 });
    let theirs =
        json!({ "range": { "start": start, "end": start }, "message": "no such table", "source": "taplo" });
    let params = json!({
        "textDocument": { "uri": uri },
        "range": { "start": at, "end": at },
        "context": { "diagnostics": [diagnostic, theirs], "only": only },
    });
    let reply = server.call("textDocument/codeAction", params).await;
    reply["result"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_key_that_was_misspelt_is_mended_by_an_action() {
    let literals = json!({ "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [] } } });
    let edits = json!({ "applyEdit": true, "workspaceEdit": { "documentChanges": true } });
    let can = json!({ "textDocument": { "codeAction": literals }, "workspace": edits });
    for (capabilities, expected) in [(can, 1), (json!({}), 0)] {
        let place = Place::new();
        let mut server = place.open(capabilities).await;
        let uri = place.uri("workspace/codesage.toml");
        server.open(&uri, "toml", "[completion]\nmaxToken = 1\n").await;
        shown(&mut server, &uri).await;
        let offered = actions(&mut server, &uri, json!(["quickfix"])).await;
        // A model is not asked about our own words.
        assert_eq!(offered.len(), expected, "{offered:?}");
        for action in offered {
            assert_eq!(action["title"], "Change to `completion.maxTokens` (CodeSage)");
            assert_eq!(
                (&action["kind"], &action["isPreferred"]),
                (&json!("quickfix.codesage"), &json!(true))
            );
            assert_eq!(action["diagnostics"][0]["message"], "unknown key");
            let change = &action["edit"]["documentChanges"][0];
            assert_eq!(change["textDocument"], json!({ "uri": uri, "version": 1 }));
            let [edit] = change["edits"].as_array().expect("a list").as_slice() else { panic!("{change}") };
            assert_eq!(edit["range"]["start"]["line"], 1);
            let text = edit["newText"].as_str().expect("text");
            assert!(text.contains("maxTokens = 1"), "{edit}");
        }
        // Nothing else is offered there, whoever asks for what: not by a model, and no fix of what another server says.
        for only in [json!(null), json!([]), json!([""]), json!(["quickfix"])] {
            assert_eq!(actions(&mut server, &uri, only.clone()).await.len(), expected, "{only}");
        }
        assert_eq!(actions(&mut server, &uri, json!(["refactor"])).await, [json!(null); 0]);
        // In a file beside it there is more to ask for.
        let other = place.uri("workspace/Cargo.toml");
        server.open(&other, "toml", "[completion]\nmaxToken = 1\n").await;
        assert!(actions(&mut server, &other, json!([])).await.len() > 2);
        server.finish().await;
    }
}

/// What a repository that somebody cloned would like to do.
#[tokio::test]
async fn a_workspaces_file_cannot_do_what_is_not_its_to_do() {
    let place = Place::new();
    place.write("home/config.toml", "context.ignore = ['a.txt']\n");
    let outside = place.path("home/out.log");
    let wishes = [
        format!("log.file = '{}'", outside.display()),
        "model.kvCache = 'disk'".to_owned(),
        "model.path = '../home/x.gguf'".to_owned(),
        "edits.confirm = 'never'".to_owned(),
        "context.ignore = ['!a.txt']".to_owned(),
        "actions.dir = '..'".to_owned(),
        "remote.enabled = true".to_owned(),
    ];
    place.write("workspace/codesage.toml", &wishes.join("\n"));
    let mut server = place.open(json!({})).await;
    let told = message(&mut server).await;
    assert!(told.contains("a workspace's file may not") && told.contains("home/config.toml"), "{told}");
    assert!(told.contains("(and 6 more problems: see the log)"), "{told}");
    server
        .until(|server| {
            wishes.iter().all(|wish| {
                let key = wish.split(' ').next().unwrap_or_default();
                server.logs.iter().any(|log| log.contains(key))
            })
        })
        .await;
    // What the person keeps from models is kept.
    assert!(!place.suggests(&mut server).await);
    assert!(!outside.exists());
    server.finish().await;
}

//! Two models through the whole server: an edit loads its own, and models are swapped by a command, by a setting and by
//! a reload, while the session goes on. Engines say which model they are of.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "tests/edge.rs uses the rest")]
mod server;

use std::sync::{Arc, Mutex};

use codesage::assist::roles::{Maker, Wish};
use codesage::config::Layers;
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::engine::{Backend, ModelCard, ModelState};
use serde_json::{Value, json};
use server::TestServer;

const URI: &str = "file:///project/notes.txt";

/// Makes engines that say the name of their model; one that is called `bad` cannot be loaded.
#[derive(Default)]
struct Yard {
    made: Arc<Mutex<Vec<String>>>,
}

impl Maker for Yard {
    fn start(&self, wish: &Wish, _limit: Option<u64>) -> Arc<dyn Backend> {
        let path = wish.model.path.as_ref().map(|path| path.display().to_string());
        let name = wish.model.name.clone().or(path).unwrap_or_else(|| "builtin".into());
        let engine = ScriptedBackend::default();
        engine.always(Script::text(&name));
        let ModelState::Ready(card) = engine.watch().borrow().clone() else { panic!("ready at once") };
        engine.set_state(if name.contains("bad") {
            ModelState::Failed(format!("{name} is no model"))
        } else {
            ModelState::Ready(Arc::new(ModelCard { name: name.clone(), ..(*card).clone() }))
        });
        self.made.lock().unwrap().push(name);
        Arc::new(engine)
    }
}

struct Place {
    server: TestServer,
    made: Arc<Mutex<Vec<String>>>,
}

impl Place {
    async fn new(settings: Value) -> Self {
        let yard = Yard::default();
        let made = yard.made.clone();
        let unused = Arc::new(ScriptedBackend::default());
        let mut server = TestServer::connect_making(Box::new(yard), unused, None, Layers::new(None));
        let client = json!({
            "capabilities": { "general": { "positionEncodings": ["utf-8"] }, "textDocument": { "inlineCompletion": {} } },
            "initializationOptions": settings,
        });
        server.initialize(client).await;
        server.open(URI, "plaintext", "let a = \n").await;
        Self { server, made }
    }

    fn made(&self) -> String {
        self.made.lock().unwrap().join(" ")
    }

    async fn command(&mut self, command: &str, argument: Value) -> Value {
        let params = json!({ "command": command, "arguments": [argument] });
        let reply = self.server.call("workspace/executeCommand", params).await;
        assert!(reply.get("error").is_none(), "{reply}");
        reply["result"].clone()
    }

    /// The name of the model that suggests.
    async fn suggested(&mut self) -> String {
        let position = json!({ "line": 0, "character": 8 });
        let params =
            json!({ "textDocument": { "uri": URI }, "position": position, "context": { "triggerKind": 1 } });
        // Text is kept for a place, whoever wrote it: a change asks anew.
        self.server.insert(URI, 2, &json!({ "line": 1, "character": 0 }), "x").await;
        let reply = self.server.call("textDocument/inlineCompletion", params).await;
        reply["result"]["items"][0]["insertText"].as_str().unwrap_or("nothing").to_owned()
    }

    /// The name of the model that explains.
    async fn explained(&mut self) -> String {
        let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 7 } });
        let answer =
            self.command("codesage.explain", json!({ "textDocument": { "uri": URI }, "range": range })).await;
        let Some(text) = answer["markdown"].as_str() else { panic!("{answer}") };
        // This client has no other place for it.
        assert_eq!(self.server.expect("window/showMessage").await["params"]["message"], text);
        text.trim().to_owned()
    }

    async fn stats(&mut self) -> Value {
        self.server.call("codesage/stats", Value::Null).await["result"].clone()
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_has_a_model_of_its_own() {
    let settings = json!({ "model": { "name": "fills", "edit": { "name": "edits", "idleMinutes": 1 } } });
    let mut place = Place::new(settings).await;
    assert_eq!((place.suggested().await, place.made()), ("fills".into(), "fills".into()));
    assert_eq!(place.stats().await["editModel"]["state"], "unloaded");
    assert_eq!((place.explained().await, place.made()), ("edits".into(), "fills edits".into()));
    let stats = place.stats().await;
    assert_eq!((&stats["model"]["name"], &stats["editModel"]["name"]), (&json!("fills"), &json!("edits")));
    // Nobody edits for a while, and then somebody does.
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    assert_eq!(place.stats().await["editModel"]["state"], "unloaded");
    assert_eq!((place.explained().await, place.made()), ("edits".into(), "fills edits edits".into()));
    place.server.finish().await;
}

#[tokio::test]
async fn models_are_swapped_by_a_command() {
    let mut place = Place::new(json!({ "model": { "name": "first" } })).await;
    assert_eq!((place.suggested().await, place.explained().await), ("first".into(), "first".into()));
    for (argument, state, message, suggested, explained) in [
        (json!({ "role": "fill", "id": "second" }), "ready", "second is ready", "second", "second"),
        (
            json!({ "role": "instruct", "id": "/models/third" }),
            "ready",
            "/models/third is ready",
            "second",
            "/models/third",
        ),
        (json!("fourth"), "ready", "fourth is ready", "fourth", "/models/third"),
        (json!({ "role": "edit" }), "ready", "one model answers for both", "fourth", "fourth"),
        (json!({ "role": "chat", "id": "x" }), "failed", "the roles are `fill`", "fourth", "fourth"),
        (json!(null), "ready", "first is ready", "first", "first"),
    ] {
        let answer = place.command("codesage.swapModel", argument.clone()).await;
        let said = answer["message"].as_str().unwrap_or_default();
        assert!(answer["state"] == state && said.starts_with(message), "{argument}: {answer}");
        assert_eq!(place.suggested().await, suggested, "{argument}");
        assert_eq!(place.explained().await, explained, "{argument}");
    }
    place.server.finish().await;
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_told_and_the_old_one_stays() {
    let mut place = Place::new(json!({ "model": { "name": "first" } })).await;
    let answer = place.command("codesage.swapModel", json!({ "id": "bad" })).await;
    assert_eq!(answer, json!({ "state": "failed", "message": "bad is no model" }));
    const TOLD: &str = "CodeSage keeps first: bad is no model";
    let told = place.server.expect("window/showMessage").await;
    assert_eq!(told["params"]["message"], TOLD);
    assert_eq!((place.suggested().await, place.made()), ("first".into(), "first bad".into()));
    // By a setting it is the same.
    let settings = json!({ "settings": { "codesage": { "model": { "name": "bad" } } } });
    place.server.notify("workspace/didChangeConfiguration", settings).await;
    let told = place.server.expect("window/showMessage").await;
    assert_eq!(told["params"]["message"], TOLD);
    assert_eq!(place.suggested().await, "first");
    // Whoever asks by hand means it: what could not be loaded is tried again, and told again.
    let answer = place.command("codesage.swapModel", json!({ "id": "bad" })).await;
    assert_eq!(answer["state"], "failed");
    let told = place.server.expect("window/showMessage").await;
    assert_eq!(told["params"]["message"], TOLD);
    // Nothing is tried again for a setting that has nothing to do with it.
    let settings = json!({ "settings": { "codesage": { "model": { "name": "bad" }, "completion": { "maxTokens": 9 } } } });
    place.server.notify("workspace/didChangeConfiguration", settings).await;
    let settings = json!({ "settings": { "codesage": { "model": { "name": "second" } } } });
    place.server.notify("workspace/didChangeConfiguration", settings).await;
    place.server.until(|server| server.logs.iter().any(|line| line.contains("second is ready"))).await;
    assert_eq!((place.suggested().await, place.made()), ("second".into(), "first bad bad bad second".into()));
    place.server.finish().await;
}

#[tokio::test]
async fn a_model_for_edits_that_cannot_be_loaded_is_told_once() {
    let mut place = Place::new(json!({ "model": { "name": "first" } })).await;
    let answer = place.command("codesage.swapModel", json!({ "role": "edit", "id": "bad" })).await;
    assert_eq!(answer, json!({ "state": "failed", "message": "bad is no model" }));
    let told = place.server.expect("window/showMessage").await;
    assert_eq!(told["params"]["message"], "CodeSage could not load the model for edits: bad is no model");
    // One model answers for both, as before.
    assert_eq!((place.explained().await, place.made()), ("first".into(), "first bad".into()));
    place.server.finish().await;
}

/// Failures that follow each other at once: a state would be gone before anybody has looked at it.
#[tokio::test]
async fn each_of_many_failures_is_told() {
    let mut place = Place::new(json!({ "model": { "name": "first" } })).await;
    for number in 0..20 {
        let answer = place.command("codesage.swapModel", json!({ "id": format!("bad{number}") })).await;
        assert_eq!(answer["state"], "failed", "{answer}");
    }
    for number in 0..20 {
        let told = place.server.expect("window/showMessage").await;
        let expected = format!("CodeSage keeps first: bad{number} is no model");
        assert_eq!(told["params"]["message"], expected);
    }
    place.server.finish().await;
}

/// The client is asked for its settings before it is known which models there are; whoever acts meanwhile waits.
#[tokio::test(start_paused = true)]
async fn what_is_asked_before_the_models_are_known_waits_for_them() {
    let yard = Yard::default();
    let made = yard.made.clone();
    let unused = Arc::new(ScriptedBackend::default());
    let mut server = TestServer::connect_making(Box::new(yard), unused, None, Layers::new(None));
    server.settings = None;
    let capabilities = json!({ "workspace": { "configuration": true } });
    server.initialize(json!({ "capabilities": capabilities })).await;
    let asked = server.expect("workspace/configuration").await;
    server.open(URI, "plaintext", "let a = \n").await;
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 7 } });
    let argument = json!({ "textDocument": { "uri": URI }, "range": range });
    let params = json!({ "command": "codesage.explain", "arguments": [argument] });
    let explained = server.request("workspace/executeCommand", params).await;
    let params =
        json!({ "command": "codesage.swapModel", "arguments": [{ "role": "edit", "id": "swapped" }] });
    let swapped = server.request("workspace/executeCommand", params).await;
    let status = server.call("codesage/status", json!({})).await;
    assert_eq!(status["result"]["busy"], true, "{status}");
    server.answer(&asked, json!([{ "model": { "name": "fills", "edit": { "name": "edits" } } }])).await;
    let answer = server.reply(explained).await["result"].clone();
    let said = answer["markdown"].as_str().unwrap_or_default().trim().to_owned();
    assert!(["edits", "swapped"].contains(&&*said), "{answer}");
    let told = server.expect("window/showMessage").await;
    assert_eq!(told["params"]["message"].as_str().unwrap_or_default().trim(), said);
    let answer = server.reply(swapped).await["result"].clone();
    assert_eq!(answer, json!({ "state": "ready", "message": "swapped is ready" }));
    assert_eq!(made.lock().unwrap()[0], "fills");
    server.finish().await;
}

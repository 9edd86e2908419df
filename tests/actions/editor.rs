//! An editor with one document open, as a test drives it: it asks for commands, does what it is asked to, and tells.

use codesage::engine::scripted::ScriptedBackend;
use serde_json::{Value, json};

use super::server::TestServer;

pub const URI: &str = "file:///project/src/numbers.rs";
pub const TEXT: &str = "fn one() -> u32 {\n    1\n}\n\nfn two() -> u32 {\n    let sum = 1 + 1;\n    sum\n}\n";
/// What the model makes of `two`.
pub const TWO: &str = "fn two() -> u32 {\n    2\n}\n<<<AI_EDIT_END>>>\n";
pub const CHANGED: &str = "fn one() -> u32 {\n    1\n}\n\nfn two() -> u32 {\n    2\n}\n";

/// What ends by no marker: the model is at work until it has as much as it may write.
pub fn endless() -> String {
    (0..500).map(|n| format!("fn two_{n}() {{}}\n")).collect()
}

/// A client that takes edits in this form, and declares `more`.
pub fn client(edit: Value, more: Value) -> Value {
    let mut capabilities = json!({
        "workspace": { "applyEdit": true, "workspaceEdit": edit },
        "textDocument": { "codeAction": { "codeActionLiteralSupport": {} }, "inlineCompletion": {} },
    });
    merge(&mut capabilities, more);
    json!({ "capabilities": capabilities })
}

pub fn plain() -> Value {
    client(json!({ "documentChanges": true }), json!({}))
}

pub fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

/// An editor with one document open.
pub struct Editor {
    pub server: TestServer,
    pub text: String,
    pub version: i64,
}

impl Editor {
    pub async fn start(client: Value) -> Self {
        let mut server = TestServer::start_with(client, ScriptedBackend::default()).await;
        server.open(URI, "rust", TEXT).await;
        server.until_status("Normal").await;
        Self { server, text: TEXT.into(), version: 1 }
    }

    /// The argument of an action at the place just behind `needle`.
    pub fn at(&self, needle: &str) -> Value {
        let position = TestServer::after(&self.text, needle, "utf-16");
        json!({
            "textDocument": { "uri": URI, "version": self.version },
            "range": { "start": position, "end": position },
        })
    }

    /// Asks for a command, and does not wait.
    pub async fn ask(&mut self, command: &str, argument: Value) -> i64 {
        let params = json!({ "command": command, "arguments": [argument] });
        self.server.request("workspace/executeCommand", params).await
    }

    pub async fn call(&mut self, command: &str, argument: Value) -> Value {
        let id = self.ask(command, argument).await;
        self.result(id).await
    }

    pub async fn result(&mut self, id: i64) -> Value {
        let reply = self.server.reply(id).await;
        assert!(reply["error"].is_null(), "{reply}");
        reply["result"].clone()
    }

    /// Does what the server asks to be done, and says so; the edit.
    pub async fn obey(&mut self) -> Value {
        let request = self.server.expect("workspace/applyEdit").await;
        self.make(&request["params"]["edit"]).await;
        self.server.answer(&request, json!({ "applied": true })).await;
        request["params"].clone()
    }

    pub async fn make(&mut self, edit: &Value) {
        let edits = edit.pointer("/documentChanges/0/edits").or_else(|| edit.get("changes")?.get(URI));
        let mut edits = edits.and_then(Value::as_array).expect("edits of the document").clone();
        edits.sort_by_key(|edit| std::cmp::Reverse(self.byte(&edit["range"]["start"])));
        for edit in edits {
            let bytes = self.byte(&edit["range"]["start"])..self.byte(&edit["range"]["end"]);
            self.text.replace_range(bytes, edit["newText"].as_str().expect("a text"));
        }
        self.told().await;
    }

    /// Does what a good editor does until the reply comes, which is the last of all: what was seen on the way, and the
    /// outcome.
    pub async fn until_reply(&mut self, id: i64) -> (Vec<&'static str>, String) {
        let mut seen = Vec::new();
        loop {
            let message = self.server.any().await;
            let (what, answer) = match message["method"].as_str() {
                Some("window/workDoneProgress/create") => ("progress", Some(json!(null))),
                Some("$/progress") => match message["params"]["value"]["kind"].as_str() {
                    Some("begin") => ("begin", None),
                    Some("end") => ("end", None),
                    _ => continue,
                },
                Some("workspace/applyEdit") => {
                    let edit = &message["params"]["edit"];
                    self.make(edit).await;
                    let form = if edit.get("changes").is_some() { "changes" } else { "documentChanges" };
                    (form, Some(json!({ "applied": true })))
                }
                // It watches files or does not: no action has to do with it.
                Some("client/registerCapability") => {
                    self.server.answer(&message, json!(null)).await;
                    continue;
                }
                Some("window/showDocument") => ("document", Some(json!({ "success": true }))),
                Some("window/showMessage") => ("message", None),
                None if message["id"] == id => {
                    return (seen, message["result"]["outcome"].as_str().unwrap_or_default().to_owned());
                }
                _ => panic!("nobody asked for {message}"),
            };
            seen.push(what);
            if let Some(answer) = answer {
                self.server.answer(&message, answer).await;
            }
        }
    }

    /// Waits until the server knows that an edit was made.
    pub async fn until_applied(&mut self) {
        let mut applied = json!(0);
        while applied == 0 {
            let stats = self.server.call("codesage/stats", json!({})).await;
            applied = stats["result"]["edit"]["applied"].clone();
        }
    }

    /// Tells the server the text as it is.
    pub async fn told(&mut self) {
        self.version += 1;
        let params = json!({
            "textDocument": { "uri": URI, "version": self.version },
            "contentChanges": [{ "text": self.text }],
        });
        self.server.notify("textDocument/didChange", params).await;
    }

    /// Everything here is ASCII.
    pub fn byte(&self, position: &Value) -> usize {
        let number = |name: &str| position[name].as_u64().expect("a number") as usize;
        let before: usize = self.text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        before + number("character")
    }

    pub async fn close(&mut self) {
        self.server.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } })).await;
    }

    /// A message that the person sees.
    pub async fn message(&mut self) -> String {
        let message = self.server.expect("window/showMessage").await;
        message["params"]["message"].as_str().expect("a text").to_owned()
    }

    pub async fn menu(&mut self, needle: &str, context: Value) -> Vec<String> {
        let mut params = self.at(needle);
        params["context"] = context;
        let reply = self.server.call("textDocument/codeAction", params).await;
        let actions = reply["result"].as_array().unwrap_or_else(|| panic!("a list: {reply}"));
        actions.iter().map(|action| action["title"].as_str().expect("a title").to_owned()).collect()
    }
}

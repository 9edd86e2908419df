//! CodeSage as an arm: one `didChange`, the cancel of the request before and one `textDocument/inlineCompletion` for
//! each key, in one write, as an editor sends them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::arm::{Arm, Cost, Key};
use super::editor::{Editor, OpenFile, Place};
use super::keys::{Ghost, Stroke};
use super::process;
use super::server::{Answer, Server};
use crate::cli::Failure;

/// `codesage/stats`: where its counters are, and what they are called here.
const COUNTERS: [(&str, &str); 11] = [
    ("/engine", "promptTokens"),
    ("/engine", "evaluatedTokens"),
    ("/engine", "reusedTokens"),
    ("/engine", "generatedTokens"),
    ("/engine", "forcedTokens"),
    ("/engine", "draftedTokens"),
    ("/engine", "acceptedDraftTokens"),
    ("/engine", "decodeCalls"),
    ("/engine", "afterCancelTokens"),
    ("/completion", "cacheHits"),
    ("/completion", "wastedTokens"),
];
/// What computes nothing for so long is idle.
const IDLE: Duration = Duration::from_millis(1);
/// Between two looks at a model that is loading.
const LOADING: Duration = Duration::from_millis(20);

/// See the module.
pub struct Editing {
    server: Server,
    asked: Option<Asked>,
    ghost: Option<(Ghost, Instant)>,
    latencies: Vec<f64>,
    before: Cost,
}

/// The newest request.
struct Asked {
    id: i64,
    at: Instant,
    is_open: bool,
}

impl Editing {
    /// Starts the program and waits until its model is ready.
    pub fn start(program: &Path, arguments: &[String]) -> Result<Self, Failure> {
        let mut server = Server::start(program, arguments)?;
        let capabilities = json!({
            "general": {"positionEncodings": ["utf-8"]},
            "textDocument": {"inlineCompletion": {"dynamicRegistration": false}},
        });
        let root = "file:///replay";
        let params = json!({
            "processId": std::process::id(), "rootUri": root, "capabilities": capabilities,
            "workspaceFolders": [{"uri": root, "name": "replay"}],
        });
        let reply = server.call("initialize", params)?;
        if reply["capabilities"]["positionEncoding"] != "utf-8" {
            return Err(Failure::Message("the server does not count in UTF-8".to_owned()));
        }
        server.send(&[Server::notification("initialized", json!({}))])?;
        let mut arm =
            Self { server, asked: None, ghost: None, latencies: Vec::new(), before: Cost::default() };
        loop {
            let stats = arm.stats()?;
            match stats["model"]["state"].as_str() {
                Some("ready") => break,
                Some("loading") => std::thread::sleep(LOADING),
                _ => {
                    let why = stats["model"]["error"].as_str().unwrap_or("there is no model");
                    return Err(Failure::Message(why.to_owned()));
                }
            }
        }
        arm.before = arm.totals()?;
        Ok(arm)
    }

    fn stats(&mut self) -> Result<Value, Failure> {
        self.server.call("codesage/stats", json!({}))
    }

    /// The counters when nothing is computed any more.
    fn idle(&mut self) -> Result<Cost, Failure> {
        let mut last = self.totals()?;
        loop {
            std::thread::sleep(IDLE);
            let now = self.totals()?;
            if now == last {
                return Ok(now);
            }
            last = now;
        }
    }

    fn take(&mut self, answer: &Answer, editor: &Editor) -> Option<f64> {
        let asked = self.asked.as_mut().filter(|asked| asked.id == answer.id)?;
        asked.is_open = false;
        let latency = answer.at.saturating_duration_since(asked.at).as_secs_f64() * 1000.0;
        let item = answer.body.pointer("/result/items/0");
        self.ghost = item.and_then(|item| ghost(item, editor.file())).map(|ghost| (ghost, answer.at));
        Some(latency)
    }
}

impl Arm for Editing {
    fn name(&self) -> &'static str {
        "codesage"
    }

    fn open(&mut self, editor: &Editor) -> Result<(), Failure> {
        let open = editor.files.iter().rev().map(|file| {
            let OpenFile { uri, language, text, version } = file;
            let document = json!({"uri": uri, "languageId": language, "version": version, "text": text});
            Server::notification("textDocument/didOpen", json!({"textDocument": document}))
        });
        self.server.send(&open.collect::<Vec<_>>())?;
        // What is done for a file that opens is no key's.
        self.before = self.idle()?;
        Ok(())
    }

    fn close(&mut self, editor: &Editor) -> Result<(), Failure> {
        let close = editor.files.iter().map(|file| {
            Server::notification("textDocument/didClose", json!({"textDocument": {"uri": file.uri}}))
        });
        self.server.send(&close.collect::<Vec<_>>())?;
        (self.asked, self.ghost) = (None, None);
        self.server.settle()
    }

    fn press(&mut self, editor: &Editor, stroke: &Stroke) -> Result<(), Failure> {
        let OpenFile { uri, version, .. } = editor.file();
        let mut messages = Vec::new();
        if let Some(change) = &stroke.change {
            let range = json!({"start": position(change.start), "end": position(change.end)});
            let params = json!({
                "textDocument": {"uri": uri, "version": version},
                "contentChanges": [{"range": range, "text": change.text}],
            });
            messages.push(Server::notification("textDocument/didChange", params));
        }
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.is_open) {
            messages.push(Server::notification("$/cancelRequest", json!({"id": asked.id})));
        }
        if let Some(id) = &stroke.accepted {
            let params = json!({"command": "codesage.didAccept", "arguments": [id]});
            messages.push(self.server.request("workspace/executeCommand", params).1);
        }
        let params = json!({
            "textDocument": {"uri": uri}, "position": position(editor.place()),
            // Automatic.
            "context": {"triggerKind": 2},
        });
        let (id, request) = self.server.request("textDocument/inlineCompletion", params);
        messages.push(request);
        self.ghost = None;
        let at = self.server.send(&messages)?;
        self.asked = Some(Asked { id, at, is_open: true });
        Ok(())
    }

    fn settle(&mut self, editor: &Editor) -> Result<Key, Failure> {
        let Some(id) = self.asked.as_ref().map(|asked| asked.id) else {
            return Err(Failure::Message("nothing was asked".to_owned()));
        };
        let answer = self.server.wait(id)?;
        let latency_ms = self.take(&answer, editor).unwrap_or_default();
        let now = self.idle()?;
        let cost = now.since(&self.before);
        self.before = now;
        let params = json!({"command": "codesage.why", "arguments": [1]});
        let why = self.server.call("workspace/executeCommand", params)?;
        let record = &why["records"][0];
        let usage = |name: &str| record["usage"][name].as_f64().unwrap_or(0.0);
        // Tokens that are forced stand before what is shown, and the first that is not ends them.
        let (read_ms, write_ms) = (usage("prefillMs"), usage("decodeMs") - usage("forcedMs"));
        let first_token_ms = (latency_ms - write_ms).max(0.0);
        let reason = record["code"].as_str().unwrap_or_default().to_owned();
        self.server.settle()?;
        Ok(Key { cost, latency_ms, first_token_ms, read_ms, write_ms, reason })
    }

    fn wait(&mut self, editor: &Editor, until: Instant) -> Result<(), Failure> {
        while let Some(answer) = self.server.next(until)? {
            let is_answered = answer.body.get("result").is_some();
            let latency = self.take(&answer, editor);
            self.latencies.extend(latency.filter(|_| is_answered));
        }
        Ok(())
    }

    fn ghost(&self) -> Option<(&Ghost, Instant)> {
        self.ghost.as_ref().map(|(ghost, at)| (ghost, *at))
    }

    fn latencies(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.latencies)
    }

    fn totals(&mut self) -> Result<Cost, Failure> {
        let stats = self.stats()?;
        let counter = |(room, name): (&'static str, &'static str)| {
            Some((name, stats.pointer(room)?.get(name)?.as_u64()?))
        };
        Ok(Cost(COUNTERS.into_iter().filter_map(counter).collect()))
    }

    fn about(&mut self) -> Result<Value, Failure> {
        let stats = self.stats()?;
        let (requests, answers, surplus) = self.server.balance();
        // The request for these figures has no answer yet.
        Ok(json!({
            "model": stats["model"],
            "completion": stats["completion"],
            "memory": process::memory(self.server.process()),
            "modelBytes": stats["memory"]["modelBytes"],
            "kvBytes": stats["memory"]["kvBytes"],
            "cpuSeconds": process::cpu_seconds(self.server.process()),
            "requests": requests, "answers": answers, "surplusAnswers": surplus,
            "cancelMs": stats["engine"]["cancelMs"],
            "queueMs": stats["engine"]["queueMs"],
        }))
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        self.server.finish()
    }
}

fn position((line, character): Place) -> Value {
    json!({"line": line, "character": character})
}

/// An item as it would be shown in `file`; `None` where its range is nowhere.
fn ghost(item: &Value, file: &OpenFile) -> Option<Ghost> {
    let place = |end: &str| {
        let number = |axis: &str| usize::try_from(item["range"][end][axis].as_u64()?).ok();
        file.offset((number("line")?, number("character")?))
    };
    let (start, end) = (place("start")?, place("end")?);
    let id = item.pointer("/command/arguments/0").and_then(Value::as_str).map(str::to_owned);
    Some(Ghost { range: start..end.max(start), text: item["insertText"].as_str()?.to_owned(), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_where_they_say() {
        let file = OpenFile { uri: String::new(), language: "rust", text: "é\nab\n".to_owned(), version: 1 };
        let item = |line: i64, start: i64, end: i64| {
            let place = |character| json!({"line": line, "character": character});
            let command = json!({"arguments": ["s"]});
            json!({"insertText": "x", "range": {"start": place(start), "end": place(end)}, "command": command})
        };
        let ghost = |item: &Value| super::ghost(item, &file).map(|ghost| ghost.range);
        assert_eq!(ghost(&item(1, 0, 2)), Some(3..5));
        for nowhere in [item(1, 0, 3), item(0, 1, 2), item(-1, 0, 0), item(9, 0, 0), json!({}), json!(null)] {
            assert_eq!(ghost(&nowhere), None, "{nowhere}");
        }
    }
}

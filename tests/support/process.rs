//! The real program as a child process, and a client that speaks to it over pipes.
//!
//! Every byte the program writes to standard output is read as protocol: anything else fails the test that sees it.
//! Messages that answer nothing are kept in order; settings and progress tokens are answered as an editor would.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// No answer takes this long, even on a machine that does other things.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// See the module.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// What the server sent by itself and nobody took yet.
    pub unasked: VecDeque<Value>,
    next_id: i64,
    version: i64,
    _settings: TempDir,
}

/// What makes no difference to what is tested, but for how long it takes: nothing is cut off by the clock, and threads
/// are not chosen by it.
const SETTINGS: &str = "[completion]\nmaxTimeMs = 60000\n[model]\nthreads = 1\n";

impl Process {
    /// Starts `codesage lsp` with a model file (none: the one in the box), initialized with `capabilities`.
    pub fn start(model: Option<&Path>, capabilities: Value) -> Self {
        Self::spawn(model).initialized(capabilities)
    }

    /// Says to one that was started what a client can do, and that it may begin.
    pub fn initialized(mut self, capabilities: Value) -> Self {
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        let reply = self.call("initialize", params);
        assert!(reply["error"].is_null(), "{reply}");
        self.notify("initialized", json!({}));
        self
    }

    /// Starts it without saying anything.
    pub fn spawn(model: Option<&Path>) -> Self {
        Self::spawn_with(model, &[], &[])
    }

    /// The same, with more on its command line and in its environment; settings of its own where that names none.
    pub fn spawn_with(model: Option<&Path>, arguments: &[&str], environment: &[(&str, &Path)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codesage"));
        let settings = tempfile::tempdir().expect("a folder");
        let config = settings.path().join("codesage.toml");
        std::fs::write(&config, SETTINGS).expect("it can be written");
        command.arg("lsp").args(["--log-level", "trace"]).args(arguments);
        if !arguments.contains(&"--config") {
            command.arg("--config").arg(config);
        }
        command
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("CODESAGE_STATE", "/dev/null/nowhere")
            .env_remove("CODESAGE_MODEL")
            .env_remove("CODESAGE_LOG")
            .envs(environment.iter().copied())
            .stderr(Stdio::null());
        if let Some(model) = model {
            command.arg("--model").arg(model);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let output = child.stdout.take().expect("piped");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read_frame(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let unasked = VecDeque::new();
        Self { child, input, messages, unasked, next_id: 0, version: 1, _settings: settings }
    }

    /// Asks, and waits for the whole reply.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.reply(id)
    }

    /// Asks, and does not wait.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params }));
        self.next_id
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let input = self.input.as_mut().expect("the input is open");
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("the server reads");
        input.flush().expect("the server reads");
    }

    /// The reply to a request, whatever else comes before it.
    pub fn reply(&mut self, id: i64) -> Value {
        self.take(|message| message["method"].is_null() && message["id"] == id)
    }

    /// The next message that fits, waiting for it.
    pub fn take(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unasked.iter().position(&wanted) {
            return self.unasked.remove(at).expect("it is there");
        }
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) if wanted(&message) => return message,
                Ok(message) => self.keep(message),
                Err(RecvTimeoutError::Timeout) => panic!("no such message; there were {:#?}", self.unasked),
                Err(RecvTimeoutError::Disconnected) => panic!("the server left; it said {:#?}", self.unasked),
            }
        }
    }

    fn keep(&mut self, message: Value) {
        // What an editor answers by itself.
        if message["method"].is_string() && !message["id"].is_null() {
            let items = message["params"]["items"].as_array().map_or(0, Vec::len);
            let result = if items > 0 { json!(vec![Value::Null; items]) } else { Value::Null };
            self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
        }
        self.unasked.push_back(message);
    }

    pub fn open(&mut self, uri: &str, language: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Replaces a range, `(line, character)` each, by text.
    pub fn change(&mut self, uri: &str, start: (usize, usize), end: (usize, usize), text: &str) {
        self.version += 1;
        let position = |(line, character): (usize, usize)| json!({ "line": line, "character": character });
        self.notify(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri, "version": self.version },
                "contentChanges": [{ "range": { "start": position(start), "end": position(end) }, "text": text }],
            }),
        );
    }

    /// Parameters of an inline completion; invoked, so that no rule but those of the text hides it. NB: by the drafts of
    /// LSP 3.18 that is 0, and nothing else; what a 1 means to a server depends on how long ago something was typed.
    pub fn at(uri: &str, (line, character): (usize, usize)) -> Value {
        json!({
            "textDocument": { "uri": uri },
            "position": { "line": line, "character": character },
            "context": { "triggerKind": 0 },
        })
    }

    /// The items of an inline completion.
    pub fn inline(&mut self, uri: &str, place: (usize, usize)) -> Vec<Value> {
        let reply = self.call("textDocument/inlineCompletion", Self::at(uri, place));
        reply["result"]["items"].as_array().unwrap_or_else(|| panic!("{reply}")).clone()
    }

    pub fn stats(&mut self) -> Value {
        self.call("codesage/stats", json!({}))["result"].clone()
    }

    /// Waits until the model is ready or has failed, and returns its part of the statistics.
    pub fn settled(&mut self) -> Value {
        self.until(|stats| stats["model"]["state"] == "ready" || stats["model"]["state"] == "failed")["model"]
            .clone()
    }

    /// Asks for the statistics until they are so.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let stats = self.stats();
            if wanted(&stats) {
                return stats;
            }
            assert!(began.elapsed() < DEADLINE, "never so: {stats:#}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Closes the server's input, as a client that died does.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// How the process ended; fails when it lives on.
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(began.elapsed() < DEADLINE, "the server lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the session politely.
    pub fn finish(mut self) {
        let reply = self.call("shutdown", Value::Null);
        assert!(reply["error"].is_null(), "{reply}");
        self.notify("exit", Value::Null);
        let status = self.ended();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One message; `None` at the end of the output. Panics, in the reader's thread, on anything that is not protocol,
/// which ends the stream for the test.
fn read_frame(output: &mut impl BufRead) -> Option<Value> {
    let mut header = String::new();
    if output.read_line(&mut header).expect("readable") == 0 {
        return None;
    }
    let length =
        header.strip_prefix("Content-Length: ").unwrap_or_else(|| panic!("not protocol: {header:?}"));
    let length: usize = length.trim().parse().expect("a number");
    let mut blank = String::new();
    output.read_line(&mut blank).expect("readable");
    assert_eq!(blank, "\r\n");
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("a body is JSON"))
}

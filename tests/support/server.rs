//! A whole server over an in-memory pipe, and the client's end of it.
//!
//! As in ruff's tests, a message that no test asked for fails the test: `finish` reads what is left and finds it.
//! Log messages are kept aside, and settings are answered as they were given.
//!
//! The server gives up on a client that is silent for seconds, or for tenths of one at its end, so tests stop the clock
//! (`start_paused`): it goes on only when nothing else can, however slow the machine is.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codesage::assist::roles::Wish;
use codesage::config::Layers;
use codesage::engine::scripted::ScriptedBackend;
use codesage::lsp::{self, Ended};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// No answer takes this long, even on a machine that does other things.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// The signal that `terminate` stands for.
pub const SIGTERM: i32 = 15;

/// Between two looks at what is waited for: on a clock that stands still, what wakes by the clock comes to pass.
const LOOK: Duration = Duration::from_millis(1);

/// See the module.
pub struct TestServer {
    pub backend: Arc<ScriptedBackend>,
    /// The answer to `initialize`.
    pub initialized: Value,
    /// What the server logged so far.
    pub logs: Vec<String>,
    /// What `workspace/configuration` is answered with; none: it is left for the test to answer.
    pub settings: Option<Value>,
    /// How often that was answered.
    pub pulls: usize,
    input: Option<DuplexStream>,
    output: Option<DuplexStream>,
    unread: Vec<u8>,
    unasked: VecDeque<Value>,
    next_id: i64,
    serving: Option<JoinHandle<Ended>>,
    terminate: Option<oneshot::Sender<()>>,
}

impl TestServer {
    /// A server whose client declares nothing.
    pub async fn bare() -> Self {
        Self::start(json!({ "capabilities": {} })).await
    }

    /// A server that was told these parameters of `initialize`, and `initialized`.
    pub async fn start(params: Value) -> Self {
        Self::start_with(params, ScriptedBackend::default()).await
    }

    pub async fn start_with(params: Value, backend: ScriptedBackend) -> Self {
        let mut server = Self::connect(backend);
        server.initialize(params).await;
        server
    }

    /// A server that was told nothing yet.
    pub fn connect(backend: ScriptedBackend) -> Self {
        Self::connect_in(backend, None)
    }

    /// The same, that keeps what outlives a session in this folder.
    pub fn connect_in(backend: ScriptedBackend, state: Option<PathBuf>) -> Self {
        Self::connect_with(backend, state, Layers::new(None))
    }

    /// The same, with what the command line said.
    pub fn connect_with(backend: ScriptedBackend, state: Option<PathBuf>, layers: Layers) -> Self {
        let backend = Arc::new(backend);
        let launched = backend.clone();
        let launch = Box::new(move |_: &Wish, _| launched.clone() as Arc<dyn codesage::engine::Backend>);
        Self::connect_making(launch, backend, state, layers)
    }

    /// The same, with engines of the test's own making.
    pub fn connect_making(
        launch: lsp::Launch,
        backend: Arc<ScriptedBackend>,
        state: Option<PathBuf>,
        layers: Layers,
    ) -> Self {
        // One pipe a direction, so that each can be closed by itself.
        let (input, servers_input) = duplex(1 << 20);
        let (output, servers_output) = duplex(1 << 20);
        let (terminate, terminated) = oneshot::channel::<()>();
        let serving = tokio::spawn(lsp::serve(servers_input, servers_output, layers, launch, state, async {
            match terminated.await {
                Ok(()) => SIGTERM,
                Err(_) => std::future::pending().await,
            }
        }));
        Self {
            backend,
            initialized: Value::Null,
            logs: Vec::new(),
            settings: Some(Value::Null),
            pulls: 0,
            input: Some(input),
            output: Some(output),
            unread: Vec::new(),
            unasked: VecDeque::new(),
            next_id: 0,
            serving: Some(serving),
            terminate: Some(terminate),
        }
    }

    pub async fn initialize(&mut self, params: Value) {
        let reply = self.call("initialize", params).await;
        assert!(reply.get("error").is_none(), "initialize failed: {reply}");
        self.initialized = reply["result"].clone();
        self.notify("initialized", json!({})).await;
    }

    /// The position of a needle's end in `text` that has it once, in the columns of `encoding`.
    pub fn after(text: &str, needle: &str, encoding: &str) -> Value {
        let end = text.find(needle).expect("the needle is there") + needle.len();
        let before = &text[..end];
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default();
        let character = match encoding {
            "utf-8" => column.len(),
            "utf-16" => column.encode_utf16().count(),
            "utf-32" => column.chars().count(),
            other => panic!("no encoding {other}"),
        };
        json!({ "line": line, "character": character })
    }

    pub async fn open(&mut self, uri: &str, language: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": language, "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document })).await;
    }

    /// Inserts at a position.
    pub async fn insert(&mut self, uri: &str, version: i64, position: &Value, text: &str) {
        self.send(&[Self::insertion(uri, version, position, text)]).await;
    }

    /// The notification of an insertion.
    pub fn insertion(uri: &str, version: i64, position: &Value, text: &str) -> Value {
        let params = json!({
            "textDocument": { "uri": uri, "version": version },
            "contentChanges": [{ "range": { "start": position, "end": position }, "text": text }],
        });
        json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": params })
    }

    /// Asks, and waits for the answer: the whole reply, result or error.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        self.reply(id).await
    }

    /// Asks, and does not wait.
    pub async fn request(&mut self, method: &str, params: Value) -> i64 {
        let (id, message) = self.message(method, params);
        self.send(&[message]).await;
        id
    }

    /// A request that is not sent yet.
    pub fn message(&mut self, method: &str, params: Value) -> (i64, Value) {
        self.next_id += 1;
        let id = self.next_id;
        (id, json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
    }

    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send(&[json!({ "jsonrpc": "2.0", "method": method, "params": params })]).await;
    }

    /// Writes all messages with one call, so that they arrive together.
    pub async fn send(&mut self, messages: &[Value]) {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.extend(frame(&message.to_string()));
        }
        self.send_bytes(&bytes).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(bytes).await.expect("the server reads");
    }

    /// The reply to a request, whatever else comes before it.
    pub async fn reply(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        self.take(|message| message.get("method").is_none() && message["id"] == id).await
    }

    /// The next message of this method that the server sends by itself.
    pub async fn expect(&mut self, method: &str) -> Value {
        self.take(|message| message["method"] == method).await
    }

    /// The next message, of whatever kind.
    pub async fn any(&mut self) -> Value {
        self.take(|_| true).await
    }

    /// Answers a request of the server.
    pub async fn answer(&mut self, request: &Value, result: Value) {
        self.send(&[json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })]).await;
    }

    /// Asks for `codesage/status` until it is `kind` and idle.
    pub async fn until_status(&mut self, kind: &str) -> Value {
        let waiting = async {
            loop {
                let status = self.call("codesage/status", json!({})).await["result"].clone();
                if status["kind"] == kind && status["busy"] == false {
                    return status;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("the status comes")
    }

    /// Goes on asking for the status until something holds.
    pub async fn until(&mut self, condition: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !condition(self) {
                self.call("codesage/status", json!({})).await;
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("it comes to that");
    }

    /// Closes the server's input, as a client that died does.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Tells it to end, as a signal to its process does.
    pub fn terminate(&mut self) {
        self.terminate.take().expect("it was not told before").send(()).expect("the server listens");
    }

    /// Closes the server's output, and goes on talking.
    pub fn stop_listening(&mut self) {
        self.output = None;
    }

    /// Waits for the end, which the test has brought about.
    pub async fn ended(&mut self) -> Ended {
        let serving = self.serving.take().expect("the server runs");
        let ended = tokio::time::timeout(DEADLINE, serving).await.expect("the server ends");
        ended.expect("the server does not panic")
    }

    /// Ends the session politely, and finds what was said and not asked for.
    pub async fn finish(mut self) {
        let reply = self.call("shutdown", Value::Null).await;
        assert_eq!(reply["result"], Value::Null, "{reply}");
        self.send(&[json!({ "jsonrpc": "2.0", "method": "exit" })]).await;
        let ended = self.ended().await;
        assert_eq!((ended.cause, ended.exit_code()), (lsp::Cause::Exit, 0));
        while let Some(message) = self.receive().await {
            self.unasked.push_back(message);
        }
        assert!(self.unasked.is_empty(), "nobody asked for {:#?}", self.unasked);
    }

    async fn take(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unasked.iter().position(&wanted) {
            return self.unasked.remove(at).expect("it is there");
        }
        let waiting = async {
            loop {
                match self.receive().await {
                    Some(message) if wanted(&message) => return message,
                    Some(message) => self.unasked.push_back(message),
                    None => panic!("the server left; before it said {:#?}", self.unasked),
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("the message comes")
    }

    /// The next message that is not answered here; `None` when the server has closed its output.
    async fn receive(&mut self) -> Option<Value> {
        loop {
            let message = self.read_frame().await?;
            if message["method"] == "window/logMessage" {
                let text = message["params"]["message"].as_str().unwrap_or_default();
                self.logs.push(text.to_owned());
            } else if message["method"] == "workspace/configuration" && self.settings.is_some() {
                self.pulls += 1;
                let settings = self.settings.clone();
                self.answer(&message, json!([settings])).await;
            } else {
                return Some(message);
            }
        }
    }

    async fn read_frame(&mut self) -> Option<Value> {
        loop {
            if let Some(header) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = std::str::from_utf8(&self.unread[..header]).expect("a header is ASCII");
                let length = text.strip_prefix("Content-Length: ").expect("only this header is sent");
                let end = header + 4 + length.parse::<usize>().expect("a number");
                if let Some(body) = self.unread.get(header + 4..end) {
                    let message = serde_json::from_slice(body).expect("a body is JSON");
                    self.unread.drain(..end);
                    return Some(message);
                }
            }
            let output = self.output.as_mut()?;
            if output.read_buf(&mut self.unread).await.ok()? == 0 {
                assert!(self.unread.is_empty(), "the output ends within a frame");
                return None;
            }
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.serving.is_none(), "the test has not ended its server");
        }
    }
}

pub fn frame(body: &str) -> Vec<u8> {
    format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

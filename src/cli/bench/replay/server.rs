//! A `codesage` of its own, started as an editor starts it, and the pipe to it.
//!
//! Every answer is stamped when its last byte was read, on a thread that does nothing else. That each request gets
//! exactly one answer is counted here. What is asked, and what answers mean, is `editing`'s.

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::Failure;

/// No answer takes this long: a model that is read from a slow disk may.
const DEADLINE: Duration = Duration::from_secs(600);
/// Bytes of one message at most.
const LARGEST: usize = 64 << 20;

/// What the reader's thread hands on.
enum Incoming {
    Message(Instant, Value),
    /// What was on standard output is not protocol.
    Broken(String),
}

/// An answer, and when its last byte was read.
pub struct Answer {
    pub id: i64,
    pub at: Instant,
    pub body: Value,
}

/// See the module.
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    incoming: Receiver<Incoming>,
    /// Requests without an answer yet, and answers that nobody took.
    open: HashSet<i64>,
    answers: VecDeque<Answer>,
    next_id: i64,
    asked: u64,
    answered: u64,
    /// Answers to what was not asked, or was answered.
    surplus: u64,
}

impl Server {
    /// Starts `program lsp` with these arguments. Nothing of the environment speaks for the one who types.
    pub fn start(program: &Path, arguments: &[String]) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.arg("lsp").args(arguments);
        for variable in ["CODESAGE_MODEL", "CODESAGE_CONFIG", "CODESAGE_LOG"] {
            command.env_remove(variable);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::Message(format!("{}: {error}", program.display())))?;
        let (sender, incoming) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut output = BufReader::with_capacity(1 << 16, output);
                loop {
                    let incoming = match frame(&mut output) {
                        Ok(Some(message)) => Incoming::Message(Instant::now(), message),
                        Ok(None) => return,
                        Err(why) => Incoming::Broken(why),
                    };
                    let is_broken = matches!(incoming, Incoming::Broken(_));
                    if sender.send(incoming).is_err() || is_broken {
                        return;
                    }
                }
            });
        }
        let input = child.stdin.take();
        Ok(Self {
            child,
            input,
            incoming,
            open: HashSet::new(),
            answers: VecDeque::new(),
            next_id: 0,
            asked: 0,
            answered: 0,
            surplus: 0,
        })
    }

    /// The process, for what the system says about it.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Requests, their answers, and answers to nothing.
    pub fn balance(&self) -> (u64, u64, u64) {
        (self.asked, self.answered, self.surplus)
    }

    /// A request as it will be sent, and its id.
    pub fn request(&mut self, method: &str, params: Value) -> (i64, Value) {
        self.next_id += 1;
        let id = self.next_id;
        (id, json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    pub fn notification(method: &str, params: Value) -> Value {
        json!({"jsonrpc": "2.0", "method": method, "params": params})
    }

    /// Writes messages at once, and says when the last byte was written.
    pub fn send(&mut self, messages: &[Value]) -> Result<Instant, Failure> {
        let mut bytes = Vec::new();
        for message in messages {
            let body = message.to_string();
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
            if let (Some(id), true) = (message["id"].as_i64(), message["method"].is_string()) {
                self.open.insert(id);
                self.asked += 1;
            }
        }
        let input = self.input.as_mut().ok_or_else(left)?;
        input.write_all(&bytes).and_then(|()| input.flush()).map_err(|_| left())?;
        Ok(Instant::now())
    }

    /// Asks and waits.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        let (id, message) = self.request(method, params);
        self.send(&[message])?;
        let answer = self.wait(id)?;
        match answer.body.get("error") {
            Some(error) => Err(Failure::Message(format!("{method} was answered with {error}"))),
            None => Ok(answer.body.get("result").cloned().unwrap_or_default()),
        }
    }

    /// The answer to one request.
    pub fn wait(&mut self, id: i64) -> Result<Answer, Failure> {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.answers.iter().position(|answer| answer.id == id) {
                return self.answers.remove(at).ok_or_else(left);
            }
            if !self.read(until)? {
                return Err(Failure::Message("the server does not answer".to_owned()));
            }
        }
    }

    /// The next answer to anything, until then.
    pub fn next(&mut self, until: Instant) -> Result<Option<Answer>, Failure> {
        while self.answers.is_empty() {
            if !self.read(until)? {
                return Ok(None);
            }
        }
        Ok(self.answers.pop_front())
    }

    /// Waits until all is answered; answers that nobody took are of no use any more.
    pub fn settle(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + DEADLINE;
        while !self.open.is_empty() {
            if !self.read(until)? {
                return Err(Failure::Message("the server does not answer".to_owned()));
            }
        }
        self.answers.clear();
        Ok(())
    }

    /// Reads one message; false where none came in time.
    fn read(&mut self, until: Instant) -> Result<bool, Failure> {
        match self.incoming.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Incoming::Message(at, message)) => {
                self.take(at, message)?;
                Ok(true)
            }
            Ok(Incoming::Broken(why)) => {
                Err(Failure::Message(format!("the server broke the protocol: {why}")))
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(left()),
        }
    }

    fn take(&mut self, at: Instant, message: Value) -> Result<(), Failure> {
        let id = message.get("id").cloned().unwrap_or_default();
        if message["method"].is_string() {
            if !id.is_null() {
                // What an editor answers by itself: no settings of its own, and every progress token is welcome.
                let items = message["params"]["items"].as_array().map_or(0, Vec::len);
                let result = if items > 0 { json!(vec![Value::Null; items]) } else { Value::Null };
                self.send(&[json!({"jsonrpc": "2.0", "id": id, "result": result})])?;
            }
            return Ok(());
        }
        match id.as_i64().filter(|id| self.open.remove(id)) {
            Some(id) => {
                self.answered += 1;
                self.answers.push_back(Answer { id, at, body: message });
            }
            None => self.surplus += 1,
        }
        Ok(())
    }

    /// Ends the session as an editor does, and waits for it.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.call("shutdown", Value::Null)?;
        self.send(&[Self::notification("exit", Value::Null)])?;
        self.input = None;
        let status = self.child.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::Message(format!("the server ended with {status}"))),
        }
    }
}

impl Drop for Server {
    /// Where something went wrong; a server that has ended knows nothing of it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn left() -> Failure {
    Failure::Message("the server has left".to_owned())
}

/// One message; `None` at the end.
fn frame(output: &mut impl BufRead) -> Result<Option<Value>, String> {
    let mut length = None;
    loop {
        let mut line = String::new();
        let read = output.by_ref().take(1 << 12).read_line(&mut line).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            header => match header.split_once(": ") {
                Some(("Content-Length", bytes)) => length = bytes.parse().ok(),
                Some(_) => {}
                None => return Err(format!("{header:?} is no header")),
            },
        }
    }
    let length = length.filter(|&length| length <= LARGEST).ok_or("a message without a length")?;
    let mut body = vec![0; length];
    output.read_exact(&mut body).map_err(|error| error.to_string())?;
    serde_json::from_slice(&body).map(Some).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        let cases: [(&str, Result<Option<Value>, &str>); 6] = [
            ("", Ok(None)),
            ("Content-Length: 2\r\n\r\n{}", Ok(Some(json!({})))),
            ("Content-Type: x\r\nContent-Length: 4\r\n\r\nnull", Ok(Some(Value::Null))),
            ("hello\r\n", Err("\"hello\" is no header")),
            ("Content-Length: 99999999999\r\n\r\n", Err("a message without a length")),
            ("Content-Length: 9\r\n\r\n{}", Err("failed to fill whole buffer")),
        ];
        for (bytes, expected) in cases {
            assert_eq!(frame(&mut bytes.as_bytes()), expected.map_err(str::to_owned), "{bytes:?}");
        }
    }
}

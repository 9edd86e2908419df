//! Where the plugin's requests go, and the clock that it looks at: a server that is spoken to by HTTP, in real time.
//!
//! One request at a time, as in the plugin. What is asked, and what answers mean, is the module's above.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Address, Client};
use super::started::Started;
use super::{Answer, about};
use crate::cli::Failure;
use crate::cli::bench::replay::process;

/// See the module. Errors are for the person, whole.
pub trait Line {
    fn now(&self) -> Instant;

    /// Sends a request, while none is under way; whether it went.
    fn send(&mut self, request: Value) -> bool;

    /// The answer to the request under way; `None` when it is later than `until`.
    fn receive(&mut self, until: Option<Instant>) -> Result<Option<Done>, Failure>;

    /// Has something read, and waits for it.
    fn read(&mut self, request: &Value) -> Result<(), Failure>;

    /// What is known of the server.
    fn about(&mut self) -> Value;
}

/// What comes back.
pub struct Done {
    pub began: Instant,
    pub ended: Instant,
    pub answer: Answer,
}

/// A running server.
pub struct Http {
    address: Address,
    client: Client,
    jobs: Sender<Value>,
    done: Receiver<(Instant, Instant, Result<Answer, String>)>,
    patience: Duration,
    /// The server's process, where it is ours.
    started: Option<Arc<Started>>,
}

impl Http {
    /// Looks whether a server answers there. One that says nothing for as long as `patience` has stalled.
    pub fn connect(
        address: Address,
        patience: Duration,
        started: Option<Arc<Started>>,
    ) -> Result<Self, Failure> {
        let client = Client::new(patience);
        client.get(&address.at("health")).map_err(|why| about(&address, &why))?;
        let (jobs, todo) = channel::<Value>();
        let (answers, done) = channel();
        let (url, own) = (address.at("infill"), Client::new(patience));
        std::thread::spawn(move || {
            for request in todo {
                let began = Instant::now();
                let reply = own.post(&url, &request);
                let ended = Instant::now();
                let latency_ms = ended.saturating_duration_since(began).as_secs_f64() * 1000.0;
                let answer = reply.and_then(|reply| Answer::read(&reply, latency_ms));
                if answers.send((began, ended, answer)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { address, client, jobs, done, patience, started })
    }
}

impl Line for Http {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn send(&mut self, request: Value) -> bool {
        self.jobs.send(request).is_ok()
    }

    fn receive(&mut self, until: Option<Instant>) -> Result<Option<Done>, Failure> {
        let left = until.map_or(self.patience * 2, |until| until.saturating_duration_since(Instant::now()));
        match self.done.recv_timeout(left) {
            Ok((began, ended, answer)) => {
                let answer = answer.map_err(|why| about(&self.address, &why))?;
                Ok(Some(Done { began, ended, answer }))
            }
            Err(RecvTimeoutError::Timeout) if until.is_some() => Ok(None),
            Err(_) => Err(about(&self.address, "does not answer")),
        }
    }

    fn read(&mut self, request: &Value) -> Result<(), Failure> {
        let reply = self.client.post(&self.address.at("infill"), request);
        reply.map(drop).map_err(|why| about(&self.address, &why))
    }

    fn about(&mut self) -> Value {
        // Older servers have none, and others keep theirs to themselves.
        let props = self.client.get(&self.address.at("props")).unwrap_or_default();
        let process = self.started.as_ref().map(|started| started.process());
        Value::Object(serde_json::Map::from_iter([
            ("url".to_owned(), self.address.to_string().into()),
            (
                "model".to_owned(),
                json!({"path": props["model_path"], "contextTokens": props["default_generation_settings"]["n_ctx"]}),
            ),
            ("build".to_owned(), props["build_info"].clone()),
            ("system".to_owned(), json!(self.started.as_ref().and_then(|started| started.system()))),
            ("slots".to_owned(), props["total_slots"].clone()),
            ("arguments".to_owned(), json!(self.started.as_ref().map(|started| started.arguments()))),
            ("memory".to_owned(), process.map(process::memory).unwrap_or_default()),
            ("cpuSeconds".to_owned(), json!(process.and_then(process::cpu_seconds))),
        ]))
    }
}

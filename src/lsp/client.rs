//! What the server says by itself, in the order in which it is said: [`Outbox`] is the session's end of it, [`Said`]
//! the transport's.
//!
//! It stands in for `tower_lsp::Client`, whose queue a reply overtakes, and which panics at an answer that nobody waits
//! for any more. Replies to the client's own requests do not pass here; the transport sends what was said before a
//! reply before that reply. Does *not* know what is said, or to which client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_lsp::lsp_types::notification::{LogMessage, Notification, ShowMessage};
use tower_lsp::lsp_types::request::Request as Question;
use tower_lsp::lsp_types::{LogMessageParams, MessageType, ShowMessageParams};

use crate::lsp::progress::Tokens;
use crate::text::unseen;
use crate::threads::lock;

/// Says and asks; never makes a caller wait for the client to read.
#[derive(Clone)]
pub struct Outbox {
    said: mpsc::UnboundedSender<Request>,
    questions: Arc<Questions>,
    pub(super) tokens: Arc<Tokens>,
}

/// What was said and is to be sent, and where answers go.
pub struct Said {
    messages: mpsc::UnboundedReceiver<Request>,
    questions: Arc<Questions>,
}

/// Those that wait for their answers.
#[derive(Default)]
struct Questions {
    last: AtomicI64,
    open: Mutex<HashMap<i64, oneshot::Sender<Result<Value, Error>>>>,
}

/// The two ends.
pub fn outbox() -> (Outbox, Said) {
    let (said, messages) = mpsc::unbounded_channel();
    let questions = Arc::<Questions>::default();
    let outbox = Outbox { said, questions: questions.clone(), tokens: Arc::default() };
    (outbox, Said { messages, questions })
}

impl Outbox {
    pub fn notify<N: Notification>(&self, params: N::Params) {
        self.notify_as(N::METHOD, &params);
    }

    /// Where the name depends on the client.
    pub fn notify_as(&self, method: &'static str, params: &impl Serialize) {
        if let Some(params) = to_json(method, params) {
            self.send(Request::build(method).params(params).finish());
        }
    }

    /// Tells the person, once, and writes it to the client's log as well, for the message goes away.
    pub fn warn(&self, message: &str) {
        let typ = MessageType::WARNING;
        self.notify::<ShowMessage>(ShowMessageParams { typ, message: unseen::shown(message).into_owned() });
        self.log(typ, message);
    }

    /// Writes to the client's log.
    pub fn log(&self, typ: MessageType, message: &str) {
        self.notify::<LogMessage>(LogMessageParams { typ, message: unseen::shown(message).into_owned() });
    }

    /// Asks the client, at once, whether or not the answer is waited for; that may take as long as it likes. `None`:
    /// it refused, or answered something else, or the session is over.
    pub fn ask<R: Question>(
        &self,
        params: R::Params,
    ) -> impl Future<Output = Option<R::Result>> + Send + use<R> {
        let asked = to_json(R::METHOD, &params).and_then(|params| {
            let (waits, answer) = self.questions.open();
            let request = Request::build(R::METHOD).id(waits.id);
            // Parameters are an object or a list, or they are not there: null is none of these (JSON-RPC 2.0, 4.2).
            let request = if params.is_null() { request } else { request.params(params) };
            let is_sent = self.send(request.finish());
            is_sent.then_some((waits, answer))
        });
        async move {
            let (_waits, answer) = asked?;
            let answer = answer.await.ok();
            let told = |error: &dyn std::fmt::Display| {
                tracing::info!("the client refused {}: {error}", R::METHOD);
            };
            let value = answer?.inspect_err(|error| told(error)).ok()?;
            serde_json::from_value(value).inspect_err(|error| told(error)).ok()
        }
    }

    /// As [`ask`](Self::ask), for so long at most.
    pub async fn request<R: Question>(&self, params: R::Params, within: Duration) -> Option<R::Result> {
        let answer = tokio::time::timeout(within, self.ask::<R>(params)).await;
        if answer.is_err() {
            tracing::info!("the client did not answer {} within {within:?}", R::METHOD);
        }
        answer.ok()?
    }

    /// False when the session is over, and then there is nobody to tell.
    fn send(&self, message: Request) -> bool {
        self.said.send(message).is_ok()
    }
}

fn to_json(method: &str, params: &impl Serialize) -> Option<Value> {
    let written = serde_json::to_value(params);
    written.inspect_err(|error| tracing::error!("{method} could not be written as JSON: {error}")).ok()
}

impl Said {
    /// The next message to send; `None` when nothing more will be said.
    pub async fn next(&mut self) -> Option<Request> {
        self.messages.recv().await
    }

    /// The next one that was said already.
    pub fn take(&mut self) -> Option<Request> {
        self.messages.try_recv().ok()
    }

    /// The client answered a question. One that nobody waits for any more, or that was answered before, is no matter.
    pub fn answered(&self, answer: Response) {
        let (id, outcome) = answer.into_parts();
        let asker = match &id {
            Id::Number(id) => lock(&self.questions.open).remove(id),
            _ => None,
        };
        if asker.is_none_or(|asker| asker.send(outcome).is_err()) {
            tracing::debug!("the client answered {id}, which nobody waits for");
        }
    }
}

impl Drop for Said {
    /// Nobody will answer.
    fn drop(&mut self) {
        lock(&self.questions.open).clear();
    }
}

/// One question; it is forgotten with this.
struct Waits {
    questions: Arc<Questions>,
    id: i64,
}

impl Questions {
    fn open(self: &Arc<Self>) -> (Waits, oneshot::Receiver<Result<Value, Error>>) {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let (asker, answer) = oneshot::channel();
        lock(&self.open).insert(id, asker);
        (Waits { questions: self.clone(), id }, answer)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        lock(&self.questions.open).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::lsp::ext::{ApplyEdit, CreateProgress};
    use tower_lsp::lsp_types::request::CodeLensRefresh;

    fn answer(said: &Said, id: impl Into<Id>, result: Value) {
        said.answered(Response::from_ok(id.into(), result));
    }

    #[test]
    fn an_answer_goes_to_who_asked_once() {
        let (outbox, mut said) = outbox();
        let first = outbox.ask::<ApplyEdit>(json!({}));
        let second = outbox.ask::<ApplyEdit>(json!({}));
        let ids: Vec<Id> =
            std::iter::from_fn(|| said.take()).filter_map(|asked| asked.id().cloned()).collect();
        assert_eq!(ids, [Id::Number(0), Id::Number(1)]);
        for (id, result) in [(Id::Number(1), json!(1)), (Id::Number(1), json!(2)), (Id::Number(9), json!(3))]
        {
            answer(&said, id, result);
        }
        answer(&said, "0".to_owned(), json!(4));
        answer(&said, Id::Null, json!(5));
        assert_eq!(second.now_or_never(), Some(Some(json!(1))));
        drop(first);
        assert!(lock(&said.questions.open).is_empty(), "who does not wait is forgotten");
        answer(&said, 0, json!(6));
        let third = outbox.ask::<ApplyEdit>(json!({}));
        drop(said);
        assert_eq!(third.now_or_never(), Some(None), "the session is over");
        assert_eq!(outbox.ask::<ApplyEdit>(json!({})).now_or_never(), Some(None), "and stays so");
    }

    /// A message may quote a model, a server or a file.
    #[test]
    fn what_is_said_can_be_seen() {
        let (outbox, mut said) = outbox();
        outbox.warn("the key \u{1b}[2J\u{202e}\tis wrong");
        let told: Vec<Value> = std::iter::from_fn(|| said.take())
            .filter_map(|message| Some(message.params()?["message"].clone()))
            .collect();
        assert_eq!(told, ["the key \u{fffd}[2J\u{fffd}\tis wrong"; 2]);
    }

    #[test]
    fn what_is_said_keeps_its_order() {
        let (outbox, mut said) = outbox();
        outbox.log(MessageType::INFO, "one");
        let token = tower_lsp::lsp_types::NumberOrString::Number(1);
        drop(outbox.ask::<CreateProgress>(tower_lsp::lsp_types::WorkDoneProgressCreateParams { token }));
        outbox.notify_as("codesage/two", &json!({}));
        drop(outbox.ask::<CodeLensRefresh>(()));
        let said: Vec<(String, bool)> = std::iter::from_fn(|| said.take())
            .map(|message| (message.method().to_owned(), message.params().is_some()))
            .collect();
        let expected = [
            ("window/logMessage", true),
            ("window/workDoneProgress/create", true),
            ("codesage/two", true),
            ("workspace/codeLens/refresh", false),
        ];
        assert_eq!(said, expected.map(|(method, has_params)| (method.to_owned(), has_params)));
    }
}

//! The Gate stands between the transport and tower-lsp's service. It promises:
//!
//! - **Order.** Every message is polled once on arrival, in the order of the wire: an edit has landed and a request
//!   has taken its snapshot before the next message is looked at. (Polling only the notifications early would be
//!   wrong: requests would see later text.)
//! - **One panic, one request.** A handler that panics answers -32603, and nothing else notices.
//! - **One request, one answer.** Where tower-lsp drops a request (`$/unknown` with an id), it is answered here.
//! - **Nothing is refused for its spelling.** Parameters pass through `legible` before lsp-types reads them, and the
//!   reply of `initialize` can say what lsp-types has no field for.
//!
//! It does *not* know any feature, and it never reads or writes a byte.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_service::Service;

use crate::lsp::legible;
use crate::lsp::virtual_document::SCHEME;

/// See the module.
pub struct Gate<S> {
    inner: S,
}

/// What became of a message on arrival.
pub enum Arrival {
    /// It is done; a notification has no reply.
    Answered(Option<Response>),
    /// It waits for something. Dropping the future ends it.
    Pending(BoxFuture<'static, Option<Response>>),
}

impl<S> Gate<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Future: Send + 'static,
    S::Error: fmt::Display + Send + 'static,
{
    pub fn new(inner: S) -> Self {
        Self { inner }
    }

    /// Takes one message, in the order of the wire.
    ///
    /// NB: `poll_ready` is not asked: `LspService` is ready until it has seen `exit`, and then takes a call and
    /// refuses it.
    pub fn call(&mut self, request: Request) -> Arrival {
        let request = legible(request);
        let id = request.id().cloned();
        let is_initialize = request.method() == "initialize";
        // A handler may panic while its parameters are parsed, before there is a future to catch it in.
        let called = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        let Ok(future) = called else {
            return Arrival::Answered(panicked(id));
        };
        let mut future = AssertUnwindSafe(future)
            .catch_unwind()
            .map(move |outcome| match outcome {
                Ok(Ok(Some(reply))) if is_initialize => Some(advertise(reply)),
                Ok(Ok(Some(reply))) => Some(reply),
                Ok(Ok(None)) => id.map(|id| Response::from_error(id, Error::method_not_found())),
                Ok(Err(refused)) => {
                    tracing::debug!("{refused}");
                    id.map(|id| Response::from_error(id, Error::invalid_request()))
                }
                Err(_panic) => panicked(id),
            })
            .boxed();
        match (&mut future).now_or_never() {
            Some(reply) => Arrival::Answered(reply),
            None => Arrival::Pending(future),
        }
    }
}

fn panicked(id: Option<Id>) -> Option<Response> {
    tracing::error!("a handler panicked; its request is answered with an internal error");
    id.map(|id| Response::from_error(id, Error::internal_error()))
}

/// The same request with parameters that can be read.
fn legible(request: Request) -> Request {
    let (method, id, params) = request.into_parts();
    let params = legible::params(&method, params);
    let mut builder = Request::build(method);
    if let Some(params) = params {
        builder = builder.params(params);
    }
    if let Some(id) = id {
        builder = builder.id(id);
    }
    builder.finish()
}

/// Adds the capabilities that lsp-types 0.94 has no fields for. Always, and statically: lsp-mode declares inline
/// completion as null and Neovim declares no dynamic registration, so none of them could be told later.
fn advertise(reply: Response) -> Response {
    let (id, body) = reply.into_parts();
    let body = body.map(|mut result| {
        if let Some(Value::Object(capabilities)) = result.get_mut("capabilities") {
            capabilities.insert("inlineCompletionProvider".into(), Value::Bool(true));
            if let Some(Value::Object(workspace)) = capabilities.get_mut("workspace") {
                workspace.insert("textDocumentContent".into(), json!({ "schemes": [SCHEME] }));
            }
        }
        result
    });
    Response::from_parts(id, body)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};

    use super::*;

    /// An inner service with one behaviour a method, and a diary.
    #[derive(Clone, Default)]
    struct Inner {
        diary: Arc<Mutex<Vec<String>>>,
    }

    impl Service<Request> for Inner {
        type Response = Option<Response>;
        type Error = Infallible;
        type Future = BoxFuture<'static, Result<Option<Response>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request) -> Self::Future {
            let diary = self.diary.clone();
            let note = move |what: String| diary.lock().expect("not poisoned").push(what);
            let (method, id, params) = request.into_parts();
            let reply = id.map(|id| Response::from_ok(id, params.clone().unwrap_or(json!("absent"))));
            match method.as_ref() {
                "panics at once" => panic!("boom"),
                "panics when polled" => async { panic!("boom") }.boxed(),
                "panics later" => async {
                    tokio::task::yield_now().await;
                    panic!("boom")
                }
                .boxed(),
                "dropped" => async { Ok(None) }.boxed(),
                "waits" => async move {
                    note(format!("{method} began"));
                    tokio::task::yield_now().await;
                    Ok(reply)
                }
                .boxed(),
                _ => async move {
                    note(method.to_string());
                    Ok(reply)
                }
                .boxed(),
            }
        }
    }

    fn request(method: &'static str, params: Option<Value>) -> Request {
        let builder = Request::build(method).id(7);
        match params {
            Some(params) => builder.params(params).finish(),
            None => builder.finish(),
        }
    }

    async fn answer(gate: &mut Gate<Inner>, request: Request) -> Value {
        let reply = match gate.call(request) {
            Arrival::Answered(reply) => reply,
            Arrival::Pending(future) => future.await,
        };
        serde_json::to_value(reply).expect("a reply is JSON")
    }

    #[tokio::test]
    async fn messages_begin_in_the_order_of_their_arrival() {
        let inner = Inner::default();
        let mut gate = Gate::new(inner.clone());
        let mut pending = Vec::new();
        for method in ["edit", "waits", "edit", "waits"] {
            if let Arrival::Pending(future) = gate.call(request(method, None)) {
                pending.push(future);
            }
        }
        let diary = inner.diary.lock().expect("not poisoned").clone();
        assert_eq!(diary, ["edit", "waits began", "edit", "waits began"]);
        assert_eq!(pending.len(), 2);
    }

    #[tokio::test]
    async fn a_panic_costs_one_request() {
        let mut gate = Gate::new(Inner::default());
        for method in ["panics at once", "panics when polled", "panics later"] {
            let reply = answer(&mut gate, request(method, None)).await;
            assert_eq!(reply["error"]["code"], -32603, "{method}");
            assert_eq!(reply["id"], 7, "{method}");
            let reply = answer(&mut gate, request("fine", None)).await;
            assert_eq!(reply["result"], json!({}), "after {method}");
        }
        // A notification that panics has nobody to answer.
        let notification = Request::build("panics at once").finish();
        assert!(matches!(gate.call(notification), Arrival::Answered(None)));
    }

    #[tokio::test]
    async fn a_dropped_request_is_answered_and_a_notification_is_not() {
        let mut gate = Gate::new(Inner::default());
        let reply = answer(&mut gate, request("dropped", None)).await;
        assert_eq!((&reply["error"]["code"], &reply["id"]), (&json!(-32601), &json!(7)));
        let notification = Request::build("dropped").finish();
        assert!(matches!(gate.call(notification), Arrival::Answered(None)));
    }

    #[tokio::test]
    async fn initialize_travels_whole_and_its_reply_is_completed() {
        let mut gate = Gate::new(Inner::default());
        let odd = json!({"capabilities": {"window": null}, "trace": "compact", "processId": -1});
        let reply = answer(&mut gate, request("initialize", Some(odd.clone()))).await;
        assert_eq!(reply["result"]["initializationOptions"], odd);
        assert_eq!(reply["result"]["capabilities"]["inlineCompletionProvider"], true);
    }
}

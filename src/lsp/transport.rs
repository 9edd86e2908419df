//! Frames in, frames out: reads messages, hands them to the [`Gate`] one at a time, and writes what comes of them.
//!
//! It stands in for `tower_lsp::Server`, which
//! - stops reading for ever after one malformed body (its `FramedRead` ends after an error) and cannot get past one
//!   that is not UTF-8;
//! - queues requests, edits and cancellations alike behind a limit, which can deadlock;
//! - does not end on `exit` while the input stays open, nor at the end of input while a handler is pending;
//! - panics when the output closes, and when a client answers a request that nobody waits for any more.
//!
//! Handlers run on the runtime's own tasks after their first poll, so a slow one delays no other. Does *not* read a
//! body, which `message` does, and knows no method but `exit`.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp::jsonrpc::{Error, Id};
use tower_lsp::{ClientSocket, LspService};

use crate::lsp::ending::Cause;
use crate::lsp::frames::{Frames, Garbage};
use crate::lsp::gate::{Arrival, Gate};
use crate::lsp::message::{Message, parse, refuse};

/// How long replies may take to get out after the last message was read.
const GRACE: Duration = Duration::from_millis(100);

/// Serves until one of the ways out is taken, then lets what is answered reach the client and drops what is not.
pub async fn run<S, R, W>(
    mut gate: Gate<LspService<S>>,
    socket: ClientSocket,
    input: R,
    output: W,
    parent_died: impl Future<Output = ()>,
) -> Cause
where
    S: tower_lsp::LanguageServer,
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (mut to_client, mut from_client) = socket.split();
    let (outgoing, frames_out) = mpsc::unbounded_channel();
    let mut writer = tokio::spawn(write_frames(output, frames_out));
    let mut frames = Frames::new(input);
    let mut handlers = JoinSet::new();
    let mut parent_died = pin!(parent_died);

    let cause = loop {
        tokio::select! {
            frame = frames.next() => {
                let message = match frame {
                    Ok(Some(Ok(body))) => parse(&body),
                    Ok(Some(Err(Garbage))) => Err(refuse(Id::Null, Error::parse_error())),
                    Ok(None) | Err(_) => break Cause::EndOfInput,
                };
                match message {
                    Ok(Message::Request(request)) => {
                        let is_exit = request.method() == "exit";
                        match gate.call(request) {
                            Arrival::Answered(reply) => send(&outgoing, reply.as_ref()),
                            Arrival::Pending(handler) => drop(handlers.spawn(handler)),
                        }
                        if is_exit {
                            break Cause::Exit;
                        }
                    }
                    Ok(Message::Response(response)) => {
                        // It panics if the one who asked has stopped waiting.
                        let delivery = AssertUnwindSafe(from_client.send(response)).catch_unwind().await;
                        if delivery.is_err() {
                            tracing::debug!("the client answered a request that nobody waits for any more");
                        }
                    }
                    Err(refusal) => send(&outgoing, refusal.as_deref()),
                }
            }
            Some(reply) = handlers.join_next() => send(&outgoing, reply.ok().flatten().as_ref()),
            Some(request) = to_client.next() => send(&outgoing, Some(&request)),
            _ = &mut writer => break Cause::OutputClosed,
            () = &mut parent_died => break Cause::ParentDied,
        }
    };

    // Clients write `shutdown` and `exit` together and then wait for the reply.
    let deadline = tokio::time::Instant::now() + GRACE;
    let drain = async {
        while let Some(reply) = handlers.join_next().await {
            send(&outgoing, reply.ok().flatten().as_ref());
        }
    };
    let _ = tokio::time::timeout_at(deadline, drain).await;
    drop(outgoing);
    if cause != Cause::OutputClosed {
        let _ = tokio::time::timeout_at(deadline, &mut writer).await;
        writer.abort();
    }
    // Their guards stop the engine; one that is computing is left behind.
    let _ = tokio::time::timeout(GRACE, handlers.shutdown()).await;
    cause
}

fn send(outgoing: &mpsc::UnboundedSender<Vec<u8>>, message: Option<&impl Serialize>) {
    let Some(message) = message else { return };
    match serde_json::to_vec(message) {
        Ok(body) => {
            let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
            frame.extend(body);
            // Fails when the output is closed, which the loop hears of by itself.
            let _ = outgoing.send(frame);
        }
        Err(error) => tracing::error!("a message could not be written as JSON: {error}"),
    }
}

/// Writes whole frames until there are no more, or nobody reads them.
async fn write_frames<W>(mut output: W, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let mut batch = Vec::new();
    while frames.recv_many(&mut batch, 64).await > 0 {
        for frame in batch.drain(..) {
            output.write_all(&frame).await?;
        }
        output.flush().await?;
    }
    Ok(())
}

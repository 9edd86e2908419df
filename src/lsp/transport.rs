//! Frames in, frames out: reads messages, hands them to the [`Gate`] one at a time, and writes what comes of them.
//!
//! It stands in for `tower_lsp::Server`, which
//! - stops reading for ever after one malformed body (its `FramedRead` ends after an error) and cannot get past one
//!   that is not UTF-8;
//! - queues requests, edits and cancellations alike behind a limit, which can deadlock;
//! - does not end on `exit` while the input stays open, nor at the end of input while a handler is pending;
//! - panics when the output closes;
//! - lets a reply overtake what was said before it.
//!
//! Handlers run on the runtime's own tasks after their first poll, so a slow one delays no other. Does *not* read a
//! body, which `message` does, and knows no method but `exit`.

use std::io;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_lsp::LspService;
use tower_lsp::jsonrpc::{Error, Id, Response};

use crate::lsp::client::Said;
use crate::lsp::ending::Cause;
use crate::lsp::frames::{Frames, Garbage};
use crate::lsp::gate::{Arrival, Gate};
use crate::lsp::message::{Message, parse, refuse};

/// How long replies may take to get out after the last message was read.
const GRACE: Duration = Duration::from_millis(100);

/// Serves until one of the ways out is taken, then lets what is answered reach the client and drops what is not.
pub async fn run<S, R, W>(
    mut gate: Gate<LspService<S>>,
    mut said: Said,
    input: R,
    output: W,
    ended_otherwise: impl Future<Output = Cause>,
) -> Cause
where
    S: tower_lsp::LanguageServer,
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (frames_in, frames_out) = mpsc::unbounded_channel();
    let mut writer = tokio::spawn(write_frames(output, frames_out));
    let outgoing = Outgoing(frames_in);
    let mut frames = Frames::new(input);
    let mut handlers = JoinSet::new();
    let mut ended_otherwise = pin!(ended_otherwise);

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
                        let (is_exit, is_shutdown) = (request.method() == "exit", request.method() == "shutdown");
                        match gate.call(request) {
                            Arrival::Answered(reply) => outgoing.reply(reply, &mut said),
                            // NB: `exit` behind it, which Helix writes at once, would cancel it: tower-lsp cancels all.
                            Arrival::Pending(ending) if is_shutdown => outgoing.reply(ending.await, &mut said),
                            Arrival::Pending(handler) => drop(handlers.spawn(handler)),
                        }
                        if is_exit {
                            break Cause::Exit;
                        }
                    }
                    Ok(Message::Response(response)) => said.answered(response),
                    Err(refusal) => outgoing.reply(refusal.map(|refusal| *refusal), &mut said),
                }
            }
            Some(reply) = handlers.join_next() => outgoing.reply(reply.ok().flatten(), &mut said),
            Some(message) = said.next() => outgoing.send(&message),
            _ = &mut writer => break Cause::OutputClosed,
            cause = &mut ended_otherwise => break cause,
        }
    };

    // Clients write `shutdown` and `exit` together and then wait for the reply.
    let deadline = tokio::time::Instant::now() + GRACE;
    let drain = async {
        while let Some(reply) = handlers.join_next().await {
            outgoing.reply(reply.ok().flatten(), &mut said);
        }
    };
    let _ = tokio::time::timeout_at(deadline, drain).await;
    outgoing.send_all(&mut said);
    drop(outgoing);
    if cause != Cause::OutputClosed {
        let _ = tokio::time::timeout_at(deadline, &mut writer).await;
        writer.abort();
    }
    // Their guards stop the engine; one that is computing is left behind.
    let _ = tokio::time::timeout(GRACE, handlers.shutdown()).await;
    cause
}

/// What the writer is given.
struct Outgoing(mpsc::UnboundedSender<Vec<u8>>);

impl Outgoing {
    /// Sends a reply, and before it all that was said before it.
    fn reply(&self, reply: Option<Response>, said: &mut Said) {
        if let Some(reply) = reply {
            self.send_all(said);
            self.send(&reply);
        }
    }

    fn send_all(&self, said: &mut Said) {
        while let Some(message) = said.take() {
            self.send(&message);
        }
    }

    fn send(&self, message: &impl Serialize) {
        match serde_json::to_vec(message) {
            Ok(body) => {
                let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
                frame.extend(body);
                // Fails when the output is closed, which the loop hears of by itself.
                let _ = self.0.send(frame);
            }
            Err(error) => tracing::error!("a message could not be written as JSON: {error}"),
        }
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

//! What the server says by itself: [`Outbox`] for messages in order, [`Outbox::request`] for questions, and
//! [`Progress`], which ends when its owner is done with it.
//!
//! Replies to the client's own requests do not pass here. Does *not* know what is said, or to which client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower_lsp::Client;
use tower_lsp::lsp_types::notification::{LogMessage, Notification, ShowMessage};
use tower_lsp::lsp_types::request::Request;
use tower_lsp::lsp_types::{
    LogMessageParams, MessageType, NumberOrString, ProgressParams, ProgressParamsValue, ShowMessageParams,
    WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressCreateParams, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};

use crate::lsp::ext;

/// Reports of one progress are at least this far apart; what comes in between is dropped.
pub const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How long a client may take to agree to a progress.
const CREATE_WITHIN: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(Client) -> BoxFuture<'static, ()> + Send>;
pub type Cancel = Box<dyn FnOnce() + Send>;

/// How a progress begins.
pub struct Begin {
    pub title: String,
    /// The one that the client gave with its request; without, a new one is made.
    pub token: Option<NumberOrString>,
    /// Where it is known how much there is to do.
    pub percentage: Option<u32>,
}

/// Sends in the order of the calls, and never makes a caller wait. NB: one `tokio::spawn` a message would lose the
/// order, and an await in a handler would wait for the client to read.
#[derive(Clone)]
pub struct Outbox {
    jobs: mpsc::UnboundedSender<Job>,
    client: Client,
    tokens: Arc<Tokens>,
}

/// The progresses that run, and how to cancel what they are about.
#[derive(Default)]
struct Tokens {
    last: AtomicU32,
    running: Mutex<HashMap<NumberOrString, Cancel>>,
}

impl Outbox {
    /// Inside the runtime.
    pub fn new(client: Client) -> Self {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let sender = client.clone();
        tokio::spawn(async move {
            while let Some(job) = queue.recv().await {
                job(sender.clone()).await;
            }
        });
        Self { jobs, client, tokens: Arc::default() }
    }

    pub fn notify<N: Notification>(&self, params: N::Params)
    where
        N::Params: Send + 'static,
    {
        let job: Job =
            Box::new(move |client| Box::pin(async move { client.send_notification::<N>(params).await }));
        // Fails when the session is over, and then there is nobody to tell.
        let _ = self.jobs.send(job);
    }

    /// Waits until what was said before has gone to the transport, so that a reply does not overtake it.
    pub async fn flush(&self) {
        let (said, heard) = tokio::sync::oneshot::channel();
        let job: Job = Box::new(move |_| Box::pin(async move { _ = said.send(()) }));
        if self.jobs.send(job).is_ok() {
            // An error is the end of the session.
            let _ = heard.await;
        }
    }

    /// Tells the person, once, and writes it to the client's log as well, for the message goes away.
    pub fn warn(&self, message: &str) {
        let typ = MessageType::WARNING;
        self.notify::<ShowMessage>(ShowMessageParams { typ, message: message.into() });
        self.log(typ, message);
    }

    /// Writes to the client's log.
    pub fn log(&self, typ: MessageType, message: &str) {
        self.notify::<LogMessage>(LogMessageParams { typ, message: message.into() });
    }

    /// Asks the client, and waits as long as it takes. `None`: it refused, or answered something else.
    ///
    /// NB: for a task of its own. A client may answer after the asker has given up, and tower-lsp wants somebody to
    /// be there.
    pub async fn ask<R: Request>(&self, params: R::Params) -> Option<R::Result> {
        let answer = self.client.send_request::<R>(params).await;
        answer.inspect_err(|refused| tracing::info!("the client refused {}: {refused}", R::METHOD)).ok()
    }

    /// As [`ask`](Self::ask), for so long at most.
    pub async fn request<R: Request>(&self, params: R::Params, within: Duration) -> Option<R::Result>
    where
        R::Params: Send + 'static,
        R::Result: Send + 'static,
    {
        let outbox = self.clone();
        let asked = tokio::spawn(async move { outbox.ask::<R>(params).await });
        let answer = tokio::time::timeout(within, asked).await;
        if answer.is_err() {
            tracing::info!("the client did not answer {} within {within:?}", R::METHOD);
        }
        answer.ok()?.ok()?
    }

    /// Shows a progress that the person may cancel. `None`: the client does not want one. Only for a client that
    /// declares `window.workDoneProgress`, or that gave a token.
    pub async fn begin_progress(&self, begin: Begin, cancel: Cancel) -> Option<Progress> {
        let token = match begin.token {
            Some(token) => token,
            None => {
                let token = NumberOrString::String(self.tokens.next());
                let create = WorkDoneProgressCreateParams { token: token.clone() };
                self.request::<ext::CreateProgress>(create, CREATE_WITHIN).await?;
                token
            }
        };
        self.tokens.lock().insert(token.clone(), cancel);
        let progress = Progress { outbox: self.clone(), token, reported: None, farewell: None };
        progress.send(WorkDoneProgress::Begin(WorkDoneProgressBegin {
            title: begin.title,
            cancellable: Some(true),
            message: None,
            percentage: begin.percentage,
        }));
        Some(progress)
    }

    /// The person cancelled the progress of this token; one that has ended, or was never ours, is no matter.
    pub fn cancel_progress(&self, token: &NumberOrString) {
        let cancel = self.tokens.lock().remove(token);
        if let Some(cancel) = cancel {
            cancel();
        }
    }
}

impl Tokens {
    /// One word of fixed length, new each time: vim-lsp takes tokens for regular expressions, so that one which
    /// begins another would match it.
    fn next(&self) -> String {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        format!("codesage{number:08x}")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<NumberOrString, Cancel>> {
        self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A progress that is shown. It ends when this is dropped, and says nothing after.
pub struct Progress {
    outbox: Outbox,
    token: NumberOrString,
    reported: Option<Instant>,
    farewell: Option<String>,
}

impl Progress {
    /// Says how far it is, in per cent; nothing if the last report is too recent.
    pub fn report(&mut self, percentage: u32) {
        self.update(None, Some(percentage.min(100)));
    }

    /// Says what is being done; nothing if the last report is too recent.
    pub fn say(&mut self, message: String) {
        self.update(Some(message), None);
    }

    fn update(&mut self, message: Option<String>, percentage: Option<u32>) {
        let now = Instant::now();
        if self.reported.is_some_and(|last| now.duration_since(last) < REPORT_EVERY) {
            return;
        }
        self.reported = Some(now);
        self.send(WorkDoneProgress::Report(WorkDoneProgressReport {
            cancellable: Some(true),
            message,
            percentage,
        }));
    }

    /// Ends it with a last word.
    pub fn end(mut self, message: String) {
        self.farewell = Some(message);
    }

    fn send(&self, progress: WorkDoneProgress) {
        self.outbox.notify::<ext::ProgressNotification>(ProgressParams {
            token: self.token.clone(),
            value: ProgressParamsValue::WorkDone(progress),
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.outbox.tokens.lock().remove(&self.token);
        let message = self.farewell.take();
        self.send(WorkDoneProgress::End(WorkDoneProgressEnd { message }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_begins_another() {
        let tokens = Tokens::default();
        let names: Vec<_> = (0..300).map(|_| tokens.next()).collect();
        for (i, name) in names.iter().enumerate() {
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric()));
            assert!(names.iter().skip(i + 1).all(|other| !other.starts_with(name.as_str())));
        }
    }
}

//! Progresses: each with a token that no other has, cancellable from its first moment, and with one end, said when its
//! owner is done with it, however that comes about.
//!
//! The client is asked for a progress beside the work, which does not wait for it. Does *not* know what progresses.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tower_lsp::lsp_types::{
    NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress, WorkDoneProgressBegin,
    WorkDoneProgressCreateParams, WorkDoneProgressEnd, WorkDoneProgressReport,
};

use crate::lsp::client::Outbox;
use crate::lsp::ext;
use crate::text::unseen;
use crate::threads::lock;

/// Reports of one progress are at least this far apart; what comes in between is dropped for what is newer.
pub const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How long a client may take to agree to a progress.
const CREATE_WITHIN: Duration = Duration::from_secs(5);

/// How a progress begins.
pub struct Begin {
    pub title: Cow<'static, str>,
    /// The one that the client gave with its request.
    pub given: Option<NumberOrString>,
    /// Whether the client can be asked for one (`window.workDoneProgress`).
    pub creates: bool,
    /// Where it is known how much there is to do.
    pub percentage: Option<u32>,
}

/// What the person's cancel does.
pub type Cancel = Box<dyn FnOnce() + Send>;

/// A progress that is shown, or will be when the client agrees. It ends when this is dropped, and says nothing after.
pub struct Progress {
    shown: Arc<Shown>,
    news: watch::Sender<News>,
    farewell: Option<String>,
}

struct Shown {
    outbox: Outbox,
    token: NumberOrString,
    stage: Mutex<Stage>,
}

#[derive(Clone, PartialEq)]
enum Stage {
    /// The client is being asked.
    Asked,
    Begun,
    /// With the last word, if there is one.
    Over(Option<String>),
}

#[derive(Clone, Default)]
struct News {
    message: Option<String>,
    percentage: Option<u32>,
}

impl Outbox {
    /// Shows a progress that the person may cancel. `None`: there is no token for it, because the client gave none, or
    /// one that is in use (LSP 3.17: a token is unique), and cannot be asked for another. Inside the runtime.
    pub fn begin_progress(&self, begin: Begin, cancel: Cancel) -> Option<Progress> {
        let (token, is_given) = self.tokens.reserve(begin.given.as_ref(), begin.creates, cancel)?;
        let shown = Arc::new(Shown { outbox: self.clone(), token, stage: Mutex::new(Stage::Asked) });
        if is_given {
            shown.begin(&begin);
        }
        let (news, heard) = watch::channel(News::default());
        tokio::spawn(follow(shown.clone(), begin, heard));
        Some(Progress { shown, news, farewell: None })
    }

    /// The person cancelled the progress of this token; one that has ended, or was never ours, is no matter.
    pub fn cancel_progress(&self, token: &NumberOrString) {
        let cancel = lock(&self.tokens.running).get_mut(token).and_then(Option::take);
        if let Some(cancel) = cancel {
            cancel();
        }
    }
}

impl Progress {
    /// Says how far it is, in per cent.
    pub fn report(&self, percentage: u32) {
        self.news.send_modify(|news| news.percentage = Some(percentage.min(100)));
    }

    /// Says what is being done.
    pub fn say(&self, message: String) {
        self.news.send_modify(|news| news.message = Some(unseen::shown(&message).into_owned()));
    }

    /// Ends it with a last word.
    pub fn end(mut self, message: String) {
        self.farewell = Some(unseen::shown(&message).into_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shown.end(self.farewell.take());
    }
}

/// Asks where the token is ours, and then tells the newest of what is to be told, until there is nobody to tell it. What is
/// over while the client is asked is shown from its answer on, by Helix for one, and has to be ended then.
async fn follow(shown: Arc<Shown>, begin: Begin, mut news: watch::Receiver<News>) {
    let stage = lock(&shown.stage).clone();
    if matches!(stage, Stage::Over(_)) {
        return;
    }
    if stage == Stage::Asked {
        let create = WorkDoneProgressCreateParams { token: shown.token.clone() };
        if shown.outbox.request::<ext::CreateProgress>(create, CREATE_WITHIN).await.is_none() {
            return;
        }
        shown.begin(&begin);
    }
    while news.changed().await.is_ok() {
        let told = news.borrow_and_update().clone();
        shown.report(told);
        tokio::time::sleep(REPORT_EVERY).await;
    }
}

/// NB: each says it under the lock of the stage, so that nothing comes after the end.
impl Shown {
    fn begin(&self, begin: &Begin) {
        let mut stage = lock(&self.stage);
        if *stage == Stage::Begun {
            return;
        }
        self.send(WorkDoneProgress::Begin(WorkDoneProgressBegin {
            title: unseen::shown(&begin.title).into_owned(),
            cancellable: Some(true),
            message: None,
            percentage: begin.percentage,
        }));
        if let Stage::Over(message) = &*stage {
            self.send(WorkDoneProgress::End(WorkDoneProgressEnd { message: message.clone() }));
        } else {
            *stage = Stage::Begun;
        }
    }

    fn report(&self, News { message, percentage }: News) {
        let stage = lock(&self.stage);
        if *stage == Stage::Begun {
            let cancellable = Some(true);
            self.send(WorkDoneProgress::Report(WorkDoneProgressReport { cancellable, message, percentage }));
        }
    }

    fn end(&self, message: Option<String>) {
        let mut stage = lock(&self.stage);
        lock(&self.outbox.tokens.running).remove(&self.token);
        if std::mem::replace(&mut *stage, Stage::Over(message.clone())) == Stage::Begun {
            self.send(WorkDoneProgress::End(WorkDoneProgressEnd { message }));
        }
    }

    fn send(&self, progress: WorkDoneProgress) {
        let value = ProgressParamsValue::WorkDone(progress);
        self.outbox.notify::<ext::ProgressNotification>(ProgressParams { token: self.token.clone(), value });
    }
}

/// The tokens that are in use, and how to cancel what they are about; nothing any more where that was done.
#[derive(Default)]
pub struct Tokens {
    last: AtomicU32,
    running: Mutex<HashMap<NumberOrString, Option<Cancel>>>,
}

impl Tokens {
    /// The given token, else one of our own where it may be created; and whether it is the given one.
    fn reserve(
        &self,
        given: Option<&NumberOrString>,
        creates: bool,
        cancel: Cancel,
    ) -> Option<(NumberOrString, bool)> {
        let mut running = lock(&self.running);
        let free = given.filter(|token| !running.contains_key(*token)).cloned();
        let is_given = free.is_some();
        let own = || {
            let mut names = std::iter::repeat_with(|| NumberOrString::String(self.next()));
            names.find(|token| !running.contains_key(token))
        };
        let token = match free {
            Some(token) => token,
            None if creates => own()?,
            None => return None,
        };
        running.insert(token.clone(), Some(cancel));
        Some((token, is_given))
    }

    /// One word of fixed length, new each time: vim-lsp takes tokens for regular expressions, so that one which
    /// begins another would match it.
    fn next(&self) -> String {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        format!("codesage{number:08x}")
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

    #[test]
    fn a_token_is_in_use_once() {
        let tokens = Tokens::default();
        let text = |token: &str| NumberOrString::String(token.into());
        // What the client gave, whether it creates some, and what is used.
        let cases = [
            (Some("a"), false, Some("a")),
            (Some("a"), false, None),
            (Some("a"), true, Some("codesage00000000")),
            (None, false, None),
            (Some("codesage00000001"), true, Some("codesage00000001")),
            (None, true, Some("codesage00000002")),
        ];
        for (given, creates, expected) in cases {
            let reserved = tokens.reserve(given.map(text).as_ref(), creates, Box::new(|| {}));
            let expected = expected.map(|token| (text(token), given == Some(token)));
            assert_eq!(reserved, expected, "{given:?} {creates}");
        }
    }
}

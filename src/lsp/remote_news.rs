//! Tells the person when the server that they named does not answer, once each time, and in the log when it does again.
//!
//! An action that fails by it says the same: whoever comes first tells it, and the other one writes it to the log. Does
//! *not* decide who answers meanwhile: `engine::remote` does.

use std::sync::Arc;

use tower_lsp::lsp_types::MessageType;

use crate::engine::remote::{Health, RemoteStats};
use crate::lsp::session::Session;
use crate::threads::lock;

/// What was told of a server's failures.
#[derive(Debug, Default)]
pub struct Failures {
    /// Messages that were no action's.
    news: u64,
    /// The last of them, in small letters.
    problem: String,
    /// What the last action that failed has told since the server was well, in small letters.
    refusal: Option<String>,
}

impl Failures {
    /// For an action that begins.
    pub fn mark(&self) -> u64 {
        self.news
    }

    /// Whether a problem of the server is news, and not what an action has told just now.
    pub fn is_news(&mut self, problem: &str) -> bool {
        let problem = problem.to_lowercase();
        if self.refusal.take().is_some_and(|told| told.contains(&problem)) {
            return false;
        }
        self.news += 1;
        self.problem = problem;
        true
    }

    /// Whether the refusal of an action that began at `mark` is to interrupt: not where the news of that failure did
    /// while it ran.
    pub fn interrupts(&mut self, mark: u64, refusal: &str) -> bool {
        let refusal = refusal.to_lowercase();
        if self.news > mark && refusal.contains(&self.problem) {
            return false;
        }
        self.refusal = Some(refusal);
        true
    }

    /// The server is well: what was told is over.
    fn is_over(&mut self) {
        self.refusal = None;
    }
}

/// Follows the server until the session ends; returns at once where there is none.
pub async fn follow(session: Arc<Session>) {
    let Some(mut stats) = session.assistant.backend().remote() else { return };
    let (outbox, failures) = (session.outbox.clone(), session.failures.clone());
    // The session is let go, for this task must not keep it alive.
    drop(session);
    let mut told = None;
    loop {
        let now = stats.borrow_and_update().clone();
        if now.problem.is_none() {
            lock(&failures).is_over();
        }
        match (problem(&now), &told) {
            (Some(problem), Some(before)) if *before == problem => {}
            (Some(problem), _) => {
                let sentence = format!("{problem}. The local model answers meanwhile.");
                // NB: said under the lock, so that an action that fails with it knows.
                let mut failures = lock(&failures);
                if failures.is_news(&problem) {
                    outbox.warn(&sentence);
                } else {
                    outbox.log(MessageType::WARNING, &sentence);
                }
                told = Some(problem);
            }
            (None, Some(_)) if now.problem.is_none() => {
                outbox.log(MessageType::INFO, &format!("{} answers again", now.name()));
                told = None;
            }
            (None, _) => {}
        }
        if stats.changed().await.is_err() {
            return;
        }
    }
}

/// What is worth a message: not what passes by itself.
fn problem(stats: &RemoteStats) -> Option<String> {
    stats.problem.clone().filter(|_| stats.health == Health::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One word a step: `begin` of an action, `news` of a problem, `fail` of the action by it, `other` for another reason,
    /// `well` of the server. Each that interrupts is a `!`, each that is only logged a `.`.
    fn check(steps: &str, expected: &str) {
        let (mut failures, mut mark, mut found) = (Failures::default(), 0, String::new());
        for step in steps.split(' ') {
            let interrupts = match step {
                "news" => failures.is_news("gpu:8000 is not running"),
                "fail" => failures.interrupts(mark, "Gpu:8000 is not running; and no local model is loaded."),
                "other" => failures.interrupts(mark, "The answer was cut off."),
                "well" => {
                    failures.is_over();
                    continue;
                }
                _ => {
                    mark = failures.mark();
                    continue;
                }
            };
            found.push(if interrupts { '!' } else { '.' });
        }
        assert_eq!(found, expected, "{steps}");
    }

    #[test]
    fn one_failure_is_one_message() {
        check("news", "!");
        check("begin news fail", "!.");
        check("begin fail news", "!.");
        // Told before: whoever asks is told all the same why nothing comes of it, each time.
        check("news begin fail begin fail", "!!!");
        check("begin news fail begin fail", "!.!");
        // Another reason is another message, before it and behind it.
        check("begin news other", "!!");
        check("begin other news", "!!");
        // What was told before the server was well is an old story.
        check("begin fail well news", "!!");
        check("begin fail news well begin news fail", "!.!.");
    }
}

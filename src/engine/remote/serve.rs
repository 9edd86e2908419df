//! The engine's thread: questions as they come, each until it has an answer, by the server or by the local model.
//!
//! A runtime of its own on one thread, so that who asks may be anywhere, and ends with the session and not with theirs.

use std::sync::Arc;
use std::thread::Builder;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use super::ask::ask;
use super::server::Leave;
use super::state::States;
use super::trouble::Trouble;
use super::writing::Writing;
use crate::engine::{AnsweredBy, Backend, EngineError, Event, Lane, ModelState, Request, Stop, Usage};

/// One question.
pub struct Job {
    pub request: Request,
    pub leave: Leave,
    /// Who answers where the server does not.
    pub local: Arc<dyn Backend>,
    pub events: mpsc::UnboundedSender<Event>,
    pub by: AnsweredBy,
    pub cancel: Arc<Notify>,
    /// The end of the engine that was asked.
    pub stop: watch::Receiver<bool>,
}

/// One question that the local model answers in place of the server.
pub struct Detour {
    pub request: Request,
    /// What is wrong with the server, a sentence without its end.
    pub why: String,
    /// What was spent on it there.
    pub usage: Usage,
    pub local: Arc<dyn Backend>,
    pub events: mpsc::UnboundedSender<Event>,
    pub by: AnsweredBy,
    pub cancel: Arc<Notify>,
    pub stop: watch::Receiver<bool>,
}

/// What the thread is told.
pub enum Order {
    /// To learn what the server is, before anything is asked.
    Greet(Leave),
    /// To keep an engine's states up to date until that ends.
    Follow(States, watch::Receiver<bool>),
    Ask(Box<Job>),
    /// To have the local model answer, which may have to be loaded first.
    Detour(Box<Detour>),
}

/// Starts the thread. It ends when nobody can give it orders any more, and with it what runs.
pub fn start(orders: mpsc::UnboundedReceiver<Order>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Builder::new().name("codesage-remotes".into()).spawn(move || {
        runtime.block_on(serve(orders));
        // NB: a command that asks for a password may wait for ever.
        runtime.shutdown_background();
    })?;
    Ok(())
}

async fn serve(mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut working = JoinSet::new();
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            // A panic is the end of one question, which its hook has told.
            Some(_) = working.join_next() => continue,
        };
        match order {
            Some(Order::Greet(leave)) => working.spawn(greet(leave)),
            Some(Order::Follow(states, stop)) => working.spawn(follow(states, stop)),
            Some(Order::Ask(job)) => working.spawn(work(*job)),
            Some(Order::Detour(detour)) => working.spawn(detour.take()),
            None => return,
        };
    }
}

async fn follow(states: States, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = states.follow() => {}
        _ = stop.wait_for(|&stop| stop) => {}
    }
}

async fn greet(leave: Leave) {
    match leave.server().acquaintance().await {
        Ok(known) => {
            let host = leave.server().address.host().to_owned();
            tracing::info!(
                "{} at {host} answers, {} tokens at once",
                known.profile.name(),
                known.profile.context
            );
            leave.answered();
        }
        Err(trouble) => {
            tracing::warn!("{}", trouble.sentence);
            leave.failed(&trouble);
        }
    }
}

/// How the server's part ended.
enum Part {
    Cancelled,
    Stopped,
    Answered(Stop),
    Failed(Trouble),
}

async fn work(job: Job) {
    let Job { request, leave, local, events, by, cancel, mut stop } = job;
    let server = leave.server().clone();
    let hold = server.patience.hold(&request);
    let mut writing = Writing::new(request, events, by);
    let part = tokio::select! {
        biased;
        () = cancel.notified() => Part::Cancelled,
        _ = stop.wait_for(|&stop| stop) => Part::Stopped,
        answered = async {
            tokio::time::sleep(hold).await;
            ask(&server, &mut writing).await
        } => match answered {
            Ok(stop) => Part::Answered(stop),
            Err(trouble) => Part::Failed(trouble),
        },
    };
    let usage = writing.cost();
    if writing.has_begun() {
        server.waited(writing.wait());
    }
    server.count(|stats| {
        stats.prompt_tokens += u64::from(usage.prompt_tokens);
        stats.generated_tokens += u64::from(usage.generated_tokens);
    });
    match part {
        Part::Cancelled => {
            server.count(|stats| stats.cancelled += 1);
            drop(leave);
            writing.tell(Event::End { stop: Stop::Cancelled, usage });
        }
        Part::Stopped => writing.tell(Event::Failed(EngineError::Stopped)),
        Part::Answered(stop) => {
            server.count(|stats| stats.answered += 1);
            leave.answered();
            writing.tell(Event::End { stop, usage });
        }
        Part::Failed(trouble) => {
            leave.failed(&trouble);
            tracing::warn!("{}", trouble.sentence);
            if writing.has_begun() {
                // What is there may not be taken for the whole.
                server.count(|stats| stats.failed += 1);
                writing.tell(Event::Failed(EngineError::Remote(trouble.sentence)));
            } else {
                server.count(|stats| stats.fallbacks += 1);
                let (request, events, by) = writing.give_up();
                let why = trouble.sentence;
                Detour { request, why, usage, local, events, by, cancel, stop }.take().await;
            }
        }
    }
}

impl Detour {
    /// The local model answers, and is named; where it cannot, that is said with what was wrong first.
    async fn take(self) {
        let Self { request, why, usage, local, events, by, cancel, mut stop } = self;
        let mut hold = local.hold();
        let answered = async {
            // Who types does not wait for a model that is loaded first; who asked for an edit does.
            if request.lane == Lane::Action {
                hold.arrival().await;
            }
            if let ModelState::Ready(card) = &*local.watch().borrow() {
                let _ = by.set(card.name.clone());
            }
            let mut generation = local.generate(request);
            loop {
                match generation.next().await {
                    Some(piece @ Event::Piece(_)) => _ = events.send(piece),
                    Some(Event::Failed(error)) => {
                        let sentence = format!("{why}; and the local model does not answer either: {error}");
                        return Event::Failed(EngineError::Remote(sentence));
                    }
                    Some(end @ Event::End { .. }) => return end,
                    None => return Event::Failed(EngineError::Stopped),
                }
            }
        };
        let last = tokio::select! {
            biased;
            () = cancel.notified() => Event::End { stop: Stop::Cancelled, usage },
            _ = stop.wait_for(|&stop| stop) => Event::Failed(EngineError::Stopped),
            last = answered => last,
        };
        // Whoever asked may have gone.
        let _ = events.send(last);
    }
}

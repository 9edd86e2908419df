//! Who computes, where several engines share one processor: one decode at a time, by the same order as within an engine.
//!
//! Two engines that compute at once each take twice as long and more, since the threads of one wait for cores that the
//! other has. So they take turns: a completion of one model goes before an edit of another, whose running decode is
//! aborted for it; the edit, once it is owed a step, goes before everything, for that step. What is read or made ahead
//! of need waits for both. An engine that is alone never waits.
//!
//! An engine says what it wants with [`Desk::is_next`], and takes its turn with [`Desk::take`]; who has to wait is rung
//! for when that may have changed. Does *not* know what an engine does in its turn.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::engine::Lane;
use crate::threads::lock;

/// How much a turn is wanted; the last one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// What can be done at any other time.
    Chore,
    Lane(Lane),
    /// A step of an action that has waited for long.
    Owed,
}

/// The cores of the machine. A clone is the same.
#[derive(Clone, Default)]
pub struct Cores {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Somebody has had its turn.
    freed: Condvar,
    next_desk: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The desk whose turn it is, and for what.
    computing: Option<(u64, Want)>,
    waiting: Vec<Waiting>,
    /// Of all that ever began to wait.
    count: u64,
    desks: Vec<(u64, Arc<dyn Neighbour>)>,
}

struct Waiting {
    desk: u64,
    want: Want,
    since: u64,
}

/// An engine, as the others know it. Called without any lock of the cores.
pub trait Neighbour: Send + Sync {
    /// Looks again whether it is next. Also called for nothing.
    fn ring(&self);

    /// Makes way as soon as it can, if what it does can be interrupted.
    fn make_way(&self);
}

/// An engine's place among those that share the cores.
pub struct Desk {
    cores: Cores,
    id: u64,
}

/// One turn. Dropping it ends it.
pub struct Turn<'a> {
    desk: &'a Desk,
}

impl Cores {
    /// A place for one more engine.
    pub fn desk(&self, neighbour: Arc<dyn Neighbour>) -> Desk {
        let id = self.shared.next_desk.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.state).desks.push((id, neighbour));
        Desk { cores: self.clone(), id }
    }
}

impl PartialEq for Cores {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Cores {}

impl fmt::Debug for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cores")
    }
}

impl State {
    /// The one that is to compute next, where nobody does.
    fn next(&self) -> Option<u64> {
        let first = |waiting: &&Waiting| (waiting.want, std::cmp::Reverse(waiting.since));
        self.waiting.iter().max_by_key(first).map(|waiting| waiting.desk)
    }

    /// Notes what a desk wants. One that goes on wanting the same keeps its place among its equals.
    fn want(&mut self, desk: u64, want: Want) {
        match self.waiting.iter_mut().find(|waiting| waiting.desk == desk) {
            Some(waiting) if waiting.want == want => {}
            Some(waiting) => waiting.want = want,
            None => {
                self.count += 1;
                self.waiting.push(Waiting { desk, want, since: self.count });
            }
        }
    }

    fn forget(&mut self, desk: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.desk != desk);
        self.waiting.len() < before
    }

    fn neighbour(&self, desk: u64) -> Option<Arc<dyn Neighbour>> {
        self.desks.iter().find(|(id, _)| *id == desk).map(|(_, neighbour)| neighbour.clone())
    }

    /// Whom to ring for: who is next now, unless that is the one who asks.
    fn to_ring(&self, asking: u64) -> Option<Arc<dyn Neighbour>> {
        let next = self.next().filter(|next| self.computing.is_none() && *next != asking)?;
        self.neighbour(next)
    }
}

impl Desk {
    /// Whether it is this engine's turn, for that. Where it is not, it waits for it from now on, is rung for, and whoever
    /// computes something that is wanted less makes way. NB: not to be called with a lock that `ring` takes.
    pub fn is_next(&self, want: Want) -> bool {
        let (is_next, in_the_way, to_ring) = {
            let mut state = lock(&self.cores.shared.state);
            state.want(self.id, want);
            let is_next = state.computing.is_none() && state.next() == Some(self.id);
            // Only a completion is worth what an interrupted decode throws away.
            let in_the_way = state.computing.filter(|(_, running)| {
                want == Want::Lane(Lane::Completion) && *running < Want::Lane(Lane::Completion)
            });
            let in_the_way = in_the_way.and_then(|(desk, _)| state.neighbour(desk));
            (is_next, in_the_way, state.to_ring(self.id))
        };
        if let Some(neighbour) = in_the_way {
            neighbour.make_way();
        }
        // What this one wanted before may have kept another waiting.
        if let Some(neighbour) = to_ring {
            neighbour.ring();
        }
        is_next
    }

    /// Takes the turn, if it is this engine's.
    pub fn take(&self, want: Want) -> Option<Turn<'_>> {
        if !self.is_next(want) {
            return None;
        }
        let mut state = lock(&self.cores.shared.state);
        if state.computing.is_some() || state.next() != Some(self.id) {
            return None;
        }
        state.forget(self.id);
        state.computing = Some((self.id, want));
        Some(Turn { desk: self })
    }

    /// Waits for a turn, for as long as `goes_on`.
    pub fn wait(&self, want: Want, goes_on: &dyn Fn() -> bool) -> Option<Turn<'_>> {
        while goes_on() {
            if let Some(turn) = self.take(want) {
                return Some(turn);
            }
            let state = lock(&self.cores.shared.state);
            if state.computing.is_some() || state.next() != Some(self.id) {
                // NB: with a limit, since `goes_on` may have changed without anybody's turn ending.
                let _ = self.cores.shared.freed.wait_timeout(state, Duration::from_millis(10));
            }
        }
        self.leave();
        None
    }

    /// Wants nothing any more.
    pub fn leave(&self) {
        let to_ring = {
            let mut state = lock(&self.cores.shared.state);
            if state.forget(self.id) { state.to_ring(self.id) } else { None }
        };
        if let Some(neighbour) = to_ring {
            neighbour.ring();
        }
    }

    /// Whether another engine waits for something that is wanted more.
    pub fn is_in_the_way(&self, of: Want) -> bool {
        let state = lock(&self.cores.shared.state);
        state.waiting.iter().any(|waiting| waiting.desk != self.id && waiting.want > of)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let shared = &self.desk.cores.shared;
        let to_ring = {
            let mut state = lock(&shared.state);
            state.computing = None;
            state.to_ring(self.desk.id)
        };
        shared.freed.notify_all();
        if let Some(neighbour) = to_ring {
            neighbour.ring();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.leave();
        lock(&self.cores.shared.state).desks.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted {
        rung: AtomicUsize,
        made_way: AtomicUsize,
    }

    impl Neighbour for Counted {
        fn ring(&self) {
            self.rung.fetch_add(1, Ordering::SeqCst);
        }

        fn make_way(&self) {
            self.made_way.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Counted {
        fn seen(&self) -> (usize, usize) {
            (self.rung.load(Ordering::SeqCst), self.made_way.load(Ordering::SeqCst))
        }
    }

    const ACTION: Want = Want::Lane(Lane::Action);
    const COMPLETION: Want = Want::Lane(Lane::Completion);

    #[test]
    fn who_is_wanted_more_goes_first_and_the_running_one_makes_way_for_a_completion_alone() {
        let wants =
            [Want::Chore, Want::Lane(Lane::Warm), Want::Lane(Lane::Ahead), ACTION, COMPLETION, Want::Owed];
        assert!(wants.is_sorted());
        for running in wants {
            for waiting in wants {
                let cores = Cores::default();
                let (first, second) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
                let (one, other) = (cores.desk(first.clone()), cores.desk(second.clone()));
                let turn = one.take(running).expect("nobody computes");
                assert!(!other.is_next(waiting) && other.take(waiting).is_none());
                let makes_way = waiting == COMPLETION && running < COMPLETION;
                assert_eq!(first.seen().1 > 0, makes_way, "{running:?} for {waiting:?}");
                assert_eq!(one.is_in_the_way(running), waiting > running);
                assert_eq!(second.seen().0, 0);
                drop(turn);
                assert_eq!(second.seen().0, 1, "it is rung for once");
                // The one who just had a turn goes on only where it is wanted more.
                assert_eq!(one.is_next(running), running > waiting, "{running:?} after {waiting:?}");
                assert_eq!(other.is_next(waiting), running <= waiting);
            }
        }
    }

    #[test]
    fn equals_take_turns() {
        let cores = Cores::default();
        let desks = [0, 1].map(|_| cores.desk(Arc::new(Counted::default())));
        let mut had = Vec::new();
        for _ in 0..6 {
            let ready: Vec<bool> = desks.iter().map(|desk| desk.is_next(COMPLETION)).collect();
            let next = ready.iter().position(|&ready| ready).expect("one of them");
            drop(desks[next].take(COMPLETION).expect("it is its turn"));
            had.push(next);
        }
        assert_eq!(had, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn who_wants_nothing_more_or_is_gone_keeps_nobody_waiting() {
        let cores = Cores::default();
        let counted = Arc::new(Counted::default());
        let (one, other) = (cores.desk(Arc::new(Counted::default())), cores.desk(counted.clone()));
        assert!(one.is_next(COMPLETION) && !other.is_next(ACTION));
        one.leave();
        assert_eq!((counted.seen().0, other.is_next(ACTION)), (1, true));
        assert!(one.is_next(COMPLETION) && !other.is_next(ACTION));
        // What it wants now is less.
        assert!(!one.is_next(Want::Chore) && other.is_next(ACTION));
        assert_eq!(counted.seen().0, 2);
        assert!(one.is_next(COMPLETION));
        drop(one);
        assert!(other.take(ACTION).is_some());
    }

    #[test]
    fn waiting_ends_with_the_turn_or_when_it_is_in_vain() {
        let cores = Cores::default();
        let (one, other) =
            (cores.desk(Arc::new(Counted::default())), cores.desk(Arc::new(Counted::default())));
        let turn = one.take(ACTION).expect("nobody computes");
        assert!(other.wait(Want::Chore, &|| false).is_none());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| other.wait(Want::Chore, &|| true).is_some());
            drop(turn);
            assert!(waits.join().expect("it does not panic"));
        });
        assert!(one.is_next(Want::Chore));
    }
}

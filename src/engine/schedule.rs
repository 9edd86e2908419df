//! Which work goes next. Pure: lanes, arrival, and the moment before which a task does not want to decode.
//!
//! On a CPU batching requests gains nothing (every token costs the same again), so the rule is priority: Completion,
//! then Action, then Ahead, then Warm. A newer completion ends an older one, and what was made ahead of the older one;
//! actions queue; a newer warm-up ends an older one, since the cursor has moved on.
//!
//! With a model that takes longer for a completion than a person for the next key, that rule alone would stop an
//! action for as long as anybody types. So an action that was put off is owed a [`Turn`] now and then: one short
//! step, for which completions wait. What is done ahead of need is owed nothing, nor is an action that nothing was put
//! before: however slow the machine is, its steps are the usual ones then.

use std::time::{Duration, Instant};

use crate::engine::Lane;

/// What the scheduler knows of a task.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub lane: Lane,
    /// Order of arrival.
    pub arrival: u64,
    /// Not to be run before this.
    pub ready: Option<Instant>,
}

/// The index of the task to run now. With `owed`, an action goes before everything else.
pub fn next(entries: &[Entry], now: Instant, owed: bool) -> Option<usize> {
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.ready.is_none_or(|ready| ready <= now))
        .max_by_key(|(_, entry)| {
            let is_owed = owed && entry.lane == Lane::Action;
            (is_owed, entry.lane, std::cmp::Reverse(entry.arrival))
        })
        .map(|(index, _)| index)
}

/// An action is owed a step when it has waited for this long since the last one, and longer after a long one.
const PATIENCE: Duration = Duration::from_millis(100);
/// What it waits for each moment that its own step took: so actions get a fifth of the time, and take no more of it
/// from completions.
const WAIT_FOR_EACH: u32 = 4;
/// What a step that is owed may take, where the work can be divided: a completion waits for it.
const LONGEST_TURN: Duration = Duration::from_millis(30);

/// When the next step of an action is owed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    due: Option<Instant>,
}

impl Turn {
    /// Whether a step is owed now, for which something else waits. To be asked before every step: it notices when the
    /// first action comes, and when the last one has gone.
    pub fn is_owed(&mut self, entries: &[Entry], now: Instant) -> bool {
        if !entries.iter().any(|entry| entry.lane == Lane::Action) {
            self.due = None;
            return false;
        }
        let is_due = *self.due.get_or_insert(now + PATIENCE) <= now;
        is_due && next(entries, now, false).is_some_and(|first| entries[first].lane != Lane::Action)
    }

    /// When the next one is; none while there is no action.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// An action had a step, owed or not.
    pub fn had(&mut self, began: Instant, ended: Instant) {
        let took = ended.saturating_duration_since(began);
        self.due = Some(ended + PATIENCE.max(took * WAIT_FOR_EACH));
    }
}

/// Prompt tokens that a step which is owed may read, at a speed of tokens a second; 1 at the least, where nothing is
/// known of the speed too. Above 4 a multiple of 4, which is cheaper than one token less (`performance.md`, fact 8).
pub fn turn_tokens(per_second: f64) -> usize {
    let tokens = (per_second * LONGEST_TURN.as_secs_f64()) as usize;
    if tokens < 4 { tokens.max(1) } else { tokens - tokens % 4 }
}

/// When to look again after `looked`, if nothing runs until then.
pub fn wake(entries: &[Entry], looked: Instant) -> Option<Instant> {
    entries.iter().filter_map(|entry| entry.ready).filter(|&ready| ready > looked).min()
}

/// Whether the arrival of `new` ends `old`.
pub fn supersedes(new: &Entry, old: &Entry) -> bool {
    let newest_wins = match new.lane {
        Lane::Completion => matches!(old.lane, Lane::Completion | Lane::Ahead),
        Lane::Ahead | Lane::Warm => new.lane == old.lane,
        Lane::Action => false,
    };
    newest_wins && new.arrival > old.arrival
}

/// What a cancel waits for within a chunk, which cannot be divided, at most.
const LONGEST_PAUSE: Duration = Duration::from_millis(9);
/// Prompts are read more slowly in smaller chunks, whatever a cancel then waits for.
const SMALLEST_CHUNK: usize = 32;

/// Prompt tokens to read at once, `most` at most, where a cancel waits for `pause` times as many: a multiple of 16, for what
/// is left over of a product's tiles costs as much as a tile.
pub fn chunk(pause: Duration, most: usize) -> usize {
    let tokens = LONGEST_PAUSE.as_nanos() / pause.as_nanos().max(1);
    let tokens = usize::try_from(tokens).unwrap_or(most).min(most);
    (tokens - tokens % 16).max(SMALLEST_CHUNK.min(most))
}

/// Prompt tokens to try next, `most` at most, after `read` of `tried` were read before an interruption, or all: an
/// interrupted chunk is lost, so what did not fit between two keys is not tried again as it was.
pub fn next_chunk(tried: usize, read: usize, most: usize) -> usize {
    if read < tried { (tried / 2).max(1) } else { (2 * tried).min(most) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entry(lane: Lane, arrival: u64) -> Entry {
        Entry { lane, arrival, ready: None }
    }

    #[test]
    fn lanes_then_arrival() {
        use Lane::{Action, Completion, Warm};
        let now = Instant::now();
        for (entries, expected) in [
            (vec![], None),
            (vec![entry(Warm, 1)], Some(0)),
            (vec![entry(Warm, 1), entry(Action, 2), entry(Completion, 3)], Some(2)),
            (vec![entry(Warm, 1), entry(Lane::Ahead, 3), entry(Action, 2)], Some(2)),
            (vec![entry(Warm, 1), entry(Lane::Ahead, 3)], Some(1)),
            (vec![entry(Action, 2), entry(Action, 1)], Some(1)),
        ] {
            assert_eq!(next(&entries, now, false), expected, "{entries:?}");
        }
    }

    #[test]
    fn an_action_that_is_owed_a_step_goes_first() {
        use Lane::{Action, Completion, Warm};
        let now = Instant::now();
        for (entries, expected) in [
            (vec![entry(Warm, 1), entry(Completion, 4), entry(Action, 3), entry(Action, 2)], Some(3)),
            (vec![entry(Warm, 1), entry(Completion, 4)], Some(1)),
        ] {
            assert_eq!(next(&entries, now, true), expected, "{entries:?}");
        }
    }

    #[test]
    fn a_fifth_of_the_time_is_owed() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let both = [entry(Lane::Action, 1), entry(Lane::Completion, 2)];
        let mut turn = Turn::default();
        let mut check =
            |ms: u64, expected: bool| assert_eq!(turn.is_owed(&both, at(ms)), expected, "{ms} ms");
        check(0, false);
        check(99, false);
        check(100, true);
        for (began, ended, next) in [(100, 101, 201), (300, 350, 550), (600, 900, 2100)] {
            let mut turn = Turn::default();
            turn.had(at(began), at(ended));
            assert!(
                !turn.is_owed(&both, at(next - 1)) && turn.is_owed(&both, at(next)),
                "{began} to {ended}"
            );
        }
        // One that has the engine to itself is owed nothing, nor is one that waits for what is held.
        let held = Entry { ready: Some(at(10_000)), ..both[1] };
        for entries in [&both[..1], &[both[0], held]] {
            assert!(!turn.is_owed(entries, at(4000)), "{entries:?}");
        }
        assert!(turn.is_owed(&both, at(4000)));
        // Without an action nothing is owed, and the next one begins anew.
        assert!(!turn.is_owed(&both[1..], at(5000)) && !turn.is_owed(&both, at(5000)));
        assert!(turn.is_owed(&both, at(5100)));
    }

    #[test]
    fn a_turn_is_short() {
        for (per_second, tokens) in
            [(0.0, 1), (f64::NAN, 1), (45.0, 1), (100.0, 3), (150.0, 4), (333.0, 8), (4000.0, 120)]
        {
            assert_eq!(turn_tokens(per_second), tokens, "{per_second}");
        }
    }

    #[test]
    fn chunks_fit_between_two_keys() {
        for (tried, read, next) in
            [(128, 128, 128), (128, 0, 64), (3, 0, 1), (1, 0, 1), (1, 1, 2), (48, 16, 24), (96, 96, 128)]
        {
            assert_eq!(next_chunk(tried, read, 128), next, "{read} of {tried}");
        }
    }

    #[test]
    fn a_chunk_is_as_long_as_a_cancel_may_wait() {
        // Nanoseconds a token of models of 8 M, 0.5 B, 1.5 B and 7 B on two cores; and of none that there is.
        for (pause, tokens) in
            [(0, 128), (2_000, 128), (60_000, 128), (146_000, 48), (700_000, 32), (u64::MAX, 32)]
        {
            assert_eq!(chunk(Duration::from_nanos(pause), 128), tokens, "{pause}");
        }
        assert_eq!(chunk(Duration::from_millis(1), 8), 8);
    }

    #[test]
    fn held_work_lets_others_run() {
        let now = Instant::now();
        let later = now + Duration::from_millis(50);
        let held = Entry { ready: Some(later), ..entry(Lane::Completion, 2) };
        assert_eq!(next(&[held, entry(Lane::Action, 1)], now, false), Some(1));
        assert_eq!(next(&[held, entry(Lane::Action, 1)], later, false), Some(0));
        assert_eq!((wake(&[held], now), wake(&[held], later)), (Some(later), None));
    }

    #[test]
    fn the_newest_completion_wins_and_actions_queue() {
        use Lane::{Action, Ahead, Completion, Warm};
        for (new, old, expected) in [
            (entry(Completion, 2), entry(Ahead, 1), true),
            (entry(Ahead, 2), entry(Ahead, 1), true),
            (entry(Ahead, 2), entry(Completion, 1), false),
            (entry(Ahead, 2), entry(Warm, 1), false),
            (entry(Completion, 2), entry(Warm, 1), false),
            (entry(Completion, 2), entry(Completion, 1), true),
            (entry(Completion, 1), entry(Completion, 2), false),
            (entry(Completion, 2), entry(Action, 1), false),
            (entry(Action, 2), entry(Action, 1), false),
            (entry(Warm, 2), entry(Warm, 1), true),
        ] {
            assert_eq!(supersedes(&new, &old), expected, "{new:?} {old:?}");
        }
    }
}

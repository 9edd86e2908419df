//! Which work goes next. Pure: lanes, arrival, and the moment before which a task does not want to decode.
//!
//! On a CPU batching requests gains nothing (every token costs the same again), so the rule is strict priority:
//! Completion, then Action, then Ahead, then Warm. A newer completion ends an older one, and what was made ahead of
//! the older one; actions queue; a newer warm-up ends an older one, since the cursor has moved on.

use std::time::Instant;

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

/// The index of the task to run now.
pub fn next(entries: &[Entry], now: Instant) -> Option<usize> {
    entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.ready.is_none_or(|ready| ready <= now))
        .max_by_key(|(_, entry)| (entry.lane, std::cmp::Reverse(entry.arrival)))
        .map(|(index, _)| index)
}

/// When to look again, if nothing runs until then.
pub fn wake(entries: &[Entry]) -> Option<Instant> {
    entries.iter().filter_map(|entry| entry.ready).min()
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
            assert_eq!(next(&entries, now), expected, "{entries:?}");
        }
    }

    #[test]
    fn held_work_lets_others_run() {
        let now = Instant::now();
        let later = now + Duration::from_millis(50);
        let held = Entry { ready: Some(later), ..entry(Lane::Completion, 2) };
        assert_eq!(next(&[held, entry(Lane::Action, 1)], now), Some(1));
        assert_eq!(next(&[held, entry(Lane::Action, 1)], later), Some(0));
        assert_eq!(wake(&[held]), Some(later));
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

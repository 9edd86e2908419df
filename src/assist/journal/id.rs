//! Names of actions: short, in the order of time, and different whichever process made them.
//!
//! Ten signs of 50 bits: milliseconds since the begin of 2026, which last until 2095, and nine bits of chance, so that
//! two processes that begin in the same millisecond seldom meet. The beginning of a name is a time, coarsely: that is
//! why `codesage journal` takes one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Crockford's: no sign looks like another, and they sort as they count.
const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: u32 = 10;
const CHANCE_BITS: u32 = 9;
/// 2026-01-01, from 1970.
const BEGIN: Duration = Duration::from_secs(1_767_225_600);

/// Makes the names of one process.
#[derive(Debug, Default)]
pub struct Ids {
    last: AtomicU64,
}

impl Ids {
    /// A name for something that begins now.
    pub fn next(&self) -> String {
        self.at(SystemTime::now(), fastrand::u64(..))
    }

    /// Later than all that were given out, whatever the clock says.
    fn at(&self, time: SystemTime, chance: u64) -> String {
        let since = time.duration_since(UNIX_EPOCH + BEGIN).unwrap_or_default().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        let number = since << CHANCE_BITS | chance & ((1 << CHANCE_BITS) - 1);
        let later = |last: u64| number.max(last.wrapping_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)));
        spelt(later(last.unwrap_or_else(|last| last)))
    }
}

fn spelt(number: u64) -> String {
    let sign = |place: u32| SIGNS[(number >> (5 * place) & 31) as usize];
    (0..LENGTH).rev().map(|place| char::from(sign(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_they_were_given() {
        let begin = UNIX_EPOCH + BEGIN;
        let ids = Ids::default();
        let names: Vec<String> = [
            (0, 0),
            (0, 0),
            // A clock that was put back.
            (-5, 9),
            (1, 511),
            (1, 3),
            (2, 0),
            (1_000, 0),
            (86_400_000 * 365 * 60, 0),
        ]
        .into_iter()
        .map(|(milliseconds, chance): (i64, u64)| {
            let distance = Duration::from_millis(milliseconds.unsigned_abs());
            ids.at(if milliseconds < 0 { begin - distance } else { begin + distance }, chance)
        })
        .collect();
        assert_eq!(names[0], "0000000001");
        assert_eq!(names[3], "00000000zz");
        assert!(names.iter().all(|name| name.len() == 10), "{names:?}");
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    #[test]
    fn two_processes_at_once_make_different_names() {
        let moment = UNIX_EPOCH + BEGIN + Duration::from_secs(1);
        assert_ne!(Ids::default().at(moment, 1), Ids::default().at(moment, 2));
    }
}

//! Which models make room for another one. Pure: bytes in, a decision out.

/// How many of those that are there go, in the order in which they are given, and the bytes that the new one may then
/// take: as few as possible, so that it has at least `fair`. The last ones go where nothing else helps; whether it can
/// be loaded then is for its engine to say. `total`: what all may take together, none: nobody says.
pub fn make_room(total: Option<u64>, fair: u64, present: &[u64]) -> (usize, Option<u64>) {
    let Some(total) = total else { return (0, None) };
    let left = |gone: usize| {
        let staying = present.iter().skip(gone).fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
        total.saturating_sub(staying)
    };
    let gone = (0..present.len()).find(|&gone| left(gone) >= fair).unwrap_or(present.len());
    (gone, Some(left(gone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_go_as_possible() {
        for (total, fair, present, expected) in [
            (None, 9, &[5, 5][..], (0, None)),
            (Some(10), 4, &[], (0, Some(10))),
            (Some(10), 11, &[], (0, Some(10))),
            (Some(10), 4, &[3, 3], (0, Some(4))),
            (Some(10), 5, &[3, 3], (1, Some(7))),
            (Some(10), 8, &[3, 3], (2, Some(10))),
            (Some(10), 80, &[3, 3], (2, Some(10))),
            // They take more than they may already: the budget was made smaller.
            (Some(10), 0, &[30, 3], (0, Some(0))),
            (Some(10), 1, &[30, 3], (1, Some(7))),
            (Some(10), 1, &[u64::MAX, u64::MAX], (2, Some(10))),
        ] {
            assert_eq!(make_room(total, fair, present), expected, "{total:?} {fair} {present:?}");
        }
    }
}

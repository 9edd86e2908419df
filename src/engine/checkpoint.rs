//! Which states of a sequence to keep, where its memory cannot be cut off behind a token. Pure: what a state is, and
//! how one is put back, is the business of `llama`.
//!
//! A recurrent or hybrid model folds what it reads into a state of fixed size, which cannot be taken back. So its state
//! is kept now and then; a sequence is cut off by putting the last state back that lies before the cut, and what lies
//! between the two is read again. People go back a little far more often than far: states are kept densely behind the
//! newest, and ever more thinly before that.

/// States of one sequence, each behind its first so many tokens.
#[derive(Debug)]
pub struct Checkpoints<S> {
    /// By place, in rising order.
    kept: Vec<(usize, S)>,
}

impl<S> Default for Checkpoints<S> {
    fn default() -> Self {
        Self { kept: Vec::new() }
    }
}

impl<S> Checkpoints<S> {
    /// Whether the state behind the first `at` tokens is kept.
    pub fn has(&self, at: usize) -> bool {
        self.kept.iter().any(|&(place, _)| place == at)
    }

    /// Keeps the state behind the first `at` tokens, which is the whole sequence, and gives the least useful one up
    /// where there are more than `most` of them, one at the least.
    pub fn keep(&mut self, at: usize, state: S, most: usize) {
        self.forget_behind(at.saturating_sub(1));
        self.kept.push((at, state));
        while self.kept.len() > most.max(1) {
            let places: Vec<usize> = self.kept.iter().map(|&(place, _)| place).collect();
            self.kept.remove(least_useful(&places));
        }
    }

    /// The last state at or before the first `at` tokens, and its place.
    pub fn before(&self, at: usize) -> Option<&(usize, S)> {
        self.kept.iter().rev().find(|&&(place, _)| place <= at)
    }

    /// Forgets all behind the first `keep` tokens, as the sequence did.
    pub fn forget_behind(&mut self, keep: usize) {
        self.kept.retain(|&(place, _)| place <= keep);
    }
}

/// The index of the place, never the last, without which the least has to be read again: where its neighbours are near
/// to one another, by how far all that is from the end.
fn least_useful(places: &[usize]) -> usize {
    let end = places.last().copied().unwrap_or(0);
    let use_of = |index: usize| {
        let before = index.checked_sub(1).map_or(0, |before| places[before]);
        (places[index + 1] - before) as f64 / (end - places[index] + 1) as f64
    };
    (0..places.len().saturating_sub(1)).min_by(|&a, &b| use_of(a).total_cmp(&use_of(b))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(checkpoints: &Checkpoints<usize>) -> Vec<usize> {
        checkpoints.kept.iter().map(|&(place, _)| place).collect()
    }

    /// A prompt in chunks, then key by key: the last keys one by one, the rest ever more thinly.
    #[test]
    fn states_are_dense_where_people_go_back() {
        let mut checkpoints = Checkpoints::default();
        let chunks = (1..=8).map(|chunk| chunk * 128);
        for at in chunks.chain(1024..1100) {
            checkpoints.keep(at, at, 8);
        }
        assert_eq!(kept(&checkpoints), [512, 896, 1024, 1067, 1088, 1096, 1098, 1099]);
        // What a step back then costs.
        for back in 1..600 {
            let at = 1099 - back;
            let again = at - checkpoints.before(at).map_or(0, |&(place, _)| place);
            assert!(again <= 2 * back, "{again} tokens again, {back} back");
        }
    }

    #[test]
    fn the_last_one_before_a_cut_is_put_back() {
        let mut checkpoints = Checkpoints::default();
        for at in [10, 20, 30] {
            checkpoints.keep(at, at * 2, 8);
        }
        for (at, expected) in [(9, None), (10, Some((10, 20))), (29, Some((20, 40))), (99, Some((30, 60)))] {
            assert_eq!(checkpoints.before(at).copied(), expected, "{at}");
        }
        checkpoints.forget_behind(20);
        assert_eq!(kept(&checkpoints), [10, 20]);
        assert!(checkpoints.has(20) && !checkpoints.has(30));
        // A sequence that goes on otherwise, and one that is read again.
        checkpoints.keep(15, 0, 8);
        checkpoints.keep(15, 1, 8);
        assert_eq!(checkpoints.kept, [(10, 20), (15, 1)]);
        // The newest stays, however few may.
        checkpoints.keep(16, 2, 0);
        assert_eq!(checkpoints.kept, [(16, 2)]);
    }
}

//! How sure a figure is: where it would lie in 95 of 100 repetitions, by drawing rounds anew from those there were.

/// Repetitions that are drawn.
const DRAWN: usize = 1000;
/// The share on either side that is left out.
const TAIL: f64 = 0.025;

/// The figure that `of` makes of rounds, named by their indices, over `rounds` drawn with repetition. `None` where it
/// makes none, or where there are too few rounds to say anything.
pub fn interval(rounds: usize, of: impl Fn(&[usize]) -> Option<f64>) -> Option<(f64, f64)> {
    if rounds < 2 {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(rounds as u64);
    let mut figures = Vec::with_capacity(DRAWN);
    for _ in 0..DRAWN {
        let drawn: Vec<usize> = (0..rounds).map(|_| random.usize(..rounds)).collect();
        figures.extend(of(&drawn));
    }
    figures.sort_by(f64::total_cmp);
    let at = |share: f64| {
        figures.get(((figures.len() as f64 * share) as usize).min(figures.len().checked_sub(1)?))
    };
    Some((*at(TAIL)?, *at(1.0 - TAIL)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_figure_and_narrows() {
        let mean = |values: &[f64], drawn: &[usize]| {
            Some(drawn.iter().map(|&at| values[at]).sum::<f64>() / drawn.len() as f64)
        };
        let wide = [1.0, 9.0, 2.0, 8.0];
        let (low, high) = interval(4, |drawn| mean(&wide, drawn)).unwrap();
        assert!((1.0..5.0).contains(&low) && high > 5.0 && high <= 9.0, "{low} {high}");
        let many: Vec<f64> = wide.into_iter().cycle().take(400).collect();
        let (lower, higher) = interval(400, |drawn| mean(&many, drawn)).unwrap();
        assert!(low < lower && lower < 5.0 && 5.0 < higher && higher < high);
        assert_eq!(interval(4, |_| Some(3.0)), Some((3.0, 3.0)));
        assert_eq!((interval(4, |_| None), interval(1, |_| Some(1.0))), (None, None));
    }
}

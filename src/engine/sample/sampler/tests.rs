use proptest::prelude::*;

use super::*;

/// Nothing but a draw.
const PURE: Sampling = Sampling {
    temperature: 1.0,
    top_k: 0,
    top_p: 1.0,
    min_p: 0.0,
    repeat_penalty: 1.0,
    repeat_last: 0,
    mirostat: Mirostat::Off,
    tau: 5.0,
    eta: 0.1,
    seed: 1,
};

/// Logits of these probabilities, in a row that does not add up to 1.
fn row(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().map(|p| p.ln() + 7.0).collect()
}

fn drawn(sampling: Sampling, row: &[f32], count: usize) -> Vec<Token> {
    let mut sampler = Sampler::new(sampling, &[]);
    (0..count).map(|_| sampler.choose(row).expect("a row of numbers").token).collect()
}

fn shares(tokens: &[Token], width: usize) -> Vec<f32> {
    let share = |id| tokens.iter().filter(|&&token| token == id).count() as f32 / tokens.len() as f32;
    (0..width as Token).map(share).collect()
}

#[test]
fn shares_are_those_of_the_definition() {
    let row = row(&[0.15, 0.5, 0.05, 0.3]);
    for (what, sampling, expected) in [
        ("nothing", PURE, [0.15, 0.5, 0.05, 0.3]),
        // The square roots, and the squares.
        ("warm", Sampling { temperature: 2.0, ..PURE }, [0.2097, 0.3829, 0.1211, 0.2966].map(|x| x / 1.0103)),
        ("cool", Sampling { temperature: 0.5, ..PURE }, [0.0225, 0.25, 0.0025, 0.09].map(|x| x / 0.365)),
        ("top-k", Sampling { top_k: 2, ..PURE }, [0.0, 0.625, 0.0, 0.375]),
        ("top-k of more than there are", Sampling { top_k: 9, ..PURE }, [0.15, 0.5, 0.05, 0.3]),
        // 0.5 is not enough, 0.5 + 0.3 is.
        ("top-p", Sampling { top_p: 0.6, ..PURE }, [0.0, 0.625, 0.0, 0.375]),
        ("top-p of what is left", Sampling { top_k: 2, top_p: 0.62, ..PURE }, [0.0, 1.0, 0.0, 0.0]),
        ("top-p of nothing", Sampling { top_p: 0.0, ..PURE }, [0.0, 1.0, 0.0, 0.0]),
        // At least 0.4 × 0.5.
        ("min-p", Sampling { min_p: 0.4, ..PURE }, [0.0, 0.625, 0.0, 0.375]),
        ("min-p beyond all", Sampling { min_p: 3.0, ..PURE }, [0.0, 1.0, 0.0, 0.0]),
        // Truncation comes before the temperature.
        ("in order", Sampling { min_p: 0.4, temperature: 1e30, ..PURE }, [0.0, 0.5, 0.0, 0.5]),
    ] {
        let found = shares(&drawn(sampling, &row, 20_000), 4);
        for (found, expected) in found.iter().zip(expected) {
            // Three times the deviation of 20,000 draws.
            assert!((found - expected).abs() < 0.011, "{what}: {found} is not {expected}");
        }
    }
}

#[test]
fn a_seed_is_a_sequence() {
    let row = row(&[0.2; 5]);
    let with = |seed| drawn(Sampling { seed, ..PURE }, &row, 50);
    assert_eq!(with(7), with(7));
    assert_ne!(with(7), with(8));
    // The reference implementation's first number for the seed 0.
    assert_eq!(SplitMix(0).fraction(), (0xe220_a839_7b1d_cdaf_u64 >> 40) as f32 / 16_777_216.0);
}

#[test]
fn what_was_said_comes_less() {
    let greedy = Sampling::default();
    let penalty = |repeat_penalty, repeat_last| Sampling { repeat_penalty, repeat_last, ..greedy };
    for (row, prompt, sampling, expected) in [
        ([2.0, 1.9, 1.0], vec![0], greedy, 0),
        ([2.0, 1.9, 1.0], vec![0], penalty(1.1, 64), 1),
        // Once, however often it was said: 2 / 1.1² would be less than 1.7.
        ([2.0, 1.7, 1.0], vec![0, 0], penalty(1.1, 64), 0),
        ([-1.0, -1.5, -9.0], vec![0], penalty(2.0, 64), 1),
        ([2.0, 1.9, 1.0], vec![0, 2], penalty(1.1, 1), 0),
        ([2.0, 1.9, 1.0], vec![0, 2], penalty(1.1, 2), 1),
        ([2.0, 1.9, 1.0], vec![0], penalty(1.1, 0), 0),
        ([2.0, 1.9, 1.0], vec![0, -1, 99], penalty(f32::NAN, 64), 0),
        ([2.0, 1.9, 1.0], vec![0, -1, 99], penalty(1.1, 64), 1),
    ] {
        let chosen = Sampler::new(sampling, &prompt).choose(&row).unwrap();
        assert_eq!(chosen.token, expected, "{row:?} after {prompt:?} by {sampling:?}");
    }
    // What is chosen counts too, and the window moves on.
    assert_eq!(drawn(penalty(1.5, 2), &[3.0, 2.5, 2.4], 6), [0, 1, 2, 0, 1, 2]);
}

/// Whatever is chosen and however, the probability is that of the row.
#[test]
fn probabilities_are_those_of_the_row() {
    let probabilities = [0.15f32, 0.5, 0.05, 0.3];
    let odd = Sampling { temperature: 5.0, top_k: 3, repeat_penalty: 1.3, repeat_last: 9, ..PURE };
    let mut sampler = Sampler::new(odd, &[1]);
    for _ in 0..100 {
        let choice = sampler.choose(&row(&probabilities)).unwrap();
        let expected = probabilities[choice.token as usize].ln();
        assert!((choice.log_probability - expected).abs() < 1e-5, "{choice:?}");
    }
}

/// Mirostat holds the mean surprise near what it is told, where a plain draw does not.
#[test]
fn mirostat_aims() {
    let zipf: Vec<f32> = (1..=500).map(|rank| -(rank as f32).ln()).collect();
    let surprise = |sampling| {
        let mut sampler = Sampler::new(sampling, &[]);
        let draws = (0..1500).map(|_| -sampler.choose(&zipf).unwrap().log_probability / 2f32.ln());
        draws.sum::<f32>() / 1500.0
    };
    assert!(surprise(PURE) > 6.0);
    for mirostat in [Mirostat::V1, Mirostat::V2] {
        let low = surprise(Sampling { mirostat, tau: 3.0, ..PURE });
        let high = surprise(Sampling { mirostat, tau: 5.0, ..PURE });
        // The bound is on what is left after truncation, so the row's own surprise is a little higher.
        assert!((3.0..4.5).contains(&low), "{mirostat:?}: {low}");
        assert!((5.0..6.3).contains(&high), "{mirostat:?}: {high}");
    }
    // It gives way where there is less surprise than it aims at, and tightens where there is more.
    let bound = |mirostat, tau, row: &[f32]| {
        let mut sampler = Sampler::new(Sampling { mirostat, tau, ..PURE }, &[]);
        for _ in 0..50 {
            sampler.choose(row);
        }
        sampler.mu
    };
    for mirostat in [Mirostat::V1, Mirostat::V2] {
        assert!(bound(mirostat, 3.0, &row(&[0.999, 0.001])) > 15.0, "{mirostat:?}");
    }
    assert!(bound(Mirostat::V2, 5.0, &zipf) < 9.5);
    // Truncation's numbers do nothing beside it, and no temperature is no chance.
    let off = Sampling { mirostat: Mirostat::V2, top_k: 1, ..PURE };
    assert!(surprise(off) > 3.0);
    assert_eq!(drawn(Sampling { temperature: 0.0, ..off }, &zipf, 3), [0, 0, 0]);
}

#[test]
fn forced_text_is_not_drawn() {
    let row = row(&[0.1, 0.5, 0.1, 0.3]);
    let mut sampler = Sampler::new(PURE, &[]);
    for _ in 0..20 {
        assert_eq!(sampler.choose_among(&row, [0, 3].into_iter()).map(|choice| choice.token), Some(3));
    }
    // But it was said.
    let penalty = Sampling { repeat_penalty: 9.0, repeat_last: 1, ..Sampling::default() };
    let mut sampler = Sampler::new(penalty, &[]);
    sampler.choose_among(&[3.0, 2.0], [0].into_iter());
    assert_eq!(sampler.choose(&[3.0, 2.0]).map(|choice| choice.token), Some(1));
}

fn any_number() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -20.0f32..20.0,
        1 => any::<f32>(),
        1 => prop::sample::select(vec![
            f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN, f32::MAX, 0.0, -0.0, f32::MIN_POSITIVE, 1.0,
        ]),
    ]
}

prop_compose! {
    fn any_sampling()(
        temperature in any_number(), top_k in 0u32..9, top_p in any_number(), min_p in any_number(),
        repeat_penalty in any_number(), repeat_last in 0u32..5, tau in any_number(), eta in any_number(),
        mirostat in prop::sample::select(vec![Mirostat::Off, Mirostat::V1, Mirostat::V2]), seed: u64,
    ) -> Sampling {
        Sampling {
            temperature, top_k, top_p, min_p, repeat_penalty, repeat_last, mirostat, tau, eta, seed,
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(
        row in prop::collection::vec(any_number(), 0..12),
        sampling in any_sampling(),
        prompt in prop::collection::vec(-2..14, 0..6),
    ) {
        let mut sampler = Sampler::new(sampling, &prompt);
        for _ in 0..8 {
            let choice = sampler.choose(&row);
            prop_assert_eq!(choice.is_some(), greedy(&row).is_some());
            if let Some(Choice { token, log_probability }) = choice {
                prop_assert!(number(&row, token).is_some());
                prop_assert!(log_probability <= 0.0, "{}", log_probability);
            }
        }
    }

    #[test]
    fn without_chance_it_is_greedy(row in prop::collection::vec(any_number(), 0..12), seed: u64, cold in -1f32..=0.0) {
        for sampling in [
            Sampling { seed, ..Sampling::default() },
            Sampling { temperature: cold, seed, ..PURE },
            Sampling { top_k: 1, seed, ..PURE },
        ] {
            prop_assert_eq!(Sampler::new(sampling, &[]).choose(&row), greedy(&row));
        }
        // And on the way there, where one is likelier than the rest.
        let best = greedy(&row).map(|choice| choice.token);
        let rivals = row.iter().filter(|&&x| best.is_some_and(|best| bounded(x) + 0.1 > row[best as usize])).count();
        if rivals == 1 {
            let chosen = Sampler::new(Sampling { temperature: 1e-4, seed, ..PURE }, &[]).choose(&row);
            prop_assert_eq!(chosen.map(|choice| choice.token), best);
        }
    }
}

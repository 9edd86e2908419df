//! How models of a size are run and asked, where nobody has said otherwise.

use serde::Deserialize;

use super::FILE;

/// A row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// Of fewer parameters than this; none: whatever is left.
    pub below: Option<u64>,
    /// Tokens of one prompt with its answer: the windows, the snippets, what may be typed before they are set anew, and
    /// an answer, with room to spare.
    pub context: u32,
    /// How far an edit may stray from the likeliest text.
    pub temperature: f32,
    /// How much less likely the last tokens are made in an edit; 1: no less.
    pub repeat_penalty: f32,
    /// Tokens of code that an edit may rewrite.
    pub region: u32,
}

/// The profile of a model with so many parameters.
pub fn profile(parameters: u64) -> &'static Profile {
    let found = FILE.profile.iter().find(|profile| profile.below.is_none_or(|below| parameters < below));
    found.or(FILE.profile.last()).expect("the catalogue is compiled in and a test reads it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_its_profile() {
        let rows = &FILE.profile;
        assert!(rows.last().is_some_and(|last| last.below.is_none()), "the last row takes what is left");
        assert!(rows.windows(2).all(|pair| pair[0].below < pair[1].below.or(Some(u64::MAX))), "in order");
        for (parameters, context, region) in [
            (0, 4096, 1024),
            (999_999_999, 4096, 1024),
            (1_000_000_000, 4096, 2048),
            (7_600_000_000, 4096, 2048),
            (14_700_000_000, 8192, 3072),
            (u64::MAX, 8192, 3072),
        ] {
            let profile = profile(parameters);
            assert_eq!((profile.context, profile.region), (context, region), "{parameters}");
            assert!((0.0..=2.0).contains(&profile.temperature));
            assert!((1.0..=2.0).contains(&profile.repeat_penalty));
        }
    }
}

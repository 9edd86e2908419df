//! Parts of the server that can be switched off to see what they are worth: for measuring, and for nothing else.
//!
//! The command line says it (`--without`), and no settings file or editor but where a part names its setting: a part that
//! is off makes the server slower and changes nothing that it says, healing excepted. What is not listed here cannot be
//! switched off.

use std::str::FromStr;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Frozen texts of a prompt that stay while somebody types.
    Anchor,
    /// Closers right of the cursor kept out of the prompt.
    Closers,
    /// The last piece before the cursor taken back and forced.
    Healing,
    /// What other places have read kept beside what this one has.
    Places,
    /// A suggestion that is being typed answered by what was made for it.
    TypeThrough,
    /// What comes behind a suggestion that is shown: `completion.speculate`.
    Speculation,
    /// Reading where the cursor rests: `completion.warmUp`.
    Warm,
    /// What an edit repeats, verified in batches.
    Drafts,
    /// What follows elsewhere, in the file and in other open ones, before what a small model would write.
    Precedents,
}

/// Which of them are on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    off: Vec<Part>,
}

impl Part {
    pub const ALL: [Part; 9] = [
        Part::Anchor,
        Part::Closers,
        Part::Healing,
        Part::Places,
        Part::TypeThrough,
        Part::Speculation,
        Part::Warm,
        Part::Drafts,
        Part::Precedents,
    ];

    /// As it stands in `--without`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Anchor => "anchor",
            Part::Closers => "closers",
            Part::Healing => "healing",
            Part::Places => "places",
            Part::TypeThrough => "type-through",
            Part::Speculation => "speculation",
            Part::Warm => "warm",
            Part::Drafts => "drafts",
            Part::Precedents => "precedents",
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.ok_or_else(|| format!("the parts are {}", Self::ALL.map(Part::name).join(", ")))
    }
}

impl Parts {
    pub fn without(off: Vec<Part>) -> Self {
        Self { off }
    }

    pub fn has(&self, part: Part) -> bool {
        !self.off.contains(&part)
    }

    /// Those that are off.
    pub fn off(&self) -> &[Part] {
        &self.off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_on_until_named() {
        for part in Part::ALL {
            assert_eq!(part.name().parse(), Ok(part));
            assert!(Parts::default().has(part) && !Parts::without(vec![part]).has(part));
        }
        let error = "everything".parse::<Part>().unwrap_err();
        let all = "anchor, closers, healing, places, type-through, speculation, warm, drafts, precedents";
        assert_eq!(error, format!("the parts are {all}"));
    }
}

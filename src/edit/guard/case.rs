//! A change as the guards look at it: both texts, and what of each may differ.

use std::ops::Range;

use crate::edit::Yield;
use crate::edit::guard::instruction::Asked;
use crate::edit::guard::{Change, Guard, Refusal};
use crate::syntax::lines;
use crate::syntax::parts::Parts;
use crate::syntax::skeleton::Skeleton;
use crate::text::Document;

pub struct Case<'a> {
    pub change: &'a Change<'a>,
    pub asked: Asked,
    pub old: Side<'a>,
    pub new: Side<'a>,
}

/// The text before or after a change.
pub struct Side<'a> {
    pub document: &'a Document,
    pub text: String,
    /// The region of a rewrite, the smallest difference of an addition: bytes of `text`, whole characters.
    pub region: Range<usize>,
}

impl<'a> Case<'a> {
    /// `new` is the text after the change. Refused where the change is larger than its region.
    pub fn of(change: &'a Change<'a>, new: &'a Document) -> Result<Self, Refusal> {
        let rope = change.document.rope();
        let old = rope.to_string();
        let (above, below) = match change.brings {
            Yield::Addition => same_ends(&old, change.text),
            Yield::Rewrite | Yield::Prose => {
                let start = lines::floor(rope, change.region.start);
                (start, old.len() - lines::floor(rope, change.region.end).max(start))
            }
        };
        let outside = |text: &'a str| {
            let end = text.len().checked_sub(below).filter(|end| above <= *end)?;
            Some((text.get(..above)?, text.get(end..)?))
        };
        let same_outside = outside(change.text).is_some_and(|(before, after)| {
            old.get(..above) == Some(before) && old.get(old.len() - below..) == Some(after)
        });
        if !same_outside {
            let sentence = "The change reaches outside the lines that it was asked for. Select all that may be \
                            changed, or ask for less.";
            return Err(Refusal::new(Guard::Invariant, sentence));
        }
        Ok(Self {
            change,
            asked: Asked::of(change.instruction),
            old: Side { document: change.document, region: above..old.len() - below, text: old },
            new: Side {
                document: new,
                region: above..change.text.len() - below,
                text: change.text.to_owned(),
            },
        })
    }
}

impl Side<'_> {
    pub fn region_text(&self) -> &str {
        self.text.get(self.region.clone()).unwrap_or_default()
    }

    /// `None` where the language or the size of the text allows no judgement by trees.
    pub fn skeleton(&self) -> Option<Skeleton> {
        Some(Skeleton::of(self.document.rope(), self.document.tree()?, &self.parts()?))
    }

    pub fn parts(&self) -> Option<Parts> {
        Parts::of(self.document.language(), self.document.rope(), self.document.tree()?)
    }

    /// The text of the line of `offset`, for a sentence, and its number as editors print it.
    pub fn quote(&self, offset: usize) -> String {
        let rope = self.document.rope();
        let line = rope.byte_to_line(lines::floor(rope, offset));
        format!("`{}` (line {})", lines::text(rope, line).trim(), line + 1)
    }
}

/// How many bytes two texts begin and end with alike, in whole characters, none of them counted twice.
pub fn same_ends(old: &str, new: &str) -> (usize, usize) {
    let same = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum::<usize>()
    };
    let above = same(&mut old.chars(), &mut new.chars());
    let below = same(&mut old[above..].chars().rev(), &mut new[above..].chars().rev());
    (above, below)
}

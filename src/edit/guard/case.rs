//! A change as the guards look at it: both texts, and what of each may differ.

use std::cell::OnceCell;
use std::ops::Range;

use crate::edit::Yield;
use crate::edit::guard::instruction::Asked;
use crate::edit::guard::{Change, Guard, Refusal};
use crate::edit::hunk::{self, lines::Line};
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
    parts: OnceCell<Option<Parts>>,
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
        let side = |document, text: String| Side {
            document,
            region: above..text.len() - below,
            text,
            parts: OnceCell::new(),
        };
        Ok(Self {
            change,
            asked: Asked::of(change.instruction),
            old: side(change.document, old),
            new: side(new, change.text.to_owned()),
        })
    }
}

impl Side<'_> {
    pub fn region_text(&self) -> &str {
        self.text.get(self.region.clone()).unwrap_or_default()
    }

    /// The text above the region and below it.
    pub fn outside(&self) -> [&str; 2] {
        let Range { start, end } = self.region.clone();
        [0..start, end..self.text.len()].map(|range| self.text.get(range).unwrap_or_default())
    }

    /// `None` where the language or the size of the text allows no judgement by trees.
    pub fn skeleton(&self) -> Option<Skeleton> {
        Some(Skeleton::of(self.document.rope(), self.document.tree()?, self.parts()?))
    }

    /// `None` where the language says nothing about them, or it takes too long to find them all.
    pub fn parts(&self) -> Option<&Parts> {
        let find = || Parts::of(self.document.language(), self.document.rope(), self.document.tree()?);
        self.parts.get_or_init(find).as_ref()
    }

    /// The text of the line of `offset`, for a sentence, and its number as editors print it.
    pub fn quote(&self, offset: usize) -> String {
        let (rope, line) = (self.document.rope(), self.line(offset));
        format!("`{}` (line {line})", lines::text(rope, line - 1).trim())
    }

    /// The number of the line of `offset`, as editors print it.
    pub fn line(&self, offset: usize) -> usize {
        let rope = self.document.rope();
        rope.byte_to_line(lines::floor(rope, offset)) + 1
    }

    /// The comments of the text, in order; of them those that are no documentation. Where nothing is known of the
    /// language but how its comments begin, what follows that on a line.
    pub fn comments(&self) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        if let Some(parts) = self.parts() {
            return (parts.comments.clone(), parts.remarks.clone());
        }
        let language = self.document.language();
        let Some(opener) = language.line_comment.filter(|_| language.grammar.is_none()) else {
            return (Vec::new(), Vec::new());
        };
        let comment = |line: Line| Some(line.start + line.text.rfind(opener)?..line.start + line.text.len());
        let comments: Vec<_> = hunk::lines::lines(&self.text).into_iter().filter_map(comment).collect();
        (comments.clone(), comments)
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

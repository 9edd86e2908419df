//! Whether a comment stands for code that was left out.
//!
//! Where such a comment has a line to itself, `repair` has put the code back, or the answer was refused. Here are those
//! that it does not see: behind code (`pass  # existing code`), within a block that has nothing else, in what replaces
//! a search, in a new file.

use std::ops::Range;

use crate::edit::Yield;
use crate::edit::guard::case::{Case, Side};
use crate::edit::guard::{Guard, Verdict};
use crate::edit::hunk::lines::lines;
use crate::edit::repair::elision::{is_dotted, is_elision};

pub fn check(case: &Case) -> Verdict {
    if case.change.brings == Yield::Prose {
        return Verdict::Apply;
    }
    let mut known = remarks(&case.old);
    let count = |text: &str| lines(text).iter().filter(|line| !line.is_blank()).count();
    let is_shorter = count(case.new.region_text()) < count(case.old.region_text());
    let mut verdict = Verdict::Apply;
    for (at, remark) in remarks(&case.new) {
        // In another language, or in other words.
        let is_doubtful = is_shorter && is_dotted(&remark);
        if !is_elision(&remark) && !is_doubtful {
            continue;
        }
        // One that was there before stands for nothing.
        match known.iter().position(|(_, other)| *other == remark) {
            Some(index) => _ = known.swap_remove(index),
            None if is_doubtful && !is_elision(&remark) => {
                let sentence = format!(
                    "{} may stand for code that the answer leaves out. Look whether it does.",
                    case.new.quote(at)
                );
                verdict = Verdict::Confirm(Guard::Elision, sentence);
            }
            None => {
                let sentence = format!(
                    "The answer leaves code out at {}, and which code is not certain. All of it must be written; a smaller selection may help.",
                    case.new.quote(at)
                );
                return Verdict::Refuse(Guard::Elision, sentence);
            }
        }
    }
    verdict
}

/// Comments that are no documentation, each as one line, and where it begins.
fn remarks(side: &Side) -> Vec<(usize, String)> {
    let (_, remarks) = side.comments();
    let line = |range: Range<usize>| {
        let text = side.text.get(range.clone()).unwrap_or_default();
        (range.start, text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    remarks.into_iter().map(line).collect()
}

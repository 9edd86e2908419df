//! Whether there is anything to change, and anything to change it to.

use crate::edit::Yield;
use crate::edit::guard::case::Case;
use crate::edit::guard::{Guard, Verdict};

pub fn check(case: &Case) -> Verdict {
    let refuse = |sentence: &str| Verdict::Refuse(Guard::Empty, sentence.to_owned());
    if case.old.text == case.new.text {
        return match case.change.brings {
            Yield::Prose => Verdict::Apply,
            _ => refuse("The answer is the same as the code that is there: there is nothing to change."),
        };
    }
    if case.change.brings != Yield::Rewrite {
        return Verdict::Apply;
    }
    // An answer to nothing would be put somewhere: other tools put it at the top of the file.
    if case.old.region_text().trim().is_empty() {
        return refuse(
            "There is no code at this place. Select some lines, or put the cursor into a function.",
        );
    }
    if case.new.region_text().trim().is_empty() {
        let sentence = "The answer is empty: it would delete all of the chosen code.";
        return Verdict::Confirm(Guard::Empty, sentence.to_owned());
    }
    Verdict::Apply
}

//! Whether a rename renames, and nothing else.
//!
//! The tree stays as it was but for names, each of them replaced by one other throughout, which no other had before.
//! What a name means is not known here: a field and a variable of one name are told apart where the grammar does that.

use std::collections::{BTreeMap, HashSet};

use crate::edit::guard::case::Case;
use crate::edit::guard::instruction::{names, renaming};
use crate::edit::guard::invariant::{CANNOT_TELL, Kept};
use crate::edit::guard::symbols::symbols;

pub fn check(case: &Case) -> Kept {
    let (Some(old), Some(new)) = (case.old.skeleton(), case.new.skeleton()) else {
        return Err(CANNOT_TELL.to_owned());
    };
    let more = || Err("The change does more than rename.".to_owned());
    if old.code.len() != new.code.len() {
        return more();
    }
    // From a name to what became of it, and the names of the region that stayed.
    let (mut renamed, mut stayed) = (BTreeMap::new(), HashSet::new());
    for ((was, is), place) in old.code.iter().zip(&new.code).zip(&old.places) {
        if !was.is_like(is) || was.text != is.text && !was.is_identifier {
            return more();
        }
        if was.text == is.text {
            if was.is_identifier && case.old.region.contains(place) {
                stayed.insert((was.text.as_str(), was.is_member));
            }
            continue;
        }
        let to = *renamed.entry(was.text.as_str()).or_insert(is.text.as_str());
        if to != is.text {
            return Err(format!("The change renames `{}` both to `{to}` and to `{}`.", was.text, is.text));
        }
    }
    for (was, is) in renamed {
        if let Some((from, to)) = renaming(case.change.instruction)
            && !(has(was, from) && has(is, to))
            // The words may not be those of the code: then nothing is known of what was meant.
            && old.code.iter().any(|bone| bone.is_identifier && bone.text == from)
        {
            return Err(format!(
                "The change renames `{was}` to `{is}`, and `{from}` to `{to}` was asked for."
            ));
        }
        if stayed.contains(&(is, false)) {
            return Err(format!(
                "There is a `{is}` already, so that two things would have one name. Ask for another name."
            ));
        }
        if stayed.contains(&(was, false)) {
            return Err(format!("The change renames `{was}` in some places and not in others."));
        }
        let is_symbol = || symbols(case.old.document).iter().any(|symbol| symbol.name == was);
        if case.old.outside().iter().any(|text| names(text, was)) && is_symbol() {
            return Err(format!(
                "`{was}` is named outside of the chosen code too, where it would not be renamed. Select all of it, or \
                 let your editor's language server rename it."
            ));
        }
    }
    Ok(())
}

/// Whether a name is `part`, or made of it: a variable is often called after its type.
fn has(name: &str, part: &str) -> bool {
    name.to_lowercase().contains(&part.to_lowercase())
}

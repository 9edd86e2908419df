//! How much a model is asked for: one region anew, several of them, or changes in files that it names.
//!
//! The more is asked for, the more models fail at the form; what is published of that (`edits.md` 1 and 2) sets the
//! sizes. `edits.format` can ask for less than a model could do, and for more where it has a chat template: one
//! without was never shown such a form. A question for which a tier makes no sense goes a tier down.

use crate::config::EditFormat;
use crate::edit::markers::Tier;
use crate::edit::region::LONG;
use crate::edit::{Action, Yield};
use crate::engine::ModelCard;
use crate::syntax::Language;

/// Parameters of what is sold as a model of 7 billion: from 6.7.
const REGIONS: u64 = 6_500_000_000;
/// The same for 14 billion.
const FILES: u64 = 13_500_000_000;

/// Words of an instruction that mean more than the code at hand.
const EVERYWHERE: [&str; 14] = [
    "everywhere",
    "all files",
    "every file",
    "each file",
    "other files",
    "new file",
    "across files",
    "across the project",
    "whole project",
    "entire project",
    "whole workspace",
    "all callers",
    "every caller",
    "all usages",
];

/// What is known of a question when its tier is chosen.
pub struct Asked<'a> {
    pub format: EditFormat,
    pub card: &'a ModelCard,
    pub action: Action,
    pub brings: Yield,
    /// Lines of the region, and the pieces that it divides into.
    pub lines: usize,
    pub pieces: usize,
    /// Whether a path of the model can mean the document: it is a file in the workspace.
    pub is_reachable: bool,
    /// Whether the person's words are about more than this file; asked only where it matters.
    pub is_wide: &'a dyn Fn() -> bool,
}

/// The tier for a question.
///
/// One region unless the model chats and code is to be rewritten at will. Hunks in files where they are asked for, or
/// by a model of 14 billion parameters for an instruction that is about other files too. Several regions where they
/// are asked for, or by a model of 7 billion for a region of more than [`LONG`] lines; but only where there are
/// several.
pub fn choose(asked: &Asked<'_>) -> Tier {
    let is_free = matches!(asked.action, Action::Edit | Action::Refactor | Action::Fix | Action::Custom);
    if !is_free || asked.brings != Yield::Rewrite || !asked.card.chats {
        return Tier::Region;
    }
    let has = |parameters| asked.card.parameters >= parameters;
    // The message of a diagnostic names files of which nobody said that they be changed.
    let is_wide = || asked.action != Action::Fix && (asked.is_wide)();
    let divides = asked.pieces > 1;
    match asked.format {
        EditFormat::Files if asked.is_reachable => Tier::Files,
        EditFormat::Auto if has(FILES) && asked.is_reachable && is_wide() => Tier::Files,
        EditFormat::Regions | EditFormat::Files if divides => Tier::Regions,
        EditFormat::Auto if has(REGIONS) && divides && asked.lines > LONG => Tier::Regions,
        _ => Tier::Region,
    }
}

/// Whether an instruction is about more than one file: it says so, or has the path of another one. A word is a path
/// where it has an ending that a language has and either a `/` or the name of a file that `is_file` knows; so
/// `Node.js` is none.
pub fn is_wide(instruction: &str, here: &str, is_file: &dyn Fn(&str) -> bool) -> bool {
    let plain = instruction.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    EVERYWHERE.iter().any(|phrase| plain.contains(phrase))
        || paths(instruction).any(|path| !is_same(path, here) && (path.contains('/') || is_file(path)))
}

/// Words that may be paths of source files.
pub fn paths(instruction: &str) -> impl Iterator<Item = &str> {
    let is_before = |c: char| !c.is_alphanumeric() && !matches!(c, '/' | '_' | '.');
    let is_behind = |c: char| !c.is_alphanumeric() && c != '_';
    let words = instruction.split(|c: char| c.is_whitespace() || c == '`');
    let words = words.map(move |word| word.trim_start_matches(is_before).trim_end_matches(is_behind));
    words.filter(|word| {
        let is_known = || Language::of("", word).id != Language::plain_text().id;
        word.contains('.') && !word.contains("://") && is_known()
    })
}

/// Whether `path` is `here`, or the end of it.
pub fn is_same(path: &str, here: &str) -> bool {
    let path = path.trim_start_matches("./");
    here.strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(parameters: u64, chats: bool) -> ModelCard {
        ModelCard {
            name: "m".into(),
            path: "m".into(),
            parameters,
            context_tokens: 4096,
            threads: 1,
            device: "none".into(),
            model_bytes: 0,
            kv_bytes: 0,
            fills: true,
            quotes: true,
            chats,
            notice: None,
            shortfall: None,
        }
    }

    #[test]
    fn the_tier_follows_model_question_and_settings() {
        use Action::{Custom, Document, Edit, Fix, Refactor, UnitTest};
        use EditFormat::{Auto, Files, Region, Regions};
        const BILLION: u64 = 1_000_000_000;
        let check = |format, billions: u64, action: Action, (lines, pieces), is_wide, expected| {
            let card = card(billions * BILLION, true);
            let wide = || is_wide;
            let asked = |card| Asked {
                format,
                card,
                action,
                brings: action.brings(),
                lines,
                pieces,
                is_reachable: true,
                is_wide: &wide,
            };
            let case = format!("{format:?} {billions} {action:?} {lines} {pieces} {is_wide}");
            assert_eq!(choose(&asked(&card)), expected, "{case}");
            let silent = super::tests::card(billions * BILLION, false);
            assert_eq!(choose(&asked(&silent)), Tier::Region, "{case}");
            let unreachable = choose(&Asked { is_reachable: false, ..asked(&card) });
            assert!(unreachable != Tier::Files, "{case}");
        };
        let (small, large) = ((20, 3), (41, 2));
        for action in [Edit, Refactor, Fix, Custom] {
            check(Auto, 1, action, large, true, Tier::Region);
            check(Auto, 7, action, large, false, Tier::Regions);
            check(Auto, 7, action, large, true, Tier::Regions);
            check(Auto, 7, action, (40, 2), false, Tier::Region);
            check(Auto, 7, action, (99, 1), false, Tier::Region);
            check(Auto, 14, action, small, false, Tier::Region);
            check(Region, 70, action, large, true, Tier::Region);
            check(Regions, 1, action, small, false, Tier::Regions);
            check(Regions, 70, action, (99, 1), true, Tier::Region);
            check(Files, 1, action, (5, 1), false, Tier::Files);
        }
        check(Auto, 14, Edit, small, true, Tier::Files);
        check(Auto, 14, Custom, small, true, Tier::Files);
        check(Auto, 14, Fix, small, true, Tier::Region);
        for action in [Document, UnitTest, Action::Explain, Action::Review] {
            check(Files, 70, action, large, true, Tier::Region);
        }
    }

    #[test]
    fn instructions_about_other_files() {
        let check = |instruction: &str, expected: bool| {
            let is_file = |path: &str| matches!(path, "cache.rs" | "main.rs");
            assert_eq!(is_wide(instruction, "src/main.rs", &is_file), expected, "{instruction}");
        };
        check("use a loop", false);
        check("Rename it everywhere.", true);
        check("Rename it in\n all  Files", true);
        check("move this to src/cache.rs", true);
        check("move this to `src/new.py`, please", true);
        check("put it into (cache.rs).", true);
        check("put it into other.rs", false);
        check("do it as in Node.js", false);
        check("see https://example.org/a/b.rs", false);
        check("clean up main.rs and src/main.rs", false);
        check("use 1.5 and e.g. self.ttl", false);
    }
}

//! What a place may say that a project has a hand in.
//!
//! A workspace's own file came with the code and nobody chose it. So it may set what is about that code, and ask for more
//! care, never for less: no network, no log, no code on the disk, nothing outside the workspace. A key of which nothing is
//! said here is not for it. What an editor sends is the person's, but for what would do most harm: a project can have
//! settings of an editor in it. Whether a path leads outside is seen where it is resolved, in `field`.

use std::fmt;

use serde_json::Value;

use crate::config::Origin;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// All that the key takes.
    Free,
    /// Files and folders inside the workspace, links followed.
    Inside,
    /// This value alone, as JSON; and why.
    Only(&'static str, &'static str),
    /// Entries beside the person's own, none of which takes one of theirs away.
    Adds,
    /// Nothing; and why.
    Never(&'static str),
    /// Nothing, and neither may an editor; and why.
    Own(&'static str),
}

/// Who may say what of a key.
pub fn of(key: &str) -> Trust {
    let group = key.split('.').next().unwrap_or_default();
    match (group, key) {
        ("completion" | "sampling", _) => Trust::Free,
        (_, "model.name" | "model.edit.name") => Trust::Free,
        (_, "model.edit.idleMinutes" | "model.kvType") => Trust::Free,
        (_, "model.threads" | "model.device" | "model.gpuLayers" | "model.contextTokens") => Trust::Free,
        (_, "context.maxTokens" | "edits.format" | "edits.maxRegionTokens") => Trust::Free,
        (_, "model.path" | "model.edit.path" | "actions.dir") => Trust::Inside,
        (_, "model.kvCache") => Trust::Only("\"memory\"", "may not have its code written to the disk"),
        // What is read and what is asked is the person's to widen and to take away.
        (_, "edits.confirm") => Trust::Only("\"always\"", "may only ask for more to be shown: \"always\""),
        (_, "context.crossFile") => Trust::Only("false", "may only ask for less to be read: false"),
        (_, "context.ignore") => Trust::Adds,
        // A log can be appended to a hook or a Makefile.
        ("log", _) => Trust::Never("may not say what is logged, or where"),
        ("remote", _) => Trust::Own("it can send your code elsewhere"),
        _ => Trust::Never("may not set this"),
    }
}

/// Why a key may not have this value from there.
pub fn refusal(key: &str, value: &Value, origin: &Origin) -> Option<String> {
    let workspaces = match (origin, of(key)) {
        (Origin::User(_) | Origin::CommandLine, _) => None,
        (_, Trust::Own(why)) => return Some(format!("{why}, and a project could have said it here")),
        (Origin::Initialization | Origin::Editor, _) => None,
        (Origin::Workspace(_), Trust::Free | Trust::Inside) => None,
        (Origin::Workspace(_), Trust::Only(only, why)) => {
            let is_it = serde_json::from_str::<Value>(only).is_ok_and(|only| only == *value);
            (!is_it).then_some(why)
        }
        (Origin::Workspace(_), Trust::Adds) => {
            takes_away(value).then_some("may only name more files, not take any out by a `!`")
        }
        (Origin::Workspace(_), Trust::Never(why)) => Some(why),
    };
    workspaces.map(|why| format!("a workspace's file {why}"))
}

/// Whether a pattern, as in `.gitignore`, says which files are not meant after all.
fn takes_away(patterns: &Value) -> bool {
    let is_exception =
        |pattern: &Value| pattern.as_str().is_some_and(|text| text.trim_start().starts_with('!'));
    patterns.as_array().is_some_and(|patterns| patterns.iter().any(is_exception))
}

impl Trust {
    /// In one word, for those who make other settings from ours.
    pub fn name(self) -> &'static str {
        match self {
            Trust::Free => "free",
            Trust::Inside => "inside",
            Trust::Only(..) => "only",
            Trust::Adds => "adds",
            Trust::Never(_) => "never",
            Trust::Own(_) => "own",
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trust::Free => f.write_str("yes"),
            Trust::Inside => f.write_str("inside the workspace"),
            Trust::Only(only, _) => write!(f, "only `{only}`"),
            Trust::Adds => f.write_str("adds to yours"),
            Trust::Never(_) => f.write_str("no"),
            Trust::Own(_) => f.write_str("no, nor an editor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Most of this is in the table of `layers`, key by key; here is what of a key needs no key.
    #[test]
    fn where_code_goes_is_for_no_project_and_no_editor_to_say() {
        let refused = |origin: Origin, key: &str| refusal(key, &json!(true), &origin).is_some();
        for key in ["remote.enabled", "remote.url", "remote.of.a.later.version"] {
            assert!(!refused(Origin::User("x".into()), key) && !refused(Origin::CommandLine, key), "{key}");
            for origin in [Origin::Workspace("x".into()), Origin::Initialization, Origin::Editor] {
                assert!(refused(origin, key), "{key}");
            }
        }
        // What nobody has thought about is not for a repository.
        assert!(refused(Origin::Workspace("x".into()), "new.key") && !refused(Origin::Editor, "new.key"));
    }
}

//! Keys that are not in the table: why they do nothing, and which were probably meant.

use super::KEYS;

/// Names that later versions will know: not unknown, but without effect today, which is said.
const LATER: &[&str] = &["completion.alternatives"];

/// Why a key that is not in the table does nothing, and the key that was probably meant.
pub fn explain_unknown(name: &str) -> String {
    let inside =
        |group: &str| name.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if LATER.iter().any(|later| inside(later)) {
        return "not in this version yet".to_owned();
    }
    if KEYS.iter().any(|key| key.name.starts_with(&format!("{name}."))) {
        return "expected a table of settings here".to_owned();
    }
    match nearest(name) {
        Some(key) => format!("unknown key; did you mean `{key}`?"),
        None => "unknown key; the README lists what can be set".to_owned(),
    }
}

/// The key that was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    // Forms that other tools would write (`max_tokens`, `max-tokens`) are no distance at all.
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let written = plain(name);
    let likeness = |key: &str| {
        let whole = strsim::normalized_damerau_levenshtein(&written, &plain(key));
        let last = key.rsplit('.').next().unwrap_or(key);
        let part = strsim::normalized_damerau_levenshtein(&written, &plain(last));
        whole.max(part * 0.95)
    };
    KEYS.iter()
        .map(|key| (likeness(key.name), key.name))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

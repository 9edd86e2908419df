//! When to offer anything, and how much: decided before any text is sent to a model.
//!
//! Knows the text and what was typed last; settings, clocks and ignore files are for those who call.

use std::ops::Range;

use crate::completion::Reason;
use crate::completion::line::{Surroundings, is_word};
use crate::syntax::lines;
use crate::syntax::scope::{self, Extent, Inside};
use crate::text::Document;

/// How much may be suggested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The rest of the line.
    Line,
    /// Lines, until the block open at the cursor ends; `indent` as in `syntax::scope::Extent::Block`.
    Block { indent: usize },
}

/// `completion.multiline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Multiline {
    #[default]
    Auto,
    Never,
    Always,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The person asked for it: always answered where anything can be.
    Invoked,
    /// The editor asked by itself.
    Automatic,
}

/// What policy looks at.
pub struct Situation<'a> {
    pub document: &'a Document,
    /// The cursor, bytes.
    pub offset: usize,
    pub trigger: Trigger,
    /// Bytes selected, where the client says so.
    pub selection: Option<Range<usize>>,
    /// Text that the last change inserted, empty for a deletion or where there was none.
    pub last_inserted: &'a str,
    pub multiline: Multiline,
}

/// Whether to ask the model here, and for how much. May parse.
pub fn decide(situation: &Situation) -> Result<Mode, Reason> {
    if situation.selection.as_ref().is_some_and(|selection| !selection.is_empty()) {
        return Err(Reason::PosSelection);
    }
    let Surroundings { prefix, rest, .. } = &Surroundings::of(situation.document.rope(), situation.offset);
    if prefix.ends_with(is_word) && rest.starts_with(is_word) {
        return Err(Reason::PosMidWord);
    }
    // Who presses Tab on a blank line is indenting, not asking. Enter with its indentation is another matter.
    let inserted = situation.last_inserted;
    let is_indenting = !inserted.is_empty() && inserted.chars().all(|c| c == ' ' || c == '\t');
    let is_blank = prefix.trim().is_empty() && rest.trim().is_empty();
    if situation.trigger == Trigger::Automatic && is_blank && is_indenting {
        return Err(Reason::PosIndent);
    }
    Ok(mode(situation))
}

fn mode(situation: &Situation) -> Mode {
    let Situation { document, multiline, .. } = situation;
    let (rope, language) = (document.rope(), document.language());
    let around = Surroundings::of(rope, situation.offset);
    if !around.rest_is_closers() || *multiline == Multiline::Never {
        return Mode::Line;
    }
    let offset = lines::floor(rope, situation.offset);
    let extent = || scope::extent(language, rope, document.tree(), offset);
    match multiline {
        Multiline::Never => Mode::Line,
        // A comment or string goes on in ways that no block rule ends.
        Multiline::Auto if scope::inside(language, rope, document.tree(), offset) != Inside::Code => {
            Mode::Line
        }
        Multiline::Auto => match extent() {
            Extent::Line => Mode::Line,
            Extent::Block { indent } => Mode::Block { indent },
        },
        Multiline::Always => match extent() {
            // Lines like the cursor's own may follow it; one indented less ends them.
            Extent::Line => Mode::Block { indent: lines::indent(&around.prefix).saturating_sub(1) },
            Extent::Block { indent } => Mode::Block { indent },
        },
    }
}

/// File names that hold secrets, in lower case.
const SECRET_NAMES: &[&str] = &[
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ecdsa_sk",
    "id_ed25519_sk",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".pgpass",
    "pgpass.conf",
    ".my.cnf",
    ".htpasswd",
    "htpasswd",
    ".git-credentials",
    ".dockercfg",
    ".s3cfg",
    ".boto",
    ".vault-token",
    ".envrc",
    ".terraformrc",
    "terraform.rc",
    "shadow",
    "gshadow",
    "master.key",
    ".rediscli_auth",
    ".dbshell",
];

/// Endings of such names.
const SECRET_ENDINGS: &[&str] = &[
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".pkcs12",
    ".p8",
    ".jks",
    ".jceks",
    ".keystore",
    ".keytab",
    ".kdb",
    ".kdbx",
    ".kwallet",
    ".agilekeychain",
    ".ppk",
    ".ovpn",
    ".gpg",
    ".asc",
    ".age",
    ".tfvars",
    ".tfstate",
    ".tfstate.backup",
    ".mobileprovision",
    ".env",
    ".secret",
    ".secrets",
];

/// Parts of such names, divided by `_` and `-`, before the first dot.
const SECRET_STEMS: &[&str] = &["credentials", "credential", "secrets", "secret"];

/// Folders whose files hold secrets, whatever they are called. The address of a remote in `.git` may hold a token.
const SECRET_FOLDERS: &[&str] =
    &[".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", ".git"];

/// Such folders that are known only by the one they are in.
const SECRET_SUBFOLDERS: &[(&str, &str)] = &[(".config", "gcloud")];

/// What follows the dot in names of samples, which hold none.
const SAMPLES: &[&str] = &["example", "sample", "template", "dist", "defaults"];

/// Endings of program text: a module about secrets is not one.
const PROGRAMS: &[&str] = &[
    "rs", "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "go", "java", "kt", "rb", "c", "h", "cc",
    "cpp", "hpp", "cs", "php", "swift", "scala", "ex", "exs", "erl", "hs", "ml", "lua", "pl", "sh", "md",
    "rst", "html", "css", "vue",
];

/// Whether a file of this path may hold secrets (`.env`, keys, credentials): never read, never sent to a model.
/// Letters' case and the kind of slash make no difference.
pub fn is_secret(path: &str) -> bool {
    let path = path.replace('\\', "/").to_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let folders: Vec<&str> = folders.split('/').filter(|folder| !folder.is_empty()).collect();
    if folders.iter().any(|folder| SECRET_FOLDERS.contains(folder))
        || folders.windows(2).any(|pair| SECRET_SUBFOLDERS.contains(&(pair[0], pair[1])))
    {
        return true;
    }
    let last = name.rsplit('.').next().unwrap_or("");
    if SAMPLES.contains(&last) {
        return false;
    }
    let stem = name.trim_start_matches('.').split('.').next().unwrap_or("");
    let is_named = stem.split(['_', '-']).any(|part| SECRET_STEMS.contains(&part));
    let is_environment = name == ".env" || name.starts_with(".env.") || name.starts_with(".env-");
    SECRET_NAMES.contains(&name)
        || is_environment
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || (is_named && !PROGRAMS.contains(&last))
}

#[cfg(test)]
mod tests;

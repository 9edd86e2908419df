//! The last session of an editor: who it was, what it can do, and how often something was shown.
//!
//! The server writes it when a session begins and when it ends, as a small file among the program's state; the doctor
//! reads it. It has names and counts: no text, and of the workspace the folder's own name. It is read as something that
//! anybody may have written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Finding, Patient};
use crate::completion::Reason;
use crate::text::unseen::is_unseen;

/// In the folder of the state.
const NAME: &str = "session.json";
/// Bytes that are read: far more than are written.
const MOST: u64 = 1 << 16;
/// Characters of a name that a client gives itself.
const LONGEST: usize = 80;
/// Questions after which something should have been shown.
const ASKED: u64 = 20;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastSession {
    /// Of this program.
    pub version: String,
    /// RFC 3339, UTC.
    pub began: String,
    /// None: it goes on, or its process was killed.
    pub ended: Option<String>,
    /// As the client calls itself.
    pub client: String,
    pub client_version: String,
    /// The folder's own name.
    pub workspace: String,
    /// What the client's columns count.
    pub columns: String,
    /// What it can do, by the names of `ClientFlags`.
    pub abilities: BTreeMap<String, bool>,
    /// Suggestions are items of its completion menu.
    pub menu: bool,
    /// `unloaded`, `loading`, `ready` or `failed`.
    pub model: String,
    pub requested: u64,
    pub shown: u64,
    pub accepted: u64,
    /// Empty answers by reason code.
    pub dropped: BTreeMap<String, u64>,
}

impl LastSession {
    /// Writes it in place of the one before.
    pub fn keep(&self, state: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(state)?;
        // NB: made so that only its owner can read it.
        let file = tempfile::NamedTempFile::new_in(state)?;
        fs::write(file.path(), serde_json::to_vec_pretty(self)?)?;
        file.persist(state.join(NAME)).map_err(|error| error.error)?;
        Ok(())
    }

    /// The one that was kept; none where there is none that can be read.
    pub fn read(state: &Path) -> Option<Self> {
        let path = state.join(NAME);
        if !path.symlink_metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        fs::File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
        let mut session: Self = serde_json::from_slice(&bytes).ok()?;
        for name in [
            &mut session.version,
            &mut session.began,
            &mut session.client,
            &mut session.client_version,
            &mut session.workspace,
            &mut session.columns,
            &mut session.model,
        ] {
            *name = plain(name);
        }
        session.ended = session.ended.as_deref().map(plain);
        session.dropped.retain(|code, _| Reason::ALL.iter().any(|reason| reason.code() == code));
        session.abilities.retain(|name, _| name.chars().all(|c| c.is_ascii_alphanumeric()));
        Some(session)
    }

    fn can(&self, ability: &str) -> bool {
        self.abilities.get(ability).copied().unwrap_or_default()
    }
}

/// A name that a client gave itself: short, and no command to a terminal.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && !is_unseen(*c)).take(LONGEST).collect()
}

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(session) = &patient.session else {
        let message = "No editor has started the server yet, as far as is known.";
        let finding = Finding::note("session.none", message);
        return findings.push(finding.step("the README's \"Editors\" has the lines for yours"));
    };
    let client = match (&*session.client, &*session.client_version) {
        ("", _) => "an editor that does not say its name".to_owned(),
        (name, "") => name.to_owned(),
        (name, version) => format!("{name} {version}"),
    };
    let can: Vec<&str> = session.abilities.iter().filter(|(_, can)| **can).map(|(name, _)| &**name).collect();
    findings.push(Finding::ok(
        "session",
        format!(
            "last session: {client} from {}, columns in {}; it can {}; asked {} times, shown {}, accepted {}",
            session.began,
            session.columns,
            can.join(", "),
            session.requested,
            session.shown,
            session.accepted
        ),
    ));
    if session.version != patient.build.version {
        let message = format!(
            "The last session was served by codesage {}, and this is {}.",
            session.version, patient.build.version
        );
        findings.push(Finding::note("session.version", message).command("command -v codesage"));
    }
    if !session.can("inlineCompletion") && !session.menu {
        let message = format!(
            "{client} asks for no ghost text, and completion.menu keeps suggestions out of its menu."
        );
        findings.push(Finding::problem("session.nowhere", message).setting("completion.menu = \"auto\""));
    }
    if !session.can("appliesEdits") {
        let message = format!("{client} takes no edits from a server: actions are shown as differences.");
        let mend = "the README's \"Editors\" has a recipe by which yours may";
        findings.push(Finding::note("session.edits", message).step(mend));
    }
    silent(session, findings);
}

/// Much was asked and nothing shown: for one reason mostly.
fn silent(session: &LastSession, findings: &mut Vec<Finding>) {
    if session.requested < ASKED || session.shown > 0 {
        return;
    }
    // Those that say something about a place or about typing come to any session.
    let usual = [Reason::Superseded, Reason::Cancelled, Reason::Stale].map(Reason::code);
    let counted = session.dropped.iter().filter(|(code, _)| !usual.contains(&code.as_str()));
    let Some((code, count)) = counted.max_by_key(|(_, count)| **count) else { return };
    let Some(reason) = Reason::ALL.iter().find(|reason| reason.code() == code) else { return };
    let message = format!(
        "In the last session {} suggestions were asked for and none was shown; {count} times because {} ({code}).",
        session.requested,
        reason.meaning()
    );
    let finding = Finding::problem("session.silent", message);
    findings.push(match reason {
        Reason::OffDisabled => finding.setting("completion.enabled = true"),
        Reason::OffLanguage => finding.setting("completion.disabledLanguages = []"),
        Reason::DropConfidence => finding.setting("completion.minConfidence = -1.0"),
        Reason::BudgetPrompt => finding.setting("model.contextTokens = \"auto\""),
        Reason::OffIgnored => finding.setting("context.ignore = []"),
        Reason::ModelNone | Reason::ModelLoading | Reason::ModelFailed | Reason::EngineFailed => {
            finding.command("codesage bench engine --log-level debug")
        }
        _ => finding.step("ask by hand where something should come; what is asked for so is always answered"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_what_is_odd_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        assert_eq!(LastSession::read(&state), None);
        let session = LastSession {
            version: "1".into(),
            client: "Neovim".into(),
            abilities: [("appliesEdits".to_owned(), true)].into(),
            dropped: [("drop.confidence".to_owned(), 3)].into(),
            ..LastSession::default()
        };
        session.keep(&state).unwrap();
        assert_eq!(LastSession::read(&state), Some(session));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
        for (text, client) in [
            (
                "{\"client\": \"a\\u001b\\u202e[2J\", \"dropped\": {\"x\": 1}, \"abilities\": {\"a b\": true}}",
                Some("a[2J"),
            ),
            ("{\"client\": 7}", None),
            // As serde has it: a list without entries leaves every field as it is.
            ("[]", Some("")),
            ("7", None),
            ("", None),
        ] {
            fs::write(state.join(NAME), text).unwrap();
            let read = LastSession::read(&state);
            assert_eq!(read.as_ref().map(|session| &*session.client), client, "{text}");
            assert!(read.is_none_or(|session| session.dropped.is_empty() && session.abilities.is_empty()));
        }
    }
}

//! What actions come to, told to the journal: once when they end, and once more when a change that was shown is
//! applied, discarded or taken back. Nothing is kept or written where no journal was given.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::assist::act::{Acted, Job, Outcome as Came, Proposal};
use crate::assist::journal::{self, Ids, Journal, Outcome, Record};
use crate::assist::{Assistant, Rules};
use crate::edit::diff;
use crate::edit::guard::Guard;
use crate::engine::ModelState;
use crate::threads::lock;

/// Changes whose end is not known yet, at most.
const OPEN: usize = 50;

/// See the module.
#[derive(Default)]
pub struct Diary {
    journal: OnceLock<Journal>,
    ids: Ids,
    /// Records of changes that were made or shown, newest last.
    open: Mutex<VecDeque<Record>>,
}

impl Assistant {
    /// What the next action is called.
    pub fn new_action_id(&self) -> String {
        self.diary.ids.next()
    }

    /// From now on what actions come to is written down.
    pub fn keep_journal(&self, journal: Journal) {
        // A second one would be a mistake of ours; the first stays.
        let _ = self.diary.journal.set(journal);
    }

    /// Waits until what was told is on the disk, before the process ends; no longer than `patience`, for disks hang.
    pub fn flush_journal(&self, patience: Duration) {
        if let Some(journal) = self.diary.journal.get() {
            journal.flush(patience);
        }
    }

    /// An edit's text was seen in the editor, or is on the disk: it counts, and can be taken back.
    pub fn landed(&self, id: &str, proposal: Proposal) {
        if self.keep_applied(id, proposal) {
            lock(&self.ledger).edit_applied();
            self.tell_again(id, Outcome::Applied);
        }
    }

    /// The editor did not make an edit, or it was only shown.
    pub fn waits(&self, id: &str) {
        self.tell_again(id, Outcome::Preview);
    }

    pub fn discarded(&self, id: &str) {
        self.tell_again(id, Outcome::Discarded);
    }

    /// An edit that was to be made could not be: by a guard, or, without one, for what the disk said.
    pub fn turned_down(&self, id: &str, guard: Option<Guard>) {
        if let Some(guard) = guard {
            lock(&self.ledger).edit_refused(guard.code());
        }
        let outcome = if guard.is_some() { Outcome::Refused } else { Outcome::Failed };
        self.tell(id, |record| Record { outcome, guard: guard.map(|guard| guard.code().into()), ..record });
    }

    /// An edit was taken back in these files; where that is all of it, it is told, and cannot be taken back again.
    pub fn undone(&self, id: &str, taken: &Proposal) {
        let files: Vec<_> = taken.files.iter().map(|file| file.uri.clone()).collect();
        if self.drop_applied(id, &files) {
            self.tell_again(id, Outcome::Undone);
        }
    }

    fn tell_again(&self, id: &str, outcome: Outcome) {
        self.tell(id, |record| Record { outcome, ..record });
    }

    fn tell(&self, id: &str, end: impl FnOnce(Record) -> Record) {
        let Some(journal) = self.diary.journal.get() else { return };
        let found = lock(&self.diary.open).iter().rev().find(|record| record.id == id).cloned();
        if let Some(record) = found {
            journal.write(end(Record { time: journal::now(), ..record }));
        }
    }
}

/// One action while it runs; one that is dropped before its end was cancelled.
pub struct Entry<'a> {
    assistant: &'a Assistant,
    record: Option<Record>,
    began: Instant,
}

impl<'a> Entry<'a> {
    pub fn open(assistant: &'a Assistant, id: &str, job: &Job, rules: &Rules) -> Self {
        let model = match assistant.edit_model() {
            ModelState::Ready(card) => card.name.clone(),
            _ => String::new(),
        };
        let root = job.uri.to_file_path().ok().and_then(|path| rules.root_of(&path).cloned());
        let name = |root: &Path| root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        let record = Record {
            time: String::new(),
            id: id.to_owned(),
            action: job.action,
            recipe: job.recipe.as_ref().map(|recipe| recipe.name.clone()),
            workspace: root.as_deref().map(name).unwrap_or_default(),
            workspace_id: root.as_deref().map(journal::workspace_id).unwrap_or_default(),
            path: rules.model_path(&job.uri),
            outcome: Outcome::Cancelled,
            guard: None,
            files: Vec::new(),
            lines_added: 0,
            lines_removed: 0,
            tokens: 0,
            ms: 0,
            model,
        };
        let record = assistant.diary.journal.get().map(|_| record);
        Self { assistant, record, began: Instant::now() }
    }

    pub fn close(mut self, acted: &Acted) {
        let Some(mut record) = self.record.take() else { return };
        record.tokens = acted.usage.generated_tokens.into();
        if let Some(model) = &acted.model {
            record.model.clone_from(model);
        }
        let (proposal, outcome) = match &acted.outcome {
            Came::Apply(proposal) => (Some(proposal), None),
            Came::Preview(proposal, guard, _) => {
                record.guard = Some(guard.code().into());
                (Some(proposal), Some(Outcome::Preview))
            }
            Came::Answer(_) => (None, Some(Outcome::Answer)),
            Came::Refused(refusal) => {
                record.guard = Some(refusal.guard.code().into());
                (None, Some(Outcome::Refused))
            }
            Came::Cancelled => (None, Some(Outcome::Cancelled)),
        };
        for file in proposal.into_iter().flat_map(|proposal| &proposal.files) {
            let (added, removed) = diff::counts(file.before.as_deref().unwrap_or_default(), &file.after);
            record.lines_added += added as u64;
            record.lines_removed += removed as u64;
            record.files.push(file.path.clone());
        }
        record.ms = acted.milliseconds;
        if proposal.is_some() {
            let mut open = lock(&self.assistant.diary.open);
            if open.len() >= OPEN {
                open.pop_front();
            }
            open.push_back(record.clone());
        }
        // What is to be applied is told when it has been.
        if let Some(outcome) = outcome {
            record.outcome = outcome;
            self.write(record);
        }
    }

    fn write(&self, mut record: Record) {
        record.time = journal::now();
        if let Some(journal) = self.assistant.diary.journal.get() {
            journal.write(record);
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.write(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use url::Url;

    use super::*;
    use crate::assist::act::Options;
    use crate::config::Settings;
    use crate::edit::Action;
    use crate::engine::scripted::{Script, ScriptedBackend};

    const TEXT: &str = "fn two() -> u32 {\n    1 + 1\n}\n";

    /// An assistant whose model says this, with a journal in the folder.
    fn assistant(said: &str, folder: &std::path::Path) -> (Arc<Assistant>, Url) {
        let backend = ScriptedBackend::default();
        backend.always(Script::text(said));
        let assistant = Assistant::new(Arc::new(backend), Settings::default(), vec!["/project".into()]);
        assistant.keep_journal(Journal::new(Some(folder.to_path_buf())));
        let uri = Url::parse("file:///project/src/two.rs").unwrap();
        assistant.open(uri.clone(), "rust", 1, TEXT);
        (assistant, uri)
    }

    fn job(assistant: &Assistant, uri: &Url, action: Action) -> Job {
        Job {
            uri: uri.clone(),
            document: assistant.snapshot(uri).unwrap(),
            selection: 0..0,
            action,
            detail: "use a constant".into(),
            diagnostic: None,
            diagnostics: Vec::new(),
            recipe: None,
            options: Options::default(),
        }
    }

    fn told(folder: &std::path::Path) -> Vec<(String, Outcome, Option<String>, u64, u64)> {
        let records = journal::read(folder, 100, "").unwrap().records;
        let row = |record: Record| {
            let Record { workspace, path, action, .. } = &record;
            assert_eq!((&**workspace, &**path, *action), ("project", "src/two.rs", Action::Edit));
            assert_eq!(record.workspace_id, journal::workspace_id(Path::new("/project")));
            (record.id, record.outcome, record.guard, record.lines_added, record.lines_removed)
        };
        records.into_iter().map(row).collect()
    }

    #[tokio::test]
    async fn an_edit_is_told_when_it_has_landed_and_when_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let (assistant, uri) = assistant("fn two() -> u32 {\n    2\n}\n<<<AI_EDIT_END>>>\n", folder.path());
        let acted = assistant.act(job(&assistant, &uri, Action::Edit), |_| {}).await;
        assistant.flush_journal(Duration::MAX);
        assert_eq!(told(folder.path()), []);
        let Came::Apply(proposal) = acted.outcome else { panic!("{acted:?}") };
        assistant.landed(&acted.id, proposal.clone());
        assistant.landed(&acted.id, proposal.clone());
        for _ in 0..2 {
            assistant.undone(&acted.id, &proposal);
        }
        assistant.flush_journal(Duration::MAX);
        let id = acted.id;
        let rows = [(id.clone(), Outcome::Applied, None, 1, 1), (id, Outcome::Undone, None, 1, 1)];
        assert_eq!(told(folder.path()), rows);
        assert_eq!(assistant.stats().edit.applied, 1);
    }

    #[tokio::test]
    async fn an_edit_that_could_not_be_made_is_refused_or_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (assistant, uri) = assistant("fn two() -> u32 {\n    2\n}\n<<<AI_EDIT_END>>>\n", folder.path());
        let mut rows = Vec::new();
        for (guard, outcome) in [(Some(Guard::Stale), Outcome::Refused), (None, Outcome::Failed)] {
            let acted = assistant.act(job(&assistant, &uri, Action::Edit), |_| {}).await;
            assistant.turned_down(&acted.id, guard);
            rows.push((acted.id, outcome, guard.map(|guard| guard.code().to_owned()), 1, 1));
        }
        assistant.flush_journal(Duration::MAX);
        assert_eq!(told(folder.path()), rows);
        assert_eq!(assistant.stats().edit.refused.get("stale"), Some(&1));
    }

    #[tokio::test]
    async fn a_refusal_and_a_cancel_are_told_with_their_reason_and_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let (assistant, uri) = assistant("<<<AI_EDIT_END>>>\n", folder.path());
        let acted = assistant.act(job(&assistant, &uri, Action::Edit), |_| {}).await;
        assert!(matches!(acted.outcome, Came::Refused(_)), "{acted:?}");
        let mut dropped = Box::pin(assistant.act(job(&assistant, &uri, Action::Edit), |_| {}));
        assert!(futures_util::poll!(&mut dropped).is_pending());
        drop(dropped);
        assistant.flush_journal(Duration::MAX);
        let told = told(folder.path());
        assert_eq!(told[0].1, Outcome::Refused);
        assert_eq!(told[0].2.as_deref(), Some("empty"));
        assert_eq!(told[1].1, Outcome::Cancelled);
        let file = std::fs::read_to_string(journal::file_in(folder.path())).unwrap();
        assert!(!file.contains("constant") && !file.contains("1 + 1"), "{file}");
    }
}

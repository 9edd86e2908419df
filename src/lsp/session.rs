//! What belongs to one client from `initialize` on: what it can do, its settings, and the assistant behind it.
//!
//! Made once and never replaced; what changes inside is behind its own short lock, never held over an await. What it
//! does with settings is in `configuring`, and when it looks at files in `looking`. Does *not* know a method: `server`
//! routes, and the feature rooms answer.

mod configuring;
mod looking;
mod told;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tower_lsp::lsp_types::{
    MessageType, TextDocumentContentChangeEvent, Url, WorkspaceFolder, WorkspaceFoldersChangeEvent,
};

use crate::assist::Assistant;
use crate::assist::roles::Roles;
use crate::completion::policy::Trigger;
use crate::config::{Layers, Settings};
use crate::doctor::LastSession;
use crate::lsp::action::{Actions, review};
use crate::lsp::capabilities::ClientFlags;
use crate::lsp::client::Outbox;
use crate::lsp::doctor::Checkup;
use crate::lsp::remote_news::Failures;
use crate::lsp::switch::Switch;
use crate::lsp::triggers::Triggers;
use crate::lsp::virtual_document::VirtualDocuments;
use crate::lsp::{ext, last_session, settings};
use crate::text::{Document, Encoding};
use crate::threads::{lock, off_the_runtime};
use configuring::Sources;
use looking::Looker;
use told::{Told, Voice};

/// How long the end may take, besides the transport's and the engine's.
const ENDS_WITHIN: Duration = Duration::from_millis(200);

/// Documents changed without being open that are remembered as told.
const STRAYS: usize = 100;

/// See the module.
pub struct Session {
    pub assistant: Arc<Assistant>,
    pub flags: ClientFlags,
    pub outbox: Outbox,
    roots: Mutex<Vec<PathBuf>>,
    sources: Mutex<Sources>,
    /// The settings at its beginning.
    begun_with: Settings,
    /// Whether the completion menu was announced.
    has_menu: AtomicBool,
    looker: Looker,
    /// What the person was told of settings.
    told: Mutex<Told>,
    /// What was told of the server that the person named.
    pub failures: Arc<Mutex<Failures>>,
    strays: Mutex<HashSet<Url>>,
    triggers: Mutex<Triggers>,
    /// When each document was changed last.
    last_changes: Mutex<HashMap<Url, Instant>>,
    pub actions: Actions,
    pub virtual_documents: VirtualDocuments,
    /// What is known of it from its beginning.
    pub began: LastSession,
    /// What is kept of it was written for the last time.
    pub has_ended: Mutex<bool>,
    /// Where the program keeps what outlives it.
    pub state: Option<PathBuf>,
    switch: Mutex<Switch>,
    warm: watch::Sender<Option<Arc<Document>>>,
}

impl Session {
    /// From the parameters of `initialize`, as they came. What is written for the person to read is kept in the folder
    /// `state`. Inside the runtime.
    pub fn new(
        params: &Value,
        mut layers: Layers,
        roles: Arc<Roles>,
        outbox: Outbox,
        state: Option<&Path>,
    ) -> Arc<Self> {
        let roots = roots(params);
        if let Some(root) = roots.first() {
            layers.read_workspace(root);
        }
        if let Some(options) = params.get("initializationOptions").filter(|options| !options.is_null()) {
            layers.set_initialization(&settings::of_initialization(options));
        }
        // Problems are told when the client is ready to hear them.
        let (settings, _) = layers.resolve();
        let (looker, errands) = Looker::new(layers.user_path());
        let flags = ClientFlags::distil(params);
        let has_menu = flags.offers_menu(settings.completion.menu);
        let session = Arc::new(Self {
            begun_with: settings.clone(),
            assistant: Assistant::with_roles(roles, settings, roots.clone()),
            began: last_session::began(params, &flags, roots.first().map(PathBuf::as_path)),
            flags,
            outbox,
            roots: Mutex::new(roots),
            sources: Mutex::new(Sources::new(layers)),
            has_menu: has_menu.into(),
            looker,
            told: Mutex::default(),
            failures: Arc::default(),
            strays: Mutex::default(),
            triggers: Mutex::default(),
            last_changes: Mutex::default(),
            actions: Actions::new(state),
            virtual_documents: VirtualDocuments::default(),
            has_ended: Mutex::default(),
            state: state.map(Path::to_path_buf),
            switch: Mutex::default(),
            warm: spawn_warmer(),
        });
        errands.run(Arc::downgrade(&session));
        session
    }

    /// Tells what is wrong with the person's own actions, where their files have been read.
    pub fn tell_recipe_problems(&self) {
        for problem in self.assistant.take_recipe_problems() {
            self.tell(problem.to_string());
        }
    }

    /// What the doctor looks at.
    pub fn checkup(&self) -> Checkup {
        let root = lock(&self.roots).first().cloned();
        let sources = lock(&self.sources);
        let (settings, problems) = sources.layers.resolve();
        Checkup { settings, problems, files: sources.layers.files().map(Path::to_path_buf).collect(), root }
    }

    /// Tells the person of a problem, unless it was told before.
    fn tell(&self, problem: String) {
        let is_first = lock(&self.told).is_first(&problem);
        if is_first {
            self.say(&problem);
        }
    }

    /// In a message, or in the log where there were many.
    fn say(&self, problem: &str) {
        let voice = lock(&self.told).voice(Instant::now());
        match voice {
            Voice::Message => self.outbox.warn(problem),
            Voice::Last => {
                self.outbox.warn(&format!("{problem} (what else is wrong with settings: see the log)"))
            }
            Voice::Log => self.outbox.log(MessageType::WARNING, problem),
        }
    }

    /// The document has a new text: what asks next should find its tree and chunks made. One thread parses, and
    /// always the newest text; those in between are never looked at.
    pub fn changed(&self, uri: &Url, before: Option<Arc<Document>>) {
        lock(&self.last_changes).insert(uri.clone(), Instant::now());
        let now = self.assistant.snapshot(uri);
        if let (Some(before), Some(now)) = (before, &now) {
            self.actions.landings.changed(uri, now.rope());
            let mut findings = lock(&self.actions.findings);
            if findings.follow(uri, before.rope(), now.rope()) {
                let left = findings.parameters(uri, now.rope(), self.flags.columns);
                self.outbox.notify::<ext::PublishDiagnostics>(left);
            }
        }
        self.warm.send_replace(now);
        self.assistant.stir(uri);
        self.look_at_text(uri);
    }

    /// The person is where the last change was made.
    pub fn saw_change(&self, uri: &Url, change: Option<&TextDocumentContentChangeEvent>) {
        let units = |text: &str| {
            let units = match self.flags.columns {
                Encoding::Utf8 => text.len(),
                Encoding::Utf16 => text.encode_utf16().count(),
                Encoding::Utf32 => text.chars().count(),
            };
            u32::try_from(units).unwrap_or(u32::MAX)
        };
        lock(&self.actions.seen).change(uri, change, units);
    }

    /// The document of a path: an open one before another, in the first folder that has it. Relative to the workspace,
    /// or to where the editor was started.
    pub fn document_at(&self, path: &str) -> Option<Url> {
        let mut folders = lock(&self.roots).clone();
        folders.extend(std::env::current_dir());
        let all: Vec<Url> =
            folders.iter().filter_map(|folder| Url::from_file_path(folder.join(path)).ok()).collect();
        let is_open = |uri: &&Url| self.assistant.snapshot(uri).is_some();
        all.iter().find(is_open).or(all.first()).cloned()
    }

    /// Folders came or went. Settings stay those of the folder that was first at the start.
    pub fn change_folders(&self, event: WorkspaceFoldersChangeEvent) {
        let paths = |folders: Vec<WorkspaceFolder>| -> Vec<PathBuf> {
            folders.into_iter().filter_map(|folder| folder.uri.to_file_path().ok()).collect()
        };
        let (removed, added) = (paths(event.removed), paths(event.added));
        let mut roots = lock(&self.roots);
        roots.retain(|root| !removed.contains(root) && !added.contains(root));
        roots.extend(added);
        self.assistant.set_roots(roots.clone());
    }

    /// A document was opened, or opened again.
    pub fn opened(&self, uri: &Url) {
        lock(&self.strays).remove(uri);
        lock(&self.actions.seen).document(uri);
        let now = self.assistant.snapshot(uri);
        if let Some(now) = &now {
            self.actions.landings.changed(uri, now.rope());
        }
        self.warm.send_replace(now);
        self.assistant.stir(uri);
        self.look_at_text(uri);
    }

    /// A closed document's text is let go, with all that was about it.
    pub fn closed(&self, uri: &Url) {
        self.warm.send_replace(None);
        self.actions.running.cancel_document(uri);
        lock(&self.actions.seen).closed(uri);
        lock(&self.last_changes).remove(uri);
        let mut findings = lock(&self.actions.findings);
        if findings.forget(uri) {
            self.outbox.notify::<ext::PublishDiagnostics>(review::nothing(uri));
        }
    }

    /// A change of a document that is not open: the client and we disagree, which is worth one line.
    pub fn stray(&self, uri: &Url) {
        let mut strays = lock(&self.strays);
        if strays.len() < STRAYS && strays.insert(uri.clone()) {
            let message =
                format!("{uri} was changed but is not open; its changes are lost until it is opened");
            self.outbox.log(MessageType::WARNING, &message);
        }
    }

    /// Who asked for an inline completion in this document.
    pub fn inline_trigger(&self, uri: &Url, kind: Option<i64>) -> Trigger {
        let since_change = self.since_change(uri);
        lock(&self.triggers).inline(kind, since_change)
    }

    /// Who opened the completion menu in this document.
    pub fn menu_trigger(&self, uri: &Url, kind: Option<i64>) -> Trigger {
        Triggers::menu(kind, self.since_change(uri))
    }

    /// The session is over: what it has told the journal is on the disk, and what it wrote to be read is gone. A disk
    /// that hangs does not hold up the end.
    pub async fn end(self: &Arc<Self>) {
        let session = self.clone();
        let ending = off_the_runtime(move || {
            session.actions.papers.remove();
            last_session::keep(&session, true);
            session.assistant.flush_journal(ENDS_WITHIN);
        });
        let _ = tokio::time::timeout(ENDS_WITHIN, ending).await;
    }

    /// NB: of this document alone. An editor changes others by itself: VS Code its `settings.json`, seconds after its start.
    fn since_change(&self, uri: &Url) -> Option<Duration> {
        lock(&self.last_changes).get(uri).map(Instant::elapsed)
    }
}

fn spawn_warmer() -> watch::Sender<Option<Arc<Document>>> {
    let (sender, mut newest) = watch::channel(None::<Arc<Document>>);
    tokio::spawn(async move {
        while newest.changed().await.is_ok() {
            let document = newest.borrow_and_update().clone();
            if let Some(document) = document
                && off_the_runtime(move || _ = document.chunks()).await.is_err()
            {
                tracing::error!("a document could not be parsed");
            }
        }
    });
    sender
}

/// The workspace folders; else the one folder that older clients name. Those that are no files are left out.
pub fn roots(params: &Value) -> Vec<PathBuf> {
    let path = |uri: &Value| Url::parse(uri.as_str()?).ok()?.to_file_path().ok();
    let folders = params.get("workspaceFolders").and_then(Value::as_array);
    let mut roots: Vec<PathBuf> =
        folders.into_iter().flatten().filter_map(|folder| path(folder.get("uri")?)).collect();
    if roots.is_empty() {
        let root = params.get("rootUri").and_then(path);
        let older = || Some(PathBuf::from(params.get("rootPath")?.as_str()?));
        roots.extend(root.or_else(older));
    }
    roots
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[cfg(unix)]
    fn roots_are_the_folders_else_the_root() {
        let cases = [
            (json!({}), vec![]),
            (json!({"workspaceFolders": null, "rootUri": null, "rootPath": null}), vec![]),
            (json!({"rootPath": "/a"}), vec!["/a"]),
            (json!({"rootPath": "/a", "rootUri": "file:///b%20c"}), vec!["/b c"]),
            (json!({"rootUri": "untitled:x", "workspaceFolders": [{"uri": "not a uri"}, 7]}), vec![]),
            (
                json!({"rootUri": "file:///b", "workspaceFolders": [{"uri": "file:///c"}, {"uri": "file:///d"}]}),
                vec!["/c", "/d"],
            ),
        ];
        for (params, expected) in cases {
            let expected: Vec<PathBuf> = expected.into_iter().map(PathBuf::from).collect();
            assert_eq!(roots(&params), expected, "{params}");
        }
    }
}

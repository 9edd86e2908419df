//! What the user asked for, start to finish: no protocol, no llama.
//!
//! [`Assistant`] is the session's brain: the documents, the settings, the model, and what was suggested where. What
//! the editor tells it (`open`, `change`, `close`) is synchronous and quick, because it is told on the transport
//! task; what takes time (`complete`) is a future whose work happens on blocking threads and on the engine's own.
//! What a model writes belongs to the document (`run`); what is done while nobody asks is in `warm` and `ahead`.

pub mod act;
mod ahead;
pub mod complete;
mod diary;
mod freeze;
pub mod journal;
mod kept;
pub mod permission;
mod place;
mod prepare;
mod reach;
pub mod recipes;
pub mod roles;
mod run;
pub mod sent;
pub mod stats;
mod warm;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use url::Url;

use crate::completion::Reason;
use crate::completion::policy::Trigger;
use crate::config::Settings;
use crate::context::recent::Recent;
use crate::engine::{Backend, ModelState, Usage};
use crate::text::{Change, Document, DocumentStore, Encoding};
use crate::threads::lock;
pub use permission::IGNORE_FILES;
use permission::Permission;
pub use place::Asker;
use place::Places;
use roles::Roles;
pub use stats::Stats;

/// The session's brain.
pub struct Assistant {
    store: DocumentStore,
    /// The model for completions.
    backend: Arc<dyn Backend>,
    /// The model for edits and explanations; the same, where there is one alone.
    editor: Arc<dyn Backend>,
    /// Who sees to both, where they come and go.
    roles: Option<Arc<Roles>>,
    /// Settings and what follows from them and from the workspace, replaced whole.
    rules: Mutex<Arc<Rules>>,
    /// What is known of each open document besides its text.
    places: Mutex<Places>,
    recent: Mutex<Recent>,
    ledger: Mutex<stats::Ledger>,
    idle: Mutex<warm::Idle>,
    kept: kept::Kept,
    diary: diary::Diary,
    /// What people wrote down. Its lock is held while files are read: never taken on the transport task.
    cookbook: Mutex<act::Cookbook>,
    /// The newest prompt that went to the model.
    sent: Mutex<Option<sent::Sent>>,
    next_id: AtomicU64,
}

/// One generation of settings, with the workspace they apply to.
struct Rules {
    settings: Arc<Settings>,
    roots: Vec<PathBuf>,
    permission: Permission,
}

/// One question for a suggestion. The snapshot and offset were taken before the first await.
pub struct Ask {
    pub uri: Url,
    pub document: Arc<Document>,
    /// The cursor, bytes.
    pub offset: usize,
    pub trigger: Trigger,
    pub selection: Option<Range<usize>>,
    /// The item selected in the editor's own menu: bytes it replaces, and its text.
    pub popup: Option<(Range<usize>, String)>,
}

/// The answer: exactly one for each question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub outcome: Result<Suggestion, Reason>,
    /// `OkCache`, `OkRunning` or `OkNew` where something is shown, else the same as the error.
    pub reason: Reason,
    pub usage: Usage,
    /// Who wrote it, where there is more than one who may; none for what was kept.
    pub model: Option<String>,
}

/// Text to show at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// What `codesage.didAccept` names.
    pub id: String,
    /// Bytes of the asked document that the text replaces; on one line, holding the cursor.
    pub range: Range<usize>,
    pub text: String,
    /// Mean natural logarithm of the probabilities of what the model wrote: what `completion.minConfidence` bounds.
    pub confidence: f32,
}

impl Assistant {
    /// `roots` are the workspace folders, for relative paths and ignore files.
    pub fn new(backend: Arc<dyn Backend>, settings: Settings, roots: Vec<PathBuf>) -> Arc<Self> {
        Self::with(backend.clone(), backend, None, settings, roots)
    }

    /// The same, with models that come and go as the settings say.
    pub fn with_roles(roles: Arc<Roles>, settings: Settings, roots: Vec<PathBuf>) -> Arc<Self> {
        let (backend, editor) = roles.asked(&settings.remote);
        Self::with(backend, editor, Some(roles), settings, roots)
    }

    fn with(
        backend: Arc<dyn Backend>,
        editor: Arc<dyn Backend>,
        roles: Option<Arc<Roles>>,
        settings: Settings,
        roots: Vec<PathBuf>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: DocumentStore::default(),
            backend,
            editor,
            roles,
            rules: Mutex::new(Arc::new(Rules::new(Arc::new(settings), roots))),
            places: Mutex::default(),
            recent: Mutex::default(),
            ledger: Mutex::default(),
            idle: Mutex::default(),
            kept: kept::Kept::default(),
            diary: diary::Diary::default(),
            cookbook: Mutex::default(),
            sent: Mutex::default(),
            next_id: AtomicU64::new(1),
        })
    }

    pub fn set_roots(&self, roots: Vec<PathBuf>) {
        self.replace_rules(|old| Rules::new(old.settings.clone(), roots));
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.rules().settings.clone()
    }

    /// New settings, from the next request on. Nothing that is frozen in a prompt outlives them. Other models are loaded
    /// in the background; those that are there answer until then.
    pub fn configure(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.replace_rules(|old| Rules::new(settings.clone(), old.roots.clone()));
        if let Some(roles) = &self.roles {
            roles.apply(&settings);
        }
    }

    /// Loads model files again that were replaced, and tries again what could not be loaded.
    pub fn reload_models(&self) {
        if let Some(roles) = &self.roles {
            roles.reload();
        }
    }

    /// Who sees to the models, where they come and go.
    pub fn roles(&self) -> Option<&Roles> {
        self.roles.as_deref()
    }

    /// Looks whether ignore files changed, and goes by them from the next request on. Blocking.
    pub fn look_at_ignore_files(&self) {
        if self.rules().permission.is_stale() {
            self.replace_rules(|old| Rules::new(old.settings.clone(), old.roots.clone()));
        }
    }

    /// Under one lock, so that of two changes at once neither is lost.
    fn replace_rules(&self, change: impl FnOnce(&Rules) -> Rules) {
        {
            let mut rules = lock(&self.rules);
            *rules = Arc::new(change(&rules));
        }
        lock(&self.places).forget_anchors();
        // It may hold what may be shown no more.
        *lock(&self.sent) = None;
    }

    /// The model for completions.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The model for edits and explanations.
    pub fn editor(&self) -> &Arc<dyn Backend> {
        &self.editor
    }

    pub fn model(&self) -> ModelState {
        self.backend.watch().borrow().clone()
    }

    /// The same of the model for edits and explanations.
    pub fn edit_model(&self) -> ModelState {
        self.editor.watch().borrow().clone()
    }

    /// The open document, as it stands.
    pub fn snapshot(&self, uri: &Url) -> Option<Arc<Document>> {
        self.store.snapshot(uri)
    }

    /// Synchronous and quick, like the two below: they run on the transport task.
    pub fn open(&self, uri: Url, language_id: &str, version: i32, text: &str) {
        lock(&self.recent).touch(&uri);
        lock(&self.places).open(&uri);
        self.store.open(uri, language_id, version, text);
    }

    /// Whether the document was open.
    pub fn change(&self, uri: &Url, version: i32, changes: &[Change], encoding: Encoding) -> bool {
        let Some((document, edits)) = self.store.change(uri, version, changes, encoding) else {
            return false;
        };
        lock(&self.places).follow(uri, &edits, document.rope());
        lock(&self.recent).touch(uri);
        true
    }

    pub fn close(&self, uri: &Url) {
        self.store.close(uri);
        self.stop_reading(uri);
        lock(&self.places).close(uri);
        lock(&self.recent).forget(uri);
        lock(&self.sent).take_if(|sent| sent.uri == *uri);
    }

    /// The person took the suggestion with this id.
    pub fn accepted(&self, id: &str) {
        lock(&self.ledger).accepted(id);
    }

    /// The person typed past, or dismissed, the suggestion with this id.
    pub fn rejected(&self, id: &str) {
        lock(&self.ledger).rejected(id);
    }

    /// The `codesage/stats` object.
    pub fn stats(&self) -> Stats {
        let unseen = lock(&self.places).unseen();
        let editing = self.roles.as_ref().and_then(|roles| roles.edit().own_state());
        let engine = match &self.roles {
            Some(_) => self.backend.stats().with(&self.editor.stats()),
            None => self.backend.stats(),
        };
        let remote = self.backend.remote().map(|stats| stats.borrow().clone());
        let stats = stats::Stats::new(&self.model(), editing.as_ref(), &lock(&self.ledger), unseen, engine);
        Stats { remote, ..stats }
    }

    /// The last records, newest first: what `codesage.why` returns.
    pub fn why(&self, limit: usize) -> Vec<stats::Record> {
        lock(&self.ledger).records(limit)
    }

    fn rules(&self) -> Arc<Rules> {
        lock(&self.rules).clone()
    }

    /// Names one suggestion of this session.
    fn new_id(&self) -> String {
        self.next_id.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

impl Rules {
    fn new(settings: Arc<Settings>, roots: Vec<PathBuf>) -> Self {
        let permission = Permission::new(&settings, &roots);
        Self { settings, roots, permission }
    }

    /// The workspace folder that a file is in: the innermost.
    fn root_of(&self, path: &Path) -> Option<&PathBuf> {
        self.roots.iter().filter(|root| path.starts_with(root)).max_by_key(|root| root.as_os_str().len())
    }

    /// The path a model is told: relative to the workspace folder that holds it, else the file name.
    fn model_path(&self, uri: &Url) -> String {
        let Ok(path) = uri.to_file_path() else {
            return uri.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or("untitled").into();
        };
        let inside = self.root_of(&path).and_then(|root| path.strip_prefix(root).ok());
        let shown = inside.map(PathBuf::from).or_else(|| path.file_name().map(PathBuf::from)).unwrap_or(path);
        shown.to_string_lossy().replace('\\', "/")
    }
}

//! Looking at settings and ignore files, beside the requests: on the disk whether they changed, and in open documents what
//! is wrong.
//!
//! An editor that watches files says that one changed. None sees all of them: a person's own file lies outside the
//! workspace, folders are excluded, and many editors watch nothing. So the disk is also asked whenever something is asked
//! of us, at most once a second, and at each save: one question for each file that was read. Nothing of that runs while
//! nothing happens, and no watch of our own can be lost, run out or wake a laptop. What was read is read again only when
//! it looks different. A request does not wait for it: the next one goes by what was found.
//!
//! What an editor says of a file is not believed, only taken as a reason to look.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower_lsp::lsp_types::Url;

use crate::assist::IGNORE_FILES;
use crate::config::layers::WORKSPACE_FILE;
use crate::config::mend::{self, Mend};
use crate::lsp::session::Session;
use crate::lsp::{convert, ext};
use crate::text::Document;
use crate::threads::{lock, off_the_runtime};

/// How long what was seen on the disk is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// The id of the registration.
const WATCHING: &str = "codesage-files";

/// What there is to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Errand {
    /// What is on the disk.
    Files,
    /// An open settings file.
    Document(Url),
}

/// Takes errands; one at a time is run, and what was asked for twice meanwhile is looked at once.
pub(super) struct Looker {
    errands: mpsc::UnboundedSender<Errand>,
    last: Mutex<Option<Instant>>,
    /// The person's own settings file, whether or not it is there.
    own_file: Option<PathBuf>,
}

/// What [`Looker`] hands over.
pub(super) struct Errands(mpsc::UnboundedReceiver<Errand>);

impl Looker {
    pub(super) fn new(own_file: Option<PathBuf>) -> (Self, Errands) {
        let (errands, receiver) = mpsc::unbounded_channel();
        (Self { errands, last: Mutex::default(), own_file }, Errands(receiver))
    }

    fn send(&self, errand: Errand) {
        // Where nobody looks any more, nothing is to be seen.
        let _ = self.errands.send(errand);
    }
}

impl Errands {
    /// Runs errands until the session is gone. Inside the runtime.
    pub(super) fn run(mut self, session: Weak<Session>) {
        tokio::spawn(async move {
            while let Some(errand) = self.0.recv().await {
                let mut errands = HashSet::from([errand]);
                while let Ok(errand) = self.0.try_recv() {
                    errands.insert(errand);
                }
                let Some(session) = session.upgrade() else { return };
                if off_the_runtime(move || session.look_at(errands)).await.is_err() {
                    tracing::error!("settings and ignore files could not be looked at");
                }
            }
        });
    }
}

impl Session {
    /// Looks at the disk, soon.
    pub fn look(&self) {
        *lock(&self.looker.last) = Some(Instant::now());
        self.looker.send(Errand::Files);
    }

    /// The same, unless that was a moment ago. Called on the transport task by whatever is asked.
    pub fn look_in_passing(&self) {
        let is_known = lock(&self.looker.last).is_some_and(|last| last.elapsed() < BELIEVED);
        if !is_known {
            self.look();
        }
    }

    /// A document was saved.
    pub fn saved(&self, uri: &Url) {
        let name = file_name(uri);
        if self.may_be_settings(uri) || IGNORE_FILES.contains(&name) {
            self.look();
        }
    }

    /// Asks the client to say when a file changed, where it can be asked that.
    pub fn watch_files(&self) {
        if !self.flags.watches_files {
            return;
        }
        let [git, own] = IGNORE_FILES;
        let mut watchers = vec![json!({ "globPattern": format!("**/{{{WORKSPACE_FILE},{git},{own}}}") })];
        watchers.extend(self.own_file_watcher());
        let options = json!({ "watchers": watchers });
        let registration =
            json!({ "id": WATCHING, "method": ext::WATCHED_FILES, "registerOptions": options });
        // Sent at once; where it is refused, files are looked at all the same.
        drop(self.outbox.ask::<ext::RegisterCapability>(json!({ "registrations": [registration] })));
    }

    /// The person's own file, if its folder is there to be watched and its name means itself in a pattern.
    fn own_file_watcher(&self) -> Option<Value> {
        let path = self.looker.own_file.as_ref()?;
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        let base = Url::from_directory_path(folder).ok().filter(|_| folder.is_dir())?;
        let is_plain = !name.contains(['*', '?', '[', ']', '{', '}']);
        let pattern = json!({ "baseUri": base.as_str().trim_end_matches('/'), "pattern": name });
        is_plain.then(|| json!({ "globPattern": pattern }))
    }

    /// A document came or changed: what is wrong in it is underlined, if it is a settings file.
    pub(super) fn look_at_text(&self, uri: &Url) {
        if self.may_be_settings(uri) {
            self.looker.send(Errand::Document(uri.clone()));
        }
    }

    /// By the name alone: asked on the transport task.
    fn may_be_settings(&self, uri: &Url) -> bool {
        let name = file_name(uri);
        let own_name = self.looker.own_file.as_deref().and_then(Path::file_name);
        uri.scheme() == "file" && (name == WORKSPACE_FILE || own_name.is_some_and(|own| own == name))
    }

    /// Blocking.
    fn look_at(&self, errands: HashSet<Errand>) {
        for errand in errands {
            match errand {
                Errand::Files => {
                    let layers = lock(&self.sources).layers.clone();
                    if layers.is_stale() {
                        self.read_files();
                    }
                    self.assistant.look_at_ignore_files();
                }
                Errand::Document(uri) => self.underline(&uri),
            }
        }
    }

    fn underline(&self, uri: &Url) {
        let (Some(document), Ok(path)) = (self.assistant.snapshot(uri), uri.to_file_path()) else {
            return;
        };
        let layers = lock(&self.sources).layers.clone();
        let Some(problems) = layers.check(&path, &document.rope().to_string()) else {
            return;
        };
        let diagnostics = problems.into_iter().map(|problem| {
            let at = problem.at.unwrap_or_default();
            let key = problem.key.map_or(String::new(), |key| format!("`{key}`: "));
            json!({
                "range": convert::range(document.rope(), &at, self.flags.columns),
                // A warning: the rest applies.
                "severity": 2,
                "source": "codesage",
                "message": format!("{key}{}", problem.message),
            })
        });
        let diagnostics: Vec<Value> = diagnostics.collect();
        let mut findings = lock(&self.actions.findings);
        // One that was closed meanwhile has nowhere to show them.
        let Some(now) = self.assistant.snapshot(uri) else { return };
        if findings.underline(uri, diagnostics) {
            let shown = findings.parameters(uri, now.rope(), self.flags.columns);
            self.outbox.notify::<ext::PublishDiagnostics>(shown);
        }
    }

    /// What would mend an open settings file at these bytes; `None` where it is none. Blocking.
    pub fn mends(&self, uri: &Url, document: &Document, near: &Range<usize>) -> Option<Vec<Mend>> {
        let path = uri.to_file_path().ok().filter(|_| self.may_be_settings(uri))?;
        let layers = lock(&self.sources).layers.clone();
        layers.check(&path, "")?;
        Some(mend::mends(&document.rope().to_string(), near))
    }
}

/// The last part of a URI's path, as it is spelt there: ours need no escapes.
fn file_name(uri: &Url) -> &str {
    uri.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default()
}

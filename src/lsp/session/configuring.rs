//! Settings while a session lasts: taken from where they are written, resolved, handed on, and what is wrong told.
//!
//! [`Session::settle`] is where all ways end: whoever changed a place of the layers calls it, or does its work under the
//! same lock. Does *not* decide when files are looked at: `looking` does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tower_lsp::lsp_types::request::{Completion, Request, WorkspaceConfiguration};
use tower_lsp::lsp_types::{ConfigurationItem, ConfigurationParams, MessageType, Url};

use crate::config::key::KEYS;
use crate::config::mask::masked;
use crate::config::{Layers, Menu, Problem, Settings};
use crate::engine::Role;
use crate::log;
use crate::lsp::ext;
use crate::lsp::session::Session;
use crate::lsp::switch::Swapped;
use crate::threads::{lock, off_the_runtime};

/// How long the launch waits for a client to tell its settings. The model is not loaded before, so it is short.
const CONFIGURATION_WITHIN: Duration = Duration::from_secs(2);

/// Where settings are written, and how new the editor's word among them is.
pub(super) struct Sources {
    pub(super) layers: Layers,
    /// How often the editor was asked or spoke by itself.
    asked: u64,
    /// Which of those the editor's layer is from. An older answer that comes later is not heard.
    heard: u64,
    /// What was wrong when they were resolved last.
    problems: Vec<Problem>,
}

impl Sources {
    pub(super) fn new(layers: Layers) -> Self {
        Self { layers, asked: 0, heard: 0, problems: Vec::new() }
    }

    /// The number of a new question, or of a word that came unasked.
    fn next(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }
}

/// The id of a registration.
const MENU: &str = "codesage-menu";

impl Session {
    /// Takes settings that the editor sends by itself; they stand above `initializationOptions`.
    pub fn apply_settings(&self, section: &Value) {
        let number = lock(&self.sources).next();
        self.take_settings(number, section);
    }

    /// Takes the editor's word of this number, unless a newer one was taken before. Null has nothing set.
    fn take_settings(&self, number: u64, section: &Value) {
        let mut sources = lock(&self.sources);
        if number > sources.heard {
            sources.heard = number;
            sources.layers.set_editor(section);
            self.resolve(&mut sources);
        }
    }

    /// Resolves the settings as they stand, and tells each problem once.
    pub fn settle(&self) {
        self.resolve(&mut lock(&self.sources));
    }

    /// NB: under the lock of the layers throughout, else what was resolved first could be configured last.
    pub(super) fn resolve(&self, sources: &mut Sources) {
        let (mut settings, problems) = sources.layers.resolve();
        {
            let switch = lock(&self.switch);
            switch.set(&mut settings.completion, Instant::now());
            switch.set_models(&mut settings.model);
        }
        // The log may have been started with other settings than the session's; it looks for itself what is new.
        if let Err(error) = log::apply(&settings.log) {
            self.tell(format!("log.file: {error}"));
        }
        self.apply(settings);
        let before = std::mem::replace(&mut sources.problems, problems);
        self.tell_problems(&sources.problems, &before);
    }

    /// Hands settings on to what works by them, from the next request on. This is the one place where the session knows
    /// that there are some which nothing takes while it runs (`Key::needs_restart`): that is said, and they wait.
    fn apply(&self, settings: Settings) {
        let (mut before, mut now) = (self.begun_with.clone(), settings.clone());
        let waits = KEYS.iter().filter(|key| key.needs_restart()).filter_map(|key| {
            let value = key.value(&mut now);
            (value != key.value(&mut before)).then(|| format!("`{} = {}`", key.name, masked(&value)))
        });
        let waits: Vec<String> = waits.collect();
        if !waits.is_empty() {
            self.tell(format!("{} needs a restart of the server", waits.join(", ")));
        }
        self.announce_menu(settings.completion.menu);
        if *self.assistant.settings() != settings {
            self.assistant.configure(settings);
        }
    }

    /// A menu that was not announced and is wanted by now is announced where the client can be told. One that was
    /// announced and is not wanted is asked for and stays empty.
    fn announce_menu(&self, menu: Menu) {
        if !self.flags.offers_menu(menu) || self.has_menu.load(Ordering::Relaxed) {
            return;
        }
        if self.flags.registers_menu {
            self.has_menu.store(true, Ordering::Relaxed);
            let options = json!({ "documentSelector": null });
            let registration =
                json!({ "id": MENU, "method": Completion::METHOD, "registerOptions": options });
            drop(self.outbox.ask::<ext::RegisterCapability>(json!({ "registrations": [registration] })));
        } else {
            let from = "`initializationOptions` or a settings file";
            self.tell(format!(
                "`completion.menu`: this editor takes it only at the start of the server, from {from}"
            ));
        }
    }

    /// Tells what is newly wrong, in one message. What stands in a document that is open is underlined there, and is no
    /// reason to interrupt whoever is writing it; what is back after a while was told before.
    fn tell_problems(&self, problems: &[Problem], before: &[Problem]) {
        let (new, back) = lock(&self.told).sorted(problems, before, Instant::now());
        let is_open = |problem: &Problem| {
            let uri = problem.origin.file().and_then(|file| Url::from_file_path(file).ok());
            uri.is_some_and(|uri| self.assistant.snapshot(&uri).is_some())
        };
        let (shown, told): (Vec<&Problem>, Vec<&Problem>) =
            new.into_iter().partition(|problem| is_open(problem));
        let more: &[&Problem] = match told.as_slice() {
            [] => &[],
            [one] => {
                self.say(&one.to_string());
                &[]
            }
            [first, more @ ..] => {
                let what = if more.len() == 1 { "problem" } else { "problems" };
                self.say(&format!("{first} (and {} more {what}: see the log)", more.len()));
                more
            }
        };
        for problem in more.iter().chain(&shown).chain(&back) {
            self.outbox.log(MessageType::WARNING, &problem.to_string());
        }
    }

    /// Switches completion, or one language's, by hand; whether it is on now.
    pub fn toggle(&self, language: Option<&str>) -> bool {
        let on = lock(&self.switch).toggle(language, &self.assistant.settings().completion);
        self.settle();
        on
    }

    /// No completion for so many seconds; how long it is.
    pub fn snooze(self: &Arc<Self>, seconds: Option<f64>) -> Duration {
        let time = lock(&self.switch).snooze(seconds, Instant::now());
        self.settle();
        let session = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            // Where it was snoozed again meanwhile, this finds nothing to do.
            if let Some(session) = session.upgrade() {
                session.settle();
            }
        });
        time
    }

    /// Has this model answer for a role, or again the one of the settings; whoever did until now. In this session, above
    /// all settings.
    pub fn swap(&self, role: Role, model: Option<Swapped>) -> Option<Swapped> {
        let before = lock(&self.switch).swap(role, model);
        self.settle();
        before
    }

    /// Has that model answer again which did before this one, where this one is still what was swapped to last.
    pub fn swap_back(&self, role: Role, from: Option<&Swapped>, before: Option<Swapped>) {
        lock(&self.switch).swap_back(role, from, before);
        self.settle();
    }

    /// Reads all settings again, whether or not they look changed, and models whose files were replaced.
    pub async fn reload(self: &Arc<Self>) {
        let session = self.clone();
        if off_the_runtime(move || session.read_files()).await.is_err() {
            tracing::error!("the settings could not be read again");
        }
        self.pull_settings().await;
        self.assistant.reload_models();
    }

    /// Reads the settings files. Not under the lock, which the transport task takes too: a disk may hang.
    pub(super) fn read_files(&self) {
        let mut read = lock(&self.sources).layers.clone();
        read.read_again();
        let mut sources = lock(&self.sources);
        sources.layers.take_files(read);
        self.resolve(&mut sources);
    }

    /// Asks for the `codesage` section where the client answers that, and waits, but not for long. The answer is
    /// applied whenever it comes.
    pub async fn pull_settings(self: &Arc<Self>) {
        if !self.flags.configuration {
            return;
        }
        let number = lock(&self.sources).next();
        // A client that never answers keeps no session.
        let (session, outbox) = (Arc::downgrade(self), self.outbox.clone());
        let asked = tokio::spawn(async move {
            let section = ConfigurationItem { scope_uri: None, section: Some("codesage".into()) };
            let params = ConfigurationParams { items: vec![section] };
            let answer = outbox.ask::<WorkspaceConfiguration>(params).await;
            let section = answer.and_then(|sections| sections.into_iter().next());
            if let (Some(session), Some(section)) = (session.upgrade(), section) {
                session.take_settings(number, &section);
            }
        });
        if tokio::time::timeout(CONFIGURATION_WITHIN, asked).await.is_err() {
            tracing::info!("the client did not tell its settings within {CONFIGURATION_WITHIN:?}");
        }
    }
}

//! The routing table: which method is whose. Each is a few lines and then a call.
//!
//! What is written before a method's first await happens on arrival, in the order of the wire (see `gate`): edits
//! land there, and requests take their snapshot there. So nothing slow stands there, and `initialize` never waits
//! for a model. Does *not* hold anything but the session.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::lsp_types::{
    CodeActionParams, CodeActionResponse, CodeLens, CodeLensParams, CompletionParams, CompletionResponse,
    DidChangeConfigurationParams, DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    DidSaveTextDocumentParams, ExecuteCommandParams, InitializeParams, InitializeResult, InitializedParams,
    ServerInfo, WorkDoneProgressCancelParams,
};
use tower_lsp::{LanguageServer, LspService};

use crate::assist::journal::Journal;
use crate::assist::roles::Roles;
use crate::config::Layers;
use crate::engine::Role;
use crate::lsp::client::{self, Outbox, Said};
use crate::lsp::ending::Signals;
use crate::lsp::ext::{
    self, FocusParams, InlineCompletionList, InlineCompletionParams, ItemParams, RejectParams, Status,
    TextDocumentContent, TextDocumentContentParams,
};
use crate::lsp::session::Session;
use crate::lsp::{
    Launch, code_action, code_lens, completion_menu, convert, execute_command, inline_completion,
    last_session, model_progress, remote_news, settings, status,
};
use crate::threads::{lock, off_the_runtime};

/// How long the reply to `shutdown` may wait for what is kept: a disk that hangs must not hold up the end.
const JOURNAL_WITHIN: Duration = Duration::from_secs(1);

/// What a server begins with.
pub struct Start {
    pub layers: Layers,
    pub roles: Arc<Roles>,
    pub launch: Launch,
    pub journal: Journal,
    /// Where the program keeps what outlives a session.
    pub state: Option<PathBuf>,
    pub signals: Signals,
    /// Made by `initialize`.
    pub session: Arc<OnceLock<Arc<Session>>>,
}

/// See the module.
pub struct Server {
    outbox: Outbox,
    roles: Arc<Roles>,
    state: Option<PathBuf>,
    signals: Signals,
    /// Taken by `initialize`.
    layers: Mutex<Layers>,
    /// Taken by `initialize`.
    journal: Mutex<Option<Journal>>,
    /// Taken by `initialized`.
    launch: Mutex<Option<Launch>>,
    /// There from `initialize` on; tower-lsp lets no other method pass before.
    session: Arc<OnceLock<Arc<Session>>>,
}

/// Everything that is served: the standard methods below, LSP 3.18's, and our own with their aliases; and what the
/// server says by itself.
pub fn service(start: Start) -> (LspService<Server>, Said) {
    let (outbox, said) = client::outbox();
    // tower-lsp's own way to speak to the client is not used: see `client`.
    let (service, _) = LspService::build(|_| Server {
        outbox,
        roles: start.roles,
        state: start.state,
        signals: start.signals,
        layers: Mutex::new(start.layers),
        journal: Mutex::new(Some(start.journal)),
        launch: Mutex::new(Some(start.launch)),
        session: start.session,
    })
    .custom_method(ext::INLINE_COMPLETION, Server::inline_completion)
    .custom_method(ext::PROGRESS_CANCEL, Server::progress_cancelled)
    .custom_method(ext::TEXT_DOCUMENT_CONTENT, Server::text_document_content)
    .custom_method(ext::STATS, Server::stats)
    .custom_method(ext::STATUS, Server::status)
    .custom_method(ext::DID_FOCUS, Server::did_focus)
    .custom_method(ext::DID_FOCUS_ALIAS, Server::did_focus)
    .custom_method(ext::DID_SHOW, Server::did_show)
    .custom_method(ext::DID_SHOW_ALIAS, Server::did_show)
    .custom_method(ext::DID_PARTIALLY_ACCEPT, Server::did_partially_accept)
    .custom_method(ext::DID_PARTIALLY_ACCEPT_ALIAS, Server::did_partially_accept)
    .custom_method(ext::DID_REJECT, Server::did_reject)
    .custom_method(ext::DID_REJECT_ALIAS, Server::did_reject)
    .finish();
    (service, said)
}

#[tower_lsp::async_trait]
impl LanguageServer for Server {
    // --- The session's life.

    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        // The Gate put the real parameters here, whole; the rest of the type is empty.
        let params = params.initialization_options.unwrap_or_default();
        let layers = std::mem::take(&mut *lock(&self.layers));
        let make = || {
            let (roles, outbox) = (self.roles.clone(), self.outbox.clone());
            Session::new(&params, layers, roles, outbox, self.state.as_deref())
        };
        let session = self.session.get_or_init(make);
        if let Some(journal) = lock(&self.journal).take() {
            session.assistant.keep_journal(journal);
        }
        if let Some(parent) = params.get("processId").and_then(Value::as_u64) {
            self.signals.parent_is(u32::try_from(parent).unwrap_or(0));
        }
        Ok(InitializeResult {
            capabilities: session.flags.server_capabilities(session.assistant.settings().completion.menu),
            server_info: Some(ServerInfo {
                name: env!("CARGO_PKG_NAME").into(),
                version: Some(env!("CARGO_PKG_VERSION").into()),
            }),
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        let session = self.session();
        session.settle();
        session.actions.papers.sweep();
        last_session::keep_beginning(session);
        session.watch_files();
        session.pull_settings().await;
        let launch = lock(&self.launch).take();
        if let Some(launch) = launch {
            self.roles.launch(launch.into(), &session.assistant.settings());
            // They may have changed since they were looked at.
            self.roles.apply(&session.assistant.settings());
            tokio::spawn(model_progress::follow(session.clone(), Role::Fill));
            tokio::spawn(model_progress::follow(session.clone(), Role::Edit));
            if let Some(news) = self.roles.news() {
                tokio::spawn(model_progress::tell(session.clone(), news));
            }
            tokio::spawn(status::follow(session.clone()));
            tokio::spawn(remote_news::follow(session.clone()));
        }
    }

    async fn shutdown(&self) -> Result<()> {
        self.signals.shutdown_received();
        let session = self.session().clone();
        let ending = off_the_runtime(move || {
            // NB: before the reply, behind which some clients end the process themselves: Helix for one.
            last_session::keep(&session, true);
            session.assistant.flush_journal(JOURNAL_WITHIN);
        });
        let _ = tokio::time::timeout(JOURNAL_WITHIN, ending).await;
        Ok(())
    }

    // --- Text. Nothing is awaited, so each has happened before the next message is read.

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let session = self.session();
        let opened = params.text_document;
        let uri = opened.uri.clone();
        session.assistant.open(opened.uri, &opened.language_id, opened.version, &opened.text);
        session.opened(&uri);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let session = self.session();
        let (uri, version) = (params.text_document.uri, params.text_document.version);
        session.saw_change(&uri, params.content_changes.last());
        let changes = convert::changes(params.content_changes);
        let before = session.assistant.snapshot(&uri);
        if session.assistant.change(&uri, version, &changes, session.flags.columns) {
            session.changed(&uri, before);
        } else {
            session.stray(&uri);
        }
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let session = self.session();
        session.assistant.close(&params.text_document.uri);
        session.closed(&params.text_document.uri);
    }

    /// The text is ours already; it matters where we go by what is on the disk.
    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.session().saved(&params.text_document.uri);
    }

    // --- Settings and folders.

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        let session = self.session();
        match settings::of_change(&params.settings) {
            Some(section) => session.apply_settings(&section),
            None => session.pull_settings().await,
        }
    }

    async fn did_change_watched_files(&self, _: DidChangeWatchedFilesParams) {
        self.session().look();
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.session().change_folders(params.event);
    }

    // --- Requests.

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        self.session().look_in_passing();
        let list = completion_menu::answer(self.session(), params).await;
        Ok(Some(CompletionResponse::List(list)))
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        self.session().look_in_passing();
        execute_command::run(self.session(), params).await.map(Some)
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        self.session().look_in_passing();
        Ok(Some(code_action::answer(self.session(), params).await))
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        Ok(Some(code_lens::answer(self.session(), &params)))
    }
}

impl Server {
    async fn inline_completion(&self, params: InlineCompletionParams) -> Result<InlineCompletionList> {
        self.session().look_in_passing();
        Ok(inline_completion::answer(self.session(), params).await)
    }

    async fn progress_cancelled(&self, params: WorkDoneProgressCancelParams) {
        self.session().outbox.cancel_progress(&params.token);
    }

    async fn text_document_content(&self, params: TextDocumentContentParams) -> Result<TextDocumentContent> {
        let text = self.session().virtual_documents.get(&params.uri);
        let missing = || Error::invalid_params("there is no such document any more");
        text.map(|text| TextDocumentContent { text }).ok_or_else(missing)
    }

    async fn stats(&self, _: Value) -> Result<Value> {
        execute_command::stats(&self.session().assistant)
    }

    async fn status(&self, _: Value) -> Result<Status> {
        Ok(status::of(self.session()))
    }

    async fn did_focus(&self, params: FocusParams) {
        if let Some(document) = params.text_document {
            let session = self.session();
            lock(&session.actions.seen).document(&document.uri);
            session.assistant.stir(&document.uri);
        }
    }

    /// What is shown is counted when it is answered: a client that tells us again changes nothing.
    async fn did_show(&self, _: ItemParams) {}

    async fn did_partially_accept(&self, params: ItemParams) {
        if let Some(id) = params.id().filter(|_| params.is_whole()) {
            self.session().assistant.accepted(id);
        }
    }

    async fn did_reject(&self, params: RejectParams) {
        let session = self.session();
        params.ids.iter().for_each(|id| session.assistant.rejected(id));
    }

    fn session(&self) -> &Arc<Session> {
        self.session.get().expect("tower-lsp lets nothing pass before `initialize`")
    }
}

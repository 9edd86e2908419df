//! The server that stands before the models of this machine, where the person has named one. Read at the start of a
//! session: what is asked of it, and of whom, is `engine::remote`'s.

use std::sync::Arc;

use crate::config::RemoteSettings;
use crate::engine::remote::{Options, Patience, Remote};

/// The server of the settings; none where it is not switched on. Returns at once.
pub fn server(settings: &RemoteSettings) -> Option<Arc<Remote>> {
    let options = settings.enabled.then(|| Options {
        // Where there is none, the server says so.
        url: settings.url.clone().unwrap_or_default(),
        model: settings.model.clone(),
        key: settings.key(),
        when: settings.when,
        allow_http: settings.allow_http,
        context_tokens: settings.context_tokens,
        patience: Patience::default(),
    });
    options.map(Remote::start)
}

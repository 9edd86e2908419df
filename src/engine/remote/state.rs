//! Which model is there for a role: the server's where that answers, else the local one's.
//!
//! Edits are planned by what the server reads at once; suggestions by what both do, since the local model takes over in
//! the midst of typing, and a prompt that it could not read would be of no use to it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::breaker::Health;
use super::profile::Profile;
use super::server::Server;
use super::stats::RemoteStats;
use super::{Options, When};
use crate::engine::{Backend, ModelCard, ModelState, Role};

/// Tokens at once, of a server that has not said it.
const CONTEXT: u32 = 8192;

/// The state of a role's model, kept up to date by [`States::follow`].
#[derive(Clone)]
pub struct States {
    role: Role,
    local: Arc<dyn Backend>,
    server: Option<Arc<Server>>,
    stats: watch::Sender<RemoteStats>,
    when: When,
    wanted: Option<String>,
    context_tokens: Option<u32>,
    shown: watch::Sender<ModelState>,
}

impl States {
    pub fn new(
        role: Role,
        local: Arc<dyn Backend>,
        server: Option<Arc<Server>>,
        stats: watch::Sender<RemoteStats>,
        options: &Options,
    ) -> Self {
        let states = Self {
            role,
            local,
            server,
            stats,
            when: options.when,
            wanted: options.model.clone(),
            context_tokens: options.context_tokens,
            shown: watch::Sender::new(ModelState::Unloaded),
        };
        states.show();
        states
    }

    pub fn watch(&self) -> watch::Receiver<ModelState> {
        let is_local = self.server.is_none() || (self.role == Role::Fill && self.when == When::Edits);
        if is_local { self.local.watch() } else { self.shown.subscribe() }
    }

    /// Keeps up with both models until one of them is gone.
    pub async fn follow(&self) {
        let mut stats = self.stats.subscribe();
        loop {
            stats.mark_unchanged();
            // NB: who answers here may be another one by now, as is told by what is coming.
            let (mut local, mut coming) = (self.local.watch(), self.local.coming());
            self.show();
            let changed = tokio::select! {
                changed = local.changed() => changed,
                changed = coming.changed() => changed,
                changed = stats.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    fn show(&self) {
        let local = self.local.watch().borrow().clone();
        let profile = self.server.as_ref().and_then(|server| server.profile());
        let (health, has_problem) = {
            let stats = self.stats.borrow();
            (stats.health, stats.problem.is_some())
        };
        let seen = Seen { is_known: profile.is_some(), health, has_problem };
        let now = match chosen(&seen, &local) {
            Chosen::Local => local,
            Chosen::Wait => ModelState::Loading { fraction: 0.0 },
            Chosen::Server => ModelState::Ready(Arc::new(self.card(profile.as_deref(), &local))),
        };
        self.shown.send_if_modified(|shown| std::mem::replace(shown, now.clone()) != now);
    }

    fn card(&self, profile: Option<&Profile>, local: &ModelState) -> ModelCard {
        let host = self.server.as_ref().map_or("", |server| server.address.host());
        let model = profile.map(Profile::name).or(self.wanted.as_deref());
        let said = profile.map_or(CONTEXT, |profile| profile.context);
        let context = self.context_tokens.map_or(said, |set| set.min(said));
        let local = match local {
            ModelState::Ready(card) => Some(card),
            ModelState::Unloaded | ModelState::Loading { .. } | ModelState::Failed(_) => None,
        };
        let fills = profile.is_some_and(|profile| profile.filling.is_some());
        ModelCard {
            name: model.map_or_else(|| host.to_owned(), |model| format!("{model} at {host}")),
            path: PathBuf::new(),
            parameters: profile.map_or(0, |profile| profile.parameters),
            context_tokens: match self.role {
                Role::Fill => local.map_or(context, |local| context.min(local.context_tokens)),
                Role::Edit => context,
            },
            threads: 0,
            device: "remote".into(),
            model_bytes: local.map_or(0, |local| local.model_bytes),
            kv_bytes: local.map_or(0, |local| local.kv_bytes),
            fills: fills || local.is_some_and(|local| local.fills),
            quotes: profile.is_some_and(Profile::quotes),
            chats: true,
            notice: None,
            shortfall: None,
        }
    }
}

/// What decides.
struct Seen {
    /// It has said what it is.
    is_known: bool,
    health: Health,
    has_problem: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Chosen {
    Local,
    Server,
    /// The server is being asked what it is.
    Wait,
}

fn chosen(seen: &Seen, local: &ModelState) -> Chosen {
    let Seen { is_known, health, has_problem } = *seen;
    if !is_known && !has_problem {
        return Chosen::Wait;
    }
    let is_local_ready = matches!(local, ModelState::Ready(_));
    // Where there is no other, it is tried whenever somebody asks.
    if (is_known && health != Health::Open) || !is_local_ready { Chosen::Server } else { Chosen::Local }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scripted::ScriptedBackend;

    #[test]
    fn who_is_there() {
        let ready = ScriptedBackend::default().watch().borrow().clone();
        let failed = ModelState::Failed("no file".into());
        let check = |is_known, health, has_problem, local: &ModelState, expected| {
            let seen = Seen { is_known, health, has_problem };
            assert_eq!(chosen(&seen, local), expected, "{is_known} {health:?} {has_problem} {local:?}");
        };
        check(false, Health::Closed, false, &ready, Chosen::Wait);
        check(false, Health::Closed, true, &ready, Chosen::Local);
        check(false, Health::Open, true, &failed, Chosen::Server);
        check(true, Health::Closed, false, &ready, Chosen::Server);
        check(true, Health::HalfOpen, true, &ready, Chosen::Server);
        check(true, Health::Open, true, &ready, Chosen::Local);
        check(true, Health::Open, true, &ModelState::Loading { fraction: 0.5 }, Chosen::Server);
    }
}

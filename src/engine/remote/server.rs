//! The server as it is known: its address, key, model and ways, whether it is asked now, and what is counted of it.
//!
//! Knows no question; `ask` puts them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use super::address::Address;
use super::breaker::{Breaker, Health};
use super::line::{Asked, Call, Lines, Said};
use super::profile::{Profile, Program};
use super::question::{Path, Quirks};
use super::secret::{Secret, Source};
use super::stats::{RemoteStats, Waits};
use super::trouble::{About, Came, Head, Kind, Trouble};
use super::{Options, Patience};
use crate::engine::Lane;
use crate::threads::lock;

/// Bytes of an answer that is read whole: a list of models, an error, an answer of a server that does not stream.
const LARGEST: usize = 4 << 20;

/// See the module.
pub struct Server {
    pub address: Address,
    pub patience: Patience,
    source: Source,
    /// `remote.model`.
    wanted: Option<String>,
    lines: Arc<Lines>,
    breaker: Mutex<Breaker>,
    known: Mutex<Known>,
    waits: Mutex<Waits>,
    stats: watch::Sender<RemoteStats>,
}

/// What was learnt by asking.
#[derive(Default)]
struct Known {
    profile: Option<Arc<Profile>>,
    /// The server has refused since: it may have another model now.
    is_stale: bool,
    secret: Option<Option<Secret>>,
    quirks: Quirks,
}

/// What is known when a question is put.
#[derive(Clone)]
pub struct Acquaintance {
    pub profile: Arc<Profile>,
    pub secret: Option<Secret>,
    pub quirks: Quirks,
}

/// Leave to ask once. Who drops it without a word has not waited for the answer.
pub struct Leave {
    server: Arc<Server>,
    is_open: bool,
}

impl Server {
    /// The error is a sentence for the person.
    pub fn new(options: &Options, stats: watch::Sender<RemoteStats>) -> Result<Arc<Self>, String> {
        let address =
            Address::new(&options.url, options.allow_http).map_err(|why| format!("`remote.url`: {why}"))?;
        let lines = Lines::new(&address, options.patience.connect);
        stats.send_modify(|stats| stats.server = address.host().to_owned());
        Ok(Arc::new(Self {
            address,
            patience: options.patience,
            source: options.key.clone(),
            wanted: options.model.clone(),
            lines,
            breaker: Mutex::default(),
            known: Mutex::default(),
            waits: Mutex::default(),
            stats,
        }))
    }

    /// Leave to ask; none while the server is let alone.
    pub fn leave(self: &Arc<Self>) -> Option<Leave> {
        let is_open = lock(&self.breaker).admits(Instant::now());
        self.show_health();
        is_open.then(|| Leave { server: self.clone(), is_open })
    }

    pub fn health(&self) -> Health {
        lock(&self.breaker).health(Instant::now())
    }

    /// The profile, where it is known.
    pub fn profile(&self) -> Option<Arc<Profile>> {
        lock(&self.known).profile.clone()
    }

    pub fn count(&self, count: impl FnOnce(&mut RemoteStats)) {
        self.stats.send_modify(count);
    }

    /// The first text came after so long.
    pub fn waited(&self, wait: Duration) {
        let percentiles = lock(&self.waits).push(wait);
        self.count(|stats| stats.first_text_ms = percentiles);
    }

    /// What is needed to put a question. Asks the server for its models, and the keyring for the key, where that was not
    /// done.
    pub async fn acquaintance(&self) -> Result<Acquaintance, Trouble> {
        let secret = self.secret().await?;
        let is_stale = lock(&self.known).is_stale;
        let profile = match self.profile().filter(|_| !is_stale) {
            Some(profile) => profile,
            None => {
                let profile = Arc::new(self.introduce(secret.as_ref()).await?);
                {
                    let mut known = lock(&self.known);
                    known.profile = Some(profile.clone());
                    known.is_stale = false;
                }
                self.count(|stats| profile.name().clone_into(&mut stats.model));
                profile
            }
        };
        let quirks = lock(&self.known).quirks.clone();
        Ok(Acquaintance { profile, secret, quirks })
    }

    /// Learns from a refusal; whether the question is worth putting once more.
    pub fn learn(&self, said: &str, body: &Value) -> bool {
        lock(&self.known).quirks.learn(said, body)
    }

    /// It cannot be asked to fill.
    pub fn fills_nothing(&self) {
        let mut known = lock(&self.known);
        if let Some(profile) = known.profile.as_deref() {
            known.profile = Some(Arc::new(Profile { filling: None, ..profile.clone() }));
        }
    }

    /// For sentences.
    pub fn about<'a>(&'a self, secret: Option<&'a Secret>, model: &'a str) -> About<'a> {
        About { address: &self.address, source: &self.source, secret, model }
    }

    /// Puts a question.
    pub fn put(&self, path: Path, body: String, secret: Option<&Secret>) -> Result<Call, Trouble> {
        let url = match path {
            Path::Api(path) => self.address.api(path),
            Path::Root(path) => self.address.root(path),
        };
        self.open(Asked { url, authorization: secret.map(Secret::authorization), body: Some(body) })
    }

    fn open(&self, asked: Asked) -> Result<Call, Trouble> {
        let refused = |error: std::io::Error| Trouble::passing(format!("no thread can be started: {error}"));
        self.lines.ask(asked).map_err(refused)
    }

    async fn secret(&self) -> Result<Option<Secret>, Trouble> {
        if let Some(secret) = &lock(&self.known).secret {
            return Ok(secret.clone());
        }
        let (source, within) = (self.source.clone(), self.patience.key);
        let read = tokio::task::spawn_blocking(move || source.read(within)).await;
        let read = read.unwrap_or_else(|_| Err("the key could not be read".into()));
        let secret = read.map_err(Trouble::refused)?;
        lock(&self.known).secret = Some(secret.clone());
        Ok(secret)
    }

    /// What the server says of itself.
    async fn introduce(&self, secret: Option<&Secret>) -> Result<Profile, Trouble> {
        let wanted = self.wanted.as_deref();
        let about = self.about(secret, wanted.unwrap_or_default());
        let list = self.get(self.address.api("models"), secret, &about).await?;
        let profile = Profile::new(&list, wanted)
            .map_err(|why| Trouble::refused(format!("{} {why}", self.address.host())))?;
        if profile.program != Program::LlamaServer {
            return Ok(profile);
        }
        // It may be started so that it does not tell.
        let props = self.get(self.address.root("props"), secret, &about).await;
        Ok(props.map_or(profile.clone(), |props| profile.with_props(&props)))
    }

    async fn get(&self, url: String, secret: Option<&Secret>, about: &About<'_>) -> Result<Value, Trouble> {
        let authorization = secret.map(Secret::authorization);
        let mut call = self.open(Asked { url, authorization, body: None })?;
        let head = self.head(&mut call, about, self.patience.connect).await?;
        let body = self.rest(&mut call, Vec::new()).await;
        if head.status != 200 {
            return Err(about.status(&head, &text(&body.unwrap_or_default())));
        }
        let body = body.ok_or_else(|| about.cut(Came::default()))?;
        let body = text(&body);
        serde_json::from_str(&body).map_err(|_| {
            if body.trim_start().starts_with('<') {
                about.page(&body)
            } else {
                about.nonsense("answers with no JSON")
            }
        })
    }

    /// The head of an answer.
    pub async fn head(&self, call: &mut Call, about: &About<'_>, within: Duration) -> Result<Head, Trouble> {
        match tokio::time::timeout(within, call.next()).await {
            Ok(Said::Head(head)) => Ok(head),
            Ok(Said::Failed(error)) => Err(about.connection(&error)),
            Ok(Said::Bytes(_) | Said::End) => Err(about.cut(Came::default())),
            Err(_) => Err(about.silent(within)),
        }
    }

    /// The rest of an answer behind `body`; none where it is cut, too long, or does not come.
    pub async fn rest(&self, call: &mut Call, mut body: Vec<u8>) -> Option<Vec<u8>> {
        loop {
            match tokio::time::timeout(self.patience.between, call.next()).await.ok()? {
                Said::Bytes(bytes) if body.len() + bytes.len() <= LARGEST => body.extend(bytes),
                Said::End => return Some(body),
                Said::Bytes(_) | Said::Head(_) | Said::Failed(_) => return None,
            }
        }
    }

    fn show_health(&self) {
        let health = self.health();
        self.stats.send_if_modified(|stats| std::mem::replace(&mut stats.health, health) != health);
    }
}

impl Leave {
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The server has answered.
    pub fn answered(mut self) {
        self.close(Breaker::succeeded);
        self.server.stats.send_if_modified(|stats| stats.problem.take().is_some());
    }

    /// It has not.
    pub fn failed(mut self, trouble: &Trouble) {
        let now = Instant::now();
        match trouble.kind {
            Kind::Passing(asked) => self.close(|breaker| breaker.failed(now, asked)),
            Kind::Refused => {
                self.close(|breaker| breaker.refused(now));
                // A key or a model may be another one the next time.
                let mut known = lock(&self.server.known);
                known.is_stale = true;
                known.secret = None;
            }
            // It is there, and answers.
            Kind::Question => self.close(Breaker::succeeded),
        }
        let problem = (trouble.kind != Kind::Question).then(|| trouble.sentence.clone());
        self.server.count(|stats| stats.problem = problem);
    }

    fn close(&mut self, tell: impl FnOnce(&mut Breaker)) {
        self.is_open = false;
        tell(&mut lock(&self.server.breaker));
        self.server.show_health();
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.is_open {
            self.close(|breaker| breaker.abandoned(Instant::now()));
        }
    }
}

impl Patience {
    /// The text of a person who types is of no use later; an edit is waited for.
    pub fn tries(&self, lane: Lane) -> u32 {
        if lane == Lane::Action { self.tries } else { self.tries.min(2) }
    }

    /// Before the first text.
    pub fn first(&self, lane: Lane) -> Duration {
        if lane == Lane::Action { self.first } else { self.first.min(self.first_of_suggestion) }
    }

    /// Before a try after `failures` of them: doubled each time and drawn from its upper half, so that many who were
    /// turned away at once do not come back at once. None where the server asks for more than anybody waits.
    pub fn pause(&self, lane: Lane, failures: u32, asked: Option<Duration>) -> Option<Duration> {
        let doubled =
            self.pause.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest_pause);
        let drawn = doubled.mul_f64(0.5 + fastrand::f64() / 2.0);
        let longest = if lane == Lane::Action { self.longest_pause } else { self.pause };
        match asked {
            Some(asked) if asked > longest => None,
            Some(asked) => Some(asked.max(drawn)),
            None => Some(drawn),
        }
    }
}

/// Bytes of a body for a sentence.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let seconds = Duration::from_secs;
        let patience =
            Patience { pause: seconds(1), longest_pause: seconds(8), tries: 4, ..Patience::default() };
        for (failures, least, most) in
            [(1, 0.5, 1.0), (2, 1.0, 2.0), (3, 2.0, 4.0), (4, 4.0, 8.0), (99, 4.0, 8.0)]
        {
            let drawn: Vec<f64> = (0..100)
                .map(|_| patience.pause(Lane::Action, failures, None).expect("a pause").as_secs_f64())
                .collect();
            assert!(drawn.iter().all(|pause| (least..=most).contains(pause)), "{failures}: {drawn:?}");
            // Not all who were turned away come back at once.
            assert!(drawn.windows(2).any(|pair| pair[0] != pair[1]), "{failures}");
        }
        // As long as the server asks for; but nobody waits for ever, and least of all for a suggestion.
        assert_eq!(patience.pause(Lane::Action, 1, Some(seconds(7))), Some(seconds(7)));
        assert!(
            patience.pause(Lane::Action, 3, Some(Duration::ZERO)).is_some_and(|pause| pause >= seconds(2))
        );
        assert_eq!(patience.pause(Lane::Action, 1, Some(seconds(9))), None);
        assert_eq!(patience.pause(Lane::Completion, 1, Some(seconds(2))), None);
        assert_eq!((patience.tries(Lane::Action), patience.tries(Lane::Completion)), (4, 2));
    }
}

//! The connection: one request sent, its answer in pieces as they come. The only file of the engine that opens one.
//!
//! A thread reads, since the client blocks; whoever asks waits for what it says as long as they like. To stop waiting is
//! to drop the [`Call`]: its connection is closed there and then, in the midst of whatever it does, and what the server
//! still sends goes nowhere. A connection whose answer was read to its end is kept for the next request.
//!
//! Redirections are not followed. Proxies are those of the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), none for
//! this machine, and none for `http`: what is sent in the clear must not leave the network that it is meant for.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use super::address::Address;
use super::trouble::Head;
use crate::net;
use crate::threads::lock;

/// Bytes that are read at once.
const PIECE: usize = 16 << 10;
/// Pieces that wait to be heard: a server that sends faster than anybody listens is read no further.
const WAITING: usize = 16;

/// What is asked for.
pub struct Asked {
    pub url: String,
    pub authorization: Option<String>,
    /// JSON; none: a `GET`.
    pub body: Option<String>,
}

/// What came, in this order: a head, bytes, the end. Or a failure, which is the last word.
pub enum Said {
    Head(Head),
    Bytes(Vec<u8>),
    End,
    Failed(ureq::Error),
}

/// Connections to one server.
pub struct Lines {
    config: Config,
    is_fenced: bool,
    /// With a connection that is open, perhaps.
    idle: Mutex<Option<Agent>>,
}

/// An answer that is under way.
pub struct Call {
    said: mpsc::Receiver<Said>,
    lines: Arc<Lines>,
    agent: Option<Agent>,
    has_ended: bool,
}

impl Lines {
    /// `connect`: how long finding the server, reaching it and sending the question may take, each.
    pub fn new(address: &Address, connect: Duration) -> Arc<Self> {
        let mut config = Agent::config_builder();
        if address.is_here() || address.is_plain() {
            config = config.proxy(None);
        }
        #[cfg(feature = "remote")]
        {
            let tls = ureq::tls::TlsConfig::builder().root_certs(net::certificates());
            config = config.tls_config(tls.build());
        }
        let config = config
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_send_request(Some(connect))
            .timeout_send_body(Some(connect))
            .http_status_as_error(false)
            .https_only(!address.is_plain())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("codesage/", env!("CARGO_PKG_VERSION")))
            .build();
        Arc::new(Self { config, is_fenced: address.is_fenced(), idle: Mutex::new(None) })
    }

    /// Asks; what comes is heard by [`Call::next`].
    pub fn ask(self: &Arc<Self>, asked: Asked) -> io::Result<Call> {
        let resolver = Fenced { is_fenced: self.is_fenced, inner: DefaultResolver::default() };
        let kept = lock(&self.idle).take();
        let agent = kept
            .unwrap_or_else(|| Agent::with_parts(self.config.clone(), DefaultConnector::default(), resolver));
        let (sender, said) = mpsc::channel(WAITING);
        let reading = agent.clone();
        thread::Builder::new()
            .name("codesage-remote".into())
            .spawn(move || read(&reading, &asked, &sender))?;
        Ok(Call { said, lines: self.clone(), agent: Some(agent), has_ended: false })
    }
}

impl Call {
    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Said {
        match self.said.recv().await {
            Some(Said::End) => {
                self.has_ended = true;
                Said::End
            }
            Some(said) => said,
            // The thread has panicked, which its hook has told.
            None => Said::Failed(io::Error::other("it was not read to its end").into()),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(agent) = self.agent.take() else { return };
        if self.has_ended {
            *lock(&self.lines.idle) = Some(agent);
        } else {
            agent.shutdown();
        }
    }
}

fn read(agent: &Agent, asked: &Asked, said: &mpsc::Sender<Said>) {
    let last = match send(agent, asked) {
        Err(error) => Said::Failed(error),
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let head = head(parts.status.as_u16(), &parts.headers);
            if said.blocking_send(Said::Head(head)).is_err() {
                return;
            }
            let mut body = body.into_reader();
            let mut piece = vec![0; PIECE];
            loop {
                match body.read(&mut piece) {
                    Ok(0) => break Said::End,
                    Ok(count) => {
                        if said.blocking_send(Said::Bytes(piece[..count].to_vec())).is_err() {
                            return;
                        }
                    }
                    Err(error) => break Said::Failed(error.into()),
                }
            }
            // NB: the body is dropped here, so that its connection is free before the end is heard.
        }
    };
    let _ = said.blocking_send(last);
}

fn send(agent: &Agent, asked: &Asked) -> Result<ureq::http::Response<Body>, ureq::Error> {
    let authorization = asked.authorization.as_deref();
    match &asked.body {
        Some(body) => {
            let mut request = agent.post(&asked.url).header("Content-Type", "application/json");
            request = request.header("Accept", "text/event-stream, application/json");
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            request.send(body.as_str())
        }
        None => {
            let mut request = agent.get(&asked.url).header("Accept", "application/json");
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            request.call()
        }
    }
}

fn head(status: u16, headers: &ureq::http::HeaderMap) -> Head {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let media = text("content-type").and_then(|media| media.split(';').next()).unwrap_or_default();
    Head {
        status,
        media: media.trim().to_lowercase(),
        retry_after: text("retry-after").and_then(|asked| retry_after(asked, SystemTime::now())),
        location: text("location").map(str::to_owned),
    }
}

/// Seconds, or a time of day (RFC 9110, 10.2.3); parts of a second are of nobody's standard and are taken all the same.
fn retry_after(asked: &str, now: SystemTime) -> Option<Duration> {
    let asked = asked.trim();
    match asked.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => httpdate::parse_http_date(asked).ok()?.duration_since(now).ok(),
    }
}

/// Names resolved as ever; but one that is spoken to in the clear must be of this machine or of the network round it.
#[derive(Debug)]
struct Fenced {
    is_fenced: bool,
    inner: DefaultResolver,
}

impl Resolver for Fenced {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        if self.is_fenced && !found.iter().all(|address| net::is_private(address.ip())) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_server_wants_to_be_let_alone() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (asked, expected) in [
            ("7", Some(7.0)),
            (" 120 ", Some(120.0)),
            ("0.5", Some(0.5)),
            ("0", Some(0.0)),
            ("-1", None),
            ("nan", None),
            ("1e300", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0.0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60.0)),
            ("Wed, 01 Mar 1995 00:00:00 GMT", Some(9_904_223.0)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            let found = retry_after(asked, now).map(|pause| pause.as_secs_f64());
            assert_eq!(found, expected, "{asked:?}");
        }
    }
}

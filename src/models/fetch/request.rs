//! What is asked of a server: what it knows of a file, and the bytes from some place on.
//!
//! Proxies are those of the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), none for this machine; certificates are Mozilla's, or those
//! of the file that `SSL_CERT_FILE` names. What begins with https stays with it.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};
use url::Url;

use super::Trouble;
use crate::net::{certificates, is_this_machine};

/// Of a server's redirections.
const MOST_REDIRECTS: u32 = 8;
const CONNECT: Duration = Duration::from_secs(30);

pub(super) struct Client {
    agent: Agent,
    host: Option<String>,
    authorization: Option<String>,
}

/// What a server says of a file before it is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Published {
    pub bytes: Option<u64>,
    /// Lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// An answer with bytes.
pub(super) struct Answer {
    /// Where they begin in the file.
    pub from: u64,
    /// Bytes of the whole file.
    pub announced: Option<u64>,
    pub tag: Option<String>,
    pub body: Box<dyn Read>,
}

impl Client {
    pub fn new(url: &Url, silence: Duration, token: Option<&str>) -> Self {
        let mut config = Agent::config_builder();
        if is_this_machine(url) {
            config = config.proxy(None);
        }
        let config = config
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(silence))
            .timeout_per_read(Some(silence))
            .http_status_as_error(false)
            .https_only(url.scheme() == "https")
            .max_redirects(MOST_REDIRECTS)
            .user_agent(concat!("codesage/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(certificates()).build())
            .build();
        Self {
            agent: config.into(),
            host: url.host_str().map(str::to_owned),
            authorization: token.map(|token| format!("Bearer {token}")),
        }
    }

    /// What the server knows of the file. Hugging Face answers with a redirection that names the file's SHA-256 and
    /// size; what it leads to knows them no longer.
    pub fn published(&self, url: &Url) -> Result<Published, (u64, Trouble)> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let request = self.agent.head(url.as_str()).config().max_redirects(0).build();
            let request = match self.authorization.as_ref().filter(|_| url.host_str() == self.host.as_deref())
            {
                Some(authorization) => request.header("Authorization", authorization),
                None => request,
            };
            let response = request.call().map_err(|error| (0, trouble(&error)))?;
            let status = response.status().as_u16();
            let text = |name: &str| header(response.headers(), name);
            let linked = text("x-linked-etag").and_then(digest);
            let sha256 = linked.or_else(|| text("x-checksum-sha256").and_then(digest));
            let size = text("x-linked-size").and_then(|size| size.parse().ok());
            if sha256.is_some() || size.is_some() {
                let length = || length(&response).filter(|_| status == 200);
                return Ok(Published { bytes: size.or_else(length), sha256: sha256.map(str::to_lowercase) });
            }
            match status {
                200 => {
                    return Ok(Published { bytes: length(&response), sha256: None });
                }
                300..400 => {
                    let next = text("location").and_then(|place| url.join(place).ok());
                    let is_safe = |next: &Url| url.scheme() == "http" || next.scheme() == "https";
                    url = next.filter(is_safe).ok_or_else(|| {
                        (0, Trouble::Final(format!("{url}: the server sends us on to nowhere that is safe")))
                    })?;
                }
                // A server that answers no such question may still have the file.
                405 | 501 => return Ok(Published::default()),
                _ => return Err((0, refused(status, &url, response.headers()))),
            }
        }
        Err((0, Trouble::Final(format!("{url}: the server sends us round in a circle"))))
    }

    /// The bytes from `from` on, where the server can do that and still has what `tag` names; else all of them.
    pub fn get(&self, url: &Url, from: u64, tag: Option<&str>) -> Result<Answer, Trouble> {
        let mut request = self.agent.get(url.as_str()).header("Accept-Encoding", "identity");
        if let Some(authorization) = &self.authorization {
            // Goes to no other host: it is left out where one is led on.
            request = request.header("Authorization", authorization);
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
            if let Some(tag) = tag {
                request = request.header("If-Range", tag);
            }
        }
        let response = request.call().map_err(|error| trouble(&error))?;
        let status = response.status().as_u16();
        let tag = header(response.headers(), "etag").map(str::to_owned);
        let (from, announced) = match status {
            200 => (0, length(&response)),
            206 => piece(header(response.headers(), "content-range")).ok_or_else(|| {
                Trouble::Passing("the server does not say which piece it sends".into(), None)
            })?,
            // There is nothing behind what is here: begin anew.
            416 => {
                return Ok(Answer {
                    from: u64::MAX,
                    announced: None,
                    tag: None,
                    body: Box::new(io::empty()),
                });
            }
            _ => return Err(refused(status, url, response.headers())),
        };
        Ok(Answer { from, announced, tag, body: Box::new(response.into_body().into_reader()) })
    }
}

/// Bytes; nobody publishes an empty file, and some servers say 0 where they do not know.
fn length(response: &Response<Body>) -> Option<u64> {
    header(response.headers(), "content-length")?.parse().ok().filter(|&length| length > 0)
}

/// `bytes 5-9/10`: where it begins, and of how many bytes.
fn piece(range: Option<&str>) -> Option<(u64, Option<u64>)> {
    let (place, total) = range?.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = place.split_once('-')?;
    Some((from.parse().ok()?, total.parse().ok()))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A SHA-256, in the quotes of a tag or without.
fn digest(text: &str) -> Option<&str> {
    let text = text.trim().trim_matches('"');
    (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// What a status means for a person.
fn refused(status: u16, url: &Url, headers: &HeaderMap) -> Trouble {
    let page = url.as_str().split("/resolve/").next().unwrap_or_default();
    match status {
        401 | 403 => Trouble::Final(format!(
            "{url}: the server answers {status}: the model is private, or its licence has to be accepted first at {page}; \
             then put a token of yours into HF_TOKEN"
        )),
        404 | 410 => Trouble::Final(format!("{url}: there is no such file (the server answers {status})")),
        408 | 425 | 429 | 500..600 => {
            let asked = header(headers, "retry-after").and_then(|seconds| seconds.trim().parse().ok());
            Trouble::Passing(format!("the server answers {status}"), asked.map(Duration::from_secs))
        }
        _ => Trouble::Final(format!("{url}: the server answers {status}")),
    }
}

fn trouble(error: &ureq::Error) -> Trouble {
    let passing = |why: &str| Trouble::Passing(why.to_owned(), None);
    match error {
        ureq::Error::Timeout(_) => passing("the server is silent"),
        ureq::Error::HostNotFound => passing("the server's name is not known; is there a network?"),
        ureq::Error::ConnectionFailed => passing("the server cannot be reached"),
        ureq::Error::Io(error) => Trouble::Passing(explained_io(error), None),
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) | ureq::Error::InvalidProxyUrl => {
            Trouble::Final(format!("the address cannot be used: {error}"))
        }
        error => Trouble::Passing(format!("the server cannot be asked: {error}"), None),
    }
}

/// What happened to a connection.
pub(super) fn explained_io(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    let is_silence =
        matches!(inner, Some(ureq::Error::Timeout(_))) || error.kind() == io::ErrorKind::TimedOut;
    if is_silence { "the server fell silent".to_owned() } else { format!("the connection was cut ({error})") }
}

//! HTTP to a server on this machine: the one place of the program that opens a connection, and only because somebody
//! named an address on the command line.
//!
//! What is sent is source text, so the address must be of this machine; no proxy and no redirection leads elsewhere.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use url::Url;

use crate::net::is_this_machine;

/// Bytes of an answer at most.
const LARGEST: u64 = 16 << 20;

/// A server on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

impl std::str::FromStr for Address {
    type Err = String;

    /// `http://127.0.0.1:8012`, with or without `/infill`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| format!("{error}; such as http://127.0.0.1:8012"))?;
        if url.scheme() != "http" {
            return Err("llama-server is spoken to by http".to_owned());
        }
        if !is_this_machine(&url) {
            return Err("the server must run on this machine: source text is sent to it".to_owned());
        }
        let path = url.path().trim_end_matches('/').trim_end_matches("/infill").to_owned() + "/";
        url.set_path(&path);
        url.set_query(None);
        Ok(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Address {
    pub fn at(&self, path: &str) -> String {
        format!("{self}/{path}")
    }
}

/// A connection that is kept open between requests.
pub struct Client(Agent);

impl Client {
    /// A request that takes longer than `patience` fails.
    pub fn new(patience: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(patience))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        Self(config.into())
    }

    /// An error is a phrase.
    pub fn get(&self, url: &str) -> Result<Value, String> {
        read(self.0.get(url).call())
    }

    pub fn post(&self, url: &str, body: &Value) -> Result<Value, String> {
        let request = self.0.post(url).header("Content-Type", "application/json");
        read(request.send(body.to_string()))
    }
}

fn read(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut response = response.map_err(|error| explained(&error))?;
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(LARGEST).read_to_string();
    let text = text.map_err(|error| explained(&error))?;
    if status != 200 {
        let said: String = text.chars().take(200).collect();
        return Err(format!("it answers {status}: {said}"));
    }
    serde_json::from_str(&text).map_err(|error| format!("its answer is no JSON: {error}"))
}

fn explained(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it does not answer in time".to_owned(),
        error => format!("it cannot be asked: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_an_address() {
        for (text, infill) in [
            ("http://127.0.0.1:8012", "http://127.0.0.1:8012/infill"),
            ("http://localhost:8012/infill", "http://localhost:8012/infill"),
            ("http://[::1]:80/infill/", "http://[::1]/infill"),
            ("http://127.0.0.1:1/api/?x=1", "http://127.0.0.1:1/api/infill"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.at("infill")), Ok(infill.to_owned()));
        }
        for text in [
            "",
            "localhost:8012",
            "https://127.0.0.1",
            "http://example.com",
            "http://10.0.0.1:8012",
            "http://127.0.0.1.example.com",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}

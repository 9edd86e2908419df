//! Where the server is, and whether it may be spoken to in the clear. Pure.
//!
//! What goes there is source text, and perhaps a key: over `http` only where the address is of this machine or of the
//! network round it, unless the person says otherwise. A name is judged by what it resolves to, at each connection
//! (`line`).

use url::{Host, Url};

use crate::net;

/// A server's address, in the two forms in which servers of this kind are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Without a slash at its end: `http://gpu:8000/v1`.
    api: String,
    /// The same without `/v1`, where llama-server has what no API of OpenAI's has.
    root: String,
    /// With the port, where one is named: what a person is told.
    host: String,
    is_plain: bool,
    is_here: bool,
    allows_public: bool,
}

impl Address {
    /// From `remote.url`, with or without the `/v1` that most servers have. The error says what is wrong with it.
    pub fn new(text: &str, allow_http: bool) -> Result<Self, String> {
        let about = |why: &str| why.to_owned();
        let url = Url::parse(text.trim()).map_err(|error| {
            format!("{error}; write it as `https://example.org/v1` or `http://127.0.0.1:8080`")
        })?;
        let is_plain = match url.scheme() {
            "http" => true,
            "https" if cfg!(feature = "remote") => false,
            "https" => {
                return Err(about(
                    "this codesage was built without the feature `remote` and speaks no https",
                ));
            }
            other => return Err(format!("`{other}` is neither http nor https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(about(
                "name no password in it; `remote.apiKeyEnv` names the variable that holds the key",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(about("it ends with a path, without `?` or `#`"));
        }
        let Some(name) = url.host_str() else {
            return Err(about("it names no server"));
        };
        let is_public = match url.host() {
            Some(Host::Ipv4(address)) => !net::is_private(address.into()),
            Some(Host::Ipv6(address)) => !net::is_private(address.into()),
            Some(Host::Domain(_)) | None => false,
        };
        if is_plain && is_public && !allow_http {
            return Err(in_the_clear(name));
        }
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let is_here = net::is_this_machine(&url);
        let whole = url.as_str().trim_end_matches('/');
        let api =
            if url.path().trim_matches('/').is_empty() { format!("{whole}/v1") } else { whole.to_owned() };
        let root = api.strip_suffix("/v1").unwrap_or(&api).to_owned();
        Ok(Self { api, root, host, is_plain, is_here, allows_public: allow_http })
    }

    /// `api("models")`: `http://gpu:8000/v1/models`.
    pub fn api(&self, path: &str) -> String {
        format!("{}/{path}", self.api)
    }

    /// `root("infill")`: `http://gpu:8000/infill`.
    pub fn root(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// For a person: name and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether nothing hides on the way what is sent.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether it is this machine.
    pub fn is_here(&self) -> bool {
        self.is_here
    }

    /// Whether a name may turn out to be of the internet.
    pub fn is_fenced(&self) -> bool {
        self.is_plain && !self.allows_public
    }
}

/// Why source text does not go to a server of the internet over http.
pub fn in_the_clear(host: &str) -> String {
    format!(
        "{host} is on the internet, and over http anybody on the way can read your code; use https, or say \
         `remote.allowHttp = true`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, models, infill, host) in [
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080/v1/models",
                "http://127.0.0.1:8080/infill",
                "127.0.0.1:8080",
            ),
            (
                "http://127.0.0.1:8080/",
                "http://127.0.0.1:8080/v1/models",
                "http://127.0.0.1:8080/infill",
                "127.0.0.1:8080",
            ),
            ("http://gpu:8000/v1/", "http://gpu:8000/v1/models", "http://gpu:8000/infill", "gpu:8000"),
            (" http://gpu ", "http://gpu/v1/models", "http://gpu/infill", "gpu"),
            ("http://[fd00::7]:80/v1", "http://[fd00::7]/v1/models", "http://[fd00::7]/infill", "[fd00::7]"),
            (
                "http://10.0.0.9/team/v1",
                "http://10.0.0.9/team/v1/models",
                "http://10.0.0.9/team/infill",
                "10.0.0.9",
            ),
            (
                "http://10.0.0.9/openai",
                "http://10.0.0.9/openai/models",
                "http://10.0.0.9/openai/infill",
                "10.0.0.9",
            ),
        ] {
            let address = Address::new(text, false).unwrap();
            let found = (address.api("models"), address.root("infill"), address.host().to_owned());
            assert_eq!(found, (models.to_owned(), infill.to_owned(), host.to_owned()), "{text}");
        }
    }

    #[test]
    fn http_stays_near_unless_the_person_says_so() {
        for (text, is_allowed) in [
            ("http://127.0.0.1", true),
            ("http://localhost:1", true),
            ("http://192.168.0.7", true),
            // By what it resolves to, later.
            ("http://example.org", true),
            ("http://8.8.8.8", false),
            ("http://[2001:db8::1]:8000", false),
        ] {
            assert_eq!(Address::new(text, false).is_ok(), is_allowed, "{text}");
            assert!(Address::new(text, true).is_ok(), "{text}");
        }
        assert!(Address::new("http://example.org", false).unwrap().is_fenced());
        assert!(!Address::new("http://example.org", true).unwrap().is_fenced());
    }

    #[test]
    fn what_is_no_address_is_said() {
        for (text, said) in [
            ("", "write it as"),
            ("gpu:8000/v1", "neither http nor https"),
            ("ftp://gpu", "neither http nor https"),
            ("http://me:secret@gpu", "no password"),
            ("http://gpu/v1?api-version=1", "without `?`"),
            ("http://8.8.8.8/v1", "8.8.8.8 is on the internet"),
        ] {
            let error = Address::new(text, false).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    #[cfg(feature = "remote")]
    fn https_goes_anywhere() {
        let address = Address::new("https://api.example.org/v1", false).unwrap();
        assert!(!address.is_plain() && !address.is_fenced() && !address.is_here());
        assert_eq!(address.api("chat/completions"), "https://api.example.org/v1/chat/completions");
    }
}

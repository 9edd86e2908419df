//! What went wrong with a server, in one sentence that says what to do. Pure.
//!
//! What a server says of itself is quoted, a line of it, without control characters and without the key.

use std::time::Duration;

use serde_json::Value;

use super::address::{Address, in_the_clear};
use super::secret::{Secret, Source};
use crate::text::unseen::is_unseen;

/// Characters of a server's own words that are shown.
const SHOWN: usize = 200;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For the person; begins with the name of the server.
    pub sentence: String,
    pub kind: Kind,
}

/// What it means for the next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// May be gone a moment later, perhaps after as long as the server asks for.
    Passing(Option<Duration>),
    /// Every question would be answered so: a wrong key, a wrong address, no such model.
    Refused,
    /// Of this question alone.
    Question,
}

/// Whose server it is, for sentences.
#[derive(Clone, Copy)]
pub struct About<'a> {
    pub address: &'a Address,
    pub source: &'a Source,
    pub secret: Option<&'a Secret>,
    pub model: &'a str,
}

/// What there was of an answer when it broke off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// Of its text.
    pub bytes: usize,
    /// As the server counts them, or its pieces.
    pub tokens: u32,
}

/// The head of an answer that is not the one that was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// `Content-Type`, without its parameters, in small letters.
    pub media: String,
    pub retry_after: Option<Duration>,
    /// Where a redirection leads.
    pub location: Option<String>,
}

impl Trouble {
    pub fn passing(sentence: String) -> Self {
        Self { sentence, kind: Kind::Passing(None) }
    }

    pub fn refused(sentence: String) -> Self {
        Self { sentence, kind: Kind::Refused }
    }

    pub fn question(sentence: String) -> Self {
        Self { sentence, kind: Kind::Question }
    }
}

impl About<'_> {
    /// What an answer of another status than 200 means; `body` is what came with it, perhaps not all.
    pub fn status(&self, head: &Head, body: &str) -> Trouble {
        let host = self.address.host();
        let Head { status, retry_after, location, .. } = head;
        let said = self.quoted(head, body);
        match status {
            300..=399 => Trouble::refused(match location {
                Some(place) => format!(
                    "{host} sends us on to {}, and redirections are not followed: your code would go where you did \
                     not send it; if that is the server, name it in `remote.url`",
                    self.clean(place)
                ),
                None => format!("{host} sends us on ({status}) to nowhere; look at `remote.url`"),
            }),
            401 | 403 => {
                let what = if self.secret.is_some() { "refuses the key" } else { "wants a key" };
                Trouble::refused(format!("{host} {what} ({status}){said}; {}", self.source.mend()))
            }
            404 | 405 | 410 => Trouble::refused(format!(
                "{host} has nothing there, or no model `{}` ({status}){said}; look at `remote.url`, which ends in \
                 `/v1` for most servers, and at `remote.model`",
                self.model
            )),
            407 => Trouble::refused(format!(
                "the proxy before {host} wants a name and a password ({status}){said}"
            )),
            413 => Trouble::question(format!(
                "{host} takes no question of that length ({status}){said}; select less"
            )),
            429 => Trouble {
                sentence: format!("{host} has had enough questions for now ({status}){said}"),
                kind: Kind::Passing(*retry_after),
            },
            408 | 425 | 500..600 => Trouble {
                sentence: format!("{host} cannot answer now ({status}){said}"),
                kind: Kind::Passing(*retry_after),
            },
            _ => Trouble::question(format!("{host} refuses the question ({status}){said}")),
        }
    }

    /// An answer of status 200 that is a page for people.
    pub fn page(&self, body: &str) -> Trouble {
        let host = self.address.host();
        let title = title(body).map_or(String::new(), |title| format!(" (“{}”)", self.clean(title)));
        Trouble::refused(format!(
            "{host} answers with a web page{title}, not as a server of models does; look at `remote.url`, or whether \
             something on the way wants you to sign in"
        ))
    }

    /// What comes is not what the protocol says.
    pub fn nonsense(&self, what: &str) -> Trouble {
        Trouble::passing(format!(
            "{} {what}; it may be no server of OpenAI's protocol: look at `remote.url`",
            self.address.host()
        ))
    }

    /// An error that the server tells in the midst of an answer.
    pub fn told(&self, message: &str) -> Trouble {
        Trouble::passing(format!(
            "{} ended the answer with an error: {}",
            self.address.host(),
            self.clean(message)
        ))
    }

    pub fn silent(&self, within: Duration) -> Trouble {
        Trouble::passing(format!("{} said nothing for {} s", self.address.host(), within.as_secs_f32()))
    }

    pub fn cut(&self, came: Came) -> Trouble {
        let counted = |count: usize, what: &str| {
            if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
        };
        let host = self.address.host();
        Trouble::passing(match came {
            Came { bytes: 0, .. } => format!("{host} ended the connection before its answer was whole"),
            Came { bytes, tokens } => format!(
                "{host} ended the connection in the midst of its answer, of which {} ({}) had come",
                counted(bytes, "byte"),
                counted(tokens as usize, "token")
            ),
        })
    }

    pub fn too_long(&self) -> Trouble {
        Trouble::passing(format!("{} sends more than any answer has", self.address.host()))
    }

    /// What the connection itself says.
    pub fn connection(&self, error: &ureq::Error) -> Trouble {
        let host = self.address.host();
        let what = match error {
            ureq::Error::HostNotFound => {
                return Trouble::passing(format!(
                    "nobody knows where {host} is; look at `remote.url`, and at the network"
                ));
            }
            ureq::Error::Timeout(_) => "cannot be reached in time".to_owned(),
            ureq::Error::Io(error) => match error.kind() {
                std::io::ErrorKind::ConnectionRefused => "is not running, or not on that port".into(),
                // Ours (`line`): a name that turned out to be of the internet.
                std::io::ErrorKind::PermissionDenied if self.address.is_fenced() => {
                    return Trouble::refused(in_the_clear(host));
                }
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
                    "ended the connection before it answered".into()
                }
                // A name that is not known, too.
                _ => format!("cannot be reached ({})", self.clean(&error.to_string())),
            },
            ureq::Error::LargeResponseHeader(..) => "sends a head that is longer than any".into(),
            error => format!("cannot be asked ({})", self.clean(&error.to_string())),
        };
        Trouble::passing(format!("{host} {what}"))
    }

    /// The server's own words, behind a colon.
    fn quoted(&self, head: &Head, body: &str) -> String {
        let said = match message(body) {
            Some(message) => message,
            None if head.media.ends_with("html") || body.trim_start().starts_with('<') => {
                title(body).unwrap_or_default().to_owned()
            }
            None => body.to_owned(),
        };
        let said = self.clean(&said);
        if said.is_empty() { said } else { format!(": {said}") }
    }

    /// One line for a person: nothing of it can be the key, or move their terminal's cursor.
    fn clean(&self, text: &str) -> String {
        let hidden = self.secret.map_or_else(|| text.to_owned(), |secret| secret.hide(text));
        let plain: String = hidden.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
        let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut shown: String = line.chars().take(SHOWN).collect();
        if shown.len() < line.len() {
            shown.push('…');
        }
        shown.trim_end_matches(['.', ':', ';']).to_owned()
    }
}

/// The message of an error, in the places where servers put it.
pub fn message(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body.trim()).ok()?;
    error_of(&value)
}

/// The message of an object that is an error.
pub fn error_of(value: &Value) -> Option<String> {
    let places = ["/error/message", "/error/msg", "/error", "/message", "/detail", "/detail/0/msg"];
    let found = places.iter().find_map(|place| value.pointer(place)?.as_str());
    found.map(str::to_owned)
}

fn title(body: &str) -> Option<&str> {
    let lower = body.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find('<')?;
    // NB: ASCII letters alone were changed, so that places are the same.
    body.get(start..end).map(str::trim).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about<T>(secret: Option<&str>, look: impl FnOnce(&About) -> T) -> T {
        let address = Address::new("http://10.0.0.7:8000", false).unwrap();
        let source = Source::Environment("KEY_OF_MINE".into());
        let secret = secret.map(|_| secret_of("sk-verysecret"));
        look(&About { address: &address, source: &source, secret: secret.as_ref(), model: "qwen" })
    }

    fn secret_of(text: &str) -> Secret {
        let words = ["printf", "%s", text].map(str::to_owned).to_vec();
        Source::Command(words).read(Duration::from_secs(60)).unwrap().unwrap()
    }

    #[test]
    #[cfg(unix)]
    fn a_status_is_a_sentence_with_a_mend() {
        let check = |status, key: Option<&str>, body: &str, kind: Kind, said: &str| {
            let head = Head { status, retry_after: Some(Duration::from_secs(7)), ..Head::default() };
            let trouble = about(key, |about| about.status(&head, body));
            assert_eq!(trouble.kind, kind, "{status}");
            assert_eq!(trouble.sentence, said, "{status}");
        };
        let asked = Kind::Passing(Some(Duration::from_secs(7)));
        let key = Some("");
        check(
            401,
            key,
            r#"{"error": {"message": "Incorrect API key provided: sk-verysecret."}}"#,
            Kind::Refused,
            "10.0.0.7:8000 refuses the key (401): Incorrect API key provided: [the key]; look at the key in the \
             environment variable KEY_OF_MINE",
        );
        check(
            403,
            None,
            "",
            Kind::Refused,
            "10.0.0.7:8000 wants a key (403); look at the key in the environment variable KEY_OF_MINE",
        );
        check(
            404,
            None,
            r#"{"detail": "Not Found"}"#,
            Kind::Refused,
            "10.0.0.7:8000 has nothing there, or no model `qwen` (404): Not Found; look at `remote.url`, which ends \
             in `/v1` for most servers, and at `remote.model`",
        );
        check(
            400,
            None,
            r#"{"object": "error", "message": "maximum context length is 4096\ntokens"}"#,
            Kind::Question,
            "10.0.0.7:8000 refuses the question (400): maximum context length is 4096 tokens",
        );
        check(
            422,
            None,
            r#"{"detail": [{"msg": "field required"}]}"#,
            Kind::Question,
            "10.0.0.7:8000 refuses the question (422): field required",
        );
        check(
            429,
            None,
            r#"{"error": "slow down"}"#,
            asked,
            "10.0.0.7:8000 has had enough questions for now (429): slow down",
        );
        check(
            502,
            None,
            "<html><head><TITLE>502 Bad Gateway</title></head><body>nginx</body></html>",
            asked,
            "10.0.0.7:8000 cannot answer now (502): 502 Bad Gateway",
        );
        check(
            503,
            None,
            "\u{1b}[31mno\u{7} mod\u{202e}el\r\n",
            asked,
            "10.0.0.7:8000 cannot answer now (503): [31mno mod el",
        );
        check(
            302,
            None,
            "",
            Kind::Refused,
            "10.0.0.7:8000 sends us on (302) to nowhere; look at `remote.url`",
        );
    }

    #[test]
    fn long_words_are_cut_and_pages_named() {
        let head = Head { status: 500, ..Head::default() };
        let trouble = about(None, |about| about.status(&head, &"é".repeat(5000)));
        assert_eq!(
            trouble.sentence,
            format!("10.0.0.7:8000 cannot answer now (500): {}…", "é".repeat(SHOWN))
        );
        for (body, said) in [
            ("<!doctype html><title lang=\"de\"> Anmelden </title>", " (“Anmelden”)"),
            ("<html>no title", ""),
            ("<title>never closed", ""),
            ("İ<title>x</title>", " (“x”)"),
        ] {
            let sentence = about(None, |about| about.page(body).sentence);
            assert!(
                sentence.starts_with(&format!("10.0.0.7:8000 answers with a web page{said}, not")),
                "{sentence}"
            );
        }
    }

    #[test]
    fn a_redirection_is_named_and_not_followed() {
        let head =
            Head { status: 307, location: Some("https://elsewhere.example/v1".into()), ..Head::default() };
        let sentence = about(None, |about| about.status(&head, "").sentence);
        assert!(
            sentence
                .contains("sends us on to https://elsewhere.example/v1, and redirections are not followed"),
            "{sentence}"
        );
    }
}

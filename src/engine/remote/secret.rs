//! The key of a server: where it comes from, and that it is nowhere shown.
//!
//! From an environment variable, or from a command that the person's own settings name: `secret-tool lookup …`,
//! `security find-generic-password -w …`, `pass show …`. That is every keyring there is, and none of them linked: the
//! libraries bring D-Bus and an asynchronous runtime of their own, for one text that a small program prints.
//! The key is in a header and in no message, log or statistic; what a server says is searched for it too.

use std::fmt;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Bytes of a key at most.
const LONGEST: usize = 4096;
/// What stands in place of the key.
const HIDDEN: &str = "[the key]";

/// A key. Says nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Where the key is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The server wants none.
    #[default]
    None,
    /// The name of a variable.
    Environment(String),
    /// A program and its arguments; the first line that it prints is the key.
    Command(Vec<String>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Secret {
    /// The error names what is wrong with it, and nothing of what it is.
    fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        match text {
            "" => Err("is empty"),
            _ if text.len() > LONGEST => Err("is longer than any key"),
            // It would end the header, or could not stand in one.
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err("holds characters that no key has"),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The value of the `Authorization` header.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// A text without the key in it.
    pub fn hide(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }
}

impl Source {
    /// The key as it is now. Blocks for as long as a command takes, which may ask the person to unlock something.
    /// The error is a sentence for them.
    pub fn read(&self, within: Duration) -> Result<Option<Secret>, String> {
        match self {
            Source::None => Ok(None),
            Source::Environment(name) => {
                // Somebody may have written the key itself there.
                if !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                    return Err("`remote.apiKeyEnv` takes the name of an environment variable: letters, digits and `_`; \
                                what is written there is not shown, for it may be the key"
                        .to_owned());
                }
                let value = std::env::var(name).map_err(|_| {
                    format!("`remote.apiKeyEnv` names the environment variable {name}, which is not set where codesage runs")
                })?;
                let secret = Secret::new(&value);
                secret.map(Some).map_err(|why| format!("the environment variable {name} {why}"))
            }
            Source::Command(words) => {
                let said = run(words, within).map_err(|why| format!("`remote.apiKeyCommand`: {why}"))?;
                let secret = Secret::new(said.lines().next().unwrap_or_default());
                secret
                    .map(Some)
                    .map_err(|why| format!("`remote.apiKeyCommand`: the first line that it prints {why}"))
            }
        }
    }

    /// What to do where a server wants a key, or another one.
    pub fn mend(&self) -> String {
        match self {
            Source::None => "name the environment variable that holds your key in `remote.apiKeyEnv`".into(),
            Source::Environment(name) => format!("look at the key in the environment variable {name}"),
            Source::Command(_) => "look at what `remote.apiKeyCommand` prints".into(),
        }
    }
}

/// What a command prints. The phrase of an error holds nothing of that.
fn run(words: &[String], within: Duration) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("it names no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let output = child.stdout.take().ok_or("it has no output")?;
    let (sender, said) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.take(LONGEST as u64 * 2).read_to_end(&mut bytes);
        let _ = sender.send(read.map(|_| bytes));
    });
    let said = said.recv_timeout(within);
    if !matches!(said, Ok(Ok(_))) {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|error| format!("{program}: {error}"))?;
    match said {
        Ok(Ok(bytes)) if ended.success() => {
            String::from_utf8(bytes).map_err(|_| format!("what {program} prints is no text"))
        }
        Ok(Ok(_)) => Err(format!("{program} failed ({ended})")),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Err(RecvTimeoutError::Timeout) => Err(format!("{program} did not end within {} s", within.as_secs())),
        Err(RecvTimeoutError::Disconnected) => Err(format!("{program} printed nothing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: Duration = Duration::from_secs(60);

    #[test]
    fn a_key_is_not_shown() {
        let secret = Secret::new(" sk-12345\n").unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[the key] Some([the key])");
        assert_eq!(secret.authorization(), "Bearer sk-12345");
        assert_eq!(secret.hide("wrong key sk-12345!"), "wrong key [the key]!");
        for text in ["", " \n", "a b", "a\r\nX: y", "é", &"k".repeat(5000)] {
            let error = Secret::new(text).unwrap_err();
            assert!(text.trim().is_empty() || !error.contains(text.trim()), "{error}");
        }
    }

    #[test]
    fn no_key_and_a_missing_variable() {
        assert_eq!(Source::None.read(PATIENT), Ok(None));
        let missing = Source::Environment("CODESAGE_NO_SUCH_VARIABLE".into());
        assert!(missing.read(PATIENT).unwrap_err().contains("CODESAGE_NO_SUCH_VARIABLE, which is not set"));
        // The key itself, where its name belongs, is told to nobody.
        let pasted = Source::Environment("sk-pasted".into()).read(PATIENT).unwrap_err();
        assert!(
            pasted.contains("the name of an environment variable") && !pasted.contains("pasted"),
            "{pasted}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_command_prints_the_key() {
        let check = |script: &str, expected: Result<&str, &str>| {
            let words = ["sh", "-c", script].map(str::to_owned).to_vec();
            let found = Source::Command(words).read(PATIENT);
            match (&found, expected) {
                (Ok(Some(secret)), Ok(key)) => {
                    assert_eq!(secret.authorization(), format!("Bearer {key}"), "{script}")
                }
                (Err(error), Err(said)) => assert!(error.contains(said), "{script}: {error}"),
                _ => panic!("{script}: {found:?}"),
            }
        };
        check("echo sk-1", Ok("sk-1"));
        check("printf 'sk-2\\nuser: me\\n'", Ok("sk-2"));
        check("echo sk-3; exit 4", Err("sh failed"));
        check("true", Err("is empty"));
        check("printf '\\377\\376'", Err("is no text"));
        check("echo two words", Err("characters that no key has"));
        let none = Source::Command(vec!["/nonexistent/program".into()]).read(PATIENT);
        assert!(none.unwrap_err().contains("cannot be started"));
        assert!(Source::Command(Vec::new()).read(PATIENT).unwrap_err().contains("names no program"));
        // One that never ends is ended.
        let endless = ["sh", "-c", "exec sleep 1000"].map(str::to_owned).to_vec();
        let error = Source::Command(endless).read(Duration::from_millis(1)).unwrap_err();
        assert!(error.contains("did not end"), "{error}");
    }
}

//! What settings say together that none of them says alone: each is right by itself, and what was wanted does not happen.
//!
//! Told beside what is wrong with single keys, at the place that says it. Changes nothing: who goes by the settings says
//! the same when it comes to that.

use crate::config::Settings;
use crate::engine::remote::address::Address;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The key at whose place it is told.
    pub at: &'static str,
    /// The key that is to blame; where that has a problem of its own, this is its consequence.
    pub about: &'static str,
    /// What does not happen, and why.
    pub message: String,
    /// What to write instead, in words.
    pub mend: &'static str,
}

/// All of them.
pub fn clashes(settings: &Settings) -> Vec<Clash> {
    let remote = &settings.remote;
    if !remote.enabled {
        return Vec::new();
    }
    let mut clashes = Vec::new();
    match &remote.url {
        None => clashes.push(Clash {
            at: "remote.enabled",
            about: "remote.url",
            message: "it is switched on, and `remote.url` names no server: nobody is asked".to_owned(),
            mend: "name the server, as `remote.url = \"http://127.0.0.1:8080\"`, or write `remote.enabled = false`",
        }),
        Some(url) => {
            if let Err(message) = Address::new(url, remote.allow_http) {
                let mend = "name it by `https`, or one of this machine or of a private network";
                clashes.push(Clash { at: "remote.url", about: "remote.url", message, mend });
            }
        }
    }
    if let Err(message) = remote.key().is_sound() {
        let mend = "write the name of the variable, and the key into the variable";
        clashes.push(Clash { at: "remote.apiKeyEnv", about: "remote.apiKeyEnv", message, mend });
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RemoteSettings;

    #[test]
    fn a_server_that_cannot_be_asked() {
        let url =
            |url: &str| RemoteSettings { enabled: true, url: Some(url.into()), ..RemoteSettings::default() };
        let keyed = |name: &str| RemoteSettings { api_key_env: Some(name.into()), ..url("http://gpu") };
        for (remote, expected) in [
            (RemoteSettings::default(), &[][..]),
            (RemoteSettings { enabled: true, ..RemoteSettings::default() }, &["remote.enabled"]),
            // Off: whatever it says is for later.
            (RemoteSettings { enabled: false, ..url("http://8.8.8.8") }, &[]),
            (url("http://8.8.8.8/v1"), &["remote.url"]),
            (RemoteSettings { allow_http: true, ..url("http://8.8.8.8/v1") }, &[]),
            (url("http://10.0.0.7:8000"), &[]),
            // By what it resolves to, when it is asked.
            (url("http://example.org"), &[]),
            (keyed("TEAM_KEY"), &[]),
            (keyed("sk-0123456789"), &["remote.apiKeyEnv"]),
        ] {
            let settings = Settings { remote, ..Settings::default() };
            let found = clashes(&settings);
            let places: Vec<&str> = found.iter().map(|clash| clash.at).collect();
            assert_eq!(places, expected, "{:?}", settings.remote);
            assert!(found.iter().all(|clash| !clash.message.contains("0123456789")), "{found:?}");
        }
    }
}

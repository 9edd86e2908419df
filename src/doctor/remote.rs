//! The server that the person named: whether it is named so that it can be asked, whether its key is there, and what it
//! said.
//!
//! Asks nobody: `codesage doctor` has asked it what it is, where it is switched on, as every start of the server does; the
//! command of an editor has what its session knows. Where it is switched off no socket is opened. Nothing of the key is
//! told, and of a variable its name.

use super::{Finding, Patient};
use crate::config::{Origin, Problem, together};
use crate::engine::remote::When;

/// What of `remote.*` is wrong in settings, where more can be said of it than of any other key.
pub fn of_problem(patient: &Patient, problem: &Problem) -> Option<Finding> {
    let key = problem.key.as_deref().filter(|key| key.starts_with("remote."))?;
    let file = problem.origin.file();
    let message = format!("`{key}`: {}.", problem.message.trim_end_matches('.'));
    let finding = |id, mend: String| {
        let finding = Finding::problem(id, &*message).step(mend);
        match file {
            Some(file) => finding.at(patient.path(file), problem.line),
            None => finding,
        }
    };
    if !matches!(problem.origin, Origin::User(_) | Origin::CommandLine) {
        let place = file.map_or_else(|| problem.origin.to_string(), |file| patient.path(file));
        return Some(finding("remote.ignored", format!("take it out of {place}: it has no effect there")));
    }
    let clashes = together::clashes(&patient.settings);
    if let Some(clash) = clashes.into_iter().find(|clash| clash.message == problem.message) {
        let id = if clash.about == "remote.url" { "remote.url" } else { "remote.key" };
        return Some(finding(id, clash.mend.to_owned()));
    }
    // What a text holds that is no address may be anything.
    let is_address = key == "remote.url" && !problem.message.contains(", found ");
    is_address.then(|| {
        finding(
            "remote.url",
            "write an address as `https://example.org/v1` or `http://127.0.0.1:8080`".into(),
        )
    })
}

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let remote = &patient.settings.remote;
    if !remote.enabled {
        findings.push(Finding::ok(
            "remote",
            "no server is asked, and no socket is opened (remote.enabled is false)",
        ));
        if remote.url.is_some() {
            let message = "remote.url names a server, and remote.enabled is false: nothing is sent there.";
            let mend = "write `remote.enabled = true` beside it, if your code is to be sent there";
            findings.push(Finding::note("remote.off", message).step(mend));
        }
        return;
    }
    if remote.allow_http {
        let message =
            "remote.allowHttp is true: over http to the internet anybody on the way can read your code.";
        findings.push(Finding::note("remote.clear", message).setting("remote.allowHttp = false"));
    }
    // Why it is named in vain stands among the problems of settings.
    if remote.url.is_none() || !together::clashes(&patient.settings).is_empty() {
        return;
    }
    if let Some(fault) = remote.key().fault(patient.surroundings.variable, &patient.places.path) {
        let mend = match &remote.api_key_env {
            Some(_) => "set it where your editor is started, or name another one in `remote.apiKeyEnv`",
            None => "name a program that is there, with its whole path, in `remote.apiKeyCommand`",
        };
        findings.push(Finding::problem("remote.key", format!("{fault}.")).step(mend));
        return;
    }
    let Some(server) = &patient.server else { return };
    let asked = match remote.when {
        When::Edits => "edits and explanations",
        When::All => "everything",
    };
    match &server.problem {
        None if server.model.is_empty() => {}
        None => findings
            .push(Finding::ok("remote", format!("{} answers; it is asked for {asked}", server.name()))),
        Some(problem) => {
            let message = format!(
                "{}. It is to be asked for {asked}, and the local model answers.",
                problem.trim_end_matches('.')
            );
            let mend = "mend what it says, or write `remote.enabled = false`";
            findings.push(Finding::problem("remote.unreachable", message).step(mend));
        }
    }
}

//! The settings: what is wrong in them, with file and line, and what is right and yet keeps suggestions away.

use super::{Finding, Patient, remote};
use crate::config::{Origin, Problem, Settings};

/// Above this nearly every suggestion is hidden.
const UNSURE: f32 = -0.05;
/// Milliseconds after which nobody waits any longer.
const LONG: u32 = 1500;
/// Milliseconds and tokens in which nothing is written.
const SHORT_TIME: u32 = 50;
const FEW_TOKENS: u32 = 4;

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let Patient { settings, problems, places, .. } = patient;
    let files: Vec<String> = places.settings.iter().map(|file| patient.path(file)).collect();
    let from =
        if files.is_empty() { "no settings file; all is as built in".to_owned() } else { files.join(", ") };
    findings.push(Finding::ok("settings", format!("settings: {from}")));
    for problem in problems {
        findings.push(remote::of_problem(patient, problem).unwrap_or_else(|| wrong(patient, problem)));
    }
    // NB: of the environment only the names: what they hold may be anything.
    let set = ["CODESAGE_MODEL", "CODESAGE_CONFIG", "CODESAGE_LOG"]
        .into_iter()
        .filter(|name| (patient.surroundings.variable)(name).is_some_and(|value| !value.is_empty()));
    let set: Vec<&str> = set.collect();
    if !set.is_empty() {
        findings.push(Finding::ok(
            "settings.environment",
            format!("{} of the environment stand above them", set.join(", ")),
        ));
    }
    quiet(settings, findings);
}

/// A problem as `config check` has it, without what somebody wrote as text: it could be a key.
fn wrong(patient: &Patient, problem: &Problem) -> Finding {
    let Problem { origin, line, key, message, at: _ } = problem;
    let said = match message.split_once(", found \"") {
        Some((before, _)) => format!("{before}, found a text"),
        None => message.clone(),
    };
    let key_told = key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default();
    let finding = |place: &str| {
        Finding::problem("settings.wrong", format!("{place}{key_told}{}.", said.trim_end_matches('.')))
    };
    let (finding, file) = match origin {
        Origin::User(path) | Origin::Workspace(path) => {
            (finding("").at(patient.path(path), *line), Some(path))
        }
        other => (finding(&format!("{other}: ")), None),
    };
    let meant = said.split_once("did you mean `").and_then(|(_, rest)| rest.split('`').next());
    match (meant, file) {
        (Some(meant), _) => finding.step(format!("write `{meant}` in its place")),
        (None, Some(file)) => finding.command(format!("codesage config check {}", patient.shell(file))),
        (None, None) => finding.command("codesage config schema"),
    }
}

/// Settings that are as somebody wrote them, and by which nothing is shown.
fn quiet(settings: &Settings, findings: &mut Vec<Finding>) {
    let completion = &settings.completion;
    let mut note = |id, message: String, mend: &str| findings.push(Finding::note(id, message).setting(mend));
    if !completion.enabled {
        note(
            "settings.off",
            "Suggestions are switched off: completion.enabled is false.".into(),
            "completion.enabled = true",
        );
    }
    if completion.min_confidence > UNSURE {
        note(
            "settings.confidence",
            format!(
                "completion.minConfidence is {}: the model is almost never that sure.",
                completion.min_confidence
            ),
            "completion.minConfidence = -0.5",
        );
    }
    for (name, value, mend) in [
        ("completion.showDelayMs", completion.show_delay_ms, "completion.showDelayMs = 0"),
        ("completion.debounceMs", completion.debounce_ms, "completion.debounceMs = 0"),
    ] {
        if value >= LONG {
            note("settings.delay", format!("{name} is {value}: who types on sees nothing."), mend);
        }
    }
    if completion.max_time_ms < SHORT_TIME {
        note(
            "settings.time",
            format!("completion.maxTimeMs is {}: nothing is written in that time.", completion.max_time_ms),
            "completion.maxTimeMs = 2000",
        );
    }
    if completion.max_tokens < FEW_TOKENS {
        note(
            "settings.tokens",
            format!("completion.maxTokens is {}: too few for a suggestion.", completion.max_tokens),
            "completion.maxTokens = 128",
        );
    }
    if settings.log.level.contains("trace") {
        note(
            "settings.trace",
            "The log is at `trace`: it holds pieces of your code.".into(),
            "log.level = \"info\"",
        );
    }
}

//! What the doctor says: findings, each with what mends it, and the figures that a bug report needs. As JSON and as text.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::machine::MachineFacts;
use super::model::ModelFacts;
use super::{Build, Engine, LastSession, Patient};

/// Of this shape of the report.
const FORMAT: u32 = 1;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable, for programs and for looking it up.
    pub id: &'static str,
    pub severity: Severity,
    /// A sentence for a person, or a few.
    pub message: String,
    pub fix: Option<Fix>,
    /// Where it is written, with the home folder as `~`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// One-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Ok,
    /// To know; nothing fails for it.
    Note,
    /// Something that was wanted does not happen, or something happens that nobody wants.
    Problem,
}

/// What mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    pub kind: FixKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FixKind {
    /// To be typed in a shell as it stands.
    Command,
    /// A line of `codesage.toml` or of the user's `config.toml`; editors have the same keys.
    Setting,
    /// Anything else, in words.
    Step,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of the report's shape.
    pub format: u32,
    pub build: Build,
    pub machine: MachineFacts,
    /// One for each role.
    pub models: Vec<ModelFacts>,
    /// Tokens a second, as they were measured; none where they were not.
    pub speed: Option<crate::engine::stats::Speed>,
    pub session: Option<LastSession>,
    pub findings: Vec<Finding>,
}

impl Finding {
    fn new(id: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self { id, severity, message: message.into(), fix: None, file: None, line: None }
    }

    pub fn ok(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Ok, message)
    }

    pub fn note(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Note, message)
    }

    pub fn problem(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Severity::Problem, message)
    }

    pub fn command(self, text: impl Into<String>) -> Self {
        self.fixed(FixKind::Command, text.into())
    }

    pub fn setting(self, text: impl Into<String>) -> Self {
        self.fixed(FixKind::Setting, text.into())
    }

    pub fn step(self, text: impl Into<String>) -> Self {
        self.fixed(FixKind::Step, text.into())
    }

    pub fn at(self, file: String, line: Option<usize>) -> Self {
        Self { file: Some(file), line, ..self }
    }

    fn fixed(self, kind: FixKind, text: String) -> Self {
        Self { fix: Some(Fix { kind, text }), ..self }
    }
}

impl Report {
    pub(super) fn new(patient: &Patient, models: Vec<ModelFacts>, mut findings: Vec<Finding>) -> Self {
        let home = patient.places.home.as_deref().filter(|home| home.components().count() > 1);
        for finding in &mut findings {
            // Sentences of other rooms name files in full.
            finding.message = without_home(&finding.message, home);
        }
        let speed = match &patient.engine {
            Engine::Ready(_, speed) => Some(*speed),
            Engine::Unmeasured(_) | Engine::Failed(_) | Engine::TooSlow(_) => None,
        };
        Self {
            format: FORMAT,
            build: patient.build.clone(),
            machine: patient.machine.facts(),
            models,
            speed,
            session: patient.session.clone(),
            findings,
        }
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// `2 problems, 1 note`.
    pub fn summary(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let [problems, notes] = [Severity::Problem, Severity::Note].map(|severity| self.count(severity));
        match (problems, notes) {
            (0, 0) => "all is in order".to_owned(),
            (0, notes) => format!("no problems, {}", counted(notes, "note")),
            (problems, 0) => counted(problems, "problem"),
            (problems, notes) => format!("{}, {}", counted(problems, "problem"), counted(notes, "note")),
        }
    }
}

fn without_home(text: &str, home: Option<&Path>) -> String {
    match home.and_then(Path::to_str) {
        Some(home) => text.replace(&format!("{}/", home.trim_end_matches('/')), "~/"),
        None => text.to_owned(),
    }
}

impl Severity {
    /// As it stands before a line.
    fn mark(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Problem => "PROBLEM",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8} ", self.severity.mark())?;
        if let Some(file) = &self.file {
            let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
            write!(f, "{file}{line}: ")?;
        }
        f.write_str(&self.message)?;
        // What is in order has no name that anybody would look up.
        if self.severity > Severity::Ok {
            write!(f, " ({})", self.id)?;
        }
        if let Some(fix) = &self.fix {
            let lead = match fix.kind {
                FixKind::Command => "$ ",
                FixKind::Setting | FixKind::Step => "",
            };
            write!(f, "\n             {lead}{}", fix.text)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    /// What is wrong stands last, where a terminal shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for severity in [Severity::Ok, Severity::Note, Severity::Problem] {
            for finding in self.findings.iter().filter(|finding| finding.severity == severity) {
                writeln!(f, "{finding}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_what_mends_it() {
        let finding = Finding::problem("x.y", "Wrong.").command("chmod 600 a").at("~/f".into(), Some(3));
        let expected = "PROBLEM  ~/f:3: Wrong. (x.y)\n             $ chmod 600 a";
        assert_eq!(finding.to_string(), expected);
        assert_eq!(Finding::ok("x", "Right.").to_string(), "ok       Right.");
    }

    #[test]
    fn no_home_is_told() {
        let home = Some(Path::new("/home/u"));
        for (text, expected) in [
            ("/home/u/a and /home/user/b", "~/a and /home/user/b"),
            ("in /home/u", "in /home/u"),
            ("/x", "/x"),
        ] {
            assert_eq!(without_home(text, home), expected);
        }
        assert_eq!(without_home("/home/u/a", None), "/home/u/a");
    }
}

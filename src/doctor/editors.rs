//! The editors' side, as far as a file can tell: whether they find this program, and Helix's settings, which are all
//! that its recipe is. Editors whose settings are programs are asked by their own doctors.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Finding, Patient};

/// Bytes of a settings file that are read.
const MOST: u64 = 1 << 20;

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    on_path(patient, findings);
    helix(patient, findings);
}

/// Editors start the program by its name.
fn on_path(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(program) = &patient.places.program else { return };
    let folder = program.parent().unwrap_or(Path::new("/"));
    let Some(found) = find(patient, "codesage") else {
        let message = "No `codesage` is on the PATH: an editor finds it by its whole path only.";
        let mend = format!("export PATH={}:$PATH", patient.shell(folder));
        return findings.push(Finding::note("program.path", message).command(mend));
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (found_real, program_real) = (real(&found), real(program));
    // The build for AVX-512 lies beside the program that starts it.
    let is_beside = found_real.parent() == program_real.parent();
    findings.push(Finding::ok("program", format!("editors start {}", patient.path(&found))));
    if found_real != program_real && !is_beside {
        let message = format!(
            "This is {}, and editors start {}: they may be of different versions.",
            patient.path(program),
            patient.path(&found)
        );
        findings.push(
            Finding::note("program.other", message).command(format!("{} --version", patient.shell(&found))),
        );
    }
}

fn find(patient: &Patient, name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    patient.places.path.iter().map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// `languages.toml`: a server that a language names must be declared, and one that is declared must be named.
fn helix(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(config) = &patient.places.config else { return };
    let file = config.join("helix").join("languages.toml");
    let is_small = file.metadata().is_ok_and(|found| found.is_file() && found.len() < MOST);
    let Some(text) = is_small.then(|| fs::read_to_string(&file).ok()).flatten() else { return };
    // Whoever does not use it with Helix hears nothing of Helix.
    if !text.contains("codesage") {
        return;
    }
    let at = |finding: Finding| finding.at(patient.path(&file), None);
    let Ok(table) = text.parse::<Table>() else {
        let message = "Helix cannot read its languages: this is no TOML.";
        return findings.push(at(Finding::problem("helix.toml", message).command("hx --health languages")));
    };
    let declared = table.get("language-server").and_then(|servers| servers.get("codesage"));
    let is_ours = |server: &Value| {
        server.as_str().or_else(|| server.get("name")?.as_str()).is_some_and(|name| name == "codesage")
    };
    let servers = |language: &Value| language.get("language-servers").and_then(Value::as_array).cloned();
    let languages = table.get("language").and_then(Value::as_array).into_iter().flatten();
    let users =
        languages.filter(|language| servers(language).is_some_and(|servers| servers.iter().any(is_ours)));
    let users: Vec<&str> =
        users.filter_map(|language| language.get("name").and_then(Value::as_str)).collect();
    match declared {
        None if !users.is_empty() => {
            let message =
                format!("Helix is to use codesage for {}, and is not told what that is.", users.join(", "));
            let mend = "write `[language-server.codesage]` and, below it, `command = \"codesage\"`";
            findings.push(at(Finding::problem("helix.undeclared", message).step(mend)));
        }
        Some(_) if users.is_empty() => {
            let message = "Helix knows codesage, and no language uses it.";
            let mend =
                "write for a language `language-servers = [\"…\", \"codesage\"]`, with those it has now";
            findings.push(at(Finding::problem("helix.unused", message).step(mend)));
        }
        Some(server) => program_of_helix(patient, server, &users, findings, &at),
        None => {}
    }
}

fn program_of_helix(
    patient: &Patient,
    server: &Value,
    users: &[&str],
    findings: &mut Vec<Finding>,
    at: &dyn Fn(Finding) -> Finding,
) {
    let command = server.get("command").and_then(Value::as_str).unwrap_or_default();
    let is_there =
        if command.contains('/') { Path::new(command).is_file() } else { find(patient, command).is_some() };
    if is_there {
        return findings.push(Finding::ok("helix", format!("Helix uses it for {}", users.join(", "))));
    }
    let program = patient.places.program.as_deref().unwrap_or(Path::new("codesage"));
    let mend =
        format!("write `command = {:?}` below `[language-server.codesage]`", program.display().to_string());
    let message = "Helix is to start a program that is not there.";
    findings.push(at(Finding::problem("helix.program", message).step(mend)));
}

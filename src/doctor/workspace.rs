//! The workspace: whether anything of it may be shown to a model, and whether the person's own actions can be read.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use url::Url;

use super::{Finding, Patient};
use crate::assist::permission::Permission;
use crate::assist::recipes::Recipes;
use crate::syntax::Language;

/// Source files that are asked about, and entries of folders that are looked at for them.
const SOURCES: usize = 200;
const ENTRIES: usize = 5000;

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let Some(root) = &patient.places.workspace else { return };
    let permission = Permission::new(&patient.settings, std::slice::from_ref(root));
    let sources = sources(root);
    let uris: Vec<Url> = sources.iter().filter_map(|file| Url::from_file_path(file).ok()).collect();
    let shown = uris.iter().filter(|uri| permission.refusal(uri).is_none()).count();
    let (hidden, all) = (uris.len() - shown, uris.len());
    let at_most = if all == SOURCES { "the first " } else { "" };
    findings.push(Finding::ok(
        "workspace",
        format!(
            "workspace {}: {hidden} of {at_most}{all} source files hidden from the model",
            patient.path(root)
        ),
    ));
    if all > 0 && shown == 0 {
        findings.push(everything_hidden(patient, &permission, &uris));
    }
    let (recipes, problems) = Recipes::load(std::slice::from_ref(root), &patient.settings.actions);
    if recipes.count() > 0 {
        findings.push(Finding::ok("actions", format!("actions of your own: {}", recipes.count())));
    }
    for problem in problems {
        let (place, line) = (problem.origin.to_string(), problem.line);
        let key = problem.key.map(|key| format!("`{key}`: ")).unwrap_or_default();
        let message = format!("An action of your own: {key}{}.", problem.message.trim_end_matches('.'));
        let finding = Finding::problem("actions.wrong", message).command("codesage config check");
        findings.push(finding.at(patient.path(Path::new(&place)), line));
    }
}

/// Which line does it, by the first file.
fn everything_hidden(patient: &Patient, permission: &Permission, uris: &[Url]) -> Finding {
    let what = "Every source file of this workspace is hidden from the model: nothing is suggested.";
    match uris.iter().find_map(|uri| permission.rule(uri)) {
        Some((Some(file), pattern)) => {
            let mend = format!("take the pattern `{pattern}` out of {}", patient.path(&file));
            Finding::problem("workspace.hidden", what).step(mend).at(patient.path(&file), None)
        }
        Some((None, pattern)) => {
            let message = format!("{what} `context.ignore` has the pattern `{pattern}`.");
            Finding::problem("workspace.hidden", message).setting("context.ignore = []")
        }
        None => {
            Finding::problem("workspace.secret", format!("{what} Their names look like those of secrets."))
                .step("keep code under names that do not look like keys or passwords")
        }
    }
}

/// Files of languages that have comments, and so are code; those of the upper folders first. Not those of tools: `.git` and the like.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut folders = VecDeque::from([root.to_path_buf()]);
    let (mut sources, mut entries) = (Vec::new(), 0);
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES || sources.len() == SOURCES {
                return sources;
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push_back(entry.path());
            } else if kind.is_file() && Language::of("", &name).line_comment.is_some() {
                sources.push(entry.path());
            }
        }
    }
    sources
}

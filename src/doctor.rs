//! The doctor: what is in order on this machine, what is not, and what mends it.
//!
//! [`examine`] looks at a [`Patient`], which holds all that is asked of the process and of the machine, so that a test
//! can make one that is ill in any way; files are looked at where they lie. Each room below asks about one thing and
//! says what it found as [`Finding`]s. Nothing here changes or starts anything: `codesage doctor` measures the model, and
//! the server hands on what its session knows.
//!
//! A report is made to be pasted somewhere: no source text, no value that somebody wrote into a setting as text, nothing
//! of the environment but names, and the home folder is `~`.

pub mod build;
pub mod editors;
pub mod folders;
pub mod gpu;
pub mod machine;
pub mod model;
pub mod remote;
mod report;
pub mod session;
pub mod settings;
pub mod speed;
pub mod workspace;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Problem, Settings};
use crate::engine::ModelCard;
use crate::engine::remote::RemoteStats;
use crate::engine::stats::Speed;
use crate::models::discover::Surroundings;
pub use build::Build;
pub use machine::{Limits, Machine};
pub use report::{Finding, Fix, FixKind, Report, Severity};
pub use session::LastSession;

/// What is examined.
pub struct Patient<'a> {
    pub build: Build,
    pub machine: Machine<'a>,
    pub settings: Settings,
    /// What is wrong with them.
    pub problems: Vec<Problem>,
    pub places: Places,
    /// Where models are looked for.
    pub surroundings: Surroundings<'a>,
    pub engine: Engine,
    /// What the server that the settings name has said when it was asked what it is; none: it was not asked.
    pub server: Option<RemoteStats>,
    /// Of the session that asks, or of the last one.
    pub session: Option<LastSession>,
}

/// Where things are. What is not there is none.
#[derive(Clone, Debug, Default)]
pub struct Places {
    pub home: Option<PathBuf>,
    /// Where programs keep their settings: `$XDG_CONFIG_HOME`, `~/Library/Application Support`, `%APPDATA%`.
    pub config: Option<PathBuf>,
    pub workspace: Option<PathBuf>,
    /// Journal, threads, what is shown.
    pub state: Option<PathBuf>,
    /// The unpacked model and what was read.
    pub cache: PathBuf,
    pub program: Option<PathBuf>,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// Settings files that were read.
    pub settings: Vec<PathBuf>,
}

/// What is known of the model that was started for this.
#[derive(Clone, Debug)]
pub enum Engine {
    /// It was not started, or is not ready yet; why.
    Unmeasured(String),
    Failed(String),
    /// It runs, and had not read a few lines when it was no longer waited for.
    TooSlow(Arc<ModelCard>),
    /// Tokens a second; 0 where nothing was read or written yet.
    Ready(Arc<ModelCard>, Speed),
}

impl Places {
    /// Those of this process. `state` and `cache` are told, for other rooms know where they are.
    pub fn of_process(workspace: Option<PathBuf>, state: Option<PathBuf>, cache: PathBuf) -> Self {
        let base = directories::BaseDirs::new();
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            home: base.as_ref().map(|base| base.home_dir().to_path_buf()),
            config: base.as_ref().map(|base| base.config_dir().to_path_buf()),
            workspace,
            state,
            cache,
            program: std::env::current_exe().ok(),
            path: std::env::split_paths(&path).collect(),
            settings: Vec::new(),
        }
    }
}

impl Patient<'_> {
    /// A path as a person reads it.
    fn path(&self, path: &Path) -> String {
        match self.below_home(path) {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// A path as a shell reads it.
    fn shell(&self, path: &Path) -> String {
        match self.below_home(path) {
            // NB: a tilde that is quoted stands for itself.
            Some(rest) => format!("~/{}", quoted(&rest.display().to_string())),
            None => quoted(&path.display().to_string()),
        }
    }

    fn below_home<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let home = self.places.home.as_deref().filter(|home| home.components().count() > 1)?;
        path.strip_prefix(home).ok().filter(|rest| !rest.as_os_str().is_empty())
    }
}

fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Looks at everything. Reads files, and may take as long as a disk that is asleep: never on the transport task.
pub fn examine(patient: &Patient) -> Report {
    let mut findings = Vec::new();
    build::examine(patient, &mut findings);
    machine::examine(patient, &mut findings);
    let models = model::examine(patient, &mut findings);
    gpu::examine(patient, &mut findings);
    speed::examine(patient, &mut findings);
    settings::examine(patient, &mut findings);
    remote::examine(patient, &mut findings);
    folders::examine(patient, &mut findings);
    workspace::examine(patient, &mut findings);
    session::examine(patient, &mut findings);
    editors::examine(patient, &mut findings);
    Report::new(patient, models, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_for_people_and_for_shells() {
        let cases = [
            ("/home/u/a b/c", "~/a b/c", "~/'a b/c'"),
            ("/home/u/a", "~/a", "~/a"),
            ("/home/u", "/home/u", "/home/u"),
            ("/home/user/a", "/home/user/a", "/home/user/a"),
            ("/tmp/it's", "/tmp/it's", r"'/tmp/it'\''s'"),
            ("/tmp/$(x)", "/tmp/$(x)", "'/tmp/$(x)'"),
        ];
        let patient = Patient {
            build: Build::of_this_program(),
            machine: Machine::of_this_process(None),
            settings: Settings::default(),
            problems: Vec::new(),
            places: Places { home: Some("/home/u".into()), ..Places::default() },
            surroundings: Surroundings { home: None, workspace: PathBuf::new(), variable: &|_| None },
            engine: Engine::Unmeasured(String::new()),
            server: None,
            session: None,
        };
        for (path, person, shell) in cases {
            let path = Path::new(path);
            assert_eq!((&*patient.path(path), &*patient.shell(path)), (person, shell));
        }
    }
}

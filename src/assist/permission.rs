//! Which files may be read for a model at all: not those that hold secrets, nor those that an ignore file names.
//!
//! Ignore files are read once for each folder, on first ask. Whether one changed since can be asked, and whoever does
//! then makes a new [`Permission`]; so they do when settings or workspace change. Reading is blocking: never on the
//! transport task.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};
use url::Url;

use crate::completion::Reason;
use crate::completion::policy::is_secret;
use crate::config::Settings;
use crate::config::stamp::{Stamp, stamp};
use crate::threads::lock;

/// Names of ignore files, in each folder from the workspace's root to the file's.
pub const IGNORE_FILES: [&str; 2] = [".gitignore", ".codesageignore"];

/// What stands in the folder where a project begins.
const PROJECT_SIGNS: [&str; 3] = [".git", ".codesageignore", "codesage.toml"];

pub struct Permission {
    roots: Vec<PathBuf>,
    patterns: Vec<String>,
    /// What the patterns say below each root that was asked about.
    set: Mutex<HashMap<PathBuf, Arc<Gitignore>>>,
    /// The rules of each folder of the workspace that was asked about.
    folders: Mutex<HashMap<PathBuf, Folder>>,
}

/// The rules of one folder, and its ignore files as they were just before they were read.
struct Folder {
    rules: Arc<Gitignore>,
    seen: [Stamp; IGNORE_FILES.len()],
}

impl Permission {
    pub fn new(settings: &Settings, roots: &[PathBuf]) -> Self {
        let (roots, patterns) = (roots.to_vec(), settings.context.ignore.clone());
        Self { roots, patterns, set: Mutex::default(), folders: Mutex::default() }
    }

    /// Why a document's text must not reach a model, if so. Only the path is looked at.
    pub fn refusal(&self, uri: &Url) -> Option<Reason> {
        let path = uri.to_file_path().unwrap_or_else(|()| PathBuf::from(uri.path()));
        if is_secret(&path.to_string_lossy()) {
            return Some(Reason::OffSecret);
        }
        let root = self.root_of(&path)?;
        self.is_ignored(&root, &path).then_some(Reason::OffIgnored)
    }

    /// Whether an ignore file came, went or changed since it was read: a question to the disk for each folder that was
    /// asked about.
    pub fn is_stale(&self) -> bool {
        let seen = |(folder, of): (&PathBuf, &Folder)| (folder.clone(), of.seen);
        // Not while the disk is asked: a suggestion would wait.
        let folders: Vec<_> = lock(&self.folders).iter().map(seen).collect();
        folders.into_iter().any(|(folder, seen)| stamps(&folder) != seen)
    }

    /// The folder from which ignore files count: the workspace's; for a file outside any, the nearest above it that
    /// looks like a project's, else its own.
    fn root_of(&self, path: &Path) -> Option<PathBuf> {
        let inside = self.roots.iter().filter(|root| path.starts_with(root));
        let folder = path.parent()?;
        let project = || {
            let is_project = |folder: &&Path| PROJECT_SIGNS.iter().any(|sign| folder.join(sign).exists());
            folder.ancestors().find(is_project).unwrap_or(folder)
        };
        Some(inside.max_by_key(|root| root.as_os_str().len()).map_or_else(|| project().into(), Clone::clone))
    }

    /// The line that excludes a document: the file that it stands in (none: `context.ignore`), and its pattern.
    pub fn rule(&self, uri: &Url) -> Option<(Option<PathBuf>, String)> {
        let path = uri.to_file_path().ok()?;
        self.decided(&self.root_of(&path)?, &path, |found| match found {
            Match::Ignore(line) => Some((line.from().map(Path::to_path_buf), line.original().to_owned())),
            Match::Whitelist(_) | Match::None => None,
        })?
    }

    fn is_ignored(&self, root: &Path, path: &Path) -> bool {
        self.decided(root, path, |found| found.is_ignore()).unwrap_or(false)
    }

    /// What the settings say decides, for no file of a repository may take back what a person keeps from models; else
    /// the folder nearest to the file that says anything about it, as git has it.
    fn decided<T>(&self, root: &Path, path: &Path, take: impl FnOnce(Match<&Glob>) -> T) -> Option<T> {
        let set = self.set_below(root);
        let found = set.matched_path_or_any_parents(path, false);
        if !found.is_none() {
            return Some(take(found));
        }
        let mut folder = path.parent();
        while let Some(here) = folder.filter(|here| here.starts_with(root)) {
            let rules = self.rules_of(here);
            let found = rules.matched_path_or_any_parents(path, false);
            if !found.is_none() {
                return Some(take(found));
            }
            folder = here.parent();
        }
        None
    }

    fn set_below(&self, root: &Path) -> Arc<Gitignore> {
        let mut set = lock(&self.set);
        let rules = set.entry(root.to_path_buf()).or_insert_with(|| {
            let mut builder = GitignoreBuilder::new(root);
            for pattern in &self.patterns {
                if let Err(error) = builder.add_line(None, pattern) {
                    tracing::warn!("context.ignore: {error}");
                }
            }
            Arc::new(built(root, &builder))
        });
        rules.clone()
    }

    fn rules_of(&self, folder: &Path) -> Arc<Gitignore> {
        let mut folders = lock(&self.folders);
        let read = folders.entry(folder.to_path_buf()).or_insert_with(|| {
            let seen = stamps(folder);
            let mut builder = GitignoreBuilder::new(folder);
            for name in IGNORE_FILES {
                let file = folder.join(name);
                if let Some(error) = file.is_file().then(|| builder.add(&file)).flatten() {
                    tracing::warn!("{error}");
                }
            }
            Folder { rules: Arc::new(built(folder, &builder)), seen }
        });
        read.rules.clone()
    }
}

fn built(folder: &Path, builder: &GitignoreBuilder) -> Gitignore {
    builder.build().unwrap_or_else(|error| {
        tracing::warn!("{}: {error}", folder.display());
        Gitignore::empty()
    })
}

fn stamps(folder: &Path) -> [Stamp; IGNORE_FILES.len()] {
    IGNORE_FILES.map(|name| stamp(&folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_ignored_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        std::fs::create_dir_all(root.join("src/made")).unwrap();
        std::fs::write(root.join(".gitignore"), "/target\n*.log\n").unwrap();
        std::fs::write(root.join("src/.gitignore"), "!kept.log\n!*.csv\n").unwrap();
        std::fs::write(root.join(".codesageignore"), "src/made/\n").unwrap();
        let mut settings = Settings::default();
        settings.context.ignore = vec!["*.csv".into(), "!mine.log".into()];
        let permission = Permission::new(&settings, std::slice::from_ref(&root));
        for (path, expected) in [
            ("src/main.rs", None),
            ("target/debug/build.rs", Some(Reason::OffIgnored)),
            ("src/some.log", Some(Reason::OffIgnored)),
            ("src/kept.log", None),
            ("src/made/up.rs", Some(Reason::OffIgnored)),
            ("data.csv", Some(Reason::OffIgnored)),
            // The person has the last word, either way.
            ("src/data.csv", Some(Reason::OffIgnored)),
            ("mine.log", None),
            (".env", Some(Reason::OffSecret)),
        ] {
            let uri = Url::from_file_path(root.join(path)).unwrap();
            assert_eq!(permission.refusal(&uri), expected, "{path}");
        }
        let rule = |path: &str| permission.rule(&Url::from_file_path(root.join(path)).unwrap());
        assert_eq!(rule("src/some.log"), Some((Some(root.join(".gitignore")), "*.log".into())));
        assert_eq!(rule("data.csv"), Some((None, "*.csv".into())));
        assert_eq!(rule("src/kept.log"), None);
        // The same without a workspace: the nearest project above the file is it.
        let permission = Permission::new(&settings, &[]);
        let uri = Url::from_file_path(root.join("src/made/up.rs")).unwrap();
        assert_eq!(permission.refusal(&uri), Some(Reason::OffIgnored));
        let uri = Url::from_file_path(root.join("src/data.csv")).unwrap();
        assert_eq!(permission.refusal(&uri), Some(Reason::OffIgnored));
        let elsewhere = Url::parse("untitled:Untitled-1").unwrap();
        assert_eq!(permission.refusal(&elsewhere), None);
    }

    #[test]
    fn an_ignore_file_that_comes_changes_or_goes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        std::fs::create_dir(root.join("src")).unwrap();
        let uri = Url::from_file_path(root.join("src/a.rs")).unwrap();
        let nowhere = Permission::new(&Settings::default(), std::slice::from_ref(&root));
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        let remove = |name: &str| std::fs::remove_file(root.join(name)).unwrap();
        let steps: &[(&dyn Fn(), Option<Reason>)] = &[
            (&|| write(".gitignore", "b.rs\n"), None),
            (&|| write(".gitignore", "b.rs\na.rs\n"), Some(Reason::OffIgnored)),
            (&|| write("src/.codesageignore", "!a.rs\n"), None),
            (&|| remove("src/.codesageignore"), Some(Reason::OffIgnored)),
            (&|| remove(".gitignore"), None),
        ];
        for (number, (change, expected)) in steps.iter().enumerate() {
            let permission = Permission::new(&Settings::default(), std::slice::from_ref(&root));
            permission.refusal(&uri);
            assert!(!permission.is_stale(), "step {number}");
            change();
            assert!(permission.is_stale(), "step {number}");
            let permission = Permission::new(&Settings::default(), std::slice::from_ref(&root));
            assert_eq!(permission.refusal(&uri), *expected, "step {number}");
        }
        assert!(!nowhere.is_stale(), "what was never read is not asked for");
    }
}

//! The code that holes are cut into: the projects that come with CodeSage, or a folder of the person's own.
//!
//! What comes with CodeSage was written for this and nowhere else (`fixtures/eval`), so no model has learned it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ignore::WalkBuilder;
use include_dir::{Dir, include_dir};

use crate::syntax::Language;
use crate::text::Document;

/// What comes with the binary.
pub static FIXTURES: Dir = include_dir!("$CARGO_MANIFEST_DIR/fixtures/eval");
/// More of the same kind, which is only typed again, never measured on.
static TYPED: Dir = include_dir!("$CARGO_MANIFEST_DIR/fixtures/replay");

/// Bytes; what is larger is data, or made by a program.
const LARGEST: u64 = 200_000;
/// Files taken of a folder: more than enough to draw holes from.
const MOST_FILES: usize = 2_000;

/// Files that belong together: while one of them is worked on, others of it are open.
pub struct Project {
    pub name: String,
    pub files: Vec<SourceFile>,
}

/// One file, whole.
pub struct SourceFile {
    /// Relative to the project, with `/`.
    pub path: String,
    pub text: String,
    /// The same text, parsed on first ask.
    pub document: Arc<Document>,
}

impl SourceFile {
    /// `None` for a language that is not in the table.
    fn new(path: String, text: String) -> Option<Self> {
        let language = Language::of("", &path);
        let known = !std::ptr::eq(language, Language::plain_text());
        known.then(|| Self { document: Arc::new(Document::new(language, 0, &text)), path, text })
    }

    /// For tests, whose paths are all of known languages.
    #[cfg(test)]
    pub fn of(path: &str, text: &str) -> Self {
        Self::new(path.to_owned(), text.to_owned()).unwrap()
    }

    pub fn language(&self) -> &'static Language {
        self.document.language()
    }
}

/// The projects in the binary, by name.
pub fn built_in() -> Vec<Project> {
    let folders = ["rust", "python"].into_iter().filter_map(|language| FIXTURES.get_dir(language));
    let mut projects: Vec<Project> = folders.flat_map(Dir::dirs).map(project).collect();
    projects.sort_by(|a, b| a.name.cmp(&b.name));
    projects
}

/// Those, and others in languages that have no holes yet: what a replay types.
pub fn typed() -> Vec<Project> {
    let mut projects = built_in();
    projects.extend(TYPED.dirs().flat_map(Dir::dirs).map(project));
    projects
}

fn project(folder: &Dir) -> Project {
    let mut files = Vec::new();
    let mut folders = vec![folder];
    while let Some(here) = folders.pop() {
        folders.extend(here.dirs());
        files.extend(here.files().filter_map(|file| {
            let path = file.path().strip_prefix(folder.path()).ok()?;
            SourceFile::new(with_slashes(path), file.contents_utf8()?.to_owned())
        }));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Project { name: with_slashes(folder.path()), files }
}

/// A folder as one project: its source files in every language of the table, those left out that an ignore file names.
/// An error is a sentence.
pub fn folder(root: &Path) -> Result<Project, String> {
    let mut files = Vec::new();
    if !root.is_dir() {
        return Err(format!("{}: is not a folder", root.display()));
    }
    let mut walk = WalkBuilder::new(root);
    walk.require_git(false).sort_by_file_path(Path::cmp);
    for entry in walk.build() {
        let entry = entry.map_err(|error| error.to_string())?;
        let is_source = entry.file_type().is_some_and(|kind| kind.is_file())
            && entry.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST);
        let Ok(path) = entry.path().strip_prefix(root) else { continue };
        if !is_source || Language::of("", &with_slashes(path)).id == Language::plain_text().id {
            continue;
        }
        // What is no UTF-8 is no source that could be opened either.
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        files.extend(SourceFile::new(with_slashes(path), text));
        if files.len() == MOST_FILES {
            break;
        }
    }
    if files.is_empty() {
        return Err(format!("{}: holds no source file of a known language", root.display()));
    }
    let name = root.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Project { name, files })
}

fn with_slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_the_binary() {
        let projects = built_in();
        for language in ["rust", "python"] {
            let of = |project: &&Project| project.name.starts_with(&format!("{language}/"));
            let files = projects.iter().filter(of).flat_map(|project| &project.files);
            assert!(projects.iter().filter(of).count() >= 4, "{language}");
            assert!(
                files.clone().map(|file| file.text.lines().count()).sum::<usize>() >= 1_500,
                "{language}"
            );
            for file in files {
                let tree = file.document.tree().unwrap();
                assert!(!tree.root_node().has_error(), "{}: cannot be parsed", file.path);
                assert_eq!(file.language().id, language, "{}", file.path);
            }
        }
    }

    #[test]
    fn folders() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let nothing = folder(root.path()).err().unwrap();
        assert!(nothing.contains("holds no source file"), "{nothing}");
        put("src/main.rs", b"fn main() {}\n");
        put("a.py", b"x = 1\n");
        put("latin.py", b"x = '\xe9'\n");
        put("notes.unknown", b"no source\n");
        put("huge.rs", &vec![b' '; LARGEST as usize + 1]);
        put("made/up.rs", b"fn up() {}\n");
        put(".gitignore", b"made/\n");
        let paths: Vec<_> = folder(root.path()).unwrap().files.into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["a.py", "src/main.rs"]);
        let missing = folder(&root.path().join("a.py")).err().unwrap();
        assert!(missing.ends_with("is not a folder"), "{missing}");
    }
}

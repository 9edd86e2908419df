//! Tests in a file of their own, as in Python: beside the tested file or in a folder of tests, the one that is there
//! or the usual one, with an import of what is tested.

use crate::edit::destination::{Layout, Place, gap, is_imported, outermost, with_import};
use crate::edit::region::Region;
use crate::syntax::Language;
use crate::syntax::language::testing::{File, Modules};
use crate::syntax::parts::Parts;
use crate::text::Document;

pub fn place(
    document: &Document,
    region: &Region,
    path: &str,
    home: &File,
    existing: &dyn Fn(&str) -> Option<String>,
) -> Place {
    let language = document.language();
    let testing = &language.testing;
    let tested = Tested::of(home, path, existing);
    let (test_path, text) = match tested.is_test {
        // A test is tested where it stands.
        true => (path.to_owned(), Some(document.rope().to_string())),
        false => tested.test_file(existing),
    };
    let above = text.clone().unwrap_or_default();
    let import = match (outermost(document, region), &tested.module) {
        (Some(name), Some(module)) if !tested.is_test => {
            let head = testing.import.replace("{module}", module);
            added_import(language, &above, &head, name)
        }
        _ => None,
    };
    let (above, lead) = match import {
        Some(Import::Within(above)) => (above, String::new()),
        Some(Import::Below(line)) => {
            let first_line = gap(&above, 1);
            (above, format!("{first_line}{line}\n{}", "\n".repeat(testing.blank_lines)))
        }
        None => (above, String::new()),
    };
    let (above, below) = match entry(language, &above) {
        Some(at) if lead.is_empty() => (above[..at].to_owned(), above[at..].to_owned()),
        _ => (above, String::new()),
    };
    let lead = if lead.is_empty() { gap(&above, testing.blank_lines) } else { lead };
    let trail = if below.is_empty() { "\n".to_owned() } else { String::new() };
    Place {
        path: test_path,
        existing: text,
        opening: testing.opening.replace("{name}", region.name.as_deref().unwrap_or_default()),
        layout: Layout { above, lead, trail, below },
    }
}

/// Where the text ends but for what runs when the file is run: the blank lines above that belong to it.
fn entry(language: &'static Language, text: &str) -> Option<usize> {
    let document = Document::new(language, 0, text);
    let entry = Parts::of(language, document.rope(), document.tree()?)?.entry?;
    let above = text.get(..entry.start)?.trim_end();
    (!above.is_empty()).then_some(above.len())
}

enum Import {
    /// The whole text, with the import in it.
    Within(String),
    /// A line for the end of the text.
    Below(String),
}

/// An import of `name` by `pattern`, in which its place is `{name}`; `None` where `text` has it already.
fn added_import(language: &'static Language, text: &str, pattern: &str, name: &str) -> Option<Import> {
    let all = pattern.replace("{name}", "*");
    if pattern.is_empty() || is_imported(language, text, name, &all) {
        return None;
    }
    let line = pattern.replace("{name}", name);
    // An import of the same module on one line is made longer, where nothing but names follows.
    if let Some((head, "")) = pattern.split_once("{name}") {
        let mut from = 0;
        for whole in text.split_inclusive(['\n', '\r']) {
            let names = whole.trim_end_matches(['\n', '\r']).strip_prefix(head);
            let is_name = |c: char| c.is_alphanumeric() || "_, ".contains(c);
            if let Some(names) = names.filter(|names| !names.trim().is_empty() && names.chars().all(is_name))
            {
                let at = from + head.len() + names.trim_end().len();
                let (above, below) = text.split_at(at);
                return Some(Import::Within(format!("{above}, {name}{below}")));
            }
            from += whole.len();
        }
    }
    let within = with_import(language, text, &line, language.testing.blank_lines);
    Some(within.map_or(Import::Below(line), Import::Within))
}

/// A tested file among the folders of its project.
struct Tested<'a> {
    /// Names that its file of tests may have.
    names: Vec<String>,
    folders: &'static [&'static str],
    folder: &'a str,
    /// The project's own folder.
    root: String,
    /// The folders of the module, from the outermost in.
    packages: Vec<&'a str>,
    /// As an import writes it; `None` where no import can.
    module: Option<String>,
    /// Whether the file is one of tests itself.
    is_test: bool,
}

impl<'a> Tested<'a> {
    fn of(home: &File, path: &'a str, existing: &dyn Fn(&str) -> Option<String>) -> Self {
        let (folder, file) = folder_and_file(path);
        let (stem, ending) = stem_and_ending(file);
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        let (root, modules_from, module) = match &home.modules {
            Some(modules) => modules_of(modules, &parts, stem, existing),
            None => (0, 0, None),
        };
        let packages = parts.get(modules_from..).unwrap_or_default().to_vec();
        let is_folder = home.modules.is_some_and(|modules| modules.folder_stem == stem);
        let stem = if is_folder { packages.last().copied().unwrap_or(stem) } else { stem };
        let patterns = home.names.iter().map(|name| name.replace("{ext}", ending));
        let is_test = patterns.clone().any(|pattern| {
            let (before, after) = pattern.split_once("{stem}").unwrap_or((&pattern, ""));
            file.strip_prefix(before).is_some_and(|rest| rest.len() > after.len() && rest.ends_with(after))
        });
        Self {
            names: patterns.map(|name| name.replace("{stem}", stem)).collect(),
            folders: home.folders,
            folder,
            root: parts.get(..root).unwrap_or_default().join("/"),
            packages,
            module,
            is_test,
        }
    }

    /// The first file of tests that is there, with its text, else the path of the usual one.
    fn test_file(&self, existing: &dyn Fn(&str) -> Option<String>) -> (String, Option<String>) {
        let beside = self.names.iter().map(|name| join(self.folder, name));
        let in_folders = self.folders.iter().flat_map(|folder| {
            // The folders of the module are often there again, with or without the outermost.
            let levels = (0..=self.packages.len()).map(move |level| {
                let packages = self.packages.get(level..).unwrap_or_default().join("/");
                join(&join(&self.root, folder), &packages)
            });
            levels.chain([join(self.folder, folder)])
        });
        let in_folders = in_folders.flat_map(|folder| self.names.iter().map(move |name| join(&folder, name)));
        let found = beside.chain(in_folders).find_map(|path| Some((existing(&path)?, path)));
        if let Some((text, path)) = found {
            return (path, Some(text));
        }
        let name = self.names.first().map(String::as_str).unwrap_or_default();
        let folder = match self.folders.first() {
            Some(folder) => join(&self.root, folder),
            None => self.folder.to_owned(),
        };
        (join(&folder, name), None)
    }
}

/// How many of the folders `parts` are the project's own, how many are above the modules, and the module's path.
fn modules_of(
    modules: &Modules,
    parts: &[&str],
    stem: &str,
    existing: &dyn Fn(&str) -> Option<String>,
) -> (usize, usize, Option<String>) {
    let is_module = |count: usize| {
        let folder = parts.get(..count).unwrap_or_default().join("/");
        count > 0 && existing(&join(&folder, modules.folder_file)).is_some()
    };
    let source = (0..parts.len()).rev().find(|index| {
        let is_root = parts.get(*index).is_some_and(|part| modules.roots.contains(part));
        is_root && !is_module(index + 1) && !is_module(*index)
    });
    let (root, from) = match source {
        Some(index) => (index, index + 1),
        None => {
            let outermost = (1..=parts.len()).rev().take_while(|count| is_module(*count)).last();
            // Without any sign of modules, they begin below the last folder that cannot be one.
            let named = || parts.iter().rposition(|part| !is_identifier(part)).map_or(0, |index| index + 1);
            let from = outermost.map_or_else(named, |count| count - 1);
            (from, from)
        }
    };
    let mut path = parts.get(from..).unwrap_or_default().to_vec();
    if stem != modules.folder_stem {
        path.push(stem);
    }
    let is_module_path = !path.is_empty() && path.iter().all(|part| is_identifier(part));
    (root, from, is_module_path.then(|| path.join(modules.separator)))
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The folder of a path, without a `/` at its end, and the name of the file in it.
pub fn folder_and_file(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A file name without its ending, and that ending without the dot.
pub fn stem_and_ending(file: &str) -> (&str, &str) {
    file.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((file, ""))
}

pub fn join(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", rest) => rest.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}

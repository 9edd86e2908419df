//! Actions that a person wrote down: a Markdown file each, in a folder of the workspace.
//!
//! A file says in its front matter what it is called and when it is offered, and below that what the model is told,
//! with places to fill in. That is all: a recipe is text and can run nothing. A bad file costs that file and a
//! [`Problem`] for each of its mistakes, never the rest. This watches nothing: [`Recipes::reload`] asks whether files
//! changed, so that editors without file watching see them too. It reads files: never on the transport task.

mod folder;
mod front;
mod recipe;
mod template;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::config::{ActionSettings, Origin, Problem};
use crate::syntax::Language;
use crate::threads::lock;
use folder::{Folder, Stamp};
use front::Fault;
pub use recipe::{Recipe, Scope};
pub use template::Subject;

/// Recipes of all folders together: a menu is read from top to bottom.
const MOST: usize = 100;

/// How long what was seen of the files is believed: menus are asked for at every move of a cursor.
const BELIEVED: Duration = Duration::from_secs(1);

/// The recipes of a session, as they were read. Replaced whole.
#[derive(Debug)]
pub struct Recipes {
    recipes: Vec<Arc<Recipe>>,
    folders: Vec<Folder>,
    /// Each file that was read, or that a recipe named, as it was just before.
    stamps: Vec<(PathBuf, Stamp)>,
    looked: Mutex<Instant>,
}

/// One file that was read.
struct Read<'a> {
    folder: &'a Folder,
    file: PathBuf,
    recipe: Result<Recipe, Vec<Fault>>,
}

impl Recipes {
    /// Reads the recipes of every workspace folder, by folder and name, and says what is wrong with the others.
    pub fn load(roots: &[PathBuf], settings: &ActionSettings) -> (Self, Vec<Problem>) {
        Self::read(folder::folders(roots, &settings.dir), Instant::now())
    }

    /// The recipes anew, if a file came, went or changed since. Asked again within a second it looks at nothing. What
    /// is the same in length and time of writing is the same.
    pub fn reload(&self, now: Instant) -> Option<(Self, Vec<Problem>)> {
        {
            let mut looked = lock(&self.looked);
            if now.saturating_duration_since(*looked) < BELIEVED {
                return None;
            }
            *looked = now;
        }
        let (files, _) = candidates(&self.folders);
        let is_listed = |file: &Path| self.stamps.iter().any(|(known, _)| known == file);
        let is_same = files.iter().all(|(_, file)| is_listed(file))
            && self.stamps.iter().all(|(file, stamp)| folder::stamp(file) == *stamp);
        (!is_same).then(|| Self::read(self.folders.clone(), now))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.recipes.len()
    }

    /// The recipe that `codesage.custom` calls by this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Recipe>> {
        self.recipes.iter().find(|recipe| recipe.name == name)
    }

    /// What belongs in the menu of a document in this language, in order.
    pub fn offered(&self, language: &Language, has_selection: bool) -> impl Iterator<Item = &Arc<Recipe>> {
        self.recipes.iter().filter(move |recipe| recipe.fits(language, has_selection))
    }

    fn read(folders: Vec<Folder>, now: Instant) -> (Self, Vec<Problem>) {
        let (files, mut problems) = candidates(&folders);
        // Before reading: what is written meanwhile is another file.
        let mut stamps: Vec<_> = files.iter().map(|(_, file)| (file.clone(), folder::stamp(file))).collect();
        let mut named = HashSet::new();
        let read: Vec<Read> = files
            .into_iter()
            .map(|(folder, file)| {
                let recipe = read_recipe(folder, &file, &mut named);
                Read { folder, file, recipe }
            })
            .collect();
        for file in &named {
            if stamps.iter().all(|(known, _)| known != file) {
                stamps.push((file.clone(), folder::stamp(file)));
            }
        }

        let mut recipes: Vec<Arc<Recipe>> = Vec::new();
        // What a recipe names as its system message stands beside it and is none.
        for Read { folder, file, recipe } in read.into_iter().filter(|read| !named.contains(&read.file)) {
            let recipe =
                recipe.and_then(|recipe| match recipes.iter().find(|known| known.name == recipe.name) {
                    Some(known) => {
                        let message =
                            format!("`{}` is the name of {} already", recipe.name, known.file.display());
                        Err(vec![Fault::whole(message)])
                    }
                    None => Ok(recipe),
                });
            match recipe {
                Ok(recipe) => recipes.push(Arc::new(recipe)),
                Err(faults) => {
                    problems.extend(faults.into_iter().map(|fault| problem(folder.origin(&file), fault)));
                }
            }
        }
        (Self { recipes, folders, stamps, looked: Mutex::new(now) }, problems)
    }
}

/// The files that may be recipes, the first [`MOST`] of them, and what is wrong with the folders.
fn candidates(folders: &[Folder]) -> (Vec<(&Folder, PathBuf)>, Vec<Problem>) {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for folder in folders {
        let message = match folder.files() {
            Ok(mut found) => {
                let unread = found.len().saturating_sub(MOST - files.len());
                found.truncate(MOST - files.len());
                files.extend(found.into_iter().map(|file| (folder, file)));
                (unread > 0)
                    .then(|| format!("{unread} files are not read: {MOST} actions are the most there can be"))
            }
            Err(error) => Some(error.to_string()),
        };
        problems.extend(message.map(|message| problem(folder.origin(&folder.path), Fault::whole(message))));
    }
    (files, problems)
}

/// Files that the recipe names go to `named`.
fn read_recipe(folder: &Folder, file: &Path, named: &mut HashSet<PathBuf>) -> Result<Recipe, Vec<Fault>> {
    let fault = |message: String| vec![Fault::whole(message)];
    let text = folder.read(file).map_err(|error| fault(error.to_string()))?;
    let name = file.file_stem().and_then(|stem| stem.to_str());
    let name = name.ok_or_else(|| fault("the file's name is not UTF-8 text".to_owned()))?;
    let mut system = |written: &str| {
        let beside = file.parent().unwrap_or(file).join(written);
        let read = folder.read(&beside).map_err(|error| format!("{written}: {error}"));
        named.insert(beside);
        read
    };
    Recipe::new(name, file.to_path_buf(), &text, &mut system)
}

fn problem(origin: Origin, Fault { line, key, message }: Fault) -> Problem {
    Problem { origin, line, at: None, key, message }
}

#[cfg(test)]
mod tests;

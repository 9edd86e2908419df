//! What a menu offers, without asking a model: our actions, and those that the person wrote down.
//!
//! Recipes are read when they are first asked for, and again when their files, the workspace or the settings change.
//! All of this parses or reads files, so it is never done on the transport task.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use url::Url;

use crate::assist::Assistant;
use crate::assist::recipes::{Recipe, Recipes};
use crate::config::{ActionSettings, Problem};
use crate::edit::{Action, region};
use crate::text::Document;
use crate::threads::lock;

/// The recipes of a session, and what was wrong with files since somebody asked.
#[derive(Default)]
pub struct Cookbook {
    read: Option<Read>,
    problems: Vec<Problem>,
}

/// Recipes as they were read for one workspace and one place in it.
struct Read {
    recipes: Arc<Recipes>,
    roots: Vec<PathBuf>,
    settings: ActionSettings,
}

impl Assistant {
    /// What can be offered for a selection: the actions, in menu order. Fixes are offered by who knows the diagnostics.
    pub fn offers(&self, uri: &Url, document: &Document, selection: &Range<usize>) -> Vec<Action> {
        if self.rules().permission.refusal(uri).is_some() {
            return Vec::new();
        }
        let all = [
            Action::Refactor,
            Action::Document,
            Action::UnitTest,
            Action::Explain,
            Action::Review,
            Action::Edit,
        ];
        let can = |action: &Action| region::choose(document, selection.clone(), *action).is_ok();
        all.into_iter().filter(can).collect()
    }

    /// The recipes that belong in the menu of a document, in order. Blocking: it may read files.
    pub fn recipes(&self, document: &Document, has_selection: bool) -> Vec<Arc<Recipe>> {
        self.cookbook().offered(document.language(), has_selection).cloned().collect()
    }

    /// The recipe that `codesage.custom` calls by this name. Blocking: it may read files.
    pub fn recipe(&self, name: &str) -> Option<Arc<Recipe>> {
        self.cookbook().get(name).cloned()
    }

    /// What is wrong with recipes, each thing once each time that files were read.
    pub fn take_recipe_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut lock(&self.cookbook).problems)
    }

    /// The recipes as they are now.
    fn cookbook(&self) -> Arc<Recipes> {
        let rules = self.rules();
        // NB: held while files are read. Nobody waits for this lock who must not wait for files.
        let mut cookbook = lock(&self.cookbook);
        let is_of = |read: &Read| read.roots == rules.roots && read.settings == rules.settings.actions;
        let (recipes, problems) = match cookbook.read.as_ref().filter(|read| is_of(read)) {
            None => Recipes::load(&rules.roots, &rules.settings.actions),
            Some(read) => match read.recipes.reload(Instant::now()) {
                None => return read.recipes.clone(),
                Some(read) => read,
            },
        };
        let recipes = Arc::new(recipes);
        let (roots, settings) = (rules.roots.clone(), rules.settings.actions.clone());
        cookbook.read = Some(Read { recipes: recipes.clone(), roots, settings });
        cookbook.problems = problems;
        recipes
    }
}

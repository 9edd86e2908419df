//! One action on one file, from the command line to what came of it: the way that a code action of an editor goes,
//! guards included. Nothing is written here, but for the journal.

use std::io::Stderr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::place::Place;
use super::progress::Ticker;
use crate::assist::Assistant;
use crate::assist::act::{Acted, Job, Options, Progress};
use crate::assist::journal::{self, Journal};
use crate::assist::recipes::Recipe;
use crate::cli::colour::harmless;
use crate::cli::source::Source;
use crate::cli::{Failure, Session, interrupt, workspace};
use crate::config::Settings;
use crate::edit::Action;
use crate::engine::{Backend, ModelState, Role};
use crate::text::Document;

/// What is asked for.
pub struct Task {
    pub place: Place,
    pub what: What,
    /// The person's own words; may be empty.
    pub detail: String,
    pub options: Options,
    /// Tells how it is getting on.
    pub ticker: Ticker<Stderr>,
}

/// An action, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Action(Action),
    /// One of the person's own.
    Recipe(String),
}

/// How long a command waits at its end for the journal to be written. A disk that is merely busy is worth that.
pub const JOURNAL_WITHIN: Duration = Duration::from_secs(10);

/// Names of the actions that change a file.
const NAMED: [(&str, Action); 6] = [
    ("refactor", Action::Refactor),
    ("unitTest", Action::UnitTest),
    ("unit-test", Action::UnitTest),
    ("document", Action::Document),
    ("fix", Action::Fix),
    ("edit", Action::Edit),
];

impl FromStr for What {
    type Err = String;

    /// Whether there is such a recipe is told by the workspace, later.
    fn from_str(name: &str) -> Result<Self, String> {
        if name.trim().is_empty() {
            return Err("there is nothing in it".to_owned());
        }
        if ["explain", "review"].contains(&name) {
            return Err(format!("`{name}` changes nothing; see `codesage explain`"));
        }
        let known = NAMED.iter().find(|(known, _)| *known == name);
        Ok(known.map_or_else(|| Self::Recipe(name.to_owned()), |(_, action)| Self::Action(*action)))
    }
}

/// Starts the model that the settings name for edits.
type Start = Box<dyn FnOnce(&Settings) -> Arc<dyn Backend>>;

/// What the machine gives: a model, and a place for the journal. Another one in tests.
pub struct Machine {
    pub start: Start,
    pub state: Option<PathBuf>,
}

impl Machine {
    /// The one that this runs on.
    pub fn this() -> Self {
        Self {
            start: Box::new(|settings| crate::cli::backend(settings, Role::Edit)),
            state: journal::state_dir(),
        }
    }
}

/// Does it. What fails before a model is asked is a failure, and so is a signal, which stops the tokens; what fails
/// later is an outcome.
pub fn carry_out(
    session: Session,
    task: Task,
    machine: Machine,
    mut report: impl FnMut(&Progress) + Send,
) -> Result<(Acted, Arc<Assistant>), Failure> {
    let Task { place, what, detail, options, mut ticker } = task;
    let about = |error: String| Failure::Message(format!("{}: {error}", place.file.display()));
    let source = Source::read(&place.file)?;
    let workspace = workspace::of(&source.path);
    let settings = crate::cli::settings_in(session.layers, &workspace);
    let runtime = crate::cli::runtime()?;
    let backend = (machine.start)(&settings);
    let actions = workspace.join(&settings.actions.dir);
    let assistant = Assistant::new(backend.clone(), settings, vec![workspace]);
    assistant.keep_journal(Journal::new(machine.state));
    assistant.open(source.uri.clone(), "", 0, &source.text);
    let work = async {
        let document = assistant.snapshot(&source.uri).ok_or_else(|| about("could not be opened".into()))?;
        let selection = place.selection(&document).map_err(about)?;
        let (action, recipe) = match what {
            What::Action(action) => (action, None),
            What::Recipe(name) => (Action::Custom, Some(recipe(&assistant, &document, &name, &actions)?)),
        };
        let uri = source.uri.clone();
        let (diagnostic, diagnostics) = (None, Vec::new());
        let job = Job { uri, document, selection, action, detail, diagnostic, diagnostics, recipe, options };
        ticker.waiting();
        // A model that cannot be loaded is a refusal like any other.
        let is_settled = |state: &ModelState| matches!(state, ModelState::Ready(_) | ModelState::Failed(_));
        let _ = backend.watch().wait_for(is_settled).await;
        let tell = |progress: Progress| {
            ticker.tell(&progress, Instant::now());
            report(&progress);
        };
        Ok::<_, Failure>(assistant.act(job, tell).await)
    };
    // Dropping the work cancels it.
    let acted = runtime.block_on(interrupt::unless_told(work));
    ticker.end(acted.as_ref().ok());
    backend.cancel_load();
    backend.shutdown();
    if acted.is_err() {
        assistant.flush_journal(JOURNAL_WITHIN);
    }
    acted.map(|acted| (acted, assistant))
}

/// The person's own action of this name. `folder` is where they are.
fn recipe(
    assistant: &Assistant,
    document: &Document,
    name: &str,
    folder: &Path,
) -> Result<Arc<Recipe>, Failure> {
    let found = assistant.recipe(name);
    for problem in assistant.take_recipe_problems() {
        crate::cli::warn(format_args!("codesage: {}\n", harmless(&problem.to_string())));
    }
    found.ok_or_else(|| {
        let known: Vec<&str> =
            NAMED.iter().map(|(name, _)| *name).filter(|name| *name != "unit-test").collect();
        let own: Vec<String> =
            assistant.recipes(document, true).iter().map(|recipe| recipe.name.clone()).collect();
        let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
        let (known, folder) = (known.join(", "), folder.display());
        Failure::Usage(format!("there is no action `{name}`: there are {known}, and {own} in {folder}"))
    })
}

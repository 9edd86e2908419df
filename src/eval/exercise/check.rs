//! What must hold of an exercise's result: its rule, what must stand there, and, where the person wants them run, its
//! tests.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::{Exercise, Rule};
use crate::assist::act::{FileChange, Proposal};
use crate::completion::line::is_word;
use crate::edit::guard::{self, Change, Verdict};
use crate::edit::{Action, diff};
use crate::syntax::Language;
use crate::text::Document;

/// What one program may take; they are done in a fraction of it.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs every test of a Python file, as a test runner would.
const RUN_TESTS: &str = "import importlib.util, sys\n\
    spec = importlib.util.spec_from_file_location('written', sys.argv[1])\n\
    module = importlib.util.module_from_spec(spec)\n\
    spec.loader.exec_module(module)\n\
    tests = [f for name, f in vars(module).items() if name.startswith('test') and callable(f)]\n\
    assert tests\n\
    [test() for test in tests]\n";

/// Whether an explanation speaks of what it should.
pub fn mentions(exercise: &Exercise, prose: &str) -> bool {
    let prose = prose.to_lowercase();
    exercise.mentions.iter().any(|word| prose.contains(&word.to_lowercase()))
}

/// Whether a change keeps the exercise's rule, and has what it must have and nothing that it must not.
pub fn is_kept(exercise: &Exercise, proposal: &Proposal) -> bool {
    let [file] = proposal.files.as_slice() else { return false };
    let added = added(file);
    let looked_at = if exercise.action == Action::UnitTest { added.as_str() } else { &file.after };
    let before = file.before.as_deref().unwrap_or_default();
    let rule = match exercise.rule {
        Rule::None => true,
        Rule::CommentsOnly => is_allowed(Action::Document, file, before),
        Rule::InsertionOnly => diff::lines(before, &file.after).iter().all(|change| change.range.is_empty()),
        Rule::IdentifiersOnly => shape(before) == shape(&file.after) && before != file.after,
    };
    rule && exercise.must_contain.iter().all(|text| looked_at.contains(text.as_str()))
        && !exercise.must_not_contain.iter().any(|text| looked_at.contains(text.as_str()))
}

/// The lines that a change brings.
fn added(file: &FileChange) -> String {
    let changes = diff::lines(file.before.as_deref().unwrap_or_default(), &file.after);
    changes.into_iter().map(|change| change.text).collect()
}

/// Whether a guard lets the change pass as one of `action`.
fn is_allowed(action: Action, file: &FileChange, before: &str) -> bool {
    let document = Document::new(Language::of("", &file.path), 0, before);
    let change = Change {
        action,
        brings: action.brings(),
        instruction: "",
        document: &document,
        region: 0..before.len(),
        text: &file.after,
        diagnostic: None,
        tested: &[],
    };
    guard::check(&change) == Verdict::Apply
}

/// A text with every name made the same: what is left when only names may change.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for c in text.chars() {
        match (is_word(c), shape.ends_with('x')) {
            (true, true) => {}
            (true, false) => shape.push('x'),
            (false, _) => shape.push(c),
        }
    }
    shape
}

/// Runs the tests of an exercise on its result, in `root`. `None` where there are none, or where the language's
/// program is not on this machine. What runs is stopped where this is dropped, and leaves nothing outside `root`.
pub async fn passes(exercise: &Exercise, proposal: &Proposal, root: &Path) -> io::Result<Option<bool>> {
    let [file] = proposal.files.as_slice() else { return Ok(None) };
    let path = root.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, &file.after)?;
    let source = root.join(&exercise.path);
    let is_test = exercise.action == Action::UnitTest;
    let outcome = match (Language::of(&exercise.language, "").id, &exercise.tests) {
        ("python", Some(tests)) => {
            let script = path.with_file_name("check_of_exercise.py");
            fs::write(&script, tests)?;
            run(Command::new("python3").arg(&script), root).await?
        }
        ("python", None) if is_test => run(&mut python_tests(&path, root), root).await?,
        ("rust", Some(tests)) => rust(&path, &format!("{}\n{tests}", file.after), root).await?,
        ("rust", None) if is_test => rust(&path, &file.after, root).await?,
        _ => return Ok(None),
    };
    let (Some(true), true, Some(mutant)) = (outcome, is_test, &exercise.mutant) else {
        return Ok(outcome);
    };
    // A test that does not notice a fault tests nothing.
    let faulty = fs::read_to_string(&source)?.replacen(&mutant.find, &mutant.replace, 1);
    let still = match Language::of(&exercise.language, "").id {
        "python" => {
            fs::write(&source, faulty)?;
            run(&mut python_tests(&path, root), root).await?
        }
        _ => rust(&source, &faulty, root).await?,
    };
    Ok(still.map(|passes| !passes))
}

fn python_tests(file: &Path, root: &Path) -> Command {
    let mut command = Command::new("python3");
    // No bytecode: the file changes within the second by which Python tells that it is old.
    command.args(["-B", "-c", RUN_TESTS]).arg(file).env("PYTHONPATH", root);
    command
}

/// Compiles a file with its tests, and runs them.
async fn rust(file: &Path, text: &str, root: &Path) -> io::Result<Option<bool>> {
    let source = file.with_extension("check.rs");
    let program = file.with_extension("check");
    fs::write(&source, text)?;
    let mut compiler = Command::new("rustc");
    compiler.args(["--edition", "2024", "--test", "-A", "warnings", "--crate-name", "exercise", "-o"]);
    match run(compiler.args([&program, &source]), root).await? {
        Some(true) => run(&mut Command::new(program), root).await,
        other => Ok(other),
    }
}

/// Whether a program ends well within its time; `None` where there is no such program.
async fn run(command: &mut Command, root: &Path) -> io::Result<Option<bool>> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    // A compiler's temporary files go with the workspace, however it ends.
    command.current_dir(root).env("TMPDIR", root);
    #[cfg(unix)]
    command.process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let _family = Family::of(&child);
    match tokio::time::timeout(LONGEST, child.wait()).await {
        Ok(status) => Ok(Some(status?.success())),
        Err(_) => Ok(Some(false)),
    }
}

/// A program and all that it has started: what a model wrote may leave anything behind. Stopped when dropped.
#[cfg(unix)]
struct Family(Option<rustix::process::Pid>);

#[cfg(unix)]
impl Family {
    /// `child` leads a process group of its own.
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }
}

#[cfg(unix)]
impl Drop for Family {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Mostly nobody is left.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Here only the program itself is stopped.
#[cfg(not(unix))]
struct Family;

#[cfg(not(unix))]
impl Family {
    fn of(_child: &Child) -> Self {
        Self
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    /// A test that never ends, with a process of its own, is stopped where nobody waits for it any more.
    #[tokio::test]
    async fn what_nobody_waits_for_is_stopped_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (sender, heard) = channel();
        let reader = pipe.clone();
        thread::spawn(move || {
            // Opened as soon as somebody writes; at its end as soon as nobody can.
            let mut pipe = File::open(reader).unwrap();
            let mut text = [0; 1];
            while pipe.read(&mut text).is_ok_and(|read| read > 0) {
                sender.send(()).unwrap();
            }
        });
        let mut command = Command::new("sh");
        command.args(["-c", "exec 3>pipe; (echo; sleep 600) >&3 & wait"]);
        let mut running = Box::pin(run(&mut command, folder.path()));
        while heard.try_recv().is_err() {
            assert!(futures_util::poll!(&mut running).is_pending(), "it ended by itself");
            tokio::task::yield_now().await;
        }
        drop(running);
        let end = heard.recv_timeout(Duration::from_secs(300));
        assert_eq!(end, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }
}

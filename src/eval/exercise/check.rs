//! What must hold of an exercise's result: its rule, what must stand there, and, where the person wants them run, its
//! tests.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
/// program is not on this machine.
pub fn passes(exercise: &Exercise, proposal: &Proposal, root: &Path) -> io::Result<Option<bool>> {
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
            run(Command::new("python3").arg(&script).current_dir(root))?
        }
        ("python", None) if is_test => run(python_tests(&path, root).current_dir(root))?,
        ("rust", Some(tests)) => rust(&path, &format!("{}\n{tests}", file.after))?,
        ("rust", None) if is_test => rust(&path, &file.after)?,
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
            run(python_tests(&path, root).current_dir(root))?
        }
        _ => rust(&source, &faulty)?,
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
fn rust(file: &Path, text: &str) -> io::Result<Option<bool>> {
    let source = file.with_extension("check.rs");
    let program = file.with_extension("check");
    fs::write(&source, text)?;
    let compiled = run(Command::new("rustc")
        .args(["--edition", "2024", "--test", "-A", "warnings", "--crate-name", "exercise", "-o"])
        .args([&program, &source]))?;
    match compiled {
        Some(true) => run(&mut Command::new(program)),
        other => Ok(other),
    }
}

/// Whether a program ends well within its time; `None` where there is no such program.
fn run(command: &mut Command) -> io::Result<Option<bool>> {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match quiet.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let end = Instant::now() + LONGEST;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Ok(Some(false));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

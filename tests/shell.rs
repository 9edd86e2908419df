//! The shell commands as a shell sees them: what they print, what they leave behind, and how they end.
//!
//! No model answers here, so this runs in every build; `tests/acting.rs` and `cli/edit/tests.rs` have those that do.

#[cfg(unix)]
#[path = "support/signals.rs"]
mod signals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const TEXT: &str = "fn two() -> u32 {\n    1 + 1\n}\n";

/// A folder to stand in, with a file, and one for what the program keeps.
struct Shell {
    here: TempDir,
    state: PathBuf,
    _kept: TempDir,
}

impl Shell {
    fn new() -> Self {
        let (here, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(here.path().join("a.rs"), TEXT).unwrap();
        Self { here, state: kept.path().join("state"), _kept: kept }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codesage"));
        command.args(arguments).current_dir(self.here.path()).stdin(Stdio::null());
        command.env("XDG_CONFIG_HOME", "/nonexistent").env("CODESAGE_STATE", &self.state);
        command.env("CODESAGE_MODEL", "/nonexistent/model.gguf").env_remove("NO_COLOR");
        command.env_remove("CODESAGE_CONFIG");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The records that `codesage journal --json` tells, and how many lines it could not read.
    fn journal(&self, more: &[&str]) -> (Vec<Value>, u64) {
        let output = self.run(&[&["journal", "--json", "--limit", "1000"], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        (object["records"].as_array().unwrap().clone(), object["unreadable"].as_u64().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.state.join("journal.jsonl")
    }
}

/// Puts a program there, by another process: as long as this one has a file open to write it, whatever a test beside
/// starts has it open too, and what is open to be written cannot be run.
#[cfg(unix)]
fn install(program: &Path, there: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;

    assert!(Command::new("cp").arg(program).arg(there).status().unwrap().success());
    fs::set_permissions(there, fs::Permissions::from_mode(mode)).unwrap();
}

/// The same, of a script.
#[cfg(unix)]
fn install_script(script: &str, there: &Path, mode: u32) {
    let text = tempfile::NamedTempFile::new().unwrap();
    fs::write(text.path(), script).unwrap();
    install(text.path(), there, mode);
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const EDIT: &[&str] = &["edit", "a.rs:1", "--action", "refactor", "--apply", "--json"];

#[test]
fn every_end_has_its_code_and_its_object() {
    let shell = Shell::new();
    fs::write(shell.here.path().join("latin.rs"), b"// \xe9\n").unwrap();
    for (arguments, code, outcome, guard) in [
        (EDIT, 1, Some("refused"), Some("model")),
        (&["edit", "none.rs", "--action", "fix", "--json"], 1, Some("failed"), None),
        (&["edit", "latin.rs", "--action", "fix", "--json"], 1, Some("failed"), None),
        (&["edit", ".", "--action", "fix", "--json"], 1, Some("failed"), None),
        (&["edit", "a.rs:9", "--action", "fix", "--json"], 1, Some("failed"), None),
        (&["edit", "a.rs:1", "--action", "mine", "--json"], 2, None, None),
        (&["edit", "a.rs:0", "--action", "fix", "--json"], 2, None, None),
        (&["edit", "a.rs", "--json"], 2, None, None),
        (&["complete", "a.rs:1:1", "--json"], 1, Some(""), None),
        (&["explain", "a.rs:1"], 1, None, None),
        (&["explain", "a.rs:7"], 1, None, None),
    ] {
        let output = shell.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(!said(&output).is_empty(), "{arguments:?}");
        let Some(outcome) = outcome else {
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
            continue;
        };
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ended = (object["outcome"].as_str().unwrap_or_default(), object["guard"].as_str());
        assert_eq!(ended, (outcome, guard), "{object:#}");
        assert!(said(&output).contains(object["message"].as_str().unwrap()), "{object:#}");
    }
    assert_eq!(fs::read_to_string(shell.here.path().join("a.rs")).unwrap(), TEXT);
    let told = shell.journal(&[]).0;
    let told: Vec<_> =
        told.iter().map(|record| (record["action"].as_str(), record["guard"].as_str())).collect();
    assert_eq!(told, [(Some("refactor"), Some("model")), (Some("explain"), Some("model"))]);
}

#[test]
fn processes_at_once_write_whole_lines_with_names_of_their_own() {
    const EACH: usize = 6;
    let shell = Shell::new();
    let quiet = || shell.command(EDIT).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let children: Vec<_> = (0..EACH).map(|_| quiet()).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
    let (records, unreadable) = shell.journal(&[]);
    assert_eq!((records.len(), unreadable), (EACH, 0));
    let name = |record: &Value| record["id"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = records.iter().map(name).collect();
    let here = shell.here.path().file_name().unwrap().to_str().unwrap();
    assert!(
        records.iter().all(|record| record["workspace"] == here && record["path"] == "a.rs"),
        "{records:?}"
    );
    let first = names[0].clone();
    assert_eq!(shell.journal(&[&first]).0.len(), 1);
    assert_eq!(shell.journal(&[&first[..3]]).0.len(), EACH);
    let none = shell.run(&["journal", "zzzz"]);
    assert!(none.status.code() == Some(1) && said(&none).contains("`zzzz…`"), "{}", said(&none));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), EACH);
}

#[test]
fn a_damaged_line_is_skipped_and_counted() {
    let shell = Shell::new();
    shell.run(EDIT);
    let mut text = fs::read_to_string(shell.file()).unwrap();
    text += "{\"time\":\"2026";
    fs::write(shell.file(), text).unwrap();
    shell.run(EDIT);
    let (records, unreadable) = shell.journal(&[]);
    assert_eq!((records.len(), unreadable), (2, 1));
    let printed = shell.run(&["journal"]).stdout;
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("refactor  refused (model)") && printed.ends_with("cannot read\n"), "{printed}");
}

/// Where nothing can be kept an action goes on, and it is said once.
#[cfg(unix)]
#[test]
fn a_journal_that_cannot_be_written_fails_nothing() {
    fn by_a_link(state: &Path) {
        fs::create_dir(state).unwrap();
        fs::write(state.join("mine"), "mine\n").unwrap();
        std::os::unix::fs::symlink("mine", state.join("journal.jsonl")).unwrap();
    }
    fn by_a_pipe(state: &Path) {
        fs::create_dir(state).unwrap();
        assert!(Command::new("mkfifo").arg(state.join("journal.jsonl")).status().unwrap().success());
    }
    fn by_a_file(state: &Path) {
        fs::write(state, "mine\n").unwrap();
    }
    for (spoil, why) in [
        (by_a_link as fn(&Path), "is a link, which is not followed"),
        (by_a_pipe, "is not a file"),
        (by_a_file, "File exists"),
    ] {
        let shell = Shell::new();
        spoil(&shell.state);
        let output = shell.run(EDIT);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("model: "), "{}", said(&output));
        assert_eq!(said(&output).matches("cannot be written").count(), 1, "{}", said(&output));
        assert!(said(&output).contains(why), "{}", said(&output));
        let mine = if shell.state.is_file() { shell.state.clone() } else { shell.state.join("mine") };
        assert!(fs::read_to_string(mine).is_ok_and(|text| text == "mine\n") || why == "is not a file");
    }
}

/// The file says where its workspace is, wherever somebody stands.
#[test]
fn the_workspace_is_the_files_own() {
    let shell = Shell::new();
    let root = shell.here.path().join("shop");
    let elsewhere = shell.here.path().join("elsewhere");
    for folder in [root.join("src"), root.join(".codesage/actions"), root.join(".git"), elsewhere.clone()] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(root.join("src/a.rs"), TEXT).unwrap();
    fs::write(root.join("src/b.rs"), TEXT).unwrap();
    fs::write(root.join(".codesageignore"), "b.rs\n").unwrap();
    fs::write(root.join("codesage.toml"), "[model]\nthreds = 1\n").unwrap();
    fs::write(root.join(".codesage/actions/mine.md"), "---\ntitle: Mine\n---\nMend it.\n").unwrap();
    // What stands where somebody stands is of no concern.
    fs::write(elsewhere.join("codesage.toml"), "[model]\nthrods = 1\n").unwrap();
    for here in [&root, &root.join("src"), &elsewhere, shell.here.path()] {
        let run = |file: &str, action: &str| {
            let place = root.join(file);
            let arguments = ["edit", place.to_str().unwrap(), "--action", action, "--json"];
            shell.command(&arguments).current_dir(here).output().unwrap()
        };
        // It is known, so that only a model is missing; and the settings are those of its workspace.
        let output = run("src/a.rs", "mine");
        assert!(said(&output).contains("model: "), "{here:?}: {}", said(&output));
        assert!(said(&output).contains("threds") && !said(&output).contains("throds"), "{}", said(&output));
        let place = root.join("src/b.rs:1:1");
        let complete =
            shell.command(&["complete", place.to_str().unwrap()]).current_dir(here).output().unwrap();
        assert!(said(&complete).contains("threds"), "{here:?}: {}", said(&complete));
        let check = shell.command(&["config", "check"]).current_dir(here).output().unwrap();
        let told = String::from_utf8(check.stdout).unwrap();
        assert_eq!(told.contains("threds"), here.starts_with(&root), "{here:?}: {told}");
    }
    let records = shell.journal(&[]).0;
    assert_eq!(records.len(), 4);
    for record in records {
        assert_eq!((record["workspace"].as_str(), record["path"].as_str()), (Some("shop"), Some("src/a.rs")));
    }
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let shell = Shell::new();
    let here = shell.here.path().canonicalize().unwrap();
    let own = here.join("own.toml");
    fs::write(&own, "completion.maxTokens = 7\nsampling.stop = [\"a\\nb\", 'sk-verysecret']\n").unwrap();
    fs::write(here.join("codesage.toml"), "[completion]\nmultiline = 'never'\nmenus = 'on'\n").unwrap();
    let show = |more: &[&str]| {
        let output = shell.run(&[&["config", "show", "--config", own.to_str().unwrap()], more].concat());
        assert!(output.status.success(), "{}", said(&output));
        // What does not apply is told beside it.
        assert!(said(&output).contains("codesage.toml:3: `completion.menus`"), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().replace(here.to_str().unwrap(), "HERE")
    };
    let changed = show(&["--changed"]);
    // The columns are as wide as they must be.
    let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "# your settings: HERE/own.toml",
        "# the workspace's: HERE/codesage.toml",
        "model.path = \"/nonexistent/model.gguf\" # the command line, or the environment",
        "completion.maxTokens = 7 # HERE/own.toml:1",
        "completion.multiline = \"never\" # HERE/codesage.toml:2",
        "sampling.stop = [\"a\\nb\",\"sk-***\"] # HERE/own.toml:2",
    ] {
        assert!(changed.lines().any(|shown| plain(shown) == line), "{line}\nis not in\n{changed}");
    }
    assert_eq!(changed.lines().count(), 6, "{changed}");
    let all = show(&[]);
    assert!(all.contains("\nlog.level = \"info\"") && all.contains("# built in\n"), "{all}");
    // It can be read again.
    let read: Value = toml::from_str(&all).unwrap();
    assert_eq!(read["sampling"]["stop"][0], "a\nb");
    let object: Value = serde_json::from_str(&show(&["--json"])).unwrap();
    let expected = serde_json::json!({ "value": 7, "from": "user", "file": "HERE/own.toml", "line": 1 });
    assert_eq!(object["completion.maxTokens"], expected);
    assert_eq!(object["log.level"]["from"], "built-in");
    assert_eq!(object["model.path"]["from"], "command-line");
}

/// The same sentence from both, and nothing that looks like an answer.
#[test]
fn a_settings_file_that_was_named_is_missed() {
    let shell = Shell::new();
    let expected = "codesage: /nonexistent/own.toml: cannot be read: there is no such file\n";
    for command in [&["config", "show"][..], &["config", "show", "--json"], &["config", "check"]] {
        for by_variable in [false, true] {
            let mut run = shell.command(command);
            match by_variable {
                true => run.env("CODESAGE_CONFIG", "/nonexistent/own.toml"),
                false => run.args(["--config", "/nonexistent/own.toml"]),
            };
            let output = run.output().unwrap();
            assert_eq!((output.status.code(), &*said(&output)), (Some(1), expected), "{command:?}");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{command:?}");
        }
    }
    // What does not go by it, and a file that is asked about by its name.
    assert!(shell.run(&["config", "schema", "--config", "/nonexistent/own.toml"]).status.success());
    let output = shell.run(&["config", "check", "/nonexistent/own.toml"]);
    assert_eq!((output.status.code(), &*said(&output)), (Some(1), expected));
}

/// A repository can bring any file.
#[cfg(unix)]
#[test]
fn a_settings_file_of_a_project_is_what_it_says_it_is() {
    let shell = Shell::new();
    let (here, elsewhere) = (shell.here.path(), tempfile::tempdir().unwrap());
    let secret = elsewhere.path().join("secret.toml");
    fs::write(&secret, "sesame = 1\n").unwrap();
    std::os::unix::fs::symlink(&secret, here.join("codesage.toml")).unwrap();
    // By itself and by its name: where the link stands says whose it is.
    for command in [
        &["config", "check"][..],
        &["config", "check", "codesage.toml"],
        &["config", "check", "./codesage.toml"],
    ] {
        let output = shell.run(command);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.code() == Some(1) && printed.contains("leads out of the workspace"),
            "{printed}"
        );
        assert!(!printed.contains("sesame"), "{printed}");
    }
    // Its keys do not command the terminal of who works there.
    fs::remove_file(here.join("codesage.toml")).unwrap();
    fs::write(here.join("codesage.toml"), "\"\\u001b[2J\\u202e\" = 1\n").unwrap();
    for command in [&["config", "check"][..], &["config", "show"], &["complete", "a.rs:1:1"], EDIT] {
        let output = shell.run(command);
        let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("\u{fffd}[2J\u{fffd}"), "{command:?}: {told:?}");
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{command:?}: {told:?}");
    }
}

#[test]
fn what_is_wrong_with_actions_is_checked_with_the_settings() {
    let shell = Shell::new();
    let actions = shell.here.path().join(".codesage/actions");
    fs::create_dir_all(&actions).unwrap();
    fs::create_dir(shell.here.path().join("sub")).unwrap();
    let sound = "---\ntitle: Mine\n---\nMend it.\n";
    let faulty = "---\ntitle: Mine\nkind: odd\n---\nMend\n{{ regoin }}.\n";
    for (text, code, told) in [
        (sound, 0, &["no problems (no settings file, 1 action)\n"][..]),
        (faulty, 1, &["mine.md:3: `kind`: ", "mine.md:6: `regoin` is nothing"]),
    ] {
        fs::write(actions.join("mine.md"), text).unwrap();
        for here in [shell.here.path(), &shell.here.path().join("sub")] {
            let output = shell.command(&["config", "check"]).current_dir(here).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(code), "{printed}");
            assert!(told.iter().all(|told| printed.contains(told)), "{printed}");
            assert_eq!(printed.lines().count(), told.len(), "{printed}");
        }
    }
}

#[test]
fn what_cannot_be_worked_on_is_told_as_a_person_would() {
    let shell = Shell::new();
    for (place, told) in [
        ("none.rs", "none.rs: there is no such file\n"),
        ("a.rs:x", "a.rs:x: there is no such file; what stands behind the colon is no line\n"),
        (".", ".: is a folder; name a file\n"),
        ("a.rs:4", "a.rs: has 3 lines, and none is 4\n"),
    ] {
        let output = shell.run(&["edit", place, "--action", "fix"]);
        assert_eq!((output.status.code(), &*said(&output)), (Some(1), &*format!("codesage: {told}")));
    }
}

#[test]
fn nothing_at_all_is_no_count() {
    let shell = Shell::new();
    for arguments in [
        &["journal", "--limit", "0"][..],
        &["eval", "--holes", "0"],
        &["bench", "replay", "--runs", "0"],
        &["bench", "replay", "--keys", "0"],
        &["bench", "replay", "--against", "http://127.0.0.1:1", "--rounds", "1"],
        &["edit", "a.rs", "--action", "fix", "--max-tokens", "0"],
    ] {
        let output = shell.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains("expected a whole number from "), "{arguments:?}: {}", said(&output));
    }
}

/// Whatever ends it, nothing is left where temporary files are.
#[cfg(unix)]
#[test]
fn what_is_told_to_end_leaves_nothing_behind() {
    use rustix::process::{Pid, Signal, kill_process};

    let shell = Shell::new();
    // A server that never answers.
    let mute = shell.here.path().join("mute");
    install_script("#!/bin/sh\nwhile read -r line; do :; done\n", &mute, 0o755);
    // The last is not to end with its terminal.
    let ended = [
        (Signal::INT, false, 130, "codesage: interrupted\n"),
        (Signal::TERM, false, 143, "codesage: told to end\n"),
        (Signal::HUP, false, 129, "codesage: the terminal was closed\n"),
        (Signal::TERM, true, 143, "codesage: told to end\n"),
    ];
    for (signal, is_nohup, code, sentence) in ended
        .into_iter()
        .filter(|(signal, is_nohup, ..)| cfg!(target_os = "linux") || *signal != Signal::HUP && !is_nohup)
        .filter(|(signal, ..)| !signals::is_ignored(*signal))
    {
        let temporary = tempfile::tempdir().unwrap();
        let left = || fs::read_dir(temporary.path()).unwrap().count();
        let line = if is_nohup { "trap '' HUP; exec \"$@\"" } else { "exec \"$@\"" };
        let mut command = Command::new("sh");
        command
            .args(["-c", line, "sh", env!("CARGO_BIN_EXE_codesage"), "bench", "replay", "--program"])
            .arg(&mute);
        command.env("TMPDIR", temporary.path()).env("XDG_CONFIG_HOME", "/nonexistent");
        command.env_remove("CODESAGE_MODEL").env_remove("CODESAGE_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let begun = Instant::now();
        while left() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(300), "it makes a folder for its server");
            std::thread::sleep(Duration::from_millis(5));
        }
        if is_nohup {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
            assert_eq!(u64::from_str_radix(mask.trim(), 16).unwrap() & 1, 1, "{status}");
        }
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*said(&output), left()), (Some(code), sentence, 0), "{signal:?}");
    }
}

/// The build for a better processor is started in place of this one where it lies beside it, and from nowhere else.
#[cfg(all(unix, target_arch = "x86_64"))]
#[test]
fn a_better_build_is_looked_for_beside_the_program_alone() {
    let shell = Shell::new();
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("codesage");
    install(Path::new(env!("CARGO_BIN_EXE_codesage")), &program, 0o755);
    let name = concat!("codesage-", env!("CARGO_PKG_VERSION"), "-avx512");
    let other = |folder: &Path, script: &str, mode: u32| {
        let path = folder.join(name);
        install_script(script, &path, mode);
        path
    };
    let run = |program: &Path| {
        let mut moved = Command::new(program);
        moved.args(["config", "schema"]).current_dir(shell.here.path()).env("PATH", shell.here.path());
        moved.env_remove("GGML_NO_BACKTRACE").stdin(Stdio::null());
        String::from_utf8_lossy(&moved.output().unwrap().stdout).into_owned()
    };
    let script = "#!/bin/sh\necho better $GOMP_SPINCOUNT: \"$@\"\n";
    // In the workspace and on the path: not looked at.
    other(shell.here.path(), script, 0o755);
    assert!(run(&program).starts_with('{'));
    let beside = other(home.path(), script, 0o755);
    let runs_here = std::arch::is_x86_feature_detected!("avx512vnni")
        && std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && option_env!("GGML_AVX512").is_none();
    let expected = if runs_here { "better 1000: config schema\n" } else { "{" };
    assert!(run(&program).starts_with(expected), "{}", run(&program));
    // By a link to it too: what counts is where the program is.
    let link = shell.here.path().join("link");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    assert!(run(&link).starts_with(expected));
    // One that cannot be started, or is no file: the program runs as it is.
    fs::remove_file(&beside).unwrap();
    other(home.path(), script, 0o644);
    assert!(run(&program).starts_with('{'));
    fs::remove_file(&beside).unwrap();
    fs::create_dir(&beside).unwrap();
    assert!(run(&program).starts_with('{'));
}

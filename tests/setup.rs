//! The set-up script, run where only what a test puts there exists: it must install what is missing and no more.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

/// Held while a command is written, and while a process is started: one that starts has all files open that are open
/// here, and what somebody has open to write it nobody can run.
static STARTING: Mutex<()> = Mutex::new(());

/// A machine with these commands and files, and nothing else.
struct Machine {
    directory: TempDir,
}

impl Machine {
    fn new(commands: &[&str], files: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let machine = Self { directory };
        let bin = machine.path("bin");
        fs::create_dir(&bin).unwrap();
        for tool in ["sed", "env", "touch", "mkdir", "dirname"] {
            let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
            let real = real.iter().find(|path| path.exists()).expect("a core utility");
            symlink(real, bin.join(tool)).unwrap();
        }
        for command in commands {
            machine.command(command, "");
        }
        machine.command("cmake", "echo 'cmake version 3.14.2'");
        machine.command("id", "echo 1000");
        machine.command("sudo", "exec \"$@\"");
        for file in files {
            let file = machine.path(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// A command that notes how it was called, then runs `body`.
    fn command(&self, name: &str, body: &str) {
        let file = self.path("bin").join(name);
        let log = self.path("called");
        let _held = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        fs::write(&file, format!("#!/bin/sh\necho {name} \"$@\" >>{}\n{body}\n", log.display())).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self) -> Output {
        self.run_for(&[])
    }

    fn run_for(&self, what: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/setup");
        let mut command = Command::new("/bin/sh");
        command.arg(script).args(what).env_clear().env("PATH", self.path("bin"));
        command.env("SETUP_ROOT", self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = {
            let _held = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
            command.spawn().unwrap()
        };
        started.wait_with_output().unwrap()
    }

    /// Calls of package managers.
    fn installs(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("called")).unwrap_or_default();
        let managers = ["apt-get", "dnf", "pacman", "brew"];
        let calls = log.lines().filter(|line| managers.iter().any(|manager| line.starts_with(manager)));
        calls.map(str::to_owned).collect()
    }
}

const TOOLS: &[&str] = &["cargo", "cc", "c++", "make", "ccache"];
const LIBCLANG: &[&str] =
    &["usr/lib/llvm-14/lib/libclang-14.so.1", "usr/lib/llvm-14/lib/clang/14/include/stddef.h"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [TOOLS, more].concat()
}

#[test]
fn nothing_is_done_where_all_is_there() {
    let machine = Machine::new(&with(&["apt-get"]), LIBCLANG);
    let output = machine.run();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(machine.installs(), [""; 0]);
}

#[test]
fn what_is_missing_is_named_and_installed() {
    let cases: [(&str, &[&str]); 4] = [
        ("apt-get", &["apt-get update -q", "apt-get install -q -y --no-install-recommends libclang-dev"]),
        ("dnf", &["dnf install -y clang-devel"]),
        ("pacman", &["pacman -S --needed --noconfirm clang"]),
        ("brew", &["brew install llvm"]),
    ];
    for (manager, expected) in cases {
        let machine = Machine::new(&with(&[]), &[]);
        let made = LIBCLANG.iter().map(|file| {
            let file = machine.path(file);
            format!("mkdir -p $(dirname {0}); touch {0}\n", file.display())
        });
        machine.command(manager, &made.collect::<String>());
        let output = machine.run();
        assert!(output.status.success(), "{manager}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("libclang is missing: "), "{manager}: {said}");
        assert_eq!(machine.installs(), expected, "{manager}");
    }
}

#[test]
fn an_old_cmake_and_half_a_libclang_do_not_pass() {
    let halves = [&LIBCLANG[..1], &LIBCLANG[1..], &["usr/lib/x/libclang-cpp.so.14", LIBCLANG[1]]];
    for half in halves {
        let machine = Machine::new(&with(&["dnf"]), half);
        assert!(!machine.run().status.success(), "{half:?}");
        assert_eq!(machine.installs(), ["dnf install -y clang-devel"], "{half:?}");
    }
    for version in ["3.13.4", "2.8.12", "nonsense"] {
        let machine = Machine::new(&with(&["dnf"]), LIBCLANG);
        machine.command("cmake", &format!("echo 'cmake version {version}'"));
        assert!(!machine.run().status.success(), "{version}");
        assert_eq!(machine.installs(), ["dnf install -y cmake"], "{version}");
    }
    for version in ["3.14.0", "3.31.6", "4.0.1"] {
        let machine = Machine::new(&with(&["dnf"]), LIBCLANG);
        machine.command("cmake", &format!("echo 'cmake version {version}'"));
        assert!(machine.run().status.success(), "{version}");
    }
}

#[test]
fn a_machine_it_cannot_help_is_told_what_to_install() {
    let without_rust = Machine::new(&["cc", "c++", "make", "apt-get"], LIBCLANG).run();
    assert!(String::from_utf8_lossy(&without_rust.stderr).contains("rustup"), "{without_rust:?}");

    let without_manager = Machine::new(&["cargo", "make"], LIBCLANG).run();
    assert!(!without_manager.status.success());
    let said = String::from_utf8_lossy(&without_manager.stderr).into_owned();
    assert!(said.contains("a C and C++ compiler"), "{said}");
}

/// What the tests of editors drive.
const EDITORS: &[&str] = &["python3", "nvim", "emacs", "strace", "luacheck"];
const ELISP: &[&str] = &[
    "usr/share/emacs/site-lisp/elpa-src/eglot-1.9/eglot.el",
    "usr/share/emacs/site-lisp/elpa-src/lsp-mode-8.0.0/lsp-mode.el",
];

#[test]
fn editors_that_are_there_are_left_alone() {
    // Not even a compiler is asked for.
    let machine = Machine::new(&[EDITORS, &["apt-get"]].concat(), ELISP);
    machine.command("vim", "echo '+emacs_tags +eval +ex_extra'");
    let output = machine.run_for(&["editors"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert_eq!(machine.installs(), [""; 0]);
}

#[test]
fn a_newer_emacs_has_eglot_and_not_lsp_mode() {
    let machine = Machine::new(EDITORS, &["usr/share/emacs/30.1/lisp/progmodes/eglot.el.gz"]);
    machine.command("vim", "echo +eval");
    machine.command("apt-get", "");
    assert!(machine.run_for(&["editors"]).status.success());
    let install = "apt-get install -q -y --no-install-recommends elpa-lsp-mode";
    assert_eq!(machine.installs(), ["apt-get update -q", install]);
}

#[test]
fn editors_are_installed_as_far_as_they_can_be_had() {
    let machine = Machine::new(&[], &[]);
    // As Debian begins: a Vim without scripts, a Python without venv.
    machine.command("vim", "echo '-eval'");
    machine.command("python3", "exit 1");
    machine.command("apt-get", "case $* in *emacs-nox) exit 100 ;; esac");
    let output = machine.run_for(&["editors"]);
    assert!(output.status.success(), "{output:?}");
    let packages =
        ["python3-venv", "neovim", "vim", "emacs-nox", "elpa-eglot", "elpa-lsp-mode", "strace", "lua-check"];
    let install = |package: &str| format!("apt-get install -q -y --no-install-recommends {package}");
    let expected: Vec<String> =
        ["apt-get update -q".to_owned()].into_iter().chain(packages.map(install)).collect();
    assert_eq!(machine.installs(), expected);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Neovim is missing: ") && said.contains("going on without emacs-nox"), "{said}");
}

#[test]
fn editors_that_cannot_be_had_stop_nothing() {
    let offline = Machine::new(&[], &[]);
    offline.command("apt-get", "exit 100");
    let nobody = Machine::new(&[], &[]);
    for (machine, why) in [(offline, "the package lists cannot be had"), (nobody, "No package manager")] {
        let output = machine.run_for(&["editors"]);
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Vim is missing: ") && said.contains(why), "{said}");
        assert!(
            machine.installs().iter().all(|call| call.ends_with("update -q")),
            "{:?}",
            machine.installs()
        );
    }
}

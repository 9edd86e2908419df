//! A GPU, through the whole program: the model computes on it and writes what the processor would; and where it cannot be
//! had, the processor computes, which is said once, and the doctor names it.
//!
//! In a build with `--features vulkan` on a machine with a Vulkan device, Mesa's software driver being one; elsewhere all
//! but the first test is skipped, and says so.
#![cfg(feature = "llama")]

#[path = "support/process.rs"]
#[expect(dead_code, reason = "tests/whole.rs uses the rest")]
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codesage::models::hardware::OFFLOADS;
use process::Process;
use serde_json::{Value, json};
use tempfile::TempDir;

const URI: &str = "file:///project/main.py";
const CODE: &str = "import sys\n\n\ndef main():\n    print(sys.argv)\n\n\nif __name__ ==";
const CURSOR: (usize, usize) = (7, 14);

/// What a session came to.
#[derive(Debug)]
struct Told {
    device: String,
    written: String,
    /// What the person was told of.
    warnings: Vec<String>,
}

/// A machine for sessions: its settings, and what the program keeps.
struct Machine {
    folder: TempDir,
    environment: Vec<(&'static str, PathBuf)>,
}

impl Machine {
    fn new(environment: &[(&'static str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (*name, PathBuf::from(value)));
        Self { folder: tempfile::tempdir().expect("a folder"), environment: environment.collect() }
    }

    /// With the first device that Vulkan has, whatever it is: llama.cpp would pass over one in software.
    fn with_vulkan(more: &[(&'static str, &str)]) -> Self {
        Self::new(&[&[("GGML_VK_VISIBLE_DEVICES", "0")], more].concat())
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn config(&self, model: &str) -> PathBuf {
        let path = self.folder.path().join("codesage.toml");
        let text = format!("[completion]\nmaxTimeMs = 60000\n[model]\nthreads = 1\n{model}\n");
        fs::write(&path, text).expect("it can be written");
        path
    }

    fn environment(&self) -> Vec<(&'static str, &Path)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_path())).collect()
    }

    /// Asks for one suggestion, with these settings of the model.
    fn session(&self, model: &str) -> Told {
        let config = self.config(model);
        let state = self.state();
        let mut environment = self.environment();
        environment.push(("CODESAGE_STATE", &state));
        let arguments = ["--config", config.to_str().expect("plain")];
        let mut process = Process::spawn_with(None, &arguments, &environment);
        let params = json!({ "processId": null, "rootUri": null, "capabilities": {} });
        assert!(process.call("initialize", params)["error"].is_null());
        process.notify("initialized", json!({}));
        let device = process.settled()["device"].as_str().expect("it is named").to_owned();
        process.open(URI, "python", CODE);
        let items = process.inline(URI, CURSOR);
        let written =
            items.first().and_then(|item| item["insertText"].as_str()).unwrap_or_default().to_owned();
        let shown = process.unasked.iter().filter(|message| message["method"] == "window/showMessage");
        let warnings = shown.map(|message| message["params"]["message"].to_string()).collect();
        process.finish();
        // A start that came to an end leaves no note behind.
        assert!(!state.join("gpu.json").exists() || device.starts_with("cpu"));
        Told { device, written, warnings }
    }

    /// Ids of what the doctor finds amiss with the GPU, with those settings.
    fn doctor(&self, model: &str) -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_codesage"))
            .args(["--config".as_ref(), self.config(model).as_os_str(), "doctor".as_ref(), "--json".as_ref()])
            .envs(self.environment())
            .env("CODESAGE_STATE", self.state())
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env_remove("CODESAGE_MODEL")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
        let findings = report["findings"].as_array().expect("a list").iter();
        let amiss = findings.filter(|finding| finding["severity"] == "problem");
        let ids = amiss.map(|finding| finding["id"].as_str().expect("text").to_owned());
        ids.filter(|id| id.contains("gpu")).collect()
    }
}

/// The session went on, on the processor, and one warning says why.
fn check_falls_back(machine: &Machine, model: &str, why: &str) {
    let Told { device, written, warnings } = machine.session(model);
    assert!(device.starts_with("cpu ("), "{model}: {device}");
    assert!(written.contains("__main__"), "{model}: {written}");
    assert!(warnings.len() == 1 && warnings[0].contains(why), "{model}: {warnings:?}");
}

/// The GPU's name; none, and the test says so, where it has none.
fn gpu(test: &str) -> Option<String> {
    if !cfg!(feature = "vulkan") {
        eprintln!("skipped: {test}: this build is without the feature `vulkan`");
        return None;
    }
    let Told { device, .. } = Machine::with_vulkan(&[]).session("");
    if device.starts_with("cpu (") {
        eprintln!("skipped: {test}: there is no Vulkan device here");
        return None;
    }
    Some(device)
}

#[test]
fn a_build_without_a_backend_says_so_where_one_was_wished_for() {
    if OFFLOADS {
        eprintln!("skipped: this build has a backend for a GPU");
        return;
    }
    let machine = Machine::new(&[]);
    for model in ["device = 0", "gpuLayers = 3"] {
        check_falls_back(&machine, model, "this build has no backend for a GPU");
        assert_eq!(machine.doctor(model), ["build.gpu"], "{model}");
    }
    for model in ["", "device = 'cpu'", "gpuLayers = 0", "device = 'cpu'\ngpuLayers = 3"] {
        let told = machine.session(model);
        assert!(told.warnings.is_empty() && told.device.starts_with("cpu ("), "{model}: {told:?}");
    }
}

#[test]
fn a_gpu_writes_what_the_processor_writes() {
    let Some(gpu) = gpu("a_gpu_writes_what_the_processor_writes") else { return };
    let machine = Machine::with_vulkan(&[]);
    let expected = machine.session("device = 'cpu'");
    assert!(expected.device.starts_with("cpu (") && expected.written.contains("__main__"), "{expected:?}");
    for (model, device) in [
        ("", gpu.clone()),
        ("device = 0", gpu.clone()),
        ("gpuLayers = 1000", gpu.clone()),
        ("gpuLayers = 2", format!("{gpu} (2 of ")),
    ] {
        let told = machine.session(model);
        assert!(told.device.starts_with(&device), "{model}: {told:?}");
        assert_eq!((&told.written, told.warnings.len()), (&expected.written, 0), "{model}: {told:?}");
    }
    assert!(machine.session("gpuLayers = 0").device.starts_with("cpu ("));
    assert_eq!(machine.doctor("device = 0"), [""; 0]);
}

#[test]
fn without_a_gpu_the_processor_goes_on() {
    let Some(gpu) = gpu("without_a_gpu_the_processor_goes_on") else { return };
    let nowhere = [("VK_ICD_FILENAMES", "/nonexistent"), ("VK_DRIVER_FILES", "/nonexistent")];
    // No driver; another number; a driver that gives no memory.
    for (machine, model, why, id) in [
        (Machine::new(&nowhere), "device = 0", "no GPU answers", "gpu.none"),
        (
            Machine::with_vulkan(&[]),
            "device = 7",
            &*format!("there is no GPU 7; there is 0: {gpu}"),
            "gpu.number",
        ),
        (
            Machine::with_vulkan(&[("GGML_VK_FORCE_MAX_BUFFER_SIZE", "1024")]),
            "device = 0",
            &*format!("{gpu} could not be used"),
            "gpu.failed",
        ),
    ] {
        check_falls_back(&machine, model, why);
        assert_eq!(machine.doctor(model), [id], "{model}");
    }
    // Nobody has wished for one.
    let told = Machine::new(&nowhere).session("");
    assert!(told.warnings.is_empty() && told.device.starts_with("cpu ("), "{told:?}");
}

#[test]
fn a_gpu_that_twice_ended_the_program_is_left_alone() {
    let Some(gpu) = gpu("a_gpu_that_twice_ended_the_program_is_left_alone") else { return };
    let machine = Machine::with_vulkan(&[]);
    let note = |starts: u32| {
        let note = json!({
            "version": env!("CARGO_PKG_VERSION"), "gpu": gpu, "starts": starts, "process": i32::MAX,
        });
        fs::create_dir_all(machine.state()).expect("a folder");
        fs::write(machine.state().join("gpu.json"), note.to_string()).expect("it can be written");
    };
    note(1);
    assert_eq!(machine.session("").device, gpu);
    note(2);
    check_falls_back(&machine, "", &format!("twice codesage ended while {gpu}"));
    assert_eq!(machine.doctor(""), ["gpu.distrusted"]);
    fs::remove_file(machine.state().join("gpu.json")).expect("it is there still");
    assert_eq!(machine.session("").device, gpu);
}

//! The doctor: a machine in order has no problem, and each of many planted faults is named, with what mends it.
//!
//! What a mend says is done: a setting is written and taken, a command of ours is one that there is, and commands that
//! touch files are run; then the fault is gone.

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/model_server.rs"]
#[expect(dead_code, reason = "tests/remote.rs uses the rest")]
mod model_server;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Parser;
use codesage::cli::Arguments;
use codesage::config::Layers;
use codesage::doctor::{
    self, Build, Engine, Finding, FixKind, LastSession, Limits, Machine, Patient, Places, Report, Severity,
};
use codesage::engine::ModelCard;
use codesage::engine::remote::RemoteStats;
use codesage::engine::stats::Speed;
use codesage::models::builtin;
use codesage::models::discover::Surroundings;
use codesage::models::fit::{self, Asked, KvType, Shortfall};
use codesage::models::hardware::InstructionSet;
use model_server::ModelServer;
use serde_json::Value;
use tempfile::TempDir;
use tiny_model::{Fim, TinyModel};

/// Stands in a source file, in the environment and in a setting: it is never told.
const SECRET: &str = "sk-0123456789abcdef";

/// A machine in order, of which anything can be spoilt.
struct Case {
    _folder: TempDir,
    build: Build,
    threads: u32,
    available: Option<u64>,
    limits: Limits,
    free_space: Option<u64>,
    places: Places,
    engine: Engine,
    server: Option<RemoteStats>,
    session: Option<LastSession>,
    variables: HashMap<&'static str, OsString>,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let home = root.join("home");
        let case = |path: &str| home.join(path);
        for path in
            [".config/codesage", ".local/state/codesage", ".cache", "bin", "project/.git", "project/src"]
        {
            fs::create_dir_all(case(path)).unwrap();
        }
        fs::write(case("bin/codesage"), "").unwrap();
        fs::write(case("project/src/main.rs"), format!("const KEY: &str = \"{SECRET}\";\n")).unwrap();
        let places = Places {
            config: Some(case(".config")),
            workspace: Some(case("project")),
            state: Some(case(".local/state/codesage")),
            cache: case(".cache/codesage"),
            program: Some(case("bin/codesage")),
            path: vec![root.clone(), case("bin")],
            settings: Vec::new(),
            home: Some(home),
        };
        let names = ["inlineCompletion", "appliesEdits"];
        Self {
            _folder: folder,
            build: Build {
                features: vec!["llama", "pull"],
                is_optimised: true,
                instruction_sets: vec![
                    set("avx2", "GGML_AVX2", true, true),
                    set("avx512", "GGML_AVX512", false, false),
                ],
                ..Build::of_this_program()
            },
            threads: 8,
            available: Some(8 << 30),
            limits: Limits { open_files: Some(1024), ..Limits::default() },
            free_space: Some(50 << 30),
            places,
            engine: Engine::Ready(card(), Speed { prompt: 2000.0, generate: 300.0 }),
            server: None,
            session: Some(LastSession {
                version: env!("CARGO_PKG_VERSION").into(),
                began: "2026-01-01T00:00:00Z".into(),
                client: "Neovim".into(),
                columns: "utf-8".into(),
                abilities: names.map(|name| (name.to_owned(), true)).into(),
                requested: 100,
                shown: 40,
                ..LastSession::default()
            }),
            variables: HashMap::from([("HF_TOKEN", SECRET.into())]),
        }
    }

    fn home(&self, path: &str) -> PathBuf {
        self.places.home.as_ref().unwrap().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The user's settings.
    fn settings(&self, text: &str) {
        self.write(SETTINGS, text);
    }

    fn examine(&self) -> Report {
        let file = self.home(SETTINGS);
        let is_there = file.is_file();
        let mut layers = Layers::new(Some(file));
        if is_there {
            layers.read_user();
        }
        layers.read_workspace(&self.home("project"));
        let (settings, problems) = layers.resolve();
        let files = layers.files().map(Path::to_path_buf).collect();
        let free = self.free_space;
        doctor::examine(&Patient {
            build: self.build.clone(),
            machine: Machine {
                processor: "a processor".into(),
                threads: self.threads,
                available: self.available,
                memory_speed: Some(2e10),
                limits: self.limits,
                free_space: &|_| free,
            },
            settings,
            problems,
            places: Places { settings: files, ..self.places.clone() },
            surroundings: Surroundings {
                home: self.places.home.clone(),
                workspace: self.home("project"),
                variable: &|name| self.variables.get(name).cloned(),
            },
            engine: self.engine.clone(),
            server: self.server.clone(),
            session: self.session.clone(),
        })
    }

    fn session(&mut self) -> &mut LastSession {
        self.session.as_mut().unwrap()
    }

    /// A model file, named in the settings.
    fn model(&self, model: &TinyModel) {
        let path = model.write(&self.home(""));
        self.settings(&format!("model.path = {:?}\n", path.display().to_string()));
    }
}

const OWN_CACHE: &str = "name a folder of your own in the environment variable CODESAGE_CACHE";
/// Settings of a server, to which more can be written.
const ON: &str = "[remote]\nenabled = true\nurl = 'http://10.0.0.7'\n";
const NAME_IT: &str =
    "name the server, as `remote.url = \"http://127.0.0.1:8080\"`, or write `remote.enabled = false`";
const SETTINGS: &str = ".config/codesage/config.toml";
const JOURNAL: &str = ".local/state/codesage/journal.jsonl";
const THREADS: &str = ".local/state/codesage/threads.json";
const GPU: &str = ".local/state/codesage/gpu.json";
const HELIX: &str = ".config/helix/languages.toml";
const KEPT: &str = ".cache/codesage/kv/a.state";

fn set(name: &'static str, option: &'static str, used: bool, there: bool) -> InstructionSet {
    InstructionSet { name, option, used, there, avx512: name.starts_with("avx512") }
}

fn card() -> Arc<ModelCard> {
    Arc::new(ModelCard {
        name: "codesage-mini".into(),
        path: "codesage-mini.gguf".into(),
        parameters: 9_000_000,
        context_tokens: 1024,
        threads: 2,
        device: "cpu (avx2)".into(),
        model_bytes: 9_000_000,
        kv_bytes: 1 << 20,
        fills: true,
        quotes: true,
        chats: true,
        notice: None,
        shortfall: None,
    })
}

/// What running the built-in model with a context takes at the least, bytes.
fn needed(context: u32) -> u64 {
    let model = fit::Model::of(&builtin::header().unwrap());
    let asked = Asked { context: Some(context), kv_type: Some(KvType::Q8), ..Asked::default() };
    fit::fit(&model, &asked, &fit::Machine::default()).expect("it can hold that").bytes
}

/// The name of the cache where there is no home folder.
#[cfg(unix)]
fn spare_cache() -> String {
    format!("codesage-{}", rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn spare_cache() -> String {
    "codesage".into()
}

fn link(target: &Path, at: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, at).unwrap();
    #[cfg(not(unix))]
    fs::create_dir_all(at).map(|()| drop(target.exists())).unwrap();
}

fn old(path: &Path) {
    let month = SystemTime::now() - Duration::from_secs(30 * 86_400);
    File::options().write(true).open(path).and_then(|file| file.set_modified(month)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

/// What is planted; the finding's id, a phrase of its sentence, its severity and what mends it.
struct Fault {
    plant: fn(&mut Case),
    id: &'static str,
    phrase: &'static str,
    severity: Severity,
    mend: &'static str,
}

/// Something that was wanted does not happen.
fn wrong(id: &'static str, phrase: &'static str, mend: &'static str, plant: fn(&mut Case)) -> Fault {
    Fault { plant, id, phrase, severity: Severity::Problem, mend }
}

/// Something to know.
fn odd(id: &'static str, phrase: &'static str, mend: &'static str, plant: fn(&mut Case)) -> Fault {
    Fault { plant, id, phrase, severity: Severity::Note, mend }
}

fn not_started() -> Engine {
    Engine::Unmeasured("as the test has it".into())
}

/// A model on the processor that was to be on a GPU, or could have been.
fn without_gpu(case: &mut Case, shortfall: Shortfall) {
    case.build.features.push("vulkan");
    let card = ModelCard { shortfall: Some(shortfall), ..ModelCard::clone(&card()) };
    case.engine = Engine::Ready(Arc::new(card), Speed { prompt: 2000.0, generate: 300.0 });
}

fn faults() -> Vec<Fault> {
    let mut faults = vec![
        // The program.
        wrong("build.llama", "without llama.cpp", "make install", |case| case.build.features = vec!["pull"]),
        odd("build.debug", "a build for developers", "make install", |case| case.build.is_optimised = false),
        wrong(
            "build.gpu",
            "model.gpuLayers is 20, and this build has no backend",
            "cargo install --locked --path . --features vulkan",
            |case| case.settings("model.gpuLayers = 20\n"),
        ),
        wrong(
            "build.gpu",
            "model.device is 1, and this build has no backend",
            "cargo install --locked --path . --features vulkan",
            |case| case.settings("model.device = 1\n"),
        ),
        wrong("build.processor", "lacks avx2, fma", "GGML_AVX2=OFF GGML_FMA=OFF make install", |case| {
            case.build.instruction_sets =
                vec![set("avx2", "GGML_AVX2", true, false), set("fma", "GGML_FMA", true, false)];
        }),
        odd("build.avx512", "has avx512, which this build does not use", "make avx512", |case| {
            case.build.instruction_sets.push(set("avx512", "GGML_AVX512", false, true));
        }),
        // The GPU.
        odd("gpu.none", "no GPU answers", "install the driver ", |case| without_gpu(case, Shortfall::NoGpu)),
        wrong("gpu.none", "no GPU answers", "install the driver ", |case| {
            case.settings("model.device = 0\n");
            without_gpu(case, Shortfall::NoGpu);
        }),
        wrong("gpu.number", "there is no GPU 3; there is 0: a card", "model.device = \"auto\"", |case| {
            case.settings("model.device = 3\n");
            without_gpu(case, Shortfall::NoSuchGpu { number: 3, gpus: vec!["a card".into()] });
        }),
        odd("gpu.memory", "a card has 1 MB of memory free", "codesage models list", |case| {
            without_gpu(case, Shortfall::NoRoom { gpu: "a card".into(), free: 1_000_000 });
        }),
        wrong("gpu.layers", "room for 3 of 9 layers", "model.gpuLayers = \"auto\"", |case| {
            case.settings("model.gpuLayers = 9\n");
            without_gpu(case, Shortfall::Fewer { gpu: "a card".into(), layers: 3, asked: 9 });
        }),
        wrong("gpu.failed", "a card could not be used (it burns)", "model.device = \"cpu\"", |case| {
            without_gpu(case, Shortfall::Failed { gpu: "a card".into(), why: "it burns".into() });
        }),
        wrong(
            "gpu.distrusted",
            "Twice codesage ended while a card",
            "rm ~/.local/state/codesage/gpu.json",
            |case| {
                let (version, process) = (env!("CARGO_PKG_VERSION"), i32::MAX);
                let note = format!(
                    r#"{{"version": "{version}", "gpu": "a card", "starts": 2, "process": {process}}}"#
                );
                case.write(GPU, note);
                without_gpu(case, Shortfall::Distrusted { gpu: "a card".into() });
            },
        ),
        // The machine.
        wrong("machine.threads", "model.threads is 64, and only 8", "model.threads = \"auto\"", |case| {
            case.settings("model.threads = 64\n");
        }),
        wrong("machine.files", "may open 20 files", "ulimit -n 1024", |case| {
            case.limits.open_files = Some(20)
        }),
        wrong("machine.file-size", "files of 4 MB at most", "ulimit -f unlimited", |case| {
            case.limits.file_size = Some(4_000_000);
        }),
        wrong("machine.address-space", "may have 1 MB of memory", "ulimit -v unlimited", |case| {
            (case.limits.address_space, case.engine) = (Some(1_000_000), not_started());
        }),
        // The model.
        wrong(
            "model.memory",
            "even with a small context, and may take 1 MB",
            "codesage models list",
            |case| {
                (case.available, case.engine) = (Some(1_111_111), not_started());
            },
        ),
        odd("model.room", "a context of 512 tokens, not 1024", "codesage models list", |case| {
            // Nine tenths of what is free may be taken.
            (case.available, case.engine) = (Some((needed(1024) - 1) * 10 / 9), not_started());
        }),
        wrong("model.missing", "there is no file", "codesage models find", |case| {
            case.settings("model.path = \"/nonexistent/m.gguf\"\n");
        }),
        wrong("model.unfit", "m.gguf cannot be used", "codesage models check ~/m.gguf", |case| {
            let path = case.write("m.gguf", "GGUF, or so it says");
            case.settings(&format!("model.path = {:?}\n", path.display().to_string()));
        }),
        wrong("model.name", "no model is called", "codesage models find", |case| {
            case.settings("model.name = \"makes-coffee\"\n");
        }),
        wrong("model.name", "is not on this disk", "codesage models pull qwen2.5-coder-1.5b", |case| {
            case.settings("model.name = \"qwen2.5-coder-1.5b\"\n");
        }),
        odd("model.fill", "cannot fill in the middle", "codesage models list", |case| {
            case.model(&TinyModel { fim: Fim::None, ..TinyModel::default() });
        }),
        odd("model.context", "was trained for 1024", "model.contextTokens = \"auto\"", |case| {
            case.settings("model.contextTokens = 100000\n");
        }),
        wrong(
            "model.failed",
            "does not start: llama.cpp says no",
            "codesage bench engine --log-level debug",
            |case| case.engine = Engine::Failed("llama.cpp says no".into()),
        ),
        odd("speed.less", "writes 20 tokens a second, where about", "model.threads = \"auto\"", |case| {
            case.engine = Engine::Ready(card(), Speed { prompt: 100.0, generate: 20.0 });
        }),
        odd("speed.slow", "writes 3.0 tokens a second", "codesage models list", |case| {
            case.engine = Engine::Ready(card(), Speed { prompt: 10.0, generate: 3.0 });
        }),
        odd("speed.slow", "takes too long to read a few lines", "codesage models list", |case| {
            case.engine = Engine::TooSlow(card());
        }),
        // Settings.
        wrong("settings.wrong", "`completion.enable`", "write `completion.enabled` in its place", |case| {
            case.settings("log.level = \"info\"\ncompletion.enable = true\n");
        }),
        wrong(
            "settings.wrong",
            "found a text",
            "codesage config check ~/.config/codesage/config.toml",
            |case| {
                case.settings(&format!("completion.menu = \"{SECRET}\"\n"));
            },
        ),
        wrong(
            "settings.wrong",
            "may not say what is logged",
            "codesage config check ~/project/codesage.toml",
            |case| {
                case.write("project/codesage.toml", "[log]\nfile = \"a.log\"\n");
            },
        ),
        odd("settings.off", "switched off", "completion.enabled = true", |case| {
            case.settings("completion.enabled = false\n");
        }),
        odd("settings.confidence", "almost never that sure", "completion.minConfidence = -0.5", |case| {
            case.settings("completion.minConfidence = 0\n");
        }),
        odd("settings.delay", "completion.showDelayMs is 4000", "completion.showDelayMs = 0", |case| {
            case.settings("completion.showDelayMs = 4000\n");
        }),
        odd("settings.delay", "completion.debounceMs is 4000", "completion.debounceMs = 0", |case| {
            case.settings("completion.debounceMs = 4000\n");
        }),
        odd("settings.time", "nothing is written in that time", "completion.maxTimeMs = 2000", |case| {
            case.settings("completion.maxTimeMs = 10\n");
        }),
        odd("settings.tokens", "too few for a suggestion", "completion.maxTokens = 128", |case| {
            case.settings("completion.maxTokens = 1\n");
        }),
        odd("settings.trace", "holds pieces of your code", "log.level = \"info\"", |case| {
            case.settings("log.level = \"codesage=trace\"\n");
        }),
        // A server.
        wrong("remote.url", "names no server: nobody is asked", NAME_IT, |case| {
            case.settings("remote.enabled = true\n");
        }),
        wrong("remote.url", "names no server: nobody is asked", NAME_IT, |case| {
            case.settings("[remote]\nurl = \"none\"\nenabled = true\n");
        }),
        wrong(
            "remote.url",
            "`gopher` is neither http nor https",
            "write an address as `https://example.org/v1` or `http://127.0.0.1:8080`",
            |case| case.settings("remote = { enabled = true, url = 'gopher://x' }\n"),
        ),
        wrong(
            "remote.url",
            "8.8.8.8 is on the internet",
            "name it by `https`, or one of this machine or of a private network",
            |case| case.settings("remote = { enabled = true, url = 'http://8.8.8.8/v1' }\n"),
        ),
        odd("remote.clear", "anybody on the way can read your code", "remote.allowHttp = false", |case| {
            case.settings("remote = { enabled = true, url = 'http://8.8.8.8/v1', allowHttp = true }\n");
        }),
        wrong(
            "remote.key",
            "names the environment variable TEAM_KEY, which is not set",
            "set it where your editor is started, or name another one in `remote.apiKeyEnv`",
            |case| case.settings(&format!("{ON}apiKeyEnv = 'TEAM_KEY'\n")),
        ),
        wrong(
            "remote.key",
            "takes the name of an environment variable",
            "write the name of the variable, and the key into the variable",
            |case| case.settings(&format!("{ON}apiKeyEnv = '{SECRET}'\n")),
        ),
        wrong(
            "remote.key",
            "names a program that is not there",
            "name a program that is there, with its whole path, in `remote.apiKeyCommand`",
            |case| case.settings(&format!("{ON}apiKeyCommand = ['{SECRET}']\n")),
        ),
        wrong(
            "remote.ignored",
            "it can send your code elsewhere",
            "take it out of ~/project/codesage.toml: it has no effect there",
            |case| {
                case.write("project/codesage.toml", "[remote]\nurl = 'http://10.0.0.7'\n");
            },
        ),
        odd(
            "remote.off",
            "remote.enabled is false: nothing is sent there",
            "write `remote.enabled = true` beside it, if your code is to be sent there",
            |case| case.settings("remote.url = 'http://10.0.0.7'\n"),
        ),
        wrong(
            "remote.unreachable",
            "10.0.0.7 is not running. It is to be asked for edits",
            "mend what it says, or write `remote.enabled = false`",
            |case| {
                case.settings(ON);
                let problem = Some("10.0.0.7 is not running".into());
                case.server = Some(RemoteStats { problem, ..RemoteStats::default() });
            },
        ),
        // Folders and files.
        wrong(
            "state.unusable",
            "~/.local/state/codesage is no folder",
            "mv ~/.local/state/codesage ~/.local/state/codesage.aside",
            |case| {
                fs::remove_dir(case.home(".local/state/codesage")).unwrap();
                case.write(".local/state/codesage", "");
            },
        ),
        wrong(
            "state.none",
            "no home folder",
            "name a folder in the environment variable CODESAGE_STATE",
            |case| {
                case.places.state = None;
            },
        ),
        odd("state.threads", "threads.json is damaged", "rm ~/.local/state/codesage/threads.json", |case| {
            case.write(THREADS, "{\"a\": ");
        }),
        wrong("cache.unusable", "~/.cache is no folder", "mv ~/.cache ~/.cache.aside", |case| {
            fs::remove_dir(case.home(".cache")).unwrap();
            case.write(".cache", "");
        }),
        wrong(
            "cache.full",
            "has 1 MB free",
            "free some space there, or name another folder in CODESAGE_CACHE",
            |case| case.free_space = Some(1_000_000),
        ),
        odd("cache.low", "may not be kept", "model.kvCache = \"memory\"", |case| {
            case.free_space = Some(100_000_000);
            case.settings("model.kvCache = \"disk\"\n");
        }),
        odd(
            "cache.old",
            "1 model of other versions",
            "rm ~/.cache/codesage/codesage-mini-0123456789abcdef.gguf",
            |case| {
                case.write(".cache/codesage/codesage-mini-0123456789abcdef.gguf", "");
            },
        ),
        odd("kv.left", "nothing reads them", "rm -r ~/.cache/codesage/kv", |case| {
            mode(&case.write(KEPT, ""), 0o600);
            mode(&case.home(".cache/codesage/kv"), 0o700);
        }),
        wrong("log.unusable", "there is no such folder", "log.file = \"stderr\"", |case| {
            case.settings("log.file = \"nowhere/a.log\"\n");
        }),
        odd("log.long", "a.log has 200 MB", "truncate -s 0 ~/.config/codesage/a.log", |case| {
            let log = case.write(".config/codesage/a.log", "");
            File::options().write(true).open(log).and_then(|file| file.set_len(200_000_000)).unwrap();
            case.settings("log.file = \"a.log\"\n");
        }),
        odd(
            "models.unfinished",
            "1 unfinished download in ~/.local/share/codesage/models",
            "rm ~/.local/share/codesage/models/m.gguf.part",
            |case| {
                case.variables.insert("CODESAGE_MODELS", case.home(".local/share/codesage/models").into());
                old(&case.write(".local/share/codesage/models/m.gguf.part", ""));
            },
        ),
        // The workspace.
        wrong(
            "workspace.hidden",
            "Every source file",
            "take the pattern `*` out of ~/project/.gitignore",
            |case| {
                case.write("project/.gitignore", "*\n");
            },
        ),
        wrong("workspace.hidden", "`context.ignore` has the pattern `*.rs`", "context.ignore = []", |case| {
            case.settings("context.ignore = [\"*.rs\"]\n");
        }),
        wrong("actions.wrong", "An action of your own", "codesage config check", |case| {
            case.write("project/.codesage/actions/bad.md", "no front matter\n");
        }),
        // The session.
        odd(
            "session.none",
            "No editor has started",
            "the README's \"Editors\" has the lines for yours",
            |case| {
                case.session = None;
            },
        ),
        odd("session.version", "served by codesage 0.0.1", "command -v codesage", |case| {
            case.session().version = "0.0.1".into();
        }),
        wrong("session.nowhere", "asks for no ghost text", "completion.menu = \"auto\"", |case| {
            case.session().abilities.remove("inlineCompletion");
        }),
        odd(
            "session.edits",
            "takes no edits",
            "the README's \"Editors\" has a recipe by which yours may",
            |case| {
                case.session().abilities.remove("appliesEdits");
            },
        ),
        wrong(
            "session.silent",
            "not sure enough (drop.confidence)",
            "completion.minConfidence = -1.0",
            |case| {
                case.session().shown = 0;
                let dropped = [("superseded", 60), ("drop.confidence", 30), ("pos.indent", 5)];
                case.session().dropped = dropped.map(|(code, count)| (code.to_owned(), count)).into();
            },
        ),
        wrong("session.silent", "(off.disabled)", "completion.enabled = true", |case| {
            case.session().shown = 0;
            case.session().dropped = [("off.disabled".to_owned(), 50)].into();
        }),
        // Editors.
        odd("program.path", "No `codesage` is on the PATH", "export PATH=~/bin:$PATH", |case| {
            case.places.path.clear()
        }),
        odd("program.other", "editors start ~/other/codesage", "~/other/codesage --version", |case| {
            case.write("other/codesage", "");
            case.places.path.insert(0, case.home("other"));
        }),
        wrong("helix.toml", "this is no TOML", "hx --health languages", |case| {
            case.write(HELIX, "[language-server.codesage\n");
        }),
        wrong(
            "helix.undeclared",
            "to use codesage for rust",
            "write `[language-server.codesage]` and, below it, `command = \"codesage\"`",
            |case| {
                case.write(HELIX, "[[language]]\nname = \"rust\"\nlanguage-servers = [\"codesage\"]\n");
            },
        ),
        wrong(
            "helix.unused",
            "no language uses it",
            "write for a language `language-servers = [\"…\", \"codesage\"]`, with those it has now",
            |case| {
                case.write(HELIX, "[language-server.codesage]\ncommand = \"codesage\"\n");
            },
        ),
        wrong("helix.program", "a program that is not there", "write `command = ", |case| {
            case.write(
                HELIX,
                "[language-server.codesage]\ncommand = \"/no/such/codesage\"\n[[language]]\nname = \"rust\"\nlanguage-servers = [{ name = \"codesage\" }]\n",
            );
        }),
    ];
    if cfg!(unix) {
        faults.extend([
            wrong(
                "journal.unusable",
                "is a link, which is not followed",
                "mv ~/.local/state/codesage/journal.jsonl ~/.local/state/codesage/journal.jsonl.aside",
                |case| {
                    let target = case.write("elsewhere", "");
                    link(&target, &case.home(JOURNAL));
                },
            ),
            wrong(
                "journal.open",
                "Others may read",
                "chmod 600 ~/.local/state/codesage/journal.jsonl",
                |case| {
                    mode(&case.write(JOURNAL, ""), 0o644);
                },
            ),
            wrong(
                "cache.foreign",
                "is a link, which is not followed: nothing is kept in it",
                OWN_CACHE,
                |case| {
                    case.places.cache = case.home(&spare_cache());
                    fs::create_dir_all(case.home("theirs")).unwrap();
                    link(&case.home("theirs"), &case.places.cache);
                },
            ),
            wrong("cache.foreign", "could be written to by others", OWN_CACHE, |case| {
                case.places.cache = case.home(&spare_cache());
                fs::create_dir_all(&case.places.cache).unwrap();
                mode(&case.places.cache, 0o777);
            }),
            wrong("kv.open", "Others may look into", "chmod -R go= ~/.cache/codesage/kv", |case| {
                case.settings("model.kvCache = \"disk\"\n");
                mode(&case.write(KEPT, ""), 0o644);
            }),
        ]);
    }
    faults
}

fn found<'a>(report: &'a Report, id: &str, phrase: &str) -> Option<&'a Finding> {
    report.findings.iter().find(|finding| finding.id == id && finding.message.contains(phrase))
}

/// What may be pasted somewhere.
fn check_nothing_private(case: &Case, report: &Report, about: &str) {
    let home = case.places.home.as_ref().unwrap().display().to_string();
    for told in [report.to_string(), serde_json::to_string(report).unwrap()] {
        assert!(!told.contains(SECRET), "{about}: {told}");
        // A path of Helix's own settings is to be written whole, for Helix knows no `~`.
        assert!(!told.contains(&format!("{home}/")) || told.contains("helix.program"), "{about}: {told}");
    }
}

#[test]
fn a_machine_in_order_has_nothing_to_mend() {
    let case = Case::new();
    let report = case.examine();
    let told: Vec<_> = report.findings.iter().filter(|finding| finding.severity > Severity::Ok).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert_eq!(report.summary(), "all is in order");
    check_nothing_private(&case, &report, "in order");
    let text = report.to_string();
    for phrase in [
        "codesage 0.",
        "kernels use avx2",
        "for suggestions and edits: codesage-mini (builtin)",
        "fills in the middle by",
        "vocabulary",
        "writes 300 tokens/s, where about",
        "last session: Neovim",
        "it can appliesEdits, inlineCompletion",
        "0 of 1 source files hidden",
        "editors start ~/bin/codesage",
    ] {
        assert!(text.contains(phrase), "{phrase} in {text}");
    }
    let object = serde_json::to_value(&report).unwrap();
    assert_eq!(object["format"], 1);
    assert_eq!(object["models"][0]["role"], "suggestions and edits");
    assert_eq!(object["models"][0]["fillTokens"].as_array().map(Vec::len), Some(3));
    assert_eq!(object["machine"]["threads"], 8);
    assert_eq!(object["findings"][0]["severity"], "ok");
    assert_eq!(object["findings"][0]["fix"], Value::Null);
}

#[test]
fn every_fault_is_named_with_its_mend() {
    let faults = faults();
    assert!(faults.len() >= 50, "{}", faults.len());
    for Fault { plant, id, phrase, severity, mend } in faults {
        let mut case = Case::new();
        plant(&mut case);
        let report = case.examine();
        let all = || format!("{id}, {phrase}: {report}");
        let finding = found(&report, id, phrase).unwrap_or_else(|| panic!("{}", all()));
        assert_eq!(finding.severity, severity, "{}", all());
        let fix = finding.fix.clone().unwrap_or_else(|| panic!("{}", all()));
        assert!(
            fix.text == mend || mend.ends_with(' ') && fix.text.starts_with(mend),
            "{} for {mend}",
            fix.text
        );
        check_nothing_private(&case, &report, id);
        mended(&case, fix.kind, &fix.text, id, phrase);
    }
}

/// What is wrong with a server is told once, where it is written; and what is right is told too.
#[test]
fn a_server_has_one_finding() {
    let mut case = Case::new();
    case.variables.insert("TEAM_KEY", SECRET.into());
    case.write("bin/keys", "");
    let well = RemoteStats { server: "gpu:8000".into(), model: "qwen".into(), ..RemoteStats::default() };
    let ill = RemoteStats { problem: Some("gpu:8000 is not running".into()), ..well.clone() };
    for (settings, server, expected) in [
        ("", None, "ok remote -"),
        ("[remote]\nenabled = true\n", None, "problem remote.url 2"),
        ("[remote]\nenabled = true\nurl = 'gopher://x'\n", None, "problem remote.url 3"),
        ("[remote]\nenabled = true\nurl = 'http://8.8.8.8'\n", Some(ill.clone()), "problem remote.url 3"),
        (&format!("{ON}apiKeyEnv = 'NO_KEY'\n"), Some(ill.clone()), "problem remote.key -"),
        (&format!("{ON}apiKeyEnv = 'TEAM_KEY'\n"), Some(ill), "problem remote.unreachable -"),
        (&format!("{ON}apiKeyEnv = 'TEAM_KEY'\n"), Some(well.clone()), "ok remote -"),
        (&format!("{ON}apiKeyCommand = ['keys']\n"), Some(well), "ok remote -"),
    ] {
        case.settings(settings);
        case.server = server;
        let report = case.examine();
        let of_server = |finding: &&Finding| finding.id.starts_with("remote");
        let found = report.findings.iter().filter(of_server).map(|finding| {
            let severity = format!("{:?}", finding.severity).to_lowercase();
            let line = finding.line.map_or("-".to_owned(), |line| line.to_string());
            format!("{severity} {} {line}", finding.id)
        });
        assert_eq!(found.collect::<Vec<_>>(), [expected], "{settings}: {report}");
        assert!(found_none(&report, "settings.wrong"), "{settings}: {report}");
    }
}

fn found_none(report: &Report, id: &str) -> bool {
    report.findings.iter().all(|finding| finding.id != id)
}

/// Does what the mend says, as far as a test can; the fault is gone.
fn mended(case: &Case, kind: FixKind, text: &str, id: &str, phrase: &str) {
    let is_gone = || {
        let report = case.examine();
        assert!(found(&report, id, phrase).is_none(), "{text} does not mend {id}: {report}");
    };
    match kind {
        FixKind::Setting => {
            case.settings(&format!("{text}\n"));
            let report = case.examine();
            assert!(report.findings.iter().all(|finding| finding.id != "settings.wrong"), "{text}: {report}");
            // What a session did, and how fast a model was, a setting does not change afterwards.
            if !["session.", "speed."].iter().any(|kind| id.starts_with(kind)) {
                is_gone();
            }
        }
        FixKind::Step => {}
        FixKind::Command => {
            let words: Vec<&str> = text.split(' ').filter(|word| !word.starts_with("GGML_")).collect();
            match words[0] {
                "codesage" => {
                    let parsed = Arguments::try_parse_from(&words);
                    assert!(parsed.is_ok(), "{text}: {parsed:?}");
                }
                "make" => {
                    let makefile = concat!(env!("CARGO_MANIFEST_DIR"), "/Makefile");
                    let target = format!("\n{}:", words[1]);
                    assert!(fs::read_to_string(makefile).unwrap().contains(&target), "{text}");
                }
                "mv" | "rm" | "chmod" | "truncate" if cfg!(unix) => {
                    let home = case.places.home.as_ref().unwrap();
                    let done = Command::new("sh").args(["-ec", text]).env("HOME", home).status().unwrap();
                    assert!(done.success(), "{text}");
                    is_gone();
                }
                word => assert!(
                    ["cargo", "ulimit", "command", "export", "hx", "~/other/codesage"].contains(&word),
                    "{text}: nothing says that there is a {word}"
                ),
            }
        }
    }
}

#[test]
fn a_problem_of_a_file_has_its_place() {
    let case = Case::new();
    case.settings("log.level = \"info\"\n\ncompletion.enable = true\n");
    let report = case.examine();
    let finding = found(&report, "settings.wrong", "").unwrap();
    assert_eq!((finding.file.as_deref(), finding.line), (Some("~/.config/codesage/config.toml"), Some(3)));
    assert!(report.to_string().contains("PROBLEM  ~/.config/codesage/config.toml:3: `completion.enable`: "));
}

/// The program in a home with these settings and nothing else.
fn run_alone(home: &Path, arguments: &[&str], settings: &str) -> Output {
    let here = home.join("project");
    fs::create_dir_all(&here).unwrap();
    fs::write(here.join("main.rs"), "fn main() {}\n").unwrap();
    fs::write(home.join("settings.toml"), settings).unwrap();
    Command::new(env!("CARGO_BIN_EXE_codesage"))
        .args(arguments)
        .current_dir(here)
        .env_clear()
        .env("HOME", home)
        .env("PATH", Path::new(env!("CARGO_BIN_EXE_codesage")).parent().unwrap())
        .env("CODESAGE_CONFIG", home.join("settings.toml"))
        .env("CODESAGE_STATE", home.join("state"))
        .env("CODESAGE_CACHE", home.join("cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// It asks what the server is, once, where that is switched on; and nobody where it is not.
#[test]
fn the_program_asks_a_server_that_is_switched_on() {
    let home = tempfile::tempdir().unwrap();
    let server = ModelServer::always("openai", Vec::new());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let name = format!("m at {} answers", server.address);
    for (is_enabled, url, id, said, connections) in [
        (false, server.url(), "remote.off", "nothing is sent there", 0),
        (true, server.url(), "remote", &*name, 1),
        (true, format!("http://{closed}"), "remote.unreachable", "is not running, or not on that port", 1),
    ] {
        let settings = format!("remote = {{ enabled = {is_enabled}, url = '{url}' }}\n");
        let output = run_alone(home.path(), &["doctor", "--json"], &settings);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let is_said = |finding: &&Value| finding["message"].as_str().is_some_and(|text| text.contains(said));
        assert!(findings.iter().any(|finding| finding["id"] == id && is_said(&finding)), "{report:#}");
        assert_eq!(server.connections(), connections, "{settings}");
    }
}

/// The program itself, where it is alone.
#[test]
fn the_program_on_a_machine_with_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], settings: &str| run_alone(home.path(), arguments, settings);
    let output = run(&["doctor", "--json"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let problems: Vec<_> = findings.iter().filter(|finding| finding["severity"] == "problem").collect();
    if cfg!(feature = "llama") {
        assert!(problems.is_empty() && output.status.code() == Some(0), "{report:#}");
        assert!(report["speed"]["generate"].as_f64().unwrap() > 0.0, "{report:#}");
    } else {
        assert!(problems.len() == 1 && problems[0]["id"] == "build.llama", "{report:#}");
        assert_eq!(output.status.code(), Some(1));
    }
    let text = run(&["doctor"], "completion.enable = true\n");
    let (told, said) = (String::from_utf8_lossy(&text.stdout), String::from_utf8_lossy(&text.stderr));
    assert_eq!(text.status.code(), Some(1), "{told}");
    assert!(
        told.contains("settings.toml:1: `completion.enable`") && said.contains(" problem"),
        "{told} {said}"
    );
    // Once, and not as every other command tells it.
    assert!(!said.contains("completion.enable"), "{said}");
}

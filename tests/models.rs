//! Models by name: the catalogue's rows, what is found on a disk that has everything, and which file a name means.

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codesage::models::catalog::{self, Role};
use codesage::models::discover::{self, Place, Surroundings, Survey};
use codesage::models::named;
use expect_test::expect;
use gguf::Value;
use serde_json::Value as Json;
use tempfile::TempDir;
use tiny_model::{Fim, TinyModel};

#[test]
fn the_rows_are_whole() {
    let (mut names, mut files) = (BTreeSet::new(), BTreeSet::new());
    for model in catalog::models() {
        let name = &model.name;
        assert!(names.insert(name), "{name} stands twice");
        assert_eq!(catalog::named(&name.to_uppercase()).map(|model| &model.name), Some(name));
        assert_eq!(catalog::nearest(name).first().copied(), Some(name.as_str()));
        let family = model.family.as_ref();
        let known = |family: &String| catalog::families().iter().any(|known| known.id == *family);
        assert!(family.is_none_or(known), "{name}: no family {family:?}");
        assert!(
            model.role == Role::Edit || family.is_some(),
            "{name} fills, and nothing says how it is asked"
        );
        assert!(!model.licence.is_empty() && model.context >= 2048, "{name}");
        // As the weights of a transformer of that shape add up, roughly: a slip of the pen shows.
        let shape = model.shape;
        let (width, layers) = (u64::from(shape.width), u64::from(shape.layers));
        let embeddings = u64::from(shape.vocabulary) * width;
        let blocks = layers * width * (2 * width + 2 * u64::from(shape.feed_forward));
        let more =
            layers * width * (2 * width + 3 * u64::from(shape.feed_forward) + 2 * width) + 2 * embeddings;
        let is_moe = model.active.is_some();
        assert!(
            is_moe || (blocks..=more + more / 20).contains(&model.parameters),
            "{name}: {blocks} to {more}"
        );
        assert!(model.active.is_none_or(|active| active < model.parameters));
        if let Some(score) = &model.score {
            assert!(score.source.starts_with("https://") && (1.0..100.0).contains(&score.value), "{name}");
        }
        assert!(!model.usual().is_empty(), "{name} is published nowhere");
        let mut quantizations = BTreeSet::new();
        for quantization in model.quantizations() {
            assert!(quantizations.insert(quantization), "{name}: {quantization} twice");
            let source = model.source(&quantization.to_lowercase()).expect("case does not count");
            assert_eq!(source.repository.matches('/').count(), 1, "{name}");
            assert!(
                source.file.ends_with(".gguf") && !source.file.contains(['{', '}', '/']),
                "{}",
                source.file
            );
            assert!(files.insert((source.repository, source.file.clone())), "{} twice", source.file);
            let is_sum =
                |sum: &str| sum.len() == 64 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            assert!(source.sha256.is_none_or(is_sum), "{name}");
            let bytes = model.bytes(quantization).expect("its bits are known").count;
            let bits = bytes as f64 * 8.0 / model.parameters as f64;
            assert!((4.0..10.5).contains(&bits), "{name} {quantization}: {bits} bits a weight");
        }
    }
    assert!(names.len() >= 30, "{}", names.len());
}

/// A home in which every program has been.
struct Home {
    folder: TempDir,
    variables: HashMap<&'static str, OsString>,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: HashMap::new() }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn write(&self, below: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn with<T>(&self, ask: impl FnOnce(&Surroundings) -> T) -> T {
        let variable = |name: &str| self.variables.get(name).cloned();
        let (home, workspace) = (Some(self.folder.path().to_path_buf()), self.path("work"));
        ask(&Surroundings { home, workspace, variable: &variable })
    }

    fn survey(&self) -> Survey {
        self.with(discover::survey)
    }

    /// One line a file, without the home.
    fn shown(&self) -> String {
        let Survey { candidates, passed_over } = self.survey();
        let mut lines = String::new();
        for candidate in &candidates {
            let what = match discover::examine(candidate) {
                Ok(fit) => {
                    let model = fit.model.map_or("-", |model| &model.name);
                    let uses = (if fit.fills { "fills" } else { "" }, if fit.chats { "chats" } else { "" });
                    format!("{model} {} {}", uses.0, uses.1)
                }
                Err(why) => format!("! {why}"),
            };
            let also = if candidate.also.is_empty() {
                String::new()
            } else {
                format!(" (+{})", candidate.also.len())
            };
            let path = candidate.path.display();
            lines += &format!("{:?} {} {path}{also}: {what}\n", candidate.place, candidate.called);
        }
        passed_over.iter().for_each(|sentence| lines += &format!("passed over: {sentence}\n"));
        lines.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn coder(name: &str) -> TinyModel {
    TinyModel { arch: "qwen2", name: name.into(), fim: Fim::Keyed, n_ctx: 32768, ..TinyModel::default() }
}

#[cfg(unix)]
#[test]
fn every_programs_models_are_found() {
    use std::os::unix::fs::symlink;

    let mut home = Home::new();
    let (base, instruct) = (coder("Qwen2.5 Coder 1.5B"), coder("Qwen2.5 Coder 1.5B Instruct").build());
    let plain =
        TinyModel { fim: Fim::None, chat_template: None, name: "Tiny".into(), ..base.clone() }.build();
    let base = base.build();
    // Hugging Face: a link to a blob; the same blob again in another snapshot.
    let hub = ".cache/huggingface/hub/models--who--what";
    let blob = home.write(&format!("{hub}/blobs/0a1b"), &base);
    for snapshot in ["one", "two"] {
        fs::create_dir_all(home.path(&format!("{hub}/snapshots/{snapshot}"))).unwrap();
        symlink(&blob, home.path(&format!("{hub}/snapshots/{snapshot}/qwen2.5-coder-1.5b-q8_0.gguf")))
            .unwrap();
    }
    symlink(home.path("nowhere"), home.path(&format!("{hub}/snapshots/two/gone.gguf"))).unwrap();
    // Ollama: a name, a manifest, a blob; a manifest that lies, one that leads elsewhere.
    let hash = "ab".repeat(32);
    home.write(&format!(".ollama/models/blobs/sha256-{hash}"), &instruct);
    let layer = |digest: &str| {
        format!(
            r#"{{"layers": [{{"mediaType": "application/vnd.ollama.image.model", "digest": "{digest}"}}]}}"#
        )
    };
    let library = ".ollama/models/manifests/registry.ollama.ai";
    home.write(&format!("{library}/library/qwen2.5-coder/1.5b"), layer(&format!("sha256:{hash}")).as_bytes());
    home.write(&format!("{library}/somebody/evil/latest"), layer("sha256:../../../etc/passwd").as_bytes());
    home.write(&format!("{library}/library/broken/latest"), b"{");
    // Others, one with a link to itself above, one in two parts of which the first is missing.
    home.write(".lmstudio/models/who/what/tiny.gguf", &plain);
    symlink(home.path(".lmstudio"), home.path(".lmstudio/models/who/round")).unwrap();
    home.write(".local/share/nomic.ai/GPT4All/half.gguf", &base[..1000]);
    home.write("models/parts-00002-of-00002.gguf", &base);
    home.write("work/models/README.md", b"none");
    home.variables.insert("CODESAGE_MODELS", home.path("own").into());
    home.write("own/whole.GGUF", &base);

    expect![[r#"
        Own whole own/whole.GGUF: qwen2.5-coder-1.5b fills chats
        HuggingFace qwen2.5-coder-1.5b-q8_0 .cache/huggingface/hub/models--who--what/snapshots/one/qwen2.5-coder-1.5b-q8_0.gguf (+1): qwen2.5-coder-1.5b fills chats
        LmStudio tiny .lmstudio/models/who/what/tiny.gguf (+1): -  
        Ollama qwen2.5-coder:1.5b .ollama/models/blobs/sha256-abababababababababababababababababababababababababababababababab: qwen2.5-coder-1.5b-instruct fills chats
        Gpt4All half .local/share/nomic.ai/GPT4All/half.gguf: ! the file ends at byte 1000, inside tokenizer.ggml.token_type at byte 544; the file is damaged: download it again
        Home parts models/parts-00002-of-00002.gguf: qwen2.5-coder-1.5b fills chats
        passed over: .cache/huggingface/hub/models--who--what/snapshots/two/gone.gguf: leads nowhere
        passed over: .lmstudio/models/who/round/models/who/round: leads round in a circle
        passed over: .ollama/models/manifests/registry.ollama.ai/library/broken/latest: is no manifest: EOF while parsing an object at line 1 column 1
    "#]].assert_eq(&home.shown());
    // Elsewhere by their variables.
    home.variables.insert("HF_HOME", home.path("absent").into());
    home.variables.insert("OLLAMA_MODELS", home.path("absent").into());
    let places: Vec<Place> = home.survey().candidates.iter().map(|found| found.place).collect();
    assert!(!places.contains(&Place::HuggingFace) && !places.contains(&Place::Ollama), "{places:?}");
}

#[test]
fn a_split_model_is_one() {
    let home = Home::new();
    let part = |number: u16| {
        let model = coder("Split").with("split.count", Value::U16(2)).with("split.no", Value::U16(number));
        let mut file = model.gguf();
        if number == 1 {
            file.tensors.clear();
        }
        file.build()
    };
    home.write("models/split-00001-of-00002.gguf", &part(0));
    home.write("models/split-00002-of-00002.gguf", &part(1));
    let Survey { candidates, .. } = home.survey();
    let [only] = &candidates[..] else { panic!("{candidates:?}") };
    assert_eq!((&*only.called, only.bytes), ("split", (part(0).len() + part(1).len()) as u64));
    assert_eq!(discover::examine(only).unwrap().header.parts, 2);
}

#[test]
fn a_huge_tree_ends() {
    let home = Home::new();
    let deep: PathBuf = (0..40).map(|level| format!("d{level}")).collect();
    home.write(&format!("models/{}/deep.gguf", deep.display()), b"GGUF");
    home.write("models/here.gguf", b"GGUF");
    let called: Vec<String> = home.survey().candidates.into_iter().map(|found| found.called).collect();
    assert_eq!(called, ["here"]);
}

fn found(home: &Home, name: &str, available: Option<u64>) -> String {
    let outcome = home.with(|surroundings| named::find(name, surroundings, available));
    let shown = |path: &Path| path.strip_prefix(home.folder.path()).unwrap().display().to_string();
    match outcome {
        Ok(chosen) if chosen.notes.is_empty() => shown(&chosen.path),
        Ok(chosen) => format!("{} {:?}", shown(&chosen.path), chosen.notes),
        Err(why) => why.replace(&home.folder.path().display().to_string(), "…"),
    }
}

#[test]
fn a_name_means_a_file() {
    let home = Home::new();
    let quantized = |name: &str, kind: u32| coder(name).with("general.file_type", Value::U32(kind));
    home.write("models/a.gguf", &quantized("Qwen2.5 Coder 1.5B", 15).build());
    let large = quantized("Qwen2.5 Coder 1.5B", 7).with_words(&["self", "return"]);
    home.write("models/b.gguf", &large.build());
    home.write("models/mine.gguf", &coder("Mine").build());
    home.write("models/qwen2.5-coder-7b.gguf", &coder("Qwen2.5 Coder 7B").build()[..2000]);
    let said = [
        ("qwen2.5-coder-1.5b", None),
        ("QWEN2.5-coder-1.5B", None),
        ("qwen2.5-coder-1.5b:q4_k_m", None),
        // Nothing fits: then the smallest.
        ("qwen2.5-coder-1.5b", Some(1)),
        ("mine", None),
        ("mine.gguf", None),
        ("qwen2.5-coder-3b", None),
        ("qwen2.5-coder-14b:q6_k", None),
        ("qwen2.5-coder-14b:q1", None),
        ("qwen2.5-coder-7b", None),
        ("qwen-coder", None),
        ("\u{1b}[2J", None),
    ]
    .map(|(name, available)| format!("{name:?}: {}\n", found(&home, name, available)));
    expect![[r#"
        "qwen2.5-coder-1.5b": models/b.gguf ["Not quite the qwen2.5-coder-1.5b of the catalogue (layers: 1 in the file, 28 in the catalogue, width: 128 in the file, 1536 in the catalogue)."]
        "QWEN2.5-coder-1.5B": models/b.gguf ["Not quite the qwen2.5-coder-1.5b of the catalogue (layers: 1 in the file, 28 in the catalogue, width: 128 in the file, 1536 in the catalogue)."]
        "qwen2.5-coder-1.5b:q4_k_m": models/a.gguf ["Not quite the qwen2.5-coder-1.5b of the catalogue (layers: 1 in the file, 28 in the catalogue, width: 128 in the file, 1536 in the catalogue)."]
        "qwen2.5-coder-1.5b": models/a.gguf ["Not quite the qwen2.5-coder-1.5b of the catalogue (layers: 1 in the file, 28 in the catalogue, width: 128 in the file, 1536 in the catalogue)."]
        "mine": models/mine.gguf ["Not in the catalogue; asked as its tokens suggest."]
        "mine.gguf": models/mine.gguf ["Not in the catalogue; asked as its tokens suggest."]
        "qwen2.5-coder-3b": qwen2.5-coder-3b is not on this disk; `codesage models pull qwen2.5-coder-3b` downloads it (3.3 GB)
        "qwen2.5-coder-14b:q6_k": qwen2.5-coder-14b is not on this disk; `codesage models pull qwen2.5-coder-14b --quant q6_k` downloads it (12.1 GB)
        "qwen2.5-coder-14b:q1": qwen2.5-coder-14b is published as Q4_K_M, Q5_K_M, Q6_K, Q8_0 only
        "qwen2.5-coder-7b": …/models/qwen2.5-coder-7b.gguf: the file ends at byte 2000, inside tokenizer.ggml.tokens at byte 1647; the file is damaged: download it again; or qwen2.5-coder-7b is not on this disk; `codesage models pull qwen2.5-coder-7b` downloads it (4.8 GB)
        "qwen-coder": no model is called "qwen-coder"; the nearest that are known are qwen2.5-coder-3b, qwen2.5-coder-7b, qwen2.5-coder-0.5b. `codesage models list` shows what is known, `codesage models find` what is on this disk
        "\u{1b}[2J": no model is called "\u{1b}[2J". `codesage models list` shows what is known, `codesage models find` what is on this disk
    "#]].assert_eq(&said.concat());
}

/// The file is right: what it says is used, and that it differs is told.
#[test]
fn a_file_that_contradicts_the_catalogue_wins() {
    let home = Home::new();
    home.write("models/x.gguf", &TinyModel { n_ctx: 65536, ..coder("Qwen2.5 Coder 1.5B") }.build());
    let Survey { candidates, .. } = home.survey();
    let fit = discover::examine(&candidates[0]).unwrap();
    assert_eq!((fit.header.context_length, fit.header.layers), (65536, 1));
    assert_eq!(fit.notes.len(), 1);
    expect!["Not quite the qwen2.5-coder-1.5b of the catalogue (layers: 1 in the file, 28 in the catalogue, width: 128 in the file, 1536 in the catalogue, tokens of context: 65536 in the file, 32768 in the catalogue)."].assert_eq(&fit.notes[0]);
}

fn run(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let work = home.path("work");
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("a.rs"), "fn main() {}\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_codesage"));
    command.args(arguments).current_dir(work).stdin(Stdio::null());
    for name in [
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "OLLAMA_MODELS",
        "CODESAGE_MODEL",
        "CODESAGE_CONFIG",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", home.folder.path()).env("CODESAGE_MODELS", home.path("own"));
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_commands_print_what_programs_read() {
    let home = Home::new();
    home.write("own/x.gguf", &coder("Qwen2.5 Coder 1.5B \u{1b}[2J").build());
    let (code, text, _) = run(&home, &["models", "find", "--json"]);
    let object: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    let file = &object["files"][0];
    assert_eq!(
        (file["name"].as_str(), file["fills"].as_bool()),
        (Some("qwen2.5-coder-1.5b"), Some(true)),
        "{file:#}"
    );
    let (code, text, _) = run(&home, &["models", "find"]);
    assert!(code == Some(0) && text.starts_with("qwen2.5-coder-1.5b") && !text.contains('\u{1b}'), "{text}");

    let (code, text, _) = run(&home, &["models", "list", "--json"]);
    let object: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    let rows = object["suggestions"].as_array().unwrap();
    let here: Vec<&Json> = rows.iter().filter(|row| !row["path"].is_null()).collect();
    assert!(here.len() == 1 && here[0]["name"] == "qwen2.5-coder-1.5b", "{here:?}");
    assert!(
        rows.iter()
            .chain(object["edits"].as_array().unwrap())
            .all(|row| row["memoryBytes"].as_u64() > Some(0))
    );
    let (code, text, _) = run(&home, &["models", "list"]);
    // By the memory that is free while this runs.
    let advised = text.contains("For this machine") || text.contains("fits into the memory that is free");
    assert!(code == Some(0) && advised && text.contains("estimated"), "{text}");
}

#[test]
fn a_name_that_is_not_here_says_how_to_get_it() {
    let home = Home::new();
    for (name, code, expected) in [
        ("qwen2.5-coder-1.5b", 1, "`codesage models pull qwen2.5-coder-1.5b` downloads it (1.6 GB)"),
        ("qwen2.5-coder-1b", 1, "the nearest that are known are qwen2.5-coder-"),
    ] {
        let (ended, _, said) = run(&home, &["complete", "a.rs:1:1", "--model", name]);
        assert!(ended == Some(code) && said.contains(expected), "{name}: {said}");
    }
    let (ended, _, said) = run(&home, &["models", "pull", "qwen2.5-coder-1b"]);
    assert!(ended == Some(2) && said.contains("the nearest are qwen2.5-coder-"), "{said}");
}

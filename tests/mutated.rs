//! Three hundred damaged files of each architecture of the catalogue: judged before anything loads them, and what is let
//! through given to llama.cpp, in a process of its own, so that an abort is one case's failure and is seen.
//!
//! That process is this program once more: it takes the files that it is told of, one after another, and notes each
//! before and after. Where it dies the next one goes on behind that file.

#[path = "support/architectures.rs"]
mod architectures;
#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::collections::BTreeSet;

use architectures::KINDS;
use codesage::models::catalog;
use codesage::models::gguf::check_bytes;
use expect_test::expect;
use gguf::{Gguf, Value};

/// Of each kind.
const FILES: usize = 300;

/// Damaged, with what was done to them: the same on every run.
fn damaged(number: usize) -> Vec<(String, Vec<u8>)> {
    let kind = &KINDS[number];
    let seed = number as u64 + 1;
    let title = format!("{} {}", kind.arch, kind.form);
    let whole = kind.gguf(seed);
    let files = gguf::mutations(&whole, seed + 1000, FILES);
    files.map(|(what, bytes)| (format!("{title} {what}"), bytes)).collect()
}

#[test]
fn every_architecture_of_the_catalogue_has_a_model_here() {
    let made: BTreeSet<&str> = KINDS.iter().map(|kind| kind.arch).collect();
    let families = catalog::families().iter().flat_map(|family| &family.architectures);
    for arch in families {
        assert!(made.contains(arch.as_str()), "{arch}: add it to tests/support/architectures.rs");
    }
    for (number, kind) in KINDS.iter().enumerate() {
        let header = check_bytes(&kind.gguf(number as u64 + 1).build());
        let header = header.unwrap_or_else(|why| panic!("{} {}: {why}", kind.arch, kind.form));
        assert_eq!((header.layers, header.embedding, header.architecture.as_str()), (2, 64, kind.arch));
    }
}

/// No panic, no endless reading, always a reason.
#[test]
fn damaged_headers_are_judged() {
    for (number, kind) in KINDS.iter().enumerate() {
        let (mut sound, mut refused) = (0, 0);
        for (what, bytes) in damaged(number) {
            match check_bytes(&bytes) {
                Ok(header) => {
                    sound += 1;
                    // How it would be asked, and whether it would fit, are computed from its numbers.
                    let spelling = catalog::spelling(&header);
                    assert!(spelling.context <= header.context_length, "{what}");
                    let _ = catalog::recognise(&header, "x");
                    let _ = header.needs().memory_bytes(u32::MAX, u32::MAX);
                }
                Err(why) => {
                    refused += 1;
                    assert!(!why.to_string().is_empty(), "{what}");
                }
            }
        }
        let title = format!("{} {}", kind.arch, kind.form);
        assert!(sound > 5 && refused > 50, "{title}: {sound} sound, {refused} refused");
    }
}

/// Kind, form, and what is done to the file.
type Damage = (&'static str, &'static str, Box<dyn Fn(&mut Gguf)>);

/// What no tensor's shape says, and llama.cpp asserts or divides by when it runs the model.
#[test]
fn what_a_graph_takes_for_granted_is_asked_before() {
    fn number(key: &'static str, value: u32) -> Box<dyn Fn(&mut Gguf)> {
        Box::new(move |file| {
            file.set(key, Value::U32(value));
        })
    }
    let halves = |file: &mut Gguf| {
        let tensor = file.tensors.iter_mut().find(|tensor| tensor.name == "blk.0.ssm_a").unwrap();
        (tensor.kind, tensor.data) = (1, vec![0; 32]);
    };
    let not_a_number = |file: &mut Gguf| {
        file.set("deepseek2.expert_weights_scale", Value::F32(f32::NAN));
    };
    let cases: Vec<Damage> = vec![
        ("qwen3moe", "", number("qwen3moe.attention.value_length", 8)),
        ("starcoder2", "", number("starcoder2.rope.dimension_count", 8)),
        ("starcoder2", "", number("starcoder2.attention.head_count", 2)),
        ("starcoder", "", number("starcoder.attention.value_length", 8)),
        ("gemma", "", number("gemma.attention.value_length", 8)),
        ("phi3", "", number("phi3.attention.head_count", 8)),
        ("qwen3next", "", number("qwen3next.full_attention_interval", 0)),
        ("qwen3next", "", number("qwen3next.ssm.inner_size", 32)),
        ("qwen3next", "", number("qwen3next.ssm.group_count", 3)),
        ("qwen3next", "", Box::new(halves)),
        ("deepseek2", "plain", number("deepseek2.rope.dimension_count", 24)),
        ("deepseek2", "plain", number("deepseek2.attention.head_count_kv", 2)),
        ("deepseek2", "plain", number("deepseek2.expert_gating_func", 5)),
        ("deepseek2", "plain", Box::new(not_a_number)),
        ("deepseek2", "compressed", number("deepseek2.attention.head_count_kv", 4)),
        ("deepseek2", "compressed", number("deepseek2.attention.value_length", 16)),
    ];
    let mut said = String::new();
    for (arch, form, damage) in cases {
        let kind = KINDS.iter().find(|kind| (kind.arch, kind.form) == (arch, form)).unwrap();
        let mut file = kind.gguf(1);
        damage(&mut file);
        let answer = check_bytes(&file.build()).map_or_else(|why| why.to_string(), |_| "ACCEPTED".to_owned());
        said += &format!("{arch} {form}: {answer}\n");
    }
    expect![[r#"
        qwen3moe : the heads of qwen3moe are 16 wide for keys, 8 for values and 16 for rotation; the file is damaged: download it again
        starcoder2 : the heads of starcoder2 are 16 wide for keys, 16 for values and 8 for rotation; the file is damaged: download it again
        starcoder2 : starcoder2.attention.head_count (byte 278) is 2: heads of 16 do not make up 64; the file is damaged: download it again
        starcoder : the heads of starcoder are 16 wide for keys, 8 for values and 16 for rotation; the file is damaged: download it again
        gemma : the heads of gemma are 16 wide for keys, 8 for values and 16 for rotation; the file is damaged: download it again
        phi3 : phi3.attention.head_count (byte 248) is 8: heads of 16 do not make up 64; the file is damaged: download it again
        qwen3next : qwen3next.full_attention_interval (byte 5578) is 0; the file is damaged: download it again
        qwen3next : qwen3next.ssm.inner_size (byte 5538) is 32: 4 heads of 16 do not make it up; the file is damaged: download it again
        qwen3next : qwen3next.ssm.group_count (byte 5453) is 3 for 4 heads; the file is damaged: download it again
        qwen3next : the tensor blk.0.ssm_a has type F16, and llama.cpp wants F32; choose another file of this model
        deepseek2 plain: deepseek2.rope.dimension_count (byte 4444) is 24: nothing is left of keys of 24; the file is damaged: download it again
        deepseek2 plain: deepseek2.attention.head_count_kv (byte 319) is not 4; the file is damaged: download it again
        deepseek2 plain: deepseek2.expert_gating_func (byte 5409) is 5, which llama.cpp does not know; the file is damaged: download it again
        deepseek2 plain: deepseek2.expert_weights_scale (byte 5453) is NaN; the file is damaged: download it again
        deepseek2 compressed: deepseek2.attention.head_count_kv (byte 319) is not 1; the file is damaged: download it again
        deepseek2 compressed: the heads of deepseek2 are 40 wide for keys and 16 for values, where 40 and 32 are due; the file is damaged: download it again
    "#]].assert_eq(&said);
}

#[cfg(feature = "llama")]
mod run {
    use std::fs::{self, File};
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::time::Duration;

    use codesage::engine::llama::{LlamaEngine, Options, Source};
    use codesage::engine::sample::Sampling;
    use codesage::engine::{Backend, Lane, ModelState, Request};
    use codesage::models::gguf::check;
    use codesage::prompt::{Fill, Prompt};

    use super::{KINDS, damaged};

    /// Names the folder in which the process that is started finds its work.
    const WORK: &str = "CODESAGE_TEST_WORK";
    /// A file's path in a line.
    const LIST: &str = "list";
    /// A line `begin N`, then a line `loaded N` or `refused N`.
    const NOTES: &str = "notes";
    const DEADLINE: Duration = Duration::from_secs(60);

    /// Files in a folder, what was done to each, and how it was taken.
    struct Work {
        folder: tempfile::TempDir,
        files: Vec<(String, PathBuf)>,
    }

    impl Work {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), files: Vec::new() }
        }

        fn add(&mut self, what: String, bytes: &[u8]) {
            let path = self.folder.path().join(format!("{}.gguf", self.files.len()));
            fs::write(&path, bytes).unwrap();
            // As the engine does before it loads one.
            match check(&path) {
                Ok(_) => self.files.push((what, path)),
                Err(_) => fs::remove_file(path).unwrap(),
            }
        }

        /// The files that were loaded and those that ended a process, with its end.
        fn run(&self) -> (usize, Vec<String>) {
            let at = |name: &str| self.folder.path().join(name);
            let (mut next, mut loaded, mut fatal) = (0, 0, Vec::new());
            while next < self.files.len() {
                let list: Vec<String> =
                    self.files[next..].iter().map(|(_, path)| path.display().to_string()).collect();
                fs::write(at(LIST), list.join("\n")).unwrap();
                fs::write(at(NOTES), "").unwrap();
                let ended = Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "run::the_work_that_another_process_gave", "--test-threads", "1"])
                    .env(WORK, self.folder.path())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .unwrap();
                let notes = fs::read_to_string(at(NOTES)).unwrap();
                loaded += notes.lines().filter(|line| line.starts_with("loaded")).count();
                let (begun, done) = (count(&notes, true), count(&notes, false));
                if begun > done {
                    fatal.push(format!("{}: {ended}", self.files[next + done].0));
                    next += begun;
                } else {
                    assert!(ended.success() && next + done == self.files.len(), "{ended}, {done} done");
                    next += done;
                }
            }
            (loaded, fatal)
        }
    }

    fn count(notes: &str, is_begun: bool) -> usize {
        notes.lines().filter(|line| line.starts_with("begin") == is_begun).count()
    }

    /// Not a test by itself: what [`Work::run`] starts. Without work it has none to do.
    #[test]
    fn the_work_that_another_process_gave() {
        let Some(folder) = std::env::var_os(WORK).map(PathBuf::from) else { return };
        let mut notes = File::options().append(true).open(folder.join(NOTES)).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let list = fs::read_to_string(folder.join(LIST)).unwrap();
        for (number, path) in list.lines().enumerate() {
            writeln!(notes, "begin {number}").unwrap();
            let is_loaded = runtime.block_on(decode_once(Path::new(path)));
            writeln!(notes, "{} {number}", if is_loaded { "loaded" } else { "refused" }).unwrap();
        }
    }

    /// Whether llama.cpp took it; then it has read a prompt and written a token.
    async fn decode_once(path: &Path) -> bool {
        let options = Options { threads: Some(1), context_tokens: Some(256), ..Options::default() };
        let engine = LlamaEngine::start(Source::File(path.into()), options);
        let mut states = engine.watch();
        let settled = states.wait_for(|state| !matches!(state, ModelState::Loading { .. }));
        let state = tokio::time::timeout(DEADLINE, settled).await.expect("it settles").unwrap().clone();
        let is_ready = matches!(state, ModelState::Ready(_));
        if is_ready {
            let fill = Fill {
                snippets: Arc::from([]),
                path: "a.rs".into(),
                head: "let a".into(),
                tail: "\n".into(),
                typed: " = b".into(),
            };
            let request = Request {
                prompt: Prompt::Fill(fill),
                lane: Lane::Completion,
                sampling: Sampling::default(),
                max_tokens: 2,
                max_time: DEADLINE,
                hold: Duration::ZERO,
                stop: Box::new(|_| false),
                told: None,
                precedents: Vec::new(),
            };
            let mut generation = engine.generate(request);
            while generation.next().await.is_some() {}
        }
        engine.shutdown();
        is_ready
    }

    #[test]
    fn every_whole_one_is_loaded() {
        let mut work = Work::new();
        for (number, kind) in KINDS.iter().enumerate() {
            work.add(format!("{} {}", kind.arch, kind.form), &kind.gguf(number as u64 + 1).build());
        }
        assert_eq!(work.files.len(), KINDS.len());
        assert_eq!(work.run(), (KINDS.len(), Vec::new()));
    }

    #[test]
    fn what_the_check_lets_through_ends_no_process() {
        let mut fatal = Vec::new();
        for (number, kind) in KINDS.iter().enumerate() {
            let mut work = Work::new();
            damaged(number).into_iter().for_each(|(what, bytes)| work.add(what, &bytes));
            let (loaded, ended) = work.run();
            let (title, passed) = (format!("{} {}", kind.arch, kind.form), work.files.len());
            println!("{title}: {passed} of {} passed the check, llama.cpp loaded {loaded}", super::FILES);
            assert!(loaded > 5, "{title}: {loaded}: they test too little");
            fatal.extend(ended);
        }
        assert!(fatal.is_empty(), "{} files end the process:\n{}", fatal.len(), fatal.join("\n"));
    }

    /// The model of a test in three files, as llama.cpp splits them, is loaded and run as one.
    #[test]
    fn a_model_in_several_files_is_loaded_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = KINDS[0].gguf(1);
        let tensors = std::mem::take(&mut whole.tensors);
        let each = tensors.len().div_ceil(3);
        let total = tensors.len() as i32;
        let mut first = None;
        for (number, tensors) in tensors.chunks(each).enumerate() {
            let mut part = if number == 0 { whole.clone() } else { super::gguf::Gguf::default() };
            part.tensors = tensors.to_vec();
            part.set("split.no", super::gguf::Value::U16(number as u16))
                .set("split.count", super::gguf::Value::U16(3))
                .set("split.tensors.count", super::gguf::Value::I32(total));
            let path = folder.path().join(format!("x-{:05}-of-00003.gguf", number + 1));
            fs::write(&path, part.build()).unwrap();
            first = first.or(Some(path));
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        assert!(runtime.block_on(decode_once(&first.unwrap())));
    }
}

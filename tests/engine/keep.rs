//! What was read, kept on disk for the next run: it is warm at once, and no file, whatever is in it, ends the process or
//! makes the model say anything else.

use std::fs;

use codesage::engine::llama::{Keep, Patience};

use super::memory::ask;
use super::*;

/// A model on disk, and a folder to keep what it has read.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(gguf: &gguf::Gguf) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(desk.model(), gguf.build()).unwrap();
        desk
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model.gguf")
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn options(&self, project: &str) -> Options {
        let keep = Keep { folder: self.kept(), project: project.into() };
        Options { keep: Some(keep), ..options() }
    }

    async fn start(&self, options: Options) -> Arc<LlamaEngine> {
        let engine = LlamaEngine::start(Source::File(self.model()), options);
        match settled(&engine).await {
            ModelState::Ready(_) => engine,
            other => panic!("not ready: {other:?}"),
        }
    }

    /// The one file.
    fn file(&self) -> PathBuf {
        let mut files: Vec<_> =
            fs::read_dir(self.kept()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

/// No more are tried, on whatever machine.
const MOST_THREADS: u32 = 16;

fn places() -> Vec<Fill> {
    (0..4).map(|n| fill(&CODE[n * 700..n * 700 + 400], "    let x", "\n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_suggestion_of_the_day_is_warm() {
    let models = [
        ("attention", worded().gguf()),
        ("jamba", other_memory::model("jamba", false)),
        ("mamba", other_memory::model("mamba", false)),
        ("gemma3", other_memory::model("gemma3", true)),
    ];
    for (name, gguf) in models {
        let desk = Desk::new(&gguf);
        let engine = desk.start(desk.options("mine")).await;
        let mut said = Vec::new();
        for place in places() {
            said.push(ask(&engine, &place).await);
        }
        assert!(said.iter().all(|(_, evaluated)| *evaluated > 30));
        engine.shutdown();

        let engine = desk.start(desk.options("mine")).await;
        for (n, place) in places().iter().enumerate().rev() {
            let (text, evaluated) = ask(&engine, place).await;
            same(&format!("{name}, place {n}"), &text, &said[n].0);
            // The last three places are kept; of the one before nothing is, and it shares nothing with them.
            assert_eq!(evaluated, if n == 0 { said[0].1 } else { 0 }, "place {n}");
        }
        // What is typed next costs what it always costs.
        let typed = Fill { typed: "    let xy = ".into(), ..places()[3].clone() };
        let cold = desk.start(options()).await;
        let (text, evaluated) = ask(&engine, &typed).await;
        same(name, &text, &ask(&cold, &typed).await.0);
        assert!(evaluated <= 5, "{evaluated}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_only_for_its_project_and_its_model() {
    let desk = Desk::new(&worded().gguf());
    let place = &places()[0];
    let engine = desk.start(desk.options("mine")).await;
    let (_, cold) = ask(&engine, place).await;
    engine.shutdown();
    let bytes = fs::read(desk.file()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&desk.file()), mode(&desk.kept())), (0o600, 0o700));
    }
    let context = Options { context_tokens: Some(512), ..desk.options("mine") };
    for (what, options, expected) in [
        ("the same", desk.options("mine"), 0),
        ("another project", desk.options("yours"), cold),
        ("nothing is kept", options(), cold),
        ("another shape", context, cold),
    ] {
        let engine = desk.start(options).await;
        assert_eq!(ask(&engine, place).await.1, expected, "{what}");
        drop(engine);
        // As it was.
        fs::remove_dir_all(desk.kept()).unwrap();
        fs::create_dir(desk.kept()).unwrap();
        let engine = desk.start(desk.options("mine")).await;
        drop(engine);
        assert_eq!(fs::read_dir(desk.kept()).unwrap().count(), 0, "nothing was read, so nothing is kept");
        let engine = desk.start(desk.options("mine")).await;
        ask(&engine, place).await;
        drop(engine);
        assert_eq!(fs::read(desk.file()).unwrap().len(), bytes.len());
    }
    // Another model under the same name.
    fs::write(desk.model(), TinyModel { weights: Weights::Random(8), ..worded() }.gguf().build()).unwrap();
    let engine = desk.start(desk.options("mine")).await;
    assert_eq!(ask(&engine, place).await.1, cold);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_ends_the_process_or_changes_what_is_said() {
    let desk = Desk::new(&worded().gguf());
    let place = &places()[0];
    let engine = desk.start(desk.options("mine")).await;
    let (said, cold) = ask(&engine, place).await;
    engine.shutdown();
    let (file, whole) = (desk.file(), fs::read(desk.file()).unwrap());
    let mut random = gguf::Random::new(5);
    let mut cases: Vec<(String, Vec<u8>)> = [0, 1, 8, 31, 32, 48, whole.len() / 2, whole.len() - 1]
        .map(|end| (format!("cut at {end}"), whole[..end].to_vec()))
        .into();
    for _ in 0..12 {
        let (at, bit) = (random.below(whole.len()), random.below(8));
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        cases.push((format!("bit {bit} of byte {at}"), bytes));
    }
    cases.push(("more".into(), [&whole[..], b"more"].concat()));
    cases.push(("text".into(), b"not a state".to_vec()));
    for (what, bytes) in cases {
        fs::write(&file, bytes).unwrap();
        let engine = desk.start(desk.options("mine")).await;
        let (again, evaluated) = ask(&engine, place).await;
        same(&what, &again, &said);
        assert_eq!(evaluated, cold, "{what}");
        drop(engine);
        assert_eq!(fs::read(&file).unwrap().len(), whole.len(), "{what}: and it is written anew");
    }
    // Where nothing can be written everything else works; so it does where the file is no file.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let engine = desk.start(desk.options("mine")).await;
    let (again, evaluated) = ask(&engine, place).await;
    same("a folder", &again, &said);
    assert_eq!(evaluated, cold);
}

/// What is read is saved while nobody asks, so that not even a process that is killed loses it.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_when_nothing_is_asked() {
    let desk = Desk::new(&worded().gguf());
    let patience = Patience { idle: Duration::from_millis(20), ..Patience::default() };
    let engine = desk.start(Options { patience, ..desk.options("mine") }).await;
    ask(&engine, &places()[0]).await;
    let began = Instant::now();
    let written = || {
        fs::read_dir(desk.kept())
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.path().extension().is_some_and(|ending| ending == "state"))
    };
    while !written() {
        assert!(began.elapsed() < DEADLINE, "never kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Another run, while this one still goes on.
    let other = desk.start(desk.options("mine")).await;
    assert_eq!(ask(&other, &places()[0]).await.1, 0);
}

/// Threads that are found out while nobody asks take over what was read, and are known to the next run.
#[tokio::test(flavor = "multi_thread")]
async fn threads_are_measured_once_for_a_machine() {
    let desk = Desk::new(&worded().gguf());
    let state = desk.folder.path().join("state");
    let known = || fs::read_to_string(state.join("threads.json")).unwrap_or_default();
    let patience = Patience { load: Duration::ZERO, idle: Duration::from_millis(20) };
    let options = Options { patience, state: Some(state.clone()), ..Options::default() };
    let engine = desk.start(options.clone()).await;
    let (said, _) = ask(&engine, &places()[0]).await;
    let began = Instant::now();
    while known().is_empty() {
        assert!(began.elapsed() < DEADLINE, "never measured");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (again, evaluated) = ask(&engine, &places()[0]).await;
    same("with other threads", &again, &said);
    assert_eq!(evaluated, 0);
    drop(engine);
    // What the file says is taken, as far as it can be; what somebody set comes before it.
    let available = codesage::models::hardware::usable_threads().min(MOST_THREADS);
    let written = known();
    for (threads, set, expected) in [(available, None, available), (1, None, 1), (available, Some(1), 1)] {
        let text = format!("{{\"single\": {threads}, \"batch\": 1}}");
        let (start, end) = (written.find(": {").unwrap() + 2, written.find('}').unwrap() + 1);
        fs::write(state.join("threads.json"), [&written[..start], &text, &written[end..]].concat()).unwrap();
        let engine = desk.start(Options { threads: set, ..options.clone() }).await;
        let ModelState::Ready(card) = engine.watch().borrow().clone() else { panic!("ready") };
        assert_eq!(card.threads, expected);
    }
}

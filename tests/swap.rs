//! Two models with the real llama.cpp: swapped while they are asked, replaced on the disk, in one memory budget, on the
//! same cores. Models are written at test time; every wait has a deadline, and no time is asserted.
#![cfg(feature = "llama")]

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use codesage::assist::roles::{Maker, Roles, Weight, Wish};
use codesage::config::Settings;
use codesage::engine::cores::Cores;
use codesage::engine::llama::{Alive, LlamaEngine, Options, Source, alive};
use codesage::engine::sample::Sampling;
use codesage::engine::{Backend, EngineError, Event, Generation, Lane, ModelState, Request, Role, Stop};
use codesage::models::fit::{self, Asked, KvType, Model};
use codesage::models::gguf as header;
use codesage::models::hardware;
use codesage::prompt::{Fill, Instruct, Prompt};
use tiny_model::TinyModel;
use tokio::sync::{Mutex as Turn, MutexGuard};

/// Nothing takes this long, even on a machine that does other things.
const DEADLINE: Duration = Duration::from_secs(300);

/// Threads and memory are the process's: one test after the other.
static ALONE: Turn<()> = Turn::const_new(());

/// Engines as the program makes them, all of them known.
#[derive(Default)]
struct Yard {
    cores: Cores,
    made: Mutex<Vec<Weak<LlamaEngine>>>,
}

impl Maker for Yard {
    fn weigh(&self, wish: &Wish, _total: Option<u64>) -> Result<Weight, String> {
        let path = wish.model.path.as_deref().expect("all models here are files");
        let header = header::check(path).map_err(|unfit| unfit.to_string())?;
        Ok(Weight { fair: fit::fair_bytes(&Model::of(&header), &Asked::default()) })
    }

    fn start(&self, wish: &Wish, limit: Option<u64>) -> Arc<dyn Backend> {
        let options = Options {
            threads: wish.model.threads,
            kv_type: wish.model.kv_type,
            context_tokens: wish.model.context_tokens,
            memory: limit,
            cores: self.cores.clone(),
            ..Options::default()
        };
        let path = wish.model.path.clone().expect("all models here are files");
        let engine = LlamaEngine::start(Source::File(path), options);
        self.made.lock().unwrap().push(Arc::downgrade(&engine));
        engine
    }
}

struct Place {
    roles: Arc<Roles>,
    yard: Arc<Yard>,
    settings: Settings,
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// Says this and ends.
fn saying(text: &str) -> TinyModel {
    // Behind the token that ends a question of either kind.
    let script = TinyModel::scripted(&[("<|fim_middle|>", text), ("@", text)]);
    TinyModel { n_layer: 1, ..script }
}

/// The same, of some megabytes with its context.
fn large(text: &str) -> TinyModel {
    TinyModel { n_layer: 8, n_embd: 128, ..saying(text) }
}

fn write(model: &TinyModel, path: &Path) {
    std::fs::write(path, model.build()).unwrap();
}

impl Place {
    async fn new(fill: &TinyModel) -> Self {
        let alone = ALONE.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.model.threads = Some(1);
        let (roles, yard) = (Roles::new(), Arc::new(Yard::default()));
        let mut place = Self { roles, yard, settings, folder, _alone: alone };
        place.settings.model.path = Some(place.file("fill", fill));
        place.roles.launch(place.yard.clone(), &place.settings);
        place.settled(Role::Fill).await;
        place
    }

    fn file(&self, name: &str, model: &TinyModel) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.gguf"));
        write(model, &path);
        path
    }

    fn apply(&self) {
        self.roles.apply(&self.settings);
    }

    /// What came of the model that was asked for last.
    async fn settled(&self, role: Role) -> ModelState {
        let mut coming = self.roles.seat(role).coming();
        let wait = coming.wait_for(|state| !matches!(state, ModelState::Loading { .. }));
        tokio::time::timeout(DEADLINE, wait).await.expect("in time").unwrap().clone()
    }

    async fn said(&self, role: Role) -> String {
        collect(ask(self.roles.seat(role), role)).await.expect("an answer").0
    }

    /// Engines that have not gone.
    fn engines(&self) -> usize {
        self.yard.made.lock().unwrap().iter().filter(|engine| engine.strong_count() > 0).count()
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !condition(self) {
            let left = self.engines();
            assert!(began.elapsed() < DEADLINE, "{what}: {left} engines are there, {:?}", alive());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) {
        let roles = self.roles.clone();
        tokio::task::spawn_blocking(move || roles.shutdown()).await.unwrap();
    }
}

fn request(role: Role, head: &str, max_tokens: u32) -> Request {
    let fill = Fill {
        snippets: Arc::from([]),
        path: "a.rs".into(),
        head: head.into(),
        tail: "\n}".into(),
        typed: String::new(),
    };
    let said = Instruct { user: head.into(), prefill: "@".into(), ..Instruct::default() };
    Request {
        prompt: if role == Role::Fill { Prompt::Fill(fill) } else { Prompt::Instruct(said) },
        lane: if role == Role::Fill { Lane::Completion } else { Lane::Action },
        sampling: Sampling::default(),
        max_tokens,
        max_time: DEADLINE,
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: None,
        precedents: Vec::new(),
    }
}

fn ask(seat: &Arc<impl Backend + ?Sized>, role: Role) -> Generation {
    seat.generate(request(role, "let a", 20))
}

/// The whole answer. It ends once, with nothing behind.
async fn collect(mut generation: Generation) -> Result<(String, Stop), EngineError> {
    let mut text = String::new();
    let ended = loop {
        match tokio::time::timeout(DEADLINE, generation.next()).await.expect("an answer in time") {
            Some(Event::Piece(piece)) => text += &piece.text,
            Some(Event::End { stop, .. }) => break Ok((text, stop)),
            Some(Event::Failed(error)) => break Err(error),
            None => panic!("the stream ended without an end, after {text:?}"),
        }
    };
    let behind = tokio::time::timeout(DEADLINE, generation.next()).await.expect("the end in time");
    assert_eq!(behind, None);
    ended
}

/// Threads of this process by the name.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let called =
        |task: &std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().filter(|task| called(task).trim_end() == name).count()
}

#[cfg(not(target_os = "linux"))]
fn threads(_name: &str) -> usize {
    1
}

/// Who asks on and on, and what was answered.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    asked: AtomicU64,
    answered: AtomicU64,
}

impl Load {
    async fn run(&self, seat: Arc<impl Backend + ?Sized>, role: Role, possible: &[&str]) {
        while !self.is_over.load(Ordering::SeqCst) {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let (text, stop) = collect(ask(&seat, role)).await.expect("somebody always answers");
            assert!(possible.contains(&text.as_str()) && stop == Stop::EndOfText, "{text:?} {stop:?}");
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Waits for some more answers, so that there were some with whatever is there now.
    async fn some_more(&self) {
        let before = self.answered.load(Ordering::SeqCst);
        let began = Instant::now();
        while self.answered.load(Ordering::SeqCst) < before + 2 {
            assert!(began.elapsed() < DEADLINE, "the answers go on");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_lose_and_leak_nothing() {
    const TEXTS: [&str; 2] = ["xy;\n", "pq;\n"];
    let mut place = Place::new(&large(TEXTS[0])).await;
    let files = [place.file("one", &large(TEXTS[0])), place.file("two", &large(TEXTS[1]))];
    let loads = Arc::new([Load::default(), Load::default()]);
    let asking = [Role::Fill, Role::Edit].map(|role| {
        let (loads, seat) = (loads.clone(), place.roles.seat(role).clone());
        tokio::spawn(async move { loads[role as usize].run(seat, role, &TEXTS).await })
    });
    let (mut half_way, mut one) = (None, 0);
    for swap in 1..=100 {
        place.settings.model.path = Some(files[swap % 2].clone());
        place.apply();
        let ModelState::Ready(card) = place.settled(Role::Fill).await else { panic!("swap {swap}") };
        assert_eq!(card.path, files[swap % 2]);
        // Now and then the next one comes before anybody has asked this one.
        if swap % 3 > 0 {
            loads[0].some_more().await;
        }
        one = card.model_bytes + card.kv_bytes;
        if swap == 50 {
            half_way = hardware::resident_memory();
        }
    }
    for (load, asking) in loads.iter().zip(asking) {
        load.some_more().await;
        load.is_over.store(true, Ordering::SeqCst);
        asking.await.expect("all was answered as it should be");
        assert_eq!(load.asked.load(Ordering::SeqCst), load.answered.load(Ordering::SeqCst));
    }
    assert_eq!(place.yard.made.lock().unwrap().len(), 101);
    let left = Alive { models: 1, contexts: 1 };
    place.until("one engine is left", |place| place.engines() == 1).await;
    place.until("and what it has of llama.cpp's", |_| alive() == left).await;
    place.until("one thread is left", |_| threads("engine") == 1).await;
    let stats = place.roles.fill().stats();
    let answered: u64 = loads.iter().map(|load| load.answered.load(Ordering::SeqCst)).sum();
    // Every answer has its tokens and its end, whichever engine it came from.
    assert!(stats.generated_tokens >= 3 * answered, "{stats:?} for {answered}");
    // What is in no count: an allocator keeps some of it for the next one, but not half of fifty models.
    if let (Some(before), Some(after)) = (half_way, hardware::resident_memory()) {
        println!(
            "{answered} answers by models of {} MiB; {} MiB after 50 swaps, {} MiB after 100",
            one >> 20,
            before >> 20,
            after >> 20
        );
        assert!(after < before + 25 * one, "{} MiB became {} MiB", before >> 20, after >> 20);
    }
    place.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_replaced_harms_nothing_until_it_is_loaded_again() {
    let mut place = Place::new(&saying("xy;\n")).await;
    let path = place.settings.model.path.clone().unwrap();
    assert_eq!(place.said(Role::Fill).await, "xy;\n");
    // Cut off in place, as a download that goes wrong does: a mapped file would end the process here.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(100).unwrap();
    assert_eq!(place.said(Role::Fill).await, "xy;\n");
    place.roles.reload();
    let mut coming = place.roles.fill().coming();
    let wait = coming.wait_for(|state| matches!(state, ModelState::Failed(_)));
    assert!(tokio::time::timeout(DEADLINE, wait).await.is_ok(), "it says what is wrong with it");
    assert_eq!(place.said(Role::Fill).await, "xy;\n");
    // Another one in its place.
    let other = place.file("other", &saying("pq;\n"));
    std::fs::rename(other, &path).unwrap();
    assert_eq!(place.said(Role::Fill).await, "xy;\n");
    place.roles.reload();
    let mut coming = place.roles.fill().coming();
    let wait = coming.wait_for(|state| matches!(state, ModelState::Ready(_)));
    tokio::time::timeout(DEADLINE, wait).await.expect("in time").unwrap();
    assert_eq!(place.said(Role::Fill).await, "pq;\n");
    // As it is: nothing is loaded again.
    let made = place.yard.made.lock().unwrap().len();
    place.roles.reload();
    // What is asked for behind it is the next one that is made.
    place.settings.model.threads = Some(2);
    place.apply();
    place.settled(Role::Fill).await;
    assert_eq!(
        (place.said(Role::Fill).await, place.yard.made.lock().unwrap().len()),
        ("pq;\n".into(), made + 1)
    );
    place.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_models_share_the_memory_that_there_is() {
    let mut place = Place::new(&large("xy;\n")).await;
    let edit = place.file("edit", &large("pq;\n"));
    place.settings.model.edit.path = Some(edit);
    // Enough for one of them.
    let ModelState::Ready(card) = place.settled(Role::Fill).await else { panic!("ready") };
    let one = (card.model_bytes + card.kv_bytes).div_ceil(1_000_000) as u32;
    place.settings.model.memory_mb = Some(one * 5 / 4 + 1);
    place.apply();
    let hold = place.roles.edit().hold();
    place
        .until("the one for edits is there", |place| {
            matches!(*place.roles.edit().watch().borrow(), ModelState::Ready(_))
        })
        .await;
    assert_eq!(*place.roles.fill().watch().borrow(), ModelState::Unloaded);
    assert_eq!(place.said(Role::Edit).await, "pq;\n");
    drop(hold);
    drop(place.roles.fill().hold());
    place
        .until("and makes room", |place| matches!(*place.roles.fill().watch().borrow(), ModelState::Ready(_)))
        .await;
    assert_eq!(*place.roles.edit().watch().borrow(), ModelState::Unloaded);
    assert_eq!(place.said(Role::Fill).await, "xy;\n");
    place.until("its memory is free", |place| place.engines() == 1).await;
    // Enough for both.
    place.settings.model.memory_mb = None;
    place.apply();
    let _hold = place.roles.edit().hold();
    place
        .until("both are there", |place| matches!(*place.roles.edit().watch().borrow(), ModelState::Ready(_)))
        .await;
    assert_eq!(
        (place.said(Role::Fill).await, place.said(Role::Edit).await),
        ("xy;\n".into(), "pq;\n".into())
    );
    assert_eq!(place.engines(), 2);
    place.end().await;
}

/// Both compute on the same cores: neither waits for ever, and what they say is what they say alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_beside_an_edit_of_another_model() {
    let slow = TinyModel { n_layer: 12, n_embd: 128, ..TinyModel::random(3) };
    let mut place = Place::new(&saying("xy;\n")).await;
    place.settings.model.edit.path = Some(place.file("edit", &slow));
    place.apply();
    let _hold = place.roles.edit().hold();
    place
        .until("the one for edits is there", |place| {
            matches!(*place.roles.edit().watch().borrow(), ModelState::Ready(_))
        })
        .await;
    let head = "fn f() { g(); }\n".repeat(20);
    let edit = || request(Role::Edit, &head, 60);
    let (alone, _) = collect(place.roles.edit().generate(edit())).await.unwrap();
    for _ in 0..3 {
        let mut editing = tokio::spawn(collect(place.roles.edit().generate(edit())));
        let mut completions = 0;
        let (beside, stop) = loop {
            tokio::select! {
                ended = &mut editing => break ended.unwrap().unwrap(),
                () = async {
                    assert_eq!(place.said(Role::Fill).await, "xy;\n");
                    completions += 1;
                } => {}
            }
        };
        assert_eq!((beside, stop), (alone.clone(), Stop::Limit), "after {completions} completions");
    }
    place.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_of_small_numbers_takes_half_and_says_the_same() {
    let mut place = Place::new(&large("xy;\n")).await;
    let bytes = |state| match state {
        ModelState::Ready(card) => card.kv_bytes,
        other => panic!("{other:?}"),
    };
    let in_16_bits = bytes(place.settled(Role::Fill).await);
    place.settings.model.kv_type = Some(KvType::Q8);
    place.apply();
    let in_8_bits = bytes(place.settled(Role::Fill).await);
    assert_eq!(in_8_bits * 64, in_16_bits * 34);
    assert_eq!(place.said(Role::Fill).await, "xy;\n");
    // Less memory than a whole context takes is kept to.
    let header = header::check(place.settings.model.path.as_deref().unwrap()).unwrap();
    let fair = fit::fair_bytes(&Model::of(&header), &Asked::default());
    place.settings.model.kv_type = None;
    place.settings.model.context_tokens = Some(2048);
    place.settings.model.memory_mb = Some(u32::try_from(fair / 1_000_000).unwrap() * 2 / 3);
    place.apply();
    match place.settled(Role::Fill).await {
        ModelState::Ready(card) => assert!(card.context_tokens < 2048, "{card:?}"),
        other => panic!("{other:?}"),
    }
    place.end().await;
}

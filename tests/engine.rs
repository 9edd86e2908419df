//! The engine against the real llama.cpp, on models written at test time.
//!
//! Counters are exact, so they are asserted; times are not. Every wait has a deadline.
#![cfg(feature = "llama")]

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use codesage::context::Snippet;
use codesage::engine::llama::{LlamaEngine, Options, Source};
use codesage::engine::{
    Backend, EngineError, Event, Generation, Lane, ModelCard, ModelState, Request, Stop, Usage,
};
use codesage::prompt::Fill;
use tiny_model::{Fim, TinyModel, Weights};

const DEADLINE: Duration = Duration::from_secs(60);

/// An engine that is ready, and the folder its model lies in.
struct Running {
    engine: Arc<LlamaEngine>,
    card: Arc<ModelCard>,
    _folder: tempfile::TempDir,
}

async fn start(model: &TinyModel) -> Running {
    start_with(model, Options::default()).await
}

async fn start_with(model: &TinyModel, options: Options) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let path = model.write(folder.path());
    let engine = LlamaEngine::start(Source::File(path), options);
    match settled(&engine).await {
        ModelState::Ready(card) => Running { engine, card, _folder: folder },
        other => panic!("not ready: {other:?}"),
    }
}

/// The state once it is no longer loading.
async fn settled(engine: &LlamaEngine) -> ModelState {
    let mut states = engine.watch();
    let wait = states.wait_for(|state| !matches!(state, ModelState::Loading { .. }));
    tokio::time::timeout(DEADLINE, wait).await.expect("loads in time").unwrap().clone()
}

fn fill(head: &str, typed: &str, tail: &str) -> Fill {
    Fill {
        snippets: Arc::from([]),
        path: "src/main.rs".into(),
        head: head.into(),
        tail: tail.into(),
        typed: typed.into(),
    }
}

fn request(prompt: Fill, lane: Lane, max_tokens: u32) -> Request {
    Request { prompt, lane, max_tokens, max_time: DEADLINE, hold: Duration::ZERO, stop: Box::new(|_| false) }
}

/// Everything a generation says.
async fn collect(mut generation: Generation) -> (String, Result<(Stop, Usage), EngineError>) {
    let mut text = String::new();
    loop {
        let event = tokio::time::timeout(DEADLINE, generation.next()).await.expect("answers in time");
        match event {
            Some(Event::Piece(piece)) => text.push_str(&piece.text),
            Some(Event::End { stop, usage }) => return (text, Ok((stop, usage))),
            Some(Event::Failed(error)) => return (text, Err(error)),
            None => panic!("the stream ended without an end"),
        }
    }
}

async fn complete(engine: &LlamaEngine, prompt: Fill, max_tokens: u32) -> (String, Stop, Usage) {
    let (text, end) = collect(engine.generate(request(prompt, Lane::Completion, max_tokens))).await;
    let (stop, usage) = end.expect("no error");
    (text, stop, usage)
}

/// Waits until the engine has nothing to do: no decode within 100 ms.
async fn idle(engine: &LlamaEngine) {
    let began = Instant::now();
    loop {
        let before = engine.stats().decode_calls;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if engine.stats().decode_calls == before {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "never idle");
    }
}

const CODE: &str = include_str!("../src/engine/slot.rs");

/// A random model whose vocabulary has words, so that tokens are of many lengths.
fn worded() -> TinyModel {
    TinyModel::random(7)
        .with_words(&["self", " self", ".slots", " let", " fn", "    ", " =", "tokens", "::", " plan"])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_says_its_script() {
    let model = TinyModel::scripted(&[("<|fim_middle|>", "xy;\n")]);
    let running = start(&model).await;
    assert!(running.card.fills);
    let (text, stop, usage) = complete(&running.engine, fill("let a", "", "\n}"), 20).await;
    assert_eq!((text.as_str(), stop), ("xy;\n", Stop::EndOfText));
    assert_eq!(usage.prompt_tokens, usage.evaluated_tokens + usage.reused_tokens);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_rule_ends_it_without_another_decode() {
    let running = start(&TinyModel::default()).await;
    let mut rule = request(fill("", "a", ""), Lane::Completion, 50);
    let mut seen = String::new();
    rule.stop = Box::new(move |piece| {
        seen.push_str(&piece.text);
        seen.ends_with('f')
    });
    let before = running.engine.stats().decode_calls;
    let (text, end) = collect(running.engine.generate(rule)).await;
    // `a` is healed: forced again, then b to f; f itself is never evaluated, nor is anything behind it.
    assert_eq!((text.as_str(), end.unwrap().0), ("bcdef", Stop::StopRule));
    assert_eq!(running.engine.stats().decode_calls - before, 1 + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold() {
    let running = start(&TinyModel::default()).await;
    let (text, stop, usage) = complete(&running.engine, fill("", "x", ""), 3).await;
    assert_eq!((text.as_str(), stop, usage.generated_tokens - usage.forced_tokens), ("yz\n", Stop::Limit, 3));
    let (text, stop, usage) = complete(&running.engine, fill("", "x", ""), 0).await;
    assert_eq!((text.as_str(), stop, usage.generated_tokens), ("", Stop::Limit, 0));
}

/// Types real code, character by character, and asks at each: few tokens are evaluated, and at every tenth key the
/// text is that of an engine that has never seen anything.
#[tokio::test(flavor = "multi_thread")]
async fn warm_text_is_cold_text_and_a_key_costs_little() {
    for layout in ["anchored-middle", "prefix-only"] {
        let model =
            TinyModel { fim: if layout == "prefix-only" { Fim::None } else { Fim::Spelled }, ..worded() };
        let warm = start(&model).await;
        let (head, rest) = CODE.split_at(CODE.len() / 3);
        let head = &head[head.len() - 600..];
        let tail = &rest[500..800];
        complete(&warm.engine, fill(head, "", tail), 4).await;
        let (mut evaluated, mut keys) = (0, 0);
        for end in 1..160 {
            if !rest.is_char_boundary(end) {
                continue;
            }
            let prompt = fill(head, &rest[..end], tail);
            let (text, _, usage) = complete(&warm.engine, prompt.clone(), 6).await;
            evaluated += usage.evaluated_tokens;
            keys += 1;
            if end % 10 == 0 {
                let cold = start(&model).await;
                let (expected, _, cold_usage) = complete(&cold.engine, prompt, 6).await;
                assert_eq!(text, expected, "{layout}, after {:?}", &rest[..end]);
                assert_eq!(usage.prompt_tokens, cold_usage.prompt_tokens);
            }
        }
        let mean = f64::from(evaluated) / f64::from(keys);
        assert!(mean < 1.3, "{layout}: {mean:.2} prompt tokens evaluated a key");
        // Backspace, one by one: what is cut off is not read again but for the last token.
        for end in (140..159).rev() {
            let (_, _, usage) = complete(&warm.engine, fill(head, &rest[..end], tail), 2).await;
            assert!(usage.evaluated_tokens <= 2, "{} for a backspace", usage.evaluated_tokens);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_prompt_again_evaluates_nothing() {
    let running = start(&worded()).await;
    let (first, _, _) = complete(&running.engine, fill(&CODE[..1500], "", ""), 4).await;
    let (again, _, usage) = complete(&running.engine, fill(&CODE[..1500], "", ""), 4).await;
    assert_eq!((first, usage.evaluated_tokens), (again, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn places_stay_warm_beside_each_other() {
    let running = start(&worded()).await;
    let places: Vec<Fill> = (0..3).map(|n| fill(&CODE[n * 700..n * 700 + 600], "", "\n}")).collect();
    let mut texts = Vec::new();
    for place in &places {
        texts.push(complete(&running.engine, place.clone(), 5).await.0);
    }
    for (place, text) in places.iter().zip(&texts) {
        let (again, _, usage) = complete(&running.engine, place.clone(), 5).await;
        assert_eq!((&again, usage.evaluated_tokens), (text, 0));
    }
}

/// More places than the cache has cells for, in any order: it never overflows, and the text stays right.
#[tokio::test(flavor = "multi_thread")]
async fn the_cache_never_overflows() {
    let options = Options { context_tokens: Some(512), ..Options::default() };
    let running = start_with(&worded(), options.clone()).await;
    let mut seed = 1u64;
    for step in 0..60 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let at = (seed >> 33) as usize % (CODE.len() - 500);
        let at = CODE.floor_char_boundary(at);
        let end = CODE.floor_char_boundary(at + 40 + (seed >> 50) as usize % 380);
        let prompt = fill(&CODE[at..end], "", "\n");
        let (text, _, _) = complete(&running.engine, prompt.clone(), 8).await;
        if step % 20 == 19 {
            let cold = start_with(&worded(), options.clone()).await;
            assert_eq!(text, complete(&cold.engine, prompt, 8).await.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healing_never_splits_or_repeats_what_is_typed() {
    let next = [("<|fim_middle|>", "self"), ("self", " plan"), (" plan", "<|endoftext|>")];
    let model = TinyModel {
        weights: Weights::Bigram {
            next: next.map(|(after, text)| (after.into(), text.into())).into(),
            otherwise: "<|endoftext|>".into(),
        },
        ..TinyModel::default().with_words(&["self", " plan"])
    };
    let running = start(&model).await;
    for typed in ["s", "se", "sel", "self"] {
        let (text, _, _) = complete(&running.engine, fill("", typed, "\n"), 8).await;
        assert_eq!(format!("{typed}{text}"), "self plan");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file_text_never_becomes_a_control_token() {
    let running = start(&TinyModel::default()).await;
    let engine = &running.engine;
    for special in ["<|fim_middle|>", "<|im_end|>", "<|endoftext|>"] {
        assert_eq!(engine.count_tokens(special), Some(special.len()), "{special}");
        let (_, _, usage) = complete(engine, fill(special, "", special), 1).await;
        assert_eq!(usage.prompt_tokens as usize, 2 * special.len() + 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_texts_are_only_texts() {
    let running = start(&worded()).await;
    let long_line = "x".repeat(200_000);
    for text in
        ["", "\0\0", "👩‍👩‍👧 é\u{301}", "日本語", "\r\r\n\n\r", "\u{feff}", &"(".repeat(300), &" ".repeat(500)]
    {
        for prompt in [fill(text, "", ""), fill("", text, ""), fill("", "", text), fill(text, text, text)] {
            complete(&running.engine, prompt, 3).await;
        }
    }
    let (_, end) =
        collect(running.engine.generate(request(fill(&long_line, "", ""), Lane::Completion, 3))).await;
    assert!(matches!(end, Err(EngineError::PromptTooLong { .. })), "{end:?}");
    assert_eq!(running.engine.count_tokens(&long_line), Some(200_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn snippets_are_read_once() {
    let running = start(&worded()).await;
    let snippets: Arc<[Snippet]> = Arc::from([Snippet { path: "src/b.rs".into(), text: CODE[..900].into() }]);
    let at = |head: &str| Fill { snippets: snippets.clone(), ..fill(head, "", "\n") };
    let (_, _, first) = complete(&running.engine, at("fn a() {"), 2).await;
    // Another place on the same snippets: they are copied, not evaluated.
    let (_, _, second) = complete(&running.engine, at("impl Slots { something else entirely"), 2).await;
    assert!(first.evaluated_tokens > 300 && second.evaluated_tokens < 100, "{first:?} {second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_fim_continues_the_prefix() {
    let model = TinyModel { fim: Fim::None, ..TinyModel::default() };
    let running = start(&model).await;
    assert!(!running.card.fills);
    let (text, _, _) = complete(&running.engine, fill("", "a", "zzz"), 3).await;
    assert_eq!(text, "bcd");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_in_prefill_stops_tokens() {
    let running = start(&TinyModel::slow()).await;
    let before = running.engine.stats().evaluated_tokens;
    let generation = running.engine.generate(request(fill(&CODE[..1800], "", ""), Lane::Completion, 50));
    let began = Instant::now();
    while running.engine.stats().evaluated_tokens == before {
        assert!(began.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(generation);
    idle(&running.engine).await;
    let stats = running.engine.stats();
    assert!(stats.evaluated_tokens - before < 1800, "{stats:?}");
    assert_eq!(stats.generated_tokens, 0);
    assert!(stats.after_cancel_tokens <= 128, "{stats:?}");
    assert!(stats.cancel_ms.p50 > 0.0);
    // What was evaluated is not lost, and the engine serves on.
    let (_, _, usage) = complete(&running.engine, fill(&CODE[..1800], "", ""), 1).await;
    assert!(usage.reused_tokens > 0, "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_in_decoding_stops_tokens() {
    let running = start(&TinyModel::slow()).await;
    let mut generation = running.engine.generate(request(fill("", "a", ""), Lane::Completion, 1000));
    assert!(matches!(generation.next().await, Some(Event::Piece(_))));
    drop(generation);
    idle(&running.engine).await;
    let stats = running.engine.stats();
    assert!(stats.generated_tokens < 500, "{stats:?}");
    assert!(stats.after_cancel_tokens <= 1, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_completion_wins_and_each_is_answered() {
    let running = start(&TinyModel::slow()).await;
    let generations: Vec<Generation> = (0..50)
        .map(|n| running.engine.generate(request(fill(&CODE[..200 + n], "", ""), Lane::Completion, 4)))
        .collect();
    let mut ended = Vec::new();
    for generation in generations {
        ended.push(collect(generation).await.1.expect("no error").0);
    }
    assert_eq!(ended.len(), 50);
    assert_eq!(ended[49], Stop::Limit);
    assert!(ended[..49].iter().filter(|&&stop| stop == Stop::Cancelled).count() >= 45, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_preempts_an_action_which_resumes_unchanged() {
    let model = worded();
    let running = start(&model).await;
    let action = || request(fill(&CODE[..700], "", ""), Lane::Action, 200);
    let (expected, _) = collect(running.engine.generate(action())).await;

    let running = start(&model).await;
    let mut disturbed = running.engine.generate(action());
    let Some(Event::Piece(first)) = disturbed.next().await else { panic!("no text") };
    for n in 0..10 {
        complete(&running.engine, fill(&CODE[1000..1400], &CODE[1400..1400 + n], "\n}"), 3).await;
    }
    let (rest, end) = collect(disturbed).await;
    assert_eq!(end.unwrap().0, Stop::Limit);
    assert_eq!(first.text + &rest, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn held_decoding_reads_the_prompt_meanwhile() {
    let running = start(&worded()).await;
    let mut held = request(fill(&CODE[..500], "", ""), Lane::Completion, 3);
    held.hold = DEADLINE;
    let generation = running.engine.generate(held);
    idle(&running.engine).await;
    let stats = running.engine.stats();
    assert!(stats.evaluated_tokens > 100 && stats.generated_tokens == 0, "{stats:?}");
    // Cancelling does not wait for the end of the hold.
    drop(generation);
    let (_, _, usage) = complete(&running.engine, fill(&CODE[..500], "", ""), 3).await;
    assert_eq!(usage.evaluated_tokens, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_stop_rule_is_its_own_request_alone() {
    let running = start(&TinyModel::default()).await;
    let mut bad = request(fill("", "a", ""), Lane::Completion, 5);
    bad.stop = Box::new(|_| panic!("a bug above"));
    let (_, end) = collect(running.engine.generate(bad)).await;
    assert!(matches!(end, Err(EngineError::Decode(_))));
    assert_eq!(complete(&running.engine, fill("", "a", ""), 2).await.0, "bc");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_everything() {
    let running = start(&TinyModel::slow()).await;
    let generation = running.engine.generate(request(fill(&CODE[..1500], "", ""), Lane::Completion, 500));
    running.engine.shutdown();
    let (_, end) = collect(generation).await;
    assert_eq!(end, Err(EngineError::Stopped));
    let (_, end) = collect(running.engine.generate(request(fill("", "a", ""), Lane::Completion, 5))).await;
    assert_eq!(end, Err(EngineError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = TinyModel::slow().write(folder.path());
    let engine = LlamaEngine::start(Source::File(path), Options::default());
    engine.cancel_load();
    // Until it is ready it can be cancelled, and 50 MB were not read before the line above.
    match settled(&engine).await {
        ModelState::Failed(why) => assert!(why.contains("cancelled"), "{why}"),
        other => panic!("{other:?}"),
    }
}

async fn load_error(path: PathBuf) -> String {
    let engine = LlamaEngine::start(Source::File(path), Options::default());
    let ModelState::Failed(why) = settled(&engine).await else { panic!("loaded") };
    let (_, end) = collect(engine.generate(request(fill("", "a", ""), Lane::Completion, 5))).await;
    assert_eq!(end, Err(EngineError::LoadFailed(why.clone())));
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_refused_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let whole = TinyModel::default().build();
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for path in [
        folder.path().join("missing.gguf"),
        folder.path().to_path_buf(),
        write("empty.gguf", b""),
        write("text.gguf", b"hello, this is no model"),
        write("cut.gguf", &whole[..whole.len() / 2]),
        write("twice.gguf", &TinyModel { duplicate_token: true, ..TinyModel::default() }.build()),
        write("hollow.gguf", &TinyModel { no_tensors: true, ..TinyModel::default() }.build()),
    ] {
        let why = load_error(path.clone()).await;
        assert!(why.contains(&*path.to_string_lossy()), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_too_small_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = TinyModel { n_ctx: 64, ..TinyModel::default() }.write(folder.path());
    let why = load_error(path).await;
    assert!(why.contains("64"), "{why}");
}

/// Whatever the header check lets through, llama.cpp loads and runs, or refuses: it never ends the process.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_headers_never_abort() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.gguf");
    let (mut refused, mut loaded, mut rejected) = (0, 0, 0);
    let file = TinyModel::default().gguf();
    let cases = gguf::mutations(&file, 42, 500).chain(gguf::truncations(&file));
    for (what, bytes) in cases {
        std::fs::write(&path, &bytes).unwrap();
        if codesage::models::gguf::check(&path).is_err() {
            refused += 1;
            continue;
        }
        match run_once(&path).await {
            true => loaded += 1,
            false => rejected += 1,
        }
        // Named, so that an abort can be traced to its case.
        eprintln!("survived: {what}");
    }
    println!("{refused} refused by the check, {rejected} by llama.cpp, {loaded} loaded");
    assert!(refused > 100 && loaded > 10, "{refused} refused, {loaded} loaded: the cases test too little");
}

async fn run_once(path: &Path) -> bool {
    let engine = LlamaEngine::start(
        Source::File(path.into()),
        Options { context_tokens: Some(256), ..Options::default() },
    );
    if !matches!(settled(&engine).await, ModelState::Ready(_)) {
        return false;
    }
    let _ = collect(engine.generate(request(fill("let a", " = b", "\n"), Lane::Completion, 3))).await;
    true
}

/// The built-in model writes code.
#[tokio::test(flavor = "multi_thread")]
async fn the_model_in_the_box_fills_in() {
    let engine = LlamaEngine::start(Source::BuiltIn, Options::default());
    let ModelState::Ready(card) = settled(&engine).await else { panic!("{:?}", engine.watch().borrow()) };
    assert!(card.fills && card.parameters > 5_000_000, "{card:?}");
    // A pattern that any model of code goes on with.
    let head = "fn sum(values: &[u32]) -> u32 {\n    let first = values[0];\n    let second = values[1];\n    \
                let third = values[2];\n";
    let (text, _, _) = complete(&engine, fill(head, "    let fourth = val", "\n}\n"), 12).await;
    assert!(text.starts_with("ues["), "{text:?}");
}

//! Models whose memory cannot be cut off behind a token: whatever was typed, taken back or interrupted, what they say is
//! what an engine says that has never seen anything, and little is read again.

use super::*;

const HEAD: usize = 900;

struct Case {
    name: &'static str,
    gguf: gguf::Gguf,
    /// Whether it keeps a state, which cannot be taken back.
    has_state: bool,
}

fn cases() -> Vec<Case> {
    [
        ("mamba", "mamba", false, true),
        ("jamba", "jamba", false, true),
        ("lfm2", "lfm2", false, true),
        ("lfm2 with a window", "lfm2", true, true),
        ("gemma3", "gemma3", true, false),
    ]
    .map(|(name, architecture, window, has_state)| Case {
        name,
        gguf: other_memory::model(architecture, window),
        has_state,
    })
    .into()
}

impl Case {
    async fn start(&self) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, self.gguf.build()).unwrap();
        let engine = LlamaEngine::start(Source::File(path), options());
        match settled(&engine).await {
            ModelState::Ready(card) => Running { engine, card, _folder: folder },
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// What an engine says that has never seen anything.
    async fn cold(&self, prompt: &Fill) -> Vec<Piece> {
        let cold = self.start().await;
        pieces(cold.engine.generate(request(prompt.clone(), Lane::Completion, 6))).await
    }

    fn same(&self, what: &str, one: &[Piece], other: &[Piece]) {
        same(&format!("{}, {what}", self.name), one, other);
    }
}

/// A place in the code with so much of a line typed.
fn place(typed: &str) -> Fill {
    fill(&CODE[..HEAD], typed, &CODE[HEAD + 300..HEAD + 420])
}

/// As a completion: its pieces, and the prompt tokens that it evaluated.
pub async fn ask(engine: &LlamaEngine, prompt: &Fill) -> (Vec<Piece>, u32) {
    let before = engine.stats().evaluated_tokens;
    let said = pieces(engine.generate(request(prompt.clone(), Lane::Completion, 6))).await;
    (said, (engine.stats().evaluated_tokens - before) as u32)
}

#[tokio::test(flavor = "multi_thread")]
async fn warm_text_is_cold_text_with_any_memory() {
    for case in cases() {
        let warm = case.start().await;
        let text = &CODE[HEAD..HEAD + 60];
        ask(&warm.engine, &place("")).await;
        // Typed, one by one.
        let mut evaluated = 0;
        for end in 1..=text.len() {
            let prompt = place(&text[..end]);
            let (said, cost) = ask(&warm.engine, &prompt).await;
            evaluated += cost;
            if end % 12 == 0 {
                case.same(&format!("key {end}"), &said, &case.cold(&prompt).await);
            }
        }
        assert!(evaluated <= 60, "{}: {evaluated} tokens for 60 keys", case.name);
        // Taken back: one by one, then many at once. What is read again is in proportion to that.
        let most = |back: usize| if case.has_state { 4 + 2 * back as u32 } else { 1 };
        let mut at = text.len();
        for end in [59, 58, 57, 56, 48, 40, 20, 3] {
            let prompt = place(&text[..end]);
            let (said, cost) = ask(&warm.engine, &prompt).await;
            assert!(cost <= most(at - end), "{}: {cost} tokens for going back to {end}", case.name);
            case.same(&format!("back to {end}"), &said, &case.cold(&prompt).await);
            at = end;
        }
        // Something else is typed there.
        let prompt = place(&format!("{}other", &text[..3]));
        let (said, cost) = ask(&warm.engine, &prompt).await;
        assert!(cost <= 8, "{}: {cost} tokens for other text", case.name);
        case.same("other text", &said, &case.cold(&prompt).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn places_stay_warm_with_any_memory() {
    for case in cases() {
        let running = case.start().await;
        let engine = &running.engine;
        let there: Vec<Fill> = (0..3).map(|n| fill(&CODE[n * 700..n * 700 + 600], "", "\n}")).collect();
        let mut said = Vec::new();
        for place in &there {
            said.push(ask(engine, place).await.0);
        }
        for (place, said) in there.iter().zip(&said) {
            let (again, cost) = ask(engine, place).await;
            assert_eq!(cost, 0, "{}", case.name);
            case.same("the same again", &again, said);
            // And typed on at each of them, in turn.
            let prompt = Fill { typed: "    let ".into(), ..place.clone() };
            let (again, cost) = ask(engine, &prompt).await;
            assert!(cost <= 8, "{}: {cost}", case.name);
            case.same("back there", &again, &case.cold(&prompt).await);
        }
        // The other way round, now that each has states of its own.
        for place in there.iter().rev() {
            let prompt = Fill { typed: "    le".into(), ..place.clone() };
            let (again, cost) = ask(engine, &prompt).await;
            assert!(cost <= 8, "{}: {cost}", case.name);
            case.same("back there again", &again, &case.cold(&prompt).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_places_share_is_shared_with_any_memory() {
    for case in cases() {
        let running = case.start().await;
        let snippets: Arc<[Snippet]> =
            Arc::from([Snippet { path: "src/b.rs".into(), text: CODE[..1200].into() }]);
        let at = |head: &str| Fill { snippets: snippets.clone(), ..fill(head, "", "\n") };
        let (_, first) = ask(&running.engine, &at("fn a() {")).await;
        let second = at("impl Slots { something else entirely");
        let (said, cost) = ask(&running.engine, &second).await;
        assert!(cost < 128 + 80, "{}: {cost} of some {first}", case.name);
        case.same("shared", &said, &case.cold(&second).await);
        // The first one is none the worse for it.
        let (said, _) = ask(&running.engine, &at("fn a() { x")).await;
        case.same("the first", &said, &case.cold(&at("fn a() { x")).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_costs_little_with_any_memory() {
    for case in cases() {
        let running = case.start().await;
        let engine = &running.engine;
        let long = fill(&CODE[..1400], "", "\n");
        for moment in 0..12 {
            // Cut off while it is read, or while it writes.
            let mut generation = engine.generate(request(long.clone(), Lane::Completion, 400));
            match moment % 3 {
                0 => tokio::time::sleep(Duration::from_micros(700 * moment)).await,
                _ => {
                    let first = tokio::time::timeout(DEADLINE, generation.next()).await;
                    assert!(matches!(first, Ok(Some(Event::Piece(_)))), "{}, {moment}: {first:?}", case.name);
                }
            }
            cancel(generation).await;
        }
        let (said, cost) = ask(engine, &long).await;
        assert_eq!(cost, 0, "{}", case.name);
        case.same("after cancels", &said, &case.cold(&long).await);
        // An action that completions come between.
        let action = || request(fill(&CODE[..700], "", ""), Lane::Action, 60);
        let expected = pieces(case.start().await.engine.generate(action())).await;
        let mut disturbed = engine.generate(action());
        let Some(Event::Piece(first)) = disturbed.next().await else { panic!("no text") };
        for n in 0..10 {
            ask(engine, &fill(&CODE[1000..1400], &CODE[1400..1400 + n], "\n}")).await;
        }
        let said = [vec![first], pieces(disturbed).await].concat();
        case.same("an action", &said, &expected);
    }
}

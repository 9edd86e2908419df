//! What is told while an answer is written, and that a cancel ends it: no piece, no word and no change after it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codesage::assist::act::Progress;
use codesage::edit::Action;
use codesage::engine::scripted::Script;
use codesage::engine::{Backend, Reading};

use super::scene::END;
use super::{BETTER, BETTER_AREA, Ended, python, rust, rust_with};

/// Before each piece.
const STEP: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn every_piece_is_told_as_it_comes() {
    let answer = format!("{BETTER}\n{END}");
    let pieces = Script::text(&answer).pieces.len();
    let seen = rust(Action::Refactor).script(Script::text(&answer).slowly(STEP)).play().await;
    assert_eq!(seen.ended, Ended::Applied(rust_with(BETTER)));
    assert_eq!(seen.progress.first(), Some(&Progress::Reading(Reading::default())));
    let writing: Vec<_> = seen.progress[1..]
        .iter()
        .map(|one| match one {
            Progress::Writing { tokens, line, .. } => (*tokens as usize, line.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        writing.iter().map(|(tokens, _)| *tokens).collect::<Vec<_>>(),
        (1..=pieces).collect::<Vec<_>>()
    );
    // The last whole line, as it grows.
    let mut lines: Vec<_> = writing.iter().map(|(_, line)| *line).collect();
    lines.dedup();
    assert_eq!(lines, ["", "pub fn doubled(&self) -> u64 {", "self.0 * 2", "}"]);
    assert_eq!(seen.acted.usage.generated_tokens as usize, pieces);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_anew_for_the_second_answer() {
    let script = |body: &str| Script::text(&format!("{body}\n{END}")).slowly(STEP);
    let seen = python(Action::Refactor).script(script("def area(:")).script(script(BETTER_AREA)).play().await;
    let again = seen.progress.iter().position(|one| matches!(one, Progress::Again(_))).expect("a second try");
    let tokens = |all: &[Progress]| -> Vec<u32> {
        all.iter()
            .filter_map(|one| if let Progress::Writing { tokens, .. } = one { Some(*tokens) } else { None })
            .collect()
    };
    for tokens in [tokens(&seen.progress[..again]), tokens(&seen.progress[again..])] {
        assert_eq!(tokens, (1..=tokens.len() as u32).collect::<Vec<_>>());
        assert!(tokens.len() > 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_leaves_nothing() {
    let endless = Script::text(&format!("{BETTER}\n").repeat(20)).slowly(STEP);
    for after in 1..6 {
        let scene = rust(Action::Refactor).script(endless.clone());
        let (backend, assistant, job) = scene.prepare();
        let before = assistant.snapshot(&scene.uri()).expect("it is open");
        let told = Arc::new(Mutex::new(0));
        let enough = Arc::new(tokio::sync::Notify::new());
        let (count, notify) = (told.clone(), enough.clone());
        let report = move |one| {
            let mut count = count.lock().expect("not poisoned");
            *count += usize::from(matches!(one, Progress::Writing { .. }));
            if *count == after {
                notify.notify_one();
            }
        };
        {
            let acting = assistant.act(job, report);
            tokio::select! {
                acted = acting => panic!("it ended: {:?}", acted.outcome),
                () = enough.notified() => {}
            }
        }
        let made = backend.stats().generated_tokens;
        tokio::time::sleep(STEP * 50).await;
        assert_eq!(*told.lock().expect("not poisoned"), after, "not a word after it");
        assert!(backend.stats().generated_tokens <= made + 1, "at most the token that was being made");
        let now = assistant.snapshot(&scene.uri()).expect("it is open");
        assert!(Arc::ptr_eq(&before, &now), "the document is the same");
        assert_eq!(assistant.stats().edit.refused.values().sum::<u64>(), 0, "a cancel is no refusal");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_before_the_first_piece_leaves_nothing() {
    let scene = rust(Action::Refactor).script(Script::text(BETTER).slowly(Duration::from_secs(60)));
    let (backend, assistant, job) = scene.prepare();
    let acting = assistant.act(job, |one| assert!(matches!(one, Progress::Reading(_)), "{one:?}"));
    assert!(tokio::time::timeout(Duration::from_secs(1), acting).await.is_err());
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(backend.stats().generated_tokens, 0);
    let text = assistant.snapshot(&scene.uri()).map(|document| document.rope().to_string());
    assert_eq!(text, scene.text_at_the_end());
}

/// However long a piece takes: a large model, or one that makes way for what is being typed.
#[tokio::test(start_paused = true)]
async fn a_silence_is_told_too() {
    for (step, pieces) in [(1_050, 8), (150, 20), (99, 5)] {
        let text = "word\n".repeat(pieces);
        let script = Script { pieces: vec!["word\n".into(); pieces], ..Script::text("") };
        let scene = rust(Action::Explain).script(script.slowly(Duration::from_millis(step)));
        let (_, assistant, job) = scene.prepare();
        let mut told = Vec::new();
        let began = tokio::time::Instant::now();
        let acted = assistant
            .act(job, |one| {
                let (said, read) = match one {
                    Progress::Writing { tokens, piece, .. } => (tokens, piece),
                    Progress::Reading(_) => (0, String::new()),
                    other @ (Progress::By(_) | Progress::Again(_)) => panic!("{other:?}"),
                };
                told.push((began.elapsed().as_millis() as u64, said, read));
            })
            .await;
        assert_eq!(acted.usage.generated_tokens as usize, pieces);
        // At the beginning, at every piece, and each tenth of a second between two.
        let between = (step - 1) / 100;
        assert_eq!(told.len() as u64, 1 + pieces as u64 * (1 + between), "{step}: {told:?}");
        for pair in told.windows(2) {
            assert!(pair[1].0 - pair[0].0 <= 100 + 1, "{step}: {pair:?}");
            assert!(pair[0].1 <= pair[1].1, "{step}: {pair:?}");
        }
        // What streams is whole, and nothing of it comes twice.
        assert_eq!(told.iter().map(|(.., piece)| piece.as_str()).collect::<String>(), text);
    }
}

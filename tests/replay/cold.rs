//! What is kept of the keys before changes no text: every so many keys the same prompt is asked of an engine that holds
//! nothing yet.

use std::sync::Arc;
use std::time::Duration;

use codesage::engine::llama::{LlamaEngine, Options, Source};
use codesage::engine::sample::Sampling;
use codesage::engine::{Backend, Event, Lane, ModelState, Piece, Request};
use codesage::prompt::{Fill, Prompt};

const FILES: [(&str, &str); 3] = [
    ("interval.rs", include_str!("../../fixtures/source/interval.rs")),
    ("ledger.py", include_str!("../../fixtures/source/ledger.py")),
    ("store.ts", include_str!("../../fixtures/source/store.ts")),
];
/// Bytes typed in each, and how often they are asked about cold too.
const TYPED: usize = 200;
const EVERY: usize = 50;
/// How near the logarithms of the two likeliest tokens' probabilities may be that change places with the size of a batch:
/// what is read in one piece is rounded otherwise than what is read token by token (0.023 was seen).
const NEAR: f32 = 0.05;

async fn engine() -> Arc<LlamaEngine> {
    let engine = LlamaEngine::start(Source::BuiltIn, Options::default());
    let mut states = engine.watch();
    let state = states.wait_for(|state| !matches!(state, ModelState::Loading { .. })).await.unwrap().clone();
    assert!(matches!(state, ModelState::Ready(_)), "{state:?}");
    engine
}

async fn said(engine: &LlamaEngine, prompt: &Fill) -> Vec<Piece> {
    let mut generation = engine.generate(Request {
        prompt: Prompt::Fill(prompt.clone()),
        lane: Lane::Completion,
        sampling: Sampling::default(),
        max_tokens: 8,
        max_time: Duration::MAX,
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: None,
        precedents: Vec::new(),
    });
    let mut pieces = Vec::new();
    loop {
        match generation.next().await {
            Some(Event::Piece(piece)) => pieces.push(piece),
            Some(Event::End { .. }) => return pieces,
            other => panic!("{other:?}"),
        }
    }
}

/// Where two answers part, if not at two tokens that are as likely.
fn parting(warm: &[Piece], cold: &[Piece]) -> Option<usize> {
    let at = warm.iter().zip(cold).position(|(a, b)| a.text != b.text);
    let at = at.or((warm.len() != cold.len()).then_some(warm.len().min(cold.len())))?;
    let is_near = warm
        .get(at)
        .zip(cold.get(at))
        .is_some_and(|(a, b)| (a.log_probability - b.log_probability).abs() <= NEAR);
    (!is_near).then_some(at)
}

#[tokio::test]
async fn what_is_kept_changes_no_text() {
    let warm = engine().await;
    let mut checked = 0;
    for (path, text) in FILES {
        let start = text.match_indices('\n').map(|(at, _)| at + 1).find(|at| *at > text.len() / 3).unwrap();
        let (head, typed) = text.split_at(start);
        let typed = &typed[..typed.floor_char_boundary(TYPED)];
        let tail = &text[start + typed.len()..];
        let fill = |typed: &str| Fill {
            snippets: Arc::from([]),
            path: path.into(),
            head: head[head.floor_char_boundary(head.len().saturating_sub(800))..].into(),
            tail: tail[..tail.floor_char_boundary(400)].into(),
            typed: typed.to_owned(),
        };
        for (key, (at, _)) in typed.char_indices().enumerate() {
            let prompt = fill(&typed[..at]);
            let pieces = said(&warm, &prompt).await;
            // Now and then the last character was taken back.
            if key % 17 == 16 {
                said(&warm, &fill(&typed[..typed.floor_char_boundary(at - 1)])).await;
            }
            if key % EVERY == EVERY - 1 {
                let cold = engine().await;
                let others = said(&cold, &prompt).await;
                assert_eq!(parting(&pieces, &others), None, "{path}, key {key}: {pieces:?} {others:?}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, FILES.len() * TYPED / EVERY);
    let stats = warm.stats();
    assert!(stats.reused_tokens > 50 * stats.evaluated_tokens, "little was kept: {stats:?}");
}

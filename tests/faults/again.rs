//! The second try: what was wrong is told to the model, its second answer counts, and there is no third.

use codesage::assist::act::Progress;
use codesage::edit::Action;
use codesage::engine::Backend;
use codesage::engine::scripted::Script;

use super::scene::Scene;
use super::{BETTER, BETTER_AREA, Ended, python, python_with, rust, rust_with};

/// An answer with a brace that is open.
const OPEN: &str = "    pub fn doubled(&self) -> u64 {\n        self.0 * 2";

/// First answers that the model is told about, and part of what it is told.
#[tokio::test(start_paused = true)]
async fn the_complaint_is_told_and_the_second_answer_is_used() {
    for (name, first, told) in [
        (
            "a syntax error",
            OPEN,
            "The change would add 3 syntax errors, the first near `fn label(&self) -> String {`",
        ),
        ("nothing", "", "The model wrote nothing in place of the code"),
        ("the same", super::DOUBLED, "The answer is the same as the code that is there"),
        (
            "an edit within",
            "fn x() {}\n<<<AI_EDIT_START>>>\nfn y() {}",
            "several changes where one was asked for",
        ),
        ("a forgotten part", "<<<AI_SEARCH>>>\n        cents * 2", "without saying what shall stand there"),
        (
            "code left out",
            "    pub fn other() {\n        // ... existing code ...\n    }\n    fn x() {}",
            "left code out at",
        ),
    ] {
        let seen = rust(Action::Refactor).writes(first).writes(BETTER).play().await;
        assert_eq!(seen.ended, Ended::Applied(rust_with(BETTER)), "{name}");
        let [before, after] = seen.backend.instructs().try_into().expect("two questions");
        assert!(after.user.contains(told) && after.plain.contains(told), "{name}: {}", after.user);
        assert!(!before.user.contains(told), "{name}");
        let complaints: Vec<_> = seen
            .progress
            .iter()
            .filter_map(|one| if let Progress::Again(why) = one { Some(why.as_str()) } else { None })
            .collect();
        assert!(matches!(complaints.as_slice(), [why] if why.contains(told)), "{name}: {complaints:?}");
        assert!(after.user.contains(complaints[0]), "{name}: the whole sentence is told");
        // Both answers were paid for.
        assert_eq!(
            u64::from(seen.acted.usage.generated_tokens),
            seen.backend.stats().generated_tokens,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_second_syntax_error_it_is_only_shown() {
    let second = "    pub fn doubled(&self) -> u64 {\n        (self.0 * 2\n    }";
    let seen = rust(Action::Refactor).writes(OPEN).writes(second).writes(BETTER).play().await;
    let Ended::Preview("syntax", sentence, text) = seen.ended else { panic!("{:?}", seen.ended) };
    assert_eq!(text, rust_with(second));
    assert!(sentence.contains("syntax error"), "{sentence}");
    assert_eq!(seen.backend.instructs().len(), 2, "there is no third try");
}

#[tokio::test(start_paused = true)]
async fn after_the_second_refusal_it_is_refused() {
    for (name, first, second, code) in [
        ("nothing twice", "", "", "empty"),
        ("a syntax error, then nothing", OPEN, "", "empty"),
        ("nothing, then an edit within", "", "a\n<<<AI_EDIT_START>>>\nb", "malformed"),
    ] {
        let seen = rust(Action::Refactor).writes(first).writes(second).writes(BETTER).play().await;
        assert!(
            matches!(&seen.ended, Ended::Refused(guard, _) if *guard == code),
            "{name}: {:?}",
            seen.ended
        );
        assert_eq!(seen.backend.instructs().len(), 2, "{name}");
        assert_eq!(seen.assistant.stats().edit.refused.get(code), Some(&1), "{name}: it is counted once");
    }
}

/// What no second answer mends is not asked about again.
#[tokio::test(start_paused = true)]
async fn what_a_model_cannot_mend_it_is_not_asked_again() {
    let endless = "    square = 1\n".repeat(4000);
    let scenes: [(&str, Scene, &str); 4] = [
        ("stale", rust(Action::Refactor).writes(BETTER).typed("cents * 2", "cents * 3"), "stale"),
        ("truncated", python(Action::Refactor).says(&endless), "truncated"),
        ("invariant", rust(Action::Document).writes(BETTER), "invariant"),
        ("loss", python(Action::Edit).asks("Shorten.").writes("pi = 3"), "loss"),
    ];
    for (name, scene, code) in scenes {
        let seen = scene.writes(BETTER_AREA).play().await;
        let (Ended::Refused(guard, _) | Ended::Preview(guard, ..)) = &seen.ended else {
            panic!("{name}: {:?}", seen.ended)
        };
        assert_eq!(*guard, code, "{name}");
        assert_eq!(seen.backend.instructs().len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_engine_gives_up_the_second_time_changes_nothing() {
    let failing = Script { error: Some(codesage::engine::EngineError::Stopped), ..Script::default() };
    let seen = rust(Action::Refactor).writes(OPEN).script(failing).play().await;
    assert!(matches!(seen.ended, Ended::Refused("model", _)), "{:?}", seen.ended);
    // What was mended is told, for the person.
    let seen = python(Action::Refactor).writes(&format!("```\n{BETTER_AREA}\n```")).play().await;
    assert_eq!(seen.ended, Ended::Applied(python_with(BETTER_AREA)));
    assert_eq!(seen.acted.repairs, ["took a code fence off"]);
}

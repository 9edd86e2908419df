//! What happens to the document while the model answers: the answer lands exactly where its code is by then, or
//! nowhere.

use codesage::edit::Action;

use super::scene::{Meanwhile, Scene};
use super::{BETTER, DOUBLED, Ended, Must, RUST, applies, check, refuses, rust, rust_with};

fn better() -> Scene {
    rust(Action::Refactor).writes(BETTER)
}

fn stale() -> Must {
    refuses("stale", &["Nothing was applied"])
}

#[tokio::test(start_paused = true)]
async fn typing_elsewhere_moves_the_answer_along() {
    let typed = |find: &str, replace: &str| {
        let after = rust_with(BETTER).replacen(find, replace, 1);
        (better().typed(find, replace), applies(after))
    };
    let mut rows = Vec::new();
    for (name, find, replace) in [
        ("lines above", "use std::fmt;\n", "use std::fmt;\nuse std::io;\n\n// More.\n"),
        ("a line above taken away", "use std::fmt;\n\n", ""),
        ("another line above", "A price in cents.", "What it costs, in cents 💶 (Euro)."),
        ("the line above", "impl Price {", "impl Price { // of goods"),
        ("a new line just above", "impl Price {\n", "impl Price {\n    const MOST: u64 = 100;\n\n"),
        ("a new line just below", "cents * 2\n    }\n", "cents * 2\n    }\n    // Below.\n"),
        ("lines below", "{} ct", "{} cents"),
        (
            "a function below",
            "    fn label",
            "    fn zero() -> Self {\n        Self(0)\n    }\n\n    fn label",
        ),
    ] {
        // What was typed names the old code only where that is the border of the region.
        let find_after = find.replace("cents * 2\n    }\n", "self.0 * 2\n    }\n");
        let replace_after = replace.replace("cents * 2\n    }\n", "self.0 * 2\n    }\n");
        let after = rust_with(BETTER).replacen(&find_after, &replace_after, 1);
        rows.push((name, better().typed(find, replace), applies(after)));
    }
    let (scene, must) = typed("use std::fmt;\n", "");
    rows.push(("two edits, one of them undone", scene.typed("{} ct", "{}").typed("{}", "{} ct"), must));
    rows.push((
        "typed and taken back, there",
        better().typed("cents * 2", "cents * 3").typed("cents * 3", "cents * 2"),
        applies(rust_with(BETTER)),
    ));
    let whole = RUST.replace("$0", "").replace("use std::fmt;\n", "use std::io;\nuse std::fmt;\n");
    rows.push((
        "the client sends all of it again",
        better().meanwhile(Meanwhile::Replaced(whole.clone())),
        applies(whole.replace(DOUBLED, BETTER)),
    ));
    let many =
        (0..50).fold(better(), |scene, i| scene.typed("use std::fmt;", &format!("use std::fmt;\n// {i}")));
    let lines: String = (0..50).rev().map(|i| format!("\n// {i}")).collect();
    let after = rust_with(BETTER).replace("use std::fmt;", &format!("use std::fmt;{lines}"));
    rows.push(("fifty versions behind", many, applies(after)));
    check(rows).await;
}

#[tokio::test(start_paused = true)]
async fn typing_there_makes_the_answer_stale() {
    let text = RUST.replace("$0", "");
    check([
        ("a character", better().typed("cents * 2", "cents * 3"), stale()),
        ("a line within", better().typed("self.0;\n", "self.0;\n        // Here.\n"), stale()),
        ("its first line", better().typed("pub fn doubled", "pub fn twice"), stale()),
        ("its indentation", better().typed("    pub fn doubled", "  pub fn doubled"), stale()),
        ("all of it gone", better().typed(DOUBLED, ""), stale()),
        ("all of the file gone", better().meanwhile(Meanwhile::Replaced(String::new())), stale()),
        (
            "another file in its place",
            better().meanwhile(Meanwhile::Replaced("fn main() {}\n".into())),
            stale(),
        ),
        (
            "a copy of it above",
            better().typed("impl Price {\n", &format!("impl Price {{\n{DOUBLED}\n\n")),
            stale(),
        ),
        ("other line ends", better().meanwhile(Meanwhile::Replaced(text.replace('\n', "\r\n"))), stale()),
        (
            "moved out and changed",
            better().typed(DOUBLED, "").typed("use std::fmt;\n", "fn doubled() {}\n"),
            stale(),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_equal_pieces_the_one_that_was_asked_about_is_changed() {
    let twins = "def a():\n    x = 1\n    return x\n\n\ndef b():\n$0    x = 1\n    return x\n$0\n\ndef c():\n    x = 1\n    return x\n";
    let scene = || Scene::new("a.py", twins, Action::Edit).asks("Return it at once.").writes("    return 1");
    let plain = twins.replace("$0", "");
    let after = plain.replace("def b():\n    x = 1\n    return x", "def b():\n    return 1");
    check([
        ("nothing typed", scene(), applies(&after)),
        (
            "typed above all",
            scene().typed("def a", "# A.\ndef a"),
            applies(after.replace("def a", "# A.\ndef a")),
        ),
        (
            "typed between",
            scene().typed("\n\ndef b", "\n\n# B.\ndef b"),
            applies(after.replace("\n\ndef b", "\n\n# B.\ndef b")),
        ),
        (
            "a third one goes",
            scene().typed("def a():\n    x = 1\n    return x\n\n\n", ""),
            refuses("stale", &["2 times"]),
        ),
        (
            "a fourth one comes",
            scene().typed("def a", "def z():\n    x = 1\n    return x\n\n\ndef a"),
            refuses("stale", &["4 times"]),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_gone_is_left_alone() {
    let closed = || refuses("stale", &["closed"]);
    check([
        ("closed", better().meanwhile(Meanwhile::Closed), closed()),
        ("renamed", better().meanwhile(Meanwhile::Renamed("src/cost.rs".into())), closed()),
        ("typed into, then closed", better().typed("{} ct", "{}").meanwhile(Meanwhile::Closed), closed()),
        (
            "closed while a test is written",
            rust(Action::UnitTest).writes("x() {\n    }").meanwhile(Meanwhile::Closed),
            closed(),
        ),
        (
            "closed while it is explained, which needs none",
            rust(Action::Explain).says("It doubles.").meanwhile(Meanwhile::Closed),
            Must::Answer("It doubles."),
        ),
        (
            "changed while it is explained",
            rust(Action::Explain).says("It doubles.").typed("cents * 2", "cents * 3"),
            Must::Answer("It doubles."),
        ),
    ])
    .await;
}

/// What the second attempt is put into is the text as it is by then, too.
#[tokio::test(start_paused = true)]
async fn a_second_answer_is_for_the_text_as_it_is_now() {
    let broken = "    pub fn doubled(&self) -> u64 {";
    let scene = rust(Action::Refactor).writes(broken).writes(BETTER).typed("use std::fmt;", "use std::io;");
    let seen = scene.play().await;
    assert_eq!(seen.ended, Ended::Applied(rust_with(BETTER).replace("use std::fmt;", "use std::io;")));
    let scene = rust(Action::Refactor).writes(broken).writes(BETTER).typed("cents * 2", "cents * 3");
    let seen = scene.play().await;
    assert!(matches!(seen.ended, Ended::Refused("stale", _)), "{:?}", seen.ended);
    assert_eq!(seen.backend.instructs().len(), 1, "no second answer mends that");
}

//! What models do to code in a chat: they talk, think, number lines, write a diff, or all of the file.

use codesage::edit::Action;

use super::scene::{END, Scene};
use super::{BETTER, BETTER_AREA, Must, applies, check, python, python_with, refuses, rust, rust_with};

fn says(scene: Scene, answer: &str) -> Scene {
    let answer = format!("{answer}\n{END}\n");
    scene.says(&answer).says(&answer)
}

fn prefixed(text: &str, prefix: impl Fn(usize) -> String) -> String {
    text.lines().enumerate().map(|(row, line)| format!("{}{line}\n", prefix(row))).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_no_code_is_taken_off() {
    let rust = |answer: &str| says(rust(Action::Refactor), answer);
    let python = |answer: &str| says(python(Action::Refactor), answer);
    let fence = format!("```rust\n{BETTER}\n```");
    let diff = "     pub fn doubled(&self) -> u64 {\n-        let cents = self.0;\n-        cents * 2\n+        self.0 * 2\n     }";
    check([
        ("prose before a fence", rust(&format!("Here it is:\n\n{fence}")), applies(rust_with(BETTER))),
        (
            "prose round a fence",
            rust(&format!("Sure!\n{fence}\n\nIt is shorter.")),
            applies(rust_with(BETTER)),
        ),
        ("thoughts", rust(&format!("<think>\nHm.\n</think>\n\n{BETTER}")), applies(rust_with(BETTER))),
        (
            "thoughts without an end",
            rust(&format!("<think>\n{BETTER}")),
            refuses("malformed", &["thought about it"]),
        ),
        ("a diff", rust(diff), applies(rust_with(BETTER))),
        ("a diff with its head", rust(&format!("@@ -7,4 +7,3 @@\n{diff}")), applies(rust_with(BETTER))),
        ("a diff in a fence", rust(&format!("```diff\n{diff}\n```")), applies(rust_with(BETTER))),
        (
            "a diff of other code",
            rust(&diff.replace("cents * 2", "cents * 3")),
            refuses("malformed", &["a diff"]),
        ),
        ("a plus before each line", rust(&prefixed(BETTER, |_| "+".into())), applies(rust_with(BETTER))),
        (
            "numbers before each line",
            python(&prefixed(BETTER_AREA, |row| format!("{} ", row + 4))),
            applies(python_with(BETTER_AREA)),
        ),
        (
            "numbers set apart",
            python(&prefixed(BETTER_AREA, |row| format!("{:>3} | ", row + 1))),
            applies(python_with(BETTER_AREA)),
        ),
        (
            "entities",
            python("def area(radius):\n    return radius &lt; 0 &amp;&amp; 3"),
            Must::Preview("syntax", python_with("def area(radius):\n    return radius < 0 && 3")),
        ),
        (
            "entities that are meant",
            python("def area(radius):\n    return \"&lt;\""),
            applies(python_with("def area(radius):\n    return \"&lt;\"")),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_is_refused() {
    let shown = |c: char| python_with(&format!("def area(radius):\n    return \"{c}\""));
    let says = |c: char| {
        says(python(Action::Edit).asks("Say it."), &format!("def area(radius):\n    return \"{c}\""))
    };
    let mut rows =
        vec![("a letter", says('é'), applies(shown('é'))), ("a tab", says('\t'), applies(shown('\t')))];
    for (name, c) in [
        ("nothing", '\0'),
        ("an escape", '\u{1b}'),
        ("a piece that was no text", '\u{fffd}'),
        ("what turns the writing", '\u{202e}'),
        ("a blank of no width", '\u{200b}'),
    ] {
        let code = format!("U+{:04X}", u32::from(c));
        rows.push((name, says(c), refuses("malformed", &[&code, "line 5"])));
    }
    check(rows).await;
}

/// The file instead of the region: taken back to the region, or shown where that is not certain.
#[tokio::test(start_paused = true)]
async fn all_of_the_file_is_taken_back_to_the_region() {
    let lines = |range: std::ops::Range<usize>| range.map(|n| format!("step_{n}({n})\n")).collect::<String>();
    let marked = format!("{}$0step_90(90)\n$0{}", lines(0..90), lines(91..180));
    let script = |answer: &str| {
        let mut scene = says(Scene::new("steps.py", &marked, Action::Edit).asks("Double it."), answer);
        scene.options.max_tokens = Some(2000);
        scene
    };
    let (above, below) = (lines(0..90), lines(91..180));
    let at = |new: &str| format!("{above}{new}{below}");
    let more = format!("import os\n{}", python_with(BETTER_AREA));
    let shown = python_with(&format!("import os\nimport math\n\n\n{BETTER_AREA}"));
    check([
        ("of Rust", says(rust(Action::Refactor), &rust_with(BETTER)), applies(rust_with(BETTER))),
        (
            "of Python",
            says(python(Action::Refactor), &python_with(BETTER_AREA)),
            applies(python_with(BETTER_AREA)),
        ),
        (
            "of Python, with an import more",
            says(python(Action::Refactor), &more),
            Must::Preview("invariant", shown),
        ),
        ("that is long", script(&at("step_90(180)\n")), applies(at("step_90(180)\n"))),
        (
            "all above, and what is round the region",
            script(&format!("{above}step_90(180)\n{}", lines(91..95))),
            applies(at("step_90(180)\n")),
        ),
        (
            "some of it, changed",
            script("step_88(88)\nstep_89(88)\nstep_90(180)\nstep_91(91)\nstep_92(92)"),
            Must::Preview("invariant", at("step_88(88)\nstep_89(88)\nstep_90(180)\n")),
        ),
        (
            "other lines of it",
            script(&format!("step_90(180)\n{}", lines(10..20))),
            Must::Preview("invariant", at(&format!("step_90(180)\n{}", lines(10..20)))),
        ),
        (
            "a line over and over",
            script(&"step_90(180)\n".repeat(9)),
            Must::Preview("invariant", at(&"step_90(180)\n".repeat(9))),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mark_at_the_start_of_a_file_stays() {
    let marked = "\u{feff}def f():$0\n    x = 1\n    return x\n";
    let body = "def f():\n    return 1";
    for (name, text) in [("LF", marked.to_owned()), ("CR", marked.replace('\n', "\r"))] {
        let newline = if name == "LF" { "\n" } else { "\r" };
        let after = format!("\u{feff}{body}\n").replace('\n', newline);
        let scene = Scene::new("a.py", &text, Action::Edit).asks("Shorten it.");
        check([(name, says(scene, body), applies(after))]).await;
    }
}

//! The guards that look at a change: syntax, what an action promises, and what goes missing.

use codesage::edit::Action;

use super::scene::Scene;
use super::{
    AREA, BETTER, BETTER_AREA, DOUBLED, Must, PYTHON, applies, check, python, python_with, refuses, rust,
    rust_with,
};

/// The same answer to the first question and to the second.
fn writes(scene: Scene, body: &str) -> Scene {
    scene.writes(body).writes(body)
}

#[tokio::test(start_paused = true)]
async fn no_syntax_error_is_added() {
    let shown = |body: &str| Must::Preview("syntax", rust_with(body));
    let in_rust = |body: &str| writes(rust(Action::Refactor), body);
    let open = "    pub fn doubled(&self) -> u64 {\n        self.0 * 2";
    let deep = "    pub fn doubled(&self) -> u64 {\n        (self.0 * 2\n    }";
    let quote = "    pub fn doubled(&self) -> u64 {\n        \"2.len()\n    }";
    let prose = "    Here is the code, which is now shorter than it was.";
    check([
        ("a brace that is open", in_rust(open), shown(open)),
        ("a bracket that is open", in_rust(deep), shown(deep)),
        ("a quote that is open", in_rust(quote), shown(quote)),
        ("prose instead of code", in_rust(prose), shown(prose)),
        (
            "a marker that is none",
            in_rust(&format!("{BETTER}\n    <<<DONE>>>")),
            shown(&format!("{BETTER}\n    <<<DONE>>>")),
        ),
        (
            "Python that stands nowhere",
            writes(python(Action::Refactor), "def area(radius):\nreturn 3"),
            Must::Preview("syntax", python_with("def area(radius):\nreturn 3")),
        ),
        ("cut off without an end", rust(Action::Refactor).says(open).says(open), shown(open)),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn in_a_broken_file_only_the_region_counts() {
    let broken = |marked: &str| Scene::new("a.rs", marked, Action::Edit).asks("Return 2.");
    let text = "fn a() -> u32 {$0\n    1\n}\n\nfn b( {\n    let x = ;\n}\n";
    let better = "fn a() -> u32 {\n    2\n}";
    let after = |body: &str| text.replace("$0", "").replace("fn a() -> u32 {\n    1\n}", body);
    let worse = "fn a() -> u32 {\n    2 +\n}";
    let itself = "fn a() -> u32 {$0\n    1 +\n}\n";
    check([
        ("good code beside broken code", broken(text).writes(better), applies(after(better))),
        (
            "broken code beside broken code",
            writes(broken(text), worse),
            Must::Preview("syntax", after(worse)),
        ),
        ("broken code mended", broken(itself).writes(better), applies(format!("{better}\n"))),
        (
            "broken code broken further",
            writes(broken(itself), "fn a() -> u32 {\n    1 + ) 2 (\n}"),
            Must::Preview("syntax", "fn a() -> u32 {\n    1 + ) 2 (\n}\n".into()),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn documentation_changes_no_code() {
    let documented = format!("    /// Twice as much.\n{DOUBLED}");
    let changed = format!("    /// Twice as much.\n{BETTER}");
    let docstring = AREA.replacen(":\n", ":\n    \"\"\"The area of a disc.\"\"\"\n", 1);
    let changed_too = BETTER_AREA.replacen(":\n", ":\n    \"\"\"The area of a disc.\"\"\"\n", 1);
    check([
        ("a comment", rust(Action::Document).writes(&documented), applies(rust_with(&documented))),
        ("a docstring", python(Action::Document).writes(&docstring), applies(python_with(&docstring))),
        (
            "a comment and other code",
            rust(Action::Document).writes(&changed),
            Must::Preview("invariant", rust_with(&changed)),
        ),
        (
            "a docstring and other code",
            python(Action::Document).writes(&changed_too),
            Must::Preview("invariant", python_with(&changed_too)),
        ),
        (
            "no code at all, but comments",
            python(Action::Document).writes("# The area of a disc.\n# Takes its radius."),
            Must::Preview("invariant", python_with("# The area of a disc.\n# Takes its radius.")),
        ),
        (
            "a file of which nothing can be told",
            Scene::new("a.lua", "function f()$0\n  return 1\nend\n", Action::Document)
                .writes("-- One.\nfunction f()\n  return 1\nend"),
            Must::Preview("invariant", "-- One.\nfunction f()\n  return 1\nend\n".into()),
        ),
    ])
    .await;
}

const TESTED: &str = "fn twice(x: u32) -> u32 {$0\n    x * 2\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn doubles() {\n        assert_eq!(twice(2), 4);\n    }\n}\n";

#[tokio::test(start_paused = true)]
async fn a_test_is_added_and_nothing_else_is_changed() {
    let test = |marked: &str| Scene::new("src/twice.rs", marked, Action::UnitTest);
    let plain = TESTED.replace("$0", "");
    let added = |test: &str| format!("{}\n{test}}}\n", plain.strip_suffix("}\n").expect("it ends so"));
    let untested = "fn twice(x: u32) -> u32 {$0\n    x * 2\n}\n";
    let rest = "of_nothing() {\n        assert_eq!(twice(0), 0);\n    }";
    check([
        (
            "into the block that is there",
            test(TESTED).writes(rest),
            applies(added("    #[test]\n    fn of_nothing() {\n        assert_eq!(twice(0), 0);\n    }\n")),
        ),
        (
            "into a new block",
            test(untested).writes(rest),
            applies("fn twice(x: u32) -> u32 {\n    x * 2\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn of_nothing() {\n        assert_eq!(twice(0), 0);\n    }\n}\n"),
        ),
        (
            "under a name that is taken",
            test(TESTED).writes("doubles() {\n        assert_eq!(twice(3), 6);\n    }"),
            applies(added("    #[test]\n    fn doubles_2() {\n        assert_eq!(twice(3), 6);\n    }\n")),
        ),
        (
            "twice the same",
            test(TESTED).writes(&format!("{rest}\n\n    #[test]\n    fn {rest}")),
            applies(added("    #[test]\n    fn of_nothing() {\n        assert_eq!(twice(0), 0);\n    }\n\n    #[test]\n    fn of_nothing_2() {\n        assert_eq!(twice(0), 0);\n    }\n")),
        ),
        (
            "typed above meanwhile",
            test(TESTED).writes(rest).typed("fn twice", "// Two times.\nfn twice"),
            applies(
                added("    #[test]\n    fn of_nothing() {\n        assert_eq!(twice(0), 0);\n    }\n")
                    .replacen("fn twice", "// Two times.\nfn twice", 1),
            ),
        ),
        ("nothing", writes(test(TESTED), ""), refuses("empty", &["The answer is empty"])),
        (
            "a test that never closes",
            writes(test(TESTED), "of_nothing() {\n        assert_eq!(twice(0), 0);"),
            Must::Preview("syntax", added("    #[test]\n    fn of_nothing() {\n        assert_eq!(twice(0), 0);\n")),
        ),
        (
            "at its limit",
            Scene { options: codesage::assist::act::Options { max_tokens: Some(4), ..Default::default() }, ..test(TESTED).writes(rest) },
            refuses("truncated", &["cut off"]),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_test_of_python_goes_to_its_file() {
    let made = "from shapes import area\n\n\ndef test_area():\n    assert area(0) == 0\n";
    let there = "from shapes import area\n\n\ndef test_area():\n    assert area(0) == 0\n";
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("it is there");
    let scene = |answer: &str| Scene { root: root.clone(), ..python(Action::UnitTest).writes(answer) };
    // The answer goes on from what the prompt ends in.
    let answer = || scene("():\n    assert area(0) == 0");
    let seen = answer().play().await;
    let opening = &seen.backend.instructs()[0].prefill;
    assert!(opening.ends_with("def test_area"), "{opening}");
    assert_eq!(
        (seen.ended, seen.file),
        (super::Ended::Applied(made.into()), Some(("tests/test_shapes.py".into(), false)))
    );
    let mut again = answer();
    again.beside.push(("tests/test_shapes.py".into(), there.into()));
    let seen = again.play().await;
    let both = format!("{there}\n\ndef test_area_2():\n    assert area(0) == 0\n");
    assert_eq!(
        (seen.ended, seen.file),
        (super::Ended::Applied(both), Some(("tests/test_shapes.py".into(), true)))
    );
    check([(
        "where nothing tells whether it is one",
        Scene {
            root,
            ..Scene::new("f.ts", "function f() {$0\n  return 1;\n}\n", Action::UnitTest)
                .writes("test(\"f\", () => expect(f()).toBe(1));")
        },
        Must::Preview("invariant", "test(\"f\", () => expect(f()).toBe(1));\n".into()),
    )])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_rename_changes_names_alone() {
    let asks = |body: &str| python(Action::Edit).asks("Rename square to squared.").writes(body);
    let renamed = AREA.replace("square", "squared");
    let more = "def area(radius):\n    squared = radius**2\n    return math.pi * squared";
    let two = "def area(radius):\n    squared = radius * radius\n    return math.pi * area_squared";
    check([
        ("the name", asks(&renamed), applies(python_with(&renamed))),
        ("the name and an expression", asks(more), Must::Preview("invariant", python_with(more))),
        ("two names for one", asks(two), Must::Preview("invariant", python_with(two))),
        (
            "the name and a line more",
            asks(&format!("{renamed} + 0")),
            Must::Preview("invariant", python_with(&format!("{renamed} + 0"))),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn layout_changes_blanks_alone() {
    let asks = |body: &str| python(Action::Edit).asks("Format this.").writes(body);
    let spread = AREA.replace("radius * radius", "(\n        radius * radius\n    )");
    let blanks = AREA.replace("    return", "\n    return");
    check([
        ("a blank line", asks(&blanks), applies(python_with(&blanks))),
        ("other code", asks(BETTER_AREA), Must::Preview("invariant", python_with(BETTER_AREA))),
        ("brackets that were not there", asks(&spread), Must::Preview("invariant", python_with(&spread))),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refactoring_keeps_what_others_see() {
    let other = BETTER.replace("&self", "&self, times: u64");
    let named = rust(Action::Refactor).asks("Let doubled take how often.").writes(&other);
    check([
        (
            "another signature",
            rust(Action::Refactor).writes(&other),
            Must::Preview("invariant", rust_with(&other)),
        ),
        ("a signature that was named", named, applies(rust_with(&other))),
        (
            "no longer public",
            rust(Action::Refactor).writes(&BETTER.replace("pub ", "")),
            Must::Preview("invariant", rust_with(&BETTER.replace("pub ", ""))),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fix_touches_what_is_wrong() {
    let text = PYTHON.replace("$0", "");
    let at = text.find("math.pi * square").expect("it is there");
    let fix = |body: &str| {
        let mut scene = Scene::new("shapes.py", PYTHON, Action::Fix).asks("math is not defined").writes(body);
        scene.diagnostic = Some(at..at + 4);
        scene
    };
    let right = AREA.replace("math.pi", "3.14");
    let far = "def area(radius):\n    # Here.\n\n    square = radius * radius\n\n    return math.pi * square";
    let wide = text.replace(
        "    square = radius * radius\n",
        "    square = radius * radius\n    a = 1\n    b = 2\n    c = 3\n",
    );
    let mut elsewhere = Scene::new("shapes.py", &wide.replacen("def area", "$0def area", 1), Action::Fix);
    elsewhere.diagnostic = wide.find("math.pi * square").map(|at| at..at + 4);
    elsewhere.selection = elsewhere.diagnostic.clone().expect("it is there");
    let other = "def area(radius):\n    square = radius**2\n    a = 1\n    b = 2\n    c = 3\n    return math.pi * square";
    check([
        ("the statement", fix(&right), applies(python_with(&right))),
        ("a line beside it", fix(far), applies(python_with(far))),
        (
            "another statement",
            elsewhere.asks("math is not defined").writes(other),
            Must::Preview("invariant", wide.replacen("square = radius * radius", "square = radius**2", 1)),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_missing_is_shown_first() {
    let text = "$0def a():\n    return 1\n\n\ndef b():\n    return 2\n$0\n\ndef c():\n    return 3\n";
    let both = |body: &str| Scene::new("a.py", text, Action::Edit).asks("Return more.").writes(body);
    let rest = "\n\n\ndef c():\n    return 3\n";
    let long: String = (0..12).map(|i| format!("    step({i})\n")).collect();
    let lines = format!("def run():$0\n{long}");
    let short = "def run():\n    for i in range(12):\n        step(i)";
    let many = |body: &str| Scene::new("a.py", &lines, Action::Edit).asks("Use a loop.").writes(body);
    check([
        (
            "both are there",
            both("def a():\n    return 2\n\n\ndef b():\n    return 3"),
            applies(format!("def a():\n    return 2\n\n\ndef b():\n    return 3{rest}")),
        ),
        (
            "one of two is gone",
            both("def a():\n    return 2"),
            Must::Preview("loss", format!("def a():\n    return 2{rest}")),
        ),
        (
            "one is there under another name",
            both("def a():\n    return 2\n\n\ndef z():\n    return 3"),
            Must::Preview("loss", format!("def a():\n    return 2\n\n\ndef z():\n    return 3{rest}")),
        ),
        ("most lines are gone", many(short), Must::Preview("loss", format!("{short}\n"))),
        (
            "a stub",
            python(Action::Refactor).writes("# as before"),
            Must::Preview("invariant", python_with("# as before")),
        ),
        ("few lines of few", rust(Action::Refactor).writes(BETTER), applies(rust_with(BETTER))),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn code_that_comes_twice_is_shown_first() {
    let twice = format!("{BETTER_AREA}\n\n\n{BETTER_AREA}");
    let method = format!("{BETTER}\n\n{BETTER}");
    let other = format!("{BETTER_AREA}\n\n\ndef volume(radius):\n    return 4 / 3 * area(radius) * radius");
    check([
        (
            "a function",
            python(Action::Refactor).writes(&twice),
            Must::Preview("invariant", python_with(&twice)),
        ),
        ("a method", rust(Action::Refactor).writes(&method), Must::Preview("invariant", rust_with(&method))),
        (
            "one that stands below",
            python(Action::Edit)
                .asks("Simplify.")
                .writes(&format!("{BETTER_AREA}\n\n\ndef edge(radius):\n    return 7 * radius")),
            Must::Preview(
                "invariant",
                python_with(&format!("{BETTER_AREA}\n\n\ndef edge(radius):\n    return 7 * radius")),
            ),
        ),
        (
            "another one",
            python(Action::Edit).asks("Add volume.").writes(&other),
            applies(python_with(&other)),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn actions_of_words_change_nothing() {
    for action in [Action::Explain, Action::Review] {
        let seen = python(action).says("The name `square` hides nothing.\n").play().await;
        assert_eq!(seen.ended, super::Ended::Answer("The name `square` hides nothing.".into()));
        assert_eq!(seen.acted.findings.len(), usize::from(action == Action::Review));
    }
}

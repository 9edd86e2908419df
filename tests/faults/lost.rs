//! What goes missing without a word: code that a comment stands for, bodies that become stubs, comments; and names
//! that come to mean two things.

use codesage::edit::Action;

use super::scene::Scene;
use super::{AREA, DOUBLED, Must, PYTHON, applies, check, python, python_with, refuses, rust, rust_with};

fn writes(scene: Scene, body: &str) -> Scene {
    scene.writes(body).writes(body)
}

const RUN: &str = "def run(job):$0\n    # NB: comes first.\n    first = open(job)\n    second = read(first)  # type: ignore\n    third = parse(second)\n    return third\n";

#[tokio::test(start_paused = true)]
async fn marks_of_laziness_in_any_form() {
    let run = |body: &str| writes(Scene::new("a.py", RUN, Action::Edit).asks("Improve it."), body);
    let plain = RUN.replace("$0", "");
    let head = "def run(job):\n    # NB: comes first.\n";
    let lazy = |line: &str| run(&format!("{head}    first = open(job)\n    {line}\n    return third"));
    let same = || refuses("empty", &["the same"]);
    let refused = || refuses("elision", &["leaves code out"]);
    let doubted = plain.replace(
        "    second = read(first)  # type: ignore\n    third = parse(second)\n",
        "    # ... bestehender Code ...\n",
    );
    check([
        ("dots", lazy("..."), same()),
        ("dots and a comment", lazy("...  # existing code"), same()),
        ("a statement that does nothing", lazy("pass  # ... rest of the function ..."), same()),
        ("a comment", lazy("# [the rest of the code is unchanged]"), same()),
        ("in other words", lazy("# same as before"), same()),
        ("behind code", lazy("second = read(first)  # ... existing code ..."), refused()),
        ("in another language", lazy("# ... bestehender Code ..."), Must::Preview("elision", doubted)),
        (
            "beside a step that is new",
            run(&format!("{head}    first = open(job)\n    started()\n    ...\n    return third")),
            refuses("elision", &["left code out"]),
        ),
        (
            "below a step that is not",
            run(&format!("{head}    started()\n    first = open(job)\n    ...\n    third = parse(second)\n    return third")),
            applies(plain.replace("    first = ", "    started()\n    first = ")),
        ),
        (
            "in a block of Rust",
            writes(rust(Action::Refactor), "    pub fn doubled(&self) -> u64 { /* ... */ }"),
            refused(),
        ),
        (
            "where nothing is known of the language",
            writes(
                Scene::new("a.lua", "$0function f()\n  return 1\nend$0\n", Action::Edit).asks("Return 2."),
                "function f() -- ... existing code ...\nend",
            ),
            refused(),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn stubs_are_shown_first() {
    let in_rust = |body: &str| {
        let method = format!("    pub fn doubled(&self) -> u64 {{\n        {body}\n    }}");
        (rust(Action::Refactor).writes(&method), Must::Preview("loss", rust_with(&method)))
    };
    let in_python = |body: &str| {
        let function = format!("def area(radius):\n    {body}");
        (python(Action::Refactor).writes(&function), Must::Preview("loss", python_with(&function)))
    };
    let mut rows = Vec::new();
    for body in ["todo!()", "unimplemented!(\"later\")", "// Later."] {
        let (scene, must) = in_rust(body);
        rows.push((body, scene, must));
    }
    for body in ["pass", "...", "raise NotImplementedError(\"area\")", "\"\"\"Its area.\"\"\"\n    pass"] {
        let (scene, must) = in_python(body);
        rows.push((body, scene, must));
    }
    check(rows).await;
}

#[tokio::test(start_paused = true)]
async fn comments_stay_with_their_code() {
    let plain = RUN.replace("$0", "");
    let run = |action, without: &str| {
        let after = plain.replace(without, "").replace("return third", "return third or None");
        (Scene::new("a.py", RUN, action).asks("Allow none.").writes(after.trim_end()), after)
    };
    let (kept, after) = run(Action::Edit, "nothing of it");
    let (above, without_above) = run(Action::Edit, "    # NB: comes first.\n");
    let (behind, without_behind) = run(Action::Refactor, "  # type: ignore");
    let documented =
        plain.replace("(job):\n    # NB: comes first.\n", "(job):\n    \"\"\"Runs a job.\"\"\"\n");
    check([
        ("all there", kept, applies(after)),
        ("one above a line", above, Must::Preview("loss", without_above)),
        ("one behind code", behind, Must::Preview("loss", without_behind)),
        (
            "one that a docstring took the place of",
            Scene::new("a.py", RUN, Action::Document).writes(documented.trim_end()),
            applies(documented),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_name_means_one_thing() {
    let text = "def f(a, b):$0\n    c = a + b\n    return c * a\n\n\ndef g(a):\n    return f(a, 2)\n";
    let plain = text.replace("$0", "");
    let asks = |instruction: &str, body: &str| {
        let after = plain.replace("def f(a, b):\n    c = a + b\n    return c * a", body);
        (Scene::new("a.py", text, Action::Edit).asks(instruction).writes(body), after)
    };
    let mut rows = Vec::new();
    for (name, instruction, body, is_right) in [
        ("all of it", "Rename a to x", "def f(x, b):\n    c = x + b\n    return c * x", true),
        ("a name that is taken", "Rename a to b", "def f(b, b):\n    c = b + b\n    return c * b", false),
        ("one that others have", "Rename c to a", "def f(a, b):\n    a = a + b\n    return a * a", false),
        ("not all of it", "Rename a to x", "def f(x, b):\n    c = x + b\n    return c * a", false),
        ("another one", "Rename a to x", "def f(a, y):\n    c = a + y\n    return c * a", false),
        ("what is called elsewhere", "Rename f to h", "def h(a, b):\n    c = a + b\n    return c * a", false),
    ] {
        let (scene, after) = asks(instruction, body);
        rows.push((name, scene, if is_right { applies(after) } else { Must::Preview("invariant", after) }));
    }
    check(rows).await;
}

/// What an error is about moves with its code.
#[tokio::test(start_paused = true)]
async fn a_fix_is_held_against_where_the_error_is_by_then() {
    let at = PYTHON.replace("$0", "").find("math.pi * square").expect("it is there");
    let fix = |body: &str| {
        let mut scene = Scene::new("shapes.py", PYTHON, Action::Fix).asks("math is not defined").writes(body);
        scene.diagnostic = Some(at..at + 4);
        scene.typed("import math", "import math\n\n\n\n\n\n\nimport os")
    };
    let moved = |body: &str| python_with(body).replace("import math", "import math\n\n\n\n\n\n\nimport os");
    let right = AREA.replace("math.pi", "3.14");
    check([("the statement", fix(&right), applies(moved(&right)))]).await;
    let long = DOUBLED.replace("cents * 2", "a();\n        b();\n        c();\n        cents * 2");
    let text = rust_with(&long);
    let mut elsewhere =
        Scene::new("src/price.rs", &text.replacen("pub fn doubled", "$0pub fn doubled", 1), Action::Fix);
    elsewhere.diagnostic = text.find("cents * 2").map(|at| at..at + 5);
    let wrong = long.replace("self.0", "self.1");
    let above = ("use std::fmt;", "use std::fmt;\nuse std::io;");
    let after = rust_with(&wrong).replace(above.0, above.1);
    let scene = elsewhere.asks("cents is wrong").writes(&wrong).typed(above.0, above.1);
    check([("another statement", scene, Must::Preview("invariant", after))]).await;
}

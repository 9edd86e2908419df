//! The repair ladder: what a model gets wrong round the right code, and the ways in which a search nearly stands in a
//! text.

use codesage::edit::Action;
use codesage::edit::hunk::{self, Step};
use codesage::edit::markers::Hunk;
use codesage::edit::script::Refusal;

use super::scene::Scene;
use super::{BETTER, RUST, applies, check, refuses, rust, rust_with};

/// [`RUST`] with other blanks, or other ends of lines.
fn changed(change: impl Fn(&str) -> String, body: &str) -> Scene {
    Scene::new("src/price.rs", &change(RUST), Action::Refactor).writes(body).writes(body)
}

fn tabs(text: &str) -> String {
    text.replace("    ", "\t")
}

fn two(text: &str) -> String {
    text.replace("    ", "  ")
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn dedented(text: &str) -> String {
    text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn indentation_becomes_that_of_the_file() {
    let writes = |body: &str| rust(Action::Refactor).writes(body);
    let better = || applies(rust_with(BETTER));
    check([
        ("dedented", writes(&dedented(BETTER)), better()),
        ("too deep", writes(&indented(BETTER)), better()),
        ("all but its first line", writes(BETTER.trim_start()), better()),
        ("in tabs", writes(&tabs(BETTER)), better()),
        ("in tabs, dedented", writes(&tabs(&dedented(BETTER))), better()),
        ("in spaces, of a file in tabs", changed(tabs, BETTER), applies(tabs(&rust_with(BETTER)))),
        ("in two spaces, of a file in tabs", changed(tabs, &two(BETTER)), applies(tabs(&rust_with(BETTER)))),
        ("dedented, of a file in tabs", changed(tabs, &dedented(BETTER)), applies(tabs(&rust_with(BETTER)))),
        ("in tabs, of a file in two spaces", changed(two, &tabs(BETTER)), applies(two(&rust_with(BETTER)))),
        ("blank lines at both ends", writes(&format!("\n\n{BETTER}\n   \n")), better()),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn line_ends_are_those_of_the_file() {
    let crlf_better = || applies(crlf(&rust_with(BETTER)));
    // All but the last lines end in CRLF.
    let mixed = |text: &str| text.replacen('\n', "\r\n", 12);
    let last = |text: &str| text.trim_end().to_owned();
    let tail =
        |body: &str, marked: &str| Scene::new("a.py", marked, Action::Edit).asks("Use b.").writes(body);
    check([
        ("LF, of a file in CRLF", changed(crlf, BETTER), crlf_better()),
        ("CRLF, of a file in CRLF", changed(crlf, &crlf(BETTER)), crlf_better()),
        ("both, of a file in CRLF", changed(crlf, &BETTER.replacen('\n', "\r\n", 1)), crlf_better()),
        ("CRLF, of a file in LF", rust(Action::Refactor).writes(&crlf(BETTER)), applies(rust_with(BETTER))),
        (
            "both, of a file in LF",
            rust(Action::Refactor).writes(&BETTER.replacen('\n', "\r\n", 1)),
            applies(rust_with(BETTER)),
        ),
        ("of a file with both, that has more CRLF", changed(mixed, BETTER), {
            let after = rust_with(&crlf(BETTER));
            let (above, below) = after.split_once(&crlf(BETTER)).expect("it is there");
            let lines = 12 - above.matches('\n').count() - super::DOUBLED.matches('\n').count();
            applies([&crlf(above), &crlf(BETTER), &*below.replacen('\n', "\r\n", lines)].concat())
        }),
        (
            "of a file in lone CR",
            tail("a = b", "x = 1\r$0a = 1\r$0y = 2\r"),
            applies("x = 1\ra = b\ry = 2\r"),
        ),
        ("of a file without a last one, elsewhere", changed(last, BETTER), applies(last(&rust_with(BETTER)))),
        ("of a file without a last one, there", tail("a = b", "x = 1\n$0a = 1$0"), applies("x = 1\na = b")),
        ("the same, and the cursor", tail("a = b\n\n", "a$0 = 1"), applies("a = b")),
        ("of a file that ends in blank lines", tail("a = b", "$0a = 1\n\n\n$0"), applies("a = b\n\n\n")),
        (
            "CRLF, none at the end",
            tail("a = b\nc = d", "x = 1\r\n$0a = 1$0"),
            applies("x = 1\r\na = b\r\nc = d"),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn echoed_surroundings_are_taken_off() {
    let writes = |body: &str| rust(Action::Refactor).writes(body).writes(body);
    let better = || applies(rust_with(BETTER));
    let label = "    fn label(&self) -> String {\n        format!(\"{} ct\", self.0)\n    }";
    let statement = |body: &str| {
        let text = "def f(a):\n    b = a + 1\n$0    c = b * 2\n$0    d = c - 3\n    return d\n";
        Scene::new("a.py", text, Action::Edit).asks("Double it by adding.").writes(body).writes(body)
    };
    let added = || applies("def f(a):\n    b = a + 1\n    c = b + b\n    d = c - 3\n    return d\n");
    check([
        ("what opens the block", writes(&format!("impl Price {{\n{BETTER}")), better()),
        (
            "all above",
            writes(&format!("/// A price in cents.\npub struct Price(u64);\n\nimpl Price {{\n{BETTER}")),
            better(),
        ),
        ("what follows", writes(&format!("{BETTER}\n\n{label}")), better()),
        ("all below", writes(&format!("{BETTER}\n\n{label}\n}}")), better()),
        ("above and below", writes(&format!("impl Price {{\n{BETTER}\n\n{label}\n}}")), better()),
        (
            "what opens the block, and what closes it",
            writes(&format!("impl Price {{\n{BETTER}\n}}")),
            better(),
        ),
        (
            "a statement with one above and two below",
            statement("    b = a + 1\n    c = b + b\n    d = c - 3\n    return d"),
            added(),
        ),
        (
            "a statement with the whole function",
            statement("def f(a):\n    b = a + 1\n    c = b + b\n    d = c - 3\n    return d"),
            added(),
        ),
    ])
    .await;
}

/// Six steps, of which an answer changes some.
const STEPS: &str = "\
def run(job):$0
    first = open(job)
    second = read(first)
    third = parse(second)
    fourth = check(third)
    fifth = store(fourth)
    return fifth
";

#[tokio::test(start_paused = true)]
async fn code_left_out_is_put_back_or_the_answer_is_refused() {
    let says =
        |body: &str| Scene::new("a.py", STEPS, Action::Edit).asks("Check twice.").writes(body).writes(body);
    let after = |line: &str| applies(STEPS.replace("$0", "").replace("    fourth = check(third)", line));
    let refused = || refuses("elision", &["left code out at `# ...", "not certain"]);
    check([
        (
            "in the middle",
            says("def run(job):\n    first = open(job)\n    # ... existing code ...\n    third = parse(second)\n    fourth = check(check(third))\n    fifth = store(fourth)\n    return fifth"),
            after("    fourth = check(check(third))"),
        ),
        (
            "twice",
            says("def run(job):\n    # ... existing code ...\n    third = parse(second)\n    fourth = check(check(third))\n    fifth = store(fourth)\n    # ... rest of the code ...\n    return fifth"),
            after("    fourth = check(check(third))"),
        ),
        (
            "at the end",
            says("def run(job):\n    first = open(job)\n    second = read(first)\n    third = parse(second)\n    fourth = check(check(third))\n    fifth = store(fourth)\n    # ... unchanged ..."),
            after("    fourth = check(check(third))"),
        ),
        (
            "beside a line that is new",
            says("def run(job):\n    # ... existing code ...\n    checked = check(check(third))\n    fifth = store(checked)\n    return fifth"),
            refused(),
        ),
        (
            "between lines that have changed places",
            says("def run(job):\n    fifth = store(fourth)\n    # ... existing code ...\n    first = open(job)\n    return fifth"),
            refused(),
        ),
        (
            "between lines that stand there twice",
            Scene::new("a.py", "def run(job):$0\n    tick()\n    read(job)\n    tick()\n    store(job)\n    tick()\n", Action::Edit)
                .asks("Tick less.")
                .writes("def run(job):\n    begin()\n    tick()\n    # ... existing code ...\n    tick()\n    store(job)\n    tick()")
                .writes("def run(job):\n    begin()\n    tick()\n    # ... existing code ...\n    tick()\n    store(job)\n    tick()"),
            refused(),
        ),
        (
            "a comment that the code has, too",
            Scene::new("a.py", "def run(job):$0\n    # ... existing code ...\n    return job\n", Action::Edit)
                .asks("Return two.")
                .writes("def run(job):\n    # ... existing code ...\n    return job, job"),
            applies("def run(job):\n    # ... existing code ...\n    return job, job\n"),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_elision_is_told_to_the_model() {
    let lazy =
        "def run(job):\n    # ... existing code ...\n    checked = check(check(third))\n    return checked";
    let whole = STEPS.replace("$0", "").replace("check(third)", "check(check(third))");
    let scene =
        Scene::new("a.py", STEPS, Action::Edit).asks("Check twice.").writes(lazy).writes(whole.trim_end());
    let seen = scene.play().await;
    assert_eq!(seen.ended, super::Ended::Applied(whole));
    assert!(seen.backend.instructs()[1].user.contains("left code out at `# ... existing code ...`"));
}

/// A search, what is looked for in, and on which rung it stands there; or the code of what refuses it.
#[test]
fn a_search_is_found_where_that_is_certain() {
    let text = "fn a() {\n    let x = \"one\";\n    x.len()\n}\n\nfn b() {\n    let y = 2;\n    y\n}\n\nfn c() {\n    let y = 2;\n    y + 1\n}\n";
    let found = |search: &str, replace: &str| {
        let hunk = Hunk { search: search.to_owned(), replace: replace.to_owned() };
        hunk::apply(text, &[hunk], None).map(|applied| (applied.steps[0], applied.text))
    };
    for (name, search, replace, step, old, new) in [
        ("exact", "    x.len()\n", "    x.len() + 1\n", Step::Exact, "    x.len()", "    x.len() + 1"),
        ("trailing blanks", "    x.len()  \n", "    0\n", Step::TrailingBlanks, "    x.len()", "    0"),
        ("indentation", "x.len()\n", "0\n", Step::Indentation, "    x.len()", "    0"),
        (
            "blanks",
            "    let  x =  \"one\";\n",
            "    let x = 1;\n",
            Step::Blanks,
            "    let x = \"one\";",
            "    let x = 1;",
        ),
        (
            "quotes",
            "    let x = 'one';\n",
            "    let x = 'two';\n",
            Step::Quotes,
            "    let x = \"one\";",
            "    let x = 'two';",
        ),
        (
            "elision",
            "fn a() {\n    ...\n    x.len()\n",
            "fn a() {\n    ...\n    0\n",
            Step::Elision,
            "    x.len()",
            "    0",
        ),
    ] {
        let expected = text.replacen(old, new, 1);
        assert_eq!(found(search, replace), Ok((step, expected)), "{name}");
    }
    let anchored = "fn b() {\n    let z = 3;\n    y\n}\n\nfn c() {\n";
    let hunk = Hunk { search: anchored.to_owned(), replace: "fn c() {\n".to_owned() };
    let applied = hunk::apply(text, &[hunk], None).expect("its ends stand there");
    assert!(applied.steps == [Step::Anchors] && !applied.is_certain(), "by its ends alone it is only shown");
    for (name, search, code) in [
        ("nowhere", "    let z = 9;\n    z\n", "missing"),
        ("in two places", "    let y = 2;\n", "ambiguous"),
        ("everywhere", "\n", "empty"),
    ] {
        assert_eq!(found(search, "").map_err(|refusal| refusal.code()), Err(code), "{name}");
    }
    let hunk = |search: &str| Hunk { search: search.to_owned(), replace: String::new() };
    let within = text.find("fn c").map(|start| start..text.len());
    let inside = hunk::apply(text, &[hunk("    let y = 2;\n")], within).expect("one of them is in it");
    assert_eq!(inside.text, text.replacen("fn c() {\n    let y = 2;\n", "fn c() {\n", 1), "the one inside");
    let overlapping = [hunk("    x.len()\n}\n"), hunk("    let x = \"one\";\n    x.len()\n")];
    let refused = hunk::apply(text, &overlapping, None);
    assert_eq!(refused, Err(Refusal::Overlap { hunk: 0, other: 1 }), "of two that overlap none is made");
    let half = [hunk("    x.len()\n"), hunk("nowhere\n")];
    assert_eq!(
        hunk::apply(text, &half, None).map_err(|refusal| refusal.code()),
        Err("missing"),
        "all or none"
    );
}

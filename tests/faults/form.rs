//! The form of an answer: markers, fences, headers and limits, by the rules of the parser.

use codesage::edit::Action;

use super::scene::{END, Scene};
use super::{BETTER, BETTER_AREA, Must, applies, check, python, python_with, refuses, rust, rust_with};

/// A refactoring answered with this, to the byte; a second time too, where the model is asked again.
fn says(answer: &str) -> Scene {
    rust(Action::Refactor).says(answer).says(answer)
}

fn says_in_python(answer: &str) -> Scene {
    python(Action::Refactor).says(answer).says(answer)
}

fn better() -> Must {
    applies(rust_with(BETTER))
}

#[tokio::test(start_paused = true)]
async fn markers_are_taken_as_models_write_them() {
    let mut rows = Vec::new();
    for (name, end) in [
        ("as asked for", "<<<AI_EDIT_END>>>\n"),
        ("nothing behind it", "<<<AI_EDIT_END>>>"),
        ("small letters", "<<<ai_edit_end>>>\n"),
        ("blanks", "<<<AI EDIT END>>>\n"),
        ("dashes", "<<<AI-EDIT-END>>>\n"),
        ("two brackets", "<<AI_EDIT_END>>\n"),
        ("four brackets", "<<<<AI_EDIT_END>>>>\n"),
        ("a closing slash", "<<</AI_EDIT_END>>>\n"),
        ("bold", "**<<<AI_EDIT_END>>>**\n"),
        ("in backticks", "`<<<AI_EDIT_END>>>`\n"),
        ("a heading", "### <<<AI_EDIT_END>>>\n"),
        ("a comment", "// <<<AI_EDIT_END>>>\n"),
        ("indented", "        <<<AI_EDIT_END>>>\n"),
        ("CRLF", "<<<AI_EDIT_END>>>\r\n"),
        ("twice", "<<<AI_EDIT_END>>>\n<<<AI_EDIT_END>>>\n"),
        ("prose behind it", "<<<AI_EDIT_END>>> I made it shorter.\n"),
        ("an explanation below", "<<<AI_EDIT_END>>>\nI made it shorter.\n"),
        ("a second edit below", "<<<AI_EDIT_END>>>\n<<<AI_EDIT_START>>>\nfn x() {}\n<<<AI_EDIT_END>>>\n"),
        ("the next example below", "<<<AI_EDIT_END>>>\nFILE: src/other.rs\nTASK: Add a test.\n"),
        ("cut off within", "<<<AI_EDIT_E"),
        ("cut off after a bracket", "<<<A"),
        ("never", ""),
    ] {
        rows.push((name, says(&format!("{BETTER}\n{end}")), better()));
    }
    for (name, answer) in [
        ("on the last line of the code", format!("{BETTER} {END}\n")),
        ("glued to it", format!("{BETTER}{END}\n")),
        ("the start once more", format!("<<<AI_EDIT_START>>>\n{BETTER}\n{END}\n")),
        ("the start twice more", format!("<<<AI_EDIT_START>>>\n<<ai edit start>>\n{BETTER}\n{END}\n")),
        ("no line end at all", BETTER.to_owned()),
    ] {
        rows.push((name, says(&answer), better()));
    }
    check(rows).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_ambiguous_is_never_applied() {
    let malformed = |part: &str| refuses("malformed", &[part]);
    let hunk = "<<<AI_SEARCH>>>\n        cents * 2\n<<<AI_REPLACE>>>\n        cents + cents\n";
    check([
        (
            "an edit within the edit",
            says(&format!("{BETTER}\n<<<AI_EDIT_START>>>\nfn other() {{}}\n{END}\n")),
            malformed("several changes"),
        ),
        (
            "the first edit not ended, two more",
            says(&format!("{BETTER}\n<<<AI_EDIT_START>>>\n{BETTER}\n<<<AI_EDIT_START>>>\n{BETTER}\n{END}\n")),
            malformed("several changes"),
        ),
        (
            "a hunk instead of the code",
            says(&format!("{hunk}{END}\n")),
            malformed("pieces to search and replace"),
        ),
        (
            "a search without what replaces it",
            says(&format!("<<<AI_SEARCH>>>\n        cents * 2\n{END}\n")),
            malformed("without saying what shall stand there"),
        ),
        (
            "what replaces, without a search",
            says(&format!("<<<AI_REPLACE>>>\n{BETTER}\n{END}\n")),
            malformed("without saying where"),
        ),
        (
            "a search for nothing",
            says(&format!("<<<AI_SEARCH>>>\n\n<<<AI_REPLACE>>>\n{BETTER}\n{END}\n")),
            malformed("looks for nothing"),
        ),
        ("code beside a hunk", says(&format!("{BETTER}\n{hunk}{END}\n")), malformed("text stands beside")),
        (
            "two that replace one search",
            says(&format!("{hunk}<<<AI_REPLACE>>>\n        0\n{END}\n")),
            malformed("without saying where"),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_its_limit_is_never_applied() {
    let truncated = || refuses("truncated", &["cut off by a limit", "select less"]);
    let limited = |mut scene: Scene, tokens| {
        scene.options.max_tokens = Some(tokens);
        scene
    };
    check([
        ("the whole code, and no end", limited(says(&format!("{BETTER}\n{BETTER}\n")), 12), truncated()),
        ("a line that has no end", says(&"x".repeat(100_000)), truncated()),
        ("the same line over and over", says_in_python(&"    square = 1\n".repeat(4000)), truncated()),
        (
            "the same function over and over",
            says_in_python(&format!("{BETTER_AREA}\n\n\n").repeat(1000)),
            truncated(),
        ),
        ("only blank lines", says(&"\n".repeat(20_000)), truncated()),
        ("starts over and over", says(&"<<<AI_EDIT_START>>>\n".repeat(2000)), truncated()),
        (
            "at the limit within the end marker",
            limited(says(&format!("{BETTER}\n{END}\n")), BETTER.len().div_ceil(4) as u32 + 2),
            truncated(),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_anything_is_refused() {
    let empty = || refuses("empty", &["wrote nothing in place of the code"]);
    check([
        ("nothing", says(""), empty()),
        ("blanks", says("  \n\t\n"), empty()),
        ("the end at once", says(&format!("{END}\n")), empty()),
        ("a fence round nothing", says(&format!("```rust\n```\n{END}\n")), empty()),
        (
            "the same code again",
            says(&format!("{}\n{END}\n", super::DOUBLED)),
            refuses("empty", &["the same as the code that is there"]),
        ),
        (
            "no prose",
            python(Action::Explain).says(" \n").says("\n"),
            refuses("empty", &["The model wrote nothing"]),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn fences_are_taken_off_where_they_wrap() {
    let fenced = |open: &str, close: &str| says(&format!("{open}\n{BETTER}\n{close}\n{END}\n"));
    check([
        ("of the language", fenced("```rust", "```"), better()),
        ("of another language", fenced("```python", "```"), better()),
        ("of none", fenced("```", "```"), better()),
        ("long", fenced("`````rust", "`````"), better()),
        ("tildes", fenced("~~~", "~~~"), better()),
        ("blank lines round it", fenced("\n```rust", "```\n\n"), better()),
        ("never closed", says(&format!("```rust\n{BETTER}\n{END}\n")), better()),
        ("indented", fenced("    ```rust", "    ```"), better()),
        ("round the markers", says(&format!("```rust\n{BETTER}\n{END}\n```\n")), better()),
    ])
    .await;
    // What is no fence round all of it stays, and does not parse: shown after a second try, never applied.
    for (name, answer) in [
        ("closed only", format!("{BETTER}\n```\n{END}\n")),
        ("two kinds", format!("~~~\n{BETTER}\n```\n{END}\n")),
        ("two of them", format!("```rust\n{BETTER}\n```\n```rust\n{BETTER}\n```\n{END}\n")),
    ] {
        let seen = says(&answer).play().await;
        assert!(matches!(seen.ended, super::Ended::Preview("syntax", ..)), "{name}: {:?}", seen.ended);
        assert_eq!(seen.backend.instructs().len(), 2, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn fences_of_markdown_are_its_own() {
    let guide = "# Guide\n\n$0```sh\nmake\n```\n\nThen:\n\n```text\ndone\n```$0\n\nEnd.\n";
    let section = "Run it:\n\n$0```sh\nmake\n```$0\n\nEnd.\n";
    let prose = "# Guide\n\n$0Run make.$0\n\nEnd.\n";
    let markdown = |text: &str, body: &str| {
        Scene::new("GUIDE.md", text, Action::Edit).asks("Use just.").writes(body).writes(body)
    };
    check([
        (
            "begins with one fence and ends with another",
            markdown(guide, "```sh\njust\n```\n\nThen:\n\n```text\ndone\n```"),
            applies("# Guide\n\n```sh\njust\n```\n\nThen:\n\n```text\ndone\n```\n\nEnd.\n"),
        ),
        (
            "is one fence",
            markdown(section, "```sh\njust\n```"),
            applies("Run it:\n\n```sh\njust\n```\n\nEnd.\n"),
        ),
        (
            "is prose, answered in a fence",
            markdown(prose, "```markdown\nRun just.\n```"),
            applies("# Guide\n\nRun just.\n\nEnd.\n"),
        ),
        (
            "is prose, answered with a fence in it",
            markdown(prose, "Run just:\n\n```sh\njust\n```"),
            applies("# Guide\n\nRun just:\n\n```sh\njust\n```\n\nEnd.\n"),
        ),
        (
            "has text that never ended, where nothing tells whether it is whole",
            Scene::new("GUIDE.md", prose, Action::Edit).asks("Use just.").says("Run just.\n"),
            Must::Preview("malformed", "# Guide\n\nRun just.\n\nEnd.\n".into()),
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn files_that_nobody_asked_about_stay_out() {
    let named = |headers: &str| says_in_python(&format!("{headers}{BETTER_AREA}\n{END}\n"));
    let better = || applies(python_with(BETTER_AREA));
    let malformed = || refuses("malformed", &["another file"]);
    check([
        ("its own file", named("FILE: shapes.py\n"), better()),
        ("its own file, and what it is", named("FILE: shapes.py\nLANG: python\n"), better()),
        ("its own file by another spelling", named("**FILE:** `./shapes.py`\n\n"), better()),
        ("another file", named("FILE: solids.py\n"), malformed()),
        ("a file far away", named("FILE: ../../etc/passwd.py\n"), malformed()),
        (
            "another file below the code",
            says_in_python(&format!(
                "{BETTER_AREA}\nFILE: solids.py\ndef volume(r):\n    return r**3\n{END}\n"
            )),
            malformed(),
        ),
        (
            "a name that is code",
            Scene::new("a.py", "$0NAME: str = \"a\"\n$0", Action::Edit)
                .asks("Rename NAME to FILE.")
                .writes("FILE: str = \"a\""),
            applies("FILE: str = \"a\"\n"),
        ),
        (
            "a header that the code has too",
            Scene::new("a.yaml", "$0FILE: a.py\nsize: 3\n$0", Action::Edit)
                .asks("Make it 4.")
                .writes("FILE: a.py\nsize: 4"),
            applies("FILE: a.py\nsize: 4\n"),
        ),
    ])
    .await;
}

/// A file that holds markers itself is shown with a nonce, and only markers with it count.
#[tokio::test(start_paused = true)]
async fn markers_of_the_file_are_code() {
    let text = "END = \"\"\"\n<<<AI_EDIT_END>>>\n\"\"\"\n\n\ndef ends(line):\n    \"\"\"\n    <<<AI_EDIT_END>>>\n    \"\"\"\n    x = line$0\n    return x == END\n";
    let scene = Scene::new("a.py", text, Action::Edit).asks("Shorten it.");
    let start = scene.clone().says("").play().await.backend.instructs()[0].prefill.clone();
    let nonce = start.trim().trim_start_matches("<<<AI_EDIT_START").trim_end_matches(">>>");
    assert!(nonce.starts_with(':'), "{start}");
    let body = "def ends(line):\n    \"\"\"\n    <<<AI_EDIT_END>>>\n    \"\"\"\n    return line == END";
    let after = text.replace("$0", "").replace("    x = line\n    return x == END", "    return line == END");
    check([
        ("with it", scene.clone().says(&format!("{body}\n<<<AI_EDIT_END{nonce}>>>\n")), applies(&after)),
        (
            "in a string of its own",
            python(Action::Edit)
                .asks("Say the end.")
                .says(&format!("def area(radius):\n    return \"{END}\"\n{END}\n")),
            applies(python_with(&format!("def area(radius):\n    return \"{END}\""))),
        ),
    ])
    .await;
    let seen = scene.says(&format!("{body}\n{END}\n")).says(&format!("{body}\n{END}\n")).play().await;
    assert!(matches!(seen.ended, super::Ended::Preview("syntax", ..)), "without it: {:?}", seen.ended);
}

#[tokio::test(start_paused = true)]
async fn an_explanation_is_prose_and_edits_in_it_are_discarded() {
    let explains = |answer: &str| python(Action::Explain).says(answer).says(answer);
    check([
        ("prose", explains("It is the area.\n"), Must::Answer("It is the area.")),
        (
            "with an edit in it",
            explains(&format!(
                "It is the area.\n<<<AI_EDIT_START>>>\ndef area(r):\n    pass\n{END}\nOf a disc.\n"
            )),
            Must::Answer("It is the area.\nOf a disc."),
        ),
        (
            "nothing but an edit",
            explains(&format!("<<<AI_EDIT_START>>>\ndef area(r):\n    pass\n{END}\n")),
            refuses("empty", &["The model wrote nothing"]),
        ),
        (
            "another example behind it",
            explains("It is the area.\nTASK: Add a test.\nANSWER:\nNo.\n"),
            Must::Answer("It is the area."),
        ),
        (
            "code in a fence",
            explains("It is this:\n```python\nx = 1\n```\n"),
            Must::Answer("It is this:\n```python\nx = 1\n```"),
        ),
    ])
    .await;
}

//! Tables of bodies, byte for byte. `«»` stand round the region in its file.

use proptest::prelude::*;

use super::*;
use indent::{Shift, Style};

/// The file once the repaired body stands in it, and the steps; or the refusal's code.
fn shown(file: &str, body: &str) -> (String, String) {
    let start = file.find('«').expect("a region");
    let end = file.find('»').expect("its end") - '«'.len_utf8();
    let text = file.replace(['«', '»'], "");
    let around = Surroundings::of(&text, start..end).expect("a range");
    match repair(body, &around) {
        Ok(Repaired { text: new, steps }) => (
            format!("{}{new}{}", &text[..start], &text[end..]),
            steps.iter().map(|step| format!("{step:?} ")).collect(),
        ),
        Err(refusal) => (String::new(), refusal.code().to_owned()),
    }
}

#[track_caller]
fn check(file: &str, body: &str, steps: &str, expected: &str) {
    let (text, taken) = shown(file, body);
    assert_eq!((&*text, taken.trim_end()), (expected, steps), "{body:?} in {file:?}");
}

#[test]
fn a_fence_is_taken_off_unless_the_region_has_one() {
    for (file, body, steps, expected) in [
        ("«a»\n", "```rust\nb\n```\n", "Unfenced FinalLineEnd", "b\n"),
        ("«a\n»", "```rust\nb\n```\n", "Unfenced", "b\n"),
        ("«a\n»", "\n~~~~ python x=1\n~~~\nb\n~~~~\n\n", "Unfenced", "~~~\nb\n"),
        ("«a\n»", "```\nb\n", "Unfenced", "b\n"),
        ("«```sh\nls\n```\n»", "```sh\nls -l\n```\n", "", "```sh\nls -l\n```\n"),
        ("«a\n»", "```sh\nls\n```\ntext\n```py\nx\n```\n", "", "```sh\nls\n```\ntext\n```py\nx\n```\n"),
        ("«a\n»", "```md\n# T\n```sh\nls\n```\n```\n", "Unfenced", "# T\n```sh\nls\n```\n"),
        ("«a\n»", "```inline``` b\n", "", "```inline``` b\n"),
        ("«a\n»", "```\n```\n", "empty", ""),
        ("«a\n»", " \n", "empty", ""),
        ("«a\n»", "\n\nb\n\n", "Trimmed", "b\n"),
        ("x\n«\na\n\n»", "\nb\n\n", "", "x\n\nb\n\n"),
    ] {
        check(file, body, steps, expected);
    }
}

#[test]
fn habits_of_a_chat_are_undone() {
    let file = "«fn a() {\n    b();\n}\n»";
    let done = "fn a() {\n    c();\n}\n";
    for (body, steps, expected) in [
        ("<think>\nfn?\n</think>\n\nfn a() {\n    c();\n}\n", "Thoughts", done),
        ("<think>\nfn a() {\n    c();\n}\n", "malformed", ""),
        ("Here:\n```rust\nfn a() {\n    c();\n}\n```\nShorter.\n", "Prose", done),
        // What is said has code in it, or the fence has none; two fences.
        (
            "fn a() {\n    x();\n}\n```\nfn a() {\n    c();\n}\n```\n",
            "",
            "fn a() {\n    x();\n}\n```\nfn a() {\n    c();\n}\n```\n",
        ),
        ("fn a() {\n```\n    b();\n```\n", "", "fn a() {\n```\n    b();\n```\n"),
        ("Run:\n```\nmake\n```\nx\n", "", "Run:\n```\nmake\n```\nx\n"),
        (" fn a() {\n-    b();\n+    c();\n }\n", "Signs", done),
        ("--- a\n+++ b\n@@ -1,3 +1,3 @@\n fn a() {\n-    b();\n+    c();\n }\n", "Signs", done),
        ("+fn a() {\n+    c();\n+}\n", "Signs", done),
        (" fn z() {\n-    b();\n+    c();\n }\n", "malformed", ""),
        ("-    b();\n+    c();\n", "malformed", ""),
        ("1 fn a() {\n2     c();\n3 }\n", "Numbers", done),
        ("  9 | fn a() {\n 10 |     c();\n 11 | }\n", "Numbers", done),
        ("1: fn a() {\n2:     c();\n4: }\n", "", "1: fn a() {\n2:     c();\n4: }\n"),
        ("fn a() {\n    c(1 &lt; 2 &amp;&amp; 3);\n}\n", "Entities", "fn a() {\n    c(1 < 2 && 3);\n}\n"),
        ("fn a() {\n    c(\"&lt;\");\n}\n", "", "fn a() {\n    c(\"&lt;\");\n}\n"),
        ("fn a() -> B {\n    c(1 &lt; 2);\n}\n", "", "fn a() -> B {\n    c(1 &lt; 2);\n}\n"),
    ] {
        check(file, body, steps, expected);
    }
    for (file, body) in [
        ("«- a\n+ b\n»", "- a\n+ c\n"),
        ("«1 a\n2 b\n»", "1 a\n2 c\n"),
        ("«a &lt; b\n»", "a &lt; c\n"),
        ("«<think>a\n»", "<think>b\n"),
        ("x = (\n«    a\n    + b\n»)\n", "    a\n    + c\n"),
    ] {
        let (text, steps) = shown(file, body);
        assert!(
            text.contains(body) && steps.is_empty(),
            "{body:?} is its own kind of text: {text:?} {steps}"
        );
    }
}

/// A byte order mark is the file's, whatever the model makes of its first line.
#[test]
fn a_mark_at_the_start_stays() {
    let mark = '\u{feff}';
    for body in ["b\n", "\u{feff}b\n", "```\nb\n```\n"] {
        assert_eq!(shown(&format!("«{mark}a\n»c\n"), body).0, format!("{mark}b\nc\n"));
    }
    assert_eq!(shown(&format!("{mark}a\n«b\n»"), "a\nc\n").0, format!("{mark}a\na\nc\n"));
    assert_eq!(
        shown(&format!("«{mark}a\nb\n»"), "# ... existing code ...\nb\nc\n").0,
        format!("{mark}a\nb\nc\n")
    );
}

#[test]
fn a_whole_file_is_taken_back_to_its_region() {
    let lines = |range: std::ops::Range<usize>| range.map(|n| format!("call_{n}();\n")).collect::<String>();
    let file = format!("{}«call_200();\n»{}", lines(0..200), lines(201..400));
    let body = format!("{}other();\n{}", lines(0..200), lines(201..400));
    check(&file, &body, "EchoAbove(200) EchoBelow(199)", &body);
}

#[test]
fn neighbours_that_were_echoed_go() {
    for (file, body, steps, expected) in [
        (
            "use a;\nuse b;\n\n«fn c() {}\n»",
            "use a;\nuse b;\n\nfn d() {}\n",
            "EchoAbove(2)",
            "use a;\nuse b;\n\nfn d() {}\n",
        ),
        (
            "use a;\nuse b;\n\n«fn c() {}\n»",
            "use b;\nfn c() { d }\n",
            "",
            "use a;\nuse b;\n\nuse b;\nfn c() { d }\n",
        ),
        (
            "#[test]\n«fn c() {\n}\n»",
            "#[test]\nfn c() {\n  d\n}\n",
            "EchoAbove(1)",
            "#[test]\nfn c() {\n  d\n}\n",
        ),
        ("#[test]\n«fn c() {\n}\n»", "#[test]\nfn c() {\n}\n", "EchoAbove(1)", "#[test]\nfn c() {\n}\n"),
        (
            "impl A {\n«    b();\n»}\n",
            "impl A {\n    c();\n}\n",
            "EchoAbove(1) EchoBelow(1)",
            "impl A {\n    c();\n}\n",
        ),
        (
            "a {\n«    b {\n    }\n»}\n",
            "    b {\n      c\n    }\n}\n",
            "EchoBelow(1)",
            "a {\n    b {\n      c\n    }\n}\n",
        ),
        // What opened the block above closes it, though other lines follow in the file.
        (
            "impl A {\n«    b();\n»    c();\n}\n",
            "impl A {\n    d();\n}\n",
            "EchoAbove(1) EchoBelow(1)",
            "impl A {\n    d();\n    c();\n}\n",
        ),
        // One line above is an echo where two below are.
        (
            "a = 1\n«b = 2\n»c = 3\nd = 4\n",
            "a = 1\nb = 3\nc = 3\nd = 4\n",
            "EchoAbove(1) EchoBelow(2)",
            "a = 1\nb = 3\nc = 3\nd = 4\n",
        ),
        // The region begins and ends so itself.
        ("x += 1\n«x += 1\ny\nz\n»z\n", "x += 1\ny\ny\nz\n", "", "x += 1\nx += 1\ny\ny\nz\nz\n"),
        // One line of data may well be there twice.
        ("0,\n«1,\n»2,\n", "0,\n2,\n", "", "0,\n0,\n2,\n2,\n"),
        // A method whose indentation was lost ends like the type round it.
        (
            "a {\n«    b {\n        c\n    }\n»}\n",
            "b {\n    if c {\n        d\n    }\n}\n",
            "Indented",
            "a {\n    b {\n        if c {\n            d\n        }\n    }\n}\n",
        ),
        ("«a\n»b\nc\n", "d\nb\nc\n", "EchoBelow(2)", "d\nb\nc\n"),
        ("«a\n»\nb\nc\n", "d\nb\nc\n\n", "Trimmed EchoBelow(2)", "d\n\nb\nc\n"),
        // An echo alone is no answer, but the model's.
        ("a\nb\n«c\n»", "a\nb\n", "", "a\nb\na\nb\n"),
    ] {
        check(file, body, steps, expected);
    }
}

#[test]
fn a_body_moves_to_its_region() {
    for (file, body, steps, expected) in [
        (
            "{\n«    a {\n        b\n    }»\n}",
            "c {\n    d\n\n}\n",
            "Indented FinalLineEnd",
            "{\n    c {\n        d\n\n    }\n}",
        ),
        (
            "{\n«    a {\n        b\n    }»\n}",
            "c {\n        d\n    }\n",
            "FirstIndented FinalLineEnd",
            "{\n    c {\n        d\n    }\n}",
        ),
        (
            "{\n    «a {\n        b\n    }»\n}",
            "    c {\n        d\n    }\n",
            "FinalLineEnd",
            "{\n    c {\n        d\n    }\n}",
        ),
        (
            "{\n    «a {\n        b\n    }»\n}",
            "c {\n    d\n}\n",
            "Indented FinalLineEnd",
            "{\n    c {\n        d\n    }\n}",
        ),
        (
            "class A:\n«    def b(self):\n        c\n»",
            "def b(self):\n    d\n",
            "Indented",
            "class A:\n    def b(self):\n        d\n",
        ),
        ("if a:\n«    b\n»", "c\n    d\n", "FirstIndented", "if a:\n    c\n    d\n"),
        ("if a:\n«    b\n»", "for c in d:\n    e\n", "Indented", "if a:\n    for c in d:\n        e\n"),
        ("«a\n    b\n»", "    c\n        d\n", "Indented", "c\n    d\n"),
        ("«a\n    b\n»", "    c\nd\n", "", "    c\nd\n"),
        (
            "x\n\tif y\n«\tfor a\n\t\tb\n»",
            "for c\n    d\n",
            "Restyled Indented",
            "x\n\tif y\n\tfor c\n\t\td\n",
        ),
        (
            "if x:\n  y\n«for a:\n  b\n»",
            "for c:\n\td\n\t\te\n",
            "Restyled",
            "if x:\n  y\nfor c:\n  d\n    e\n",
        ),
        ("\ta\n«    b\n»", "\tc\n", "Indented", "\ta\n    c\n"),
        // A part of a line is put in as it is.
        ("let a = «b»;\n", "  c(\n  d)\n", "FinalLineEnd", "let a =   c(\n  d);\n"),
    ] {
        check(file, body, steps, expected);
    }
}

#[test]
fn line_ends_are_those_of_the_file() {
    for (file, body, steps, expected) in [
        ("a\r\n«b\r\n»c", "d\ne\n", "LineEnds", "a\r\nd\r\ne\r\nc"),
        ("a\r«b\r»c\r", "d\ne\n", "LineEnds", "a\rd\re\rc\r"),
        ("a\n«b\n»c\n", "d\r\ne\r\n", "LineEnds", "a\nd\ne\nc\n"),
        ("a\n«b\n»c\n", "d\re", "LineEnds FinalLineEnd", "a\nd\ne\nc\n"),
        ("a\n«b»", "d\n", "FinalLineEnd", "a\nd"),
        ("a\r\n«b»", "d\ne\n", "LineEnds FinalLineEnd", "a\r\nd\r\ne"),
        ("«a»", "b\n", "FinalLineEnd", "b"),
        ("ä\r\n\t«ö🎈\r\n»🎈", "\tü🎈\n\t𝄞\n", "LineEnds", "ä\r\n\tü🎈\r\n\t𝄞\r\n🎈"),
    ] {
        check(file, body, steps, expected);
    }
}

#[test]
fn code_left_out_is_put_back_where_that_is_certain() {
    let file = "«fn a() {\n    b();\n\n    c();\n    if d {\n        e();\n    }\n}\n»";
    for (body, steps, expected) in [
        (
            "fn a() {\n    x();\n    b();\n    // ... existing code ...\n}\n",
            "Elision(1)",
            "fn a() {\n    x();\n    b();\n\n    c();\n    if d {\n        e();\n    }\n}\n",
        ),
        (
            "fn a() {\n    // ...\n    c();\n\n    // rest unchanged\n",
            "Elision(2)",
            "fn a() {\n    b();\n\n    c();\n    if d {\n        e();\n    }\n}\n",
        ),
        (
            "// ... same as before\n\n    if d {\n        f();\n    }\n}\n",
            "Elision(1)",
            "fn a() {\n    b();\n\n    c();\n    if d {\n        f();\n    }\n}\n",
        ),
        ("fn z() {\n    // ... existing code ...\n}\n", "elision", ""),
        ("fn a() {\n    c();\n    // ... existing code ...\n    b();\n}\n", "elision", ""),
        ("fn a() {\n    // ...\n    c();\n    // ...\n    b();\n    // ...\n}\n", "elision", ""),
        (
            "fn a() {\n    // ... waits for it ...\n    b();\n}\n",
            "",
            "fn a() {\n    // ... waits for it ...\n    b();\n}\n",
        ),
    ] {
        check(file, body, steps, expected);
    }
    // Dots, and statements that do nothing, beside other code; alone they are a body to come.
    let file = "«def a():\n    b()\n    c()\n    d()\n»";
    for line in ["...", "…", "pass  # existing code", "...  # rest unchanged"] {
        let body = format!("def a():\n    x()\n    b()\n    {line}\n    d()\n");
        check(file, &body, "Elision(1)", "def a():\n    x()\n    b()\n    c()\n    d()\n");
    }
    for body in
        ["def a():\n    ...\n", "def a():\n    \"\"\"Says.\"\"\"\n    ...\n", "def a():\n    pass  # later\n"]
    {
        check(file, body, "", body);
    }
    // The original has such a comment too.
    check("«a\n# ...\nb\n»", "c\n# ...\nb\n", "", "c\n# ...\nb\n");
    check(
        "«a\r\nb\r\nc\r\n»",
        "a\n# ... existing code ...\nc\nd\n",
        "LineEnds Elision(1)",
        "a\r\nb\r\nc\r\nd\r\n",
    );
    check("«a\nb»", "x\na\n# ... rest unchanged ...\n", "Elision(1) FinalLineEnd", "x\na\nb");
}

#[test]
fn comments_that_stand_for_code() {
    for (line, expected) in [
        ("// ... existing code ...", true),
        ("    # rest of the function unchanged", true),
        ("/* … */", true),
        ("<!-- ... other fields ... -->", true),
        ("{/* ... existing code ... */}", true),
        ("-- ...", true),
        ("# (unchanged)", true),
        ("// The rest of the code remains the same as before", true),
        ("// ...omitted for brevity", true),
        ("# same as before", true),
        ("// no changes here", true),
        ("...", false),
        ("/// ...", false),
        ("//! ...", false),
        ("# existing users first", false),
        ("// continue...", false),
        ("// test this code", false),
        ("// see the code in main.rs ...", false),
        ("let x = \"...\";", false),
    ] {
        assert_eq!(elision::is_elision(line), expected, "{line}");
    }
    assert!(elision::is_gap("  ...  ") && !elision::is_gap("x..."));
    for (line, expected) in [
        ("# ... bestehender Code ...", true),
        ("/* … le reste … */", true),
        ("// waits ...", false),
        ("// ...", false),
        ("let x = 1..2;", false),
    ] {
        assert_eq!(elision::is_dotted(line), expected, "{line}");
    }
}

#[test]
fn indentation_is_told_and_changed() {
    for (text, style) in [
        ("a\n\tb\n", Some(Style::Tabs)),
        ("a\n  b\n    c\n", Some(Style::Spaces(2))),
        ("a\n    b\n        c\n", Some(Style::Spaces(4))),
        ("/**\n * a\n */\n    b\n     * c\n", Some(Style::Spaces(4))),
        ("a\n   b\n     c\n", Some(Style::Spaces(4))),
        ("a\n            b\n", Some(Style::Spaces(4))),
        ("a\n\tb\n  c\n", None),
        ("a\n\n    \n", None),
    ] {
        assert_eq!(Style::of(lines(text)), style, "{text:?}");
    }
    for (line, from, to, expected) in [
        ("      * a", Style::Spaces(4), Style::Tabs, "\t  * a"),
        ("\t\ta", Style::Tabs, Style::Spaces(2), "    a"),
        ("a\tb  c", Style::Tabs, Style::Spaces(2), "a\tb  c"),
    ] {
        assert_eq!(indent::restyle(line, from, to), expected);
    }
    for (pairs, line, expected) in [
        (&[("", "  "), ("  ", "    ")][..], "   a", "     a"),
        (&[("    ", "  ")], "   a", " a"),
        (&[("    ", "  ")], " a", " a"),
        (&[("    ", "\t"), ("        ", "\t\t")], "            a", "\t\t\ta"),
        (&[("    ", "\t"), ("        ", "\t\t")], "a", "a"),
        (&[], "  a", "  a"),
    ] {
        assert_eq!(Shift::between(pairs.iter().copied()).apply(line), expected, "{pairs:?}");
    }
}

#[test]
fn a_range_that_is_none() {
    assert_eq!(Surroundings::of("é", 1..2), None);
    assert_eq!(Surroundings::of("a", 0..2), None);
}

/// Costs what it is long.
#[test]
fn large_bodies_do_not_hang() {
    let region: String = (0..20_000).map(|n| format!("    a{n}();\n")).collect();
    let text = format!("{}«{region}»{}", "}\n".repeat(50_000), "}\n".repeat(50_000));
    let (_, steps) = shown(&text, &(0..20_000).map(|n| format!("a{n}();\n")).collect::<String>());
    assert_eq!(steps.trim_end(), "Indented");
    let (_, steps) = shown(&text, &"}\n// ...\n".repeat(20_000));
    assert_eq!(steps, "elision");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// No panic; a region given back as it is stays, to the byte, whatever its file; and line ends are the file's.
    #[test]
    fn the_same_again_is_the_same(
        before in "([ab}]{1,2}\n){0,3}", region in "[ab} \t]{0,3}[c](\n[ab} \té]{0,3}){0,4}[c]", after in "(\n[ab}]{1,2}){0,3}",
        body in "([ab} \t`é]{0,4}|// \\.\\.\\.|```)((\n|\r\n|\r)([ab} \t`é]{0,4}|// \\.\\.\\.)){0,6}",
    ) {
        let text = format!("{before}{region}{after}");
        let around = Surroundings::of(&text, before.len()..before.len() + region.len()).unwrap();
        let same = repair(&format!("{region}\n"), &around).unwrap();
        prop_assert_eq!((&same.text, &*same.steps), (&region, &[Step::FinalLineEnd][..]));
        if let Ok(repaired) = repair(&body, &around) {
            prop_assert!(!repaired.text.contains('\r'));
        }
    }
}

//! Tables of searches: on which rung they are found, and what the text then is.

use proptest::prelude::*;

use super::*;

fn hunk(search: &str, replace: &str) -> Hunk {
    Hunk { search: search.to_owned(), replace: replace.to_owned() }
}

/// The step and the new text, or the refusal's code.
fn shown(original: &str, hunks: &[Hunk], within: Option<Range<usize>>) -> String {
    match apply(original, hunks, within) {
        Ok(Applied { text, steps }) => format!("{steps:?} {text:?}"),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[track_caller]
fn check(original: &str, search: &str, replace: &str, step: &str, text: &str) {
    let expected = if text.is_empty() { step.to_owned() } else { format!("[{step}] {text:?}") };
    assert_eq!(shown(original, &[hunk(search, replace)], None), expected, "{search:?} in {original:?}");
}

#[test]
fn each_rung_finds_what_the_one_above_does_not() {
    for (original, search, replace, step, text) in [
        ("a\nb\nc\n", "b\n", "x\n", "Exact", "a\nx\nc\n"),
        ("a\nb\nc\n", "b", "x", "Exact", "a\nx\nc\n"),
        ("a\n\nb\n", "\nb\n", "b\n", "Exact", "a\nb\n"),
        ("max = 10\n", "x = 1", "x = 2", "missing", ""),
        ("a  \nb\n", "a\nb\n", "a\nx\n", "TrailingBlanks", "a  \nx\n"),
        ("a\nb\n", "\na\n\n", "\nx\n\n", "TrailingBlanks", "x\nb\n"),
        ("a\nb\n", "\na\n", "\n\nx\n", "TrailingBlanks", "\nx\nb\n"),
        (
            "  if a:\n    b\n",
            "if a:\n  b\n",
            "if a:\n  c\n\n  d\n",
            "Indentation",
            "  if a:\n    c\n\n    d\n",
        ),
        ("if a:\n  b\n", "    if a:\n      b\n", "    if c:\n      b\n", "Indentation", "if c:\n  b\n"),
        (
            "\tif a {\n\t\tb\n\t}\n",
            "    if a {\n        b\n    }\n",
            "    if c {\n        b\n        d\n    }\n",
            "Blanks",
            "\tif c {\n\t\tb\n\t\td\n\t}\n",
        ),
        ("    a();\n    b();\n", "a();\n    b();\n", "c();\n    b();\n", "Blanks", "    c();\n    b();\n"),
        ("a = b  +  c\n", "a = b + c\n", "a = d\n", "Blanks", "a = d\n"),
        ("a\n\nb\n", "a\nb\n", "a\nc\n", "Blanks", "a\nc\n"),
        ("f(\"x\", 'y')\n", "f('x', “y”)\n", "g('x')\n", "Quotes", "g('x')\n"),
        (
            "if a < b && c:\n  d\n",
            "if a &lt; b &amp;&amp; c:\n  d\n",
            "if a &lt; e:\n  d\n",
            "Quotes",
            "if a < e:\n  d\n",
        ),
        ("p(\"a\")\n", "p(\\\"a\\\")\n", "p(\\\"b\\\")\n", "Quotes", "p(\"b\")\n"),
        (
            "fn a() {\n  b();\n  c();\n}\nd\n",
            "fn a() {\n  ...\n}\n",
            "fn z() {\n  ...\n}\n",
            "Elision",
            "fn z() {\n  b();\n  c();\n}\nd\n",
        ),
        ("a\nb\nc\n", "a\n# ... existing code ...\nc\n", "a\nc\n", "elision", ""),
        ("a\nb\nc\n", "a\n...\n", "a\nd\n", "missing", ""),
        ("a\n...\nc\n", "a\n...\nc\n", "d\n", "Exact", "d\n"),
        (
            "def a():\n    b()\n    c()\n    return d\n",
            "def a():\n    x()\n    return d\n",
            "def a():\n    return d\n",
            "Anchors",
            "def a():\n    return d\n",
        ),
        ("def a():\n    return d\n", "def a():\n    x()\n", "y\n", "missing", ""),
        ("a\nb\na\n", "a\n", "x\n", "ambiguous", ""),
        ("a\nb\na\nb\na\n", "a\nb\na\n", "x\n", "ambiguous", ""),
        ("a\na\nb\n", "a\nb\n", "c\n", "Exact", "a\nc\n"),
        ("a\n", " \n", "x\n", "empty", ""),
        ("", "a", "b", "missing", ""),
    ] {
        check(original, search, replace, step, text);
    }
}

#[test]
fn line_ends_are_those_of_the_text() {
    for (original, search, replace, text) in [
        ("a\r\nb\r\n", "a\n", "x\ny\n", "x\r\ny\r\nb\r\n"),
        ("a\rb\rc\r", "b\nc\n", "b\nd\ne\n", "a\rb\rd\re\r"),
        ("a\nb", "b\n", "c\nd\n", "a\nc\nd"),
        ("a\nb", "b\n", "b\nd\n", "a\nb\nd"),
        ("a\nb", "b\n", "", "a"),
        ("a\r\nb", "b\n", "", "a"),
        ("a\nb\n", "b\n", "", "a\n"),
        ("a\nb\nc\n", "b\n", "\n\n", "a\n\n\nc\n"),
        ("a\r\nb\nc\r\n", "a\nb\n", "a\nx\n", "a\r\nx\nc\r\n"),
        ("ä🎈\r\n\tb", "ä🎈\n\tb", "ö🎈\n\tb", "ö🎈\r\n\tb"),
        ("a", "a", "b", "b"),
    ] {
        check(original, search, replace, "Exact", text);
    }
}

#[test]
fn the_one_inside_the_region_is_meant() {
    let original = "fn a() {\n  x\n}\nfn b() {\n  x\n}\n";
    let within = |range| shown(original, &[hunk("  x\n", "  y\n")], range);
    assert_eq!(within(None), "ambiguous");
    assert_eq!(within(Some(0..original.len())), "ambiguous");
    assert_eq!(within(Some(3..9)), "ambiguous");
    let second = "[Exact] \"fn a() {\\n  x\\n}\\nfn b() {\\n  y\\n}\\n\"";
    assert_eq!(within(Some(15..original.len())), second);
    // A region may end before the line end.
    assert_eq!(within(Some(24..27)), second);
}

#[test]
fn all_hunks_or_none() {
    let hunks = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| hunk(a, b)).collect::<Vec<_>>();
    for (pairs, expected) in [
        (&[("c\n", "z\n"), ("a\n", "x\n")][..], "[Exact, Exact] \"x\\nb\\nz\\n\""),
        (&[("a\n", "b\n"), ("b\n", "c\n")], "[Exact, Exact] \"b\\nc\\nc\\n\""),
        (&[("a\nb\n", "x\n"), ("b\nc\n", "y\n")], "overlap"),
        (&[("a\n", "x\n"), ("a\n", "x\n")], "overlap"),
        (&[("a\n", "x\n"), ("q\n", "y\n")], "missing"),
        (&[], "[] \"a\\nb\\nc\\n\""),
    ] {
        assert_eq!(shown("a\nb\nc\n", &hunks(pairs), None), expected, "{pairs:?}");
    }
    let refusal = apply("a\nb\nc\n", &hunks(&[("b\nc\n", ""), ("c\n", ""), ("a\n", "")]), None);
    assert_eq!(refusal, Err(Refusal::Overlap { hunk: 0, other: 1 }));
}

#[test]
fn a_found_place_says_what_it_is() {
    let found = find("x\n    a\n    b\n", "a\nb\n", None).unwrap();
    assert_eq!(
        (found.range, found.step, found.shift),
        (2..14, Step::Indentation, Shift::Add("    ".to_owned()))
    );
    let anchored = apply("a\nb\nc\nd\n", &[hunk("a\nx\ny\nd\n", "e\n")], None).unwrap();
    assert!(!anchored.is_certain());
    assert!(apply("a\n", &[hunk("a\n", "b\n")], None).unwrap().is_certain());
}

#[test]
fn the_nearest_lines_are_named() {
    let original = "use a;\n\nfn load(path: &str) {\n    let text = read(path);\n    parse(text)\n}\n";
    for (search, nearest) in [
        ("fn load(path: &Path) {\n    let text = read(path);\n    done(text)\n", Some((3, 5))),
        ("pub fn load(file, path)\n", Some((3, 3))),
        ("nothing like that\n", None),
    ] {
        assert_eq!(find(original, search, None), Err(NotFound::Missing { nearest }), "{search:?}");
    }
    assert_eq!(find("a\nb\na\n", "a", None), Err(NotFound::Ambiguous { lines: vec![1, 3] }));
    assert_eq!(find("a\n", "\n", None), Err(NotFound::Empty));
}

/// A megabyte and fifty hunks, on every rung, and files that repeat themselves: each a pass or two.
#[test]
fn large_texts_do_not_hang() {
    let original: String = (0..40_000).map(|n| format!("    let x{n} = call({n});\n")).collect();
    let hunks: Vec<_> =
        (0..50).map(|n| hunk(&format!("let x{}  = call({});", n * 700, n * 700), "x\n")).collect();
    assert_eq!(apply(&original, &hunks, None).unwrap().steps, [Step::Blanks; 50]);
    let same = "}\n".repeat(100_000);
    for search in
        ["}\n".repeat(5_000), " }\n".repeat(5_000), "}\n}\n...\n".repeat(3_000), "a}\n}\n".repeat(3_000)]
    {
        assert!(apply(&same, &[hunk(&search, "x")], None).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// No panic; what is outside the range stays; and a search that stands once as it is, is found there.
    #[test]
    fn nothing_else_is_touched(
        original in "([ab} \t]{0,3}(\n|\r\n|\r|é)){0,8}",
        search in "([ab} \t]{0,3}(\n|\r\n|\\.\\.\\.\n|é)){0,4}",
        replace in "([abc \t]{0,3}(\n|\r\n|\\.\\.\\.\n|é)){0,4}",
        within in (0usize..30, 0usize..30),
    ) {
        let within = Some(within.0..within.1);
        let applied = apply(&original, &[hunk(&search, &replace)], within.clone());
        if let Ok(found) = find(&original, &search, within) {
            prop_assert!(original.get(found.range.clone()).is_some());
            if let Ok(applied) = applied {
                let (before, after) = (&original[..found.range.start], &original[found.range.end..]);
                prop_assert!(applied.text.starts_with(before.trim_end_matches(['\n', '\r'])));
                prop_assert!(applied.text.ends_with(after), "{:?}", applied);
            }
        } else {
            prop_assert!(applied.is_err());
        }
    }
}

use super::*;
use crate::cli::bench::replay::editor::OpenFile;

/// A text with the cursor at `|`.
fn editor(language: &'static str, text: &str) -> Editor {
    let cursor = text.find('|').expect("a cursor");
    let text = text.replacen('|', "", 1);
    let file = |text: String| OpenFile { uri: "file:///a".into(), language, text, version: 1 };
    let other = (0..40).map(|n| format!("let line_{n} = {n}00;\n")).collect();
    Editor { files: vec![file(text), file(other)], focus: 0, cursor }
}

/// Types without a burst, a jump or a visit: what each key did, `|` for the cursor, `·` where only it moved.
fn typed(language: &'static str, text: &str, target: &str) -> Vec<String> {
    let mut typist = Typist::new(editor(language, text), target.to_owned(), Accept::Never, 1);
    let mut keys = Vec::new();
    while typist.at < typist.target.len() {
        let (class, change) = typist.press();
        let inserted = change.map_or("·".to_owned(), |change| change.text);
        keys.push(format!("{} {inserted:?}", class.name()));
    }
    let expected = text.replacen('|', target, 1);
    assert_eq!(typist.editor.file().text, expected, "{target:?} is typed whole");
    keys
}

#[test]
fn keys_bring_what_editors_bring() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("rust", "fn f() {|\n}\n", "\n    x", &["enter \"\\n    \"", "character \"x\""]),
        ("rust", "|\n", "f(a)", &["character \"f\"", "opener \"()\"", "character \"a\"", "character \"·\""]),
        // Between brackets, and down to the line that was made for the closer.
        (
            "rust",
            "  if x |\n",
            "{\n    y\n  }",
            &["opener \"{}\"", "enter \"\\n    \\n  \"", "character \"y\"", "enter \"·\""],
        ),
        // A quote is closed, and not the one in a word, behind a backslash, or in a comment.
        ("python", "|\n", "'a'", &["opener \"''\"", "character \"a\"", "character \"·\""]),
        (
            "python",
            "# |\n",
            "it's '",
            &[
                "character \"i\"",
                "character \"t\"",
                "character \"'\"",
                "character \"s\"",
                "character \" \"",
                "character \"'\"",
            ],
        ),
        (
            "python",
            "|\n",
            "\"\\\"\"",
            &["opener \"\\\"\\\"\"", "character \"\\\\\"", "character \"\\\"\"", "character \"·\""],
        ),
        // A lifetime is no quote in Rust.
        ("rust", "&|\n", "'a", &["character \"'\"", "character \"a\""]),
        // No room for a closer.
        ("rust", "|x\n", "(", &["character \"(\""]),
        ("rust", "|\n", "\n\n  é", &["enter \"\\n\"", "enter \"\\n  \"", "character \"é\""]),
    ];
    for (language, text, target, expected) in cases {
        assert_eq!(typed(language, text, target), *expected, "{text:?} {target:?}");
    }
}

/// Keys of a whole run, with all that is drawn; the text is as it was in the end.
fn run(target: &str, seed: u64) -> Vec<(f64, Stroke)> {
    let text = format!("fn f() {{|\n}}\n{}", "fn other() {}\n".repeat(60));
    let mut typist = Typist::new(editor("rust", &text), target.to_owned(), Accept::Never, seed);
    let mut strokes = Vec::new();
    loop {
        let gap = typist.gap().as_secs_f64() * 1000.0;
        let Some(stroke) = typist.next(None) else { break };
        strokes.push((gap, stroke));
    }
    assert_eq!(typist.editor.file().text, text.replacen('|', target, 1));
    assert_eq!(typist.editor.files[1].text, editor("rust", "|").files[1].text);
    strokes
}

#[test]
fn a_seed_gives_the_same_keys_and_each_class_of_them() {
    let target =
        "\n    let total = values.iter().map(|v| f(v, [1, 2])).sum::<u64>();\n    g(\"text\", total);"
            .repeat(12);
    let strokes = run(&target, 3);
    assert_eq!(strokes, run(&target, 3));
    assert_ne!(strokes, run(&target, 4));
    let count = |class| strokes.iter().filter(|(_, stroke)| stroke.class == class).count();
    assert_eq!(count(Class::Cold), 1);
    assert_eq!(count(Class::Accept), 0);
    assert_eq!((count(Class::Jump), count(Class::Switch)), (count(Class::Return), count(Class::Back)));
    for class in [Class::Opener, Class::Enter, Class::Backspace, Class::Jump, Class::Switch] {
        assert!(count(class) > 0, "{class:?}");
    }
    // Five of a hundred keys begin a burst of two on average, those elsewhere are two each.
    let share = count(Class::Backspace) as f64 / strokes.len() as f64;
    assert!((0.05..0.2).contains(&share), "{share}");
    let mut gaps: Vec<f64> = strokes.iter().map(|(gap, _)| *gap).collect();
    gaps.sort_by(f64::total_cmp);
    let median = gaps[gaps.len() / 2];
    assert!((130.0..180.0).contains(&median), "{median}");
    assert!(gaps[gaps.len() - 1] > 1000.0 && gaps[0] > 20.0 && gaps[gaps.len() - 1] <= 3000.0);
}

/// Shows `ghost` at the cursor of a text of which `target` is missing, and types on: the text behind the first key.
fn taken(
    accept: Accept,
    text: &str,
    typed: &str,
    target: &str,
    range: (usize, usize),
    ghost: &str,
) -> Option<String> {
    let mut typist = Typist::new(editor("rust", text), [typed, target].concat(), accept, 1);
    while typist.at < typed.len() {
        typist.press();
    }
    let cursor = typist.editor.cursor;
    let ghost =
        Ghost { range: cursor - range.0..cursor + range.1, text: ghost.to_owned(), id: Some("7".into()) };
    let (_, id) = typist.take(&ghost)?;
    assert_eq!(id.is_some(), accept != Accept::Word);
    let mut shown = typist.editor.file().text.clone();
    shown.insert(typist.editor.cursor, '|');
    while typist.at < typist.target.len() {
        typist.press();
    }
    assert_eq!(typist.editor.file().text, text.replacen('|', &[typed, target].concat(), 1));
    Some(shown)
}

#[test]
fn suggestions_are_taken_where_they_are_right() {
    use Accept::{Full, Line, Never, Word};
    type Case<'a> = (Accept, &'a str, &'a str, &'a str, (usize, usize), &'a str, Option<&'a str>);
    let cases: &[Case] = &[
        (Never, "|\n", "x", " = 1;", (0, 0), " = 1;", None),
        (Line, "|\n", "x", " = 1;", (0, 0), " = 1;", Some("x = 1;|\n")),
        (Line, "|\n", "x", " = 1;", (0, 0), " = 2;", None),
        // Too little to be worth it.
        (Line, "|\n", "x ", "= 1", (0, 0), "= 1", None),
        // The range may begin before the cursor.
        (Line, "|\n", "let", " x = 1;", (3, 0), "let x = 1;", Some("let x = 1;|\n")),
        (Line, "|\n", "let", " x = 1;", (3, 0), "get x = 1;", None),
        // Closers: covered, or left to be typed over.
        (Line, "|\n", "f(", "a, b);", (0, 1), "a, b);", Some("f(a, b);|\n")),
        (Line, "|\n", "f(", "a, b)", (0, 0), "a, b", Some("f(a, b|)\n")),
        (Line, "|\n", "f(", "a, b);", (0, 0), "a, b", None),
        (Word, "|\n", "f(", "a, b)", (0, 0), "a, b", Some("f(a|)\n")),
        (Word, "|\n", "x", " = 1;", (0, 0), " = 1;", Some("x =|\n")),
        (Line, "|\n", "x", " = 1;\n  y();", (0, 0), " = 1;\n  y();", Some("x = 1;|\n")),
        (Full, "|\n", "x", " = 1;\n  y();", (0, 0), " = 1;\n  y();", Some("x = 1;\n  y();|\n")),
        (Full, "|\n", "x", " = 1;\n  y();", (0, 0), " = 1;\n  z();", Some("x = 1;|\n")),
        (
            Full,
            "|\n",
            "{\n  ",
            "a = 1;\n  b();\n}",
            (0, 0),
            "a = 1;\n  b();",
            Some("{\n  a = 1;\n  b();|\n}\n"),
        ),
        // Ranges that are nowhere.
        (Line, "|\n", "x", " = 1;", (9, 0), " = 1;", None),
        (Line, "|\n", "x", " = 1;", (0, 9), " = 1;", None),
    ];
    for (accept, text, typed, target, range, ghost, expected) in cases {
        if *range == (9, 0) {
            let ghost = Ghost { range: usize::MAX - 1..usize::MAX, text: ghost.to_string(), id: None };
            let mut typist = Typist::new(editor("rust", text), target.to_string(), *accept, 1);
            assert_eq!(typist.take(&ghost), None);
            continue;
        }
        let found = taken(*accept, text, typed, target, *range, ghost);
        assert_eq!(found.as_deref(), *expected, "{accept:?} {typed:?} {ghost:?}");
    }
}

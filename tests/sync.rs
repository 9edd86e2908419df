//! Incremental sync against a model that is too simple to be wrong: text as a list of characters.
//!
//! Random edits in all three encodings, in and out of range, over texts with every kind of line break and of
//! character. After them the text, the edits reported, and the syntax tree must be what they would be from scratch.

use codesage::syntax::{Language, tree};
use codesage::text::{Change, Document, Encoding, Position};
use proptest::prelude::*;
use tree_sitter::{Node, Tree};

const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

/// Cases times edits a case are the 10,000 edits that sync is promised to survive.
const CASES: u32 = 500;
const EDITS: usize = 20;

/// The characters of a text, and nothing clever.
#[derive(Clone, Debug, PartialEq)]
struct Model(Vec<char>);

impl Model {
    fn text(&self) -> String {
        self.0.iter().collect()
    }

    /// The lines: where each begins and where its text ends, in characters.
    fn lines(&self) -> Vec<(usize, usize)> {
        let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
        while at < self.0.len() {
            let terminator = match (self.0[at], self.0.get(at + 1)) {
                ('\r', Some('\n')) => 2,
                ('\r' | '\n', _) => 1,
                _ => 0,
            };
            if terminator > 0 {
                lines.push((start, at));
                start = at + terminator;
            }
            at += terminator.max(1);
        }
        lines.push((start, self.0.len()));
        lines
    }

    fn index(&self, position: Position, encoding: Encoding) -> usize {
        let lines = self.lines();
        let Some(&(start, end)) = lines.get(position.line as usize) else {
            return self.0.len();
        };
        let (mut at, mut column) = (start, 0);
        while at < end {
            column += width(self.0[at], encoding);
            if column > position.column as usize {
                break;
            }
            at += 1;
        }
        at
    }

    fn apply(&mut self, change: &Change, encoding: Encoding) {
        let (a, b) = match &change.range {
            Some(range) => (self.index(range.start, encoding), self.index(range.end, encoding)),
            None => (0, self.0.len()),
        };
        self.0.splice(a.min(b)..a.max(b), change.text.chars());
    }
}

fn width(c: char, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Utf8 => c.len_utf8(),
        Encoding::Utf16 => c.len_utf16(),
        Encoding::Utf32 => 1,
    }
}

/// Pieces that make texts both like source and unlike it.
fn text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["\n", "\r\n", "\r", "\n    ", "\n\n"]),
        8 => prop::sample::select(vec![
            "fn f(a: u8) ", "{", "}", "(", ")", "let x = ", "1;", " ", "\"", "'", "// ", "/* ", "*/", "if x ", "else ",
            "struct S;", "use a::b;", "def f(a):", "class C:", "return ", "x", "\t", "#[test]", "\"\"\"", ",", ":",
        ]),
        2 => prop::sample::select(vec![
            "é", "🦀", "漢字", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}", "\0", "\u{2028}", "\u{FEFF}", "e\u{301}",
        ]),
    ];
    prop::collection::vec(piece, pieces).prop_map(|pieces| pieces.concat())
}

/// A position that is mostly in the text, and sometimes far out of it.
fn position() -> impl Strategy<Value = Position> {
    let number = || prop_oneof![8 => 0u32..12, 4 => 0u32..60, 1 => Just(u32::MAX)];
    (number(), number()).prop_map(|(line, column)| Position { line, column })
}

fn change() -> impl Strategy<Value = Change> {
    let near = (position(), 0u32..3, 0u32..8).prop_map(|(start, lines, columns)| {
        let column = if lines == 0 { start.column.saturating_add(columns) } else { columns };
        Some(start..Position { line: start.line.saturating_add(lines), column })
    });
    let range = prop_oneof![
        8 => position().prop_map(|start| Some(start..start)),
        8 => near,
        // Anything, reversed ones included.
        2 => (position(), position()).prop_map(|(start, end)| Some(start..end)),
        1 => Just(None),
    ];
    // A replacement of everything is a whole text.
    (range, text(0..4), text(0..40)).prop_map(|(range, small, large)| {
        let text = if range.is_none() { large } else { small };
        Change { range, text }
    })
}

/// Nodes in order with their kinds and ranges, in bytes and in rows and columns.
fn nodes(tree: &Tree) -> Vec<String> {
    let mut nodes = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node: Node = cursor.node();
        let flags = [node.is_error(), node.is_missing(), node.is_extra()];
        nodes.push(format!(
            "{} {} {:?} {:?} {flags:?}",
            cursor.depth(),
            node.kind(),
            cursor.field_name(),
            node.range()
        ));
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return nodes;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_do_what_the_model_does(
        start in text(0..60),
        language in prop::sample::select(vec!["rust", "python", "plaintext"]),
        encoding in prop::sample::select(ENCODINGS.to_vec()),
        // Several changes come in one notification; somebody asks for the tree after some of them.
        batches in prop::collection::vec((prop::collection::vec(change(), 1..4), any::<bool>()), EDITS / 2),
    ) {
        let mut model = Model(start.chars().collect());
        let mut document = Document::new(Language::of(language, ""), 0, &start);
        let mut followed = start;
        for (version, (changes, asks)) in (1..).zip(&batches) {
            if *asks {
                document.tree();
            }
            let (edited, edits) = document.edited(version, changes, encoding);
            for change in changes {
                model.apply(change, encoding);
            }
            for edit in &edits {
                followed.replace_range(edit.range.clone(), &edit.text);
            }
            prop_assert_eq!(edited.rope().to_string(), model.text());
            prop_assert_eq!(&followed, &model.text(), "the edits reported");
            prop_assert_eq!(edited.version(), version);
            document = edited;
        }
        // NB: in text with errors tree-sitter's recovery takes what it can reuse, so the trees differ inside the errors
        // (`""/* /'`: a string, or two quotes). That there are errors, and where the whole is, they must agree about.
        let fresh = tree::parse(document.language(), document.rope(), None);
        prop_assert_eq!(document.tree().is_some(), fresh.is_some());
        if let (Some(tree), Some(fresh)) = (document.tree(), &fresh) {
            let [root, fresh_root] = [tree.root_node(), fresh.root_node()];
            prop_assert_eq!(root.has_error(), fresh_root.has_error(), "{:?}", model.text());
            prop_assert_eq!(root.end_position(), fresh_root.end_position());
            if !fresh_root.has_error() {
                prop_assert_eq!(nodes(tree), nodes(fresh), "{:?}", model.text());
            }
        }
        for chunk in document.chunks() {
            prop_assert!(followed.get(chunk.range.clone()).is_some() && followed.get(chunk.signature.clone()).is_some());
        }
    }

    #[test]
    fn positions_are_those_of_the_model(text in text(0..40), position in position(), at in any::<prop::sample::Index>()) {
        let model = Model(text.chars().collect());
        let document = Document::new(Language::plain_text(), 0, &text);
        let bytes = |index: usize| model.0[..index].iter().map(|c| c.len_utf8()).sum::<usize>();
        for encoding in ENCODINGS {
            prop_assert_eq!(encoding.offset(document.rope(), position), bytes(model.index(position, encoding)));
            let index = at.index(model.0.len() + 1);
            let line_of = model.lines().into_iter().enumerate().take_while(|(_, (start, _))| *start <= index).last();
            let (line, (start, end)) = line_of.expect("the first line starts at 0");
            let column: usize = model.0[start..index.min(end)].iter().map(|c| width(*c, encoding)).sum();
            let expected = Position { line: line as u32, column: column as u32 };
            prop_assert_eq!(encoding.position(document.rope(), bytes(index)), expected);
        }
    }
}

const SOURCES: [(&str, &str); 4] = [
    ("rust", include_str!("../fixtures/source/interval.rs")),
    ("rust", include_str!("../fixtures/source/words.rs")),
    ("python", include_str!("../fixtures/source/ledger.py")),
    ("python", include_str!("../fixtures/source/scheduler.py")),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Source is broken by edits and mended again, as it is when somebody types. Then its tree is that of the source.
    #[test]
    fn mended_source_has_the_tree_of_a_fresh_parse(
        (language, source) in prop::sample::select(SOURCES.to_vec()),
        encoding in prop::sample::select(ENCODINGS.to_vec()),
        steps in prop::collection::vec((0u32..180, 0u32..60, 0u32..3, text(0..4), any::<bool>()), 1..12),
        asks_on_the_way_back in any::<bool>(),
    ) {
        let mut document = Document::new(Language::of(language, ""), 0, source);
        document.tree();
        let mut earlier = Vec::new();
        for (line, column, lines, text, asks) in steps {
            earlier.push(document.rope().to_string());
            let range = Position { line, column }..Position { line: line + lines, column: column + 3 };
            document = document.edited(0, &[Change { range: Some(range), text }], encoding).0;
            if asks {
                document.tree();
            }
        }
        while let Some(text) = earlier.pop() {
            document = document.edited(0, &[Change { range: None, text }], encoding).0;
            if asks_on_the_way_back {
                document.tree();
            }
        }
        prop_assert_eq!(document.rope().to_string(), source);
        let fresh = tree::parse(document.language(), document.rope(), None);
        prop_assert_eq!(document.tree().map(nodes), fresh.as_ref().map(nodes));
    }
}

fn insert(line: u32, column: u32, text: &str) -> Change {
    let place = Position { line, column };
    Change { range: Some(place..place), text: text.to_owned() }
}

#[test]
fn a_text_of_50_mb_is_edited_and_asked_about() {
    let line = "let x = \"é🦀\"; // fifty megabytes of this\n";
    let text = line.repeat(50_000_000 / line.len() + 1);
    let lines = text.matches('\n').count() as u32;
    let mut document = Document::new(Language::of("rust", ""), 0, &text);
    for version in 1..20 {
        let changes = [insert(lines / 2, 10, "x"), insert(lines, 9, "\r"), insert(u32::MAX, 0, "y")];
        let (edited, edits) = document.edited(version, &changes, Encoding::Utf16);
        assert_eq!(edits.len(), 3);
        document = edited;
    }
    assert_eq!(document.len(), text.len() + 3 * 19);
    let end = Encoding::Utf16.position(document.rope(), usize::MAX);
    assert_eq!(end, Position { line: lines + 19, column: 19 });
    assert!(document.tree().is_none() && document.chunks().is_empty());
    assert_eq!(document.slice(usize::MAX - 1..usize::MAX), "");
    assert_eq!(document.slice(8..11), "\"é");
    assert_eq!(document.slice(8..10), "\"");

    // The whole text anew, for one character.
    let mut whole = document.rope().to_string();
    whole.insert(25_000_000, 'z');
    let changes = [Change { range: None, text: whole }];
    let (_, edits) = document.edited(20, &changes, Encoding::Utf16);
    assert_eq!(edits.len(), 1);
    assert_eq!(edits[0].text, "z");
}

#[test]
fn a_line_of_200_000_characters_is_edited_and_parsed() {
    for (language, text) in [
        ("rust", format!("const A: &[u32] = &[{}];\n", "1, ".repeat(66_666))),
        ("rust", format!("const A: &str = \"{}\";\n", "é🦀".repeat(100_000))),
        ("python", format!("x = [{}]\n", "f('é'), ".repeat(25_000))),
        ("plaintext", "漢".repeat(200_000)),
    ] {
        let mut document = Document::new(Language::of(language, ""), 0, &text);
        document.tree();
        for (version, column) in (1..).zip([0, 100_001, u32::MAX]) {
            for encoding in ENCODINGS {
                let offset = encoding.offset(document.rope(), Position { line: 0, column });
                let position = encoding.position(document.rope(), offset);
                assert!(
                    position.column <= column && column.saturating_sub(position.column) < 4
                        || column == u32::MAX
                );
                document = document.edited(version, &[insert(0, column, "x")], encoding).0;
            }
            document.tree();
        }
        document.chunks();
        let fresh = tree::parse(document.language(), document.rope(), None);
        // On a machine that has no time for it, either may have been given up: a parse ends after two seconds.
        if let Some((tree, fresh)) = document.tree().zip(fresh.as_ref()) {
            assert_eq!(nodes(tree), nodes(fresh));
        }
    }
}

#[test]
fn whoever_asks_first_parses_and_the_others_wait() {
    let document = Document::new(Language::of("rust", ""), 0, &"fn f() { g(1, 2) }\n".repeat(1000));
    let roots: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| document.tree().map(|tree| tree.root_node().id()))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(roots[0].is_some() && roots.iter().all(|root| *root == roots[0]));
}

#[test]
fn deeply_nested_text_is_parsed_and_cut() {
    for (language, text) in [("rust", "{ ("), ("python", "(["), ("rust", "fn f() { "), ("python", "if x: (")]
    {
        let document = Document::new(Language::of(language, ""), 0, &text.repeat(5_000));
        document.tree();
        document.chunks();
        let (edited, _) = document.edited(1, &[insert(0, 10_000, ")")], Encoding::Utf8);
        edited.tree();
        edited.chunks();
    }
}

#[test]
fn a_text_that_takes_too_long_to_parse_is_not_tried_at_every_key() {
    // The parser's recovery is quadratic on this.
    let prose = "The quick brown fox doesn't jump over (the lazy dog), does it? \"No\", said he; 5 < 6.\n";
    let mut document = Document::new(Language::of("rust", ""), 0, &prose.repeat(15_000));
    assert!(document.tree().is_none());
    for version in 1..100 {
        document = document.edited(version, &[insert(3, 0, "x")], Encoding::Utf8).0;
        assert!(document.tree().is_none());
    }
    // Another text is another matter.
    let source = Change { range: None, text: "fn f() {}".to_owned() };
    document = document.edited(100, &[source], Encoding::Utf8).0;
    assert!(document.tree().is_some_and(|tree| !tree.root_node().has_error()));
}

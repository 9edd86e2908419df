//! Tables of cases for `cache`.

use super::*;

struct Session {
    rope: Rope,
    cursor: usize,
    cache: Cache,
}

impl Session {
    /// `$0` marks the cursor, where `suggestion` was made.
    fn new(fixture: &str, suggestion: &str) -> Self {
        let cursor = fixture.find("$0").expect("a cursor");
        let rope = Rope::from_str(&fixture.replacen("$0", "", 1));
        let mut session = Self { rope, cursor, cache: Cache::default() };
        session.keep(suggestion);
        session
    }

    fn keep(&mut self, suggestion: &str) -> Option<Origin> {
        self.cache.keep(Spot::new(&self.rope, self.cursor), part(suggestion))
    }

    fn edit(&mut self, range: std::ops::Range<usize>, text: &str) {
        let chars = self.rope.byte_to_char(range.start)..self.rope.byte_to_char(range.end);
        self.rope.remove(chars.clone());
        self.rope.insert(chars.start, text);
        self.cache.follow(&Edit { range, text: text.into() });
    }

    fn type_text(&mut self, text: &str) {
        self.edit(self.cursor..self.cursor, text);
        self.cursor += text.len();
    }

    fn find(&self) -> Option<String> {
        self.cache.find(&self.rope, self.cursor).map(|kept| kept.text)
    }
}

/// One of seven tokens.
fn part(text: &str) -> Part {
    Part { added: text.into(), accepted: text.into(), confidence: -0.5, tokens: 7, seen: false }
}

#[test]
fn every_prefix_of_a_suggestion_hits() {
    let suggestion = "foo(\"é\", [1]) {\r\n    bar();\r\n}";
    let mut session = Session::new("fn a() {\r\n    if $0\r\n}\r\n", suggestion);
    let mut buffer = [0; 4];
    for (at, c) in suggestion.char_indices() {
        assert_eq!(session.find().as_deref(), Some(&suggestion[at..]));
        session.type_text(c.encode_utf8(&mut buffer));
    }
    assert_eq!(session.find(), None, "nothing is left");
    for (at, c) in suggestion.char_indices().rev() {
        session.edit(session.cursor - c.len_utf8()..session.cursor, "");
        session.cursor -= c.len_utf8();
        assert_eq!(session.find().as_deref(), Some(&suggestion[at..]), "after backspace");
    }
}

#[test]
fn auto_closed_pairs_hit_and_so_does_typing_over_them() {
    let suggestion = "(\"x\", y);";
    let mut session = Session::new("a\nfoo$0\nb\n", suggestion);
    let mut typed = 0;
    for key in ["(", "\"", "x", "\"", ",", " ", "y", ")"] {
        let cursor = session.cursor;
        match key {
            "(" => {
                session.edit(cursor..cursor, "()");
                session.cursor += 1;
            }
            "\"" if typed == 1 => {
                session.edit(cursor..cursor, "\"\"");
                session.cursor += 1;
            }
            // Typed over: VS Code moves the caret only.
            "\"" | ")" => session.cursor += 1,
            _ => session.type_text(key),
        }
        typed += key.len();
        assert_eq!(session.find().as_deref(), Some(&suggestion[typed..]), "after {key}");
    }
    assert_eq!(session.rope.to_string(), "a\nfoo(\"x\", y)\nb\n");
}

#[test]
fn enter_between_brackets_hits() {
    let mut session = Session::new("fn a()$0\n", " {\n    x\n}");
    session.type_text(" {");
    session.edit(session.cursor..session.cursor, "}");
    session.type_text("\n    ");
    session.edit(session.cursor..session.cursor, "\n");
    assert_eq!(session.find().as_deref(), Some("x\n}"));
}

type Change = fn(&mut Session);

#[test]
fn what_differs_does_not_hit() {
    let table: [(&str, Change); 6] = [
        ("other text typed", |session| session.type_text("q")),
        ("before the place", |session| session.cursor -= 1),
        ("the text before changed", |session| session.edit(2..3, "zz")),
        ("the text behind changed", |session| {
            let end = session.rope.len_bytes();
            session.edit(end - 2..end - 1, "zz");
        }),
        ("text right of the cursor", |session| session.edit(session.cursor..session.cursor, "zz")),
        ("all was replaced", |session| {
            session.edit(0..session.rope.len_bytes(), "abcdefghijklm");
            session.cursor = 5;
        }),
    ];
    for (what, change) in table {
        let mut session = Session::new("abcd\n  if $0\nefgh\n", "foo();");
        assert!(session.find().is_some());
        change(&mut session);
        assert_eq!(session.find(), None, "{what}");
    }
}

#[test]
fn edits_elsewhere_move_the_place() {
    let above: String = (0..60).map(|line| format!("line {line}\n")).collect();
    let mut session = Session::new(&format!("{above}$0\n{above}"), "foo();");
    session.edit(0..4, "a longer text\n");
    session.cursor += 10;
    let end = session.rope.len_bytes();
    session.edit(end - 3..end, "");
    assert_eq!(session.find().as_deref(), Some("foo();"));
}

#[test]
fn the_newest_wins_and_the_oldest_goes() {
    let mut session = Session::new("$0\n", "first");
    session.keep("second");
    assert_eq!(session.find().as_deref(), Some("second"));
    session.type_text("f");
    assert_eq!(session.find().as_deref(), Some("irst"), "an older one that is being typed");
    for number in 0..2 * ENTRIES {
        session.keep(&format!("number {number}"));
    }
    assert_eq!(session.cache.entries.len(), ENTRIES);
    session.keep(" \n");
    assert_eq!(session.find().as_deref(), Some("number 127"), "blank text is not kept");
}

#[test]
fn line_breaks_that_a_difference_misplaces() {
    let mut session = Session::new("if x:$0\nb\n", "\n  foo()\n  bar()");
    // Enter, as a client tells it that compares two texts: they differ behind the first of two line breaks.
    session.edit(6..6, "  \n");
    session.cursor += 3;
    assert_eq!(session.find().as_deref(), Some("foo()\n  bar()"));
}

/// What was made ahead comes when what stands before it is accepted, typed or not, and not before.
#[test]
fn accepted_again_and_again() {
    let mut session = Session::new("fn a() {\n    $0\n}\n", "b();");
    let at = |session: &Session| session.cache.find(&session.rope, session.cursor).expect("a hit").from;
    let first = at(&session);
    session.cache.keep_ahead(first, part("\n    c();"));
    assert!(session.cache.end_of(first).is_none(), "there is one already");
    let second = Origin { part: 1, ..first };
    let (_, accepted) = session.cache.end_of(second).expect("nothing behind it yet");
    assert_eq!(accepted, "b();\n    c();");
    session.cache.keep_ahead(second, part("\n    d();"));
    assert_eq!(session.find().as_deref(), Some("b();"));
    session.type_text("b(");
    assert_eq!(session.find().as_deref(), Some(");"));
    session.type_text(");");
    assert_eq!((session.find().as_deref(), at(&session)), (Some("\n    c();"), second));
    session.type_text("\n    c();");
    assert_eq!(session.find().as_deref(), Some("\n    d();"));
    session.type_text("\n    x");
    assert_eq!(session.find(), None);
}

/// The closer right of the cursor is part of what an editor inserts, and no part of what the model wrote.
#[test]
fn what_is_accepted_may_cover_closers() {
    let mut session = Session::new("    foo($0)\n", "a, b");
    let origin = session.cache.find(&session.rope, session.cursor).expect("a hit").from;
    session.cache.entries[0].parts[0].accepted = "a, b)".into();
    session.cache.keep_ahead(origin, part(";\n    bar();"));
    session.edit(session.cursor..session.cursor + 1, "a, b)");
    session.cursor += 5;
    assert_eq!(session.find().as_deref(), Some(";\n    bar();"));
}

#[test]
fn tokens_that_nobody_saw_are_counted_when_they_go() {
    let mut session = Session::new("$0\n", "first");
    let first = session.cache.find(&session.rope, 0).expect("a hit").from;
    session.cache.keep_ahead(first, part(" and more"));
    assert!(session.cache.saw(first));
    assert!(!session.cache.saw(first), "only once for the first time");
    session.keep("second");
    session.keep(" ");
    assert_eq!(session.cache.unseen(), 7, "the blank one is gone");
    session.cache.keep_ahead(first, part("there is one already"));
    assert_eq!(session.cache.unseen(), 14);
    session.cache.clear();
    assert_eq!(session.cache.unseen(), 28, "what was made ahead, and the second");
}

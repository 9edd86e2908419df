//! Tables of cases for `anchor`.

use proptest::prelude::*;

use super::*;

const WINDOWS: Windows = Windows { head: 400, tail: 200 };

/// A text with its cursor, edited as an editor does, and the anchor that follows.
struct Session {
    rope: Rope,
    cursor: usize,
    anchor: Anchor,
}

impl Session {
    /// `$0` marks the cursor.
    fn new(fixture: &str) -> Self {
        Self::with(fixture, WINDOWS)
    }

    fn with(fixture: &str, windows: Windows) -> Self {
        let cursor = fixture.find("$0").expect("a cursor");
        let rope = Rope::from_str(&fixture.replacen("$0", "", 1));
        let anchor = Anchor::new(&rope, cursor, windows);
        Self { rope, cursor, anchor }
    }

    fn edit(&mut self, range: std::ops::Range<usize>, text: &str) {
        let chars = self.rope.byte_to_char(range.start)..self.rope.byte_to_char(range.end);
        self.rope.remove(chars.clone());
        self.rope.insert(chars.start, text);
        self.anchor.follow(&Edit { range: range.clone(), text: text.into() });
        if range.end <= self.cursor {
            self.cursor = self.cursor - range.len() + text.len();
        }
    }

    fn type_text(&mut self, text: &str) {
        self.edit(self.cursor..self.cursor, text);
    }

    /// What an editor inserts right of the cursor by itself.
    fn close(&mut self, text: &str) {
        let cursor = self.cursor;
        self.edit(cursor..cursor, text);
        self.cursor = cursor;
    }

    fn backspace(&mut self, bytes: usize) {
        self.edit(self.cursor - bytes..self.cursor, "");
    }

    fn replace(&mut self, old: &str, new: &str) {
        let at = self.rope.to_string().find(old).expect("it is there");
        self.edit(at..at + old.len(), new);
    }

    fn cut(&self) -> Option<Cut> {
        self.anchor.cut(&self.rope, self.cursor)
    }

    /// The typed text, for an anchor that holds and is clean.
    #[track_caller]
    fn typed(&self) -> String {
        let cut = self.cut().expect("the anchor holds");
        assert!(!cut.is_dirty);
        cut.typed
    }

    fn tail(&self) -> &str {
        &self.anchor.frozen().tail
    }
}

const CODE: &str = "fn a() {\n    let x = 1;\n    $0\n}\n\nfn b() {}\n";

#[test]
fn with_closers_the_tail_begins_at_the_cursor() {
    let session = Session::new("fn f() {\n    g($0);\n}\n");
    assert_eq!(&*session.anchor.frozen().tail, "\n}\n");
    let anchor = session.anchor.with_closers(&session.rope, session.cursor, WINDOWS);
    assert_eq!(&*anchor.frozen().tail, ");\n}\n");
    assert_eq!(anchor.cut(&session.rope, session.cursor).unwrap().typed, "    g(");
}

#[test]
fn typing_enter_and_backspace_keep_the_anchor() {
    let mut session = Session::new(CODE);
    let frozen = Arc::clone(session.anchor.frozen());
    assert_eq!(session.typed(), "    ");
    session.type_text("foo");
    assert_eq!(session.typed(), "    foo");
    session.type_text("\n    ");
    assert_eq!(session.typed(), "    foo\n    ");
    session.backspace(6);
    assert_eq!(session.typed(), "    fo");
    session.type_text("o_accepted();\n    at_once()");
    assert_eq!(session.typed(), "    foo_accepted();\n    at_once()");
    assert!(Arc::ptr_eq(&frozen, &session.cut().unwrap().frozen));
    assert_eq!((&*frozen.head, &*frozen.tail), ("fn a() {\n    let x = 1;\n", "\n}\n\nfn b() {}\n"));
}

#[test]
fn closers_stay_out_of_the_tail() {
    let mut session = Session::new(CODE);
    session.type_text("foo(");
    session.close(")");
    assert_eq!(session.typed(), "    foo(");
    session.type_text("\"");
    session.close("\"");
    session.type_text("x");
    assert_eq!(session.typed(), "    foo(\"x");
    // Typing over the closers moves the caret, or replaces them by themselves.
    session.cursor += 1;
    assert_eq!(session.typed(), "    foo(\"x\"");
    session.edit(session.cursor..session.cursor + 1, ")");
    session.cursor += 1;
    assert_eq!(session.typed(), "    foo(\"x\")");
    // Enter between brackets puts the closer on a line of its own.
    session.type_text(" {");
    session.close("}");
    session.type_text("\n        ");
    session.close("\n    ");
    assert_eq!(session.typed(), "    foo(\"x\") {\n        ");

    assert_eq!(Session::new("f(a$0);\nb").tail(), "\nb");
    assert_eq!(Session::new("f(a$0 )] }>\"'`;,\r\nb").tail(), "\r\nb");
    assert_eq!(Session::new("f(a$0 + b);\nb").tail(), " + b);\nb");
}

#[test]
fn closers_before_other_text_are_ignored() {
    let mut session = Session::new("let a = $0 + b;\nc\n");
    session.type_text("f(");
    session.close(")");
    assert_eq!(session.typed(), "let a = f(");
    assert_eq!(session.tail(), " + b;\nc\n");
}

#[test]
fn a_caret_that_moves_needs_a_new_anchor_unless_only_closers_are_passed() {
    let mut session = Session::new(CODE);
    session.type_text("foo");
    session.cursor -= 1;
    assert_eq!(session.cut(), None, "typed text is right of it");
    session.cursor = 3;
    assert_eq!(session.cut(), None, "elsewhere above");
    session.cursor = session.rope.len_bytes();
    assert_eq!(session.cut(), None, "elsewhere below");
}

#[test]
fn a_deletion_before_the_start_renews_with_the_common_head() {
    let mut session = Session::new(CODE);
    session.backspace(5);
    assert_eq!(session.cut(), None);
    let renewed = session.anchor.renewed(&session.rope, session.cursor, WINDOWS);
    assert_eq!(&*renewed.frozen().head, "fn a() {\n");
    assert_eq!(renewed.cut(&session.rope, session.cursor).unwrap().typed, "    let x = 1;");
}

/// Lines that are all different, and long enough for windows to be cut.
fn lines(prefix: &str, count: usize) -> String {
    (0..count).map(|line| format!("{prefix} line {line:03}\n")).collect()
}

fn long() -> String {
    format!("{}$0\n{}", lines("above", 100), lines("below", 100))
}

#[test]
fn edits_far_and_near() {
    // What is edited, and whether the anchor then is clean, dirty, or no longer holds.
    let table = [
        ("above line 001", "outside both windows", Some(false)),
        ("below line 090", "outside both windows", Some(false)),
        ("above line 085", "in the head", Some(true)),
        ("below line 009", "in the tail", Some(true)),
        ("above line 091", "nine lines above", Some(true)),
        ("above line 092", "eight lines above", None),
        ("above line 099", "the line above", None),
        ("below line 000", "the line below", None),
        ("below line 006", "seven lines below", None),
    ];
    for (line, what, expected) in table {
        for text in ["other", "longer than it was\nand two lines of it", ""] {
            let mut session = Session::new(&long());
            session.replace(line, text);
            session.type_text("t");
            assert_eq!(session.cut().map(|cut| cut.is_dirty), expected, "{line} ({what}) becomes {text:?}");
            assert!(session.cut().is_none_or(|cut| cut.typed == "t"));
        }
    }
}

#[test]
fn what_is_undone_is_clean_again() {
    let mut session = Session::new(&long());
    session.replace("above line 099", "x");
    assert_eq!(session.cut(), None);
    session.replace("x\n", "above line 099\n");
    assert_eq!(session.typed(), "");
}

#[test]
fn text_at_the_borders_of_the_document_counts() {
    let mut session = Session::new("a\n$0\nb");
    session.edit(0..0, "use x;\n");
    assert_eq!(session.cut(), None, "a new first line");
    let mut session = Session::new("a\n$0\nb");
    session.edit(4..4, "\nc");
    assert_eq!(session.cut(), None, "a new last line");
    let mut session = Session::new("a\n$0\nb");
    session.edit(0..2, "");
    assert_eq!(session.cut(), None, "all above is gone");
    let mut session = Session::new("a\n$0\nb");
    session.edit(3..4, "");
    assert_eq!(session.cut(), None, "all below is gone");
}

#[test]
fn much_typed_text_is_dirty_and_then_too_much() {
    for (typed, expected) in [
        ("x".repeat(1000), Some(false)),
        ("x".repeat(1030), Some(true)),
        ("x".repeat(2040), Some(true)),
        ("x".repeat(2049), None),
        ("x\n".repeat(32), Some(false)),
        ("x\n".repeat(33), Some(true)),
        ("x\n".repeat(65), None),
    ] {
        let mut session = Session::new(&long());
        session.type_text(&typed);
        assert_eq!(session.cut().map(|cut| cut.is_dirty), expected, "{} bytes", typed.len());
        let renewed =
            session.anchor.renewed(&session.rope, session.cursor, Windows { head: 9000, tail: 200 });
        assert!(renewed.frozen().head.starts_with(&*session.anchor.frozen().head), "the first line stays");
    }
}

#[test]
fn a_client_that_sends_the_whole_text_keeps_the_anchor() {
    let mut session = Session::new(CODE);
    let old = session.rope.to_string();
    let new = old.replacen("    \n}", "    fo\n}", 1);
    session.edit(0..old.len(), &new);
    session.cursor = new.find("fo\n").unwrap() + 2;
    assert_eq!(session.typed(), "    fo");
}

#[test]
fn line_breaks_that_a_difference_misplaces() {
    let mut session = Session::new("a\nb$0\n\nc\n");
    let cursor = session.cursor;
    session.edit(cursor + 2..cursor + 2, "\n");
    session.cursor = cursor + 1;
    assert_eq!(session.typed(), "b\n", "Enter");
    session.edit(cursor + 2..cursor + 3, "");
    session.cursor = cursor;
    assert_eq!(session.typed(), "b", "and Backspace");
}

#[test]
fn windows_are_cut_at_lines_but_in_huge_ones() {
    let session = Session::new(&long());
    let frozen = session.anchor.frozen();
    assert!(frozen.head.starts_with("above line") && frozen.head.ends_with("above line 099\n"));
    assert!((150..=300).contains(&frozen.head.len()), "{}", frozen.head.len());
    assert!(frozen.tail.starts_with("\nbelow line 000\n") && frozen.tail.ends_with('\n'));
    assert!((100..=200).contains(&frozen.tail.len()));

    let huge = format!("{}$0{}", "ä".repeat(100_000), "ö".repeat(100_000));
    let session = Session::new(&huge);
    let frozen = session.anchor.frozen();
    assert_eq!((frozen.head.len(), frozen.tail.len()), (300, 200));
    assert_eq!(session.typed(), "ä".repeat(128));
}

#[test]
fn narrowing_keeps_following() {
    let mut session = Session::new(&long());
    let old = Arc::clone(session.anchor.frozen());
    let drop = old.head.find('\n').unwrap() + 1;
    session.anchor.narrow(drop, 16);
    session.anchor.narrow(usize::MAX, 3);
    assert_eq!(&*session.anchor.frozen().head, &old.head[drop..]);
    assert_eq!(session.tail(), "\nbelow line 000\n");
    session.type_text("x");
    assert_eq!(session.typed(), "x");
    let renewed = session.anchor.renewed(&session.rope, session.cursor, WINDOWS);
    assert_eq!(renewed.frozen().head, session.anchor.frozen().head);
}

#[test]
fn fifty_megabytes_cost_what_the_windows_cost() {
    let rope = Rope::from_str(&"let x = 1;\n".repeat(5_000_000));
    for offset in [0, 25_000_003, 54_999_999, usize::MAX] {
        let anchor = Anchor::new(&rope, offset, WINDOWS);
        assert!(anchor.frozen().head.len() <= WINDOWS.head && anchor.frozen().tail.len() <= WINDOWS.tail);
        assert!(anchor.cut(&rope, offset.min(rope.len_bytes())).is_some());
    }
}

#[test]
fn every_cursor_of_real_files() {
    for source in [include_str!("../line.rs"), CODE, "", "\r\n\r\n", "é\u{200d}\r漢\n"] {
        let rope = Rope::from_str(source);
        for offset in (0..=source.len()).filter(|at| source.is_char_boundary(*at)) {
            let anchor = Anchor::new(&rope, offset, WINDOWS);
            let cut = anchor.cut(&rope, offset).expect("a new anchor holds");
            assert!(!cut.is_dirty);
            check_model(source, offset, &cut);
            assert_eq!(anchor.renewed(&rope, offset, WINDOWS).frozen().tail, cut.frozen.tail);
        }
    }
}

/// The naive model: what a clean cut must say, whatever happened before.
fn check_model(source: &str, offset: usize, cut: &Cut) {
    let before = &source[..offset];
    let model = format!("{}{}", cut.frozen.head, cut.typed);
    assert!(before.ends_with(&model), "{model:?} ends {before:?}");
    let after = &source[offset..];
    let at = after.find(&*cut.frozen.tail).expect("the tail is behind the cursor");
    let gap = if after.starts_with(&*cut.frozen.tail) { "" } else { &after[..at] };
    assert!(gap.chars().all(is_closer), "{gap:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_edits_never_make_it_lie(
        cursor in 0usize..400,
        edits in prop::collection::vec((0usize..500, 0usize..6, "[a-c(){}\n\r é]{0,5}", any::<bool>()), 0..12),
    ) {
        let source = "fn alpha() {\n    beta(gamma);\n}\n\n".repeat(10);
        let mut session = Session::with(
            &format!("{}$0{}", &source[..cursor.min(source.len())], &source[cursor.min(source.len())..]),
            Windows { head: 120, tail: 60 },
        );
        for (at, length, text, is_typed) in edits {
            if is_typed {
                let before = session.cut();
                session.type_text(&text);
                if let (Some(before), Some(after)) = (before, session.cut()) {
                    // CR and LF that meet become one line end, yet the same bytes.
                    prop_assert_eq!(format!("{}{}", before.typed, text), after.typed);
                }
            } else {
                let end = session.rope.len_bytes();
                let at = lines::floor(&session.rope, at.min(end));
                session.edit(at..lines::floor(&session.rope, (at + length).min(end)), &text);
            }
            session.cursor = lines::floor(&session.rope, session.cursor);
            if let Some(cut) = session.cut() {
                let text = session.rope.to_string();
                prop_assert!(text[..session.cursor].ends_with(&cut.typed));
                if !cut.is_dirty {
                    check_model(&text, session.cursor, &cut);
                }
            }
            let renewed = session.anchor.renewed(&session.rope, session.cursor, Windows { head: 120, tail: 60 });
            let cut = renewed.cut(&session.rope, session.cursor);
            prop_assert!(cut.is_some_and(|cut| !cut.is_dirty), "what is renewed holds");
        }
    }
}

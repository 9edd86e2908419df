use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn check(old: &str, new: &str, expected: &[(Range<usize>, &str)]) {
    let found = lines(old, new);
    let found: Vec<_> = found.iter().map(|one| (one.range.clone(), one.text.as_str())).collect();
    assert_eq!(found, expected, "{old:?} → {new:?}");
    assert_eq!(apply(old, &lines(old, new)), new);
}

#[test]
fn only_lines_that_differ_are_said() {
    check("a\nb\nc\n", "a\nB\nc\n", &[(2..4, "B\n")]);
    check("a\nb\nc\n", "a\nc\n", &[(2..4, "")]);
    check("a\nc\n", "a\nb\nc\n", &[(2..2, "b\n")]);
    check("a\nb\nc\nd\n", "A\nb\nc\nD\n", &[(0..2, "A\n"), (6..7, "D")]);
    check("é\n🦀\n", "é\n🦁\n", &[(3..7, "🦁")]);
    check("a\n", "a\n", &[]);
    check("", "", &[]);
}

#[test]
fn endings_stay_whole() {
    check("a\r\nb\r\n", "a\r\nB\r\n", &[(3..4, "B")]);
    check("a\rb\rc\r", "a\rB\rc\r", &[(2..4, "B\r")]);
    check("a\nb\n", "a\r\nb\n", &[(0..2, "a\r\n")]);
    check("a\r\n", "a\n", &[(0..3, "a\n")]);
    check("a\r", "a\r\n", &[(0..2, "a\r\n")]);
    // The last break is another one than those above: nothing is cut between a `\r` and its `\n`.
    check("a\r\nb\n", "a\r\n", &[(3..5, "")]);
    check("a\n", "a\nb\r\n", &[(2..2, "b\r\n")]);
}

#[test]
fn the_line_after_the_last_break_is_not_addressed() {
    check("a\n", "a\nb\n", &[(1..1, "\nb")]);
    check("a\r\n", "a\r\nb\r\n", &[(1..1, "\r\nb")]);
    check("a\nb\n", "a\n", &[(1..3, "")]);
    check("a\nb\n", "a\nc\nd\n", &[(2..3, "c\nd")]);
    // Where the last break itself goes there is no other way.
    check("a\n", "a", &[(0..2, "a")]);
    check("a\n", "", &[(0..2, "")]);
}

#[test]
fn a_missing_last_break_is_no_reason_to_write_the_line_again() {
    check("a\nb", "a\nb\n", &[(3..3, "\n")]);
    check("a", "a\n\nb\n", &[(1..1, "\n\nb\n")]);
    check("a", "b", &[(0..1, "b")]);
    check("", "a\n", &[(0..0, "a\n")]);
    check("a", "", &[(0..1, "")]);
}

proptest! {
    #[test]
    fn replacements_make_the_new_text(
        old in "([abé🦀 ]{0,2}(\n|\r\n|\r)?){0,12}",
        new in "([abé🦀 ]{0,2}(\n|\r\n|\r)?){0,12}",
    ) {
        let replacements = lines(&old, &new);
        prop_assert_eq!(apply(&old, &replacements), new.clone());
        for pair in replacements.windows(2) {
            prop_assert!(pair[0].range.end <= pair[1].range.start);
        }
        for one in &replacements {
            prop_assert!(one.range.start <= one.range.end && one.range.end <= old.len());
            let cuts_a_break = |at: usize| old[..at].ends_with('\r') && old[at..].starts_with('\n');
            prop_assert!(!cuts_a_break(one.range.start) && !cuts_a_break(one.range.end));
            // Nothing is inserted after a last break that stays.
            let last_stays = line_break(&old) == line_break(&new) && !line_break(&old).is_empty();
            prop_assert!(!(last_stays && old != new && one.range.start == old.len()));
        }
    }
}

fn check_unified(old: &str, new: &str, expected: Expect) {
    expected.assert_eq(&unified(Some(old), new, "src/a.rs"));
}

/// As `git apply` and `patch` both take them: tried with Git 2.39 and GNU patch 2.7.
#[test]
fn names_of_files() {
    for (old, path, heads) in [
        (None, "a.py", "--- /dev/null\n+++ b/a.py\n"),
        (Some(""), "a.py", "--- a/a.py\n+++ b/a.py\n"),
        (Some(""), "a b/größe.py", "--- a/a b/größe.py\t\n+++ b/a b/größe.py\t\n"),
        (Some(""), "n\nl\".py", "--- \"a/n\\nl\\\".py\"\n+++ \"b/n\\nl\\\".py\"\n"),
        (None, "\u{1b}\\\t\r\u{85}", "--- /dev/null\n+++ \"b/\\033\\\\\\t\\r\\302\\205\"\n"),
    ] {
        assert_eq!(unified(old, "x\n", path), format!("{heads}@@ -0,0 +1 @@\n+x\n"));
    }
}

#[test]
fn unified_diffs() {
    check_unified("a\n", "a\n", expect![""]);
    let old: String = (1..=20).map(|line| format!("{line}\n")).collect();
    let new = old.replace("\n2\n", "\ntwo\n").replace("\n9\n", "\n").replace("\n19\n20\n", "\n19\n20");
    check_unified(
        &old,
        &new,
        expect![[r#"
        --- a/src/a.rs
        +++ b/src/a.rs
        @@ -1,12 +1,11 @@
         1
        -2
        +two
         3
         4
         5
         6
         7
         8
        -9
         10
         11
         12
        @@ -17,4 +16,4 @@
         17
         18
         19
        -20
        +20
        \ No newline at end of file
    "#]],
    );
    check_unified(
        "",
        "a\n",
        expect![[r#"
        --- a/src/a.rs
        +++ b/src/a.rs
        @@ -0,0 +1 @@
        +a
    "#]],
    );
    check_unified(
        "a\nb",
        "",
        expect![[r#"
        --- a/src/a.rs
        +++ b/src/a.rs
        @@ -1,2 +0,0 @@
        -a
        -b
        \ No newline at end of file
    "#]],
    );
}

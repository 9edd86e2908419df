//! Tables of texts and their chunks.

use expect_test::{Expect, expect};

use super::*;

/// One line a chunk: kind, name, first and last line, signature.
fn check(language: &str, text: &str, expected: Expect) {
    let language = Language::of(language, "");
    let rope = Rope::from_str(text);
    let tree = tree::parse(language, &rope, None);
    let mut actual = String::new();
    for chunk in chunks(language, &rope, tree.as_ref()) {
        let [first, last] = [chunk.range.start, chunk.range.end].map(|offset| rope.byte_to_line(offset) + 1);
        let name = chunk.name.unwrap_or_default();
        let signature = rope.byte_slice(chunk.signature).to_string().replace('\n', "⏎");
        actual += &format!("{first}-{last} {:?} {name} | {signature}\n", chunk.kind);
    }
    expected.assert_eq(&actual);
}

#[test]
fn rust() {
    check(
        "rust",
        r#"//! About the file.

use std::fmt;
use std::io;

// Ours.
use crate::a;

/// One.
#[derive(Debug)]
// Note.
pub struct A { // trailing
    x: u8,
}

const B: u8 = 1; // b
const C: u8 = 2;

static D: u8 = 3;

impl<T> Show for A<T>
where
    T: Copy,
{
    /// Doc.
    #[inline] #[must_use]
    fn show(&self) -> u8 {
        fn nested() {}
        const E: u8 = 1;
        self.x
    }
    fn other() {}
}

trait T: Copy {
    fn must(&self) -> u8;
    fn may(&self) {}
}

macro_rules! m { () => {} }

mod inline {
    pub fn f() {}
}

mod far;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic]
    async fn works() {}
}
"#,
        expect![[r#"
            3-7 Imports  | use std::fmt;⏎use std::io;⏎⏎// Ours.⏎use crate::a;
            9-14 Type A | pub struct A { // trailing⏎    x: u8,⏎}
            16-17 Item B | const B: u8 = 1; // b⏎const C: u8 = 2;
            19-19 Item D | static D: u8 = 3;
            21-33 Impl A<T> | impl<T> Show for A<T>⏎where⏎    T: Copy,
            25-31 Method show | fn show(&self) -> u8
            32-32 Method other | fn other()
            35-38 Trait T | trait T: Copy
            36-36 Method must | fn must(&self) -> u8;
            37-37 Method may | fn may(&self)
            40-40 Item m | macro_rules! m { () => {} }
            42-44 Module inline | mod inline
            43-43 Function f | pub fn f()
            46-46 Item far | mod far;
            48-55 Test tests | mod tests
            50-50 Imports  | use super::*;
            52-54 Test works | async fn works()
        "#]],
    );
}

#[test]
fn python() {
    check(
        "python",
        r#"#!/usr/bin/env python3
"""About the file."""

from __future__ import annotations
import os, sys
from a import (
    b,
)

X = 1
Y: int = 2

print(X)


# Above.
@decorator
@other(1)
async def f(a, *, b=2) -> int:
    """Doc."""
    def nested():
        pass
    return a


class A(B):
    """Doc."""

    x = 1

    @property
    def p(self):
        return 1

    def m(self): return 2


class TestA:
    def test_m(self):
        pass


def test_f():
    assert f(1) == 1

if __name__ == "__main__":
    f()
"#,
        expect![[r#"
            4-8 Imports  | from __future__ import annotations⏎import os, sys⏎from a import (⏎    b,⏎)
            10-11 Item X | X = 1⏎Y: int = 2
            13-13 Item  | print(X)
            16-23 Function f | async def f(a, *, b=2) -> int:
            26-35 Class A | class A(B):
            31-33 Method p | def p(self):
            35-35 Method m | def m(self):
            38-40 Test TestA | class TestA:
            39-40 Test test_m | def test_m(self):
            43-44 Test test_f | def test_f():
            46-47 Item  | if __name__ == "__main__":⏎    f()
        "#]],
    );
}

#[test]
fn broken_texts_keep_what_is_whole() {
    check(
        "rust",
        "fn before() {}\n\nfn broken(a: u8 {\n    let x = ;\n    if x {\n\nfn after() {}\n\nstruct S;\n",
        expect![[r#"
            1-1 Function before | fn before()
            3-5 Block  | fn broken(a: u8 {
            7-7 Function after | fn after()
            9-9 Type S | struct S;
        "#]],
    );
    check(
        "rust",
        "fn a() {\n    x();\n\nfn b() {}\n\n/// Doc.\nfn c() {\n    y();\n}\n",
        expect![[r#"
            1-2 Block  | fn a() {
            4-4 Function b | fn b()
            6-9 Function c | fn c()
        "#]],
    );
    check(
        "rust",
        "} ) fn\n\n\nlet = =\n  a\n",
        expect![[r#"
        1-1 Block  | } ) fn
        4-5 Block  | let = =
    "#]],
    );
    check(
        "python",
        "def a():\n    x = (1,\n\ndef b():\n    pass\n\nclass C(:\n    def m(self):\n        pass\n",
        expect![[r#"
            1-5 Function a | def a():⏎    x = (1,⏎⏎def b():
            7-9 Class C | class C(:
            8-9 Method m | def m(self):
        "#]],
    );
}

#[test]
fn other_languages_go_by_blank_lines_and_indentation() {
    check(
        "lua",
        "local a = 1\nlocal b = 2\n\nfunction f()\n  x()\n\n  y()\nend\n\nlocal t = {\n\n  1,\n\n}\n\nreturn t\n",
        expect![[r#"
            1-2 Block  | local a = 1
            4-8 Block  | function f()
            10-14 Block  | local t = {
            16-16 Block  | return t
        "#]],
    );
    check(
        "plaintext",
        "\n\n  one\n\ntwo\r\n\r\nthree\rfour\n",
        expect![[r#"
            3-3 Block  |   one
            5-5 Block  | two
            7-8 Block  | three
        "#]],
    );
    check("plaintext", "", expect![[r#""#]]);
    check(
        "plaintext",
        &"x\n".repeat(130),
        expect![[r#"
        1-120 Block  | x
        121-130 Block  | x
    "#]],
    );
}

#[test]
fn items_may_share_a_line() {
    check(
        "rust",
        "fn a() {} fn b() {}\n#[test] fn c() {}",
        expect![[r#"
        1-1 Function a | fn a()
        1-1 Function b | fn b()
        2-2 Test c | fn c()
    "#]],
    );
}

#[test]
fn a_text_too_large_has_no_chunks() {
    check("plaintext", &"x\n".repeat(tree::MAX_BYTES / 2 + 1), expect![[r#""#]]);
}

#[test]
fn the_fixtures_are_source() {
    for (language, text) in [
        ("rust", include_str!("../../../fixtures/source/interval.rs")),
        ("rust", include_str!("../../../fixtures/source/words.rs")),
        ("python", include_str!("../../../fixtures/source/ledger.py")),
        ("python", include_str!("../../../fixtures/source/scheduler.py")),
    ] {
        let language = Language::of(language, "");
        let rope = Rope::from_str(text);
        let tree = tree::parse(language, &rope, None).expect("a tree");
        assert!(!tree.root_node().has_error());
        let chunks = chunks(language, &rope, Some(&tree));
        assert!(chunks.len() > 10);
        for pair in chunks.windows(2) {
            let [a, b] = [&pair[0].range, &pair[1].range];
            assert!(a.end <= b.start || a.start <= b.start && b.end <= a.end, "{pair:?}");
        }
    }
}

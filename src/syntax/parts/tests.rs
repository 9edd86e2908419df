use expect_test::{Expect, expect};

use super::*;
use crate::syntax::tree;

fn check(language: &str, text: &str, expected: Expect) {
    let language = Language::of(language, "");
    let rope = Rope::from_str(text);
    let tree = tree::parse(language, &rope, None).unwrap();
    let parts = Parts::of(language, &rope, &tree).unwrap();
    let mut actual = String::new();
    for Public { name, signature } in parts.public {
        actual += &format!("{name}: {}\n", text[signature].trim_end().replace('\n', "⏎"));
    }
    let mut imported: Vec<_> = parts.imported.into_iter().map(|one| one.name).collect();
    imported.sort();
    actual += &format!("imports {}\n", imported.join(" "));
    for TestBlock { name, body, parent, .. } in parts.tests {
        actual += &format!("tests in {name}: {body:?} of {parent:?}\n");
    }
    expected.assert_eq(&actual);
}

#[test]
fn rust() {
    check(
        "rust",
        r#"
use a::b;
use super::{c, d::E, f as g, h::*};
pub fn a(x: u8) -> u8 { x }
fn private() {}
pub(crate) struct S<T> { pub x: T, y: u8 }
pub struct Tuple(pub u8);
pub struct Unit;
pub enum E { A, B(u8) }
pub const N: usize = 2;
pub trait T { fn must(&self); fn may(&self) {} }
impl T for S<u8> { fn must(&self) {} }
impl S<u8> { pub async fn run(&self) {} fn hidden() {} }
#[cfg(not(test))]
mod live {}
#[cfg(all(test, feature = "x"))]
#[allow(unused)] // Why.
mod more { #[test] fn f() {} }
mod inner { mod tests {} }
#[cfg(test)]
mod far;
"#,
        expect![[r#"
            a: pub fn a(x: u8) -> u8
            S: pub(crate) struct S<T>
            x: pub x: T
            Tuple: pub struct Tuple(pub u8);
            Unit: pub struct Unit;
            E: pub enum E { A, B(u8) }
            N: pub const N: usize =
            T: pub trait T
            must: fn must(&self);
            may: fn may(&self)
            must: fn must(&self)
            run: pub async fn run(&self)
            imports E b c g
            tests in more: Some(467..488) of 0..538
            tests in tests: Some(511..513) of 499..515
            tests in far: None of 0..538
        "#]],
    );
}

#[test]
fn python() {
    check(
        "python",
        r#"
import os.path, x as y
from slugify import slugify, z as w
def a(x: int = 1) -> int:
    return x
def _hidden(): pass
@cache
async def b(): pass
LIMIT: int = 3
class A(B):
    def __init__(self): pass
    def __mangled(self): pass
    @property
    def p(self): return 1
class TestA:
    def test_p(self): pass
"#,
        expect![[r#"
            a: def a(x: int = 1) -> int:
            b: @cache⏎async def b():
            LIMIT: LIMIT: int =
            A: class A(B):
            __init__: def __init__(self):
            p: @property⏎    def p(self):
            TestA: class TestA:
            test_p: def test_p(self):
            imports os slugify w y
            tests in TestA: Some(289..311) of 0..312
        "#]],
    );
}

/// What stands at ranges, one after the other.
fn check_ranges(language: &str, text: &str, of: fn(Parts) -> Vec<Range<usize>>, expected: &[&str]) {
    let language = Language::of(language, "");
    let rope = Rope::from_str(text);
    let tree = tree::parse(language, &rope, None).unwrap();
    let found = of(Parts::of(language, &rope, &tree).unwrap());
    assert_eq!(found.into_iter().map(|range| &text[range]).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn remarks_are_no_documentation() {
    let text = "//! In.\n/// Doc.\n// Why.\nfn f() { /* a */ 1 /** b */ }\n";
    check_ranges("rust", text, |parts| parts.remarks, &["// Why.", "/* a */"]);
    check_ranges("python", "# a\ndef f():\n    'b'\n    x()  # c\n", |parts| parts.remarks, &["# a", "# c"]);
}

#[test]
fn stubs_do_nothing() {
    for (language, text, expected) in [
        ("rust", "fn f() { /* ... */ }\nfn g() {}\nfn h() { 1 }\n", &["{ /* ... */ }", "{}"][..]),
        (
            "rust",
            "fn f() { todo!() }\nfn g() { a(); unimplemented!(\"later\"); }\n",
            &["todo!()", "unimplemented!(\"later\")"],
        ),
        ("python", "def f(): pass\ndef g():\n    'Doc.'\n    ...\n", &["pass", "'Doc.'\n    ..."]),
        (
            "python",
            "def f():\n    x()\n    raise NotImplementedError(1)\n",
            &["raise NotImplementedError(1)"],
        ),
        ("python", "class A(E): pass\nif x:\n    pass\ndef f():\n    x()\n    pass\n", &[]),
    ] {
        check_ranges(language, text, |parts| parts.stubs, expected);
    }
}

#[test]
fn assertions_make_a_test_fail() {
    let found = |parts: Parts| {
        let mut found = parts.assertions;
        found.sort_by_key(|one| (one.start, one.end));
        found.dedup();
        found
    };
    for (language, text, expected) in [
        ("rust", "fn f() { a(); assert_eq!(a(), 1); }", &["assert_eq!(a(), 1)"][..]),
        ("rust", "#[test]\n#[should_panic]\nfn f() { a(); }", &["#[should_panic]"]),
        ("rust", "fn f() { check(1); x.unwrap(); y()?; }", &["check(1)", "x.unwrap()", "y()?"]),
        ("rust", "proptest! { #[test] fn f(a: u8) { prop_assert!(a) } }", &["prop_assert"]),
        ("rust", "macro_rules! m { ($($t:ty)+) => { $( assert!(a()); )+ } }", &["assert"]),
        ("rust", "fn f() { println!(\"assert\"); g(); }", &[]),
        ("python", "def test_a():\n    assert a\n    a()\n", &["assert a"]),
        (
            "python",
            "with pytest.raises(E):\n    self.assertTrue(x)\n",
            &["pytest.raises(E)", "self.assertTrue(x)"],
        ),
        ("python", "def test_a():\n    print(a())\n", &[]),
    ] {
        check_ranges(language, text, found, expected);
    }
}

#[test]
fn the_entry_stands_last() {
    let entry = |parts: Parts| parts.entry.into_iter().collect();
    let main = "if __name__ == '__main__':\n    f()";
    check_ranges("python", &format!("f = g\n\n\n{main}\n"), entry, &[main]);
    check_ranges("python", &format!("{main}\nf = g\n"), entry, &[]);
    check_ranges("python", "if name == '__main__':\n    f()\n", entry, &[]);
}

#[test]
fn statements() {
    for (language, text, inside, expected) in [
        ("rust", "fn f() {\n    let x = g(1);\n    x + 2\n}\n", "1", "let x = g(1);"),
        ("rust", "fn f() {\n    let x = g(1);\n    x + 2\n}\n", "2", "x + 2"),
        ("rust", "fn f() { match x { A => b(1), C => d } }", "b", "A => b(1),"),
        ("python", "def f():\n    if x:\n        y = g(1)\n", "1", "y = g(1)"),
        ("python", "def f():\n    if x:\n        y = g(1)\n", "x", "if x:\n        y = g(1)"),
    ] {
        let language = Language::of(language, "");
        let rope = Rope::from_str(text);
        let tree = tree::parse(language, &rope, None).unwrap();
        let at = text.find(inside).unwrap();
        let found = Parts::of(language, &rope, &tree).unwrap().statement_round(&(at..at + 1));
        assert_eq!(found.map(|range| &text[range]), Some(expected), "{inside} in {text}");
    }
}

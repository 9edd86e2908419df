//! What the parts of a text are to an edit: comments, names, statements, what others see, where tests are.
//!
//! Found by a grammar's edits query. It says what is there; what an edit may do to it is said in `edit`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use ropey::Rope;
use streaming_iterator::StreamingIterator;
use tree_sitter::{Node, QueryCursorOptions, Tree};

use crate::syntax::{Language, query};

/// What the query may take; source of a usual size takes some milliseconds.
const LIMIT: Duration = Duration::from_secs(1);

/// The parts of one text. All ranges are in bytes.
#[derive(Default)]
pub struct Parts {
    /// Comments and docstrings, by the ids of their nodes in the tree that was asked.
    pub(super) trivia: HashSet<usize>,
    /// Names, the same way.
    pub(super) identifiers: HashSet<usize>,
    /// Nodes in which even blanks between the parts count, the same way.
    pub(super) verbatim: HashSet<usize>,
    /// Statements, items, and members of lists of them, in no order.
    pub statements: Vec<Range<usize>>,
    /// Definitions that others see, in document order.
    pub public: Vec<Public>,
    /// Blocks that hold tests, in document order.
    pub tests: Vec<TestBlock>,
    /// Names that imports bring, wherever they stand, in no order.
    pub imported: Vec<String>,
}

/// A definition that others see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    pub name: String,
    pub signature: Range<usize>,
}

/// A module or class that holds tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestBlock {
    pub name: String,
    pub range: Range<usize>,
    /// From its opener to its closer; `None` where the block stands in another file.
    pub body: Option<Range<usize>>,
    /// What the block stands in: its module, or the whole text.
    pub parent: Range<usize>,
}

impl Parts {
    /// The parts of the text that `tree` is the tree of. `None` where the language says nothing about them, or where
    /// it takes too long to find them all: half of them would be worse than none.
    pub fn of(language: &Language, rope: &Rope, tree: &Tree) -> Option<Self> {
        let query = language.grammar.as_ref()?.queries().edits.as_ref()?;
        let names = query.capture_names();
        let mut parts = Self::default();
        let (mut public, mut tests) = (HashMap::new(), HashMap::new());

        let mut cursor = query::cursor();
        let mut gave_up = false;
        let mut is_enough = query::limit(LIMIT);
        let mut limit = |state: &_| {
            gave_up = is_enough(state);
            gave_up
        };
        let options = QueryCursorOptions::new().progress_callback(&mut limit);
        let text_of = |node: Node| query::text_of(rope, node);
        let mut matches = cursor.matches_with_options(query, tree.root_node(), text_of, options);
        while let Some(found) = matches.next() {
            let (mut main, mut name, mut body) = (None, None, None);
            for capture in found.captures {
                let node = capture.node;
                match names.get(capture.index as usize).copied().unwrap_or_default() {
                    "trivia" => _ = parts.trivia.insert(node.id()),
                    "identifier" => _ = parts.identifiers.insert(node.id()),
                    "verbatim" => _ = parts.verbatim.insert(node.id()),
                    "imported" => parts
                        .imported
                        .extend(rope.get_byte_slice(node.byte_range()).map(|name| name.to_string())),
                    "statement" => parts.statements.push(node.byte_range()),
                    "name" => name = rope.get_byte_slice(node.byte_range()).map(|name| name.to_string()),
                    "body" => body = Some(node),
                    other @ ("public" | "tests") => main = Some((other, node)),
                    _ => {}
                }
            }
            let (Some((kind, node)), Some(name)) = (main, name) else { continue };
            if kind == "public" {
                let end = body.map_or(node.end_byte(), |body| body.start_byte());
                public.insert(node.id(), Public { name, signature: node.start_byte()..end });
            } else {
                let body = body.map(|body| body.byte_range());
                // The root begins with its first token, the text may begin with blanks.
                let parent = node.parent().filter(|parent| parent.parent().is_some());
                let parent = parent.map_or(0..rope.len_bytes(), |parent| parent.byte_range());
                tests.insert(node.id(), TestBlock { name, range: node.byte_range(), body, parent });
            }
        }
        drop(matches);
        if gave_up {
            return None;
        }
        parts.public = public.into_values().collect();
        parts.public.sort_by_key(|one| (one.signature.start, one.signature.end));
        parts.tests = tests.into_values().collect();
        parts.tests.sort_by_key(|one| (one.range.start, one.range.end));
        Some(parts)
    }

    /// The smallest statement that holds all of `range`.
    pub fn statement_round(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let holds = |one: &&Range<usize>| one.start <= range.start && range.end <= one.end;
        self.statements.iter().filter(holds).min_by_key(|one| one.len()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::syntax::tree;

    fn check(language: &str, text: &str, expected: Expect) {
        let language = Language::of(language, "");
        let rope = Rope::from_str(text);
        let tree = tree::parse(language, &rope, None).unwrap();
        let mut parts = Parts::of(language, &rope, &tree).unwrap();
        let mut actual = String::new();
        for Public { name, signature } in parts.public {
            actual += &format!("{name}: {}\n", text[signature].trim_end().replace('\n', "⏎"));
        }
        parts.imported.sort();
        actual += &format!("imports {}\n", parts.imported.join(" "));
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
}

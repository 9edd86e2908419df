//! Syntax errors of a tree: the cheapest proof that a change did damage.
//!
//! An error is an ERROR or a MISSING node. Errors inside errors count too: what breaks more has more of them.

use std::ops::Range;

use tree_sitter::{Node, Tree};

/// The byte ranges of all errors, in document order, those of missing tokens empty. What is clean is not walked.
pub fn faults(tree: &Tree) -> Vec<Range<usize>> {
    let mut faults = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            faults.push(node.byte_range());
        }
        if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return faults;
            }
        }
    }
}

/// The byte ranges of all blocks with nothing in them where a grammar lets that pass and the language does not, in
/// document order: tree-sitter-python takes a `def` that nothing follows, or nothing but comments. All of the tree is
/// walked.
pub fn hollow_blocks(tree: &Tree) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if is_hollow(node) {
            found.push(node.byte_range());
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

/// Whether a block has not even brackets, which is how other languages write an empty one.
fn is_hollow(node: Node) -> bool {
    node.kind() == "block" && node.children(&mut node.walk()).all(|child| child.is_extra())
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;
    use crate::syntax::{Language, tree};

    #[test]
    fn blocks_with_nothing_in_them_are_found() {
        for (language, text, expected) in [
            ("python", "def f():\n    pass\n", 0),
            ("python", "def f():\nreturn 1\n", 1),
            ("python", "def f():\n    # as before\n\nx = 1\n", 1),
            ("python", "def f():\n    \"\"\"Says.\"\"\"\n", 0),
            ("python", "class A:\n    def f(self):\n\n    def g(self): ...\n", 1),
            ("python", "if a:\nelse:\n    b()\n", 1),
            ("python", "if a: b()\n", 0),
            ("rust", "fn f() {}\nfn g() { /* Nothing. */ }\n", 0),
        ] {
            let tree = tree::parse(Language::of(language, ""), &Rope::from_str(text), None).unwrap();
            assert_eq!(hollow_blocks(&tree).len(), expected, "{text}");
        }
    }

    #[test]
    fn errors_are_found_where_they_are() {
        for (text, expected) in [
            ("fn f() {}\n", &[][..]),
            ("fn f() { g( }\n", &[(10, 11)]),
            ("fn f() { let x = 1 }\n", &[(18, 18)]),
            ("fn f() {}\n\n} fn g() {}\n", &[(11, 12)]),
        ] {
            let language = Language::of("rust", "");
            let tree = tree::parse(language, &Rope::from_str(text), None).unwrap();
            let found: Vec<_> = faults(&tree).iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}

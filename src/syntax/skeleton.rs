//! A syntax tree without what does not change its meaning: what two texts are compared by.
//!
//! Layout is left out, and comments and docstrings stand apart, so that "the same code" is a comparison of two values.
//! This file does *not* say what may differ: see `edit::guard`.

use ropey::Rope;
use tree_sitter::{Node, Tree};

use crate::syntax::parts::Parts;

/// A text as its tree sees it.
#[derive(Debug)]
pub struct Skeleton {
    /// All nodes but those of comments and docstrings, from the root down.
    pub code: Vec<Bone>,
    /// The byte at which each of them begins.
    pub places: Vec<usize>,
    /// The text of comments and docstrings, their blanks made one, in order.
    pub trivia: Vec<String>,
}

/// A node: with its depth, a row of them is a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bone {
    kind: u16,
    depth: u32,
    pub is_identifier: bool,
    /// A name that belongs to something else, as a field does.
    pub is_member: bool,
    /// What of the node's text is in none of its children: all of a leaf's.
    pub text: String,
}

impl Bone {
    /// The same node, whatever its text.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.depth == other.depth
    }
}

impl Skeleton {
    /// `parts` must be those of `tree`, and both those of `rope`.
    pub fn of(rope: &Rope, tree: &Tree, parts: &Parts) -> Self {
        let mut skeleton = Self { code: Vec::new(), places: Vec::new(), trivia: Vec::new() };
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            let is_trivia = parts.trivia.contains(&node.id());
            if is_trivia {
                let text = text(rope, node.start_byte(), node.end_byte());
                skeleton.trivia.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
            } else {
                skeleton.places.push(node.start_byte());
                skeleton.code.push(Bone {
                    kind: node.kind_id(),
                    depth: cursor.depth(),
                    is_identifier: parts.identifiers.contains(&node.id()),
                    is_member: parts.members.contains(&node.id()),
                    text: own_text(rope, node, parts.verbatim.contains(&node.id())),
                });
                if cursor.goto_first_child() {
                    continue;
                }
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return skeleton;
                }
            }
        }
    }
}

/// The text of `node` less that of its children; of gaps that are blank, only those of a `verbatim` node.
fn own_text(rope: &Rope, node: Node, verbatim: bool) -> String {
    let mut own = String::new();
    let mut from = node.start_byte();
    let mut cursor = node.walk();
    let children = node.children(&mut cursor).map(|child| child.byte_range());
    let is_leaf = node.child_count() == 0;
    for child in children.chain(std::iter::once(node.end_byte()..node.end_byte())) {
        let gap = text(rope, from, child.start);
        if is_leaf || verbatim {
            own += &gap;
        } else {
            own += gap.trim();
        }
        if verbatim {
            // Where one piece ends and a child stands between counts too.
            own.push('\0');
        }
        from = from.max(child.end);
    }
    own
}

fn text(rope: &Rope, from: usize, to: usize) -> String {
    rope.get_byte_slice(from..to.max(from)).map(|slice| slice.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Language, tree};

    fn check(language: &str, a: &str, b: &str, same_code: bool) {
        let skeleton = |text| {
            let language = Language::of(language, "");
            let rope = Rope::from_str(text);
            let tree = tree::parse(language, &rope, None).unwrap();
            Skeleton::of(&rope, &tree, &Parts::of(language, &rope, &tree).unwrap())
        };
        assert_eq!(skeleton(a).code == skeleton(b).code, same_code, "{a:?} and {b:?}");
    }

    #[test]
    fn layout_and_comments_are_no_code() {
        check("rust", "fn f() { 1 }", "/// Doc.\nfn f() {\n\t// a\n\t1 /* b */\n}\n", true);
        check("rust", "struct S;", "#[doc = \"a\"]\nstruct S;", true);
        check("rust", "struct S;", "#[doc(hidden)]\nstruct S;", false);
        check("rust", "fn f() { 1 }", "fn f() { 2 }", false);
        check("rust", "fn f() { \"a b\" }", "fn f() { \"a  b\" }", false);
        check("rust", "fn f() { m!(a b) }", "fn f() { m!(a  b) }", true);
        check("rust", "fn f() { m!(a) }", "fn f() { m!(b) }", false);
        check("rust", "fn f() { 1 }\r\n", "fn f() {\r\n1\r\n}", true);
        check("python", "def f(): return 1", "def f():\n    \"\"\"Doc.\"\"\"\n    # a\n    return 1\n", true);
        check(
            "python",
            "def f():\n    '''Old.'''\n    x()\n",
            "def f():\n    # a\n    '''New.'''\n    x()\n",
            true,
        );
        check("python", "def f():\n    x()\n", "def f():\n    f'{y()}'\n    x()\n", false);
        check("python", "if a:\n    b()\nc()\n", "if a:\n    b()\n    c()\n", false);
        check("python", "x = '\\n \\n'", "x = '\\n  \\n'", false);
        check("python", "x = 'a  b'", "x = 'a b'", false);
        check("python", "x = a + \\\n  b", "x = a + b", true);
    }
}

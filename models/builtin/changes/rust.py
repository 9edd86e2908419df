"""What can be asked about a piece of Rust, with the answer taken from real code.

The tree comes from tree-sitter, as in the server; nothing is compiled. What is verified is that texts parse, and that their
tokens are the same where they must be.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

from changes.region import Change, Region, Span, fits, say

PARSER = Parser(Language(tree_sitter_rust.language()))
ITEMS = {"function_item", "struct_item", "enum_item", "trait_item", "impl_item"}
POOR_NAMES = [
    "x",
    "y",
    "a",
    "b",
    "t",
    "tmp",
    "temp",
    "val",
    "v",
    "obj",
    "res",
    "foo",
    "data2",
    "thing",
    "var",
    "arr",
    "elem",
    "k1",
]
SUMMARY = re.compile(r"[A-Z`\[\"'][^\n]*[A-Za-z]{2,}[^\n]* [^\n]*[A-Za-z]{2,}")
KEYWORDS = {
    *(
        "as",
        "async",
        "await",
        "break",
        "const",
        "continue",
        "crate",
        "dyn",
        "else",
        "enum",
        "extern",
        "false",
        "fn",
        "for",
        "if",
    ),
    *("impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static", "struct"),
    *("super", "trait", "true", "type", "unsafe", "use", "where", "while", "abstract", "become", "box", "do", "final", "macro"),
    *("override", "priv", "try", "typeof", "unsized", "virtual", "yield", "union"),
}


# Where a name may stand that is no plain use of a variable.
ELSEWHERE = {"shorthand_field_identifier", "lifetime", "label", "string_literal", "line_comment", "block_comment"}


@dataclass
class Piece(Region):
    """An item with the attributes and doc comments above it."""

    node: Node
    doc: tuple[int, int]  # rows of the doc comment, from and up to
    head: int  # the row where the item itself begins, its attributes left out
    names: list[str]

    def span(self, node: Node) -> Span:
        """Where a node stands."""
        (a, b), (c, d) = node.start_point, node.end_point
        return Span(a - self.first + 1, b, c - self.first + 1, d)

    def of(self, node: Node) -> str:
        """The source of a node on one line."""
        return self.flat(self.span(node))

    def name(self) -> str:
        """What the item is called."""
        node = self.node.child_by_field_name("name") or self.node.child_by_field_name("type")
        return self.of(node) if node else ""

    def is_function(self) -> bool:
        """Whether it is a function or a method."""
        return self.node.type == "function_item"

    def words(self) -> set[str]:
        """Every word of the region."""
        return set(re.findall(r"\w+", self.text))

    def fresh(self, rng: random.Random) -> str:
        """A name of a local variable that the region does not know."""
        words = self.words()
        while (name := rng.choice(self.names)) in words or name in KEYWORDS:
            pass
        return name

    def parameters(self) -> list[tuple[str, str]]:
        """Names and types of plain parameters."""
        node = self.node.child_by_field_name("parameters")
        found = [p for p in node.named_children if p.type == "parameter"] if node else []
        pairs = [(p.child_by_field_name("pattern"), p.child_by_field_name("type")) for p in found]
        return [(self.of(a), self.of(b)) for a, b in pairs if a.type == "identifier"]

    def bare(self) -> list[str]:
        """The lines without the doc comment."""
        return [*self.lines[: self.doc[0]], *self.lines[self.doc[1] :]]


def walk(node: Node) -> Iterator[Node]:
    """The node and everything inside."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        todo.extend(reversed(node.children))


def parses(text: str) -> bool:
    """Whether a region has no syntax error."""
    return not PARSER.parse(text.encode()).root_node.has_error


def tokens(text: str) -> list[str]:
    """The leaves of the tree without comments."""
    data = text.encode()
    found: list[str] = []
    todo = [PARSER.parse(data).root_node]
    while todo:
        node = todo.pop()
        if node.type in ("line_comment", "block_comment"):
            continue
        if node.children:
            todo.extend(reversed(node.children))
        else:
            found.append(data[node.start_byte : node.end_byte].decode())
    return found


def pieces(path: str, text: str, names: list[str]) -> Iterator[Piece]:
    """The items of a file, outermost first."""
    root = PARSER.parse(text.encode()).root_node
    lines = text.split("\n")
    todo = [root]
    while todo:
        node = todo.pop()
        for child in node.named_children:
            if child.type in ("impl_item", "trait_item", "mod_item", "declaration_list"):
                todo.append(child)
            if child.type in ITEMS and not child.has_error:
                yield from piece_of(path, lines, child, names)


def piece_of(path: str, lines: list[str], node: Node, names: list[str]) -> Iterator[Piece]:
    """The piece around one item, if it is of a useful size and stands alone on its lines."""
    first = node.start_point[0]
    last = node.end_point[0] + 1
    if last - first > 60 or lines[first][: node.start_point[1]].strip() or lines[last - 1][node.end_point[1] :].strip():
        return
    top = first
    while top > 0 and re.match(r"\s*(///|#\[.*\]\s*$)", lines[top - 1]):
        top -= 1
    docs = [row for row in range(top, first) if lines[row].lstrip().startswith("///")]
    doc = (0, 0)
    if docs:
        doc = (docs[0] - top, docs[-1] + 1 - top)
        if docs[-1] - docs[0] + 1 != len(docs):
            return
    part = lines[top:last]
    whole = "\n".join(part)
    if len(part) >= 2 and whole.isascii() and "\t" not in whole and "\r" not in whole:
        yield Piece(path, part, top + 1, node, doc, first - top, names)


def first_paragraph(piece: Piece) -> list[str]:
    """The lines of the doc comment up to the first blank one, markers left out."""
    result = []
    for line in piece.lines[piece.doc[0] : piece.doc[1]]:
        said = line.lstrip().removeprefix("///").removeprefix(" ").rstrip()
        if not said or said.startswith(("```", "#")):
            break
        result.append(said)
    return result


def document(piece: Piece, rng: random.Random) -> Change | None:
    """Asks for the doc comment that its author wrote; of a long one only the first paragraph."""
    said = first_paragraph(piece)
    if not said or not SUMMARY.match(" ".join(said)) or len(said) > 4 or said[-1].endswith("::"):
        return None
    count = piece.doc[1] - piece.doc[0]
    keep = piece.doc[1] if count <= 4 and rng.random() < 0.5 and "```" not in piece.text else piece.doc[0] + len(said)
    after = "\n".join([*piece.lines[:keep], *piece.lines[piece.doc[1] :]])
    before = "\n".join(piece.bare())
    if not fits(before) or tokens(before) != tokens(after) or not parses(after):
        return None
    what = piece.node.type.removesuffix("_item")
    words = say(
        rng,
        "Add a documentation comment.",
        "Add a doc comment.",
        f"Document this {what}.",
        f"Write a doc comment for `{piece.name()}`.",
        f"Add documentation to {piece.name()}.",
        share=0.7,
    )
    return Change("document", "document", words, before, after)


def explain(piece: Piece, rng: random.Random) -> Change | None:
    """Asks what the code does; the first paragraph of the doc comment says it."""
    prose = " ".join(" ".join(first_paragraph(piece)).split())
    prose = re.sub(r"\[(`[^`]*`)\](\([^)]*\)|\[[^\]]*\])?", r"\1", prose)
    if not SUMMARY.match(prose) or not 25 <= len(prose) <= 320 or "](" in prose:
        return None
    prose = prose if prose.endswith((".", "!", "?")) else f"{prose}."
    before = "\n".join(piece.bare()) if rng.random() < 0.8 else piece.text
    words = say(rng, "Explain this code.", "What does this do?", "Explain what this code does.", share=0.85)
    return Change("explain", "explain", words, before, prose)


def locals_of(piece: Piece) -> list[str]:
    """The names that `let` and `for` bind."""
    found = []
    for node in walk(piece.node):
        if node.type in ("let_declaration", "for_expression"):
            pattern = node.child_by_field_name("pattern")
            if pattern and pattern.type == "identifier":
                found.append(piece.of(pattern))
    return sorted(set(found) - {"_"})


def uses(piece: Piece, name: str) -> list[Span] | None:
    """Where a local variable stands; nothing if the name means something else too, or stands where a tree does not look."""
    spans = []
    for node in walk(piece.node):
        if node.type == "identifier" and piece.of(node) == name:
            span = piece.span(node)
            head = piece.lines[span.row][: span.column]
            if head.endswith("::") or piece.lines[span.row][span.end_column :].startswith("::"):
                return None
            if head.endswith(".") and not head.endswith(".."):
                continue
            if node.parent.type in ("shorthand_field_initializer", "macro_invocation", "function_item", "tuple_struct_pattern"):
                return None
            spans.append(span)
        elif node.type in ELSEWHERE and re.search(rf"\b{name}\b", piece.of(node)):
            return None
    return spans


def rename(piece: Piece, rng: random.Random) -> Change | None:
    """Gives a local variable or a parameter another name; half of the time the real name is what was asked for."""
    if not piece.is_function():
        return None
    bound, parameters = locals_of(piece), [name for name, _ in piece.parameters()]
    choice = bound if bound and rng.random() < 0.7 else parameters
    if not choice:
        return None
    old = rng.choice(choice)
    spans = uses(piece, old)
    to_real = rng.random() < 0.5
    new = rng.choice(POOR_NAMES) if to_real else piece.fresh(rng)
    # NB: the doc comment is no part of the node.
    if any(re.search(rf"\b{old}\b", line) for line in piece.lines[: piece.head]):
        return None
    if not spans or not 2 <= len(spans) <= 12 or new in piece.words() or new in KEYWORDS or old.startswith("_"):
        return None
    other = piece.patched([(s, new) for s in spans])
    if tokens(other) != [new if t == old and other else t for t in tokens(piece.text)] and "." + old not in piece.text:
        return None
    if not parses(piece.text) or not parses(other):
        return None
    before, after = (other, piece.text) if to_real else (piece.text, other)
    a, b = (new, old) if to_real else (old, new)
    said = say(
        rng,
        f"Rename `{a}` to `{b}`.",
        f"Rename {a} to {b}.",
        f"Rename the {'parameter' if old in parameters else 'variable'} `{a}` to `{b}`.",
        f"Rename variable {a} to {b}.",
        f"Call `{a}` `{b}` instead.",
        f"Change the name `{a}` to `{b}`.",
        share=0.45,
    )
    return Change("rename", "rename", said, before, after)


def question(piece: Piece, rng: random.Random) -> Change | None:
    """A `match` that passes the error on: asks for the `?` that stood there."""
    found = [n for n in walk(piece.node) if n.type == "let_declaration" and n.child_by_field_name("value")]
    found = [
        n
        for n in found
        if n.child_by_field_name("value").type == "try_expression"
        and piece.stands_alone(piece.span(n))
        and n.child_by_field_name("alternative") is None
        and len(piece.of(n)) < 90
    ]
    if not found:
        return None
    node = rng.choice(found)
    span, value = piece.span(node), node.child_by_field_name("value")
    at = piece.indentation(span.row)
    inner = piece.of(value)[:-1]
    start = piece.span(value)
    head = " ".join(x.strip() for x in piece.source(Span(span.row, span.column, start.row, start.column)).split("\n")).rstrip()
    returns = piece.node.child_by_field_name("return_type") if piece.is_function() else None
    kind = piece.of(returns) if returns else ""
    e = rng.choice(["e", "err", "error"])
    if "Option" in kind:
        arms = ["Some(value) => value", "None => return None"]
    elif "Result" in kind:
        arms = [
            "Ok(value) => value",
            f"Err({e}) => return Err({e}.into())" if rng.random() < 0.5 else f"Err({e}) => return Err({e})",
        ]
    else:
        return None
    new = [f"{at}{head} match {inner} {{", *(f"{at}    {arm}," for arm in arms), f"{at}}};"]
    before = piece.with_rows(span.row, span.end_row + 1, new)
    if not parses(before):
        return None
    said = say(
        rng,
        "Refactor this code without changing what it does.",
        "Use the ? operator.",
        "Use `?` instead of match.",
        "Simplify the error handling with `?`.",
    )
    return Change("refactor", "question mark", said, before, piece.text)


def if_let(piece: Piece, rng: random.Random) -> Change | None:
    """A `match` with one arm that does something: asks for the `if let` that stood there."""
    found = [
        n
        for n in walk(piece.node)
        if n.type == "if_expression"
        and n.child_by_field_name("condition").type == "let_condition"
        and n.child_by_field_name("alternative") is None
        and piece.stands_alone(piece.span(n))
    ]
    if not found:
        return None
    node = rng.choice(found)
    span, condition = piece.span(node), node.child_by_field_name("condition")
    body = piece.span(node.child_by_field_name("consequence"))
    inner = piece.lines[body.row + 1 : body.end_row]
    if not piece.lines[body.row].endswith("{") or piece.lines[body.end_row].strip() != "}" or not inner:
        return None
    at = piece.indentation(span.row)
    pattern, value = condition.child_by_field_name("pattern"), condition.child_by_field_name("value")
    rest = rng.choice(["None", "_"]) if piece.of(pattern).startswith("Some(") else "_"
    nothing = "()" if rng.random() < 0.3 else "{}"
    new = [
        f"{at}match {piece.of(value)} {{",
        f"{at}    {piece.of(pattern)} => {{",
        *(f"    {x}" if x else x for x in inner),
        f"{at}    }}",
    ]
    new += [f"{at}    {rest} => {nothing}{',' if nothing == '()' else ''}", f"{at}}}"]
    before = piece.with_rows(span.row, span.end_row + 1, new)
    if not parses(before):
        return None
    said = say(
        rng,
        "Refactor this code without changing what it does.",
        "Use if let.",
        "Use `if let` instead of match.",
        "Replace the match with `if let`.",
    )
    return Change("refactor", "if let", said, before, piece.text)


def last_value(piece: Piece, rng: random.Random) -> Change | None:
    """`return x;` at the end, or a variable that is only returned: asks for the expression that stood there."""
    if not piece.is_function():
        return None
    body = piece.node.child_by_field_name("body")
    inner = [n for n in body.named_children if "comment" not in n.type] if body else []
    if not inner or inner[-1].type.endswith(("statement", "declaration", "item")) or len(inner) < 1:
        return None
    span = piece.span(inner[-1])
    if not piece.stands_alone(span) or inner[-1].type in (
        "if_expression",
        "match_expression",
        "macro_invocation",
        "for_expression",
        "while_expression",
        "loop_expression",
        "unsafe_block",
    ):
        return None
    at, rows = piece.indentation(span.row), piece.lines[span.row : span.end_row + 1]
    if rng.random() < 0.6 or len(rows) > 1:
        rows = [f"{at}return {rows[0].strip()}", *rows[1:]]
        rows[-1] += ";"
        others = ["Remove the needless return.", "Remove the unneeded `return`.", "Use the tail expression instead of return."]
    else:
        name = rng.choice(["result", "value", "out", piece.fresh(rng)])
        if name in piece.words():
            return None
        rows = [f"{at}let {name} = {rows[0].strip()};", f"{at}{name}"]
        others = [f"Inline `{name}`.", f"Inline the variable `{name}`.", "Remove the needless variable."]
        if rng.random() < 0.35:
            after = piece.with_rows(span.row, span.end_row + 1, rows)
            said = say(
                rng,
                None,
                f"Store the result in a variable `{name}`.",
                f"Extract the result into a variable `{name}`.",
                f"Introduce a variable {name} for the result.",
            )
            return Change("edit", "extract", said, piece.text, after) if parses(after) else None
    before = piece.with_rows(span.row, span.end_row + 1, rows)
    said = say(rng, "Refactor this code without changing what it does.", *others)
    return Change("refactor", "tail", said, before, piece.text) if parses(before) else None


def compound(piece: Piece, rng: random.Random) -> Change | None:
    """`x = x + y`: asks for `x += y`."""
    found = [n for n in walk(piece.node) if n.type == "compound_assignment_expr" and piece.span(n).row == piece.span(n).end_row]
    patches = []
    for n in found:
        left, right = n.child_by_field_name("left"), n.child_by_field_name("right")
        sign = piece.of(n.child_by_field_name("operator"))[:-1]
        if sign in "+-*" and right.type in ("identifier", "integer_literal", "call_expression", "field_expression"):
            patches.append((piece.span(n), f"{piece.of(left)} = {piece.of(left)} {sign} {piece.of(right)}"))
    if not patches or not parses(before := piece.patched(patches)):
        return None
    said = say(rng, "Refactor this code without changing what it does.", "Use compound assignment.", "Use += where possible.")
    return Change("refactor", "augmented", said, before, piece.text)


CHANGES = [
    (document, 1.0),
    (explain, 0.6),
    (rename, 1.0),
    (question, 1.0),
    (if_let, 1.0),
    (last_value, 0.5),
    (compound, 1.0),
]

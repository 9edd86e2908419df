"""What can be asked about a piece of Python, with the answer taken from real code.

Everything works on lines and on positions of the syntax tree, so that the author's formatting stays; and everything is
verified on trees afterwards. Python 3.11 gives no positions inside f-strings, so what touches a name in one is left out.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import keyword
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from changes.region import Change, Region, Span, fits, indented, say

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
SUMMARY = re.compile(r"[A-Z`\"'][^\n]*[A-Za-z]{2,}[^\n]* [^\n]*[A-Za-z]{2,}")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
SIMPLE = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant


@dataclass
class Piece(Region):
    """A function or class of a file, decorators included, with its part of the file's syntax tree."""

    node: Definition
    names: list[str]  # what local variables are called elsewhere

    def span(self, node: ast.AST) -> Span:
        """Where a node stands."""
        return Span(node.lineno - self.first, node.col_offset, node.end_lineno - self.first, node.end_col_offset)

    def of(self, node: ast.AST) -> str:
        """The source of a node on one line."""
        return self.flat(self.span(node))

    def is_exact(self, node: ast.expr) -> bool:
        """Whether the positions of an expression are right: inside f-strings they are not."""
        try:
            return same(ast.parse(f"({self.of(node)})", mode="eval").body, node)
        except SyntaxError:
            return False

    def identifiers(self) -> set[str]:
        """Every word of the region."""
        return set(re.findall(r"\w+", self.text))

    def fresh(self, rng: random.Random) -> str:
        """A name of a local variable that the region does not know."""
        words = self.identifiers()
        while (name := rng.choice(self.names)) in words:
            pass
        return name

    def is_function(self) -> bool:
        """Whether it is not a class."""
        return not isinstance(self.node, ast.ClassDef)

    def parameters(self) -> list[ast.arg]:
        """The parameters, without `self` and without stars; a class has none."""
        if not self.is_function():
            return []
        a = self.node.args
        return [p for p in (*a.posonlyargs, *a.args, *a.kwonlyargs) if p.arg not in ("self", "cls")]

    def statements(self) -> list[ast.stmt]:
        """The body without the docstring."""
        return self.node.body[1:] if docstring(self.node) else self.node.body


def tree_of(text: str) -> ast.Module | None:
    """The syntax tree of a region, indented or not, if it has one."""
    try:
        return ast.parse(f"if 1:\n{text}" if text[:1] in " \t" else text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def same(a: ast.AST | None, b: ast.AST | None) -> bool:
    """Whether two trees say the same."""
    return a is not None and b is not None and ast.dump(a) == ast.dump(b)


def docstring(node: Definition) -> ast.Expr | None:
    """The statement that is the docstring."""
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return first if is_text else None


def pieces(path: str, text: str, names: list[str]) -> Iterator[Piece]:
    """The functions and small classes of a file."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    lines = text.split("\n")
    for node in ast.walk(tree):
        if not isinstance(node, Definition):
            continue
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        part = lines[first - 1 : node.end_lineno]
        whole = "\n".join(part)
        if 2 <= len(part) <= 90 and whole.isascii() and "\t" not in whole and "\f" not in whole and ";" not in part[-1]:
            yield Piece(path, part, first, node, names)


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """All lists of statements inside."""
    for child in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(child, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def without_docstring(piece: Piece) -> list[str] | None:
    """The lines of a piece that has a docstring, without it."""
    doc = docstring(piece.node)
    if not doc or len(piece.node.body) < 2:
        return None
    span = piece.span(doc)
    if not piece.stands_alone(span) or not piece.lines[span.row].lstrip().startswith('"""'):
        return None
    rest = piece.lines[span.end_row + 1 :]
    while rest and not rest[0].strip():
        rest = rest[1:]
    return [*piece.lines[: span.row], *rest]


def document(piece: Piece, rng: random.Random) -> Change | None:
    """Asks for the docstring that its author wrote; of a long one only the first paragraph."""
    bare = without_docstring(piece)
    if bare is None:
        return None
    span = piece.span(piece.node.body[0])
    written = piece.lines[span.row : span.end_row + 1]
    summary = inspect.cleandoc(piece.node.body[0].value.value).split("\n\n")[0]
    if not SUMMARY.match(summary) or summary.count("\n") > 3 or ">>>" in summary or summary.endswith("::") or "\\" in summary:
        return None
    indentation = piece.indentation(span.row)
    if len(written) > 5 or (len(written) > 1 and rng.random() < 0.3):
        lines = summary.split("\n")
        closed = [f'"""{lines[0]}"""'] if len(lines) == 1 else [f'"""{lines[0]}', *lines[1:], '"""']
        written = indented(closed, indentation)
    rest = piece.lines[span.end_row + 1 :]
    after = "\n".join([*piece.lines[: span.row], *written, *rest])
    before = "\n".join(bare)
    tree = tree_of(after)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, Definition) and node.name == piece.node.name and docstring(node):
            del node.body[0]
            break
    if not same(tree, tree_of(before)):
        return None
    what = "function" if piece.is_function() else "class"
    words = say(
        rng,
        "Add a documentation comment.",
        "Add a docstring.",
        f"Document this {what}.",
        f"Write a docstring for `{piece.node.name}`.",
        f"Add a docstring to {piece.node.name}.",
        share=0.7,
    )
    return Change("document", "document", words, before, after)


def explain(piece: Piece, rng: random.Random) -> Change | None:
    """Asks what the code does; the first paragraph of the docstring says it."""
    bare = without_docstring(piece)
    if bare is None:
        return None
    prose = inspect.cleandoc(piece.node.body[0].value.value).split("\n\n")[0]
    prose = " ".join(prose.split())
    if not SUMMARY.match(prose) or not 25 <= len(prose) <= 320 or ">>>" in prose or "::" in prose:
        return None
    prose = prose if prose.endswith((".", "!", "?")) else f"{prose}."
    before = "\n".join(bare) if rng.random() < 0.8 else piece.text
    words = say(rng, "Explain this code.", "What does this do?", "Explain what this code does.", share=0.85)
    return Change("explain", "explain", words, before, prose)


class Renamed(ast.NodeTransformer):
    """A tree with one variable called something else."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """A use."""
        node.id = self.new if node.id == self.old else node.id
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """A parameter."""
        self.generic_visit(node)
        node.arg = self.new if node.arg == self.old else node.arg
        return node


def rename(piece: Piece, rng: random.Random) -> Change | None:
    """Gives a local variable or a parameter another name; half of the time the real name is what was asked for."""
    if not piece.is_function():
        return None
    inside = list(ast.walk(piece.node))
    if any(isinstance(n, ast.Global | ast.Nonlocal | ast.ClassDef | ast.Lambda) for n in inside):
        return None
    parameters = [p.arg for p in piece.parameters()]
    stored = sorted({n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - set(parameters))
    choice = stored if stored and rng.random() < 0.7 else parameters
    if not choice:
        return None
    old = rng.choice(choice)
    places = [n for n in inside if (isinstance(n, ast.Name) and n.id == old) or (isinstance(n, ast.arg) and n.arg == old)]
    if not 2 <= len(places) <= 12 or any(piece.of(n)[: len(old)] != old for n in places) or old == "_":
        return None
    keywords = [n for n in inside if isinstance(n, ast.keyword) and n.arg == old]
    explained = {(piece.span(n).row, piece.span(n).column) for n in [*places, *keywords]}
    for row, line in enumerate(piece.lines):
        for match in re.finditer(rf"(?<![.\w]){old}\b", line):
            if (row, match.start()) not in explained:
                return None  # in a string or a comment: a person would want to be asked
    words = piece.identifiers()
    to_real = rng.random() < 0.5
    new = rng.choice(POOR_NAMES) if to_real else piece.fresh(rng)
    if new in words or keyword.iskeyword(new) or hasattr(builtins, new):
        return None
    spans = [piece.span(n) for n in places]
    spans = [Span(s.row, s.column, s.row, s.column + len(old)) for s in spans]
    other = piece.patched([(s, new) for s in spans])
    if not same(Renamed(old, new).visit(tree_of(piece.text)), tree_of(other)):
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


class Unannotated(ast.NodeTransformer):
    """A tree without the annotations of its outermost function."""

    def __init__(self) -> None:
        self.done = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Drops them, and does not go inside."""
        if not self.done:
            self.done = True
            a = node.args
            for p in filter(None, (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg)):
                p.annotation = None
            node.returns = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815


def annotate(piece: Piece, rng: random.Random) -> Change | None:
    """Asks for the type annotations that stood there, or for the code without them."""
    if not piece.is_function():
        return None
    a = piece.node.args
    typed = [p for p in filter(None, (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg)) if p.annotation]
    if not typed:
        return None
    patches: list[tuple[Span, str]] = []
    for p in typed:
        span = piece.span(p)
        line = piece.lines[span.end_row][span.end_column :]
        equals = re.match(r"\s*=\s*", line)
        width = span.end_column + (equals.end() if equals else 0)
        end = Span(span.row, span.column, span.end_row, width)
        patches.append((end, p.arg + ("=" if equals else "")))
    returns = piece.node.returns
    if returns:
        span = piece.span(returns)
        head = piece.lines[span.row][: span.column]
        arrow = re.search(r"\s*->\s*$", head)
        if not arrow:
            return None
        patches.append((Span(span.row, arrow.start(), span.end_row, span.end_column), ""))
    bare = piece.patched(patches)
    if not same(Unannotated().visit(tree_of(piece.text)), tree_of(bare)):
        return None
    if rng.random() < 0.12:
        return Change(
            "edit", "unannotate", say(rng, None, "Remove the type annotations.", "Drop the type hints."), piece.text, bare
        )
    words = say(rng, None, "Add type annotations.", "Add type hints.", "Annotate the types.", "Add types to this function.")
    return Change("edit", "annotate", words, bare, piece.text)


def variables(piece: Piece) -> set[str]:
    """The names that the function gives a value to."""
    return {n.id for n in ast.walk(piece.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def alternative(piece: Piece, rng: random.Random) -> Change | None:
    """`else` after a `return` at the end of the function: asks for the guard clause, which is what the author wrote."""
    if not piece.is_function():
        return None
    body = piece.node.body
    for i, node in enumerate(body[:-1]):
        if not isinstance(node, ast.If) or node.orelse or not isinstance(node.body[-1], ast.Return | ast.Raise):
            continue
        rest = body[i + 1 :]
        span, first = piece.span(node), piece.span(rest[0])
        if not isinstance(rest[-1], ast.Return) or not piece.stands_alone(span) or len(piece.lines) - first.row > 12:
            continue
        tail = piece.lines[span.end_row + 1 :]
        while tail and not tail[0].strip():
            tail = tail[1:]
        before = "\n".join([*piece.lines[: span.end_row + 1], piece.indentation(span.row) + "else:", *indented(tail, "    ")])
        wanted = tree_of(piece.text)
        for other in ast.walk(wanted):
            if isinstance(other, ast.FunctionDef | ast.AsyncFunctionDef) and len(other.body) == len(body):
                other.body[i].orelse = other.body[i + 1 :]
                del other.body[i + 1 :]
                break
        if not same(wanted, tree_of(before)):
            return None
        said = say(
            rng,
            "Refactor this code without changing what it does.",
            "Use a guard clause.",
            "Remove the needless else.",
            "Return early instead of using else.",
        )
        return Change("refactor", "guard", said, before, piece.text)
    return None


def truth(piece: Piece, rng: random.Random) -> Change | None:
    """`if c: return True`, `return False`: asks for `return c`."""
    if not piece.is_function():
        return None
    last = piece.node.body[-1]
    is_truth = isinstance(last, ast.Return) and isinstance(last.value, ast.Compare | ast.UnaryOp)
    if not is_truth or (isinstance(last.value, ast.UnaryOp) and not isinstance(last.value.op, ast.Not)):
        return None
    span = piece.span(last)
    if not piece.stands_alone(span):
        return None
    at = piece.indentation(span.row)
    way = [f"{at}if {piece.of(last.value)}:", f"{at}    return True"]
    way += [f"{at}else:", f"{at}    return False"] if rng.random() < 0.5 else [f"{at}return False"]
    before = piece.with_rows(span.row, span.end_row + 1, way)
    if tree_of(before) is None:
        return None
    said = say(
        rng,
        "Refactor this code without changing what it does.",
        "Return the condition directly.",
        "Simplify the return.",
        "Simplify this.",
    )
    return Change("refactor", "truth", said, before, piece.text)


def augmented(piece: Piece, rng: random.Random) -> Change | None:
    """`x = x + y`: asks for `x += y`."""
    signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
    found = [
        n
        for n in ast.walk(piece.node)
        if isinstance(n, ast.AugAssign) and type(n.op) in signs and isinstance(n.target, ast.Name | ast.Attribute)
    ]
    found = [n for n in found if isinstance(n.value, SIMPLE) and piece.span(n).row == piece.span(n).end_row]
    if not found:
        return None
    patches = [
        (piece.span(n), f"{piece.of(n.target)} = {piece.of(n.target)} {signs[type(n.op)]} {piece.of(n.value)}") for n in found
    ]
    before = piece.patched(patches)
    if tree_of(before) is None:
        return None
    said = say(
        rng,
        "Refactor this code without changing what it does.",
        "Use augmented assignment.",
        f"Use {signs[type(found[0].op)]}= where possible.",
    )
    return Change("refactor", "augmented", said, before, piece.text)


def inlined(piece: Piece, rng: random.Random) -> Change | None:
    """A variable that is only returned: asks to inline it, or to introduce it."""
    found = [
        n
        for n in ast.walk(piece.node)
        if isinstance(n, ast.Return) and isinstance(n.value, ast.Call | ast.BinOp | ast.Compare | ast.Subscript)
    ]
    found = [n for n in found if piece.stands_alone(piece.span(n)) and len(piece.of(n)) < 80]
    if not found:
        return None
    node = rng.choice(found)
    span, name = piece.span(node), rng.choice(["result", "value", "answer", "out", piece.fresh(rng)])
    if name in piece.identifiers():
        return None
    at = piece.indentation(span.row)
    long = piece.with_rows(span.row, span.end_row + 1, [f"{at}{name} = {piece.of(node.value)}", f"{at}return {name}"])
    if tree_of(long) is None or span.row != span.end_row:
        return None
    if rng.random() < 0.6:
        said = say(
            rng,
            "Refactor this code without changing what it does.",
            f"Inline `{name}`.",
            f"Inline the variable `{name}`.",
            "Remove the needless variable.",
        )
        return Change("refactor", "inline", said, long, piece.text)
    said = say(
        rng,
        None,
        f"Store the result in a variable `{name}` before returning it.",
        f"Extract the returned value into a variable `{name}`.",
        f"Introduce a variable `{name}` for the result.",
    )
    return Change("edit", "extract", said, piece.text, long)


def formatted(piece: Piece, rng: random.Random) -> Change | None:
    """`"{}".format(x)`: asks for the f-string that stood there."""
    found = []
    for node in ast.walk(piece.node):
        if isinstance(node, ast.JoinedStr) and piece.span(node).row == piece.span(node).end_row:
            source = piece.of(node)
            values = [v for v in node.values if isinstance(v, ast.FormattedValue)]
            plain = all(v.conversion == -1 and v.format_spec is None and isinstance(v.value, SIMPLE) for v in values)
            if (
                values
                and plain
                and re.fullmatch(r"""f("[^"\\{}]*(?:\{[^{}"]*\}[^"\\{}]*)+"|'[^'\\{}]*(?:\{[^{}']*\}[^'\\{}]*)+')""", source)
            ):
                found.append((node, source))
    if not found or len(found) > 2:
        return None
    patches = []
    for node, source in found:
        inner = re.findall(r"\{([^{}]*)\}", source)
        patches.append((piece.span(node), re.sub(r"\{[^{}]*\}", "{}", source[1:]) + f".format({', '.join(inner)})"))
    before = piece.patched(patches)
    if tree_of(before) is None:
        return None
    said = say(
        rng,
        "Refactor this code without changing what it does.",
        "Use an f-string.",
        "Use f-strings instead of format.",
        share=0.35,
    )
    return Change("refactor", "f-string", said, before, piece.text)


def counted(piece: Piece, rng: random.Random) -> Change | None:
    """`for i in range(len(xs))`: asks for the `enumerate` that stood there."""
    for node in ast.walk(piece.node):
        if not isinstance(node, ast.For) or not isinstance(node.target, ast.Tuple) or len(node.target.elts) != 2:
            continue
        call = node.iter
        is_enumerate = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "enumerate"
        if not is_enumerate or len(call.args) != 1 or call.keywords or not isinstance(call.args[0], ast.Name | ast.Attribute):
            continue
        i, x = node.target.elts
        row = piece.span(node).row
        if not isinstance(i, ast.Name) or not isinstance(x, ast.Name) or not piece.lines[row].rstrip().endswith(":"):
            continue
        at, xs = piece.indentation(row), piece.of(call.args[0])
        if piece.span(node.body[0]).row <= row or piece.span(call).end_row != row:
            continue
        new = [f"{at}for {i.id} in range(len({xs})):", f"{at}    {x.id} = {xs}[{i.id}]"]
        before = piece.with_rows(row, row + 1, new)
        if tree_of(before) is None:
            return None
        said = say(rng, "Refactor this code without changing what it does.", "Use enumerate.", "Use enumerate here.", share=0.4)
        return Change("refactor", "enumerate", said, before, piece.text)
    return None


def negations(piece: Piece, rng: random.Random) -> Change | None:
    """`not x in y`: asks for `x not in y`."""
    found = [
        n
        for n in ast.walk(piece.node)
        if isinstance(n, ast.Compare)
        and len(n.ops) == 1
        and isinstance(n.ops[0], ast.NotIn | ast.IsNot)
        and piece.span(n).row == piece.span(n).end_row
    ]
    patches = []
    for n in found:
        row = piece.lines[piece.span(n).row][: piece.span(n).column]
        if not row.rstrip().endswith(("if", "and", "or", "while", "return", "assert")) or not piece.is_exact(n):
            return None
        word = "in" if isinstance(n.ops[0], ast.NotIn) else "is"
        patches.append((piece.span(n), f"not {piece.of(n.left)} {word} {piece.of(n.comparators[0])}"))
    if not patches or tree_of(before := piece.patched(patches)) is None:
        return None
    said = say(
        rng, "Refactor this code without changing what it does.", "Use `not in` and `is not`.", "Simplify the condition."
    )
    return Change("refactor", "negation", said, before, piece.text)


CHANGES: list[tuple[Callable[[Piece, random.Random], Change | None], float]] = [
    (document, 1.0),
    (explain, 0.5),
    (rename, 0.5),
    (annotate, 1.0),
    (alternative, 1.0),
    (truth, 1.0),
    (augmented, 0.6),
    (inlined, 0.25),
    (formatted, 0.8),
    (counted, 1.0),
    (negations, 0.5),
]


def changes(piece: Piece, rng: random.Random, table: list) -> Iterator[Change]:
    """What can be asked about this piece; each entry of a table is tried with its own chance."""
    for make, chance in table:
        if rng.random() < chance:
            change = make(piece, rng)
            if change and change.before != change.after and fits(change.before):
                yield change

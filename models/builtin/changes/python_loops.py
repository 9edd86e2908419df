"""Loops that collect, and the comprehensions that say the same: each direction, asked of code that people wrote."""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass
from itertools import pairwise

from changes.python import Piece, blocks, same, tree_of
from changes.region import Change, Span, fits, say

EMPTY = {ast.ListComp: "[]", ast.SetComp: "set()", ast.DictComp: "{}"}
WIDEST = 88


@dataclass
class Collected:
    """`name` collects `element` for each `target` of `source` that passes `condition`."""

    name: str
    kind: type[ast.expr]
    target: str
    source: str
    condition: str
    key: str
    element: str

    def loop(self, at: str) -> list[str]:
        """As a loop."""
        lines = [f"{at}{self.name} = {EMPTY[self.kind]}", f"{at}for {self.target} in {self.source}:"]
        deep = at + "    "
        if self.condition:
            lines.append(f"{deep}if {self.condition}:")
            deep += "    "
        if self.kind is ast.ListComp:
            return [*lines, f"{deep}{self.name}.append({self.element})"]
        if self.kind is ast.SetComp:
            return [*lines, f"{deep}{self.name}.add({self.element})"]
        return [*lines, f"{deep}{self.name}[{self.key}] = {self.element}"]

    def comprehension(self, at: str) -> list[str]:
        """As an assignment, on several lines if it is long."""
        opening, closing = "[]" if self.kind is ast.ListComp else "{}"
        element = f"{self.key}: {self.element}" if self.kind is ast.DictComp else self.element
        parts = [element, f"for {self.target} in {self.source}", *([f"if {self.condition}"] if self.condition else [])]
        short = f"{at}{self.name} = {opening}{' '.join(parts)}{closing}"
        if len(short) <= WIDEST:
            return [short]
        return [f"{at}{self.name} = {opening}", *(f"{at}    {part}" for part in parts), f"{at}{closing}"]


def collected(piece: Piece, name: str, node: ast.expr) -> Collected | None:
    """What a comprehension collects, if a loop can say it in a line each."""
    if not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp) or len(node.generators) != 1:
        return None
    part = node.generators[0]
    if part.is_async or any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node)):
        return None
    if any(isinstance(n, ast.NamedExpr | ast.Yield | ast.Await | ast.JoinedStr) for n in ast.walk(node)):
        return None
    element = node.value if isinstance(node, ast.DictComp) else node.elt
    key = piece.of(node.key) if isinstance(node, ast.DictComp) else ""
    # NB: the source of a conditional or a tuple would need brackets that its span leaves out.
    if any(isinstance(n, ast.IfExp | ast.BoolOp | ast.Lambda) for n in part.ifs) and len(part.ifs) > 1:
        return None
    condition = " and ".join(map(piece.of, part.ifs))
    result = Collected(name, type(node), piece.of(part.target), piece.of(part.iter), condition, key, piece.of(element))
    if result.target.startswith("("):
        result.target = result.target[1:-1]
    return result if max(map(len, result.loop(""))) < 90 else None


def words(rng: random.Random, kind: type[ast.expr], refactor: bool) -> str:
    """A request for a comprehension."""
    what = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}[kind]
    if refactor:
        return "Refactor this code without changing what it does."
    return say(
        rng,
        None,
        f"Use a {what} comprehension.",
        f"Replace the loop with a {what} comprehension.",
        "Rewrite the loop as a comprehension.",
        f"Turn the loop into a {what} comprehension.",
        "Use a comprehension.",
        "Use a comprehension instead of the loop.",
        f"Convert this loop to a {what} comprehension.",
    )


def back_words(rng: random.Random) -> str:
    """A request for a loop."""
    return say(
        rng,
        None,
        "Use a loop instead of the comprehension.",
        "Rewrite the comprehension as a loop.",
        "Write the comprehension as a for loop.",
        "Turn the comprehension into a loop.",
        "Replace the comprehension with a for loop.",
    )


def change(
    piece: Piece, rng: random.Random, form: str, span: Span, loop: list[str], short: list[str], kind: type
) -> Change | None:
    """The change from loop to comprehension, sometimes the way back; of the whole piece, or of the statement alone."""
    if (whole := rng.random() < 0.55) or len(loop) < 3:
        before = piece.with_rows(span.row, span.end_row + 1, loop)
        after = piece.with_rows(span.row, span.end_row + 1, short)
    else:
        before, after = "\n".join(loop), "\n".join(short)
    if tree_of(before) is None or tree_of(after) is None:
        return None
    if rng.random() < 0.15 and whole and fits(after):
        return Change("edit", "to loop", back_words(rng), after, before)
    refactor = rng.random() < 0.4
    return Change("refactor" if refactor else "edit", form, words(rng, kind, refactor), before, after)


def from_comprehension(piece: Piece, rng: random.Random) -> Change | None:
    """Writes the loop of a real comprehension, and asks for the comprehension."""
    found: list[tuple[ast.stmt, Collected]] = []
    for node in (n for block in blocks(piece.node) for n in block):
        if not isinstance(node, ast.Assign | ast.Return) or not node.value or not piece.stands_alone(piece.span(node)):
            continue
        if isinstance(node, ast.Assign):
            if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
                continue
            name = node.targets[0].id
        else:
            name = rng.choice(["result", "results", "values", "items", "found", "out"])
            if name in piece.identifiers():
                continue
        if it := collected(piece, name, node.value):
            found.append((node, it))
    if not found:
        return None
    node, it = rng.choice(found)
    span = piece.span(node)
    at = piece.indentation(span.row)
    loop = it.loop(at)
    real = piece.lines[span.row : span.end_row + 1]
    if isinstance(node, ast.Return):
        if rng.random() < 0.5:
            return change(piece, rng, "comprehension", span, [*loop, f"{at}return {it.name}"], real, it.kind)
        real = [*it.comprehension(at), f"{at}return {it.name}"]
        return change(piece, rng, "comprehension", span, [*loop, f"{at}return {it.name}"], real, it.kind)
    return change(piece, rng, "comprehension", span, loop, real, it.kind)


def of_loop(piece: Piece, start: ast.stmt, node: ast.stmt) -> Collected | None:
    """What a real loop collects, if that is all it does."""
    if not isinstance(start, ast.Assign) or not isinstance(node, ast.For) or node.orelse or len(start.targets) != 1:
        return None
    kinds = [k for k, text in EMPTY.items() if text == piece.of(start.value)]
    if not kinds or not isinstance(start.targets[0], ast.Name) or len(node.body) != 1:
        return None
    kind, name, inner, condition = kinds[0], start.targets[0].id, node.body[0], ""
    tests: list[ast.expr] = []
    if isinstance(inner, ast.If) and not inner.orelse and len(inner.body) == 1:
        tests, condition, inner = [inner.test], piece.of(inner.test), inner.body[0]
    key = ""
    if kind is ast.DictComp:
        if not isinstance(inner, ast.Assign) or not isinstance(inner.targets[0], ast.Subscript) or len(inner.targets) > 1:
            return None
        place, element = inner.targets[0], inner.value
        if not isinstance(place.value, ast.Name) or place.value.id != name or isinstance(place.slice, ast.Slice | ast.Tuple):
            return None
        key, tests = piece.of(place.slice), [*tests, place.slice]
    else:
        verb = "append" if kind is ast.ListComp else "add"
        call = inner.value if isinstance(inner, ast.Expr) else None
        if not isinstance(call, ast.Call) or len(call.args) != 1 or piece.of(call.func) != f"{name}.{verb}":
            return None
        element = call.args[0]
    used = [node.iter, element, *tests]
    if any(
        (isinstance(n, ast.Name) and n.id == name)
        or isinstance(n, ast.NamedExpr | ast.Yield | ast.Await | ast.Starred | ast.GeneratorExp)
        for e in used
        for n in ast.walk(e)
    ):
        return None
    source = piece.of(node.iter)
    if isinstance(node.iter, ast.Tuple | ast.IfExp | ast.Lambda):
        source = f"({source.strip('()')})"
    return Collected(name, kind, piece.of(node.target), source, condition, key, piece.of(element))


def from_loop(piece: Piece, rng: random.Random) -> Change | None:
    """Takes a real loop that only collects, and writes the comprehension."""
    for block in blocks(piece.node):
        for start, node in pairwise(block):
            it = of_loop(piece, start, node)
            if not it:
                continue
            a, b = piece.span(start), piece.span(node)
            rows = piece.lines[a.row : b.end_row + 1]
            if any("#" in row for row in rows) or any(len(part) > 90 for part in it.comprehension("")):
                return None
            short = it.comprehension(piece.indentation(a.row))
            tree = tree_of("\n".join(short))
            if tree is None or not same(tree_of("\n".join(it.loop(""))), tree_of("\n".join(row[a.column :] for row in rows))):
                return None
            return change(piece, rng, "comprehension of a loop", Span(a.row, 0, b.end_row, 0), rows, short, it.kind)
    return None


def folded(piece: Piece, rng: random.Random) -> Change | None:
    """`any`, `all` and `sum` of real code, asked for where a loop stands."""
    for node in ast.walk(piece.node):
        if not isinstance(node, ast.Return) or not isinstance(node.value, ast.Call) or len(node.value.args) != 1:
            continue
        call, of = node.value, node.value.args[0]
        name = piece.of(call.func)
        if (
            not isinstance(of, ast.GeneratorExp)
            or len(of.generators) != 1
            or name not in ("any", "all", "sum")
            or call.keywords
        ):
            continue
        if any(isinstance(n, ast.JoinedStr | ast.Await | ast.NamedExpr) for n in ast.walk(of)):
            continue
        part, span = of.generators[0], piece.span(node)
        if not piece.stands_alone(span) or "total" in piece.identifiers():
            return None
        at = piece.indentation(span.row)
        target = piece.of(part.target)
        lines = [f"{at}for {target} in {piece.of(part.iter)}:"]
        deep = at + "    "
        if part.ifs:
            lines.append(f"{deep}if {' and '.join(map(piece.of, part.ifs))}:")
            deep += "    "
        element = piece.of(of.elt)
        if name == "sum":
            lines = [f"{at}total = 0", *lines, f"{deep}total += {element}", f"{at}return total"]
        else:
            test = element if name == "any" else f"not ({element})" if isinstance(of.elt, ast.BoolOp) else f"not {element}"
            lines += [f"{deep}if {test}:", f"{deep}    return {name == 'any'}", f"{at}return {name != 'any'}"]
        before = piece.with_rows(span.row, span.end_row + 1, lines)
        if tree_of(before) is None or max(map(len, lines)) > 110:
            return None
        if rng.random() < 0.45:
            return Change("refactor", "fold", "Refactor this code without changing what it does.", before, piece.text)
        said = say(rng, None, f"Use {name}().", f"Replace the loop with `{name}`.", f"Rewrite the loop with {name}().")
        return Change("edit", "fold", said, before, piece.text)
    return None


LOOPS = [(from_comprehension, 1.0), (from_loop, 1.0), (folded, 1.0)]

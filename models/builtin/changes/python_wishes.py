"""Small wishes about Python that a program can fulfil: a parameter more, another constant, a condition turned round.

Where it can, the answer is what the author wrote, and the request asks for the part that was taken away.
"""

from __future__ import annotations

import ast
import random
import re

from changes.python import Piece, blocks, docstring, tree_of
from changes.region import Change, indented, say

DEFAULTS = ["None", "None", "0", "1", "True", "False", '""', "10", "[]", "-1"]
TYPES = {
    "None": "str | None",
    "0": "int",
    "1": "int",
    "True": "bool",
    "False": "bool",
    '""': "str",
    "10": "int",
    "[]": "list",
    "-1": "int",
}
ERRORS = ["ValueError", "TypeError", "KeyError", "RuntimeError", "OSError", "Exception", "AttributeError"]
FLIPPED = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: ">=", ast.GtE: "<", ast.Gt: "<=", ast.LtE: ">",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
DUNDERS = [
    "__repr__",
    "__str__",
    "__len__",
    "__eq__",
    "__iter__",
    "__hash__",
    "__enter__",
    "__exit__",
    "__contains__",
    "__call__",
    "__getitem__",
]


def end_of_parameters(piece: Piece) -> tuple[int, int] | None:
    """Where the bracket stands that closes the parameters, if they are on one line and nothing but plain ones."""
    a = piece.node.args
    if a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs:
        return None
    row = piece.node.lineno - piece.first
    match = re.match(r"\s*(?:async )?def \w+\(([^()]*|[^()]*\([^()]*\)[^()]*)\)(?= ->|:)", piece.lines[row])
    return (row, match.end() - 1) if match else None


def parameter(piece: Piece, rng: random.Random) -> Change | None:
    """One more parameter."""
    if not piece.is_function() or not (place := end_of_parameters(piece)):
        return None
    row, at = place
    a, line = piece.node.args, piece.lines[row]
    name = piece.fresh(rng)
    typed = any(p.annotation for p in a.args)
    with_default = bool(a.defaults) or rng.random() < 0.6
    default = rng.choice(DEFAULTS) if not typed else rng.choice([d for d in DEFAULTS if d != "[]"])
    new = f"{name}: {TYPES[default]}" if typed else name
    if with_default:
        new += f" = {default}" if typed else f"={default}"
    head = line[:at].rstrip()
    new = f"{head}{'' if head.endswith('(') else ', '}{new}{line[at:]}"
    after = piece.with_rows(row, row + 1, [new])
    if len(new) > 100 or tree_of(after) is None:
        return None
    of = TYPES[default]
    if with_default:
        kind = f" of type `{of}`" if typed else ""
        said = say(
            rng,
            None,
            f"Add a parameter `{name}`{kind} with the default `{default}`.",
            f"Add an argument {name}{kind} that defaults to {default}.",
            f"Add an optional parameter `{name}`{kind}, default {default}.",
            f"Add a `{name}` parameter{kind}, {default} by default.",
        )
    else:
        kind = f" of type `{of}`" if typed else ""
        said = say(
            rng,
            None,
            f"Add a parameter `{name}`{kind}.",
            f"Add an argument {name}{kind}.",
            f"Add a `{name}` parameter{kind} to `{piece.node.name}`.",
            f"Let it take `{name}`{kind} as well.",
        )
    return Change("edit", "parameter", said, piece.text, after)


def default(piece: Piece, rng: random.Random) -> Change | None:
    """The default of the last parameter: asks for the one that stood there."""
    if not piece.is_function() or not (place := end_of_parameters(piece)) or not piece.node.args.defaults:
        return None
    row, _ = place
    name, value = piece.node.args.args[-1].arg, piece.of(piece.node.args.defaults[-1])
    match = re.search(rf"(\b{name}\b[^=]*?)\s*=\s*{re.escape(value)}\)", piece.lines[row])
    if not match or len(value) > 20:
        return None
    line = piece.lines[row][: match.end(1)] + piece.lines[row][match.end() - 1 :]
    if tree_of(before := piece.with_rows(row, row + 1, [line])) is None:
        return None
    said = say(
        rng,
        None,
        f"Give `{name}` the default `{value}`.",
        f"Make {name} default to {value}.",
        f"Make `{name}` optional, with the default {value}.",
        f"Let `{name}` be {value} by default.",
    )
    return Change("edit", "default", said, before, piece.text)


def constant(piece: Piece, rng: random.Random) -> Change | None:
    """Another number or another text."""
    doc = docstring(piece.node)
    inside = [
        n
        for n in ast.walk(piece.node)
        if isinstance(n, ast.Constant) and n is not (doc and doc.value) and piece.span(n).row == piece.span(n).end_row
    ]
    numbers = [n for n in inside if isinstance(n.value, int) and not isinstance(n.value, bool) and piece.of(n) == str(n.value)]
    texts = [
        n
        for n in inside
        if isinstance(n.value, str) and piece.of(n) in (f'"{n.value}"', f"'{n.value}'") and 2 < len(n.value) < 30
    ]
    choice = texts if texts and (not numbers or rng.random() < 0.4) else numbers
    if not choice:
        return None
    node = rng.choice(choice)
    old = piece.of(node)
    if len(re.findall(rf"(?<![\w.]){re.escape(old)}(?![\w.])", piece.text)) != 1:
        return None
    if isinstance(node.value, str):
        new = (
            old[0]
            + rng.choice(
                [piece.fresh(rng), node.value + "s", node.value.upper(), node.value.replace("_", "-"), f"new_{node.value}"]
            )
            + old[0]
        )
    else:
        new = str(
            rng.choice(
                [
                    node.value + 1,
                    node.value * 2,
                    node.value * 10 + 10,
                    rng.randrange(2, 100),
                    rng.choice([60, 100, 128, 1000, 4096]),
                ]
            )
        )
    if new == old or "\\" in old:
        return None
    after = piece.patched([(piece.span(node), new)])
    if tree_of(after) is None:
        return None
    said = say(
        rng,
        None,
        f"Change {old} to {new}.",
        f"Use {new} instead of {old}.",
        f"Replace {old} by {new}.",
        f"Change `{old}` to `{new}`.",
        f"Make it {new} instead of {old}.",
    )
    return Change("edit", "constant", said, piece.text, after)


def negate(piece: Piece, rng: random.Random) -> Change | None:
    """A condition turned round."""
    found = [n for n in ast.walk(piece.node) if isinstance(n, ast.If | ast.While) and piece.is_exact(n.test)]
    found = [n for n in found if piece.span(n.test).row == piece.span(n.test).end_row]
    if not found:
        return None
    node = rng.choice(found)
    test, old = node.test, piece.of(node.test)
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        new = f"{piece.of(test.left)} {FLIPPED[type(test.ops[0])]} {piece.of(test.comparators[0])}"
    elif (
        isinstance(test, ast.UnaryOp)
        and isinstance(test.op, ast.Not)
        and not isinstance(test.operand, ast.BoolOp | ast.Compare)
    ):
        new = piece.of(test.operand)
    elif isinstance(test, ast.BoolOp):
        new = f"not ({old})"
    else:
        new = f"not {old}"
    before, after = piece.text, piece.patched([(piece.span(test), new)])
    if tree_of(after) is None or len(old) > 60:
        return None
    if len(found) == 1:
        said = say(
            rng,
            None,
            "Negate the condition.",
            "Invert the condition.",
            "Reverse the if.",
            f"Negate `{old}`.",
            "Flip the condition.",
        )
    else:
        said = say(rng, None, f"Negate the condition `{old}`.", f"Negate `{old}`.", f"Invert the condition {old}.")
    if rng.random() < 0.3:
        said = say(rng, None, f"Change the condition to `{new}`.", f"Replace `{old}` by `{new}`.", f"Check {new} instead.")
    return Change("edit", "condition", said, before, after)


def renamed(piece: Piece, rng: random.Random) -> Change | None:
    """Another name for the function or class itself."""
    old = piece.node.name
    new = rng.choice(
        [f"{old}_{piece.fresh(rng)}", f"get_{old}", f"_{old}", f"make_{old}", piece.fresh(rng), f"{old}_all", f"compute_{old}"]
    )
    if not piece.is_function():
        new = rng.choice([f"{old}Base", f"My{old}", f"_{old}", f"{old}2"])
    if old.startswith("__") or new in piece.identifiers():
        return None
    count = len(re.findall(rf"\b{old}\b", piece.text))
    row = piece.node.lineno - piece.first
    if count > 1 or not re.search(rf"\b{old}\b", piece.lines[row]):
        return None
    after = piece.with_rows(row, row + 1, [re.sub(rf"\b{old}\b", new, piece.lines[row], count=1)])
    what = "function" if piece.is_function() else "class"
    said = say(
        rng,
        None,
        f"Rename `{old}` to `{new}`.",
        f"Rename the {what} to `{new}`.",
        f"Rename this {what} to {new}.",
        f"Call it `{new}`.",
        f"Change the name of the {what} to {new}.",
    )
    return Change("rename", "rename definition", said, piece.text, after) if tree_of(after) else None


def body_rows(piece: Piece) -> tuple[int, str] | None:
    """The row where the statements of a function begin, and their indentation."""
    statements = piece.statements() if piece.is_function() else []
    if (
        not statements
        or not piece.stands_alone(piece.span(statements[0]))
        or isinstance(statements[0], ast.FunctionDef | ast.ClassDef)
    ):
        return None
    row = piece.span(statements[0]).row
    return row, piece.indentation(row)


def guarded(piece: Piece, rng: random.Random) -> Change | None:
    """The body in a `try`."""
    place = body_rows(piece)
    if not place or len(piece.lines) - place[0] > 16 or '"""' in "\n".join(piece.lines[place[0] :]):
        return None
    row, at = place
    error = rng.choice(ERRORS)
    value = rng.choice(["None", "None", "False", "[]", "0", "{}"])
    end, what = rng.choice(
        [
            (f"return {value}", f"that returns {value} on {error}"),
            (f"return {value}", f"and return {value} on {error}"),
            ("raise", f"that raises {error} again"),
            ("pass", f"that ignores {error}"),
        ]
    )
    after = "\n".join(
        [*piece.lines[:row], f"{at}try:", *indented(piece.lines[row:], "    "), f"{at}except {error}:", f"{at}    {end}"]
    )
    said = say(rng, None, f"Wrap the body in a try block {what}.", f"Put the body in try/except {what}.")
    if "and return" in what:
        said = say(
            rng,
            said,
            f"Catch {error} and return {value}.",
            f"Return {value} on {error}.",
            f"Handle {error}: return {value}.",
            share=0.25,
        )
    return Change("edit", "try", said, piece.text, after) if tree_of(after) else None


def opening(piece: Piece, rng: random.Random) -> Change | None:
    """A statement more at the beginning: a check, a line of output."""
    place = body_rows(piece)
    known = [p.arg for p in piece.parameters()]
    if not place or not known:
        return None
    row, at = place
    x = rng.choice(known)
    value = rng.choice(["None", "[]", "0", "False", "{}", '""'])
    error = rng.choice(["ValueError", "TypeError"])
    is_none, is_empty = [f"if {x} is None:"], [f"if not {x}:"]
    refuse, leave = f'    raise {error}("{x} is None")', f"    return {value}"
    negative, other = f'    raise ValueError("{x} must not be negative")', f'    raise TypeError("{x} must be a string")'
    new, words = rng.choice(
        [
            ([*is_none, refuse], [f"Raise a {error} if `{x}` is None.", f"Raise {error} when {x} is None."]),
            ([*is_empty, leave], [f"Return {value} if `{x}` is empty.", f"Return {value} when {x} is empty."]),
            ([*is_none, leave], [f"Return {value} if `{x}` is None.", f"Handle `{x}` being None: return {value}."]),
            ([f"if {x} < 0:", negative], [f"Raise a ValueError if `{x}` is negative.", f"Check that {x} is not negative."]),
            ([f"print({x})"], [f"Print `{x}` at the start.", f"Print {x} first.", f"Add a print of `{x}`."]),
            ([f'print(f"{x}={{{x}}}")'], [f"Print the value of `{x}` at the start."]),
            ([f"assert {x} is not None"], [f"Assert that `{x}` is not None.", f"Add an assertion that {x} is not None."]),
            (
                [f"if not isinstance({x}, str):", other],
                [f"Raise a TypeError if `{x}` is not a string.", f"Check that {x} is a str."],
            ),
            ([f'logger.debug("{piece.node.name}: %s", {x})'], [f"Log `{x}` with logger.debug.", f"Log `{x}` at debug level."]),
        ]
    )
    after = piece.with_rows(row, row, indented(new, at))
    return Change("edit", "opening", say(rng, None, *words), piece.text, after) if tree_of(after) else None


def bare(piece: Piece, rng: random.Random) -> Change | None:
    """The code without its comments, or without its docstring."""
    comments = [r for r, line in enumerate(piece.lines) if line.lstrip().startswith("#")]
    if comments and '"""' not in piece.text:
        after = "\n".join(line for r, line in enumerate(piece.lines) if r not in comments)
        if "#" in after or tree_of(after) is None:
            return None
        return Change(
            "edit",
            "comments",
            say(rng, None, "Remove the comments.", "Delete all comments.", "Drop the comments."),
            piece.text,
            after,
        )
    return None


def decorated(piece: Piece, rng: random.Random) -> Change | None:
    """A decorator: asks for the one that stood there."""
    decorators = piece.node.decorator_list
    if len(decorators) != 1 or piece.span(decorators[0]).row != piece.span(decorators[0]).end_row:
        return None
    line = piece.lines[0]
    name = line.strip()
    if not name.startswith("@") or "#" in name or len(name) > 60:
        return None
    before = "\n".join(piece.lines[1:])
    said = say(
        rng,
        None,
        f"Add the `{name}` decorator.",
        f"Add {name}.",
        f"Decorate it with `{name[1:]}`.",
        f"Decorate this with {name}.",
    )
    if rng.random() < 0.2:
        said = say(rng, None, f"Remove the `{name}` decorator.", f"Remove {name}.", "Remove the decorator.")
        return Change("edit", "decorator", said, piece.text, before)
    return Change("edit", "decorator", said, before, piece.text)


def member(piece: Piece, rng: random.Random) -> Change | None:
    """A method of a small class: asks for the one that stood there."""
    if piece.is_function():
        return None
    methods = [n for n in piece.node.body if isinstance(n, ast.FunctionDef) and not n.decorator_list]
    known = [n for n in methods if n.name in DUNDERS or n.end_lineno - n.lineno < 6]
    if not known or len(piece.node.body) < 3:
        return None
    node = rng.choice(known)
    span = piece.span(node)
    if node is piece.node.body[0] or node.name == "__init__":
        return None
    first, last = span.row, span.end_row + 1
    while first > 1 and not piece.lines[first - 1].strip():
        first -= 1
    before = "\n".join([*piece.lines[:first], *piece.lines[last:]])
    arguments = ", ".join(a.arg for a in node.args.args[1:])
    returned = [n for n in node.body if isinstance(n, ast.Return) and n.value]
    goal = (
        f" that returns `{piece.of(returned[0].value)}`"
        if len(node.body) == 1 and returned and len(piece.of(returned[0].value)) < 40
        else ""
    )
    said = say(
        rng,
        None,
        f"Add a method `{node.name}`{goal}.",
        f"Add `{node.name}({arguments})`{goal}.",
        f"Add a {node.name} method{goal}.",
        f"Give the class a `{node.name}` method{goal}.",
    )
    return Change("edit", "method", said, before, piece.text) if tree_of(before) else None


def asynchronous(piece: Piece, rng: random.Random) -> Change | None:
    """`async` before `def`."""
    row = piece.node.lineno - piece.first
    if not isinstance(piece.node, ast.FunctionDef) or len(piece.lines) > 12:
        return None
    after = piece.with_rows(row, row + 1, [piece.lines[row].replace("def ", "async def ", 1)])
    said = say(
        rng,
        None,
        "Make this function async.",
        "Make it async.",
        "Turn it into a coroutine.",
        f"Make `{piece.node.name}` async.",
    )
    return Change("edit", "async", said, piece.text, after)


def returned(piece: Piece, rng: random.Random) -> Change | None:
    """Another value returned at the end."""
    if not piece.is_function():
        return None
    last = [s for block in blocks(piece.node) for s in block[-1:] if isinstance(s, ast.Return) and s.value]
    last = [s for s in last if piece.span(s).row == piece.span(s).end_row]
    if len(last) != 1 or not isinstance(last[0].value, ast.Name | ast.Constant):
        return None
    old = piece.of(last[0].value)
    new = rng.choice(
        [f"len({old})", f"list({old})", f"not {old}", f"str({old})", f"sorted({old})", f"({old}, None)", "None", f"{old}, True"]
    )
    if old in ("None", "True", "False"):
        new = {"None": "[]", "True": "False", "False": "True"}[old]
    after = piece.patched([(piece.span(last[0].value), new)])
    said = say(
        rng, None, f"Return `{new}` instead of `{old}`.", f"Return {new} instead.", f"Make it return `{new}`.", f"Return {new}."
    )
    return Change("edit", "return", said, piece.text, after) if new != old and tree_of(after) else None


WISHES = [
    (parameter, 0.12),
    (default, 0.4),
    (constant, 0.12),
    (negate, 0.12),
    (renamed, 0.1),
    (guarded, 0.1),
    (opening, 0.12),
    (bare, 0.5),
    (decorated, 0.3),
    (member, 0.8),
    (asynchronous, 0.03),
    (returned, 0.3),
]

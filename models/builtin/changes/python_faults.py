"""Python that is broken, or that says nothing: real code with one mistake put in, and the complaint that it earns.

The complaints are worded as CPython, Pyright and Ruff word them. NB: none of these programs ran; only syntax errors come from
the interpreter itself.
"""

from __future__ import annotations

import ast
import builtins
import random
import re

from changes.python import Piece, blocks, tree_of, variables
from changes.region import Change, misspelt, say

COMPOUND = ast.If | ast.For | ast.While | ast.With | ast.Try | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
CLOSERS = {")": "(", "]": "[", "}": "{"}
METHODS = {
    "append": "list", "extend": "list", "insert": "list", "sort": "list",
    "split": "str", "strip": "str", "startswith": "str", "endswith": "str", "lower": "str", "replace": "str", "encode": "str",
    "items": "dict", "keys": "dict", "values": "dict", "setdefault": "dict", "update": "dict",
    "add": "set", "discard": "set", "decode": "bytes", "hexdigest": "HASH",
}  # fmt: skip
# Right, wrong.
TYPOS = [
    *[("return", "retrun"), ("return", "reutrn"), ("else:", "esle:"), ("import ", "improt "), ("while ", "whlie ")],
    *[("elif ", "elfi "), ("for ", "fro "), ("def ", "fed "), ("raise ", "rasie "), ("in ", "ni "), ("True", "true")],
    *[("False", "false"), ("None", "null"), ("not ", "nto "), ("and ", "&& "), ("elif ", "else if "), ("is None", "is none")],
]


def complaint(text: str, first: int) -> str | None:
    """What CPython says about a region; line numbers are those of the file."""
    try:
        ast.parse(f"if 1:\n{text}" if text[:1] in " \t" else text)
    except SyntaxError as error:
        offset = first - 2 if text[:1] in " \t" else first - 1
        return re.sub(r"line (\d+)", lambda m: f"line {int(m[1]) + offset}", error.msg)
    except (ValueError, RecursionError):
        return None
    return None


def fix(message: str, before: str, after: str, form: str, rng: random.Random) -> Change:
    """A request to mend it."""
    words = f"Fix this error: {message}"
    if rng.random() < 0.06:
        words = say(rng, None, "Fix the error.", "Fix the syntax error.", "Fix this.", "Fix the bug.")
    return Change("fix", form, words, before, after)


def broken(piece: Piece, before: str, form: str, rng: random.Random, *others: str) -> Change | None:
    """A syntax error; `others` are what tools besides CPython say."""
    message = complaint(before, piece.first)
    if not message or message.startswith("expected 'except'"):
        return None
    said = rng.choice([message, message, *others])
    if said == message and rng.random() < 0.2:
        said = f"SyntaxError: {message}"
    return fix(said, before, piece.text, form, rng)


def colon(piece: Piece, rng: random.Random) -> Change | None:
    """A compound statement without its colon."""
    rows = [piece.span(n).row for n in ast.walk(piece.node) if isinstance(n, COMPOUND)]
    rows += [row for row, line in enumerate(piece.lines) if line.strip() in ("else:", "try:", "finally:")]
    rows = [row for row in rows if piece.lines[row].endswith(":")]
    if not rows:
        return None
    row = rng.choice(rows)
    before = piece.with_rows(row, row + 1, [piece.lines[row][:-1]])
    return broken(piece, before, "colon", rng, 'Expected ":"', "Expected ':', found newline")


def bracket(piece: Piece, rng: random.Random) -> Change | None:
    """A bracket left out, or one too many."""
    places = [(r, m.start()) for r, line in enumerate(piece.lines) for m in re.finditer(r"[)\]}]", line) if "#" not in line]
    if not places:
        return None
    row, at = rng.choice(places)
    line, closer = piece.lines[row], piece.lines[row][places and at]
    if rng.random() < 0.25:
        before = piece.with_rows(row, row + 1, [line[:at] + closer + line[at:]])
        return broken(piece, before, "bracket", rng, "Expected expression")
    before = piece.with_rows(row, row + 1, [line[:at] + line[at + 1 :]])
    return broken(piece, before, "bracket", rng, f'"{CLOSERS[closer]}" was not closed', f"'{CLOSERS[closer]}' was never closed")


def quote(piece: Piece, rng: random.Random) -> Change | None:
    """A string without its end."""
    places = []
    for row, line in enumerate(piece.lines):
        if '"""' not in line and "'''" not in line and "#" not in line:
            places += [(row, m.end() - 1) for m in re.finditer(r"""(?<!\w)("[^"'\\]*"|'[^"'\\]*')""", line)]
    if not places:
        return None
    row, at = rng.choice(places)
    before = piece.with_rows(row, row + 1, [piece.lines[row][:at] + piece.lines[row][at + 1 :]])
    number = piece.first + row
    return broken(
        piece,
        before,
        "quote",
        rng,
        f"unterminated string literal (detected at line {number})",
        "String literal is unterminated",
    )


def comma(piece: Piece, rng: random.Random) -> Change | None:
    """A comma left out."""
    places = [
        (r, m.start()) for r, line in enumerate(piece.lines) for m in re.finditer(r",(?= \w)|,$", line) if "#" not in line
    ]
    if not places:
        return None
    row, at = rng.choice(places)
    before = piece.with_rows(row, row + 1, [piece.lines[row][:at] + piece.lines[row][at + 1 :]])
    return broken(piece, before, "comma", rng, "invalid syntax. Perhaps you forgot a comma?")


def typo(piece: Piece, rng: random.Random) -> Change | None:
    """A keyword misspelt, or one of another language."""
    right, wrong = rng.choice(TYPOS)
    rows = [
        r
        for r, line in enumerate(piece.lines)
        if re.search(rf"(?<!\w){re.escape(right)}", line) and '"' not in line and "#" not in line
    ]
    if not rows:
        return None
    row = rng.choice(rows)
    line = re.sub(rf"(?<!\w){re.escape(right)}", wrong, piece.lines[row], count=1)
    before = piece.with_rows(row, row + 1, [line])
    if right in ("True", "False", "None", "is None"):
        name = wrong.split()[-1]
        if tree_of(before) is None:
            return None
        proper = right.split()[-1]
        message = rng.choice(
            [
                f"name '{name}' is not defined",
                f"name '{name}' is not defined. Did you mean: '{proper}'?",
                f'"{name}" is not defined',
                f"Undefined name `{name}`",
            ]
        )
        return fix(message, before, piece.text, "typo", rng)
    return broken(piece, before, "typo", rng, "invalid syntax")


def equals(piece: Piece, rng: random.Random) -> Change | None:
    """An assignment where a comparison is meant."""
    rows = [r for r, line in enumerate(piece.lines) if re.match(r"\s*(if|elif|while) [^\"'#]* == ", line)]
    if not rows:
        return None
    row = rng.choice(rows)
    before = piece.with_rows(row, row + 1, [piece.lines[row].replace(" == ", " = ", 1)])
    return broken(piece, before, "equals", rng)


def shifted(piece: Piece, rng: random.Random) -> Change | None:
    """A line with the wrong indentation."""
    rows = [r for r, line in enumerate(piece.lines[1:], 1) if line.strip() and line[:4] == "    "]
    if not rows:
        return None
    row = rng.choice(rows)
    line = piece.lines[row]
    way = line[4:] if rng.random() < 0.5 else line[1:] if rng.random() < 0.4 else f"    {line}"
    before = piece.with_rows(row, row + 1, [way])
    return broken(piece, before, "indentation", rng, "Expected indented block", "Unindent not expected")


def loads(piece: Piece) -> list[ast.Name]:
    """The uses of the function's own names."""
    if not piece.is_function():
        return []
    known = variables(piece) | {p.arg for p in piece.parameters()}
    found = [n for n in ast.walk(piece.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    return [n for n in found if n.id in known and len(n.id) > 2 and piece.of(n) == n.id]


def misspelling(piece: Piece, rng: random.Random) -> Change | None:
    """A local name misspelt in one place."""
    found = loads(piece)
    if not found:
        return None
    node = rng.choice(found)
    name = misspelt(rng, node.id)
    if name in piece.identifiers() or hasattr(builtins, name) or not name.isidentifier():
        return None
    before = piece.patched([(piece.span(node), name)])
    if tree_of(before) is None:
        return None
    message = rng.choice(
        [
            f"name '{name}' is not defined",
            f"name '{name}' is not defined. Did you mean: '{node.id}'?",
            f'"{name}" is not defined',
            f"Undefined name `{name}`",
            f"NameError: name '{name}' is not defined",
        ]
    )
    return fix(message, before, piece.text, "misspelling", rng)


def lost(piece: Piece, rng: random.Random) -> Change | None:
    """A parameter that the body uses and nobody declares, `self` above all."""
    if not piece.is_function():
        return None
    a = piece.node.args
    if not a.args or a.defaults or a.posonlyargs or piece.span(a.args[-1]).end_row != piece.span(a.args[0]).row:
        return None
    at = 0 if a.args[0].arg == "self" and rng.random() < 0.5 else rng.randrange(len(a.args))
    name, span = a.args[at].arg, piece.span(a.args[at])
    if not any(isinstance(n, ast.Name) and n.id == name for s in piece.statements() for n in ast.walk(s)):
        return None
    line = piece.lines[span.row]
    tail = re.sub(r"^,\s*", "", line[span.end_column :])
    head = line[: span.column]
    if not line[span.end_column :].startswith(","):
        head = re.sub(r",\s*$", "", head)
    before = piece.with_rows(span.row, span.row + 1, [head + tail])
    if tree_of(before) is None or a.args[at].annotation:
        return None
    message = rng.choice([f"name '{name}' is not defined", f'"{name}" is not defined', f"Undefined name `{name}`"])
    return fix(message, before, piece.text, "lost parameter", rng)


def method(piece: Piece, rng: random.Random) -> Change | None:
    """A method of a common type misspelt."""
    found = [
        n
        for n in ast.walk(piece.node)
        if isinstance(n, ast.Attribute)
        and n.attr in METHODS
        and piece.lines[piece.span(n).end_row][: piece.span(n).end_column].endswith(f".{n.attr}")
    ]
    if not found:
        return None
    node = rng.choice(found)
    span, name, kind = piece.span(node), misspelt(rng, node.attr), METHODS[node.attr]
    if name == node.attr:
        return None
    line = piece.lines[span.end_row]
    before = piece.with_rows(
        span.end_row, span.end_row + 1, [line[: span.end_column - len(node.attr)] + name + line[span.end_column :]]
    )
    message = rng.choice(
        [
            f"'{kind}' object has no attribute '{name}'",
            f"'{kind}' object has no attribute '{name}'. Did you mean: '{node.attr}'?",
            f'Cannot access attribute "{name}" for class "{kind}"',
        ]
    )
    return fix(message, before, piece.text, "method", rng)


def text_of_number(piece: Piece, rng: random.Random) -> Change | None:
    """A number added to a string: the author's `str()` taken away."""
    for node in ast.walk(piece.node):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add) or not isinstance(node.right, ast.Call):
            continue
        call = node.right
        if piece.of(call.func) == "str" and len(call.args) == 1 and isinstance(call.args[0], ast.Name | ast.Attribute):
            before = piece.patched([(piece.span(call), piece.of(call.args[0]))])
            if tree_of(before) is None:
                return None
            message = rng.choice(
                ['can only concatenate str (not "int") to str', 'Operator "+" not supported for types "str" and "int"']
            )
            return fix(message, before, piece.text, "text", rng)
    return None


def dead(piece: Piece, rng: random.Random) -> Change | None:
    """A statement that does nothing, put in; asks to remove it."""
    if not piece.is_function():
        return None
    places = [s for block in blocks(piece.node) for s in block if piece.stands_alone(piece.span(s)) and s in piece.statements()]
    places = [s for s in places if piece.lines[piece.span(s).row].strip()[:1] != "@"]
    if not places:
        return None
    node = rng.choice(places)
    row = piece.span(node).row
    at = piece.indentation(row)
    name = piece.fresh(rng)
    known = [p.arg for p in piece.parameters()]
    fixed = "Remove dead code."
    way = rng.random()
    if way < 0.4:
        value = rng.choice(
            ["0", "1", "None", "[]", "{}", '""', "True", "False", "-1", "set()"]
            + [f"len({p})" for p in known]
            + [f"{p}.copy()" for p in known]
            + [f"str({p})" for p in known]
        )
        new = [f"{at}{name} = {value}"]
        said = say(
            rng,
            fixed,
            f"Remove the unused variable `{name}`.",
            f"Remove the unused variable {name}.",
            f"Delete `{name}`.",
            "Remove the unused variable.",
            share=0.35,
        )
        if rng.random() < 0.3:
            warning = rng.choice(
                [
                    f"Local variable `{name}` is assigned to but never used",
                    f'Variable "{name}" is not accessed',
                    f"local variable '{name}' is assigned to but never used",
                ]
            )
            return Change("fix", "unused variable", f"Fix this error: {warning}", piece.with_rows(row, row, new), piece.text)
        form = "unused variable"
    elif way < 0.6:
        test = rng.choice(["False", "False", "0", "not True"])
        inner = rng.choice(
            [f'print("{name}")', f"{name} = 1", "pass", "return None", f"print({known[0] if known else 1})", "raise ValueError"]
        )
        new = [f"{at}{rng.choice(['if', 'if', 'while']) if test == 'False' else 'if'} {test}:", f"{at}    {inner}"]
        said = say(
            rng, fixed, "Remove the code that never runs.", "Remove unreachable code.", "Remove the dead branch.", share=0.7
        )
        form = "dead branch"
    elif way < 0.85:
        last = [
            s
            for block in blocks(piece.node)
            for s in block[-1:]
            if isinstance(s, ast.Return | ast.Raise | ast.Continue | ast.Break)
        ]
        last = [s for s in last if piece.stands_alone(piece.span(s))]
        if not last:
            return None
        span = piece.span(rng.choice(last))
        row, at = span.end_row + 1, piece.indentation(span.row)
        new = [
            f"{at}"
            + rng.choice([f'print("{name}")', f"{name} = None", "return None", f"print({name!r})", "pass", f"{name} = []"])
        ]
        if rng.random() < 0.3:
            new.append(f"{at}return {known[0] if known else None}")
        said = say(rng, fixed, "Remove unreachable code.", "Remove the code that never runs.", share=0.6)
        if rng.random() < 0.2:
            said = f"Fix this error: {rng.choice(['Code is unreachable', 'unreachable code'])}"
            return Change("fix", "unreachable", said, piece.with_rows(row, row, new), piece.text)
        form = "unreachable"
    else:
        module = rng.choice(["os", "sys", "re", "json", "time", "math", "random", "logging", "itertools", "functools", "copy"])
        if module in piece.identifiers():
            return None
        new = [f"{at}import {module}"]
        said = say(
            rng,
            fixed,
            f"Remove the unused import of `{module}`.",
            "Remove the unused import.",
            f"Remove `import {module}`.",
            share=0.3,
        )
        if rng.random() < 0.35:
            warning = rng.choice(
                [f"`{module}` imported but unused", f'Import "{module}" is not accessed', f"'{module}' imported but unused"]
            )
            return Change("fix", "unused import", f"Fix this error: {warning}", piece.with_rows(row, row, new), piece.text)
        form = "unused import"
    before = piece.with_rows(row, row, new)
    return Change("refactor" if said == fixed else "edit", form, said, before, piece.text) if tree_of(before) else None


FAULTS = [
    (colon, 0.25),
    (bracket, 0.25),
    (quote, 0.2),
    (comma, 0.2),
    (typo, 0.5),
    (equals, 0.6),
    (shifted, 0.2),
    (misspelling, 0.3),
    (lost, 0.3),
    (method, 0.2),
    (text_of_number, 1.0),
    (dead, 0.35),
]

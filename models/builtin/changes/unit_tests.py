"""Functions and the tests that call them.

These are real tests of the same package, examples of the documentation, and, where there is neither, a skeleton with a call.

A test of `unittest` is rewritten as a plain function, because that is what the server asks for; one that cannot be is left out.
"""

from __future__ import annotations

import ast
import doctest
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from changes import python, rust
from changes.region import fits, indented, say

LONGEST = 16  # lines of a test
# Plausible arguments, by annotation and by name.
ARGUMENTS = {
    **{"int": "1", "str": '"text"', "float": "1.5", "bool": "True", "bytes": 'b"abc"', "tuple": "(1, 2)", "set": "{1, 2}"},
    **{
        "list": "[1, 2, 3]",
        "list[int]": "[1, 2, 3]",
        "list[str]": '["a", "b"]',
        "dict": '{"a": 1}',
        "dict[str, Any]": '{"a": 1}',
    },
    "Path": 'Path("a.txt")',
}
NAMED = {
    '"text"': "s text string",
    '"name"': "name",
    '"a.txt"': "path filename",
    '"a"': "key char prefix",
    '"a line"': "line",
    '"word"': "word",
    '"message"': "message msg",
    '"http://localhost/"': "url",
    '["a", "b"]': "names lines",
    "[1, 2, 3]": "items values seq data xs iterable args",
    "[3, 1, 2]": "lst numbers",
    '{"a": 1}': "d mapping",
    "True": "flag",
    "0": "index start",
    "1": "i a value",
    "2": "x b k p",
    "3": "n y num count",
    "4": "m size",
    "5": "stop end",
}
BY_NAME = {name: value for value, names in NAMED.items() for name in names.split()}
ASSERTIONS = {
    **{
        "assertEqual": "{0} == {1}",
        "assertEquals": "{0} == {1}",
        "assertListEqual": "{0} == {1}",
        "assertDictEqual": "{0} == {1}",
    },
    **{
        "assertNotEqual": "{0} != {1}",
        "assertTrue": "{0}",
        "assertFalse": "not {0}",
        "assertIsInstance": "isinstance({0}, {1})",
    },
    **{
        "assertIs": "{0} is {1}",
        "assertIsNot": "{0} is not {1}",
        "assertIsNone": "{0} is None",
        "assertIsNotNone": "{0} is not None",
    },
    **{"assertIn": "{0} in {1}", "assertNotIn": "{0} not in {1}", "assertGreater": "{0} > {1}", "assertLess": "{0} < {1}"},
    "assertGreaterEqual": "{0} >= {1}",
}


@dataclass(frozen=True)
class Test:
    """A function and a test of it: `opening` and `rest` together are the test."""

    path: str
    region: str
    instruction: str
    test_path: str
    opening: str
    rest: str
    form: str


def instruction(name: str, rng: random.Random) -> str:
    """The request."""
    others = (
        f"Write a test for `{name}`.",
        f"Add a test for {name}.",
        "Add a unit test.",
        f"Test `{name}`.",
        "Write a test for this function.",
    )
    return say(rng, "Write a unit test.", *others, share=0.75)


def test_path(path: str, rng: random.Random) -> str:
    """Where a test of a Python file might live."""
    at = PurePosixPath(path)
    name = f"test_{at.stem.strip('_')}.py"
    top = at.parts[0]
    return rng.choice(
        [f"tests/{name}", f"tests/{name}", f"test/{name}", name, f"{top}/tests/{name}" if len(at.parts) > 1 else name]
    )


def python_tests(docs: list[dict], names: list[str], rng: random.Random) -> Iterator[Test]:
    """All tests of one package."""
    functions: dict[str, list[python.Piece]] = defaultdict(list)
    tests: list[tuple[python.Piece, str]] = []
    for doc in docs:
        for piece in python.pieces(doc["path"], doc["text"], names):
            if not piece.is_function():
                continue
            if piece.node.name.startswith("test"):
                tests.append((piece, doc["path"]))
            elif not doc["test"] and not piece.node.col_offset and not piece.node.decorator_list and fits(region_of(piece)):
                functions[piece.node.name].append(piece)
    tested: set[str] = set()
    for test, path in tests:
        yield from of_real_test(test, path, functions, tested, rng)
    for of_name in functions.values():
        for piece in of_name:
            made = from_examples(piece, rng)
            if made is None and piece.node.name not in tested and rng.random() < 0.5:
                made = skeleton(piece, rng)
            if made:
                yield made


def region_of(piece: python.Piece) -> str:
    """The function, without a docstring that is long or gives examples."""
    bare = python.without_docstring(piece)
    return "\n".join(bare) if bare and (len(piece.lines) - len(bare) > 4 or ">>>" in piece.text) else piece.text


def of_real_test(
    test: python.Piece, path: str, functions: dict[str, list[python.Piece]], tested: set[str], rng: random.Random
) -> Iterator[Test]:
    """The function that a test is about, if it is clear."""
    node = test.node
    arguments = [a.arg for a in node.args.args]
    if (
        len(test.lines) > LONGEST
        or node.decorator_list
        or arguments not in ([], ["self"])
        or isinstance(node, ast.AsyncFunctionDef)
    ):
        return
    called = []
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        f = call.func
        name = (
            f.id
            if isinstance(f, ast.Name)
            else f.attr
            if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name)
            else ""
        )
        if name in functions and (len(functions[name]) == 1):
            called.append(name)
    named = [n for n in called if n in node.name]
    called = named or called[:1]
    text = plain(test)
    if not called or text is None:
        return
    name = max(called, key=len)
    piece = functions[name][0]
    tested.add(name)
    start = f"def test_{name}"
    rest = text.split("(", 1)[1]
    suffix = node.name.removeprefix(f"test_{name}") if node.name.startswith(f"test_{name}") else ""
    yield Test(piece.path, region_of(piece), instruction(name, rng), path, start, f"{suffix}({rest}", "real test")


def plain(test: python.Piece) -> str | None:
    """A test without its class: assertions of `unittest` become `assert`."""
    patches = []
    for n in ast.walk(test.node):
        if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) and isinstance(n.value.func, ast.Attribute):
            call = n.value
            shape = ASSERTIONS.get(call.func.attr)
            if test.of(call.func.value) != "self" or shape is None:
                continue
            if (
                len(call.args) < (2 if "{1}" in shape else 1)
                or call.keywords
                or any(isinstance(a, ast.Starred) for a in call.args)
            ):
                return None
            parts = [test.of(a) for a in call.args[:2]]
            parts = [
                f"({p})" if isinstance(a, ast.Compare | ast.BoolOp) and shape not in ("{0}",) else p
                for p, a in zip(parts, call.args, strict=False)
            ]
            patches.append((test.span(n), "assert " + shape.format(*parts)))
        elif isinstance(n, ast.With) and isinstance(n.items[0].context_expr, ast.Call):
            call = n.items[0].context_expr
            if test.of(call.func) == "self.assertRaises":
                patches.append((test.span(call.func), "pytest.raises"))
    text = test.patched(patches)
    text = re.sub(r"^(\s*def \w+)\(self\)", r"\1()", text)
    width = len(text) - len(text.lstrip())
    lines = [line[width:] if not line[:width].strip() else line for line in text.split("\n")]
    text = "\n".join(lines)
    if re.search(r"\bself\b", text) or python.tree_of(text) is None or max(map(len, lines)) > 110:
        return None
    return text if text.startswith("def ") and ("assert" in text or "raises" in text) else None


def from_examples(piece: python.Piece, rng: random.Random) -> Test | None:
    """The examples of a docstring as a test."""
    doc = python.docstring(piece.node)
    if not doc or ">>>" not in doc.value.value:
        return None
    try:
        examples = doctest.DocTestParser().get_examples(doc.value.value)
    except ValueError:
        return None
    lines: list[str] = []
    asserted = False
    name = piece.node.name
    for example in examples[:8]:
        source, want = example.source.rstrip("\n"), example.want.rstrip("\n")
        if not want and not example.exc_msg:
            lines += source.split("\n")
            continue
        try:
            ast.literal_eval(want)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            break
        if "\n" in source or "\n" in want or "=" in re.sub(r"\w=|==", "", source) or len(source) + len(want) > 90:
            break
        lines.append(
            f"assert {source}"
            if want == "True"
            else f"assert {source} is {want}"
            if want in ("False", "None")
            else f"assert {source} == {want}"
        )
        asserted = asserted or f"{name}(" in source
        if len(lines) > 4 and asserted:
            break
    while lines and not lines[-1].startswith("assert"):
        lines.pop()
    lines = [line for line in lines if not re.match(rf"from \S+ import {name}$", line)]
    if not asserted or len(lines) > 10 or not any(line.startswith("assert") and f"{name}(" in line for line in lines):
        return None
    rest = "():\n" + "\n".join(indented(lines, "    "))
    if python.tree_of(f"def test_{name}{rest}") is None:
        return None
    return Test(
        piece.path, region_of(piece), instruction(name, rng), test_path(piece.path, rng), f"def test_{name}", rest, "example"
    )


def skeleton(piece: python.Piece, rng: random.Random) -> Test | None:
    """A call with plausible arguments, and what the annotations promise."""
    node, name = piece.node, piece.node.name
    a = node.args
    if a.vararg or a.posonlyargs or isinstance(node, ast.AsyncFunctionDef) or name.startswith("_") or not a.args:
        return None
    needed = a.args[: len(a.args) - len(a.defaults)]
    arguments = []
    for p in needed:
        kind = piece.of(p.annotation) if p.annotation else ""
        value = ARGUMENTS.get(kind) if kind else BY_NAME.get(p.arg)
        if value is None or (kind == "Path" and "Path" not in piece.text):
            return None
        arguments.append(value)
    call = f"{name}({', '.join(arguments)})"
    returns = piece.of(node.returns) if node.returns else ""
    values = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value]
    if returns == "None" or not values:
        lines = [call]
    elif returns in ARGUMENTS:
        lines = [f"result = {call}", f"assert isinstance(result, {returns.split('[')[0]})"]
    elif "None" in returns or any(isinstance(v.value, ast.Constant) and v.value.value is None for v in values):
        return None
    else:
        lines = [f"result = {call}", "assert result is not None"]
    rest = "():\n" + "\n".join(indented(lines, "    "))
    return Test(
        piece.path, region_of(piece), instruction(name, rng), test_path(piece.path, rng), f"def test_{name}", rest, "skeleton"
    )


def rust_tests(docs: list[dict], names: list[str], rng: random.Random) -> Iterator[Test]:
    """All tests of one crate."""
    functions: dict[str, list[rust.Piece]] = defaultdict(list)
    tests: list[rust.Piece] = []
    for doc in docs:
        for piece in rust.pieces(doc["path"], doc["text"], names):
            if not piece.is_function():
                continue
            above = [x.strip() for x in piece.lines[: piece.head] if not x.lstrip().startswith("///")]
            if above == ["#[test]"]:
                tests.append(piece)
            elif not above or "#[test]" not in above:
                functions[piece.name()].append(piece)
    for test in tests:
        if made := of_real_rust_test(test, functions, rng):
            yield made
    for of_name in functions.values():
        for piece in of_name:
            if made := from_rust_example(piece, rng):
                yield made


def of_real_rust_test(test: rust.Piece, functions: dict[str, list[rust.Piece]], rng: random.Random) -> Test | None:
    """The function that a test is about, if it is clear."""
    body = test.lines[test.head :]
    name = test.name()
    if (
        len(body) > LONGEST
        or test.parameters()
        or not body[0].rstrip().endswith("{")
        or "()" not in body[0]
        or " async " in body[0]
    ):
        return None
    text = "\n".join(body)
    called = [n for n in re.findall(r"\b(\w+)(?:::<[^()]*>)?\(", text) if n in functions]
    here = [n for n in called if any(p.path == test.path for p in functions[n])]
    alone = [n for n in called if len(functions[n]) == 1]
    named = [n for n in here + alone if n in name and len(n) > 3]
    choice = named or [n for n in here + alone if len(functions[n]) == 1 and len(n) > 3]
    if not choice:
        return None
    f = max(choice, key=len) if named else choice[0]
    piece = next((p for p in functions[f] if p.path == test.path), functions[f][0])
    region = "\n".join(piece.bare())
    if not fits(region):
        return None
    width = len(body[0]) - len(body[0].lstrip())
    lines = [f"    {line[width:]}" if line.strip() else line for line in body]
    rest = re.sub(r"^\s*(pub )?fn ", "", "\n".join(lines))
    if name == f:
        rest = f"test_{rest}"
    if max(map(len, lines)) > 110 or not rust.parses(f"fn {rest}"):
        return None
    path = test.path if rng.random() < 0.3 else piece.path
    return Test(piece.path, region, instruction(f, rng), path, "    #[test]\n    fn ", rest, "real test")


def from_rust_example(piece: rust.Piece, rng: random.Random) -> Test | None:
    """The example of a doc comment as a test."""
    said = "\n".join(x.lstrip().removeprefix("///").removeprefix(" ") for x in piece.lines[piece.doc[0] : piece.doc[1]])
    name, region = piece.name(), "\n".join(piece.bare())
    for block in re.findall(r"^```(?:rust)?\n(.*?)^```", said, re.S | re.M):
        lines = [line for line in block.rstrip("\n").split("\n") if not re.match(r"# |#$|\s*//|use \w+::\w+;$", line)]
        while lines and not lines[0].strip():
            del lines[0]
        code = "\n".join(lines)
        if (
            not lines
            or len(lines) > 12
            or f"{name}(" not in code
            or "assert" not in code
            or "fn main" in code
            or "?" in code
            or max(map(len, lines)) > 100
        ):
            continue
        rest = f"test_{name}() {{\n" + "\n".join(indented(lines, " " * 8)) + "\n    }"
        if fits(region) and rust.parses(f"fn {rest}"):
            return Test(piece.path, region, instruction(name, rng), piece.path, "    #[test]\n    fn ", rest, "example")
    return None

"""The layouts of edits to the letter, one change of each kind, and what must hold for every sample."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest

import edits
from changes import python, python_faults, python_loops, python_wishes, rust, rust_faults, rust_loops, rust_wishes, unit_tests
from changes.region import Change, misspelt

NAMES = ["speed", "weight"]

PYTHON = '''\
def total(prices, tax=0.2):
    """Return the sum of the prices with tax."""
    kept = [p for p in prices if p > 0]
    amount = sum(kept)
    if not kept:
        return 0
    amount += len(kept)
    return amount * (1 + tax)
'''
RUST = """\
impl Basket {
    /// Returns the sum of the prices.
    #[inline]
    pub fn total(&self, tax: u32) -> Result<u32, Error> {
        let mut sum = 0;
        let rate = self.rate()?;
        if let Some(first) = self.first() {
            sum += first;
        }
        for price in &self.prices {
            sum += price * rate;
        }
        Ok(sum + tax)
    }
}
"""


def test_rewrite() -> None:
    """What the server sends for an action that replaces its region."""
    prompt, answer = edits.rewrite("pkg/a.py", "Add type hints.", "    x = 1", "    x: int = 1")
    assert (
        prompt == "FILE: pkg/a.py\nTASK: Add type hints.\n<<<AI_EDIT_START>>>\n<<<AI_SEARCH>>>\n    x = 1\n<<<AI_REPLACE>>>\n"
    )
    assert answer == "    x: int = 1\n<<<AI_EDIT_END>>>\n"


def test_addition() -> None:
    """What it sends for a unit test."""
    prompt, answer = edits.addition("a.py", "def f(): ...", "Write a unit test.", "test_a.py", "def test_f", "():\n    f()")
    start = "FILE: a.py\ndef f(): ...\nTASK: Write a unit test.\nFILE: test_a.py\n<<<AI_EDIT_START>>>\ndef test_f"
    assert prompt == start
    assert answer == "():\n    f()\n<<<AI_EDIT_END>>>\n"


def test_prose() -> None:
    """What it sends for an explanation."""
    prompt, answer = edits.prose("a.py", "def f(): ...", "Explain this code.", "It does nothing.")
    assert prompt == "FILE: a.py\ndef f(): ...\nTASK: Explain this code.\nANSWER:\n"
    assert answer == "It does nothing.\n"


def of_python(make: Callable, seeds: int = 60) -> list[Change]:
    """What a maker does with the Python above, for many seeds."""
    (piece,) = python.pieces("shop.py", PYTHON, NAMES)
    made = [make(piece, random.Random(seed)) for seed in range(seeds)]
    return [change for change in made if change]


def of_rust(make: Callable, seeds: int = 60) -> list[Change]:
    """What a maker does with the Rust above, for many seeds."""
    piece = next(p for p in rust.pieces("shop.rs", RUST, NAMES) if p.is_function())
    made = [make(piece, random.Random(seed)) for seed in range(seeds)]
    return [change for change in made if change]


BARE = PYTHON.replace('    """Return the sum of the prices with tax."""\n', "").rstrip()
METHOD = "\n".join(RUST.split("\n")[1:-2])
UNDOCUMENTED = "\n".join(RUST.split("\n")[2:-2])


@pytest.mark.parametrize(
    ("made", "before", "after"),
    [
        (of_python(python.document), BARE, PYTHON.rstrip()),
        (of_python(python.explain), BARE, "Return the sum of the prices with tax."),
        (of_python(python.augmented), PYTHON.rstrip().replace("amount += len", "amount = amount + len"), PYTHON.rstrip()),
        (
            of_python(python_loops.from_comprehension),
            "    kept = []\n    for p in prices:\n        if p > 0:\n            kept.append(p)",
            "    kept = [p for p in prices if p > 0]",
        ),
        (of_python(python.alternative), PYTHON.rstrip().replace("    amount += len(kept)\n    return", "    else:\n        amount += len(kept)\n        return"), PYTHON.rstrip()),
        (of_python(python_faults.colon), PYTHON.rstrip().replace("not kept:", "not kept"), PYTHON.rstrip()),
        (of_python(python_faults.misspelling, 900), PYTHON.rstrip().replace("len(kept)", "len(kpet)"), PYTHON.rstrip()),
        (of_python(python_wishes.negate), PYTHON.rstrip(), PYTHON.rstrip().replace("if not kept", "if kept")),
        (of_python(python_wishes.default), PYTHON.rstrip().replace("tax=0.2", "tax"), PYTHON.rstrip()),
        (of_rust(rust.document), UNDOCUMENTED, METHOD),
        (of_rust(rust.explain), UNDOCUMENTED, "Returns the sum of the prices."),
        (
            of_rust(rust.question, 200),
            METHOD.replace("= self.rate()?;", "= match self.rate() {\n            Ok(value) => value,\n            Err(err) => return Err(err),\n        };"),
            METHOD,
        ),
        (of_rust(rust.if_let, 200), METHOD.replace("if let Some(first) = self.first() {\n            sum += first;\n        }", "match self.first() {\n            Some(first) => {\n                sum += first;\n            }\n            None => {}\n        }"), METHOD),
        (of_rust(rust_faults.mutable), METHOD.replace("let mut sum", "let sum"), METHOD),
        (of_rust(rust_faults.semicolon), METHOD.replace("rate()?;", "rate()?"), METHOD),
        (of_rust(rust_wishes.parameter, 400), METHOD, METHOD.replace("tax: u32)", "tax: u32, speed: usize)")),
    ],
)  # fmt: skip
def test_change(made: list[Change], before: str, after: str) -> None:
    """Among the changes for many seeds is the one expected."""
    assert (before, after) in {(c.before, c.after) for c in made}


def test_words_of_the_server() -> None:
    """The fixed actions are asked for in the words of the server more often than in others."""
    words = Counter(c.instruction for c in of_python(python.document, 300))
    assert words.most_common(1)[0][0] == "Add a documentation comment."
    assert Counter(c.instruction for c in of_rust(rust.explain, 300)).most_common(1)[0][0] == "Explain this code."
    assert all(c.instruction.startswith("Fix ") for c in of_rust(rust_faults.mutable, 300) if "error:" in c.instruction)


def test_rename_says_what_it_does() -> None:
    """Before with one name replaced is after, and the request names both. A method of the same name keeps it."""
    made = of_python(python.rename) + of_rust(rust.rename)
    assert len(made) > 20
    for change in made:
        a, b = (set(re.findall(r"(?<!\.)\b\w+", text)) for text in (change.before, change.after))
        (old,), (new,) = a - b, b - a
        assert re.sub(rf"(?<!\.)\b{old}\b", new, change.before) == change.after
        assert old in change.instruction
        assert new in change.instruction


def test_unit_tests() -> None:
    """A test of `unittest` becomes a function; opening and rest are one text."""
    test = "class T(TestCase):\n    def test_total_of_two(self):\n        self.assertEqual(total([1, 2]), 3.6)\n        self.assertTrue(total([]))\n"
    family = [
        {"path": "shop.py", "text": PYTHON, "test": False},
        {"path": "tests/test_shop.py", "text": test, "test": True},
    ]
    (made,) = unit_tests.python_tests(family, NAMES, random.Random(0))
    assert (made.opening, made.test_path) == ("def test_total", "tests/test_shop.py")
    assert made.rest == "_of_two():\n    assert total([1, 2]) == 3.6\n    assert total([])"


def test_rust_unit_tests() -> None:
    """A test of a crate moves to the indentation that it has in `mod tests`."""
    test = "#[test]\nfn adds_up() {\n    let basket = Basket::new();\n    assert_eq!(basket.total(0), Ok(0));\n}\n"
    family = [{"path": "src/shop.rs", "text": RUST, "test": False}, {"path": "tests/shop.rs", "text": test, "test": True}]
    (made,) = unit_tests.rust_tests(family, NAMES, random.Random(0))
    assert made.opening == "    #[test]\n    fn "
    assert made.rest == "adds_up() {\n        let basket = Basket::new();\n        assert_eq!(basket.total(0), Ok(0));\n    }"


def test_invented_loops_parse() -> None:
    """What nobody wrote parses at least."""
    names = ["alpha", "beta", "gamma", "delta", "omega"]
    made = [c for seed in range(200) for c in rust_loops.invented(random.Random(seed), names)]
    assert len(made) > 50
    assert all(rust.parses(c.before) and rust.parses(c.after) for c in made)


def test_same() -> None:
    """What is verified is verified: formatting does not count, names and docstrings do."""
    assert python.same(python.tree_of("x = f(1,2)"), python.tree_of("x = f( 1, 2 )  # why"))
    assert not python.same(python.tree_of("x = f(1)"), python.tree_of("y = f(1)"))
    assert not python.same(python.tree_of("def f(): 'a'"), python.tree_of("def f(): pass"))
    assert not python.same(python.tree_of("x ="), python.tree_of("x ="))
    assert rust.tokens("fn f() {} // why") == rust.tokens("/// Doc\nfn f() { }") != rust.tokens("fn g() {}")


def test_misspelt() -> None:
    """A slip changes a word by a letter."""
    assert {misspelt(random.Random(s), "abc") for s in range(50)} == {"bac", "acb", "bc", "ac", "aabc", "abbc"}


def test_every_sample(docs: list[dict[str, object]]) -> None:
    """On real code of both languages: layouts whole, answers that parse, no marker inside, the same file twice."""
    made = list(edits.samples_of(docs[:12] + docs[-12:]))
    assert made == list(edits.samples_of(docs[:12] + docs[-12:]))
    kinds = {(s.language, s.kind) for s in made}
    assert {("python", "document"), ("python", "fix"), ("python", "edit"), ("rust", "document"), ("rust", "fix")} <= kinds
    for sample in filter(edits.is_clean, made):
        assert "\r" not in sample.prompt + sample.answer
        if sample.kind in ("explain", "unit-test"):
            continue
        head, region = sample.prompt.split(f"{edits.START}\n{edits.SEARCH}\n")
        assert head.startswith("FILE: ")
        assert head.split("\n")[1].startswith("TASK: ")
        region, rest = region.split(f"\n{edits.REPLACE}\n")
        assert rest == ""
        new = sample.answer.removesuffix(f"\n{edits.STOP}\n")
        assert new not in (sample.answer, region)
        if sample.language == "python":
            assert python.tree_of(new), new
            if sample.kind == "document":
                assert len(new) > len(region)
        elif "fn " in new:
            assert rust.parses(new), new
        if sample.kind == "document" and sample.language == "rust":
            assert rust.tokens(new) == rust.tokens(region)


def test_reserved_words() -> None:
    """Code that holds a part of the layout, or a special token, is no sample."""
    good = edits.Sample("edit", "x", "python", "p", *edits.rewrite("a.py", "Do it.", "x = 1", "x = 2"))
    assert edits.is_clean(good)
    for bad in ("<<<AI_SEARCH>>>", "<|endoftext|>", "FILE: b.py", "x\r"):
        sample = edits.Sample("edit", "x", "python", "p", *edits.rewrite("a.py", "Do it.", bad, "x = 2"))
        assert not edits.is_clean(sample), bad

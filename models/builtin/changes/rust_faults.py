"""Rust that is broken, or that says nothing: real code with one mistake put in, and the complaint that it earns.

The complaints are worded as rustc and rust-analyzer word them; neither ran.
"""

from __future__ import annotations

import random
import re

from changes.region import Change, misspelt, say
from changes.rust import KEYWORDS, Piece, locals_of, parses, uses, walk

CLOSERS = {")": "(", "]": "[", "}": "{"}
# Right, wrong.
TYPOS = [
    *[
        ("let ", "lte "),
        ("return ", "retrun "),
        ("match ", "mtach "),
        ("else {", "esle {"),
        ("pub fn", "pub fun"),
        ("fn ", "def "),
    ],
    *[(" && ", " and "), (" || ", " or "), ("None", "none"), ("Some(", "some("), ("true", "True"), ("false", "False")],
    *[("while ", "whlie "), (" -> ", " => "), (" => ", " -> "), ("mut ", "mutt "), ("Ok(", "ok("), ("Err(", "err(")],
    *[("String", "Strin"), ("Option<", "Optoin<"), ("Vec<", "Vce<"), ("Result<", "Reslut<"), ("usize", "uszie")],
]
# Methods, and the type that a complaint may name.
METHODS = {"push": "Vec", "extend": "Vec", "unwrap": "Option", "insert": "HashMap", "as_str": "String"} | dict.fromkeys(
    ["len", "iter", "clone", "is_empty", "collect", "to_string", "into_iter", "contains", "next", "map", "get"], ""
)


def fix(message: str, before: str, after: str, form: str, rng: random.Random) -> Change:
    """A request to mend it."""
    words = f"Fix this error: {message}"
    if rng.random() < 0.06:
        words = say(rng, None, "Fix the error.", "Fix the syntax error.", "Fix this.", "Fix the bug.")
    return Change("fix", form, words, before, after)


def code_rows(piece: Piece) -> list[int]:
    """The rows with code, without comments and attributes."""
    return [
        r
        for r, x in enumerate(piece.lines)
        if r >= piece.head and x.strip() and "//" not in x and not x.lstrip().startswith("#")
    ]


def semicolon(piece: Piece, rng: random.Random) -> Change | None:
    """A statement without its semicolon."""
    rows = [
        r
        for r in code_rows(piece)
        if piece.lines[r].endswith(";") and re.match(r"\s*(let|return|\w+[.(!]|\w+ [-+*]?=)", piece.lines[r])
    ]
    if not rows or not piece.is_function():
        return None
    row = rng.choice(rows)
    after = next((x.strip() for x in piece.lines[row + 1 :] if x.strip()), "}")
    if after == "}" and not piece.lines[row].lstrip().startswith("let"):
        return None
    before = piece.with_rows(row, row + 1, [piece.lines[row][:-1]])
    found = re.match(r"\w+|.", after)[0]
    kind = f"keyword `{found}`" if found in KEYWORDS else f"`{found}`"
    message = rng.choice(
        [
            f"expected `;`, found {kind}",
            f"expected `;`, found {kind}",
            "Syntax Error: expected SEMICOLON",
            "expected SEMICOLON",
            f"expected one of `.`, `;`, `?`, or an operator, found {kind}",
        ]
    )
    return fix(message, before, piece.text, "semicolon", rng)


def bracket(piece: Piece, rng: random.Random) -> Change | None:
    """A bracket left out, or one too many."""
    places = [
        (r, m.start())
        for r in code_rows(piece)
        if '"' not in piece.lines[r] and "'" not in piece.lines[r]
        for m in re.finditer(r"[)\]}]", piece.lines[r])
    ]
    if not places:
        return None
    row, at = rng.choice(places)
    line = piece.lines[row]
    closer = line[at]
    if rng.random() < 0.25:
        before = piece.with_rows(row, row + 1, [line[: at + 1] + closer + line[at + 1 :]])
        message = rng.choice([f"unexpected closing delimiter: `{closer}`", f"mismatched closing delimiter: `{closer}`"])
    else:
        new = line[:at] + line[at + 1 :]
        before = piece.with_rows(row, row + 1, [new] if new.strip() else [])
        names = {")": "R_PAREN", "]": "R_BRACK", "}": "R_CURLY"}
        message = rng.choice(
            [
                "this file contains an unclosed delimiter",
                f"expected {names[closer]}",
                f"Syntax Error: expected {names[closer]}",
                f"expected `{closer}`",
                f"mismatched closing delimiter: `{'}' if closer != '}' else ')'}`",
            ]
        )
    return None if parses(before) else fix(message, before, piece.text, "bracket", rng)


def mutable(piece: Piece, rng: random.Random) -> Change | None:
    """`let mut` without `mut`."""
    rows = [r for r in code_rows(piece) if re.search(r"\blet mut \w+", piece.lines[r])]
    if not rows:
        return None
    row = rng.choice(rows)
    name = re.search(r"\blet mut (\w+)", piece.lines[row])[1]
    before = piece.with_rows(row, row + 1, [piece.lines[row].replace("let mut ", "let ", 1)])
    if re.search(rf"\b{name} [-+*/|&]?= ", piece.text.replace(f"let mut {name} = ", "")) and rng.random() < 0.8:
        message = f"cannot assign twice to immutable variable `{name}`"
    else:
        message = rng.choice(
            [
                f"cannot borrow `{name}` as mutable, as it is not declared as mutable",
                f"cannot mutate immutable variable `{name}`",
            ]
        )
    return fix(message, before, piece.text, "mut", rng)


def misspelling(piece: Piece, rng: random.Random) -> Change | None:
    """A local name misspelt in one place."""
    if not piece.is_function():
        return None
    names = [n for n in [*locals_of(piece), *(n for n, _ in piece.parameters())] if len(n) > 2]
    if not names:
        return None
    name = rng.choice(names)
    spans = uses(piece, name)
    wrong = misspelt(rng, name)
    if not spans or len(spans) < 2 or wrong in piece.words() or wrong in KEYWORDS or not re.fullmatch(r"[a-z_]\w*", wrong):
        return None
    before = piece.patched([(rng.choice(spans[1:]), wrong)])
    message = rng.choice(
        [
            f"cannot find value `{wrong}` in this scope",
            f"cannot find value `{wrong}` in this scope",
            f"unresolved name `{wrong}`",
            f"cannot find value `{wrong}` in this scope: help: a local variable with a similar name exists: `{name}`",
        ]
    )
    return fix(message, before, piece.text, "misspelling", rng) if parses(before) else None


def typo(piece: Piece, rng: random.Random) -> Change | None:
    """A word misspelt, or one of another language."""
    right, wrong = rng.choice(TYPOS)
    pattern = re.compile(rf"(?<!\w){re.escape(right)}" + (r"(?!\w)" if right[-1].isalpha() else ""))
    rows = [r for r in code_rows(piece) if pattern.search(piece.lines[r]) and '"' not in piece.lines[r]]
    if not rows:
        return None
    row = rng.choice(rows)
    before = piece.with_rows(row, row + 1, [pattern.sub(wrong, piece.lines[row], count=1)])
    name = re.sub(r"\W", "", wrong)
    if right in ("None", "true", "false"):
        message = f"cannot find value `{name}` in this scope"
    elif right in ("Some(", "Ok(", "Err("):
        message = f"cannot find function `{name}` in this scope"
    elif right in ("String", "Option<", "Vec<", "Result<", "usize"):
        message = f"cannot find type `{name}` in this scope"
    elif parses(before):
        return None
    elif wrong in (" and ", " or "):
        message = rng.choice(
            [f"`{name}` is not a logical operator", f"expected one of `.`, `?`, `{{`, or an operator, found `{name}`"]
        )
    elif wrong == " => ":
        message = rng.choice(["expected one of `->`, `where`, or `{`, found `=>`", "return types are denoted using `->`"])
    elif wrong == " -> ":
        message = rng.choice(["expected one of `=>`, `if`, or `|`, found `->`", "Syntax Error: expected FAT_ARROW"])
    else:
        message = rng.choice(
            [
                f"expected one of `!` or `::`, found `{name}`",
                f"unexpected `{name}`",
                "Syntax Error: expected an item" if right in ("fn ", "pub fn") else "Syntax Error: expected expression",
            ]
        )
    return fix(message, before, piece.text, "typo", rng)


def quote(piece: Piece, rng: random.Random) -> Change | None:
    """A string without its end."""
    rows = [
        r
        for r in code_rows(piece)
        if piece.lines[r].count('"') == 2 and "\\" not in piece.lines[r] and "'" not in piece.lines[r]
    ]
    if not rows:
        return None
    row = rng.choice(rows)
    at = piece.lines[row].rindex('"')
    before = piece.with_rows(row, row + 1, [piece.lines[row][:at] + piece.lines[row][at + 1 :]])
    message = rng.choice(
        ["unterminated double quote string", 'Syntax Error: Missing trailing `"` symbol to terminate the string literal']
    )
    return fix(message, before, piece.text, "quote", rng)


def reference(piece: Piece, rng: random.Random) -> Change | None:
    """An `&` left out of an argument."""
    places = [
        (r, m.start(1))
        for r in code_rows(piece)
        for m in re.finditer(r"[(,] ?(&)(?!mut|&|'|self)[a-z]\w*[,)]", piece.lines[r])
        if "fn " not in piece.lines[r] and "|" not in piece.lines[r]
    ]
    if not places:
        return None
    row, at = rng.choice(places)
    line = piece.lines[row]
    before = piece.with_rows(row, row + 1, [line[:at] + line[at + 1 :]])
    name = re.match(r"\w+", line[at + 1 :])[0]
    message = rng.choice(
        [
            "mismatched types",
            f"mismatched types: expected a reference, found `{name}`",
            f"expected `&_`, found `{name}`: consider borrowing here: `&{name}`",
        ]
    )
    return fix(message, before, piece.text, "reference", rng)


def method(piece: Piece, rng: random.Random) -> Change | None:
    """A common method misspelt."""
    places = [
        (r, m.start(1), m[1]) for r in code_rows(piece) for m in re.finditer(r"\.(\w+)\(", piece.lines[r]) if m[1] in METHODS
    ]
    if not places:
        return None
    row, at, name = rng.choice(places)
    wrong = misspelt(rng, name)
    if wrong == name:
        return None
    before = piece.with_rows(row, row + 1, [piece.lines[row][:at] + wrong + piece.lines[row][at + len(name) :]])
    end = rng.choice(["", "", f" for struct `{METHODS[name]}`"]) if METHODS[name] else ""
    message = rng.choice(
        [f"no method named `{wrong}` found{end} in the current scope", f"no method `{wrong}` on type `{METHODS[name] or '_'}`"]
    )
    return fix(message, before, piece.text, "method", rng)


def colon(piece: Piece, rng: random.Random) -> Change | None:
    """A colon, comma or brace that is missing."""
    row = rng.choice(code_rows(piece) or [0])
    line = piece.lines[row]
    places = [(m.start(), m[0]) for m in re.finditer(r"(?<=\w):(?= [\w&])|,(?= \w)|\{$|,$", line)]
    if not places or '"' in line:
        return None
    at, sign = rng.choice(places)
    before = piece.with_rows(row, row + 1, [(line[:at] + line[at + 1 :]).rstrip()])
    if parses(before):
        return None
    names = {":": "COLON", ",": "COMMA", "{": "L_CURLY"}
    rest = re.match(r"\s*(\w+|.)", line[at + 1 :]) or re.match(r"\s*(\w+|.)", next(iter(piece.lines[row + 1 : row + 2]), "}"))
    found = rest[1] if rest else "}"
    message = rng.choice(
        [
            f"expected `{sign}`, found `{found}`",
            f"Syntax Error: expected {names[sign]}",
            f"expected {names[sign]}",
            f"expected one of `{sign}` or `)`, found `{found}`" if sign == "," else f"expected `{sign}`",
        ]
    )
    return fix(message, before, piece.text, "sign", rng)


def dead(piece: Piece, rng: random.Random) -> Change | None:
    """A statement that does nothing, put in; asks to remove it."""
    if not piece.is_function():
        return None
    blocks = [n for n in walk(piece.node) if n.type == "block"]
    places = [s for b in blocks for s in b.named_children if "comment" not in s.type and piece.stands_alone(piece.span(s))]
    if not places:
        return None
    row = piece.span(rng.choice(places)).row
    at = piece.indentation(row)
    name, known = piece.fresh(rng), [n for n, _ in piece.parameters()]
    fixed = "Remove dead code."
    way = rng.random()
    if way < 0.45:
        value = rng.choice(
            [
                "0",
                "1",
                "false",
                "true",
                "Vec::<u8>::new()",
                "String::new()",
                '""',
                "None::<u8>",
                *(f"{p}.clone()" for p in known),
                *(f"&{p}" for p in known),
            ]
        )
        new = [f"{at}let {name} = {value};"]
        said = say(
            rng,
            fixed,
            f"Remove the unused variable `{name}`.",
            f"Remove the unused variable {name}.",
            f"Delete `{name}`.",
            "Remove the unused variable.",
            share=0.35,
        )
        if rng.random() < 0.35:
            return Change(
                "fix",
                "unused variable",
                f"Fix this error: unused variable: `{name}`",
                piece.with_rows(row, row, new),
                piece.text,
            )
        form = "unused variable"
    elif way < 0.65:
        inner = rng.choice([f'println!("{name}");', "return;", "panic!();", f"let {name} = 1;", "unreachable!();"])
        new = [f"{at}if false {{", f"{at}    {inner}", f"{at}}}"]
        said = say(
            rng, fixed, "Remove the code that never runs.", "Remove unreachable code.", "Remove the dead branch.", share=0.7
        )
        form = "dead branch"
    elif way < 0.85:
        rows = [r for r in code_rows(piece) if re.match(r"\s+(return\b.*|continue|break);$", piece.lines[r])]
        if not rows:
            return None
        row = rng.choice(rows) + 1
        at = piece.indentation(row - 1)
        new = [at + rng.choice([f'println!("{name}");', f"let {name} = 0;", f"drop({known[0] if known else 0});"])]
        said = say(rng, fixed, "Remove unreachable code.", "Remove the code that never runs.", share=0.6)
        if rng.random() < 0.25:
            return Change(
                "fix", "unreachable", "Fix this error: unreachable statement", piece.with_rows(row, row, new), piece.text
            )
        form = "unreachable"
    else:
        path = rng.choice(
            [
                "std::collections::HashMap",
                "std::fmt",
                "std::io::Read",
                "std::rc::Rc",
                "std::path::Path",
                "std::mem",
                "std::sync::Arc",
                "std::cmp::Ordering",
                "std::io::Write",
            ]
        )
        if path.rsplit("::", 1)[-1] in piece.words():
            return None
        new = [f"{at}use {path};"]
        said = say(
            rng,
            fixed,
            f"Remove the unused import of `{path}`.",
            "Remove the unused import.",
            f"Remove `use {path};`.",
            share=0.3,
        )
        if rng.random() < 0.35:
            return Change(
                "fix", "unused import", f"Fix this error: unused import: `{path}`", piece.with_rows(row, row, new), piece.text
            )
        form = "unused import"
    before = piece.with_rows(row, row, new)
    return Change("refactor" if said == fixed else "edit", form, said, before, piece.text) if parses(before) else None


FAULTS = [
    (semicolon, 0.6),
    (bracket, 0.4),
    (mutable, 0.7),
    (misspelling, 0.9),
    (typo, 0.9),
    (quote, 0.5),
    (reference, 0.6),
    (method, 0.4),
    (colon, 0.6),
    (dead, 0.9),
]

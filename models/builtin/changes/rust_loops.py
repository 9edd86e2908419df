"""Loops that collect, sum or search, and the iterator chains that say the same: each direction.

Real chains and loops that can be turned by looking at their text are few, so that functions of a common shape with names of the
corpus are invented beside them; those are marked by their form.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from changes.region import Change, Span, fits, say
from changes.rust import KEYWORDS, Piece, parses, walk

PLAIN = r"([^|{};]+?)"
CHAIN = re.compile(rf"{PLAIN}\s*\.map\(\|([^|{{}}]+)\|\s*{PLAIN}\)\s*\.collect(?:::<([^()]*)>)?\(\)")
SEARCH = re.compile(rf"{PLAIN}\s*\.(any|all)\(\|([^|{{}}]+)\|\s*{PLAIN}\)")
WIDEST = 96
MADE_BY = "iter|iter_mut|into_iter|chars|bytes|lines|keys|values|enumerate|zip|split\\w*|rev|skip|drain|windows|chunks"
ITERATOR = re.compile(rf"\.({MADE_BY})\([^()]*\)$")


def change(rng: random.Random, form: str, before: str, after: str) -> Change | None:
    """The change from loop to chain, sometimes the way back."""
    if "fn " in before and not (parses(before) and parses(after)):
        return None
    if rng.random() < 0.15 and fits(after):
        said = say(
            rng,
            None,
            "Use a for loop.",
            "Rewrite the iterator chain as a loop.",
            "Turn the iterator chain into a for loop.",
            "Use a loop instead of iterators.",
        )
        return Change("edit", "to loop", said, after, before)
    if rng.random() < 0.4:
        return Change("refactor", form, "Refactor this code without changing what it does.", before, after)
    said = say(
        rng,
        None,
        "Use an iterator chain.",
        "Use iterators instead of the loop.",
        "Replace the loop with map and collect."
        if ".map(" in after and "collect" in after
        else "Replace the loop with an iterator.",
        "Rewrite the loop as an iterator chain.",
        "Turn the loop into an iterator chain.",
        "Use iterators.",
    )
    return Change("edit", form, said, before, after)


def replaced(
    piece: Piece, rng: random.Random, form: str, rows: tuple[int, int], loop: list[str], chain: list[str]
) -> Change | None:
    """The change of the whole piece, or of the statements alone."""
    if len(loop) < 3 or rng.random() < 0.65:
        return change(rng, form, piece.with_rows(*rows, loop), piece.with_rows(*rows, chain))
    return change(rng, form, "\n".join(loop), "\n".join(chain))


def looped(source: str) -> str:
    """What stands behind `in`, for the beginning of a chain."""
    return source[1:-1] if re.fullmatch(r"\([^()]*\.\.[^()]*\)", source) else source


def is_turnable(text: str) -> bool:
    """Whether a loop may say it: nothing in it that leaves a closure otherwise than a loop."""
    return not re.search(r"\breturn\b|\?|\.await|\bmove\b|\.rev\(|//|\.filter|\.map\(.*\.map\(", text)


def chained(piece: Piece, rng: random.Random) -> Change | None:
    """`let v = xs.map(..).collect()` of real code, asked for where a loop stands."""
    for node in walk(piece.node):
        if node.type != "let_declaration" or not piece.stands_alone(piece.span(node)):
            continue
        name, kind, value = (node.child_by_field_name(f) for f in ("pattern", "type", "value"))
        text = re.sub(r"\s+(?=\.)", "", piece.of(value)) if value else ""
        match = CHAIN.fullmatch(text)
        if not match or not is_turnable(text) or name is None or name.type != "identifier":
            continue
        source, target, element, turbofish = match.groups()
        of = piece.of(kind) if kind else turbofish or ""
        if not of.startswith("Vec<"):
            continue
        span = piece.span(node)
        at, variable = piece.indentation(span.row), piece.of(name)
        typed = f": {of}" if of != "Vec<_>" and rng.random() < 0.6 else ""
        loop = [f"{at}let mut {variable}{typed} = Vec::new();", f"{at}for {target} in {looped(source)} {{"]
        loop += [f"{at}    {variable}.push({element});", f"{at}}}"]
        return replaced(piece, rng, "chain", (span.row, span.end_row + 1), loop, piece.lines[span.row : span.end_row + 1])
    return None


def tail(piece: Piece, rng: random.Random) -> Change | None:
    """A chain at the end of a real function, asked for where a loop stands."""
    body = piece.node.child_by_field_name("body") if piece.is_function() else None
    returns = piece.node.child_by_field_name("return_type") if piece.is_function() else None
    if not body or not returns or not body.named_children:
        return None
    node = body.named_children[-1]
    span = piece.span(node)
    if node.type != "call_expression" or not piece.stands_alone(span):
        return None
    text, of = re.sub(r"\s+(?=\.)", "", piece.of(node)), piece.of(returns)
    at = piece.indentation(span.row)
    if not is_turnable(text):
        return None
    if (match := CHAIN.fullmatch(text)) and of.startswith("Vec<"):
        source, target, element, _ = match.groups()
        name = rng.choice(["result", "out", "items", "values", "found"])
        if name in piece.words():
            return None
        loop = [
            f"{at}let mut {name} = Vec::new();",
            f"{at}for {target} in {looped(source)} {{",
            f"{at}    {name}.push({element});",
            f"{at}}}",
            f"{at}{name}",
        ]
    elif (match := SEARCH.fullmatch(text)) and of == "bool":
        source, verb, target, element = match.groups()
        test = (
            element
            if verb == "any"
            else element[1:]
            if re.fullmatch(r"![\w.()]+", element)
            else f"!({element})"
            if " " in element
            else f"!{element}"
        )
        word = "true" if verb == "any" else "false"
        loop = [
            f"{at}for {target} in {looped(source)} {{",
            f"{at}    if {test} {{",
            f"{at}        return {word};",
            f"{at}    }}",
            f"{at}}}",
        ]
        loop.append(at + ("false" if verb == "any" else "true"))
    else:
        return None
    return replaced(piece, rng, "chain", (span.row, span.end_row + 1), loop, piece.lines[span.row : span.end_row + 1])


def of_loop(piece: Piece, rng: random.Random) -> Change | None:
    """A real loop that only pushes or adds, and the chain that says the same."""
    for node in walk(piece.node):
        if node.type != "for_expression":
            continue
        outer = node.parent if node.parent.type == "expression_statement" else node
        before = outer.prev_named_sibling
        inner = node.child_by_field_name("body").named_children
        if before is None or before.type != "let_declaration" or len(inner) != 1 or "comment" in inner[0].type:
            continue
        name, value, kind = (before.child_by_field_name(f) for f in ("pattern", "value", "type"))
        target, source = piece.of(node.child_by_field_name("pattern")), piece.of(node.child_by_field_name("value"))
        if name is None or value is None or name.type != "identifier":
            continue
        v, start, text = piece.of(name), piece.of(value), piece.of(inner[0])
        push = re.fullmatch(rf"{v}\.push\(([^{{}};]+)\);", text)
        add = re.fullmatch(rf"{v} \+= ([^{{}};]+);", text)
        found = push or add
        if not found or not is_turnable(text + source) or re.search(rf"\b{v}\b", source + found[1]):
            continue
        if push and re.match(r"Vec::(new|with_capacity)\(|vec!\[\]", start):
            of, end = piece.of(kind) if kind else "Vec<_>", "collect()"
        elif add and start == "0" and kind:
            of, end = piece.of(kind), "sum()"
        else:
            continue
        mapped = "" if found[1] == target else f".map(|{target}| {found[1]})"
        a, b = piece.span(before), piece.span(outer)
        if (
            not piece.stands_alone(a)
            or not piece.stands_alone(b)
            or "//" in piece.source(Span(a.row, 0, b.end_row, b.end_column))
        ):
            continue
        at = piece.indentation(a.row)
        chain = [f"{at}let {v}: {of} = {iterator_of(source)}{mapped}.{end};"]
        if len(chain[0]) > WIDEST:
            chain = [
                f"{at}let {v}: {of} = {iterator_of(source)}",
                *([f"{at}    {mapped}"] if mapped else []),
                f"{at}    .{end};",
            ]
        return replaced(piece, rng, "chain of a loop", (a.row, b.end_row + 1), piece.lines[a.row : b.end_row + 1], chain)
    return None


def iterator_of(source: str) -> str:
    """What a `for` loop iterates over, as the beginning of a chain."""
    if re.fullmatch(r"&mut [\w.]+", source):
        return f"{source[5:]}.iter_mut()"
    if re.fullmatch(r"&[\w.]+", source):
        return f"{source[1:]}.iter()"
    if ".." in source and not source.startswith("("):
        return f"({source})"
    return source if ITERATOR.search(source) else f"{source}.into_iter()"


# Element type, condition on one, value made of one, type of the value. Closures get references, as `iter()` gives them.
NUMBERS = [
    ("x % 2 == 0", "x * 2"),
    ("*x > 0", "x + 1"),
    ("*x != 0", "x * x"),
    ("*x > limit", "x - limit"),
    ("*x >= 10", "x / 10"),
    ("*x < max", "x * 10"),
]
TEXTS = [
    ("!x.is_empty()", "x.len()", "usize"),
    ("x.starts_with('a')", "x.to_string()", "String"),
    ("x.contains(needle)", "x.to_uppercase()", "String"),
    ("x.len() > 3", "x.trim().to_string()", "String"),
    ("!x.is_empty()", "x.to_lowercase()", "String"),
]


def invented(rng: random.Random, names: list[str]) -> Iterator[Change]:
    """Sometimes a function of a common shape that nobody wrote, and the loop that it might have been."""
    if rng.random() > 0.5:
        return
    short = [n for n in names if len(n) < 12 and n not in KEYWORDS and n != "main"]
    function, xs, x, out = rng.sample(short, 4)
    x = rng.choice(["x", "x", "item", x, "v", "n", "s"])
    if x in (xs, out, function):
        return
    is_text = rng.random() < 0.5
    condition, value, made = rng.choice(TEXTS) if is_text else (*rng.choice(NUMBERS), "")
    of = rng.choice(["String", "&str"]) if is_text else rng.choice(["i32", "u32", "u64", "usize", "i64"])
    made = made or of
    extra = "".join(f", {w}: {'&str' if w == 'needle' else of}" for w in ("limit", "max", "needle") if w in condition + value)
    condition, value = (re.sub(r"\bx\b", x, t) for t in (condition, value))
    taken = f"|&{x}|" if not is_text else f"|{x}|"
    way = rng.choice(["map", "filter", "both", "sum", "count", "any", "all", "position"])
    public = rng.choice(["pub fn", "fn"])
    head = f"for {x} in {rng.choice(['', '', '&'])}{xs}" if rng.random() < 0.6 else f"for {x} in {xs}.iter()"
    head = head.replace("&", "")  # a slice is borrowed already
    inside = {
        "map": [f"{out}.push({value});"],
        "filter": [f"if {condition} {{", f"    {out}.push({x}.clone());", "}"],
        "both": [f"if {condition} {{", f"    {out}.push({value});", "}"],
        "sum": [f"{out} += {value if not is_text else f'{x}.len()'};"],
        "count": [f"if {condition} {{", f"    {out} += 1;", "}"],
        "any": [f"if {condition} {{", "    return true;", "}"],
        "all": [f"if !({condition}) {{", "    return false;", "}"],
        "position": [f"if {condition} {{", f"    return Some({out});", "}"],
    }[way]
    chain = {
        "map": [f".map(|{x}| {value})", ".collect()"],
        "filter": [f".filter({taken} {condition})", ".cloned()", ".collect()"],
        "both": [f".filter({taken} {condition})", f".map(|{x}| {value})", ".collect()"],
        "sum": [f".map(|{x}| {value if not is_text else f'{x}.len()'})", ".sum()"],
        "count": [f".filter({taken} {condition})", ".count()"],
        "any": [f".any(|{x}| {condition})"],
        "all": [f".all(|{x}| {condition})"],
        "position": [f".position(|{x}| {condition})"],
    }[way]
    returns = {
        "sum": "usize" if is_text else of,
        "count": "usize",
        "any": "bool",
        "all": "bool",
        "position": "Option<usize>",
        "filter": f"Vec<{of}>",
    }.get(way, f"Vec<{made}>")
    if of == "&str" and way == "filter":
        return
    start = f"let mut {out} = {'0' if way in ('sum', 'count') else 'Vec::new()'};"
    if way == "position":
        head = f"for ({out}, {x}) in {xs}.iter().enumerate()"
    end = {"any": "false", "all": "true", "position": "None"}.get(way, out)
    loop = [
        *([start] if way not in ("any", "all", "position") else []),
        f"{head} {{",
        *(f"    {line}" for line in inside),
        "}",
        end,
    ]
    one = f"{xs}.iter(){''.join(chain)}"
    short_form = [one] if len(one) < 70 and len(chain) < 3 else [xs, "    .iter()", *(f"    {part}" for part in chain)]
    uses = (
        condition
        if way in ("filter", "count", "any", "all", "position")
        else value
        if way in ("map", "sum")
        else condition + value
    )
    extra = extra if any(w in uses for w in ("limit", "max", "needle")) else ""
    signature = f"{public} {function}({xs}: &[{of}]{extra}) -> {returns} {{"
    deep = rng.choice(["", "", "    "])
    texts = ["\n".join(deep + line for line in [signature, *(f"    {x}" for x in lines), "}"]) for lines in (loop, short_form)]
    if len({xs, x, out, function}) == 4 and (made := change(rng, "chain, invented", *texts)):
        yield made


LOOPS = [(chained, 1.0), (tail, 1.0), (of_loop, 1.0)]

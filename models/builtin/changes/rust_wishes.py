"""Small wishes about Rust that a program can fulfil: a parameter more, another constant, a condition turned round.

Where it can, the answer is what the author wrote, and the request asks for the part that was taken away.
"""

from __future__ import annotations

import random
import re

from changes.region import Change, indented, say
from changes.rust import Piece, parses, walk

FLIPPED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
TYPES = ["usize", "u32", "bool", "&str", "String", "Option<usize>", "i64", "&[u8]", "u64", "Option<&str>", "Vec<String>", "f64"]
FIELDS = {
    "usize": "len",
    "bool": "enabled",
    "String": "label",
    "Option<String>": "title",
    "u64": "created",
    "Vec<String>": "tags",
    "u32": "count",
}


def parameter(piece: Piece, rng: random.Random) -> Change | None:
    """One more parameter."""
    node = piece.node.child_by_field_name("parameters") if piece.is_function() else None
    if not node or piece.span(node).row != piece.span(node).end_row:
        return None
    span, name, kind = piece.span(node), piece.fresh(rng), rng.choice(TYPES)
    old = piece.of(node)
    new = f"{old[:-1]}{'' if old == '()' else ', '}{name}: {kind})"
    after = piece.patched([(span, new)])
    if len(after.split("\n")[span.row]) > 105 or not parses(after):
        return None
    said = say(
        rng,
        None,
        f"Add a parameter `{name}: {kind}`.",
        f"Add an argument {name} of type {kind}.",
        f"Add a `{name}` parameter of type `{kind}`.",
        f"Add a parameter `{name}` of type `{kind}` to `{piece.name()}`.",
        f"Let it take a `{name}: {kind}` as well.",
    )
    return Change("edit", "parameter", said, piece.text, after)


def constant(piece: Piece, rng: random.Random) -> Change | None:
    """Another number or another text."""
    inside = list(walk(piece.node))
    numbers = [n for n in inside if n.type == "integer_literal" and piece.of(n).isdigit()]
    texts = [n for n in inside if n.type == "string_literal" and re.fullmatch(r'"[\w .-]{3,30}"', piece.of(n))]
    choice = texts if texts and (not numbers or rng.random() < 0.4) else numbers
    if not choice:
        return None
    node = rng.choice(choice)
    old = piece.of(node)
    if len(re.findall(rf"(?<![\w.\"]){re.escape(old)}(?![\w\"]|\.\d)", piece.text)) != 1:
        return None
    if old.startswith('"'):
        word = old[1:-1]
        new = '"' + rng.choice([piece.fresh(rng), word + "s", word.upper(), word.replace("_", "-"), f"new_{word}"]) + '"'
    else:
        value = int(old)
        new = str(
            rng.choice([value + 1, value * 2, value * 10 + 10, rng.randrange(2, 100), rng.choice([60, 100, 128, 1000, 4096])])
        )
    after = piece.patched([(piece.span(node), new)])
    if new == old or not parses(after):
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
    found = [n for n in walk(piece.node) if n.type in ("if_expression", "while_expression")]
    found = [n.child_by_field_name("condition") for n in found]
    found = [
        n for n in found if n and n.type not in ("let_condition", "let_chain") and piece.span(n).row == piece.span(n).end_row
    ]
    if not found:
        return None
    node = rng.choice(found)
    old = piece.of(node)
    sign = node.child_by_field_name("operator")
    if node.type == "binary_expression" and piece.of(sign) in FLIPPED:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        new = f"{piece.of(left)} {FLIPPED[piece.of(sign)]} {piece.of(right)}"
    elif node.type == "unary_expression" and old.startswith("!"):
        new = old[1:]
    else:
        new = f"!({old})" if node.type == "binary_expression" else f"!{old}"
    after = piece.patched([(piece.span(node), new)])
    if not parses(after) or len(old) > 60:
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
    return Change("edit", "condition", said, piece.text, after)


def renamed(piece: Piece, rng: random.Random) -> Change | None:
    """Another name for the function or type itself."""
    old = piece.name()
    if not re.fullmatch(r"\w+", old) or len(re.findall(rf"\b{old}\b", piece.text)) != 1:
        return None
    new = rng.choice([f"{old}_{piece.fresh(rng)}", f"get_{old}", f"try_{old}", f"make_{old}", piece.fresh(rng), f"{old}_all"])
    if not piece.is_function():
        new = rng.choice([f"{old}Inner", f"My{old}", f"{old}Ref", f"{old}2", f"{old}State"])
    node = piece.node.child_by_field_name("name")
    if not node or new in piece.words():
        return None
    after = piece.patched([(piece.span(node), new)])
    what = piece.node.type.removesuffix("_item")
    said = say(
        rng,
        None,
        f"Rename `{old}` to `{new}`.",
        f"Rename the {what} to `{new}`.",
        f"Rename this {what} to {new}.",
        f"Call it `{new}`.",
        f"Change the name of the {what} to {new}.",
    )
    return Change("rename", "rename definition", said, piece.text, after) if parses(after) else None


def public(piece: Piece, rng: random.Random) -> Change | None:
    """`pub` added or taken away."""
    line = piece.lines[piece.head]
    at = piece.indentation(piece.head)
    if line.lstrip().startswith("pub "):
        after = piece.with_rows(piece.head, piece.head + 1, [at + line.lstrip().removeprefix("pub ")])
        if rng.random() < 0.6:
            said = say(
                rng,
                None,
                "Make it public.",
                "Make this pub.",
                "Make this public.",
                f"Make `{piece.name()}` public.",
                "Add pub.",
            )
            return Change("edit", "visibility", said, after, piece.text)
        if rng.random() < 0.5:
            after = piece.with_rows(piece.head, piece.head + 1, [f"{at}pub(crate) " + line.lstrip().removeprefix("pub ")])
            said = say(
                rng, None, "Make it pub(crate).", "Make this visible in the crate only.", f"Make `{piece.name()}` pub(crate)."
            )
            return Change("edit", "visibility", said, piece.text, after)
        said = say(rng, None, "Make it private.", "Make this private.", "Remove pub.", f"Make `{piece.name()}` private.")
        return Change("edit", "visibility", said, piece.text, after)
    return None


def derived(piece: Piece, rng: random.Random) -> Change | None:
    """A trait to derive: asks for one that stood there."""
    rows = [r for r in range(piece.head) if re.fullmatch(r"\s*#\[derive\(([\w:]+)(, [\w:]+)*\)\]", piece.lines[r])]
    if not rows or piece.is_function():
        return None
    row = rng.choice(rows)
    traits = re.search(r"\((.*)\)", piece.lines[row])[1].split(", ")
    trait = rng.choice(traits)
    rest = [t for t in traits if t != trait]
    new = [f"{piece.indentation(row)}#[derive({', '.join(rest)})]"] if rest else []
    before = piece.with_rows(row, row + 1, new)
    said = say(
        rng,
        None,
        f"Derive {trait}.",
        f"Derive `{trait}`.",
        f"Add `{trait}` to the derives.",
        f"Also derive {trait}.",
        f"Implement {trait} by derive.",
    )
    if rest and trait != traits[-1]:
        # Whoever adds a trait adds it at the end.
        after = piece.with_rows(row, row + 1, [f"{piece.indentation(row)}#[derive({', '.join([*rest, trait])})]"])
        return Change("edit", "derive", said, before, after)
    if rng.random() < 0.2:
        said = say(rng, None, f"Remove {trait} from the derives.", f"Do not derive `{trait}`.")
        return Change("edit", "derive", said, piece.text, before)
    return Change("edit", "derive", said, before, piece.text)


def attribute(piece: Piece, rng: random.Random) -> Change | None:
    """An attribute: asks for the one that stood there."""
    rows = [r for r in range(piece.head) if piece.lines[r].lstrip().startswith("#[") and "derive" not in piece.lines[r]]
    if not rows or len(piece.lines) > 30:
        return None
    row = rng.choice(rows)
    name = piece.lines[row].strip()
    before = piece.with_rows(row, row + 1, [])
    if len(name) > 60:
        return None
    if rng.random() < 0.2:
        return Change(
            "edit", "attribute", say(rng, None, f"Remove `{name}`.", f"Remove the {name} attribute."), piece.text, before
        )
    said = say(rng, None, f"Add `{name}`.", f"Add the attribute `{name}`.", f"Add {name}.", f"Mark it `{name}`.")
    return Change("edit", "attribute", said, before, piece.text)


def struct_field(piece: Piece, rng: random.Random) -> Change | None:
    """One more field, asked for by name and type; half of the time the real last one."""
    if piece.node.type != "struct_item":
        return None
    body = piece.node.child_by_field_name("body")
    if not body or body.type != "field_declaration_list" or piece.lines[-1].strip() != "}":
        return None
    last = piece.lines[-2]
    match = re.fullmatch(r"(\s+)((?:pub(?:\(crate\))? )?)(\w+): ([^,]+),", last)
    if not match:
        return None
    real = rng.random() < 0.5 and len(piece.lines) > 5 and "//" not in piece.lines[-3] and "#" not in piece.lines[-3]
    if real:
        name, kind = match[3], match[4]
        before, after = piece.with_rows(len(piece.lines) - 2, len(piece.lines) - 1, []), piece.text
    else:
        kind = rng.choice(list(FIELDS))
        name = rng.choice([FIELDS[kind], piece.fresh(rng)])
        if name in piece.words():
            return None
        before, after = (
            piece.text,
            piece.with_rows(len(piece.lines) - 1, len(piece.lines) - 1, [f"{match[1]}{match[2]}{name}: {kind},"]),
        )
    public = "public " if match[2] == "pub " and rng.random() < 0.3 else ""
    said = say(
        rng,
        None,
        f"Add a {public}field `{name}: {kind}`.",
        f"Add a {public}field {name} of type {kind}.",
        f"Add `{name}: {kind}` to the struct.",
        f"Give it a {public}field `{name}` of type `{kind}`.",
    )
    return Change("edit", "field", said, before, after)


def bare(piece: Piece, rng: random.Random) -> Change | None:
    """The code without its comments."""
    rows = [r for r in range(piece.head, len(piece.lines)) if piece.lines[r].lstrip().startswith("//")]
    if not rows:
        return None
    after = "\n".join(x for r, x in enumerate(piece.lines) if r not in rows)
    if "//" in after or "/*" in after:
        return None
    return Change(
        "edit",
        "comments",
        say(rng, None, "Remove the comments.", "Delete all comments.", "Drop the comments."),
        piece.text,
        after,
    )


def opening(piece: Piece, rng: random.Random) -> Change | None:
    """A statement more at the beginning: a check, a line of output."""
    known = piece.parameters()
    body = piece.node.child_by_field_name("body") if piece.is_function() else None
    if not body or not known or not body.named_children or not piece.lines[piece.span(body).row].endswith("{"):
        return None
    row = piece.span(body).row + 1
    at = piece.indentation(piece.span(body).row) + "    "
    x, kind = rng.choice(known)
    returns = piece.node.child_by_field_name("return_type")
    kinds = piece.of(returns) if returns else ""
    value = (
        "None"
        if kinds.startswith("Option")
        else "Ok(())"
        if kinds.startswith(("Result<()", "io::Result<()"))
        else "false"
        if kinds == "bool"
        else "0"
        if kinds in ("usize", "u32", "i32", "u64")
        else "Vec::new()"
        if kinds.startswith("Vec")
        else ""
    )
    options = [
        ([f'println!("{x}: {{:?}}", {x});'], [f"Print `{x}` at the start.", f"Print {x} first.", f"Add a println of `{x}`."]),
        ([f"dbg!(&{x});"], [f"Add dbg!(&{x}) at the start.", f"Debug `{x}` with dbg!."]),
    ]
    if kind in ("usize", "u32", "u64", "i32", "i64"):
        options.append(([f"assert!({x} > 0);"], [f"Assert that `{x}` is positive.", f"Assert that {x} is greater than 0."]))
        if value:
            options.append(
                (
                    [f"if {x} == 0 {{", f"    return {value};", "}"],
                    [f"Return {value} if `{x}` is 0.", f"Return {value} when {x} is zero."],
                )
            )
    if kind in ("&str", "String", "&[u8]", "&String") or kind.startswith(("&[", "Vec<")):
        options.append(([f"assert!(!{x}.is_empty());"], [f"Assert that `{x}` is not empty."]))
        end = f"return {value};" if value else "return;" if not kinds else ""
        if end:
            options.append(
                (
                    [f"if {x}.is_empty() {{", f"    {end}", "}"],
                    [f"Return {value or 'early'} if `{x}` is empty.", f"Return {value or 'early'} when {x} is empty."],
                )
            )
    new, words = rng.choice(options)
    after = piece.with_rows(row, row, indented(new, at))
    return Change("edit", "opening", say(rng, None, *words), piece.text, after) if parses(after) else None


def modifier(piece: Piece, rng: random.Random) -> Change | None:
    """`async`, `const` or `unsafe` before `fn`."""
    line = piece.lines[piece.head]
    if not piece.is_function():
        return None
    real = re.match(r"\s*(?:pub(?:\([^)]*\))? )?(async|const|unsafe) fn ", line)
    if real:
        word = real[1]
        before, after = piece.with_rows(piece.head, piece.head + 1, [line.replace(f"{word} fn ", "fn ", 1)]), piece.text
    elif len(piece.lines) < 15 and rng.random() < 0.1 and re.match(r"\s*(pub(\([^)]*\))? )?fn ", line):
        word = rng.choice(["async", "const", "unsafe"])
        before, after = piece.text, piece.with_rows(piece.head, piece.head + 1, [line.replace("fn ", f"{word} fn ", 1)])
    else:
        return None
    said = say(
        rng,
        None,
        f"Make this function {word}.",
        f"Make it {word}.",
        f"Make `{piece.name()}` {word}.",
        f"Turn it into {'an' if word[0] in 'au' else 'a'} {word} fn.",
    )
    return Change("edit", "modifier", said, before, after)


def wrapped(piece: Piece, rng: random.Random) -> Change | None:
    """A plain return type wrapped in `Option` or `Result`, with the value at the end."""
    returns = piece.node.child_by_field_name("return_type") if piece.is_function() else None
    body = piece.node.child_by_field_name("body") if piece.is_function() else None
    if not returns or not body or not body.named_children or "return" in "\n".join(piece.lines[piece.head + 1 :]):
        return None
    last = body.named_children[-1]
    kind = piece.of(returns)
    if last.type not in (
        "identifier",
        "call_expression",
        "field_expression",
        "struct_expression",
        "binary_expression",
        "integer_literal",
        "reference_expression",
    ) or re.match(r"(Option|Result|impl|Self$|io::)", kind):
        return None
    outer, by = rng.choice([(f"Option<{kind}>", "Some"), (f"Result<{kind}, String>", "Ok"), (f"Option<{kind}>", "Some")])
    span = piece.span(last)
    after = piece.patched([(piece.span(returns), outer), (span, f"{by}({piece.source(span)})")])
    if not parses(after):
        return None
    said = (
        say(
            rng,
            None,
            f"Return `{outer}`.",
            f"Return {outer.split('<')[0]} instead.",
            f"Make it return {outer}.",
            f"Wrap the return value in {by}.",
        )
        if by == "Some"
        else say(rng, None, f"Return `{outer}`.", f"Make it return {outer}.")
    )
    return Change("edit", "wrap", said, piece.text, after)


WISHES = [(parameter, 0.25), (constant, 0.5), (negate, 0.5), (renamed, 0.15), (public, 0.12), (derived, 0.7), (attribute, 0.3),
          (struct_field, 0.8), (bare, 0.4), (opening, 0.25), (modifier, 0.6), (wrapped, 0.5)]  # fmt: skip

"""Samples of the second stage, made by program from the training part of the corpus: requests for a change, and the change.

The layouts are those that the server sends to models without a chat template, plain text without special tokens. The split
holds, because nothing but `train.jsonl` is read. Writes `edits.jsonl`; the same corpus gives the same file.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from changes import python, python_faults, python_loops, python_wishes, rust, rust_faults, rust_loops, rust_wishes, unit_tests
from changes.region import LONGEST as LONGEST_REGION
from changes.region import Change, fits
from inputs import existing_tokenizer, reporting, training_part

START, SEARCH, REPLACE, STOP = "<<<AI_EDIT_START>>>", "<<<AI_SEARCH>>>", "<<<AI_REPLACE>>>", "<<<AI_EDIT_END>>>"
RESERVED = re.compile(r"<<<AI_|<\||^(FILE|TASK|ANSWER):", re.M)
LONGEST = 1024  # tokens of a sample, its end token included
LONG, LONG_KEPT = 480, 0.35  # of the samples over so many tokens this share is kept: small changes are what it can learn
LIMIT = 3000  # samples of a language made in one way
PACKAGE_LIMIT = 0.3  # of them, from one package
FILE_LIMIT = 2  # of them, from one file

# What can be asked, of each language: the maker of a change, and the chance that it is tried on a piece.
TABLES = {
    "python": (python.CHANGES, python_loops.LOOPS, python_faults.FAULTS, python_wishes.WISHES),
    "rust": (rust.CHANGES, rust_loops.LOOPS, rust_faults.FAULTS, rust_wishes.WISHES),
}
NAMES = {"python": re.compile(r"^ +(\w{2,24}) = ", re.M), "rust": re.compile(r"\blet (?:mut )?([a-z_]\w{1,23})\b")}


@dataclass(frozen=True)
class Sample:
    """A prompt and the answer to learn, the end token left out."""

    kind: str
    form: str
    language: str
    package: str
    prompt: str
    answer: str


def rewrite(path: str, instruction: str, region: str, new: str) -> tuple[str, str]:
    """Prompt and answer of an action that replaces its region."""
    prompt = f"FILE: {path}\nTASK: {instruction}\n{START}\n{SEARCH}\n{region}\n{REPLACE}\n"
    return prompt, f"{new}\n{STOP}\n"


def addition(path: str, region: str, instruction: str, target: str, opening: str, rest: str) -> tuple[str, str]:
    """Prompt and answer of an action that adds to a file; `opening` is what the answer certainly begins with."""
    prompt = f"FILE: {path}\n{region}\nTASK: {instruction}\nFILE: {target}\n{START}\n{opening}"
    return prompt, f"{rest}\n{STOP}\n"


def prose(path: str, region: str, instruction: str, text: str) -> tuple[str, str]:
    """Prompt and answer of an action that changes nothing."""
    return f"FILE: {path}\n{region}\nTASK: {instruction}\nANSWER:\n", f"{text}\n"


def changes_of(doc: dict, names: list[str]) -> Iterator[tuple[str, Change]]:
    """The changes of one file. The file seeds the choice, so that no file depends on another."""
    rng = random.Random(f"{doc['language']}/{doc['package']}/{doc['path']}")
    tables = TABLES[doc["language"]]
    if doc["language"] == "python":
        pieces = [p for p in python.pieces(doc["path"], doc["text"], names) if not p.node.name.startswith("test")]
    else:
        pieces = list(rust.pieces(doc["path"], doc["text"], names))
        for change in rust_loops.invented(rng, names):
            yield doc["path"], change
    rng.shuffle(pieces)
    made: Counter[object] = Counter()
    for piece in pieces:
        short = len(piece.lines) <= LONGEST_REGION
        for make, chance in (entry for table in tables for entry in table):
            # NB: only what drops a doc comment may begin with more lines than a region has.
            if made[make] >= 2 * FILE_LIMIT or rng.random() > chance or not (short or make.__name__ in ("document", "explain")):
                continue
            change = make(piece, rng)
            if change and change.before != change.after and fits(change.before):
                way = (change.kind, change.form)
                made[way] += 1
                made[make] += 1
                if made[way] <= FILE_LIMIT:
                    yield piece.path, change


def samples_of(docs: list[dict]) -> Iterator[Sample]:
    """All samples, in the order of the corpus."""
    names: dict[str, list[str]] = {}
    for language, pattern in NAMES.items():
        count = Counter(m for doc in docs if doc["language"] == language for m in pattern.findall(doc["text"]))
        names[language] = [name for name, _ in count.most_common(1500) if not name.startswith("_")]
    families: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for doc in docs:
        about = (doc["language"], doc["package"])
        families[about].append(doc)
        for path, change in changes_of(doc, names[doc["language"]]):
            layout = (prose(path, change.before, change.instruction, change.after) if change.kind == "explain" else
                      rewrite(path, change.instruction, change.before, change.after))  # fmt: skip
            yield Sample(change.kind, change.form, *about, *layout)
    for about, family in families.items():
        rng = random.Random("/".join(about))
        make = unit_tests.python_tests if about[0] == "python" else unit_tests.rust_tests
        for t in make(family, names[about[0]], rng):
            layout = addition(t.path, t.region, t.instruction, t.test_path, t.opening, t.rest)
            yield Sample("unit-test", t.form, *about, *layout)


def is_clean(sample: Sample) -> bool:
    """Whether nothing in the code looks like a part of the layout."""
    text = sample.prompt + sample.answer
    layout = {"explain": 3, "unit-test": 5}.get(sample.kind, 6)
    return len(RESERVED.findall(text)) == layout and "\r" not in text


def chosen(samples: list[Sample], tokenizer: Tokenizer) -> list[Sample]:
    """At most `LIMIT` of each way and language, no package too often, none too long, none twice."""
    rng = random.Random(0)
    rng.shuffle(samples)
    taken: Counter[tuple[str, ...]] = Counter()
    seen: set[str] = set()
    kept: list[Sample] = []
    for s in samples:
        way = (s.language, s.kind, s.form)
        if taken[way] >= LIMIT or taken[*way, s.package] >= LIMIT * PACKAGE_LIMIT or s.prompt in seen:
            continue
        if len(s.prompt) + len(s.answer) > 5 * LONGEST:
            continue
        tokens = len(tokenizer.encode(s.prompt).ids) + len(tokenizer.encode(s.answer).ids)
        if tokens >= LONGEST or (tokens > LONG and rng.random() > LONG_KEPT):
            continue
        seen.add(s.prompt)
        taken[way] += 1
        taken[*way, s.package] += 1
        kept.append(s)
    return kept


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and tokenizer.json")
    parser.add_argument("--files", type=int, default=0, help="read only so many files (0: all), to look at the result")
    parser.add_argument("--out", type=Path, help="file to write, edits.jsonl in the data folder if not given")
    args = parser.parse_args()
    begin = time.monotonic()
    tokenizer = Tokenizer.from_file(str(existing_tokenizer(args.data)))
    docs = list(islice(training_part(args.data), args.files or None))
    made = [s for s in samples_of(docs) if is_clean(s)]
    print(f"{len(made):,} made, {time.monotonic() - begin:.0f} s", flush=True)
    kept = chosen(made, tokenizer)
    out = args.out or args.data / "edits.jsonl"
    with out.with_suffix(".new").open("w", encoding="utf8") as file:
        file.writelines(json.dumps(asdict(s)) + "\n" for s in kept)
    out.with_suffix(".new").replace(out)
    count = Counter((s.kind, s.form, s.language) for s in kept)
    for kind, form in sorted({(s.kind, s.form) for s in kept}):
        print(f"| {kind} | {form} | {count[kind, form, 'python']:,} | {count[kind, form, 'rust']:,} |")
    total = Counter(s.language for s in kept)
    print(f"{len(kept):,} kept, Python {total['python']:,}, Rust {total['rust']:,}, {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    reporting(main)

"""Checks that no evaluation file occurs in the training part of the corpus: what was read must not be asked for.

Two things count as an occurrence: eight consecutive lines, blank ones left out, or one line of sixty characters and more that
is no boilerplate. Blanks at either end of a line do not count. Exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inputs import BadInputError, reporting, training_part

RUN = 8  # lines
LONG = 60  # characters
# What is alike everywhere: imports, attributes, rules of signs, addresses, the words of a licence.
BOILERPLATE = re.compile(r"(import|from|use|pub use|extern|#!?\[|@)\b|[\W_]*$|.*(https?://|copyright|licen[sc]e)", re.I)


@dataclass(frozen=True)
class Hit:
    """An evaluation line that occurs in a training file, alone or as the first of a run."""

    evaluation: str
    line: str
    training: str
    what: str


def visible(text: str) -> list[str]:
    """The lines that are not blank, stripped."""
    return [line for line in map(str.strip, text.split("\n")) if line]


def is_telling(line: str) -> bool:
    """Whether a line alone shows that somebody copied."""
    return len(line) >= LONG and not BOILERPLATE.match(line)


class Evaluation:
    """The evaluation files, ready to be looked up."""

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self.files = 0
        self.lines: dict[str, str] = {}  # line to file
        self.runs: dict[str, list[tuple[list[str], str]]] = defaultdict(list)  # first line to whole runs
        for name, text in texts:
            self.files += 1
            lines = visible(text)
            self.lines.update((line, name) for line in lines if is_telling(line))
            for at in range(len(lines) - RUN + 1):
                self.runs[lines[at]].append((lines[at : at + RUN], name))

    def hits(self, training: str, text: str) -> Iterator[Hit]:
        """What of it occurs in a training file."""
        lines = visible(text)
        for at, line in enumerate(lines):
            if line in self.lines:
                yield Hit(self.lines[line], line, training, "line")
            for run, name in self.runs.get(line, ()):
                if lines[at : at + RUN] == run:
                    yield Hit(name, line, training, "run")


def files(folders: list[Path]) -> Iterator[tuple[str, str]]:
    """The text files of the folders, hidden ones left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield str(path), path.read_text(encoding="utf8", errors="replace")


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl")
    parser.add_argument("--eval", type=Path, nargs="+", required=True, help="folders of evaluation files")
    args = parser.parse_args()
    evaluation = Evaluation(files(args.eval))
    if not evaluation.files:
        raise BadInputError(f"no files under {', '.join(map(str, args.eval))}")
    found: list[Hit] = []
    count = 0
    for doc in training_part(args.data):
        count += 1
        found += evaluation.hits(f"{doc['language']}/{doc['package']}/{doc['path']}", doc["text"])
    for hit in found:
        print(f"{hit.what}: {hit.evaluation}: {hit.line!r} is in {hit.training}")
    runs = sum(map(len, evaluation.runs.values()))
    kinds = [sum(hit.what == what for hit in found) for what in ("run", "line")]
    print(
        f"{evaluation.files} evaluation files, {runs:,} runs of {RUN} lines, {len(evaluation.lines):,} long lines; "
        f"{count:,} training files: {kinds[0]} runs and {kinds[1]} lines occur"
    )
    if found:
        sys.exit(1)


if __name__ == "__main__":
    reporting(main)

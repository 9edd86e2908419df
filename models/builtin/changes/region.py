"""A piece of a file as the server would send it, and a change of it.

A region is whole lines, as they stand in the file, indentation included; rows count from 0, columns are characters.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST, LONGEST = 3, 40  # lines of a region


@dataclass(frozen=True)
class Change:
    """`before` becomes `after` because somebody asked so; of an explanation `after` is prose, of a test all of the test."""

    kind: str  # the action that it exercises: document, explain, rename, refactor, fix, edit, unit-test
    form: str  # how it was made; what the counts and the limits go by
    instruction: str
    before: str
    after: str


@dataclass(frozen=True)
class Span:
    """From a place in a region up to another, which is not part of it."""

    row: int
    column: int
    end_row: int
    end_column: int


@dataclass
class Region:
    """Whole lines of one file; `first` is the number of the first one in the file, from 1."""

    path: str
    lines: list[str]
    first: int

    @property
    def text(self) -> str:
        """The lines, without a newline at the end."""
        return "\n".join(self.lines)

    def source(self, span: Span) -> str:
        """The text of a span."""
        rows = self.lines[span.row : span.end_row + 1]
        rows[-1] = rows[-1][: span.end_column]
        rows[0] = rows[0][span.column :]
        return "\n".join(rows)

    def flat(self, span: Span) -> str:
        """The text of a span on one line. NB: only whoever verifies the result may use it, strings may span lines."""
        return " ".join(line.strip() for line in self.source(span).split("\n"))

    def patched(self, patches: Sequence[tuple[Span, str]]) -> str:
        """The text with spans replaced; they must not overlap."""
        lines = list(self.lines)
        for span, new in sorted(patches, key=lambda p: (p[0].row, p[0].column), reverse=True):
            head, tail = lines[span.row][: span.column], lines[span.end_row][span.end_column :]
            lines[span.row : span.end_row + 1] = (head + new + tail).split("\n")
        return "\n".join(lines)

    def stands_alone(self, span: Span) -> bool:
        """Whether nothing else stands on the lines of the span."""
        return not self.lines[span.row][: span.column].strip() and not self.lines[span.end_row][span.end_column :].strip()

    def indentation(self, row: int) -> str:
        """The blanks at the beginning of a line."""
        line = self.lines[row]
        return line[: len(line) - len(line.lstrip())]

    def with_rows(self, first: int, last: int, new: Sequence[str]) -> str:
        """The text with the rows from `first` up to and without `last` replaced."""
        return "\n".join([*self.lines[:first], *new, *self.lines[last:]])


def fits(text: str) -> bool:
    """Whether a text is as long as a region may be."""
    return SHORTEST <= text.count("\n") + 1 <= LONGEST


def say(rng: random.Random, fixed: str | None, *others: str, share: float = 0.5) -> str:
    """The words of a request: those of the server's own action in `share` of the cases, else one of the others.

    People are careless about capitals and full stops.
    """
    if fixed and (not others or rng.random() < share):
        return fixed
    words = rng.choice(others)
    way = rng.random()
    if way < 0.35 and words.endswith("."):
        words = words[:-1]
    if way < 0.2:
        words = words[0].lower() + words[1:]
    return words


def misspelt(rng: random.Random, word: str) -> str:
    """The word with a slip of the finger: letters swapped, one left out, one doubled."""
    at = rng.randrange(len(word) - 1)
    return rng.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[: at + 1] + word[at:],
        ]
    )


def indented(lines: Sequence[str], by: str) -> list[str]:
    """Lines moved to the right; blank ones stay blank."""
    return [by + line if line.strip() else line for line in lines]

r"""Training samples in exactly the layout that the server sends to this model.

    [<|file_sep|>path\n snippet]* [<|file_sep|>path\n] <|fim_prefix|><|fim_suffix|> tail <|fim_middle|> head typed
                                                                                                        middle <|endoftext|>

The suffix stands first, so the text that the model continues stands right before what it writes. Samples are cut at
characters, because the cursor is anywhere; in half of them the cut then moves back to a token border, because the server
heals tokens: it drops the unstable last piece of the prompt and lets the model write it again.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from tokenizer import END, FILE, MIDDLE, PREFIX, SUFFIX, VOCABULARY

# Text right of the cursor that editors insert by themselves: the tail begins behind it.
CLOSERS = re.compile(r"[\s)\]}>\"'`;,]*")
WORD = re.compile(r"[A-Za-z_]{4,}")

KINDS = {"rest": 0.52, "inside": 0.08, "line": 0.20, "block": 0.15, "empty": 0.05}
WITH_PATH, WITH_SNIPPETS, AT_TOKEN_BORDER, AT_END_OF_FILE = 0.5, 0.3, 0.5, 0.08
TEST_WEIGHT = 0.3  # of a test file, against other files of its package
PACKAGE_POWER = 0.75  # a package weighs as much as its size to this power: no package drowns the others
# Weights of the loss. Nothing marks the cursor in this layout, so the ends of lines in `head` would teach the model to go on
# after a line, fifteen times for each time that the middle teaches it to end there. They count for next to nothing.
WRITTEN_WEIGHT, HEAD_LINE_END_WEIGHT = 3.0, 0.03
SHORTEST = 120  # tokens of a sample; what is left of a row below this is filled with plain text
CHARACTERS_A_TOKEN = 3.4


@dataclass
class File:
    """One file of the corpus, with the places where its lines begin (the end of the text is the last of them)."""

    path: str
    text: str
    package: str
    starts: list[int]


@dataclass
class Hole:
    """A place to complete: `head` ends at the cursor, `tail` is what the server would send of the text after it."""

    head: str
    middle: str
    tail: str


class Samples:
    """An endless stream of packed rows of tokens. Its whole state is that of its random generator."""

    def __init__(self, data: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tokenizer = Tokenizer.from_file(str(data / "tokenizer.json"))
        # In byte-level BPE the newline is spelled with this letter.
        self.ends_line = np.array(["\u010a" in (self.tokenizer.id_to_token(i) or "") for i in range(VOCABULARY)])
        self.files: dict[str, list[File]] = {"python": [], "rust": []}
        self.by_package: dict[str, list[File]] = defaultdict(list)
        self.cumulative: dict[str, np.ndarray] = {}
        weights: dict[str, list[float]] = {"python": [], "rust": []}
        with (data / "train.jsonl").open(encoding="utf8") as lines:
            for line in lines:
                doc = json.loads(line)
                text = doc["text"]
                starts = [0, *(m.end() for m in re.finditer("\n", text))]
                if len(starts) < 8:
                    continue
                file = File(doc["path"], text, f"{doc['language']}/{doc['package']}", starts)
                self.files[doc["language"]].append(file)
                self.by_package[file.package].append(file)
                weights[doc["language"]].append(len(text) * (TEST_WEIGHT if doc["test"] else 1))
        for language, files in self.files.items():
            size: dict[str, float] = defaultdict(float)
            for file, weight in zip(files, weights[language], strict=True):
                size[file.package] += weight
            w = [x * size[f.package] ** (PACKAGE_POWER - 1) for f, x in zip(files, weights[language], strict=True)]
            self.cumulative[language] = np.cumsum(w) / np.sum(w)

    def rows(self, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of exactly `length + 1` tokens, and the weight of each token in the loss."""
        tokens = np.zeros((count, length + 1), dtype=np.int64)
        weights = np.ones((count, length + 1), dtype=np.float32)
        for r in range(count):
            at = 0
            while (room := length + 1 - at) >= SHORTEST:
                prompt, middle = self.sample(room)
                if len(prompt) + len(middle) > room:
                    continue
                tokens[r, at : at + len(prompt) + len(middle)] = prompt + middle
                head = slice(at + prompt.index(MIDDLE) + 1, at + len(prompt))
                weights[r, head][self.ends_line[tokens[r, head]]] = HEAD_LINE_END_WEIGHT
                at += len(prompt)
                weights[r, at : at + len(middle)] = WRITTEN_WEIGHT
                at += len(middle)
            tokens[r, at:] = self.filler(room)
        return tokens, weights

    def sample(self, room: int) -> tuple[list[int], list[int]]:
        """Prompt and middle (with its end token), usually at most `room` tokens together."""
        file = self.file()
        budget = room if self.rng.random() < 0.25 else int(np.exp(self.rng.uniform(np.log(SHORTEST), np.log(640))))
        characters = int((min(budget, room) - 8) * CHARACTERS_A_TOKEN * 0.9)
        before: list[int] = []
        if self.rng.random() < WITH_SNIPPETS and characters > 900:
            # Between a tenth and half of the room goes to snippets.
            share = int(characters * self.rng.uniform(0.1, 0.5))
            characters -= share
            hole = self.hole(file, characters)
            for other, snippet in self.snippets(file, hole, share):
                before += [FILE, *self.encode(f"{other.path}\n{snippet}")]
        else:
            hole = self.hole(file, characters)
        if self.rng.random() < WITH_PATH:
            before += [FILE, *self.encode(f"{file.path}\n")]
        head, middle = self.cut(hole)
        return [*before, PREFIX, SUFFIX, *self.encode(hole.tail), MIDDLE, *head], [*middle, END]

    def cut(self, hole: Hole) -> tuple[list[int], list[int]]:
        """The tokens before and after the cursor: cut where it stands, or back at a border of the whole text's tokens."""
        if self.rng.random() >= AT_TOKEN_BORDER or not hole.middle:
            return self.encode(hole.head), self.encode(hole.middle)
        whole = self.tokenizer.encode(hole.head + hole.middle)
        ends = np.array([end for _, end in whole.offsets])
        border = int(np.searchsorted(ends, len(hole.head), side="right"))
        return whole.ids[:border], whole.ids[border:]

    def hole(self, file: File, characters: int) -> Hole:
        """A hole somewhere in the file with about `characters` of text in all, cut at line borders."""
        text, starts = file.text, file.starts
        kind = self.rng.choice(list(KINDS), p=list(KINDS.values()))
        for _ in range(20):
            line = int(self.rng.integers(0, len(starts) - 1))
            if text[starts[line] : starts[line + 1]].strip():
                break
        begin, end = starts[line], starts[line + 1] - 1
        visible = end - len(text[begin:end].lstrip())
        if kind == "rest":
            cursor = int(self.rng.integers(visible, end)) if visible < end else end
        elif kind == "inside":
            cursor = int(self.rng.integers(visible, end)) if visible < end else end
            end = min(end, cursor + 1 + int(self.rng.exponential(8)))
        elif kind == "line":
            # At the start of the line, or behind the indentation that the editor has put there.
            cursor = begin if self.rng.random() < 0.4 else visible
            if self.rng.random() < 0.2 and line + 2 < len(starts):
                end = starts[line + 2] - 1
        elif kind == "block":
            last = min(line + 1 + int(self.rng.integers(1, 6)), len(starts) - 1)
            way = self.rng.random()
            cursor = end if way < 0.25 else visible if way < 0.65 else int(self.rng.integers(visible, end + 1))
            end = max(end, starts[last] - 1)
        else:
            cursor = end
        if CLOSERS.fullmatch(text, end, rest := end_of_line(text, end)):
            end = rest
        characters = max(characters - (end - cursor), 200)
        below = int(characters * self.rng.uniform(0.1, 0.45))
        if self.rng.random() < AT_END_OF_FILE:
            below = 0
        tail = text[end : end_of_line(text, end + below)] if below else ""
        room = max(characters - len(tail), 0)
        first = next((s for s in starts if s >= cursor - room), begin)
        return Hole(text[min(first, begin) : cursor], text[cursor:end], tail)

    def snippets(self, file: File, hole: Hole, characters: int) -> list[tuple[File, str]]:
        """Chunks of other files of the package: of a few drawn at random those that share most words with the hole."""
        family = self.by_package[file.package]
        words = set(WORD.findall(hole.head[-600:] + hole.middle + hole.tail[:300]))
        drawn: list[tuple[int, File, str]] = []
        for _ in range(10):
            other = family[int(self.rng.integers(len(family)))]
            if other is file:
                continue
            line = int(self.rng.integers(0, len(other.starts) - 1))
            last = min(line + int(self.rng.integers(4, 24)), len(other.starts) - 1)
            chunk = other.text[other.starts[line] : other.starts[last]]
            if chunk.endswith("\n") and chunk.strip():
                drawn.append((len(words.intersection(WORD.findall(chunk))), other, chunk))
        drawn.sort(key=lambda d: -d[0])
        chosen: list[tuple[File, str]] = []
        for _, other, chunk in drawn[: int(self.rng.integers(1, 4))]:
            if len(chunk) < characters:
                characters -= len(chunk)
                chosen.append((other, chunk))
        # The best stands nearest to the cursor.
        return chosen[::-1]

    def file(self) -> File:
        """A file: the languages weigh the same."""
        language = "rust" if self.rng.random() < 0.5 else "python"
        index = int(np.searchsorted(self.cumulative[language], self.rng.random(), side="right"))
        return self.files[language][min(index, len(self.files[language]) - 1)]

    def filler(self, room: int) -> list[int]:
        """Exactly `room` tokens of plain text: the end of a row is not wasted."""
        tokens: list[int] = []
        while len(tokens) < room:
            file = self.file()
            start = file.starts[int(self.rng.integers(0, max(len(file.starts) - 5, 1)))]
            tokens += [*self.encode(file.text[start : start + room * 6]), END]
        return tokens[:room]

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, special tokens unread."""
        return self.tokenizer.encode(text).ids if text else []


def end_of_line(text: str, at: int) -> int:
    """Where the line that holds `at` ends, its newline excluded."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found

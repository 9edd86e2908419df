r"""Training samples in exactly the layout that the server sends to this model.

    [<|file_sep|>path\n snippet]* [<|file_sep|>path\n] <|fim_prefix|><|fim_suffix|> tail <|fim_middle|> head typed
                                                                                                        middle <|endoftext|>

The suffix stands first, so the text that the model continues stands right before what it writes. Samples are cut at
characters, because the cursor is anywhere; in half of them the cut then moves back to a token border, because the server
heals tokens: it drops the unstable last piece of the prompt and lets the model write it again.

A share of the samples can be edits, which `edits.py` has made and laid out: a prompt in plain text, and the answer.
"""

from __future__ import annotations

import bisect
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from inputs import BadInputError, existing_tokenizer, training_part
from tokenizer import END, FILE, MIDDLE, PREFIX, SUFFIX, VOCABULARY

# Text right of the cursor that editors insert by themselves: the tail begins behind it.
CLOSERS = re.compile(r"[\s)\]}>\"'`;,]*")
DEFINITION = re.compile(
    r"^[ \t]*(?:pub(?:\([^)]*\))? +)?(?:(?:async|unsafe|const) +)*"
    r"(?:def|class|fn|struct|enum|trait|type|macro_rules!) +(\w{6,})",
    re.M,
)
CONDITION = re.compile(r"(?:if|while|elif|match|for) (.{2,}?) ?[{:]$")
WORD = re.compile(r"[A-Za-z_]{4,}")

KINDS = {"rest": 0.34, "inside": 0.04, "inner": 0.09, "line": 0.40, "block": 0.09, "empty": 0.04}
WITH_PATH, WITH_SNIPPETS, AT_TOKEN_BORDER, AT_END_OF_FILE = 0.5, 0.45, 0.5, 0.08
WHOLE_ROOM = 0.4  # of the samples, as long as the product's prompts; the others are shorter, for more middles a row
TEST_WEIGHT = 0.3  # of a test file, against other files of its package
PACKAGE_POWER = 0.75  # a package weighs as much as its size to this power: no package drowns the others
# Weights of the loss. Nothing marks the cursor in this layout, so the ends of lines in `head` would teach the model to go on
# after a line, fifteen times for each time that the middle teaches it to end there. So what is wanted at the end of a line is
# what should stand at a cursor: of `);` and a newline the `);`, and of a bare newline the end of the answer. NB: to let
# these tokens count for nothing instead teaches that no line ever ends.
WRITTEN_WEIGHT, CLOSER_WEIGHT, LINE_END_WEIGHT, UNKNOWN_WEIGHT = 3.0, 1.0, 0.3, 0.03
# Of an edit the answer counts, most of all where it departs from the region: without that a small model learns to copy, and
# nothing else. The prompt counts little: it repeats the layout, and half of the code in it is broken on purpose.
ANSWER_WEIGHT, COPIED_WEIGHT, REQUEST_WEIGHT = 5.0, 1.0, 0.2
REGION = re.compile(r"<<<AI_SEARCH>>>\n(.*)\n<<<AI_REPLACE>>>\n\Z", re.S)
EDIT_KINDS = {"document": 0.16, "unit-test": 0.14, "rename": 0.14, "fix": 0.18, "refactor": 0.13, "explain": 0.07, "edit": 0.18}
HOLE_TRIES = 4  # draws for a hole that a snippet helps with
EDIT_TRIES = 4  # draws for an edit that fits into what is left of a row
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


class Rows(NamedTuple):
    """Tokens, what is wanted at each place instead where that differs, and how much that counts; all of one shape."""

    tokens: np.ndarray
    wanted: np.ndarray
    weights: np.ndarray


class Samples:
    """An endless stream of packed rows of tokens. Its whole state is that of its random generator.

    `edits` is the share of edits among the samples; without any, the stream is what it was before there were edits.
    """

    def __init__(self, data: Path, seed: int, edits: float = 0.0) -> None:
        self.edits = edits
        self.requests = read_edits(data / "edits.jsonl") if edits else {}
        self.rng = np.random.default_rng(seed)
        self.tokenizer = Tokenizer.from_file(str(existing_tokenizer(data)))
        # In byte-level BPE the newline is spelled with this letter.
        pieces = [self.tokenizer.id_to_token(i) or "" for i in range(VOCABULARY)]
        self.ends_line = np.array(["\u010a" in piece for piece in pieces])
        # What should stand at a cursor there: the token without its line end, or the end of the answer.
        self.at_end = np.arange(VOCABULARY)
        self.at_end_weight = np.ones(VOCABULARY, dtype=np.float32)
        for i in np.flatnonzero(self.ends_line):
            rest = pieces[i].split("\u010a")[0].rstrip("\u0120\u0109\u010d")
            known = self.tokenizer.token_to_id(rest) if rest else END
            self.at_end[i] = i if known is None else known
            self.at_end_weight[i] = UNKNOWN_WEIGHT if known is None else CLOSER_WEIGHT if rest else LINE_END_WEIGHT
        self.files: dict[str, list[File]] = {"python": [], "rust": []}
        self.by_package: dict[str, list[File]] = defaultdict(list)
        # Where each package defines a name: the file, and where the line begins.
        self.definitions: dict[str, dict[str, list[tuple[File, int]]]] = defaultdict(lambda: defaultdict(list))
        self.cumulative: dict[str, np.ndarray] = {}
        weights: dict[str, list[float]] = {"python": [], "rust": []}
        for doc in training_part(data):
            text = doc["text"]
            starts = [0, *(m.end() for m in re.finditer("\n", text))]
            if len(starts) < 8:
                continue
            file = File(doc["path"], text, f"{doc['language']}/{doc['package']}", starts)
            self.files[doc["language"]].append(file)
            self.by_package[file.package].append(file)
            for match in DEFINITION.finditer(text):
                self.definitions[file.package][match[1]].append((file, match.start()))
            weights[doc["language"]].append(len(text) * (TEST_WEIGHT if doc["test"] else 1))
        for language, files in self.files.items():
            if not files:
                raise BadInputError(f"{data / 'train.jsonl'} has no {language} file of eight lines: both languages are needed")
            size: dict[str, float] = defaultdict(float)
            for file, weight in zip(files, weights[language], strict=True):
                size[file.package] += weight
            w = [x * size[f.package] ** (PACKAGE_POWER - 1) for f, x in zip(files, weights[language], strict=True)]
            self.cumulative[language] = np.cumsum(w) / np.sum(w)

    def rows(self, count: int, length: int) -> Rows:
        """Rows of exactly `length + 1` tokens."""
        tokens = np.zeros((count, length + 1), dtype=np.int64)
        weights = np.ones((count, length + 1), dtype=np.float32)
        ends = np.zeros((count, length + 1), dtype=bool)
        for r in range(count):
            at = 0
            while (room := length + 1 - at) >= SHORTEST:
                if self.edits and self.rng.random() < self.edits and (edit := self.edit(room)):
                    prompt, answer, worth = edit
                    tokens[r, at : at + len(prompt) + len(answer)] = prompt + answer
                    weights[r, at : at + len(prompt)] = REQUEST_WEIGHT
                    at += len(prompt)
                    weights[r, at : at + len(answer)] = worth
                    at += len(answer)
                    continue
                prompt, middle = self.sample(room)
                if len(prompt) + len(middle) > room:
                    continue
                tokens[r, at : at + len(prompt) + len(middle)] = prompt + middle
                head = slice(at + prompt.index(MIDDLE) + 1, at + len(prompt))
                ended = np.flatnonzero(self.ends_line[tokens[r, head]]) + head.start
                ends[r, ended] = True
                weights[r, ended] = self.at_end_weight[tokens[r, ended]]
                at += len(prompt)
                weights[r, at : at + len(middle)] = WRITTEN_WEIGHT
                at += len(middle)
            tokens[r, at:] = self.filler(room)
        return Rows(tokens, np.where(ends, self.at_end[tokens], tokens), weights)

    def sample(self, room: int) -> tuple[list[int], list[int]]:
        """Prompt and middle (with its end token), usually at most `room` tokens together."""
        file = self.file()
        budget = room if self.rng.random() < WHOLE_ROOM else int(np.exp(self.rng.uniform(np.log(SHORTEST), np.log(640))))
        characters = int((min(budget, room) - 8) * CHARACTERS_A_TOKEN * 0.9)
        before: list[int] = []
        if self.rng.random() < WITH_SNIPPETS and characters > 900:
            # Between a tenth and half of the room goes to snippets.
            share = int(characters * self.rng.uniform(0.1, 0.5))
            characters -= share
            # Best is a hole with a name that only another file defines: from the snippet it can be copied.
            for _ in range(HOLE_TRIES):
                hole = self.hole(file, characters)
                if self.defined_elsewhere(file, hole):
                    break
            for other, snippet in self.snippets(file, hole, share):
                before += [FILE, *self.encode(f"{other.path}\n{snippet}")]
        else:
            hole = self.hole(file, characters)
        if self.rng.random() < WITH_PATH:
            before += [FILE, *self.encode(f"{file.path}\n")]
        head, middle = self.cut(hole)
        return [*before, PREFIX, SUFFIX, *self.encode(hole.tail), MIDDLE, *head], [*middle, END]

    def edit(self, room: int) -> tuple[list[int], list[int], np.ndarray] | None:
        """Prompt, answer (with its end token) and its weights, of an edit of at most `room` tokens, if a few draws give one."""
        for _ in range(EDIT_TRIES):
            kind = self.rng.choice(list(EDIT_KINDS), p=list(EDIT_KINDS.values()))
            forms, shares = self.requests["rust" if self.rng.random() < 0.5 else "python", str(kind)]
            form = forms[int(self.rng.choice(len(forms), p=shares))]
            prompt, answer = form[int(self.rng.integers(len(form)))]
            if region := REGION.search(prompt):
                whole = self.tokenizer.encode(answer)
                before, after = self.encode(prompt), whole.ids
                places = new_places(region[1], answer)
                fresh = [any(places[a:b]) for a, b in whole.offsets] + [False]
            else:
                # The cut is where the server cuts, or at the token border before it, as in the holes.
                before, after = self.cut(Hole(prompt, answer, ""))
                fresh = [True] * (len(after) + 1)
            if len(before) + len(after) < room:
                return before, [*after, END], np.where(fresh, ANSWER_WEIGHT, COPIED_WEIGHT)
        return None

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
            begin, end = starts[line], starts[line + 1]
            if text[begin:end].strip() and (kind != "inner" or inner_spans(text, begin, end)):
                break
        begin, end = starts[line], starts[line + 1] - 1
        visible = end - len(text[begin:end].lstrip())
        spans = inner_spans(text, visible, end) if kind == "inner" else []
        if kind == "rest" or (kind == "inner" and not spans):
            cursor = int(self.rng.integers(visible, end)) if visible < end else end
        elif kind == "inside":
            cursor = int(self.rng.integers(visible, end)) if visible < end else end
            end = min(end, cursor + 1 + int(self.rng.exponential(8)))
        elif kind == "inner":
            # What closes it stands right of the cursor already.
            start, end = spans[int(self.rng.integers(len(spans)))]
            cursor = start if self.rng.random() < 0.7 else int(self.rng.integers(start, end))
        elif kind == "line":
            # At the start of the line, or behind the indentation that the editor has put there.
            cursor = begin if self.rng.random() < 0.2 else visible
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

    def defined_elsewhere(self, file: File, hole: Hole) -> list[tuple[File, int]]:
        """Where other files of the package define what the middle names and the text round it does not."""
        near = set(WORD.findall(hole.head)) | set(WORD.findall(hole.tail))
        # The word that the cursor stands in begins in the head.
        typed = re.search(r"\w*$", hole.head)[0]
        words = set(WORD.findall(typed + hole.middle)) - near
        known = self.definitions[file.package]
        return [place for word in sorted(words) for place in known.get(word, [])[:4] if place[0] is not file]

    def snippets(self, file: File, hole: Hole, characters: int) -> list[tuple[File, str]]:
        """Chunks of other files of the package: of a few drawn at random those that share most words with the hole."""
        family = self.by_package[file.package]
        words = set(WORD.findall(hole.head[-600:] + hole.middle + hole.tail[:300]))
        drawn: list[tuple[int, File, str]] = []
        for other, start in self.defined_elsewhere(file, hole)[:3]:
            line = bisect.bisect_left(other.starts, start)
            last = min(line + int(self.rng.integers(4, 24)), len(other.starts) - 1)
            if (chunk := other.text[start : other.starts[last]]).endswith("\n"):
                drawn.append((1000, other, chunk))
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


def read_edits(path: Path) -> dict[tuple[str, str], tuple[list[list[tuple[str, str]]], np.ndarray]]:
    """The edits by language and kind: those of each form together, and how often a form is drawn (the root of its size)."""
    found: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    if not path.is_file():
        raise BadInputError(f"{path} is missing: make it first, with edits.py --data {path.parent}")
    with path.open(encoding="utf8") as lines:
        for line in lines:
            edit = json.loads(line)
            found[edit["language"], edit["kind"]][edit["form"]].append((edit["prompt"], edit["answer"]))
    result = {}
    for language in ("python", "rust"):
        for kind in EDIT_KINDS:
            forms = list(found[language, kind].values())
            if not forms:
                raise BadInputError(f"{path} has no {language} edits of the kind {kind}: make it again with edits.py")
            shares = np.sqrt([len(form) for form in forms])
            result[language, kind] = (forms, shares / shares.sum())
    return result


def new_places(region: str, answer: str) -> list[bool]:
    """Of each character of the answer whether it stands on a line that departs from the region, or begins the next one."""
    old, new = region.split("\n"), answer.split("\n")[:-2]
    marks = [0] * (len(new) + 2)  # 1: where a line begins, 2: all of it
    for what, _, _, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            marks[first:last] = [2] * (last - first)
            # What comes after a change, or in the place of what was removed, is a decision too.
            marks[last] = max(marks[last], 1)
    places: list[bool] = []
    for line, mark in zip(answer.split("\n"), marks, strict=False):
        begins = len(line) - len(line.lstrip()) + 4
        places += [mark == 2 or (mark == 1 and i < begins) for i in range(len(line) + 1)]
    return places


def inner_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """What stands between the parentheses of calls, and between a keyword and what ends its condition, in one line."""
    spans = []
    opened: list[int] = []
    for at in range(start, end):
        if text[at] == "(":
            opened.append(at)
        elif text[at] == ")" and opened:
            first = opened.pop()
            if at - first > 2 and first > start and (text[first - 1].isalnum() or text[first - 1] == "_"):
                spans.append((first + 1, at))
    if condition := CONDITION.match(text, start, end):
        spans.append(condition.span(1))
    return spans


def end_of_line(text: str, at: int) -> int:
    """Where the line that holds `at` ends, its newline excluded."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found

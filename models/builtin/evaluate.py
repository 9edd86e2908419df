"""Exact match on held-out code: how often greedy decoding writes just what the author wrote.

A hole is a random place in a held-out file. The model sees 25 lines before it and 11 after it, suffix first, without
path, snippets or token healing, and writes until its end token or a newline. Two tasks: from a random column to the end of
the line (`rest`), and a whole line behind its indentation (`whole`). Reads a GGUF (what is shipped) or
a checkpoint (to see what quantisation costs).
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from checkpoint import check_tokenizer, load
from inputs import documents, reporting
from model import Mini, Shape, rotate
from restore import Exported
from tokenizer import END, MIDDLE, PREFIX, SUFFIX

LINES_BEFORE, LINES_AFTER = 25, 11
HOLES_A_FILE, HOLES = 4, 238
MOST_TOKENS = 64


@dataclass(frozen=True)
class Hole:
    """What stands before the cursor, what the author wrote up to the end of the line, and what follows."""

    head: str
    truth: str
    tail: str


@dataclass
class Score:
    """Counts over the holes of one language, one task and one set."""

    holes: int = 0
    exact: int = 0
    stopped: int = 0
    first_three: int = 0

    def row(self) -> str:
        """The shares as cells of a Markdown table."""
        cells = (self.exact, self.stopped, self.first_three)
        return " | ".join([str(self.holes), *(f"{100 * c / max(self.holes, 1):.1f} %" for c in cells)])


class Model:
    """Greedy decoding with a cache of keys and values, one prompt at a time, in f32."""

    def __init__(self, mini: Mini, tokenizer: Tokenizer) -> None:
        self.mini = mini.eval()
        self.tokenizer = tokenizer

    @torch.no_grad()
    def complete(self, hole: Hole) -> tuple[str, bool]:
        """The text written before the first newline, and whether the model ended it by itself."""
        encode = self.tokenizer.encode
        prompt = [PREFIX, SUFFIX, *encode(hole.tail).ids, MIDDLE, *encode(hole.head).ids]
        cache: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * self.mini.shape.layers
        token, at, written = self.step(prompt, 0, cache), len(prompt), []
        while token != END and len(written) < MOST_TOKENS:
            written.append(token)
            text = self.tokenizer.decode(written, skip_special_tokens=False)
            if "\n" in text:
                return text.split("\n")[0], False
            token, at = self.step([token], at, cache), at + 1
        return self.tokenizer.decode(written, skip_special_tokens=False), token == END

    def step(self, tokens: list[int], at: int, cache: list[tuple[torch.Tensor, torch.Tensor] | None]) -> int:
        """Appends tokens at position `at` and returns the likeliest next one."""
        mini, shape = self.mini, self.mini.shape
        places = slice(at, at + len(tokens))
        x = mini.embedding(torch.tensor([tokens]))
        for i, block in enumerate(mini.blocks):
            y = block.attention_norm(x)
            q, k, v = (f(y).view(1, len(tokens), shape.heads, -1).transpose(1, 2) for f in (block.q, block.k, block.v))
            q, k = (rotate(z, mini.cosine[places], mini.sine[places]) for z in (q, k))
            if (old := cache[i]) is not None:
                k, v = torch.cat([old[0], k], 2), torch.cat([old[1], v], 2)
            cache[i] = (k, v)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=len(tokens) > 1)
            x = x + block.o(mixed.transpose(1, 2).reshape(x.shape))
            y = block.feed_norm(x)
            x = x + block.down(F.silu(block.gate(y)) * block.up(y))
        return int(mini.logits(mini.norm(x[0, -1])).argmax())


def roomy(shape: Shape) -> Shape:
    """The same shape with positions to spare, so that an unusually long prompt can still be measured."""
    return Shape(**{**shape.__dict__, "length": max(shape.length, 4096)})


def from_gguf(path: Path) -> Model:
    """The model as it is shipped: its weights dequantised, its tokenizer as the file has it."""
    exported = Exported(path)
    mini = Mini(roomy(exported.shape()))
    mini.load_state_dict(exported.weights())
    return Model(mini, exported.tokenizer())


def from_checkpoint(path: Path, tokenizer: Path) -> Model:
    """The model before quantisation."""
    checkpoint = load(path)
    check_tokenizer(path, checkpoint, tokenizer)
    mini = Mini(roomy(Shape(**checkpoint["shape"])))
    mini.load_state_dict(checkpoint["model"])
    return Model(mini, Tokenizer.from_file(str(tokenizer)))


def holes(texts: list[str], whole_line: bool, count: int) -> list[Hole]:
    """`count` holes, at most four a file; the same for every model."""
    rng = random.Random(0)
    places: list[Hole] = []
    for text in texts:
        lines = text.split("\n")
        long_enough = [i for i, line in enumerate(lines) if len(line.strip()) >= 4]
        for i in rng.sample(long_enough, min(HOLES_A_FILE, len(long_enough))):
            line = lines[i]
            indentation = len(line) - len(line.lstrip())
            column = indentation if whole_line else rng.randrange(indentation + 1, len(line))
            before = "".join(f"{x}\n" for x in lines[max(0, i - LINES_BEFORE) : i])
            after = "".join(f"\n{x}" for x in lines[i + 1 : i + 1 + LINES_AFTER])
            places.append(Hole(before + line[:column], line[column:], after))
    rng.shuffle(places)
    return places[:count]


def measure(model: Model, places: list[Hole], show: int) -> Score:
    """Completes every hole; the first `show` right and wrong ones are printed."""
    score = Score()
    shown = {True: 0, False: 0}
    for hole in places:
        text, ended = model.complete(hole)
        exact = text.rstrip() == hole.truth.rstrip()
        score.holes += 1
        score.exact += exact
        score.stopped += exact and ended
        score.first_three += text[:3] == hole.truth[:3]
        if shown[exact] < show:
            shown[exact] += 1
            typed = hole.head.rsplit("\n", 1)[-1]
            print(f"  {'right' if exact else 'wrong'}: {typed!r} -> {text!r}{'' if exact else f', not {hole.truth!r}'}")
    return score


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that corpus.py wrote")
    parser.add_argument("--model", type=Path, required=True, help="a .gguf, or a checkpoint of train.py")
    parser.add_argument("--sets", nargs="*", default=["files", "packages"], choices=["files", "packages"])
    parser.add_argument("--tasks", nargs="*", default=["rest", "whole"], choices=["rest", "whole"])
    parser.add_argument("--holes", type=int, default=HOLES, help="holes a language, set and task")
    parser.add_argument("--show", type=int, default=0, help="print so many right and wrong answers of each")
    args = parser.parse_args()

    shipped = args.model.suffix == ".gguf"
    model = from_gguf(args.model) if shipped else from_checkpoint(args.model, args.data / "tokenizer.json")
    begin = time.monotonic()
    rows = []
    for name in args.sets:
        texts: dict[str, list[str]] = {"python": [], "rust": []}
        for doc in documents(args.data / f"held-out-{name}.jsonl"):
            if not doc["test"]:
                texts[doc["language"]].append(doc["text"])
        for task in args.tasks:
            for language, part in texts.items():
                score = measure(model, holes(part, task == "whole", args.holes), args.show)
                rows.append(f"| {name} | {task} | {language} | {score.row()} |")
                print(rows[-1], flush=True)
    print(f"\n{args.model.name}, {time.monotonic() - begin:.0f} s")
    print("| held out | task | language | holes | exact | exact and stopped | first 3 characters |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    reporting(main)

"""A GGUF that export.py wrote in, what train.py goes on from out: the tokenizer, and a checkpoint without optimizers' memory.

So whoever has the shipped file can train it further without the checkpoint that it was made from. The weights are those of
the file, rounding included. No other program's files: their tokenizers and shapes are not ours.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGUFReader, quants
from tokenizers import AddedToken, Tokenizer, models

import checkpoint
from export import halves, tensor_names
from inputs import BadInputError, fingerprint, reporting
from model import Shape
from tokenizer import SPECIAL, untrained


class Exported:
    """A file of export.py, opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.reader = GGUFReader(path)
        except (OSError, ValueError) as error:
            raise BadInputError(f"{path} is no readable GGUF ({error})") from error
        self.tensors = {t.name: t for t in self.reader.tensors}

    def value(self, key: str) -> Any:  # noqa: ANN401
        """What the file says under a key."""
        if (field := self.reader.fields.get(key)) is None:
            raise BadInputError(f"{self.path} was not written by export.py: it has no {key}")
        return field.contents()

    def shape(self) -> Shape:
        """The shape that its weights have."""
        return Shape(
            vocabulary=len(self.value(gguf.Keys.Tokenizer.LIST)),
            width=int(self.value("llama.embedding_length")),
            layers=int(self.value("llama.block_count")),
            heads=int(self.value("llama.attention.head_count")),
            feed_forward=int(self.value("llama.feed_forward_length")),
            length=int(self.value("llama.context_length")),
            rope_base=float(self.value("llama.rope.freq_base")),
            epsilon=float(f"{self.value('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        )

    def weights(self) -> dict[str, torch.Tensor]:
        """Its weights by our names, as f32."""
        shape = self.shape()
        state = {}
        for ours, theirs in tensor_names(shape.layers).items():
            if (tensor := self.tensors.get(theirs)) is None:
                raise BadInputError(f"{self.path} was not written by export.py: it has no tensor {theirs}")
            weight = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            if ours.endswith((".q.weight", ".k.weight")):
                weight = halves(weight, shape.heads)
            state[ours] = torch.from_numpy(np.ascontiguousarray(weight))
        return state

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer."""
        vocabulary = {token: i for i, token in enumerate(self.value(gguf.Keys.Tokenizer.LIST))}
        merges = [tuple(m.split(" ")) for m in self.value(gguf.Keys.Tokenizer.MERGES)]
        tokenizer = untrained()
        tokenizer.model = models.BPE(vocab=vocabulary, merges=merges)
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
        return tokenizer


def is_same(path: Path, tokenizer: Tokenizer) -> bool:
    """Whether a file has this tokenizer, however it spells it."""
    try:
        return Tokenizer.from_file(str(path)).to_str() == tokenizer.to_str()
    except Exception as error:  # the library knows no other
        raise BadInputError(f"{path} is no readable tokenizer ({error}); remove it, or take another --data") from error


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, required=True, help="a file that export.py wrote")
    parser.add_argument("--data", type=Path, required=True, help="folder that corpus.py wrote; gets the file's tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write, for train.py --out")
    args = parser.parse_args()
    if args.out.exists():
        raise BadInputError(f"{args.out} is there already: choose another --out, or remove it")
    exported = Exported(args.gguf)
    # Both are read before anything is written.
    shape, weights, tokenizer = exported.shape(), exported.weights(), exported.tokenizer()
    path = args.data / "tokenizer.json"
    if not args.data.is_dir() or not args.out.parent.is_dir():
        raise BadInputError(f"{args.data} or {args.out.parent} is no folder: make it first")
    if not path.exists():
        tokenizer.save(str(path))
    elif not is_same(path, tokenizer):
        raise BadInputError(f"{path} is another tokenizer than that of {args.gguf}: take another --data, or remove it")
    whole = {
        "shape": asdict(shape),
        "tokenizer": fingerprint(path),
        "model": weights,
        "muon": None,
        "adam": None,
        "data": [],
        "step": 0,
        "used": 0.0,
        "fallen": False,
    }
    checkpoint.save(args.out, whole)
    count = sum(p.numel() for p in weights.values())
    print(f"{args.out}: {count / 1e6:.2f} M weights of {args.gguf.name}; {path}: its tokenizer")


if __name__ == "__main__":
    reporting(main)

"""The byte-level BPE tokenizer: learned from the training part of the corpus, split as llama.cpp's `qwen2` does."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from inputs import reporting, training_part

VOCABULARY = 8192
SPECIAL = [
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
]
END, PREFIX, MIDDLE, SUFFIX, PAD, REPOSITORY, FILE = range(7)

# llama.cpp splits text with this pattern when `tokenizer.ggml.pre` is `qwen2`. NB: a model trained with another pattern
# would meet token sequences in the product that it has never seen.
QWEN2 = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LEARN_FROM = 24_000_000  # characters of each language


def untrained() -> Tokenizer:
    """A tokenizer without merges: what a trained one and one read from a GGUF have in common."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(QWEN2), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that corpus.py wrote")
    args = parser.parse_args()
    texts: dict[str, list[str]] = {"python": [], "rust": []}
    for doc in training_part(args.data):
        texts[doc["language"]].append(doc["text"])
    random.seed(0)
    chosen: list[str] = []
    for part in texts.values():
        random.shuffle(part)
        room = LEARN_FROM
        for text in part:
            if room > 0:
                chosen.append(text)
                room -= len(text)
    tokenizer = untrained()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        chosen, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    tokenizer.save(str(args.data / "tokenizer.json"))
    for language, part in texts.items():
        sample = part[:200]
        tokens = sum(len(e.ids) for e in tokenizer.encode_batch(sample))
        print(f"{language}: {sum(map(len, sample)) / tokens:.2f} characters a token over {len(sample)} files")


if __name__ == "__main__":
    reporting(main)

"""Writes the held-out packages as files, a folder each, for `codesage eval --files`.

No character of them is in the training part, but code is copied between packages: a file that shares eight consecutive lines
with a training file (see overlap.py) is left out, and named.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from inputs import BadInputError, documents, reporting, training_part
from overlap import Evaluation


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and held-out-packages.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, which must be empty or not there")
    args = parser.parse_args()
    if args.out.exists() and any(args.out.iterdir()):
        raise BadInputError(f"{args.out} is not empty: files of other packages in it would be measured too")
    texts = {f"{doc['package']}/{doc['path']}": doc["text"] for doc in documents(args.data / "held-out-packages.jsonl")}
    evaluation = Evaluation(texts.items())
    shared = {
        hit.evaluation
        for doc in training_part(args.data)
        for hit in evaluation.hits(doc["path"], doc["text"])
        if hit.what == "run"
    }
    for name, text in texts.items():
        path = args.out / name
        if not path.resolve().is_relative_to(args.out.resolve()):
            raise BadInputError(f"{args.data / 'held-out-packages.jsonl'}: {name} leads out of {args.out}")
        if name not in shared:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf8")
    for name in sorted(shared):
        print(f"left out: {name}")
    print(f"{len(texts) - len(shared)} files of {len({name.split('/')[0] for name in texts})} packages in {args.out}")


if __name__ == "__main__":
    reporting(main)

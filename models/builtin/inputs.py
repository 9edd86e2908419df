"""What every script reads, and what is said when it is missing, broken or of another kind than expected."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class BadInputError(Exception):
    """Something outside the program is wrong; the message says what, where, and what to do."""


def training_part(data: Path) -> Iterator[dict[str, Any]]:
    """The documents of `train.jsonl`, one after the other."""
    return documents(data / "train.jsonl")


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file that corpus.py wrote, one after the other."""
    if not path.is_file():
        raise BadInputError(f"{path} is missing: make the corpus first, with corpus.py --out {path.parent}")
    with path.open(encoding="utf8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                doc = json.loads(line)
                doc["language"], doc["package"], doc["path"], doc["text"], doc["test"]
            except (ValueError, KeyError, TypeError) as error:
                raise BadInputError(f"{path}, line {number}: no document ({error}); make the corpus again") from error
            yield doc


def existing_tokenizer(data: Path) -> Path:
    """The path of `tokenizer.json`."""
    path = data / "tokenizer.json"
    if not path.is_file():
        raise BadInputError(f"{path} is missing: make it first, with tokenizer.py --data {data}")
    return path


def fingerprint(tokenizer: Path) -> str:
    """The SHA-256 of a tokenizer's file: weights mean nothing with another one."""
    if not tokenizer.is_file():
        raise BadInputError(f"{tokenizer} is missing: make it first, with tokenizer.py")
    return hashlib.sha256(tokenizer.read_bytes()).hexdigest()


def reporting(main: Callable[[], None]) -> None:
    """Runs a command line; a bad input is one line on standard error and exit status 2."""
    try:
        main()
    except BadInputError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)

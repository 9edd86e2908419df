"""A corpus that is always at hand: the scripts of this folder, and Rust of the program that they serve."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import tokenizer

HERE = Path(__file__).parent.parent
RUST = sorted((HERE.parent.parent / "src").rglob("*.rs"))[:40]
PYTHON = sorted(HERE.glob("*.py")) + sorted((HERE / "changes").glob("*.py"))


def document(path: Path, language: str) -> dict[str, object]:
    """A file as corpus.py would write it."""
    text = path.read_text(encoding="utf8")
    return {"language": language, "package": "here", "path": path.name, "text": text, "test": False}


@pytest.fixture(scope="session")
def docs() -> list[dict[str, object]]:
    """The documents of the corpus."""
    return [document(p, "python") for p in PYTHON] + [document(p, "rust") for p in RUST]


@pytest.fixture(scope="session")
def data(docs: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with `train.jsonl` and a tokenizer of its own."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "train.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs), encoding="utf8")
    before, sys.argv = sys.argv, ["tokenizer.py", "--data", str(folder)]
    try:
        tokenizer.main()
    finally:
        sys.argv = before
    return folder

"""What is held out is written as files, and what a training file shares is left out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import held_out
from inputs import BadInputError

EIGHT = "\n".join(f"value_{c} = compute({c})" for c in "abcdefgh") + "\n"


def written(path: Path, docs: list[tuple[str, str, str]]) -> None:
    """A file of the corpus: packages, paths and texts."""
    lines = [
        json.dumps({"language": "python", "package": package, "path": name, "text": text, "test": False})
        for package, name, text in docs
    ]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf8")


def run(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line."""
    monkeypatch.setattr(sys, "argv", ["held_out.py", "--data", str(data), "--out", str(out)])
    held_out.main()


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder a package; what is copied from a training file, also with other blanks, is named and not written."""
    written(tmp_path / "train.jsonl", [("t", "a.py", "x = 1\n" + EIGHT.replace("value", "    value"))])
    held = [("p", "a/b.py", "é = 1\n"), ("p", "copied.py", EIGHT), ("q", "c.py", EIGHT.replace("h", "i"))]
    written(tmp_path / "held-out-packages.jsonl", held)
    out = tmp_path / "out"
    run(tmp_path, out, monkeypatch)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.py")) == ["p/a/b.py", "q/c.py"]
    assert (out / "p/a/b.py").read_text(encoding="utf8") == "é = 1\n"
    said = capsys.readouterr().out
    assert "left out: p/copied.py" in said
    assert "2 files of 2 packages" in said
    # Nothing is measured twice, or beside what was there.
    with pytest.raises(BadInputError, match="not empty"):
        run(tmp_path, out, monkeypatch)


def test_paths_stay_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus cannot write elsewhere."""
    written(tmp_path / "train.jsonl", [("t", "a.py", "x = 1\n")])
    written(tmp_path / "held-out-packages.jsonl", [("p", "../../b.py", "x = 1\n")])
    with pytest.raises(BadInputError, match="leads out of"):
        run(tmp_path, tmp_path / "out", monkeypatch)
    assert not (tmp_path / "b.py").exists()

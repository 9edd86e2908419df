"""The overlap check finds what it must, and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import overlap

EIGHT = [f"value_{c} = compute({c})" for c in "abcdefgh"]
LONG = "    the_answer = first_function(argument_one, argument_two, argument_three)"
IMPORT = "from a_package_of_some_length.a_module_of_some_length import a_name, another_name"


@pytest.mark.parametrize(
    ("evaluation", "training", "what"),
    [
        ("\n".join(EIGHT), "\n\n".join(f"    {line}" for line in EIGHT), {"run"}),
        ("\n".join(EIGHT[:7]), "\n".join(EIGHT), set()),
        ("\n".join(EIGHT), "\n".join([*EIGHT[:4], "other", *EIGHT[4:]]), set()),
        (LONG, "x = 1\n" + LONG.strip() + "\n", {"line"}),
        (LONG, LONG.replace("one", "ten"), set()),
        (IMPORT, IMPORT, set()),
        ("# " + "-" * 70, "# " + "-" * 70, set()),
    ],
)
def test_hits(evaluation: str, training: str, what: set[str]) -> None:
    """Runs of eight lines and long lines count, boilerplate does not."""
    assert {hit.what for hit in overlap.Evaluation([("e", evaluation)]).hits("t", training)} == what


@pytest.mark.parametrize(("text", "status"), [(LONG, 1), ("x = 1\n", 0)])
def test_exit_status(text: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit fails the check; hidden files are not looked at."""
    (tmp_path / "eval" / ".cache").mkdir(parents=True)
    (tmp_path / "eval" / ".cache" / "a.py").write_text(LONG, encoding="utf8")
    (tmp_path / "eval" / "a.py").write_text(text, encoding="utf8")
    doc = {"language": "python", "package": "p", "path": "a.py", "text": LONG, "test": False}
    (tmp_path / "train.jsonl").write_text(json.dumps(doc) + "\n", encoding="utf8")
    monkeypatch.setattr(sys, "argv", ["overlap.py", "--data", str(tmp_path), "--eval", str(tmp_path / "eval")])
    if status:
        with pytest.raises(SystemExit) as end:
            overlap.main()
        assert end.value.code == status
    else:
        overlap.main()

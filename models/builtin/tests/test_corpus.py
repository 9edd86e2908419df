"""What may enter the corpus, and what becomes of files that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corpus import Package, crates, deduplicated, documents, is_permissive, is_worth_learning, without_legal_header
from inputs import BadInputError, existing_tokenizer, fingerprint, training_part


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("MIT OR Apache-2.0", True),
        ("MIT/Apache-2.0", True),
        ("GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("MIT OR GPL-3.0", True),
        ("MIT AND GPL-3.0", False),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", True),
        ("(MIT AND GPL-3.0) OR Zlib", True),
        ("MIT AND (GPL-3.0 OR LGPL-2.1)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0 WITH Classpath-exception-2.0", False),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", True),
        ("MPL-2.0", False),
        ("", False),
        ("MIT OR", True),
        ("MIT AND", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT Apache-2.0", False),
        ("Proprietary", False),
    ],
)
def test_licence(expression: str, permissive: bool) -> None:
    """Any side of OR, both sides of AND; what cannot be parsed is no licence."""
    assert is_permissive(expression) == permissive


CODE = "\n".join(
    f"def function_number_{chr(97 + i)}(argument):\n    return argument.method_{chr(97 + i)}()\n" for i in range(12)
)


def test_unreadable_files_are_counted(tmp_path: Path) -> None:
    """A file of another encoding, and one that is not there, are left out and named."""
    (tmp_path / "good.py").write_text(CODE, encoding="utf8")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9\n" + CODE.encode())
    files = [tmp_path / name for name in ("good.py", "latin.py", "gone.py")]
    package = Package("python", "p", "1", "MIT", files, tmp_path)
    assert [doc.path for doc in documents(package)] == ["good.py"]
    assert package.unreadable == [("latin.py", "UnicodeDecodeError"), ("gone.py", "FileNotFoundError")]


def test_broken_manifest_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A crate whose manifest is no TOML does not end the run."""
    for name, manifest in (("bad", "not = [toml"), ("good", '[package]\nname = "good"\nversion = "1"\nlicense = "MIT"\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Cargo.toml").write_text(manifest, encoding="utf8")
    assert [p.name for p in crates(tmp_path)] == ["good"]
    assert "left out: bad" in capsys.readouterr().out


def test_header_and_worth() -> None:
    """Licence headers go, other comments stay; generated code is not worth learning."""
    assert without_legal_header("# Copyright X\n# All rights\n\nimport a\n", "python") == "import a\n"
    assert without_legal_header("# About this\nimport a\n", "python") == "# About this\nimport a\n"
    assert is_worth_learning(CODE)
    assert not is_worth_learning("# @generated\n" + CODE)


def test_near_duplicates(tmp_path: Path) -> None:
    """The first of a family stays."""
    (tmp_path / "a.py").write_text(CODE, encoding="utf8")
    (tmp_path / "b.py").write_text(CODE + "\n\nprint('one line more than the other')\n", encoding="utf8")
    package = Package("python", "p", "1", "MIT", sorted(tmp_path.glob("*.py")), tmp_path)
    assert [d.path for d in deduplicated(list(documents(package)))] == ["a.py"]


def test_missing_and_broken_inputs(tmp_path: Path) -> None:
    """Each says which file, and what makes it."""
    with pytest.raises(BadInputError, match=r"train\.jsonl is missing.*corpus\.py"):
        list(training_part(tmp_path))
    (tmp_path / "train.jsonl").write_text(json.dumps({"language": "rust"}) + "\n", encoding="utf8")
    with pytest.raises(BadInputError, match="line 1"):
        list(training_part(tmp_path))
    with pytest.raises(BadInputError, match=r"tokenizer\.py"):
        existing_tokenizer(tmp_path)
    with pytest.raises(BadInputError, match=r"tokenizer\.json is missing"):
        fingerprint(tmp_path / "tokenizer.json")

"""What export.py has written is read back: weights, shape and tokenizer, and training goes on from them."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from gguf import GGUFWriter
from test_training import TINY, options, run
from tokenizers import Tokenizer

import checkpoint
import export
import restore
from inputs import BadInputError
from model import Mini, Shape

SMALL = Shape(width=32, layers=1, heads=2, feed_forward=64, length=256)


def called(module: object, *arguments: object) -> None:
    """Runs a script with arguments."""
    before, sys.argv = sys.argv, ["script", *map(str, arguments)]
    try:
        module.main()
    finally:
        sys.argv = before


def exported(data: Path, folder: Path, shape: Shape) -> tuple[Path, dict[str, torch.Tensor]]:
    """A GGUF of random weights with the tokenizer of the data folder, and the weights."""
    torch.manual_seed(1)
    weights = Mini(shape).state_dict()
    torch.save({"shape": asdict(shape), "model": weights, "step": 0, "used": 0.0}, folder / "made.pt")
    out = folder / "made.gguf"
    tokenizer = data / "tokenizer.json"
    called(export, "--checkpoint", folder / "made.pt", "--type", "f16", "--tokenizer", tokenizer, "--out", out)
    return out, weights


def test_everything_comes_back(data: Path, tmp_path: Path) -> None:
    """Of f16 what f16 has; the same tokens for the same text."""
    path, weights = exported(data, tmp_path, SMALL)
    read = restore.Exported(path)
    assert read.shape() == SMALL
    assert read.weights().keys() == weights.keys()
    for name, weight in read.weights().items():
        assert torch.allclose(weight, weights[name], atol=1e-3), name
    known = Tokenizer.from_file(str(data / "tokenizer.json"))
    for text in ("def total(prices):\n    return sum(prices)\n", "é 漢\t  \n\n", "<|endoftext|> is text"):
        assert read.tokenizer().encode(text).ids == known.encode(text).ids


def test_training_goes_on(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the file's own tokenizer, from its weights."""
    path, weights = exported(data, tmp_path, TINY.shape)
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(data / "train.jsonl", folder)
    out = tmp_path / "model.pt"
    called(restore, "--gguf", path, "--data", folder, "--out", out)
    assert "weights of made.gguf" in capsys.readouterr().out
    begun = checkpoint.load(out, needed=checkpoint.WHOLE)
    name = "embedding.weight"
    assert torch.allclose(begun["model"][name], weights[name], atol=1e-3)
    run(options(folder, out))
    ended = checkpoint.load(out, needed=checkpoint.WHOLE)
    # Two steps of the warm-up move no weight far.
    assert ended["step"] == 2
    assert torch.allclose(ended["model"][name], weights[name], atol=5e-3)
    assert not torch.equal(ended["model"][name], begun["model"][name])
    with pytest.raises(BadInputError, match="is there already"):
        called(restore, "--gguf", path, "--data", folder, "--out", out)


def test_what_is_refused(data: Path, tmp_path: Path) -> None:
    """Nothing is written then."""
    out = tmp_path / "model.pt"
    text = tmp_path / "text.gguf"
    text.write_text("no GGUF, but long enough to be looked at as one")
    with pytest.raises(BadInputError, match="no readable GGUF"):
        called(restore, "--gguf", text, "--data", data, "--out", out)
    with pytest.raises(BadInputError, match="no readable GGUF"):
        called(restore, "--gguf", tmp_path / "missing.gguf", "--data", data, "--out", out)
    foreign = tmp_path / "foreign.gguf"
    writer = GGUFWriter(foreign, "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BadInputError, match=r"it has no tokenizer\.ggml\.tokens"):
        called(restore, "--gguf", foreign, "--data", data, "--out", out)
    path, _ = exported(data, tmp_path, SMALL)
    other = tmp_path / "other"
    other.mkdir()
    known = Tokenizer.from_file(str(data / "tokenizer.json"))
    known.add_tokens(["another"])
    known.save(str(other / "tokenizer.json"))
    with pytest.raises(BadInputError, match="is another tokenizer"):
        called(restore, "--gguf", path, "--data", other, "--out", out)
    (other / "tokenizer.json").write_text("{")
    with pytest.raises(BadInputError, match="no readable tokenizer"):
        called(restore, "--gguf", path, "--data", other, "--out", out)
    assert (other / "tokenizer.json").read_text() == "{"
    with pytest.raises(BadInputError, match="is no folder"):
        called(restore, "--gguf", path, "--data", tmp_path / "nowhere", "--out", out)
    assert not out.exists()

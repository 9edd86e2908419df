"""The rate, the rows, the memory, the checkpoints, and two steps of a model that is as small as can be."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import checkpoint
import curve
import edits
import memory
import train
from configurations import CONFIGURATIONS, Configuration
from feed import Feed
from inputs import BadInputError
from model import Shape
from samples import ANSWER_WEIGHT, CLOSER_WEIGHT, LINE_END_WEIGHT, REQUEST_WEIGHT, Samples, new_places
from schedule import rate, rows_of
from tokenizer import END

TINY = Configuration(Shape(width=32, layers=1, heads=1, feed_forward=64, length=256), 2, 0.02, 4e-3, 0)


@pytest.mark.parametrize(
    ("left", "step", "expected"),
    [
        (100, 0, 1 / 30),
        (100, 14, 0.5),
        (100, 29, 1),
        (100, 500, 1),
        (40.1, 500, 1),
        (40, 500, 1),
        (20, 500, 0.5),
        (0.1, 500, 0.02),
    ],
)
def test_rate(left: float, step: int, expected: float) -> None:
    """Up over 30 steps, flat, down over the last 40 minutes to 2 %."""
    assert rate(left, 40, step) == pytest.approx(expected)


def test_rows_of() -> None:
    """The same number of tokens a step, before the fall in shorter rows."""
    assert rows_of(8, 1024, left=50, fall=40) == (16, 512)
    assert rows_of(8, 1024, left=40, fall=40) == (8, 1024)


@pytest.fixture(scope="module")
def with_edits(data: Path, docs: list[dict[str, object]]) -> Path:
    """The data folder with edits of every kind and language."""
    made = [s for s in edits.samples_of(docs) if edits.is_clean(s)]
    missing = {(lang, kind) for lang in ("python", "rust") for kind in ("unit-test", "explain")}
    made += [edits.Sample(k, "x", lang, "p", *edits.prose("a", "b", "c", "d")) for lang, k in sorted(missing)]
    with (data / "edits.jsonl").open("w", encoding="utf8") as file:
        file.writelines(json.dumps(edits.asdict(s)) + "\n" for s in made)
    return data


def test_samples_with_edits(with_edits: Path) -> None:
    """Edits come with their weights and their end token; without a share the stream is what it was."""
    tokens, _, weights = Samples(with_edits, 1, edits=0.5).rows(6, 1024)
    answers = weights == np.float32(ANSWER_WEIGHT)
    assert 0.01 < answers.mean() < 0.5
    assert (weights == np.float32(REQUEST_WEIGHT)).any()
    assert tokens.shape == weights.shape == (6, 1025)
    plain, again = Samples(with_edits, 1), Samples(with_edits, 1, edits=0.0)
    assert (plain.rows(2, 256)[0] == again.rows(2, 256)[0]).all()


def test_the_end_of_a_line_is_wanted_as_at_a_cursor(with_edits: Path) -> None:
    """What is read stays as it is; wanted is the token without its line end, or the end token."""
    samples = Samples(with_edits, 1)
    rows = samples.rows(6, 512)
    places = rows.tokens != rows.wanted
    assert places.any()
    for token, wanted in zip(rows.tokens[places], rows.wanted[places], strict=True):
        piece = samples.tokenizer.decode([token], skip_special_tokens=False)
        assert "\n" in piece
        assert wanted == END or piece.startswith(samples.tokenizer.decode([wanted]))
    assert set(np.unique(rows.weights[places])) <= {np.float32(CLOSER_WEIGHT), np.float32(LINE_END_WEIGHT)}


@pytest.mark.parametrize(
    ("region", "new", "marked"),
    [
        ("a = 1\nb = 2\nc = 3", "a = 1\nb = 5\nc = 3", ["b = 5", "c = "]),
        ("a = 1\nb = 2\nc = 3", "a = 1\nc = 3", ["c = "]),
        ("a = 1\nc = 3", "a = 1\n    b = 2\nc = 3", ["    b = 2", "c = "]),
        ("a = 1\nb = 2", "a = 1", ["<<<A"]),
        ("a = 1", "a = 1", []),
    ],
)
def test_new_places(region: str, new: str, marked: list[str]) -> None:
    """What departs from the region is marked, and where copying begins again."""
    answer = edits.rewrite("p", "i", region, new)[1]
    places = new_places(region, answer)
    text = "".join(c if place else "\0" for c, place in zip(answer, places, strict=False))
    assert [part for part in text.replace("\n", "\0").split("\0") if part] == marked


@pytest.mark.parametrize("feeders", [0, 2])
def test_feed_goes_on(data: Path, feeders: int) -> None:
    """With the states of a run that ended the same rows follow."""
    whole = Feed(data, 0.0, 3, feeders, [])
    first = [whole.rows(1, 128)[0] for _ in range(3)]
    states = whole.states()
    rest = [whole.rows(1, 128)[0] for _ in range(3)]
    again = Feed(data, 0.0, 3, feeders, states)
    assert all((a == b).all() for a, b in zip(rest, [again.rows(1, 128)[0] for _ in range(3)], strict=True))
    assert not (first[0] == rest[0]).all()


def options(data: Path, out: Path, **changed: object) -> argparse.Namespace:
    """The options of a run of a few steps."""
    given = {"data": data, "out": out, "minutes": 60.0, "fall": 1.0, "edits": 0.0, "steps": 2, "workers": 1, "compile": False}
    return argparse.Namespace(**{**given, **changed})


def run(args: argparse.Namespace, configuration: Configuration = TINY) -> None:
    """One run in this process."""
    meeting = args.out.with_suffix(".meeting")
    meeting.unlink(missing_ok=True)
    try:
        train.train(0, args, configuration, str(meeting))
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def test_run_and_resume(with_edits: Path, tmp_path: Path) -> None:
    """A run of two steps leaves a checkpoint and a line of log, goes on, and keeps the last checkpoint at the full rate."""
    out = tmp_path / "model.pt"
    run(options(with_edits, out, edits=0.3))
    first = checkpoint.load(out, needed=checkpoint.WHOLE)
    assert (first["step"], first["fallen"]) == (2, False)
    assert not checkpoint.flat(out).exists()
    run(options(with_edits, out, edits=0.3, steps=3))
    assert checkpoint.load(checkpoint.previous(out))["step"] == 2
    # Now the rate falls at once: what was saved last is what a longer run can start from.
    run(options(with_edits, out, fall=60.0, steps=4))
    assert checkpoint.load(checkpoint.flat(out))["step"] == 3
    assert checkpoint.load(out)["fallen"]
    log = [json.loads(line) for line in out.with_suffix(".log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [2, 3, 4]
    assert log[0].keys() >= {"step", "tokens", "minutes", "loss", "middle", "rate"}
    picture = curve.svg([curve.read(out.with_suffix(".log.jsonl"))], "tokens", top=20)
    assert picture.count("<polyline") >= 2
    assert "model: all tokens" in picture


def test_log_forgets_what_was_not_saved(tmp_path: Path) -> None:
    """Lines of a run that went further than its checkpoint go."""
    path = tmp_path / "a.log.jsonl"
    for step in (2, 4, 6, 5):
        train.write_log(path, {"step": step})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [2, 4, 5]


def saved(path: Path, **changed: object) -> dict[str, object]:
    """A small whole checkpoint at `path`."""
    whole = {"shape": TINY.shape.__dict__, "model": {"w": torch.ones(2)}, "step": 1, "used": 1.0, **changed}
    checkpoint.save(path, whole)
    return whole


def test_save_keeps_the_one_before(tmp_path: Path) -> None:
    """Two files, the newest and the one before it; nothing else."""
    path = tmp_path / "model.pt"
    for step in (1, 2, 3):
        saved(path, step=step)
    assert checkpoint.load(path)["step"] == 3
    assert checkpoint.load(checkpoint.previous(path))["step"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.previous.pt", "model.pt"]


def test_failed_save_loses_nothing(tmp_path: Path) -> None:
    """A save that breaks off leaves both files as they were."""
    path = tmp_path / "model.pt"
    saved(path, step=1)
    saved(path, step=2)
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save(path, {"step": lambda: 0})
    assert checkpoint.load(path)["step"] == 2
    assert checkpoint.load(checkpoint.previous(path))["step"] == 1


@pytest.mark.parametrize("broken", ["cut", "text", "empty", "keys"])
def test_broken_checkpoint(broken: str, tmp_path: Path) -> None:
    """Each names the file, and offers the one before it."""
    path = tmp_path / "model.pt"
    saved(path, step=1)
    saved(path, step=2)
    whole = path.read_bytes()
    path.unlink()
    if broken == "keys":
        torch.save({"model": {}}, path)
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"no checkpoint", "empty": b""}[broken])
    with pytest.raises(BadInputError, match=r"model\.pt.*cp .*model\.previous\.pt"):
        checkpoint.load(path)
    assert checkpoint.load(checkpoint.previous(path))["step"] == 1


def test_missing_checkpoint(tmp_path: Path) -> None:
    """Without a file there is nothing to offer."""
    with pytest.raises(BadInputError, match=r"no such checkpoint$"):
        checkpoint.load(tmp_path / "model.pt")


def test_broken_checkpoint_stops_the_run(data: Path, tmp_path: Path) -> None:
    """A run does not begin anew over a checkpoint that it cannot read."""
    out = tmp_path / "model.pt"
    out.write_bytes(b"precious, but damaged")
    with pytest.raises(BadInputError, match="no readable checkpoint"):
        run(options(data, out))
    assert out.read_bytes() == b"precious, but damaged"


def test_other_shape_and_tokenizer(data: Path, tmp_path: Path) -> None:
    """Options and tokenizer must be those of the checkpoint."""
    path = tmp_path / "model.pt"
    whole = saved(path, tokenizer="0" * 64)
    checkpoint.check_shape(path, whole, TINY.shape)
    with pytest.raises(BadInputError, match="width is 32, not 256"):
        checkpoint.check_shape(path, whole, CONFIGURATIONS["mini"].shape)
    with pytest.raises(BadInputError, match="another tokenizer"):
        checkpoint.check_tokenizer(path, whole, data / "tokenizer.json")
    checkpoint.check_tokenizer(path, {}, data / "tokenizer.json")


def test_loss_that_is_no_number_saves_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails does not overwrite its checkpoint."""
    out = tmp_path / "model.pt"
    run(options(data, out))
    before = out.read_bytes()
    learn = train.Run.learn

    def spoilt(self: train.Run, left: float) -> None:
        learn(self, left)
        self.mean["loss"] = float("nan")

    monkeypatch.setattr(train.Run, "learn", spoilt)
    with pytest.raises(BadInputError, match="the loss is nan"):
        run(options(data, out, steps=4))
    assert out.read_bytes() == before


def test_memory() -> None:
    """More rows take more; what does not fit is refused with the numbers."""
    mini, base = (CONFIGURATIONS[name] for name in ("mini", "base"))
    assert memory.parameters(mini.shape) == 8_524_032
    assert 30e6 < memory.parameters(base.shape) < 60e6
    small, large = (memory.of_training(mini.shape, rows * 1024) for rows in (8, 64))
    assert small < large < 10 * small
    assert memory.available() > 0
    with pytest.raises(BadInputError, match=r"too little memory: about 5\.0 GB .* 2\.0 GB are free"):
        memory.refuse("memory", 5e9, 2e9, mini.shape, 8)
    memory.refuse("memory", 2e9, 5e9, mini.shape, 8)


def test_options(data: Path, tmp_path: Path) -> None:
    """Configurations by name; what the options change, and what they must not."""
    given = argparse.Namespace(config="base", length=0, rows=0, feeders=None, workers=1, edits=0.0, fall=1.0, minutes=9.0)
    assert train.configured(given) == CONFIGURATIONS["base"]
    given = argparse.Namespace(**{**given.__dict__, "rows": 6, "length": 512, "feeders": 0})
    changed = train.configured(given)
    assert (changed.rows, changed.shape.length, changed.feeders, changed.shape.width) == (6, 512, 0, 512)
    for wrong in ({"workers": 4}, {"edits": 1.0}, {"fall": 10.0}):
        with pytest.raises(BadInputError):
            train.configured(argparse.Namespace(**{**given.__dict__, **wrong}))

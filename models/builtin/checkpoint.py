"""Checkpoints: saved so that no failure loses the last good one, and read with everything checked that can differ.

Three files: `model.pt`, the newest; `model.previous.pt`, the one before it; `model.flat.pt`, the last one at the full rate,
from which a longer run can go on.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from inputs import BadInputError, fingerprint
from model import Shape

WEIGHTS = {"shape", "model", "step", "used"}  # what export and evaluation need
WHOLE = WEIGHTS | {"muon", "adam", "data"}  # what a run needs to go on


def previous(path: Path) -> Path:
    """The checkpoint before the newest."""
    return path.with_suffix(".previous.pt")


def flat(path: Path) -> Path:
    """The checkpoint just before the rate fell."""
    return path.with_suffix(".flat.pt")


def save(path: Path, checkpoint: dict[str, Any]) -> None:
    """Replaces the checkpoint in one step and keeps the one before it: at no moment is there no whole file at `path`."""
    new = path.with_suffix(".new")
    torch.save(checkpoint, new)
    if path.exists():
        keep(path, previous(path))
    new.replace(path)


def keep(path: Path, name: Path) -> None:
    """Gives a checkpoint a second name: a hard link is enough, because `save` replaces files and never writes into them."""
    other = name.with_suffix(".link")
    other.unlink(missing_ok=True)
    try:
        os.link(path, other)
    except OSError:
        shutil.copy2(path, other)
    other.replace(name)


def load(path: Path, device: str = "cpu", needed: set[str] = WEIGHTS) -> dict[str, Any]:
    """Reads a checkpoint that has at least the keys in `needed`."""
    old = previous(path)
    hint = f"; the one before it is whole: cp {old} {path}" if old.is_file() and old != path else ""
    if not path.is_file():
        raise BadInputError(f"{path}: no such checkpoint{hint}")
    try:
        # NB: weights only, so that a checkpoint from elsewhere cannot run code.
        found = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch fails in a dozen ways on a broken file
        reason = str(error).split("\n")[0][:120]
        raise BadInputError(f"{path} is no readable checkpoint ({type(error).__name__}: {reason}){hint}") from error
    missing = needed - set(found) if isinstance(found, dict) else needed
    if missing:
        raise BadInputError(f"{path} is no whole checkpoint of train.py: without {', '.join(sorted(missing))}{hint}")
    return found


def check_shape(path: Path, checkpoint: dict[str, Any], shape: Shape) -> None:
    """Refuses to go on with other options than those that the checkpoint was made with."""
    ours, theirs = asdict(shape), checkpoint["shape"]
    names = sorted({*ours, *theirs})
    differing = [f"{n} is {theirs.get(n)}, not {ours.get(n)}" for n in names if theirs.get(n) != ours.get(n)]
    if differing:
        raise BadInputError(f"{path} has another shape than the options ask for: {'; '.join(differing)}; choose another --out")


def check_tokenizer(path: Path, checkpoint: dict[str, Any], tokenizer: Path) -> None:
    """Refuses a tokenizer that the checkpoint was not trained with. One saved before fingerprints were kept passes."""
    ours, theirs = fingerprint(tokenizer), checkpoint.get("tokenizer")
    if theirs is None:
        print(f"{path} does not say which tokenizer it was trained with: {tokenizer} is taken on trust", flush=True)
    elif ours != theirs:
        raise BadInputError(f"{path} was trained with another tokenizer than {tokenizer} ({theirs[:12]}…, not {ours[:12]}…)")

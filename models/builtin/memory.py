"""How much memory a run takes, estimated before it starts: a run that is killed after an hour is worse than one refused."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from inputs import BadInputError
from model import Mini, Shape, WeightedCrossEntropy

CORPUS_FACTOR = 2.6  # characters and line starts in memory, against the bytes of train.jsonl: measured 2.4
PROGRAM = 0.9e9  # bytes of PyTorch with its compiler, before any tensor
SLACK = 1.25


def parameters(shape: Shape) -> int:
    """The number of weights, found without making them."""
    with torch.device("meta"):
        return sum(p.numel() for p in Mini(shape).parameters())


def of_training(shape: Shape, tokens: int) -> float:
    """Bytes for a step of `tokens` tokens: weights, gradients, two moments, and what the backward pass needs."""
    # A token and layer: the residual stream and norms in full, the rest in half precision.
    activations = tokens * shape.layers * (32 * shape.width + 10 * shape.feed_forward)
    logits = 3 * 4 * min(tokens, WeightedCrossEntropy.CHUNK) * shape.vocabulary
    return SLACK * (16 * parameters(shape) + activations + logits)


def available() -> float:
    """Bytes that this process may still take, of the machine and of its control group."""
    free = [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        found = [line.split() for line in meminfo.read_text(encoding="utf8").splitlines() if line.startswith("MemAvailable:")]
        free = [int(words[1]) * 1024 for words in found] or free
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="utf8").strip()
        if limit != "max":
            free.append(int(limit) - int((group / "memory.current").read_text(encoding="utf8")))
    except (OSError, ValueError):
        pass
    return min(free)


def check(shape: Shape, rows: int, data: Path, device: str, processes: int) -> None:
    """Refuses a run that would not fit. `processes` is how many of them hold the corpus."""
    corpus = sum((data / name).stat().st_size for name in ("train.jsonl", "edits.jsonl") if (data / name).is_file())
    step = of_training(shape, rows * shape.length)
    host = processes * (CORPUS_FACTOR * corpus + PROGRAM) + (step if device == "cpu" else 0)
    refuse("memory", host, available(), shape, rows)
    if device == "cuda":
        refuse("GPU memory", step, torch.cuda.mem_get_info()[0], shape, rows)


def refuse(what: str, need: float, have: float, shape: Shape, rows: int) -> None:
    """Says what is too large, if it is."""
    if need > have:
        raise BadInputError(
            f"too little {what}: about {need / 1e9:.1f} GB are needed for {rows} rows of {shape.length} tokens, width "
            f"{shape.width}, {shape.layers} layers; {have / 1e9:.1f} GB are free. Take fewer --rows, or a smaller --config"
        )

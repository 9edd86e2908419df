"""The learning rate by the clock: full, then a straight line down over the last minutes, so that slow machines finish too."""

from __future__ import annotations

WARM_UP_STEPS = 30
FLOOR = 0.02  # of the full rate, at the end


def rate(left: float, fall: float, step: int) -> float:
    """The factor of the learning rates with `left` minutes to go, when it falls over the last `fall` minutes."""
    falling = 1.0 if left > fall else max(FLOOR, left / fall)
    return falling * min(1.0, (step + 1) / WARM_UP_STEPS)


def rows_of(rows: int, length: int, left: float, fall: float) -> tuple[int, int]:
    """How many rows, of how many tokens: before the fall twice as many of half the length, attention costs less so."""
    return (rows * 2, length // 2) if left > fall else (rows, length)

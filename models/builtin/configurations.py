"""The two models that this recipe makes, by name; the scripts are the same for both."""

from __future__ import annotations

from dataclasses import dataclass

from model import Shape


@dataclass(frozen=True)
class Configuration:
    """A shape, and what goes with it in training."""

    shape: Shape
    rows: int  # of `shape.length` tokens a step, of all workers together
    muon_rate: float
    adam_rate: float
    feeders: int  # processes that make samples; 0: the training process does


CONFIGURATIONS = {
    # 8.5 M weights, for two CPU cores: the model in the box.
    "mini": Configuration(Shape(width=256, layers=8, heads=4, feed_forward=704), 8, 0.02, 4e-3, 0),
    # 42.7 M weights, for one GPU. NB: never trained; its rates are those of models of this size in the literature.
    "base": Configuration(Shape(width=512, layers=12, heads=8, feed_forward=1408), 64, 0.02, 3e-3, 4),
}

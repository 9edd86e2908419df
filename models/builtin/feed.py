"""Rows of samples for the training loop, made by the process itself or by others beside it.

One core makes 350,000 tokens a second, half of that with edits among them: far more than two cores learn from, but a GPU waits.
"""

from __future__ import annotations

import multiprocessing as mp
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from inputs import BadInputError
from samples import Rows, Samples

AHEAD = 2  # requests under way at each feeder


class Feed:
    """Rows in a fixed order: with the states of `states()` the same rows follow, whatever the feeders were doing."""

    def __init__(self, data: Path, edits: float, seed: int, feeders: int, states: list[Any]) -> None:
        """`states` is what `states()` gave when the run was saved; missing ones begin anew, by their seed."""
        seeds = [seed * 1000 + i if feeders else seed for i in range(max(feeders, 1))]
        begun = [np.random.default_rng(s).bit_generator.state for s in seeds]
        self.current = [states[i] if i < len(states) else begun[i] for i in range(len(seeds))]
        self.turn = 0
        self.own: Samples | None = None
        self.pipes: list[Connection] = []
        self.waiting: list[int] = [0] * feeders
        if not feeders:
            self.own = started(data, edits, self.current[0])
            return
        context = mp.get_context("spawn")
        for state in self.current:
            here, there = context.Pipe()
            context.Process(target=serve, args=(there, data, edits, state), daemon=True).start()
            there.close()
            self.pipes.append(here)

    def rows(self, count: int, length: int) -> Rows:
        """The next rows; just after `length` has changed the feeders may still send a few of the old one."""
        if self.own:
            rows = self.own.rows(count, length)
            self.current[0] = self.own.rng.bit_generator.state
            return rows
        i, self.turn = self.turn, (self.turn + 1) % len(self.pipes)
        while self.waiting[i] < AHEAD:
            self.pipes[i].send((count, length))
            self.waiting[i] += 1
        self.waiting[i] -= 1
        try:
            rows, self.current[i] = self.pipes[i].recv()
        except (EOFError, ConnectionError) as error:
            raise BadInputError("a feeder has ended; its own error stands above. Was it killed for want of memory?") from error
        return rows

    def states(self) -> list[Any]:
        """Where each feeder stood when it had made what was taken from it last; the next one to be asked is the first."""
        return self.current[self.turn :] + self.current[: self.turn]


def started(data: Path, edits: float, state: dict[str, Any]) -> Samples:
    """A stream at a state."""
    samples = Samples(data, 0, edits)
    samples.rng.bit_generator.state = state
    return samples


def serve(pipe: Connection, data: Path, edits: float, state: dict[str, Any]) -> None:
    """A feeder: answers until the other side closes."""
    samples = started(data, edits, state)
    while True:
        try:
            count, length = pipe.recv()
        except (EOFError, ConnectionError):
            return
        rows = samples.rows(count, length)
        pipe.send((rows, samples.rng.bit_generator.state))

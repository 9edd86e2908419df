"""Trains the model on CPU or CUDA for a given time; the schedule follows the clock, so a slow machine still finishes.

A checkpoint holds weights, both optimizers, the state of the data and the time used: the same command goes on from it.
Several workers are several processes of one thread that meet twice a step. On cores that others use too they are faster
than the threads of one process, which wait for each other at every product.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import checkpoint
import memory
from configurations import CONFIGURATIONS, Configuration
from feed import Feed
from inputs import BadInputError, existing_tokenizer, fingerprint, reporting
from model import Mini, WeightedCrossEntropy
from muon import Muon, summed
from samples import ANSWER_WEIGHT, WRITTEN_WEIGHT
from schedule import rate, rows_of

SAVE_EVERY = 120  # seconds
MEMORY_OF_MEAN = 0.97  # of the running means of the loss, a step


class Run:
    """What a worker carries from step to step."""

    def __init__(self, rank: int, args: argparse.Namespace, configuration: Configuration) -> None:
        """Everything that can be wrong is found here, before the first step."""
        self.rank, self.args, self.configuration = rank, args, configuration
        self.shape = configuration.shape
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(0)
        self.model = Mini(self.shape).to(self.device)
        self.params = list(self.model.parameters())
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and n != "embedding.weight"]
        others = [p for n, p in self.model.named_parameters() if p.dim() != 2 or n == "embedding.weight"]
        self.muon = Muon(matrices, configuration.muon_rate)
        self.adam = torch.optim.AdamW(others, lr=configuration.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
        self.step, self.used, self.fallen = 0, 0.0, False
        self.tokenizer = fingerprint(existing_tokenizer(args.data))
        states: list[Any] = []
        if args.out.exists() or checkpoint.previous(args.out).exists():
            states = self.resume()
        self.feed = Feed(args.data, args.edits, rank, configuration.feeders, states)
        self.compiled = torch.compile(self.model) if args.compile else self.model
        self.mean: dict[str, float] = {}

    def resume(self) -> list[Any]:
        """Takes over the checkpoint; gives the states of this worker's feeders."""
        out = self.args.out
        old = checkpoint.load(out, self.device, checkpoint.WHOLE)
        checkpoint.check_shape(out, old, self.shape)
        checkpoint.check_tokenizer(out, old, self.args.data / "tokenizer.json")
        self.model.load_state_dict(old["model"])
        # None: restore.py has made it, of the weights alone.
        if old["muon"] is not None:
            self.muon.load_state_dict(old["muon"])
            self.adam.load_state_dict(old["adam"])
        self.step, self.used = old["step"], old["used"]
        left = self.args.minutes - self.used / 60
        self.fallen = old.get("fallen", left < self.args.fall)
        if self.rank == 0:
            print(f"resumed at step {self.step}, {self.used / 60:.1f} minutes", flush=True)
        states = old["data"][self.rank] if self.rank < len(old["data"]) else []
        return [states] if isinstance(states, dict) else states

    def save(self) -> None:
        """Writes the checkpoint; all workers take part."""
        data: list[Any] = [None] * self.args.workers
        dist.all_gather_object(data, self.feed.states())
        if self.rank:
            return
        whole = {
            "shape": asdict(self.shape),
            "tokenizer": self.tokenizer,
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "data": data,
            "step": self.step,
            "used": self.used,
            "fallen": self.fallen,
        }
        checkpoint.save(self.args.out, whole)

    def learn(self, left: float) -> None:
        """One step."""
        args, factor = self.args, rate(left, self.args.fall, self.step)
        for optimizer, full in ((self.muon, self.configuration.muon_rate), (self.adam, self.configuration.adam_rate)):
            for group in optimizer.param_groups:
                group["lr"] = full * factor
        rows, length = rows_of(self.configuration.rows // args.workers, self.shape.length, left, args.fall)
        drawn = self.feed.rows(rows, length)
        tokens = torch.from_numpy(drawn.tokens).to(self.device)
        wanted = torch.from_numpy(drawn.wanted[:, 1:]).to(self.device).flatten()
        weights = torch.from_numpy(drawn.weights[:, 1:]).to(self.device).flatten()
        with torch.autocast(self.device, dtype=torch.bfloat16):
            states = self.compiled(tokens[:, :-1]).flatten(0, 1)
        loss, losses = WeightedCrossEntropy.apply(states, self.model.embedding.weight, wanted, weights)
        loss.backward()
        for p, grad in zip(self.params, summed([p.grad for p in self.params]), strict=True):
            p.grad = grad / args.workers
        self.muon.step()
        self.adam.step()
        self.muon.zero_grad()
        self.adam.zero_grad()
        self.step += 1
        for name, part in (
            ("loss", losses),
            ("middle", losses[weights == WRITTEN_WEIGHT]),
            ("answer", losses[weights == ANSWER_WEIGHT]),
        ):
            if part.numel():
                now = part.mean().item()
                self.mean[name] = MEMORY_OF_MEAN * self.mean.get(name, now) + (1 - MEMORY_OF_MEAN) * now


def write_log(path: Path, line: dict[str, float]) -> None:
    """Adds a line to the log, and drops those that a run wrote which ended before it saved."""
    lines = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    kept = [old for old in lines if json.loads(old)["step"] < line["step"]]
    path.write_text("\n".join([*kept, json.dumps(line)]) + "\n", encoding="utf8")


def train(rank: int, args: argparse.Namespace, configuration: Configuration, meeting: str) -> None:
    """One worker: a share of the rows, the same weights as the others. They meet at the file `meeting`."""
    if args.workers > 1:
        torch.set_num_threads(1)
    # A file and no port: several runs on one machine cannot meet each other.
    dist.init_process_group("gloo", store=dist.FileStore(meeting, args.workers), rank=rank, world_size=args.workers)
    run = Run(rank, args, configuration)
    begin = time.monotonic() - run.used
    first, since = run.step, time.monotonic()
    while True:
        # The first worker's clock and loss are everybody's, so that all change and end at the same step.
        clock = torch.tensor(
            [time.monotonic() - begin, time.monotonic() - since, run.mean.get("loss", 0.0)], dtype=torch.float64
        )
        dist.broadcast(clock, 0)
        run.used, unsaved, loss = clock.tolist()
        left = args.minutes - run.used / 60
        over = left <= 0 or bool(args.steps and run.step >= args.steps)
        falls = left <= args.fall and not run.fallen
        if not math.isfinite(loss):
            raise BadInputError(f"the loss is {loss} after step {run.step}: nothing was saved since the last line above")
        if run.step > first and (over or falls or unsaved > SAVE_EVERY):
            run.save()
            a_step = configuration.rows * run.shape.length
            if rank == 0:
                line = {
                    "step": run.step,
                    "tokens": run.step * a_step,
                    "minutes": round(run.used / 60, 2),
                    **{name: round(value, 4) for name, value in run.mean.items()},
                    "rate": round(rate(left, args.fall, run.step), 4),
                    "speed": round((run.step - first) * a_step / unsaved),
                }
                write_log(args.out.with_suffix(".log.jsonl"), line)
                print(", ".join(f"{name} {value:,}" for name, value in line.items()), flush=True)
            first, since = run.step, time.monotonic()
        if falls:
            if rank == 0 and args.out.exists():
                checkpoint.keep(args.out, checkpoint.flat(args.out))
            run.fallen = True
        if over:
            break
        run.learn(left)
    dist.destroy_process_group()


def configured(args: argparse.Namespace) -> Configuration:
    """The configuration by name, with what the options change in it."""
    base = CONFIGURATIONS[args.config]
    length = args.length or base.shape.length
    result = replace(base, shape=replace(base.shape, length=length), rows=args.rows or base.rows)
    if args.feeders is not None:
        result = replace(result, feeders=args.feeders)
    if result.rows % args.workers:
        raise BadInputError(f"{result.rows} rows cannot be shared by {args.workers} workers")
    if not 0 <= args.edits < 1 or args.fall > args.minutes:
        raise BadInputError("--edits is a share from 0 up to 1, and --fall is at most --minutes")
    return result


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write, and to resume from if it exists")
    parser.add_argument("--minutes", type=float, required=True, help="length of the whole run, resumed parts included")
    parser.add_argument("--fall", type=float, help="minutes at the end over which the rate falls (default: 0.3 of all)")
    parser.add_argument("--config", choices=list(CONFIGURATIONS), default="mini", help="what is trained: see configurations.py")
    parser.add_argument("--edits", type=float, default=0.0, help="share of the samples that are edits (edits.jsonl)")
    parser.add_argument("--rows", type=int, default=0, help="rows a step, of all workers together (0: the configuration's)")
    parser.add_argument("--length", type=int, default=0, help="tokens a row (0: the configuration's)")
    parser.add_argument("--feeders", type=int, help="processes that make samples (default: the configuration's)")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps (0: when the time is over)")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each; 1 takes all threads, or the GPU")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="compile the model first")
    args = parser.parse_args()
    args.fall = 0.3 * args.minutes if args.fall is None else args.fall
    configuration = configured(args)
    if not (args.data / "train.jsonl").is_file():
        raise BadInputError(f"{args.data / 'train.jsonl'} is missing: make the corpus first, with corpus.py")
    if args.edits and not (args.data / "edits.jsonl").is_file():
        raise BadInputError(f"{args.data / 'edits.jsonl'} is missing: make it first, with edits.py --data {args.data}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    memory.check(configuration.shape, configuration.rows, args.data, device, args.workers * (configuration.feeders + 1))
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        if args.workers == 1:
            train(0, args, configuration, meeting)
        else:
            mp.spawn(train, args=(args, configuration, meeting), nprocs=args.workers)


if __name__ == "__main__":
    reporting(main)

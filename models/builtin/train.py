"""Trains the model on CPU or CUDA for a given time; the schedule follows the clock, so a slow machine still finishes.

A checkpoint holds weights, both optimizers, the state of the data and the time used: the same command goes on from it.
Several workers are several processes of one thread that meet twice a step. On cores that others use too they are faster
than the threads of one process, which wait for each other at every product.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from model import Mini, Shape, WeightedCrossEntropy
from samples import WRITTEN_WEIGHT, Samples

MUON_RATE, ADAM_RATE = 0.02, 4e-3
WARM_UP_STEPS = 30
FLAT, FLOOR = 0.6, 0.02  # full rate for the first 60 % of the time, then a straight line down to 2 %
SHORT_UNTIL = 0.55  # before this share of the time rows are half as long and twice as many: attention costs less
SAVE_EVERY = 120  # seconds


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal by a Newton-Schulz iteration (Jordan et al., 2024), for the weight matrices."""

    def __init__(self, params: list[torch.nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One update of all matrices. Each worker makes its share of them orthogonal; the sum brings them together."""
        rank, workers = dist.get_rank(), dist.get_world_size()
        for group in self.param_groups:
            params = group["params"]
            updates = []
            for i, p in enumerate(params):
                m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                m.mul_(group["momentum"]).add_(p.grad)
                mine = i % workers == rank
                updates.append(orthogonal(p.grad + group["momentum"] * m) if mine else torch.zeros_like(p))
            for p, update in zip(params, summed(updates), strict=True):
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(update, alpha=-group["lr"] * max(1, p.size(0) / p.size(1)) ** 0.5)


def summed(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """The sums of tensors over the workers, in one message."""
    if dist.get_world_size() == 1:
        return tensors
    flat = torch.cat([t.flatten() for t in tensors])
    dist.all_reduce(flat)
    return [part.view_as(t) for part, t in zip(flat.split([t.numel() for t in tensors]), tensors, strict=True)]


def orthogonal(g: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """The nearest matrix with singular values of about one; the polynomial's factors are the published ones."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = (g / (g.norm() + 1e-7)).bfloat16()
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    for _ in range(steps):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return (x.T if tall else x).float()


def rate(done: float, step: int) -> float:
    """The factor of the learning rates when the share `done` of the time is used."""
    falling = 1.0 if done < FLAT else max(FLOOR, (1 - done) / (1 - FLAT))
    return falling * min(1.0, (step + 1) / WARM_UP_STEPS)


def save(path: Path, checkpoint: dict[str, Any]) -> None:
    """Replaces the checkpoint in one step: a run that is killed while it saves loses nothing."""
    torch.save(checkpoint, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def train(rank: int, args: argparse.Namespace) -> None:
    """One worker: a share of the rows, the same weights as the others."""
    if args.workers > 1:
        torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{args.port}", rank=rank, world_size=args.workers)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    feed_forward = {256: 704, 384: 1024, 512: 1408}[args.width]
    shape = Shape(width=args.width, layers=args.layers, heads=args.width // 64, feed_forward=feed_forward, length=args.length)
    samples = Samples(args.data, seed=rank)
    model = Mini(shape).to(device)
    params = list(model.parameters())
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and n != "embedding.weight"]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or n == "embedding.weight"]
    muon = Muon(matrices, MUON_RATE)
    adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    step, used = 0, 0.0
    if args.out.exists():
        old = torch.load(args.out, map_location=device, weights_only=False)
        model.load_state_dict(old["model"])
        muon.load_state_dict(old["muon"])
        adam.load_state_dict(old["adam"])
        step, used = old["step"], old["used"]
        if rank < len(old["data"]):
            samples.rng.bit_generator.state = old["data"][rank]
        if rank == 0:
            print(f"resumed at step {step}, {used / 60:.1f} minutes", flush=True)

    begin = time.monotonic() - used
    mean: dict[str, float] = {}
    first, since = step, time.monotonic()
    while True:
        # The first worker's clock and loss are everybody's, so that all change and end at the same step.
        clock = torch.tensor([time.monotonic() - begin, time.monotonic() - since])
        dist.broadcast(clock, 0)
        used, unsaved = clock.tolist()
        done = used / 60 / args.minutes
        over = done >= 1 or bool(args.steps and step >= args.steps)
        if step > first and (over or unsaved > SAVE_EVERY):
            data: list[Any] = [None] * args.workers
            dist.all_gather_object(data, samples.rng.bit_generator.state)
            if rank == 0:
                a_step = args.rows * shape.length
                speed = (step - first) * a_step / unsaved
                print(
                    f"{used / 60:.1f} min, {step} steps, {step * a_step / 1e6:.2f} M tokens, loss {mean['all']:.3f}, "
                    f"middle {mean['written']:.3f}, rate {rate(done, step):.3f}, {speed:.0f} tokens/s",
                    flush=True,
                )
                checkpoint = {"shape": asdict(shape), "model": model.state_dict(), "data": data, "step": step, "used": used}
                save(args.out, {**checkpoint, "muon": muon.state_dict(), "adam": adam.state_dict()})
            first, since = step, time.monotonic()
        if over:
            break
        scale = rate(done, step)
        for optimizer, full in ((muon, MUON_RATE), (adam, ADAM_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = full * scale
        short = 2 if done < SHORT_UNTIL else 1
        rows, weighted = samples.rows(args.rows * short // args.workers, shape.length // short)
        tokens = torch.from_numpy(rows).to(device)
        weights = torch.from_numpy(weighted[:, 1:]).to(device).flatten()
        with torch.autocast(device, dtype=torch.bfloat16):
            states = model(tokens[:, :-1]).flatten(0, 1)
        loss, losses = WeightedCrossEntropy.apply(states, model.embedding.weight, tokens[:, 1:].flatten(), weights)
        loss.backward()
        for p, grad in zip(params, summed([p.grad for p in params]), strict=True):
            p.grad = grad / args.workers
        muon.step()
        adam.step()
        muon.zero_grad()
        adam.zero_grad()
        step += 1
        now = {"all": losses.mean().item(), "written": losses[weights == WRITTEN_WEIGHT].mean().item()}
        mean = {k: 0.97 * mean.get(k, v) + 0.03 * v for k, v in now.items()}
    dist.destroy_process_group()


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write, and to resume from if it exists")
    parser.add_argument("--minutes", type=float, required=True, help="length of the whole run, resumed parts included")
    parser.add_argument("--rows", type=int, default=8, help="rows a step, of all workers together")
    parser.add_argument("--length", type=int, default=1024, help="tokens a row")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps (0: when the time is over)")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each; 1 takes all threads, or the GPU")
    parser.add_argument("--port", type=int, default=29511, help="where the workers meet, on this machine only")
    args = parser.parse_args()
    if args.workers == 1:
        train(0, args)
    else:
        mp.spawn(train, args=(args,), nprocs=args.workers)


if __name__ == "__main__":
    main()

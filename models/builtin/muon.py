"""The optimizer of the weight matrices; several workers share its work."""

from __future__ import annotations

import torch
import torch.distributed as dist


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

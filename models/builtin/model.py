"""The model: a small llama. Shapes here are those that llama.cpp expects under `general.architecture = llama`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """What fixes the number of weights, and the length that was trained on."""

    vocabulary: int = 8192
    width: int = 256
    layers: int = 8
    heads: int = 4
    feed_forward: int = 704
    length: int = 1024
    rope_base: float = 10_000.0
    epsilon: float = 1e-5


class Block(nn.Module):
    """Attention, then the gated feed-forward layer, each behind its own norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        d = shape.width
        self.heads = shape.heads
        self.attention_norm = nn.RMSNorm(d, eps=shape.epsilon)
        self.q, self.k, self.v, self.o = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.feed_norm = nn.RMSNorm(d, eps=shape.epsilon)
        self.gate, self.up = (nn.Linear(d, shape.feed_forward, bias=False) for _ in range(2))
        self.down = nn.Linear(shape.feed_forward, d, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """`x` is (rows, tokens, width)."""
        rows, tokens, width = x.shape
        # One product for q, k and v, and one for gate and up: large products are the fast ones on a CPU.
        qkv = F.linear(self.attention_norm(x), torch.cat([self.q.weight, self.k.weight, self.v.weight]))
        q, k, v = (z.view(rows, tokens, self.heads, -1).transpose(1, 2) for z in qkv.chunk(3, -1))
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(mixed.transpose(1, 2).reshape(rows, tokens, width))
        gate, up = F.linear(self.feed_norm(x), torch.cat([self.gate.weight, self.up.weight])).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Mini(nn.Module):
    """Token ids in, the states that the tied embedding turns into logits out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        cosine, sine = rotation(shape)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                residual = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (math.sqrt(2 * shape.layers) if residual else 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """`tokens` is (rows, tokens); the answer is (rows, tokens, width)."""
        count = tokens.shape[1]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cosine[:count], self.sine[:count])
        return self.norm(x)

    def logits(self, states: Tensor) -> Tensor:
        """The scores of all tokens, at the states given."""
        return states @ self.embedding.weight.T


class WeightedCrossEntropy(torch.autograd.Function):
    """Logits, loss and their gradients in one pass over chunks that fit the cache: nothing of (tokens, vocabulary) is kept."""

    CHUNK = 1024

    @staticmethod
    def forward(ctx, states: Tensor, embedding: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN001
        """Returns the weighted mean loss and the loss of each token; the second has no gradient."""
        low = embedding.to(torch.bfloat16)
        weights = weights / weights.sum()
        d_states = torch.empty_like(states)
        d_embedding = torch.zeros_like(embedding)
        losses = torch.empty_like(weights)
        for at in range(0, len(states), WeightedCrossEntropy.CHUNK):
            part = slice(at, at + WeightedCrossEntropy.CHUNK)
            h = states[part].to(torch.bfloat16)
            scores = (h @ low.T).float()
            target = targets[part, None]
            scores.sub_(scores.amax(-1, keepdim=True))
            of_target = scores.gather(1, target)
            grad = scores.exp_()
            total = grad.sum(-1, keepdim=True)
            losses[part] = (total.log() - of_target).squeeze(1)
            grad.mul_(weights[part, None] / total)
            grad.scatter_add_(1, target, -weights[part, None])
            grad = grad.to(torch.bfloat16)
            d_states[part] = (grad @ low).to(d_states.dtype)
            d_embedding += (grad.T @ h).float()
        ctx.save_for_backward(d_states, d_embedding)
        return (losses * weights).sum(), losses

    @staticmethod
    def backward(ctx, d_loss: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:  # noqa: ANN001
        """The gradients were found on the way."""
        d_states, d_embedding = ctx.saved_tensors
        return d_states * d_loss, d_embedding * d_loss, None, None


def rotation(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary positions, (length, head size / 2) each."""
    half = shape.width // shape.heads // 2
    speed = shape.rope_base ** (-torch.arange(half).float() / half)
    angle = torch.outer(torch.arange(shape.length).float(), speed)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turns the pairs (i, i + half). NB: llama.cpp pairs neighbours instead; `export.py` re-orders the weights."""
    a, b = x.chunk(2, -1)
    c, s = cosine.to(x.dtype), sine.to(x.dtype)
    return torch.cat([a * c - b * s, b * c + a * s], -1)

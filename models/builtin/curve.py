"""Draws the loss of one or several runs as an SVG for the README, from the logs that train.py writes beside its checkpoints."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

from inputs import BadInputError, reporting

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 48  # margins
COLOURS = ["#0b6bcb", "#c2410c", "#15803d", "#7c3aed"]
LINES = {"loss": ("", "all tokens"), "middle": ("5 3", "middles"), "answer": ("1 3", "answers")}  # dashes, name
MOST_POINTS = 400
TICKS = 8


@dataclass
class Curve:
    """One run: a name, and its log."""

    name: str
    log: list[dict[str, float]]

    def points(self, along: str, of: str) -> list[tuple[float, float]]:
        """Where the log has both, thinned out if it is long."""
        found = [(line[along], line[of]) for line in self.log if along in line and of in line]
        every = max(1, -(-len(found) // MOST_POINTS))
        return found[::every] + (found[-1:] if len(found) % every != 1 and every > 1 else [])


def read(path: Path) -> Curve:
    """A log; the name of the run is that of the file."""
    try:
        log = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines() if line.strip()]
        log = [{**line, "tokens": line["tokens"] / 1e6} for line in log]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{path} is no log of train.py ({type(error).__name__}: {error})") from error
    if not log:
        raise BadInputError(f"{path} is empty: train.py writes a line whenever it saves")
    return Curve(path.name.removesuffix(".log.jsonl"), log)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`."""
    rough = max(high - low, 1e-9) / TICKS
    size = 10.0 ** (len(str(int(rough))) - 1) if rough >= 1 else 0.1
    step = next(s for s in (size / 2, size, size * 2, size * 5, size * 10, size * 20) if s >= rough)
    first = -(-low // step) * step
    return [round(first + i * step, 6) for i in range(int((high - first) / step + 1e-9) + 1)]


def svg(curves: list[Curve], along: str, top: float) -> str:
    """The picture. What lies over `top` is cut off: the first steps say nothing."""
    series = [(c, i, of, [p for p in c.points(along, of) if p[1] <= top]) for i, c in enumerate(curves) for of in LINES]
    series = [s for s in series if s[3]]
    if not series:
        raise BadInputError(f"no point of the logs has a loss of at most {top}")
    every = [p for s in series for p in s[3]]
    right, low, high = max(x for x, _ in every), min(y for _, y in every) - 0.05, max(y for _, y in every)

    def x_of(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / right

    def y_of(y: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - y) / (high - low)

    grey = 'stroke="#888" stroke-opacity="0.35"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Loss by {along}">',
        "<style>text{font:12px system-ui,sans-serif;fill:#777}polyline{fill:none;stroke-width:1.8}</style>",
    ]
    for y in ticks(low, high):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(y):.1f}" y2="{y_of(y):.1f}" {grey}/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y_of(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in ticks(0, right):
        parts.append(f'<text x="{x_of(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    unit = {"tokens": "million tokens", "minutes": "minutes"}[along]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{unit}</text>')
    parts.append(f'<text x="{LEFT - 40}" y="14">loss a token</text>')
    for n, (curve, i, of, points) in enumerate(series):
        look = f'stroke="{COLOURS[i % len(COLOURS)]}"' + (f' stroke-dasharray="{LINES[of][0]}"' if LINES[of][0] else "")
        line = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline {look} points="{line}"/>')
        at = TOP + 14 + 18 * n
        parts.append(f'<line x1="{WIDTH - 236}" x2="{WIDTH - 206}" y1="{at - 4}" y2="{at - 4}" {look} stroke-width="1.8"/>')
        parts.append(
            f'<text x="{WIDTH - 198}" y="{at}">{escape(curve.name)}: {LINES[of][1]}, at last {points[-1][1]:.2f}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", type=Path, nargs="+", help="NAME.log.jsonl of train.py")
    parser.add_argument("--out", type=Path, required=True, help="the SVG to write")
    parser.add_argument("--along", choices=["tokens", "minutes"], default="tokens")
    parser.add_argument("--top", type=float, default=5.0, help="cut off what is higher")
    args = parser.parse_args()
    args.out.write_text(svg([read(path) for path in args.logs], args.along, args.top), encoding="utf8")


if __name__ == "__main__":
    reporting(main)

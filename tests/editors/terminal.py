"""A real terminal for one program: keys go in as a person types them, and what a person would see is read back.

Does not know editors: each `drive_KIND.py` does.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from html import escape
from pathlib import Path

import pyte
from ptyprocess import PtyProcess

COLUMNS, ROWS = 100, 30
#: No step takes this long, even on a machine that does other things.
DEADLINE = 120.0

# What pyte draws or misreads although it draws nothing: device control and other strings, and private modes of `m`,
# `u`, `p` and `q`.
_UNDRAWN = re.compile(
    r"\x1b[P_^X][^\x1b]*(?:\x1b\\)|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[<=>?][0-9;:]*[mupqtn]|\x1b\[[0-9;]*[ !\"$][a-zA-Z]"
)
_UNFINISHED = re.compile(r"\x1b(?:[P_^X\]][^\x07\x1b]*\x1b?|\[[0-9;:<=>?]*[ !\"$]?)?$")


class _Screen(pyte.Screen):
    """A screen that answers: Neovim 0.12 asks its terminal how it is, and waits and complains where it hears nothing."""

    answer: Callable[[str], None] = staticmethod(lambda _: None)

    def write_process_input(self, data: str) -> None:
        self.answer(data)


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path):
        environment = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **environment}
        self.screen = _Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)
        self._held = ""
        self._lock = threading.Lock()
        self.process = PtyProcess.spawn(command, cwd=str(folder), env=environment, dimensions=(ROWS, COLUMNS))
        self.screen.answer = self.type
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        pending = b""
        while True:
            try:
                pending += self.process.read(65536)
            except (EOFError, OSError, ValueError):
                # It ended, or it was closed.
                return
            text = pending.decode(errors="ignore")
            # A character that is cut in two waits for its other half.
            pending = pending[len(text.encode()) :][-3:]
            self._feed(text)

    def _feed(self, text: str) -> None:
        text = _UNDRAWN.sub("", self._held + text)
        unfinished = _UNFINISHED.search(text)
        self._held = unfinished.group() if unfinished else ""
        with self._lock:
            self._stream.feed(text[: len(text) - len(self._held)])

    def type(self, keys: str) -> None:
        """Presses keys: text, and control characters as terminals send them."""
        self.process.write(keys.encode())

    def lines(self) -> list[str]:
        """What is seen, without blanks at the ends."""
        with self._lock:
            return [line.rstrip() for line in self.screen.display]

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines())

    def see(self, text: str, within: float = DEADLINE) -> None:
        """Waits until the text is on the screen."""
        wait_until(lambda: self.shows(text), lambda: f"{text!r} is not on the screen:\n{self}", within)

    def see_no_more(self, text: str, within: float = DEADLINE) -> None:
        wait_until(lambda: not self.shows(text), lambda: f"{text!r} is still on the screen:\n{self}", within)

    def close(self) -> None:
        if self.process.isalive():
            self.process.terminate(force=True)
        # It reads the end, unless somebody else has the terminal still.
        self._reader.join(1)
        self.process.close(force=True)

    def __str__(self) -> str:
        return "\n".join(line for line in self.lines())

    def resize(self, rows: int) -> None:
        with self._lock:
            self.screen.resize(rows, COLUMNS)
        self.process.setwinsize(rows, COLUMNS)

    def svg(self, title: str, rows: int = ROWS) -> str:
        """The screen as a picture, colours and all."""
        with self._lock:
            return _svg(self.screen, title, rows)


def wait_until(
    condition: Callable[[], object], why: Callable[[], str], within: float = DEADLINE, every: float = 0.02
) -> object:
    """Asks again and again until a condition holds, and gives what it gave; fails after a while, saying why."""
    end = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, why()
        time.sleep(every)


_NAMED = {
    "black": "#1d1f21",
    "red": "#cc6666",
    "green": "#b5bd68",
    "brown": "#de935f",
    "blue": "#81a2be",
    "magenta": "#b294bb",
    "cyan": "#8abeb7",
    "white": "#c5c8c6",
    "brightblack": "#707880",
    "brightred": "#cc6666",
    "brightgreen": "#b5bd68",
    "brightbrown": "#f0c674",
    "brightblue": "#81a2be",
    "brightmagenta": "#b294bb",
    "brightcyan": "#8abeb7",
    "brightwhite": "#ffffff",
}
_FOREGROUND, _BACKGROUND = "#c5c8c6", "#14161b"
_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 8.4, 18, 12


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return _NAMED.get(name) or f"#{name}"


def _svg(screen: pyte.Screen, title: str, rows: int) -> str:
    width = screen.columns * _CELL_WIDTH + 2 * _MARGIN
    height = rows * _CELL_HEIGHT + 2 * _MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{_BACKGROUND}"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">',
    ]
    for row in range(rows):
        line = screen.buffer[row]
        column = 0
        while column < screen.columns:
            first = line[column]
            look = (first.fg, first.bg, first.bold, first.italics, first.reverse)
            end = column
            while end < screen.columns:
                cell = line[end]
                if (cell.fg, cell.bg, cell.bold, cell.italics, cell.reverse) != look:
                    break
                end += 1
            out += _run(row, column, "".join(line[at].data for at in range(column, end)), look)
            column = end
    x, y = _MARGIN + screen.cursor.x * _CELL_WIDTH, _MARGIN + screen.cursor.y * _CELL_HEIGHT
    out.append(f'<rect x="{x:.1f}" y="{y}" width="2" height="{_CELL_HEIGHT}" fill="{_FOREGROUND}"/>')
    return "\n".join(out + ["</g>", "</svg>", ""])


def _run(row: int, column: int, text: str, look: tuple[str, str, bool, bool, bool]) -> list[str]:
    """One run of cells that look alike."""
    fg, bg, bold, italics, reverse = look
    ink, paper = _colour(fg, _FOREGROUND), _colour(bg, _BACKGROUND)
    if reverse:
        ink, paper = paper, ink
    x, y = _MARGIN + column * _CELL_WIDTH, _MARGIN + row * _CELL_HEIGHT
    width = len(text) * _CELL_WIDTH
    out = []
    if paper != _BACKGROUND:
        out.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_CELL_HEIGHT}" fill="{paper}"/>')
    if text.strip():
        # Blanks at the beginning are not drawn everywhere.
        x += (len(text) - len(text.lstrip())) * _CELL_WIDTH
        text = text.strip()
        style = (' font-weight="bold"' if bold else "") + (' font-style="italic"' if italics else "")
        length = len(text) * _CELL_WIDTH
        out.append(
            f'<text x="{x:.1f}" y="{y + 14}" xml:space="preserve" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
            f' fill="{ink}"{style}>{escape(text)}</text>'
        )
    return out


def home(folder: Path) -> dict[str, str]:
    """The environment of a new user: nothing of this one's."""
    for name in ("config", "data", "state", "cache", "run"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    kept = {
        name: os.environ[name] for name in ("PATH", "TMPDIR", "CODESAGE_CACHE", "CODESAGE_CONFIG") if name in os.environ
    }
    return kept | {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "CODESAGE_STATE": str(folder / "state" / "codesage"),
    }

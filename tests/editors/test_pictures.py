"""Pictures of real editors for the READMEs: `-k current --pictures editors` writes them, and else this only looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Start
from editor import ESCAPE
from installed import Installed

pytestmark = pytest.mark.only("neovim", "vim")

TEXT = """class Basket:
    def __init__(self, owner):
        self.owner = owner
        self.prices = []

    def add(self, price):
        self.prices.append(price)

"""
ROWS = 18
FOLDERS = {"neovim": "nvim", "vim": "vim"}


def test_a_picture_is_taken(start: Start, installed: Installed, request: pytest.FixtureRequest) -> None:
    if installed.lacks_ghost_text:
        pytest.skip(installed.lacks_ghost_text)
    one = start("basket.py", TEXT, "picture")
    one.terminal.resize(ROWS)
    one.show_status()
    one.command("set termguicolors background=dark")
    one.type(f"{ESCAPE}Go    def total(self):")
    one.see("return sum(self.prices)")
    folder: Path | None = request.config.getoption("--pictures")
    if folder:
        title = f"{installed.name.split(' (')[0]} {installed.version} with ghost text of CodeSage"
        place = folder / FOLDERS[installed.family] / "ghost-text.svg"
        place.write_text(one.terminal.svg(title, ROWS))

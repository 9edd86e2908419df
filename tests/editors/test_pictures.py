"""Pictures of real editors for the READMEs: `--pictures FOLDER` writes them, and without it this only looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Start
from editor import ESCAPE
from installed import Installed

TEXT = '''class Basket:
    def __init__(self, owner):
        self.owner = owner
        self.prices = []

    def add(self, price):
        self.prices.append(price)

'''
ROWS = 18


@pytest.mark.feature("a picture")
def test_a_picture_is_taken(start: Start, installed: Installed, request: pytest.FixtureRequest) -> None:
    one = start("basket.py", TEXT, "picture")
    one.terminal.resize(ROWS)
    one.show_status()
    one.type(f"{ESCAPE}Go    def total(self):")
    one.see("return sum(self.prices)")
    folder: Path | None = request.config.getoption("--pictures")
    if folder:
        name = installed.name.lower().replace(" (", "-").rstrip(")")
        title = f"{installed.name.split(' (')[0]} {installed.version} with ghost text of CodeSage"
        (folder / f"{name}.svg").write_text(one.terminal.svg(title, ROWS))

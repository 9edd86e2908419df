"""What the READMEs tell a newcomer to paste, pasted by a newcomer: nothing else is configured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import editor as driver
from conftest import VALUE
from installed import REPOSITORY, Installed, vim_lsp

pytestmark = pytest.mark.only("neovim", "vim")

PLACES = {"neovim": "editors/nvim/README.md", "vim": "editors/vim/README.md"}


def recipe(readme: str, name: str) -> str:
    text = (REPOSITORY / readme).read_text()
    found = re.search(rf"<!-- recipe: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found, f"{readme} has no recipe {name}"
    return found.group(1)


def test_the_front_page_says_the_same() -> None:
    front = (REPOSITORY / "README.md").read_text()
    assert recipe(PLACES["neovim"], "plain") in front
    # There without the keys that not everybody wants.
    three = recipe(PLACES["vim"], "plugin").splitlines(keepends=True)[:3]
    assert "".join(three) in front


@pytest.fixture
def newcomer(installed: Installed, server: Path, models: Path, tmp_path: Path) -> Iterator[driver.Editor]:
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    one = driver.start(installed, tmp_path, server, models / "fill.gguf")
    (tmp_path / "codesage").symlink_to(REPOSITORY)
    if vim_lsp():
        (tmp_path / "vim-lsp").symlink_to(vim_lsp())
    yield one
    one.close()


def suggestion_is_taken(one: driver.Editor) -> None:
    one.write("a.py", "x = 1\n")
    one.open("a.py")
    one.until_ready()
    one.type("Goy = ")
    one.take_suggestion(f"y = {VALUE}")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("the recipe of its README")
def test_the_recipe_with_the_plugin_is_all_it_takes(newcomer: driver.Editor, installed: Installed) -> None:
    newcomer.configure(recipe(PLACES[installed.family], "plugin"))
    suggestion_is_taken(newcomer)


@pytest.mark.only("neovim")
@pytest.mark.feature("six lines and no plugin")
def test_six_lines_are_all_it_takes(newcomer: driver.Editor, installed: Installed) -> None:
    if not installed.at_least(0, 12):
        pytest.skip("Neovim has inline completion since 0.12")
    text = recipe(PLACES["neovim"], "plain")
    assert len(text.splitlines()) == 6
    newcomer.configure(text)
    suggestion_is_taken(newcomer)

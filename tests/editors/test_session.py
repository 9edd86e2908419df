"""The server beside the editor: attached, killed, and started again; and what a new user finds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import editor as driver
from conftest import BLOCK, VALUE, Start
from editor import ENTER, ESCAPE, MENU, TAKE_ITEM, Editor, has_ended
from installed import REPOSITORY, Installed
from terminal import wait_until

pytestmark = pytest.mark.only("neovim", "vim")


@pytest.mark.feature("attach")
def test_the_server_is_attached_by_the_configuration_alone(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    assert len(one.server_pids()) == 1


@pytest.mark.feature("restart after the server died")
def test_a_server_that_was_killed_is_started_again(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (old,) = one.server_pids()
    os.kill(old, signal.SIGKILL)

    def is_up_again() -> bool:
        # Neovim says that it died, and waits for Enter where its words are longer than the line.
        if one.terminal.shows("Press ENTER"):
            one.type(ENTER)
            return False
        return one.server_pids() not in ([], [old])

    wait_until(is_up_again, lambda: f"no server:\n{one.terminal}", every=0.3)
    one.until_ready()
    one.type(f"{ESCAPE}Goy = ")
    one.take_suggestion(f"y = {VALUE}")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("restart by command")
def test_the_server_is_started_anew_by_the_command(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (old,) = one.server_pids()
    one.command("AI restart")
    wait_until(lambda: one.server_pids() and one.server_pids() != [old], lambda: f"none:\n{one.terminal}\n{one.log()}")
    one.until_ready()
    # Neither the plugin nor the editor takes it for a crash.
    assert not re.search(r"died|\bquit\b", one.log()), one.log()


@pytest.mark.feature("another model without a restart")
def test_another_model_answers_in_the_same_session(start: Start, models: Path) -> None:
    one = start("a.py", "x = 1\n", "prose")
    (pid,) = one.server_pids()
    (one.folder / "models").mkdir()
    shutil.copy(models / "fill.gguf", one.folder / "models" / "mine.gguf")
    one.type(f"{ESCAPE}:AI model mi\t")
    one.see(":AI model mine")
    one.type(ENTER)
    one.hear("fill is ready")
    one.type(f"{ESCAPE}Goy = ")
    one.take_suggestion(f"y = {VALUE}")
    one.has_lines("x = 1", f"y = {VALUE}")
    assert one.server_pids() == [pid]


@pytest.mark.feature("the server ends with the editor")
def test_the_server_ends_with_the_editor(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (pid,) = one.server_pids()
    one.command("qall!")

    wait_until(lambda: has_ended(pid), lambda: f"process {pid} lives on")


@pytest.mark.feature("statusline")
def test_the_statusline_says_that_it_is_there(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.show_status()
    one.see("[AI]")


@pytest.mark.feature("help")
def test_help_is_found(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.command("help codesage")
    one.see("CodeSage is a language server with")
    one.command("help :AI")
    one.see("AI {word} [more]")


@pytest.mark.only("neovim")
@pytest.mark.feature(":checkhealth")
def test_checkhealth_finds_all_in_order(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.command("checkhealth codesage")
    one.see("codesage 0.")
    one.see("model")
    assert not one.terminal.shows("ERROR"), one.terminal
    one.type("/The doctor\r")
    one.see("codesage doctor")


@pytest.mark.only("neovim")
def test_checkhealth_by_the_command_line_knows_its_own_keys(start: Start, tmp_path: Path) -> None:
    one = start("a.py", "x = 1\n")
    told = tmp_path / "told"
    # Before `VimEnter`, at which keys are mapped.
    command = [*one.installed.command, "--headless", "+checkhealth codesage", f"+write! {told}", "+qall!"]
    subprocess.run(command, env=one.environment, cwd=one.workspace, stdin=subprocess.DEVNULL, check=True, timeout=600)
    text = told.read_text()
    assert "<Tab>: accept" in text, text
    assert "something else" not in text, text


@pytest.mark.only("vim")
def test_without_vim_lsp_it_says_so(
    installed: Installed, server: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    one = driver.start(installed, tmp_path, server, None)
    request.addfinalizer(one.close)
    one.write("a.py", "x = 1\n")
    plugin = REPOSITORY / "editors" / "vim"
    one.configure(f"set nocompatible runtimepath^={plugin}\nfiletype plugin on\n")
    one.open("a.py")
    for word in ["document", "fix", "restart", "stats", ""]:
        one.command("echo ''")
        one.command(f"AI {word}")
        one.see("vim-lsp is not loaded: github.com/prabirshrestha/vim-lsp")
        assert not one.terminal.shows("E117"), one.terminal


def open_menu(one: Editor) -> None:
    one.type(MENU)
    wait_until(one.menu_is_open, lambda: f"no menu:\n{one.terminal}")


@pytest.mark.feature("completion menu")
def test_an_item_of_the_menu_is_inserted(start: Start) -> None:
    one = start("a.py", "x = 1\n", menu=True)
    one.type("Goy = ")
    open_menu(one)
    one.type(TAKE_ITEM)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("completion menu, several lines")
def test_an_item_of_several_lines_is_inserted_whole(start: Start, installed: Installed) -> None:
    if installed.family == "neovim" and not installed.at_least(0, 11):
        pytest.skip("the menu of Neovim before 0.11 completes a line at a time")
    if installed.family == "vim" and not installed.at_least(9, 1, 1086):
        pytest.xfail("vim-lsp inserts an item that begins with a line break as it stands in Vim before 9.1.1086")
    one = start("a.py", "x = 1\n\n", menu=True)
    one.type("Godef total(prices):")
    open_menu(one)
    one.type(TAKE_ITEM)
    one.has_lines("x = 1", "", *("def total(prices):" + BLOCK).split("\n"))

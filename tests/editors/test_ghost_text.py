"""Ghost text: seen on the screen and not in the text, then taken whole or in pieces."""

from __future__ import annotations

import pytest

from conftest import BLOCK, OPEN, VALUE, Start
from editor import ACCEPT, ESCAPE, NEXT
from terminal import wait_until

pytestmark = [pytest.mark.only("neovim", "vim"), pytest.mark.usefixtures("ghost_text")]


@pytest.mark.feature("ghost text is shown")
def test_ghost_text_is_seen_and_is_not_in_the_text(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("accept several lines")
def test_several_lines_are_seen_and_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n\n")
    one.type(f"Go{OPEN}")
    one.see("    return one(alpha)")
    assert one.lines()[-1] == OPEN
    one.type(ACCEPT)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))
    one.type(".")
    one.has_lines("x = 1", "", *(OPEN + BLOCK + ".").split("\n"))


@pytest.mark.feature("gone outside Insert mode")
def test_it_goes_with_insert_mode(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    one.type(ESCAPE)
    one.see_no_more(VALUE)
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("a key is itself where nothing is shown")
def test_tab_is_tab_where_nothing_is_shown(start: Start) -> None:
    one = start("a.txt", "x\n")
    one.type(f"Go{ACCEPT}z")
    one.has_lines("x", "\tz")


@pytest.mark.feature("CRLF file")
def test_a_file_with_crlf_keeps_its_line_ends(start: Start) -> None:
    one = start("a.py", "x = 1\r\n\r\n")
    one.type(f"Go{OPEN}")
    one.see("    return one(alpha)")
    one.type(ACCEPT)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))
    one.command("write")
    written = (one.workspace / "a.py").read_bytes
    wanted = ("x = 1\n\n" + OPEN + BLOCK + "\n").replace("\n", "\r\n").encode()
    wait_until(lambda: written() == wanted, lambda: f"written: {written()!r}\n  wanted: {wanted!r}")


@pytest.mark.feature("between brackets")
def test_what_the_editor_closed_is_not_doubled(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    # As a plugin that closes pairs leaves it: the cursor before the bracket.
    one.type(f"Goprint(y = ){ESCAPE}i")
    one.see(f"print(y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"print(y = {VALUE})")


@pytest.mark.feature("the built-in model")
def test_the_built_in_model_suggests(start: Start) -> None:
    begun = "        self.y = "
    text = f"class Point:\n    def __init__(self, x, y):\n        self.x = x\n{begun}\n"
    one = start("a.py", text, model=None)
    one.type("GA")

    def suggested() -> bool:
        # What is asked for by hand is answered, sure or not; what the editor asks for by itself is not always.
        one.type(NEXT)
        return any(line.startswith(begun) and len(line) > len(begun) for line in one.terminal.lines())

    wait_until(suggested, lambda: f"nothing is suggested:\n{one.terminal}", every=1.0)
    one.type(ACCEPT)
    wait_until(lambda: len(one.lines()[3]) > len(begun), lambda: repr(one.lines()))


@pytest.mark.feature("comes by itself when the server can")
def test_it_is_asked_for_again_when_the_server_is_free(start: Start) -> None:
    one = start("a.py", "x = 1\n")

    def run(command: str) -> object:
        return one.ask("workspace/executeCommand", {"command": f"codesage.{command}", "arguments": []})

    run("toggle")
    one.type("Goy = ")
    wait_until(
        lambda: one.ask("codesage/stats", {})["completion"]["requested"],  # type: ignore[index]
        lambda: f"nothing was asked for:\n{one.terminal}",
    )
    run("toggle")
    # Busy and free again, as a model that was loaded; no key is pressed.
    run("explain")
    one.see(f"y = {VALUE}")
    assert one.lines() == ["x = 1", "y = "]

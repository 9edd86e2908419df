"""Ghost text: seen on the screen and not in the text, then taken whole or in pieces."""

from __future__ import annotations

import pytest

from conftest import BLOCK, VALUE, Start
from editor import ACCEPT, DISMISS, ESCAPE, LINE, NEXT, WORD
from installed import Installed
from terminal import wait_until

pytestmark = pytest.mark.only("neovim", "vim")

OPEN = "def total(prices):"


@pytest.fixture(autouse=True)
def _with_virtual_text(installed: Installed) -> None:
    if installed.lacks_ghost_text:
        pytest.skip(installed.lacks_ghost_text)


@pytest.mark.feature("ghost text is shown")
def test_ghost_text_is_seen_and_is_not_in_the_text(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("accept the whole")
def test_a_line_is_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")
    assert one.cursor() == (2, 5 + len(VALUE))


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


@pytest.mark.feature("accept a line")
def test_a_line_of_several_is_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n\n")
    one.type(f"Go{OPEN}")
    one.see("    return one(alpha)")
    one.type(LINE)
    one.has_lines("x = 1", "", OPEN, "    log(prices)")
    one.see("    return one(alpha)")
    one.type(LINE)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))


@pytest.mark.feature("accept a word")
def test_words_are_accepted_one_by_one(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    one.type(WORD)
    one.has_lines("x = 1", "y = beta")
    one.see(f"y = {VALUE}")
    one.type(WORD)
    one.has_lines("x = 1", "y = beta(")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("type along it")
def test_typing_along_keeps_it_and_taking_it_doubles_nothing(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    # Both at once: whoever is asked again has not answered yet.
    one.type("be" + ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("dismiss")
def test_it_is_dismissed(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    one.type(DISMISS)
    one.see_no_more(VALUE)
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("ask for another")
def test_it_is_asked_for_by_hand(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    one.type(DISMISS)
    one.see_no_more(VALUE)
    one.type(NEXT)
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("taken back by one undo")
def test_undo_takes_back_the_suggestion_and_not_what_was_typed(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Goy = ")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")
    one.type(f"{ESCAPE}u")
    one.has_lines("x = 1", "y = ")


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


@pytest.mark.feature("right of non-ASCII text")
def test_right_of_wide_characters(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type("Gos = 'é😀'; y = ")
    one.see(VALUE)
    one.type(ACCEPT)
    one.has_lines("x = 1", f"s = 'é😀'; y = {VALUE}")


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

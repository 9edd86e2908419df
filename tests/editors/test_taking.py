"""Ghost text where it is taken alike, whatever the keys for a new line and for undo: in Neovim, Vim and Emacs."""

from __future__ import annotations

import pytest

from conftest import BLOCK, OPEN, VALUE, Start
from editor import ACCEPT, DISMISS, LINE, NEXT, WORD

pytestmark = [pytest.mark.only("neovim", "vim", "emacs"), pytest.mark.usefixtures("ghost_text")]


@pytest.mark.feature("accept the whole")
def test_a_line_is_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{one.new_line}y = ")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")
    assert one.cursor() == (2, 5 + len(VALUE))


@pytest.mark.feature("accept a line")
def test_a_line_of_several_is_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n\n")
    one.type(f"{one.new_line}{OPEN}")
    one.see("    return one(alpha)")
    one.type(LINE)
    one.has_lines("x = 1", "", OPEN, "    log(prices)")
    one.see("    return one(alpha)")
    one.type(LINE)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))


@pytest.mark.feature("accept a word")
def test_words_are_accepted_one_by_one(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{one.new_line}y = ")
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
    one.type(f"{one.new_line}y = ")
    one.see(f"y = {VALUE}")
    # Both at once: whoever is asked again has not answered yet.
    one.type("be" + ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("dismiss")
def test_it_is_dismissed(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{one.new_line}y = ")
    one.see(f"y = {VALUE}")
    one.type(DISMISS)
    one.see_no_more(VALUE)
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("ask for another")
def test_it_is_asked_for_by_hand(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{one.new_line}y = ")
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
    one.type(f"{one.new_line}y = ")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")
    one.type(one.undo)
    one.has_lines("x = 1", "y = ")


@pytest.mark.feature("right of non-ASCII text")
def test_right_of_wide_characters(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{one.new_line}s = 'é😀'; y = ")
    one.see(VALUE)
    one.type(ACCEPT)
    one.has_lines("x = 1", f"s = 'é😀'; y = {VALUE}")

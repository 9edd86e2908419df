"""Actions: from a command that is typed to the text as it is afterwards."""

from __future__ import annotations

import pytest

from conftest import AFTER, LONG, LOOP, Start
from editor import ENTER, ESCAPE, Editor
from installed import Installed
from terminal import wait_until

pytestmark = pytest.mark.only("neovim", "vim")


def is_said(one: Editor) -> bool:
    """Whether there is a message of ours; vim-lsp writes the name in small letters."""
    return "codesage: " in str(one.terminal).lower()


@pytest.mark.feature("an action's edit is applied")
def test_a_function_is_rewritten(start: Start) -> None:
    one = start("a.py", f"# 1é😀\n\n\n{LOOP}\n\nprint(total([1]))\n", "rewrite")
    one.command("6")
    one.command("AI refactor")
    one.has_lines("# 1é😀", "", "", *AFTER, "", "", "print(total([1]))")


@pytest.mark.feature("an action on selected lines")
def test_selected_lines_are_rewritten(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.type(f"{ESCAPE}ggVG:AI edit use sum{ENTER}")
    one.has_lines(*AFTER)


@pytest.mark.feature("an edit is one undo step")
def test_an_edit_is_taken_back_by_one_u(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.command("AI refactor")
    one.has_lines(*AFTER)
    one.type(f"{ESCAPE}u")
    one.has_lines(*LOOP.splitlines())


@pytest.mark.feature("an edit is taken back by command")
def test_an_edit_is_taken_back_by_the_command(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.command("AI refactor")
    one.has_lines(*AFTER)
    # Said when the server has seen the text that it made.
    one.hear("Applied")
    one.command("AI undo")
    one.has_lines(*LOOP.splitlines())


@pytest.mark.feature("an edit of a CRLF file")
def test_an_edit_keeps_crlf(start: Start) -> None:
    one = start("a.py", LOOP.replace("\n", "\r\n"), "rewrite")
    one.command("AI refactor")
    one.has_lines(*AFTER)
    one.command("write")
    wanted = "".join(f"{line}\r\n" for line in AFTER).encode()
    wait_until(lambda: (one.workspace / "a.py").read_bytes() == wanted, lambda: repr(one.lines()))


@pytest.mark.feature("an explanation is shown")
def test_an_explanation_is_shown_and_the_text_stays(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("AI explain")
    one.see("It adds the prices and gives the sum.")
    assert one.lines() == LOOP.splitlines()


@pytest.mark.feature("progress is shown")
def test_progress_is_seen_while_an_action_runs(start: Start) -> None:
    one = start("a.py", LONG, "endless")
    one.show_status()
    one.command("AI explain")
    one.see("AI: Explaining")
    one.see("tokens")
    one.command("AI cancel")
    one.see_no_more("AI: Explaining")


@pytest.mark.feature("an action is cancelled")
def test_an_action_is_cancelled_and_changes_nothing(start: Start) -> None:
    one = start("a.py", LONG, "endless")
    one.show_status()
    one.command("AI refactor")
    one.see("AI: Refactoring")
    one.command("AI cancel")
    one.hear("ancelled")
    one.see_no_more("AI: Refactoring")
    assert one.lines() == LONG.splitlines()


@pytest.mark.feature("a refusal is said")
def test_what_cannot_be_done_is_said(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("AI refactor")
    one.hear("The change would add")
    assert one.lines() == LOOP.splitlines()


@pytest.mark.feature("a change is shown first")
def test_a_change_is_shown_and_then_applied(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.write("codesage.toml", '[edits]\nconfirm = "always"\n')
    one.command("AI reload")
    one.command("AI refactor")
    one.see("@@ -1,5 +1,2 @@")
    one.see("nothing is changed yet: :AI apply, or :AI discard")
    assert AFTER[1] not in (one.workspace / "a.py").read_text()
    one.command("AI apply")
    one.has_lines(*AFTER)


@pytest.mark.feature("findings of a review")
def test_findings_stand_beside_their_lines(start: Start) -> None:
    one = start("a.py", LOOP, "review")
    one.command("AI review")
    one.see("is not needed: sum does it")
    found = ["`result = 0` is not needed: sum does it."]
    wait_until(lambda: one.diagnostics() == found, lambda: f"{one.diagnostics()}\n{one.terminal}")


@pytest.mark.feature("an action of the built-in model")
def test_the_built_in_model_answers_an_action(start: Start) -> None:
    one = start("a.py", LOOP, model=None)
    one.command("AI document")
    # What it writes is its own affair; that something is said of it is ours.
    wait_until(
        lambda: one.lines() != LOOP.splitlines() or is_said(one),
        lambda: f"nothing happened:\n{one.terminal}",
    )


@pytest.mark.feature("figures and reasons")
def test_stats_and_why_are_shown(start: Start, installed: Installed) -> None:
    if installed.lacks_ghost_text:
        pytest.skip("there are none yet where nothing was suggested")
    one = start("a.py", "x = 1\n", "fill")
    one.type("Goy = ")
    one.see("beta(one, two)")
    one.command("AI why")
    one.see("ok.")
    one.type(f"{ESCAPE}\x17jq")
    one.command("AI stats")
    one.see("completion.accepted")
    one.type(f"{ESCAPE}\x17jq")
    one.command("AI context")
    one.see("What the model is shown")


@pytest.mark.feature("the doctor")
def test_the_doctor_is_asked(start: Start) -> None:
    one = start("a.py", "x = 1\n", "fill")
    one.command("AI doctor")
    one.see("# CodeSage: ")


@pytest.mark.feature("words of :AI are completed")
def test_the_command_line_completes_its_words(start: Start) -> None:
    one = start("a.py", "x = 1\n", "fill")
    one.type(f"{ESCAPE}:AI exp\t")
    one.see(":AI explain")
    one.type(ESCAPE)

"""Emacs, with each of its clients: the features of the table, by the keys that its users press."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from conftest import AFTER, BLOCK, LONG, LOOP, OPEN, VALUE, Start
from drive_emacs import COMPLETE, END, UNDO, Emacs
from editor import ACCEPT, NEXT, Editor, has_ended
from terminal import wait_until

pytestmark = pytest.mark.only("emacs")


@pytest.mark.feature("an action's edit is applied")
def test_a_function_is_rewritten(start: Start) -> None:
    one = start("a.py", f"# 1é😀\n\n\n{LOOP}\n\nprint(total([1]))\n", "rewrite")
    one.go_to(6)
    one.command("codesage-refactor")
    one.has_lines("# 1é😀", "", "", *AFTER, "", "", "print(total([1]))")


@pytest.mark.feature("an action on selected lines")
def test_selected_lines_are_rewritten(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.type("\x18h")
    one.command("codesage-edit use sum")
    one.has_lines(*AFTER)


@pytest.mark.feature("an edit is one undo step")
def test_an_edit_is_taken_back_by_one_undo(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.command("codesage-refactor")
    one.has_lines(*AFTER)
    one.type(UNDO)
    one.has_lines(*LOOP.splitlines())


@pytest.mark.feature("an edit is taken back by command")
def test_an_edit_is_taken_back_by_the_command(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.command("codesage-refactor")
    one.has_lines(*AFTER)
    # Said when the server has seen the text that it made.
    one.hear("Applied")
    one.command("codesage-undo")
    one.has_lines(*LOOP.splitlines())


@pytest.mark.feature("a change is shown first")
def test_a_change_that_is_shown_first_is_applied(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.write("codesage.toml", '[edits]\nconfirm = "always"\n')
    one.command("codesage-reload")
    one.command("codesage-refactor")
    wait_until(
        lambda: one.terminal.shows("+    return sum(prices)"), lambda: f"not shown:\n{one.terminal}\n{one.log()}"
    )
    assert one.lines() == LOOP.splitlines()
    one.command("codesage-apply")
    one.has_lines(*AFTER)


@pytest.mark.feature("findings of a review")
def test_findings_are_listed(start: Start) -> None:
    one = start("a.py", LOOP, "review")
    one.command("codesage-review")
    one.see("is not needed: sum does it")
    finding = "`result = 0` is not needed: sum does it."
    if one.client == "lsp-mode":
        texts = (
            "(let (all) (maphash (lambda (_ some) (mapc (lambda (one) (push (lsp:diagnostic-message one) all)) some))"
        )
        texts += " (lsp-diagnostics)) all)"
    else:
        one.eval("(progn (flymake-mode 1) t)")
        texts = "(mapcar #'flymake-diagnostic-text (flymake-diagnostics))"
    wait_until(lambda: finding in str(one.eval(texts)), lambda: f"{one.eval(texts)}\n{one.terminal}")


@pytest.mark.feature("an edit of a CRLF file")
def test_an_edit_keeps_crlf(start: Start) -> None:
    one = start("a.py", LOOP.replace("\n", "\r\n"), "rewrite")
    one.command("codesage-refactor")
    one.has_lines(*AFTER)
    one.type("\x18\x13")
    wanted = "".join(f"{line}\r\n" for line in AFTER).encode()
    wait_until(lambda: (one.workspace / "a.py").read_bytes() == wanted, lambda: repr(one.lines()))


@pytest.mark.feature("an explanation is shown")
def test_an_explanation_is_shown_and_the_text_stays(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("codesage-explain")
    one.see("It adds the prices and gives the sum.")
    assert one.lines() == LOOP.splitlines()


@pytest.mark.feature("progress is shown")
def test_progress_is_seen_while_an_action_runs(start: Start) -> None:
    one = start("a.py", LONG, "endless")
    one.show_status()
    one.command("codesage-explain")
    one.see("AI: Explaining")
    one.see("tokens")
    one.command("codesage-cancel")
    one.see_no_more("AI: Explaining")


@pytest.mark.feature("an action is cancelled")
def test_an_action_is_cancelled_and_changes_nothing(start: Start) -> None:
    one = start("a.py", LONG, "endless")
    one.show_status()
    one.command("codesage-refactor")
    one.see("AI: Refactoring")
    one.command("codesage-cancel")
    one.hear("ancelled")
    one.see_no_more("AI: Refactoring")
    assert one.lines() == LONG.splitlines()


@pytest.mark.feature("a refusal is said")
def test_what_cannot_be_done_is_said(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("codesage-refactor")
    one.hear("The change would add")
    assert one.lines() == LOOP.splitlines()


@pytest.mark.feature("an action of the built-in model")
def test_the_built_in_model_answers_an_action(start: Start) -> None:
    one = start("a.py", LOOP, model=None)
    one.command("codesage-document")
    # What it writes is its own affair; that something is said of it is ours.
    wait_until(
        lambda: one.lines() != LOOP.splitlines() or one.terminal.shows("CodeSage: "),
        lambda: f"nothing happened:\n{one.terminal}",
    )


@pytest.mark.feature("figures and reasons")
def test_stats_and_why_are_shown(start: Start) -> None:
    one = start("a.py", "x = 1\n", "fill")
    one.type(f"{END}y = ")
    one.see("beta(one, two)")
    one.command("codesage-why")
    one.see("ok.")
    # In words, too.
    shown = str(one.eval('(with-current-buffer "*CodeSage*" (buffer-string))'))
    assert re.search(r"^ok\.\w+ .* ms  (newly|answered)", shown, re.MULTILINE), shown
    one.command("codesage-stats")
    one.see("completion.accepted")
    one.command("codesage-context")
    one.see("What the model is shown")


def stands_behind(one: Editor, text: str) -> None:
    """Waits until the cursor stands right of the text, and so before what is suggested."""

    def stands() -> bool:
        cursor = one.terminal.screen.cursor
        # There may be a margin left of it.
        return one.terminal.lines()[cursor.y].find(text.rstrip()) + len(text) == cursor.x

    wait_until(stands, lambda: f"column {one.terminal.screen.cursor.x}\n{one.terminal}")


@pytest.mark.feature("ghost text is shown")
def test_ghost_text_is_seen_and_is_not_in_the_text(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{END}y = ")
    one.see(f"y = {VALUE}")
    assert one.lines() == ["x = 1", "y = "]
    stands_behind(one, "y = ")


@pytest.mark.feature("accept several lines")
def test_several_lines_are_seen_and_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n\n")
    one.type(f"{END}{OPEN}")
    one.see("    return one(alpha)")
    assert one.lines()[-1] == OPEN
    stands_behind(one, OPEN)
    one.type(ACCEPT)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))
    one.type(".")
    one.has_lines("x = 1", "", *(OPEN + BLOCK + ".").split("\n"))


@pytest.mark.feature("gone when the cursor moves away")
def test_it_goes_when_point_moves(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type(f"{END}y = ")
    one.see(f"y = {VALUE}")
    one.type("\x10")
    one.see_no_more(VALUE)
    assert one.lines() == ["x = 1", "y = "]


def test_what_is_asked_is_cancelled_when_point_moves(start: Start) -> None:
    one = start("a.py", "x = 1\n", "endless")

    def is_cancelled() -> bool:
        one.type(f"{END}z = ")
        wait_until(lambda: one.eval("(and codesage--asked t)"), lambda: f"nothing is asked:\n{one.terminal}")
        one.type("\x1b<")
        count = """
            (plist-get (plist-get (codesage--wait (codesage--connection) "codesage/stats" codesage--nothing)
                                  :completion) :cancelled)
        """
        return int(one.eval(count)) > 0  # type: ignore[call-overload]

    # Unless it is answered sooner.
    wait_until(is_cancelled, lambda: f"nothing is cancelled:\n{one.terminal}")


@pytest.mark.feature("a key is itself where nothing is shown")
def test_a_key_is_itself_where_nothing_is_shown(start: Start) -> None:
    one = start("a.py", "x = 1\n", menu=True)
    one.type("\x1b<\x05y")
    one.has_lines("x = 1y")


@pytest.mark.feature("CRLF file")
def test_a_file_with_crlf_keeps_its_line_ends(start: Start) -> None:
    one = start("a.py", "x = 1\r\n\r\n")
    one.type(f"{END}{OPEN}")
    one.see("    return one(alpha)")
    one.type(ACCEPT)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))
    one.type("\x18\x13")
    written = (one.workspace / "a.py").read_bytes
    wanted = ("x = 1\n\n" + OPEN + BLOCK).replace("\n", "\r\n").encode()
    wait_until(
        lambda: written().removesuffix(b"\r\n") == wanted, lambda: f"written: {written()!r}\n  wanted: {wanted!r}"
    )


@pytest.mark.feature("between brackets")
def test_what_the_editor_closed_is_not_doubled(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.eval("(progn (electric-pair-mode 1) t)")
    one.type(f"{END}print(y = ")
    one.see(f"print(y = {VALUE}")
    assert one.lines() == ["x = 1", "print(y = )"]
    one.type(ACCEPT)
    one.has_lines("x = 1", f"print(y = {VALUE})")


@pytest.mark.feature("the built-in model")
def test_the_built_in_model_suggests(start: Start) -> None:
    begun = "        self.y = "
    text = f"class Point:\n    def __init__(self, x, y):\n        self.x = x\n{begun}\n"
    one = start("a.py", text, model=None)
    one.go_to(4)
    one.type("\x05")

    def suggested() -> bool:
        # What is asked for by hand is answered, sure or not; what the editor asks for by itself is not always.
        one.type(NEXT)
        return any(begun in line and not line.endswith(begun.rstrip()) for line in one.terminal.lines())

    wait_until(suggested, lambda: f"nothing is suggested:\n{one.terminal}", every=1.0)
    one.type(ACCEPT)
    wait_until(lambda: len(one.lines()[3]) > len(begun), lambda: repr(one.lines()))


@pytest.mark.feature("comes by itself when the server can")
def test_it_is_asked_for_again_when_the_server_is_free(start: Start) -> None:
    one = start("a.py", "x = 1\n")

    def run(command: str) -> None:
        one.eval(f'(progn (codesage--ask-server "{command}" nil #\'ignore) t)')

    run("toggle")
    one.type(f"{END}y = ")
    wait_until(lambda: one.eval("(and codesage--in-vain t)"), lambda: f"nothing was asked for:\n{one.terminal}")
    run("toggle")
    # Busy and free again, as a model that was loaded; no key is pressed.
    run("explain")
    one.see(f"y = {VALUE}")
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("attach")
def test_the_server_is_attached_by_the_configuration_alone(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    assert len(one.server_pids()) == 1


@pytest.mark.feature("restart after the server died")
def test_a_server_that_was_killed_is_started_again(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (old,) = one.server_pids()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: one.server_pids() not in ([], [old]), lambda: f"no server:\n{one.terminal}", every=0.3)
    one.until_ready()
    one.type(f"{END}y = ")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("restart by command")
def test_the_server_is_started_anew_by_the_command(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (old,) = one.server_pids()
    one.command("codesage-restart")
    wait_until(lambda: one.server_pids() and one.server_pids() != [old], lambda: f"none:\n{one.terminal}\n{one.log()}")
    one.until_ready()


@pytest.mark.feature("another model without a restart")
def test_another_model_answers_in_the_same_session(start: Start, models: Path) -> None:
    one = start("a.py", "x = 1\n", "prose")
    (pid,) = one.server_pids()
    (one.folder / "models").mkdir()
    shutil.copy(models / "fill.gguf", one.folder / "models" / "mine.gguf")
    # Of the names that there are, by the beginning of one.
    one.command("codesage-model mi\t")
    one.hear("fill is ready")
    one.type(f"{END}y = ")
    one.see(f"y = {VALUE}")
    one.type(ACCEPT)
    one.has_lines("x = 1", f"y = {VALUE}")
    assert one.server_pids() == [pid]


@pytest.mark.feature("the server ends with the editor")
def test_the_server_ends_with_the_editor(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (pid,) = one.server_pids()
    one.type("\x18\x03")

    wait_until(lambda: has_ended(pid), lambda: f"process {pid} lives on")


@pytest.mark.feature("statusline")
def test_the_mode_line_says_that_it_is_there(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.show_status()
    one.see("[AI]")


@pytest.mark.feature("M-x codesage-doctor")
def test_the_doctor_finds_all_in_order(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.command("codesage-doctor")
    one.see("codesage 0.")
    one.see("model")
    assert not one.terminal.shows("WRONG"), one.terminal


def take_item(one: Emacs) -> None:
    """Has the one item of the menu inserted, as those who have this client do it."""
    if not one.client:
        pytest.skip("ghost text and actions only; completion-at-point is for Eglot and lsp-mode")
    if one.client == "Eglot":
        return one.type(COMPLETE)
    # Of several lines it inserts the whole only with what Company keeps of it.
    if not one.eval("(and (bound-and-true-p company-mode) t)"):
        pytest.skip("lsp-mode needs Company for this")
    one.command("company-manual-begin")
    wait_until(lambda: one.eval("(and company-candidates t)"), lambda: f"no menu:\n{one.terminal}")
    one.type("\r")


@pytest.mark.feature("completion menu")
def test_an_item_of_the_menu_is_inserted(start: Start) -> None:
    one = start("a.py", "x = 1\n", menu=True)
    one.type(f"{END}y = ")
    take_item(one)
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("completion menu, several lines")
def test_an_item_of_several_lines_is_inserted_whole(start: Start) -> None:
    one = start("a.py", "x = 1\n\n", menu=True)
    one.type(f"{END}{OPEN}")
    take_item(one)
    one.has_lines("x = 1", "", *(OPEN + BLOCK).split("\n"))

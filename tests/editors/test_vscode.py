"""VS Code's real workbench with our extension in it, installed as a person installs it: keys in, and what is seen."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import scripted_model
from conftest import AFTER, BLOCK, LOOP, OPEN, VALUE
from drive_vscode import LINE, VSCode
from installed import REPOSITORY, Installed
from test_recipes import recipe

# The workbench alone takes ten seconds to come up on a quick machine.
pytestmark = [pytest.mark.only("vscode"), pytest.mark.timeout(900)]

Start = Callable[..., VSCode]
MENU = '[completion]\nmenu = "on"\n'
FIRST, SECOND = BLOCK.lstrip("\n").split("\n")


class Shelf:
    """The window that the last test has left, for the next one that wants such a window."""

    window: VSCode | None = None
    #: Its model, and what `codesage.toml` says in it.
    kind: tuple[str | None, str] = (None, "")

    def clear(self) -> None:
        if self.window:
            self.window.close()
            self.window = None


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    one = Shelf()
    yield one
    one.clear()


@pytest.fixture(scope="session")
def slow(models: Path) -> Path:
    """The folder of models with one more, `slow`: it has not ended when a browser that is busy shows how it began."""
    scripted_model.counting(models / "slow.gguf", layers=96)
    return models


@pytest.fixture
def start(
    installed: Installed,
    server: Path,
    slow: Path,
    shelf: Shelf,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Start]:
    """Opens a file with a model (none: the built-in one), in a window that is there already if there is one such.

    A window of its own has who asks for another program, or other settings of the editor, or is not to leave it
    (`fresh`).
    """
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    failed = request.session.testsfailed
    alone: list[VSCode] = []

    def begin(
        name: str,
        text: str,
        model: str | None = "fill",
        settings: str = "",
        program: Path | None = server,
        ready: bool = True,
        look: dict[str, object] | None = None,
        fresh: bool = False,
    ) -> VSCode:
        fresh = fresh or bool(look) or program != server
        if shelf.window and shelf.kind == (model, settings) and not fresh:
            shelf.window.turn_to(name, text)
            shelf.window.until_ready()
            return shelf.window
        shelf.clear()
        folder = tmp_path_factory.mktemp("window")
        one = VSCode(installed, folder, program, slow / f"{model}.gguf" if model else None)
        if fresh:
            alone.append(one)
        else:
            shelf.window, shelf.kind = one, (model, settings)
        one.settings |= look or {}
        one.write(name, text)
        if settings:
            one.write("codesage.toml", settings)
        one.configure()
        one.open(name)
        if ready:
            one.until_ready()
        return one

    yield begin
    for one in alone:
        one.close()
    if request.session.testsfailed > failed:
        shelf.clear()


def suggested(start: Start) -> VSCode:
    """With a suggestion of one line in sight."""
    one = start("a.py", "x = 1\n")
    one.type_at_end("y = ")
    one.see_ghost(VALUE)
    return one


def see_reason(one: VSCode, code: str) -> None:
    """Asks for a suggestion, and then why there is none, until that was answered.

    By hand: VS Code asks a moment after the last key, and no more when the palette has the focus by then.
    """

    def is_told() -> bool:
        one.press("Alt+Backslash")
        one.command("Why Is Nothing Shown?")
        return any(code in answer for answer in one.ask("frames"))  # type: ignore[attr-defined]

    one.until(is_told, f"no reason {code}", every=3.0)


# Ghost text.


@pytest.mark.feature("ghost text is shown")
def test_ghost_text_is_seen_and_is_not_in_the_text(start: Start) -> None:
    one = suggested(start)
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("accept the whole")
def test_a_line_is_accepted(start: Start) -> None:
    one = suggested(start)
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")
    one.see_in("status", f"Ln 2, Col {5 + len(VALUE)}")


@pytest.mark.feature("accept several lines")
def test_several_lines_are_seen_and_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n\n")
    one.type_at_end(OPEN)
    one.see_ghost(FIRST, SECOND)
    assert one.lines()[:3] == ["x = 1", "", OPEN]
    one.press("Tab")
    one.has_lines("x = 1", "", OPEN, FIRST, SECOND)


@pytest.mark.feature("accept a line")
def test_a_line_of_several_is_accepted(start: Start) -> None:
    one = start("a.py", "x = 1\n\n")
    one.type_at_end(OPEN)
    one.see_ghost(FIRST, SECOND)
    # To the end of a line and over it, so that the first one is empty.
    one.press(LINE)
    one.see_in("status", "Ln 4, Col 1")
    one.see_ghost(FIRST, SECOND)
    one.press(LINE)
    one.has_lines("x = 1", "", OPEN, FIRST)
    one.see_ghost(SECOND)
    one.press(LINE)
    one.has_lines("x = 1", "", OPEN, FIRST, SECOND)


@pytest.mark.feature("accept a word")
def test_words_are_accepted_one_by_one(start: Start) -> None:
    one = suggested(start)
    one.press("Control+ArrowRight")
    one.has_lines("x = 1", "y = beta")
    one.see_ghost(VALUE.removeprefix("beta"))
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("type along it")
def test_typing_along_keeps_it_and_taking_it_doubles_nothing(start: Start) -> None:
    one = suggested(start)
    one.type("be")
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("dismiss")
def test_it_is_dismissed(start: Start) -> None:
    one = suggested(start)
    one.press("Escape")
    one.see_no_ghost()
    assert one.lines() == ["x = 1", "y = "]


@pytest.mark.feature("ask for another")
def test_it_is_asked_for_by_hand(start: Start) -> None:
    one = suggested(start)
    one.press("Escape")
    one.see_no_ghost()
    one.press("Alt+Backslash")
    one.see_ghost(VALUE)
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("taken back by one undo")
def test_undo_takes_back_the_suggestion_and_not_what_was_typed(start: Start) -> None:
    one = suggested(start)
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")
    one.press("Control+KeyZ")
    one.has_lines("x = 1", "y = ")


@pytest.mark.feature("a key is itself where nothing is shown")
def test_tab_is_tab_where_nothing_is_shown(start: Start) -> None:
    one = start("a.txt", "x\n")
    one.press("Control+End", "Tab")
    one.type("z")
    one.has_lines("x", "    z")


@pytest.mark.feature("right of non-ASCII text")
def test_right_of_wide_characters(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type_at_end("s = 'é😀'; y = ")
    one.see_ghost(VALUE)
    one.press("Tab")
    one.has_lines("x = 1", f"s = 'é😀'; y = {VALUE}")


@pytest.mark.feature("CRLF file")
def test_a_file_with_crlf_keeps_its_line_ends(start: Start) -> None:
    one = start("a.py", "x = 1\r\n\r\n")
    one.type_at_end(OPEN)
    one.see_ghost(FIRST, SECOND)
    one.press("Tab")
    one.has_lines("x = 1", "", OPEN, FIRST, SECOND)
    one.press("Control+KeyS")
    wanted = ("x = 1\n\n" + OPEN + BLOCK).replace("\n", "\r\n").encode()
    one.until(lambda: one.file.read_bytes() == wanted, f"not written as {wanted!r}")


@pytest.mark.feature("between brackets")
def test_what_the_editor_closed_is_not_doubled(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    one.type_at_end("print(y = ")
    one.see_ghost(VALUE)
    assert one.lines()[-1] == "print(y = )"
    one.press("Tab")
    one.has_lines("x = 1", f"print(y = {VALUE})")


# The server.


@pytest.mark.feature("attach")
def test_the_server_is_attached_by_the_extension_alone(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    assert len(one.server_pids()) == 1


@pytest.mark.feature("figures and reasons")
def test_stats_and_why_are_shown(start: Start) -> None:
    one = suggested(start)
    one.command("Why Is Nothing Shown?")
    one.see_answer("ok.new", "newly generated")
    one.command("Show Figures")
    one.see_answer("typeThroughHits")
    one.command("Show What the Model Sees")
    one.see_answer("What the model is shown")
    one.command("What Is Wrong? (Doctor)")
    one.see_answer("In order")


@pytest.mark.feature("problems of codesage.toml are shown")
def test_a_wrong_setting_is_underlined(start: Start) -> None:
    one = start("codesage.toml", "[completion]\nmaxToken = 1\n")
    one.see_in("status", "$(error) $(warning) 0 1")


@pytest.mark.feature("restart after the server died")
def test_a_server_that_was_killed_is_started_again(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (old,) = one.server_pids()
    os.kill(old, signal.SIGKILL)
    one.until(lambda: one.server_pids() not in ([], [old]), "no server")
    one.until_ready()
    one.type_at_end("y = ")
    one.see_ghost(VALUE)
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")
    assert one.notifications() == []


@pytest.mark.feature("restart by command")
def test_the_server_is_started_anew_by_the_command(start: Start) -> None:
    one = start("a.py", "x = 1\n")
    (old,) = one.server_pids()
    one.command("Restart the Server")
    one.until(lambda: one.server_pids() and old not in one.server_pids(), "no new server")
    one.until_ready()


@pytest.mark.feature("another model without a restart")
def test_another_model_answers_in_the_same_session(start: Start, models: Path) -> None:
    one = start("a.py", "x = 1\n", "prose", fresh=True)
    (pid,) = one.server_pids()
    (one.folder / "models").mkdir()
    shutil.copy(models / "fill.gguf", one.folder / "models" / "mine.gguf")
    swap(one, "Suggestions", "mine")
    one.see_in("status", "fill is ready")
    one.type_at_end("y = ")
    one.see_ghost(VALUE)
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")
    assert one.server_pids() == [pid]


def swap(one: VSCode, role: str, model: str) -> None:
    one.command("Another Model for Now")
    one.see_in("prompt", "Another model for")
    for choice in (role, model):
        one.see_in("quick", choice)
        one.click(".quick-input-list .monaco-list-row", choice)


# Actions.


@pytest.mark.feature("an action's edit is applied")
def test_a_function_is_rewritten(start: Start) -> None:
    one = start("a.py", f"{LOOP}\n\nprint(total([1]))  # é😀\n", "rewrite")
    one.command("Refactor")
    one.has_lines(*AFTER, "", "", "print(total([1]))  # é😀")


@pytest.mark.feature("an action of the editor's own menu")
def test_an_action_is_chosen_from_the_menu_of_code_actions(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.press("Control+Period")
    one.see_in("actions", "Refactor (CodeSage)")
    one.click(".action-widget .monaco-list-row", "Refactor (CodeSage)")
    one.has_lines(*AFTER)


@pytest.mark.feature("an action on selected lines")
def test_selected_lines_are_rewritten_in_own_words(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.press("Control+KeyA")
    one.command("Edit in Your Own Words")
    one.see_in("prompt", "Change it how?")
    one.type("use sum")
    one.see_in("quick", "use sum")
    one.press("Enter")
    one.has_lines(*AFTER)


@pytest.mark.feature("an edit is one undo step")
def test_an_edit_is_taken_back_by_one_undo(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.command("Refactor")
    one.has_lines(*AFTER)
    one.press("Control+KeyZ")
    one.has_lines(*LOOP.splitlines())


@pytest.mark.feature("an edit is taken back by command")
def test_an_edit_is_taken_back_by_the_command(start: Start) -> None:
    one = start("a.py", LOOP, "rewrite")
    one.command("Refactor")
    one.has_lines(*AFTER)
    # Said when the server has seen the text that it made.
    one.see_in("status", "Applied")
    one.command("Take Back the Last Edit")
    one.has_lines(*LOOP.splitlines())


@pytest.mark.feature("an edit of a CRLF file")
def test_an_edit_keeps_crlf(start: Start) -> None:
    one = start("a.py", LOOP.replace("\n", "\r\n"), "rewrite")
    one.command("Refactor")
    one.has_lines(*AFTER)
    one.press("Control+KeyS")
    wanted = "".join(f"{line}\r\n" for line in AFTER).encode()
    one.until(lambda: one.file.read_bytes() == wanted, "not written")


@pytest.mark.feature("an edit is shown first")
def test_a_doubtful_edit_waits_for_the_persons_word(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("Refactor")
    one.see_in("lenses", "Apply preview")
    one.see_answer("It adds the prices")
    assert one.lines() == LOOP.splitlines()
    one.click(".codelens-decoration a", "Apply preview")
    one.has_lines("It adds the prices and gives the sum.")


@pytest.mark.feature("an explanation is shown")
def test_an_explanation_is_shown_and_the_text_stays(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("Explain")
    one.see_answer("It adds the prices and gives the sum.")
    assert one.lines() == LOOP.splitlines()
    # The person goes on typing where they were.
    one.type("# ")
    one.until(lambda: one.lines()[0] == f"# {LOOP.splitlines()[0]}", "the focus is gone")


@pytest.mark.feature("a refusal is said")
def test_what_cannot_be_done_is_said(start: Start) -> None:
    one = start("a.py", LOOP, "prose")
    one.command("Refactor")
    one.see_in("notifications", "The change would add")
    # Once, and the progress is gone.
    one.until(lambda: len(one.notifications()) == 1, "there are other boxes")
    assert one.lines() == LOOP.splitlines()


@pytest.mark.feature("an explanation is shown as it is written")
def test_an_explanation_is_shown_before_its_end(start: Start) -> None:
    one = start("a.py", LOOP, "slow")
    one.command("Explain")
    one.see_answer("abcdefgh")
    one.see_in("notifications", "Explaining")


@pytest.mark.feature("progress is shown")
def test_progress_is_seen_while_an_action_runs(start: Start) -> None:
    one = start("a.py", LOOP, "slow")
    one.command("Explain")
    one.see_in("notifications", "Explaining")
    one.see_in("notifications", "tokens")
    one.until(lambda: "$(loading" in one.status(), "the status bar is at rest")
    one.command("Cancel What Is Running")
    one.until(lambda: not one.notifications(), "the progress stays")
    one.until(lambda: "$(sparkle)" in one.status(), "the status bar is at work")


@pytest.mark.feature("an action is cancelled")
def test_an_action_is_cancelled_where_its_progress_is(start: Start) -> None:
    one = start("a.py", LOOP, "slow")
    one.command("Refactor")
    one.see_in("notifications", "Refactoring")
    one.click(".notification-list-item .monaco-button", "Cancel")
    one.see_in("status", "ancelled")
    one.until(lambda: not one.notifications(), "the progress stays")
    assert one.lines() == LOOP.splitlines()


# The built-in model.


@pytest.mark.feature("the built-in model")
def test_the_built_in_model_suggests(start: Start) -> None:
    begun = "        self.y = "
    text = f"class Point:\n    def __init__(self, x, y):\n        self.x = x\n{begun}"
    one = start("a.py", text, model=None)
    one.press("Control+End")

    def is_suggested() -> bool:
        # What is asked for by hand is answered, sure or not. Only a key that found nobody is of use again: VS Code keeps
        # an answer, an empty one too, and asks no more in the same place of the same text.
        if not one.ghost():
            one.press("Alt+Backslash")
        return bool(one.ghost())

    one.until(is_suggested, "nothing is suggested", every=5.0)
    one.press("Tab")
    one.until(lambda: len(one.lines()[3]) > len(begun), "nothing is taken")


@pytest.mark.feature("an action of the built-in model")
def test_the_built_in_model_answers_an_action(start: Start) -> None:
    one = start("a.py", LOOP, model=None)
    one.command("Document")
    # What it writes is its own affair; that something is said of it is ours.
    one.until(
        lambda: (
            one.lines() != LOOP.splitlines()
            or any("CodeSage" in said and "Documenting" not in said for said in one.notifications())
        )
    )


# The completion menu.


@pytest.mark.feature("completion menu")
def test_an_item_of_the_menu_is_inserted(start: Start) -> None:
    one = start("a.py", "x = 1\n", settings=MENU)
    one.type_at_end("y = ")
    one.press("Control+Space")
    one.see_in("menu", VALUE)
    one.press("Enter")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("completion menu, several lines")
def test_an_item_of_several_lines_is_inserted_whole(start: Start) -> None:
    one = start("a.py", "x = 1\n\n", settings=MENU)
    one.type_at_end(OPEN)
    one.press("Control+Space")
    one.see_in("menu", "log(prices)")
    one.press("Enter")
    one.has_lines("x = 1", "", OPEN, FIRST, SECOND)


# In windows of their own.


@pytest.mark.feature("a server that dies again and again is given up")
def test_a_server_that_cannot_live_is_told_of_once(start: Start, tmp_path: Path) -> None:
    dying = tmp_path / "dying"
    dying.write_text("#!/bin/sh\nexit 3\n")
    dying.chmod(0o755)
    one = start("a.py", "x = 1\n", program=dying, ready=False)
    one.see_in("notifications", "died too often")
    assert len(one.notifications()) == 1
    one.until(lambda: "$(error)" in one.status(), "the status bar does not tell")


@pytest.mark.feature("a program that is missing is told of")
def test_a_program_that_is_missing_is_told_of_once(start: Start) -> None:
    one = start("a.py", "x = 1\n", program=None, ready=False)
    one.see_in("notifications", "is not on the PATH")
    assert len(one.notifications()) == 1
    one.until(lambda: "$(warning)" in one.status(), "the status bar does not tell")


@pytest.mark.feature("the server ends with the editor")
def test_the_server_ends_with_the_window(start: Start) -> None:
    one = start("a.py", "x = 1\n", fresh=True)
    (pid,) = one.server_pids()
    one.ask("close")
    one.until(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} lives on")


@pytest.mark.feature("statusline")
def test_the_status_bar_says_how_it_is_and_has_a_menu(start: Start) -> None:
    one = start("a.py", "x = 1\n", fresh=True)
    one.click(".statusbar-item a", "CodeSage")
    one.see_in("quick", "Switch suggestions off")
    one.press("Enter")
    one.until(lambda: "$(circle-slash)" in one.status(), "it is not off")
    # The focus is where the mouse was.
    one.click(".editor-group-container .monaco-editor .view-lines")
    one.until(lambda: one.look()["focused"], "the editor has not the focus")
    one.type_at_end("y = ")
    see_reason(one, "off.disabled")


@pytest.mark.feature("settings of the editor are taken at once")
def test_what_is_set_in_the_editor_is_taken_and_what_is_not_set_is_not(start: Start) -> None:
    # The editor knows a default for each setting, and does not hold it against the file of the workspace.
    one = start("a.py", "x = 1\n", settings="[completion]\nenabled = false\n", fresh=True)
    one.type_at_end("y = ")
    see_reason(one, "off.disabled")
    assert not one.ghost()
    one.set("codesage.completion.enabled", True)
    one.until(lambda: one.is_open("x = 1"), "the code has not the focus")
    # Once: VS Code does not ask again for the same text at the same place.
    one.press("Alt+Backslash")
    one.see_ghost(VALUE)


@pytest.mark.feature("a folder that is not trusted")
def test_settings_of_a_folder_that_is_not_trusted_are_not_read(start: Start) -> None:
    trust = "security.workspace.trust"
    look = {f"{trust}.enabled": True, f"{trust}.startupPrompt": "never", f"{trust}.banner": "never"}
    one = start("a.py", "x = 1\n", settings="[completion]\nenabled = false\n", look=look)
    one.see_in("status", "Restricted Mode")
    one.type_at_end("y = ")
    one.see_ghost(VALUE)


# As a newcomer.


def test_the_front_page_has_the_same_recipe() -> None:
    assert recipe("editors/vscode/README.md", "extension") in (REPOSITORY / "README.md").read_text()


def follow(one: VSCode, name: str) -> None:
    """Does what the README says, in a copy of the repository as git has it."""
    one.extensions = one.folder / "extensions"
    editors = one.folder / "codesage" / "editors"
    made = shutil.ignore_patterns("node_modules", "dist", "out", "server", "*.vsix")
    shutil.copytree(REPOSITORY / "editors" / "vscode", editors / "vscode", ignore=made)
    shutil.copy(REPOSITORY / "editors" / "codesage.schema.json", editors)
    # `code` is code-server's own command here.
    places = f"--user-data-dir '{one.data}' --extensions-dir '{one.extensions}'"
    code = one.folder / "bin" / "code"
    program, script = one.installed.command
    code.write_text(f"#!/bin/sh\nexec '{program}' '{script}' {places} \"$@\"\n")
    code.chmod(0o755)
    # Where this machine gets its packages from is no part of the recipe.
    network = re.compile(r"npm_config_.*|.*_proxy|NODE_EXTRA_CA_CERTS", re.IGNORECASE)
    settings = {"NPM_CONFIG_USERCONFIG": os.path.expanduser("~/.npmrc")}
    settings |= {name: value for name, value in os.environ.items() if network.fullmatch(name)}
    said = subprocess.run(
        ["sh", "-c", "set -e\n" + recipe("editors/vscode/README.md", name)],
        env=one.environment | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if not (editors / "vscode" / "node_modules").is_dir():
        pytest.skip(f"npm cannot get what builds the extension: {said.stderr[-300:]}")
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.fixture
def newcomer(installed: Installed, server: Path, models: Path, tmp_path: Path) -> Iterator[VSCode]:
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    one = VSCode(installed, tmp_path, server, models / "fill.gguf")
    yield one
    one.close()


def suggestion_is_taken(one: VSCode) -> None:
    one.write("a.py", "x = 1\n")
    one.configure()
    one.open("a.py")
    one.until_ready()
    one.type_at_end("y = ")
    one.see_ghost(VALUE)
    one.press("Tab")
    one.has_lines("x = 1", f"y = {VALUE}")


@pytest.mark.feature("the recipe of its README")
def test_the_recipe_is_all_it_takes(newcomer: VSCode) -> None:
    follow(newcomer, "extension")
    suggestion_is_taken(newcomer)


@pytest.mark.feature("a package with the program in it")
def test_a_package_with_the_program_needs_no_other(newcomer: VSCode) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("it says how for x86-64")
    follow(newcomer, "package")
    for place in ("bin", ".cargo/bin"):
        (newcomer.folder / place / "codesage").unlink()
    suggestion_is_taken(newcomer)


#: As the pictures of the other editors.
PICTURE = """class Basket:
    def __init__(self, owner):
        self.owner = owner
        self.prices = []

    def add(self, price):
        self.prices.append(price)

"""


def test_a_picture_is_taken(start: Start, request: pytest.FixtureRequest) -> None:
    one = start("basket.py", PICTURE, "picture", look={"workbench.colorTheme": "Default Dark Modern"})
    one.press("Control+KeyB")
    one.type_at_end("    def total(self):")
    one.see_ghost("return sum(self.prices)")
    one.until(lambda: not one.look()["notifications"], "something is said in a box")
    folder: Path | None = request.config.getoption("--pictures")
    if folder:
        # Without the status bar, for the model that is scripted is faster than any.
        one.ask("picture", str(folder / "vscode" / "ghost-text.png"), 320)

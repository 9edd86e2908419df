"""What the README for Emacs tells a newcomer to paste, pasted by a newcomer; its picture; and its neighbours' menus."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import editor as driver
from conftest import LOOP, VALUE, Start
from drive_emacs import END, Emacs
from installed import REPOSITORY, Installed
from terminal import wait_until
from test_pictures import ROWS, TEXT

pytestmark = pytest.mark.only("emacs")

README = REPOSITORY / "editors" / "emacs" / "README.md"


def recipe(name: str) -> str:
    found = re.search(rf"<!-- recipe: {name} -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    assert found, f"{README} has no recipe {name}"
    return found.group(1)


def test_the_front_page_says_the_same() -> None:
    # There without the keys that not everybody wants.
    four = recipe("own").splitlines(keepends=True)[:4]
    assert "".join(four) in (REPOSITORY / "README.md").read_text()


@pytest.fixture
def newcomer(installed: Installed, server: Path, models: Path, tmp_path: Path) -> Iterator[Emacs]:
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    one = driver.start(installed, tmp_path, server, models / "fill.gguf")
    assert isinstance(one, Emacs)
    (tmp_path / "codesage").symlink_to(REPOSITORY)
    yield one
    one.close()


@pytest.mark.feature("the recipe of its README")
def test_the_recipe_is_all_it_takes(newcomer: Emacs) -> None:
    text = recipe("own")
    if newcomer.client:
        # In place of the line with the hook, as the README says.
        text = text.replace("(add-hook 'prog-mode-hook #'codesage-mode)\n", recipe(newcomer.client.lower()))
    newcomer.configure(text)
    newcomer.write("a.py", "x = 1\n")
    newcomer.open("a.py")
    if newcomer.client == "lsp-mode":
        # It asks once for each project, and this is the answer that it offers first.
        newcomer.see("Import project")
        newcomer.type("i")
    newcomer.until_ready()
    newcomer.type(f"{END}y = ")
    newcomer.see(f"y = {VALUE}")
    newcomer.type(driver.ACCEPT)
    newcomer.has_lines("x = 1", f"y = {VALUE}")
    # Tab is Tab again.
    newcomer.type("\rif x:\r\t\tpass")
    wait_until(lambda: newcomer.lines()[-1].strip() == "pass", lambda: repr(newcomer.lines()))
    newcomer.type("\x03am")
    newcomer.see("in your own words")


def test_the_recipe_of_use_package_is_all_it_takes(newcomer: Emacs, installed: Installed) -> None:
    only_own(installed)
    if not installed.at_least(29):
        pytest.skip("use-package is in Emacs since 29")
    newcomer.configure(recipe("use-package"))
    newcomer.write("a.py", "x = 1\n")
    newcomer.open("a.py")
    newcomer.until_ready()
    newcomer.type(f"{END}y = ")
    newcomer.see(f"y = {VALUE}")
    newcomer.type(driver.ACCEPT)
    newcomer.has_lines("x = 1", f"y = {VALUE}")
    newcomer.type("\x03am")
    newcomer.see("in your own words")


def only_own(installed: Installed) -> None:
    if "," in installed.name:
        pytest.skip("the same for each client")


def test_a_picture_is_taken(start: Start, installed: Installed, request: pytest.FixtureRequest) -> None:
    only_own(installed)
    one = start("basket.py", TEXT, "picture")
    one.terminal.resize(ROWS)
    one.show_status()
    one.eval("(progn (menu-bar-mode -1) (load-theme 'tango-dark t) t)")
    one.type(f"{END}    def total(self):")
    one.see("return sum(self.prices)")
    one.see("[AI]")
    folder: Path | None = request.config.getoption("--pictures")
    if folder:
        title = f"Emacs {installed.version} with ghost text of CodeSage"
        (folder / "emacs" / "ghost-text.svg").write_text(one.terminal.svg(title, ROWS))


def test_a_menu_of_company_has_the_place_to_itself(start: Start, installed: Installed) -> None:
    only_own(installed)
    one = start("a.py", "beta_one = 1\nbeta_two = 2\n")
    assert isinstance(one, Emacs)
    # Debian's own start adds the packages of the system to the path.
    if not one.eval("(and (require 'company nil t) t)"):
        pytest.skip("no Company; apt-get install elpa-company")
    one.eval("(progn (setq company-idle-delay nil company-backends '(company-dabbrev-code)) (company-mode 1) t)")
    one.type(f"{END}y = ")
    one.see(f"y = {VALUE}")
    one.type("be")
    one.command("company-complete-common")
    wait_until(lambda: one.eval("(and company-candidates t)"), lambda: f"no menu:\n{one.terminal}")
    assert not one.eval("(and codesage--shown t)"), one.terminal
    # Gone, the menu makes room again.
    one.type("\x07 ")
    one.type("= ")
    one.see(f"= {VALUE}")


def test_a_missing_program_is_said_and_what_mends_it(newcomer: Emacs) -> None:
    only_own(newcomer.installed)
    newcomer.configure(recipe("own") + '(setq codesage-program "codesage-is-not-here")\n')
    newcomer.write("a.py", "x = 1\n")
    newcomer.open("a.py")
    newcomer.see("there is no program")
    newcomer.command("codesage-doctor")
    newcomer.see("WRONG there is no program `codesage-is-not-here'")
    newcomer.see("make install")


def test_a_missing_eglot_is_said_and_what_mends_it(newcomer: Emacs) -> None:
    only_own(newcomer.installed)
    text = recipe("own").replace("(add-hook 'prog-mode-hook #'codesage-mode)\n", recipe("eglot"))
    # As in Emacs 28.
    newcomer.configure(f"{text}(fmakunbound 'eglot-ensure)\n")
    newcomer.write("a.py", "x = 1\n")
    newcomer.open("a.py")
    newcomer.hear("eglot-ensure")
    newcomer.command("codesage-doctor")
    newcomer.see("WRONG there is no Eglot")
    newcomer.see("package-install")


def test_a_test_is_made_in_a_folder_that_is_not_there(newcomer: Emacs, models: Path) -> None:
    """Shown first, applied and taken back, in an Emacs that knows of version control, as newcomers' do."""
    text = recipe("own")
    if newcomer.client:
        text = text.replace("(add-hook 'prog-mode-hook #'codesage-mode)\n", recipe(newcomer.client.lower()))
        text += "(setq lsp-auto-guess-root t)\n"
    newcomer.configure(text)
    newcomer.environment["CODESAGE_MODEL"] = str(models / "test.gguf")
    newcomer.write("codesage.toml", '[edits]\nconfirm = "always"\n')
    newcomer.write("a.py", LOOP)
    newcomer.open("a.py")
    newcomer.until_ready()
    newcomer.command("codesage-unit-test")
    newcomer.see("assert total([1, 2]) == 3")
    made = newcomer.workspace / "tests" / "test_a.py"
    assert not made.parent.exists()
    newcomer.command("codesage-apply")
    newcomer.hear("pplied")
    buffer = f"(find-buffer-visiting {json.dumps(str(made))})"

    def stands() -> list[object]:
        """Whether something is asked, whether the buffer may be written, is to be saved and is seen, and its text."""
        asked = "(and (active-minibuffer-window) t)"
        about = "(not buffer-read-only) (buffer-modified-p) (and (get-buffer-window) t) (buffer-string)"
        found = newcomer.eval(f"(when {buffer} (with-current-buffer {buffer} (list {asked} {about})))")
        return list(found or [""] * 5)  # type: ignore[call-overload]

    wait_until(
        lambda: (found := stands())[:4] == [None, True, True, True] and "assert total([1, 2]) == 3" in str(found[4]),
        lambda: f"{stands()}\n{newcomer.terminal}\n{newcomer.log()}",
    )
    assert "[error in process" not in newcomer.log(), newcomer.log()
    newcomer.command("codesage-undo")
    wait_until(lambda: stands()[4] == "", lambda: f"{stands()}\n{newcomer.terminal}\n{newcomer.log()}")


#: A server of the language's own, that knows nothing.
OTHER = """
import json, sys
while header := sys.stdin.buffer.readline():
    size = int(header.split(b":")[1])
    while sys.stdin.buffer.readline().strip():
        pass
    asked = json.loads(sys.stdin.buffer.read(size))
    if "id" in asked and "method" in asked:
        result = {"capabilities": {"textDocumentSync": 2}} if asked["method"] == "initialize" else None
        answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
        sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n" % len(answer) + answer)
        sys.stdout.buffer.flush()
"""


def test_it_works_beside_another_server_of_eglot(newcomer: Emacs) -> None:
    if newcomer.client != "Eglot":
        pytest.skip("for Eglot, which runs one server in a buffer")
    other = newcomer.folder / "other.py"
    other.write_text(OTHER)
    newcomer.configure(
        recipe("own")
        + f"""
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(python-mode "{sys.executable}" "{other}")))
(add-hook 'python-mode-hook #'eglot-ensure)
"""
    )
    newcomer.write("a.py", "x = 1\n")
    newcomer.open("a.py")
    newcomer.until_ready()
    wait_until(lambda: newcomer.eval("(and (eglot-managed-p) t)"), lambda: f"Eglot is not there:\n{newcomer.terminal}")
    newcomer.type(f"{END}y = ")
    newcomer.see(f"y = {VALUE}")
    newcomer.type(driver.ACCEPT)
    newcomer.has_lines("x = 1", f"y = {VALUE}")
    assert newcomer.eval("(list (and (eglot-managed-p) t) (and codesage--own t))") == [True, True]


def test_ghost_text_can_be_left_to_lsp_mode(newcomer: Emacs) -> None:
    if newcomer.client != "lsp-mode":
        pytest.skip("for lsp-mode")
    newcomer.configure(
        recipe("own").replace("(add-hook 'prog-mode-hook #'codesage-mode)\n", recipe("lsp-mode"))
        + "(setq lsp-auto-guess-root t codesage-ghost-text 'lsp-mode)\n"
    )
    newcomer.write("a.py", "x = 1\n")
    newcomer.open("a.py")
    newcomer.until_ready()
    if not newcomer.eval("(fboundp 'lsp-inline-completion-mode)"):
        pytest.skip("lsp-mode draws ghost text since version 10")
    newcomer.type(f"{END}y = ")
    newcomer.see(f"y = {VALUE}")
    assert newcomer.eval("(list (and codesage--shown t) (and lsp-inline-completion--overlay t))") == [None, True]
    assert newcomer.lines() == ["x = 1", "y = "]

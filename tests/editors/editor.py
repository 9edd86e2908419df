"""One editor with CodeSage in it, as the tests see it: keys, lines, and the screen. Each kind has a `drive_KIND.py`."""

from __future__ import annotations

import subprocess
from importlib import import_module
from pathlib import Path

from installed import Installed
from terminal import Terminal, home, wait_until

#: The keys that the tests' own configuration asks for.
ACCEPT, WORD, LINE, NEXT, DISMISS = "\t", "\x06", "\x0c", "\x02", "\x05"
ESCAPE, ENTER = "\x1b", "\r"
#: Opens the menu; the next item of it, and yes.
MENU = "\x18\x0f"
TAKE_ITEM = "\x0e\x19"


class Editor:
    """An editor that runs, until it is closed."""

    #: The keys to begin a line at the end of the text, and to take back what was inserted: as in Vim.
    new_line, undo = "Go", f"{ESCAPE}u"

    def __init__(self, installed: Installed, folder: Path, server: Path, model: Path | None):
        self.installed = installed
        self.folder = folder
        self.workspace = folder / "work"
        self.workspace.mkdir(parents=True, exist_ok=True)
        (self.workspace / ".git").mkdir(exist_ok=True)
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        if not (programs / "codesage").exists():
            (programs / "codesage").symlink_to(server)
        self.environment = home(folder) | installed.environment
        self.environment["PATH"] = f"{programs}:{self.environment['PATH']}"
        if model:
            self.environment["CODESAGE_MODEL"] = str(model)
        self.terminal: Terminal | None = None
        #: Of the half that starts servers.
        self.pid = 0

    # What is the same in all.

    def write(self, name: str, text: str) -> Path:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def type(self, keys: str) -> None:
        assert self.terminal
        self.terminal.type(keys)

    def see(self, text: str) -> None:
        assert self.terminal
        self.terminal.see(text)

    def hear(self, text: str) -> None:
        """Waits until something is said, though something else may be said after it."""
        terminal = self.terminal
        assert terminal

        def is_said() -> bool:
            # Neovim answers nothing where it waits for Enter.
            return terminal.shows(text) or (not terminal.shows("Press ENTER") and text in self.log())

        wait_until(is_said, lambda: f"{text!r} is not said:\n{terminal}")

    def see_no_more(self, text: str) -> None:
        assert self.terminal
        self.terminal.see_no_more(text)

    def command(self, command: str) -> None:
        """Types an Ex command in Normal mode."""
        self.type(f"{ESCAPE}:{command}{ENTER}")

    def has_lines(self, *expected: str) -> None:
        """Waits until the text is this."""
        wait_until(
            lambda: self.lines() == list(expected),
            lambda: f"expected {list(expected)!r}\n   found {self.lines()!r}\n{self.terminal}",
        )

    def take_suggestion(self, shown: str) -> None:
        """Takes what is suggested where the cursor is, as ghost text or else from the menu."""
        if not self.installed.lacks_ghost_text:
            self.see(shown)
            return self.type(ACCEPT)
        self.type(MENU)
        assert self.terminal
        # Where nothing is said about menus, the one item there is is taken without one.
        wait_until(
            lambda: self.terminal.shows(shown) or self.menu_is_open(),
            lambda: f"no menu:\n{self.terminal}",
        )
        if not self.terminal.shows(shown):
            self.type(TAKE_ITEM)

    def until_ready(self) -> None:
        """Waits until the server is attached and its model is loaded."""

        def is_ready() -> bool:
            assert self.terminal
            # Neovim waits for Enter where a message is longer than the line.
            if self.terminal.shows("Press ENTER"):
                self.type(ENTER)
                return False
            return self.is_ready()

        wait_until(is_ready, lambda: f"the server is not ready:\n{self.terminal}", every=0.1)

    def server_pids(self) -> list[int]:
        """The servers that this editor started."""
        assert self.terminal
        found = subprocess.run(["pgrep", "-P", str(self.pid)], check=False, capture_output=True, text=True)
        return [pid for pid in map(int, found.stdout.split()) if "codesage" in _command_line(pid)]

    def close(self) -> None:
        if self.terminal:
            self.terminal.close()
            self.terminal = None

    # What each does in its own way.

    def configure(self, text: str | None = None, menu: bool = False) -> None:
        """Writes the person's configuration: this text, or one with the keys above."""
        raise NotImplementedError

    def open(self, name: str) -> None:
        raise NotImplementedError

    def lines(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def log(self) -> str:
        return ""

    def cursor(self) -> tuple[int, int]:
        """Line and byte, both from 1."""
        raise NotImplementedError

    def ask(self, method: str, params: dict[str, object]) -> object:
        """What the server answers, asked beside what is tested."""
        raise NotImplementedError

    def diagnostics(self) -> list[str]:
        """The messages that the editor has of its servers."""
        raise NotImplementedError

    def menu_is_open(self) -> bool:
        raise NotImplementedError

    def show_status(self) -> None:
        """Puts the status of CodeSage into the statusline, between brackets."""
        raise NotImplementedError


def has_ended(pid: int) -> bool:
    """Whether a process is no more, or only waits for its parent to hear of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def start(installed: Installed, folder: Path, server: Path, model: Path | None) -> Editor:
    """An editor of this kind, not opened yet: `DRIVER` of the module that drives its family."""
    return import_module(f"drive_{installed.family}").DRIVER(installed, folder, server, model)

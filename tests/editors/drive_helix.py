"""Helix in a terminal. It answers nobody: its text is read from the file that it writes, and how the server is from its log."""

from __future__ import annotations

import json
from pathlib import Path

from editor import ENTER, ESCAPE, Editor
from terminal import Terminal, wait_until


class Helix(Editor):
    #: Nothing happens to the text but what the tests do.
    SETTINGS = """
[editor]
insert-final-newline = false
completion-timeout = 5
[editor.lsp]
display-progress-messages = true
"""
    LANGUAGES = """
[language-server.codesage]
command = "codesage"
[[language]]
name = "python"
language-servers = ["codesage"]
"""
    name = ""
    #: How often a model was ready when the server was started last.
    ready_before = 0

    def configure(self, text: str | None = None, menu: bool = False) -> None:
        self._write("languages.toml", self.LANGUAGES if text is None else text)
        self._write("config.toml", self.SETTINGS)

    def _write(self, name: str, text: str) -> None:
        folder = Path(self.environment["XDG_CONFIG_HOME"]) / "helix"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def bind(self, keys: str) -> None:
        """Adds to the settings, before it is opened."""
        self._write("config.toml", self.SETTINGS.split("[editor.lsp]")[0] + keys)

    def open(self, name: str) -> None:
        self.name = name
        # Its log has what goes over the wire.
        command = [*self.installed.command, "-v", name]
        self.terminal = Terminal(command, self.environment, self.workspace)
        self.pid = self.terminal.process.pid
        self.see(" NOR ")

    def normal(self) -> None:
        """Leaves every other mode. A key that comes right after Escape would be one with Alt."""
        assert self.terminal
        if not self.terminal.shows(" NOR "):
            self.type(ESCAPE)
            self.see(" NOR ")

    def command(self, command: str) -> None:
        self.normal()
        self.type(f":{command}{ENTER}")

    def run(self, command: str, **argument: object) -> None:
        """A command of the server, with an argument as a person types it."""
        written = f" {json.dumps(argument)}" if argument else ""
        self.command(f"lsp-workspace-command codesage.{command}{written}")

    def restart(self) -> None:
        self.ready_before = self._times_ready()
        self.command("lsp-restart")

    def swap(self, name: str) -> None:
        """Has another model answer, which says so when it is ready."""
        self.ready_before = self._times_ready()
        self.run("swapModel", id=name)

    def lines(self) -> list[str]:
        """The text of the file after it was written; so what has words to read is looked at first."""
        self.command("write!")
        try:
            written = (self.workspace / self.name).read_bytes().decode()
        except FileNotFoundError:
            # It puts a new file in the place of the old one.
            return []
        return written.replace("\r\n", "\n").split("\n")[:-1]

    def has_lines(self, *expected: str) -> None:
        wait_until(
            lambda: self.lines() == list(expected),
            lambda: f"expected {list(expected)!r}\n   found {self.lines()!r}\n{self.terminal}",
            every=0.2,
        )

    def is_ready(self) -> bool:
        return self._times_ready() > self.ready_before

    def _times_ready(self) -> int:
        return sum("window/logMessage: " in line and " is ready" in line for line in self.log().splitlines())

    def menu_is_open(self) -> bool:
        assert self.terminal
        return self.terminal.shows(" snippet")

    def log(self) -> str:
        path = Path(self.environment["XDG_CACHE_HOME"]) / "helix" / "helix.log"
        return path.read_text(errors="replace") if path.exists() else ""


DRIVER = Helix

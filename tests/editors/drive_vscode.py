"""VS Code: its real workbench, served by code-server and looked at with a headless Chromium."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request
from functools import cache
from pathlib import Path

import editor
from installed import REPOSITORY, Installed, browser
from terminal import wait_until

EXTENSION = REPOSITORY / "editors" / "vscode"
WIDTH, HEIGHT = 1000, 640
#: The workbench is some megabytes of JavaScript, which a browser without a GPU draws.
STARTS_WITHIN = 240.0
#: No step takes this long.
WITHIN = 90.0

SETTINGS = {
    "workbench.startupEditor": "none",
    "telemetry.telemetryLevel": "off",
    # As VS Code writes it: what it has another form of, it rewrites soon after the start, under the hands of the tests.
    "extensions.autoUpdate": "off",
    "extensions.autoCheckUpdates": False,
    "update.mode": "none",
    # Else the first thing that is asked is whether the folder is to be trusted.
    "security.workspace.trust.enabled": False,
    # There, an assistant of somebody else takes a third of the window.
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    # What is drawn without end, or asked for over the network, is no part of what is tested.
    "chat.disableAIFeatures": True,
    "editor.cursorBlinking": "solid",
    "editor.minimap.enabled": False,
    "extensions.ignoreRecommendations": True,
    "git.enabled": False,
    # The settings are an editor as others are, and not a window over them.
    "workbench.editor.useModal": "off",
    "workbench.enableExperiments": False,
    "workbench.reduceMotion": "on",
}
#: What VS Code has no key for.
LINE = "Control+Alt+KeyL"
CLOSE_ALL, CLOSE = "Control+Alt+KeyW", "Control+Alt+KeyE"
SETTINGS_FILE = "Control+Alt+KeyS"
KEYS = [
    {"key": "ctrl+alt+s", "command": "workbench.action.openSettingsJson"},
    {"key": "ctrl+alt+e", "command": "workbench.action.closeActiveEditor"},
    {"key": "ctrl+alt+l", "command": "editor.action.inlineSuggest.acceptNextLine"},
    {
        "key": "ctrl+alt+w",
        "command": "runCommands",
        "args": {
            "commands": [
                "notifications.clearAll",
                "workbench.action.files.revert",
                "workbench.action.closeAllEditors",
            ]
        },
    },
]


class Workbench:
    """A browser with one page, which `workbench.mjs` answers for."""

    def __init__(self, installed: Installed):
        driver = Path(__file__).with_name("workbench.mjs")
        # .../node/node_modules/.bin/node
        puppeteer = Path(installed.command[0]).parents[3] / "driver"
        self.process = subprocess.Popen(
            [installed.command[0], str(driver), str(puppeteer), str(browser())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.end)

    def ask(self, method: str, *arguments: object) -> object:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser is gone"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def end(self) -> None:
        try:
            self.process.communicate(timeout=20)
        except (subprocess.TimeoutExpired, OSError):
            self.process.kill()


@cache
def workbench(installed: Installed) -> Workbench:
    """One browser for all tests; each has a page of its own."""
    return Workbench(installed)


@cache
def packaged() -> Path:
    """The extension as it is now, as a file to install."""
    folder = Path(tempfile.mkdtemp(prefix="codesage-vsix-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = ["npm", "run", "--silent", "package", "--", "-o", str(folder / "codesage.vsix")]
    done = subprocess.run(command, cwd=EXTENSION, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "codesage.vsix"


@cache
def extensions(installed: Installed) -> Path:
    """A folder of extensions that has ours, installed as a person installs it."""
    folder = Path(tempfile.mkdtemp(prefix="codesage-extensions-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    install(installed, folder, packaged())
    return folder


def install(installed: Installed, folder: Path, package: Path) -> None:
    places = ["--extensions-dir", str(folder), "--user-data-dir", str(folder / "data")]
    command = [*installed.command, *places, "--install-extension", str(package)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert "successfully installed" in done.stdout, done.stdout + done.stderr


class VSCode(editor.Editor):
    """A window on the workspace, with a home of its own."""

    process: subprocess.Popen[bytes] | None = None

    def __init__(self, installed: Installed, folder: Path, server: Path | None, model: Path | None):
        super().__init__(installed, folder, server or Path("/nonexistent"), model)
        # It asks a login shell for the PATH, so that one of ours does not count. Where `make install` puts it:
        cargo = folder / ".cargo" / "bin"
        cargo.mkdir(parents=True)
        if server:
            (cargo / "codesage").symlink_to(server)
        self.data = folder / "code-server"
        self.settings: dict[str, object] = dict(SETTINGS)
        #: Where extensions are; none: a folder that has ours.
        self.extensions: Path | None = None
        #: The file that is open.
        self.file = self.workspace
        self.turns = 0

    def configure(self, text: str | None = None, menu: bool = False) -> None:
        user = self.data / "User"
        user.mkdir(parents=True, exist_ok=True)
        (user / "settings.json").write_text(json.dumps(self.settings))
        (user / "keybindings.json").write_text(json.dumps(KEYS))

    def open(self, name: str) -> None:
        self.file = self.workspace / name
        port = port_of_session()
        options = ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}"]
        options += ["--disable-telemetry", "--disable-update-check"]
        self.process = subprocess.Popen(
            [*self.installed.command, *self.places(), *options],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "code-server.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        self.pid = self.process.pid
        place = f"127.0.0.1:{port}"
        address = f"http://{place}"
        wait_until(lambda: _answers(f"{address}/healthz"), self.log, STARTS_WITHIN, 0.1)
        file = json.dumps([["openFile", f"vscode-remote://{place}{self.file}"]])
        query = urllib.parse.urlencode({"folder": str(self.workspace), "payload": file})
        self.ask("open", f"{address}/?{query}", WIDTH, HEIGHT)

    def places(self) -> list[str]:
        folder = self.extensions or extensions(self.installed)
        return ["--user-data-dir", str(self.data), "--extensions-dir", str(folder)]

    def turn_to(self, name: str, text: str) -> None:
        """Another file in the same window, which is as new otherwise, and a server that has seen others before."""
        self.press("Escape", "Escape", CLOSE_ALL)

        def is_empty() -> bool:
            # Where something was not in the editor that is active.
            self.ask("click", ".monaco-dialog-box .monaco-button", "Don't Save")
            seen = self.look()
            return not seen["editor"] and not any("CodeSage: " in one for one in seen["status"])

        self.until(is_empty, "the editors stay")
        self.turns += 1
        self.file = self.write(f"{self.turns}/{name}", text)
        command = [*self.installed.command, *self.places(), "--reuse-window", str(self.file)]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=300)
        self.until(lambda: self.look()["tabs"], "no tab")

    def close(self) -> None:
        if self.process:
            workbench(self.installed).ask("close")
            for pid in [*reversed(_descendants(self.process.pid)), self.process.pid]:
                subprocess.run(["kill", "-9", str(pid)], check=False, stderr=subprocess.DEVNULL)
            self.process.wait()
            self.process = None

    # What is seen.

    def ask(self, method: str, *arguments: object) -> object:
        return workbench(self.installed).ask(method, *arguments)

    def look(self) -> dict[str, list[str]]:
        """What is seen; by the names that `workbench.mjs` gives it."""
        return self.ask("look")  # type: ignore[return-value]

    def log(self) -> str:
        """What is said where something is missed."""
        seen = json.dumps(self.look(), indent=1, ensure_ascii=False) if self.process else ""
        return f"{seen}\n{(self.folder / 'code-server.log').read_text()[-2000:]}"

    def until(
        self, condition: object, what: str = "it did not happen", within: float = WITHIN, every: float = 0.1
    ) -> object:
        assert callable(condition)
        return wait_until(condition, lambda: f"{what}:\n{self.log()}", within, every)

    def lines(self) -> list[str]:
        """As Neovim has them: a line feed at the end begins no line."""
        lines = self.look()["lines"]
        return lines[:-1] if lines and lines[-1] == "" else lines

    def has_lines(self, *expected: str) -> None:
        wait_until(
            lambda: self.lines() == list(expected),
            lambda: f"expected {list(expected)!r}\n   found {self.lines()!r}\n{self.log()}",
            WITHIN,
            0.1,
        )

    def ghost(self) -> str:
        return "".join(self.look()["ghost"])

    def see_ghost(self, *texts: str) -> None:
        for text in texts:
            self.until(lambda text=text: text in self.ghost(), f"no ghost text {text!r}")

    def see_no_ghost(self) -> None:
        self.until(lambda: not self.ghost(), "the ghost text stays")

    def see_in(self, place: str, text: str) -> None:

        def is_there() -> bool:
            found = self.look()[place]
            return text in found if isinstance(found, str) else any(text in one for one in found)

        self.until(is_there, f"no {text!r} among {place}")

    def see_answer(self, *texts: str) -> None:
        """In the document beside the code."""
        for text in texts:
            self.until(
                lambda text=text: any(text in one for one in self.ask("frames")),  # type: ignore[attr-defined]
                f"no answer with {text!r}, but {self.ask('frames')!r}",
            )

    def notifications(self) -> list[str]:
        """What is said in boxes, but for what is said of every model that is not in the catalogue."""
        return [one for one in self.look()["notifications"] if "Not in the catalogue" not in one]

    def status(self) -> str:
        return next((one for one in self.look()["status"] if re.search(r"\) CodeSage(?!:)", one)), "")

    def is_ready(self) -> bool:
        seen = self.look()
        return bool(seen["focused"]) and "$(sparkle) CodeSage" in self.status()

    def until_ready(self) -> None:
        self.until(self.is_ready, "the server is not ready", STARTS_WITHIN)

    def server_pids(self) -> list[int]:
        assert self.process
        return [pid for pid in _descendants(self.process.pid) if _program(pid) == "codesage"]

    # What is done.

    def type(self, keys: str) -> None:
        """Types at the end of the text, or where the cursor is then."""
        self.ask("type", keys)

    def press(self, *chords: str) -> None:
        for chord in chords:
            self.ask("press", chord)

    def type_at_end(self, text: str) -> None:
        self.press("Control+End")
        self.type(text)

    def command(self, command: str) -> None:
        """Runs a command from the palette, by its title."""
        self.press("F1")
        self.until(lambda: self.look()["quick"], "no palette")
        self.type(f"CodeSage: {command}")
        # A line is a command's title and perhaps its key.
        chosen = f"CodeSage: {command}"
        self.until(lambda: self.look()["quick"][:1] and self.look()["quick"][0].startswith(chosen), f"no {chosen}")
        self.press("Enter")

    def set(self, key: str, value: object) -> None:
        """Sets it where a person does: served to a browser, the workbench sees no change of the file from outside.

        The file has it before the server does. So what the server refuses is set beside it: that is told when all that
        came with it was taken.
        """
        refused = "completion.maxTokens"
        self.press(SETTINGS_FILE)
        self.until(lambda: self.is_open('{"workbench.'), "no settings")
        self.press("Control+Home", "ArrowRight")
        self.type(f'"{key}": {json.dumps(value)},"codesage.{refused}": 0,')
        self.press("Control+KeyS")
        self.see_in("notifications", refused)
        self.press(CLOSE)
        self.until(lambda: not self.is_open('{"'), "the settings stay")

    def is_open(self, beginning: str) -> bool:
        """Whether a text that begins so has the focus."""
        seen = self.look()
        return bool(seen["focused"]) and "".join(seen["lines"][:1]).startswith(beginning)

    def click(self, selector: str, text: str = "") -> None:
        self.until(lambda: self.ask("click", selector, text), f"no {selector} with {text!r}")


@cache
def port_of_session() -> int:
    """The same for each window, so that the browser finds the workbench's code in its cache."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _descendants(pid: int) -> list[int]:
    """The processes that it started, and those that they did; a parent before its children."""
    said = subprocess.run(["pgrep", "-P", str(pid)], check=False, capture_output=True, text=True).stdout
    children = [int(child) for child in said.split()]
    return [one for child in children for one in [child, *_descendants(child)]]


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0].rsplit("/", 1)[-1]
    except OSError:
        return ""


DRIVER = VSCode

"""Which editors there are on this machine, and which there are not, and why.

An editor of the system is found on the PATH. A newer one is looked for in `target/editors/NAME`, where `get-editor.sh`
unpacks it. Versions are asked for, never pinned.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
UNPACKED = Path(os.environ.get("CODESAGE_EDITORS", REPOSITORY / "target" / "editors"))


@dataclass(frozen=True)
class Installed:
    """An editor of this machine, or the place of one that is missing."""

    #: As the results name it.
    name: str
    #: Which `drive_FAMILY.py` drives it.
    family: str
    #: 1: the distribution's; 2: newer, unpacked beside the system; 3: with a browser.
    tier: int
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    version: str = ""
    #: Why it cannot be tested; empty where it can. There may be a command all the same, and a plugin missing.
    missing: str = ""

    def __str__(self) -> str:
        return self.name

    def at_least(self, *version: int) -> bool:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3]) >= version

    @property
    def lacks_ghost_text(self) -> str:
        """Why there is none in it; empty where there is."""
        is_old = self.family == "vim" and not self.at_least(9, 0, 185)
        return "Vim has virtual text since 9.0.0185" if is_old else ""


def binary() -> Path | None:
    """The server under test: `CODESAGE`, or what `cargo build --profile ci` made."""
    named = os.environ.get("CODESAGE")
    built = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "ci" / "codesage"
    path = Path(named) if named else built
    return path.resolve() if path.is_file() else None


def vim_lsp() -> Path | None:
    """The checkout of vim-lsp that `CODESAGE_VIM_LSP` names."""
    named = os.environ.get("CODESAGE_VIM_LSP")
    return Path(named).resolve() if named and (Path(named) / "plugin" / "lsp.vim").is_file() else None


@cache
def editors() -> list[Installed]:
    return [
        _system("Neovim (system)", "neovim", "nvim"),
        _unpacked("Neovim (stable)", "neovim", "nvim-stable", "nvim", "nvim/runtime"),
        _unpacked("Neovim (current)", "neovim", "nvim-current", "nvim", "nvim/runtime"),
        _with_vim_lsp(_unpacked("Vim (old)", "vim", "vim-old", "vim.basic", "vim/vim[0-9]*")),
        _with_vim_lsp(_system("Vim (system)", "vim", "vim")),
        _with_vim_lsp(_unpacked("Vim (current)", "vim", "vim-current", "vim.basic", "vim/vim[0-9]*")),
        *_emacs(_system("Emacs (system)", "emacs", "emacs"), Path("/usr/share/emacs/site-lisp/elpa")),
        *_emacs(_unpacked_emacs(), UNPACKED / "emacs-current" / "usr" / "share" / "emacs" / "site-lisp" / "elpa-src"),
        _unpacked("Helix (current)", "helix", "helix-current", "hx", "../lib/hx/runtime", "HELIX_RUNTIME"),
        _vscode(),
    ]


def _system(name: str, family: str, program: str) -> Installed:
    path = shutil.which(program)
    if path is None:
        return Installed(name, family, 1, missing=f"no `{program}` on the PATH")
    return _asked(name, family, 1, (path,), {})


def _unpacked(
    name: str, family: str, folder: str, program: str, runtime: str, variable: str = "VIMRUNTIME"
) -> Installed:
    """One that `get-editor.sh` unpacked, told by a variable where its runtime files are, below `usr/share`."""
    prefix = UNPACKED / folder
    found = sorted((prefix / "usr" / "share").glob(runtime))
    if not (prefix / "run").is_file() or not found:
        return Installed(
            name, family, 2, missing=f"{prefix} is not there; tests/editors/get-editor.sh {folder} gets it"
        )
    return _asked(name, family, 2, (str(prefix / "run"), program), {variable: str(found[-1].resolve())})


def _asked(name: str, family: str, tier: int, command: tuple[str, ...], environment: dict[str, str]) -> Installed:
    said = subprocess.run(
        [*command, "--version"],
        check=False,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout
    number = re.search(r"(?:NVIM v|IMproved |GNU Emacs |helix )([\d.]+)", said)
    patches = re.search(r"Included patches: (?:\d+-)?(\d+)", said)
    if not number:
        return Installed(name, family, tier, missing=f"`{' '.join(command)} --version` says no version")
    version = number.group(1) + (f".{patches.group(1)}" if patches and family == "vim" else "")
    return Installed(name, family, tier, command, environment, version)


def _vscode() -> Installed:
    """VS Code's workbench as code-server serves it, with a browser to look at it."""
    name, family, tier = "VS Code (code-server)", "vscode", 3
    prefix = UNPACKED / "vscode"
    program = prefix / "server" / "node_modules" / "code-server"
    node = prefix / "node" / "node_modules" / ".bin" / "node"
    manifest = program / "lib" / "vscode" / "package.json"
    if not manifest.is_file() or not (prefix / "driver" / "node_modules" / "puppeteer-core").is_dir():
        return Installed(name, family, tier, missing=f"{prefix} is not there; tests/editors/get-vscode.sh gets it")
    version = json.loads(manifest.read_text())["version"]
    command = (str(node), str(program / "out" / "node" / "entry.js"))
    found = Installed(name, family, tier, command, version=version)
    if browser() is None:
        return replace(found, missing="no Chromium on the PATH; apt-get install chromium-headless-shell")
    if not (REPOSITORY / "editors" / "vscode" / "node_modules").is_dir():
        return replace(found, missing="editors/vscode has no node_modules; tests/editors/get-vscode.sh gets them")
    return found


def browser() -> str | None:
    """A Chromium: `CODESAGE_BROWSER`, or one on the PATH."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CODESAGE_BROWSER") or next(filter(None, map(shutil.which, names)), None)


def _with_vim_lsp(vim: Installed) -> Installed:
    if vim.missing or vim_lsp():
        return vim
    return replace(vim, missing="CODESAGE_VIM_LSP does not name a checkout of vim-lsp")


def _unpacked_emacs() -> Installed:
    """Emacs is not relocatable: the variables name what it was built to find, and an argument its dumped half."""
    prefix = UNPACKED / "emacs-current"
    share = sorted((prefix / "usr" / "share" / "emacs").glob("[0-9]*"))
    dumped = sorted((prefix / "usr" / "libexec" / "emacs").glob("*/*/*.pdmp"))
    if not (prefix / "run").is_file() or not share or not dumped:
        missing = f"{prefix} is not there; tests/editors/get-editor.sh emacs-current gets it"
        return Installed("Emacs (current)", "emacs", 2, missing=missing)
    lisp = [share[-1] / "lisp", *(path for path in (share[-1] / "lisp").rglob("*") if path.is_dir())]
    packages = sorted((prefix / "usr" / "share" / "emacs" / "site-lisp" / "elpa-src").glob("*"))
    environment = {
        "EMACSLOADPATH": ":".join(map(str, [*packages, *lisp])),
        "EMACSDATA": str(share[-1] / "etc"),
        "EMACSDOC": str(share[-1] / "etc"),
        "EMACSPATH": str(dumped[-1].parent),
    }
    command = (str(prefix / "run"), "emacs-nox", f"--dump-file={dumped[-1]}")
    return _asked("Emacs (current)", "emacs", 2, command, environment)


def _emacs(emacs: Installed, packages: Path) -> list[Installed]:
    """Emacs three times: with a connection of the package's own, with Eglot and with lsp-mode as the client."""
    eglot = replace(emacs, name=emacs.name.replace("Emacs", "Emacs, Eglot"))
    lsp_mode = replace(emacs, name=emacs.name.replace("Emacs", "Emacs, lsp-mode"))
    if not emacs.missing and not emacs.at_least(29) and not list(packages.glob("eglot-*")):
        eglot = replace(eglot, missing="no Eglot; apt-get install elpa-eglot")
    if not emacs.missing and not list(packages.glob("lsp-mode-*")):
        lsp_mode = replace(lsp_mode, missing="no lsp-mode; apt-get install elpa-lsp-mode")
    return [emacs, eglot, lsp_mode]

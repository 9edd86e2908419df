"""One editor with CodeSage in it, as the tests see it: keys, lines, and the screen; what differs is below."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

import pynvim

from installed import REPOSITORY, Installed, vim_lsp
from terminal import DEADLINE, Terminal, home, wait_until

#: The keys that the tests' own configuration asks for.
ACCEPT, WORD, LINE, NEXT, DISMISS = "\t", "\x06", "\x0c", "\x02", "\x05"
ESCAPE, ENTER = "\x1b", "\r"
#: The next item of a menu, and yes.
TAKE_ITEM = "\x0e\x19"


class Editor:
    """An editor that runs, until it is closed."""

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

    def menu_is_open(self) -> bool:
        raise NotImplementedError

    def show_status(self) -> None:
        """Puts the status of CodeSage into the statusline, between brackets."""
        raise NotImplementedError


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


class Neovim(Editor):
    """In a terminal, and asked about itself over a socket."""

    rpc: pynvim.Nvim
    headless: subprocess.Popen[bytes] | None = None

    CONFIGURATION = """
vim.opt.runtimepath:prepend({plugin!r})
vim.o.swapfile = false
vim.g.loaded_python3_provider = 0 -- looked for when a Python file is opened, for seconds
vim.o.shortmess = vim.o.shortmess .. 'I'
vim.g.codesage = {{
  keys = {{ accept = '<Tab>', accept_word = '<C-f>', accept_line = '<C-l>', next = '<C-b>', dismiss = '<C-e>' }},
}}
require('codesage').enable()
"""
    #: Suggestions as items of the menu, and no ghost text.
    MENU = """
vim.g.codesage = { ghost = false }
vim.o.completeopt = 'menuone,noselect'
vim.api.nvim_create_autocmd('FileType', { callback = function() vim.bo.omnifunc = 'v:lua.vim.lsp.omnifunc' end })
if vim.lsp.completion then
  vim.api.nvim_create_autocmd('LspAttach', { callback = function(event)
    vim.lsp.completion.enable(true, event.data.client_id, event.buf)
  end })
end
"""

    def configure(self, text: str | None = None, menu: bool = False) -> None:
        config = Path(self.environment["XDG_CONFIG_HOME"]) / "nvim"
        config.mkdir(parents=True, exist_ok=True)
        plugin = str(REPOSITORY / "editors" / "nvim")
        text = self.CONFIGURATION.format(plugin=plugin) if text is None else text
        if menu:
            before, enable = text.rsplit("require", 1)
            text = before + self.MENU + "require" + enable
        (config / "init.lua").write_text(text)

    def open(self, name: str) -> None:
        if not (Path(self.environment["XDG_CONFIG_HOME"]) / "nvim").exists():
            self.configure()
        address = self.folder / "nvim.sock"
        command = [*self.installed.command, "--listen", str(address)]
        if self.installed.tier == 1:
            self.terminal = Terminal([*command, str(self.workspace / name)], self.environment, self.workspace)
        else:
            # Its parsers are not where it was built to look for them.
            parsers = Path(self.installed.command[0]).parent / "usr" / "lib" / "nvim"
            command += ["--cmd", f"set runtimepath+={parsers}"]
            # One that was unpacked runs under its own loader, and cannot start the half of itself that edits: its
            # terminal starts `/proc/self/exe`, which is the loader. So each half is started by itself.
            self.headless = subprocess.Popen(
                [*command, "--headless"],
                env=self.environment,
                cwd=self.workspace,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.rpc = wait_until(lambda: _attached(address), lambda: f"no socket:\n{self.terminal}")
        self.pid = self.free().eval("getpid()") if self.installed.tier == 1 else self.headless.pid
        if self.installed.tier != 1:
            command = [*self.installed.command, "--server", str(address), "--remote-ui"]
            self.terminal = Terminal(command, self.environment, self.workspace)
            wait_until(lambda: self.rpc.eval("len(nvim_list_uis())"), lambda: f"no screen:\n{self.terminal}")
            # Named on the command line it would come second: what stands in for a keyboard is read as a text.
            self.free().command(f"edit {self.workspace / name}")

    def close(self) -> None:
        if self.terminal:
            try:
                self.rpc.command("qall!", async_=True)
                time.sleep(0.05)
                self.rpc.close()
            except (OSError, EOFError, AttributeError):
                pass
        super().close()
        if self.headless:
            self.headless.kill()
            self.headless.wait()
            self.headless = None

    def free(self) -> pynvim.Nvim:
        """The connection, as soon as Neovim waits for no answer: it would not answer either."""
        wait_until(
            lambda: not self.rpc.api.get_mode()["blocking"], lambda: f"Neovim waits for a key:\n{self.terminal}", 10
        )
        return self.rpc

    def lua(self, code: str, *arguments: object) -> object:
        return self.free().exec_lua(code, *arguments)

    def lines(self) -> list[str]:
        return self.free().api.buf_get_lines(0, 0, -1, False)

    def cursor(self) -> tuple[int, int]:
        row, col = self.free().api.win_get_cursor(0)
        return row, col + 1

    def is_ready(self) -> bool:
        return bool(
            self.lua("""
                local clients = vim.lsp.get_clients or vim.lsp.get_active_clients
                for _, client in pairs(clients()) do
                  if client.name == 'codesage' and client.initialized and vim.lsp.buf_is_attached(0, client.id) then
                    local has = vim.fn.has('nvim-0.11') == 1
                    local answered = function(_, answer)
                      vim.g.test_ready = answer ~= nil and answer.kind == 'Normal' and not answer.busy
                    end
                    if vim.fn.has('nvim-0.11') == 1 then
                      client:request('codesage/status', {}, answered, 0)
                    else
                      client.request('codesage/status', {}, answered, 0)
                    end
                    local ready = vim.g.test_ready == true
                    vim.g.test_ready = false
                    return ready
                  end
                end
                return false
            """)
        )

    def menu_is_open(self) -> bool:
        return bool(self.free().eval("pumvisible()"))

    def show_status(self) -> None:
        self.lua("vim.o.laststatus = 2; vim.o.statusline = \"[%{%v:lua.require'codesage'.status()%}]\"")

    def log(self) -> str:
        return str(self.free().exec_lua("return vim.api.nvim_exec('messages', true)"))


def _attached(address: Path) -> pynvim.Nvim | None:
    try:
        return pynvim.attach("socket", path=str(address))
    except OSError:
        return None


class Vim(Editor):
    """In a terminal, with vim-lsp, and asked about itself over a channel that it opens."""

    CONFIGURATION = """
set nocompatible hidden noswapfile encoding=utf-8 shortmess+=I backspace=indent,eol,start ttimeoutlen=20
set runtimepath^={vim_lsp}
set runtimepath^={plugin}
filetype plugin indent on
syntax on
inoremap <expr> <Tab> codesage#key('accept', "\\<Tab>")
imap <C-f> <Plug>(codesage-accept-word)
imap <C-l> <Plug>(codesage-accept-line)
imap <C-b> <Plug>(codesage-next)
imap <C-e> <Plug>(codesage-dismiss)
"""

    def __init__(self, installed: Installed, folder: Path, server: Path, model: Path | None):
        super().__init__(installed, folder, server, model)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.channel: socket.socket | None = None
        self.number = 0
        self.buffer = ""

    def configure(self, text: str | None = None, menu: bool = False) -> None:
        if text is None:
            plugin = REPOSITORY / "editors" / "vim"
            text = self.CONFIGURATION.format(vim_lsp=vim_lsp(), plugin=plugin)
        if menu:
            text += "let g:codesage_ghost = 0\nset completeopt=menuone,noselect\n"
        (self.folder / ".vimrc").write_text(text)

    def open(self, name: str) -> None:
        if not (self.folder / ".vimrc").exists():
            self.configure()
        port = self.listener.getsockname()[1]
        ask = f"let g:test_channel = ch_open('127.0.0.1:{port}', {{'mode': 'json'}})"
        command = [*self.installed.command, "-i", "NONE", "-c", ask]
        self.terminal = Terminal([*command, str(self.workspace / name)], self.environment, self.workspace)
        self.channel, _ = self.listener.accept()
        self.channel.settimeout(DEADLINE)
        self.pid = int(self.eval("getpid()"))  # type: ignore[call-overload]

    def close(self) -> None:
        if self.channel:
            self.channel.close()
            self.channel = None
        self.listener.close()
        super().close()

    def eval(self, expression: str) -> object:
        assert self.channel
        self.number -= 1
        self.channel.sendall(json.dumps(["expr", expression, self.number]).encode() + b"\n")
        while True:
            try:
                (number, value), end = json.JSONDecoder().raw_decode(self.buffer)
            except ValueError:
                received = self.channel.recv(65536)
                assert received, f"Vim is gone:\n{self.terminal}"
                self.buffer += received.decode()
                continue
            self.buffer = self.buffer[end:].lstrip()
            if number == self.number:
                return value

    def lines(self) -> list[str]:
        return list(self.eval("getline(1, '$')"))  # type: ignore[call-overload]

    def cursor(self) -> tuple[int, int]:
        row, col = self.eval("[line('.'), col('.')]")  # type: ignore[misc]
        return row, col

    def is_ready(self) -> bool:
        return self.eval("exists('*codesage#is_ready') && codesage#is_ready()") in (1, True)

    def menu_is_open(self) -> bool:
        return bool(self.eval("pumvisible()"))

    def show_status(self) -> None:
        self.eval("execute('set laststatus=2 statusline=[%{codesage#status()}]')")

    def log(self) -> str:
        return str(self.eval("execute('messages')"))


def start(installed: Installed, folder: Path, server: Path, model: Path | None) -> Editor:
    kind = {"neovim": Neovim, "vim": Vim}[installed.family]
    return kind(installed, folder, server, model)

"""Neovim in a terminal, asked about itself over a socket."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pynvim

from editor import Editor
from installed import REPOSITORY
from terminal import Terminal, wait_until


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
        wait_until(lambda: not self.rpc.api.get_mode()["blocking"], lambda: f"Neovim waits for a key:\n{self.terminal}")
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

    def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """What the server answers, asked beside the plugin."""
        answer = self.lua(
            """
            local client, method, params = require('codesage.client').get(0), ...
            local arguments = { method, vim.fn.json_decode(params), 120000, 0 }
            if vim.fn.has('nvim-0.11') == 1 then
              table.insert(arguments, 1, client)
            end
            local answer = client.request_sync(unpack(arguments))
            return vim.fn.json_encode(answer and answer.result or {})
            """,
            method,
            json.dumps(params),
        )
        return json.loads(str(answer))

    def diagnostics(self) -> list[str]:
        code = "return vim.tbl_map(function(one) return one.message end, vim.diagnostic.get(nil))"
        return list(self.lua(code))  # type: ignore[call-overload]

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


DRIVER = Neovim

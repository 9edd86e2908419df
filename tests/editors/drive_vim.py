"""Vim in a terminal, with vim-lsp, and asked about itself over a channel that it opens."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from editor import Editor
from installed import REPOSITORY, Installed, vim_lsp
from terminal import DEADLINE, Terminal, wait_until


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
        ask = f"let g:test_channel = ch_open('127.0.0.1:{port}', {{'mode': 'json', 'waittime': 60000}})"
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

    def ask(self, method: str, params: dict[str, object]) -> object:
        """What the server answers, asked beside the plugin."""
        keep = "{answer, _ -> extend(g:, {'test_answer': answer})}"
        self.eval("extend(g:, {'test_answer': 0})")
        given = json.dumps(json.dumps(params))
        self.eval(f"[codesage#client#request('{method}', json_decode({given}), {keep}), 0][1]")
        return wait_until(lambda: self.eval("g:test_answer"), lambda: f"no answer to {method}:\n{self.terminal}")

    def diagnostics(self) -> list[str]:
        told = self.eval(
            "values(map(copy(lsp#internal#diagnostics#state#_get_all_diagnostics_grouped_by_uri_and_server()), 'v:val'))"
        )
        responses = [response for servers in told for response in servers.values()]  # type: ignore[attr-defined]
        return [one["message"] for response in responses for one in response["params"]["diagnostics"]]

    def menu_is_open(self) -> bool:
        return bool(self.eval("pumvisible()"))

    def show_status(self) -> None:
        self.eval("execute('set laststatus=2 statusline=[%{codesage#status()}]')")
        # Nothing else may happen that would have it drawn.
        assert self.channel
        self.channel.sendall(b'["redraw", ""]\n')

    def log(self) -> str:
        return str(self.eval("execute('messages')"))


DRIVER = Vim

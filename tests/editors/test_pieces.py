"""What can be taken of a suggestion, and where it stands afterwards: the same table for both plugins, without a server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from installed import REPOSITORY, Installed

#: A text, its next word, its next line.
PIECES = [
    ("beta(one, two)", "beta", "beta(one, two)"),
    ("(one, two)", "(", "(one, two)"),
    (" one, two)\nx", " one", " one, two)"),
    ("\n    log(x)\n    y", "\n    log", "\n    log(x)"),
    ("\n\n  a", "\n\n  a", "\n\n  a"),
    ("   ", "   ", "   "),
    ("naïve_😀2 += 1", "naïve_😀2", "naïve_😀2 += 1"),
    (").await?;", ").", ").await?;"),
]

#: The suggestion's text and column (bytes, from 0), the line as it was and is, the cursor's column, what is left.
FOLLOWED = [
    ("beta()", 4, "y = ", "y = ", 4, "beta()"),
    ("beta()", 4, "y = ", "y = be", 6, "ta()"),
    ("beta()", 4, "y = ", "y = bx", 6, None),
    ("beta()", 4, "y = ", "z = be", 6, None),
    ("beta()", 4, "y = ", "y =", 3, None),
    ("a, b)", 2, "f()", "f(a)", 3, ", b)"),
    ("a, b)", 2, "f()", "f(a))", 3, None),
    ("é😀", 3, "x é", "x éé", 5, None),
    ("é😀", 4, "x é", "x éé", 6, "😀"),
]


def ask(installed: Installed, folder: Path, script: str, name: str) -> list[object]:
    """What a script of the editor's own language leaves in the file `out`."""
    if installed.missing and not installed.command:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    (folder / name).write_text(script)
    source = ["-u", "NONE", "-i", "NONE", "-n", "-es", "-S", str(folder / name), "-c", "qall!"]
    headless = ["--headless"] if installed.family == "neovim" else ["-N"]
    environment = {**os.environ, **installed.environment, "LANG": "C.UTF-8"}
    subprocess.run(
        [*installed.command, *headless, *source],
        check=False,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=600,
    )
    return json.loads((folder / "out").read_text())


@pytest.mark.only("neovim")
def test_pieces_in_lua(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "cases").write_text(json.dumps([PIECES, FOLLOWED]))
    script = f"""
vim.opt.runtimepath:prepend({str(REPOSITORY / "editors" / "nvim")!r})
local pure = require('codesage.suggestion')
local cases = vim.fn.json_decode(table.concat(vim.fn.readfile('cases')))
local out = {{ {{}}, {{}} }}
for _, case in ipairs(cases[1]) do
  table.insert(out[1], {{ case[1], pure.word(case[1]), pure.line(case[1]) }})
end
for _, case in ipairs(cases[2]) do
  local placed = {{ text = case[1], row = 0, col = case[2], end_col = case[2], taken = '' }}
  local left = pure.follow(placed, case[3], case[4], 0, case[5])
  table.insert(out[2], left and left.text or vim.NIL)
end
vim.fn.writefile({{ vim.fn.json_encode(out) }}, 'out')
"""
    found = ask(installed, tmp_path, script, "script.lua")
    assert found == [[list(case) for case in PIECES], [case[-1] for case in FOLLOWED]]


@pytest.mark.only("vim")
def test_pieces_in_vim_script(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "cases").write_text(json.dumps([PIECES, FOLLOWED]))
    script = f"""
set encoding=utf-8
set runtimepath^={REPOSITORY / "editors" / "vim"}
let s:cases = json_decode(join(readfile('cases')))
let s:out = [[], []]
for s:case in s:cases[0]
  call add(s:out[0], [s:case[0], codesage#suggestion#word(s:case[0]), codesage#suggestion#line(s:case[0])])
endfor
for s:case in s:cases[1]
  let s:placed = {{'text': s:case[0], 'lnum': 1, 'col': s:case[1] + 1, 'end_col': s:case[1] + 1, 'taken': ''}}
  call add(s:out[1], get(codesage#suggestion#follow(s:placed, s:case[2], s:case[3], 1, s:case[4] + 1), 'text', v:null))
endfor
call writefile([json_encode(s:out)], 'out')
"""
    found = ask(installed, tmp_path, script, "script.vim")
    assert found == [[list(case) for case in PIECES], [case[-1] for case in FOLLOWED]]


@pytest.mark.only("vim")
@pytest.mark.feature("says what it is missing")
def test_without_vim_lsp_it_loads_and_says_so(installed: Installed, tmp_path: Path) -> None:
    script = f"""
set encoding=utf-8
set runtimepath^={REPOSITORY / "editors" / "vim"}
runtime plugin/codesage.vim
call writefile([json_encode([execute('AI explain'), codesage#status(), exists(':AIRefactor')])], 'out')
"""
    found = ask(installed, tmp_path, script, "script.vim")
    assert "vim-lsp is not loaded" in str(found[0])
    assert found[1:] == ["", 2]

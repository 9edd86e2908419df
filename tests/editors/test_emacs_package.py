"""The package for Emacs by itself: its lints, its pure parts, and that what it tells the server is what stands there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from installed import REPOSITORY, Installed
from test_pieces import FOLLOWED, PIECES

pytestmark = pytest.mark.only("emacs")

PACKAGE = REPOSITORY / "editors" / "emacs" / "codesage.el"
#: What package-lint says of it that is not to be mended: there is no home page yet to name, the old one of Debian 12 takes
#: Emacs 28.1 for one that is yet to come, and the new one does not know that Eglot can be had for Emacs 28.
KNOWN = (
    "Package should have a Homepage or URL header",
    "uninstallable in all released Emacs versions",
    "if you need `eglot",
)


def once(installed: Installed) -> None:
    """Skips what is the same with each client."""
    if "," in installed.name:
        pytest.skip("the same for each client")
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")


def batch(installed: Installed, folder: Path, *arguments: str) -> str:
    """What Emacs says when it does something without a screen."""
    # One that was unpacked cannot start itself to compile what it is about to replace.
    alone = ["--eval", "(setq native-comp-enable-subr-trampolines nil)"]
    done = subprocess.run(
        [*installed.command, "-Q", "--batch", *alone, *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, **installed.environment, "LANG": "C.UTF-8", "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.stdout + done.stderr


def evaluated(installed: Installed, folder: Path, code: str) -> object:
    """What an expression gives, as JSON, with the package loaded."""
    # A list may be an object otherwise.
    arrays = "(defun arrays (one) (if (consp one) (vconcat (mapcar #'arrays one)) one))"
    script = f';;; -*- lexical-binding: t -*-\n{arrays}\n(princ (concat "\\nJSON:" (json-encode (arrays {code}))))\n'
    (folder / "code.el").write_text(script)
    said = batch(installed, folder, "-l", str(PACKAGE), "-l", "json", "-l", str(folder / "code.el"))
    _, found, answer = said.partition("\nJSON:")
    assert found, said
    return json.loads(answer)


def test_it_compiles_without_a_warning(installed: Installed, tmp_path: Path) -> None:
    once(installed)
    (tmp_path / PACKAGE.name).write_bytes(PACKAGE.read_bytes())
    said = batch(installed, tmp_path, "-f", "batch-byte-compile", PACKAGE.name)
    assert (tmp_path / "codesage.elc").exists(), said
    assert "Warning" not in said and "Error" not in said, said


def test_checkdoc_finds_nothing(installed: Installed, tmp_path: Path) -> None:
    once(installed)
    (tmp_path / PACKAGE.name).write_bytes(PACKAGE.read_bytes())
    said = batch(installed, tmp_path, "-l", "checkdoc", "--eval", f'(checkdoc-file "{PACKAGE.name}")')
    assert "codesage.el:" not in said, said


def test_package_lint_finds_nothing(installed: Installed, tmp_path: Path) -> None:
    once(installed)
    (tmp_path / PACKAGE.name).write_bytes(PACKAGE.read_bytes())
    prefix = Path(installed.command[0]).parent if installed.tier == 2 else Path("/")
    found = sorted((prefix / "usr/share/emacs/site-lisp/elpa-src").glob("*-lint-*"))
    if not found:
        pytest.skip("no package-lint; apt-get install elpa-package-lint")
    others = sorted((prefix / "usr/share/emacs/site-lisp/elpa-src").glob("compat-*"))
    path = [argument for folder in [*found, *others] for argument in ("-L", str(folder))]
    # The list of what can be installed would come over the network.
    script = f"""(progn (require 'package-lint) (find-file "{PACKAGE.name}") (emacs-lisp-mode)
      (dolist (one (package-lint-buffer)) (princ (format "lint: %S\\n" one))))"""
    said = batch(installed, tmp_path, *path, "--eval", script)
    lints = [line for line in said.splitlines() if line.startswith("lint: ") and not any(one in line for one in KNOWN)]
    assert not lints, "\n".join(lints)
    assert any(one in said for one in KNOWN), said


def characters(text: str, count: int) -> int | None:
    """How many characters the first bytes of a text are; None where they end inside one."""
    try:
        return len(text.encode()[:count].decode())
    except UnicodeDecodeError:
        return None


def lisp(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def test_pieces_in_lisp(installed: Installed, tmp_path: Path) -> None:
    once(installed)
    pieces = " ".join(
        f"(list (codesage--first-word {lisp(text)}) (codesage--first-line {lisp(text)}))" for text, _, _ in PIECES
    )
    cases = []
    for text, column, before, now, cursor, left in FOLLOWED:
        # The table counts bytes.
        in_characters = characters(before, column), characters(now, cursor)
        if None not in in_characters:
            cases.append((text, in_characters[0], before, now, in_characters[1], left))
    followed = " ".join(
        f"(codesage--left {lisp(text)} {column} {lisp(before)} {lisp(now)} {cursor})"
        for text, column, before, now, cursor, _ in cases
    )
    assert len(cases) > 7
    found = evaluated(installed, tmp_path, f"(list (list {pieces}) (list {followed}))")
    assert found == [[[word, line] for _, word, line in PIECES], [case[-1] for case in cases]]


def test_places_in_each_encoding(installed: Installed, tmp_path: Path) -> None:
    once(installed)
    code = """
(with-temp-buffer
  (insert "x\\naé😀b\\tz\\n\\n")
  (mapcar (lambda (encoding)
            (mapcar (lambda (point)
                      (let ((position (codesage--position point encoding)))
                        (list (plist-get position :line) (plist-get position :character)
                              (= point (codesage--point position encoding)))))
                    (list 1 3 5 6 7 (point-max))))
          '("utf-8" "utf-16" "utf-32")))
"""
    found = evaluated(installed, tmp_path, code)
    columns = {"utf-8": [3, 7, 8], "utf-16": [2, 4, 5], "utf-32": [2, 3, 4]}
    assert found == [
        [[0, 0, True], [1, 0, True], *([1, c, True] for c in after), [3, 0, True]] for after in columns.values()
    ]


def test_a_reason_is_a_sentence(installed: Installed, tmp_path: Path) -> None:
    once(installed)
    code = r"""
(mapcar #'codesage--why-line
        '((:code "drop.short" :detail "fewer than three remained" :uri "file:///a/p.py" :ms 12.3
           :position (:line 3 :character 17))
          (:code "ok.new" :detail "newly generated" :uri "file:///a/p.py" :ms 4.0 :text "beta(one)\n")))
"""
    assert evaluated(installed, tmp_path, code) == [
        "drop.short         p.py:4:18              12 ms  fewer than three remained",
        r'ok.new             p.py                    4 ms  newly generated: "beta(one)\n"',
    ]


def test_what_the_server_is_told_is_what_stands_there(installed: Installed, tmp_path: Path) -> None:
    """Random changes, of all kinds, between random moments at which the server is told."""
    once(installed)
    code = """
(let ((server (make-instance 'codesage-server :name "none" :root "/"
                             :process (lambda () (make-pipe-process :name "none" :noquery t))))
      (told "") (wrong nil) (count 0) (changes 0))
  (random "codesage")
  (setf (slot-value server 'capabilities) '(:positionEncoding "utf-32"))
  (cl-letf (((symbol-function 'jsonrpc-notify)
             (lambda (_server _method params)
               (mapc (lambda (change)
                       (setq changes (1+ changes))
                       (with-temp-buffer
                         (insert told)
                         (let* ((range (plist-get change :range))
                                (beg (codesage--point (plist-get range :start) "utf-32"))
                                (end (codesage--point (plist-get range :end) "utf-32")))
                           (delete-region beg end)
                           (goto-char beg)
                           (insert (plist-get change :text))
                           (setq told (buffer-string)))))
                     (plist-get params :contentChanges))))
            ((symbol-function 'process-live-p) (lambda (_) t)))
    (with-temp-buffer
      (buffer-enable-undo)
      (setq codesage--own server codesage--opened "file:///x")
      (add-hook 'before-change-functions #'codesage--before-change nil t)
      (dotimes (_ 1500)
        (let ((a (+ (point-min) (random (1+ (buffer-size))))) (b (+ (point-min) (random (1+ (buffer-size))))))
          (goto-char a)
          (pcase (random 11)
            (0 (insert "def f():\\n    é😀\\n"))
            (1 (delete-region a (min (point-max) (+ a (random 9)))))
            (2 (insert "x"))
            (3 (upcase-region (min a b) (max a b)))
            (4 (ignore-errors (transpose-lines 1)))
            (5 (let ((text (replace-regexp-in-string "e" "EE" (buffer-string))))
                 (replace-buffer-contents (with-current-buffer (get-buffer-create "other")
                                            (erase-buffer) (insert (substring text 0 (min 300 (length text))))
                                            (current-buffer)))))
            (6 (ignore-errors (primitive-undo 1 buffer-undo-list)))
            (7 (indent-region (min a b) (max a b) (random 4)))
            (8 (save-restriction (narrow-to-region (min a b) (max a b)) (goto-char (point-min)) (insert "\\n")))
            (9 (ignore-errors (capitalize-word 1)))
            (_ (subst-char-in-region (min a b) (max a b) ?x ?y)))
          (when (zerop (random 3))
            (codesage--send-change)
            (setq count (1+ count))
            (unless (equal told (buffer-string))
              (setq wrong t told (buffer-string))))))))
  (list (or wrong :json-false) (> count 300) (> changes 200)))
"""
    assert evaluated(installed, tmp_path, code) == [False, True, True]

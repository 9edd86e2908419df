"""Emacs in a terminal, with Eglot, with lsp-mode or with neither, and asked about itself over a socket that it opens."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from editor import Editor
from installed import REPOSITORY, Installed
from terminal import DEADLINE, Terminal, wait_until

#: The end of the text, and keys that the test's own configuration binds besides those of `editor`.
END, UNDO, COMPLETE, ANOTHER_WINDOW = "\x1b>", "\x1f", "\x1b\t", "\x18o"

#: How each client gets to start the server.
CLIENTS = {
    "": "(add-hook 'prog-mode-hook #'codesage-mode)\n",
    "Eglot": """
(with-eval-after-load 'eglot (codesage-eglot-setup '(python-mode)))
(add-hook 'python-mode-hook #'eglot-ensure)
""",
    "lsp-mode": """
(setq lsp-auto-guess-root t lsp-guess-root-without-session t lsp-headerline-breadcrumb-enable nil
      lsp-enable-suggest-server-download nil lsp-client-packages nil)
(with-eval-after-load 'lsp-mode (codesage-lsp-setup))
(require 'lsp-mode)
(add-hook 'python-mode-hook #'lsp-deferred)
""",
}


class Emacs(Editor):
    """In a terminal, and asked about itself over a socket that it opens."""

    new_line, undo = END, UNDO

    CONFIGURATION = """
(add-to-list 'load-path {folder!j})
(require 'codesage)
(setq make-backup-files nil auto-save-default nil vc-handled-backends nil
      python-indent-guess-indent-offset nil native-comp-async-report-warnings-errors nil)
(define-key codesage-shown-map (kbd "TAB") #'codesage-accept)
(define-key codesage-shown-map (kbd "C-f") #'codesage-accept-word)
(define-key codesage-shown-map (kbd "C-l") #'codesage-accept-line)
(define-key codesage-shown-map (kbd "C-e") #'codesage-dismiss)
(define-key codesage-mode-map (kbd "C-b") #'codesage-next)
"""
    #: Opens the socket, and evaluates what comes over it where the person is.
    SOCKET = """;;; -*- lexical-binding: t -*-
(progn
  (require 'json)
  (make-network-process
   :name "test" :host "127.0.0.1" :service {port} :coding 'utf-8 :noquery t
   :filter (let ((pending ""))
             (lambda (process text)
               (setq pending (concat pending text))
               (while (string-match "\\n" pending)
                 (let ((line (substring pending 0 (match-beginning 0))))
                   (setq pending (substring pending (match-end 0)))
                   (process-send-string
                    process
                    (concat (json-encode
                             (condition-case problem
                                 (list :value (with-current-buffer (window-buffer (minibuffer-selected-window-or-this))
                                                (eval (car (read-from-string line)) t)))
                               (error (list :error (format "%S" problem)))))
                            "\\n"))))))))
""".replace("(minibuffer-selected-window-or-this)", "(or (minibuffer-selected-window) (selected-window))")

    def __init__(self, installed: Installed, folder: Path, server: Path, model: Path | None):
        super().__init__(installed, folder, server, model)
        self.client = installed.name.split(" (")[0].removeprefix("Emacs").removeprefix(", ")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.channel: socket.socket | None = None
        self.buffer = b""

    def configure(self, text: str | None = None, menu: bool = False) -> None:
        folder = self.folder / ".emacs.d"
        folder.mkdir(exist_ok=True)
        # One that was unpacked has no compiler to compile packages with, and nothing told it what they load by themselves.
        (folder / "early-init.el").write_text(
            "(setq native-comp-jit-compilation nil native-comp-deferred-compilation nil"
            " native-comp-enable-subr-trampolines nil inhibit-startup-screen t)\n"
            '(mapc (lambda (name) (load (concat name "-autoloads") t t)) \'("lsp-mode" "company"))\n'
        )
        if text is None:
            place = str(REPOSITORY / "editors" / "emacs")
            text = self.CONFIGURATION.replace("{folder!j}", json.dumps(place)) + CLIENTS[self.client]
        if menu:
            text += "(setq codesage-ghost-text nil)\n"
        (folder / "init.el").write_text(text)

    def open(self, name: str) -> None:
        if not (self.folder / ".emacs.d" / "init.el").exists():
            self.configure()
        port = self.listener.getsockname()[1]
        (self.folder / "socket.el").write_text(self.SOCKET.replace("{port}", str(port)))
        # Before the file, whose mode may ask a question.
        command = [*self.installed.command, "-nw", "-l", str(self.folder / "socket.el"), str(self.workspace / name)]
        self.terminal = Terminal(command, self.environment, self.workspace)
        self.channel, _ = self.listener.accept()
        self.channel.settimeout(DEADLINE)
        self.pid = int(self.eval("(emacs-pid)"))  # type: ignore[call-overload]

    def close(self) -> None:
        if self.channel:
            self.channel.close()
            self.channel = None
        self.listener.close()
        super().close()

    def eval(self, expression: str) -> object:
        """What an expression gives in the buffer of the selected window."""
        assert self.channel
        self.channel.sendall(expression.replace("\n", " ").encode() + b"\n")
        while b"\n" not in self.buffer:
            received = self.channel.recv(65536)
            assert received, f"Emacs is gone:\n{self.terminal}"
            self.buffer += received
        line, self.buffer = self.buffer.split(b"\n", 1)
        answer = json.loads(line)
        assert "error" not in answer, f"{expression}: {answer['error']}"
        return answer["value"]

    def lines(self) -> list[str]:
        text = str(self.eval("(save-restriction (widen) (buffer-substring-no-properties (point-min) (point-max)))"))
        return text.removesuffix("\n").split("\n")

    def cursor(self) -> tuple[int, int]:
        row, col = self.eval(  # type: ignore[misc]
            "(list (line-number-at-pos)"
            " (1+ (string-bytes (buffer-substring-no-properties (line-beginning-position) (point)))))"
        )
        return row, col

    def command(self, command: str) -> None:
        """Runs a command by its name, with what is typed after it, as a person does."""
        name, _, words = command.partition(" ")
        # What is typed ahead of the minibuffer may be lost while the command before says what its key is.
        for open_, key in (("null", ""), ("identity", "\x1bx")):
            self.type(key)
            wait_until(
                lambda is_so=open_: self.eval(f"(and ({is_so} (active-minibuffer-window)) t)"),
                lambda: f"the minibuffer is in use, or not there:\n{self.terminal}",
            )
        self.type(f"{name}\r" + (f"{words}\r" if words else ""))

    def go_to(self, line: int) -> None:
        self.type(f"\x1bgg{line}\r")
        wait_until(lambda: self.cursor()[0] == line, lambda: f"not in line {line}:\n{self.terminal}")

    def is_ready(self) -> bool:
        # What the server before this one answered says nothing.
        return bool(
            self.eval("""
                (let ((now (and (bound-and-true-p codesage-mode) (codesage--connection))))
                  (unless (boundp 'test-status) (setq test-status nil))
                  (when now
                    (codesage--request now "codesage/status" codesage--nothing
                                       (lambda (status) (setq test-status (cons now status))))
                    (prog1 (and (eq (car test-status) now)
                                (equal (plist-get (cdr test-status) :kind) "Normal")
                                (memq (plist-get (cdr test-status) :busy) '(nil :json-false))
                                t)
                      (setq test-status nil))))
            """)
        )

    def menu_is_open(self) -> bool:
        return bool(self.eval("(and completion-in-region-mode t)"))

    def show_status(self) -> None:
        self.eval("""(progn (setq mode-line-format '("[" (:eval (codesage-status)) "]")) (force-mode-line-update) t)""")

    def log(self) -> str:
        return str(self.eval('(with-current-buffer "*Messages*" (buffer-string))'))


DRIVER = Emacs

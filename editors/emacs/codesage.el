;;; codesage.el --- Ghost text and actions from a model in a language server  -*- lexical-binding: t; -*-

;; Author: The CodeSage authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))
;; Keywords: convenience, tools, languages
;; SPDX-License-Identifier: MIT OR Apache-2.0

;;; Commentary:

;; CodeSage is a language server with a coding model inside it: no account, no key, no network.  This
;; file brings it into Emacs: ghost text that is taken whole, by line or by word, and actions that
;; explain, rewrite and test code.
;;
;;     (require 'codesage)
;;     (add-hook 'prog-mode-hook #'codesage-mode)
;;     (define-key codesage-shown-map (kbd "TAB") #'codesage-accept)
;;
;; That talks to the server over a connection of its own, beside whatever else serves the buffer:
;; Eglot, lsp-mode or nothing.  `codesage-eglot-setup' has Eglot start the server instead,
;; `codesage-lsp-setup' has lsp-mode do it.
;;
;; No key is bound unless you bind it: `codesage-shown-map' holds while ghost text is shown,
;; `codesage-command-map' is a keymap of all commands to put behind a prefix, and `codesage-menu' shows
;; them.  `codesage-doctor' says what is missing.

;;; Code:

(require 'cl-lib)
(require 'eieio)
(require 'jsonrpc)
(require 'project)
(require 'seq)
(require 'subr-x)
(require 'transient)
(require 'url-util)

(defgroup codesage nil
  "Ghost text and actions from a model in a language server."
  :group 'tools
  :prefix "codesage-")

(defcustom codesage-program "codesage"
  "The program: a name on the variable `exec-path', or a whole path."
  :type 'string)

(defcustom codesage-arguments nil
  "What the program is started with, as `(\"--log-level\" \"debug\")'."
  :type '(repeat string))

(defcustom codesage-settings nil
  "Settings of the server, as a property list of its groups.
For example `(:completion (:multiline \"never\"))'.  False is `:json-false'.
The README of CodeSage lists the keys."
  :type 'plist)

(defcustom codesage-ghost-text t
  "Whether suggestions are shown as ghost text.
The symbol `lsp-mode' leaves them to lsp-mode 10, which draws and takes them in
its own way, whole only."
  :type '(choice (const :tag "Yes" t) (const :tag "No" nil) (const :tag "Leave it to lsp-mode 10" lsp-mode)))

(defcustom codesage-delay 0.03
  "Seconds of rest before a suggestion is asked for.
The server adapts to your typing besides."
  :type 'number)

(defcustom codesage-inhibit-functions nil
  "Functions without argument; where one gives non-nil, nothing is suggested.
For editing modes in which keys are no text; those of Evil are known."
  :type 'hook)

(defcustom codesage-restart t
  "Whether a server that dies is started again, up to three times a minute."
  :type 'boolean)

(defface codesage-ghost '((t :inherit shadow))
  "Face of ghost text.")

(defvar codesage-mode-map (make-sparse-keymap)
  "Keymap of `codesage-mode'; empty, and yours.")

(defvar codesage-shown-map (make-sparse-keymap)
  "Keymap that holds while ghost text is shown; empty, and yours.
It comes before the keymaps of other minor modes.")

;; Of other packages, none of which need be there.
(defvar company-candidates)
(defvar eglot-server-programs)
(defvar evil-local-mode)
(defvar evil-state)
(defvar lsp--cur-workspace)
(defvar lsp-inline-completion-enable)
(defvar lsp-inline-completion-idle-delay)
(defvar multiple-cursors-mode)
(declare-function codesage-eglot-server--eieio-childp "codesage")
(declare-function eglot--VersionedTextDocumentIdentifier "eglot")
(declare-function eglot--signal-textDocument/didChange "eglot")
(declare-function eglot-current-server "eglot")
(declare-function eglot-managed-p "eglot")
(declare-function eglot-reconnect "eglot")
(declare-function flycheck-error-message "flycheck")
(declare-function flycheck-overlay-errors-in "flycheck")
(declare-function flymake-diagnostic-beg "flymake")
(declare-function flymake-diagnostic-end "flymake")
(declare-function flymake-diagnostic-text "flymake")
(declare-function flymake-diagnostics "flymake")
(declare-function flymake-make-diagnostic "flymake")
(declare-function lsp "lsp-mode")
(declare-function lsp--apply-workspace-edit "lsp-mode")
(declare-function lsp--client-server-id "lsp-mode")
(declare-function lsp--point-to-position "lsp-mode")
(declare-function lsp--position-to-point "lsp-mode")
(declare-function lsp--workspace-client "lsp-mode")
(declare-function lsp--workspace-root "lsp-mode")
(declare-function lsp--workspace-status "lsp-mode")
(declare-function lsp:apply-workspace-edit-params-edit "lsp-protocol")
(declare-function lsp-cancel-request-by-token "lsp-mode")
(declare-function lsp-inline-completion-mode "lsp-inline-completion")
(declare-function lsp-make-position "lsp-protocol")
(declare-function lsp-notify "lsp-mode")
(declare-function lsp-register-client "lsp-mode")
(declare-function lsp-register-custom-settings "lsp-mode")
(declare-function lsp-request-async "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function lsp-workspace-restart "lsp-mode")
(declare-function lsp-workspaces "lsp-mode")
(declare-function make-lsp-client "lsp-mode")


;;;; What is said to the person

(defun codesage--say (format &rest arguments)
  "Say FORMAT, filled with ARGUMENTS, in the echo area."
  (message "CodeSage: %s" (apply #'format format arguments)))

(defun codesage--complain (format &rest arguments)
  "Say FORMAT, filled with ARGUMENTS, as something that went wrong."
  (message "%s" (concat (propertize "CodeSage: " 'face 'error) (apply #'format format arguments))))

(defun codesage--on-show-message (params)
  "Say the message of `window/showMessage' in PARAMS."
  ;; LSP 3.17, MessageType: 1 is Error, 2 Warning.
  (funcall (if (<= (or (plist-get params :type) 3) 2) #'codesage--complain #'codesage--say)
           "%s" (plist-get params :message)))


;;;; Places: positions of the protocol, and of the buffer

(defun codesage--units (text encoding)
  "The length of TEXT in the units of ENCODING.
That is \"utf-8\", \"utf-16\" or \"utf-32\"."
  (pcase encoding
    ("utf-8" (string-bytes (encode-coding-string text 'utf-8)))
    ;; What lies outside the BMP takes two.
    ("utf-16" (+ (length text) (cl-count-if (lambda (character) (> character #xffff)) text)))
    (_ (length text))))

(defun codesage--position (point encoding)
  "POINT as a position of the protocol, its column in units of ENCODING."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char point)
      (let ((inhibit-field-text-motion t))
        (list :line (1- (line-number-at-pos))
              :character (codesage--units
                          (buffer-substring-no-properties (line-beginning-position) point) encoding))))))

(defun codesage--point (position encoding)
  "The point of POSITION, whose column counts units of ENCODING.
The nearest where there is none."
  (save-excursion
    (save-restriction
      (widen)
      (goto-char (point-min))
      (forward-line (plist-get position :line))
      (let ((left (plist-get position :character)))
        (while (and (> left 0) (not (eolp)))
          (setq left (- left (codesage--units (string (char-after)) encoding)))
          (forward-char)))
      (point))))

(defun codesage--uri (path)
  "PATH as a URI."
  (concat "file://" (if (eq system-type 'windows-nt) "/" "")
          (url-hexify-string (file-truename path)
                             (let ((allowed (copy-sequence url-path-allowed-chars)))
                               (aset allowed ?: nil)
                               allowed))))

(defun codesage--path (uri)
  "The path that URI names; it may be a keyword, as keys of objects are."
  (let* ((uri (if (keywordp uri) (substring (symbol-name uri) 1) uri))
         (path (decode-coding-string (url-unhex-string (string-remove-prefix "file://" uri)) 'utf-8)))
    (if (eq system-type 'windows-nt) (string-remove-prefix "/" path) path)))


;;;; The connection: over which client the server is spoken to

(defclass codesage-server (jsonrpc-process-connection)
  ((root :initarg :root :documentation "The folder of its workspace.")
   (capabilities :initform nil :documentation "What the server can do; nil before it said so.")
   (buffers :initform nil :documentation "The buffers that are open in it, or will be.")
   (leaving :initform nil :documentation "Whether it was told to end."))
  :documentation "A server of CodeSage that nobody else manages.")

(defvar-local codesage--own nil
  "The connection of our own that this buffer is open in.")

(defun codesage--eglot-server ()
  "The server of CodeSage in this buffer that is Eglot's."
  (when (and (fboundp 'eglot-managed-p) (eglot-managed-p))
    (let ((server (eglot-current-server)))
      ;; Any may be it: behind a multiplexer it has another class, and says what it can all the same.
      (and server
           (jsonrpc-running-p server)
           (plist-get (plist-get (codesage--slot server 'capabilities) :experimental) :codesage)
           server))))

(defun codesage--lsp-workspace ()
  "The workspace of CodeSage in this buffer that is lsp-mode's."
  (when (fboundp 'lsp-workspaces)
    (seq-find (lambda (workspace)
                (and (eq (lsp--client-server-id (lsp--workspace-client workspace)) 'codesage)
                     (eq (lsp--workspace-status workspace) 'initialized)))
              (lsp-workspaces))))

(defun codesage--connection ()
  "What the server of this buffer is spoken to through, nil for nothing.
A connection of our own, a server of Eglot's, or a workspace of lsp-mode's."
  (cond ((and codesage--own (codesage--ready-p codesage--own)) codesage--own)
        ((codesage--eglot-server))
        ((codesage--lsp-workspace))))

(defun codesage--slot (object slot)
  "SLOT of OBJECT, of a class that need not be known here; nil where unbound."
  (and (slot-boundp object slot)
       (slot-value object slot)))

(defun codesage--jsonrpc-p (connection)
  "Whether CONNECTION is spoken to with jsonrpc.el; lsp-mode has its own."
  (cl-typep connection 'jsonrpc-connection))

(defun codesage--encoding (connection)
  "In which units the columns of CONNECTION count."
  (or (plist-get (codesage--slot connection 'capabilities) :positionEncoding) "utf-16"))

(defun codesage--plain (value)
  "VALUE of lsp-mode's as jsonrpc.el gives it: tables become property lists."
  (cond ((hash-table-p value)
         (let (plist)
           (maphash (lambda (key item)
                      (setq plist (cons (codesage--plain item) (cons (intern (format ":%s" key)) plist))))
                    value)
           (nreverse plist)))
        ((vectorp value) (vconcat (mapcar #'codesage--plain value)))
        ((and (consp value) (proper-list-p value)) (mapcar #'codesage--plain value))
        (t value)))

(defun codesage--flush (connection)
  "Tell the server behind CONNECTION what was typed in this buffer."
  (cond ((eq connection codesage--own) (codesage--send-change))
        ((and (codesage--jsonrpc-p connection) (fboundp 'eglot--signal-textDocument/didChange))
         (eglot--signal-textDocument/didChange))))

(defvar codesage--tokens 0 "How many requests were sent through lsp-mode.")

(defun codesage--request (connection method params then &optional otherwise)
  "Send the request METHOD with PARAMS over CONNECTION.
THEN is called with the result, OTHERWISE with the message of an error.  Give
what `codesage--cancel-request' takes."
  (codesage--flush connection)
  (if (codesage--jsonrpc-p connection)
      ;; NB: not `jsonrpc-async-request', which keeps the id to itself, and without it nothing can be
      ;; cancelled.
      (car-safe (funcall (if (fboundp 'jsonrpc--async-request-1)
                             'jsonrpc--async-request-1
                           #'jsonrpc-async-request)
                         connection (intern (concat ":" method)) params
                         :timeout nil
                         :success-fn then
                         :error-fn (lambda (problem)
                                     (when otherwise
                                       (funcall otherwise (plist-get problem :message))))))
    (let ((lsp--cur-workspace connection)
          (token (format "codesage-%d" (cl-incf codesage--tokens))))
      (lsp-request-async method params
                         (lambda (result) (funcall then (codesage--plain result)))
                         :mode 'detached
                         :error-handler
                         (lambda (problem)
                           (when otherwise
                             (funcall otherwise (plist-get (codesage--plain problem) :message))))
                         :cancel-token token)
      token)))

(defun codesage--cancel-request (connection request)
  "Cancel REQUEST, which was sent over CONNECTION.
The server then need not write to the end."
  (if (codesage--jsonrpc-p connection)
      (when (and request (jsonrpc-running-p connection))
        (jsonrpc-notify connection :$/cancelRequest (list :id request)))
    (lsp-cancel-request-by-token request)))

(defun codesage--notify (connection method params)
  "Send the notification METHOD with PARAMS over CONNECTION."
  (if (codesage--jsonrpc-p connection)
      (jsonrpc-notify connection (intern (concat ":" method)) params)
    (let ((lsp--cur-workspace connection))
      (lsp-notify method params))))

(defun codesage--execute (connection command argument then)
  "Have the server behind CONNECTION run COMMAND with ARGUMENT.
THEN is called with what it answers."
  (codesage--request connection "workspace/executeCommand"
                     (list :command (concat "codesage." command) :arguments (vector argument))
                     then
                     (lambda (message) (codesage--complain "%s" message))))

(defun codesage--to-position (connection point)
  "POINT of this buffer as CONNECTION names it."
  (if (codesage--jsonrpc-p connection)
      (codesage--position point (codesage--encoding connection))
    ;; Its versions count columns in different ways.
    (codesage--plain (lsp--point-to-position point))))

(defun codesage--to-point (connection position)
  "The point of this buffer that CONNECTION names POSITION."
  (if (codesage--jsonrpc-p connection)
      (codesage--point position (codesage--encoding connection))
    (lsp--position-to-point
     (lsp-make-position :line (plist-get position :line) :character (plist-get position :character)))))

(defun codesage--document ()
  "This buffer's file as the protocol names it."
  (list :uri (codesage--uri (buffer-file-name (or (buffer-base-buffer) (current-buffer))))))

(defconst codesage--nothing (make-hash-table :size 1)
  "The empty object of JSON.")

(defun codesage--program ()
  "The program, whole where it is more than a name."
  (if (file-name-directory codesage-program)
      (expand-file-name codesage-program)
    codesage-program))

(defun codesage--command ()
  "The program and its arguments."
  (cons (codesage--program) codesage-arguments))

(defun codesage--initialization-options ()
  "What the server is told at the start."
  (append '(:codesage (:notify ["status" "stream"])) codesage-settings))


;;;; A server that dies

(defvar codesage--deaths nil
  "When servers died within the last minute.")

(defconst codesage--pauses [0.2 1 3]
  "Seconds before a server that died is started again.
After the first, second and third time within a minute.")

(defun codesage--died (start)
  "Have START called after a while, if servers do not die too often.
Give whether it will be."
  (let* ((now (float-time))
         (deaths (setq codesage--deaths
                       (cons now (seq-filter (lambda (at) (< (- now at) 60)) codesage--deaths)))))
    (codesage--forget-work)
    (cond ((not codesage-restart)
           (codesage--complain "the server died; M-x codesage-restart starts it again")
           nil)
          ((> (length deaths) (length codesage--pauses))
           (codesage--complain "the server died too often; M-x codesage-restart starts it again")
           nil)
          (t
           (codesage--complain "the server died; it is started again")
           (run-with-timer (aref codesage--pauses (1- (length deaths))) nil start)
           t))))


;;;; A connection of our own, beside any other client

(defvar codesage--servers nil
  "All that run.")

(defvar-local codesage--opened nil
  "The URI by which the server of our own knows this buffer, if it does.")

(defvar-local codesage--version 0
  "The version of this buffer's text that the server has.")

(defvar-local codesage--change nil
  "What changed since the server was told: (BEG WAS AFTER).
The text WAS stood between BEG and AFTER characters before the end.")

(defun codesage--ready-p (server)
  "Whether SERVER is up and said what it can do."
  (and (slot-value server 'capabilities) (jsonrpc-running-p server)))

(defun codesage--root ()
  "The folder of the workspace that this buffer belongs to, as a whole path."
  (let* ((folder (file-name-directory (buffer-file-name)))
         (project (project-current nil folder)))
    (file-name-as-directory
     (file-truename (or (locate-dominating-file folder "codesage.toml")
                        (and project (project-root project))
                        folder)))))

(defconst codesage--languages
  '(("c++" . "cpp") ("csharp" . "csharp") ("js" . "javascript") ("js2" . "javascript")
    ("js-jsx" . "javascriptreact")
    ("rjsx" . "javascriptreact") ("tsx" . "typescriptreact") ("sh" . "shellscript") ("bash" . "shellscript")
    ("emacs-lisp" . "emacs-lisp") ("lisp-interaction" . "emacs-lisp") ("mhtml" . "html") ("web" . "html")
    ("gfm" . "markdown") ("makefile-gmake" . "makefile") ("conf-toml" . "toml") ("cperl" . "perl")
    ("tuareg" . "ocaml") ("caml" . "ocaml") ("latex" . "latex") ("LaTeX" . "latex") ("ess-r" . "r")
    ("enh-ruby" . "ruby") ("objc" . "objective-c") ("js-json" . "json") ("nxml" . "xml"))
  "What the protocol calls languages that Emacs calls otherwise.")

(defun codesage--language ()
  "The language of this buffer, by its name in the protocol."
  (let ((name (replace-regexp-in-string "\\(-ts\\)?-mode\\'" "" (symbol-name major-mode))))
    (or (cdr (assoc name codesage--languages)) name)))

(defun codesage--capabilities ()
  "What we can do as a client."
  '( :general (:positionEncodings ["utf-32"])
     :workspace ( :applyEdit t
                  :workspaceEdit (:documentChanges t)
                  :executeCommand (:dynamicRegistration :json-false)
                  :configuration t
                  :workspaceFolders t)
     :window (:workDoneProgress t)
     :textDocument ( :synchronization (:didSave t)
                     :inlineCompletion (:dynamicRegistration :json-false)
                     :publishDiagnostics (:relatedInformation :json-false))))

(defun codesage--start (root)
  "Start a server for the workspace ROOT."
  (let* ((default-directory root)
         (name "CodeSage")
         (server
          (apply #'make-instance 'codesage-server
                 :name name
                 :root root
                 :process (lambda ()
                            (make-process :name "codesage"
                                          :command (codesage--command)
                                          :connection-type 'pipe
                                          :coding 'utf-8-emacs-unix
                                          :noquery t
                                          ;; jsonrpc.el takes the errors from the buffer of this name.
                                          :stderr (get-buffer-create (format "*%s stderr*" name))))
                 :notification-dispatcher #'codesage--on-notification
                 :request-dispatcher #'codesage--on-request
                 :on-shutdown #'codesage--on-shutdown
                 ;; Writing down every message costs more than sending it.
                 (if (< emacs-major-version 30)
                     '(:events-buffer-scrollback-size 0)
                   '(:events-buffer-config (:size 0))))))
    (push server codesage--servers)
    (jsonrpc-async-request
     server :initialize
     (list :processId (emacs-pid)
           :clientInfo (list :name "codesage.el" :version emacs-version)
           :rootUri (codesage--uri (directory-file-name root))
           :workspaceFolders (vector (list :uri (codesage--uri (directory-file-name root))
                                           :name (file-name-nondirectory (directory-file-name root))))
           :initializationOptions (codesage--initialization-options)
           :capabilities (codesage--capabilities))
     :timeout nil
     :success-fn (lambda (result)
                   (setf (slot-value server 'capabilities) (plist-get result :capabilities))
                   (jsonrpc-notify server :initialized codesage--nothing)
                   (dolist (buffer (slot-value server 'buffers))
                     (when (buffer-live-p buffer)
                       (with-current-buffer buffer (codesage--did-open))))
                   (force-mode-line-update t))
     :error-fn (lambda (problem)
                 (codesage--complain "the server does not start: %s" (plist-get problem :message))))
    server))

(defvar codesage--missing nil
  "The program that was said to be missing.")

(defun codesage--attach ()
  "Open this buffer in a server of our own.
It is started where none runs for the workspace."
  (cond ((not (executable-find (codesage--program)))
         (unless (equal codesage--missing codesage-program)
           ;; Once, and not in every buffer.
           (setq codesage--missing codesage-program)
           (codesage--complain "there is no program `%s'; M-x codesage-doctor says what to do"
                               codesage-program)))
        (t
         (let* ((root (codesage--root))
                (server (or (seq-find (lambda (one)
                                        (and (equal (slot-value one 'root) root) (jsonrpc-running-p one)))
                                      codesage--servers)
                            (codesage--start root))))
           (setq codesage--own server)
           (cl-pushnew (current-buffer) (slot-value server 'buffers))
           (add-hook 'before-change-functions #'codesage--before-change nil t)
           (add-hook 'after-save-hook #'codesage--did-save nil t)
           (add-hook 'kill-buffer-hook #'codesage--detach nil t)
           (add-hook 'after-set-visited-file-name-hook #'codesage--did-rename nil t)
           (add-hook 'flymake-diagnostic-functions #'codesage-flymake nil t)
           (when (codesage--ready-p server)
             (codesage--did-open))))))

(defconst codesage--patience 60
  "Seconds for which a server without a buffer is kept.")

(defun codesage--detach ()
  "Close this buffer in the server of our own that it is open in."
  (when codesage--own
    (let ((server codesage--own))
      (setf (slot-value server 'buffers) (delq (current-buffer) (slot-value server 'buffers)))
      (remove-hook 'before-change-functions #'codesage--before-change t)
      (remove-hook 'after-save-hook #'codesage--did-save t)
      (remove-hook 'kill-buffer-hook #'codesage--detach t)
      (remove-hook 'after-set-visited-file-name-hook #'codesage--did-rename t)
      (remove-hook 'flymake-diagnostic-functions #'codesage-flymake t)
      (when (and codesage--opened (codesage--ready-p server))
        (jsonrpc-notify server :textDocument/didClose (list :textDocument (list :uri codesage--opened))))
      (unless (slot-value server 'buffers)
        (run-with-timer codesage--patience nil #'codesage--stop-if-idle server))
      (setq codesage--own nil codesage--opened nil codesage--change nil))))

(defun codesage--did-open ()
  "Tell the server of our own this buffer's text."
  (setq codesage--opened (plist-get (codesage--document) :uri)
        codesage--version (1+ codesage--version)
        codesage--change nil)
  (jsonrpc-notify codesage--own :textDocument/didOpen
                  (list :textDocument
                        (list :uri codesage--opened
                              :languageId (codesage--language)
                              :version codesage--version
                              :text (save-restriction
                                      (widen)
                                      (buffer-substring-no-properties (point-min) (point-max)))))))

(defun codesage--did-save ()
  "Tell the server of our own that this buffer was saved."
  (when codesage--opened
    (codesage--send-change)
    (jsonrpc-notify codesage--own :textDocument/didSave (list :textDocument (list :uri codesage--opened)))))

(defun codesage--did-rename ()
  "Open this buffer anew, for its file has another name now."
  (codesage--detach)
  (when (buffer-file-name)
    (codesage--attach)))

(defun codesage--before-change (beg end)
  "Remember what stands between BEG and END, which is about to change.
One region is kept that holds all changes since the server was told, and the
text that stood there then; what lies outside is what the server has.  So
nothing need be known of how a change is made."
  (when codesage--opened
    (save-restriction
      (widen)
      (let ((after (- (point-max) end)))
        (if (not codesage--change)
            (setq codesage--change (list beg (buffer-substring-no-properties beg end) after))
          (pcase-let ((`(,first ,was ,rest) codesage--change))
            (when (< beg first)
              (setq was (concat (buffer-substring-no-properties beg first) was) first beg))
            (when (< after rest)
              (setq was (concat was (buffer-substring-no-properties (- (point-max) rest) end)) rest after))
            (setq codesage--change (list first was rest))))))))

(defun codesage--send-change ()
  "Tell the server of our own what changed since it was told."
  (when (and codesage--change codesage--opened (codesage--ready-p codesage--own))
    (pcase-let* ((`(,beg ,was ,after) codesage--change)
                 (encoding (codesage--encoding codesage--own))
                 (start (codesage--position beg encoding))
                 (lines (split-string was "\n"))
                 (last (codesage--units (car (last lines)) encoding))
                 (end (if (cdr lines)
                          (list :line (+ (plist-get start :line) (length (cdr lines))) :character last)
                        (list :line (plist-get start :line)
                                :character (+ (plist-get start :character) last)))))
      (setq codesage--change nil
            codesage--version (1+ codesage--version))
      (jsonrpc-notify
       codesage--own :textDocument/didChange
       (list :textDocument (list :uri codesage--opened :version codesage--version)
             :contentChanges
             (vector (list :range (list :start start :end end)
                           :text (save-restriction
                                   (widen)
                                   (buffer-substring-no-properties beg (- (point-max) after))))))))))

(defun codesage--on-shutdown (server)
  "SERVER ended: by itself, unless it was told to."
  (setq codesage--servers (delq server codesage--servers))
  (let ((buffers (seq-filter #'buffer-live-p (slot-value server 'buffers))))
    (dolist (buffer buffers)
      (with-current-buffer buffer
        (codesage--hide)
        (codesage--detach)))
    (unless (slot-value server 'leaving)
      (codesage--died (lambda () (codesage--attach-again buffers))))))

(defun codesage--attach-again (buffers)
  "Open BUFFERS in a server of our own once more, as far as they want it."
  (dolist (buffer buffers)
    (when (buffer-live-p buffer)
      (with-current-buffer buffer
        (when (and (bound-and-true-p codesage-mode) (buffer-file-name) (not codesage--own))
          (codesage--attach))))))

(defun codesage--stop-if-idle (server)
  "Tell SERVER to end, if no buffer is open in it."
  (when (and (jsonrpc-running-p server) (null (slot-value server 'buffers)))
    (codesage--stop server)))

(defun codesage--stop (server)
  "Tell SERVER to end."
  (setf (slot-value server 'leaving) t)
  (ignore-errors
    (jsonrpc-request server :shutdown nil :timeout 2)
    (jsonrpc-notify server :exit nil))
  (jsonrpc-shutdown server t))

(defun codesage--on-notification (_server method params)
  "Handle METHOD, a notification of the server of our own, with PARAMS."
  (pcase method
    ('codesage/stream (codesage--on-stream params))
    ('codesage/didChangeStatus (codesage--on-status params))
    ('$/progress (codesage--on-progress params))
    ('window/showMessage (codesage--on-show-message params))
    ('textDocument/publishDiagnostics (codesage--on-diagnostics params))))

(defun codesage--on-request (server method params)
  "Answer METHOD, a request of SERVER, which is our own, with PARAMS."
  (pcase method
    ('workspace/applyEdit (codesage--apply-edit (plist-get params :edit) server))
    ('workspace/configuration
     (vconcat (mapcar (lambda (item)
                        (if (equal (plist-get item :section) "codesage")
                            (or codesage-settings codesage--nothing)
                          codesage--nothing))
                      (plist-get params :items))))
    ('workspace/workspaceFolders
     (let ((root (directory-file-name (slot-value server 'root))))
       (vector (list :uri (codesage--uri root) :name (file-name-nondirectory root)))))
    ('window/workDoneProgress/create nil)
    ('window/showMessageRequest (codesage--choose params))
    (_ (jsonrpc-error :code -32601 :message (format "unknown method %s" method)))))

(defun codesage--choose (params)
  "Ask what `window/showMessageRequest' in PARAMS asks; give the choice."
  (let* ((actions (append (plist-get params :actions) nil))
         (chosen (ignore-errors
                   (completing-read (format "CodeSage: %s " (plist-get params :message))
                                    (mapcar (lambda (action) (plist-get action :title)) actions) nil t))))
    (seq-find (lambda (action) (equal (plist-get action :title) chosen)) actions)))

(defvar-local codesage--diagnostics nil
  "Findings of a review, as the server sent them.")

(defvar-local codesage--report nil
  "What Flymake wants to be called with, once there are findings.")

(defun codesage-flymake (report &rest _)
  "Give findings of a review to Flymake, by REPORT."
  (setq codesage--report report)
  (codesage--report-diagnostics))

(defun codesage--report-diagnostics ()
  "Tell Flymake the findings in this buffer."
  (when (and codesage--report codesage--own)
    (funcall codesage--report
             (mapcar (lambda (finding)
                       (let* ((encoding (codesage--encoding codesage--own))
                              (range (plist-get finding :range))
                              (beg (codesage--point (plist-get range :start) encoding))
                              (end (codesage--point (plist-get range :end) encoding)))
                         (flymake-make-diagnostic
                          (current-buffer) beg (max end (min (1+ beg) (point-max)))
                          (pcase (plist-get finding :severity) (1 :error) (2 :warning) (_ :note))
                          (concat "codesage: " (plist-get finding :message)))))
                     codesage--diagnostics))))

(defun codesage--on-diagnostics (params)
  "Keep the findings in PARAMS, and show them where Flymake is on."
  (let ((buffer (find-buffer-visiting (codesage--path (plist-get params :uri)))))
    (when buffer
      (with-current-buffer buffer
        (setq codesage--diagnostics (append (plist-get params :diagnostics) nil))
        (codesage--report-diagnostics)))))


;;;; Edits that the server makes

(defun codesage--document-version ()
  "The version of this buffer's text that the server has, if it is known."
  (cond (codesage--own
         codesage--version)
        ((fboundp 'eglot--VersionedTextDocumentIdentifier)
         (plist-get (eglot--VersionedTextDocumentIdentifier) :version))))

(defun codesage--text-edits (edit)
  "The parts of EDIT, a `WorkspaceEdit': lists (PATH VERSION TEXT-EDITS)."
  (append
   (mapcar (lambda (change)
             (let ((document (plist-get change :textDocument)))
               (list (codesage--path (plist-get document :uri))
                     (plist-get document :version)
                     (append (plist-get change :edits) nil))))
           (plist-get edit :documentChanges))
   (cl-loop for (uri edits) on (plist-get edit :changes) by #'cddr
            collect (list (codesage--path uri) nil (append edits nil)))))

(defun codesage--make-folder (path)
  "Make the folder of PATH, if there is none.
Emacs takes a new file without one for read-only, and asks what to make of it."
  (make-directory (file-name-directory path) t))

(defun codesage--show-new (path)
  "Show the buffer of PATH, a new file, there to be read, and saved."
  (let ((buffer (find-buffer-visiting path)))
    (unless (or (null buffer) (get-buffer-window buffer t))
      (display-buffer buffer))))

(defun codesage--answer-edit (edit make)
  "Call MAKE with the parts of EDIT; answer `workspace/applyEdit'.
They are lists of path, version and edits.  Folders of new files are made
before, and their buffers are shown."
  (condition-case problem
      (let* ((parts (codesage--text-edits edit))
             (new (seq-remove #'file-exists-p (mapcar #'car parts))))
        (mapc #'codesage--make-folder new)
        (funcall make parts)
        (mapc #'codesage--show-new new)
        '(:applied t))
    (error (list :applied :json-false :failureReason (error-message-string problem)))))

(defun codesage--apply-edit (edit connection)
  "Make EDIT, which came over CONNECTION; answer `workspace/applyEdit'.
Nothing is asked: whoever ran the action has asked for it, and what is doubtful
the server shows first."
  (codesage--answer-edit
   edit
   (lambda (parts)
     (pcase-dolist (`(,path ,version ,_) parts)
       (with-current-buffer (find-file-noselect path)
         (when (codesage--connection)
           (codesage--flush connection)
           (let ((now (codesage--document-version)))
             (when (and version now (/= version now))
               (error "%s was changed meanwhile" (buffer-name)))))
         (barf-if-buffer-read-only)))
     (pcase-dolist (`(,path ,_ ,edits) parts)
       (with-current-buffer (find-file-noselect path)
         (codesage--hide)
         (codesage--make-edits edits (codesage--encoding connection))
         (when (codesage--connection)
           (codesage--flush connection)))))))

(defun codesage--make-edits (edits encoding)
  "Make EDITS in this buffer, with columns in ENCODING, as one step of undo.
Point and marks stay in their text."
  (let ((placed (mapcar (lambda (edit)
                          (let ((range (plist-get edit :range)))
                            (list (codesage--point (plist-get range :start) encoding)
                                  (codesage--point (plist-get range :end) encoding)
                                  (plist-get edit :newText))))
                        edits))
        (target (current-buffer)))
    (undo-boundary)
    (atomic-change-group
      (save-restriction
        (widen)
        ;; From the end, so that places stay right; what stands at one place keeps its order.
        (pcase-dolist (`(,beg ,end ,text) (reverse (cl-stable-sort placed #'< :key #'car)))
          (with-temp-buffer
            (insert text)
            (let ((source (current-buffer)))
              (with-current-buffer target
                (save-excursion
                  (save-restriction
                    (narrow-to-region beg end)
                    (replace-buffer-contents source 0.5)))))))))
    (undo-boundary)))


;;;; What goes on: progress, the model, the mode line

(defvar codesage--work nil
  "What runs, the newest first: lists (TOKEN TITLE MESSAGE PERCENTAGE).")

(defvar codesage--trouble ""
  "The server's word on its model where something is wrong, or not ready yet.")

(defun codesage--forget-work ()
  "Forget what ran: its server is gone."
  (setq codesage--work nil codesage--trouble "")
  (force-mode-line-update t))

(defun codesage--on-progress (params)
  "Note the progress in PARAMS."
  (let* ((token (plist-get params :token))
         (value (plist-get params :value))
         (known (assoc token codesage--work)))
    (pcase (plist-get value :kind)
      ("begin" (push (list token (plist-get value :title) (plist-get value :message)
                           (plist-get value :percentage))
                     codesage--work))
      ("report" (when known
                  (setf (nth 2 known) (or (plist-get value :message) (nth 2 known))
                        (nth 3 known) (or (plist-get value :percentage) (nth 3 known)))))
      ("end" (setq codesage--work (delq known codesage--work)))))
  (force-mode-line-update t))

(defvar codesage--busy nil
  "Whether the server last said that it is busy.")

(defun codesage--on-status (params)
  "Note the status of the server in PARAMS."
  (let ((busy (eq (plist-get params :busy) t))
        (normal (equal (plist-get params :kind) "Normal")))
    (setq codesage--trouble (if normal "" (or (plist-get params :message) "")))
    (when (and codesage--busy normal (not busy))
      (codesage--ask-again))
    (setq codesage--busy busy))
  (force-mode-line-update t))

(defun codesage-status ()
  "Give `AI', and what is going on or wrong, for a mode line.
It is `AI?' where no server is attached to this buffer."
  (let* ((newest (car codesage--work))
         (percentage (and (nth 3 newest) (format " %d%%" (nth 3 newest))))
         (now (if newest
                  (string-join (delq nil (list (nth 1 newest) percentage
                                               (and (nth 2 newest) (concat " " (nth 2 newest))))))
                codesage--trouble)))
    (cond ((not (codesage--connection)) "AI?")
          ((string-empty-p now) "AI")
          ;; A percent sign would be read as a construct of the mode line.
          (t (string-replace "%" "%%" (concat "AI: " (truncate-string-to-width now 40 nil nil t)))))))


;;;; A suggestion, and what can be taken of it

(defconst codesage--word-regexp
  "\\`[ \t\n\r\f\v]*\\(?:[[:alnum:]_[:nonascii:]]+\\|[^[:alnum:]_[:nonascii:] \t\n\r\f\v]+\\)?"
  "Blanks, then letters or signs.")

(defun codesage--first-word (text)
  "The first word of TEXT."
  (string-match codesage--word-regexp text)
  (match-string 0 text))

(defun codesage--first-line (text)
  "The rest of the line in TEXT.
The next whole line where nothing is left of this one."
  (string-match "\\`\n*[^\n]*" text)
  (match-string 0 text))

(defun codesage--left (text column before now cursor)
  "What is left of the suggestion TEXT; nil where it fits no more.
It was placed at COLUMN of the line BEFORE, which is NOW, and point is at
column CURSOR.  All count characters."
  (when (and (<= column cursor (length now))
             (<= column (length before))
             (string= (substring now 0 column) (substring before 0 column))
             (string= (substring now cursor) (substring before column)))
    (let ((typed (substring now column cursor)))
      (and (string-prefix-p typed text)
           (substring text (length typed))))))

(cl-defstruct (codesage--shown (:copier nil))
  "A suggestion that is shown."
  connection items index
  text                                  ; What is left of it.
  place                                 ; A marker: where it stands.
  line                                  ; The text of that line.
  covered                               ; How many characters right of it are restated in it.
  (taken ""))                           ; What was typed or taken of it so far.

(defvar-local codesage--shown nil "The suggestion that is shown in this buffer.")
(defvar-local codesage--is-shown nil "Whether one is, for `codesage-shown-map'.")
(defvar-local codesage--overlay nil "Where it is drawn.")

(defvar codesage--keys `((codesage--is-shown . ,codesage-shown-map))
  "Has `codesage-shown-map' hold before the maps of all minor modes.")

(defun codesage--line ()
  "The text of the line that point is in."
  (let ((inhibit-field-text-motion t))
    (buffer-substring-no-properties (line-beginning-position) (line-end-position))))

(defun codesage--column ()
  "The column of point, in characters."
  (let ((inhibit-field-text-motion t))
    (- (point) (line-beginning-position))))

(defun codesage--item (&optional shown)
  "The item of SHOWN, by default of what is shown here, as the server sent it."
  (let ((shown (or shown codesage--shown)))
    (nth (codesage--shown-index shown) (codesage--shown-items shown))))

(defun codesage--hide ()
  "Take away what is shown, and forget it."
  (when codesage--overlay
    (delete-overlay codesage--overlay))
  (setq codesage--shown nil codesage--is-shown nil codesage--overlay nil))

(defun codesage--draw ()
  "Draw what is shown at point."
  (let* ((text (codesage--shown-text codesage--shown))
         (end (min (+ (point) (codesage--shown-covered codesage--shown)) (line-end-position)))
         (covered (buffer-substring-no-properties (point) end)))
    ;; What is restated and stays where it is need not be drawn over.
    (when (and (not (string-search "\n" text)) (string-suffix-p covered text))
      (setq text (substring text 0 (- (length text) (length covered)))
            end (point)))
    (when (string-prefix-p "\n" text)
      ;; The cursor needs a character to stand on.
      (setq text (concat " " text)))
    (setq text (propertize text 'face 'codesage-ghost))
    (unless (string-empty-p text)
      ;; Else the cursor would stand behind it.
      (put-text-property 0 1 'cursor t text))
    (unless codesage--overlay
      (setq codesage--overlay (make-overlay (point) (point)))
      (overlay-put codesage--overlay 'priority 1000))
    (move-overlay codesage--overlay (point) end)
    (overlay-put codesage--overlay 'window (selected-window))
    (if (= (point) end)
        (progn
          (overlay-put codesage--overlay 'display nil)
          (overlay-put codesage--overlay 'after-string text))
      (overlay-put codesage--overlay 'display (substring text 0 1))
      (overlay-put codesage--overlay 'after-string (substring text 1)))))

(defun codesage--follow ()
  "Keep what is shown where point moved along it, and take it away elsewhere.
Give whether it is still shown."
  (when codesage--shown
    (let* ((place (marker-position (codesage--shown-place codesage--shown)))
           (inhibit-field-text-motion t)
           (beginning (line-beginning-position))
           (text (codesage--shown-text codesage--shown))
           (line (codesage--line))
           (left (and (<= beginning place (line-end-position))
                      (codesage--left text (- place beginning) (codesage--shown-line codesage--shown)
                                      line (codesage--column)))))
      (cond ((or (null left) (string-empty-p left))
             (codesage--hide))
            (t
             (unless (= (length left) (length text))
               (codesage--advance (substring text 0 (- (length text) (length left)))))
             (codesage--draw)))
      (and codesage--shown t))))

(defun codesage--advance (piece)
  "Go on with what is left of what is shown, after its beginning PIECE.
That stands before point by now."
  (let ((shown codesage--shown))
    (setf (codesage--shown-text shown) (substring (codesage--shown-text shown) (length piece))
          (codesage--shown-taken shown) (concat (codesage--shown-taken shown) piece)
          (codesage--shown-line shown) (codesage--line))
    (set-marker (codesage--shown-place shown) (point))))

(defun codesage--show (connection items index)
  "Draw the item at INDEX of ITEMS if it fits point.
They came over CONNECTION."
  (let* ((item (nth index items))
         (range (plist-get item :range))
         (beg (if range (codesage--to-point connection (plist-get range :start)) (point)))
         (end (if range (codesage--to-point connection (plist-get range :end)) (point)))
         (inhibit-field-text-motion t)
         (typed (and (<= (line-beginning-position) beg (point) end)
                     (buffer-substring-no-properties beg (point))))
         (text (plist-get item :insertText)))
    (if (not (and typed (string-prefix-p typed text) (> (length text) (length typed))))
        (codesage--hide)
      (setq codesage--shown (make-codesage--shown
                             :connection connection :items items :index index
                             :text (substring text (length typed))
                             :place (copy-marker (point))
                             :line (codesage--line)
                             :covered (- end (point))
                             :taken typed)
            codesage--is-shown t)
      (codesage--draw)
      (codesage--notify connection "codesage/didShowCompletion" (list :item item)))))


;;;; Asking for suggestions

(defvar-local codesage--asked nil "The request that is not answered yet: (CONNECTION . REQUEST).")
(defvar-local codesage--timer nil "What will ask.")
(defvar-local codesage--tick 0 "The tick of the text that was last seen.")
(defvar-local codesage--at 0 "The point that was last seen.")
(defvar-local codesage--wanted nil "Whether something was typed and not asked about yet.")

;; LSP 3.18, InlineCompletionTriggerKind.
(defconst codesage--invoked 1)
(defconst codesage--automatic 2)

(defvar-local codesage--left-to-lsp nil
  "Whether lsp-mode draws ghost text in this buffer.")

(defun codesage--popup-p ()
  "Whether a menu of completions is open: Emacs's, Corfu's or Company's."
  (or completion-in-region-mode
      (bound-and-true-p company-candidates)))

(defun codesage--inhibited-p ()
  "Whether nothing is to be suggested here and now."
  (or buffer-read-only
      (not codesage-ghost-text)
      codesage--left-to-lsp
      (use-region-p)
      executing-kbd-macro
      (codesage--popup-p)
      (bound-and-true-p multiple-cursors-mode)
      (and (bound-and-true-p evil-local-mode) (not (memq evil-state '(insert replace emacs))))
      (run-hook-with-args-until-success 'codesage-inhibit-functions)))

(defun codesage--cancel-asked ()
  "Cancel what was asked and is not answered yet."
  (when codesage--asked
    (pcase-let ((`(,connection . ,request) codesage--asked))
      (setq codesage--asked nil)
      (codesage--cancel-request connection request))))

(defun codesage--stop-asking ()
  "Ask no more, and cancel what was asked."
  (when codesage--timer
    (cancel-timer codesage--timer)
    (setq codesage--timer nil))
  (codesage--cancel-asked))

(defun codesage--ask (kind then)
  "Ask for suggestions at point, in the way of KIND.
THEN is called with the connection and the items.  Not if the text or point has
changed by then."
  (codesage--stop-asking)
  (let ((connection (codesage--connection)))
    (when connection
      (let* ((buffer (current-buffer))
             (tick (buffer-chars-modified-tick))
             (point (point))
             asked)
        (setq asked
              (cons connection
                    (codesage--request
                     connection "textDocument/inlineCompletion"
                     (list :textDocument (codesage--document)
                           :position (codesage--to-position connection point)
                           :context (list :triggerKind kind))
                     (lambda (result)
                       (when (and (buffer-live-p buffer) (eq buffer (window-buffer (selected-window))))
                         (with-current-buffer buffer
                           (when (eq codesage--asked asked)
                             (setq codesage--asked nil)
                             (when (and (= tick (buffer-chars-modified-tick))
                                        (= point (point)))
                               (funcall then connection (append (plist-get result :items) nil)))))))))
              codesage--asked asked)))))

(defun codesage--ask-soon ()
  "Ask for a suggestion after a moment of rest."
  (codesage--stop-asking)
  (setq codesage--timer (run-with-idle-timer codesage-delay nil #'codesage--ask-now (current-buffer))))

(defun codesage--ask-now (buffer)
  "Ask for a suggestion in BUFFER if one is wanted there.
Else only tell the server what was typed."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (setq codesage--timer nil)
      (cond ((and codesage--wanted
                  (eq buffer (window-buffer (selected-window)))
                  (not (codesage--inhibited-p)))
             (setq codesage--wanted nil)
             (codesage--ask codesage--automatic #'codesage--answered))
            (codesage--own
             (codesage--send-change))))))

(defvar-local codesage--in-vain nil
  "Where a suggestion was asked for and none came: the text's tick and point.")

(defun codesage--answered (connection items)
  "Show the first of ITEMS, which came over CONNECTION."
  (setq codesage--in-vain (and (null items) (cons (buffer-chars-modified-tick) (point))))
  (if (or (null items) (codesage--inhibited-p))
      (codesage--hide)
    (codesage--show connection items 0)))

(defun codesage--ask-again ()
  "The server can do more than before: ask again where it was asked in vain."
  (with-current-buffer (window-buffer (selected-window))
    (when (and (bound-and-true-p codesage-mode)
               (equal codesage--in-vain (cons (buffer-chars-modified-tick) (point)))
               (not (codesage--inhibited-p)))
      (codesage--ask codesage--automatic #'codesage--answered))))

(defun codesage--after-command ()
  "Follow what was typed, and ask for more."
  (with-demoted-errors "CodeSage: %S"
    (let ((tick (buffer-chars-modified-tick)))
      (if (codesage--inhibited-p)
          (codesage--hide)
        (codesage--follow))
      (cond ((/= tick codesage--tick)
             ;; Whoever takes back wants to see what was there.
             (setq codesage--wanted (not (memq this-command '(undo undo-only undo-redo))))
             (codesage--ask-soon))
            ((/= (point) codesage--at)
             (setq codesage--wanted nil)
             (codesage--cancel-asked))
            ((and codesage--wanted (not codesage--timer) (not (codesage--inhibited-p)))
             ;; A menu was open, and is no more.
             (codesage--ask-soon)))
      (setq codesage--tick tick
            codesage--at (point)))))


;;;; Taking what is shown

(defun codesage--take (cut)
  "Take a piece of what is shown, cut off by the function CUT.
That is an undo step of its own."
  (unless (codesage--follow)
    (user-error "No suggestion is shown here"))
  (let* ((shown codesage--shown)
         (text (codesage--shown-text shown))
         (piece (funcall cut text))
         (whole (= (length piece) (length text))))
    ;; NB: not before the change: hooks of it may look at what is shown.
    (undo-boundary)
    (when codesage--overlay
      (delete-overlay codesage--overlay)
      (setq codesage--overlay nil))
    (when whole
      (delete-region (point) (min (+ (point) (codesage--shown-covered shown)) (line-end-position))))
    (insert piece)
    (undo-boundary)
    (codesage--tell shown piece whole)
    (cond (whole (codesage--hide))
          (t (codesage--advance piece)
             (codesage--draw)))))

(defun codesage--tell (shown piece whole)
  "Tell the server that PIECE of SHOWN was taken.
It was all of it if WHOLE."
  (let* ((connection (codesage--shown-connection shown))
         (item (codesage--item shown))
         (command (plist-get item :command)))
    (if (not whole)
        (codesage--notify connection "codesage/didPartiallyAcceptCompletion"
                          (list :item item
                                :acceptedLength (codesage--units (concat (codesage--shown-taken shown) piece)
                                                                 "utf-16")))
      (when command
        (codesage--request connection "workspace/executeCommand"
                           (list :command (plist-get command :command)
                                 :arguments (vconcat (plist-get command :arguments)))
                           #'ignore)))))

;;;###autoload
(defun codesage-accept ()
  "Take the whole suggestion."
  (interactive)
  (codesage--take #'identity))

;;;###autoload
(defun codesage-accept-line ()
  "Take the rest of the line of the suggestion, or its next line."
  (interactive)
  (codesage--take #'codesage--first-line))

;;;###autoload
(defun codesage-accept-word ()
  "Take the next word of the suggestion."
  (interactive)
  (codesage--take #'codesage--first-word))

;;;###autoload
(defun codesage-dismiss ()
  "Take the suggestion away, and tell the server that it was not wanted."
  (interactive)
  (codesage--stop-asking)
  (setq codesage--wanted nil)
  (when codesage--shown
    (let* ((connection (codesage--shown-connection codesage--shown))
           (id (seq-first (plist-get (plist-get (codesage--item) :command) :arguments))))
      (codesage--hide)
      (when id
        (codesage--notify connection "codesage/didRejectCompletion" (list :ids (vector id)))))))

;;;###autoload
(defun codesage-next (&optional step)
  "Show another suggestion; ask for one where none is shown.
STEP is how many further.  The server is asked for more than one only now, for
more take longer."
  (interactive "p")
  (let* ((step (or step 1))
         (shown codesage--shown)
         (items (and shown (codesage--shown-items shown)))
         (first (and shown (plist-get (codesage--item shown) :insertText))))
    (cond ((not (codesage--connection))
           (codesage--complain "no server is attached to this buffer; M-x codesage-doctor says why"))
          ((and (cdr items) (= (codesage--column)
                               (- (marker-position (codesage--shown-place shown)) (line-beginning-position))))
           (let ((connection (codesage--shown-connection shown)))
             (codesage--show connection items
                             (mod (+ (codesage--shown-index shown) step) (length items)))))
          (t
           (setq codesage--wanted nil)
           (codesage--ask codesage--invoked
                          (lambda (connection items)
                            (cond ((null items)
                                   (codesage--say "nothing comes to mind"))
                                  ((and (cdr items) (equal first (plist-get (car items) :insertText)))
                                   (codesage--show connection items (mod step (length items))))
                                  (t
                                   (codesage--show connection items 0)))))))))

;;;###autoload
(defun codesage-previous (&optional step)
  "Show the suggestion before, STEP of them back."
  (interactive "p")
  (codesage-next (- (or step 1))))


;;;; Answers

(defconst codesage--answer-buffer "*CodeSage*")

(defvar-local codesage--source nil "The buffer that an answer is about.")
(defvar-local codesage--id nil "The id of the action that an answer is of.")

(defconst codesage--answer-keywords
  '(("^#+ .*$" . 'bold)
    ("^```.*$" . 'shadow)
    ("`[^`\n]+`" . 'font-lock-constant-face)
    ("\\*\\*[^*\n]+\\*\\*" . 'bold)
    ("^\\+\\(?:[^+\n].*\\)?$" . 'diff-added)
    ("^-\\(?:[^- \n].*\\|  .*\\)?$" . 'diff-removed))
  "What is told apart in Markdown and differences.")

(defvar codesage-answer-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map "a" #'codesage-apply)
    (define-key map "d" #'codesage-discard)
    (define-key map "k" #'codesage-cancel)
    map)
  "Keys in an answer.")

(define-derived-mode codesage-answer-mode special-mode "CodeSage"
  "Mode of answers.

\\{codesage-answer-mode-map}"
  (require 'diff-mode)
  (setq font-lock-defaults '(codesage--answer-keywords t))
  (visual-line-mode 1))

(defun codesage--answer (text &optional id source append)
  "Show TEXT in the window of answers; APPEND it to what stands there.
ID is the action that it is of, and SOURCE the buffer that it is about."
  (let ((buffer (get-buffer-create codesage--answer-buffer)))
    (with-current-buffer buffer
      (unless (derived-mode-p 'codesage-answer-mode)
        (codesage-answer-mode))
      (when source
        (setq codesage--source source))
      (let ((inhibit-read-only t)
            (same (and append (equal id codesage--id))))
        (setq codesage--id id)
        (save-excursion
          (unless same (erase-buffer))
          (goto-char (point-max))
          (insert text))))
    (let ((window (or (get-buffer-window buffer)
                      (display-buffer buffer '((display-buffer-reuse-window
                                                display-buffer-below-selected
                                                display-buffer-pop-up-window))))))
      ;; As high as the answer, while nobody has arranged it otherwise.
      (when (and window (eq (car (window-parameter window 'quit-restore)) 'window))
        (fit-window-to-buffer window (floor (* 0.7 (frame-height))) 4)))))

(defvar codesage--running nil
  "What runs here: the buffer that the newest action is about.")

(defun codesage--on-stream (params)
  "Show what the model wrote since, in PARAMS."
  (pcase (plist-get params :kind)
    ("text" (codesage--answer (plist-get params :text) (plist-get params :id) codesage--running t))
    ("edit"
     (let ((line (car (last (split-string (plist-get params :text) "\n" t)))))
       (when line
         (let (message-log-max)
           (codesage--say "%s" (string-trim line))))))))


;;;; Actions

(defun codesage--here ()
  "The buffer that is asked about.
This one, or the one that this answer is about."
  (cond ((derived-mode-p 'codesage-answer-mode)
         (if (buffer-live-p codesage--source)
             codesage--source
           (user-error "The buffer that this answer is about is gone")))
        (t (current-buffer))))

(defun codesage--connection-or-fail ()
  "The connection of this buffer; an error where there is none."
  (or (codesage--connection)
      (user-error (if codesage--own
                      "The server of CodeSage is starting; try again in a moment"
                    "No server of CodeSage is attached to this buffer; M-x codesage-doctor says why"))))

(defun codesage--finish (name source reply)
  "Show REPLY, what the action NAME in the buffer SOURCE was answered."
  (let ((text (or (plist-get reply :markdown) (plist-get reply :message) "")))
    (pcase (plist-get reply :outcome)
      ("answer"
       (codesage--answer text (plist-get reply :id) source)
       (codesage--say "%s: done" name))
      ("preview"
       (codesage--answer text (plist-get reply :id) source)
       (codesage--say "nothing is changed yet: M-x codesage-apply, or codesage-discard"))
      ("applied" (codesage--say "%s" (or (plist-get reply :message) "applied")))
      ("cancelled" (codesage--say "%s" (or (plist-get reply :message) "cancelled")))))
  ;; A refusal is said by the server, as a message of its own.
  (force-mode-line-update t))

(defun codesage--run (name &rest more)
  "Run the action NAME on the region, or on what point is in.
MORE is a property list of further arguments."
  (with-current-buffer (codesage--here)
    (let* ((connection (codesage--connection-or-fail))
           (source (current-buffer))
           (region (use-region-p))
           (beg (if region (region-beginning) (point)))
           (end (if region (region-end) (point))))
      (codesage--hide)
      (setq codesage--running source)
      (codesage--execute connection name
                         (append (list :textDocument (codesage--document)
                                       :range (list :start (codesage--to-position connection beg)
                                                    :end (codesage--to-position connection end)))
                                 more)
                         (lambda (reply) (codesage--finish name source reply)))
      (when region
        (deactivate-mark)))))

(defun codesage--ask-server (command argument then)
  "Have the server run COMMAND with ARGUMENT, an object or nil.
THEN is called with what it answers."
  (with-current-buffer (codesage--here)
    (codesage--execute (codesage--connection-or-fail) command (or argument codesage--nothing) then)))

(defun codesage--words (prompt)
  "Words for an action, read with PROMPT if there is a prefix argument.
They come as arguments of the server."
  (when current-prefix-arg
    (codesage--instruction (read-string prompt))))

(defun codesage--instruction (words)
  "WORDS as arguments of an action; nothing where they are blank."
  (unless (string-blank-p words)
    (list :instruction words)))

;;;###autoload
(defun codesage-refactor (&rest more)
  "Write the region, or the function round point, anew.
With a prefix argument, say how; MORE is for the server."
  (interactive (codesage--words "Refactor how? "))
  (apply #'codesage--run "refactor" more))

;;;###autoload
(defun codesage-explain (&rest more)
  "Explain the region, or the function round point.
With a prefix argument, say what to explain; MORE is for the server."
  (interactive (codesage--words "Explain what of it? "))
  (apply #'codesage--run "explain" more))

;;;###autoload
(defun codesage-document (&rest more)
  "Add a comment or docstring to the region, or to the function here.
Nothing else is changed.  With a prefix argument, say how; MORE is for the
server."
  (interactive (codesage--words "Document how? "))
  (apply #'codesage--run "document" more))

;;;###autoload
(defun codesage-unit-test (&rest more)
  "Write a test of the region, or of the function round point.
With a prefix argument, say what to test; MORE is for the server."
  (interactive (codesage--words "Test what of it? "))
  (apply #'codesage--run "unitTest" more))

;;;###autoload
(defun codesage-review (&optional clear)
  "Review the region, or the function round point; findings go to Flymake too.
With a prefix argument CLEAR, take them away."
  (interactive "P")
  (if clear (codesage--run "review" :clear t) (codesage--run "review")))

;;;###autoload
(defun codesage-edit (instruction)
  "Change the region, or the function round point, by INSTRUCTION."
  (interactive (list (read-string "Change it how? ")))
  (when (string-blank-p instruction)
    (user-error "Nothing was said"))
  (codesage--run "edit" :instruction instruction))

(defun codesage--reported ()
  "What is reported in the line of point: lists (MESSAGE BEG END)."
  (let ((beg (line-beginning-position))
        (end (line-end-position)))
    (append
     (when (bound-and-true-p flymake-mode)
       (mapcar (lambda (one)
                 (list (flymake-diagnostic-text one)
                       (flymake-diagnostic-beg one)
                       (flymake-diagnostic-end one)))
               (flymake-diagnostics beg (min (1+ end) (point-max)))))
     (when (bound-and-true-p flycheck-mode)
       (mapcar (lambda (one) (list (flycheck-error-message one) beg end))
               (flycheck-overlay-errors-in beg (min (1+ end) (point-max))))))))

;;;###autoload
(defun codesage-fix (&optional words)
  "Mend what is reported in the line of point, or what WORDS say.
They are asked for with a prefix argument, and where nothing is reported."
  (interactive
   (list (when (or current-prefix-arg (null (codesage--reported)))
           (read-string "What is wrong? "))))
  (let ((found (car (codesage--reported)))
        (connection (codesage--connection-or-fail)))
    (cond ((and words (not (string-blank-p words)))
           (codesage--run "fix" :instruction words))
          (found
           (codesage--run "fix" :diagnostic
                          (list :message (nth 0 found)
                                :range (list :start (codesage--to-position connection (nth 1 found))
                                             :end (codesage--to-position connection (nth 2 found))))))
          (t (user-error "Nothing is reported here, and nothing was said")))))

;;;###autoload
(defun codesage-custom (name &optional words)
  "Run NAME, an action of your own in the folder `.codesage/actions'.
WORDS, asked for with a prefix argument, are what you say besides."
  (interactive
   (list (completing-read
          "Action: "
          (mapcar #'file-name-base
                  (file-expand-wildcards (expand-file-name ".codesage/actions/*.md" (codesage--root))))
          nil nil)
         (and current-prefix-arg (read-string "And? "))))
  (apply #'codesage--run "custom" :name name (and words (codesage--instruction words))))

(defun codesage--decide (command)
  "Run COMMAND on the change in this answer, or else on the newest."
  (if (and (derived-mode-p 'codesage-answer-mode) codesage--id)
      (codesage--run command :id codesage--id)
    (codesage--run command)))

;;;###autoload
(defun codesage-apply ()
  "Make the change that is shown."
  (interactive)
  (codesage--decide "applyPreview"))

;;;###autoload
(defun codesage-discard ()
  "Forget the change that is shown."
  (interactive)
  (codesage--decide "discardPreview"))

;;;###autoload
(defun codesage-undo ()
  "Take back the last edit of CodeSage, in all its files."
  (interactive)
  (codesage--run "undo"))

;;;###autoload
(defun codesage-cancel ()
  "Stop what is running."
  (interactive)
  (codesage--ask-server "cancel" nil
                        (lambda (reply)
                          (when (memq (plist-get reply :cancelled) '(nil 0 :json-false))
                            (codesage--say "nothing was running")))))

(defun codesage--flat (value prefix)
  "VALUE as lines `PREFIX.KEY value'."
  (if (and (consp value) (keywordp (car value)))
      (cl-loop for (key item) on value by #'cddr
               append (codesage--flat item (concat prefix (if (string-empty-p prefix) "" ".")
                                                   (substring (symbol-name key) 1))))
    (list (format "%-36s %s" prefix (pcase value ('nil "-") (:json-false "false") ('t "true") (_ value))))))

;;;###autoload
(defun codesage-stats ()
  "Show figures of the server."
  (interactive)
  (let ((source (codesage--here)))
    (codesage--ask-server "stats" nil
                          (lambda (stats)
                            (codesage--answer (string-join (codesage--flat stats "") "\n") nil source)))))

;;;###autoload
(defun codesage-why (&optional limit)
  "Show the last requests for ghost text, and what came of each.
LIMIT of them, or 20."
  (interactive "P")
  (let ((source (codesage--here)))
    (codesage--ask-server
     "why" (list :limit (if limit (prefix-numeric-value limit) 20))
     (lambda (reply)
       (let ((records (append (plist-get reply :records) nil)))
         (codesage--answer
          (if records
              (mapconcat #'codesage--why-line records "\n")
            "Nothing was asked yet.")
          nil source))))))

(defun codesage--why-line (record)
  "RECORD of a request as a line."
  (let* ((position (plist-get record :position))
         (place (concat (file-name-nondirectory (codesage--path (plist-get record :uri)))
                        (and position
                             (format ":%d:%d" (1+ (plist-get position :line))
                                     (1+ (plist-get position :character))))))
         (print-escape-newlines t))
    (string-trim-right
     (format "%-18s %-20s %7s  %s%s" (plist-get record :code) place
             (if (numberp (plist-get record :ms)) (format "%.0f ms" (plist-get record :ms)) "")
             (or (plist-get record :detail) "")
             (if (stringp (plist-get record :text)) (format ": %S" (plist-get record :text)) "")))))

;;;###autoload
(defun codesage-context ()
  "Show what the model would be shown at point, and what it was shown last."
  (interactive)
  (let* ((source (codesage--here))
         (place (with-current-buffer source
                  (let ((connection (codesage--connection)))
                    (and connection (buffer-file-name)
                         (list :textDocument (codesage--document)
                               :position (codesage--to-position connection (point))))))))
    (codesage--ask-server "showContext" place
                          (lambda (context)
                            (codesage--answer (or (plist-get context :markdown) "") nil source)))))

;;;###autoload
(defun codesage-toggle (&optional language)
  "Switch suggestions off and on.
With a prefix argument LANGUAGE, those of this buffer's language only."
  (interactive "P")
  (codesage--hide)
  (codesage--ask-server "toggle" (and language (list :language (codesage--language)))
                        (lambda (reply)
                          (codesage--say (if (eq (plist-get reply :enabled) t)
                                             "suggestions are on"
                                           "suggestions are off")))))

;;;###autoload
(defun codesage-snooze (minutes)
  "Suggest nothing for MINUTES."
  (interactive (list (if current-prefix-arg (prefix-numeric-value current-prefix-arg) 10)))
  (codesage--hide)
  (codesage--ask-server "snooze" (list :seconds (* 60 minutes))
                        (lambda (_reply) (codesage--say "no suggestions for %d minutes" minutes))))

;;;###autoload
(defun codesage-model (name &optional edit)
  "Have the model NAME answer in this session, without a restart.
It is for suggestions, and for edits where they have no model of their own;
with a prefix argument EDIT it is for edits and explanations.  NAME is what
`codesage models find' calls it, \"builtin\", or a file; where it is empty
that of the settings is back."
  (interactive
   (list (completing-read (if current-prefix-arg
                              "Model for edits (empty: that of the settings): "
                            "Model for suggestions (empty: that of the settings): ")
                          (codesage--models current-prefix-arg))
         current-prefix-arg))
  (let ((name (if (string-match-p "[/\\\\]" name) (expand-file-name name) name)))
    (codesage--ask-server "swapModel" (list :role (if edit "edit" "fill") :id name)
                          (lambda (reply)
                            ;; One that cannot be loaded is told of by the server, as a message of its own.
                            (unless (equal (plist-get reply :state) "failed")
                              (codesage--say "%s" (plist-get reply :message)))))))

(defun codesage--models (edit)
  "Names of models on this disk; with EDIT also of those that suggest nothing."
  (cons "builtin"
        (cl-loop for file across (plist-get (codesage--printed "models" "find" "--json") :files)
                 unless (plist-get file :error)
                 when (or edit (eq (plist-get file :fills) t))
                 collect (plist-get file :name))))

;;;###autoload
(defun codesage-reload ()
  "Have the server read its settings anew, and model files that were replaced."
  (interactive)
  (codesage--ask-server "reload" nil
                        (lambda (reply)
                          (let ((message (or (plist-get reply :message) "")))
                            (codesage--say "%s" (if (string-empty-p message)
                                                     "settings are read anew"
                                                   message))))))

(defvar-local codesage--start-again nil
  "What starts the server of this buffer after it died, by Eglot or lsp-mode.")

;;;###autoload
(defun codesage-restart ()
  "Start the server of this buffer anew."
  (interactive)
  (setq codesage--deaths nil)
  (codesage--forget-work)
  (cond (codesage--own
         (let* ((server codesage--own)
                (buffers (slot-value server 'buffers)))
           (codesage--stop server)
           (codesage--attach-again buffers)))
        ((codesage--eglot-server)
         (eglot-reconnect (codesage--eglot-server)))
        ((codesage--lsp-workspace)
         (lsp-workspace-restart (codesage--lsp-workspace)))
        (codesage--start-again
         (funcall codesage--start-again))
        ((buffer-file-name)
         (codesage-mode 1)))
  (codesage--say "the server is started anew"))


;;;; The minor mode

(defun codesage--lighter ()
  "What stands in the mode line."
  (concat " " (codesage-status)))

;;;###autoload
(define-minor-mode codesage-mode
  "Ghost text and actions by CodeSage.
Where neither Eglot nor lsp-mode runs the server for this buffer, it is started
over a connection of our own."
  :lighter (:eval (codesage--lighter))
  :keymap codesage-mode-map
  (cond (codesage-mode
         (setq codesage--tick (buffer-chars-modified-tick)
               codesage--at (point))
         (cl-pushnew 'codesage--keys emulation-mode-map-alists)
         (add-hook 'post-command-hook #'codesage--after-command nil t)
         (add-hook 'change-major-mode-hook #'codesage--disable nil t)
         (add-hook 'completion-in-region-mode-hook #'codesage--hide nil t)
         (add-hook 'company-completion-started-hook #'codesage--make-room nil t)
         (unless (codesage--own-wanted-p)
           (codesage--detach))
         (when (and (codesage--own-wanted-p) (not codesage--own))
           (codesage--attach)))
        (t (codesage--disable))))

(defun codesage--own-wanted-p ()
  "Whether this buffer needs a connection of our own."
  (and (buffer-file-name)
       (not (file-remote-p (buffer-file-name)))
       (not (codesage--eglot-server))
       (not (codesage--lsp-workspace))))

(defun codesage--make-room (&rest _)
  "Hide what is shown, for a menu is opened."
  (codesage--hide))

(defun codesage--disable ()
  "Undo what the mode did."
  (remove-hook 'post-command-hook #'codesage--after-command t)
  (remove-hook 'change-major-mode-hook #'codesage--disable t)
  (remove-hook 'completion-in-region-mode-hook #'codesage--hide t)
  (remove-hook 'company-completion-started-hook #'codesage--make-room t)
  (codesage--stop-asking)
  (codesage--hide)
  (codesage--detach))


;;;; Eglot

;;;###autoload
(defun codesage-eglot-setup (&optional modes)
  "Have Eglot start CodeSage for MODES, a mode or a list of them.
Eglot runs one server in a buffer, so this takes the place of another one
there.  Without MODES, it is for programming modes that Eglot knows no server
for."
  (require 'eglot)
  (codesage--eglot-define)
  (add-to-list 'eglot-server-programs
               (cons (or modes 'prog-mode)
                     (lambda (&rest _) (cons 'codesage-eglot-server (codesage--command))))
               (null modes))
  (add-hook 'eglot-managed-mode-hook #'codesage--eglot-changed))

(defun codesage--eglot-class-p (server)
  "Whether Eglot started SERVER in the way of `codesage-eglot-setup'."
  (eq (eieio-object-class-name server) 'codesage-eglot-server))

(defvar-local codesage--eglot-known nil
  "The server of CodeSage that Eglot managed this buffer with.")

(defvar codesage--eglot-mourned nil
  "The servers of Eglot's that died and are started again.")

(defun codesage--eglot-changed ()
  "Eglot began to manage this buffer, or ended."
  (let ((server (and (eglot-managed-p) (eglot-current-server))))
    (cond ((and server (or (codesage--eglot-class-p server) (codesage--eglot-server)))
           (setq codesage--eglot-known server)
           (codesage-mode 1))
          (codesage--eglot-known
           (let ((server codesage--eglot-known))
             (setq codesage--eglot-known nil)
             (codesage-mode -1)
             (codesage--eglot-ended server))))))

(defun codesage--eglot-ended (server)
  "SERVER manages a buffer no more: see whether it died.
Eglot starts only those again that lived for a while."
  (unless (or (jsonrpc-running-p server)
              (codesage--slot server 'shutdown-requested)
              (memq server codesage--eglot-mourned))
    (push server codesage--eglot-mourned)
    (let ((buffer (current-buffer)))
      (setq codesage--start-again
            (lambda ()
              (setq codesage--eglot-mourned (delq server codesage--eglot-mourned))
              (when (buffer-live-p buffer)
                (with-current-buffer buffer
                  (unless (eglot-managed-p)
                    (eglot-reconnect server))))))
      (codesage--died codesage--start-again))))

(defun codesage--eglot-define ()
  "Define what CodeSage is as a server of Eglot's, which is loaded by now."
  (defclass codesage-eglot-server (eglot-lsp-server) ()
    :documentation "CodeSage as a server of Eglot's.")

  (cl-defmethod eglot-initialization-options ((_server codesage-eglot-server))
    "Tell CodeSage that we show what it writes."
    (codesage--initialization-options))

  (cl-defmethod eglot-client-capabilities ((_server codesage-eglot-server))
    "Say that we show ghost text and progress, which Eglot does not by itself."
    (let* ((capabilities (copy-sequence (cl-call-next-method)))
           (document (copy-sequence (plist-get capabilities :textDocument))))
      (when codesage-ghost-text
        (setq document (plist-put document :inlineCompletion '(:dynamicRegistration :json-false))))
      (setq capabilities (plist-put capabilities :textDocument document))
      (plist-put capabilities :window
                 (plist-put (copy-sequence (plist-get capabilities :window)) :workDoneProgress t))))

  (cl-defmethod eglot-handle-notification ((_server codesage-eglot-server) (_method (eql 'codesage/stream))
                                           &rest params)
    "Show what the model writes, in PARAMS."
    (codesage--on-stream params))

  (cl-defmethod eglot-handle-notification ((_server codesage-eglot-server)
                                           (_method (eql 'codesage/didChangeStatus)) &rest params)
    "Note the status in PARAMS."
    (codesage--on-status params))

  (cl-defmethod eglot-handle-notification ((_server codesage-eglot-server) (_method (eql '$/progress))
                                           &rest params)
    "Note the progress in PARAMS: it is in our part of the mode line."
    (codesage--on-progress params))

  (cl-defmethod eglot-handle-notification ((_server codesage-eglot-server) (_method (eql 'window/showMessage))
                                           &rest params)
    "Say the message in PARAMS."
    (codesage--on-show-message params))

  (cl-defmethod eglot-handle-request ((server codesage-eglot-server) (_method (eql 'workspace/applyEdit))
                                      &key edit &allow-other-keys)
    "Make EDIT of SERVER without asking: whoever ran the action has asked for it."
    (codesage--apply-edit edit server))

  (cl-defmethod eglot-handle-request ((_server codesage-eglot-server) (_method (eql 'workspace/configuration))
                                      &key _items &allow-other-keys)
    "Give `codesage-settings' where Eglot has no others."
    (vconcat (mapcar (lambda (theirs) (or theirs codesage-settings codesage--nothing))
                     (cl-call-next-method)))))


;;;; lsp-mode

;;;###autoload
(defun codesage-lsp-setup ()
  "Have lsp-mode start CodeSage, beside any other server."
  (require 'lsp-mode)
  (codesage--lsp-register))

(defun codesage--lsp-draws-p ()
  "Whether lsp-mode is left to draw ghost text."
  (and (eq codesage-ghost-text 'lsp-mode) (fboundp 'lsp-inline-completion-mode)))

(defun codesage--lsp-options ()
  "What the server is told at the start by lsp-mode."
  (let ((options (codesage--initialization-options)))
    (if (or (not codesage-ghost-text)
            (require 'lsp-inline-completion nil t)
            (plist-get (plist-get options :completion) :menu))
        options
      ;; Before version 10 it cannot say that there is ghost text, and would get the same in its menu.
      (plist-put (copy-sequence options) :completion
                 (append '(:menu "off") (plist-get options :completion))))))

(defun codesage--lsp-register ()
  "Register CodeSage with lsp-mode."
  (lsp-register-custom-settings
   (mapcar (lambda (group)
             (list (concat "codesage." group)
                   (lambda () (plist-get codesage-settings (intern (concat ":" group))))))
           '("model" "completion" "context" "edits" "sampling" "actions" "remote" "log")))
  (let ((handlers (make-hash-table :test 'equal))
        (answers (make-hash-table :test 'equal)))
    (puthash "workspace/applyEdit" #'codesage--lsp-apply-edit answers)
    (pcase-dolist (`(,method . ,handler)
                   '(("codesage/stream" . codesage--on-stream)
                     ("codesage/didChangeStatus" . codesage--on-status)
                     ("$/progress" . codesage--on-progress)
                     ("window/showMessage" . codesage--on-show-message)))
      (puthash method (lambda (_workspace params) (funcall handler (codesage--plain params))) handlers))
    (lsp-register-client
     (make-lsp-client
      :new-connection (lsp-stdio-connection #'codesage--command)
      :activation-fn (lambda (_file mode)
                       (seq-some (lambda (parent) (provided-mode-derived-p mode parent))
                                 '(prog-mode text-mode conf-mode)))
      :server-id 'codesage
      :add-on? t
      :priority -1
      :initialization-options #'codesage--lsp-options
      :notification-handlers handlers
      :request-handlers answers)))
  (add-hook 'lsp-after-open-hook #'codesage--lsp-opened)
  (add-hook 'lsp-after-initialize-hook #'codesage--lsp-opened)
  (add-hook 'lsp-configure-hook #'codesage--lsp-opened 90)
  (add-hook 'lsp-after-uninitialized-functions #'codesage--lsp-ended))

(defun codesage--lsp-apply-edit (_workspace params)
  "Have lsp-mode make the edit in PARAMS; answer `workspace/applyEdit'.
New files are shown: `lsp-deferred' opens only what is seen, and what is not
open cannot be taken back."
  (let ((edit (lsp:apply-workspace-edit-params-edit params)))
    (codesage--answer-edit (codesage--plain edit)
                           (lambda (_) (lsp--apply-workspace-edit edit 'server-requested)))))

(defun codesage--lsp-opened ()
  "Lsp-mode opened this buffer in some server."
  (when (and (codesage--lsp-workspace) (buffer-file-name))
    (when (fboundp 'lsp-inline-completion-mode)
      (cond ((codesage--lsp-draws-p)
             (setq codesage--left-to-lsp t)
             (setq-local lsp-inline-completion-idle-delay 0.2))
            (t
             (setq-local lsp-inline-completion-enable nil)
             (lsp-inline-completion-mode -1))))
    (unless (and codesage-mode (not codesage--own))
      (codesage-mode 1))))

(defconst codesage--lsp-type 'lsp--workspace
  "A structure of lsp-mode's that need not be known here.")

(defun codesage--lsp-ended (workspace)
  "WORKSPACE of lsp-mode's ended: see whether it is ours and died.
Lsp-mode starts it again then, and does not ask."
  (when (and (eq (lsp--client-server-id (lsp--workspace-client workspace)) 'codesage)
             (null (cl-struct-slot-value codesage--lsp-type 'shutdown-action workspace)))
    (let ((buffers (cl-struct-slot-value codesage--lsp-type 'buffers workspace)))
      ;; It asks a question otherwise.
      (setf (cl-struct-slot-value codesage--lsp-type 'shutdown-action workspace) 'shutdown)
      (dolist (buffer buffers)
        (when (buffer-live-p buffer)
          (with-current-buffer buffer
            (setq codesage--start-again (lambda () (codesage--lsp-start-again buffers))))))
      (codesage--died (lambda () (codesage--lsp-start-again buffers))))))

(defun codesage--lsp-start-again (buffers)
  "Have lsp-mode open BUFFERS once more."
  (dolist (buffer buffers)
    (when (buffer-live-p buffer)
      (with-current-buffer buffer
        (unless (codesage--lsp-workspace)
          (lsp))))))


;;;; The keymap and the menu of commands

(defvar codesage-command-map
  (let ((map (make-sparse-keymap)))
    (pcase-dolist (`(,key . ,command)
                   '(("e" . codesage-explain) ("r" . codesage-refactor) ("d" . codesage-document)
                     ("t" . codesage-unit-test) ("f" . codesage-fix) ("v" . codesage-review)
                     ("i" . codesage-edit) ("c" . codesage-custom)
                     ("a" . codesage-apply) ("x" . codesage-discard) ("u" . codesage-undo)
                     ("k" . codesage-cancel)
                     ("n" . codesage-next) ("w" . codesage-why) ("p" . codesage-context) ("s" . codesage-stats) ("o" . codesage-toggle)
                     ("z" . codesage-snooze) ("M" . codesage-model) ("l" . codesage-reload) ("R" . codesage-restart)
                     ("?" . codesage-doctor) ("m" . codesage-menu)))
      (define-key map key command))
    map)
  "All commands; put it behind a prefix of yours.")
(fset 'codesage-command-map codesage-command-map)

;;;###autoload (autoload 'codesage-menu "codesage" nil t)
(transient-define-prefix codesage-menu ()
  "What CodeSage can do here."
  [["Ask about it"
    ("e" "explain" codesage-explain)
    ("v" "review" codesage-review)]
   ["Change it"
    ("r" "refactor" codesage-refactor)
    ("i" "in your own words" codesage-edit)
    ("d" "document" codesage-document)
    ("t" "unit test" codesage-unit-test)
    ("f" "fix" codesage-fix)
    ("c" "an action of your own" codesage-custom)]
   ["The change"
    ("a" "apply" codesage-apply)
    ("x" "discard" codesage-discard)
    ("u" "take back" codesage-undo)
    ("k" "cancel" codesage-cancel)]
   ["Suggestions"
    ("n" "ask for one" codesage-next)
    ("w" "why" codesage-why)
    ("p" "what the model sees" codesage-context)
    ("o" "on and off" codesage-toggle)
    ("z" "snooze" codesage-snooze)]
   ["Server"
    ("s" "figures" codesage-stats)
    ("M" "another model" codesage-model)
    ("l" "read settings" codesage-reload)
    ("R" "start anew" codesage-restart)
    ("?" "doctor" codesage-doctor)]])


;;;; The doctor

(defun codesage--wait (connection method params)
  "Ask METHOD with PARAMS over CONNECTION, and give the result.
Nil where none comes within ten seconds."
  (let ((end (+ (float-time) 10))
        (result 'none))
    (codesage--request connection method params
                       (lambda (answer) (setq result answer))
                       (lambda (_message) (setq result nil)))
    (while (and (eq result 'none) (< (float-time) end))
      (accept-process-output nil 0.05))
    (if (eq result 'none) nil result)))

(defun codesage--check-program ()
  "Findings of the doctor: the program."
  (let ((path (executable-find (codesage--program))))
    (if (null path)
        (list (list 'bad (format "there is no program `%s'" codesage-program)
                    "build it with `make install', which puts it into ~/.cargo/bin,"
                    "or name it whole: (setq codesage-program \"/home/me/.cargo/bin/codesage\")"
                    "Emacs started from a desktop may lack ~/.cargo/bin:"
                    "(add-to-list 'exec-path \"~/.cargo/bin\")"))
      (with-temp-buffer
        (if (eq 0 (call-process path nil t nil "--version"))
            (list (list 'good (format "%s, %s" (string-trim (buffer-string)) path)))
          (list (list 'bad (format "%s does not run: %s" path (string-trim (buffer-string)))
                      "build it for this machine: `make install'")))))))

(defun codesage--check-eglot ()
  "Findings of the doctor: Eglot, where a hook of this mode asks for it."
  (when (and (not (fboundp 'eglot-ensure))
             (cl-loop for mode = major-mode then (get mode 'derived-mode-parent)
                      while mode
                      for hook = (intern (format "%s-hook" mode))
                      thereis (and (boundp hook) (memq 'eglot-ensure (ensure-list (symbol-value hook))))))
    (list (list 'bad "there is no Eglot, which a hook of this mode starts"
                "M-x package-install RET eglot; it is part of Emacs from 29 on"))))

(defun codesage--check-connection ()
  "Findings of the doctor: the connection of this buffer."
  (let ((connection (codesage--connection)))
    (cond ((not (buffer-file-name))
           (list (list 'note (format "%s visits no file; ask in a buffer that does" (buffer-name)))))
          ((not connection)
           (list (list 'bad "no server is attached to this buffer"
                       (cond ((not codesage-mode) "M-x codesage-mode attaches it")
                             (codesage--own "it is starting; see the buffer *CodeSage stderr* if it stays so")
                             (t "M-x codesage-restart starts it")))))
          (t
           (append
            (list (list 'good
                        (cond ((eq connection codesage--own)
                               (format "a server for %s, over a connection of its own"
                                       (slot-value connection 'root)))
                              ((codesage--jsonrpc-p connection) "a server that Eglot runs")
                              (t (format "a server that lsp-mode runs for %s"
                                         (lsp--workspace-root connection))))))
            (when (codesage--jsonrpc-p connection)
              (list (list 'good (format "columns count in %s" (codesage--encoding connection)))
                    (if (plist-get (slot-value connection 'capabilities) :inlineCompletionProvider)
                        (list 'good "the server offers ghost text")
                      (list 'bad "the server offers no ghost text" "build a newer one: `make install'"))))
            (codesage--check-model connection))))))

(defun codesage--check-report (connection)
  "Findings of the doctor: those of the program.
They are asked of the server at CONNECTION, else of the program itself."
  (let ((report (if connection
                    (codesage--wait connection "workspace/executeCommand"
                                    (list :command "codesage.doctor" :arguments (vector codesage--nothing)))
                  ;; It loads the model and measures it, which takes some seconds.
                  (codesage--printed "doctor" "--json"))))
    (if (not (plist-get report :findings))
        (list (list 'note "the program's own doctor says nothing; `make install' builds a newer one"))
      (mapcar (lambda (finding)
                (let ((fix (plist-get (plist-get finding :fix) :text))
                      (file (plist-get finding :file))
                      (line (plist-get finding :line)))
                  (append (list (pcase (plist-get finding :severity) ("problem" 'bad) ("note" 'note) (_ 'good))
                                (concat (if file (format "%s%s: " file (if line (format ":%d" line) "")) "")
                                        (plist-get finding :message)))
                          (and fix (list fix)))))
              (append (plist-get report :findings) nil)))))

(defun codesage--printed (&rest arguments)
  "The object that the program prints when it is given ARGUMENTS, or nil."
  (let ((path (executable-find (codesage--program))))
    (when path
      (with-temp-buffer
        ;; NB: the exit code says whether there is a problem, and not whether something is printed.
        (apply #'call-process path nil '(t nil) nil arguments)
        (goto-char (point-min))
        (ignore-errors
          (json-parse-buffer :object-type 'plist :null-object nil :false-object :json-false))))))

(defun codesage--check-model (connection)
  "Findings of the doctor: the model behind CONNECTION."
  (let* ((stats (codesage--wait connection "codesage/stats" codesage--nothing))
         (model (plist-get stats :model))
         (completion (plist-get stats :completion)))
    (if (not stats)
        (list (list 'bad "the server does not answer within ten seconds"
                    "M-x codesage-restart starts it anew"))
      (list
       (pcase (plist-get model :state)
         ("ready" (list 'good (format "model %s, %s tokens of context, %s" (plist-get model :name)
                                      (plist-get model :contextTokens) (plist-get model :device))))
         ((or "loading" "unloaded") (list 'note (format "the model is %s" (plist-get model :state))))
         (state (list 'bad (format "model: %s" (or (plist-get model :error) state))
                      "`codesage models check FILE' says what is wrong with a file")))
       (list 'note (format "asked %s times, shown %s, accepted %s; M-x codesage-why has the reasons"
                           (plist-get completion :requested) (plist-get completion :shown)
                           (plist-get completion :accepted)))))))

(defun codesage--check-ghost-text ()
  "Findings of the doctor: ghost text and keys."
  (let ((keys (where-is-internal #'codesage-accept (list codesage-shown-map))))
    (list
     (pcase codesage-ghost-text
       ('nil (list 'note "ghost text is off: `codesage-ghost-text'"))
       ('lsp-mode (list 'note "ghost text is left to lsp-mode"))
       (_ (list 'good "ghost text is on")))
     (if (or keys (not (eq codesage-ghost-text t)))
         (list 'good (format "taken by %s" (mapconcat #'key-description keys ", ")))
       (list 'bad "no key takes a suggestion"
             "(define-key codesage-shown-map (kbd \"TAB\") #'codesage-accept)")))))

;;;###autoload
(defun codesage-doctor ()
  "Say what is in order, what is not, and what mends it."
  (interactive)
  (let ((source (codesage--here)))
    (with-current-buffer source
      (let ((findings (append (list (list 'good (format "GNU Emacs %s" emacs-version)))
                              (codesage--check-program)
                              (codesage--check-eglot)
                              (codesage--check-connection)
                              (codesage--check-ghost-text)
                              (codesage--check-report (codesage--connection)))))
        (codesage--answer
         (mapconcat (pcase-lambda (`(,kind ,text . ,mends))
                      (concat (pcase kind ('good "ok    ") ('note "      ") (_ "WRONG ")) text "\n"
                              (mapconcat (lambda (mend) (format "        %s\n" mend)) mends "")))
                    findings "")
         nil source)))))

(provide 'codesage)
;;; codesage.el ends here

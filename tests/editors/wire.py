"""Every message between a client and the server, held against LSP 3.18 by somebody else's types (lsprotocol).

The types are read as a schema (see `schema.py`), which is stricter than to build values of them. Then comes what no schema says: each request is
answered once and with what belongs to it, a progress begins, reports and ends, a command that is offered is advertised,
nothing is sent that the client did not say it takes. Our own methods have their types here, as the README lists them.

Does not act: it keeps both directions, and a list of what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import attrs
from lsprotocol import types

from schema import differences

Json = dict[str, Any]


@attrs.define
class Status:
    kind: Literal["Normal", "Warning", "Error", "Inactive"]
    busy: bool
    message: str


@attrs.define
class Stream:
    id: str
    kind: Literal["text", "edit", "end"]
    text: str


@attrs.define
class File:
    uri: str
    path: str
    added: int
    removed: int


@attrs.define
class Reply:
    """What a command of an action answers."""

    id: str
    outcome: Literal["applied", "preview", "answer", "refused", "cancelled"]
    stats: dict[str, Any]
    message: str | None = None
    markdown: str | None = None
    guard: str | None = None
    files: list[File] = attrs.Factory(list)


@attrs.define
class Cancelled:
    cancelled: int


@attrs.define
class Enabled:
    enabled: bool


@attrs.define
class Until:
    until: int


@attrs.define
class Records:
    records: list[dict[str, Any]]


@attrs.define
class Part:
    kind: Literal["snippet", "head", "typed", "tail"]
    path: str
    tokens: int
    text: str


@attrs.define
class Context:
    """What the model would be shown, and was shown last."""

    parts: list[Part]
    total: int
    last: dict[str, Any] | None
    markdown: str
    uri: str | None = None
    version: int | None = None
    position: types.Position | None = None
    reason: str | None = None
    detail: str | None = None


@attrs.define
class Fix:
    kind: Literal["command", "setting", "step"]
    text: str


@attrs.define
class Finding:
    id: str
    severity: Literal["ok", "note", "problem"]
    message: str
    fix: Fix | None
    file: str | None = None
    line: int | None = None


@attrs.define
class Report:
    """What the doctor has found."""

    format: int
    build: dict[str, Any]
    machine: dict[str, Any]
    models: list[dict[str, Any]]
    speed: dict[str, Any] | None
    session: dict[str, Any]
    findings: list[Finding]
    markdown: str


@attrs.define
class Stats:
    model: dict[str, Any]
    completion: dict[str, Any]
    edit: dict[str, Any]
    engine: dict[str, Any]
    memory: dict[str, Any]
    #: Where it is another one.
    edit_model: dict[str, Any] | None = None


@attrs.define
class Swapped:
    """What came of a model that was asked for."""

    state: Literal["ready", "failed"]
    message: str


#: What the server notifies of by itself, beyond the standard.
NOTIFICATIONS = {"codesage/didChangeStatus": Status, "didChangeStatus": Status, "codesage/stream": Stream}
#: What it answers to requests beyond the standard.
ANSWERS = {"codesage/status": Status, "codesage/stats": Stats}
#: What commands answer, where it is not a `Reply`.
COMMANDS: dict[str, Any] = {
    "codesage.cancel": Cancelled,
    "codesage.didAccept": type(None),
    "codesage.doctor": Report,
    "codesage.reload": Status,
    "codesage.showContext": Context,
    "codesage.snooze": Until,
    "codesage.stats": Stats,
    "codesage.swapModel": Swapped,
    "codesage.toggle": Enabled,
    "codesage.why": Records,
}
#: By what a client says that it takes a request: a place in its capabilities.
DECLARED = {
    "workspace/applyEdit": ("workspace", "applyEdit"),
    "workspace/configuration": ("workspace", "configuration"),
    "workspace/codeLens/refresh": ("workspace", "codeLens", "refreshSupport"),
    "window/showDocument": ("window", "showDocument", "support"),
    "window/workDoneProgress/create": ("window", "workDoneProgress"),
}
#: By what it says that a method may be registered while the session lasts.
REGISTERED = {
    "textDocument/completion": ("textDocument", "completion", "dynamicRegistration"),
    "workspace/didChangeWatchedFiles": ("workspace", "didChangeWatchedFiles", "dynamicRegistration"),
}


class Wire:
    """Both directions of one session, and all that was wrong with what the server said."""

    def __init__(self) -> None:
        #: Written down as they pass, for others change them later.
        self.messages: list[str] = []
        self.wrong: list[str] = []
        self._client: Json = {}
        self._server: Json = {}
        #: Requests of ours without an answer yet, and ids of all that the server made.
        self._open: dict[object, Json] = {}
        self._asked: set[object] = set()
        self._answered_by_client: set[object] = set()
        #: Where each progress is: created, begun, ended.
        self._progress: dict[object, str] = {}
        self.commands_run: set[str] = set()

    def sent(self, message: Json) -> None:
        self.messages.append(f"client: {_shown(message)}")
        if "method" not in message:
            self._answered_by_client.add(message.get("id"))
            return
        if "id" in message:
            self._open[message["id"]] = message
        params = message.get("params") or {}
        if message["method"] == "initialize":
            self._client = params
        elif message["method"] == "workspace/executeCommand":
            self.commands_run.add(params["command"])
        if token := params.get("workDoneToken"):
            self._progress[token] = "created"

    def received(self, message: Json) -> None:
        self.messages.append(f"server: {_shown(message)}")
        before = len(self.wrong)
        try:
            self._check(message)
        except (KeyError, TypeError, AttributeError) as error:
            self._say(f"it cannot be read: {error!r}")
        self.wrong[before:] = [f"{what}\n    in {_shown(message)}" for what in self.wrong[before:]]

    def over(self) -> None:
        """The session has ended: nothing may be left."""
        for request in self._open.values():
            self.wrong.append(f"no answer to {request['method']}")
        for token, stage in self._progress.items():
            if stage == "begun":
                self.wrong.append(f"the progress {token} never ended")

    def log(self) -> str:
        return "\n".join(self.messages)

    # What is checked, from the outside in.

    def _say(self, what: str) -> None:
        self.wrong.append(what)

    def _check(self, message: Json) -> None:
        if message.get("jsonrpc") != "2.0":
            self._say("it is not JSON-RPC 2.0")
        allowed = {"jsonrpc", "id", "method", "params"} if "method" in message else {"jsonrpc", "id", "result", "error"}
        for name in message.keys() - allowed:
            self._say(f"no {name} in such a message")
        if "method" in message:
            self._check_said(message)
        else:
            self._check_answer(message)

    def _check_answer(self, message: Json) -> None:
        if ("result" in message) == ("error" in message):
            self._say("an answer has either a result or an error")
        request = self._open.pop(message.get("id"), None)
        if request is None:
            self._say("an answer that nobody waits for")
            return
        method = request["method"]
        if "error" in message:
            self._read(message, types.ResponseErrorMessage)
            return
        result = message["result"]
        if method in ANSWERS:
            self._read(result, ANSWERS[method])
            return
        self._read(message, types.METHOD_TO_TYPES[method][1])
        if method == "initialize":
            self._server = result["capabilities"]
        elif method == "workspace/executeCommand":
            self._read(result, COMMANDS.get(request["params"]["command"], Reply))
        for command in _commands(result):
            if command not in self._server["executeCommandProvider"]["commands"]:
                self._say(f"the command {command} is offered and not advertised")

    def _check_said(self, message: Json) -> None:
        method, params = message["method"], message.get("params")
        if "id" in message:
            if message["id"] in self._asked:
                self._say("two requests of one id")
            self._asked.add(message["id"])
        if method in NOTIFICATIONS:
            self._read(params, NOTIFICATIONS[method])
            self._check_wanted(method)
            return
        if types.message_direction(method) == "clientToServer":
            self._say("a server does not send this")
        self._read(message, types.METHOD_TO_TYPES[method][0])
        if ("id" in message) != (types.METHOD_TO_TYPES[method][1] is not None):
            self._say("a request has an id, and a notification none")
        if method in DECLARED and not _at(self._client.get("capabilities"), *DECLARED[method]):
            self._say("the client did not say that it takes this")
        if method == "client/registerCapability":
            for registration in params["registrations"]:
                place = REGISTERED.get(registration["method"], ("nowhere",))
                if not _at(self._client.get("capabilities"), *place):
                    self._say("the client did not say that this may be registered")
        elif method == "window/workDoneProgress/create":
            if params["token"] in self._progress:
                self._say("a second progress of this token")
            self._progress[params["token"]] = "created"
        elif method == "$/progress":
            self._check_progress(params["token"], params["value"])

    def _check_wanted(self, method: str) -> None:
        options = self._client.get("initializationOptions") or {}
        notify = _at(options, "codesage", "notify") or []
        wanted = {"codesage/didChangeStatus": "status", "codesage/stream": "stream"}.get(method)
        is_wanted = wanted in notify if wanted else "editorPluginInfo" in options
        if not is_wanted:
            self._say("the client did not ask to be told this")

    def _check_progress(self, token: object, value: Json) -> None:
        kinds = {
            "begin": (types.WorkDoneProgressBegin, "created", "begun"),
            "report": (types.WorkDoneProgressReport, "begun", "begun"),
            "end": (types.WorkDoneProgressEnd, "begun", "ended"),
        }
        kind, before, after = kinds[value["kind"]]
        self._read(value, kind)
        if self._progress.get(token) != before:
            self._say(f"a progress that is {self._progress.get(token)} cannot {value['kind']}")
        self._progress[token] = after

    def _read(self, value: Any, kind: Any) -> None:
        self.wrong += differences(value, kind)


def _shown(message: Json) -> str:
    return json.dumps(message, ensure_ascii=False)[:2000]


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _commands(value: Any) -> Iterator[str]:
    """The names of commands that an answer offers: of objects that have a title and a command."""
    if isinstance(value, list):
        for one in value:
            yield from _commands(one)
    elif isinstance(value, dict):
        if isinstance(value.get("command"), str) and "title" in value:
            yield value["command"]
        for one in value.values():
            yield from _commands(one)

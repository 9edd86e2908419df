"""What a wrong server would say, so that the checks of `wire.py` are seen to fail; and that right things pass."""

from __future__ import annotations

from typing import Any

import pytest

from wire import Json, Wire

CAPABILITIES = {"capabilities": {"executeCommandProvider": {"commands": ["codesage.explain"]}}}
AT = {"line": 0, "character": 0}
RANGE = {"start": AT, "end": AT}
TAKES = {
    "window": {"workDoneProgress": True},
    "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}},
}
PROFILE = {"processId": None, "rootUri": None, "capabilities": TAKES}


def session(options: Json | None = None) -> Wire:
    """One that is initialized, by a client that takes progress, watches files, and nothing else."""
    wire = Wire()
    params = PROFILE | {"initializationOptions": options}
    wire.sent({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    wire.received({"jsonrpc": "2.0", "id": 1, "result": CAPABILITIES})
    assert not wire.wrong, wire.wrong
    return wire


def answer(method: str, params: Any, result: Any) -> list[str]:
    wire = session()
    wire.sent({"jsonrpc": "2.0", "id": 2, "method": method, "params": params})
    wire.received({"jsonrpc": "2.0", "id": 2, "result": result})
    return wire.wrong


def said(*messages: Json, options: Json | None = None) -> list[str]:
    wire = session(options)
    for message in messages:
        wire.received({"jsonrpc": "2.0"} | message)
    wire.over()
    return wire.wrong


def item(**more: Any) -> Json:
    return {"items": [{"insertText": "x", "range": RANGE} | more]}


def reply(**more: Any) -> Json:
    return {"id": "a", "outcome": "applied", "stats": {}} | more


COMMAND = {"title": "", "command": "codesage.explain"}
INLINE = "textDocument/inlineCompletion"


@pytest.mark.parametrize(
    ("method", "result", "what"),
    [
        (INLINE, item(command=COMMAND), None),
        (INLINE, item(command={"title": "", "command": "codesage.nothing"}), "not advertised"),
        (INLINE, item(insertText=7), "insertText is 7"),
        (INLINE, item(range={"start": AT}), "end"),
        (INLINE, item(range={"start": AT, "end": {"line": -1, "character": 0}}), "line"),
        (INLINE, item(filterText=None), "left out"),
        (INLINE, item(colour="red"), "colour is no property"),
        (INLINE, {"item": []}, "items"),
        ("textDocument/codeAction", [{"title": "x", "kind": "quickfix", "command": COMMAND}], None),
        ("textDocument/codeAction", [{"title": "x", "isPreferred": "yes"}], "isPreferred"),
        ("textDocument/codeLens", [{"range": RANGE, "command": COMMAND}], None),
        ("textDocument/codeLens", [{"command": COMMAND}], "range"),
        ("textDocument/completion", {"isIncomplete": True, "items": [{"label": "x"}]}, None),
        ("textDocument/completion", {"isIncomplete": 1, "items": []}, "isIncomplete"),
        (
            "textDocument/completion",
            {"isIncomplete": True, "items": [{"label": "x", "insertTextFormat": 3}]},
            "insertTextFormat is 3",
        ),
        ("shutdown", None, None),
        ("shutdown", 7, "7"),
        ("codesage/status", {"kind": "Normal", "busy": False, "message": "m"}, None),
        ("codesage/status", {"kind": "normal", "busy": False, "message": "m"}, "normal"),
        ("codesage/status", {"kind": "Normal", "busy": "no", "message": "m"}, "busy"),
    ],
)
def test_answers(method: str, result: Any, what: str | None) -> None:
    check(answer(method, {}, result), what)


@pytest.mark.parametrize(
    ("command", "result", "what"),
    [
        ("codesage.explain", reply(), None),
        ("codesage.explain", reply(files=[{"uri": "u", "path": "p", "added": 1, "removed": 0}]), None),
        ("codesage.explain", reply(outcome="done"), "done"),
        ("codesage.explain", reply(more=1), "more"),
        ("codesage.explain", None, "None"),
        ("codesage.cancel", {"cancelled": 0}, None),
        ("codesage.cancel", {"cancelled": "0"}, "'0'"),
        ("codesage.didAccept", None, None),
        ("codesage.didAccept", {}, "null"),
    ],
)
def test_commands(command: str, result: Any, what: str | None) -> None:
    check(answer("workspace/executeCommand", {"command": command}, result), what)


def progress(token: str, **value: Any) -> Json:
    return {"method": "$/progress", "params": {"token": token, "value": value}}


def register(method: str) -> Json:
    registration = {"id": "r", "method": method}
    return {"id": 4, "method": "client/registerCapability", "params": {"registrations": [registration]}}


CREATE = {"id": 1, "method": "window/workDoneProgress/create", "params": {"token": "t"}}
BEGIN, END = progress("t", kind="begin", title="x"), progress("t", kind="end")


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ([], None),
        ([CREATE, BEGIN, progress("t", kind="report", percentage=7), END], None),
        ([BEGIN], "None cannot begin"),
        ([CREATE, BEGIN], "never ended"),
        ([CREATE, BEGIN, END, END], "ended cannot end"),
        ([CREATE, BEGIN, END, progress("t", kind="report")], "ended cannot report"),
        ([CREATE, progress("t", kind="begin")], "title"),
        ([CREATE, BEGIN, progress("t", kind="report", percentage=7.5), END], "percentage"),
        ([CREATE, CREATE | {"id": 2}], "a second progress"),
        ([CREATE, CREATE | {"params": {"token": "u"}}], "two requests of one id"),
        ([{"method": "window/workDoneProgress/create", "params": {"token": "t"}}], "id"),
        ([{"id": 1, "method": "window/logMessage", "params": {"type": 3, "message": "m"}}], "notification"),
        ([{"method": "window/logMessage", "params": {"type": 3, "message": "m"}}], None),
        ([{"method": "window/logMessage", "params": {"type": 33, "message": "m"}}], "33"),
        ([{"method": "window/showMessage", "params": {"type": 3}}], "message"),
        ([{"method": "textDocument/didOpen", "params": {}}], "a server does not send this"),
        ([{"method": "codesage/nothing", "params": {}}], "codesage/nothing"),
        ([{"id": 3, "method": "workspace/applyEdit", "params": {"edit": {}}}], "did not say that it takes this"),
        ([{"method": "codesage/stream", "params": {"id": "a", "kind": "end", "text": ""}}], "did not ask"),
        ([register("workspace/didChangeWatchedFiles")], None),
        ([register("textDocument/completion")], "did not say that this may be registered"),
        ([register("textDocument/hover")], "did not say that this may be registered"),
        ([{"id": 9, "result": None}], "nobody waits for"),
        ([{"id": 9}], "either a result or an error"),
        ([{"jsonrpc": "1.0", "method": "window/logMessage", "params": {"type": 3, "message": "m"}}], "JSON-RPC"),
        ([{"method": "window/logMessage", "params": {"type": 3, "message": "m"}, "more": 1}], "no more"),
    ],
)
def test_what_a_server_says(messages: list[Json], what: str | None) -> None:
    check(said(*messages), what)


def test_what_was_asked_for_is_told() -> None:
    stream = {"method": "codesage/stream", "params": {"id": "a", "kind": "end", "text": ""}}
    check(said(stream, options={"codesage": {"notify": ["stream"]}}), None)
    check(said(stream, options={"codesage": {"notify": ["status"]}}), "did not ask")


def test_a_request_without_an_answer() -> None:
    wire = session()
    wire.sent({"jsonrpc": "2.0", "id": 2, "method": "shutdown"})
    wire.over()
    check(wire.wrong, "no answer to shutdown")


def test_an_error_has_a_code_and_a_message() -> None:
    for error, what in [
        ({"code": -32800, "message": "m"}, None),
        ({"code": "x", "message": "m"}, "code"),
        ({}, "code"),
    ]:
        wire = session()
        wire.sent({"jsonrpc": "2.0", "id": 2, "method": "shutdown"})
        wire.received({"jsonrpc": "2.0", "id": 2, "error": error})
        check(wire.wrong, what)


def check(wrong: list[str], what: str | None) -> None:
    if what is None:
        assert not wrong
    else:
        assert any(what in one for one in wrong), wrong

"""Tier 0: whole sessions with a typed client of LSP 3.18 that somebody else wrote, as each of the clients that were
measured declares itself. Every message of the server is checked; what it says is not the point here.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

import typed_client
from conftest import BLOCK, LOOP, VALUE
from typed_client import PROFILES, TypedClient
from wire import Json

WIDE = "s = 'é😀'; y = "
TEXT = f"{LOOP}\n\n{WIDE}\n"
#: What an editor takes although it does not declare it, by the name of its profile.
EXCUSED = {"vim-lsp 474c656": ("does not support snippets",)}

Session = Callable[..., Any]


@pytest.fixture
def session(server: Path, models: Path, tmp_path: Path) -> Session:
    """`async with session(profile, model) as client`: a whole session, in which nothing may be wrong."""

    @asynccontextmanager
    async def begin(
        profile: str, model: str, settings: Json | None = None, notify: tuple[str, ...] = ()
    ) -> AsyncIterator[TypedClient]:
        client = TypedClient(tmp_path)
        environment = os.environ | {"CODESAGE_MODEL": str(models / f"{model}.gguf")}
        environment |= {name: str(tmp_path / name) for name in ("CODESAGE_STATE", "XDG_CONFIG_HOME")}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            await client.start_io(str(server), env=environment, cwd=tmp_path)
            try:
                await client.introduce(profile, list(notify), settings)
                yield client
                await client.finish()
            finally:
                # Seen where the test fails.
                print(client.wire.log())
                await client.end()
        typed_client.heed(client, caught, EXCUSED.get(profile, ()))
        assert not client.wire.wrong, "\n".join(client.wire.wrong)

    return begin


def run(session: Coroutine[Any, Any, None]) -> None:
    asyncio.run(session)


def here(client: TypedClient, uri: str, after: str) -> types.Position:
    text = client.texts[uri][1]
    return client.position(text, text.index(after) + len(after))


def argument(client: TypedClient, uri: str, after: str) -> Json:
    at = here(client, uri, after)
    place = {"line": at.line, "character": at.character}
    return {"textDocument": {"uri": uri, "version": client.texts[uri][0]}, "range": {"start": place, "end": place}}


async def suggestions(client: TypedClient, uri: str, after: str) -> list[str]:
    """What is suggested as ghost text, and then what is by the menu, where that is offered."""
    document, at = types.TextDocumentIdentifier(uri), here(client, uri, after)
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked)
    params = types.InlineCompletionParams(context, document, at)
    inline = await client.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)
    found = [item.insert_text for item in inline.items]
    if client.server_capabilities.completion_provider:
        trigger = types.CompletionContext(types.CompletionTriggerKind.Invoked)
        asked = types.CompletionParams(document, at, context=trigger)
        menu = await client.ask(types.TEXT_DOCUMENT_COMPLETION, asked)
        found += [item.text_edit.new_text if item.text_edit else item.insert_text for item in menu.items]
    return found


async def actions(client: TypedClient, uri: str, after: str) -> list[str]:
    at = here(client, uri, after)
    start = types.Position(at.line, 0)
    said = types.Diagnostic(range=types.Range(start, at), message="this is slow")
    context = types.CodeActionContext(diagnostics=[said], trigger_kind=types.CodeActionTriggerKind.Invoked)
    params = types.CodeActionParams(types.TextDocumentIdentifier(uri), types.Range(start, at), context)
    offered = await client.ask(types.TEXT_DOCUMENT_CODE_ACTION, params)
    return [one.title for one in offered]


@pytest.mark.parametrize("profile", PROFILES)
def test_suggestions(session: Session, profile: str) -> None:
    async def whole() -> None:
        async with session(profile, "fill", notify=("status",)) as client:
            uri = client.open("a.py", "python", TEXT)
            client.insert(uri, len(TEXT), "z = ")
            for found in await suggestions(client, uri, WIDE):
                assert found == VALUE
            client.insert(uri, 0, "def one(prices):\n\n")
            found = await suggestions(client, uri, "def one(prices):")
            assert found[0] == BLOCK
            context = await client.run("codesage.showContext")
            assert "def one(prices):" in "".join(part["text"] for part in context.parts), context
            for command in ("stats", "why", "toggle", "toggle", "reload", "snooze", "didAccept", "cancel"):
                await client.run(f"codesage.{command}")
            await client.run("codesage.why", {"limit": 3})
            report = await client.run("codesage.doctor")
            assert any(finding["id"] == "session" for finding in report.findings), report
            # That of the settings, which answers already.
            assert (await client.run("codesage.swapModel", {"role": "edit"})).state == "ready"
            await client.run("codesage.didAccept", "nothing of this name")
            await client.ask("codesage/stats", {})
            client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
            client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    run(whole())


@pytest.mark.parametrize("profile", PROFILES)
def test_an_action_and_back(session: Session, profile: str) -> None:
    async def whole() -> None:
        async with session(profile, "rewrite", notify=("status", "stream")) as client:
            uri = client.open("a.py", "python", TEXT)
            offered = await actions(client, uri, "    result = 0")
            assert len(offered) > 2, offered
            at = argument(client, uri, "    result = 0")
            reply = await client.run("codesage.refactor", at)
            rewritten = "def total(prices):\n    return sum(prices)\n"
            if PROFILES[profile]["capabilities"]["workspace"]["applyEdit"]:
                assert reply.outcome == "applied", reply
                assert client.texts[uri][1] == f"{rewritten}\n\n{WIDE}\n"
                assert (await client.run("codesage.undo", {"id": reply.id})).outcome == "applied"
                assert client.texts[uri][1] == TEXT
            # What comes of these is the model's affair.
            for command in ("run", "edit", "document", "unitTest", "fix", "custom"):
                more = {"action": "refactor", "instruction": "use sum", "diagnostic": {"message": "slow"}, "name": "x"}
                await client.run(f"codesage.{command}", argument(client, uri, "def total") | more)
            await client.run("codesage.refactor")
            offered = client.server_capabilities.execute_command_provider.commands
            missing = set(offered) - client.wire.commands_run - SEEN_ELSEWHERE
            assert not missing, f"no session runs {missing}"

    run(whole())


#: The commands that the other sessions run.
SEEN_ELSEWHERE = {
    "codesage.applyPreview",
    "codesage.cancel",
    "codesage.didAccept",
    "codesage.discardPreview",
    "codesage.doctor",
    "codesage.explain",
    "codesage.reload",
    "codesage.review",
    "codesage.showContext",
    "codesage.snooze",
    "codesage.stats",
    "codesage.swapModel",
    "codesage.toggle",
    "codesage.undo",
    "codesage.why",
}


@pytest.mark.parametrize("profile", PROFILES)
def test_answers_in_words(session: Session, profile: str) -> None:
    async def whole() -> None:
        async with session(profile, "review") as client:
            uri = client.open("a.py", "python", TEXT)
            reply = await client.run("codesage.explain", argument(client, uri, "def total"))
            assert reply.outcome == "answer" and "sum" in reply.markdown
            reply = await client.run("codesage.review", argument(client, uri, "def total"))
            assert reply.outcome == "answer"
            assert client.diagnostics[uri]
            await client.run("codesage.review", argument(client, uri, "def total") | {"clear": True})
            assert not client.diagnostics[uri]

    run(whole())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_change_that_is_shown_first(session: Session, profile: str) -> None:
    async def whole() -> None:
        async with session(profile, "rewrite", {"edits": {"confirm": "always"}}) as client:
            uri = client.open("a.py", "python", TEXT)
            applies = PROFILES[profile]["capabilities"]["workspace"]["applyEdit"]
            for decision in ("discardPreview", "applyPreview"):
                reply = await client.run("codesage.refactor", argument(client, uri, "def total"))
                if reply.outcome != "preview":
                    continue
                assert any(title.startswith("Apply preview") for title in await actions(client, uri, "result = 0"))
                if client.server_capabilities.code_lens_provider:
                    params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
                    assert len(await client.ask(types.TEXT_DOCUMENT_CODE_LENS, params)) == 2
                await client.run(f"codesage.{decision}", {"id": reply.id})
            assert ("return sum(prices)" in client.texts[uri][1]) == applies

    run(whole())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_new_file(session: Session, profile: str) -> None:
    async def whole() -> None:
        async with session(profile, "test") as client:
            uri = client.open("a.py", "python", LOOP)
            reply = await client.run("codesage.unitTest", argument(client, uri, "result = 0"))
            applies = PROFILES[profile]["capabilities"]["workspace"]["applyEdit"]
            assert reply.outcome == ("applied" if applies else "answer"), reply
            made = list(client.folder.glob("**/test_a.py"))
            assert [path.read_text().count("assert total([1, 2]) == 3") for path in made] == [1] * applies

    run(whole())


@pytest.mark.parametrize("profile", PROFILES)
def test_an_action_is_cancelled(session: Session, profile: str) -> None:
    async def whole() -> None:
        async with session(profile, "endless", notify=("status", "stream")) as client:
            uri = client.open("a.py", "python", TEXT)
            running = asyncio.create_task(client.run("codesage.refactor", argument(client, uri, "def total")))
            while (await client.run("codesage.cancel")).cancelled == 0:
                await asyncio.sleep(0.02)
            reply = await running
            assert reply.outcome == "cancelled", reply
            assert client.texts[uri][1] == TEXT

    run(whole())


def test_a_wrong_message_is_noticed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same session, with one message changed on the way."""
    structure = typed_client._Protocol.structure_message

    def change(self: Any, data: Json) -> Any:
        if isinstance(data.get("result"), dict) and "items" in data["result"]:
            data["result"]["items"][0]["filterText"] = None
        return structure(self, data)

    async def whole() -> None:
        async with session("Neovim 0.12.4", "fill") as client:
            uri = client.open("a.py", "python", f"{TEXT}# {BLOCK}")
            await suggestions(client, uri, WIDE)

    monkeypatch.setattr(typed_client._Protocol, "structure_message", change)
    with pytest.raises(AssertionError, match="filterText must be left out"):
        run(whole())

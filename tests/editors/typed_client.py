"""A client that somebody else wrote: pytest-lsp, on pygls and lsprotocol. It speaks as one of the editors in
`fixtures/clients.json` declares itself, keeps the texts, and makes the edits that it is sent.

What goes over the wire is checked by `wire.py`; what pytest-lsp finds against the client's capabilities is added to it.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pytest_lsp import LanguageClient, LspSpecificationWarning
from pytest_lsp.client import register_lsp_features
from pytest_lsp.protocol import LanguageClientProtocol

from installed import REPOSITORY
from terminal import DEADLINE
from wire import Json, Wire

PROFILES = {
    name: profile
    for name, profile in json.loads((REPOSITORY / "fixtures" / "clients.json").read_text()).items()
    if name != "_about"
}
#: Clients that say by their silence that they count UTF-16, and do not.
COUNT_CODE_POINTS = ("vim-lsp 474c656", "lsp-mode 8.0.0 (Emacs 28.2)")


class _Protocol(LanguageClientProtocol):
    """Shows both directions to the wire."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.wire = Wire()
        #: The parameters of `initialize`, as an editor sends them: with nulls, and with what is in no schema.
        self.introduction: Json = {}

    def structure_message(self, data: Json) -> Any:
        # Called for each object, from the inside out.
        if "jsonrpc" in data:
            self.wire.received(data)
        return super().structure_message(data)

    def _serialize_message(self, data: Any) -> Json:
        message = super()._serialize_message(data)
        if isinstance(message, dict) and message.get("method") == "initialize":
            message["params"] = self.introduction
        if isinstance(message, dict) and "jsonrpc" in message:
            self.wire.sent(message)
        return message


class TypedClient(LanguageClient):
    """An editor without a screen."""

    protocol: _Protocol

    def __init__(self, folder: Path) -> None:
        super().__init__(protocol_cls=_Protocol)
        register_lsp_features(self)
        self.folder = folder
        self.wire = self.protocol.wire
        self.server_capabilities: types.ServerCapabilities | None = None
        self.encoding = "utf-16"
        self.texts: dict[str, tuple[int, str]] = {}
        self.applied: list[types.ApplyWorkspaceEditParams] = []

        @self.feature(types.WORKSPACE_APPLY_EDIT)
        def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            self.applied.append(params)
            for uri, version, edits in _edits(params.edit):
                self._edit(uri, version, edits)
            return types.ApplyWorkspaceEditResult(applied=True)

        @self.feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(_: types.RegistrationParams) -> None:
            return None

        @self.feature(types.WORKSPACE_CODE_LENS_REFRESH)
        def refresh(_: None) -> None:
            return None

    async def introduce(self, name: str, notify: list[str], settings: Json | None = None) -> None:
        """Does what an editor does first, and waits until the model is loaded."""
        introduction = {"processId": None, "rootUri": self.folder.as_uri()} | PROFILES[name]
        introduction["initializationOptions"] = (settings or {}) | {"codesage": {"notify": notify}}
        self.protocol.introduction = introduction
        # What the client's own checks go by.
        params = self.protocol._converter.structure(introduction, types.InitializeParams)
        answer = await self.initialize_session(params)
        self.server_capabilities = answer.capabilities
        self.encoding = "utf-32" if name in COUNT_CODE_POINTS else answer.capabilities.position_encoding
        async with asyncio.timeout(DEADLINE):
            while True:
                status = await self.ask("codesage/status", {})
                if status.kind != "Normal" or not status.busy:
                    break
                await asyncio.sleep(0.02)
        assert status.kind == "Normal", status.message

    async def ask(self, method: str, params: Any) -> Any:
        async with asyncio.timeout(DEADLINE):
            return await self.protocol.send_request_async(method, params)

    async def run(self, command: str, *arguments: Any) -> Any:
        params = types.ExecuteCommandParams(command=command, arguments=list(arguments))
        answer = await self.ask(types.WORKSPACE_EXECUTE_COMMAND, params)
        return SimpleNamespace(**answer) if isinstance(answer, dict) else answer

    def open(self, name: str, language: str, text: str) -> str:
        uri = (self.folder / name).as_uri()
        (self.folder / name).write_text(text)
        self.texts[uri] = (1, text)
        item = types.TextDocumentItem(uri=uri, language_id=language, version=1, text=text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def insert(self, uri: str, at: int, text: str) -> None:
        """Types a text at a place, in characters from the beginning."""
        version, before = self.texts[uri]
        self.texts[uri] = (version + 1, before[:at] + text + before[at:])
        here = self.position(before, at)
        change = types.TextDocumentContentChangePartial(range=types.Range(here, here), text=text)
        self._changed(uri, version + 1, change)

    def position(self, text: str, at: int) -> types.Position:
        line = text.count("\n", 0, at)
        return types.Position(line, self._width(text[text.rfind("\n", 0, at) + 1 : at]))

    def _width(self, text: str) -> int:
        if self.encoding == "utf-8":
            return len(text.encode())
        return len(text) if self.encoding == "utf-32" else len(text.encode("utf-16-le")) // 2

    def _offset(self, text: str, at: types.Position) -> int:
        lines = text.split("\n")
        start = sum(len(line) + 1 for line in lines[: at.line])
        line = lines[at.line] if at.line < len(lines) else ""
        for column in range(len(line) + 1):
            if self._width(line[:column]) == at.character:
                return start + column
        self.wire.wrong.append(f"there is no such place: {at} of {text!r}")
        return start

    def _edit(self, uri: str, version: int | None, edits: list[types.TextEdit]) -> None:
        if uri not in self.texts:
            # A new file: it is made, and not opened.
            path = Path(unquote(urlsplit(uri).path))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(one.new_text for one in edits))
            return
        has, text = self.texts[uri]
        if version not in (None, has):
            self.wire.wrong.append(f"an edit of version {version}, and there is {has}")
        places = [(self._offset(text, one.range.start), self._offset(text, one.range.end), one) for one in edits]
        for start, end, one in sorted(places, key=lambda place: place[0], reverse=True):
            text = text[:start] + one.new_text + text[end:]
        self.texts[uri] = (has + 1, text)
        self._changed(uri, has + 1, types.TextDocumentContentChangeWholeDocument(text=text))

    def _changed(self, uri: str, version: int, change: Any) -> None:
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def finish(self) -> None:
        """Ends the session as an editor does. The server must go, and nothing may be left open."""
        async with asyncio.timeout(DEADLINE):
            await self.shutdown_session()
        self.wire.over()
        if self.error:
            self.wire.wrong.append(f"what came is no message: {self.error!r}")
        assert self._server
        if self._server.returncode != 0:
            self.wire.wrong.append(f"the server ended with {self._server.returncode}")

    async def end(self) -> None:
        """Whatever has happened, nothing stays."""
        assert self._server
        if self._server.returncode is None:
            self._server.kill()
        await self.stop()


def _edits(edit: types.WorkspaceEdit) -> list[tuple[str, int | None, list[types.TextEdit]]]:
    if edit.document_changes is not None:
        changes = [one for one in edit.document_changes if isinstance(one, types.TextDocumentEdit)]
        return [(one.text_document.uri, one.text_document.version, list(one.edits)) for one in changes]
    return [(uri, None, list(edits)) for uri, edits in (edit.changes or {}).items()]


def heed(client: TypedClient, caught: list[warnings.WarningMessage], excused: tuple[str, ...]) -> None:
    """Counts what pytest-lsp warned of as wrong, but for what an editor takes although it does not say so."""
    for one in caught:
        said = str(one.message)
        if issubclass(one.category, LspSpecificationWarning) and not any(excuse in said for excuse in excused):
            client.wire.wrong.append(f"pytest-lsp: {said}")

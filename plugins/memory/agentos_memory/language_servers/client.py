"""A client of one running language server: requests with time limits, one process, no orphans.

A server that dies, stalls or refuses is an error, never an empty answer. Above: verification and
the benchmarks. Below: framing, workspaces, declarations.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from agentos import UnavailableError
from agentos_memory.analysis import MAX_FILE_BYTES
from agentos_memory.language_servers.declarations import InstalledServer
from agentos_memory.language_servers.framing import encode_message, read_message
from agentos_memory.language_servers.processes import MAX_GROUP_BYTES, start_process
from agentos_memory.language_servers.workspace import Workspace, open_workspace
from agentos_memory.work_files import read_file

START_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
# How long the last words of a server that ended are waited for.
LAST_WORDS_TIMEOUT_S = 0.5
MAX_OPEN_DOCUMENTS = 20
# Servers refuse while they load a project (tsserver: "could not find source file"), and ask for the
# same request again when the content changed (-32801) or they cancelled it (-32802).
MAX_REPEATS = 3
METHOD_NOT_FOUND = -32601
# The protocol gives no code for it; gopls answers with it at a name that it cannot type.
NO_OBJECT = 0
# And with the same one in a file whose package it could not load: then it knows nothing at all.
NOT_LOADED = "metadata"
# Kinds of change in `workspace/didChangeWatchedFiles`.
CHANGED = 2


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file of the repository: 1-based line, 0-based column in characters."""

    path: str
    line: int
    column: int


class LanguageServerClient:
    """One initialized server. Positions are translated to the UTF-16 columns of the protocol."""

    def __init__(
        self,
        installed: InstalledServer,
        process: asyncio.subprocess.Process,
        workspace: Workspace,
        request_timeout_s: float,
    ) -> None:
        self._server = installed.server
        self._options = installed.options
        self._process = process
        self._workspace = workspace
        self._request_timeout_s = request_timeout_s
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._failure: UnavailableError | None = None
        self._errors: deque[str] = deque(maxlen=20)
        self._lines: OrderedDict[str, list[str]] = OrderedDict()
        self._open: set[str] = set()
        self._opening = asyncio.Lock()
        self._is_stuck = False
        self._version = installed.version

    @property
    def name(self) -> str:
        """The server's name."""
        return self._server.name

    @property
    def identity(self) -> str:
        """The server's name and version, as far as either is known."""
        return f"{self._server.name} {self._version}".strip()

    @property
    def has_failed(self) -> bool:
        """Whether it is of no use any more: it ended, babbled, or let a request wait too long."""
        return self._failure is not None or self._is_stuck

    @property
    def process_id(self) -> int:
        """The process that leads the server's group."""
        return self._process.pid

    def set_niceness(self, niceness: int) -> None:
        """Give the server's group that priority, where this user may."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, self.process_id, niceness)

    async def definition(self, place: Place) -> list[Place] | None:
        """Where what stands at `place` is defined within the repository.

        None when the server knows a definition but it lies outside; empty when it knows none.
        Columns of the answer are in UTF-16 units, as the server counts.
        """
        answer = await self._ask_at("textDocument/definition", place)
        return self._places(answer)

    async def references(self, place: Place) -> list[Place]:
        """Mentions of what stands at `place`, its declaration left out, within the repository."""
        context = {"context": {"includeDeclaration": False}}
        answer = await self._ask_at("textDocument/references", place, context)
        return self._places(answer) or []

    async def incoming_calls(self, place: Place) -> list[Place]:
        """Where the callable named at `place` is called from within the repository."""
        items = await self._ask_at("textDocument/prepareCallHierarchy", place)
        calls: list[Place] = []
        for item in items or []:
            answer = await self._request("callHierarchy/incomingCalls", {"item": item})
            for call in answer or []:
                path = self._workspace.path(call["from"]["uri"])
                ranges = call["fromRanges"] if path is not None else []
                calls.extend(_place(str(path), each) for each in ranges)
        return sorted(set(calls))

    async def tell_changed(self, paths: Sequence[str]) -> None:
        """Have the server take files as they are now; it is shown the text of each."""
        uris = [self._workspace.uri(path) for path in paths]
        changes = [{"uri": uri, "type": CHANGED} for uri in uris]
        async with self._opening:
            for path in paths:
                if self._lines.pop(path, None) is not None:
                    await self._close_document(path)
        await self._notify("workspace/didChangeWatchedFiles", {"changes": changes})
        for path in paths:
            await self._opened(path)

    async def _ask_at(
        self, method: str, place: Place, extra: Mapping[str, Any] | None = None
    ) -> Any:
        uri = await self._opened(place.path)
        line = place.line - 1
        lines = self._lines[place.path]
        text = lines[line] if line < len(lines) else ""
        position = {"line": line, "character": _utf16_length(text[: place.column])}
        return await self._request(
            method, {"textDocument": {"uri": uri}, "position": position, **(extra or {})}
        )

    async def _opened(self, path: str) -> str:
        """The URI of the file, opened where the server needs it; the oldest is closed."""
        uri = self._workspace.uri(path)
        async with self._opening:
            if path not in self._lines:
                await self._open_document(path, uri)
            self._lines.move_to_end(path)
            while len(self._lines) > MAX_OPEN_DOCUMENTS:
                await self._forget_oldest()
        return uri

    async def _open_document(self, path: str, uri: str) -> None:
        content = await asyncio.to_thread(
            read_file, self._workspace.repository, path, max_bytes=MAX_FILE_BYTES
        )
        if not isinstance(content, bytes):
            raise UnavailableError(f"cannot read {path}: gone, too large, or no regular file")
        text = content.decode("utf-8", "replace")
        if self._server.needs_open:
            language = self._language_id(path)
            document = {"uri": uri, "languageId": language, "version": 1, "text": text}
            await self._notify("textDocument/didOpen", {"textDocument": document})
            self._open.add(path)
        # Only these end a line of the protocol.
        normal = text.replace("\r\n", "\n").replace("\r", "\n")
        self._lines[path] = normal.split("\n")

    def _language_id(self, path: str) -> str:
        suffix = path.rpartition(".")[2]
        scripts = {"tsx": "typescriptreact", "jsx": "javascriptreact"}
        scripts |= dict.fromkeys(("js", "mjs", "cjs"), "javascript")
        return scripts.get(suffix) or next(iter(self._server.languages.values()))

    async def _forget_oldest(self) -> None:
        path, _ = self._lines.popitem(last=False)
        await self._close_document(path)

    async def _close_document(self, path: str) -> None:
        if path in self._open:
            self._open.remove(path)
            document = {"uri": self._workspace.uri(path)}
            await self._notify("textDocument/didClose", {"textDocument": document})

    def _places(self, answer: Any) -> list[Place] | None:
        locations: list[Any] = answer if isinstance(answer, list) else [answer] if answer else []
        places = []
        for location in locations:
            uri = location.get("uri") or location.get("targetUri")
            path = self._workspace.path(uri)
            area = location.get("range") or location.get("targetSelectionRange")
            if path is not None and not path.startswith("node_modules/"):
                places.append(_place(path, area))
        return places if places or not locations else None

    async def _request(self, method: str, parameters: Any) -> Any:
        reason = ""
        for _ in range(MAX_REPEATS):
            answer = await self._request_once(method, parameters)
            error = answer.get("error")
            if error is None:
                return answer.get("result")
            reason = str(error.get("message"))
            if error.get("code") == NO_OBJECT and NOT_LOADED not in reason:
                return None
            if error.get("code") == METHOD_NOT_FOUND:
                break
        raise UnavailableError(f"{self.name} refused {method}: {reason}")

    async def _request_once(self, method: str, parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = answered
        try:
            await self._send({"id": number, "method": method, "params": parameters})
            async with asyncio.timeout(self._request_timeout_s):
                answer: dict[str, Any] = await answered
                return answer
        except TimeoutError:
            self._is_stuck = True
            raise UnavailableError(
                f"{self.name} did not answer {method} within {self._request_timeout_s:g} s"
            ) from None
        finally:
            self._pending.pop(number, None)

    async def _notify(self, method: str, parameters: Any) -> None:
        await self._send({"method": method, "params": parameters})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._failure is not None:
            raise self._failure
        assert self._process.stdin is not None
        self._process.stdin.write(encode_message(message))
        # A server that died is reported by whoever reads from it, with its last words.
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def initialize(self, timeout_s: float) -> None:
        """The handshake; raises UnavailableError when it does not end within `timeout_s`."""
        uri = self._workspace.folder.as_uri()
        parameters = {
            "processId": os.getpid(),
            "clientInfo": {"name": "agentos"},
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": "repository"}],
            "initializationOptions": dict(self._options),
            "capabilities": {
                "general": {"positionEncodings": ["utf-16"]},
                "workspace": {"configuration": True, "workspaceFolders": True},
                "textDocument": {
                    "definition": {"linkSupport": False},
                    "callHierarchy": {"dynamicRegistration": False},
                },
                "window": {"workDoneProgress": True},
            },
        }
        limit, self._request_timeout_s = self._request_timeout_s, timeout_s
        try:
            answer = await self._request("initialize", parameters) or {}
        finally:
            self._request_timeout_s = limit
        if not self._version:
            self._version = _version_in(answer.get("serverInfo") or {})
        await self._notify("initialized", {})
        await self._notify("workspace/didChangeConfiguration", {"settings": {}})

    async def serve(self, errors: asyncio.Future[None]) -> None:
        """Read answers and the server's own questions until it ends; then everything fails.

        `errors` is the task that collects what it says about itself.
        """
        assert self._process.stdout is not None
        try:
            while (message := await read_message(self._process.stdout)) is not None:
                await self._receive(message)
            ended = "ended by itself"
        except UnavailableError as error:
            ended = error.message
        await asyncio.wait([errors], timeout=LAST_WORDS_TIMEOUT_S)
        said = " ".join(self._errors)[-500:]
        self._fail(f"{self.name} {ended}" + (f": {said}" if said else ""))

    async def collect_errors(self) -> None:
        """Keep the last lines that the server writes about itself."""
        assert self._process.stderr is not None
        while line := await self._process.stderr.read(4096):
            self._errors.append(line.decode("utf-8", "replace").strip())

    async def stop(self) -> None:
        """Ask the server to end, so that it cleans up; errors do not matter any more."""
        if self.has_failed:
            return
        self._request_timeout_s = STOP_TIMEOUT_S
        with contextlib.suppress(UnavailableError):
            await self._request("shutdown", None)
            await self._notify("exit", None)

    def _fail(self, reason: str) -> None:
        self._failure = UnavailableError(
            reason, remedy="repeat the call without `verify`, or repair the language server"
        )
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(self._failure)

    async def _receive(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            waiting = self._pending.get(message.get("id", 0))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif "id" in message:
            await self._send({"id": message["id"], **self._reply(message)})

    def _reply(self, message: dict[str, Any]) -> dict[str, Any]:
        match message["method"]:
            case "workspace/configuration":
                items: Sequence[Any] = message["params"]["items"]
                settings = self._server.settings
                return {"result": [settings.get(item.get("section", ""), {}) for item in items]}
            case "workspace/workspaceFolders":
                uri = self._workspace.folder.as_uri()
                return {"result": [{"uri": uri, "name": "repository"}]}
            case (
                "client/registerCapability"
                | "client/unregisterCapability"
                | "window/workDoneProgress/create"
                | "window/showMessageRequest"
            ):
                return {"result": None}
            case other:
                return {"error": {"code": METHOD_NOT_FOUND, "message": f"no {other} here"}}


@asynccontextmanager
async def open_client(
    installed: InstalledServer,
    root: Path,
    *,
    start_timeout_s: float = START_TIMEOUT_S,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
    niceness: int = 0,
    max_bytes: int = MAX_GROUP_BYTES,
) -> AsyncIterator[LanguageServerClient]:
    """The server running over the repository at `root`; its process group ends with the block.

    Raises UnavailableError when it does not start; requests raise it too.
    """
    with open_workspace(root, installed.server.files) as workspace:
        async with start_process(
            installed, workspace.folder, niceness=niceness, max_bytes=max_bytes
        ) as process:
            client = LanguageServerClient(installed, process, workspace, request_timeout_s)
            errors = asyncio.ensure_future(client.collect_errors())
            tasks = [asyncio.ensure_future(client.serve(errors)), errors]
            try:
                await client.initialize(start_timeout_s)
                yield client
                await client.stop()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


def _version_in(information: Mapping[str, Any]) -> str:
    said = str(information.get("version") or "")
    if said.startswith("{"):
        # gopls tells everything about its build as JSON.
        with contextlib.suppress(ValueError, LookupError, TypeError):
            said = str(orjson.loads(said)["Version"])
    return said[:40]


def _place(path: str, area: Mapping[str, Any]) -> Place:
    start = area["start"]
    return Place(path, start["line"] + 1, start["character"])


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2

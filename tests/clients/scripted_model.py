"""A model that follows a script, over the APIs of two vendors, on loopback.

It speaks what Claude Code and Codex need of Anthropic's Messages and OpenAI's Responses, streamed.
The turn of a request is the number of tool results in it, so that retries and side requests, such
as for a title, change nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Arguments = Mapping[str, Any] | str
"""Text for tools whose input is not JSON."""
END = "The script has ended."
WAITING_TOOL = "WaitForMcpServers"
"""What Claude Code offers while a server is still starting."""
WAIT = "toolu_wait_"
SEARCH = "agentos work order claim evidence submit observation references review"


@dataclass(frozen=True, slots=True)
class Use:
    """One turn: use a tool; arguments may follow from the results so far, oldest first."""

    tool: str
    arguments: Arguments | Callable[[Sequence[str]], Arguments]


@dataclass(slots=True)
class Script:
    """The turns of one conversation, and what the client sent in it."""

    turns: Sequence[Use]
    offered: dict[str, str | None] = field(default_factory=dict)
    """Tools that the client offered the model, with their namespace."""
    results: list[str] = field(default_factory=list)
    """What the tools answered, as the client showed it to the model."""
    failure: BaseException | None = None
    _decided: dict[int, Arguments] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_use(self, offered: Mapping[str, str | None], results: Sequence[str]) -> Use | None:
        """The turn that follows `results`; None at the end, and for requests that offer no tool."""
        with self._lock:
            if not offered:
                return None
            self.offered |= offered
            if len(results) >= len(self.results):
                self.results = list(results)
            turn = len(results)
            if turn >= len(self.turns):
                return None
            use = self.turns[turn]
            if turn not in self._decided:
                try:
                    self._decided[turn] = (
                        use.arguments(results) if callable(use.arguments) else use.arguments
                    )
                except (AssertionError, LookupError, OSError) as error:
                    self.failure = error
                    return None
            return Use(use.tool, self._decided[turn])


@contextmanager
def scripted_model(script: Script) -> Iterator[str]:
    """The base URL of an endpoint that plays the script."""

    class Handler(_Handler):
        pass

    Handler.script = script
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing goes to the terminal."""

    def do_HEAD(self) -> None:
        self._answer(b"", "application/json")

    def do_GET(self) -> None:
        self._json({"data": [], "models": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            request = json.loads(body)
        except ValueError:
            request = {}
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._json({"input_tokens": 1})
        elif path.endswith("/messages"):
            self._messages(request)
        elif path.endswith("/responses"):
            self._responses(request)
        else:
            self._json({})

    def _messages(self, request: Mapping[str, Any]) -> None:
        offered = {tool["name"]: None for tool in request.get("tools", ()) if "name" in tool}
        results = list(_tool_results(request.get("messages", ())))
        use = self.script.next_use(offered, results)
        if use is None:
            block = _text_block()
        elif use.tool not in offered and WAITING_TOOL in offered:
            block = _tool_block(Use(WAITING_TOOL, {}), f"{WAIT}{len(request['messages'])}")
        else:
            block = _tool_block(use, f"toolu_{len(results)}")
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": request.get("model", "scripted"),
            "content": [block],
            "stop_reason": "end_turn" if block["type"] == "text" else "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
        if request.get("stream"):
            self._events(_message_events(message, block))
        else:
            self._json(message)

    def _responses(self, request: Mapping[str, Any]) -> None:
        items = [item for item in request.get("input", ()) if isinstance(item, dict)]
        searches = [item for item in items if item.get("type") == "tool_search_output"]
        tools = [*request.get("tools", ()), *(t for s in searches for t in s.get("tools", ()))]
        offered = dict(_offered(tools, None))
        outputs = [
            _flat(item.get("output"))
            for item in items
            if str(item.get("type", "")).endswith("call_output")
        ]
        use = self.script.next_use(offered, outputs)
        turn = len(outputs)
        if use is None:
            item = _text_item()
        elif use.tool in offered or searches:
            item = _call_item(use, turn, offered)
        else:
            item = _search_item()
        response = {
            "id": f"resp_{turn}",
            "object": "response",
            "status": "completed",
            "output": [item],
            "usage": {
                "input_tokens": 10,
                "output_tokens": 5,
                "total_tokens": 15,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 0},
            },
        }
        self._events(
            [
                {"type": "response.created", "response": {"id": response["id"]}},
                {"type": "response.output_item.done", "output_index": 0, "item": item},
                {"type": "response.completed", "response": response},
            ]
        )

    def _events(self, events: Sequence[Mapping[str, Any]]) -> None:
        text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
        self._answer(text.encode(), "text/event-stream")

    def _json(self, document: Any) -> None:
        self._answer(json.dumps(document).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _tool_results(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for message in messages:
        content = message.get("content")
        for block in content if isinstance(content, list) else ():
            is_result = block.get("type") == "tool_result"
            if is_result and not block["tool_use_id"].startswith(WAIT):
                yield _flat(block.get("content"))


def _flat(content: Any) -> str:
    """Text of a result, whichever of its forms it came in."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _offered(tools: Any, namespace: str | None) -> Iterator[tuple[str, str | None]]:
    for tool in tools:
        if tool.get("type") == "namespace":
            yield from _offered(tool.get("tools", ()), tool.get("name"))
        elif "name" in tool:
            yield tool["name"], namespace


def _text_block() -> dict[str, Any]:
    return {"type": "text", "text": END}


def _tool_block(use: Use, id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": use.tool, "input": use.arguments}


def _message_events(
    message: Mapping[str, Any], block: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    is_text = block["type"] == "text"
    opened = {**block, "text": ""} if is_text else {**block, "input": {}}
    delta = (
        {"type": "text_delta", "text": block["text"]}
        if is_text
        else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    )
    return [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": opened},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]


def _text_item() -> dict[str, Any]:
    return {
        "type": "message",
        "id": "m_end",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": END, "annotations": []}],
    }


def _search_item() -> dict[str, Any]:
    """Codex offers tools of servers only after a search where its model can search."""
    return {
        "type": "tool_search_call",
        "id": "ts_1",
        "call_id": "search_1",
        "status": "completed",
        "execution": "client",
        "arguments": {"query": SEARCH, "limit": 20},
    }


def _call_item(use: Use, turn: int, offered: Mapping[str, str | None]) -> dict[str, Any]:
    named = {"id": f"fc_{turn}", "call_id": f"call_{turn}", "name": use.tool}
    if isinstance(use.arguments, str):
        return {"type": "custom_tool_call", **named, "input": use.arguments}
    item = {"type": "function_call", **named, "arguments": json.dumps(use.arguments)}
    namespace = offered.get(use.tool)
    return item if namespace is None else {**item, "namespace": namespace}

"""An HTTP server that speaks OpenAI's `/v1/embeddings`, for tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Endpoint:
    """What it answers, and what it was asked."""

    dimension: int = 4
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses and headers of the next answers; after them it works."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    @property
    def texts(self) -> list[str]:
        """Everything that was sent to be embedded."""
        return [text for request in self.requests for text in request["input"]]


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[Endpoint]:
    """The endpoint on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            endpoint.keys.append(self.headers["authorization"])
            endpoint.requests.append(body)
            if self.path != "/v1/embeddings":
                self._answer(404, {}, {"error": {"message": f"no {self.path}"}})
            elif endpoint.failures:
                status, headers = endpoint.failures.pop(0)
                self._answer(status, headers, {"error": {"message": "not now"}})
            else:
                self._answer(200, {}, {"object": "list", "data": self._rows(body["input"])})

        def _rows(self, texts: list[str]) -> list[dict[str, Any]]:
            rows = [
                {"object": "embedding", "index": n, "embedding": vector_of(text, endpoint)}
                for n, text in enumerate(texts)
            ]
            # The order is that of `index`, whatever the order in the list.
            return rows[::-1]

        def _answer(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
            payload = json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def vector_of(text: str, endpoint: Endpoint) -> list[float]:
    """Depends on the text alone; not of unit length."""
    return [1.0 + (len(text) * (n + 1)) % 7 for n in range(endpoint.dimension)]

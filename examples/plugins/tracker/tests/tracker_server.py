"""A small issue tracker in a process of its own: `python tracker_server.py` prints its port.

It takes a request whose `Idempotency-Key` it knows without doing it again. `GET /log` tells what
it was sent; `POST /fail/N` has the next N posts answered with 503, `POST /forget/N` with 404.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

STATUSES = {"fail": 503, "forget": 404}
TICKETS = {"OPS-12": {"title": "Login fails after a timeout", "body": "Seen on Monday."}}


class Tracker(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    received: ClassVar[list[dict[str, Any]]] = []
    events: ClassVar[dict[str, Any]] = {}
    refusals: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        if self.path == "/log":
            self._answer(200, {"received": self.received, "events": list(self.events.values())})
        elif self.headers["authorization"] != "Bearer s3cret":
            self._answer(401, {})
        else:
            ticket = TICKETS.get(self.path.rpartition("/")[2])
            self._answer(404 if ticket is None else 200, ticket or {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)) or "null")
        _, kind, times = self.path.split("/")[:3]
        if kind in STATUSES:
            self.refusals.extend([STATUSES[kind]] * int(times))
            self._answer(200, {})
            return
        key = self.headers["idempotency-key"]
        self.received.append({"path": self.path, "key": key, "body": body})
        if self.refusals:
            self._answer(self.refusals.pop(), {})
            return
        self.events.setdefault(key, body)
        self._answer(201, {})

    def log_message(self, *arguments: object) -> None:
        """Nothing."""

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tracker)
    print(server.server_address[1], flush=True)
    server.serve_forever()

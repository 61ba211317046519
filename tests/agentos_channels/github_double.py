"""The part of GitHub's REST API and of its webhooks that a review channel meets, on loopback.

Shapes and rules after docs.github.com/en/rest, version 2022-11-28: it wants a token and a user agent,
pages what it lists, limits comments to 65,536 characters, and answers errors as GitHub does.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2

from agentos.testing import HttpDouble, ReceivedRequest
from agentos.testing.http_double import _Answer
from tests.agentos_channels.github_checks_double import INSTALLATION, App, CheckRunsDouble

REPOSITORY = "acme/shop"
REPOSITORY_ID = 4_711
TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
SECRET = "a-webhook-secret-of-the-repository"
GIVES_TOKENS = f"/app/installations/{INSTALLATION}/access_tokens"
BOT = {"login": "agentos-bot", "id": 1, "type": "User"}
ADA = {"login": "ada", "id": 1_001, "type": "User"}
BEN = {"login": "ben", "id": 1_002, "type": "User"}
EVE = {"login": "eve", "id": 1_666, "type": "User"}


def blob_id(content: bytes) -> str:
    """git's id of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Comment:
    """One comment in a pull request."""

    id: int
    user: Mapping[str, Any]
    body: str
    n_edits: int = 0
    reactions: list[str] = field(default_factory=list)


@dataclass
class PullRequest:
    """One pull request; `commits` are what each pushed commit changes, by path."""

    number: int
    branch: str
    base: str
    commits: dict[str, dict[str, bytes | None]] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    state: str = "open"

    @property
    def head(self) -> str:
        """The newest commit."""
        return next(reversed(self.commits), self.base)


class GithubDouble(HttpDouble):
    """One repository with pull requests."""

    def __init__(self) -> None:
        super().__init__()
        self.pull_requests: dict[int, PullRequest] = {}
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.faults: list[tuple[str, str, int, Mapping[str, str], bool]] = []
        """Method, pattern of the path, status, headers, and whether the effect happens first."""
        self.checks = CheckRunsDouble()
        self.app: App | None = None
        self._held: list[tuple[str, str]] = []
        self._late: list[ReceivedRequest] = []
        self._ids = 9_000
        self._changed = asyncio.Event()

    def open_pull_request(self, branch: str, base: str, number: int = 12) -> PullRequest:
        """A pull request of a branch that was pushed."""
        made = PullRequest(number, branch, base)
        self.pull_requests[number] = made
        return made

    def push(self, number: int, files: Mapping[str, bytes | None]) -> str:
        """Push a commit that changes these files, against the base; its id."""
        pull_request = self.pull_requests[number]
        said = json.dumps({k: None if v is None else v.decode() for k, v in files.items()})
        commit = hashlib.sha1(f"{said}{len(pull_request.commits)}".encode()).hexdigest()
        pull_request.commits[commit] = dict(files)
        return commit

    def comment(self, number: int, user: Mapping[str, Any], body: str) -> Comment:
        """What somebody writes into a pull request."""
        self._ids += 1
        made = Comment(self._ids, user, body)
        self.pull_requests[number].comments.append(made)
        return made

    def cards(self, number: int = 12) -> list[Comment]:
        """The comments of the token's own account that are cards."""
        comments = self.pull_requests[number].comments
        return [each for each in comments if each.user is BOT and "agentos-review" in each.body]

    def replies(self, number: int = 12) -> list[str]:
        """Its other comments."""
        comments = self.pull_requests[number].comments
        return [e.body for e in comments if e.user is BOT and "agentos-review" not in e.body]

    def status(self, commit: str) -> str | None:
        """The newest status of a commit."""
        found = self.statuses.get(commit)
        return None if not found else str(found[-1]["state"])

    def fail(
        self,
        method: str,
        path: str,
        status: int = 502,
        headers: Mapping[str, str] | None = None,
        *,
        after_effect: bool = False,
    ) -> None:
        """The next such request is answered like this; 0 hangs up."""
        self.faults.append((method, path, status, headers or {}, after_effect))

    def hold(self, method: str, path: str) -> None:
        """Give no answer to the next such request, which takes effect only with `carry_out_late`."""
        self._held.append((method, path))

    @property
    def n_late(self) -> int:
        """How many requests were held."""
        return len(self._late)

    def carry_out_late(self) -> None:
        """Do now what was asked of old, whoever has given up on it."""
        for request in self._late:
            status, _ = self._serve_request(request)
            assert status < 300
        self._late.clear()
        self._changed.set()

    async def wait_until(self, condition: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
        """Until the condition holds; looked at after each request."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _next(self, request: ReceivedRequest) -> _Answer:
        asyncio.get_running_loop().call_soon(self._changed.set)
        for held in self._held:
            if held[0] == request.method and re.search(held[1], request.path):
                self._held.remove(held)
                self._late.append(request)
                return _Answer(200, b"", {}, 0.0, True)
        fault = next(
            (f for f in self.faults if f[0] == request.method and re.search(f[1], request.path)),
            None,
        )
        if fault is not None:
            self.faults.remove(fault)
            if fault[4]:
                self._serve_request(request)
            return _Answer(fault[2] or 200, b"{}", fault[3], 0.0, fault[2] == 0)
        status, document = self._serve_request(request)
        headers = {"content-type": "application/json; charset=utf-8"}
        return _Answer(status, json.dumps(document).encode(), headers, 0.0, False)

    def _serve_request(self, request: ReceivedRequest) -> tuple[int, Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        body = request.json() if request.body else {}
        if self.app is not None and request.path == GIVES_TOKENS:
            return self.app.give_token(token, body)
        if token != TOKEN and (self.app is None or not self.app.takes(token)):
            return 401, {"message": "Bad credentials"}
        if "user-agent" not in request.headers:
            return 403, {"message": "Request forbidden by administrative rules."}
        if "check-runs" in request.path and token == TOKEN:
            return 403, {"message": "You must authenticate via a GitHub App."}
        prefix = f"/repos/{REPOSITORY}"
        if not request.path.startswith(prefix + "/"):
            return 404, {"message": "Not Found"}
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        path = request.path.removeprefix(prefix)
        for method, pattern, handler in self._handlers():
            found = re.fullmatch(pattern, path)
            if method == request.method and found is not None:
                answer: tuple[int, Any] = handler(*found.groups(), query=query, body=body)
                return answer
        return 404, {"message": "Not Found"}

    def _handlers(self) -> list[tuple[str, str, Callable[..., tuple[int, Any]]]]:
        return [
            ("GET", r"/pulls", self._list_pulls),
            ("GET", r"/pulls/(\d+)", self._get_pull),
            ("GET", r"/compare/(\w+)\.\.\.(\w+)", self._compare),
            ("GET", r"/issues/(\d+)/comments", self._list_comments),
            ("POST", r"/issues/(\d+)/comments", self._add_comment),
            ("GET", r"/issues/comments/(\d+)", self._get_comment),
            ("PATCH", r"/issues/comments/(\d+)", self._edit_comment),
            ("POST", r"/issues/comments/(\d+)/reactions", self._react),
            ("POST", r"/statuses/([0-9a-f]{40})", self._set_status),
            ("GET", r"/commits/([0-9a-f]{40})/status", self._get_status),
            ("GET", r"/commits/([0-9a-f]{40})/check-runs", self.checks.list),
            ("POST", r"/check-runs", self.checks.create),
            ("PATCH", r"/check-runs/(\d+)", self.checks.update),
        ]

    def _list_pulls(self, *, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        found = [
            each
            for each in self.pull_requests.values()
            if query.get("head") == f"acme:{each.branch}" and each.state == query.get("state")
        ]
        return 200, [self._pull(each) for each in found]

    def _get_pull(self, number: str, *, query: Any, body: Any) -> tuple[int, Any]:
        found = self.pull_requests.get(int(number))
        return (404, {"message": "Not Found"}) if found is None else (200, self._pull(found))

    def _pull(self, each: PullRequest) -> dict[str, Any]:
        return {
            "number": each.number,
            "state": each.state,
            "head": {"ref": each.branch, "sha": each.head},
            "base": {"ref": "main", "sha": each.base},
        }

    def _compare(self, base: str, head: str, *, query: Any, body: Any) -> tuple[int, Any]:
        for each in self.pull_requests.values():
            if head in each.commits:
                before = each.commits.get(base, {})
                files = [
                    _file(path, content)
                    for path, content in each.commits[head].items()
                    if path not in before or before[path] != content
                ]
                return 200, {
                    "merge_base_commit": {"sha": each.base},
                    "status": "ahead",
                    "files": files,
                }
        return 404, {"message": "Not Found"}

    def _list_comments(
        self, number: str, *, query: Mapping[str, str], body: Any
    ) -> tuple[int, Any]:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        comments = self.pull_requests[int(number)].comments
        shown = comments[(page - 1) * min(size, 100) : page * min(size, 100)]
        return 200, [_comment(each) for each in shown]

    def _add_comment(self, number: str, *, query: Any, body: Any) -> tuple[int, Any]:
        if not body.get("body") or len(body["body"]) > 65_536:
            return 422, {"message": "Validation Failed"}
        return 201, _comment(self.comment(int(number), BOT, body["body"]))

    def _find_comment(self, id: str) -> Comment | None:
        comments = (c for each in self.pull_requests.values() for c in each.comments)
        return next((comment for comment in comments if comment.id == int(id)), None)

    def _get_comment(self, id: str, *, query: Any, body: Any) -> tuple[int, Any]:
        found = self._find_comment(id)
        return (404, {"message": "Not Found"}) if found is None else (200, _comment(found))

    def _edit_comment(self, id: str, *, query: Any, body: Any) -> tuple[int, Any]:
        found = self._find_comment(id)
        if found is None:
            return 404, {"message": "Not Found"}
        if found.user is not BOT:
            return 403, {"message": "Resource not accessible by personal access token"}
        found.body = body["body"]
        found.n_edits += 1
        return 200, _comment(found)

    def _react(self, id: str, *, query: Any, body: Any) -> tuple[int, Any]:
        found = self._find_comment(id)
        if found is None or body.get("content") not in ("+1", "-1", "confused", "eyes"):
            return 422, {"message": "Validation Failed"}
        if body["content"] not in found.reactions:
            found.reactions.append(body["content"])
        return 201, {"content": body["content"]}

    def _set_status(self, commit: str, *, query: Any, body: Any) -> tuple[int, Any]:
        good = body.get("state") in ("error", "failure", "pending", "success")
        said = body.get("description", "")
        if not good or len(said) > 140 or any(ord(sign) > 0xFFFF for sign in said):
            return 422, {"message": "Validation Failed"}
        self.statuses.setdefault(commit, []).append(body)
        return 201, body

    def _get_status(self, commit: str, *, query: Any, body: Any) -> tuple[int, Any]:
        newest = {each["context"]: each for each in self.statuses.get(commit, [])}
        return 200, {"sha": commit, "statuses": list(newest.values())}


@dataclass
class Deliveries:
    """The repository's webhook: signs what happens and posts it to the server."""

    github: GithubDouble
    url: str
    now: Callable[[], str]
    _n: int = 0

    async def review(
        self,
        user: Mapping[str, Any],
        state: str,
        body: str | None = None,
        *,
        commit: str | None = None,
        number: int = 12,
        **changes: Any,
    ) -> httpx2.Response:
        """Somebody submits a review of a pull request."""
        return await self.send(
            "pull_request_review",
            self.review_of(user, state, body, commit=commit, number=number, **changes),
        )

    def review_of(
        self,
        user: Mapping[str, Any],
        state: str,
        body: str | None = None,
        *,
        commit: str | None = None,
        number: int = 12,
        **changes: Any,
    ) -> dict[str, Any]:
        """The payload of a submitted review."""
        self._n += 1
        pull_request = self.github.pull_requests[number]
        review = {
            "id": 80_000 + self._n,
            "user": dict(user),
            "body": body,
            "commit_id": commit or pull_request.head,
            "submitted_at": self.now(),
            "state": state,
        }
        return {
            "action": "submitted",
            "review": {**review, **changes},
            "pull_request": self.github._pull(pull_request),
            "repository": {"id": REPOSITORY_ID, "full_name": REPOSITORY},
            "sender": dict(user),
        }

    async def comment(self, user: Mapping[str, Any], text: str) -> tuple[httpx2.Response, Comment]:
        """Somebody comments on the pull request."""
        made = self.github.comment(12, user, text)
        payload = {
            "action": "created",
            "issue": {"number": 12, "pull_request": {"url": "https://api.github.com/x"}},
            "comment": _comment(made),
            "repository": {"id": REPOSITORY_ID, "full_name": REPOSITORY},
            "sender": dict(user),
        }
        return await self.send("issue_comment", payload), made

    async def pushed(self) -> httpx2.Response:
        """Somebody has pushed to the pull request."""
        payload = {
            "action": "synchronize",
            "number": 12,
            "pull_request": self.github._pull(self.github.pull_requests[12]),
            "repository": {"id": REPOSITORY_ID, "full_name": REPOSITORY},
        }
        return await self.send("pull_request", payload)

    async def send(
        self,
        event: str,
        payload: Mapping[str, Any] | bytes,
        *,
        secret: str = SECRET,
        **headers: str | bytes,
    ) -> httpx2.Response:
        """Deliver a payload; `headers` replace GitHub's, with `_` for `-`."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._n += 1
        sent: dict[str, Any] = {
            "content-type": "application/json",
            "user-agent": "GitHub-Hookshot/044aadd",
            "x-github-event": event,
            "x-github-delivery": f"72d3162e-cc78-11e3-81ab-{self._n:012}",
            "x-hub-signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with httpx2.AsyncClient(timeout=60) as client:
            return await client.post(f"{self.url}/channels/github", content=body, headers=sent)


def _file(path: str, content: bytes | None) -> dict[str, Any]:
    if content is None:
        return {"filename": path, "status": "removed", "sha": "0" * 40}
    return {"filename": path, "status": "modified", "sha": blob_id(content)}


def _comment(each: Comment) -> dict[str, Any]:
    return {"id": each.id, "user": dict(each.user), "body": each.body}

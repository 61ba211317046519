"""The few requests to GitHub's REST API that the channel makes, with bounded answers.

Above: the channel. Below: httpx2. Source: docs.github.com/en/rest (version 2022-11-28): pulls,
commits, issue comments, reactions, commit statuses, check runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx2
import orjson

from agentos import PluginError, UnavailableError, __version__, redact_text
from agentos_channels.github.credentials import Credentials
from agentos_channels.settings import GithubSettings

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_SAID_CHARS = 200
MAX_STATUS_CHARS = 140
UNAUTHORIZED = 401
PAGE = 100
MAX_PAGES = 30
_VERSION = "2022-11-28"
_MAY_WORK_LATER = frozenset({408, 409, 425, 429})
_REMEDIES = {
    401: "the token is not valid",
    403: "the token may not do this; it needs pull requests: read, issues: write, and statuses: write "
    "or, an app, checks: write",
    404: "the repository or pull request is not there, or the token may not see it",
}


class GithubRefusedError(PluginError):
    """GitHub will not do this, now or later; `status` is that of its answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class GithubApi:
    """One repository, by one account or app."""

    def __init__(self, settings: GithubSettings, credentials: Credentials) -> None:
        self._settings = settings
        self._credentials = credentials
        self._repository = f"/repos/{settings.repository}"
        self._client: httpx2.AsyncClient | None = None

    async def pull_request(self, number: int) -> Mapping[str, Any]:
        """One pull request."""
        return _object(await self._request("GET", f"/pulls/{number}"))

    async def find_pull_request(self, branch: str) -> int | None:
        """The number of the open pull request of a branch of this repository, or None."""
        owner = self._settings.repository.partition("/")[0]
        query = {"head": f"{owner}:{branch}", "state": "open", "per_page": "2"}
        found = await self._request("GET", "/pulls", query=query)
        rows = found if isinstance(found, list) else []
        return int(_object(rows[0])["number"]) if rows else None

    async def compare(self, base: str, head: str) -> Mapping[str, Any]:
        """`merge_base_commit` and `files` (300 at most) of two commits."""
        names = f"{quote(base, safe='')}...{quote(head, safe='')}"
        return _object(await self._request("GET", f"/compare/{names}"))

    async def comments(self, number: int) -> AsyncIterator[Mapping[str, Any]]:
        """The comments of a pull request, oldest first."""
        for page in range(1, MAX_PAGES + 1):
            query = {"per_page": str(PAGE), "page": str(page)}
            rows = await self._request("GET", f"/issues/{number}/comments", query=query)
            for row in rows if isinstance(rows, list) else []:
                yield _object(row)
            if not isinstance(rows, list) or len(rows) < PAGE:
                return

    async def comment(self, id: int) -> Mapping[str, Any]:
        """One comment."""
        return _object(await self._request("GET", f"/issues/comments/{id}"))

    async def add_comment(self, number: int, body: str) -> int:
        """The id of a new comment."""
        made = await self._request("POST", f"/issues/{number}/comments", {"body": body})
        return int(_object(made)["id"])

    async def edit_comment(self, id: int, body: str) -> None:
        """Replace a comment's text."""
        await self._request("PATCH", f"/issues/comments/{id}", {"body": body})

    async def react(self, comment: int, content: str) -> None:
        """Put a reaction to a comment; again changes nothing."""
        await self._request("POST", f"/issues/comments/{comment}/reactions", {"content": content})

    async def find_status(self, commit: str) -> Mapping[str, Any] | None:
        """This channel's newest status of a commit, or None."""
        query = {"per_page": str(PAGE)}
        found = _object(await self._request("GET", f"/commits/{commit}/status", query=query))
        of_name = [_object(each) for each in found.get("statuses", [])]
        context = self._settings.status_context
        return next((each for each in of_name if each.get("context") == context), None)

    async def check_runs(self, commit: str, name: str) -> list[Mapping[str, Any]]:
        """The check runs of a name on a commit, the oldest first; 100 at most."""
        query = {"check_name": name, "filter": "all", "per_page": str(PAGE)}
        found = _object(await self._request("GET", f"/commits/{commit}/check-runs", query=query))
        runs = [_object(each) for each in found.get("check_runs", [])]
        return sorted(runs, key=lambda run: int(run["id"]))

    async def create_check_run(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A new check run."""
        return _object(await self._request("POST", "/check-runs", body))

    async def update_check_run(self, id: int, body: Mapping[str, Any]) -> None:
        """Change what a check run says; annotations are added."""
        await self._request("PATCH", f"/check-runs/{id}", body)

    async def set_status(self, commit: str, state: str, description: str, link: str | None) -> None:
        """Set this channel's status of a commit."""
        body = {
            "state": state,
            "context": self._settings.status_context,
            "description": status_text(description),
            **({} if link is None else {"target_url": link}),
        }
        await self._request("POST", f"/statuses/{commit}", body)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        path = f"{self._repository}{path}"
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._as_ourselves(method, path, body, query)
        except TimeoutError:
            what = f"no answer within {self._settings.timeout_s:g} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            what = _shown(f"{type(error).__name__}: {error}")
        raise UnavailableError(f"GitHub cannot be reached at {self._settings.api_url}: {what}")

    async def _as_ourselves(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
    ) -> Any:
        token = await self._credentials.token(self._post_as)
        try:
            return await self._exchange(method, path, body, query, token)
        except GithubRefusedError as error:
            if error.status != UNAUTHORIZED or not self._credentials.refused():
                raise
        token = await self._credentials.token(self._post_as)
        return await self._exchange(method, path, body, query, token)

    async def _post_as(self, path: str, token: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return _object(await self._exchange("POST", path, body, None, token))

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        token: str,
    ) -> Any:
        url = f"{self._settings.api_url}{path}"
        content = None if body is None else orjson.dumps(body)
        async with self._connected().stream(
            method,
            url,
            content=content,
            params=query,
            headers={"authorization": f"Bearer {token}"},
        ) as response:
            answer = bytearray()
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise PluginError(f"GitHub answered more than {MAX_ANSWER_BYTES} bytes")
        if response.is_success:
            return _parsed(bytes(answer))
        raise _refused(method, path, response, bytes(answer))

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            # No proxy of the environment and no redirect: the token goes to the address set.
            self._client = httpx2.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                timeout=self._settings.timeout_s,
                headers={
                    "accept": "application/vnd.github+json",
                    "accept-encoding": "identity",
                    "x-github-api-version": _VERSION,
                    "user-agent": f"agentos/{__version__}",
                },
            )
        return self._client


def status_text(description: str) -> str:
    """A description as GitHub takes and keeps it: without signs beyond the basic plane."""
    return "".join(c for c in description if ord(c) <= 0xFFFF).strip()[:MAX_STATUS_CHARS]


def _parsed(answer: bytes) -> Any:
    try:
        return orjson.loads(answer) if answer else {}
    except orjson.JSONDecodeError:
        raise PluginError("GitHub did not answer in JSON; check github.api_url") from None


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PluginError("GitHub's answer is not in the form of its REST API")
    return value


def _refused(
    method: str, path: str, response: httpx2.Response, answer: bytes
) -> UnavailableError | PluginError:
    status, headers = response.status_code, response.headers
    try:
        said = str(_object(orjson.loads(answer)).get("message", ""))
    except (orjson.JSONDecodeError, PluginError):
        said = ""
    message = f"GitHub answered {status} to {method} {path}: {_shown(said)}"
    is_limited = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    if status in _MAY_WORK_LATER or status >= 500 or (status == 403 and is_limited):
        return UnavailableError(message, remedy=_when(headers))
    remedy = _REMEDIES.get(status, "see the settings of the channel")
    return GithubRefusedError(f"{message}; {remedy}", status)


def _when(headers: Mapping[str, str]) -> str:
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if after.isascii() and after.isdigit():
        return f"try again in {after} s, as GitHub asks"
    if reset.isascii() and reset.isdigit():
        return f"try again in {max(int(reset) - int(time.time()), 1)} s, when the limit is reset"
    return "try again later"


def _shown(text: str) -> str:
    line = "".join(c if c.isprintable() else " " for c in redact_text(text[:2_000]))
    return " ".join(line.split())[:MAX_SAID_CHARS]

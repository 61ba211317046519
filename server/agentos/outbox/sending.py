"""One webhook request: signed, to a judged address, bounded in time and size, no redirects.

Above: deliveries. Below: httpx2, the targets.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import httpx2

from agentos._version import __version__
from agentos.errors import ToolError
from agentos.outbox.targets import Target, TargetPolicy
from agentos.redaction import redact_text

MAX_ANSWER_BYTES = 4_096
MAX_SHOWN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one request; `error` is None where the receiver took the event."""

    status: int | None
    error: str | None


async def send_webhook(
    policy: TargetPolicy, url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float
) -> Attempt:
    """Post `body`; every failure is an answer, none is raised. 2xx alone means that it was taken."""
    try:
        async with asyncio.timeout(timeout_s):
            target = policy.check_url(url)
            address = await policy.resolve(target)
            return await _post(target, address, headers, body, timeout_s)
    except TimeoutError:
        return Attempt(None, f"no answer within {timeout_s:g} s")
    except ToolError as error:
        return Attempt(None, error.message)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
        return Attempt(None, _shown(f"{type(error).__name__}: {error}"))


async def _post(
    target: Target, address: str, headers: Mapping[str, str], body: bytes, timeout_s: float
) -> Attempt:
    url = httpx2.URL(target.url)
    sent = {
        **headers,
        "host": url.netloc.decode("ascii"),
        "content-type": "application/json",
        "user-agent": f"agentos/{__version__}",
        "accept-encoding": "identity",
        "connection": "close",
    }
    # A client of its own: no cookies, no proxy of the environment, no connection of another host.
    async with (
        httpx2.AsyncClient(
            verify=_trust(), trust_env=False, follow_redirects=False, timeout=timeout_s
        ) as client,
        client.stream(
            "POST",
            url.copy_with(host=address),
            headers=sent,
            content=body,
            extensions={"sni_hostname": target.host},
        ) as response,
    ):
        if response.is_success:
            return Attempt(response.status_code, None)
        answer = await _first_bytes(response)
        said = answer.decode("utf-8", "replace")
        error = f"the receiver answered {response.status_code}"
        return Attempt(response.status_code, _shown(f"{error}: {said}" if said else error))


async def _first_bytes(response: httpx2.Response) -> bytes:
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= MAX_ANSWER_BYTES:
            break
    return read[:MAX_ANSWER_BYTES]


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The system's certificates and httpx's; loading them takes tens of milliseconds."""
    return httpx2.create_ssl_context()


def _shown(text: str) -> str:
    """What others say, without secrets and control characters, in one short line."""
    line = "".join(c if c.isprintable() else " " for c in redact_text(text))
    return " ".join(line.split())[:MAX_SHOWN_CHARS]

"""Embeddings from an endpoint that speaks OpenAI's `/v1/embeddings`, as an `agentos.Embedder`.

Above: vectors and the queue, which take secrets out of texts before they come here. Below:
httpx2. Source: the API reference of OpenAI's "Create embeddings", which vLLM, Ollama, text
embedding servers and gateways follow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx2
import numpy as np
from numpy.typing import NDArray

from agentos import EmbeddingPurpose, PluginError, UnavailableError, redact_text
from agentos_memory.embedding.settings import EmbedderSettings

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 60.0
MAX_SAID_CHARS = 200
_MAY_WORK_LATER = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class OpenAiEmbedder:
    """One model at one endpoint. Documents are tried several times, queries once."""

    def __init__(self, settings: EmbedderSettings) -> None:
        assert settings.url is not None
        assert settings.model is not None
        assert settings.dimension is not None
        self._settings = settings
        self._url = settings.url.rstrip("/") + "/embeddings"
        self._model = settings.model
        self._dimension = settings.dimension
        self._client: httpx2.AsyncClient | None = None
        self._pace = _Pace(settings.requests_per_minute)

    @property
    def model_id(self) -> str:
        """Model and dimension; the same model at another address has the same vectors."""
        return f"openai/{self._model}/{self._dimension}"

    @property
    def dimension(self) -> int:
        """What the settings say; other answers are refused."""
        return self._dimension

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbeddingPurpose
    ) -> NDArray[np.float32]:
        """Vectors as the endpoint gives them.

        Raises UnavailableError where it cannot be reached or is busy, PluginError where it
        refuses or answers something else; both name the setting to look at.
        """
        attempts = ATTEMPTS if purpose == "document" else 1
        timeout_s = (
            self._settings.timeout_s if purpose == "document" else self._settings.query_timeout_s
        )
        for attempt in range(attempts):
            response = await self._post(texts, timeout_s, is_last=attempt == attempts - 1)
            if response is not None and response.is_success:
                return self._vectors(response, len(texts))
            await asyncio.sleep(_pause(response, attempt))
        raise AssertionError("the last attempt answers or raises")

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(
        self, texts: Sequence[str], timeout_s: float, *, is_last: bool
    ) -> httpx2.Response | None:
        """The answer, or None where none came; what cannot work later, or is last, raises."""
        await self._pace.wait()
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._connected().post(
                    self._url, json=self._body(texts), headers=self._headers()
                )
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            if is_last:
                raise self._unreachable(error, timeout_s) from error
            return None
        if response.is_success:
            return response
        if response.status_code not in _MAY_WORK_LATER:
            raise PluginError(self._refused(response))
        if is_last:
            raise UnavailableError(self._refused(response), remedy="it is tried again later")
        return response

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            # No proxy of the environment and no redirect: texts go to the address in the settings.
            self._client = httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=None)
        return self._client

    def _headers(self) -> dict[str, str]:
        key = self._settings.api_key()
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def _body(self, texts: Sequence[str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "input": list(texts),
            "encoding_format": "float",
        }
        if self._settings.request_dimension:
            body["dimensions"] = self._dimension
        return body

    def _vectors(self, response: httpx2.Response, n_texts: int) -> NDArray[np.float32]:
        try:
            rows = sorted(response.json()["data"], key=lambda row: int(row["index"]))
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise PluginError(
                f"{self._url} did not answer in the form of OpenAI's embeddings "
                f"({type(error).__name__}); check setting memory.embedder.url, which ends in /v1"
            ) from error
        if vectors.shape != (n_texts, self._dimension):
            raise PluginError(
                f"{self._url} answered vectors of shape {list(vectors.shape)} to {n_texts} texts; "
                f"setting memory.embedder.dimension says {self._dimension}: correct it, or set "
                "memory.embedder.request_dimension"
            )
        return vectors

    def _unreachable(self, error: Exception, timeout_s: float) -> UnavailableError:
        said = (
            f"no answer within {timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
        )
        return UnavailableError(
            f"{self._url} cannot be reached: {_shown(said or type(error).__name__)}",
            remedy="check setting memory.embedder.url and that the endpoint runs",
        )

    def _refused(self, response: httpx2.Response) -> str:
        status, said = response.status_code, _shown(response.text)
        remedy = {
            401: f"set {self._settings.api_key_env} to a valid key",
            403: f"the key in {self._settings.api_key_env} may not use this model",
            404: "check settings memory.embedder.url (it ends in /v1) and memory.embedder.model",
            413: "lower setting memory.embedder.batch",
            429: "lower setting memory.embedder.requests_per_minute",
        }.get(status, "check settings memory.embedder.model, .dimension and .batch")
        return f"{self._url} answered {status}: {said}; {remedy}"


class _Pace:
    """At most so many requests a minute, evenly spread."""

    def __init__(self, per_minute: int | None) -> None:
        self._gap_s = 60.0 / per_minute if per_minute is not None else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + self._gap_s
        if turn > now:
            await asyncio.sleep(turn - now)


def _pause(response: httpx2.Response | None, attempt: int) -> float:
    asked = response.headers.get("retry-after", "") if response is not None else ""
    try:
        return min(max(float(asked), 0.0), MAX_PAUSE_S)
    except ValueError:
        return float(min(FIRST_PAUSE_S * 2**attempt, MAX_PAUSE_S))


def _shown(text: str) -> str:
    """What others say, in one short line without secrets."""
    line = "".join(c if c.isprintable() else " " for c in redact_text(text[:2_000]))
    return " ".join(line.split())[:MAX_SAID_CHARS]

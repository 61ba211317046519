"""The client of OpenAI-compatible endpoints, against a real HTTP server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentos import ConfigurationError, PluginError, Settings, UnavailableError
from agentos_memory.embedding import EmbedderSettings, parse_embedder_settings
from agentos_memory.embedding.openai_endpoint import OpenAiEmbedder
from tests.agentos_memory.embedding_endpoint import Endpoint, serving, vector_of
from tests.agentos_memory.repositories import call, make_repository
from tests.agentos_memory.test_embedding_queue import embedded, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint()) as endpoint:
        yield endpoint


def settings_for(endpoint: Endpoint, **more: Any) -> EmbedderSettings:
    named: dict[str, Any] = {"kind": "openai", "url": endpoint.url, "model": "m", "dimension": 4}
    return EmbedderSettings.model_validate(named | more)


@asynccontextmanager
async def client(endpoint: Endpoint, **more: Any) -> AsyncIterator[OpenAiEmbedder]:
    embedder = OpenAiEmbedder(settings_for(endpoint, **more))
    try:
        yield embedder
    finally:
        await embedder.close()


async def test_vectors_come_in_the_order_of_the_texts(endpoint: Endpoint) -> None:
    texts = ["a", "four", "sixteen letters!"]
    async with client(endpoint) as embedder:
        vectors = await embedder.embed(texts, purpose="document")
    np.testing.assert_array_equal(vectors, [vector_of(text, endpoint) for text in texts])
    assert endpoint.requests == [{"model": "m", "input": texts, "encoding_format": "float"}]
    assert embedder.model_id == "openai/m/4"


async def test_the_key_comes_from_the_environment_and_only_from_there(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(endpoint, api_key_env="SOME_KEY", request_dimension=True) as embedder:
        monkeypatch.delenv("SOME_KEY", raising=False)
        await embedder.embed(["a"], purpose="document")
        monkeypatch.setenv("SOME_KEY", "abc")
        await embedder.embed(["a"], purpose="document")
    assert endpoint.keys == [None, "Bearer abc"]
    assert endpoint.requests[0]["dimensions"] == 4


async def test_a_busy_endpoint_is_asked_again_when_it_says_so(endpoint: Endpoint) -> None:
    endpoint.failures = [(503, {}), (429, {"Retry-After": "0"})]
    async with client(endpoint) as embedder:
        assert len(await embedder.embed(["a"], purpose="document")) == 1
    assert len(endpoint.requests) == 3


async def test_a_query_is_tried_once(endpoint: Endpoint) -> None:
    endpoint.failures = [(429, {"Retry-After": "30"})]
    async with client(endpoint) as embedder:
        with pytest.raises(UnavailableError, match="requests_per_minute"):
            await embedder.embed(["a"], purpose="query")
    assert len(endpoint.requests) == 1


async def test_no_more_requests_are_sent_than_allowed_per_minute(endpoint: Endpoint) -> None:
    async with client(endpoint, requests_per_minute=600) as embedder:
        started = time.monotonic()
        for _ in range(4):
            await embedder.embed(["a"], purpose="query")
        assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    ("status", "named"),
    [(401, "SOME_KEY"), (404, r"memory\.embedder\.url"), (400, r"memory\.embedder\.model")],
)
async def test_a_refusal_names_what_to_change_and_is_not_repeated(
    endpoint: Endpoint, status: int, named: str
) -> None:
    endpoint.failures = [(status, {})]
    async with client(endpoint, api_key_env="SOME_KEY") as embedder:
        with pytest.raises(PluginError, match=named):
            await embedder.embed(["a"], purpose="document")
    assert len(endpoint.requests) == 1


async def test_vectors_of_another_dimension_are_refused(endpoint: Endpoint) -> None:
    async with client(endpoint, dimension=5) as embedder:
        with pytest.raises(PluginError, match=r"memory\.embedder\.dimension says 5"):
            await embedder.embed(["a"], purpose="document")


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    with serving(Endpoint()) as gone:
        pass
    async with client(gone) as embedder:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await embedder.embed(["a"], purpose="query")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "openai"}, "'url'"),
        ({"kind": "openai", "url": "https://h/v1", "model": "m"}, "'dimension'"),
        ({"kind": "openai", "url": "http://h.example/v1", "model": "m", "dimension": 4}, "https"),
        (
            {"kind": "openai", "url": "https://h.example/v1", "model": "m", "dimension": 4},
            "'repositories'",
        ),
        (
            {"kind": "openai", "url": "https://u:p@h.example/v1", "model": "m", "dimension": 4},
            "api_key_env",
        ),
        ({"kind": "best"}, "memory.embedder.kind"),
        ({"speed": 3}, "memory.embedder.speed"),
    ],
)
def test_settings_that_cannot_work_name_the_field(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        parse_embedder_settings({"embedder": settings})


async def test_an_index_is_embedded_by_the_endpoint_without_secrets(
    settings: Settings, endpoint: Endpoint, tmp_path: Path
) -> None:
    files: dict[str, str | bytes] = {
        "app.py": 'def connect():\n    password = "zebrafish77"\n    return open_session(password)\n',
        "private/plan.py": "def overtake_competitor():\n    return 1\n",
        "key.py": 'KEY = """-----BEGIN PRIVATE KEY-----\nquokkaquokka\n-----END PRIVATE KEY-----"""\n',
    }
    repository = make_repository(tmp_path / "app", files)
    embedder = settings_for(endpoint, excluded_paths=["private/"]).model_dump(exclude_unset=True)
    async with running(settings, embedder=embedder) as kernel:
        await call(kernel, "index_repository", path=str(repository))
        progress = await embedded(kernel)
        assert progress.is_complete and progress.bodies_total > 0
        found = await call(kernel, "search_code", query="password=walrus123456", mode="semantic")
        assert found["hits"]
    sent = " ".join(endpoint.texts)
    assert "open session" in sent
    for secret in ("zebrafish", "quokka", "overtake", "walrus"):
        assert secret not in sent


async def test_code_of_other_repositories_is_not_sent(
    settings: Settings, endpoint: Endpoint, shop: Path
) -> None:
    embedder = settings_for(endpoint, repositories=["open-*"]).model_dump(exclude_unset=True)
    async with running(settings, embedder=embedder) as kernel:
        await call(kernel, "index_repository", path=str(shop))
        progress = await embedded(kernel)
        assert "memory.embedder.repositories" in (progress.failure or "")
    assert not endpoint.texts

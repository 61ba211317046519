"""The key of an endpoint is in no log line, whatever its form and however much is logged."""

from __future__ import annotations

import logging

import pytest

from agentos import AgentOSError
from agentos.testing import HttpDouble
from agentos_fabric.endpoint import Endpoint
from agentos_fabric.settings import CompleterSettings
from tests.agentos_fabric.chat import CHAT, KEY, completer_settings, completion, failure
from tests.loggers import everything_logged

pytestmark = pytest.mark.anyio

PLAIN = "plain words as a key 9271"
"""Nothing by which redaction would know it."""


@pytest.mark.parametrize("key", [KEY, PLAIN])
async def test_no_logger_is_handed_the_key_at_debug(key: str) -> None:
    async with HttpDouble() as double:
        settings = CompleterSettings(**completer_settings(double, max_retries=1)["completer"])
        endpoint = Endpoint(settings, key)
        with everything_logged() as lines:
            again = {"retry-after-ms": "1"}
            double.answer("POST", CHAT, status=429, json=failure(f"Slow, {key}"), headers=again)
            double.answer("POST", CHAT, json=completion("Yes."))
            for status in (401, 400, 500, 500):
                double.answer("POST", CHAT, status=status, json=failure("No"), headers=again)
            await endpoint.ask("Is it right?", system="You judge.", max_tokens=50)
            for _ in range(3):
                with pytest.raises(AgentOSError) as raised:
                    await endpoint.ask("Is it right?", system="You judge.", max_tokens=50)
                logging.getLogger("agentos").error("model_failed", exc_info=raised.value)
        await endpoint.close()
    assert all(request.headers["authorization"].endswith(key) for request in double.requests)
    talking = {line.partition(" ")[0].partition(".")[0] for line in lines}
    assert {"openai", "httpcore2"} <= talking or {"openai", "httpx2"} <= talking, talking
    assert not [line for line in lines if key in line]

"""What an OpenAI-compatible endpoint answers, and a kernel that asks it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agentos import Completer, Kernel, Tool, ToolCall, hookimpl, tool
from agentos.testing import AllowEverything, HttpDouble, open_test_kernel
from agentos_fabric import plugin as fabric

CHAT = "/v1/chat/completions"
KEY = "sk-test-0123456789abcdefghijklmnopqrstuv"


class Said(BaseModel):
    """What the model said."""

    text: str


class Asking:
    """A plugin whose tools ask the model."""

    @hookimpl
    def register_tools(self) -> Sequence[Tool]:
        @tool()
        async def ask_model(call: ToolCall, prompt: str, max_tokens: int = 100) -> Said:
            """Ask the model."""
            completer = call.service(Completer)  # type: ignore[type-abstract]
            return Said(text=await completer.complete(prompt, system="S", max_tokens=max_tokens))

        @tool(writes=["notes"])
        async def write_then_ask(call: ToolCall) -> Said:
            """Begin to write, and ask then."""
            await call.begin()
            completer = call.service(Completer)  # type: ignore[type-abstract]
            return Said(text=await completer.complete("P", system="S", max_tokens=1))

        return [ask_model, write_then_ask]


def completion(text: str | None, *, reason: str = "stop", **usage: Any) -> dict[str, Any]:
    """A chat completion as OpenAI's API reference has it."""
    counts = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25, **usage}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "tiny-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
        "usage": counts,
    }


def failure(message: str, code: str | None = None) -> dict[str, Any]:
    """An error as the API reference has it."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def completer_settings(endpoint: HttpDouble, **changes: Any) -> dict[str, Any]:
    """`[fabric]` for the endpoint."""
    return {
        "completer": {
            "url": f"{endpoint.url}/v1",
            "model": "tiny-1",
            "timeout_s": 60,
            "max_retries": 0,
            **changes,
        }
    }


@asynccontextmanager
async def open_fabric(
    home: Path, database_url: str, endpoint: HttpDouble, **changes: Any
) -> AsyncIterator[Kernel]:
    """A kernel with fabric, tools that ask the model, and nobody who keeps a ledger."""
    extra = {"fabric": fabric, "asking": Asking(), "authority": AllowEverything()}
    async with open_test_kernel(
        home,
        extra_plugins=extra,
        database_url=database_url,
        fabric=completer_settings(endpoint, **changes),
    ) as kernel:
        yield kernel

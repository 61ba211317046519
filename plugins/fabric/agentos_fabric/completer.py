"""The service `agentos.Completer` at an OpenAI-compatible endpoint, paid from the one ledger.

Above: whoever asks for the service: memory, the gatekeeper. Below: the endpoint, and the service
`agentos.ModelLedger` where a plugin keeps one. Money is held before a request is sent and settled
by what the endpoint counted; a budget that refuses keeps the request from being sent.
"""

from __future__ import annotations

import asyncio

import anyio
import structlog

from agentos import (
    Kernel,
    ModelLedger,
    ModelRequest,
    ModelUsage,
    PluginError,
    current_call,
    new_id,
)
from agentos_fabric.endpoint import Answer, Endpoint, UnusableAnswerError
from agentos_fabric.settings import CompleterSettings

# What a template adds around system and user text, with room to spare.
TEMPLATE_TOKENS = 256

_log = structlog.get_logger(__name__)


class EndpointCompleter:
    """One model at one endpoint."""

    def __init__(self, kernel: Kernel, settings: CompleterSettings, api_key: str | None) -> None:
        self._kernel = kernel
        self._settings = settings
        self._endpoint = Endpoint(settings, api_key)
        self._turns = asyncio.Semaphore(settings.parallel)

    @property
    def model_id(self) -> str:
        """The model's name in the settings."""
        return self._settings.model

    async def complete(self, prompt: str, *, system: str, max_tokens: int) -> str:
        """See `agentos.Completer`; a budget that refuses raises BudgetExceededError.

        What it costs is booked on the work order of the call whose body runs (`current_call`);
        PluginError where that call has begun to write, since the two could wait for each other.
        """
        call = current_call()
        if call is not None and call.transaction is not None:
            raise PluginError(f"{call.tool.name} asks a model after it began to write")
        async with self._turns:
            request = ModelRequest(
                id=new_id("MR", 12),
                model=self._settings.model,
                # A token of text is at least one byte.
                max_input_tokens=len(prompt.encode()) + len(system.encode()) + TEMPLATE_TOKENS,
                max_output_tokens=max_tokens,
                max_s=self._settings.max_s,
                call=call,
            )
            return (await self._ask(request, prompt, system)).text

    async def close(self) -> None:
        """Close the connections."""
        await self._endpoint.close()

    async def _ask(self, request: ModelRequest, prompt: str, system: str) -> Answer:
        # Mypy takes a protocol for abstract; services are registered by it.
        ledger = self._kernel.find_service(ModelLedger)  # type: ignore[type-abstract]
        if ledger is not None:
            await ledger.hold(request)
        usage: ModelUsage | None = None
        try:
            answer = await self._endpoint.ask(
                prompt, system=system, max_tokens=request.max_output_tokens
            )
            usage = answer.usage
        except UnusableAnswerError as error:
            usage = error.usage
            raise
        finally:
            # What was spent is spent, also where the caller went away meanwhile.
            with anyio.CancelScope(shield=True):
                await self._settle(ledger, request, usage)
        return answer

    async def _settle(
        self, ledger: ModelLedger | None, request: ModelRequest, usage: ModelUsage | None
    ) -> None:
        if usage is None:
            _log.warning("model_usage_unknown", model=request.model, request=request.id)
        if ledger is not None:
            await ledger.settle(request, usage)

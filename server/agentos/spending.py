"""Paying for what language models answer: who asks a model asks the ledger first.

Above: plugins that provide models, such as `fabric`, which find the ledger as a service and do
without where nobody keeps one. Below: `agentos.calls`. The plugin that keeps the ledger holds the
money before a request, by its prices and budgets, and books what the request came to after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentos.calls import ToolCall


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to a model, before it is sent; nothing of it may turn out larger."""

    id: str
    """Unique; the request id of its entry."""
    model: str
    max_input_tokens: int
    max_output_tokens: int
    max_s: float
    """After which it is over, whatever came of it; what it holds is given back after that."""
    call: ToolCall | None
    """For which call it is made, see `current_call`; None in the background."""


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What the endpoint says that it counted; `cached_input_tokens` are a part of the input."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0


class ModelLedger(Protocol):
    """Keeps the money of requests to models. Both methods may run several times at once."""

    async def hold(self, request: ModelRequest) -> None:
        """Set aside what the request may cost at most.

        Raises BudgetExceededError or CallRefusedError where a budget or a stop refuses it, and
        PluginError where nobody knows the model's price: then it must not be sent.
        """
        ...

    async def settle(self, request: ModelRequest, usage: ModelUsage | None) -> None:
        """Book what a held request came to, once; None where it failed or nobody counted."""
        ...

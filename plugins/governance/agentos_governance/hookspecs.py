"""Hooks that this plugin declares for others: more gates, more prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentos import hookspec

if TYPE_CHECKING:
    from agentos_governance.evidence.gates import Gate


@hookspec
def register_gates() -> Sequence[Gate]:  # type: ignore[empty-body]
    """Checks that every submission must pass, besides evidence, digests and scope.

    Called once at start. A gate that raises fails the submission.
    """


@hookspec
def register_price_tables() -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Prices of further models; a later table (by plugin name) wins over an earlier one.

    A table maps a model to `input`, `output` and `cached_input`: decimal strings, USD per million
    tokens.
    """

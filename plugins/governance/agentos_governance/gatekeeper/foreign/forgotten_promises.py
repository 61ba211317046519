"""Assertions of JavaScript that are promises: they fail only where somebody waits for them.

Above: scripts. Below: flow, syntax_trees. Jest, Vitest, Chai as Promised, `node:assert`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node

from agentos_governance.gatekeeper.foreign.flow import is_waited_for
from agentos_governance.gatekeeper.foreign.syntax_trees import text

_PROMISES = frozenset(
    {"resolves", "rejects", "eventually", "rejectedWith", "rejected", "fulfilled",
     "assert.rejects", "assert.doesNotReject"}
)  # fmt: skip
_TELLS = re.compile(r"\b(?:done|resolve|next|cb|callback)\b")


def is_forgotten(call: Node, names: Iterable[str]) -> bool:
    """Whether an assertion of these names is a promise that is neither awaited, returned nor kept.

    One that says itself when it is over is not.
    """
    if _PROMISES.isdisjoint(names) or is_waited_for(call):
        return False
    statement: Node | None = call
    while statement is not None and statement.type != "expression_statement":
        statement = statement.parent
    # What is chained to it may tell the runner: `.then(() => done())`.
    rest = (statement.end_byte if statement is not None else call.end_byte) - call.end_byte
    return not (rest > 1 and _TELLS.search(text(statement)[-rest:]))

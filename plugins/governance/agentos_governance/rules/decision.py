"""What a policy says to a call, and why.

Above: whoever enforces or explains policies. Below: tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agentos import Effect
from agentos_governance.rules.tree import Duration, HistoryQuery, LimitRule, Target

NO_HISTORY: Mapping[HistoryQuery, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Determining:
    """A rule that made the decision, with what it saw."""

    rule_id: str
    """The written id, or `#` and the number of the statement in its policy."""
    line: int
    text: str
    """The rule in canonical print, on one line, without comment."""
    effect: Effect
    values: Mapping[str, object]
    """The facts and counts that the rule names, as far as they are known."""
    missing: tuple[str, ...] = ()
    """What the rule needed and did not get; it denies for that, whatever its own effect is."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A LIMIT statement, for whoever counts the calls."""

    rule_id: str
    line: int
    text: str
    """Canonical print without comment: the same text is the same limit."""
    target: Target
    max_calls: int
    per: str | int
    """`claim`, `work_order`, or a window in seconds."""
    reason: str | None = None

    @classmethod
    def of(cls, statement: LimitRule, rule_id: str, text: str) -> Limit:
        """The limit that a statement declares."""
        per = statement.per.seconds if isinstance(statement.per, Duration) else statement.per
        return cls(
            rule_id,
            statement.span.line,
            text,
            statement.target,
            statement.max_calls,
            per,
            statement.reason,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """The effect of a policy on one call, and everything needed to explain it."""

    effect: Effect
    determining: tuple[Determining, ...]
    """The rules of the winning effect that apply; a rule that misses something counts as deny."""
    missing: tuple[str, ...]
    """Facts and counts that some rule needed and that were absent or of another type."""
    limits: tuple[Limit, ...]
    """The limits that count this call, should it be admitted; an ASK may be, once approved."""
    policy_hash: str
    source: str
    is_default: bool
    """Nothing applied: deny by default, which a layer without ALLOW and ASK does not mean."""

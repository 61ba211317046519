"""What all layers together say to a call: every layer is asked about every subject.

Above: the service of policies in force, simulation. Below: layers. Deny in any layer denies, else
ask in any asks. Policies only narrow: what contract and role do not grant is refused before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from agentos import CanonicalObject, Effect
from agentos_governance.policies.layers import (
    MAX_MEMORY,
    CountedLimit,
    Facts,
    History,
    Layer,
    LayerDecision,
    recordable,
)
from agentos_governance.rules import HistoryQuery

MAX_RECORDED_SUBJECTS = 10
_SUBJECT_FACTS = ("capability", "path", "command", "program", "file_bytes")
_RANK = {None: 0, Effect.ALLOW: 1, Effect.ASK: 2, Effect.DENY: 3}


class Asked(NamedTuple):
    """One subject as policies see it; `abstains` where no rule has to allow it."""

    facts: Facts
    abstains: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect on a call, the rule that a refusal names, and what is recorded."""

    effect: Effect
    rule: str
    reason: str
    limits: tuple[CountedLimit, ...]
    record: Mapping[str, Any] = field(default_factory=dict)
    shadow_limits: tuple[CountedLimit, ...] = ()
    """Limits of policies in shadow, which count what is admitted and refuse nothing."""

    @property
    def determining(self) -> list[Mapping[str, Any]]:
        """The rules that decided, with their values, of every layer that has the effect."""
        return [
            rule
            for layer in self.record.get("layers", ())
            if layer["effect"] == self.effect.value
            for rule in layer.get("rules", ())
        ]


class Layers:
    """The layers that bind a call, in order. Safe for several threads."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self.attributes = frozenset[str]().union(*(each.attributes for each in layers))
        self.history_queries = frozenset[HistoryQuery]().union(
            *(each.history_queries for each in layers)
        )
        self._names = tuple(sorted(self.attributes))
        self._key = tuple(sorted(self.attributes | {"tool", "capability"}))
        self._memory: dict[tuple[object, ...], Outcome] = {}

    def decide(self, asked: Sequence[Asked], history: History) -> Outcome:
        """The decision of all layers about every subject of a call."""
        if len(asked) > 1 or self.history_queries:
            return self._decide(asked, history)
        # The same facts come again and again: most calls of a worker differ in none that is asked.
        get = asked[0].facts.get
        key = (asked[0].abstains, *[get(name) for name in self._key])
        found = self._memory.get(key)
        if found is None:
            found = self._decide(asked, history)
            if len(self._memory) >= MAX_MEMORY:
                self._memory.clear()
            self._memory[key] = found
        return found

    def _decide(self, asked: Sequence[Asked], history: History) -> Outcome:
        worst: list[tuple[LayerDecision, Asked]] = []
        limits: dict[tuple[str, str], CountedLimit] = {}
        for layer in self._layers:
            said = [
                (layer.decide(each.facts, history, abstains=each.abstains), each) for each in asked
            ]
            # `max` keeps the first of equals, so the record names the first subject that decides.
            worst.append(max(said, key=_rank))
            for decision, _ in said:
                limits.update({(limit.scope, limit.limit.text): limit for limit in decision.limits})
        decisive, subject = max(worst, key=_rank)
        effect = decisive.effect or Effect.ALLOW
        record: dict[str, Any] = {
            "effect": effect.value,
            "layers": [decision.record for decision, _ in worst],
            **self._recorded_facts(asked, subject),
        }
        shadow = _shadow(self._layers, asked, history)
        if shadow:
            record["shadow"] = [decision.record for decision in shadow]
        is_denied = effect is Effect.DENY
        return Outcome(
            effect,
            decisive.rule or "policies",
            decisive.reason,
            () if is_denied else tuple(limits.values()),
            CanonicalObject(record),
            () if is_denied else _limits_of(shadow),
        )

    def _recorded_facts(self, asked: Sequence[Asked], decisive: Asked) -> dict[str, Any]:
        """The facts that some policy may ask for, once, and what differs between the subjects."""
        facts = decisive.facts
        record: dict[str, Any] = {
            "facts": {name: recordable(facts[name]) for name in self._names if name in facts}
        }
        if len(asked) > 1:
            record["n_subjects"] = len(asked)
            record["subjects"] = [_subject(each) for each in _shown(asked, decisive)]
        return record


def _rank(said: tuple[LayerDecision, Asked]) -> int:
    return _RANK[said[0].effect]


def _shadow(
    layers: Sequence[Layer], asked: Sequence[Asked], history: History
) -> list[LayerDecision]:
    """What policies in shadow would say, with the limits of all subjects."""
    found = []
    for layer in layers:
        if not layer.shadow:
            continue
        said = [layer.decide_shadow(each.facts, history, abstains=each.abstains) for each in asked]
        worst = max(said, key=lambda decision: _RANK[decision.effect])
        counted = dict.fromkeys(limit for decision in said for limit in decision.limits)
        found.append(replace(worst, limits=tuple(counted)))
    return found


def _limits_of(shadow: Sequence[LayerDecision]) -> tuple[CountedLimit, ...]:
    """What a call counts in, that policies in shadow would admit; what they deny counts nowhere."""
    if any(decision.effect is Effect.DENY for decision in shadow):
        return ()
    return tuple(limit for decision in shadow for limit in decision.limits)


def with_full_shadow(record: Mapping[str, Any], full: CountedLimit) -> Mapping[str, Any]:
    """The record of a call that a limit in shadow would have refused: it is used up."""
    shadow = [
        {**said, "effect": Effect.DENY.value, "limit": full.rule}
        if said["layer"] == full.layer
        else said
        for said in record["shadow"]
    ]
    return {**record, "shadow": shadow}


def _shown(asked: Sequence[Asked], decisive: Asked) -> Iterable[Asked]:
    first = list(asked[:MAX_RECORDED_SUBJECTS])
    return first if decisive in first else [*first, decisive]


def _subject(asked: Asked) -> dict[str, Any]:
    return {
        name: recordable(asked.facts[name])
        for name in _SUBJECT_FACTS
        if asked.facts.get(name) not in ("", None)
    }

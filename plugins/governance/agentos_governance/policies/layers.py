"""One layer of policies: what its rules say together, in words that a refusal and a record can use.

Above: the combination of layers. Below: compiled policies. Deny wins over ask, ask over allow, in
whichever file of the layer they stand. A layer about which no rule says anything abstains, unless
it has an ALLOW rule: then what it does not name is denied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentos import Effect
from agentos_governance.policies.texts import NamedPolicy
from agentos_governance.rules import Decision, Determining, HistoryQuery, Limit

MAX_RECORDED_RULES = 5
MAX_RECORDED_VALUES = 12
MAX_RECORDED_TEXT = 300
MAX_MEMORY = 1_024

Facts = Mapping[str, object]
History = Mapping[HistoryQuery, int]


@dataclass(frozen=True, slots=True)
class CountedLimit:
    """A limit that counts a call: whose it is, and what refuses where it is used up."""

    layer: str
    scope: str
    """Within what it counts: the organisation, one repository, or one work order and its children."""
    rule: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class LayerDecision:
    """What one layer says to one subject of a call; `effect` None abstains."""

    effect: Effect | None
    rule: str | None
    reason: str
    limits: tuple[CountedLimit, ...]
    record: Mapping[str, Any]


class Layer:
    """Policies that are decided together. Safe for several threads."""

    def __init__(self, name: str, scope: str, policies: Sequence[NamedPolicy]) -> None:
        self.name = name
        self.scope = scope
        self.enforced = tuple(each for each in policies if not each.is_shadow)
        self.shadow = tuple(each for each in policies if each.is_shadow)
        self._many = len(policies) > 1
        self.attributes = frozenset[str]().union(*(p.compiled.attributes for p in policies))
        self.history_queries = frozenset[HistoryQuery]().union(
            *(p.compiled.history_queries for p in policies)
        )
        self.has_allow = any(p.compiled.has_allow for p in self.enforced)

    def decide(self, facts: Facts, history: History, *, abstains: bool = False) -> LayerDecision:
        """What the enforced policies say; `abstains` where no rule applies, ALLOW rules or not."""
        return self._decide(self.enforced, self.scope, facts, history, abstains)

    def decide_shadow(self, facts: Facts, history: History, *, abstains: bool) -> LayerDecision:
        """What the policies in shadow would say; their limits have counters of their own."""
        return self._decide(self.shadow, f"shadow {self.scope}", facts, history, abstains)

    def _decide(
        self,
        policies: tuple[NamedPolicy, ...],
        scope: str,
        facts: Facts,
        history: History,
        abstains: bool,
    ) -> LayerDecision:
        decisions = [(each, each.compiled.decide(facts, history)) for each in policies]
        spoken = [(each, said) for each, said in decisions if not said.is_default]
        effect = _strongest([said.effect for _, said in spoken])
        has_allow = any(each.compiled.has_allow for each in policies)
        is_default = effect is None and has_allow and not abstains
        if is_default:
            effect = Effect.DENY
        heard = [(each, said) for each, said in spoken if said.effect is effect]
        rules = [(each, rule) for each, said in heard for rule in said.determining]
        return LayerDecision(
            effect,
            self._first_rule(rules, is_default),
            _reason(rules, is_default),
            () if effect is Effect.DENY else self._limits(policies, scope, facts, history),
            self._record(policies, effect, rules, [said for _, said in decisions]),
        )

    def _first_rule(
        self, rules: Sequence[tuple[NamedPolicy, Determining]], is_default: bool
    ) -> str | None:
        if rules:
            policy, rule = rules[0]
            return self.rule_name(policy.name, rule.rule_id, rule.line)
        return f"{self.name}:default" if is_default else None

    def _limits(
        self, policies: tuple[NamedPolicy, ...], scope: str, facts: Facts, history: History
    ) -> tuple[CountedLimit, ...]:
        return tuple(
            CountedLimit(
                self.name,
                scope,
                self.rule_name(each.name, limit.rule_id, limit.line),
                limit,
            )
            for each in policies
            if each.compiled.limits
            for limit in each.compiled.limits_for(facts, history)
        )

    def _record(
        self,
        policies: tuple[NamedPolicy, ...],
        effect: Effect | None,
        rules: Sequence[tuple[NamedPolicy, Determining]],
        decisions: Sequence[Decision],
    ) -> Mapping[str, Any]:
        record: dict[str, Any] = {
            "layer": self.name,
            "policies": [each.compiled.hash for each in policies],
            "effect": effect.value if effect is not None else "abstain",
        }
        if rules:
            record["rules"] = [
                self._rule_record(each, rule) for each, rule in rules[:MAX_RECORDED_RULES]
            ]
        missing = sorted({name for said in decisions for name in said.missing})
        if missing:
            record["missing"] = missing[:MAX_RECORDED_RULES]
        return record

    def _rule_record(self, policy: NamedPolicy, rule: Determining) -> dict[str, Any]:
        record: dict[str, Any] = {
            "rule": self.rule_name(policy.name, rule.rule_id, rule.line),
            "text": rule.text[:MAX_RECORDED_TEXT],
        }
        if rule.values:
            values = [*rule.values.items()][:MAX_RECORDED_VALUES]
            record["values"] = {name: recordable(value) for name, value in values}
        return record

    def rule_name(self, policy: str, rule_id: str, line: int) -> str:
        """How refusals name a rule: `organisation:no-push (line 3)`; with several files, which."""
        return f"{self._where(policy)}:{rule_id} (line {line})"

    def _where(self, policy: str) -> str:
        return f"{self.name}/{policy}" if self._many else self.name


def recordable(value: object) -> Any:
    """A fact as JSON: exact numbers as text, sets sorted, long text cut."""
    if isinstance(value, str):
        return value if len(value) <= MAX_RECORDED_TEXT else value[:MAX_RECORDED_TEXT] + "..."
    if isinstance(value, Decimal | float):
        return format(Decimal(str(value)), "f")
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(map(str, value))[:MAX_RECORDED_RULES]
    return value


def _strongest(effects: Sequence[Effect]) -> Effect | None:
    for effect in (Effect.DENY, Effect.ASK, Effect.ALLOW):
        if effect in effects:
            return effect
    return None


def _reason(rules: Sequence[tuple[NamedPolicy, Determining]], is_default: bool) -> str:
    if is_default:
        return "no rule allows it"
    if not rules:
        return ""
    rule = rules[0][1]
    if rule.missing:
        return f"what the rule needs is not known: {', '.join(rule.missing[:MAX_RECORDED_RULES])}"
    return rule.reason or rule.text[:MAX_RECORDED_TEXT]
